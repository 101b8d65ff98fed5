/* SPDX-License-Identifier: MIT */
/*
 * From a VMCS's exit fields to struct vmm_exit (SDM vol. 3, 27.2 and appendix C). What the processor says is believed: the
 * length of an instruction, the guest-physical address, the event whose delivery the exit broke off.
 */
#include "vmx.h"

#include <stddef.h>

#include "hv/log.h"

#define VECTOR_DB 1
#define VECTOR_GP 13
#define QUALIFICATION_WRITE 2u /* of an EPT violation, 27.2.1 */
#define QUALIFICATION_EXEC 4u
#define CR_NUMBER(q) ((q) & 15)
#define CR_REGISTER(q) ((q) >> 8 & 15)
#define DR6_CAUSES 0x600full /* BS, BD, B3 to B0: what a #DB's qualification tells */
#define DR6_BD (1ull << 13)
#define DR7_GD (1ull << 13)
#define PENDING_DEBUG_STEP (1ull << 14)

static const struct reason {
	bool known, skip; /* skip: an instruction, to go behind */
	uint8_t kind;
} reasons[REASON_COUNT + 1] = { /* the last is all others */
#define AS(reason, is) [reason] = { .known = true, .kind = (is) }
#define SKIP(reason, is) [reason] = { .known = true, .skip = true, .kind = (is) }
	AS(REASON_EXCEPTION, VMM_EXIT_EXCEPTION),
	AS(REASON_INTERRUPT, VMM_EXIT_INTERRUPT),
	AS(REASON_TRIPLE_FAULT, VMM_EXIT_TRIPLE_FAULT),
	AS(REASON_INTERRUPT_WINDOW, VMM_EXIT_WINDOW),
	AS(REASON_NMI_WINDOW, VMM_EXIT_WINDOW),
	AS(REASON_TASK_SWITCH, VMM_EXIT_FORBIDDEN),
	SKIP(REASON_CPUID, VMM_EXIT_CPUID),
	AS(REASON_GETSEC, VMM_EXIT_UNDEFINED),
	SKIP(REASON_HLT, VMM_EXIT_HLT),
	SKIP(REASON_INVD, VMM_EXIT_CACHE),
	AS(REASON_RDPMC, VMM_EXIT_UNDEFINED),
	SKIP(REASON_VMCALL, VMM_EXIT_HYPERCALL),
	[REASON_VMCLEAR ... REASON_VMXON] = { .known = true, .kind = VMM_EXIT_UNDEFINED },
	AS(REASON_CR, VMM_EXIT_INTERRUPT),
	AS(REASON_IO, VMM_EXIT_IO),
	SKIP(REASON_RDMSR, VMM_EXIT_MSR),
	SKIP(REASON_WRMSR, VMM_EXIT_MSR),
	AS(REASON_GUEST_STATE, VMM_EXIT_INVALID),
	AS(REASON_MSR_LOADING, VMM_EXIT_INVALID),
	AS(REASON_MWAIT, VMM_EXIT_UNDEFINED),
	AS(REASON_MONITOR, VMM_EXIT_UNDEFINED),
	AS(REASON_TPR, VMM_EXIT_WINDOW),
	AS(REASON_EPT_VIOLATION, VMM_EXIT_NESTED_FAULT),
	AS(REASON_EPT_MISCONFIGURED, VMM_EXIT_INVALID),
	AS(REASON_INVEPT, VMM_EXIT_UNDEFINED),
	AS(REASON_PREEMPTION, VMM_EXIT_INTERRUPT),
	AS(REASON_INVVPID, VMM_EXIT_UNDEFINED),
	SKIP(REASON_WBINVD, VMM_EXIT_CACHE),
	SKIP(REASON_XSETBV, VMM_EXIT_XSETBV),
	AS(REASON_APIC_WRITE, VMM_EXIT_WINDOW), /* an IPI to itself with a vector below 16: done, and nothing comes of it (29.5) */
	AS(REASON_VMFUNC, VMM_EXIT_UNDEFINED),
	AS(REASON_ENCLS, VMM_EXIT_UNDEFINED),
	AS(REASON_XSAVES, VMM_EXIT_UNDEFINED),
	AS(REASON_XRSTORS, VMM_EXIT_UNDEFINED),
};

