/* SPDX-License-Identifier: MIT */
/*
 * VT-d against a model of the hardware (Intel VT-d, chapters 5 to 7, 9 and 11): two units that act upon each store to their registers, take
 * descriptors from their queues when they get round to it, cache interrupt entries, record faults and overflow. What translations may be
 * cached, and for how long, is tests/unit/vtd_tlb.c's; here it is registers, messages, faults, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/acpi.h"
#include "hv/cpu.h"
#include "hv/ioapic.h"
#include "hv/iommu/vtd.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/pool.h"
#include "hv/pci/pci_internal.h"
#include "tests/model/record.h"

#define DISK 0x00fa
#define BRIDGED 0x0208 /* behind a bridge to conventional PCI at 01:00.0 */
#define BRIDGE 0x0100
#define IOAPIC 0xf0f8
#define UNITS 2
#define RECORDS 4
#define RECORDS_AT 0x200
#define SPACE 0x5000

/* ---- the model ---- */

static struct unit {
	uint8_t registers[SPACE] __attribute__((aligned(4096)));
	uint8_t before[SPACE]; /* the same, when it was last looked at */
	uint64_t root, interrupts, head;
	struct { bool used; uint64_t low, high; } cache[2048];
	unsigned executed, ill_formed, next_record, write_backs;
} units[UNITS];
static bool model_deaf;
static unsigned looks, events[UNITS];

#define REG32(unit, offset) ((uint32_t *)((unit)->registers + (offset)))
#define REG64(unit, offset) ((uint64_t *)((unit)->registers + (offset)))
#define WRITTEN_CLEARS 0x71u /* of FSTS_REG: PFO, IQE, ICE, ITE */

static void execute(struct unit *u, const uint64_t *d)
{
	uint64_t low = d[0], high = d[1];
	u->executed++;
	switch (low & 15) {
	case 1:
		u->ill_formed += (low & ~0x30ull) != 1 || high != 0 || (low >> 4 & 3) != 1;
		break;
	case 2:
		u->ill_formed += (low & 0xffffffff0000ff00ull) != 0 || high != 0;
		u->ill_formed += (low >> 4 & 3) == 1 ? low >> 16 != 0 : (low >> 4 & 3) != 2;
		break;
	case 4:
		u->ill_formed += (low & 0xffff0000ffffffe0ull) != 0 || high != 0;
		if (low & 1 << 4) {
			u->cache[low >> 32 & 2047].used = false;
		} else {
			memset(u->cache, 0, sizeof(u->cache));
		}
		break;
	case 5:
		u->ill_formed += (low & 0xffffff80ull) != 0 || !(low & 1 << 5) || high & 3;
		__atomic_store_n((uint32_t *)high, (uint32_t)(low >> 32), __ATOMIC_RELEASE);
		break;
	default:
		u->ill_formed++;
	}
}

static void obey(struct unit *u)
{
	uint32_t lasting = 1u << 31 | 1u << 26 | 1u << 25, command = *REG32(u, VTD_GCMD);
	uint32_t now = (*REG32(u, VTD_GSTS) & ~lasting) | (command & lasting);
	uint32_t changed = (*REG32(u, VTD_GSTS) ^ now) & lasting;
	u->ill_formed += changed & (changed - 1); /* one at a time */
	if (command & 1u << 30) {
		u->root = *REG64(u, VTD_RTADDR);
		now |= 1u << 30;
	}
	if (command & 1u << 24) {
		u->interrupts = *REG64(u, VTD_IRTA);
		now |= 1u << 24;
	}
	if (!(now & 1u << 26)) {
		u->head = *REG64(u, VTD_IQT) = 0;
	}
	u->write_backs += command >> 27 & 1;
	*REG32(u, VTD_GSTS) = now;
}

