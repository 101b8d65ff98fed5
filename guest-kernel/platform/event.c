/* SPDX-License-Identifier: MIT */
/*
 * Bulkhead's events. Pending bits are taken by exchange with 0 in the upcall and after each idle call. Rings to peers
 * are collected per processor and sent in the idle call itself, so that a thread that submits a request and sleeps costs one exit;
 * when the processor has something else to do, doorbell.h says whether they may wait.
 */
#include "arch/apic.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/trap.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "platform/domain.h"
#include "platform/event.h"
#include "platform/platform.h"
#include "sched/sched.h"

static struct {
	void (*handler)(void *arg);
	void *arg;
} handlers[BH_EVENT_COUNT];
static uint64_t patience_ns; /* doorbell.h */

void event_handler(unsigned event, void (*handler)(void *arg), void *arg)
{
	kassert(event < BH_EVENT_COUNT);
	handlers[event].arg = arg;
	__atomic_store_n(&handlers[event].handler, handler, __ATOMIC_RELEASE);
}

void events_dispatch(void)
{
	struct cpu *cpu = cpu_current();
	uint64_t pending;
	while ((pending = __atomic_exchange_n(&event_page->pending[cpu->index], 0, __ATOMIC_SEQ_CST))) {
		while (pending) {
			unsigned event = (unsigned)__builtin_ctzll(pending);
			pending &= pending - 1;
			if (handlers[event].handler) {
				handlers[event].handler(handlers[event].arg);
			}
		}
	}
}

static void upcall(void *unused)
{
	events_dispatch();
}

static void timer_event(void *unused)
{
	event_flush();
	sched_timer();
}

void event_signal(unsigned event, bool wanted)
{
	uint64_t flags = interrupts_save();
	doorbell_add(&cpu_current()->doorbell, event, wanted, time_ns());
	interrupts_restore(flags);
}

void event_flush(void)
{
	uint64_t flags = interrupts_save();
	struct doorbell *doorbell = &cpu_current()->doorbell;
	uint64_t mask = doorbell_take(doorbell, false);
	interrupts_restore(flags);
	if (mask) {
		hypercall(BH_HC_SIGNAL, mask, 0, 0, 0);
	}
}

void events_before_user(struct thread *thread)
{
	struct cpu *cpu = cpu_current();
	uint64_t now = time_ns(), limit = cpu->doorbell.since_ns + 2 * patience_ns;
	if (!doorbell_may_wait(&cpu->doorbell, &thread->stretch, now, patience_ns)) {
		interrupts_on(); /* so that the upcall for what a peer answers at once goes in without waiting for a window */
		event_flush();
		interrupts_off();
		thread->stretch_start_ns += time_ns() - now; /* that was the peer's time */
	} else if (limit < cpu->timer_armed_ns) {
		cpu->timer_armed_ns = limit;
		clock_arm(limit);
	}
}

/* What an exit costs here: the least of some calls that do nothing. */
static uint64_t exit_cost(void)
{
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < 8; i++) {
		uint64_t start = time_ns();
		hypercall(BH_HC_SIGNAL, 0, 0, 0, 0);
		uint64_t took = time_ns() - start;
		least = took < least ? took : least;
	}
	return least;
}

void events_start(void)
{
	hypercall(BH_HC_UPCALL, VECTOR_UPCALL, 0, 0, 0);
}

void events_init(void)
{
	if (!platform_is_bulkhead()) {
		return;
	}
	event_handler(BH_EVENT_TIMER, timer_event, NULL);
	irq_set(VECTOR_UPCALL, upcall, NULL);
	apic_init_bulkhead(cpuid(BH_CPUID_DOMAIN, 0).edx & BH_FEATURE_UPCALL_EOI);
	events_start();
	patience_ns = DOORBELL_PATIENCE * exit_cost();
}
