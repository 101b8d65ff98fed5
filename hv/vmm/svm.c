/* SPDX-License-Identifier: MIT */
/*
 * SVM: switching it on, and the life of a VMCB (APM vol. 2, chapter 15).
 *
 * Everything that could leave the compartment is intercepted; what the processor keeps per guest is not: CR accesses,
 * RDTSC, page faults and most exceptions cost no exit. #DB and #AC are taken and given back, for a guest can
 * otherwise loop in microcode delivering them. Each vCPU has an ASID of its own and never changes processor, so its
 * translations are stale only after its nested table changed; vcpu->flush says so.
 */
#include "svm.h"

#include <stdatomic.h>

#include "abi/errno.h"
#include "base/string.h"
#include "hv/cpu.h"
#include "hv/domain.h"
#include "hv/log.h"
#include "hv/pool.h"

#define MSRPM_PAGES 2
#define IOPM_PAGES 3
#define NMI_LOOK_US 10
#define VECTOR_DB 1
#define VECTOR_AC 17
#define VECTOR_MC 18

struct svm_features svm_features;
static uint8_t *svm_msrpm, *svm_iopm;
static _Atomic uint32_t svm_next_asid = 1;

/* 15.11: two bits an MSR, from 0, C000_0000h and C001_0000h, 2 KiB each; set: intercepted. */
static void msrpm_pass(uint32_t index)
{
	uint32_t bit = index < 0x2000 ? index * 2 : 0x4000 + (index & 0x1fff) * 2;
	svm_msrpm[bit / 8] &= (uint8_t)~(3u << bit % 8);
}

/* The maps, and for each processor two pages, cpu->vmm: the host's own VMLOAD/VMSAVE state, and VM_HSAVE_PA's. */
static int maps_init(void)
{
	/* VMLOAD/VMSAVE state: SYSENTER, STAR..SFMASK, FS, GS, KernelGsBase. */
	static const uint32_t passed[] = { 0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
					   0xc0000101, 0xc0000102 };
	svm_iopm = pool_alloc(IOPM_PAGES, 1);
	svm_msrpm = pool_alloc(MSRPM_PAGES, 1);
	if (!svm_iopm || !svm_msrpm) {
		return -ENOMEM;
	}
	memset(svm_iopm, 0xff, IOPM_PAGES * PAGE_SIZE);
	memset(svm_msrpm, 0xff, MSRPM_PAGES * PAGE_SIZE);
	for (unsigned i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		msrpm_pass(passed[i]);
	}
	for (unsigned i = 0; i < cpu_count; i++) {
		cpu_at(i)->vmm = pool_alloc(2, 1);
		if (!cpu_at(i)->vmm) {
			return -ENOMEM;
		}
	}
	return 0;
}

const char *svm_features_choose(const uint32_t svm[4], uint64_t vm_cr, struct svm_features *out)
{
	*out = (struct svm_features){ .asid_count = svm[1], .next_rip = svm[3] & 1u << 3, .flush_by_asid = svm[3] & 1u << 6 };
	return vm_cr & VM_CR_SVMDIS ? "SVM is switched off in the firmware" :
	       !(svm[3] & 1u << 0) ? "the processor has no nested paging (NPT)" : NULL;
}

/* 15.4: EnableSVM's checks, then what this hypervisor cannot do without. */
static int svm_probe(const char **missing)
{
	uint32_t highest[4], extended[4], svm[4];
	cpuid(0x80000000, 0, highest);
	cpuid(0x80000001, 0, extended);
	cpuid(0x8000000a, 0, svm);
	if (highest[0] < 0x8000000a || !(extended[2] & 1u << 2)) {
		return -ENOENT;
	}
	const char *lacks = svm_features_choose(svm, msr_read(MSR_VM_CR), &svm_features);
	if (lacks) {
		*missing = lacks;
		return -ENODEV;
	}
	npt_format_init();
	return maps_init();
}

static void svm_cpu_init(void)
{
	uint64_t host = pool_hpa(cpu_current()->vmm).value;
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME | EFER_NXE);
	msr_write(MSR_VM_HSAVE_PA, host + PAGE_SIZE);
	__asm__ volatile("vmsave %0" : : "a"(host) : "memory");
}

static int svm_vcpu_init(struct vcpu *v)
{
	struct vmcb *c = pool_alloc(1, 1);
	uint32_t asid = svm_next_asid++;
	if (!c || asid >= svm_features.asid_count) {
		return -ENOMEM;
	}
	c->asid = asid;
	v->vmm = c;
	return 0;
}

