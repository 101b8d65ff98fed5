/* SPDX-License-Identifier: MIT */
/*
 * VT-x: switching it on, entering and leaving (Intel SDM vol. 3, chapters 23 to 30).
 *
 * Everything that could leave the compartment exits; what the processor keeps per guest does not, as on SVM. A vCPU never
 * changes processor: its VMCS is written there, before its first entry after a reset, and stays active there. A field is
 * written only when it changes. Translations are tagged by VPID and nested table; vcpu->flush says when they are stale.
 */
#include "vmx.h"

#include <stdatomic.h>
#include <stddef.h>

#include "abi/errno.h"
#include "base/string.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "hv/port.h"

#define BOCHS_STAY_US 50000 /* vmx_controls.bochs */
#define BEHIND_US 20 /* timer_write */

struct vmx_controls vmx_controls;
uint8_t vmx_notification;
uint8_t *vmx_msr_bitmap;
static uint32_t vpid_next = 1;
static uint64_t stay_cycles, behind_cycles;

_Noreturn void vmcs_failed(uint32_t field);

void vmcs_failed(uint32_t field)
{
	hv_panic("VT-x: VMCS field %x is not there", field);
}

static void invalidate(bool vpid, uint64_t type, uint64_t low, uint64_t high)
{
	const uint64_t descriptor[2] = { low, high };
	if (vpid) {
		__asm__ volatile("invvpid %0, %1" : : "m"(descriptor), "r"(type) : "memory", "cc");
	} else {
		__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(type) : "memory", "cc");
	}
}

/* Appendix A: a MSR that another one says is not there faults. */
static void capabilities_read(struct vmx_capabilities *c)
{
	uint64_t *at = (uint64_t *)c;
	for (unsigned i = 0; i < offsetof(struct vmx_capabilities, secondary) / 8; i++) {
		at[i] = msr_read(MSR_VMX_BASIC + i);
	}
	if (c->primary >> 32 & PRIMARY_SECONDARY) {
		c->secondary = msr_read(MSR_VMX_BASIC + offsetof(struct vmx_capabilities, secondary) / 8);
	}
	if (c->secondary >> 32 & (SECONDARY_EPT | SECONDARY_VPID)) {
		c->ept_vpid = msr_read(MSR_VMX_BASIC + offsetof(struct vmx_capabilities, ept_vpid) / 8);
	}
	for (unsigned i = offsetof(struct vmx_capabilities, true_pin) / 8;
	     c->basic & BASIC_TRUE && i < offsetof(struct vmx_capabilities, vmfunc) / 8; i++) {
		at[i] = msr_read(MSR_VMX_BASIC + i);
	}
}

/* 24.6.9: reads of MSRs from 0, reads from C000_0000h, then writes; 1 KiB each; set: exits. */
static void bitmap_pass(uint32_t first, uint32_t last, bool read, bool write)
{
	for (uint32_t index = first; index <= last; index++) {
		uint8_t *at = vmx_msr_bitmap + (index & 0x1fff) / 8 + (index >> 31) * 1024;
		uint8_t keep = (uint8_t)~(1u << index % 8);
		at[0] &= read ? keep : 0xff;
		at[2048] &= write ? keep : 0xff;
	}
}

static void bitmap_init(void)
{
	memset(vmx_msr_bitmap, 0xff, PAGE_SIZE);
	bitmap_pass(MSR_SYSENTER_CS, MSR_SYSENTER_EIP, true, true);
	bitmap_pass(MSR_STAR, MSR_SFMASK, true, true);
	bitmap_pass(MSR_FS_BASE, MSR_KERNEL_GS_BASE, true, true);
	if (vmx_controls.virtual_apic) { /* 29.5: those that the processor virtualizes; the rest is the hypervisor's */
		bitmap_pass(MSR_X2APIC + VAPIC_TPR / 16, MSR_X2APIC + VAPIC_TPR / 16, true, true);
		bitmap_pass(MSR_X2APIC + VAPIC_PPR / 16, MSR_X2APIC + VAPIC_PPR / 16, true, false);
		bitmap_pass(MSR_X2APIC + VAPIC_ISR / 16, MSR_X2APIC + VAPIC_IRR / 16 + 7, true, false);
		bitmap_pass(MSR_X2APIC + VAPIC_EOI / 16, MSR_X2APIC + VAPIC_EOI / 16, false, true);
		bitmap_pass(MSR_X2APIC + VAPIC_SELF_IPI / 16, MSR_X2APIC + VAPIC_SELF_IPI / 16, false, true);
	}
}