/* PPF and FRI are what the records say. */
static void records_look(struct unit *u)
{
	*REG32(u, VTD_FSTS) &= ~0xff02u;
	for (unsigned i = RECORDS; i-- > 0;) {
		if (*REG32(u, RECORDS_AT + 16 * i + 12) >> 31) {
			*REG32(u, VTD_FSTS) = (*REG32(u, VTD_FSTS) & ~0xff00u) | 2 | i << 8;
		}
	}
}

/* After a store of the driver's. */
static void stored(const void *at, unsigned bytes)
{
	struct unit *u = &units[(const uint8_t *)at >= units[1].registers];
	unsigned offset = (unsigned)((const uint8_t *)at - u->registers);
	uint32_t value = *REG32(u, offset), old;
	memcpy(&old, u->before + offset, sizeof(old));
	if (offset == VTD_GCMD) {
		obey(u);
	} else if (offset == VTD_FSTS) {
		*REG32(u, VTD_FSTS) = old & ~(value & WRITTEN_CLEARS);
	} else if (offset == VTD_PMEN) {
		*REG32(u, VTD_PMEN) = (value & 1u << 31) | value >> 31;
	} else if (offset >= RECORDS_AT && offset < RECORDS_AT + 16 * RECORDS) {
		u->ill_formed += offset % 16 != 12 || bytes != 4;
		*REG32(u, offset) = old & ~(value & 1u << 31);
	}
	records_look(u);
	memcpy(u->before, u->registers, SPACE);
}

/* Before each of the driver's looks at what a wait descriptor stores: each third time the queues get on. */
static void moment(const void *at)
{
	bool now = !model_deaf && looks++ % 3 == 0;
	for (unsigned i = 0; i < UNITS && now; i++) {
		for (struct unit *u = &units[i]; *REG32(u, VTD_GSTS) & 1u << 26 && u->head != *REG64(u, VTD_IQT);) {
			execute(u, (const uint64_t *)((*REG64(u, VTD_IQA) & VTD_ADDRESS) + u->head));
			u->head = (u->head + 16) % 4096;
		}
	}
}

/* A request of this function fails: what the unit records of it (7.3.1), and whether it tells (7.4). */
static void fault(unsigned unit, uint16_t id, uint64_t address, bool write, unsigned reason)
{
	struct unit *u = &units[unit];
	unsigned at = RECORDS_AT + 16 * u->next_record;
	uint32_t status = *REG32(u, VTD_FSTS);
	record_settle();
	if (status & 1 || *REG32(u, at + 12) >> 31) {
		*REG32(u, VTD_FSTS) |= 1;
	} else {
		*REG64(u, at) = address & ~0xfffull;
		*REG64(u, at + 8) = 1ull << 63 | (write ? 0 : 1ull << 62) | (uint64_t)reason << 32 | id;
		u->next_record = (u->next_record + 1) % RECORDS;
		records_look(u);
		events[unit] += !(status & 2) && !(*REG32(u, VTD_FECTL) >> 31);
	}
	memcpy(u->before, u->registers, SPACE);
}

/* What a write to this address by this requester raises: vector << 8 | destination; 0: blocked. */
static unsigned message(uint16_t id, uint64_t address, uint32_t data)
{
	unsigned result = 0, index = (address >> 5 & 0x7fff) | (address & 4) << 13;
	assert_true(address >> 20 == 0xfee && address & 1 << 4 && !(address & 1 << 3) && data == 0);
	for (unsigned i = 0; i < UNITS; i++) {
		struct unit *u = &units[i];
		const uint64_t *table = (const uint64_t *)(u->interrupts & VTD_ADDRESS);
		assert_true(*REG32(u, VTD_GSTS) & 1u << 25);
		assert_true(index < 2u << (u->interrupts & 15));
		if (!u->cache[index].used) {
			u->cache[index].used = true;
			u->cache[index].low = table[2 * index];
			u->cache[index].high = table[2 * index + 1];
		}
		uint64_t low = u->cache[index].low, high = u->cache[index].high;
		bool valid = low & 1 && (high >> 16 & 15) == 4 && (uint16_t)high == id && !(low & 0xffff00ffff00ffecull);
		unsigned here = valid ? (unsigned)((low >> 16 & 0xff) << 8 | (low >> 40 & 0xff)) : 0;
		assert_true(i == 0 || here == result);
		result = here;
	}
	return result;
}

