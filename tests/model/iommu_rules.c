/* SPDX-License-Identifier: MIT */
/* See iommu_rules.h. Below the tests stands what iommu/ asks of the rest of the hypervisor. */
#include "iommu_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/acpi.h"
#include "hv/cpu.h"
#include "hv/ioapic.h"
#include "hv/iommu/iommu_internal.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "memory.h"
#include "record.h"

#define DISK 0x00fa
#define NIC 0x0110
#define GIB (1ull << 30)

uint8_t iommu_registers[IOTLB_UNITS][0x5000] __attribute__((aligned(4096)));
unsigned iommu_forgotten;
uint64_t iommu_patience = 1ull << 40;

struct pci_function iommu_functions[IOTLB_DEVICES] = {
	{ .bdf = DISK, .requester = DISK, .index = 0, .group = 0, .port = PCI_PORT_INTEGRATED },
	{ .bdf = NIC, .requester = NIC, .index = 1, .group = 1, .port = PCI_PORT_ENDPOINT },
};
static const uint16_t ids[IOTLB_DEVICES] = { DISK, NIC };
static struct iommu_domain domains[2];
static struct ideal now[2];
static const struct iommu_ops *sound; /* the real list entry */
static struct iommu_ops faulty;
static enum record_verdict wrong;
static unsigned wrong_from, stores_judged;
static bool quiet; /* no rule is asked: a test puts right what it broke */

static void stored(const void *at, unsigned bytes)
{
	iotlb_hardware.stored(at, bytes);
	iotlb_stored(at, bytes);
}

static enum record_verdict judge(const void *at, uint64_t value, unsigned bytes)
{
	return bytes == 8 && stores_judged++ >= wrong_from ? wrong : RECORD_KEEP;
}

static void handed_out(const void *page)
{
	iotlb_page_reused(page);
	if (iotlb_hardware.handed_out) {
		iotlb_hardware.handed_out(page);
	}
}

int iommu_rules_start(void **state)
{
	const char *why = "";
	record_reset();
	iommu_hardware_reset();
	iotlb_reset(ids);
	memory_reset();
	record_watch(iommu_registers, sizeof(iommu_registers));
	record_hooks = (struct record_hooks){ .moment = iotlb_hardware.moment, .loading = iotlb_hardware.moment, .stored = stored, .judge = judge };
	memory_handed_out = handed_out;
	if (iommu_init(&why) != 0) {
		print_error("%s\n", why);
		return -1;
	}
	sound = iommu;
	return 0;
}

/* Two devices, blocked, and two empty domains. */
static void begin(void)
{
	record_settle();
	iotlb_reset(ids);
	iommu = sound;
	wrong = RECORD_KEEP;
	wrong_from = stores_judged = iommu_forgotten = 0;
	quiet = false;
	for (unsigned i = 0; i < 2; i++) {
		now[i].count = 0;
		assert_int_equal(iommu_domain_init(&domains[i]), 0);
		record_settle();
		iotlb_domain_add(domains[i].id, domains[i].paging.root, &now[i]);
	}
}

static void holds(void)
{
	const char *broken = iotlb_broken();
	if (broken) {
		fail_msg("%s", broken);
	}
}

static void attach(unsigned device, int domain)
{
	assert_int_equal(iommu_attach(&iommu_functions[device], domain < 0 ? NULL : &domains[domain]), 0);
	record_settle();
	if (!quiet) {
		iotlb_attached(iommu_functions[device].bdf, domain < 0 ? 0 : domains[domain].id);
	}
}

static int map(unsigned domain, uint64_t from, uint64_t to, uint64_t bytes, unsigned prot)
{
	static struct ideal next;
	uint16_t id = domains[domain].id;
	next = now[domain];
	ideal_map(&next, from, to, bytes, prot);
	iotlb_change(id, &now[domain], &next);
	int error = iommu_map(&domains[domain], from, HPA(to), bytes, prot);
	record_settle();
	now[domain] = error ? now[domain] : next;
	iotlb_settled(id, &now[domain]);
	return error;
}

