/* SPDX-License-Identifier: MIT */
/*
 * The IOMMU driver against a model of the hardware (AMD 48882): a thread that takes commands from the ring when it gets round to
 * it, and caches whatever it may: device entries, translations, interrupt entries, until a command drops them. So a
 * change that is not invalidated, or not waited for, shows as a translation that still works.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/acpi.h"
#include "hv/cpu.h"
#include "hv/iommu/amdvi.h"
#include "hv/iommu/iommu_internal.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/pool.h"

#define DISK 0x00fa
#define NIC 0x0010
#define LEGACY 0x0108 /* behind an alias */
#define IOAPIC 0x00a0
#define ALIAS 0x00f0 /* what LEGACY's requests carry */
#define CACHE 64

/* ---- the model ---- */

struct translation {
	uint16_t bdf, domain;
	uint64_t page, to;
	bool read, write, used;
};

static struct {
	uint8_t registers[AMDVI_REGISTERS_SIZE] __attribute__((aligned(4096)));
	pthread_mutex_t lock;
	pthread_t thread;
	struct { bool used; uint64_t q[4]; } device[0x200]; /* cached entries of IDs below */
	struct { bool used; uint32_t entry; } interrupt[0x200][4];
	struct translation cache[CACHE];
	unsigned next, executed, ill_formed;
	uint64_t head;
	bool deaf, stop;
} model;

static uint64_t reg(unsigned offset)
{
	return __atomic_load_n((uint64_t *)(model.registers + offset), __ATOMIC_ACQUIRE);
}

static void reg_set(unsigned offset, uint64_t value)
{
	__atomic_store_n((uint64_t *)(model.registers + offset), value, __ATOMIC_RELEASE);
}

static void drop_domain(uint16_t domain)
{
	for (unsigned i = 0; i < CACHE; i++) {
		model.cache[i].used &= model.cache[i].domain != domain;
	}
}

static void execute(const uint64_t *command)
{
	uint64_t low = command[0], high = command[1];
	uint16_t bdf = (uint16_t)low;
	model.executed++;
	switch (low >> 60) {
	case 1:
		model.ill_formed += (low & 7) != 1 || (low >> 52 & 0xff) != 0;
		__atomic_store_n((uint64_t *)(low & 0xffffffffffff8ull), high, __ATOMIC_RELEASE);
		break;
	case 2:
		model.ill_formed += (low & 0x0fffffffffff0000) != 0 || high != 0;
		if (bdf < 0x200) {
			model.device[bdf].used = false;
		}
		break;
	case 3:
		model.ill_formed += (low & 0x0fff0000ffffffff) != 0 || high != 0x7ffffffffffff003;
		drop_domain((uint16_t)(low >> 32));
		break;
	case 5:
		model.ill_formed += (low & 0x0fffffffffff0000) != 0 || high != 0;
		memset(model.interrupt[bdf & 0x1ff], 0, sizeof(model.interrupt[0]));
		break;
	case 8:
		model.ill_formed += (low & 0x0fffffffffffffff) != 0 || high != 0;
		memset(model.device, 0, sizeof(model.device));
		memset(model.cache, 0, sizeof(model.cache));
		memset(model.interrupt, 0, sizeof(model.interrupt));
		break;
	default:
		model.ill_formed++;
	}
}

static void *model_run(void *arg)
{
	const struct timespec lazy = { .tv_nsec = 20000 };
	while (!__atomic_load_n(&model.stop, __ATOMIC_ACQUIRE)) {
		nanosleep(&lazy, NULL);
		pthread_mutex_lock(&model.lock);
		bool on = (reg(AMDVI_CONTROL) & (AMDVI_CONTROL_ENABLE | AMDVI_CONTROL_COMMANDS)) ==
			  (AMDVI_CONTROL_ENABLE | AMDVI_CONTROL_COMMANDS);
		const char *ring = (const char *)(reg(AMDVI_COMMAND_BASE) & 0xffffffffff000ull);
		while (on && !model.deaf && model.head != reg(AMDVI_COMMAND_TAIL)) {
			execute((const uint64_t *)(ring + model.head));
			model.head = (model.head + 16) % 4096;
		}
		pthread_mutex_unlock(&model.lock);
	}
	return arg;
}

