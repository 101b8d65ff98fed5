/* SPDX-License-Identifier: MIT */
/*
 * VT-d under the model (tests/model/iotlb.h): the registers, the invalidation queue and the root and context tables as
 * the hardware reads them (Intel VT-d: 9.1 root entries, 9.3 context entries, 6.5.2 descriptors, 11.4 registers). The
 * last tests switch the units on anew as ones that do not see the processor's caches (6.9): every line of their tables
 * that was stored to is then to be written back before the next store of their tables, and before a command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hv/iommu/vtd.h"
#include "tests/model/iommu_rules.h"
#include "tests/model/memory.h"

#define REG64(unit, offset) (*(uint64_t *)(iommu_registers[unit] + (offset)))
#define REG32(unit, offset) (*(uint32_t *)(iommu_registers[unit] + (offset)))
#define ADDRESS 0x000ffffffffff000ull
enum { CAP = 0x08, ECAP = 0x10, GCMD = 0x18, GSTS = 0x1c, RTADDR = 0x20, IQT = 0x88, IQA = 0x90 };

const char iommu_table_name[4] = "DMAR";
uint8_t iommu_table[256];
uint32_t iommu_table_length;

static struct unit {
	uint64_t root, head;
} units[IOTLB_UNITS];
static bool incoherent, forgetful; /* does not write back */

/* The other kind is not in this program. */
const struct iommu_ops amdvi_ops = { .table = "IVRS" };

static struct iotlb_context context(unsigned unit, uint16_t id)
{
	const struct iotlb_context blocked = { .kind = IOTLB_BLOCKED };
	const uint64_t *root = (const uint64_t *)(units[unit].root & ADDRESS);
	if (!root || !(root[2 * (id >> 8)] & 1)) {
		return blocked;
	}
	const uint64_t *pair = (const uint64_t *)(root[2 * (id >> 8)] & ADDRESS) + 2 * (id & 0xff);
	if (!(pair[0] & 1)) {
		return blocked;
	}
	/* Translation type (3:2): 0 is by tables, 2 would pass. Address width (66:64): 2 is four levels. */
	struct iotlb_context c = { .kind = IOTLB_TRANSLATED, .root = (const uint64_t *)(pair[0] & ADDRESS),
				   .levels = (unsigned)(pair[1] & 7) + 2, .domain = (uint16_t)(pair[1] >> 8) };
	if (pair[0] & 0xfff000000000000cull || pair[0] & 0xff0 || pair[1] & 0xffffffffff000080ull) {
		c.kind = IOTLB_BAD;
	}
	return c;
}

/* ---- lines that only the processor's caches hold ---- */

static uint64_t dirty[MEMORY_PAGES + 1]; /* a bit a line of 64 bytes */

void vtd_write_back(const void *at, size_t bytes)
{
	for (const char *line = at; line < (const char *)at + bytes && !forgetful; line += 64) {
		dirty[memory_page(line)] &= ~(1ull << ((uint64_t)line / 64 % 64));
	}
}

static void handed_out(const void *page)
{
	dirty[memory_page(page)] = ~0ull;
}

struct question {
	const void *but; /* this line may be dirty */
	const char *when;
};

static void page_judge(const void *page, void *arg)
{
	const struct question *q = arg;
	uint64_t but = memory_page(q->but) == memory_page(page) ? 1ull << ((uint64_t)q->but / 64 % 64) : 0;
	if (dirty[memory_page(page)] & ~but) {
		iotlb_breach("VT-d: a unit walks memory that was not written back %s", q->when);
	}
}

static void lines_judge(const void *but, const char *when)
{
	struct question q = { but, when };
	const uint64_t *root = (const uint64_t *)(units[0].root & ADDRESS);
	if (!incoherent || !root) {
		return;
	}
	iotlb_each_table(page_judge, &q);
	page_judge(root, &q);
	for (unsigned bus = 0; bus < 256; bus++) {
		if (root[2 * bus] & 1) {
			page_judge((const void *)(root[2 * bus] & ADDRESS), &q);
		}
	}
}

/* ---- registers and commands ---- */

/* 11.4.4: a bit is set or cleared at once; setting the root pointer, or flushing the write buffer, is done at once. */
static void global_command(unsigned unit)
{
	uint32_t command = REG32(unit, GCMD), lasting = 1u << 31 | 1u << 26 | 1u << 25;
	uint32_t status = (REG32(unit, GSTS) & ~lasting) | (command & lasting);
	if (command & 1u << 30) {
		units[unit].root = REG64(unit, RTADDR);
		status |= 1u << 30;
	}
	if (command & 1u << 24) {
		status |= 1u << 24;
	}
	if (!(command & 1u << 26)) {
		units[unit].head = 0;
	}
	REG32(unit, GSTS) = status;
}

static void stored(const void *at, unsigned bytes)
{
	for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
		if (at == iommu_registers[unit] + GCMD) {
			global_command(unit);
			return;
		}
		size_t queue = (size_t)((const char *)at - (const char *)(REG64(unit, IQA) & ADDRESS));
		if ((size_t)((const uint8_t *)at - iommu_registers[unit]) < sizeof(iommu_registers[unit]) || queue < 4096) {
			return;
		}
	}
	lines_judge(at, "before the next store");
	dirty[memory_page(at)] |= 1ull << ((uint64_t)at / 64 % 64);
}

