/* SPDX-License-Identifier: MIT */
/*
 * timer_create and its kin (POSIX <time.h>, timer_create(2)). All of it is under process_lock. A timer has at most one signal queued:
 * one that expires again before that is taken counts an overrun, and a periodic timer is armed anew only when its signal is taken,
 * with the overruns computed from the time that passed. So a short interval costs nothing while the signal is blocked.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/interval.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define TIMERS_MAX 1024u

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_BOOTTIME = 7, TIMER_ABSTIME = 1 };

struct posix_timer {
	struct list link; /* signals.timers */
	uint32_t pid, id;
	int clock, notify, signal;
	uint32_t tid; /* SIGEV_THREAD_ID */
	uint64_t value;
	uint64_t deadline_ns, interval_ns; /* deadline 0: not armed */
	bool queued; /* its signal has not been taken */
	bool waits; /* periodic, and armed again when the signal is taken */
	uint64_t overruns, last_overruns;
	struct timer timer;
	bool counts_cpu; /* by `cpu` instead of `timer` */
	struct cpu_timer cpu;
};

static uint64_t now_locked(struct process *p, const struct posix_timer *t)
{
	return t->counts_cpu ? cpu_time_locked(p, &t->cpu.clock) : time_ns();
}

static void arm_locked(struct process *p, struct posix_timer *t, uint64_t deadline_ns)
{
	if (t->counts_cpu) {
		cpu_timer_set_locked(p, &t->cpu, deadline_ns);
	} else {
		timer_set(&t->timer, deadline_ns);
	}
}

static struct posix_timer *find_locked(struct process *p, uint32_t id)
{
	list_for_each(node, &p->signals->timers) {
		struct posix_timer *t = container_of(node, struct posix_timer, link);
		if (t->id == id) {
			return t;
		}
	}
	return NULL;
}

static bool send_locked(struct process *p, struct posix_timer *t)
{
	struct signal_info info = { .signal = t->signal, .code = SI_TIMER, .timer = true, .pid = t->id, .value = t->value };
	struct thread *only = t->notify == SIGEV_THREAD_ID ? process_thread_find_locked(t->tid) : NULL;
	if (t->notify == SIGEV_THREAD_ID && (!only || only->process != p)) {
		return false; /* the thread has ended */
	}
	return signal_send_locked(p, only, &info);
}

static void fire_locked(struct process *p, struct posix_timer *t, uint64_t now)
{
	if (t->queued) {
		t->overruns++;
	} else {
		t->queued = send_locked(p, t);
	}
	if (!t->interval_ns) {
		t->deadline_ns = 0;
	} else if (t->queued) {
		t->waits = true;
	} else { /* nobody will take it */
		interval_forward(&t->deadline_ns, t->interval_ns, now);
		arm_locked(p, t, t->interval_ns < IGNORED_PERIOD_NS ? now + IGNORED_PERIOD_NS : t->deadline_ns);
	}
}

static void expired(struct timer *timer)
{
	struct posix_timer *t = timer->arg;
	uint64_t now = time_ns();
	spin_lock(&process_lock);
	struct process *p = process_find_locked(t->pid);
	/* It may have been set to another time, or deleted, while this waited for the lock. */
	if (p && !list_empty(&t->link) && t->deadline_ns && !t->waits && now >= t->deadline_ns) {
		fire_locked(p, t, now);
	}
	spin_unlock(&process_lock);
}

void posix_timer_expired_locked(struct process *p, struct cpu_timer *cpu, uint64_t now)
{
	struct posix_timer *t = container_of(cpu, struct posix_timer, cpu);
	if (t->deadline_ns && !t->waits) {
		fire_locked(p, t, now);
	}
}

void posix_timer_taken_locked(struct process *p, struct signal_info *info)
{
	struct posix_timer *t = find_locked(p, info->pid);
	if (!t || !t->queued) {
		return;
	}
	t->queued = false;
	if (t->waits) {
		t->waits = false;
		t->overruns += interval_forward(&t->deadline_ns, t->interval_ns, now_locked(p, t)) - 1;
		arm_locked(p, t, t->deadline_ns);
		if (t->counts_cpu) {
			cpu_timers_look_locked(p);
		}
	}
	t->last_overruns = t->overruns < INT32_MAX ? t->overruns : INT32_MAX;
	t->overruns = 0;
	info->uid = (uint32_t)t->last_overruns; /* si_overrun */
}

void posix_timers_delete(struct process *p)
{
	for (;;) {
		spin_lock(&process_lock);
		struct list *node = list_pop_front(&p->signals->timers);
		struct posix_timer *t = container_of(node, struct posix_timer, link);
		if (node) {
			cpu_timer_cancel_locked(&t->cpu);
		}
		spin_unlock(&process_lock);
		if (!node) {
			return;
		}
		timer_cancel(&t->timer);
		kfree(t);
	}
}

static int notification_read(struct posix_timer *t, uint64_t user)
{
	struct {
		uint64_t value;
		int signal, notify, tid, pad;
	} event;
	if (!user) {
		t->signal = SIGALRM;
		return 0; /* and the value is its number */
	}
	if (user_read(&event, user, sizeof(event))) {
		return -EFAULT;
	}
	bool known = event.notify == SIGEV_SIGNAL || event.notify == SIGEV_NONE || event.notify == SIGEV_THREAD ||
		     event.notify == SIGEV_THREAD_ID;
	if (!known || (event.notify != SIGEV_NONE && (event.signal < 1 || event.signal > SIGNAL_COUNT))) {
		return -EINVAL;
	}
	t->value = event.value;
	t->signal = event.signal;
	t->notify = event.notify;
	t->tid = (uint32_t)event.tid;
	return 0;
}

