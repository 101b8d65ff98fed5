/* SPDX-License-Identifier: MIT */
/*
 * The wall clock at boot, from the MC146818's registers by way of ports 70h and 71h (Motorola MC146818A data sheet),
 * taken as UTC of this century, in 24-hour form, as every PC's firmware sets it. A reading counts when the update
 * flag is clear and two readings in a row agree. Without the chip, time begins in 1970.
 */
#include "cpu_internal.h"

#include "base/string.h"
#include "hv/log.h"
#include "hv/port.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define STATUS_A_UPDATING 0x80
#define STATUS_A_NONE 0xff /* a divider that does not exist: nothing answers */
#define STATUS_B_BINARY 0x04
#define TRIES 100000

enum field { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, FIELDS };

static uint64_t boot_ns, boot_tsc;

static uint8_t rtc_read(uint8_t reg)
{
	port_write8(RTC_INDEX, reg);
	return port_read8(RTC_DATA);
}

static void fields_read(uint8_t fields[FIELDS])
{
	static const uint8_t registers[FIELDS] = { 0, 2, 4, 7, 8, 9 };
	bool binary = rtc_read(RTC_STATUS_B) & STATUS_B_BINARY;
	for (unsigned i = 0; i < FIELDS; i++) {
		uint8_t value = rtc_read(registers[i]);
		fields[i] = binary ? value : (uint8_t)((value >> 4) * 10 + (value & 15));
	}
}

/* From 1970-01-01, in the Gregorian calendar: whole years run from March, so the leap day comes last. */
static uint64_t seconds_since_1970(const uint8_t fields[FIELDS])
{
	uint64_t year = 2000u + fields[YEAR] - (fields[MONTH] <= 2), months_from_march = (fields[MONTH] + 9u) % 12;
	uint64_t days = 365 * year + year / 4 - year / 100 + year / 400 - 719469;
	days += (153 * months_from_march + 2) / 5 + fields[DAY];
	return ((days * 24 + fields[HOUR]) * 60 + fields[MINUTE]) * 60 + fields[SECOND];
}

void rtc_init(void)
{
	uint8_t before[FIELDS], now[FIELDS] = { 0 };
	boot_tsc = tsc_read();
	if (rtc_read(RTC_STATUS_A) == STATUS_A_NONE) {
		log_line("preflight: no real-time clock: time begins in 1970");
		return;
	}
	for (unsigned i = 0; i < TRIES; i++) {
		memcpy(before, now, sizeof(now));
		if (rtc_read(RTC_STATUS_A) & STATUS_A_UPDATING) {
			continue;
		}
		fields_read(now);
		if (memcmp(before, now, sizeof(now)) == 0) {
			break;
		}
	}
	boot_tsc = tsc_read();
	boot_ns = seconds_since_1970(now) * 1000000000ull;
}

uint64_t wall_clock_ns(uint64_t *at_tsc)
{
	*at_tsc = boot_tsc;
	return boot_ns;
}