static const uint64_t *device_entry(uint16_t bdf)
{
	const uint64_t *table = (const uint64_t *)(reg(AMDVI_DEVICE_TABLE) & 0xffffffffff000ull);
	if (!model.device[bdf].used) {
		memcpy(model.device[bdf].q, table + 4ul * bdf, 32);
		model.device[bdf].used = true;
	}
	return model.device[bdf].q;
}

static bool walk(const uint64_t *q, uint64_t iova, struct translation *t)
{
	unsigned level = q[0] >> 9 & 7;
	uint64_t entry = q[0];
	t->read = q[0] >> 61 & 1;
	t->write = q[0] >> 62 & 1;
	while (level > 0) {
		const uint64_t *table = (const uint64_t *)(entry & 0xffffffffff000ull);
		entry = table[iova >> (3 + 9 * level) & 511];
		if (!(entry & 1)) {
			return false;
		}
		t->read &= entry >> 61 & 1;
		t->write &= entry >> 62 & 1;
		unsigned next = entry >> 9 & 7, shift = 3 + 9 * level;
		if (next == 0) {
			t->to = (entry & 0xffffffffff000ull & ~((1ull << shift) - 1)) | (iova & ((1ull << shift) - 1) & ~0xfffull);
		}
		level = next;
	}
	return true;
}

/* Where a request of this device goes: 0 if it is blocked. */
static uint64_t dma(uint16_t bdf, uint64_t iova, bool write)
{
	uint64_t result = 0;
	pthread_mutex_lock(&model.lock);
	struct translation *t = NULL;
	for (unsigned i = 0; i < CACHE; i++) {
		if (model.cache[i].used && model.cache[i].bdf == bdf && model.cache[i].page == iova >> 12) {
			t = &model.cache[i];
		}
	}
	if (!t) {
		const uint64_t *q = device_entry(bdf);
		struct translation now = { .bdf = bdf, .domain = (uint16_t)q[1], .page = iova >> 12, .used = true };
		if ((q[0] & 3) != 3) {
			result = iova; /* not valid: passes untranslated */
		} else if (walk(q, iova, &now)) {
			t = &model.cache[model.next++ % CACHE];
			*t = now;
		}
	}
	if (t && (write ? t->write : t->read)) {
		result = t->to | (iova & 0xfff);
	}
	pthread_mutex_unlock(&model.lock);
	return result;
}

/* Vector << 8 | destination that a message with this data raises; 0: blocked. */
static unsigned message(uint16_t bdf, unsigned data)
{
	unsigned result = 0;
	pthread_mutex_lock(&model.lock);
	const uint64_t *q = device_entry(bdf);
	if (!(q[2] & 1)) {
		result = data << 8;
	} else if ((q[2] >> 60 & 3) == 2 && data < 1u << (q[2] >> 1 & 15)) {
		uint32_t entry = ((const uint32_t *)(q[2] & 0xfffffffffffc0ull))[data];
		if (data < 4 && bdf < 0x200) {
			if (!model.interrupt[bdf][data].used) {
				model.interrupt[bdf][data].used = true;
				model.interrupt[bdf][data].entry = entry;
			}
			entry = model.interrupt[bdf][data].entry;
		}
		result = (entry & 0xff) == 1 ? (entry >> 16 & 0xff) << 8 | (entry >> 8 & 0xff) : 0;
	}
	pthread_mutex_unlock(&model.lock);
	return result;
}

/* ---- what the driver asks of the rest of the hypervisor ---- */