static void control_reset(struct vmcb *c, uint64_t nested_root, uint32_t asid)
{
	memset(c, 0, sizeof(*c));
	c->exceptions = 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC;
	c->intercept1 = SVM_I1_INTR | SVM_I1_NMI | SVM_I1_INIT | SVM_I1_RDPMC | SVM_I1_CPUID | SVM_I1_INVD | SVM_I1_HLT |
			SVM_I1_INVLPGA | SVM_I1_IOIO | SVM_I1_MSR | SVM_I1_TASK_SWITCH | SVM_I1_SHUTDOWN;
	c->intercept2 = SVM_I2_ALL_SVM | SVM_I2_WBINVD | SVM_I2_MONITOR | SVM_I2_MWAIT;
	c->iopm = pool_hpa(svm_iopm).value;
	c->msrpm = pool_hpa(svm_msrpm).value;
	c->asid = asid;
	c->nested_enable = 1;
	c->nested_cr3 = nested_root;
	c->pat = 0x0007040600070406ull; /* reset value, 7.8.2 */
}

static void reset(struct vcpu *v)
{
	struct vmcb *c = svm_vmcb(v);
	control_reset(c, v->nested_root.value, c->asid);
	c->tr = (struct vmcb_segment){ .attributes = 0x8b, .limit = 0xffff };
	c->ldtr = (struct vmcb_segment){ .attributes = 0x82, .limit = 0xffff };
	c->efer = EFER_SVME; /* 15.5.1: VMRUN refuses 0 */
	c->dr6 = 0xffff0ff0;
	c->dr7 = 0x400;
	v->flush = true;
}

/* The PVH boot state (abi/pvh.h): 32-bit, flat, paging off, EBX = start info. */
static void svm_vcpu_reset_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
	struct vmcb *c = svm_vmcb(v);
	const struct vmcb_segment code = { .selector = 8, .attributes = 0xc9b, .limit = ~0u };
	const struct vmcb_segment data = { .selector = 16, .attributes = 0xc93, .limit = ~0u };
	reset(v);
	c->cs = code;
	c->ds = c->es = c->ss = c->fs = c->gs = data;
	c->cr0 = CR0_PE | CR0_ET;
	v->regs = (struct vcpu_regs){ .rbx = start_info, .rip = entry, .rflags = RFLAGS_FIXED };
}

/* Table 14-1, with the code segment of a startup IPI (15.27.8 names it too). Caches are on, as the host's are. */
static void svm_vcpu_reset_startup(struct vcpu *v, uint8_t page)
{
	struct vmcb *c = svm_vmcb(v);
	const struct vmcb_segment data = { .attributes = 0x93, .limit = 0xffff };
	reset(v);
	c->cs = (struct vmcb_segment){ .selector = (uint16_t)(page << 8), .attributes = 0x9b, .limit = 0xffff, .base = page << 12 };
	c->ds = c->es = c->ss = c->fs = c->gs = data;
	c->gdtr.limit = c->idtr.limit = 0xffff;
	c->cr0 = CR0_ET;
	v->regs = (struct vcpu_regs){ .rflags = RFLAGS_FIXED };
}

/* There is no window for NMIs: one is held back until the handler of the one before is at its IRET (15.9), then until a
 * timer finds that this has been executed. A timer that fires before the guest gets to it is set for twice as long. */
static void nmi_enter(const struct vcpu *v, struct vmcb *c)
{
	if (!c->host.nmi_wanted || c->host.nmi_blocked || (c->inject & SVM_EVENT_VALID)) {
		return;
	}
	if (v->regs.rip == c->host.nmi_iret) {
		c->host.nmi_look_us *= 2;
		sched_arm(tsc_read() + us_to_tsc(c->host.nmi_look_us));
		return;
	}
	c->inject = SVM_EVENT_VALID | SVM_EVENT_NMI << 8;
	c->host.nmi_wanted = false;
	c->host.nmi_blocked = true;
	c->host.nmi_iret = 0;
	c->intercept1 |= SVM_I1_IRET;
}

static void nmi_exit(struct vmcb *c)
{
	if (c->exit_code == SVM_EXIT_IRET) {
		c->host.nmi_blocked = false;
		c->host.nmi_iret = c->rip;
		c->host.nmi_look_us = NMI_LOOK_US;
		c->intercept1 &= ~SVM_I1_IRET;
	}
}

/* The offer is a virtual interrupt (15.21.4): the processor delivers it when IF and TPR allow, and clears V_IRQ then. */
static void svm_offer(struct vcpu *v, uint8_t vector)
{
	struct vmcb *c = svm_vmcb(v);
	const uint64_t request = SVM_V_IRQ | (uint64_t)(vector >> 4) << SVM_V_PRIORITY_SHIFT | (uint64_t)vector << SVM_V_VECTOR_SHIFT;
	c->host.offered = vector;
	c->virtual_interrupt = SVM_V_INTR_MASKING | (vector ? request : 0);
}