/* A notification that finds no guest has done its work by ending the idle halt (vmx_post.c). */
static void notification(void *unused)
{
}

/* For each processor two pages, cpu->vmm: struct vmx_cpu, and VMXON's region. */
static int memory_init(void)
{
	vmx_msr_bitmap = pool_alloc(1, 1);
	for (unsigned i = 0; i < cpu_count; i++) {
		cpu_at(i)->vmm = pool_alloc(2, 1);
		if (!cpu_at(i)->vmm) {
			return -ENOMEM;
		}
	}
	if (!vmx_msr_bitmap) {
		return -ENOMEM;
	}
	bitmap_init();
	return 0;
}

static int vmx_probe(const char **missing)
{
	uint32_t features[4];
	struct vmx_capabilities has = { 0 };
	cpuid(1, 0, features);
	if (!(features[2] & 1u << 5)) {
		return -ENOENT;
	}
	uint64_t firmware = msr_read(MSR_FEATURE_CONTROL);
	if ((firmware & FEATURE_LOCKED) && !(firmware & FEATURE_VMX)) {
		*missing = "VT-x is switched off in the firmware";
		return -ENODEV;
	}
	capabilities_read(&has);
	const char *lacks = vmx_controls_choose(&has, &vmx_controls);
	if (lacks) {
		*missing = lacks;
		return -ENODEV;
	}
	ept_format.max_leaf_level = vmx_controls.ept_leaf;
	vmm_has_apic = vmx_controls.virtual_apic;
	vmx_notification = vmx_controls.posted ? irq_vector_alloc(notification, NULL) : 0;
	if (vmx_notification) {
		vmx_ops.post = vmx_post;
		vmx_ops.collect = vmx_collect;
	}
	stay_cycles = vmx_controls.bochs ? us_to_tsc(BOCHS_STAY_US) : (uint64_t)UINT32_MAX << vmx_controls.preemption_shift;
	behind_cycles = us_to_tsc(BEHIND_US);
	return memory_init();
}

/* 23.7: the lock is set here if the firmware has not; INIT stays blocked from here on, and VMXOFF never comes. */
static void vmx_cpu_init(void)
{
	uint64_t firmware = msr_read(MSR_FEATURE_CONTROL), cr0, cr4;
	uint32_t *region = (uint32_t *)((char *)cpu_current()->vmm + PAGE_SIZE);
	uint64_t at = pool_hpa(region).value;
	bool failed;
	if (!(firmware & FEATURE_LOCKED)) {
		msr_write(MSR_FEATURE_CONTROL, firmware | FEATURE_LOCKED | FEATURE_VMX);
	} else if (!(firmware & FEATURE_VMX)) {
		hv_panic("VT-x is switched off in the firmware on processor %u, though not on the first", cpu_current()->index);
	}
	__asm__ volatile("mov %%cr0, %0; mov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
	__asm__ volatile("mov %0, %%cr0; mov %1, %%cr4" : : "r"(cr0 | vmx_controls.cr0_fixed), "r"(cr4 | vmx_controls.cr4_fixed | CR4_VMXE));
	*region = vmx_controls.revision;
	__asm__ volatile("vmxon %1; setbe %0" : "=qm"(failed) : "m"(at) : "memory", "cc");
	if (failed) {
		hv_panic("VMXON failed on processor %u", cpu_current()->index);
	}
	invalidate(false, INVALIDATE_ALL, 0, 0);
	invalidate(true, INVALIDATE_ALL, 0, 0);
}

static int vmx_vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *x = pool_alloc(1, 1);
	uint32_t *vmcs = pool_alloc(1, 1);
	if (!x || !vmcs || vpid_next > UINT16_MAX) {
		return -ENOMEM;
	}
	*vmcs = vmx_controls.revision;
	x->vmcs = vmcs;
	x->vpid = vpid_next++;
	v->vmm = x;
	return 0;
}

/* The vCPU is frozen or not started yet; this may be the boot processor, which is not in VMX operation so early. */
static void reset(struct vcpu *v, bool real, uint8_t page)
{
	struct vmx_vcpu *x = vmx_of(v);
	x->reset = true;
	x->real = real;
	x->page = page;
	x->nmi = false;
	x->offered = 0;
	x->event = 0;
	v->flush = true;
}

