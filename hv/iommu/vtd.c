/* SPDX-License-Identifier: MIT */
/*
 * VT-d: one root table, one context table for each bus and one interrupt remapping table, shared by all units; every
 * invalidation goes to each of them, and what one of them lacks none uses. A context entry's low half holds its
 * validity and its tables, so one store switches it between blocked and translated; its high half changes only while it
 * is blocked. Each function has eight interrupt entries of its own, which no other requester can raise; I/O APICs have
 * the second half of the table, an entry for each input in use. The invariant: when attach, flush or msi_route returns
 * 0, no unit uses anything older than what the tables say. Intel VT-d, chapters 3, 5 and 6.
 */
#include "vtd.h"

#include <stddef.h>

#include "abi/errno.h"
#include "hv/ioapic.h"
#include "hv/pool.h"

#define ENTRIES 256u /* of a root or context table: one page */
#define INTERRUPT_ENTRIES (2 * IOMMU_MESSAGES)
#define INTERRUPT_ORDER 10u /* 2^(order + 1) entries of 16 bytes */

/* All under iommu_lock. */
static struct vtd_unit units[IOMMU_MAX_UNITS];
static unsigned unit_count;
static struct vtd_pair *root_table, *interrupts;
static unsigned ioapic_next = IOMMU_MESSAGES;
static bool coherent, x2apic; /* read-only after start */

/* Every unit runs the command; the first error counts, but all are tried. */
static int command(struct vtd_pair pair)
{
	int result = 0;
	for (unsigned i = 0; i < unit_count; i++) {
		int error = vtd_unit_command(&units[i], pair);
		result = result ? result : error;
	}
	return result;
}

static void store(uint64_t *half, uint64_t value)
{
	__atomic_store_n(half, value, __ATOMIC_RELEASE);
	if (!coherent) {
		vtd_write_back(half, sizeof(*half));
	}
}

/* A power of two of pages, with this in the low half of each entry. NULL: no memory. */
static struct vtd_pair *table_make(unsigned pages, uint64_t low)
{
	struct vtd_pair *table = pool_alloc(pages, pages);
	for (unsigned i = 0; table && i < pages * ENTRIES; i++) {
		table[i].low = low;
	}
	if (table && !coherent) {
		vtd_write_back(table, pages * PAGE_SIZE);
	}
	return table;
}

/* The bus's table is made at its first use, all blocked. NULL: no memory. */
static struct vtd_pair *context_entry(uint16_t id)
{
	struct vtd_pair *root = &root_table[id >> 8];
	if (!(root->low & VTD_PRESENT)) {
		struct vtd_pair *table = table_make(1, VTD_QUIET);
		if (!table) {
			return NULL;
		}
		store(&root->low, pool_hpa(table).value | VTD_PRESENT);
	}
	return &((struct vtd_pair *)(root->low & VTD_ADDRESS))[id & 0xff];
}

/* Old entries and, behind them, old translations, cached absences too. */
static int contexts_drop(void)
{
	int error = command(VTD_INVALIDATE_CONTEXTS);
	return error ? error : command(VTD_INVALIDATE_ALL);
}

/* Blocked first: an entry is never seen half old, half new. */
static int irte_set(unsigned index, struct vtd_pair entry)
{
	store(&interrupts[index].low, VTD_QUIET);
	store(&interrupts[index].high, entry.high);
	store(&interrupts[index].low, entry.low);
	return command(VTD_INVALIDATE_INTERRUPT(index));
}

/* The next owner inherits no vector. */
static int irtes_clear(uint16_t id)
{
	for (unsigned i = 0; i < IOMMU_MESSAGES; i++) {
		if ((uint16_t)interrupts[i].high == id) {
			store(&interrupts[i].low, VTD_QUIET);
		}
	}
	return command(VTD_INVALIDATE_INTERRUPTS);
}

static int vtd_attach(uint16_t id, const struct iommu_domain *domain)
{
	struct vtd_pair *entry = context_entry(id);
	if (!entry) {
		return -ENOMEM;
	}
	store(&entry->low, VTD_QUIET);
	int error = contexts_drop();
	error = error ? error : irtes_clear(id);
	if (domain && !error) {
		struct vtd_pair context = vtd_context(pool_hpa(domain->paging.root), vtd_format.levels, domain->id);
		store(&entry->high, context.high);
		store(&entry->low, context.low);
		error = contexts_drop();
	}
	return error;
}

static int vtd_flush(const struct iommu_domain *domain)
{
	return command(VTD_INVALIDATE_DOMAIN(domain->id));
}

