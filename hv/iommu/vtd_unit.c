/* SPDX-License-Identifier: MIT */
/*
 * One unit: its start, its invalidation queue (Intel VT-d, 6.5.2) and its fault recording registers (7.3). A command
 * takes effect when the wait descriptor behind it has stored its ticket: only then are the old translations gone and
 * the requests that used them drained. Each is waited for, so the queue holds two descriptors at most, and after a
 * ticket that did not come nothing more is written to it. The fault event comes again only once no fault is pending
 * (7.4), so whoever takes faults takes them all; after an overflow nothing more is recorded until it is cleared.
 */
#include "vtd.h"

#include "abi/errno.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/pool.h"

#define REGISTERS_MAX 0x5000u /* fault registers lie at most 16 KiB in (FRO), 256 of them */
#define LIMIT_US 1000000u

/* GCMD_REG and GSTS_REG have the same bits (11.4.4). */
#define GLOBAL_TRANSLATION (1u << 31)
#define GLOBAL_ROOT (1u << 30)
#define GLOBAL_WRITE_BUFFER (1u << 27)
#define GLOBAL_QUEUE (1u << 26)
#define GLOBAL_INTERRUPTS (1u << 25)
#define GLOBAL_INTERRUPT_ROOT (1u << 24)
#define GLOBAL_LASTING (GLOBAL_TRANSLATION | GLOBAL_QUEUE | GLOBAL_INTERRUPTS)

#define PROTECTED_ENABLE (1u << 31)
#define PROTECTED_STATUS (1u << 0)
#define FAULT_OVERFLOW (1u << 0)
#define FAULT_PENDING (1u << 1)
#define FAULT_QUEUE 0x70u /* IQE, ICE, ITE */
#define FAULT_VALID (1ull << 63)
#define FAULT_READ (1ull << 62)
#define FAULT_INTERRUPT 0x20u /* reasons from here on are of interrupt requests: table 7-1 */
#define MESSAGE_ADDRESS 0xfee00000u

static int poll32(const struct vtd_unit *unit, unsigned offset, uint32_t mask, uint32_t value)
{
	uint64_t end = tsc_read() + us_to_tsc(LIMIT_US);
	while ((mmio_read32(unit->registers, offset) & mask) != value) {
		if (tsc_read() > end) {
			return -ETIMEDOUT;
		}
		__asm__ volatile("pause");
	}
	return 0;
}

/* One command at a time, with what is on kept on; its status bit becomes `on` (11.4.4.1). */
static int global(const struct vtd_unit *unit, uint32_t bit, bool command, bool on)
{
	uint32_t now = mmio_read32(unit->registers, VTD_GSTS) & GLOBAL_LASTING;
	mmio_write32(unit->registers, VTD_GCMD, command ? now | bit : now & ~bit);
	return poll32(unit, VTD_GSTS, bit, on ? bit : 0);
}

int vtd_unit_command(struct vtd_unit *unit, struct vtd_pair command)
{
	uint64_t end = tsc_read() + us_to_tsc(LIMIT_US);
	struct vtd_pair *entry = &unit->commands[2 * unit->ticket % VTD_COMMANDS];
	if (__atomic_load_n(unit->done, __ATOMIC_ACQUIRE) != unit->ticket) {
		return -ETIMEDOUT;
	}
	/* What the tables say is to be in memory, not in a buffer on the way (6.8). */
	if (unit->capabilities & VTD_CAP_RWBF && global(unit, GLOBAL_WRITE_BUFFER, true, false) < 0) {
		return -ETIMEDOUT;
	}
	unit->ticket++;
	entry[0] = command;
	entry[1] = VTD_WAIT(unit->ticket, pool_hpa(unit->done).value);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* tables and descriptors before the doorbell */
	mmio_write64(unit->registers, VTD_IQT, 2 * unit->ticket % VTD_COMMANDS * sizeof(*entry));
	while (__atomic_load_n(unit->done, __ATOMIC_ACQUIRE) != unit->ticket) {
		if (tsc_read() > end) {
			log_line("iommu: an invalidation does not end; fault status %x", mmio_read32(unit->registers, VTD_FSTS));
			return -ETIMEDOUT;
		}
		__asm__ volatile("pause");
	}
	return 0;
}

/* The address of an interrupt request's fault is its entry's index; it is told as the write to the interrupt range that
 * it was. */
