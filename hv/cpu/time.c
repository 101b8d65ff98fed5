/* SPDX-License-Identifier: MIT */
/*
 * Time. The TSC is the clock; its rate, and the local APIC timer's, are measured once against the ACPI PM timer (ACPI
 * 6.4, 4.8.3.3). One-shot deadlines go to the local APIC's timer, as a TSC deadline where the processor has that (SDM
 * vol. 3, 11.5.4.1).
 */
#include "cpu_internal.h"

#include "acpi/acpi_internal.h"
#include "hv/boot.h"
#include "hv/log.h"
#include "hv/port.h"

#define PM_TIMER_HZ 3579545ull
#define MEASURE_TICKS (PM_TIMER_HZ / 50)
#define SAMPLE_TRIES 5
#define SAMPLES_MAX 1000000u
#define MSR_TSC_DEADLINE 0x6e0

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

/* What the three clocks said at one moment. */
struct sample {
	uint64_t tsc;
	uint32_t lapic, pm;
};

/* The best of a few tries: the one in which the least time passed between the first and the last reading. */
static struct sample sample_take(uint16_t pm_port)
{
	struct sample best = { 0 };
	uint64_t shortest = UINT64_MAX;
	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = tsc_read();
		struct sample s = { .pm = port_read32(pm_port), .lapic = lapic_read(LAPIC_TIMER_CURRENT) };
		s.tsc = tsc_read();
		if (s.tsc - before < shortest) {
			shortest = s.tsc - before;
			best = s;
		}
	}
	return best;
}

void time_init(void)
{
	uint16_t port = (uint16_t)acpi_fadt(FADT_PM_TIMER, 4);
	uint32_t mask = acpi_fadt(FADT_FLAGS, 4) & FADT_FLAG_TIMER_32 ? UINT32_MAX : 0xffffff, ticks = 0;
	if (!port) {
		hv_panic("this machine has no ACPI PM timer to measure the TSC with");
	}
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
	struct sample from = sample_take(port), to = from;
	for (unsigned i = 0; i < SAMPLES_MAX && ticks < MEASURE_TICKS; i++) {
		to = sample_take(port);
		ticks = (to.pm - from.pm) & mask;
	}
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	if (ticks < MEASURE_TICKS || to.tsc == from.tsc) {
		hv_panic("the ACPI PM timer or the TSC does not count");
	}
	tsc_khz = scale(to.tsc - from.tsc, PM_TIMER_HZ, ticks * 1000ull);
	lapic_khz = scale(from.lapic - to.lapic, PM_TIMER_HZ, ticks * 1000ull);
	rtc_init();
	log_line("TSC %lu kHz, local APIC timer %s", tsc_khz, lapic_tsc_deadline ? "by TSC deadline" : "by count");
}

void timer_arm(uint64_t deadline)
{
	cpu_area_current()->deadline = deadline;
	if (lapic_tsc_deadline) {
		msr_write(MSR_TSC_DEADLINE, deadline);
		return;
	}
	uint64_t now = tsc_read();
	uint64_t count = deadline > now ? scale(deadline - now, lapic_khz, tsc_khz) + 1 : deadline != 0;
	lapic_write(LAPIC_TIMER_INITIAL, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

/* A count that is too short for the deadline, or rounded, only makes for another round. */
void timer_fired(void)
{
	uint64_t *deadline = &cpu_area_current()->deadline;
	if (tsc_read() < *deadline) {
		timer_arm(*deadline);
	} else if (*deadline != 0) {
		*deadline = 0;
		if (cpu_released || cpu_current()->index == 0) {
			sched_timer();
		}
	}
}
