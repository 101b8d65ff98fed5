/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policies: what the calls answer, and who runs. The latter is judged by the steps of processes that compute on one processor
 * for a while, with factors that other load on the machine does not reach.
 */
#include "calls.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define WHILE_NS 300000000l
#define MS 1000000l
#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

struct attributes { /* struct sched_attr */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t least, most;
};

static long set(int policy, int priority)
{
	return syscall(SYS_sched_setscheduler, 0, policy, &(struct sched_param){ .sched_priority = priority });
}

static void policies(void)
{
	struct sched_param param;
	struct timespec slice;
	CALL(set(SCHED_FIFO, 5));
	CALL(syscall(SYS_sched_getscheduler, 0));
	CALL(syscall(SYS_sched_getparam, 0, &param));
	SHOW("priority", "%d", param.sched_priority);
	CALL(syscall(SYS_sched_rr_get_interval, 0, &slice));
	SHOW("slice", "%ld.%09ld", (long)slice.tv_sec, slice.tv_nsec);
	param.sched_priority = 7;
	CALL(syscall(SYS_sched_setparam, 0, &param));
	CALL(syscall(SYS_sched_getparam, 0, &param));
	SHOW("priority", "%d", param.sched_priority);
	param.sched_priority = 0;
	CALL(syscall(SYS_sched_setparam, 0, &param));
	CALL(set(SCHED_FIFO, 0));
	CALL(set(SCHED_FIFO, 100));
	CALL(set(SCHED_FIFO, -1));
	CALL(set(SCHED_RR, 99));
	CALL(syscall(SYS_sched_getscheduler, 0));
	CALL(syscall(SYS_sched_rr_get_interval, 0, &slice));
	IS(slice.tv_sec == 0 && slice.tv_nsec >= 90 * MS && slice.tv_nsec <= 110 * MS);
	CALL(set(SCHED_BATCH, 0));
	CALL(syscall(SYS_sched_getscheduler, 0));
	CALL(set(SCHED_BATCH, 1));
	CALL(set(SCHED_IDLE, 0));
	CALL(syscall(SYS_sched_getscheduler, 0));
	CALL(set(SCHED_OTHER, 1));
	CALL(set(SCHED_OTHER, 0));
	CALL(set(-1, 0));
	CALL(set(4, 0));
	CALL(set(6, 0));
	CALL(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, NULL));
	CALL(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, NOWHERE));
	CALL(syscall(SYS_sched_setscheduler, -1, SCHED_FIFO, &param));
	CALL(syscall(SYS_sched_setscheduler, 99999999, SCHED_OTHER, &param));
	CALL(syscall(SYS_sched_setparam, 0, NULL));
	CALL(syscall(SYS_sched_getscheduler, 0));
}

static void tells_its_own(void)
{
	CALL(syscall(SYS_sched_getscheduler, 0));
	CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
}

static void children(void)
{
	CALL(set(SCHED_RR, 3));
	CALL(child_status(tells_its_own));
	CALL(setpriority(PRIO_PROCESS, 0, -5));
	CALL(set(SCHED_FIFO | SCHED_RESET_ON_FORK, 3));
	CALL(syscall(SYS_sched_getscheduler, 0));
	CALL(child_status(tells_its_own));
	CALL(set(SCHED_BATCH | SCHED_RESET_ON_FORK, 0));
	CALL(child_status(tells_its_own));
}

static void permissions(void)
{
	CALL(set(SCHED_FIFO, 10));
	CALL(syscall(SYS_setuid, 1000));
	CALL(set(SCHED_FIFO, 11));
	CALL(set(SCHED_FIFO, 9));
	CALL(set(SCHED_RR, 8));
	CALL(set(SCHED_FIFO, 10));
	CALL(set(SCHED_FIFO, 8));
	CALL(set(SCHED_OTHER, 0));
	CALL(set(SCHED_FIFO, 1));
	CALL(syscall(SYS_sched_setscheduler, getppid(), SCHED_OTHER, &(struct sched_param){ 0 }));
	CALL(set(SCHED_BATCH, 0));
	CALL(set(SCHED_IDLE, 0));
	CALL(set(SCHED_OTHER, 0));
	CALL(set(SCHED_IDLE | SCHED_RESET_ON_FORK, 0));
	CALL(set(SCHED_IDLE, 0));
}

