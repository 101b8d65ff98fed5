/* SPDX-License-Identifier: MIT */
/*
 * The end of threads and processes. Each thread ends itself: the others are only told to (group_exit, exec_thread) and do
 * it on their way to user mode. The last thread gives up what the process has, hands the children to PID 1, and publishes
 * the zombie; from then on the structure belongs to whoever waits, so the thread no longer points to it.
 */
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "kernel/address_space.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "kernel/syscall.h"
#include "kernel/tty.h"

static bool has_stopped_member_locked(uint32_t pgid, uint32_t sid)
{
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (p->pgid == pgid && p->sid == sid && p->stopped && !p->zombie) {
			return true;
		}
	}
	return false;
}

void process_orphan_check_locked(uint32_t pgid, uint32_t sid, const struct process *without)
{
	if (!process_group_orphaned_locked(pgid, without) || !has_stopped_member_locked(pgid, sid)) {
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct signal_info info = { .signal = i == 0 ? SIGHUP : SIGCONT, .code = SI_KERNEL };
		list_for_each(node, &process_list)
		{
			struct process *p = container_of(node, struct process, all_link);
			if (p->pgid == pgid && p->sid == sid) {
				signal_send_member_locked(p, &info);
			}
		}
	}
}

static void give_up_tty(struct process *p)
{
	spin_lock(&process_lock);
	struct tty *tty = p->tty;
	p->tty = NULL;
	spin_unlock(&process_lock);
	if (tty) {
		if (p->sid == p->pid) {
			tty_leader_exit(tty, p->sid);
		}
		tty_put(tty);
	}
}

static void give_up_resources(struct process *p)
{
	itimer_cancel(p);
	spin_lock(&process_lock);
	struct file_table *files = p->files;
	struct fs_context *fs = p->fs;
	p->files = NULL;
	p->fs = NULL;
	spin_unlock(&process_lock);
	file_table_put(files);
	fs_context_put(fs);
	give_up_tty(p);
}

void process_resident_note_locked(struct process *p)
{
	uint64_t now = p->memory ? address_space_resident(p->memory) : 0;
	p->most_resident = now > p->most_resident ? now : p->most_resident;
}

static void give_up_memory(struct process *p)
{
	spin_lock(&process_lock);
	struct address_space *memory = p->memory;
	process_resident_note_locked(p);
	p->memory = NULL;
	spin_unlock(&process_lock);
	address_space_activate(NULL);
	address_space_put(memory);
}

/* Who gets the orphans: the nearest ancestor that asked for them, or PID 1. */
static struct process *reaper_locked(const struct process *p)
{
	for (struct process *a = p->parent; a; a = a->parent) {
		if (a->signals->child_subreaper && !a->zombie) {
			return a;
		}
	}
	return init_process;
}

static bool parent_wants_no_zombie(const struct process *parent)
{
	const struct signal_action *action = &parent->signals->actions[SIGCHLD];
	return action->handler == SIGNAL_IGNORE || (action->flags & SA_NOCLDWAIT);
}

static void notify_of_end_locked(struct process *p)
{
	bool killed = (p->exit_code & 0x7f) != 0;
	signal_notify_parent_locked(p, killed ? CLD_KILLED : CLD_EXITED, killed ? p->exit_code & 0x7f : p->exit_code >> 8 & 0xff);
}

/* One that has ended already: its new parent hears of it, or wants no such (then it goes to `gone`). PID 1 looks for itself. */
static void reparent_zombie_locked(struct process *child, struct list *gone)
{
	if (child->parent == init_process) {
		waitq_wake_all(&init_process->child_event);
		return;
	}
	notify_of_end_locked(child);
	if (parent_wants_no_zombie(child->parent)) {
		process_unpublish_locked(child);
		list_push_back(gone, &child->sibling_link);
	}
}

#define PORTION 32 /* children that are handed on before others get the lock: each may end a group, which all processes are looked through for */

/* Whether some are left. */
static bool reparent_some_locked(struct process *p, struct list *gone)
{
	struct process *reaper = list_empty(&p->children) ? NULL : reaper_locked(p);
	for (int i = 0; i < PORTION && !list_empty(&p->children); i++) {
		struct list *node = p->children.next;
		struct process *child = container_of(node, struct process, sibling_link);
		uint32_t pgid = child->pgid, sid = child->sid;
		list_remove(node);
		__atomic_store_n(&child->parent, reaper, __ATOMIC_RELEASE);
		child->signals->exit_signal = SIGCHLD;
		list_push_back(&reaper->children, node);
		if (child->signals->death_signal) {
			struct signal_info info = { .signal = child->signals->death_signal, .code = SI_KERNEL };
			signal_send_locked(child, NULL, &info);
		}
		if (child->zombie) {
			reparent_zombie_locked(child, gone);
		}
		if (pgid != p->pgid && sid == p->sid) {
			process_orphan_check_locked(pgid, sid, p);
		}
	}
	return !list_empty(&p->children);
}