int vtd_unit_fault(struct vtd_unit *unit, struct iommu_fault *fault)
{
	uint32_t status = mmio_read32(unit->registers, VTD_FSTS);
	char *record = unit->registers + VTD_CAP_FAULTS_AT(unit->capabilities) + (status >> 8 & 0xff) * 16;
	uint64_t high = status & FAULT_PENDING ? mmio_read64(record, 8) : 0;
	if (!(high & FAULT_VALID)) {
		if (status & FAULT_OVERFLOW) {
			mmio_write32(unit->registers, VTD_FSTS, FAULT_OVERFLOW);
			log_line("iommu: faults were lost: there were more than it records");
		}
		return -ENOENT;
	}
	bool interrupt = (high >> 32 & 0xff) >= FAULT_INTERRUPT;
	*fault = (struct iommu_fault){
		.bdf = (uint16_t)high,
		.address = interrupt ? MESSAGE_ADDRESS : page_down(mmio_read64(record, 0)),
		.write = interrupt || !(high & FAULT_READ),
	};
	mmio_write32(record, 12, FAULT_VALID >> 32);
	return 0;
}

static void fault_interrupt(void *arg)
{
	iommu_faults_take();
}

/* Its own message is not remapped (5.1). Old faults go first: with one pending there is no event for the next. */
static void fault_interrupt_enable(struct vtd_unit *unit)
{
	uint8_t vector = irq_vector_alloc(fault_interrupt, unit);
	uint32_t apic_id = cpu_at(0)->apic_id;
	struct iommu_fault old;
	while (vtd_unit_fault(unit, &old) == 0) {
	}
	mmio_write32(unit->registers, VTD_FSTS, FAULT_QUEUE);
	if (vector == 0) {
		log_line("iommu: its faults raise no interrupt on this machine, and stay untold");
		return;
	}
	mmio_write32(unit->registers, VTD_FEDATA, vector);
	mmio_write32(unit->registers, VTD_FEADDR, MESSAGE_ADDRESS | (apic_id & 0xff) << 12);
	mmio_write32(unit->registers, VTD_FEUADDR, apic_id & ~0xffu);
	mmio_write32(unit->registers, VTD_FECTL, 0);
}

int vtd_unit_open(struct vtd_unit *unit, const struct iommu_described_unit *described)
{
	char *registers = mmio_map(HPA(described->registers), REGISTERS_MAX);
	struct vtd_pair *pages = pool_alloc(2, 1);
	if (!registers || !pages) {
		return -ENOMEM;
	}
	*unit = (struct vtd_unit){ .registers = registers, .commands = pages, .done = (uint32_t *)(pages + VTD_COMMANDS),
				   .capabilities = mmio_read64(registers, VTD_CAP), .extended = mmio_read64(registers, VTD_ECAP) };
	return 0;
}

/* What firmware left on goes off: devices do not master the bus yet. Protected memory ranges block what they hold,
 * whatever the tables say, and are of no use beside them (11.4.6). */
int vtd_unit_start(struct vtd_unit *unit, uint64_t root, uint64_t interrupts)
{
	int error = global(unit, GLOBAL_INTERRUPTS, false, false);
	error = error ? error : global(unit, GLOBAL_TRANSLATION, false, false);
	error = error ? error : global(unit, GLOBAL_QUEUE, false, false);
	mmio_write64(unit->registers, VTD_RTADDR, root);
	error = error ? error : global(unit, GLOBAL_ROOT, true, true);
	mmio_write64(unit->registers, VTD_IQT, 0);
	mmio_write64(unit->registers, VTD_IQA, pool_hpa(unit->commands).value);
	error = error ? error : global(unit, GLOBAL_QUEUE, true, true);
	mmio_write64(unit->registers, VTD_IRTA, interrupts);
	error = error ? error : global(unit, GLOBAL_INTERRUPT_ROOT, true, true);
	error = error ? error : vtd_unit_command(unit, VTD_INVALIDATE_CONTEXTS);
	error = error ? error : vtd_unit_command(unit, VTD_INVALIDATE_ALL);
	error = error ? error : vtd_unit_command(unit, VTD_INVALIDATE_INTERRUPTS);
	error = error ? error : global(unit, GLOBAL_TRANSLATION, true, true);
	error = error ? error : global(unit, GLOBAL_INTERRUPTS, true, true);
	if (!error && unit->capabilities & VTD_CAP_PROTECTED) {
		mmio_write32(unit->registers, VTD_PMEN, mmio_read32(unit->registers, VTD_PMEN) & ~PROTECTED_ENABLE);
		error = poll32(unit, VTD_PMEN, PROTECTED_STATUS, 0);
	}
	if (!error) {
		fault_interrupt_enable(unit);
	}
	return error;
}