static int vtd_msi_route(const struct pci_function *f, unsigned index, uint8_t vector, uint32_t apic_id,
			 uint64_t *address, uint32_t *data)
{
	unsigned message = iommu_message(f, index);
	if (index >= 8 || message >= IOMMU_MESSAGES || (!x2apic && apic_id > 0xfe)) {
		return -EINVAL;
	}
	*address = vtd_message(message);
	*data = 0;
	return irte_set(message, vector ? vtd_irte(vector, apic_id, x2apic, f->requester) : (struct vtd_pair){ VTD_QUIET, 0 });
}

static int vtd_fault_next(struct iommu_fault *fault)
{
	int error = -ENOENT;
	for (unsigned i = 0; i < unit_count && error; i++) {
		error = vtd_unit_fault(&units[i], fault);
	}
	return error;
}

/* What an I/O APIC's entry has in its upper half from now on; each gets an interrupt entry of its own. */
static int ioapic_route(uint8_t ioapic, uint32_t low, uint32_t apic_id, uint32_t *high)
{
	for (unsigned i = 0; i < iommu_described.ioapic_count; i++) {
		const struct iommu_described_ioapic *described = &iommu_described.ioapics[i];
		if (described->id == ioapic && ioapic_next < INTERRUPT_ENTRIES) {
			*high = vtd_ioapic_entry(ioapic_next);
			struct vtd_pair entry = vtd_irte((uint8_t)low, apic_id, x2apic, described->bdf);
			entry.low |= low & IOAPIC_LEVEL ? VTD_IRTE_LEVEL : 0;
			return irte_set(ioapic_next++, entry);
		}
	}
	return -ENODEV;
}

/* What all units have in common; NULL, or what is missing. */
static const char *features_take(void)
{
	uint64_t all = ~0ull, extended = ~0ull;
	unsigned width = 64;
	for (unsigned i = 0; i < unit_count; i++) {
		uint64_t capabilities = units[i].capabilities;
		all &= VTD_CAP_DOMAINS(capabilities) == 0 ? 0 : capabilities;
		extended &= units[i].extended;
		width = VTD_CAP_WIDTH(capabilities) < width ? VTD_CAP_WIDTH(capabilities) : width;
	}
	unsigned levels = VTD_CAP_LEVELS(all, 4) && width >= 48 ? 4 : VTD_CAP_LEVELS(all, 3) && width >= 39 ? 3 : 0;
	unsigned leaf = !VTD_CAP_LEAF(all, 1) ? 0 : VTD_CAP_LEAF(all, 2) ? 2 : 1;
	coherent = extended & VTD_ECAP_COHERENT;
	x2apic = cpu_x2apic();
	vtd_format_init(levels, leaf, extended & VTD_ECAP_SNOOPS, coherent ? NULL : vtd_write_back);
	return !(extended & VTD_ECAP_QUEUE) ? "the IOMMU has no queued invalidation" :
	       !(extended & VTD_ECAP_REMAPS) ? "the IOMMU remaps no interrupts" :
	       x2apic && !(extended & VTD_ECAP_X2APIC) ? "the IOMMU cannot address processors in x2APIC mode" :
	       levels == 0 ? "the IOMMU has neither 3 nor 4 levels of tables, or too few domain IDs" : NULL;
}

/* Each bus that has functions gets its table now: what is blocked in it is quiet. */
static int tables_make(void)
{
	root_table = table_make(1, 0);
	interrupts = table_make(INTERRUPT_ENTRIES / ENTRIES, VTD_QUIET);
	int error = root_table && interrupts ? 0 : -ENOMEM;
	for (unsigned i = 0; !error && i < pci_count(); i++) {
		error = context_entry(pci_at(i)->bdf) ? 0 : -ENOMEM;
	}
	return error;
}

static int vtd_start(const struct iommu_described *described, const char **why)
{
	int error = 0;
	for (unit_count = 0; !error && unit_count < described->unit_count; unit_count++) {
		error = vtd_unit_open(&units[unit_count], &described->units[unit_count]);
	}
	*why = error ? NULL : features_take();
	if (*why) {
		return -ENODEV;
	}
	error = error ? error : tables_make();
	*why = error ? "there is no memory for the IOMMU's tables" : "the IOMMU does not take its first commands";
	uint64_t remapping = pool_hpa(interrupts).value | (x2apic ? VTD_IRTA_X2APIC : 0) | INTERRUPT_ORDER;
	for (unsigned i = 0; !error && i < unit_count; i++) {
		error = vtd_unit_start(&units[i], pool_hpa(root_table).value, remapping);
	}
	if (!error) {
		ioapic_remap(ioapic_route);
	}
	return error;
}

const struct iommu_ops vtd_ops = {
	.name = "VT-d",
	.table = "DMAR",
	.parse = dmar_parse,
	.start = vtd_start,
	.format = &vtd_format,
	.attach = vtd_attach,
	.flush = vtd_flush,
	.msi_route = vtd_msi_route,
	.fault_next = vtd_fault_next,
};
