/* SPDX-License-Identifier: MIT */
/*
 * Timers on processor time: ITIMER_VIRTUAL and ITIMER_PROF, timer_create and clock_nanosleep on the clocks of a process or of its threads, and
 * RLIMIT_CPU. All of it is under process_lock. A process with any has one kernel timer, set for when the first could be due if as many
 * of its threads compute as can; then the times are looked at, and what is left makes the next time. So nothing is counted
 * anywhere else, and a process without such timers pays nothing. Of one that sleeps meanwhile the look is repeated, not sooner than
 * IDLE_NS later.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/interval.h"
#include "kernel/user.h"

#define NS 1000000000ull
#define STEP_LEAST_NS 50000ull
#define IDLE_NS 4000000ull
#define NO_LIMIT UINT64_MAX

static uint64_t time_of(struct thread *t, bool user_only)
{
	uint64_t user, system;
	thread_time_now(t, &user, &system);
	return user + (user_only ? 0 : system);
}

static uint64_t time_of_all_locked(struct process *p, bool user_only)
{
	uint64_t ns = p->user_ns + (user_only ? 0 : p->system_ns);
	list_for_each(node, &p->threads)
	{
		ns += time_of(container_of(node, struct thread, process_link), user_only);
	}
	return ns;
}

static uint64_t time_of_one_locked(struct process *p, const struct cpu_clock *clock)
{
	struct thread *t = process_thread_find_locked(clock->tid);
	return t && t->process == p ? time_of(t, clock->user_only) : 0;
}

uint64_t cpu_time_locked(struct process *p, const struct cpu_clock *clock)
{
	return clock->tid ? time_of_one_locked(p, clock) : time_of_all_locked(p, clock->user_only);
}

/* The same, where what all threads have used is known. */
static uint64_t time_by_locked(struct process *p, const struct cpu_clock *clock, uint64_t total, uint64_t user)
{
	return clock->tid ? time_of_one_locked(p, clock) : clock->user_only ? user : total;
}

/** SIGXCPU at the soft limit, which is a second later then; SIGKILL at the hard one. What is left until either. */
static uint64_t limit_check_locked(struct process *p, uint64_t total)
{
	struct rlimit_pair *limit = &p->rlimits[RLIMIT_CPU];
	uint64_t hard = limit->hard < NO_LIMIT / NS ? limit->hard * NS : NO_LIMIT, soft = limit->soft < NO_LIMIT / NS ? limit->soft * NS : NO_LIMIT;
	if (total >= hard) {
		signal_send_locked(p, NULL, &(struct signal_info){ .signal = SIGKILL, .code = SI_KERNEL });
		return NO_LIMIT;
	}
	if (total >= soft) {
		signal_send_locked(p, NULL, &(struct signal_info){ .signal = SIGXCPU, .code = SI_KERNEL });
		limit->soft = total / NS + 1;
		soft = limit->soft * NS;
	}
	uint64_t first = soft < hard ? soft : hard;
	return first == NO_LIMIT ? NO_LIMIT : first - total;
}

static void look_locked(struct process *p)
{
	struct signals *s = p->signals;
	uint64_t total = time_of_all_locked(p, false), user = time_of_all_locked(p, true), left = NO_LIMIT; /* once for all timers */
	list_for_each_safe(node, &s->cpu_timers)
	{
		struct cpu_timer *t = container_of(node, struct cpu_timer, link);
		uint64_t now = time_by_locked(p, &t->clock, total, user);
		if (now >= t->deadline_ns) {
			list_remove(&t->link);
			cpu_timer_expired_locked(p, t, now);
		}
	}
	list_for_each(node, &s->cpu_timers)
	{
		const struct cpu_timer *t = container_of(node, struct cpu_timer, link);
		uint64_t now = time_by_locked(p, &t->clock, total, user);
		uint64_t its = t->deadline_ns > now ? t->deadline_ns - now : 0;
		left = its < left ? its : left;
	}
	uint64_t its = limit_check_locked(p, total), threads = s->thread_count < cpu_count ? s->thread_count : cpu_count;
	left = its < left ? its : left;
	if (left == NO_LIMIT || list_empty(&p->threads)) {
		return;
	}
	uint64_t least = total == s->cpu_looked_ns ? IDLE_NS : STEP_LEAST_NS, step = left / (threads ? threads : 1);
	s->cpu_looked_ns = total;
	timer_set(&s->cpu_look, time_ns() + (step > least ? step : least));
}

static void look(struct timer *timer)
{
	struct signals *s = timer->arg;
	spin_lock(&process_lock);
	struct process *p = process_find_locked(s->pid);
	if (p && p->signals == s && !s->cpu_over) {
		look_locked(p);
	}
	spin_unlock(&process_lock);
}

