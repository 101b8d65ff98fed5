/* SPDX-License-Identifier: MIT */
/* The vendor list: what a processor's virtualization does for a vCPU. Below it SVM (vmm/svm*.c) and VT-x (vmm/vmx*.c). */
#ifndef HV_VMM_H
#define HV_VMM_H

#include <stdbool.h>
#include <stdint.h>
#include "abi/capsule.h"
#include "hv/addr.h"
#include "hv/paging.h"

struct vcpu;

struct vcpu_regs { /* order is the vendors' assembly's: rax .. r15 by encoding */
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

enum vmm_exit_kind {
	VMM_EXIT_INTERRUPT, /* host interrupt: already handled when run returns; or the deadline */
	VMM_EXIT_HYPERCALL, VMM_EXIT_CPUID, VMM_EXIT_HLT, VMM_EXIT_IO, VMM_EXIT_MSR,
	VMM_EXIT_NESTED_FAULT, /* gpa, write, exec */
	VMM_EXIT_WINDOW, /* the guest can take an interrupt or NMI now */
	VMM_EXIT_CACHE, /* INVD, WBINVD */
	VMM_EXIT_XSETBV,
	VMM_EXIT_UNDEFINED, /* an instruction that this machine does not offer */
	VMM_EXIT_EXCEPTION, VMM_EXIT_TRIPLE_FAULT, VMM_EXIT_FORBIDDEN, VMM_EXIT_INVALID
};

struct vmm_exit {
	enum vmm_exit_kind kind;
	uint8_t length; /* of the instruction, where it is to be skipped */
	uint8_t taken; /* the offered interrupt, if the guest took it in this run; 0: none */
	union {
		struct { uint32_t index; bool write; } msr;
		struct { gpa_t gpa; bool write, exec; } fault;
		struct { uint8_t vector; uint32_t code; } exception;
	};
};

struct vmm_ops {
	const char *name;
	const char *nested; /* what it calls its nested paging */
	const struct paging_format *format;
	uint32_t features; /* BH_FEATURE_... that CPUID tells its guests */
	/** Once: -ENOENT: not this vendor's processor; -ENODEV and the missing feature in words; allocates, for the
	 *  processors too. */
	int (*probe)(const char **missing);
	void (*cpu_init)(void); /* on each processor */
	int (*vcpu_init)(struct vcpu *v); /* allocates; domain build only */
	void (*vcpu_reset_pvh)(struct vcpu *v, uint32_t entry, uint32_t start_info); /* 32-bit flat, paging off */
	void (*vcpu_reset_startup)(struct vcpu *v, uint8_t page); /* as after INIT and SIPI: real mode, at page << 12 */
	/** Enters, leaves, decodes. Where the processor has a timer for it, it leaves when the TSC reaches the deadline
	 *  (0: none); the host's timer interrupt does so anyway. Sets v->left when the guest has left. */
	void (*run)(struct vcpu *v, struct vmm_exit *exit, uint64_t deadline);
	/** The guest takes this external interrupt as soon as IF, TPR and shadows allow; 0: none. Replaces what was offered before and not
	 *  taken. Not called where vmm_has_apic. */
	void (*offer)(struct vcpu *v, uint8_t vector);
	void (*nmi)(struct vcpu *v); /* as soon as the guest can take one; several may become one */
	void (*inject_exception)(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code);
	void (*skip)(struct vcpu *v, unsigned bytes); /* go behind the instruction that exited */
	uint8_t (*cpl)(struct vcpu *v);
	uint64_t (*cr4)(struct vcpu *v); /* of the guest; bits that CPUID shows */
	/** Linear to guest-physical by the guest's own tables, for instruction fetch of 64-bit code. -EFAULT. */
	int (*translate)(struct vcpu *v, gva_t at, gpa_t *to);
	int (*msr)(struct vcpu *v, uint32_t index, bool write, uint64_t *value); /* MSRs kept in the control block; -EINVAL */
	void (*dump)(struct vcpu *v); /* to the log */
	void (*state)(struct vcpu *v, struct bh_capsule_state *state); /* of the control block, by its home processor */
	/* Posted interrupts; post is NULL where the processor has none. */
	bool (*post)(struct vcpu *v, uint8_t vector); /* any processor: raised without an exit. False: it is not in its guest */
	void (*collect)(struct vcpu *v); /* what was posted too late for the guest to see goes to IRR */
};

extern const struct vmm_ops svm_ops;
extern struct vmm_ops vmx_ops; /* its probe enters post and collect, if they are possible */
extern const struct vmm_ops *vmm; /* since vmm_init */
/** The processor keeps v->apic itself (vapic.h): it delivers what IRR holds, and takes TPR, EOI and self-IPIs without an
 *  exit. Written by probe. */
extern bool vmm_has_apic;
/** Find the vendor. -ENODEV, -ENOMEM, and what is missing in words. */
int vmm_init(const char **missing);

/* For both vendors. */
/** Linear to guest-physical by four-level tables at cr3. -EFAULT. */
int vmm_walk(const struct vcpu *v, uint64_t cr3, gva_t at, gpa_t *to);
/** May the guest write this EFER? -EINVAL. */
int vmm_efer_check(uint64_t efer, bool paging, uint64_t value);

#endif