/* From here on another thread may delete it. */
static int publish_locked(struct process *p, struct posix_timer *t, bool own_value, uint32_t *id)
{
	uint64_t count = 0, limit = p->rlimits[RLIMIT_SIGPENDING].soft;
	list_for_each(node, &p->signals->timers) {
		count++;
	}
	if (count >= (limit < TIMERS_MAX ? limit : TIMERS_MAX)) {
		return -EAGAIN;
	}
	if (t->notify == SIGEV_THREAD_ID) {
		const struct thread *to = process_thread_find_locked(t->tid);
		if (!to || to->process != p) {
			return -EINVAL;
		}
	}
	*id = t->id = p->signals->timer_next++ & INT32_MAX;
	t->value = own_value ? t->id : t->value;
	list_push_back(&p->signals->timers, &t->link);
	return 0;
}

long sys_timer_create(const uint64_t a[6])
{
	struct process *p = process_current();
	int clock = (int)a[0];
	struct cpu_clock cpu = { 0 };
	bool counts_cpu = clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME;
	if (clock < 0 && (clock & 7) == 3) {
		return -EOPNOTSUPP; /* a clock of a descriptor */
	}
	if (counts_cpu && cpu_clock_of(clock, &cpu)) {
		return -EINVAL;
	}
	uint32_t id = 0;
	struct posix_timer *t = kzalloc(sizeof(*t));
	int error = t ? notification_read(t, a[1]) : -EAGAIN;
	if (!error) {
		list_init(&t->link);
		timer_init(&t->timer, expired, t);
		t->pid = p->pid;
		t->clock = clock;
		t->counts_cpu = counts_cpu;
		t->cpu.clock = cpu;
		t->cpu.kind = CPU_TIMER_POSIX;
		list_init(&t->cpu.link);
		spin_lock(&process_lock);
		error = publish_locked(p, t, !a[1], &id);
		spin_unlock(&process_lock);
	}
	if (error) {
		kfree(t);
		return error;
	}
	const uint64_t own[6] = { id };
	return user_write(a[2], &id, sizeof(id)) ? (sys_timer_delete(own), -EFAULT) : 0;
}

static struct interval left_locked(struct process *p, const struct posix_timer *t)
{
	uint64_t left = interval_left(t->deadline_ns, t->interval_ns, now_locked(p, t));
	if (!left && t->deadline_ns && t->notify != SIGEV_NONE) {
		left = 1; /* armed, and about to fire */
	}
	return (struct interval){ left, t->interval_ns };
}

long sys_timer_settime(const uint64_t a[6])
{
	struct process *p = process_current();
	struct interval new, old = { 0 };
	int error = a[2] ? interval_read(&new, a[2]) : -EINVAL;
	if (error) {
		return error;
	}
	spin_lock(&process_lock);
	struct posix_timer *t = find_locked(p, (uint32_t)a[0]);
	if (t) {
		old = left_locked(p, t);
		bool from_now = t->counts_cpu && new.value_ns && !(a[1] & TIMER_ABSTIME);
		t->deadline_ns = from_now      ? now_locked(p, t) + new.value_ns :
				 t->counts_cpu ? new.value_ns :
						 interval_deadline(new.value_ns, a[1] & TIMER_ABSTIME, t->clock);
		t->interval_ns = new.value_ns ? new.interval_ns : 0;
		t->waits = false;
		t->overruns = 0;
		if (t->deadline_ns && t->notify != SIGEV_NONE) {
			arm_locked(p, t, t->deadline_ns);
		}
		if (t->counts_cpu) {
			cpu_timers_look_locked(p);
		}
	}
	spin_unlock(&process_lock);
	return !t ? -EINVAL : a[3] ? interval_write(a[3], &old) : 0;
}

long sys_timer_gettime(const uint64_t a[6])
{
	struct interval left = { 0 };
	spin_lock(&process_lock);
	struct posix_timer *t = find_locked(process_current(), (uint32_t)a[0]);
	if (t) {
		left = left_locked(process_current(), t);
	}
	spin_unlock(&process_lock);
	return t ? interval_write(a[1], &left) : -EINVAL;
}

long sys_timer_getoverrun(const uint64_t a[6])
{
	spin_lock(&process_lock);
	struct posix_timer *t = find_locked(process_current(), (uint32_t)a[0]);
	long overruns = t ? (long)t->last_overruns : -EINVAL;
	spin_unlock(&process_lock);
	return overruns;
}

long sys_timer_delete(const uint64_t a[6])
{
	spin_lock(&process_lock);
	struct posix_timer *t = find_locked(process_current(), (uint32_t)a[0]);
	if (t) {
		list_remove(&t->link);
		cpu_timer_cancel_locked(&t->cpu);
	}
	spin_unlock(&process_lock);
	if (!t) {
		return -EINVAL;
	}
	timer_cancel(&t->timer);
	kfree(t);
	return 0;
}
