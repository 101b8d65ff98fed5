/* SPDX-License-Identifier: MIT */
/*
 * AMD-Vi: one device table for all requester IDs, shared by all IOMMUs; every command goes to each of them. An entry's first
 * word holds its validity, its tables and its permissions, so one store switches it between blocked and translated; the other words
 * change only while it is blocked. The invariant: when attach, flush or msi_route returns 0, no IOMMU uses anything older than
 * what the tables say. AMD 48882, 2.2 and 2.4.
 */
#include "amdvi.h"

#include "abi/errno.h"
#include "base/string.h"
#include "hv/acpi.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/pool.h"
#include "ivrs.h"

#define DEVICE_TABLE_PAGES 512u /* 65,536 entries of 32 bytes */
#define INTERRUPT_ORDER 10u /* 1,024 entries of 4 bytes: one page */
#define INTERRUPT_COUNT (1u << INTERRUPT_ORDER)
#define MAX_INTERRUPT_TABLES 32u
#define RING_LENGTH_256 (8ull << 56)
#define FEATURE_INVALIDATE_ALL (1ull << 6)
#define MESSAGE_ADDRESS 0xfee00000u

struct unit {
	struct amdvi_queue queue;
	struct amdvi_event_log events;
	uint64_t control;
};

static struct ivrs ivrs; /* read-only after probe */
static bool remaps_interrupts; /* read-only after probe */
static unsigned unit_count; /* read-only after probe */

static spinlock_t lock; /* guards all below */
static struct unit units[IVRS_MAX_UNITS];
static struct amdvi_dte *device_table;
static struct {
	uint16_t bdf;
	uint32_t *entries;
} interrupt_tables[MAX_INTERRUPT_TABLES];
static unsigned interrupt_table_count;