static const uint64_t *context(uint16_t id)
{
	const uint64_t *root = (const uint64_t *)(units[0].root & VTD_ADDRESS) + 2 * (id >> 8);
	return root[0] & 1 ? (const uint64_t *)(root[0] & VTD_ADDRESS) + 2 * (id & 0xff) : NULL;
}

/* ---- what the driver asks of the rest of the hypervisor ---- */

static struct domain { int nobody_looks; } owner;
static struct pci_function functions[] = {
	{ .bdf = DISK, .index = 0, .port = PCI_PORT_CONVENTIONAL, .owner = &owner },
	{ .bdf = BRIDGE, .index = 1, .port = PCI_PORT_TO_PCI, .secondary = 2, .subordinate = 2 },
	{ .bdf = BRIDGED, .index = 2, .port = PCI_PORT_CONVENTIONAL, .owner = &owner },
};
static uint8_t dmar[48 + 16 + 24];
static struct cpu boot_cpu = { .apic_id = 0 };
static uint64_t patience = 1ull << 40;
static struct iommu_fault last_fault;
static unsigned fault_count, masters_stopped, vectors;
static bool wide;
static ioapic_route_t route;
static char said[256];
uint32_t cpu_count = 1;

const struct iommu_ops amdvi_ops = { .table = "IVRS" };

const struct acpi_header *acpi_table(const char signature[4], unsigned index)
{
	return memcmp(signature, "DMAR", 4) == 0 && index == 0 ? (const struct acpi_header *)dmar : NULL;
}

void *mmio_map(hpa_t at, size_t bytes)
{
	assert_int_equal(bytes, SPACE);
	return at.value == 0xfed90000 ? units[0].registers : at.value == 0xfed91000 ? units[1].registers : NULL;
}

static void *taken[512];
static unsigned taken_count;

void *pool_alloc(size_t pages, size_t align_pages)
{
	void *memory = aligned_alloc(4096 * align_pages, pages * 4096);
	assert_true(memory && taken_count < 512);
	taken[taken_count++] = memory;
	return memset(memory, 0, pages * 4096);
}

void log_line(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(said, sizeof(said), format, arguments);
	va_end(arguments);
}

uint8_t irq_vector_alloc(irq_handler_t handler, void *arg)
{
	return (uint8_t)(0x40 + vectors++);
}

void ioapic_remap(ioapic_route_t r)
{
	route = r;
}

bool cpu_x2apic(void)
{
	return wide;
}

unsigned pci_count(void)
{
	return 3;
}

struct pci_function *pci_at(unsigned index)
{
	return &functions[index];
}

struct pci_function *pci_find(uint16_t bdf)
{
	return bdf == DISK ? &functions[0] : bdf == BRIDGE ? &functions[1] : bdf == BRIDGED ? &functions[2] : NULL;
}

void pci_bus_master(struct pci_function *f, bool on)
{
	assert_false(on);
	masters_stopped++;
}

struct cpu *cpu_at(uint32_t index)
{
	return &boot_cpu;
}

void spin_lock(spinlock_t *lock)
{
	assert_int_equal(lock->held++, 0);
}

void spin_unlock(spinlock_t *lock)
{
	lock->held--;
}

uint64_t us_to_tsc(uint64_t us)
{
	return patience;
}

void machine_iommu_fault(const struct iommu_fault *f)
{
	last_fault = *f;
	fault_count++;
}

/* ---- tests ---- */

#define CAPABILITIES (6 | 1ull << 9 | 1ull << 10 | 47ull << 16 | (uint64_t)(RECORDS_AT / 16) << 24 | 3ull << 34 | (RECORDS - 1ull) << 40)
#define EXTENDED (1ull | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 7)

