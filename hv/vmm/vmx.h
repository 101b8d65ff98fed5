/* SPDX-License-Identifier: MIT */
/*
 * Intel's VT-x: capability MSRs, VMCS fields, controls, exit reasons. Source: Intel SDM vol. 3 (325384), chapters 24 to
 * 30, appendices A (capabilities), B (field encodings), C (exit reasons).
 */
#ifndef HV_VMX_H
#define HV_VMX_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/addr.h"
#include "hv/paging.h"
#include "hv/vcpu.h"
#include "hv/vmm.h"

/* Appendix A: the capability MSRs, 480h to 491h in this order. Where `basic` has no BASIC_TRUE, the true_* are not there: 0. */
#define MSR_VMX_BASIC 0x480u
struct vmx_capabilities {
	uint64_t basic, pin, primary, exit, entry, misc, cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1, vmcs_enum, secondary,
		ept_vpid, true_pin, true_primary, true_exit, true_entry, vmfunc;
};
#define BASIC_REVISION 0x7fffffffull
#define BASIC_TRUE (1ull << 55)
#define BASIC_FORM 0x1fffffffffffull /* revision, and the bytes of a VMCS */
#define BASIC_BOCHS 0x10000000002bull /* Bochs' processors to Cannon Lake */
#define BASIC_BOCHS_LATER 0x100000000004ull
#define MISC_PREEMPTION_RATE 31u
#define EPT_WALK_4 (1ull << 6)
#define EPT_WRITE_BACK (1ull << 14)
#define EPT_2M (1ull << 16)
#define EPT_1G (1ull << 17)
#define EPT_INVEPT (1ull << 20)
#define EPT_ACCESSED_DIRTY (1ull << 21)
#define EPT_INVEPT_SINGLE (1ull << 25)
#define EPT_INVEPT_ALL (1ull << 26)
#define EPT_INVVPID (1ull << 32)
#define EPT_INVVPID_SINGLE (1ull << 41)
#define EPT_INVVPID_ALL (1ull << 42)
enum { INVALIDATE_SINGLE = 1, INVALIDATE_ALL = 2 }; /* types of INVEPT and INVVPID */

/* The control words, and what is used of them (24.6 to 24.8). */
enum vmx_word { VMX_PIN, VMX_PRIMARY, VMX_SECONDARY, VMX_EXIT, VMX_ENTRY, VMX_WORDS };

#define PIN_INTERRUPT (1u << 0)
#define PIN_NMI (1u << 3)
#define PIN_VIRTUAL_NMI (1u << 5)
#define PIN_PREEMPTION (1u << 6)
#define PIN_POSTED (1u << 7)
#define PRIMARY_INTERRUPT_WINDOW (1u << 2)
#define PRIMARY_TSC_OFFSET (1u << 3)
#define PRIMARY_HLT (1u << 7)
#define PRIMARY_MWAIT (1u << 10)
#define PRIMARY_RDPMC (1u << 11)
#define PRIMARY_CR3 (3u << 15) /* load, store */
#define PRIMARY_TPR_SHADOW (1u << 21)
#define PRIMARY_NMI_WINDOW (1u << 22)
#define PRIMARY_IO (1u << 24)
#define PRIMARY_MSR_BITMAP (1u << 28)
#define PRIMARY_MONITOR (1u << 29)
#define PRIMARY_SECONDARY (1u << 31)
#define SECONDARY_EPT (1u << 1)
#define SECONDARY_X2APIC (1u << 4)
#define SECONDARY_VPID (1u << 5)
#define SECONDARY_WBINVD (1u << 6)
#define SECONDARY_UNRESTRICTED (1u << 7)
#define SECONDARY_APIC_REGISTERS (1u << 8)
#define SECONDARY_VIRTUAL_INTERRUPTS (1u << 9)
#define SECONDARY_INVPCID (1u << 12)
#define SECONDARY_ENCLS (1u << 15)
#define EXIT_SAVE_DEBUG (1u << 2)
#define EXIT_HOST_64 (1u << 9)
#define EXIT_ACKNOWLEDGE (1u << 15)
#define EXIT_LOAD_PAT (1u << 19)
#define EXIT_SAVE_EFER (1u << 20)
#define EXIT_LOAD_EFER (1u << 21)
#define ENTRY_LOAD_DEBUG (1u << 2)
#define ENTRY_LOAD_PAT (1u << 14)
#define ENTRY_LOAD_EFER (1u << 15)

