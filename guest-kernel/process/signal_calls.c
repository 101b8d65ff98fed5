/* SPDX-License-Identifier: MIT */
/* The system calls on signals, save for the frame's (signal_frame.c). The signal set is 8 bytes; other sizes are -EINVAL. */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/epoch.h"
#include "base/string.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define SET_BYTES 8
#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

/* POSIX, sigaction: setting a pending signal to be ignored discards it. */
static void discard_ignored(struct process *p, int signal)
{
	uint64_t handler = p->signals->actions[signal].handler;
	bool harmless = signal == SIGCHLD || signal == SIGCONT || signal == SIGURG || signal == SIGWINCH;
	if (handler == SIGNAL_IGNORE || (handler == SIGNAL_DEFAULT && harmless)) {
		signal_discard_locked(p, SIGNAL_BIT(signal));
	}
}

long sys_rt_sigaction(const uint64_t a[6])
{
	struct process *p = process_current();
	int signal = (int)a[0];
	struct signal_action new, old;
	if (a[3] != SET_BYTES || signal < 1 || signal > SIGNAL_COUNT) {
		return -EINVAL;
	}
	if (a[1]) {
		if (signal == SIGKILL || signal == SIGSTOP) {
			return -EINVAL;
		}
		if (user_read(&new, a[1], sizeof(new))) {
			return -EFAULT;
		}
		new.mask &= ~UNBLOCKABLE;
	}
	spin_lock(&process_lock);
	old = p->signals->actions[signal];
	if (a[1]) {
		p->signals->actions[signal] = new;
		discard_ignored(p, signal);
	}
	spin_unlock(&process_lock);
	return a[2] && user_write(a[2], &old, sizeof(old)) ? -EFAULT : 0;
}

long sys_rt_sigprocmask(const uint64_t a[6])
{
	struct thread *t = thread_current();
	uint64_t set = 0, old;
	if (a[3] != SET_BYTES) {
		return -EINVAL;
	}
	if (a[1] && user_read(&set, a[1], sizeof(set))) {
		return -EFAULT;
	}
	if (a[1] && a[0] > SIG_SETMASK) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	old = t->user->blocked;
	if (a[1]) {
		uint64_t mask = a[0] == SIG_BLOCK ? old | set : a[0] == SIG_UNBLOCK ? old & ~set : set;
		signal_block_locked(t, mask);
	}
	spin_unlock(&process_lock);
	return a[2] && user_write(a[2], &old, sizeof(old)) ? -EFAULT : 0;
}

long sys_rt_sigpending(const uint64_t a[6])
{
	struct thread *t = thread_current();
	if (a[1] > SET_BYTES) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	uint64_t pending = (t->user->pending.mask | t->process->signals->pending.mask) & t->user->blocked;
	spin_unlock(&process_lock);
	return user_write(a[0], &pending, a[1]);
}

static void sleep_until_signal(void)
{
	struct waitq nobody;
	waitq_init(&nobody);
	(void)WAIT_EVENT_INTERRUPTIBLE(&nobody, signal_pending());
}

