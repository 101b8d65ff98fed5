/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: every processor runs, of the vCPUs at home here, the awake one with the highest priority; among
 * equals the one that waited longest, in slices. A vCPU that used up its budget runs only where nobody else would.
 * All state is the processor's own; from elsewhere come event bits, flags and a kick that makes it look again. The
 * one-shot timer is armed for what is due first, and for the end of a slice or budget only where somebody waits for
 * it. It may fire early (a deadline was given up); it then costs one look.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "hv/boot.h"
#include "hv/domain.h"
#include "hv/log.h"

#define SCHED_MAX (BUNDLE_MAX_DOMAINS * BH_MAX_VCPUS)
#define SLICE_US 5000

struct sched {
	struct vcpu *home[SCHED_MAX]; /* the vCPUs at home on one processor */
	unsigned count;
	bool again;
	uint64_t armed; /* TSC, 0: timer off */
	void *loaded; /* whose FPU and debug state the processor holds */
};

static struct sched scheds[HV_MAX_CPUS];

static struct sched *sched_here(void)
{
	return &scheds[cpu_current()->index];
}

void sched_add(struct vcpu *v)
{
	struct sched *s = &scheds[v->cpu];
	s->home[s->count++] = v;
}

void sched_again(void)
{
	sched_here()->again = true;
}

void sched_poll(void)
{
	sched_again();
}

void sched_timer(void)
{
	sched_here()->armed = 0;
	sched_again();
}

void sched_arm(uint64_t deadline)
{
	struct sched *s = sched_here();
	if (deadline && (s->armed == 0 || deadline < s->armed)) {
		s->armed = deadline;
		timer_arm(deadline);
	}
}

static unsigned effective_priority(const struct vcpu *v)
{
	bool spent = v->domain->config->budget_us && v->budget_left == 0;
	return spent ? 0 : v->domain->config->priority + 1;
}

uint64_t sched_deadline(void)
{
	return sched_here()->armed;
}

void sched_look(struct vcpu *v)
{
	if (v->cpu != cpu_current()->index) {
		cpu_kick(v->cpu);
	} else {
		sched_again();
	}
}

void sched_notify(struct vcpu *v)
{
	const struct cpu *cpu = cpu_current();
	if (v->cpu != cpu->index || !cpu->running) {
		sched_look(v);
		return;
	}
	unsigned wanted = effective_priority(v), running = effective_priority(cpu->running);
	if (wanted > running) {
		scheds[cpu->index].again = true;
	} else if (wanted == running && v != cpu->running) {
		sched_arm(tsc_read() + us_to_tsc(SLICE_US));
	}
}

void sched_unload(struct vcpu *v)
{
	if (sched_here()->loaded == v->context) {
		sched_here()->loaded = NULL;
	}
}

static void earlier(uint64_t *deadline, uint64_t candidate)
{
	if (candidate && (*deadline == 0 || candidate < *deadline)) {
		*deadline = candidate;
	}
}

static void replenish(struct vcpu *v, uint64_t now, uint64_t *next)
{
	const struct bundle_domain *config = v->domain->config;
	if (!config->budget_us) {
		return;
	}
	if (now >= v->period_end) {
		v->budget_left = us_to_tsc(config->budget_us);
		v->period_end = now + us_to_tsc(config->period_us);
	}
	if (v->budget_left == 0) {
		earlier(next, v->period_end);
	}
}

/* Of one that is awake: who sleeps until an event has nothing to answer for. False: it has been silent for too long. */
static bool heartbeat(struct vcpu *v, uint64_t now, uint64_t *next)
{
	struct domain *d = v->domain;
	uint64_t due = atomic_load(&d->last_call) + us_to_tsc(d->config->heartbeat_ms * 1000ull);
	if (d->config->heartbeat_ms && now >= due) {
		(void)recover_request(d, CAUSE_HEARTBEAT, "no sign of life within its heartbeat time");
		return false;
	}
	earlier(next, d->config->heartbeat_ms ? due : 0);
	return true;
}

/* Do what is due for one vCPU; *next becomes the earliest that is not. */
static void expire(struct vcpu *v, uint64_t now, uint64_t *next)
{
	if (!v->frozen && v->timer_deadline && now >= v->timer_deadline) {
		v->timer_deadline = 0;
		event_raise(v, BH_EVENT_TIMER);
	}
	replenish(v, now, next);
	if (v->id == 0) {
		recover_poll(v->domain, now);
		earlier(next, recover_deadline(v->domain));
	}
	if (!v->frozen) {
		earlier(next, v->timer_deadline);
	}
}

/* *next becomes the time to look again at the latest. */
static struct vcpu *pick(struct sched *s, uint64_t now, uint64_t *next)
{
	struct vcpu *best = NULL;
	unsigned awake = 0, best_priority = 0;
	for (unsigned i = 0; i < s->count; i++) {
		struct vcpu *v = s->home[i];
		if (!vcpu_awake(v, now)) {
			earlier(next, v->frozen ? 0 : v->wait_deadline);
			continue;
		}
		if (!heartbeat(v, now, next)) {
			continue;
		}
		unsigned priority = effective_priority(v);
		awake++;
		if (!best || priority > best_priority || (priority == best_priority && v->last_picked < best->last_picked)) {
			best = v;
			best_priority = priority;
		}
	}
	if (best && awake > 1) {
		earlier(next, now + us_to_tsc(SLICE_US));
		if (best->domain->config->budget_us && best->budget_left) {
			earlier(next, now + best->budget_left);
		}
	}
	return best;
}

static void load(struct sched *s, struct vcpu *v)
{
	if (s->loaded != v->context) {
		context_switch(s->loaded, v->context);
		s->loaded = v->context;
	}
	__atomic_store_n(&cpu_current()->running, v, __ATOMIC_RELEASE);
}

_Noreturn void sched_run(void)
{
	struct sched *s = sched_here();
	vmm->cpu_init();
	timer_arm(0);
	for (;;) {
		uint64_t now = tsc_read(), next = 0;
		s->again = false;
		__atomic_store_n(&cpu_current()->running, NULL, __ATOMIC_RELEASE); /* domain_wait_idle */
		for (unsigned i = 0; i < s->count; i++) {
			expire(s->home[i], now, &next);
		}
		struct vcpu *v = pick(s, now, &next);
		sched_arm(next);
		if (!v && !s->again) {
			cpu_idle();
		}
		if (!v) {
			continue;
		}
		v->last_picked = now;
		load(s, v);
		do {
			vcpu_step(v);
		} while (!s->again && !v->frozen);
		vcpu_pause(v);
	}
}