static void units_reset(uint64_t capabilities, uint64_t extended)
{
	record_settle();
	memset(units, 0, sizeof(units));
	for (unsigned i = 0; i < UNITS; i++) {
		*REG64(&units[i], VTD_CAP) = CAPABILITIES;
		*REG64(&units[i], VTD_ECAP) = EXTENDED;
		*REG32(&units[i], VTD_FECTL) = 1u << 31;
	}
	*REG64(&units[1], VTD_CAP) = capabilities;
	*REG64(&units[1], VTD_ECAP) = extended;
	memcpy(units[1].before, units[1].registers, SPACE);
	iommu = NULL;
}

static int start(void **state)
{
	static const uint8_t structures[] = {
		0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0,
		0, 0, 24, 0, 1, 0, 0, 0, 0, 0x10, 0xd9, 0xfe, 0, 0, 0, 0, 3, 8, 0, 0, 2, 0xf0, 0x1f, 0,
	};
	memcpy(dmar, "DMAR", 4);
	dmar[4] = sizeof(dmar);
	dmar[37] = 1;
	memcpy(dmar + 48, structures, sizeof(structures));
	for (unsigned i = 0; i < 3; i++) {
		functions[i].requester = functions[i].bdf;
		functions[i].group = functions[i].index;
	}
	pci_groups_make();
	record_hooks = (struct record_hooks){ .moment = moment, .stored = stored };
	for (unsigned i = 0; i < UNITS; i++) {
		record_watch(units[i].registers, SPACE);
	}
	return 0;
}

static int stop(void **state)
{
	while (taken_count > 0) {
		free(taken[--taken_count]);
	}
	return 0;
}

static int fresh(void **state)
{
	const char *why = "";
	wide = false;
	masters_stopped = fault_count = vectors = 0;
	memset(events, 0, sizeof(events));
	units_reset(CAPABILITIES, EXTENDED);
	int error = iommu_init(&why);
	record_settle();
	return error;
}

static void units_are_switched_on(void **state)
{
	for (unsigned i = 0; i < UNITS; i++) {
		struct unit *u = &units[i];
		assert_int_equal(*REG32(u, VTD_GSTS) >> 24, 1 << 7 | 1 << 6 | 1 << 2 | 1 << 1 | 1); /* TE, RTP, QIE, IRE, IRTP */
		assert_true(u->executed > 0);
		assert_int_equal(u->ill_formed, 0);
		assert_int_equal(*REG32(u, VTD_FEDATA), 0x40 + i);
		assert_int_equal(*REG32(u, VTD_FEADDR), 0xfee00000);
		assert_int_equal(*REG32(u, VTD_FECTL), 0);
		assert_ptr_equal(u->root, units[0].root);
	}
	for (unsigned bdf = 0; bdf < 0x300; bdf++) { /* not present, and quiet */
		assert_int_equal(context((uint16_t)bdf)[0], 2);
	}
	assert_null(context(0x300));
	assert_int_equal(vtd_format.levels, 4);
	assert_int_equal(vtd_format.max_leaf_level, 2);
}

static void what_one_unit_lacks_none_uses(void **state)
{
	const char *why = "";
	units_reset(CAPABILITIES & ~(1ull << 10 | 1ull << 35), EXTENDED & ~(1ull << 7)); /* three levels, 2 MiB, no snoop control */
	assert_int_equal(iommu_init(&why), 0);
	assert_int_equal(vtd_format.levels, 3);
	assert_int_equal(vtd_format.max_leaf_level, 1);
	assert_int_equal(vtd_format.leaf(HPA(0x1000), MAP_READ, 0), 0x1001);
	assert_int_equal(iommu_reach(), 1ull << 39);
	units_reset((CAPABILITIES & ~(0x3full << 16)) | 38ull << 16, EXTENDED); /* narrower than its four levels */
	assert_int_equal(iommu_init(&why), 0);
	assert_int_equal(vtd_format.levels, 3);
	assert_int_equal(vtd_format.leaf(HPA(0x1000), MAP_READ, 0), 0x1801);
}