/* 27.2.4. Software interrupts and exceptions come again of themselves: RIP still points at them. */
static void requeue(struct vmx_vcpu *x)
{
	uint32_t event = (uint32_t)vmcs_read(VMCS_VECTORING_EVENT), type = EVENT_TYPE(event);
	if (!(event & EVENT_VALID) || (type != EVENT_INTERRUPT && type != EVENT_NMI && type != EVENT_EXCEPTION)) {
		return;
	}
	x->event = event & ~EVENT_NMI_UNBLOCKED;
	x->event_code = event & EVENT_HAS_CODE ? (uint32_t)vmcs_read(VMCS_VECTORING_CODE) : 0;
	if (type == EVENT_NMI) {
		x->shadow &= ~SHADOW_NMI; /* set by the delivery that did not happen, 26.3.1.5 */
	}
}

/* A #DB has not touched DR6 and DR7 yet (27.1); an IRET that faulted has let NMIs in too early (27.2.3). */
static void decode_exception(struct vcpu *v, struct vmm_exit *exit)
{
	struct vmx_vcpu *x = vmx_of(v);
	uint32_t event = (uint32_t)vmcs_read(VMCS_EXIT_EVENT);
	exit->exception.vector = (uint8_t)event;
	exit->exception.code = event & EVENT_HAS_CODE ? (uint32_t)vmcs_read(VMCS_EXIT_EVENT_CODE) : 0;
	if (EVENT_TYPE(event) == EVENT_NMI) {
		exit->kind = VMM_EXIT_INTERRUPT;
		return;
	}
	if (EVENT_TYPE(event) == EVENT_INT1) { /* a trap, but the exit comes before it */
		v->regs.rip += vmcs_read(VMCS_LENGTH);
	}
	if ((event & EVENT_NMI_UNBLOCKED) && !x->event) {
		x->shadow |= SHADOW_NMI;
	}
	if (exit->exception.vector == VECTOR_DB) {
		uint64_t causes = vmcs_read(VMCS_QUALIFICATION) & DR6_CAUSES;
		vmx_debug_hit(causes);
		if (causes & DR6_BD) {
			vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
		}
	}
}

/* vmx_vcpu.c says what exits. MOV to CR0 is done by the guest itself, a second time, with the shadow as it wants it. */
static void write_control_register(struct vcpu *v)
{
	uint64_t qualification = vmcs_read(VMCS_QUALIFICATION);
	if (CR_NUMBER(qualification) == 0) {
		vmcs_write(VMCS_CR0_SHADOW, (&v->regs.rax)[CR_REGISTER(qualification)]);
	} else {
		vmx_inject_exception(v, VECTOR_GP, true, 0);
	}
}

void vmx_decode_exit(struct vcpu *v, struct vmm_exit *exit)
{
	struct vmx_vcpu *x = vmx_of(v);
	uint32_t number = x->reason & REASON_BASIC;
	const struct reason *reason = &reasons[number < REASON_COUNT ? number : REASON_COUNT];
	exit->kind = x->reason & REASON_ENTRY_FAILED ? VMM_EXIT_INVALID : reason->known ? reason->kind : VMM_EXIT_FORBIDDEN;
	exit->length = 0;
	if (reason->skip) {
		exit->length = (uint8_t)vmcs_read(VMCS_LENGTH);
		exit->msr.index = (uint32_t)v->regs.rcx;
		exit->msr.write = number == REASON_WRMSR;
		return;
	}
	if (number == REASON_INTERRUPT) {
		return;
	}
	requeue(x);
	if (number == REASON_EXCEPTION) {
		decode_exception(v, exit);
	} else if (number == REASON_CR) {
		write_control_register(v);
	} else if (number == REASON_EPT_VIOLATION) {
		uint64_t qualification = vmcs_read(VMCS_QUALIFICATION);
		exit->fault.gpa = GPA(vmcs_read(VMCS_GUEST_PHYSICAL));
		exit->fault.write = qualification & QUALIFICATION_WRITE;
		exit->fault.exec = qualification & QUALIFICATION_EXEC;
	}
}