/** What this processor is run with. */
struct vmx_controls {
	uint32_t word[VMX_WORDS];
	uint32_t revision;
	uint8_t ept_leaf; /* paging_format.max_leaf_level */
	uint8_t invept, invvpid; /* types */
	uint8_t preemption_shift; /* the timer counts TSC bits from here on */
	uint64_t eptp; /* all but the address */
	bool virtual_apic; /* registers, x2APIC and virtual interrupts, all of them */
	bool posted;
	/* Bochs 2.7 has two gaps that guests must not see. A guest that is entered with IF=0 is not left for an interrupt
	 * before it changes IF: so it is left at least every 50 ms. An interrupt for the host that comes while IF=0 holds a
	 * virtual one back lets that in: so a virtual one is handed over only when the guest can take it. */
	bool bochs;
	uint64_t cr0_fixed, cr4_fixed; /* bits that are 1 in a guest, whatever it thinks */
};
/** What the preemption timer is to count: to `behind` the deadline, which a guest may have put anywhere; at most, and without
 *  a deadline, `stay`, which is more than `behind`. */
static inline uint64_t vmx_timer_cycles(uint64_t deadline, uint64_t now, uint64_t behind, uint64_t stay)
{
	uint64_t cycles = deadline > now ? deadline - now : 0;
	return deadline && cycles < stay - behind ? cycles + behind : stay;
}

/** From the capability MSRs alone: allowed bits honoured, the best choice made. NULL, or the first thing missing in words. */
const char *vmx_controls_choose(const struct vmx_capabilities *has, struct vmx_controls *out);

/* Appendix B: every field that is used, by name; the dump prints them all. */
#define VMCS_FIELDS(F) \
	F(VPID, 0x0000) F(POSTED_VECTOR, 0x0002) F(GUEST_ES, 0x0800) F(GUEST_CS, 0x0802) F(GUEST_SS, 0x0804) F(GUEST_DS, 0x0806) \
	F(GUEST_FS, 0x0808) F(GUEST_GS, 0x080a) F(GUEST_LDTR, 0x080c) F(GUEST_TR, 0x080e) F(GUEST_INTERRUPT_STATUS, 0x0810) \
	F(HOST_ES, 0x0c00) F(HOST_CS, 0x0c02) F(HOST_SS, 0x0c04) F(HOST_DS, 0x0c06) F(HOST_FS, 0x0c08) F(HOST_GS, 0x0c0a) \
	F(HOST_TR, 0x0c0c) F(MSR_BITMAP, 0x2004) F(TSC_OFFSET, 0x2010) F(VIRTUAL_APIC, 0x2012) F(POSTED_DESCRIPTOR, 0x2016) \
	F(EPTP, 0x201a) F(EOI_EXIT0, 0x201c) F(EOI_EXIT1, 0x201e) F(EOI_EXIT2, 0x2020) F(EOI_EXIT3, 0x2022) \
	F(ENCLS_BITMAP, 0x202e) F(GUEST_PHYSICAL, 0x2400) F(LINK, 0x2800) F(GUEST_DEBUGCTL, 0x2802) F(GUEST_PAT, 0x2804) \
	F(GUEST_EFER, 0x2806) F(HOST_PAT, 0x2c00) F(HOST_EFER, 0x2c02) F(PIN, 0x4000) F(PRIMARY, 0x4002) F(EXCEPTIONS, 0x4004) \
	F(PAGE_FAULT_MASK, 0x4006) F(PAGE_FAULT_MATCH, 0x4008) F(CR3_TARGETS, 0x400a) F(EXIT, 0x400c) F(EXIT_MSR_STORES, 0x400e) \
	F(EXIT_MSR_LOADS, 0x4010) F(ENTRY, 0x4012) F(ENTRY_MSR_LOADS, 0x4014) F(ENTRY_EVENT, 0x4016) F(ENTRY_EVENT_CODE, 0x4018) \
	F(TPR_THRESHOLD, 0x401c) F(SECONDARY, 0x401e) F(INSTRUCTION_ERROR, 0x4400) F(REASON, 0x4402) F(EXIT_EVENT, 0x4404) \
	F(EXIT_EVENT_CODE, 0x4406) F(VECTORING_EVENT, 0x4408) F(VECTORING_CODE, 0x440a) F(LENGTH, 0x440c) \
	F(GUEST_ES_LIMIT, 0x4800) F(GUEST_CS_LIMIT, 0x4802) F(GUEST_SS_LIMIT, 0x4804) F(GUEST_DS_LIMIT, 0x4806) \
	F(GUEST_FS_LIMIT, 0x4808) F(GUEST_GS_LIMIT, 0x480a) F(GUEST_LDTR_LIMIT, 0x480c) F(GUEST_TR_LIMIT, 0x480e) \
	F(GUEST_GDTR_LIMIT, 0x4810) F(GUEST_IDTR_LIMIT, 0x4812) F(GUEST_ES_RIGHTS, 0x4814) F(GUEST_CS_RIGHTS, 0x4816) \
	F(GUEST_SS_RIGHTS, 0x4818) F(GUEST_DS_RIGHTS, 0x481a) F(GUEST_FS_RIGHTS, 0x481c) F(GUEST_GS_RIGHTS, 0x481e) \
	F(GUEST_LDTR_RIGHTS, 0x4820) F(GUEST_TR_RIGHTS, 0x4822) F(GUEST_SHADOW, 0x4824) F(GUEST_ACTIVITY, 0x4826) \
	F(GUEST_SYSENTER_CS, 0x482a) F(PREEMPTION_TIMER, 0x482e) F(HOST_SYSENTER_CS, 0x4c00) F(CR0_MASK, 0x6000) \
	F(CR4_MASK, 0x6002) F(CR0_SHADOW, 0x6004) F(CR4_SHADOW, 0x6006) F(QUALIFICATION, 0x6400) F(GUEST_LINEAR, 0x640a) \
	F(GUEST_CR0, 0x6800) F(GUEST_CR3, 0x6802) F(GUEST_CR4, 0x6804) F(GUEST_ES_BASE, 0x6806) F(GUEST_CS_BASE, 0x6808) \
	F(GUEST_SS_BASE, 0x680a) F(GUEST_DS_BASE, 0x680c) F(GUEST_FS_BASE, 0x680e) F(GUEST_GS_BASE, 0x6810) \
	F(GUEST_LDTR_BASE, 0x6812) F(GUEST_TR_BASE, 0x6814) F(GUEST_GDTR_BASE, 0x6816) F(GUEST_IDTR_BASE, 0x6818) \
	F(GUEST_DR7, 0x681a) F(GUEST_RSP, 0x681c) F(GUEST_RIP, 0x681e) F(GUEST_RFLAGS, 0x6820) F(GUEST_PENDING_DEBUG, 0x6822) \
	F(GUEST_SYSENTER_ESP, 0x6824) F(GUEST_SYSENTER_EIP, 0x6826) F(HOST_CR0, 0x6c00) F(HOST_CR3, 0x6c02) F(HOST_CR4, 0x6c04) \
	F(HOST_FS_BASE, 0x6c06) F(HOST_GS_BASE, 0x6c08) F(HOST_TR_BASE, 0x6c0a) F(HOST_GDTR_BASE, 0x6c0c) \
	F(HOST_IDTR_BASE, 0x6c0e) F(HOST_SYSENTER_ESP, 0x6c10) F(HOST_SYSENTER_EIP, 0x6c12) F(HOST_RSP, 0x6c14) F(HOST_RIP, 0x6c16)
