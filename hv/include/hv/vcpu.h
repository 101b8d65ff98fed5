/* SPDX-License-Identifier: MIT */
/*
 * A virtual processor. It has one home processor for life, and only that one runs it and touches its state; others
 * set event bits and flags and kick. So waking, blocking and picking need no lock.
 * Legend: c constant after the build; h home processor only; a atomic, any processor.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "hv/vmm.h"

struct domain;

struct vcpu {
	struct vcpu_regs regs; /* h; first: the vendors' assembly */
	struct domain *domain; /* c */
	uint32_t cpu; /* c: home processor */
	hpa_t nested_root; /* c: the nested page table */
	void *vmm; /* c: the vendor's control block */
	void *context; /* c: FPU and debug registers while not loaded */
	_Atomic uint64_t *pending; /* c: its word in the event page, which the domain writes too */

	_Atomic uint64_t announced; /* a: pending bits that the guest has been told of */
	_Atomic bool frozen; /* a: not to be entered */
	_Atomic bool flush; /* a: translations are stale */
	_Atomic bool in_guest; /* a: written by home */
	_Atomic uint32_t entries; /* a: written by home */

	uint8_t upcall; /* h: vector, 0: none */
	bool blocked; /* h: in wait or HLT */
	bool waiting; /* h: in wait: what is pending when it ends needs no upcall */
	uint64_t wait_deadline, timer_deadline; /* h: TSC, 0: none */
	uint64_t last_picked; /* h: round robin among equals */
	uint64_t budget_left, period_end; /* h: TSC cycles, TSC */
	struct bh_stat_domain stat; /* h; other processors read it as it stands */
};

/** One entry, one exit and its handling. */
void vcpu_step(struct vcpu *v);
/** Boot state: PVH entry, nothing pending, nothing armed. */
void vcpu_reset(struct vcpu *v, uint32_t entry, uint32_t start_info);
/** Would it run? Ends its wait if so. */
bool vcpu_awake(struct vcpu *v, uint64_t now);
/** Sleep until vcpu_awake. */
void vcpu_block(struct vcpu *v, bool waiting, uint64_t deadline);
/** Returns when no stale translation of this vCPU can be used any more, wherever it runs. */
void vcpu_flush(struct vcpu *v);
/** Returns when this frozen vCPU has left its guest. */
void vcpu_wait_outside(struct vcpu *v);

void vcpu_cpuid(struct vcpu *v);
void hypercall(struct vcpu *v);

/* What the control block does not hold: FPU, XCR0, DR0-3 (vmm/context.c). */
void context_init(void); /* once, before context_alloc */
void *context_alloc(void);
void context_reset(void *context);
void context_switch(void *from, void *to); /* from may be NULL */

#endif
