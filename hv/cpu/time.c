/* SPDX-License-Identifier: MIT */
/*
 * Time. The TSC is the clock; its rate, and the local APIC timer's, are measured once against the ACPI PM timer (ACPI 6.4,
 * 4.8.3.3), or where there is none, channel 2 of the PIT (Intel 82C54 data sheet). One-shot deadlines go to the local APIC's
 * timer, as a TSC deadline where the processor has that (SDM vol. 3, 11.5.4.1).
 */
#include "cpu_internal.h"

#include "acpi/acpi_internal.h"
#include "hv/boot.h"
#include "hv/log.h"
#include "hv/port.h"

#define PM_TIMER_HZ 3579545ull
#define PIT_HZ 1193182ull
#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_LOAD_2 0xb0 /* channel 2, both bytes, mode 0 */
#define PIT_GATE 0x61
#define PIT_GATE_ON 0x01
#define PIT_SPEAKER 0x02
#define PIT_OUTPUT 0x20
#define MEASURE_MS 20
#define SAMPLE_TRIES 5
#define POLLS_MAX 10000000u
#define MSR_TSC_DEADLINE 0x6e0

uint64_t tsc_khz;
static uint64_t lapic_khz;

uint64_t scale(uint64_t value, uint64_t multiplier, uint64_t divisor)
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

void delay_us(uint64_t us)
{
	uint64_t start = tsc_read(), cycles = us_to_tsc(us);
	while (tsc_read() - start < cycles) {
		__asm__ volatile("pause");
	}
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
		struct sample s = { .pm = pm_port ? port_read32(pm_port) : 0, .lapic = lapic_timer_count() };
		s.tsc = tsc_read();
		if (s.tsc - before < shortest) {
			shortest = s.tsc - before;
			best = s;
		}
	}
	return best;
}

/* Two samples about *ticks of the PM timer apart; *ticks becomes what really passed. False: it does not count. */
static bool pm_timer_measure(struct sample *from, struct sample *to, uint64_t *ticks)
{
	uint16_t port = (uint16_t)acpi_fadt(FADT_PM_TIMER, 4);
	uint32_t mask = acpi_fadt(FADT_FLAGS, 4) & FADT_FLAG_TIMER_32 ? UINT32_MAX : 0xffffff;
	unsigned i = 0;
	if (!port) {
		return false;
	}
	*from = sample_take(port);
	while (i < POLLS_MAX && ((port_read32(port) - from->pm) & mask) < *ticks) {
		i++;
	}
	*to = sample_take(port);
	*ticks = (to->pm - from->pm) & mask;
	return i < POLLS_MAX;
}

static bool pit_measure(struct sample *from, struct sample *to, uint64_t ticks)
{
	uint8_t gate = port_read8(PIT_GATE) & (uint8_t)~PIT_SPEAKER;
	unsigned i = 0;
	port_write8(PIT_GATE, gate & (uint8_t)~PIT_GATE_ON);
	port_write8(PIT_COMMAND, PIT_LOAD_2);
	port_write8(PIT_CHANNEL_2, (uint8_t)ticks);
	port_write8(PIT_CHANNEL_2, (uint8_t)(ticks >> 8));
	port_write8(PIT_GATE, gate | PIT_GATE_ON);
	*from = sample_take(0);
	while (i < POLLS_MAX && !(port_read8(PIT_GATE) & PIT_OUTPUT)) {
		i++;
	}
	*to = sample_take(0);
	return i < POLLS_MAX;
}

static void calibrate(void)
{
	struct sample from, to;
	uint64_t ticks = PM_TIMER_HZ * MEASURE_MS / 1000, hz = PM_TIMER_HZ;
	lapic_timer_start(UINT32_MAX);
	if (!pm_timer_measure(&from, &to, &ticks)) {
		ticks = PIT_HZ * MEASURE_MS / 1000;
		hz = PIT_HZ;
		if (!pit_measure(&from, &to, ticks)) {
			hv_panic("neither the ACPI PM timer nor the PIT counts: no way to measure the TSC");
		}
	}
	lapic_timer_start(0);
	tsc_khz = scale(to.tsc - from.tsc, hz, ticks * 1000);
	lapic_khz = scale(from.lapic - to.lapic, hz, ticks * 1000);
	if (tsc_khz == 0) {
		hv_panic("the TSC does not count");
	}
}

void time_init(void)
{
	calibrate();
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
	if (deadline == 0) {
		lapic_timer_start(0);
		return;
	}
	uint64_t now = tsc_read();
	uint64_t count = deadline > now ? scale(deadline - now, lapic_khz, tsc_khz) + 1 : 1;
	lapic_timer_start(count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

/* A count that is too short for the deadline, or rounded, only makes for another round. */
void timer_fired(void)
{
	uint64_t deadline = cpu_area_current()->deadline;
	if (deadline == 0) {
		return;
	}
	if (tsc_read() < deadline) {
		timer_arm(deadline);
		return;
	}
	cpu_area_current()->deadline = 0;
	if (cpu_released || cpu_current()->index == 0) {
		sched_timer();
	}
}
