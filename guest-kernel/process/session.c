/* SPDX-License-Identifier: MIT */
/* Process groups and sessions (POSIX 3.290, 3.343): who may move where. All under process_lock. */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/epoch.h"
#include "kernel/syscall.h"
#include "kernel/tty.h"

long sys_getpid(const uint64_t a[6])
{
	return process_current()->pid;
}

long sys_gettid(const uint64_t a[6])
{
	return thread_current()->tid;
}

long sys_getppid(const uint64_t a[6])
{
	epoch_enter(); /* a parent that ends is reaped after its children have another */
	const struct process *parent = __atomic_load_n(&process_current()->parent, __ATOMIC_ACQUIRE);
	long pid = parent ? parent->pid : 0;
	epoch_exit();
	return pid;
}

long sys_getpgrp(const uint64_t a[6])
{
	return process_current()->pgid;
}

static long group_or_session(uint32_t pid, bool session)
{
	epoch_enter();
	const struct process *p = pid ? process_peek(pid) : process_current();
	long result = !p ? -ESRCH : (long)__atomic_load_n(session ? &p->sid : &p->pgid, __ATOMIC_RELAXED);
	epoch_exit();
	return result;
}

long sys_getpgid(const uint64_t a[6])
{
	return group_or_session((uint32_t)a[0], false);
}

long sys_getsid(const uint64_t a[6])
{
	return group_or_session((uint32_t)a[0], true);
}

static int move_to_group_locked(struct process *p, uint32_t pgid)
{
	struct process *self = process_current();
	if (p != self && p->parent != self) {
		return -ESRCH;
	}
	if (p->sid == p->pid || p->sid != self->sid) {
		return -EPERM;
	}
	if (p != self && p->signals->executed) {
		return -EACCES;
	}
	if (pgid != p->pid && !process_group_exists_locked(pgid, self->sid)) {
		return -EPERM;
	}
	number_hold_locked(pgid);
	number_drop_locked(p->pgid);
	p->pgid = pgid;
	return 0;
}

long sys_setpgid(const uint64_t a[6])
{
	int pid = (int)a[0], pgid = (int)a[1];
	if (pgid < 0 || pid < 0) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	struct process *p = pid ? process_find_locked((uint32_t)pid) : process_current();
	int error = -ESRCH;
	if (p && !p->zombie) {
		error = move_to_group_locked(p, pgid ? (uint32_t)pgid : p->pid);
	}
	spin_unlock(&process_lock);
	return error;
}

long sys_setsid(const uint64_t a[6])
{
	struct process *p = process_current();
	struct tty *tty = NULL;
	long result = -EPERM;
	spin_lock(&process_lock);
	bool leads_group = false;
	list_for_each(node, &process_list)
	{
		leads_group |= container_of(node, struct process, all_link)->pgid == p->pid;
	}
	if (!leads_group) {
		tty = p->tty;
		p->tty = NULL;
		number_drop_locked(p->sid);
		number_drop_locked(p->pgid);
		number_hold_locked(p->pid);
		number_hold_locked(p->pid);
		p->sid = p->pgid = p->pid;
		result = p->pid;
	}
	spin_unlock(&process_lock);
	if (tty) {
		tty_put(tty);
	}
	return result;
}

long sys_set_tid_address(const uint64_t a[6])
{
	thread_current()->user->clear_child_tid = a[0];
	return thread_current()->tid;
}
