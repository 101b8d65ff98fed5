/* SPDX-License-Identifier: MIT */
/*
 * Time. The TSC is the clock; its rate, and the local APIC timer's, are measured at boot against the first of these that
 * the machine has: the ACPI PM timer (ACPI 6.4, 4.8.3.3), the 8254's channel 0 (Intel 8254 data sheet), and only then the
 * rate that CPUID tells, which is of the processor that an emulator copied and not of its own TSC (Bochs). One-shot
 * deadlines go to the local APIC's timer, as a TSC deadline where the processor has that (SDM vol. 3, 11.5.4.1).
 * Elsewhere it counts again and again, and at least 40 times a second: for the emulator's sake. QEMU 7.2 changes a processor's word of
 * pending requests in VMRUN and #VMEXIT without its lock, so that one which comes from another thread just then can be lost: a timer's or
 * another processor's interrupt lies in the APIC and nobody looks. The next interrupt brings it, too.
 */
#include "cpu_internal.h"

#include "acpi/acpi_internal.h"
#include "hv/boot.h"
#include "hv/log.h"
#include "hv/port.h"

#define PM_TIMER_HZ 3579545ull
#define PIT_HZ 1193182ull
#define PIT_CHANNEL_0 0x40
#define PIT_CONTROL 0x43
#define PIT_LATCH_0 0x00
#define PIT_RATE_0 0x34 /* mode 2: from 65536 down, again and again */
#define CPUID_TSC 0x15
#define MEASURE_TRIES 50
#define READINGS_MAX 5000000u
#define READINGS_STILL 5000u /* so many alike: the clock does not count, or is not there */
#define MSR_TSC_DEADLINE 0x6e0
#define COUNTS_A_SECOND_LEAST 40
#define COUNTS_A_SECOND_MOST 50000 /* what is due at once comes that late */

uint64_t tsc_khz;
static uint64_t lapic_khz;

/* value * multiplier / divisor with a 128-bit product; saturates. */
static uint64_t scale(uint64_t value, uint64_t multiplier, uint64_t divisor)
{
	uint64_t high, low, rest;
	__asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(value), "r"(multiplier) : "cc");
	if (high >= divisor) {
		return UINT64_MAX;
	}
	__asm__("divq %4" : "=a"(low), "=d"(rest) : "a"(low), "d"(high), "r"(divisor) : "cc");
	return low;
}

uint64_t tsc_to_us(uint64_t cycles)
{
	return scale(cycles, 1000, tsc_khz);
}

uint64_t us_to_tsc(uint64_t us)
{
	return scale(us, tsc_khz, 1000);
}

/* A clock of known rate to measure the other two by; its reading counts up, modulo mask + 1. */
struct reference {
	const char *name;
	uint64_t hz; /* 0: this machine has none */
	uint64_t (*read)(void);
	uint64_t mask;
};

static uint64_t pm_timer_read(void)
{
	return port_read32(acpi_port(FADT_PM_TIMER, FADT_X_PM_TIMER));
}

/* Channel 0 counts down. Port 61h, which opens channel 2's gate, is not on every machine that has an 8254. */
static uint64_t pit_read(void)
{
	port_write8(PIT_CONTROL, PIT_LATCH_0);
	uint64_t low = port_read8(PIT_CHANNEL_0);
	return -(low | (uint64_t)port_read8(PIT_CHANNEL_0) << 8);
}

/* What the processor says of its TSC: crystal * EBX / EAX, where all three are told (SDM vol. 3, 19.7.3). */
static uint64_t cpuid_tsc_hz(void)
{
	uint32_t top[4], leaf[4];
	cpuid(0, 0, top);
	cpuid(CPUID_TSC, 0, leaf);
	return top[0] >= CPUID_TSC && leaf[0] && leaf[1] ? scale(leaf[2], leaf[1], leaf[0]) : 0;
}

/* Over 20 ms. False: the clock stands still. */
static bool measure_once(const struct reference *clock)
{
	uint64_t ticks = 0, cycles = 0, wanted = clock->hz / 50;
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
	uint64_t from = clock->read(), start = tsc_read();
	for (unsigned i = 0; i < READINGS_MAX && ticks < wanted && (ticks || i < READINGS_STILL); i++) {
		ticks = (clock->read() - from) & clock->mask;
		cycles = tsc_read() - start;
	}
	uint32_t left = lapic_read(LAPIC_TIMER_CURRENT);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	tsc_khz = scale(cycles, clock->hz, ticks * 1000 + 1);
	lapic_khz = scale(UINT32_MAX - left, clock->hz, ticks * 1000 + 1);
	return ticks >= wanted && cycles > 0;
}

/* Until two in a row agree, to one in a thousand: between two readings a virtual processor can be kept from running, even for
 * longer than the 55 ms after which the 8254 begins anew. */
static bool measure(const struct reference *clock)
{
	uint64_t last = 0;
	for (unsigned i = 0; i < MEASURE_TRIES && clock->hz && measure_once(clock); i++, last = tsc_khz) {
		if (last - tsc_khz + tsc_khz / 1024 <= tsc_khz / 512) {
			return true;
		}
	}
	return false;
}

void time_init(void)
{
	uint64_t pm_hz = acpi_port(FADT_PM_TIMER, FADT_X_PM_TIMER) ? PM_TIMER_HZ : 0;
	uint64_t pm_mask = acpi_fadt(FADT_FLAGS, 4) & FADT_FLAG_TIMER_32 ? UINT32_MAX : 0xffffff;
	const struct reference *clock, clocks[] = {
		{ "the ACPI PM timer", pm_hz, pm_timer_read, pm_mask },
		{ "the 8254 timer", PIT_HZ, pit_read, 0xffff },
		{ "CPUID", cpuid_tsc_hz(), tsc_read, UINT64_MAX },
	};
	port_write8(PIT_CONTROL, PIT_RATE_0);
	port_write8(PIT_CHANNEL_0, 0); /* 65536, in two bytes */
	port_write8(PIT_CHANNEL_0, 0);
	for (clock = clocks; !measure(clock);) {
		if (++clock == clocks + 3) {
			hv_panic("nothing here to measure the TSC by: no ACPI PM timer, no 8254 timer that counts, no rate in CPUID");
		}
	}
	rtc_init();
	log_line("TSC %lu kHz by %s, local APIC timer by %s", tsc_khz, clock->name, lapic_tsc_deadline ? "TSC deadline" : "count");
}

void timer_arm(uint64_t deadline)
{
	cpu_area_current()->deadline = deadline;
	if (lapic_tsc_deadline) {
		msr_write(MSR_TSC_DEADLINE, deadline);
		return;
	}
	uint64_t now = tsc_read(), least = lapic_khz * 1000 / COUNTS_A_SECOND_MOST, most = lapic_khz * 1000 / COUNTS_A_SECOND_LEAST;
	uint64_t count = deadline ? scale(deadline > now ? deadline - now : 0, lapic_khz, tsc_khz) + 1 : most;
	count = count > least ? count : least;
	lapic_write(LAPIC_TIMER_INITIAL, (uint32_t)(count < most ? count : most));
}

/* A count that is too short for the deadline, or rounded, only makes for another round. */
void timer_fired(void)
{
	uint64_t deadline = cpu_area_current()->deadline;
	if (tsc_read() < deadline) {
		timer_arm(deadline);
	} else if (deadline != 0) {
		timer_arm(0);
		if (cpu_released || cpu_current()->index == 0) {
			sched_timer();
		}
	}
}