#define VMCS_ENUM(name, encoding) VMCS_##name = encoding,
enum vmcs_field { VMCS_FIELDS(VMCS_ENUM) };

/* Appendix C: the exit reasons that are told apart. */
enum vmx_reason {
	REASON_EXCEPTION = 0, REASON_INTERRUPT = 1, REASON_TRIPLE_FAULT = 2, REASON_INTERRUPT_WINDOW = 7, REASON_NMI_WINDOW = 8,
	REASON_TASK_SWITCH = 9, REASON_CPUID = 10, REASON_GETSEC = 11, REASON_HLT = 12, REASON_INVD = 13, REASON_RDPMC = 15,
	REASON_VMCALL = 18, REASON_VMCLEAR = 19, REASON_VMXON = 27, REASON_CR = 28, REASON_IO = 30,
	REASON_RDMSR = 31, REASON_WRMSR = 32, REASON_GUEST_STATE = 33, REASON_MSR_LOADING = 34, REASON_MWAIT = 36,
	REASON_MONITOR = 39, REASON_TPR = 43, REASON_EPT_VIOLATION = 48, REASON_EPT_MISCONFIGURED = 49, REASON_INVEPT = 50,
	REASON_PREEMPTION = 52, REASON_INVVPID = 53, REASON_WBINVD = 54, REASON_XSETBV = 55, REASON_APIC_WRITE = 56, REASON_VMFUNC = 59,
	REASON_ENCLS = 60, REASON_XSAVES = 63, REASON_XRSTORS = 64, REASON_COUNT = 80,
};
#define REASON_BASIC 0xffffu
#define REASON_NO_ENTRY UINT32_MAX /* our own: INSTRUCTION_ERROR says why */
#define REASON_ENTRY_FAILED (1u << 31)

/* 24.8.3, 24.9.2: events, of one form where they enter and where they leave. */
#define EVENT_VALID (1u << 31)
#define EVENT_HAS_CODE (1u << 11)
#define EVENT_TYPE(e) ((e) >> 8 & 7)
#define EVENT_NMI_UNBLOCKED (1u << 12) /* of an exit: by an IRET that then faulted */
enum { EVENT_INTERRUPT = 0, EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_INT1 = 5 };

/* 24.4.2: interruptibility, here the shadow */
#define SHADOW_STI 1u
#define SHADOW_MOV_SS 2u
#define SHADOW_NMI 8u

#define RIGHTS_LONG (1u << 13) /* of a code segment */

