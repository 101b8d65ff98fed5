/* SPDX-License-Identifier: MIT */
/* AMD-Vi below the IOMMU list. AMD 48882 (rev 3.08). */
#ifndef HV_AMDVI_H
#define HV_AMDVI_H

#include "hv/iommu.h"

#define AMDVI_COMMANDS 256u /* entries of a command ring, 16 bytes each: one page */
#define AMDVI_EVENTS 256u

struct amdvi_command {
	uint64_t low, high;
};

/* The command ring of one IOMMU. Empty between calls, unless it stopped answering. */
struct amdvi_queue {
	void *registers;
	struct amdvi_command *ring;
	uint64_t *done; /* where COMPLETION_WAIT stores its ticket */
	uint64_t ticket;
	uint32_t tail; /* index */
};

struct amdvi_command amdvi_completion_wait(hpa_t store, uint64_t value);
struct amdvi_command amdvi_invalidate_device(uint16_t bdf);
struct amdvi_command amdvi_invalidate_interrupts(uint16_t bdf);
struct amdvi_command amdvi_invalidate_domain(uint16_t id);
struct amdvi_command amdvi_invalidate_all(void);

/** Returns when the commands, fewer than the ring has entries, have completed, or -ETIMEDOUT. */
int amdvi_queue_run(struct amdvi_queue *queue, const struct amdvi_command *commands, unsigned count);

/* The event log of one IOMMU (2.5). */
struct amdvi_event_log {
	void *registers;
	uint64_t *entries; /* AMDVI_EVENTS of two words */
	uint32_t head; /* index */
};

/** Take the next event that a device caused; others are logged on the way. -ENOENT: none. */
int amdvi_event_next(struct amdvi_event_log *log, struct iommu_fault *fault);

/* A device table entry: 48882, 2.2.2.1. */
struct amdvi_dte {
	uint64_t q[4];
};

/** DMA: nothing passes. `quiet` also suppresses the events. */
uint64_t amdvi_dte_blocked(void);
uint64_t amdvi_dte_translated(hpa_t root, unsigned levels);
uint64_t amdvi_dte_domain(uint16_t id, bool quiet);
/** Interrupts: nothing passes; or what the table of 2^order entries says. */
uint64_t amdvi_dte_interrupts_blocked(void);
uint64_t amdvi_dte_interrupts_remapped(hpa_t table, unsigned order);
/** An entry of an interrupt table: fixed delivery to one processor. */
uint32_t amdvi_irte(uint8_t vector, uint8_t apic_id);

extern const struct paging_format amdvi_format;
extern const struct iommu_ops amdvi_ops;

/* Registers: 48882, 3.4. */
#define AMDVI_DEVICE_TABLE 0x0000
#define AMDVI_COMMAND_BASE 0x0008
#define AMDVI_EVENT_BASE 0x0010
#define AMDVI_CONTROL 0x0018
#define AMDVI_EXTENDED_FEATURES 0x0030
#define AMDVI_COMMAND_HEAD 0x2000
#define AMDVI_COMMAND_TAIL 0x2008
#define AMDVI_EVENT_HEAD 0x2010
#define AMDVI_EVENT_TAIL 0x2018
#define AMDVI_STATUS 0x2020
#define AMDVI_REGISTERS_SIZE 0x4000

#define AMDVI_CONTROL_ENABLE (1ull << 0)
#define AMDVI_CONTROL_EVENT_LOG (1ull << 2)
#define AMDVI_CONTROL_EVENT_INTERRUPT (1ull << 3)
#define AMDVI_CONTROL_COHERENT (1ull << 10)
#define AMDVI_CONTROL_COMMANDS (1ull << 12)

#define AMDVI_STATUS_EVENT_OVERFLOW (1u << 0)
#define AMDVI_STATUS_EVENT_INTERRUPT (1u << 1)
#define AMDVI_STATUS_EVENT_RUN (1u << 3)

#endif
