/* SPDX-License-Identifier: MIT */
/*
 * One IOMMU: its start, its command ring (AMD 48882, 2.4) and its event log (2.5). A command takes effect when the
 * COMPLETION_WAIT behind it has stored its ticket: only then are the old translations gone and the requests that used
 * them done (2.4.1). Each is waited for, so the ring holds two entries at most, and after a ticket that did not come
 * nothing more is written to it. An event is zeroed when it has been taken, so that one whose tail became visible
 * before its words reads as "not yet" (code 0) and is taken at the next look. After an overflow nothing more is
 * logged until logging is switched off and on again (2.5.2).
 */
#include "amdvi.h"

#include "abi/errno.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/pool.h"

#define RING_LENGTH_256 (8ull << 56)
#define DEVICE_TABLE_SIZE 511ull /* 512 pages */
#define FEATURE_INVALIDATE_ALL (1ull << 6)
#define WAIT_LIMIT_US 1000000u
#define STOP_POLLS 100000u

#define STATUS_EVENT_OVERFLOW (1u << 0)
#define STATUS_EVENT_INTERRUPT (1u << 1)
#define STATUS_EVENT_RUN (1u << 3)

#define EVENT_CODE_SHIFT 60
#define EVENT_ILLEGAL_DEVICE_ENTRY 1
#define EVENT_PAGE_FAULT 2
#define EVENT_INVALID_REQUEST 8
#define EVENT_WRITE (1ull << 53)

int amdvi_unit_command(struct amdvi_unit *unit, uint64_t low, uint64_t high)
{
	uint64_t end = tsc_read() + us_to_tsc(WAIT_LIMIT_US);
	struct amdvi_ring_entry *entry = &unit->commands[2 * unit->ticket % AMDVI_COMMANDS];
	if (__atomic_load_n(unit->done, __ATOMIC_ACQUIRE) != unit->ticket) {
		return -ETIMEDOUT;
	}
	unit->ticket++;
	entry[0] = (struct amdvi_ring_entry){ low, high };
	entry[1] = (struct amdvi_ring_entry){ AMDVI_COMPLETION_WAIT | pool_hpa(unit->done).value, unit->ticket };
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* tables and commands before the doorbell */
	mmio_write64(unit->registers, AMDVI_COMMAND_TAIL, 2 * unit->ticket % AMDVI_COMMANDS * sizeof(*entry));
	while (__atomic_load_n(unit->done, __ATOMIC_ACQUIRE) != unit->ticket) {
		if (tsc_read() > end) {
			return -ETIMEDOUT;
		}
		__asm__ volatile("pause");
	}
	return 0;
}

static void restart_after_overflow(const struct amdvi_unit *unit)
{
	uint64_t control = mmio_read64(unit->registers, AMDVI_CONTROL);
	mmio_write64(unit->registers, AMDVI_CONTROL, control & ~AMDVI_CONTROL_EVENT_LOG);
	for (unsigned i = 0; i < STOP_POLLS && mmio_read32(unit->registers, AMDVI_STATUS) & STATUS_EVENT_RUN; i++) {
		__asm__ volatile("pause");
	}
	mmio_write32(unit->registers, AMDVI_STATUS, STATUS_EVENT_OVERFLOW);
	mmio_write64(unit->registers, AMDVI_CONTROL, control);
	log_line("iommu: events were lost: there were more than the log holds");
}