static void what_is_missing_is_said(void **state)
{
	const struct { uint64_t capabilities, extended; const char *word; bool wide; } cases[] = {
		{ CAPABILITIES, EXTENDED & ~2ull, "queued invalidation", false },
		{ CAPABILITIES, EXTENDED & ~8ull, "remaps no interrupts", false },
		{ CAPABILITIES, EXTENDED & ~16ull, "x2APIC", true },
		{ CAPABILITIES & ~(3ull << 9), EXTENDED, "levels", false },
		{ CAPABILITIES & ~7ull, EXTENDED, "domain IDs", false },
		{ (CAPABILITIES & ~(0x3full << 16)) | 35ull << 16, EXTENDED, "levels", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = "";
		wide = cases[i].wide;
		units_reset(cases[i].capabilities, cases[i].extended);
		assert_int_equal(iommu_init(&why), -ENODEV);
		assert_non_null(strstr(why, cases[i].word));
		assert_null(iommu);
		assert_int_equal(units[0].executed, 0);
	}
}

/* What firmware has left on goes off first; memory that it protected is given back; the write buffer is flushed where there is one. */
static void firmwares_leftovers(void **state)
{
	const char *why = "";
	units_reset(CAPABILITIES | 1 << 4 | 3 << 5, EXTENDED);
	*REG32(&units[1], VTD_GCMD) = *REG32(&units[1], VTD_GSTS) = 1u << 31 | 1u << 26 | 1u << 25;
	*REG64(&units[1], VTD_IQT) = units[1].head = 0x80;
	memcpy(units[1].before, units[1].registers, SPACE);
	*REG32(&units[1], VTD_PMEN) = 1u << 31;
	fault(1, 0x77, 0x1000, true, 5);
	assert_int_equal(iommu_init(&why), 0);
	assert_int_equal(units[1].ill_formed, 0);
	assert_int_equal(*REG32(&units[1], VTD_PMEN), 0);
	assert_true(units[1].write_backs >= 3);
	assert_int_equal(units[0].write_backs, 0);
}

static void processors_beyond_255(void **state)
{
	const char *why = "";
	uint64_t address;
	uint32_t data;
	units_reset(CAPABILITIES, EXTENDED);
	wide = true;
	assert_int_equal(iommu_init(&why), 0);
	assert_int_equal(units[0].interrupts & 0xfff, 1 << 11 | 10);
	assert_int_equal(iommu_msi_route(&functions[0], 0, 0x51, 0x103, &address, &data), 0);
	const uint64_t *entry = (const uint64_t *)(units[0].interrupts & VTD_ADDRESS) + 2 * (address >> 5 & 0x7fff);
	assert_int_equal(entry[0], 0x10300510001);
}

static void a_fence_holds_all_of_its_ids(void **state)
{
	struct iommu_domain domain;
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_attach(&functions[2], &domain), 0);
	const uint64_t want[2] = { (uint64_t)domain.paging.root | 1, 2 | (uint64_t)domain.id << 8 };
	const uint16_t ids[] = { BRIDGE, BRIDGED, 0x0200 }; /* the bridge puts 02:00.0 on what comes from below */
	for (unsigned i = 0; i < 3; i++) {
		assert_memory_equal(context(ids[i]), want, sizeof(want));
	}
	assert_int_equal(context(DISK)[0], 2);
	assert_int_equal(iommu_attach(&functions[1], NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(context(ids[i])[0], 2);
	}
}

static void messages_are_what_was_routed(void **state)
{
	struct iommu_domain domain;
	uint64_t address, bridged;
	uint32_t data, other;
	assert_int_equal(iommu_domain_init(&domain), 0);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(iommu_attach(&functions[0], &domain), 0);
		assert_int_equal(iommu_attach(&functions[2], &domain), 0);
		assert_int_equal(iommu_msi_route(&functions[0], 0, 0x51, 3, &address, &data), 0);
		assert_int_equal(iommu_msi_route(&functions[2], 0, 0x52, 2, &bridged, &other), 0);
		assert_int_equal(message(DISK, address, data), 0x5103);
		assert_int_equal(message(0x0200, bridged, other), 0x5202);
		assert_int_equal(message(DISK, bridged, other), 0); /* not its own */
		assert_int_equal(message(BRIDGED, address, data), 0);
		assert_int_equal(message(DISK, address + 32, data), 0); /* not routed */
		assert_int_equal(iommu_msi_route(&functions[0], 0, 0x61, 1, &address, &data), 0);
		assert_int_equal(message(DISK, address, data), 0x6101);
		assert_int_equal(iommu_msi_route(&functions[0], 0, 0, 0, &address, &data), 0);
		assert_int_equal(message(DISK, address, data), 0);
		assert_int_equal(iommu_msi_route(&functions[0], 0, 0x51, 3, &address, &data), 0);
		assert_int_equal(iommu_attach(&functions[0], NULL), 0);
		assert_int_equal(message(DISK, address, data), 0); /* the next owner inherits none */
		assert_int_equal(message(0x0200, bridged, other), 0x5202);
		assert_int_equal(iommu_attach(&functions[2], NULL), 0);
		assert_int_equal(message(0x0200, bridged, other), 0);
	}
	assert_int_equal(iommu_msi_route(&functions[0], 8, 0x51, 0, &address, &data), -EINVAL);
	assert_int_equal(iommu_msi_route(&functions[0], 0, 0x51, 255, &address, &data), -EINVAL);
	assert_int_equal(units[0].ill_formed + units[1].ill_formed, 0);
}

