/* SPDX-License-Identifier: MIT */
/*
 * The wall clock at boot, from the MC146818's registers by way of ports 70h and 71h (Motorola MC146818A data sheet), taken as
 * UTC. A reading counts when the update flag is clear and two readings in a row agree.
 */
#include "cpu_internal.h"

#include "acpi/acpi_internal.h"
#include "base/string.h"
#include "hv/log.h"
#include "hv/port.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define STATUS_A_UPDATING 0x80
#define STATUS_B_BINARY 0x04
#define STATUS_B_24_HOURS 0x02
#define HOUR_PM 0x80
#define TRIES 100000

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, FIELDS };

static uint64_t boot_ns, boot_tsc;

static uint8_t rtc_read(uint8_t reg)
{
	port_write8(RTC_INDEX, reg);
	return port_read8(RTC_DATA);
}

static void fields_read(uint8_t fields[FIELDS], uint8_t century_register)
{
	static const uint8_t registers[CENTURY] = { 0, 2, 4, 7, 8, 9 };
	for (unsigned i = 0; i < CENTURY; i++) {
		fields[i] = rtc_read(registers[i]);
	}
	fields[CENTURY] = century_register ? rtc_read(century_register) : 0;
}

static unsigned decode(uint8_t value, uint8_t status)
{
	return status & STATUS_B_BINARY ? value : (value >> 4) * 10u + (value & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar: whole years run from March, so the leap day comes last. */
static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	year -= month <= 2;
	unsigned months_from_march = (month + 9) % 12;
	uint64_t days = 365ull * year + year / 4 - year / 100 + year / 400 + (153 * months_from_march + 2) / 5 + day - 1;
	return days - 719468;
}

static uint64_t seconds_of(const uint8_t fields[FIELDS], uint8_t status)
{
	unsigned hour = decode(fields[HOUR] & (uint8_t)~HOUR_PM, status);
	unsigned century = decode(fields[CENTURY], status);
	unsigned year = (century >= 19 && century < 30 ? century : 20) * 100 + decode(fields[YEAR], status);
	if (!(status & STATUS_B_24_HOURS)) {
		hour = hour % 12 + (fields[HOUR] & HOUR_PM ? 12 : 0);
	}
	uint64_t days = days_since_1970(year, decode(fields[MONTH], status), decode(fields[DAY], status));
	return ((days * 24 + hour) * 60 + decode(fields[MINUTE], status)) * 60 + decode(fields[SECOND], status);
}

void rtc_init(void)
{
	uint8_t before[FIELDS], now[FIELDS] = { 0 }, century = (uint8_t)acpi_fadt(FADT_CENTURY, 1);
	for (unsigned i = 0; i < TRIES; i++) {
		memcpy(before, now, sizeof(now));
		if (rtc_read(RTC_STATUS_A) & STATUS_A_UPDATING) {
			continue;
		}
		fields_read(now, century);
		if (memcmp(before, now, sizeof(now)) == 0) {
			break;
		}
	}
	boot_tsc = tsc_read();
	boot_ns = seconds_of(now, rtc_read(RTC_STATUS_B)) * 1000000000ull;
}

uint64_t wall_clock_ns(uint64_t *at_tsc)
{
	*at_tsc = boot_tsc;
	return boot_ns;
}