static uint8_t ivrs_table[48 + 24 + 28];
static struct domain { int nobody_looks; } owner;
static struct pci_function functions[] = {
	{ .bdf = DISK, .requester = DISK, .index = 0, .group = 0, .port = PCI_PORT_CONVENTIONAL, .owner = &owner },
	{ .bdf = NIC, .requester = NIC, .index = 1, .group = 1, .port = PCI_PORT_ENDPOINT },
	{ .bdf = LEGACY, .requester = LEGACY, .index = 2, .group = 2, .port = PCI_PORT_CONVENTIONAL, .owner = &owner },
};
static unsigned masters_stopped;
static struct cpu boot_cpu = { .apic_id = 0 };
static uint64_t patience = 1ull << 40;
static struct iommu_fault last_fault;
static unsigned fault_count;
uint32_t cpu_count = 1;

const struct acpi_header *acpi_table(const char signature[4], unsigned index)
{
	return memcmp(signature, "IVRS", 4) == 0 && index == 0 ? (const struct acpi_header *)ivrs_table : NULL;
}

void *mmio_map(hpa_t at, size_t bytes)
{
	assert_int_equal(at.value, 0xfed80000);
	return model.registers;
}

static void *taken[512]; /* freed at the end: domains are not destroyed here */
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
}

uint8_t irq_vector_alloc(irq_handler_t handler, void *arg)
{
	return 0;
}

struct pci_function *pci_find(uint16_t bdf)
{
	for (unsigned i = 0; i < 3; i++) {
		if (functions[i].bdf == bdf) {
			return &functions[i];
		}
	}
	return NULL;
}

void pci_bus_master(struct pci_function *f, bool on)
{
	assert_false(on);
	masters_stopped++;
}

/* The AMD model's table is the only one. */
const struct iommu_ops vtd_ops = { .table = "DMAR" };

int pci_msi_set(struct pci_function *f, unsigned index, uint8_t vector, uint32_t cpu)
{
	return -ENODEV;
}

unsigned pci_count(void)
{
	return 3;
}

struct pci_function *pci_at(unsigned index)
{
	return &functions[index];
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

void machine_iommu_fault(const struct iommu_fault *fault)
{
	last_fault = *fault;
	fault_count++;
}

/* ---- tests ---- */

static void *page_new(void)
{
	return pool_alloc(1, 1);
}

static int start(void **state)
{
	static const uint8_t block[] = {
		0x10, 0, 52, 0, 0x18, 0, 0x40, 0, 0, 0, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		3, 0x10, 0, 0, 4, 0xff, 0, 0, 67, 0, 1, 0, 0, 0xf0, 0, 0, 4, 0xff, 1, 0, 72, 0, 0, 0, 0, IOAPIC, 0, 1,
	};
	const char *why = "";
	memcpy(ivrs_table, "IVRS", 4);
	ivrs_table[4] = sizeof(ivrs_table);
	memcpy(ivrs_table + 48, block, sizeof(block));
	pthread_mutex_init(&model.lock, NULL);
	reg_set(AMDVI_EXTENDED_FEATURES, 1 << 6);
	assert_int_equal(pthread_create(&model.thread, NULL, model_run, NULL), 0);
	return iommu_init(&why);
}

static int stop(void **state)
{
	__atomic_store_n(&model.stop, true, __ATOMIC_RELEASE);
	int error = pthread_join(model.thread, NULL);
	while (taken_count > 0) {
		free(taken[--taken_count]);
	}
	return error;
}

static void nothing_passes_at_first(void **state)
{
	assert_int_equal(reg(AMDVI_DEVICE_TABLE) & 0x1ff, 0x1ff); /* 512 pages: all IDs */
	assert_true(model.executed > 0);
	for (unsigned bdf = 0; bdf < 0x200; bdf++) {
		assert_int_equal(dma((uint16_t)bdf, 0x1000, false), 0);
		assert_int_equal(dma((uint16_t)bdf, 0xfee00000, true), 0);
		assert_int_equal(message((uint16_t)bdf, 0x31), bdf == IOAPIC ? 0x3100 : 0);
	}
	assert_int_equal(message(IOAPIC, 0x02), 0); /* not an interrupt: an exception's vector */
}

static void a_mapping_lives_from_map_to_unmap(void **state)
{
	struct iommu_domain domain;
	void *page = page_new();
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_attach(&functions[0], &domain), 0);
	assert_int_equal(dma(DISK, 0x5000, false), 0);
	for (unsigned round = 0; round < 300; round++) { /* more than the ring holds */
		assert_int_equal(iommu_map(&domain, 0x5000, pool_hpa(page), 4096, MAP_READ | (round % 2 ? MAP_WRITE : 0)), 0);
		assert_int_equal(dma(DISK, 0x5123, false), (uint64_t)page + 0x123);
		assert_int_equal(dma(DISK, 0x5ff8, true), round % 2 ? (uint64_t)page + 0xff8 : 0);
		assert_int_equal(dma(DISK, 0x6000, false), 0);
		assert_int_equal(dma(NIC, 0x5000, false), 0);
		assert_int_equal(iommu_map(&domain, 0x5000, HPA(0), 4096, 0), 0);
		assert_int_equal(dma(DISK, 0x5123, false), 0);
	}
	assert_int_equal(iommu_attach(&functions[0], NULL), 0);
	assert_int_equal(model.ill_formed, 0);
}