/* All blocked again, by sound code. */
static void end(void)
{
	record_settle();
	iommu = sound;
	wrong = RECORD_KEEP;
	quiet = true;
	iotlb_deaf = iotlb_late = iommu_forgotten = 0;
	attach(0, -1);
	attach(1, -1);
}

static bool noticed(const char *words)
{
	const char *broken = iotlb_broken();
	bool found = broken && strstr(broken, words);
	if (!found) {
		print_error("wanted \"%s\", the model says \"%s\"\n", words, broken ? broken : "");
	}
	end();
	return found;
}

static uint64_t pick(uint64_t below)
{
	return (uint64_t)rand() % below;
}

static void step(void)
{
	static const uint64_t units[] = { PAGE_SIZE, PAGE_SIZE, PAGE_SIZE_2M, PAGE_SIZE_1G };
	static const unsigned prots[] = { 0, 0, MAP_READ, MAP_WRITE, MAP_READ | MAP_WRITE, MAP_READ | MAP_WRITE };
	if (pick(4) == 0) {
		attach((unsigned)pick(2), (int)pick(3) - 1);
		return;
	}
	uint64_t unit = units[pick(4)];
	uint64_t from = unit == PAGE_SIZE_1G ? (1 + pick(3)) * GIB : 2 * GIB - 2 * PAGE_SIZE_2M + pick(4 * PAGE_SIZE_2M) / unit * unit;
	uint64_t bytes = unit * (1 + pick(unit == PAGE_SIZE ? 40 : 2));
	uint64_t to = (8 + pick(4)) * GIB + (pick(2) ? from % GIB : pick(64) * PAGE_SIZE_2M);
	(void)map((unsigned)pick(2), from, to, bytes, prots[pick(6)]);
}

void every_state_is_old_or_new(void **state)
{
	for (unsigned run = 0; run < 6; run++) {
		srand(70 + run);
		begin();
		unsigned refused = 0;
		for (unsigned i = 0; i < 60; i++) {
			memory_left = i % 4 ? UINT32_MAX : (unsigned)pick(3);
			step();
			refused += memory_left == 0;
			memory_left = UINT32_MAX;
			holds();
		}
		assert_true(refused > 0);
		assert_true(iommu_functions[0].open || !iotlb_reaches(DISK, 0, UINT64_MAX / 2));
		end();
		assert_false(iotlb_reaches(DISK, 0, UINT64_MAX / 2));
		assert_false(iotlb_reaches(NIC, 0, UINT64_MAX / 2));
	}
}

/* Something of each kind, so that each kind of mistake can show. */
static void everything(void)
{
	attach(0, 0);
	(void)map(0, 2 * GIB, 8 * GIB, 4 * PAGE_SIZE, MAP_READ | MAP_WRITE);
	(void)map(0, 2 * GIB, 8 * GIB, PAGE_SIZE, 0);
	(void)map(0, 2 * GIB + PAGE_SIZE, 13 * GIB + PAGE_SIZE_2M, PAGE_SIZE, MAP_READ);
	(void)map(1, 3 * GIB, 9 * GIB, PAGE_SIZE_2M, MAP_READ);
	attach(1, 1);
	attach(0, 1);
	attach(0, -1);
	attach(1, 0);
	attach(1, -1);
}

void commands_that_are_not_given(void **state)
{
	begin();
	iotlb_deaf = IOTLB_DROP_CONTEXT;
	everything();
	assert_true(noticed("older context"));
	begin();
	iotlb_deaf = IOTLB_DROP_DOMAIN;
	(void)map(0, 2 * GIB, 8 * GIB, 4 * PAGE_SIZE, MAP_READ | MAP_WRITE);
	(void)map(0, 2 * GIB, 8 * GIB, PAGE_SIZE, 0);
	assert_true(noticed("stale"));
	begin();
	attach(0, 0);
	iotlb_deaf = IOTLB_DROP_DOMAIN;
	attach(0, -1);
	assert_true(noticed("by another domain"));
}

/* Translations dropped before the context that finds them again. */
void commands_in_the_wrong_order(void **state)
{
	begin();
	attach(0, 0);
	holds();
	iotlb_late = IOTLB_DROP_CONTEXT;
	attach(0, -1);
	assert_true(noticed("stale"));
}

