/* SPDX-License-Identifier: MIT */
/*
 * The event log (AMD 48882, 2.5): a ring that the IOMMU fills. An entry is zeroed when it has been taken, so that one whose tail
 * became visible before its words reads as "not yet" (code 0) and is taken at the next look. After an overflow the IOMMU logs no
 * more until logging is switched off and on again (2.5.2).
 */
#include "amdvi.h"

#include "abi/errno.h"
#include "hv/log.h"
#include "hv/mmio.h"

#define ENTRY_SIZE 16u
#define CODE_SHIFT 60
#define CODE_ILLEGAL_DEVICE_ENTRY 1
#define CODE_PAGE_FAULT 2
#define CODE_INVALID_REQUEST 8
#define FLAG_WRITE (1ull << 53)

#define STOP_POLLS 100000u

static void restart_after_overflow(struct amdvi_event_log *log)
{
	uint64_t control = mmio_read64(log->registers, AMDVI_CONTROL);
	mmio_write64(log->registers, AMDVI_CONTROL, control & ~AMDVI_CONTROL_EVENT_LOG);
	for (unsigned i = 0; i < STOP_POLLS && mmio_read32(log->registers, AMDVI_STATUS) & AMDVI_STATUS_EVENT_RUN; i++) {
		__asm__ volatile("pause");
	}
	mmio_write32(log->registers, AMDVI_STATUS, AMDVI_STATUS_EVENT_OVERFLOW);
	mmio_write64(log->registers, AMDVI_CONTROL, control);
	log_line("iommu: events were lost: there were more than the log holds");
}

/* Takes one entry. False: none is ready. */
static bool entry_take(struct amdvi_event_log *log, uint64_t *low, uint64_t *high)
{
	uint32_t tail = (uint32_t)(mmio_read64(log->registers, AMDVI_EVENT_TAIL) / ENTRY_SIZE) % AMDVI_EVENTS;
	uint64_t *entry = &log->entries[2 * log->head];
	if (tail == log->head) {
		if (mmio_read32(log->registers, AMDVI_STATUS) & AMDVI_STATUS_EVENT_OVERFLOW) {
			restart_after_overflow(log);
		}
		return false;
	}
	*low = __atomic_load_n(&entry[0], __ATOMIC_ACQUIRE);
	*high = __atomic_load_n(&entry[1], __ATOMIC_ACQUIRE);
	if (*low >> CODE_SHIFT == 0) {
		return false;
	}
	entry[0] = entry[1] = 0;
	log->head = (log->head + 1) % AMDVI_EVENTS;
	mmio_write64(log->registers, AMDVI_EVENT_HEAD, log->head * ENTRY_SIZE);
	return true;
}

int amdvi_event_next(struct amdvi_event_log *log, struct iommu_fault *fault)
{
	uint64_t low, high;
	while (entry_take(log, &low, &high)) {
		unsigned code = (unsigned)(low >> CODE_SHIFT);
		if (code == CODE_PAGE_FAULT || code == CODE_ILLEGAL_DEVICE_ENTRY || code == CODE_INVALID_REQUEST) {
			*fault = (struct iommu_fault){ .bdf = (uint16_t)low, .address = high, .write = low & FLAG_WRITE };
			return 0;
		}
		log_line("iommu: event %u: %016lx %016lx", code, low, high);
	}
	return -ENOENT;
}
