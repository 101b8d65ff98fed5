/* SPDX-License-Identifier: MIT */
/*
 * When to ring the peers. A ring costs an exit, so rings are collected and go out together: with the call that goes idle, which costs
 * nothing more; or when there are DOORBELL_BATCH; or when the oldest has waited for the time that DOORBELL_PATIENCE exits take; or
 * before a thread runs that did not show that it comes back as soon. Threads that each submit a request and sleep thus
 * share one ring, and the delay that it costs is in proportion to what it saves, on a fast machine and on a slow one. A thread
 * that came back soon so far and now computes is bounded by the timer, at twice that time.
 */
#ifndef PLATFORM_DOORBELL_H
#define PLATFORM_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/thread.h"

#define DOORBELL_BATCH 12
#define DOORBELL_PATIENCE 128

struct doorbell {
	uint64_t wanted; /* event bits that peers asked for */
	uint64_t idle; /* event bits of peers that also want to know when the processor goes idle */
	uint64_t since_ns; /* of the oldest wanted one */
	uint32_t count; /* of both, since the last ring */
};

static inline void doorbell_add(struct doorbell *d, unsigned event, bool wanted, uint64_t now_ns)
{
	if (wanted && !d->wanted) {
		d->since_ns = now_ns;
	}
	d->wanted |= (uint64_t)wanted << event;
	d->idle |= 1ull << event;
	d->count++;
}

/** The bits to ring, while something runs on or with the idle call. */
static inline uint64_t doorbell_take(struct doorbell *d, bool idle)
{
	uint64_t mask = d->wanted | (idle ? d->idle : 0);
	d->idle = idle ? 0 : d->idle;
	d->wanted = 0;
	d->count = 0;
	return mask;
}

/** May the rings wait while a thread runs? False where none waits. */
static inline bool doorbell_may_wait(const struct doorbell *d, const struct stretch *next, uint64_t now_ns, uint64_t patience_ns)
{
	return d->wanted && d->count < DOORBELL_BATCH && now_ns - d->since_ns < patience_ns && next->last_ns < patience_ns / 2 &&
	       next->ran_ns < patience_ns / 2;
}

/** A thread gave the processor up after `ran_ns`, to sleep or (preempted) to run on later. */
static inline void stretch_end(struct stretch *s, uint64_t ran_ns, bool sleeps)
{
	s->ran_ns += ran_ns;
	if (sleeps) {
		s->last_ns = s->ran_ns;
		s->ran_ns = 0;
	}
}

#endif
