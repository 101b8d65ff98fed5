/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's entries and exits. Each runs to completion on its home processor with interrupts off. Nothing here
 * allocates.
 */
#include "hv/vcpu.h"

#include <stdatomic.h>

#include "abi/errno.h"
#include "hv/decode.h"
#include "hv/domain.h"
#include "hv/log.h"

#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_DB 1
#define VECTOR_AC 17

static void reset(struct vcpu *v)
{
	atomic_store(v->pending, 0);
	atomic_store(&v->announced, 0);
	v->upcall = 0;
	v->offline = v->blocked = v->waiting = false;
	v->wait_deadline = v->timer_deadline = 0;
	sched_unload(v);
	context_reset(v->context);
	if (vmm->post) {
		vmm->collect(v); /* dropped with the others */
	}
	vapic_reset(v);
}

void vcpu_reset_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
	reset(v);
	vmm->vcpu_reset_pvh(v, entry, start_info);
}

void vcpu_signal(struct vcpu *v, uint32_t signal, uint8_t page)
{
	if (signal == VCPU_SIPI) {
		atomic_store(&v->startup_page, page);
	}
	atomic_fetch_or(&v->signals, signal);
	sched_look(v);
}

/* A SIPI is heard once, after INIT; an NMI ends HLT. */
static void take_signals(struct vcpu *v)
{
	uint32_t signals = atomic_exchange(&v->signals, 0);
	if (signals & VCPU_INIT) {
		reset(v);
		v->offline = true;
	}
	if ((signals & VCPU_SIPI) && v->offline) {
		v->offline = false;
		vmm->vcpu_reset_startup(v, atomic_load(&v->startup_page));
	}
	if ((signals & VCPU_NMI) && !v->offline) {
		vmm->nmi(v);
		v->blocked = v->blocked && v->waiting;
	}
}

void vcpu_block(struct vcpu *v, bool waiting, uint64_t deadline)
{
	v->blocked = true;
	v->waiting = waiting;
	v->wait_deadline = deadline;
	if (deadline) {
		sched_arm(deadline);
	}
	sched_again();
}

bool vcpu_awake(struct vcpu *v, uint64_t now)
{
	if (v->frozen) {
		return false;
	}
	if (v->signals) {
		take_signals(v);
	}
	if (v->offline || !v->blocked) {
		return !v->offline;
	}
	if (vmm->post) {
		vmm->collect(v);
	}
	uint64_t pending = atomic_load(v->pending);
	bool event = v->waiting ? pending != 0 : event_unannounced(v) || vapic_ready(v);
	if (!event && !(v->wait_deadline && now >= v->wait_deadline)) {
		return false;
	}
	if (v->waiting) {
		atomic_fetch_or(&v->announced, pending);
	}
	v->blocked = false;
	v->wait_deadline = 0;
	atomic_store(&v->domain->last_call, now);
	return true;
}

static void wait_outside(struct vcpu *v)
{
	uint32_t entries = atomic_load(&v->entries);
	if (v->cpu == cpu_current()->index || !atomic_load(&v->in_guest)) {
		return;
	}
	cpu_kick(v->cpu);
	while (atomic_load(&v->in_guest) && atomic_load(&v->entries) == entries) {
		__builtin_ia32_pause();
	}
}

void domain_wait_outside(struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		wait_outside(d->vcpus[i]);
	}
}

void domain_wait_idle(struct domain *d)
{
	domain_wait_outside(d);
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpus[i];
		while (v->cpu != cpu_current()->index && __atomic_load_n(&cpu_at(v->cpu)->running, __ATOMIC_ACQUIRE) == v) {
			__builtin_ia32_pause();
		}
	}
}

void domain_freeze(struct domain *d, bool frozen)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		atomic_store(&d->vcpus[i]->frozen, frozen);
	}
}

/* Order: the flag is set before in_guest is read; vcpu_step sets in_guest before the flag is read. */
void domain_flush(struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		atomic_store(&d->vcpus[i]->flush, true);
	}
	domain_wait_outside(d);
}

/*
 * One upcall announces all that is pending. Returns the events that the interrupt now on offer announces: if the guest
 * does not take it, they are not announced. Where the processor keeps the APIC an upcall is an interrupt like any other.
 */