static void large_leaves_are_split(void **state)
{
	struct iommu_domain domain;
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_attach(&functions[0], &domain), 0);
	assert_int_equal(iommu_map(&domain, 1ull << 38, HPA(1ull << 31), 1ull << 30, MAP_READ | MAP_WRITE), 0);
	assert_int_equal(dma(DISK, (1ull << 38) + 0x12345678, true), (1ull << 31) + 0x12345678);
	assert_int_equal(dma(DISK, (1ull << 38) + 0x345678, true), (1ull << 31) + 0x345678);
	assert_int_equal(iommu_map(&domain, (1ull << 38) + 0x345000, HPA(0), 4096, 0), 0);
	assert_int_equal(dma(DISK, (1ull << 38) + 0x345678, true), 0);
	assert_int_equal(dma(DISK, (1ull << 38) + 0x346000, true), (1ull << 31) + 0x346000);
	assert_int_equal(dma(DISK, (1ull << 38) + 0x12345678, true), (1ull << 31) + 0x12345678);
	assert_int_equal(iommu_attach(&functions[0], NULL), 0);
}

static void the_fence_holds_at_once(void **state)
{
	struct iommu_domain one, two;
	void *page = page_new();
	uint64_t address;
	uint32_t data;
	assert_int_equal(iommu_domain_init(&one), 0);
	assert_int_equal(iommu_domain_init(&two), 0);
	assert_int_not_equal(one.id, two.id);
	assert_int_equal(iommu_map(&one, 0, pool_hpa(page), 4096, MAP_READ | MAP_WRITE), 0);
	for (unsigned round = 0; round < 20; round++) {
		assert_int_equal(iommu_attach(&functions[0], &one), 0);
		assert_int_equal(iommu_msi_route(&functions[0], 1, 0x41, 3, &address, &data), 0);
		assert_int_equal(dma(DISK, 0x10, true), (uint64_t)page + 0x10);
		assert_int_equal(message(DISK, data), 0x4103);
		if (round % 2) {
			assert_int_equal(iommu_attach(&functions[0], NULL), 0);
			assert_int_equal(message(DISK, data), 0);
			assert_int_equal(dma(DISK, 0x10, true), 0);
		}
		assert_int_equal(iommu_attach(&functions[0], &two), 0);
		assert_int_equal(dma(DISK, 0x10, true), 0);
		assert_int_equal(message(DISK, data), 0); /* what the last owner had routed is gone */
	}
	assert_int_equal(iommu_attach(&functions[0], NULL), 0);
	assert_int_equal(model.ill_formed, 0);
}

