/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policies and real-time priorities of threads (sched(7)): who may change them, and how the calls ask for it. What they mean is
 * the scheduler's. A thread stays where it is found for as long as process_lock is held.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define RESET_ON_FORK 0x40000000u
#define ATTRIBUTES_LEAST 48u /* SCHED_ATTR_SIZE_VER0 */
#define ATTRIBUTES_MOST 4096u
enum { FLAG_RESET_ON_FORK = 1, FLAG_RECLAIM = 2, FLAG_OVERRUN = 4, FLAG_KEEP_POLICY = 8, FLAG_KEEP_PARAMS = 16, FLAGS_KNOWN = 0x7f };

struct attributes { /* struct sched_attr */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t least, most;
};

struct wish {
	int policy;
	int64_t priority;
	bool reset_on_fork, sets_nice;
	int nice;
};

static bool is_real_time(int policy)
{
	return policy == POLICY_FIFO || policy == POLICY_RR;
}

static bool is_policy(int policy)
{
	return policy == POLICY_OTHER || is_real_time(policy) || policy == POLICY_BATCH || policy == POLICY_IDLE;
}

static struct thread *find_locked(uint32_t tid)
{
	struct thread *t = tid ? process_thread_find_locked(tid) : thread_current();
	return t && t->process && t->state != THREAD_DEAD ? t : NULL;
}

int nice_limit(const struct process *p)
{
	uint64_t limit = p->rlimits[RLIMIT_NICE].soft;
	return limit > 40 ? -20 : 20 - (int)limit;
}

static int may_set_locked(const struct thread *t, const struct wish *w)
{
	const struct credentials *own = &process_current()->credentials, *other = &t->process->credentials;
	uint64_t limit = t->process->rlimits[RLIMIT_RTPRIO].soft;
	if (capable(CAP_SYS_NICE)) {
		return 0;
	}
	bool rises = w->priority > t->priority && (uint64_t)w->priority > limit;
	bool becomes = is_real_time(w->policy) && w->policy != t->policy && !limit;
	bool leaves_idle = t->policy == POLICY_IDLE && w->policy != POLICY_IDLE && t->nice < nice_limit(t->process);
	bool nicer = w->sets_nice && !is_real_time(w->policy) && w->nice < t->nice && w->nice < nice_limit(t->process);
	bool foreign = own->euid != other->uid && own->euid != other->euid;
	return rises || becomes || leaves_idle || nicer || foreign || (t->reset_on_fork && !w->reset_on_fork) ? -EPERM : 0;
}

static int set_locked(struct thread *t, const struct wish *w)
{
	if (!is_policy(w->policy) || w->priority < 0 || w->priority > 99 || is_real_time(w->policy) != (w->priority != 0)) {
		return -EINVAL;
	}
	int error = may_set_locked(t, w);
	if (error) {
		return error;
	}
	t->reset_on_fork = w->reset_on_fork;
	bool nice = w->sets_nice && !is_real_time(w->policy);
	thread_set_share(t, &(struct thread_share){ (enum thread_policy)w->policy, (unsigned)w->priority, nice ? w->nice : t->nice });
	return 0;
}

/** `keeps`: FLAG_KEEP_POLICY, with what it says of children, and FLAG_KEEP_PARAMS. */
static long set(uint32_t tid, struct wish w, unsigned keeps)
{
	spin_lock(&process_lock);
	struct thread *t = find_locked(tid);
	if (t && (keeps & FLAG_KEEP_POLICY)) {
		w.policy = t->policy;
		w.reset_on_fork = t->reset_on_fork;
	}
	if (t && (keeps & FLAG_KEEP_PARAMS)) {
		w.priority = is_real_time(t->policy) ? t->priority : w.priority;
		w.nice = is_real_time(t->policy) ? w.nice : t->nice;
	}
	int error = t ? set_locked(t, &w) : -ESRCH;
	tid = t ? t->tid : 0;
	spin_unlock(&process_lock);
	futex_pi_priority_changed(tid);
	return error;
}

void policy_inherit(struct thread *child, const struct thread *parent)
{
	bool reset = parent->reset_on_fork;
	thread_begin_share(child, &(struct thread_share){ .policy = reset && is_real_time(parent->policy) ? POLICY_OTHER : parent->policy,
							  .priority = reset ? 0 : parent->priority,
							  .nice = reset && parent->nice < 0 ? 0 : parent->nice });
}

long sys_sched_setscheduler(const uint64_t a[6])
{
	int32_t priority;
	if (!a[2] || (int)a[0] < 0 || (int)a[1] < 0) {
		return -EINVAL;
	}
	if (user_read(&priority, a[2], sizeof(priority))) {
		return -EFAULT;
	}
	struct wish w = { .policy = (int)(a[1] & ~(uint64_t)RESET_ON_FORK), .priority = priority, .reset_on_fork = a[1] & RESET_ON_FORK };
	return set((uint32_t)a[0], w, 0);
}