/* 26.2.1.3: real mode has no error codes. */
void vmx_inject_exception(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code)
{
	struct vmx_vcpu *x = vmx_of(v);
	has_code = has_code && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE);
	x->event = EVENT_VALID | EVENT_EXCEPTION << 8 | vector | (has_code ? EVENT_HAS_CODE : 0);
	x->event_code = code;
}

/* A step over it is a #DB after it. Outside 64-bit code RIP has 32 bits. */
void vmx_skip(struct vcpu *v, unsigned bytes)
{
	uint64_t from = v->regs.rip, to = from + bytes;
	if (from <= UINT32_MAX && to > UINT32_MAX && !(vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_LONG)) {
		to = (uint32_t)to;
	}
	v->regs.rip = to;
	vmx_of(v)->shadow &= ~(SHADOW_STI | SHADOW_MOV_SS);
	if (v->regs.rflags & RFLAGS_TF) {
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_STEP);
	}
}

/* 30.4, those that an entry or VMREAD can meet */
static const char *const instruction_errors[] = {
	[3] = "VMLAUNCH without VMCLEAR before", [4] = "VMLAUNCH of a VMCS that is launched", [5] = "VMRESUME of a VMCS that is not launched",
	[6] = "VMRESUME after VMXOFF", [7] = "control fields are not allowed", [8] = "host-state fields are not allowed",
	[12] = "no such VMCS field on this processor", [13] = "VMWRITE to a read-only field", [26] = "events blocked by MOV SS",
};

static const struct {
	const char *name;
	uint32_t encoding;
} fields[] = {
#define VMCS_NAME(name, encoding) { #name, encoding },
	VMCS_FIELDS(VMCS_NAME)
};

static bool field_read(uint64_t encoding, uint64_t *value)
{
	bool failed;
	__asm__ volatile("vmread %2, %0; setbe %1" : "=r"(*value), "=q"(failed) : "r"(encoding) : "cc");
	return !failed;
}

/* Of a failed entry all fields that this processor has, three to a line. */
static void fields_dump(void)
{
	uint64_t value[3];
	unsigned at[3], n = 0, count = sizeof(fields) / sizeof(fields[0]);
	for (unsigned i = 0; i < count; i++) {
		at[n] = i;
		n += field_read(fields[i].encoding, &value[n]);
		if (n == 3) {
			log_line("  %s=%lx %s=%lx %s=%lx", fields[at[0]].name, value[0], fields[at[1]].name, value[1], fields[at[2]].name, value[2]);
			n = 0;
		}
	}
	for (unsigned i = 0; i < n; i++) {
		log_line("  %s=%lx", fields[at[i]].name, value[i]);
	}
}

void vmx_dump(struct vcpu *v)
{
	const struct vcpu_regs *r = &v->regs;
	const struct vmx_vcpu *x = vmx_of(v);
	log_line("  rip=%lx rsp=%lx rflags=%lx rax=%lx rbx=%lx rcx=%lx rdx=%lx rsi=%lx rdi=%lx rbp=%lx", r->rip, r->rsp,
		 r->rflags, r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp);
	log_line("  exit=%x qualification=%lx linear=%lx cr0=%lx cr3=%lx cr4=%lx efer=%lx cs=%lx", x->reason,
		 vmcs_read(VMCS_QUALIFICATION), vmcs_read(VMCS_GUEST_LINEAR), vmcs_read(VMCS_GUEST_CR0), vmcs_read(VMCS_GUEST_CR3),
		 vmcs_read(VMCS_GUEST_CR4), vmcs_read(VMCS_GUEST_EFER), vmcs_read(VMCS_GUEST_CS));
	if (x->reason & REASON_ENTRY_FAILED || (x->reason & REASON_BASIC) == REASON_EPT_MISCONFIGURED) {
		uint64_t error = vmcs_read(VMCS_INSTRUCTION_ERROR);
		const char *words = error < sizeof(instruction_errors) / sizeof(instruction_errors[0]) ? instruction_errors[error] : NULL;
		log_line("  the entry failed: %s (error %lu)", x->reason != REASON_NO_ENTRY ? "guest state" : words ? words : "unknown", error);
		fields_dump();
	}
}