long sys_pause(const uint64_t a[6])
{
	sleep_until_signal();
	return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(const uint64_t a[6])
{
	uint64_t mask;
	if (a[1] != SET_BYTES) {
		return -EINVAL;
	}
	if (user_read(&mask, a[0], sizeof(mask))) {
		return -EFAULT;
	}
	signal_set_temporary_mask(mask);
	sleep_until_signal();
	return -ERESTARTNOHAND;
}

/* If there is none and it `waits`, those that come will wake it; else others take those that it was woken for. */
static bool take_waited(struct thread *t, uint64_t set, bool waits, struct signal_info *info)
{
	spin_lock(&process_lock);
	bool taken = signal_take_locked(t->process, t->user, set, info);
	t->user->waited = taken || !waits ? 0 : set;
	signal_recalculate_locked(t);
	if (!t->user->waited) {
		signal_pass_on_locked(t->process, t, set & t->user->blocked);
	}
	spin_unlock(&process_lock);
	return taken;
}

long sys_rt_sigtimedwait(const uint64_t a[6])
{
	struct thread *t = thread_current();
	uint64_t set, deadline, time[2];
	struct signal_info info;
	struct waitq nobody;
	if (a[3] != SET_BYTES) {
		return -EINVAL;
	}
	if (user_read(&set, a[0], sizeof(set)) || (a[2] && user_read(time, a[2], sizeof(time)))) {
		return -EFAULT;
	}
	if (a[2] && time[1] >= 1000000000) {
		return -EINVAL;
	}
	if (a[2] && (int64_t)time[0] < 0) {
		return -EINVAL;
	}
	uint64_t seconds = time[0] < 1000000000 ? time[0] : 1000000000;
	deadline = a[2] ? time_ns() + seconds * 1000000000 + time[1] + 1 : 0;
	set &= ~UNBLOCKABLE;
	waitq_init(&nobody);
	bool taken = false;
	int error = WAIT_EVENT_DEADLINE(&nobody, (taken = take_waited(t, set, true, &info)), deadline, true);
	if (!taken) {
		taken = take_waited(t, set, false, &info);
	}
	if (!taken) {
		return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	if (a[1]) {
		uint8_t out[128];
		signal_info_to_user(&info, out);
		if (user_write(a[1], out, sizeof(out))) {
			return -EFAULT;
		}
	}
	return info.signal;
}

/* kill(2): same real or effective user, or privilege, or SIGCONT within the session. Under process_lock. */
bool signal_may_send(const struct process *to, int signal)
{
	const struct process *from = process_current();
	const struct credentials *c = &from->credentials, *d = &to->credentials;
	return capable(CAP_KILL) || c->euid == d->uid || c->euid == d->suid || c->uid == d->uid || c->uid == d->suid ||
	       (signal == SIGCONT && from->sid == to->sid);
}

int signal_send_checked_locked(struct process *to, struct thread *only, const struct signal_info *info)
{
	if (!signal_may_send(to, info->signal)) {
		return -EPERM;
	}
	if (info->signal >= SIGNAL_REALTIME && info->code != SI_USER && signal_queue_full_locked(to, only)) {
		return -EAGAIN;
	}
	if (info->signal) {
		signal_send_locked(to, only, info);
	}
	return 0;
}

static struct signal_info info_from_user(int signal, int code)
{
	struct process *p = process_current();
	return (struct signal_info){ .signal = signal, .code = code, .pid = p->pid, .uid = p->credentials.uid };
}

/* To a group (pgid > 0) or to everyone but oneself and PID 1. Success if at least one could be sent. */
static int kill_many(uint32_t pgid, const struct signal_info *info)
{
	int result = -ESRCH;
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		bool match = pgid ? p->pgid == pgid : p->pid > 1 && p != process_current();
		if (!match || p->zombie) {
			continue;
		}
		int error = signal_may_send(p, info->signal) ? 0 : -EPERM;
		if (!error && info->signal) {
			signal_send_member_locked(p, info);
		}
		result = result == 0 ? 0 : error;
	}
	return result;
}

/* Is it there, and may a signal be sent? */
static int ask(uint32_t pid)
{
	epoch_enter();
	const struct process *p = process_peek(pid);
	int error = !p ? -ESRCH : signal_may_send(p, 0) ? 0 : -EPERM;
	epoch_exit();
	return error;
}

long sys_kill(const uint64_t a[6])
{
	int pid = (int)a[0], signal = (int)a[1];
	struct signal_info info = info_from_user(signal, SI_USER);
	int error = -ESRCH;
	if (signal < 0 || signal > SIGNAL_COUNT) {
		return -EINVAL;
	}
	if (pid > 0 && signal == 0) {
		return ask((uint32_t)pid);
	}
	spin_lock(&process_lock);
	if (pid > 0) {
		struct process *p = process_find_locked((uint32_t)pid);
		error = p ? signal_send_checked_locked(p, NULL, &info) : -ESRCH;
	} else if (pid == -1) {
		error = kill_many(0, &info);
	} else if (pid != INT32_MIN) {
		error = kill_many(pid == 0 ? process_current()->pgid : (uint32_t)-pid, &info);
	}
	spin_unlock(&process_lock);
	return error;
}

static long thread_kill(int tgid, int tid, const struct signal_info *info)
{
	int error = -ESRCH;
	if (tid <= 0 || info->signal < 0 || info->signal > SIGNAL_COUNT) {
		return -EINVAL;
	}
	spin_lock(&process_lock);
	struct thread *t = process_thread_find_locked((uint32_t)tid);
	if (t && t->process && (tgid < 0 || t->process->pid == (uint32_t)tgid)) {
		error = signal_send_checked_locked(t->process, t, info);
	}
	spin_unlock(&process_lock);
	return error;
}

long sys_tkill(const uint64_t a[6])
{
	struct signal_info info = info_from_user((int)a[1], SI_TKILL);
	return thread_kill(-1, (int)a[0], &info);
}

long sys_tgkill(const uint64_t a[6])
{
	struct signal_info info = info_from_user((int)a[2], SI_TKILL);
	return (int)a[0] <= 0 ? -EINVAL : thread_kill((int)a[0], (int)a[1], &info);
}

/* The program's siginfo: code must not claim to be the kernel's or kill's (rt_sigqueueinfo(2)). */
int signal_queue_info(uint64_t from, int signal, struct signal_info *info)
{
	struct {
		int signal, error, code, pad;
		uint32_t pid, uid;
		uint64_t value;
	} in;
	if (user_read(&in, from, sizeof(in))) {
		return -EFAULT;
	}
	if (in.code >= 0 || in.code == SI_TKILL) {
		return -EPERM;
	}
	*info = (struct signal_info){
		.signal = signal, .code = in.code, .pid = in.pid, .uid = in.uid, .value = in.value
	};
	return signal < 0 || signal > SIGNAL_COUNT ? -EINVAL : 0;
}

long sys_rt_sigqueueinfo(const uint64_t a[6])
{
	struct signal_info info;
	int error = signal_queue_info(a[2], (int)a[1], &info);
	if (error) {
		return error;
	}
	spin_lock(&process_lock);
	struct process *p = process_find_locked((uint32_t)a[0]);
	error = p ? signal_send_checked_locked(p, NULL, &info) : -ESRCH;
	spin_unlock(&process_lock);
	return error;
}

long sys_rt_tgsigqueueinfo(const uint64_t a[6])
{
	struct signal_info info;
	if ((int)a[0] <= 0 || (int)a[1] <= 0) {
		return -EINVAL;
	}
	int error = signal_queue_info(a[3], (int)a[2], &info);
	return error ? error : thread_kill((int)a[0], (int)a[1], &info);
}
