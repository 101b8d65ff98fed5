/* SPDX-License-Identifier: MIT */
/*
 * Posted interrupts (hv/vmm/vmx_post.c), which no emulator here has: one processor raises an interrupt for a vCPU whose own enters,
 * leaves, halts and wakes; every order with a few breaks. The processor does with a notification what SDM vol. 3, 29.6 says, if
 * it is in the guest; else it is an interrupt of the host's, which ends a halt. No order loses the interrupt or sleeps on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <asm/prctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "hv/cpu.h"
#include "hv/domain.h"
#include "hv/vmm/vmx.h"
#include "tests/model/explore.h"
#include "tests/model/flush_rules.h"
#include "tests/model/guest.h"

#define VECTOR 0x61u
#define HOME 1u

const struct vmm_ops svm_ops; /* the other vendor is not in this program */

static struct vcpu *v;
static bool inside, pending, asleep; /* the processor is in the guest; has an interrupt to take; halts */
static bool halts; /* the guest's last step is HLT */
static bool deaf; /* what was posted is forgotten */
static bool deaf_status; /* RVI reads 0 */
static unsigned steps;
static uint64_t interrupt_status; /* 24.4.2: the requesting virtual interrupt, RVI, below the one in service */
static const char *broken;

static bool is_requested(void)
{
	return *vapic_at(v->apic, VAPIC_IRR + VECTOR / 32 * 16) >> VECTOR % 32 & 1;
}

/* 29.6: ON is cleared, and what was posted is requested in the virtual-APIC page and in RVI. */
static void notification_take(void)
{
	struct vmx_posted *p = &vmx_of(v)->posted;
	pending = false;
	p->notified = 0;
	if (p->requests[VECTOR / 64] >> VECTOR % 64 & 1) {
		p->requests[VECTOR / 64] = 0;
		if (deaf) {
			return;
		}
		*vapic_at(v->apic, VAPIC_IRR + VECTOR / 32 * 16) |= 1u << VECTOR % 32;
		interrupt_status = VECTOR;
	}
}

void cpu_send(uint32_t index, uint8_t vector)
{
	pending = true;
	if (inside) {
		notification_take();
	}
}

/* Another processor wants it to look: an interrupt of the host's, which leaves the guest or ends the halt. */
void sched_notify(struct vcpu *who)
{
	pending = true;
}

/* An interrupt that came before the entry is taken by the guest's side of the processor (the vector is the notification's). */
bool vmx_enter(struct vcpu_regs *regs, bool launched, uint64_t *host_rsp)
{
	inside = true;
	if (pending) {
		notification_take();
	}
	explore_moment(NULL);
	explore_moment(NULL);
	inside = false;
	return true;
}

void vmx_decode_exit(struct vcpu *who, struct vmm_exit *exit)
{
	exit->kind = halts && steps == 1 ? VMM_EXIT_HLT : VMM_EXIT_WINDOW;
	exit->length = 0;
}

/* ---- agents ---- */

static void poster(void)
{
	vapic_raise(v, VECTOR);
}

/* Two steps; then, if the guest halted, what the scheduler does until there is nothing to do. */
static void home(void)
{
	for (steps = 0; steps < 2 && !v->blocked; steps++) {
		vcpu_step(v);
	}
	while (v->blocked && !vcpu_awake(v, 0)) {
		explore_moment(NULL);
		if (!pending) {
			asleep = true;
			return;
		}
		pending = false; /* taken, with nothing more to do than to look again */
	}
	if (!v->blocked) {
		vcpu_step(v);
	}
}

static void turn(unsigned agent)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, cpu_at(agent == 0 ? 0 : HOME));
}

static void before(void)
{
	memset(v->apic, 0, 4096);
	v->irr = 0;
	memset(&vmx_of(v)->posted, 0, sizeof(vmx_of(v)->posted));
	v->blocked = v->waiting = v->in_guest = false;
	*vapic_at(v->apic, VAPIC_SVR) = 0x1ff;
	inside = pending = asleep = false;
	interrupt_status = 0;
}