static void show_attributes(const struct attributes *a)
{
	SHOW("attributes", "policy %u, flags %lx, nice %d, priority %u", a->policy, a->flags, a->nice, a->priority);
}

static void attributes(void)
{
	struct attributes a = { .size = 48, .policy = SCHED_RR, .nice = 5, .priority = 4 };
	char large[128] = { 0 };
	CALL(syscall(SYS_sched_setattr, 0, &a, 0));
	CALL(syscall(SYS_sched_getattr, 0, &a, 48, 0));
	SHOW("size", "%u", a.size);
	show_attributes(&a);
	a = (struct attributes){ .size = 48, .policy = SCHED_OTHER, .nice = 6, .flags = 1 };
	CALL(syscall(SYS_sched_setattr, 0, &a, 0));
	CALL(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0));
	show_attributes(&a);
	CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	CALL(syscall(SYS_sched_setattr, 0, &a, 1));
	CALL(syscall(SYS_sched_setattr, 0, NULL, 0));
	CALL(syscall(SYS_sched_setattr, 0, NOWHERE, 0));
	a.size = 47;
	CALL(syscall(SYS_sched_setattr, 0, &a, 0));
	memcpy(large, &(struct attributes){ .size = sizeof(large), .policy = SCHED_BATCH }, sizeof(a));
	CALL(syscall(SYS_sched_setattr, 0, large, 0));
	large[120] = 1;
	CALL(syscall(SYS_sched_setattr, 0, large, 0));
	a = (struct attributes){ .size = 48, .policy = SCHED_OTHER, .flags = 1u << 20 };
	CALL(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attributes){ .size = 48, .policy = SCHED_FIFO };
	CALL(syscall(SYS_sched_setattr, 0, &a, 0));
	CALL(syscall(SYS_sched_getattr, 0, &a, 47, 0));
	CALL(syscall(SYS_sched_getattr, 0, &a, 48, 1));
	CALL(syscall(SYS_sched_getattr, 99999999, &a, 48, 0));
}

/*
 * What two processes on one processor had of it, each with a policy of its own, from the moment when both are set until a moment that both
 * know: counted in steps of a loop, for in times there would be what an emulator's host did meanwhile.
 */
struct part {
	int policy, priority, nice;
	long sleeps_ns; /* first */
	volatile long had;
};

static long now(int clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000l + t.tv_nsec;
}

static void compute(struct part *part, long until)
{
	set(part->policy, part->priority);
	setpriority(PRIO_PROCESS, 0, part->nice);
	if (part->sleeps_ns) {
		nanosleep(&(struct timespec){ 0, part->sleeps_ns }, NULL);
	}
	while (now(CLOCK_MONOTONIC) < until) {
		part->had++;
	}
	_exit(0);
}

/* All begin with a priority above what they take then, so that each has taken it before any computes. */
static struct part *share(struct part first, struct part second)
{
	struct part *parts = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t one = 1;
	parts[0] = first;
	parts[1] = second;
	syscall(SYS_sched_setaffinity, 0, sizeof(one), &one);
	set(SCHED_FIFO, 60);
	long until = now(CLOCK_MONOTONIC) + WHILE_NS;
	for (int i = 0; i < 2; i++) {
		if (fork() == 0) {
			compute(&parts[i], until);
		}
	}
	while (wait(NULL) > 0) {
	}
	set(SCHED_OTHER, 0);
	return parts;
}

/*
 * Whether what the two had is right: in all tries together, for what an emulator's host does meanwhile takes slices from the one or the other, at most
 * twenty of them. Who of two is favoured is so in each; that a host's whim is for the same one twenty times is what no test can tell from it.
 */
static bool shared(struct part first, struct part second, bool (*right)(long first, long second))
{
	long one = 0, other = 0;
	for (int i = 0; i < 20; i++) {
		struct part *p = share(first, second);
		one += p[0].had;
		other += p[1].had;
		munmap(p, PAGE);
		if (right(one, other)) {
			return true;
		}
	}
	return false;
}

static bool more(long first, long second)
{
	return first > second && second > 0;
}

static bool thrice(long first, long second)
{
	return first > 3 * second;
}

static bool much_more(long first, long second)
{
	return first > 5 * second;
}

static bool nearly_all(long first, long second)
{
	return first > 20 * second;
}

static bool in_turns(long first, long second)
{
	return first > second / 20 && second > first / 20;
}

