/* SPDX-License-Identifier: MIT */
/*
 * alarm and setitimer(2). ITIMER_REAL: one kernel timer a process; the others are cpu_timer.c's. Deadline and interval are under process_lock; the timer
 * itself is set and cancelled outside of it, because cancelling waits for a callback that takes the lock.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define NS 1000000000ull
enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

static void expired(struct timer *timer)
{
	struct signals *s = timer->arg;
	struct signal_info info = { .signal = SIGALRM, .code = SI_KERNEL };
	uint64_t next = 0;
	spin_lock(&process_lock);
	struct process *p = process_find_locked(s->pid);
	if (p && p->signals == s && s->alarm_deadline_ns > time_ns()) {
		next = s->alarm_deadline_ns; /* somebody has just put it off, and another set the timer */
	} else if (p && p->signals == s && s->alarm_deadline_ns) {
		signal_send_locked(p, NULL, &info);
		if (s->alarm_interval_ns) {
			uint64_t now = time_ns(), late = now - s->alarm_deadline_ns;
			s->alarm_deadline_ns += (late / s->alarm_interval_ns + 1) * s->alarm_interval_ns;
			next = s->alarm_deadline_ns;
		} else {
			s->alarm_deadline_ns = 0;
		}
	}
	spin_unlock(&process_lock);
	if (next) {
		timer_set(timer, next);
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
	spin_unlock(&process_lock);
	timer_cancel(&p->signals->alarm);
	posix_timers_delete(p);
	cpu_timers_end(p);
}

static uint64_t alarm_deadline(const struct signals *s)
{
	spin_lock(&process_lock);
	uint64_t deadline_ns = s->alarm_deadline_ns;
	spin_unlock(&process_lock);
	return deadline_ns;
}

static void replace(uint64_t value_ns, uint64_t interval_ns, uint64_t *left_ns, uint64_t *old_interval_ns)
{
	struct signals *s = process_current()->signals;
	uint64_t now = time_ns();
	spin_lock(&process_lock);
	*left_ns = s->alarm_deadline_ns > now ? s->alarm_deadline_ns - now : s->alarm_deadline_ns ? 1 : 0;
	*old_interval_ns = s->alarm_interval_ns;
	s->alarm_deadline_ns = value_ns ? now + value_ns : 0;
	s->alarm_interval_ns = value_ns ? interval_ns : 0;
	spin_unlock(&process_lock);
	timer_cancel(&s->alarm);
	/* As the last of several threads has it. */
	for (uint64_t set = 0, wanted; (wanted = alarm_deadline(s)) && wanted != set; set = wanted) {
		timer_set(&s->alarm, wanted);
	}
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
	uint64_t left = s->alarm_deadline_ns > now ? s->alarm_deadline_ns - now : s->alarm_deadline_ns ? 1 : 0;
	uint64_t interval = s->alarm_interval_ns;
	if (cpu) {
		cpu_left_locked(cpu, &left, &interval);
	}
	spin_unlock(&process_lock);
	return value_to_user(a[1], left, interval);
}
