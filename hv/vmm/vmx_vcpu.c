/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's VMCS after a reset, written as a whole on its home processor (SDM vol. 3, 24.4 to 24.8, 26.2, 26.3), and the
 * registers that no VMCS holds. The host's state never changes after that: a vCPU does not change processor.
 *
 * Of CR0, NE is fixed and NW and CD are not the guest's: a guest that writes one of them exits, gets its wish in the read
 * shadow, and writes again. Of CR4, bits that CPUID does not show are kept back, each write of a 1 exits, and is a #GP.
 */
#include "vmx.h"

#include "base/string.h"
#include "cpu/cpu_internal.h"
#include "hv/pool.h"
#include "hv/port.h"

#define VECTOR_DB 1
#define VECTOR_AC 17
#define VECTOR_MC 18
#define CR0_KEPT (CR0_NE | CR0_NW | CR0_CD)
#define CR4_GUEST 0x00770fbfull /* PKE, SMAP, SMEP, OSXSAVE; PCIDE, FSGSBASE; UMIP, OSXMMEXCPT, OSFXSR, PCE; PGE; PAE to VME */
#define PAT_RESET 0x0007040600070406ull
#define DR6_RESET 0xffff0ff0ull
#define DR7_RESET 0x400ull

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

static const uint32_t switched[VMX_SWITCHED] = { MSR_STAR, MSR_STAR + 1, MSR_STAR + 2, MSR_SFMASK, MSR_KERNEL_GS_BASE };

void vmx_switched_save(struct vmx_vcpu *x)
{
	for (unsigned i = 0; i < VMX_SWITCHED; i++) {
		x->msrs[i] = msr_read(switched[i]);
	}
	__asm__ volatile("mov %%cr2, %0; mov %%dr6, %1" : "=r"(x->cr2), "=r"(x->dr6));
}

void vmx_switched_load(const struct vmx_vcpu *x)
{
	for (unsigned i = 0; i < VMX_SWITCHED; i++) {
		msr_write(switched[i], x->msrs[i]);
	}
	__asm__ volatile("mov %0, %%cr2; mov %1, %%dr6" : : "r"(x->cr2), "r"(x->dr6));
}

void vmx_debug_hit(uint64_t causes)
{
	uint64_t dr6;
	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" : : "r"((dr6 & ~15ull) | causes));
}

static void controls_write(const struct vcpu *v, struct vmx_vcpu *x)
{
	const struct vmx_controls *c = &vmx_controls;
	vmcs_write(VMCS_PIN, c->word[VMX_PIN]);
	vmcs_write(VMCS_PRIMARY, c->word[VMX_PRIMARY]);
	vmcs_write(VMCS_SECONDARY, c->word[VMX_SECONDARY]);
	vmcs_write(VMCS_EXIT, c->word[VMX_EXIT]);
	vmcs_write(VMCS_ENTRY, c->word[VMX_ENTRY]);
	vmcs_write(VMCS_EXCEPTIONS, 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC);
	vmcs_write(VMCS_VPID, x->vpid);
	vmcs_write(VMCS_EPTP, v->nested_root.value | c->eptp);
	vmcs_write(VMCS_MSR_BITMAP, pool_hpa(vmx_msr_bitmap).value);
	vmcs_write(VMCS_VIRTUAL_APIC, pool_hpa(v->apic).value);
	static const uint16_t zero[] = {
		VMCS_PAGE_FAULT_MASK, VMCS_PAGE_FAULT_MATCH, VMCS_CR3_TARGETS, VMCS_EXIT_MSR_STORES, VMCS_EXIT_MSR_LOADS,
		VMCS_ENTRY_MSR_LOADS, VMCS_ENTRY_EVENT, VMCS_TPR_THRESHOLD, VMCS_TSC_OFFSET,
	};
	for (unsigned i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
		vmcs_write(zero[i], 0);
	}
	if (c->word[VMX_SECONDARY] & SECONDARY_ENCLS) {
		vmcs_write(VMCS_ENCLS_BITMAP, UINT64_MAX);
	}
	for (unsigned field = VMCS_EOI_EXIT0; c->virtual_apic && field <= VMCS_EOI_EXIT3; field += 2) {
		vmcs_write(field, 0);
	}
	if (c->virtual_apic) {
		vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, 0);
	}
	if (c->posted) {
		vmcs_write(VMCS_POSTED_VECTOR, vmx_notification);
		vmcs_write(VMCS_POSTED_DESCRIPTOR, pool_hpa(&x->posted).value);
	}
	x->vmcs_primary = c->word[VMX_PRIMARY];
	x->vmcs_threshold = 0;
}