static void vmx_vcpu_reset_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
	v->regs = (struct vcpu_regs){ .rbx = start_info, .rip = entry, .rflags = RFLAGS_FIXED };
	reset(v, false, 0);
}

static void vmx_vcpu_reset_startup(struct vcpu *v, uint8_t page)
{
	v->regs = (struct vcpu_regs){ .rflags = RFLAGS_FIXED };
	reset(v, true, page);
}

/* Make this vCPU's VMCS current, and load what goes with it. */
static void switch_to(struct vcpu *v, struct vmx_cpu *cpu)
{
	struct vmx_vcpu *x = vmx_of(v);
	uint64_t at = pool_hpa(x->vmcs).value;
	if (cpu->current) {
		vmx_switched_save(vmx_of(cpu->current));
	}
	if (!x->active) { /* 24.11.3 */
		__asm__ volatile("vmclear %0" : : "m"(at) : "memory", "cc");
		x->active = true;
	}
	__asm__ volatile("vmptrld %0" : : "m"(at) : "memory", "cc");
	cpu->current = v;
	vmx_switched_load(x);
}

static void flush(const struct vcpu *v, const struct vmx_vcpu *x)
{
	invalidate(false, vmx_controls.invept, v->nested_root.value | vmx_controls.eptp, 0);
	invalidate(true, vmx_controls.invvpid, x->vpid, 0);
}

/* A word of IRR. One that is found empty is not looked at again before somebody sets a bit there, and says so in v->irr. */
static uint32_t requests(struct vcpu *v, unsigned index)
{
	_Atomic uint32_t *word = (_Atomic uint32_t *)vapic_at(v->apic, VAPIC_IRR + index * 16);
	if (atomic_load(word) == 0) {
		atomic_fetch_and(&v->irr, ~(1u << index));
		if (atomic_load(word) != 0) {
			atomic_fetch_or(&v->irr, 1u << index);
		}
	}
	return atomic_load(word);
}

/*
 * 29.2.1: what the processor holds as the highest request is true unless somebody has set a bit of IRR since. True: a request
 * was kept back, and a window is wanted for it.
 */
static bool requests_enter(struct vcpu *v, bool open)
{
	uint32_t words = atomic_load(&v->irr);
	if (words == 0 && (open || !vmx_controls.bochs)) {
		return false;
	}
	uint64_t status = vmcs_read(VMCS_GUEST_INTERRUPT_STATUS), was = status & 0xff, highest = was;
	for (; words; words &= words - 1) {
		unsigned index = (unsigned)__builtin_ctz(words);
		uint32_t bits = requests(v, index);
		uint64_t vector = bits ? index * 32 + 31 - (unsigned)__builtin_clz(bits) : 0;
		highest = vector > highest ? vector : highest;
	}
	bool keep = vmx_controls.bochs && !open && highest;
	if (keep) {
		atomic_fetch_or(&v->irr, 1u << highest / 32);
		highest = 0;
	}
	if (highest != was) {
		vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, (status & 0xff00) | highest);
	}
	return keep;
}

/* Could the guest take an interrupt now? */
static bool is_open(const struct vcpu *v, const struct vmx_vcpu *x)
{
	return !x->event && (v->regs.rflags & RFLAGS_IF) && !(x->shadow & (SHADOW_STI | SHADOW_MOV_SS));
}