static void execute(unsigned unit, const uint64_t *d)
{
	unsigned type = (unsigned)d[0] & 15, granularity = (unsigned)(d[0] >> 4) & 3;
	switch (type) {
	case 1: /* contexts: 1 all, 2 a domain's, 3 a device's */
		lines_judge(NULL, "before a command");
		if (granularity == 1) {
			iotlb_drop_context(unit, -1);
		} else if (granularity == 3) {
			iotlb_drop_context(unit, (uint16_t)(d[0] >> 32));
		}
		break;
	case 2: /* translations: 1 all, 2 a domain's; by pages counts for nothing here */
		lines_judge(NULL, "before a command");
		if (granularity == 1) {
			iotlb_drop_domain(unit, -1);
		} else if (granularity == 2) {
			iotlb_drop_domain(unit, (uint16_t)(d[0] >> 16));
		}
		break;
	case 4: /* interrupt entries: not this model's */
		break;
	case 5:
		if (d[0] & 1 << 5) {
			__atomic_store_n((uint32_t *)d[1], (uint32_t)(d[0] >> 32), __ATOMIC_RELEASE);
		}
		break;
	default:
		iotlb_breach("VT-d: descriptor %016lx is none", d[0]);
	}
}

/* As late as it may: when the driver looks whether its wait has completed. */
static void moment(const void *at)
{
	for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
		const char *queue = (const char *)(REG64(unit, IQA) & ADDRESS);
		uint64_t tail = REG64(unit, IQT), head = units[unit].head;
		bool awaited = false, on = REG32(unit, GSTS) & 1u << 26;
		for (; on && head != tail; head = (head + 16) % 4096) {
			const uint64_t *d = (const uint64_t *)(queue + head);
			awaited = awaited || ((d[0] & 15) == 5 && d[1] == (uint64_t)at);
		}
		for (; awaited && units[unit].head != tail; units[unit].head = (units[unit].head + 16) % 4096) {
			const uint64_t *d = (const uint64_t *)(queue + units[unit].head);
			if (!(iommu_forgotten >> unit & 1) || (d[0] & 15) == 5) {
				execute(unit, d);
			}
		}
	}
}

const struct iotlb_hardware iotlb_hardware = {
	.name = "VT-d", .format = &walk_vtd, .context = context, .stored = stored, .moment = moment,
	.handed_out = handed_out,
};

/* DMAR: a DRHD for each unit; the last has all devices, and the I/O APIC in its scope. */
void iommu_hardware_reset(void)
{
	uint8_t *at = iommu_table + 48;
	memset(iommu_table, 0, sizeof(iommu_table));
	memcpy(iommu_table, iommu_table_name, 4);
	iommu_table[37] = 1; /* interrupts are remapped */
	memset(dirty, 0, sizeof(dirty));
	for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
		uint64_t registers = IOMMU_REGISTERS_AT(unit);
		static const uint8_t ioapic[] = { 3, 8, 0, 0, 0, 0xf0, 0x1f, 0 };
		bool last = unit == IOTLB_UNITS - 1;
		at[2] = last ? 24 : 16;
		at[4] = last;
		memcpy(at + 8, &registers, 8);
		memcpy(at + 16, ioapic, last ? sizeof(ioapic) : 0);
		at += at[2];
		memset(iommu_registers[unit], 0, sizeof(iommu_registers[unit]));
		units[unit] = (struct unit){ 0, 0 };
		/* 2^16 domains, 4 levels, 48 bits, fault registers at 200h, 2 MiB and 1 GiB leaves, drains. */
		REG64(unit, CAP) = 6 | 1ull << 10 | 47ull << 16 | 0x20ull << 24 | 3ull << 34 | 3ull << 54;
		REG64(unit, ECAP) = (incoherent ? 0 : 1) | 1 << 1 | 1 << 3 | 1 << 7; /* queue, interrupt remapping, snoop control */
	}
	iommu_table_length = (uint32_t)(at - iommu_table);
	memcpy(iommu_table + 4, &iommu_table_length, 4);
}

static void the_same_without_coherence(void **state)
{
	incoherent = true;
	assert_int_equal(iommu_rules_start(state), 0);
	every_state_is_old_or_new(state);
	stores_that_go_wrong(state);
}

static void lines_that_are_not_written_back(void **state)
{
	incoherent = forgetful = true;
	assert_int_equal(iommu_rules_start(state), 0);
	assert_non_null(iotlb_broken());
	assert_non_null(strstr(iotlb_broken(), "not written back"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_is_old_or_new),
		cmocka_unit_test(commands_that_are_not_given),
		cmocka_unit_test(commands_in_the_wrong_order),
		cmocka_unit_test(a_flush_that_does_nothing),
		cmocka_unit_test(an_attachment_to_the_wrong_tables),
		cmocka_unit_test(stores_that_go_wrong),
		cmocka_unit_test(a_unit_that_is_forgotten),
		cmocka_unit_test(the_same_without_coherence),
		cmocka_unit_test(lines_that_are_not_written_back),
	};
	return cmocka_run_group_tests_name("VT-d under the model", tests, iommu_rules_start, NULL);
}
