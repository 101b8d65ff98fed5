/* SPDX-License-Identifier: MIT */
/*
 * AMD-Vi: one device table for all requester IDs, shared by all IOMMUs; every command goes to each of them. An
 * entry's first word holds its validity, its tables and its permissions, so one store switches it between blocked and
 * translated; the other words change only while it is blocked. An entry's interrupt table is made at its first use
 * and stays; empty, it blocks. The invariant: when attach, flush or msi_route returns 0, no IOMMU uses anything older
 * than what the tables say. AMD 48882, 2.2 and 2.4.
 */
#include "amdvi.h"

#include "abi/errno.h"
#include "base/string.h"
#include "hv/cpu.h"
#include "hv/pool.h"

#define DEVICE_TABLE_PAGES 512u /* 65,536 entries of 32 bytes */
#define INTERRUPT_ORDER 10u /* IOMMU_MESSAGES entries of 4 bytes: one page */
#define MESSAGE_ADDRESS 0xfee00000u

/* All under iommu_lock. */
static unsigned unit_count;
static struct amdvi_unit units[IOMMU_MAX_UNITS];
static struct amdvi_dte *device_table;

/* Every IOMMU runs the command; the first error counts, but all are tried. */
static int command(uint64_t low, uint64_t high)
{
	int result = 0;
	for (unsigned i = 0; i < unit_count; i++) {
		int error = amdvi_unit_command(&units[i], low, high);
		result = result < 0 ? result : error;
	}
	return result;
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* NULL: no memory, at its first use only. */
static uint32_t *interrupt_table(uint16_t bdf)
{
	uint64_t *word = &device_table[bdf].q[2];
	if (!(*word & AMDVI_DTE2_TABLE)) {
		void *page = pool_alloc(1, 1);
		if (!page) {
			return NULL;
		}
		store(word, amdvi_dte_interrupts_remapped(pool_hpa(page), INTERRUPT_ORDER));
	}
	return (uint32_t *)(*word & AMDVI_DTE2_TABLE);
}

static int entry_block(uint16_t bdf, uint32_t *interrupts)
{
	struct amdvi_dte *entry = &device_table[bdf];
	store(&entry->q[0], AMDVI_DTE_BLOCKED);
	memset(interrupts, 0, PAGE_SIZE);
	bool failed = command(AMDVI_INVALIDATE_DEVICE(bdf), 0) < 0 ||
		      command(AMDVI_INVALIDATE_DOMAIN((uint16_t)entry->q[1]), AMDVI_ALL_PAGES) < 0 ||
		      command(AMDVI_INVALIDATE_INTERRUPTS(bdf), 0) < 0;
	store(&entry->q[1], AMDVI_DTE1_QUIET);
	return failed || command(AMDVI_INVALIDATE_DEVICE(bdf), 0) < 0 ? -ETIMEDOUT : 0;
}

static int amdvi_attach(uint16_t id, const struct iommu_domain *domain)
{
	struct amdvi_dte *entry = &device_table[id];
	uint32_t *interrupts = interrupt_table(id);
	int error = interrupts ? entry_block(id, interrupts) : -ENOMEM;
	if (error == 0 && domain) {
		store(&entry->q[1], AMDVI_DTE1_DOMAIN(domain->id));
		store(&entry->q[0], amdvi_dte_translated(pool_hpa(domain->paging.root), domain->paging.format->levels));
		error = command(AMDVI_INVALIDATE_DEVICE(id), 0);
	}
	return error;
}

static int amdvi_flush(const struct iommu_domain *domain)
{
	return command(AMDVI_INVALIDATE_DOMAIN(domain->id), AMDVI_ALL_PAGES);
}

static int amdvi_msi_route(const struct pci_function *f, unsigned index, uint8_t vector, uint32_t apic_id,
			   uint64_t *address, uint32_t *data)
{
	unsigned message = iommu_message(f, index);
	if (apic_id > 0xfe || index >= 8 || message >= IOMMU_MESSAGES) {
		return -EINVAL;
	}
	uint32_t *interrupts = interrupt_table(f->requester);
	if (!interrupts) {
		return -ENOMEM;
	}
	*address = MESSAGE_ADDRESS;
	*data = message;
	__atomic_store_n(&interrupts[message], vector ? amdvi_irte(vector, (uint8_t)apic_id) : AMDVI_IRTE_QUIET, __ATOMIC_RELEASE);
	return command(AMDVI_INVALIDATE_INTERRUPTS(f->requester), 0);
}

static int amdvi_fault_next(struct iommu_fault *fault)
{
	int error = -ENOENT;
	for (unsigned i = 0; i < unit_count && error < 0; i++) {
		error = amdvi_unit_event(&units[i], fault);
	}
	return error;
}

/*
 * Everything is blocked, but each I/O APIC may raise each vector on the boot processor, where the hypervisor's own
 * interrupts go.
 */
static int device_table_make(const struct iommu_described *described)
{
	device_table = pool_alloc(DEVICE_TABLE_PAGES, 1);
	for (unsigned bdf = 0; device_table && bdf < 0x10000; bdf++) {
		device_table[bdf].q[0] = AMDVI_DTE_BLOCKED;
		device_table[bdf].q[1] = AMDVI_DTE1_QUIET;
		device_table[bdf].q[2] = AMDVI_DTE2_BLOCKED;
	}
	for (unsigned i = 0; device_table && i < described->ioapic_count; i++) {
		uint32_t *interrupts = interrupt_table(described->ioapics[i].bdf);
		for (unsigned vector = 32; interrupts && vector < 256; vector++) {
			interrupts[vector] = amdvi_irte((uint8_t)vector, (uint8_t)cpu_at(0)->apic_id);
		}
	}
	return device_table ? 0 : -ENOMEM;
}

static int amdvi_start(const struct iommu_described *described, const char **why)
{
	*why = "the IOMMU remaps no interrupts: its ACPI table IVRS names no I/O APIC";
	if (described->ioapic_count == 0) {
		return -ENODEV;
	}
	*why = "the IOMMU does not take its first commands, or there is no memory for its tables";
	int error = device_table_make(described);
	while (error == 0 && unit_count < described->unit_count) {
		error = amdvi_unit_start(&units[unit_count], &described->units[unit_count], pool_hpa(device_table));
		unit_count++;
	}
	return error;
}

const struct iommu_ops amdvi_ops = {
	.name = "AMD-Vi",
	.table = "IVRS",
	.parse = ivrs_parse,
	.start = amdvi_start,
	.format = &amdvi_format,
	.attach = amdvi_attach,
	.flush = amdvi_flush,
	.msi_route = amdvi_msi_route,
	.fault_next = amdvi_fault_next,
};
