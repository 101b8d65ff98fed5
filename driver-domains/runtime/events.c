/* SPDX-License-Identifier: MIT */
/*
 * The event loop's one turn. Peers are not rung one by one: bits are collected and go out with the wait itself. A heartbeat
 * bounds every wait, so that the hypervisor sees a hypercall from a domain that is alive.
 * Under steady load there is no wait: then bits go out by BH_HC_SIGNAL when they are half a millisecond old.
 */
#include "env/env.h"
#include "runtime.h"

#define HEARTBEAT_NS 500000000ull
#define SIGNAL_AGE_NS 500000ull /* a peer is not kept waiting longer by a domain that has no time to wait */
#define WORK_MAX 4

static struct {
	void (*handler)(void *arg);
	void *arg;
} handlers[BH_EVENT_COUNT];
static struct {
	bool (*work)(void *arg, uint64_t *until);
	void *arg;
} works[WORK_MAX];
static unsigned work_count;
static uint64_t signals, signals_since;

void events_handler(unsigned event, void (*handler)(void *arg), void *arg)
{
	handlers[event].handler = handler;
	handlers[event].arg = arg;
}

void events_before_wait(bool (*work)(void *arg, uint64_t *until), void *arg)
{
	if (work_count == WORK_MAX) {
		domain_panic("too many workers");
	}
	works[work_count].work = work;
	works[work_count++].arg = arg;
}

void events_signal(unsigned event)
{
	if (!signals) {
		signals_since = env_time_ns();
	}
	signals |= 1ull << event;
}

static uint64_t signals_take(void)
{
	uint64_t mask = signals;
	signals = 0;
	return mask;
}

static bool events_take(void)
{
	uint64_t pending = __atomic_exchange_n(&domain_events->pending[0], 0, __ATOMIC_SEQ_CST);
	for (uint64_t left = pending; left; left &= left - 1) {
		unsigned event = (unsigned)__builtin_ctzll(left);
		if (handlers[event].handler) {
			handlers[event].handler(handlers[event].arg);
		}
	}
	return pending != 0;
}

static bool events_work(uint64_t *until)
{
	bool any = false;
	for (unsigned i = 0; i < work_count; i++) {
		any |= works[i].work(works[i].arg, until);
	}
	return any;
}

void events_run(uint64_t until)
{
	bool any = events_take();
	any |= events_work(&until);
	uint64_t now = env_time_ns();
	if (any) {
		if (signals && now - signals_since > SIGNAL_AGE_NS) {
			hypercall(BH_HC_SIGNAL, signals_take(), 0, 0, 0);
		}
		return;
	}
	uint64_t beat = now + HEARTBEAT_NS, wake = until < beat ? until : beat;
	hypercall(BH_HC_WAIT, signals_take(), clock_to_tsc(wake), 0, 0);
	events_take();
}