int amdvi_unit_event(struct amdvi_unit *unit, struct iommu_fault *fault)
{
	for (;;) {
		uint32_t head = mmio_read32(unit->registers, AMDVI_EVENT_HEAD) / sizeof(*unit->events) % AMDVI_EVENTS;
		uint32_t tail = mmio_read32(unit->registers, AMDVI_EVENT_TAIL) / sizeof(*unit->events) % AMDVI_EVENTS;
		struct amdvi_ring_entry *entry = &unit->events[head];
		uint64_t low = __atomic_load_n(&entry->low, __ATOMIC_ACQUIRE);
		uint64_t high = __atomic_load_n(&entry->high, __ATOMIC_ACQUIRE);
		unsigned code = (unsigned)(low >> EVENT_CODE_SHIFT);
		if (head == tail && mmio_read32(unit->registers, AMDVI_STATUS) & STATUS_EVENT_OVERFLOW) {
			restart_after_overflow(unit);
		}
		if (head == tail || code == 0) {
			return -ENOENT;
		}
		*entry = (struct amdvi_ring_entry){ 0, 0 };
		mmio_write64(unit->registers, AMDVI_EVENT_HEAD, (head + 1) % AMDVI_EVENTS * sizeof(*entry));
		if (code == EVENT_PAGE_FAULT || code == EVENT_ILLEGAL_DEVICE_ENTRY || code == EVENT_INVALID_REQUEST) {
			*fault = (struct iommu_fault){ .bdf = (uint16_t)low, .address = high,
							.write = low & EVENT_WRITE };
			return 0;
		}
		log_line("iommu: event %u: %016lx %016lx", code, low, high);
	}
}

static void event_interrupt(void *arg)
{
	const struct amdvi_unit *unit = arg;
	/* Before the log is read: a later event interrupts anew. */
	mmio_write32(unit->registers, AMDVI_STATUS, STATUS_EVENT_INTERRUPT);
	iommu_faults_take();
}

/*
 * The IOMMU's own message is not remapped, and is programmed while the list is not set, so that it is not routed
 * through it.
 */
static void event_interrupt_enable(struct amdvi_unit *unit, uint16_t bdf)
{
	struct pci_function *f = pci_find(bdf);
	uint8_t vector = f ? irq_vector_alloc(event_interrupt, unit) : 0;
	if (vector == 0 || pci_msi_set(f, 0, vector, 0) < 0) {
		log_line("iommu: its faults raise no interrupt on this machine, and stay untold");
		return;
	}
	uint64_t control = mmio_read64(unit->registers, AMDVI_CONTROL);
	mmio_write64(unit->registers, AMDVI_CONTROL, control | AMDVI_CONTROL_EVENT_INTERRUPT);
}

int amdvi_unit_start(struct amdvi_unit *unit, const struct iommu_described_unit *described, hpa_t device_table)
{
	char *registers = mmio_map(HPA(described->registers), AMDVI_REGISTERS_SIZE);
	struct amdvi_ring_entry *pages = pool_alloc(3, 1);
	uint64_t flags = described->flags;
	uint64_t control = AMDVI_CONTROL_ENABLE | AMDVI_CONTROL_EVENT_LOG | AMDVI_CONTROL_COHERENT | AMDVI_CONTROL_COMMANDS;
	/* Flags 0 to 3 (HtTunEn, PassPW, ResPassPW, Isoc) are control bits 1, 8, 9 and 11: 48882, 5.2.2.1 and 3.4.1. */
	control |= (flags & 1) << 1 | (flags & 6) << 7 | (flags & 8) << 8;
	if (!registers || !pages) {
		return -ENOMEM;
	}
	if (!(mmio_read64(registers, AMDVI_EXTENDED_FEATURES) & FEATURE_INVALIDATE_ALL)) {
		return -ENODEV;
	}
	*unit = (struct amdvi_unit){ .registers = registers, .commands = pages, .events = pages + AMDVI_COMMANDS };
	unit->done = (uint64_t *)(unit->events + AMDVI_EVENTS);
	mmio_write64(registers, AMDVI_CONTROL, 0);
	mmio_write64(registers, AMDVI_DEVICE_TABLE, device_table.value | DEVICE_TABLE_SIZE);
	mmio_write64(registers, AMDVI_COMMAND_BASE, pool_hpa(unit->commands).value | RING_LENGTH_256);
	mmio_write64(registers, AMDVI_EVENT_BASE, pool_hpa(unit->events).value | RING_LENGTH_256);
	for (unsigned offset = AMDVI_COMMAND_HEAD; offset <= AMDVI_EVENT_TAIL; offset += 8) {
		mmio_write64(registers, offset, 0);
	}
	mmio_write64(registers, AMDVI_CONTROL, control);
	int error = amdvi_unit_command(unit, AMDVI_INVALIDATE_ALL, 0);
	if (error == 0) {
		event_interrupt_enable(unit, described->bdf);
	}
	return error;
}