static void messages_are_what_was_routed(void **state)
{
	struct iommu_domain domain;
	uint64_t address;
	uint32_t data;
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_attach(&functions[1], &domain), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(iommu_msi_route(&functions[1], i, (uint8_t)(0x50 + i), i, &address, &data), 0);
		assert_int_equal(address & 0xfff00000, 0xfee00000);
		assert_int_equal(message(NIC, data), (0x50 + i) << 8 | i);
	}
	assert_int_equal(message(NIC, data + 1), 0);
	assert_int_equal(message(NIC, 0x51), 0);
	assert_int_equal(iommu_msi_route(&functions[1], 1, 0x60, 0, &address, &data), 0);
	assert_int_equal(message(NIC, data), 0x6000);
	assert_int_equal(iommu_msi_route(&functions[1], 1, 0, 0, &address, &data), 0);
	assert_int_equal(message(NIC, data), 0);
	assert_int_equal(message(NIC, data + 1), 0x5202);
	assert_int_equal(iommu_msi_route(&functions[1], 0, 0x50, 255, &address, &data), -EINVAL);
	assert_int_equal(iommu_msi_route(&functions[1], 8, 0x50, 0, &address, &data), -EINVAL);
	assert_int_equal(iommu_attach(&functions[1], NULL), 0);
}

/* The firmware says that LEGACY's requests carry another ID: both are opened and blocked, its messages are looked up there. */
static void an_alias_is_behind_the_same_fence(void **state)
{
	struct iommu_domain domain;
	void *page = page_new();
	uint64_t address;
	uint32_t data;
	assert_int_equal(functions[2].requester, ALIAS);
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_map(&domain, 0, pool_hpa(page), 4096, MAP_READ | MAP_WRITE), 0);
	assert_int_equal(iommu_fence_check(&functions[2], &owner, "test"), 0);
	assert_int_equal(iommu_attach(&functions[2], &domain), 0);
	assert_int_equal(iommu_msi_route(&functions[2], 0, 0x61, 1, &address, &data), 0);
	assert_int_equal(dma(LEGACY, 0x18, true), (uint64_t)page + 0x18);
	assert_int_equal(dma(ALIAS, 0x18, true), (uint64_t)page + 0x18);
	assert_int_equal(message(ALIAS, data), 0x6101);
	assert_int_equal(iommu_attach(&functions[2], NULL), 0);
	assert_int_equal(dma(LEGACY, 0x18, true), 0);
	assert_int_equal(dma(ALIAS, 0x18, true), 0);
	assert_int_equal(message(ALIAS, data), 0);
}

static void what_cannot_be_fenced_is_refused(void **state)
{
	struct domain other;
	assert_int_equal(iommu_fence_check(&functions[0], &owner, "test"), 0);
	functions[1].group = functions[0].group;
	functions[1].owner = &other;
	assert_int_equal(iommu_fence_check(&functions[0], &owner, "test"), -EBUSY);
	functions[1].owner = NULL;
	iommu_described.standing[NIC] = STANDING_MEMORY;
	assert_int_equal(iommu_fence_check(&functions[0], &owner, "test"), -EOPNOTSUPP);
	iommu_described.standing[NIC] = STANDING_UNKNOWN;
	assert_int_equal(iommu_fence_check(&functions[0], &owner, "test"), -EOPNOTSUPP);
	iommu_described.standing[NIC] = STANDING_TRANSLATED;
	functions[1].group = 1;
}

static void event(unsigned index, uint64_t low, uint64_t high)
{
	uint64_t *log = (uint64_t *)(reg(AMDVI_EVENT_BASE) & 0xffffffffff000ull);
	log[2 * (index % AMDVI_EVENTS)] = low;
	log[2 * (index % AMDVI_EVENTS) + 1] = high;
}

static void put_event(unsigned index, uint64_t low, uint64_t high)
{
	event(index, low, high);
	reg_set(AMDVI_EVENT_TAIL, 16 * ((index + 1) % AMDVI_EVENTS));
	iommu_faults_take();
}

/* The first fault closes the fence and takes the bus away; what comes after it, and what comes of functions that are blocked, is
 * dropped. */
