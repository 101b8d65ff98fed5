/* SPDX-License-Identifier: MIT */
/* AMD-Vi below the IOMMU list. AMD 48882 (rev 3.08). */
#ifndef HV_AMDVI_H
#define HV_AMDVI_H

#include "iommu_internal.h"

#define AMDVI_COMMANDS 256u /* entries of a command ring, 16 bytes each: one page */
#define AMDVI_EVENTS 256u

struct amdvi_ring_entry {
	uint64_t low, high;
};

/* One IOMMU. Its rings' indices are kept by its registers, and by `ticket`. */
struct amdvi_unit {
	void *registers;
	struct amdvi_ring_entry *commands, *events;
	uint64_t *done; /* where COMPLETION_WAIT stores its ticket */
	uint64_t ticket; /* of the newest command */
};

/** Switch it on, with nothing in its caches. -ENOMEM, -ENODEV (it lacks a command), -ETIMEDOUT. */
int amdvi_unit_start(struct amdvi_unit *unit, const struct iommu_described_unit *described, hpa_t device_table);
/** Returns when the command has completed, and all that it invalidates is out of use; or -ETIMEDOUT. */
int amdvi_unit_command(struct amdvi_unit *unit, uint64_t low, uint64_t high);
/** Take the next event that a device caused; others are logged on the way. -ENOENT: none. */
int amdvi_unit_event(struct amdvi_unit *unit, struct iommu_fault *fault);

/* Commands, low words: 48882, 2.4. */
#define AMDVI_COMPLETION_WAIT (1ull << 60 | 1) /* S: stores the high word at the address */
#define AMDVI_INVALIDATE_DEVICE(bdf) (2ull << 60 | (bdf))
#define AMDVI_INVALIDATE_DOMAIN(id) (3ull << 60 | (uint64_t)(id) << 32)
#define AMDVI_INVALIDATE_INTERRUPTS(bdf) (5ull << 60 | (bdf))
#define AMDVI_INVALIDATE_ALL (8ull << 60)
/* Its high word: with S, all of the address space; PDE: cached upper levels too. */
#define AMDVI_ALL_PAGES 0x7ffffffffffff003ull

/* A device table entry: 48882, 2.2.2.1. */
struct amdvi_dte {
	uint64_t q[4];
};

/* By word. DMA: nothing passes (V and TV, mode 0, neither read nor write permission). */
#define AMDVI_DTE_BLOCKED 3ull
#define AMDVI_DTE1_DOMAIN(id) (1ull << 33 | (id)) /* SE: one page-fault event, until an invalidation */
#define AMDVI_DTE1_QUIET (1ull << 34) /* SA: no events */
/* Interrupts: nothing passes (IV, IntCtl 0: fixed interrupts abort; NMI, INIT, ExtINT and LINT do not pass). */
#define AMDVI_DTE2_BLOCKED 1ull
#define AMDVI_DTE2_TABLE 0x000fffffffffffc0ull

uint64_t amdvi_dte_translated(hpa_t root, unsigned levels);
/** Interrupts: what the table of 2^order entries says. */
uint64_t amdvi_dte_interrupts_remapped(hpa_t table, unsigned order);
/** An entry of an interrupt table: fixed delivery to one processor. */
uint32_t amdvi_irte(uint8_t vector, uint8_t apic_id);

/* Blocked, and one that was under way when its route ended is no event (SupIOPF). */
#define AMDVI_IRTE_QUIET 2u

extern const struct paging_format amdvi_format;

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

#endif