static void ioapics_have_entries_of_their_own(void **state)
{
	uint32_t one, two;
	assert_non_null(route);
	assert_int_equal(route(2, 0x31, 0, &one), 0);
	assert_int_equal(route(2, 0x32 | IOAPIC_LEVEL, 1, &two), 0);
	assert_int_equal(route(3, 0x33, 0, &one), -ENODEV); /* no such I/O APIC in the table */
	assert_int_equal(one & 0x1ffff, 0x10000); /* remappable */
	assert_int_not_equal(one, two);
	const uint64_t *table = (const uint64_t *)(units[0].interrupts & VTD_ADDRESS);
	unsigned first = one >> 17, second = two >> 17;
	assert_true(first >= 1024 && second >= 1024);
	assert_int_equal(table[2 * first], 0x310001);
	assert_int_equal(table[2 * second], 0x0000010000320011);
	assert_int_equal(table[2 * first + 1], 1 << 18 | IOAPIC);
	assert_int_equal(message(IOAPIC, 0xfee00010 | first << 5, 0), 0x3100);
	assert_int_equal(message(DISK, 0xfee00010 | first << 5, 0), 0);
}

static void faults_take(void)
{
	iommu_faults_take();
	record_settle();
}

static void faults_are_told_once(void **state)
{
	struct iommu_domain domain;
	assert_int_equal(iommu_domain_init(&domain), 0);
	for (unsigned i = 0; i < 3 * RECORDS; i++) {
		unsigned f = i % 2 ? 2 : 0, unit = i / 2 % 2;
		uint16_t id = i % 2 ? 0x0200 : DISK;
		assert_int_equal(iommu_attach(&functions[f], &domain), 0);
		fault(unit, id, 0x5000ull * i + 0x123, i % 3 == 0, 5);
		assert_int_equal(events[unit], 1);
		faults_take();
		events[unit] = 0;
		assert_int_equal(fault_count, i + 1);
		assert_int_equal(masters_stopped, i + 1);
		assert_int_equal(last_fault.bdf, functions[f].bdf);
		assert_int_equal(last_fault.address, 0x5000ull * i & ~0xfffull);
		assert_int_equal(last_fault.write, i % 3 == 0);
		assert_ptr_equal(last_fault.owner, &owner);
		assert_int_equal(context(functions[f].bdf)[0], 2);
		assert_int_equal(*REG32(&units[unit], VTD_FSTS), 0);
	}
}

