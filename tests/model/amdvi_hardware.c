/* SPDX-License-Identifier: MIT */
/*
 * AMD-Vi for iotlb.h: the registers, the command ring and the device table as the hardware reads them (AMD 48882: 2.2.2.1
 * device table entries, read 16 bytes at a time; 2.4 commands; 3.4 registers).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hv/iommu/iommu_internal.h"
#include "iommu_rules.h"

#define REG(unit, offset) (*(uint64_t *)(iommu_registers[unit] + (offset)))
#define ADDRESS 0x000ffffffffff000ull
enum { DEVICE_TABLE = 0x0, COMMAND_BASE = 0x8, CONTROL = 0x18, FEATURES = 0x30, COMMAND_TAIL = 0x2008 };

const char iommu_table_name[4] = "IVRS";
uint8_t iommu_table[256];
uint32_t iommu_table_length;

static uint64_t heads[IOTLB_UNITS];

/* The other kind is not in this program. */
const struct iommu_ops vtd_ops = { .table = "DMAR" };

static struct iotlb_context context(unsigned unit, uint16_t id)
{
	const uint64_t *table = (const uint64_t *)(REG(unit, DEVICE_TABLE) & ADDRESS);
	struct iotlb_context c = { .kind = IOTLB_BAD };
	if (!table) {
		return (struct iotlb_context){ .kind = IOTLB_BLOCKED }; /* not switched on yet, and no device masters the bus */
	}
	const uint64_t *q = table + 4ul * id;
	unsigned mode = (unsigned)(q[0] >> 9) & 7, rights = (unsigned)(q[0] >> 61) & 3;
	/* Without V or TV a request passes untranslated, as with mode 0 and a right. Bits 2 to 6 and 63 are reserved. */
	if ((q[0] & 3) != 3 || q[0] & 0x800000000000007cull || (mode == 0 && rights)) {
		return c;
	}
	c.kind = mode == 0 || rights == 0 ? IOTLB_BLOCKED : IOTLB_TRANSLATED;
	c.root = (const uint64_t *)(q[0] & ADDRESS);
	c.levels = mode;
	c.domain = (uint16_t)q[1];
	return c;
}

static void execute(unsigned unit, const uint64_t *command)
{
	uint64_t low = command[0], high = command[1];
	switch (low >> 60) {
	case 1: /* COMPLETION_WAIT with a store */
		__atomic_store_n((uint64_t *)(low & 0xffffffffffff8ull), high, __ATOMIC_RELEASE);
		break;
	case 2:
		iotlb_drop_context(unit, (uint16_t)low);
		break;
	case 3: /* INVALIDATE_IOMMU_PAGES: all addresses and upper levels (S, PDE), or it counts for nothing here */
		if (high == 0x7ffffffffffff003ull) {
			iotlb_drop_domain(unit, (uint16_t)(low >> 32));
		}
		break;
	case 5: /* interrupt tables: not this model's */
		break;
	case 8:
		iotlb_drop_context(unit, -1);
		iotlb_drop_domain(unit, -1);
		break;
	default:
		iotlb_breach("AMD-Vi: command %016lx is none", low);
	}
}

/* As late as it may: when the driver looks whether its wait has completed. */
static void moment(const void *at)
{
	for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
		const char *ring = (const char *)(REG(unit, COMMAND_BASE) & ADDRESS);
		uint64_t tail = REG(unit, COMMAND_TAIL), head = heads[unit];
		bool awaited = false, on = (REG(unit, CONTROL) & 0x1001) == 0x1001;
		for (; on && head != tail; head = (head + 16) % 4096) {
			const uint64_t *command = (const uint64_t *)(ring + head);
			awaited = awaited || (command[0] >> 60 == 1 && (command[0] & 0xffffffffffff8ull) == (uint64_t)at);
		}
		for (; awaited && heads[unit] != tail; heads[unit] = (heads[unit] + 16) % 4096) {
			const uint64_t *command = (const uint64_t *)(ring + heads[unit]);
			if (!(iommu_forgotten >> unit & 1) || command[0] >> 60 == 1) {
				execute(unit, command);
			}
		}
	}
}

static void stored(const void *at, unsigned bytes)
{
}

const struct iotlb_hardware iotlb_hardware = {
	.name = "AMD-Vi", .format = &walk_amdvi, .context = context, .stored = stored, .moment = moment,
};

/* IVRS: an IVHD block of type 10h for each unit; all functions, an I/O APIC. */
void iommu_hardware_reset(void)
{
	uint8_t *at = iommu_table + 48;
	memcpy(iommu_table, iommu_table_name, 4);
	for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
		uint64_t registers = IOMMU_REGISTERS_AT(unit);
		static const uint8_t entries[] = { 3, 0, 0, 0, 4, 0xff, 0xff, 0, 72, 0, 0, 0, 0, 0xa0, 0, 1 };
		memset(at, 0, 24);
		at[0] = 0x10;
		at[2] = 24 + sizeof(entries);
		at[4] = (uint8_t)(2 + 8 * unit);
		memcpy(at + 8, &registers, 8);
		memcpy(at + 24, entries, sizeof(entries));
		at += 24 + sizeof(entries);
		memset(iommu_registers[unit], 0, sizeof(iommu_registers[unit]));
		REG(unit, FEATURES) = 1 << 6;
		heads[unit] = 0;
	}
	iommu_table_length = (uint32_t)(at - iommu_table);
	memcpy(iommu_table + 4, &iommu_table_length, 4);
}
