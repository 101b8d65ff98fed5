/* SPDX-License-Identifier: MIT */
/*
 * Terminals and sessions (POSIX 11.1.2 to 11.1.4). tty->sid and tty->foreground are under process_lock, so a process's place
 * in its session and the terminal's owner change together.
 */
#include "tty/tty_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/process.h"
#include "kernel/signal.h"

uint32_t tty_foreground(struct tty *tty)
{
	return __atomic_load_n(&tty->foreground, __ATOMIC_RELAXED);
}

void tty_signal_foreground(struct tty *tty, int signal)
{
	uint32_t group = tty_foreground(tty);
	if (group) {
		signal_send_group(group, signal);
	}
}

int tty_check_job(struct tty *tty, int signal)
{
	struct process *p = process_current();
	spin_lock(&process_lock);
	bool background = p->tty == tty && tty->foreground && p->pgid != tty->foreground;
	uint32_t group = p->pgid;
	spin_unlock(&process_lock);
	if (!background) {
		return 0;
	}
	if (signal_is_ignored_or_blocked(signal)) {
		return signal == SIGTTIN ? -EIO : 0;
	}
	if (signal_group_is_orphaned()) {
		return -EIO;
	}
	signal_send_group(group, signal);
	return -ERESTARTSYS;
}

long tty_get_foreground(struct tty *tty)
{
	struct process *p = process_current();
	spin_lock(&process_lock);
	long result = p->tty == tty ? (long)tty->foreground : -ENOTTY;
	spin_unlock(&process_lock);
	return result;
}

static bool group_in_session_locked(uint32_t pgid, uint32_t sid)
{
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (p->pgid == pgid && p->sid == sid) {
			return true;
		}
	}
	return false;
}

static bool group_exists_locked(uint32_t pgid)
{
	bool exists = false;
	list_for_each(node, &process_list)
	{
		exists = exists || container_of(node, struct process, all_link)->pgid == pgid;
	}
	return exists;
}

int tty_put_foreground(struct tty *tty, uint32_t pgid)
{
	struct process *p = process_current();
	int error = tty_check_job(tty, SIGTTOU);
	if (error) {
		return error;
	}
	spin_lock(&process_lock);
	if (p->tty != tty || p->sid != tty->sid) {
		error = -ENOTTY;
	} else if (!group_in_session_locked(pgid, p->sid)) {
		error = group_exists_locked(pgid) ? -EPERM : -ESRCH;
	} else {
		tty->foreground = pgid;
	}
	spin_unlock(&process_lock);
	return error;
}

/* Everyone of the session loses the terminal; the references are given back by the caller, outside of the lock. */
static unsigned detach_session_locked(struct tty *tty, uint32_t sid)
{
	unsigned detached = 0;
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (p->sid == sid && p->tty == tty) {
			p->tty = NULL;
			detached++;
		}
	}
	tty->sid = tty->foreground = 0;
	return detached;
}

static void put_many(struct tty *tty, unsigned count)
{
	for (; count; count--) {
		tty_put(tty);
	}
}

int tty_make_controlling(struct tty *tty, bool force)
{
	struct process *p = process_current();
	unsigned detached = 0;
	int error = 0;
	spin_lock(&process_lock);
	if (p->sid == p->pid && p->tty == tty && tty->sid == p->sid) {
		spin_unlock(&process_lock);
		return 0;
	}
	if (p->sid != p->pid || p->tty) {
		error = -EPERM;
	} else if (tty->sid && !(force && capable(CAP_SYS_ADMIN))) {
		error = -EPERM;
	} else {
		detached = tty->sid ? detach_session_locked(tty, tty->sid) : 0;
		tty_get(tty);
		p->tty = tty;
		tty->sid = p->sid;
		tty->foreground = p->pgid;
	}
	spin_unlock(&process_lock);
	put_many(tty, detached);
	return error;
}

int tty_give_up_controlling(struct tty *tty)
{
	struct process *p = process_current();
	unsigned detached = 0;
	uint32_t group = 0;
	spin_lock(&process_lock);
	if (p->tty != tty) {
		spin_unlock(&process_lock);
		return -ENOTTY;
	}
	if (p->sid == p->pid) {
		group = tty->foreground;
		detached = detach_session_locked(tty, p->sid);
	} else {
		p->tty = NULL;
		detached = 1;
	}
	spin_unlock(&process_lock);
	if (group) {
		signal_send_group(group, SIGHUP);
		signal_send_group(group, SIGCONT);
	}
	put_many(tty, detached);
	return 0;
}

void tty_leader_exit(struct tty *tty, uint32_t sid)
{
	unsigned detached = 0;
	uint32_t group = 0;
	spin_lock(&process_lock);
	if (tty->sid == sid) {
		group = tty->foreground;
		detached = detach_session_locked(tty, sid);
	}
	spin_unlock(&process_lock);
	if (group) {
		signal_send_group(group, SIGHUP);
		signal_send_group(group, SIGCONT);
	}
	put_many(tty, detached);
}