long sys_sched_setparam(const uint64_t a[6])
{
	int32_t priority;
	if (!a[1] || (int)a[0] < 0) {
		return -EINVAL;
	}
	return user_read(&priority, a[1], sizeof(priority)) ? -EFAULT : set((uint32_t)a[0], (struct wish){ .priority = priority }, FLAG_KEEP_POLICY);
}

long sys_sched_getscheduler(const uint64_t a[6])
{
	if ((int)a[0] < 0) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	const struct thread *t = find_locked((uint32_t)a[0]);
	long policy = t ? (long)(t->policy | (t->reset_on_fork ? RESET_ON_FORK : 0)) : -ESRCH;
	spin_unlock(&process_lock);
	return policy;
}

long sys_sched_getparam(const uint64_t a[6])
{
	if (!a[1] || (int)a[0] < 0) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	const struct thread *t = find_locked((uint32_t)a[0]);
	int32_t priority = t ? t->priority : 0;
	spin_unlock(&process_lock);
	return t ? user_write(a[1], &priority, sizeof(priority)) : -ESRCH;
}

long sys_sched_rr_get_interval(const uint64_t a[6])
{
	if ((int)a[0] < 0) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	const struct thread *t = find_locked((uint32_t)a[0]);
	uint64_t slice = t && t->policy != POLICY_FIFO ? t->slice_ns : 0, out[2] = { 0, slice };
	spin_unlock(&process_lock);
	return t ? user_write(a[1], out, sizeof(out)) : -ESRCH;
}

static long priority_bound(int policy, int real_time)
{
	return is_real_time(policy) ? real_time : is_policy(policy) ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(const uint64_t a[6])
{
	return priority_bound((int)a[0], 99);
}

long sys_sched_get_priority_min(const uint64_t a[6])
{
	return priority_bound((int)a[0], 1);
}

/** What a program's structure has beyond this one's has to be 0. */
static int attributes_read(struct attributes *out, uint64_t user)
{
	uint32_t size;
	char more[64];
	*out = (struct attributes){ 0 };
	if (user_read(&size, user, sizeof(size))) {
		return -EFAULT;
	}
	size = size ? size : ATTRIBUTES_LEAST;
	if (size < ATTRIBUTES_LEAST || size > ATTRIBUTES_MOST) {
		size = sizeof(*out);
		return user_write(user, &size, sizeof(size)) ? -EFAULT : -E2BIG;
	}
	if (user_read(out, user, size < sizeof(*out) ? size : sizeof(*out))) {
		return -EFAULT;
	}
	for (uint32_t at = sizeof(*out); at < size; at += sizeof(more)) {
		uint32_t length = size - at < sizeof(more) ? size - at : sizeof(more);
		if (user_read(more, user + at, length)) {
			return -EFAULT;
		}
		for (uint32_t i = 0; i < length; i++) {
			if (more[i]) {
				return -E2BIG;
			}
		}
	}
	return 0;
}

long sys_sched_setattr(const uint64_t a[6])
{
	struct attributes in;
	if (!a[1] || (int)a[0] < 0 || a[2]) {
		return -EINVAL;
	}
	int error = attributes_read(&in, a[1]);
	if (error) {
		return error;
	}
	if ((int)in.policy < 0 || (in.flags & ~(uint64_t)FLAGS_KNOWN)) {
		return -EINVAL;
	}
	int nice = in.nice < -20 ? -20 : in.nice > 19 ? 19 : in.nice;
	struct wish w = { .policy = (int)in.policy, .priority = in.priority, .reset_on_fork = in.flags & FLAG_RESET_ON_FORK, .sets_nice = true,
			  .nice = nice };
	return set((uint32_t)a[0], w, in.flags & (FLAG_KEEP_POLICY | FLAG_KEEP_PARAMS));
}

long sys_sched_getattr(const uint64_t a[6])
{
	uint32_t size = (uint32_t)a[2] < sizeof(struct attributes) ? (uint32_t)a[2] : sizeof(struct attributes);
	if (!a[1] || (int)a[0] < 0 || (uint32_t)a[2] > ATTRIBUTES_MOST || (uint32_t)a[2] < ATTRIBUTES_LEAST || a[3]) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	const struct thread *t = find_locked((uint32_t)a[0]);
	struct attributes out = { .size = size };
	if (t) {
		out.policy = t->policy;
		out.flags = t->reset_on_fork ? FLAG_RESET_ON_FORK : 0;
		out.nice = is_real_time(t->policy) ? 0 : t->nice;
		out.priority = t->priority;
	}
	spin_unlock(&process_lock);
	return t ? user_write(a[1], &out, size) : -ESRCH;
}
