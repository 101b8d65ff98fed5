/* SPDX-License-Identifier: MIT */
/* Scheduling as programs see it: nice values, SCHED_OTHER only, affinity over the processors there are. */
#include "process_internal.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "sched/sched.h"

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
enum { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5 };

long sys_sched_yield(const uint64_t a[6])
{
	thread_yield();
	return 0;
}

static bool selected(const struct process *p, int which, uint32_t who)
{
	const struct process *self = process_current();
	switch (which) {
	case PRIO_PROCESS:
		return who ? p->pid == who : p == self;
	case PRIO_PGRP:
		return p->pgid == (who ? who : self->pgid);
	default:
		return p->credentials.uid == (who ? who : self->credentials.uid);
	}
}

static int nice_of(const struct process *p)
{
	return list_empty(&p->threads) ? 0 : container_of(p->threads.next, struct thread, process_link)->nice;
}

/* 20 - nice: 1 to 40, as Linux's system call answers. */
long sys_getpriority(const uint64_t a[6])
{
	long best = -ESRCH;
	if (a[0] > PRIO_USER) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	list_for_each(node, &process_list)
	{
		const struct process *p = container_of(node, struct process, all_link);
		if (selected(p, (int)a[0], (uint32_t)a[1]) && 20 - nice_of(p) > best) {
			best = 20 - nice_of(p);
		}
	}
	spin_unlock(&process_lock);
	return best;
}

static int nice_set(struct process *p, int nice)
{
	const struct credentials *c = &process_current()->credentials;
	if (c->euid != 0 && c->euid != p->credentials.uid && c->euid != p->credentials.euid) {
		return -EPERM;
	}
	if (c->euid != 0 && nice < nice_of(p)) {
		return -EACCES;
	}
	list_for_each(node, &p->threads)
	{
		container_of(node, struct thread, process_link)->nice = nice;
	}
	return 0;
}

long sys_setpriority(const uint64_t a[6])
{
	int nice = (int)a[2] < -20 ? -20 : (int)a[2] > 19 ? 19 : (int)a[2];
	long result = -ESRCH;
	if (a[0] > PRIO_USER) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (selected(p, (int)a[0], (uint32_t)a[1])) {
			int error = nice_set(p, nice);
			result = error ? error : result == -ESRCH ? 0 : result;
		}
	}
	spin_unlock(&process_lock);
	return result;
}

static bool thread_exists(uint64_t tid)
{
	spin_lock(&process_lock);
	bool found = tid == 0 || process_thread_find_locked((uint32_t)tid) != NULL;
	spin_unlock(&process_lock);
	return found;
}

/* Answers the bytes of the kernel's mask. */
long sys_sched_getaffinity(const uint64_t a[6])
{
	uint64_t mask = 0;
	if (a[1] < sizeof(mask) || (a[1] & 7)) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	const struct thread *t = a[0] ? process_thread_find_locked((uint32_t)a[0]) : thread_current();
	if (t) {
		mask = thread_affinity(t) & thread_processors();
	}
	spin_unlock(&process_lock);
	if (!t) {
		return -ESRCH;
	}
	return user_write(a[2], &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

static int affinity_set_locked(struct thread *t, uint64_t mask)
{
	const struct credentials *own = &process_current()->credentials;
	if (!t) {
		return -ESRCH;
	}
	const struct credentials *other = &t->process->credentials;
	if (own->euid != 0 && own->euid != other->uid && own->euid != other->euid) {
		return -EPERM;
	}
	return thread_set_affinity(t, mask);
}

long sys_sched_setaffinity(const uint64_t a[6])
{
	uint64_t mask = 0;
	if (user_read(&mask, a[2], a[1] < sizeof(mask) ? a[1] : sizeof(mask))) {
		return -EFAULT;
	}
	spin_lock(&process_lock);
	int error = affinity_set_locked(a[0] ? process_thread_find_locked((uint32_t)a[0]) : thread_current(), mask);
	spin_unlock(&process_lock);
	thread_move();
	return error;
}

long sys_sched_getscheduler(const uint64_t a[6])
{
	return (int)a[0] < 0 ? -EINVAL : thread_exists(a[0]) ? SCHED_OTHER : -ESRCH;
}

long sys_sched_setscheduler(const uint64_t a[6])
{
	int priority;
	if (user_read(&priority, a[2], sizeof(priority))) {
		return -EFAULT;
	}
	if (!thread_exists(a[0])) {
		return -ESRCH;
	}
	if ((int)a[1] == SCHED_OTHER) {
		return priority == 0 ? 0 : -EINVAL;
	}
	return (int)a[1] <= SCHED_IDLE ? -EPERM : -EINVAL;
}

long sys_sched_getparam(const uint64_t a[6])
{
	int priority = 0;
	if (!a[1] || (int)a[0] < 0) {
		return -EINVAL;
	}
	return thread_exists(a[0]) ? user_write(a[1], &priority, sizeof(priority)) : -ESRCH;
}

long sys_sched_setparam(const uint64_t a[6])
{
	int priority;
	if (user_read(&priority, a[1], sizeof(priority))) {
		return -EFAULT;
	}
	return !thread_exists(a[0]) ? -ESRCH : priority == 0 ? 0 : -EINVAL;
}

static long priority_bound(int policy, int real_time)
{
	bool plain = policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
	return policy == SCHED_FIFO || policy == SCHED_RR ? real_time : plain ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(const uint64_t a[6])
{
	return priority_bound((int)a[0], 99);
}

long sys_sched_get_priority_min(const uint64_t a[6])
{
	return priority_bound((int)a[0], 1);
}

long sys_sched_rr_get_interval(const uint64_t a[6])
{
	if ((int)a[0] < 0) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	const struct thread *t = a[0] ? process_thread_find_locked((uint32_t)a[0]) : thread_current();
	uint64_t slice = t ? slice_ns(t->nice) : 0, out[2] = { 0, slice };
	spin_unlock(&process_lock);
	return t ? user_write(a[1], out, sizeof(out)) : -ESRCH;
}

long sys_getcpu(const uint64_t a[6])
{
	uint32_t cpu = cpu_read(index), node = 0;
	if ((a[0] && user_write(a[0], &cpu, sizeof(cpu))) || (a[1] && user_write(a[1], &node, sizeof(node)))) {
		return -EFAULT;
	}
	return 0;
}
