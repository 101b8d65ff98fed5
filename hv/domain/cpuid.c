/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a domain sees it: this processor's, without what is not virtualized or not its business: SVM, local APIC,
 * MONITOR, machine checks, MTRR, performance counters, power, topology, supervisor XSAVE states, speculation
 * controls (their MSRs are not passed). The vCPUs look like the cores of one package. Leaf numbers and bits: APM vol. 3, appendix
 * E.
 */
#include "hv/vcpu.h"

#include "hv/cpu.h"
#include "hv/domain.h"
#include "hv/port.h"

enum { EAX, EBX, ECX, EDX };

#define ALL UINT32_MAX
#define EXTENDED 8 /* row */

/* The leaves that are open, and the bits of EAX to EDX that pass; the first entry that fits counts. XCR0 is the guest's own while its
 * context is loaded, so leaf Dh's EBX is right as the processor gives it. */
static const struct {
	uint32_t first, last; /* leaves */
	uint32_t subleaf; /* ALL: any */
	uint32_t keep[4];
} open_leaves[] = {
	{ 0x0, 0x0, ALL, { ALL, ALL, ALL, ALL } },
	/* Not DTES64, MONITOR, DS-CPL, VMX, SMX, EIST, TM2, CNXT-ID, SDBG, xTPR, PDCM, DCA, x2APIC, TSC deadline; nor MCE, APIC,
	 * MTRR, MCA, PAT, DS, ACPI, HTT, TM; OSXSAVE, x2APIC, APIC and HTT are the virtual ones. */
	{ 0x1, 0x1, ALL, { ALL, 0x0000ffff, ~0x0924cdfcu, ~0x30615280u } },
	{ 0x2, 0x2, ALL, { ALL, ALL, ALL, ALL } },
	{ 0x4, 0x4, ALL, { ALL, ALL, ALL, ALL } },
	/* Not TSC_ADJUST, SGX, PQM, MPX, PQE, PT; WAITPKG, CET, TME, LA57, RDPID, KL, BUS_LOCK, ENQCMD, SGX_LC, PKS; SGX_KEYS, UINTR,
	 * SRBDS_CTRL, TSX_FORCE_ABORT, HYBRID, PCONFIG, LBR, IBT, speculation. */
	{ 0x7, 0x7, 0, { ALL, ~0x0200d006u, ~0xe1c120b0u, ~0xfc1ca222u } },
	{ 0xd, 0xd, 1, { 0x7, ALL, 0, 0 } }, /* XSAVEOPT, XSAVEC, XGETBV with ECX=1 */
	{ 0xd, 0xd, ALL, { ALL, ALL, ALL, ALL } },
	{ 0x15, 0x16, ALL, { ALL, ALL, ALL, ALL } },
	[EXTENDED] = { 0x80000000, 0x80000000, ALL, { ALL, ALL, ALL, ALL } },
	/* Not SVM, extended APIC space, OSVW, IBS, SKINIT, WDT, LWP, TCE, topology, performance counters, MWAITX; nor FFXSR, RDTSCP
	 * and 1's. */
	{ 0x80000001, 0x80000001, ALL, { ALL, ALL, ~0x7dc2b60cu, ~0x0a015280u } },
	{ 0x80000002, 0x80000006, ALL, { ALL, ALL, ALL, ALL } },
	{ 0x80000007, 0x80000007, ALL, { 0, 0, 0, 0x100 } }, /* the TSC's rate is one */
	{ 0x80000008, 0x80000008, ALL, { ALL, 0x00000205, 0, ALL } }, /* CLZERO, error pointers, WBNOINVD */
};

/* Leaf Bh: one thread a core, all cores in one package (SDM vol. 2, CPUID). */
static void topology_leaf(const struct vcpu *v, uint32_t sub, uint32_t r[4])
{
	uint32_t count = v->domain->vcpu_count;
	r[EDX] = v->id;
	r[ECX] = sub | (sub < 2 ? (sub + 1) << 8 : 0);
	r[EAX] = sub == 1 ? 32 - (uint32_t)__builtin_clz(2 * count - 1) - 1 : 0;
	r[EBX] = sub == 0 ? 1 : sub == 1 ? count : 0;
}

static void open_leaf(struct vcpu *v, uint32_t number, uint32_t sub, uint32_t r[4])
{
	for (unsigned i = number >> 31 ? EXTENDED : 0; i < sizeof(open_leaves) / sizeof(open_leaves[0]); i++) {
		if (number < open_leaves[i].first || number > open_leaves[i].last ||
		    (open_leaves[i].subleaf != ALL && open_leaves[i].subleaf != sub)) {
			continue;
		}
		cpuid(number, sub, r);
		for (unsigned n = EAX; n <= EDX; n++) {
			r[n] &= open_leaves[i].keep[n];
		}
		break;
	}
	if (number == 7 && sub == 0) {
		r[ECX] |= (vmm->cr4(v) >> 22 & 1) << 4; /* OSPKE */
	}
	if (number == 1) {
		r[ECX] |= (vmm->cr4(v) >> 18 & 1) << 27; /* OSXSAVE */
		r[EBX] |= v->id << 24 | v->domain->vcpu_count << 16;
		r[ECX] |= 1u << 31 | 1u << 21; /* a hypervisor, x2APIC */
		r[EDX] |= 1u << 9 | (v->domain->vcpu_count > 1 ? 1u << 28 : 0); /* APIC, HTT */
	}
}

void vcpu_cpuid(struct vcpu *v)
{
	uint32_t number = (uint32_t)v->regs.rax, sub = (uint32_t)v->regs.rcx;
	uint32_t r[4] = { 0 };
	switch (number) {
	case BH_CPUID_SIGNATURE:
		r[EAX] = BH_CPUID_DOMAIN;
		r[EBX] = BH_SIGNATURE_EBX;
		r[ECX] = BH_SIGNATURE_ECX;
		r[EDX] = BH_SIGNATURE_EDX;
		break;
	case BH_CPUID_DOMAIN:
		r[EAX] = BH_ABI_VERSION;
		r[EBX] = (uint32_t)(v->domain->config->memory >> 12);
		r[ECX] = (uint32_t)tsc_khz;
		r[EDX] = vmm->features | (vmm_has_apic ? BH_FEATURE_UPCALL_EOI : 0);
		break;
	case 0xb:
		topology_leaf(v, sub, r);
		break;
	default:
		open_leaf(v, number, sub, r);
		break;
	}
	v->regs.rax = r[EAX];
	v->regs.rbx = r[EBX];
	v->regs.rcx = r[ECX];
	v->regs.rdx = r[EDX];
}
