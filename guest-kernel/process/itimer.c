/* SPDX-License-Identifier: MIT */
/*
 * alarm and setitimer(2). ITIMER_REAL: one kernel timer a process; the others are cpu_timer.c's. All of it is under process_lock but cancelling, which
 * waits for a callback that takes the lock. A timer that is no longer wanted may stay set, and finds nothing to do. A periodic one is armed anew only
 * when its signal is taken, as timer_create's are: a short interval costs nothing while the signal is blocked, and its process's own time otherwise.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/interval.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define NS 1000000000ull
enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

static void fire_locked(struct process *p, struct signals *s, uint64_t now)
{
	struct signal_info info = { .signal = SIGALRM, .code = SI_KERNEL };
	signal_send_locked(p, NULL, &info);
	if (!s->alarm_interval_ns) {
		s->alarm_deadline_ns = 0;
	} else if (s->pending.mask & SIGNAL_BIT(SIGALRM)) {
		s->alarm_waits = true;
	} else { /* nobody will take it */
		interval_forward(&s->alarm_deadline_ns, s->alarm_interval_ns, now);
		timer_set(&s->alarm, s->alarm_interval_ns < IGNORED_PERIOD_NS ? now + IGNORED_PERIOD_NS : s->alarm_deadline_ns);
	}
}

static void expired(struct timer *timer)
{
	struct signals *s = timer->arg;
	uint64_t now = time_ns();
	spin_lock(&process_lock);
	struct process *p = process_find_locked(s->pid);
	/* It may have been set to another time while this waited for the lock. */
	if (p && p->signals == s && s->alarm_deadline_ns && !s->alarm_waits && now >= s->alarm_deadline_ns) {
		fire_locked(p, s, now);
	}
	spin_unlock(&process_lock);
}

void itimer_taken_locked(struct signals *s)
{
	if (s->alarm_waits && !(s->pending.mask & SIGNAL_BIT(SIGALRM))) {
		s->alarm_waits = false;
		interval_forward(&s->alarm_deadline_ns, s->alarm_interval_ns, time_ns());
		timer_set(&s->alarm, s->alarm_deadline_ns);
	}
}

void itimer_init(struct signals *s)
{
	timer_init(&s->alarm, expired, s);
	cpu_timers_init(s);
}

void itimer_cancel(struct process *p)
{
	spin_lock(&process_lock);
	p->signals->alarm_deadline_ns = 0;
	p->signals->alarm_interval_ns = 0;
	p->signals->alarm_waits = false;
	spin_unlock(&process_lock);
	timer_cancel(&p->signals->alarm);
	posix_timers_delete(p);
	cpu_timers_end(p);
}

/* As Linux: none is left while its signal waits to be taken. */
static uint64_t left_locked(const struct signals *s, uint64_t now)
{
	return !s->alarm_deadline_ns || s->alarm_waits ? 0 : s->alarm_deadline_ns > now ? s->alarm_deadline_ns - now : 1;
}

static void replace(uint64_t value_ns, uint64_t interval_ns, uint64_t *left_ns, uint64_t *old_interval_ns)
{
	struct signals *s = process_current()->signals;
	uint64_t now = time_ns();
	spin_lock(&process_lock);
	*left_ns = left_locked(s, now);
	*old_interval_ns = s->alarm_interval_ns;
	s->alarm_deadline_ns = value_ns ? now + value_ns : 0;
	s->alarm_interval_ns = value_ns ? interval_ns : 0;
	s->alarm_waits = false;
	if (value_ns) {
		timer_set(&s->alarm, s->alarm_deadline_ns);
	}
	spin_unlock(&process_lock);
}

long sys_alarm(const uint64_t a[6])
{
	uint64_t left, interval;
	replace((a[0] & 0xffffffff) * NS, 0, &left, &interval);
	return (long)((left + NS / 2) / NS ? (left + NS / 2) / NS : left != 0);
}

static struct cpu_timer *cpu_timer_of(uint64_t which)
{
	struct signals *s = process_current()->signals;
	return which == ITIMER_VIRTUAL ? &s->virtual : which == ITIMER_PROF ? &s->profile : NULL;
}

static void cpu_left_locked(const struct cpu_timer *t, uint64_t *left_ns, uint64_t *interval_ns)
{
	uint64_t now = cpu_time_locked(process_current(), &t->clock);
	*left_ns = t->deadline_ns > now ? t->deadline_ns - now : t->deadline_ns ? 1 : 0;
	*interval_ns = t->interval_ns;
}

static void cpu_replace(struct cpu_timer *t, uint64_t value_ns, uint64_t interval_ns, uint64_t *left_ns, uint64_t *old_interval_ns)
{
	struct process *p = process_current();
	spin_lock(&process_lock);
	cpu_left_locked(t, left_ns, old_interval_ns);
	t->interval_ns = value_ns ? interval_ns : 0;
	cpu_timer_set_locked(p, t, value_ns ? cpu_time_locked(p, &t->clock) + value_ns : 0);
	cpu_timers_look_locked(p);
	spin_unlock(&process_lock);
}

static int value_to_user(uint64_t to, uint64_t left, uint64_t interval)
{
	uint64_t out[4] = { interval / NS, interval % NS / 1000, left / NS, (left % NS + 999) / 1000 };
	return to ? user_write(to, out, sizeof(out)) : 0;
}

long sys_setitimer(const uint64_t a[6])
{
	uint64_t in[4] = { 0 }, left, interval;
	struct cpu_timer *cpu = cpu_timer_of((uint32_t)a[0]);
	if (a[1] && user_read(in, a[1], sizeof(in))) {
		return -EFAULT;
	}
	if (in[1] >= 1000000 || in[3] >= 1000000 || in[0] > INT64_MAX / NS || in[2] > INT64_MAX / NS / 2) {
		return -EINVAL;
	}
	if ((uint32_t)a[0] > ITIMER_PROF) {
		return -EINVAL;
	}
	uint64_t value = in[2] * NS + in[3] * 1000;
	if (cpu) {
		cpu_replace(cpu, value, in[0] * NS + in[1] * 1000, &left, &interval);
	} else {
		replace(value, in[0] * NS + in[1] * 1000, &left, &interval);
	}
	return value_to_user(a[2], left, interval);
}

long sys_getitimer(const uint64_t a[6])
{
	struct signals *s = process_current()->signals;
	const struct cpu_timer *cpu = cpu_timer_of((uint32_t)a[0]);
	if ((uint32_t)a[0] > ITIMER_PROF) {
		return -EINVAL;
	}
	uint64_t now = time_ns();
	spin_lock(&process_lock);
	uint64_t left = left_locked(s, now);
	uint64_t interval = s->alarm_interval_ns;
	if (cpu) {
		cpu_left_locked(cpu, &left, &interval);
	}
	spin_unlock(&process_lock);
	return value_to_user(a[1], left, interval);
}