/* What is left of an interrupt for the halted processor ends the halt. */
static bool after(void)
{
	turn(1);
	if (asleep && pending) {
		asleep = !vcpu_awake(v, 0);
	}
	if (!asleep && !is_requested()) {
		v->in_guest = true; /* one more entry, as it does when it has something to run */
		vmx_collect(v);
		v->in_guest = false;
	}
	if (!is_requested()) {
		broken = "the interrupt is lost";
	} else if (asleep) {
		broken = "the vCPU sleeps on an interrupt";
	}
	return !broken;
}

static unsigned long all_orders(bool with_halt)
{
	const struct explore e = { .agents = { poster, home }, .count = 2, .breaks = 4, .before = before, .turn = turn, .after = after };
	halts = with_halt;
	broken = NULL;
	return explore(&e);
}

static void no_order_loses_an_interrupt(void **state)
{
	unsigned long orders = all_orders(false);
	if (broken) {
		fail_msg("%s", broken);
	}
	assert_true(orders > 100);
}

static void no_order_sleeps_on_one(void **state)
{
	unsigned long orders = all_orders(true);
	if (broken) {
		fail_msg("%s", broken);
	}
	assert_true(orders > 100);
	print_message("           %lu orders\n", orders);
}

/* Neither RVI after a HLT, which the guest reached with an interrupt in its page. */
static void a_request_that_the_halt_overlooks_is_noticed(void **state)
{
	deaf_status = true;
	(void)all_orders(true);
	deaf_status = false;
	assert_non_null(broken);
}

/* What ends neither guest nor halt: the processor lets go of the descriptor's bits, as if the page had them. */
static void a_post_that_goes_astray_is_noticed(void **state)
{
	deaf = true;
	(void)all_orders(false);
	deaf = false;
	assert_non_null(broken);
}

/* ---- the files of vmm/ that are not linked ---- */

uint64_t vmcs_read(enum vmcs_field field)
{
	return field == VMCS_GUEST_INTERRUPT_STATUS && !deaf_status ? interrupt_status : 0;
}

void vmcs_write(enum vmcs_field field, uint64_t value)
{
	interrupt_status = field == VMCS_GUEST_INTERRUPT_STATUS ? value : interrupt_status;
}

#define NOT_HERE(type, name, ...) type name(__VA_ARGS__) { abort(); }
NOT_HERE(void, vmx_dump, struct vcpu *who)
NOT_HERE(void, vmx_inject_exception, struct vcpu *who, uint8_t vector, bool has_code, uint32_t code)
NOT_HERE(void, vmx_skip, struct vcpu *who, unsigned bytes)
NOT_HERE(uint8_t, irq_vector_alloc, irq_handler_t handler, void *arg)
#define NOTHING(name, ...) void name(__VA_ARGS__) { }
NOTHING(vmx_vcpu_write, struct vcpu *who)
NOTHING(vmx_switched_save, struct vmx_vcpu *x)
NOTHING(vmx_switched_load, const struct vmx_vcpu *x)
NOTHING(cpu_interrupt, uint8_t vector)

static void vmx_prepare(void)
{
	vmx_controls.posted = vmx_controls.virtual_apic = vmm_has_apic = true;
	vmx_ops.post = vmx_post;
	vmx_ops.collect = vmx_collect;
	vmm = &vmx_ops;
}

const struct guest_hardware guest_hardware = { .format = &walk_ept, .prepare = vmx_prepare };

/* The vCPU's VMCS is loaded already: what loads it traps in this process, and is vmx_flush.c's. */
static int prepare(void **state)
{
	if (flush_rules_start(state)) {
		return -1;
	}
	v = flush_back->vcpus[HOME - 1];
	((struct vmx_cpu *)cpu_at(HOME)->vmm)->current = v;
	v->flush = false;
	vmx_of(v)->reset = false;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_loses_an_interrupt),
		cmocka_unit_test(no_order_sleeps_on_one),
		cmocka_unit_test(a_request_that_the_halt_overlooks_is_noticed),
		cmocka_unit_test(a_post_that_goes_astray_is_noticed),
	};
	return cmocka_run_group_tests_name("posted interrupts", tests, prepare, NULL);
}