/* 26.2.2. Selectors of data segments may be 0; base and limit then do not matter in 64-bit code. */
static void host_write(struct vmx_vcpu *x)
{
	const struct cpu_area *area = cpu_area_current();
	struct descriptor_pointer idt;
	uint64_t cr0, cr3, cr4;
	__asm__ volatile("mov %%cr0, %0; mov %%cr3, %1; mov %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
	__asm__ volatile("sidt %0" : "=m"(idt));
	vmcs_write(VMCS_HOST_CR0, cr0);
	vmcs_write(VMCS_HOST_CR3, cr3);
	vmcs_write(VMCS_HOST_CR4, cr4);
	vmcs_write(VMCS_HOST_EFER, msr_read(MSR_EFER));
	if (vmx_controls.word[VMX_EXIT] & EXIT_LOAD_PAT) {
		vmcs_write(VMCS_HOST_PAT, msr_read(MSR_PAT));
	}
	vmcs_write(VMCS_HOST_CS, SELECTOR_CODE);
	vmcs_write(VMCS_HOST_SS, SELECTOR_DATA);
	vmcs_write(VMCS_HOST_TR, SELECTOR_TSS);
	static const uint16_t zero[] = {
		VMCS_HOST_ES, VMCS_HOST_DS, VMCS_HOST_FS, VMCS_HOST_GS, VMCS_HOST_FS_BASE, VMCS_HOST_SYSENTER_CS,
		VMCS_HOST_SYSENTER_ESP, VMCS_HOST_SYSENTER_EIP,
	};
	for (unsigned i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
		vmcs_write(zero[i], 0);
	}
	vmcs_write(VMCS_HOST_GS_BASE, (uint64_t)cpu_current());
	vmcs_write(VMCS_HOST_TR_BASE, (uint64_t)&area->tss);
	vmcs_write(VMCS_HOST_GDTR_BASE, (uint64_t)area->gdt);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.base);
	vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_left);
	x->vmcs_host_rsp = 0;
}

static void segment_write(unsigned index, uint16_t selector, uint64_t base, uint32_t limit, uint32_t rights)
{
	vmcs_write(VMCS_GUEST_ES + 2 * index, selector);
	vmcs_write(VMCS_GUEST_ES_BASE + 2 * index, base);
	vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * index, limit);
	vmcs_write(VMCS_GUEST_ES_RIGHTS + 2 * index, rights);
}

/* PVH's boot state (abi/pvh.h), 32-bit, flat, paging off; or that after INIT and SIPI (table 9-1), real mode. */
static void segments_write(const struct vmx_vcpu *x)
{
	uint32_t limit = x->real ? 0xffff : ~0u, flat = x->real ? 0 : 0xc000; /* G, D/B */
	segment_write(CS, x->real ? (uint16_t)(x->page << 8) : 8, x->real ? x->page << 12 : 0, limit, flat | 0x9b);
	static const uint8_t data[] = { ES, SS, DS, FS, GS };
	for (unsigned i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		segment_write(data[i], x->real ? 0 : 16, 0, limit, flat | 0x93);
	}
	segment_write(LDTR, 0, 0, 0xffff, 0x82);
	segment_write(TR, 0, 0, 0xffff, 0x8b);
	vmcs_write(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0xffff);
}

static void guest_write(const struct vcpu *v, struct vmx_vcpu *x)
{
	uint64_t cr0 = CR0_ET | (x->real ? CR0_CD | CR0_NW : CR0_PE);
	vmcs_write(VMCS_CR0_MASK, CR0_KEPT | vmx_controls.cr0_fixed);
	vmcs_write(VMCS_CR0_SHADOW, cr0);
	vmcs_write(VMCS_GUEST_CR0, (cr0 & ~CR0_KEPT) | vmx_controls.cr0_fixed);
	vmcs_write(VMCS_CR4_MASK, ~CR4_GUEST);
	vmcs_write(VMCS_CR4_SHADOW, 0);
	vmcs_write(VMCS_GUEST_CR4, vmx_controls.cr4_fixed | CR4_MCE); /* without MCE a machine check would shut down */
	static const uint16_t zero[] = {
		VMCS_GUEST_CR3, VMCS_GUEST_EFER, VMCS_GUEST_DEBUGCTL, VMCS_GUEST_SHADOW, VMCS_GUEST_ACTIVITY,
		VMCS_GUEST_PENDING_DEBUG, VMCS_GUEST_SYSENTER_CS, VMCS_GUEST_SYSENTER_ESP, VMCS_GUEST_SYSENTER_EIP,
	};
	for (unsigned i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
		vmcs_write(zero[i], 0);
	}
	vmcs_write(VMCS_LINK, UINT64_MAX);
	if (vmx_controls.word[VMX_ENTRY] & ENTRY_LOAD_PAT) {
		vmcs_write(VMCS_GUEST_PAT, PAT_RESET); /* the host's is the same */
	}
	vmcs_write(VMCS_GUEST_DR7, DR7_RESET);
	segments_write(x);
	vmcs_write(VMCS_GUEST_RIP, x->vmcs_rip = v->regs.rip);
	vmcs_write(VMCS_GUEST_RSP, x->vmcs_rsp = v->regs.rsp);
	vmcs_write(VMCS_GUEST_RFLAGS, x->vmcs_rflags = v->regs.rflags);
	x->shadow = x->vmcs_shadow = 0;
}

void vmx_vcpu_write(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	controls_write(v, x);
	host_write(x);
	guest_write(v, x);
	memset(x->msrs, 0, sizeof(x->msrs));
	x->cr2 = 0;
	x->dr6 = DR6_RESET;
	vmx_switched_load(x);
	x->reset = false;
}
