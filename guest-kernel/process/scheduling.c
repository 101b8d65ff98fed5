/* SPDX-License-Identifier: MIT */
/* Scheduling as programs see it: nice values, and affinity over the processors there are. Policies: policy.c. */
#include "process_internal.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "sched/sched.h"

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

long sys_sched_yield(const uint64_t a[6])
{
	thread_yield();
	return 0;
}

/** Of PRIO_PROCESS one thread only. */
static bool selected(const struct thread *t, int which, uint32_t who)
{
	const struct process *self = process_current(), *p = t->process;
	switch (which) {
	case PRIO_PROCESS:
		return who ? t->tid == who : t == thread_current();
	case PRIO_PGRP:
		return p->pgid == (who ? who : self->pgid);
	default:
		return p->credentials.uid == (who ? who : self->credentials.uid);
	}
}

static bool is_foreign(const struct process *p)
{
	const struct credentials *own = &process_current()->credentials, *other = &p->credentials;
	return !capable(CAP_SYS_NICE) && own->euid != other->uid && own->euid != other->euid;
}

static int nice_set(struct thread *t, int nice)
{
	if (is_foreign(t->process)) {
		return -EPERM;
	}
	if (!capable(CAP_SYS_NICE) && nice < t->nice && nice < nice_limit(t->process)) {
		return -EACCES;
	}
	thread_set_share(t, &(struct thread_share){ (enum thread_policy)t->policy, t->priority, nice });
	return 0;
}

/** The best answer, and the last error before others: -ESRCH where there was nobody. */
static long for_selected(const uint64_t a[6], bool sets, int nice)
{
	long best = -ESRCH, error = 0;
	if (a[0] > PRIO_USER) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (list_empty(&p->threads) && a[0] == PRIO_PROCESS && p->pid == (uint32_t)a[1]) {
			best = is_foreign(p) && sets ? -EPERM : sets ? 0 : 20; /* it is a thread of the kernel, or has ended */
		}
		list_for_each(link, &p->threads)
		{
			struct thread *t = container_of(link, struct thread, process_link);
			if (selected(t, (int)a[0], (uint32_t)a[1])) {
				int result = sets ? nice_set(t, nice) : 20 - t->nice;
				error = result < 0 ? result : error;
				best = result > best ? result : best;
			}
		}
	}
	spin_unlock(&process_lock);
	return error ? error : best;
}

/* 20 - nice: 1 to 40, as Linux's system call answers. */
long sys_getpriority(const uint64_t a[6])
{
	return for_selected(a, false, 0);
}

long sys_setpriority(const uint64_t a[6])
{
	return for_selected(a, true, (int)a[2] < -20 ? -20 : (int)a[2] > 19 ? 19 : (int)a[2]);
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
	if (!t) {
		return -ESRCH;
	}
	if (is_foreign(t->process)) {
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

long sys_getcpu(const uint64_t a[6])
{
	uint32_t cpu = cpu_read(index), node = 0;
	if ((a[0] && user_write(a[0], &cpu, sizeof(cpu))) || (a[1] && user_write(a[1], &node, sizeof(node)))) {
		return -EFAULT;
	}
	return 0;
}