/* Every IOMMU runs the commands; the first error counts, but all are tried. */
static int run(const struct amdvi_command *commands, unsigned count)
{
	int result = 0;
	for (unsigned i = 0; i < unit_count; i++) {
		int error = amdvi_queue_run(&units[i].queue, commands, count);
		result = result < 0 ? result : error;
	}
	return result;
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t *interrupt_table(uint16_t bdf)
{
	for (unsigned i = 0; i < interrupt_table_count; i++) {
		if (interrupt_tables[i].bdf == bdf) {
			return interrupt_tables[i].entries;
		}
	}
	void *page = interrupt_table_count < MAX_INTERRUPT_TABLES ? pool_alloc(1, 1) : NULL;
	if (page) {
		interrupt_tables[interrupt_table_count].bdf = bdf;
		interrupt_tables[interrupt_table_count++].entries = page;
	}
	return page;
}

static int standing_check(const struct pci_function *f)
{
	static const char *const reasons[] = {
		[IVRS_UNKNOWN] = "the firmware puts no IOMMU in front of it",
		[IVRS_ALIASED] = "it shares its requester ID with other functions",
		[IVRS_MEMORY] = "the firmware demands memory that it can always reach",
	};
	enum ivrs_standing standing = ivrs_look_up(&ivrs, f->bdf);
	if (standing == IVRS_TRANSLATED) {
		return 0;
	}
	log_line("iommu: %02x:%02x.%x cannot be fenced: %s", f->bdf >> 8, f->bdf >> 3 & 31, f->bdf & 7, reasons[standing]);
	return -EOPNOTSUPP;
}

static int entry_block(uint16_t bdf, uint32_t *interrupts)
{
	struct amdvi_dte *entry = &device_table[bdf];
	const struct amdvi_command commands[] = {
		amdvi_invalidate_device(bdf),
		amdvi_invalidate_domain((uint16_t)entry->q[1]),
		amdvi_invalidate_interrupts(bdf),
	};
	store(&entry->q[0], amdvi_dte_blocked());
	if (remaps_interrupts) {
		store(&entry->q[2], amdvi_dte_interrupts_blocked());
		memset(interrupts, 0, PAGE_SIZE);
	}
	int error = run(commands, 3);
	if (error == 0) {
		store(&entry->q[1], amdvi_dte_domain(0, false));
	}
	return error;
}

static int entry_open(uint16_t bdf, uint32_t *interrupts, const struct iommu_domain *domain)
{
	struct amdvi_dte *entry = &device_table[bdf];
	const struct amdvi_command command = amdvi_invalidate_device(bdf);
	store(&entry->q[1], amdvi_dte_domain(domain->id, false));
	if (remaps_interrupts) {
		store(&entry->q[2], amdvi_dte_interrupts_remapped(pool_hpa(interrupts), INTERRUPT_ORDER));
	}
	store(&entry->q[0], amdvi_dte_translated(pool_hpa(domain->paging.root), domain->paging.format->levels));
	return run(&command, 1);
}

static int amdvi_attach(struct pci_function *f, struct iommu_domain *domain)
{
	int error = standing_check(f);
	if (error < 0) {
		return error;
	}
	spin_lock(&lock);
	uint32_t *interrupts = interrupt_table(f->bdf);
	error = interrupts ? entry_block(f->bdf, interrupts) : -ENOMEM;
	if (error == 0 && domain) {
		error = entry_open(f->bdf, interrupts, domain);
	}
	spin_unlock(&lock);
	return error;
}

static int amdvi_flush(struct iommu_domain *domain)
{
	const struct amdvi_command command = amdvi_invalidate_domain(domain->id);
	spin_lock(&lock);
	int error = run(&command, 1);
	spin_unlock(&lock);
	return error;
}

static int amdvi_msi_route(struct pci_function *f, unsigned index, uint8_t vector, uint32_t apic_id, uint64_t *address, uint32_t *data)
{
	const struct amdvi_command command = amdvi_invalidate_interrupts(f->bdf);
	if (apic_id > 0xfe || index >= INTERRUPT_COUNT) {
		return -EINVAL;
	}
	if (!remaps_interrupts) {
		*address = MESSAGE_ADDRESS | apic_id << 12;
		*data = vector;
		return 0;
	}
	spin_lock(&lock);
	uint32_t *interrupts = interrupt_table(f->bdf);
	int error = -ENOMEM;
	if (interrupts) {
		__atomic_store_n(&interrupts[index], vector ? amdvi_irte(vector, (uint8_t)apic_id) : 0, __ATOMIC_RELEASE);
		error = run(&command, 1);
	}
	spin_unlock(&lock);
	*address = MESSAGE_ADDRESS;
	*data = index;
	return error;
}

static int amdvi_fault_next(struct iommu_fault *fault)
{
	int error = -ENOENT;
	spin_lock(&lock);
	for (unsigned i = 0; i < unit_count && error < 0; i++) {
		error = amdvi_event_next(&units[i].events, fault);
	}
	spin_unlock(&lock);
	return error;
}

static void event_interrupt(void *arg)
{
	struct unit *unit = arg;
	mmio_write32(unit->queue.registers, AMDVI_STATUS, AMDVI_STATUS_EVENT_INTERRUPT); /* before the log is read: a later event interrupts anew */
	iommu_faults_take();
}

/* The IOMMU's own message is not remapped, and is programmed while the list is not set, so that it is not routed through it. */
static void event_interrupt_enable(struct unit *unit, uint16_t bdf)
{
	struct pci_function *f = pci_find(bdf);
	uint8_t vector = f ? irq_vector_alloc(event_interrupt, unit) : 0;
	if (vector == 0 || pci_msi_set(f, 0, vector, 0) < 0) {
		log_line("iommu: its faults raise no interrupt on this machine, and stay untold");
		return;
	}
	unit->control |= AMDVI_CONTROL_EVENT_INTERRUPT;
	mmio_write64(unit->queue.registers, AMDVI_CONTROL, unit->control);
}

/* The IVHD's flags 0 to 3 (HtTunEn, PassPW, ResPassPW, Isoc) are control bits 1, 8, 9 and 11: 48882, 5.2.2.1 and 3.4.1. */
static uint64_t control_of(uint64_t flags)
{
	return AMDVI_CONTROL_ENABLE | AMDVI_CONTROL_EVENT_LOG | AMDVI_CONTROL_COMMANDS | AMDVI_CONTROL_COHERENT |
	       (flags & 1) << 1 | (flags & 6) << 7 | (flags & 8) << 8;
}

static int unit_start(struct unit *unit, const struct ivrs_unit *described)
{
	void *registers = mmio_map(HPA(described->registers), AMDVI_REGISTERS_SIZE);
	char *commands = pool_alloc(3, 1), *events = commands + PAGE_SIZE, *done = events + PAGE_SIZE;
	if (!registers || !commands) {
		return -ENOMEM;
	}
	unit->queue = (struct amdvi_queue){ .registers = registers, .ring = (struct amdvi_command *)commands, .done = (uint64_t *)done };
	unit->events = (struct amdvi_event_log){ .registers = registers, .entries = (uint64_t *)events };
	unit->control = control_of(described->flags);
	mmio_write64(registers, AMDVI_CONTROL, 0);
	mmio_write64(registers, AMDVI_DEVICE_TABLE, pool_hpa(device_table).value | (DEVICE_TABLE_PAGES - 1));
	mmio_write64(registers, AMDVI_COMMAND_BASE, pool_hpa(commands).value | RING_LENGTH_256);
	mmio_write64(registers, AMDVI_COMMAND_HEAD, 0);
	mmio_write64(registers, AMDVI_COMMAND_TAIL, 0);
	mmio_write64(registers, AMDVI_EVENT_BASE, pool_hpa(events).value | RING_LENGTH_256);
	mmio_write64(registers, AMDVI_EVENT_HEAD, 0);
	mmio_write64(registers, AMDVI_EVENT_TAIL, 0);
	mmio_write64(registers, AMDVI_CONTROL, unit->control);
	/* What it may have cached before: everything, or, where it has no command for that, entries of functions that exist. */
	const struct amdvi_command all = amdvi_invalidate_all();
	bool knows_all = mmio_read64(registers, AMDVI_EXTENDED_FEATURES) & FEATURE_INVALIDATE_ALL;
	int error = knows_all ? amdvi_queue_run(&unit->queue, &all, 1) : 0;
	for (unsigned i = 0; i < pci_count() && !knows_all && error == 0; i++) {
		const struct amdvi_command one = amdvi_invalidate_device(pci_at(i)->bdf);
		error = amdvi_queue_run(&unit->queue, &one, 1);
	}
	return error;
}

/*
 * Interrupts are remapped only where the firmware says how the I/O APICs' own arrive: they would be blocked else. Each of these may raise
 * each vector on the boot processor, where the hypervisor's own interrupts go.
 */
static int device_table_make(void)
{
	device_table = pool_alloc(DEVICE_TABLE_PAGES, 1);
	remaps_interrupts = ivrs.ioapic_count > 0;
	for (unsigned bdf = 0; device_table && bdf < 0x10000; bdf++) {
		device_table[bdf].q[0] = amdvi_dte_blocked();
		device_table[bdf].q[1] = amdvi_dte_domain(0, true);
		device_table[bdf].q[2] = remaps_interrupts ? amdvi_dte_interrupts_blocked() : 0;
	}
	for (unsigned i = 0; device_table && i < ivrs.ioapic_count; i++) {
		uint32_t *interrupts = interrupt_table(ivrs.ioapics[i]);
		if (!interrupts) {
			return -ENOMEM;
		}
		for (unsigned vector = 32; vector < 256; vector++) {
			interrupts[vector] = amdvi_irte((uint8_t)vector, (uint8_t)cpu_at(0)->apic_id);
		}
		device_table[ivrs.ioapics[i]].q[2] = amdvi_dte_interrupts_remapped(pool_hpa(interrupts), INTERRUPT_ORDER);
	}
	return device_table ? 0 : -ENOMEM;
}

static int amdvi_init(const char **why)
{
	const struct acpi_header *table = acpi_table("IVRS", 0);
	if (!table) {
		*why = "the firmware describes no IOMMU (no ACPI table IVRS)";
		return -ENODEV;
	}
	int error = ivrs_parse(table, table->length, &ivrs, why);
	if (error < 0) {
		log_line("iommu: the ACPI table IVRS cannot be used: %s", *why);
		return error;
	}
	error = device_table_make();
	while (error == 0 && unit_count < ivrs.unit_count) {
		struct unit *unit = &units[unit_count];
		error = unit_start(unit, &ivrs.units[unit_count]);
		if (error == 0) {
			event_interrupt_enable(unit, ivrs.units[unit_count++].bdf);
		}
	}
	if (error < 0) {
		*why = error == -ENOMEM ? "no memory for the IOMMU's tables" : "the IOMMU does not answer its first commands";
	} else if (!remaps_interrupts) {
		log_line("iommu: no interrupt remapping: a device can raise any interrupt");
	}
	return error;
}

const struct iommu_ops amdvi_ops = {
	.name = "AMD-Vi",
	.init = amdvi_init,
	.format = &amdvi_format,
	.attach = amdvi_attach,
	.flush = amdvi_flush,
	.msi_route = amdvi_msi_route,
	.fault_next = amdvi_fault_next,
};