/* Of NMI and interrupt what can go in goes in; for the other a window is opened. Returns the interrupt, 0: none. */
static uint8_t events_enter(struct vcpu *v, struct vmx_vcpu *x)
{
	uint32_t primary = vmx_controls.word[VMX_PRIMARY];
	uint8_t taken = 0;
	if (x->nmi && !x->event && !(x->shadow & (SHADOW_MOV_SS | SHADOW_NMI))) {
		x->event = EVENT_VALID | EVENT_NMI << 8 | 2;
		x->nmi = false;
		x->shadow &= ~SHADOW_STI; /* 26.3.1.5: some processors insist; STI holds no NMI back */
	}
	bool low = x->offered >> 4 <= *vapic_at(v->apic, VAPIC_TPR) >> 4;
	uint32_t threshold = x->offered && low ? x->offered >> 4 : 0; /* 29.1.2: an exit when TPR sinks below */
	if (threshold != x->vmcs_threshold) {
		vmcs_write(VMCS_TPR_THRESHOLD, x->vmcs_threshold = threshold);
	}
	if (x->offered && !low && is_open(v, x)) {
		x->event = EVENT_VALID | EVENT_INTERRUPT << 8 | x->offered;
		taken = x->offered;
		x->offered = 0;
	}
	bool kept = (x->offered && !low) || (vmx_controls.virtual_apic && requests_enter(v, is_open(v, x)));
	primary |= (kept ? PRIMARY_INTERRUPT_WINDOW : 0) | (x->nmi ? PRIMARY_NMI_WINDOW : 0);
	if (primary != x->vmcs_primary) {
		vmcs_write(VMCS_PRIMARY, x->vmcs_primary = primary);
	}
	if (x->event) {
		x->shadow &= ~(SHADOW_STI | SHADOW_MOV_SS); /* it ends them (26.6.1); with TF they would want a pending #DB (26.3.1.5) */
		vmcs_write(VMCS_ENTRY_EVENT, x->event);
		if (x->event & EVENT_HAS_CODE) {
			vmcs_write(VMCS_ENTRY_EVENT_CODE, x->event_code);
		}
		x->event = 0;
	}
	return taken;
}

/*
 * The host's timer is armed for the deadline too: this one comes behind it, so that the two make one exit. It starts anew at
 * each entry, from what was left when the deadline was given.
 */
static void timer_write(struct vmx_vcpu *x, uint64_t deadline)
{
	uint64_t cycles = vmx_timer_cycles(deadline, tsc_read(), behind_cycles, stay_cycles);
	vmcs_write(VMCS_PREEMPTION_TIMER, cycles >> vmx_controls.preemption_shift);
	x->deadline = deadline;
}

static void registers_enter(const struct vcpu *v, struct vmx_vcpu *x)
{
	if (v->regs.rip != x->vmcs_rip) {
		vmcs_write(VMCS_GUEST_RIP, v->regs.rip);
	}
	if (v->regs.rsp != x->vmcs_rsp) {
		vmcs_write(VMCS_GUEST_RSP, v->regs.rsp);
	}
	if (v->regs.rflags != x->vmcs_rflags) {
		vmcs_write(VMCS_GUEST_RFLAGS, v->regs.rflags);
	}
	if (x->shadow != x->vmcs_shadow) {
		vmcs_write(VMCS_GUEST_SHADOW, x->shadow);
	}
}

static void registers_leave(struct vcpu *v, struct vmx_vcpu *x)
{
	x->reason = (uint32_t)vmcs_read(VMCS_REASON);
	v->regs.rip = x->vmcs_rip = vmcs_read(VMCS_GUEST_RIP);
	v->regs.rsp = x->vmcs_rsp = vmcs_read(VMCS_GUEST_RSP);
	v->regs.rflags = x->vmcs_rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	x->shadow = x->vmcs_shadow = (uint32_t)vmcs_read(VMCS_GUEST_SHADOW);
}

/*
 * Let the host's handlers see what ended the guest: an interrupt is acknowledged already, an NMI blocks others till IRET. The
 * timer comes behind the host's own. On Bochs any exit may be the first after an interrupt.
 */
static void host_interrupts(const struct vmx_vcpu *x, enum vmm_exit_kind kind)
{
	uint32_t reason = x->reason & REASON_BASIC;
	if (reason == REASON_INTERRUPT) {
		cpu_interrupt((uint8_t)vmcs_read(VMCS_EXIT_EVENT));
	} else if (reason == REASON_EXCEPTION && kind == VMM_EXIT_INTERRUPT) {
		__asm__ volatile("int $2" : : : "memory");
	} else if (reason == REASON_PREEMPTION || vmx_controls.bochs) {
		cpu_take_interrupts();
	}
}