void cpu_timers_init(struct signals *s)
{
	list_init(&s->cpu_timers);
	timer_init(&s->cpu_look, look, s);
	s->virtual.clock.user_only = true;
	s->virtual.kind = CPU_TIMER_VIRTUAL;
	s->profile.kind = CPU_TIMER_PROFILE;
	list_init(&s->virtual.link);
	list_init(&s->profile.link);
}

void cpu_timers_look_locked(struct process *p)
{
	if (!p->signals->cpu_over) {
		p->signals->cpu_looked_ns = UINT64_MAX;
		timer_set(&p->signals->cpu_look, time_ns() + STEP_LEAST_NS);
	}
}

void cpu_timer_set_locked(struct process *p, struct cpu_timer *t, uint64_t deadline_ns)
{
	cpu_timer_cancel_locked(t);
	t->deadline_ns = deadline_ns;
	if (deadline_ns) {
		list_push_back(&p->signals->cpu_timers, &t->link);
	}
}

void cpu_timer_cancel_locked(struct cpu_timer *t)
{
	list_remove(&t->link); /* on no list it is a list of its own */
	t->deadline_ns = 0;
}

void cpu_timers_end(struct process *p)
{
	struct signals *s = p->signals;
	spin_lock(&process_lock);
	cpu_timer_cancel_locked(&s->virtual);
	cpu_timer_cancel_locked(&s->profile);
	s->cpu_over = true;
	spin_unlock(&process_lock);
	timer_cancel(&s->cpu_look);
}

static void interval_expired_locked(struct process *p, struct cpu_timer *t, uint64_t now, int signal)
{
	signal_send_locked(p, NULL, &(struct signal_info){ .signal = signal, .code = SI_KERNEL });
	uint64_t next = t->deadline_ns;
	if (t->interval_ns) {
		interval_forward(&next, t->interval_ns, now);
	}
	cpu_timer_set_locked(p, t, t->interval_ns ? next : 0);
}

struct cpu_sleep {
	struct cpu_timer timer;
	struct waitq done;
	bool over; /* p */
};

void cpu_timer_expired_locked(struct process *p, struct cpu_timer *t, uint64_t now)
{
	list_init(&t->link);
	switch (t->kind) {
	case CPU_TIMER_VIRTUAL:
		interval_expired_locked(p, t, now, SIGVTALRM);
		return;
	case CPU_TIMER_PROFILE:
		interval_expired_locked(p, t, now, SIGPROF);
		return;
	case CPU_TIMER_POSIX:
		posix_timer_expired_locked(p, t, now);
		return;
	case CPU_TIMER_SLEEP:
		__atomic_store_n(&container_of(t, struct cpu_sleep, timer)->over, true, __ATOMIC_RELEASE);
		waitq_wake_all(&container_of(t, struct cpu_sleep, timer)->done);
	}
}

int cpu_clock_of(int number, struct cpu_clock *clock)
{
	uint32_t id = ~(uint32_t)(number >> 3);
	*clock = (struct cpu_clock){ .user_only = number < 0 && (number & 3) == 1 };
	if (number == 2 || number == 3) { /* CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID */
		clock->tid = number == 3 ? thread_current()->tid : 0;
		return 0;
	}
	if (number >= 0 || (number & 3) == 3) {
		return -EINVAL;
	}
	struct process *self = process_current();
	if (!(number & 4)) {
		return !id || id == self->pid ? 0 : -EINVAL;
	}
	spin_lock(&process_lock);
	const struct thread *t = id ? process_thread_find_locked(id) : thread_current();
	clock->tid = t && t->process == self ? t->tid : 0;
	spin_unlock(&process_lock);
	return clock->tid ? 0 : -EINVAL;
}

int cpu_sleep_until(const struct cpu_clock *clock, uint64_t deadline_ns, uint64_t *left_ns)
{
	struct process *p = process_current();
	struct cpu_sleep sleep = { .timer = { .kind = CPU_TIMER_SLEEP, .clock = *clock } };
	waitq_init(&sleep.done);
	list_init(&sleep.timer.link);
	spin_lock(&process_lock);
	cpu_timer_set_locked(p, &sleep.timer, deadline_ns ? deadline_ns : 1);
	cpu_timers_look_locked(p);
	spin_unlock(&process_lock);
	int error = WAIT_EVENT_DEADLINE(&sleep.done, __atomic_load_n(&sleep.over, __ATOMIC_ACQUIRE), 0, true);
	spin_lock(&process_lock);
	uint64_t now = cpu_time_locked(p, clock);
	*left_ns = deadline_ns > now ? deadline_ns - now : 0;
	cpu_timer_cancel_locked(&sleep.timer);
	spin_unlock(&process_lock);
	return sleep.over ? 0 : error;
}
