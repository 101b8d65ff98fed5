/* SPDX-License-Identifier: MIT */
/* The VMCB and the constants of AMD's SVM. Source: AMD64 APM vol. 2, 24593, chapter 15 and appendix B. */
#ifndef HV_SVM_H
#define HV_SVM_H

#include <stddef.h>
#include <stdint.h>

#include "hv/port.h"
#include "hv/vcpu.h"
#include "hv/vmm.h"

struct vmcb_segment {
	uint16_t selector, attributes; /* descriptor bits 40..47 and 52..55 */
	uint32_t limit;
	uint64_t base;
};

#define SEGMENT_LONG (1u << 9) /* of a code segment's attributes */

struct vmcb {
	uint16_t cr_read, cr_write, dr_read, dr_write;
	uint32_t exceptions, intercept1, intercept2, intercept3;
	uint8_t reserved018[0x40 - 0x18];
	uint64_t iopm, msrpm, tsc_offset;
	uint32_t asid;
	uint8_t tlb_control, reserved05d[3];
	uint64_t virtual_interrupt, shadow;
	uint64_t exit_code, exit_info1, exit_info2, exit_interrupt;
	uint64_t nested_enable;
	uint8_t reserved098[0xa8 - 0x98];
	uint64_t inject, nested_cr3, lbr;
	uint32_t clean, reserved0c4;
	uint64_t next_rip;
	uint8_t reserved0d0[0x3e0 - 0xd0];
	struct { /* the host's own (table B-3) */
		uint64_t nmi_iret; /* RIP of the IRET that ends an NMI's handler */
		uint32_t nmi_look_us; /* how long the guest has to execute it */
		bool nmi_wanted, nmi_blocked;
		uint8_t offered, reserved[17];
	} host;
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved4a0[0x4cb - 0x4a0], cpl;
	uint32_t reserved4cc;
	uint64_t efer;
	uint8_t reserved4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved580[0x5d8 - 0x580];
	uint64_t rsp;
	uint8_t reserved5e0[0x5f8 - 0x5e0];
	uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved648[0x668 - 0x648];
	uint64_t pat, debug_control;
	uint8_t reserved678[0x1000 - 0x678];
};

_Static_assert(offsetof(struct vmcb, inject) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");

/* 15.9, table B-1: intercept vectors */
#define SVM_I1_INTR (1u << 0)
#define SVM_I1_NMI (1u << 1)
#define SVM_I1_INIT (1u << 3)
#define SVM_I1_RDPMC (1u << 15)
#define SVM_I1_CPUID (1u << 18)
#define SVM_I1_IRET (1u << 20)
#define SVM_I1_INVD (1u << 22)
#define SVM_I1_HLT (1u << 24)
#define SVM_I1_INVLPGA (1u << 26)
#define SVM_I1_IOIO (1u << 27)
#define SVM_I1_MSR (1u << 28)
#define SVM_I1_TASK_SWITCH (1u << 29)
#define SVM_I1_SHUTDOWN (1u << 31)
#define SVM_I2_ALL_SVM 0x7fu /* VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT */
#define SVM_I2_WBINVD (1u << 9)
#define SVM_I2_MONITOR (1u << 10)
#define SVM_I2_MWAIT (3u << 11)

/* 15.21.1: the virtual interrupt word at 060h */
#define SVM_V_TPR 15ull
#define SVM_V_IRQ (1ull << 8)
#define SVM_V_PRIORITY_SHIFT 16
#define SVM_V_INTR_MASKING (1ull << 24)
#define SVM_V_VECTOR_SHIFT 32

/* 15.20: EVENTINJ, and EXITINTINFO of the same form */
#define SVM_EVENT_VALID (1ull << 31)
#define SVM_EVENT_HAS_CODE (1ull << 11)
#define SVM_EVENT_TYPE(e) ((unsigned)((e) >> 8) & 7)
#define SVM_EVENT_EXTERNAL 0u
#define SVM_EVENT_NMI 2u
#define SVM_EVENT_EXCEPTION 3u

/* 15.15.1: TLB_CONTROL */
#define SVM_TLB_KEEP 0
#define SVM_TLB_FLUSH_ALL 1
#define SVM_TLB_FLUSH_GUEST 3

/* Appendix C: exit codes */
#define SVM_EXIT_EXCEPTION 0x40
#define SVM_EXIT_INTR 0x60
#define SVM_EXIT_NMI 0x61
#define SVM_EXIT_RDPMC 0x6f
#define SVM_EXIT_CPUID 0x72
#define SVM_EXIT_IRET 0x74
#define SVM_EXIT_INVD 0x76
#define SVM_EXIT_HLT 0x78
#define SVM_EXIT_IOIO 0x7b
#define SVM_EXIT_MSR 0x7c
#define SVM_EXIT_TASK_SWITCH 0x7d
#define SVM_EXIT_SHUTDOWN 0x7f
#define SVM_EXIT_VMMCALL 0x81
#define SVM_EXIT_WBINVD 0x89
#define SVM_EXIT_MWAIT_ARMED 0x8c
#define SVM_EXIT_NPF 0x400
#define SVM_EXIT_INVALID 0xffffffffu /* of the low 32 bits: emulators leave the high ones 0 */

#define MSR_EFER 0xc0000080u
#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define EFER_SVME (1ull << 12)
#define MSR_VM_CR 0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define VM_CR_SVMDIS (1ull << 4)

#define CR0_PE (1ull << 0)
#define CR0_ET (1ull << 4)
#define CR0_PG (1ull << 31)
#define RFLAGS_FIXED 2ull
#define RFLAGS_IF (1ull << 9)

extern struct paging_format npt_format;
void npt_format_init(void);

struct svm_features {
	uint32_t asid_count;
	bool next_rip, flush_by_asid; /* nrip is saved at exits; TLB_CONTROL 3 */
};
extern struct svm_features svm_features; /* filled by svm_probe */
/** From CPUID 8000_000Ah and VM_CR alone. NULL, or what is missing in words. */
const char *svm_features_choose(const uint32_t svm[4], uint64_t vm_cr, struct svm_features *out);

/** Enter the guest and come back, with the registers that the VMCB does not hold. GIF=1, IF=0 before and after. */
void svm_enter(struct vcpu_regs *regs, uint64_t vmcb, uint64_t host_vmcb);
/** Fill *exit from the VMCB's exit fields. */
void svm_decode_exit(struct vcpu *v, struct vmm_exit *exit);
/** Put an event whose delivery the exit broke off back into EVENTINJ (15.7.2). */
void svm_requeue(struct vmcb *c);
int svm_translate(struct vcpu *v, gva_t at, gpa_t *to);

static inline struct vmcb *svm_vmcb(const struct vcpu *v)
{
	return v->vmm;
}

#endif