#define MSR_FEATURE_CONTROL 0x3au
#define FEATURE_LOCKED (1ull << 0)
#define FEATURE_VMX (1ull << 2) /* outside SMX */
#define MSR_SYSENTER_CS 0x174u
#define MSR_SYSENTER_EIP 0x176u
#define MSR_PAT 0x277u
#define MSR_X2APIC 0x800u
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define CR0_PE (1ull << 0)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)
#define CR4_MCE (1ull << 6)
#define CR4_VMXE (1ull << 13)
#define RFLAGS_FIXED 2ull
#define RFLAGS_TF (1ull << 8)
#define RFLAGS_IF (1ull << 9)

#define VMX_SWITCHED 5 /* STAR to SFMASK, KERNEL_GS_BASE */

struct vmx_posted { /* 29.6: written by any processor */
	_Atomic uint64_t requests[4];
	_Atomic uint64_t notified; /* bit 0: ON */
	uint64_t unused[3];
} __attribute__((aligned(64)));

/* Of a vCPU. Fields without a remark are of its home processor. */
struct vmx_vcpu {
	struct vmx_posted posted;
	void *vmcs; /* constant: a page; only the processor knows its form */
	uint32_t vpid; /* constant */
	bool active; /* on its home processor, 24.1 */
	bool launched;
	bool reset; /* the VMCS is to be written anew before the next entry; by whoever resets the frozen vCPU */
	bool real; /* that reset is a startup at `page`, not PVH's */
	uint8_t page;
	uint8_t offered; /* interrupt, 0: none */
	bool nmi; /* wanted */
	uint32_t event, event_code; /* to be injected at the next entry, 0: none */
	uint32_t reason; /* of the last exit */
	uint32_t shadow; /* interruptibility as it is to be */
	uint64_t deadline; /* that the timer is set for */
	/* What the VMCS holds, so that it is written only when it changes. */
	uint32_t vmcs_shadow, vmcs_primary, vmcs_threshold;
	uint64_t vmcs_rip, vmcs_rsp, vmcs_rflags, vmcs_host_rsp;
	/* What no VMCS holds, while not loaded. */
	uint64_t msrs[VMX_SWITCHED], cr2, dr6;
};

static inline struct vmx_vcpu *vmx_of(const struct vcpu *v)
{
	return v->vmm;
}

struct vmx_cpu { /* cpu->vmm; two pages, the other one is VMXON's */
	struct vcpu *current; /* whose VMCS, MSRs, CR2 and DR6 are loaded */
};

extern struct vmx_controls vmx_controls; /* written once, by probe, as the next two */
extern uint8_t vmx_notification; /* host vector of posted interrupts */
extern uint8_t *vmx_msr_bitmap;
extern struct paging_format ept_format;

/* Of this processor's current VMCS. A field that is not there is our own bug. Hosted tests have a table of fields. */
#if __STDC_HOSTED__
uint64_t vmcs_read(enum vmcs_field field);
void vmcs_write(enum vmcs_field field, uint64_t value);
#else
static inline uint64_t vmcs_read(enum vmcs_field field)
{
	uint64_t value;
	__asm__ volatile("vmread %1, %0; jbe vmcs_failed" : "=r"(value) : "D"((uint64_t)field) : "cc");
	return value;
}

static inline void vmcs_write(enum vmcs_field field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0; jbe vmcs_failed" : : "D"((uint64_t)field), "r"(value) : "cc");
}
#endif
/** Enter the guest and come back, with the registers that a VMCS does not hold; IF=0 before and after. False: the entry
 *  failed and INSTRUCTION_ERROR says why. */
bool vmx_enter(struct vcpu_regs *regs, bool launched, uint64_t *host_rsp);
extern const char vmx_left[]; /* vmx_run.asm: where an exit lands */

/* vmx_vcpu.c */
void vmx_vcpu_write(struct vcpu *v); /* the whole VMCS, which is current, as the last reset wants it */
void vmx_switched_save(struct vmx_vcpu *x);
void vmx_switched_load(const struct vmx_vcpu *x);
void vmx_debug_hit(uint64_t causes); /* enter a #DB's causes into the loaded DR6 */

/* vmx_exit.c */
/** Fill *exit from the VMCS, and keep in *x the event whose delivery the exit broke off (27.2.4). What needs no one above
 *  (control registers) is done here and comes as VMM_EXIT_INTERRUPT. */
void vmx_decode_exit(struct vcpu *v, struct vmm_exit *exit);
void vmx_dump(struct vcpu *v);
void vmx_inject_exception(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code);
void vmx_skip(struct vcpu *v, unsigned bytes);

/* vmx_post.c: posted interrupts (29.6) */
bool vmx_post(struct vcpu *v, uint8_t vector);
void vmx_collect(struct vcpu *v);

#endif
