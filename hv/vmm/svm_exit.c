/* SPDX-License-Identifier: MIT */
/*
 * From a VMCB's exit fields to struct vmm_exit, and the guest's own page tables. Without next-RIP save the lengths
 * are those of the instructions without prefixes; a guest that puts prefixes before them goes on in the middle of
 * its own instruction.
 */
#include "svm.h"

#include "abi/errno.h"

#define NPF_WRITE (1ull << 1)
#define NPF_EXEC (1ull << 4)

/* 15.7.2. Software interrupts and #BP, #OF come again of themselves: RIP still points at them. */
void svm_requeue(struct vmcb *c)
{
	uint64_t event = c->exit_interrupt;
	c->inject = 0;
	unsigned type = SVM_EVENT_TYPE(event);
	uint8_t vector = (uint8_t)event;
	bool fault = type == SVM_EVENT_EXCEPTION && vector != 3 && vector != 4;
	if ((event & SVM_EVENT_VALID) && (fault || type == SVM_EVENT_EXTERNAL || type == SVM_EVENT_NMI)) {
		c->inject = event;
	}
}

/* The commonest first. Of the instructions' codes those that are not here are instructions that CPUID says are not there. */
static const struct {
	uint16_t code;
	uint8_t kind, length; /* of the instruction, 0: none */
} plain[] = {
	{ SVM_EXIT_VMMCALL, VMM_EXIT_HYPERCALL, 3 },
	{ SVM_EXIT_INTR, VMM_EXIT_INTERRUPT, 0 },
	{ SVM_EXIT_MSR, VMM_EXIT_MSR, 2 },
	{ SVM_EXIT_CPUID, VMM_EXIT_CPUID, 2 },
	{ SVM_EXIT_NPF, VMM_EXIT_NESTED_FAULT, 0 },
	{ SVM_EXIT_HLT, VMM_EXIT_HLT, 1 },
	{ SVM_EXIT_NMI, VMM_EXIT_INTERRUPT, 0 },
	{ SVM_EXIT_IRET, VMM_EXIT_WINDOW, 0 },
	{ SVM_EXIT_INVD, VMM_EXIT_CACHE, 2 },
	{ SVM_EXIT_IOIO, VMM_EXIT_IO, 0 },
	{ SVM_EXIT_TASK_SWITCH, VMM_EXIT_FORBIDDEN, 0 },
	{ SVM_EXIT_SHUTDOWN, VMM_EXIT_TRIPLE_FAULT, 0 },
	{ SVM_EXIT_WBINVD, VMM_EXIT_CACHE, 2 },
};

static void decode_kind(const struct vmcb *c, struct vmm_exit *exit)
{
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (plain[i].code == c->exit_code) {
			exit->kind = plain[i].kind;
			exit->length = plain[i].length;
			if (exit->length && svm_features.next_rip && c->next_rip > c->rip && c->next_rip - c->rip <= 15) {
				exit->length = (uint8_t)(c->next_rip - c->rip);
			}
			return;
		}
	}
	bool instruction = c->exit_code >= SVM_EXIT_RDPMC && c->exit_code <= SVM_EXIT_MWAIT_ARMED;
	bool exception = c->exit_code >= SVM_EXIT_EXCEPTION && c->exit_code < SVM_EXIT_EXCEPTION + 32;
	exit->kind = instruction ? VMM_EXIT_UNDEFINED : exception ? VMM_EXIT_EXCEPTION : VMM_EXIT_FORBIDDEN;
	if ((uint32_t)c->exit_code == SVM_EXIT_INVALID) {
		exit->kind = VMM_EXIT_INVALID;
	}
}

void svm_decode_exit(struct vcpu *v, struct vmm_exit *exit)
{
	const struct vmcb *c = svm_vmcb(v);
	uint64_t info = c->exit_info1;
	*exit = (struct vmm_exit){ 0 };
	decode_kind(c, exit);
	switch (exit->kind) {
	case VMM_EXIT_MSR:
		exit->msr.index = (uint32_t)v->regs.rcx;
		exit->msr.write = info & 1;
		break;
	case VMM_EXIT_NESTED_FAULT: /* 15.25.6 */
		exit->fault.gpa = GPA(c->exit_info2);
		exit->fault.write = info & NPF_WRITE;
		exit->fault.exec = info & NPF_EXEC;
		break;
	case VMM_EXIT_EXCEPTION:
		exit->exception.vector = (uint8_t)(c->exit_code - SVM_EXIT_EXCEPTION);
		exit->exception.code = (uint32_t)info;
		break;
	default:
		break;
	}
}

/* Only 64-bit code needs decoding here. */
int svm_translate(struct vcpu *v, gva_t at, gpa_t *to)
{
	const struct vmcb *c = svm_vmcb(v);
	if (!(c->efer & EFER_LMA) || !(c->cs.attributes & SEGMENT_LONG)) {
		return -EFAULT;
	}
	return vmm_walk(v, c->cr3, at, to);
}