static uint64_t deliver(struct vcpu *v)
{
	uint8_t upcall = v->upcall && event_unannounced(v) ? v->upcall : 0;
	uint64_t events = upcall ? atomic_load(v->pending) : 0;
	if (vmm_has_apic) {
		if (upcall) {
			atomic_fetch_or(&v->announced, events);
			vapic_pend(v, upcall);
		}
		return 0;
	}
	uint8_t vector = vapic_next(v);
	if (vector >= upcall) {
		vmm->offer(v, vector);
		return 0;
	}
	atomic_fetch_or(&v->announced, events);
	vmm->offer(v, upcall);
	return events;
}

/* An upcall wants no EOI; whatever else was on offer is now in service. */
static void delivered(struct vcpu *v, uint8_t taken, uint64_t events)
{
	if (events && !taken) {
		atomic_fetch_and(&v->announced, ~events);
	}
	if (taken && !events) {
		vapic_taken(v, taken);
	}
}

static void crash(struct vcpu *v, const char *reason)
{
	vmm->dump(v);
	(void)recover_request(v->domain, CAUSE_CRASH, reason);
}

/* There are the control block's MSRs and the local APIC's; any other is a #GP. */
static void exit_msr(struct vcpu *v, const struct vmm_exit *exit)
{
	uint64_t value = (v->regs.rdx << 32) | (uint32_t)v->regs.rax;
	if (vmm->msr(v, exit->msr.index, exit->msr.write, &value) != 0 &&
	    vapic_msr(v, exit->msr.index, exit->msr.write, &value) != 0) {
		vmm->inject_exception(v, VECTOR_GP, true, 0);
		return;
	}
	if (!exit->msr.write) {
		v->regs.rax = (uint32_t)value;
		v->regs.rdx = value >> 32;
	}
	vmm->skip(v, exit->length);
}

static void exit_xsetbv(struct vcpu *v, const struct vmm_exit *exit)
{
	uint64_t value = (v->regs.rdx << 32) | (uint32_t)v->regs.rax;
	if (vmm->cpl(v) != 0 || (uint32_t)v->regs.rcx != 0 || !context_xcr0(value)) {
		vmm->inject_exception(v, VECTOR_GP, true, 0);
		return;
	}
	vmm->skip(v, exit->length);
}

/* The instruction's bytes, as far as they can be read, by the guest's own tables. */
static size_t fetch(struct vcpu *v, uint8_t *code, size_t bytes)
{
	size_t done = 0;
	while (done < bytes) {
		gpa_t at;
		uint64_t from = v->regs.rip + done;
		size_t rest = PAGE_SIZE - from % PAGE_SIZE;
		size_t n = bytes - done < rest ? bytes - done : rest;
		if (vmm->translate(v, GVA(from), &at) != 0 || domain_read(v->domain, at, code + done, n) != 0) {
			break;
		}
		done += n;
	}
	return done;
}

static void access_registers(struct vcpu *v, unsigned slot, gpa_t gpa)
{
	uint8_t code[DECODE_MAX];
	struct mmio_access a;
	if (mmio_decode(code, fetch(v, code, sizeof(code)), &a) != 0) {
		crash(v, "it used an instruction on a register file that is not a plain move");
		return;
	}
	uint64_t *reg = &v->regs.rax + a.reg; /* struct vcpu_regs is in encoding order */
	uint32_t value = a.immediate ? a.value : (uint32_t)*reg;
	register_access(v, slot, gpa.value % PAGE_SIZE, a.write, a.width, &value);
	if (!a.write) {
		*reg = value; /* 32 bits clear the upper half */
	}
	vmm->skip(v, a.length);
}

static enum bh_exit_reason exit_nested_fault(struct vcpu *v, const struct vmm_exit *exit)
{
	uint64_t offset = exit->fault.gpa.value - domain_registers(v->domain, 0);
	unsigned slot = (unsigned)(offset / PAGE_SIZE);
	if (offset < BH_MAX_LINKS * PAGE_SIZE && v->domain->links[slot] && v->domain->link_roles[slot] == BH_LINK_FRONT &&
	    !exit->fault.exec) {
		access_registers(v, slot, exit->fault.gpa);
		return BH_EXIT_MMIO;
	}
	log_line("domain %s: %s at guest-physical %lx, which is not its own", v->domain->config->name,
		 exit->fault.exec ? "execution" : exit->fault.write ? "write" : "read", exit->fault.gpa.value);
	crash(v, "it accessed memory that is not its own");
	return BH_EXIT_PAGE_FAULT;
}