static void faults_are_told_once(void **state)
{
	struct iommu_domain domain;
	void *page = page_new();
	unsigned n = 0;
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_map(&domain, 0, pool_hpa(page), 4096, MAP_READ | MAP_WRITE), 0);
	for (unsigned i = 0; i < 2 * AMDVI_EVENTS; i++) {
		unsigned f = i % 2 ? 2 : 0;
		uint16_t id = i % 2 ? ALIAS : DISK;
		assert_int_equal(iommu_attach(&functions[f], &domain), 0);
		put_event(n++, 2ull << 60 | (i % 2 ? 1ull << 53 : 0) | id, 0x1000ull * i);
		assert_int_equal(fault_count, i + 1);
		assert_int_equal(masters_stopped, i + 1);
		assert_int_equal(last_fault.bdf, functions[f].bdf);
		assert_int_equal(last_fault.address, 0x1000ull * i);
		assert_int_equal(last_fault.write, i % 2);
		assert_ptr_equal(last_fault.owner, &owner);
		assert_int_equal(dma(functions[f].bdf, 0, false), 0);
		put_event(n++, 2ull << 60 | id, 0x1000);
		put_event(n++, 2ull << 60 | NIC, 0x1000);
		put_event(n++, 2ull << 60 | 0x77, 0x1000);
		assert_int_equal(fault_count, i + 1);
	}
	fault_count = 0;
	assert_int_equal(iommu_attach(&functions[0], &domain), 0);
	event(n++, 5ull << 60, 0x1234); /* an illegal command: nobody's fault but ours */
	event(n, 0, 0); /* announced, not yet written */
	reg_set(AMDVI_EVENT_TAIL, 16 * ((n + 1) % AMDVI_EVENTS));
	iommu_faults_take();
	assert_int_equal(fault_count, 0);
	event(n, 1ull << 60 | DISK, 0x77000);
	iommu_faults_take();
	assert_int_equal(fault_count, 1);
	assert_int_equal(last_fault.address, 0x77000);
}

static void encodings(void **state)
{
	assert_int_equal(AMDVI_DTE_BLOCKED, 3); /* V, TV, mode 0, IR = IW = 0 */
	assert_int_equal(amdvi_dte_translated(HPA(0x123456000), 4), 0x6000000123456803);
	assert_int_equal(AMDVI_DTE1_DOMAIN(7), 0x200000007);
	assert_int_equal(AMDVI_DTE1_QUIET, 0x400000000);
	assert_int_equal(AMDVI_DTE2_BLOCKED, 1);
	assert_int_equal(amdvi_dte_interrupts_remapped(HPA(0xabc000), 10), 0x2000000000abc015);
	assert_int_equal(amdvi_irte(0x41, 3), 0x00410301);
	assert_int_equal(amdvi_format.leaf(HPA(0x200000), MAP_READ, 1), 0x3000000000200001);
	assert_int_equal(amdvi_format.leaf(HPA(0x1000), MAP_READ | MAP_WRITE, 0), 0x7000000000001001);
	assert_int_equal(amdvi_format.table(HPA(0x5000), 3), 0x6000000000005601);
}

/* Last: the model answers no more. */
static void silence_is_an_error(void **state)
{
	struct iommu_domain domain;
	assert_int_equal(iommu_domain_init(&domain), 0);
	assert_int_equal(iommu_attach(&functions[0], &domain), 0);
	__atomic_store_n(&model.deaf, true, __ATOMIC_RELEASE);
	patience = 1000000;
	assert_int_equal(iommu_map(&domain, 0, HPA(0x1000), 4096, MAP_READ), -ETIMEDOUT);
	assert_int_equal(iommu_attach(&functions[0], NULL), -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings),
		cmocka_unit_test(nothing_passes_at_first),
		cmocka_unit_test(a_mapping_lives_from_map_to_unmap),
		cmocka_unit_test(large_leaves_are_split),
		cmocka_unit_test(the_fence_holds_at_once),
		cmocka_unit_test(messages_are_what_was_routed),
		cmocka_unit_test(an_alias_is_behind_the_same_fence),
		cmocka_unit_test(what_cannot_be_fenced_is_refused),
		cmocka_unit_test(faults_are_told_once),
		cmocka_unit_test(silence_is_an_error),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