static bool one_after_the_other(long first, long second)
{
	return first > 20 * second || second > 20 * first;
}

/* How much a level is worth is for a machine with exact timers (tests/unit/place.c): here a host with other work may be late by many slices. */
static void nice_values(void)
{
	IS(shared((struct part){ 0 }, (struct part){ .nice = 19 }, thrice));
	IS(shared((struct part){ 0 }, (struct part){ .nice = 10 }, thrice));
	IS(shared((struct part){ .nice = -20 }, (struct part){ 0 }, thrice));
	IS(shared((struct part){ .policy = SCHED_BATCH }, (struct part){ .policy = SCHED_IDLE }, thrice));
}

static void real_time(void)
{
	IS(shared((struct part){ .policy = SCHED_FIFO, .priority = 1 }, (struct part){ .nice = -20 }, much_more));
	IS(shared((struct part){ .policy = SCHED_FIFO, .priority = 10 }, (struct part){ .policy = SCHED_FIFO, .priority = 9 }, nearly_all));
	IS(shared((struct part){ .policy = SCHED_RR, .priority = 5 }, (struct part){ .policy = SCHED_RR, .priority = 5 }, in_turns));
	IS(shared((struct part){ .policy = SCHED_FIFO, .priority = 5 }, (struct part){ .policy = SCHED_FIFO, .priority = 5 }, one_after_the_other));
	IS(shared((struct part){ .policy = SCHED_FIFO, .priority = 6, .sleeps_ns = 50 * MS }, (struct part){ .policy = SCHED_RR, .priority = 5 }, more));
}

/*
 * Who wakes a more urgent thread on its own processor does nothing more before that thread has had its turn: counted, not timed. Where the
 * woken one is a plain thread too, or less urgent, nothing is said about the order, but it is not before the end of the waker's step
 * for a real-time waker.
 */
struct steps {
	volatile unsigned done; /* by who wakes */
	unsigned seen_late, seen_early;
};

static void sleeper(struct steps *s, int from, unsigned rounds)
{
	unsigned round;
	for (unsigned i = 0; i < rounds && read(from, &round, sizeof(round)) == sizeof(round); i++) {
		s->seen_late += s->done > round;
		s->seen_early += s->done < round + 1;
	}
	_exit(0);
}

static struct steps *wake(int policy, int priority, int waker_policy, int waker_priority)
{
	enum { ROUNDS = 500 };
	struct steps *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t one = 1;
	int ends[2], ready[2];
	syscall(SYS_sched_setaffinity, 0, sizeof(one), &one);
	if (pipe(ends) != 0 || pipe(ready) != 0) {
		return s;
	}
	set(waker_policy, waker_priority);
	pid_t child = fork();
	if (child == 0) {
		set(policy, priority);
		write(ready[1], "", 1);
		sleeper(s, ends[0], ROUNDS);
	}
	char byte;
	read(ready[0], &byte, 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		nanosleep(&(struct timespec){ 0, 100000 }, NULL);
		if (write(ends[1], &i, sizeof(i)) != sizeof(i)) {
			break;
		}
		s->done = i + 1;
	}
	waitpid(child, NULL, 0);
	return s;
}

static void preemption(void)
{
	struct steps *s = wake(SCHED_FIFO, 1, SCHED_OTHER, 0);
	SHOW("a real-time thread, woken by a plain one: after it went on", "%u times", s->seen_late);
	SHOW("a real-time thread, woken by a plain one: at once", "%u times", s->seen_early);
	s = wake(SCHED_RR, 9, SCHED_FIFO, 8);
	SHOW("a more urgent one: after the other went on", "%u times", s->seen_late);
	SHOW("a more urgent one: at once", "%u times", s->seen_early);
	s = wake(SCHED_FIFO, 8, SCHED_FIFO, 8);
	SHOW("one that is as urgent: at once", "%u times", s->seen_early);
	s = wake(SCHED_OTHER, 0, SCHED_RR, 1);
	SHOW("a plain one, woken by a real-time one: at once", "%u times", s->seen_early);
}

int main(void)
{
	calls_begin();
	if (calls_with("root")) {
		RUN(policies);
		RUN(children);
		RUN(permissions);
		RUN(attributes);
		RUN(preemption);
		RUN(nice_values);
		RUN(real_time);
	}
	return 0;
}