static void svm_run(struct vcpu *v, struct vmm_exit *exit, uint64_t deadline)
{
	struct vmcb *c = svm_vmcb(v);
	uint32_t *tpr = vapic_at(v->apic, VAPIC_TPR);
	c->rax = v->regs.rax;
	c->rsp = v->regs.rsp;
	c->rip = v->regs.rip;
	c->rflags = v->regs.rflags;
	c->virtual_interrupt = (c->virtual_interrupt & ~SVM_V_TPR) | *tpr >> 4;
	c->tlb_control = SVM_TLB_KEEP;
	if (atomic_exchange(&v->flush, false)) {
		c->tlb_control = svm_features.flush_by_asid ? SVM_TLB_FLUSH_GUEST : SVM_TLB_FLUSH_ALL;
	}
	nmi_enter(v, c);
	c->clean = 0;
	svm_enter(&v->regs, pool_hpa(c).value, pool_hpa(cpu_current()->vmm).value);
	v->left = tsc_read();
	v->regs.rax = c->rax;
	v->regs.rsp = c->rsp;
	v->regs.rip = c->rip;
	v->regs.rflags = c->rflags;
	*tpr = (*tpr & 15) | (uint32_t)(c->virtual_interrupt & SVM_V_TPR) << 4;
	nmi_exit(c);
	c->inject = 0;
	if (c->exit_interrupt & SVM_EVENT_VALID) {
		svm_requeue(c);
	}
	if (c->exit_code == SVM_EXIT_INTR || c->exit_code == SVM_EXIT_NMI) {
		cpu_take_interrupts(); /* it is pending: the host's handler runs here */
	}
	svm_decode_exit(v, exit);
	exit->taken = c->virtual_interrupt & SVM_V_IRQ ? 0 : c->host.offered;
}

static void svm_nmi(struct vcpu *v)
{
	svm_vmcb(v)->host.nmi_wanted = true;
}

static void svm_inject_exception(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code)
{
	svm_vmcb(v)->inject = SVM_EVENT_VALID | SVM_EVENT_EXCEPTION << 8 | vector | /* real mode has no error codes */
			      (has_code && svm_vmcb(v)->cr0 & CR0_PE ? SVM_EVENT_HAS_CODE | (uint64_t)code << 32 : 0);
}

static void svm_skip(struct vcpu *v, unsigned bytes)
{
	struct vmcb *c = svm_vmcb(v);
	v->regs.rip += bytes;
	if (!(c->cs.attributes & SEGMENT_LONG)) {
		v->regs.rip = (uint32_t)v->regs.rip;
	}
	c->shadow = 0;
}

static uint8_t svm_cpl(struct vcpu *v)
{
	return svm_vmcb(v)->cpl;
}

static uint64_t svm_cr4(struct vcpu *v)
{
	return svm_vmcb(v)->cr4;
}

/* SVME stays, unseen. */
static int efer_write(struct vmcb *c, uint64_t value)
{
	int error = vmm_efer_check(c->efer, c->cr0 & CR0_PG, value);
	if (!error) {
		c->efer = (value & ~EFER_LMA) | (c->efer & (EFER_LMA | EFER_SVME));
	}
	return error;
}

static int svm_msr(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	struct vmcb *c = svm_vmcb(v);
	if (index != MSR_EFER) {
		return -EINVAL;
	}
	if (write) {
		return efer_write(c, *value);
	}
	*value = c->efer & ~EFER_SVME;
	return 0;
}

static void svm_dump(struct vcpu *v)
{
	const struct vmcb *c = svm_vmcb(v);
	const struct vcpu_regs *r = &v->regs;
	log_line("  rip=%lx rsp=%lx rflags=%lx rax=%lx rbx=%lx rcx=%lx rdx=%lx rsi=%lx rdi=%lx rbp=%lx", r->rip, r->rsp,
		 r->rflags, r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp);
	log_line("  exit=%lx info=%lx,%lx cr0=%lx cr2=%lx cr3=%lx cr4=%lx efer=%lx cs=%x cpl=%u", c->exit_code,
		 c->exit_info1, c->exit_info2, c->cr0, c->cr2, c->cr3, c->cr4, c->efer, c->cs.selector, c->cpl);
}

static void svm_state(struct vcpu *v, struct bh_capsule_state *state)
{
	const struct vmcb *c = svm_vmcb(v);
	*state = (struct bh_capsule_state){ .cr0 = c->cr0, .cr2 = c->cr2, .cr3 = c->cr3, .cr4 = c->cr4, .efer = c->efer & ~EFER_SVME,
					    .fs_base = c->fs.base, .gs_base = c->gs.base, .es = c->es.selector, .cs = c->cs.selector,
					    .ss = c->ss.selector, .ds = c->ds.selector, .fs = c->fs.selector, .gs = c->gs.selector };
}

const struct vmm_ops svm_ops = {
	.name = "SVM",
	.nested = "nested paging (NPT)",
	.format = &npt_format,
	.probe = svm_probe,
	.cpu_init = svm_cpu_init,
	.vcpu_init = svm_vcpu_init,
	.vcpu_reset_pvh = svm_vcpu_reset_pvh,
	.vcpu_reset_startup = svm_vcpu_reset_startup,
	.run = svm_run,
	.offer = svm_offer,
	.nmi = svm_nmi,
	.inject_exception = svm_inject_exception,
	.skip = svm_skip,
	.cpl = svm_cpl,
	.cr4 = svm_cr4,
	.translate = svm_translate,
	.msr = svm_msr,
	.dump = svm_dump,
	.state = svm_state,
};