/* Blocked already, or nobody's: dropped. Overflow: said, and recording goes on. A message that may not be: told as the write that it was. */
static void storms_and_strangers(void **state)
{
	struct iommu_domain domain;
	assert_int_equal(iommu_domain_init(&domain), 0);
	fault(0, DISK, 0x1000, true, 2);
	fault(0, 0x0700, 0x1000, true, 1);
	faults_take();
	assert_int_equal(fault_count, 0);
	assert_int_equal(iommu_attach(&functions[0], &domain), 0);
	said[0] = '\0';
	for (unsigned i = 0; i < 10 * RECORDS; i++) {
		fault(1, DISK, 0x1000 * i, true, 5);
	}
	faults_take();
	assert_int_equal(fault_count, 1);
	assert_int_equal(masters_stopped, 1);
	assert_non_null(strstr(said, "faults were lost"));
	assert_int_equal(*REG32(&units[1], VTD_FSTS), 0);
	events[1] = 0;
	assert_int_equal(iommu_attach(&functions[0], &domain), 0);
	fault(1, DISK, 7ull << 48, false, 0x22);
	assert_int_equal(events[1], 1);
	faults_take();
	assert_int_equal(fault_count, 2);
	assert_int_equal(last_fault.address, 0xfee00000);
	assert_true(last_fault.write);
}

static void encodings(void **state)
{
	const struct vtd_pair c = vtd_context(HPA(0x12345000), 3, 7), i = vtd_irte(0x41, 3, false, 0xfa), x = vtd_irte(0x41, 0x103, true, 0xfa);
	assert_int_equal(c.low, 0x12345001);
	assert_int_equal(c.high, 0x701);
	assert_int_equal(i.low, 0x0000030000410001);
	assert_int_equal(i.high, 0x400fa);
	assert_int_equal(x.low, 0x0000010300410001);
	assert_int_equal(vtd_message(3), 0xfee00070);
	assert_int_equal(vtd_message(0x8001), 0xfee00034);
	assert_int_equal(vtd_ioapic_entry(1), 0x30000);
	assert_int_equal(vtd_format.leaf(HPA(0x200000), MAP_READ | MAP_WRITE, 1), 0x200883);
	assert_int_equal(vtd_format.table(HPA(0x5000), 3), 0x5003);
	assert_int_equal(VTD_INVALIDATE_CONTEXTS.low, 0x11);
	assert_int_equal(VTD_INVALIDATE_ALL.low, 0xd2);
	assert_int_equal(VTD_INVALIDATE_DOMAIN(0x1234).low, 0x123400e2);
	assert_int_equal(VTD_INVALIDATE_INTERRUPT(5).low, 0x500000014);
	assert_int_equal(VTD_WAIT(9, 0x1000).low, 0x900000025);
}

/* Last: the units answer no more. */
static void silence_is_an_error(void **state)
{
	struct iommu_domain domain;
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_attach(&functions[0], &domain), 0);
	model_deaf = true;
	patience = 1000000;
	assert_int_equal(iommu_map(&domain, 0, HPA(0x1000), 4096, MAP_READ), -ETIMEDOUT);
	assert_int_equal(iommu_attach(&functions[0], NULL), -ETIMEDOUT);
	assert_int_equal(context(DISK)[0], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(units_are_switched_on, fresh),
		cmocka_unit_test_setup(encodings, fresh),
		cmocka_unit_test(what_one_unit_lacks_none_uses),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test_setup(firmwares_leftovers, fresh),
		cmocka_unit_test(processors_beyond_255),
		cmocka_unit_test_setup(a_fence_holds_all_of_its_ids, fresh),
		cmocka_unit_test_setup(messages_are_what_was_routed, fresh),
		cmocka_unit_test_setup(ioapics_have_entries_of_their_own, fresh),
		cmocka_unit_test_setup(faults_are_told_once, fresh),
		cmocka_unit_test_setup(storms_and_strangers, fresh),
		cmocka_unit_test_setup(silence_is_an_error, fresh),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
