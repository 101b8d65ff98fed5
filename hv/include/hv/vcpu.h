/* SPDX-License-Identifier: MIT */
/*
 * A virtual processor. It has one home processor for life, and only that one runs it and touches its state; others
 * set event bits and flags and kick. So waking, blocking and picking need no lock.
 * vCPU 0 starts with its domain; the others wait for INIT and SIPI (SDM vol. 3, 9.4.3).
 * Legend: c constant after the build; h home processor only; a atomic, any processor.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/capsule.h"
#include "abi/hypercall.h"
#include "hv/vapic.h"
#include "hv/vmm.h"

struct domain;

enum { VCPU_INIT = 1, VCPU_SIPI = 2, VCPU_NMI = 4 }; /* signals */

struct vcpu {
	struct vcpu_regs regs; /* h; first: the vendors' assembly */
	struct domain *domain; /* c */
	uint32_t id; /* c: number in the domain, and APIC ID */
	uint32_t cpu; /* c: home processor */
	hpa_t nested_root; /* c: the nested page table */
	void *vmm; /* c: the vendor's control block */
	void *context; /* c: FPU and debug registers while not loaded */
	void *apic; /* c: the virtual local APIC's page (vapic.h) */
	_Atomic uint64_t *pending; /* c: its word in the event page, which the domain writes too */

	_Atomic uint64_t announced; /* a: pending bits that the guest has been told of */
	_Atomic uint32_t irr; /* a: words of the virtual APIC's IRR that may hold bits */
	_Atomic uint32_t signals; /* a: VCPU_INIT, ..., not yet taken */
	_Atomic uint8_t startup_page; /* a: VCPU_SIPI's */
	_Atomic bool frozen; /* a: not to be entered */
	_Atomic bool flush; /* a: translations are stale */
	_Atomic bool in_guest; /* a: written by home */
	_Atomic uint32_t entries; /* a: written by home */
	_Atomic uint8_t upcall; /* a: vector, 0: none; written by home */

	bool offline; /* h: waits for its SIPI */
	bool blocked; /* h: in wait or HLT */
	bool waiting; /* h: in wait: what is pending when it ends needs no upcall */
	uint64_t wait_deadline, timer_deadline; /* h: TSC, 0: none */
	uint64_t last_picked; /* h: round robin among equals */
	uint64_t budget_left, period_end; /* h: TSC cycles, TSC */
	uint64_t left; /* h: TSC at the last exit */
	bool resuming; /* h: what the last exit costs is not counted yet */
	enum bh_exit_reason reason; /* h: of the last exit */
	struct bh_capsule_exit exits[BH_CAPSULE_EXITS]; /* h: the last ones, at entries % BH_CAPSULE_EXITS */
	struct bh_stat_domain stat; /* h: its share; other processors read it as it stands */
};

/** One entry, one exit and its handling. */
void vcpu_step(struct vcpu *v);
/** vCPU 0's boot state: PVH entry, nothing pending, nothing armed. */
void vcpu_reset_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info);
/** Any processor: INIT, SIPI (which starts it at page << 12 in real mode, if it waits for that) or NMI. */
void vcpu_signal(struct vcpu *v, uint32_t signal, uint8_t page);
/** It does not go on at once: what its last exit cost is counted. */
void vcpu_pause(struct vcpu *v);
/** Would it run? Ends its wait if so. */
bool vcpu_awake(struct vcpu *v, uint64_t now);
/** Sleep until vcpu_awake. */
void vcpu_block(struct vcpu *v, bool waiting, uint64_t deadline);

void vcpu_cpuid(struct vcpu *v);
void hypercall(struct vcpu *v);

/* What the control block does not hold: FPU, XCR0, DR0-3 (vmm/context.c). */
void context_init(void); /* once, before context_alloc */
void *context_alloc(void);
void context_reset(void *context);
void context_switch(void *from, void *to); /* from may be NULL */
bool context_xcr0(uint64_t value); /* the loaded context's XCR0 (XSETBV); false: not one of this processor's */

#endif
