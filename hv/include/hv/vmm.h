/* SPDX-License-Identifier: MIT */
/* The vendor list: what a processor's virtualization does for a vCPU. SVM below (vmm/svm.c), VT-x later. */
#ifndef HV_VMM_H
#define HV_VMM_H

#include <stdbool.h>
#include <stdint.h>
#include "hv/addr.h"
#include "hv/paging.h"

struct vcpu;

struct vcpu_regs { /* order is the vendors' assembly's: rax .. r15 by encoding */
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

enum vmm_exit_kind {
	VMM_EXIT_INTERRUPT, /* host interrupt: already handled when run returns */
	VMM_EXIT_HYPERCALL, VMM_EXIT_CPUID, VMM_EXIT_HLT, VMM_EXIT_IO, VMM_EXIT_MSR,
	VMM_EXIT_NESTED_FAULT, /* gpa, write, exec */
	VMM_EXIT_WINDOW, /* the guest can take an interrupt now */
	VMM_EXIT_CACHE, /* INVD, WBINVD */
	VMM_EXIT_UNDEFINED, /* an instruction that this machine does not offer */
	VMM_EXIT_EXCEPTION, VMM_EXIT_TRIPLE_FAULT, VMM_EXIT_FORBIDDEN, VMM_EXIT_INVALID
};

struct vmm_exit {
	enum vmm_exit_kind kind;
	uint8_t length; /* of the instruction, where it is to be skipped */
	union {
		struct { uint32_t index; bool write; } msr;
		struct { gpa_t gpa; bool write, exec; } fault;
		struct { uint8_t vector; uint32_t code; } exception;
	};
};

struct vmm_ops {
	const char *name;
	const struct paging_format *format;
	/** Once: -ENODEV and the missing feature in words; allocates, for the processors too. */
	int (*probe)(const char **missing);
	void (*cpu_init)(void); /* on each processor */
	int (*vcpu_init)(struct vcpu *v); /* allocates; domain build only */
	void (*vcpu_reset_pvh)(struct vcpu *v, uint32_t entry, uint32_t start_info); /* 32-bit flat, paging off */
	void (*run)(struct vcpu *v, struct vmm_exit *exit); /* enters, leaves, decodes */
	void (*inject)(struct vcpu *v, uint8_t vector); /* an external interrupt, now; caller saw interruptible() */
	bool (*interruptible)(struct vcpu *v); /* IF=1, no shadow, nothing being injected */
	void (*window)(struct vcpu *v, bool want);
	void (*inject_exception)(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code);
	void (*skip)(struct vcpu *v, unsigned bytes); /* go behind the instruction that exited */
	uint8_t (*cpl)(struct vcpu *v);
	/** Linear to guest-physical by the guest's own tables, for instruction fetch of 64-bit code. -EFAULT. */
	int (*translate)(struct vcpu *v, gva_t at, gpa_t *to);
	int (*msr)(struct vcpu *v, uint32_t index, bool write, uint64_t *value); /* MSRs kept in the control block; -EINVAL */
	void (*dump)(struct vcpu *v); /* to the log */
};

extern const struct vmm_ops *vmm;

#endif
