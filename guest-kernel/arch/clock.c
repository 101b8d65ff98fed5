/* SPDX-License-Identifier: MIT */
/*
 * Time. Monotonic nanoseconds are (TSC - start) * mult >> 32. Bulkhead says the TSC's frequency and the wall clock; on the bare
 * machine the PIT measures it (8254), by channel 2, whose gate and output are in port 0x61, or where there is no such port (QEMU's microvm) by
 * reading channel 0's count; the RTC gives the date (MC146818).
 */
#include "arch/clock.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "kernel/lock.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "kernel/vdso.h"

#define PIT_HZ 1193182u
#define PIT_TICKS 11932u /* 10 ms */
#define PIT_CYCLES_MOST (1ull << 33) /* no processor has as many in PIT_TICKS */
#define NS_PER_S 1000000000ull

/* Monotonic time begins at one second: a clock's zero stands for "none" to programs, as to ping for a reply's time. */
#define BEGINNING_NS NS_PER_S

static uint64_t tsc_start, tsc_khz;
static uint64_t ns_mult; /* ns per cycle, 32 bits of fraction */
static uint64_t tsc_mult; /* cycles per ns, 32 bits of fraction */
static uint64_t wall_offset_ns; /* wall clock - monotonic */

static spinlock_t wall_lock = SPINLOCK_INIT("wall clock");

static uint64_t scale(uint64_t value, uint64_t mult)
{
	return (uint64_t)((unsigned __int128)value * mult >> 32);
}

uint64_t time_ns(void)
{
	return scale(tsc_read() - tsc_start, ns_mult);
}

uint64_t time_tsc_khz(void)
{
	return tsc_khz;
}

uint64_t time_wall_ns(void)
{
	return time_ns() + wall_offset_ns;
}

void time_set_wall_ns(uint64_t ns)
{
	spin_lock(&wall_lock);
	wall_offset_ns = ns - time_ns();
	const struct vdso_data now = { .tsc_start = tsc_start, .ns_mult = ns_mult, .wall_offset_ns = wall_offset_ns };
	vdso_publish(&now);
	spin_unlock(&wall_lock);
}

/* A time before the beginning has passed; the TSC itself may have begun later than tsc_start, which is below zero then. */
uint64_t clock_tsc_at(uint64_t ns)
{
	return tsc_start + scale(ns > BEGINNING_NS ? ns : BEGINNING_NS, tsc_mult) + 1;
}

void clock_arm(uint64_t deadline_ns)
{
	if (platform_is_bulkhead()) {
		hypercall(BH_HC_TIMER, deadline_ns == UINT64_MAX ? 0 : clock_tsc_at(deadline_ns), 0, 0, 0);
	} else {
		uint64_t now = time_ns();
		apic_timer_arm(deadline_ns == UINT64_MAX ? 0 : deadline_ns > now ? deadline_ns - now : 1);
	}
}

/* Both start the local APIC's count, wait for PIT_TICKS, and return how many cycles that took, or more, should the host pause anywhere. */
static uint64_t pit_wait_gate(void)
{
	uint8_t gate = (uint8_t)((port_read8(0x61) & ~2u) | 1);
	port_write8(0x61, (uint8_t)(gate & ~1u));
	port_write8(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
	port_write8(0x42, (uint8_t)PIT_TICKS);
	port_write8(0x42, (uint8_t)(PIT_TICKS >> 8));
	apic_count_start();
	uint64_t start = tsc_read();
	port_write8(0x61, gate);
	while (!(port_read8(0x61) & 0x20)) {
		cpu_relax();
	}
	return tsc_read() - start;
}

static uint16_t pit_count(void)
{
	port_write8(0x43, 0); /* latch channel 0 */
	unsigned low = port_read8(0x40);
	return (uint16_t)(low | port_read8(0x40) << 8);
}

static uint64_t pit_wait_count(void)
{
	port_write8(0x43, 0x34); /* channel 0, both bytes, mode 2, from 65536 down */
	port_write8(0x40, 0);
	port_write8(0x40, 0);
	apic_count_start();
	uint64_t start = tsc_read();
	uint16_t first = pit_count();
	while ((uint16_t)(first - pit_count()) < PIT_TICKS) {
		if (tsc_read() - start > PIT_CYCLES_MOST) {
			kernel_panic("nothing here to measure the TSC by");
		}
	}
	return tsc_read() - start;
}

/** Cycles in PIT_TICKS; the least of three runs, since a host's pauses only lengthen one. */
static uint64_t pit_measure(uint64_t *apic_ticks)
{
	uint64_t best = UINT64_MAX;
	bool gate = port_read8(0x61) != 0xff;
	for (unsigned run = 0; run < 3; run++) {
		uint64_t cycles = gate ? pit_wait_gate() : pit_wait_count();
		uint64_t ticks = apic_count_read();
		if (cycles < best) {
			best = cycles;
			*apic_ticks = ticks;
		}
	}
	return best;
}

static unsigned cmos_read(uint8_t index)
{
	port_write8(0x70, index);
	return port_read8(0x71);
}

static unsigned from_bcd(unsigned value, bool binary)
{
	return binary ? value : (value >> 4) * 10 + (value & 15);
}

struct rtc {
	unsigned second, minute, hour, day, month, year;
};

static struct rtc rtc_read_once(void)
{
	while (cmos_read(0x0a) & 0x80) {
		cpu_relax();
	}
	unsigned status = cmos_read(0x0b);
	bool binary = status & 4;
	unsigned hour = cmos_read(4);
	bool afternoon = !(status & 2) && (hour & 0x80);
	struct rtc r = { from_bcd(cmos_read(0), binary), from_bcd(cmos_read(2), binary), from_bcd(hour & 0x7f, binary),
		from_bcd(cmos_read(7), binary), from_bcd(cmos_read(8), binary), 2000 + from_bcd(cmos_read(9), binary) };
	if (!(status & 2)) {
		r.hour = r.hour % 12 + (afternoon ? 12 : 0);
	}
	return r;
}

/** Days since 1970-01-01 of a Gregorian date (years start in March, so that the leap day comes last). */
static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static uint64_t rtc_read(void)
{
	struct rtc a = rtc_read_once(), b;
	/* Two equal readings: no update came between. */
	while (b = rtc_read_once(), b.second != a.second || b.minute != a.minute) {
		a = b;
	}
	return ((days_since_1970(a.year, a.month, a.day) * 24 + a.hour) * 60 + a.minute) * 60 + a.second;
}

static void frequency_set(uint64_t khz)
{
	tsc_khz = khz;
	ns_mult = (1000000ull << 32) / khz;
	tsc_mult = (khz << 32) / 1000000;
	tsc_start -= scale(BEGINNING_NS, tsc_mult);
}

void clock_init(void)
{
	const struct bh_domain_page *page = platform_domain_page();
	tsc_start = tsc_read();
	if (page) {
		frequency_set(page->tsc_khz);
		uint64_t since = tsc_read() - page->wall_clock_tsc;
		time_set_wall_ns(page->wall_clock_ns + scale(since, ns_mult));
		return;
	}
	uint64_t apic_ticks = 0;
	uint64_t cycles = pit_measure(&apic_ticks);
	frequency_set(cycles * PIT_HZ / PIT_TICKS / 1000);
	apic_timer_set_rate(apic_ticks * PIT_HZ / PIT_TICKS);
	time_set_wall_ns(rtc_read() * NS_PER_S);
}