static void vmx_run(struct vcpu *v, struct vmm_exit *exit, uint64_t deadline)
{
	struct vmx_vcpu *x = vmx_of(v);
	struct vmx_cpu *cpu = cpu_current()->vmm;
	if (cpu->current != v) {
		switch_to(v, cpu);
	}
	if (x->reset) {
		vmx_vcpu_write(v);
		timer_write(x, deadline);
	}
	if (atomic_load(&v->flush) && atomic_exchange(&v->flush, false)) {
		flush(v, x);
	}
	if (vmx_controls.posted) {
		vmx_collect(v);
	}
	exit->taken = events_enter(v, x);
	if (deadline != x->deadline) {
		timer_write(x, deadline);
	}
	registers_enter(v, x);
	bool entered = vmx_enter(&v->regs, x->launched, &x->vmcs_host_rsp);
	v->left = tsc_read();
	if (!entered) {
		x->reason = REASON_NO_ENTRY;
		exit->kind = VMM_EXIT_INVALID;
		exit->length = 0;
		return;
	}
	x->launched = true;
	registers_leave(v, x);
	vmx_decode_exit(v, exit);
	if (exit->kind == VMM_EXIT_HLT && vmx_controls.virtual_apic) { /* what the guest itself requested is not in v->irr yet */
		uint64_t request = vmcs_read(VMCS_GUEST_INTERRUPT_STATUS) & 0xff;
		atomic_fetch_or(&v->irr, request ? 1u << request / 32 : 0);
	}
	host_interrupts(x, exit->kind);
}

static void vmx_offer(struct vcpu *v, uint8_t vector)
{
	vmx_of(v)->offered = vector;
}

static void vmx_nmi(struct vcpu *v)
{
	vmx_of(v)->nmi = true;
}

static uint8_t vmx_cpl(struct vcpu *v)
{
	return vmcs_read(VMCS_GUEST_SS_RIGHTS) >> 5 & 3;
}

static uint64_t vmx_cr4(struct vcpu *v)
{
	return vmcs_read(VMCS_GUEST_CR4);
}

static int vmx_translate(struct vcpu *v, gva_t at, gpa_t *to)
{
	if (!(vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) || !(vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_LONG)) {
		return -EFAULT;
	}
	return vmm_walk(v, vmcs_read(VMCS_GUEST_CR3), at, to);
}

static int vmx_msr(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	if (index != MSR_EFER) {
		return -EINVAL;
	}
	uint64_t efer = vmcs_read(VMCS_GUEST_EFER);
	int error = write ? vmm_efer_check(efer, vmcs_read(VMCS_GUEST_CR0) & CR0_PG, *value) : 0;
	if (write && !error) {
		vmcs_write(VMCS_GUEST_EFER, (*value & ~EFER_LMA) | (efer & EFER_LMA));
	}
	*value = efer;
	return error;
}

static void vmx_state(struct vcpu *v, struct bh_capsule_state *state)
{
	struct vmx_cpu *cpu = cpu_current()->vmm;
	if (cpu->current != v) {
		switch_to(v, cpu);
	}
	vmx_switched_save(vmx_of(v));
	*state = (struct bh_capsule_state){
		.cr0 = vmcs_read(VMCS_GUEST_CR0), .cr2 = vmx_of(v)->cr2, .cr3 = vmcs_read(VMCS_GUEST_CR3), .cr4 = vmcs_read(VMCS_GUEST_CR4),
		.efer = vmcs_read(VMCS_GUEST_EFER), .fs_base = vmcs_read(VMCS_GUEST_FS_BASE), .gs_base = vmcs_read(VMCS_GUEST_GS_BASE),
		.es = (uint16_t)vmcs_read(VMCS_GUEST_ES), .cs = (uint16_t)vmcs_read(VMCS_GUEST_CS), .ss = (uint16_t)vmcs_read(VMCS_GUEST_SS),
		.ds = (uint16_t)vmcs_read(VMCS_GUEST_DS), .fs = (uint16_t)vmcs_read(VMCS_GUEST_FS), .gs = (uint16_t)vmcs_read(VMCS_GUEST_GS),
	};
}

struct vmm_ops vmx_ops = {
	.name = "VT-x",
	.nested = "nested paging (EPT)",
	.format = &ept_format,
	.features = BH_FEATURE_VMCALL,
	.probe = vmx_probe,
	.cpu_init = vmx_cpu_init,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_reset_pvh = vmx_vcpu_reset_pvh,
	.vcpu_reset_startup = vmx_vcpu_reset_startup,
	.run = vmx_run,
	.offer = vmx_offer,
	.nmi = vmx_nmi,
	.inject_exception = vmx_inject_exception,
	.skip = vmx_skip,
	.cpl = vmx_cpl,
	.cr4 = vmx_cr4,
	.translate = vmx_translate,
	.msr = vmx_msr,
	.dump = vmx_dump,
	.state = vmx_state,
};