static int flush_nothing(const struct iommu_domain *domain)
{
	return 0;
}

void a_flush_that_does_nothing(void **state)
{
	begin();
	faulty = *sound;
	faulty.flush = flush_nothing;
	iommu = &faulty;
	(void)map(0, 2 * GIB, 8 * GIB, 4 * PAGE_SIZE, MAP_READ | MAP_WRITE);
	assert_true(noticed("may still lead nowhere"));
	begin();
	(void)map(0, 2 * GIB, 8 * GIB, 4 * PAGE_SIZE, MAP_READ | MAP_WRITE);
	holds();
	iommu = &faulty;
	(void)map(0, 2 * GIB, 8 * GIB, 4 * PAGE_SIZE, MAP_READ);
	assert_true(noticed("may still lead to"));
}

static int attach_mixed(uint16_t id, const struct iommu_domain *domain)
{
	struct iommu_domain mixed = *domain;
	mixed.id = domains[1].id;
	return sound->attach(id, &mixed);
}

void an_attachment_to_the_wrong_tables(void **state)
{
	begin();
	faulty = *sound;
	faulty.attach = attach_mixed;
	iommu = &faulty;
	attach(0, 0);
	assert_true(noticed("not those of domain"));
}

/* Of page tables and of contexts; what is made at a device's first use is made before. */
void stores_that_go_wrong(void **state)
{
	static const enum record_verdict verdicts[] = { RECORD_DROP, RECORD_LATE, RECORD_TORN };
	for (unsigned i = 0; i < 3; i++) {
		begin();
		attach(0, 0);
		holds();
		wrong = verdicts[i];
		wrong_from = stores_judged;
		attach(0, 1);
		attach(0, -1);
		assert_non_null(iotlb_broken());
		end();
		begin();
		(void)map(0, 2 * GIB, 8 * GIB, 4 * PAGE_SIZE, MAP_READ | MAP_WRITE);
		holds();
		wrong = verdicts[i];
		wrong_from = stores_judged;
		(void)map(0, 2 * GIB, 13 * GIB + PAGE_SIZE_2M, PAGE_SIZE, MAP_READ | MAP_WRITE); /* LATE: after the flush */
		assert_non_null(iotlb_broken());
		end();
	}
}

void a_unit_that_is_forgotten(void **state)
{
	begin();
	iommu_forgotten = 1u << 1;
	everything();
	assert_true(noticed("stale"));
}

/* ---- what iommu/ asks of the rest of the hypervisor ---- */

uint32_t cpu_count = 1;

const struct acpi_header *acpi_table(const char signature[4], unsigned index)
{
	return memcmp(signature, iommu_table_name, 4) == 0 ? (const struct acpi_header *)iommu_table : NULL;
}

void *mmio_map(hpa_t at, size_t bytes)
{
	for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
		if (at.value == IOMMU_REGISTERS_AT(unit)) {
			return iommu_registers[unit];
		}
	}
	return NULL;
}

void log_line(const char *format, ...)
{
}

uint8_t irq_vector_alloc(irq_handler_t handler, void *arg)
{
	return 0;
}

struct pci_function *pci_find(uint16_t bdf)
{
	return bdf == DISK ? &iommu_functions[0] : bdf == NIC ? &iommu_functions[1] : NULL;
}

unsigned pci_count(void)
{
	return 2;
}

struct pci_function *pci_at(unsigned index)
{
	return &iommu_functions[index];
}

__attribute__((weak)) void pci_bus_master(struct pci_function *f, bool on)
{
}

int pci_msi_set(struct pci_function *f, unsigned index, uint8_t vector, uint32_t cpu)
{
	return -ENODEV;
}

struct cpu *cpu_at(uint32_t index)
{
	static struct cpu boot;
	return &boot;
}

bool cpu_x2apic(void)
{
	return false;
}

void ioapic_remap(ioapic_route_t route)
{
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
	return iommu_patience;
}

__attribute__((weak)) void machine_iommu_fault(const struct iommu_fault *fault)
{
	fail();
}