/* The last thread's last act on the process. Returns true if nobody will wait and the caller is to free it, as what is then on `gone`. */
static bool publish_zombie(struct process *p, int code, struct list *gone)
{
	struct thread *t = thread_current();
	thread_account();
	spin_lock(&process_lock);
	while (reparent_some_locked(p, gone)) {
		spin_unlock(&process_lock);
		spin_lock(&process_lock);
	}
	if (p->parent && p->parent->pgid != p->pgid && p->parent->sid == p->sid) {
		process_orphan_check_locked(p->pgid, p->sid, p);
	}
	p->zombie = true;
	p->stopped = false;
	p->exit_code = code;
	pidfd_process_ended_locked(p);
	trace_tracer_ended_locked(p);
	trace_thread_ended_locked(t, code, true);
	usage_add(&p->usage, &t->usage);
	p->user_ns += t->user_ns;
	p->system_ns += t->system_ns;
	signal_pending_flush(&t->user->pending);
	kfree(t->user);
	t->user = NULL;
	process_thread_remove_locked(t);
	notify_of_end_locked(p);
	bool nobody = p->parent && parent_wants_no_zombie(p->parent) && p->signals->exit_signal == SIGCHLD;
	if (nobody) {
		process_unpublish_locked(p);
	}
	t->process = NULL;
	spin_unlock(&process_lock);
	return nobody;
}

/* A thread that is not the last gives up its place. Whoever takes the lock next may be the last, and `p` gone soon after. */
static void leave_process_locked(struct process *p, int code)
{
	struct thread *t = thread_current();
	trace_thread_ended_locked(t, code, false);
	address_space_activate(NULL);
	usage_add(&p->usage, &t->usage);
	p->user_ns += t->user_ns;
	p->system_ns += t->system_ns;
	signal_pending_flush(&t->user->pending);
	kfree(t->user);
	t->user = NULL;
	process_thread_remove_locked(t);
	t->process = NULL;
	signal_stop_settle_locked(p);
	signal_pass_on_locked(p, t, UINT64_MAX);
	waitq_wake_all(&p->signals->thread_gone);
}

_Noreturn void process_exit_thread(int code)
{
	struct process *p = process_current();
	trace_exit_begin(code);
	futex_thread_exit(thread_current()->user);
	thread_account();
	spin_lock(&process_lock);
	bool last = --p->signals->thread_count == 0;
	if (!last) {
		leave_process_locked(p, code);
	} else {
		code = process_end_code_locked(p, code);
	}
	spin_unlock(&process_lock);
	if (!last) {
		reserve_end();
		thread_exit();
	}
	reserve_begin(RESERVE_EXIT);
	give_up_resources(p);
	give_up_memory(p);
	process_vfork_release(p);
	struct list gone = LIST_INIT(gone);
	if (publish_zombie(p, code, &gone)) {
		process_free(p);
	}
	for (struct list *node; (node = list_pop_front(&gone)) != NULL;) {
		process_free(container_of(node, struct process, sibling_link));
	}
	reserve_end();
	thread_exit();
}

_Noreturn void process_exit(int code)
{
	struct process *p = process_current();
	spin_lock(&process_lock);
	if (!p->signals->group_exit) {
		p->signals->group_exit_code = process_end_code_locked(p, code);
		p->signals->group_exit = true;
		signal_kick_threads_locked(p);
	}
	spin_unlock(&process_lock);
	process_exit_thread(code);
}

static bool alone(struct process *p)
{
	spin_lock(&process_lock);
	bool result = p->signals->thread_count == 1 && p->threads.next->next == &p->threads;
	spin_unlock(&process_lock);
	return result;
}

int process_kill_other_threads(void)
{
	struct thread *t = thread_current();
	struct process *p = t->process;
	struct signals *s = p->signals;
	spin_lock(&process_lock);
	bool second = s->group_exit || s->exec_thread;
	if (!second) {
		s->exec_thread = t;
		signal_kick_threads_locked(p);
	}
	spin_unlock(&process_lock);
	if (second) {
		return -EINTR;
	}
	bool parked = reserve_park();
	WAIT_EVENT(&s->thread_gone, alone(p));
	reserve_unpark(parked);
	spin_lock(&process_lock);
	s->exec_thread = NULL;
	process_thread_remove_locked(t);
	t->tid = p->pid;
	process_thread_add_locked(p, t);
	trace_tid_changed_locked(t);
	signal_recalculate_locked(t);
	spin_unlock(&process_lock);
	return 0;
}

long sys_exit(const uint64_t a[6])
{
	process_exit_thread((int)(a[0] & 0xff) << 8);
}

long sys_exit_group(const uint64_t a[6])
{
	process_exit((int)(a[0] & 0xff) << 8);
}
