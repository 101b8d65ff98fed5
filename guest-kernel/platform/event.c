/* SPDX-License-Identifier: MIT */
/*
 * Bulkhead's events. Pending bits are taken by exchange with 0 in the upcall and after each idle call. Rings to peers
 * are collected per processor and sent in the idle call itself, so that a thread that submits a request and sleeps costs one exit;
 * sched_before_user() and sched_switch() send them when the processor has something else to do.
 */
#include "arch/cpu.h"
#include "arch/trap.h"
#include "kernel/platform.h"
#include "platform/domain.h"
#include "platform/event.h"
#include "platform/platform.h"
#include "sched/sched.h"

static struct {
	void (*handler)(void *arg);
	void *arg;
} handlers[BH_EVENT_COUNT];

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
	sched_timer();
}

void event_signal(unsigned event)
{
	uint64_t flags = interrupts_save();
	cpu_current()->deferred_events |= 1ull << event;
	interrupts_restore(flags);
}

void event_flush(void)
{
	uint64_t flags = interrupts_save();
	struct cpu *cpu = cpu_current();
	uint64_t mask = cpu->deferred_events;
	cpu->deferred_events = 0;
	interrupts_restore(flags);
	if (mask) {
		hypercall(BH_HC_SIGNAL, mask, 0, 0, 0);
	}
}

void events_init(void)
{
	if (!platform_is_bulkhead()) {
		return;
	}
	event_handler(BH_EVENT_TIMER, timer_event, NULL);
	irq_set(VECTOR_UPCALL, upcall, NULL);
	hypercall(BH_HC_UPCALL, VECTOR_UPCALL, 0, 0, 0);
}
