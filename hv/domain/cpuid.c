/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a domain sees it: this processor's, without what is not virtualized or not its business: SVM, MONITOR, machine checks,
 * MTRR, performance counters, power, topology, supervisor XSAVE states, speculation controls (their MSRs are not passed).
 * One vCPU looks like one package. Leaf numbers and bits: APM vol. 3, appendix E.
 */
#include "hv/vcpu.h"

#include "hv/cpu.h"
#include "hv/domain.h"
#include "hv/port.h"

struct leaf {
	uint32_t a, b, c, d;
};


/* Bits kept. */
#define KEEP_1C (~(1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 15 | 1u << 18))
#define ADD_1C (1u << 21 | 1u << 24 | 1u << 31) /* x2APIC, TSC deadline, hypervisor */
#define KEEP_1D (~(1u << 7 | 1u << 12 | 1u << 14 | 1u << 21 | 1u << 22 | 1u << 28 | 1u << 29))
#define KEEP_7B (~(1u << 2 | 1u << 12 | 1u << 14 | 1u << 15 | 1u << 25))
#define KEEP_7C (~(1u << 5 | 1u << 7 | 1u << 13 | 1u << 16 | 1u << 22 | 1u << 29 | 1u << 30 | 1u << 31))
#define KEEP_7D (~(1u << 19 | 1u << 20 | 0xfcu << 24))
#define KEEP_81C (~(1u << 2 | 1u << 3 | 1u << 10 | 1u << 12 | 1u << 13 | 1u << 15 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 26 | \
		    1u << 28 | 1u << 29 | 1u << 30))
#define KEEP_81D (~(1u << 7 | 1u << 12 | 1u << 14 | 1u << 27))
#define KEEP_88B (1u << 0 | 1u << 2 | 1u << 9)

static struct leaf domain_leaf(const struct vcpu *v, uint32_t number)
{
	if (number == BH_CPUID_SIGNATURE) {
		return (struct leaf){ BH_CPUID_DOMAIN, BH_SIGNATURE_EBX, BH_SIGNATURE_ECX, BH_SIGNATURE_EDX };
	}
	if (number == BH_CPUID_DOMAIN) {
		return (struct leaf){ BH_ABI_VERSION, (uint32_t)(v->domain->page_gpa >> 12), (uint32_t)tsc_khz, 0 };
	}
	return (struct leaf){ 0 };
}

/* XCR0 is the guest's own while its context is loaded, so leaf Dh's EBX is right as the processor gives it. */
static struct leaf filtered(const struct vcpu *v, uint32_t number, uint32_t sub)
{
	uint32_t r[4];
	cpuid(number, sub, r);
	struct leaf l = { r[0], r[1], r[2], r[3] };
	switch (number) {
	case 1:
		l.b = (l.b & 0x0000ffff) | 1u << 16 | v->index << 24;
		l.c = (l.c & KEEP_1C) | ADD_1C;
		l.d &= KEEP_1D;
		break;
	case 7:
		if (sub == 0) {
			l.b &= KEEP_7B;
			l.c &= KEEP_7C;
			l.d &= KEEP_7D;
		} else {
			l = (struct leaf){ 0 };
		}
		break;
	case 0xd:
		if (sub == 1) {
			l.a &= 7; /* XSAVEOPT, XSAVEC, XGETBV with ECX=1 */
			l.c = l.d = 0;
		}
		break;
	case 0x80000001:
		l.c &= KEEP_81C;
		l.d &= KEEP_81D;
		break;
	case 0x80000008:
		l.b &= KEEP_88B;
		l.c = 0;
		break;
	default:
		break;
	}
	return l;
}

static bool leaf_is_open(uint32_t number)
{
	static const uint32_t open[] = { 0, 1, 2, 4, 7, 0xd, 0x15, 0x16, 0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000004,
					 0x80000005, 0x80000006, 0x80000007, 0x80000008 };
	for (unsigned i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		if (open[i] == number) {
			return true;
		}
	}
	return false;
}

void vcpu_cpuid(struct vcpu *v)
{
	uint32_t number = (uint32_t)v->regs.rax, sub = (uint32_t)v->regs.rcx;
	struct leaf l = { 0 };
	if (number >> 28 == 4) {
		l = domain_leaf(v, number);
	} else if (leaf_is_open(number)) {
		l = filtered(v, number, sub);
	} else if (number == 0xb) {
		l = (struct leaf){ .c = sub & 0xff, .d = v->index };
	}
	v->regs.rax = l.a;
	v->regs.rbx = l.b;
	v->regs.rcx = l.c;
	v->regs.rdx = l.d;
}
