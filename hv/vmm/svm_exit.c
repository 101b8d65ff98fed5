/* SPDX-License-Identifier: MIT */
/*
 * From a VMCB's exit fields to struct vmm_exit, and the guest's own page tables. Without next-RIP save the lengths are those
 * of the instructions without prefixes; a guest that puts prefixes before them goes on in the middle of its own instruction.
 */
#include "svm.h"

#include <stdatomic.h>

#include "abi/errno.h"
#include "hv/domain.h"

int svm_translate(struct vcpu *v, gva_t at, gpa_t *to);

#define NPF_PRESENT (1ull << 0)
#define NPF_WRITE (1ull << 1)
#define NPF_EXEC (1ull << 4)

/* 15.7.2. Software interrupts and #BP, #OF come again of themselves: RIP still points at them. */
void svm_requeue(struct vmcb *c)
{
	uint64_t event = c->exit_interrupt;
	c->inject = 0;
	if (!(event & SVM_EVENT_VALID)) {
		return;
	}
	unsigned type = SVM_EVENT_TYPE(event);
	uint8_t vector = (uint8_t)event;
	if (type == SVM_EVENT_EXTERNAL || type == SVM_EVENT_NMI ||
	    (type == SVM_EVENT_EXCEPTION && vector != 3 && vector != 4)) {
		c->inject = event;
	}
}

/* 15.10.2 */
static void decode_io(const struct vmcb *c, struct vmm_exit *exit)
{
	uint64_t info = c->exit_info1;
	exit->kind = VMM_EXIT_IO;
	exit->io.port = (uint16_t)(info >> 16);
	exit->io.in = info & 1;
	exit->io.string = info & 1u << 2;
	exit->io.width = (uint8_t)(info >> 4 & 7);
	exit->io.next_rip = c->exit_info2;
}

/* 15.25.6 */
static void decode_nested_fault(const struct vmcb *c, struct vmm_exit *exit)
{
	exit->kind = VMM_EXIT_NESTED_FAULT;
	exit->fault.gpa = GPA(c->exit_info2);
	exit->fault.present = c->exit_info1 & NPF_PRESENT;
	exit->fault.write = c->exit_info1 & NPF_WRITE;
	exit->fault.exec = c->exit_info1 & NPF_EXEC;
}

static void decode_exception(const struct vmcb *c, uint8_t vector, struct vmm_exit *exit)
{
	exit->kind = VMM_EXIT_EXCEPTION;
	exit->exception.vector = vector;
	exit->exception.code = (uint32_t)c->exit_info1;
}

static void decode_plain(const struct vmcb *c, struct vmm_exit *exit)
{
	static const struct { uint16_t code; uint8_t kind, length; } plain[] = {
		{ SVM_EXIT_INTR, VMM_EXIT_INTERRUPT, 0 }, { SVM_EXIT_NMI, VMM_EXIT_INTERRUPT, 0 },
		{ SVM_EXIT_VINTR, VMM_EXIT_WINDOW, 0 }, { SVM_EXIT_CPUID, VMM_EXIT_CPUID, 2 },
		{ SVM_EXIT_HLT, VMM_EXIT_HLT, 1 }, { SVM_EXIT_VMMCALL, VMM_EXIT_HYPERCALL, 3 },
		{ SVM_EXIT_INVD, VMM_EXIT_CACHE, 2 }, { SVM_EXIT_WBINVD, VMM_EXIT_CACHE, 2 },
		{ SVM_EXIT_SHUTDOWN, VMM_EXIT_TRIPLE_FAULT, 0 },
	};
	exit->kind = VMM_EXIT_FORBIDDEN;
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (plain[i].code == c->exit_code) {
			exit->kind = plain[i].kind;
			exit->length = plain[i].length;
		}
	}
	if (exit->length && svm_features.next_rip && c->next_rip > c->rip && c->next_rip - c->rip <= 15) {
		exit->length = (uint8_t)(c->next_rip - c->rip);
	}
}

void svm_decode_exit(struct vcpu *v, struct vmm_exit *exit)
{
	const struct vmcb *c = svm_vmcb(v);
	uint64_t code = c->exit_code;
	*exit = (struct vmm_exit){ .raw = code };
	if ((uint32_t)code == SVM_EXIT_INVALID) {
		exit->kind = VMM_EXIT_INVALID;
	} else if (code >= SVM_EXIT_EXCEPTION && code < SVM_EXIT_EXCEPTION + 32) {
		decode_exception(c, (uint8_t)(code - SVM_EXIT_EXCEPTION), exit);
	} else if (code == SVM_EXIT_IOIO) {
		decode_io(c, exit);
	} else if (code == SVM_EXIT_MSR) {
		exit->kind = VMM_EXIT_MSR;
		exit->msr.index = (uint32_t)v->regs.rcx;
		exit->msr.write = c->exit_info1 & 1;
		exit->length = 2;
	} else if (code == SVM_EXIT_NPF) {
		decode_nested_fault(c, exit);
	} else {
		decode_plain(c, exit);
		if (exit->kind == VMM_EXIT_FORBIDDEN && code >= SVM_EXIT_RDPMC && code <= SVM_EXIT_MWAIT_ARMED &&
		    code != SVM_EXIT_TASK_SWITCH) {
			exit->kind = VMM_EXIT_UNDEFINED; /* instructions that CPUID says are not there */
		}
	}
}

/* APM vol. 2, 5.3: four levels. Only 64-bit code needs decoding here. */
int svm_translate(struct vcpu *v, gva_t at, gpa_t *to)
{
	const struct vmcb *c = svm_vmcb(v);
	if (!(c->efer & EFER_LMA) || !(c->cs.attributes & SEGMENT_LONG)) {
		return -EFAULT;
	}
	uint64_t table = c->cr3 & 0x000ffffffffff000ull;
	for (int shift = 39; shift >= 12; shift -= 9) {
		uint64_t entry;
		if (domain_read(v->domain, GPA(table + (at.value >> shift & 511) * 8), &entry, sizeof(entry)) != 0 ||
		    !(entry & 1)) {
			return -EFAULT;
		}
		uint64_t address = entry & 0x000ffffffffff000ull;
		if (shift == 12 || (shift < 39 && (entry & 1u << 7))) {
			uint64_t inside = (1ull << shift) - 1;
			*to = GPA((address & ~inside) | (at.value & inside));
			return 0;
		}
		table = address;
	}
	return -EFAULT;
}