static enum bh_exit_reason exit_handle(struct vcpu *v, const struct vmm_exit *exit)
{
	static const char *const deaths[] = {
		[VMM_EXIT_EXCEPTION] = "a machine check",
		[VMM_EXIT_TRIPLE_FAULT] = "triple fault",
		[VMM_EXIT_FORBIDDEN] = "it did what no domain may do",
		[VMM_EXIT_INVALID] = "its processor state is invalid",
	};
	if (exit->length && exit->kind != VMM_EXIT_MSR && exit->kind != VMM_EXIT_XSETBV) {
		vmm->skip(v, exit->length);
	}
	switch (exit->kind) {
	case VMM_EXIT_INTERRUPT:
		return BH_EXIT_INTERRUPT;
	case VMM_EXIT_HYPERCALL:
		hypercall(v);
		return BH_EXIT_HYPERCALL;
	case VMM_EXIT_CPUID:
		vcpu_cpuid(v);
		return BH_EXIT_CPUID;
	case VMM_EXIT_HLT:
		vcpu_block(v, false, 0);
		return BH_EXIT_HLT;
	case VMM_EXIT_IO: /* a domain has no ports */
		vmm->inject_exception(v, VECTOR_GP, true, 0);
		return BH_EXIT_IO;
	case VMM_EXIT_MSR:
		exit_msr(v, exit);
		return BH_EXIT_MSR;
	case VMM_EXIT_NESTED_FAULT:
		return exit_nested_fault(v, exit);
	case VMM_EXIT_WINDOW:
		return BH_EXIT_WINDOW;
	case VMM_EXIT_CACHE:
		if (v->domain->config->device_count) { /* else nothing sees the difference but the others, whose caches go too */
			__asm__ volatile("wbinvd" : : : "memory"); /* INVD would throw other domains' data away */
		}
		break;
	case VMM_EXIT_XSETBV:
		exit_xsetbv(v, exit);
		break;
	case VMM_EXIT_UNDEFINED:
		vmm->inject_exception(v, VECTOR_UD, false, 0);
		break;
	case VMM_EXIT_EXCEPTION:
		if (exit->exception.vector == VECTOR_DB || exit->exception.vector == VECTOR_AC) { /* given back */
			bool has_code = exit->exception.vector == VECTOR_AC;
			vmm->inject_exception(v, exit->exception.vector, has_code, exit->exception.code);
			break;
		}
		/* fall through */
	default:
		crash(v, deaths[exit->kind]);
		break;
	}
	return BH_EXIT_OTHER;
}

static void charge(struct vcpu *v, uint64_t now)
{
	if (v->resuming) {
		v->resuming = false;
		v->stat.exit_cycles[v->reason] += now - v->left;
	}
}

void vcpu_pause(struct vcpu *v)
{
	charge(v, tsc_read());
}

void vcpu_step(struct vcpu *v)
{
	struct vmm_exit exit;
	uint64_t events = deliver(v);
	atomic_store(&v->in_guest, true);
	if (atomic_load(&v->frozen)) { /* frozen by another processor since it was picked */
		atomic_store(&v->in_guest, false);
		sched_again();
		return;
	}
	uint64_t entered = tsc_read();
	charge(v, entered);
	vmm->run(v, &exit, sched_deadline());
	struct bh_capsule_exit *record = &v->exits[v->entries % BH_CAPSULE_EXITS];
	*record = (struct bh_capsule_exit){ .tsc = v->left, .rip = v->regs.rip, .call = (uint32_t)v->regs.rax };
	atomic_fetch_add(&v->entries, 1);
	atomic_store(&v->in_guest, false);
	uint64_t cycles = v->left - entered;
	v->stat.run_cycles += cycles;
	v->budget_left -= cycles < v->budget_left ? cycles : v->budget_left;
	delivered(v, exit.taken, events);
	record->reason = v->reason = exit_handle(v, &exit);
	v->resuming = true;
	v->stat.exits[v->reason]++;
}
