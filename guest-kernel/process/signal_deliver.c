/* SPDX-License-Identifier: MIT */
/*
 * The way back to user mode: ends, stops, handlers, and the restart of interrupted calls (signal(7), "Interruption of system
 * calls"). A restart moves rip back over the 2-byte SYSCALL instruction with the call's number in rax again.
 */
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "kernel/reserve.h"
#include "kernel/trap.h"
#include "kernel/user.h"

#define SYS_restart_syscall 219

static const uint64_t STOPPING = SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU);
static const uint64_t HARMLESS = SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH);

static bool frame_is_call(const struct trap_frame *frame)
{
	return frame->vector == TRAP_SYSCALL && (int64_t)frame->error >= 0;
}

static bool wants_restart(const struct trap_frame *frame)
{
	int64_t result = (int64_t)frame->rax;
	return frame_is_call(frame) && (result == -ERESTARTSYS || result == -ERESTARTNOINTR ||
					result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK);
}

static void restart_call(struct trap_frame *frame, uint64_t number)
{
	frame->rax = number;
	frame->rip -= 2;
	frame->error = UINT64_MAX;
}

static void restart_without_handler(struct trap_frame *frame)
{
	if (wants_restart(frame)) {
		bool block = (int64_t)frame->rax == -ERESTART_RESTARTBLOCK;
		restart_call(frame, block ? SYS_restart_syscall : frame->error);
	}
}

static void restart_before_handler(struct trap_frame *frame, const struct signal_action *action)
{
	if (!wants_restart(frame)) {
		return;
	}
	int64_t result = (int64_t)frame->rax;
	if (result == -ERESTARTNOINTR || (result == -ERESTARTSYS && (action->flags & SA_RESTART))) {
		restart_call(frame, frame->error);
	} else {
		frame->rax = (uint64_t)-EINTR;
		frame->error = UINT64_MAX;
	}
}

static void stop_locked(struct process *p, int signal)
{
	p->stopped = true;
	p->signals->stop_signal = signal;
	p->signals->stop_count++;
	p->signals->stop_waits = p->signals->stop_told = false;
	p->signals->continue_waits = false;
	signal_kick_threads_locked(p);
}

void signal_stop_settle_locked(struct process *p)
{
	struct signals *s = p->signals;
	if (!p->stopped || s->stop_told) {
		return;
	}
	list_for_each(node, &p->threads) {
		const struct thread *t = container_of(node, struct thread, process_link);
		bool traced;
		if (t->user && !t->user->stands && !(process_tracer_locked(t, &traced) && traced)) {
			return;
		}
	}
	s->stop_told = s->stop_waits = true;
	signal_notify_parent_locked(p, CLD_STOPPED, s->stop_signal);
}

/* What happens to a signal that no handler takes. Called and left with process_lock held. */
static void default_action_locked(struct process *p, int signal)
{
	if (HARMLESS & SIGNAL_BIT(signal)) {
		return;
	}
	if (STOPPING & SIGNAL_BIT(signal)) {
		if (signal == SIGSTOP || !process_group_orphaned_locked(p->pgid, NULL)) {
			stop_locked(p, signal);
		}
		return;
	}
	if (!p->signals->group_exit) {
		p->signals->group_exit_code = process_end_code_locked(p, signal);
		p->signals->group_exit = true;
		signal_kick_threads_locked(p);
	}
}

/* Run the handler: choose the masks, build the frame; a frame that cannot be built is a SIGSEGV that cannot be caught. */
static void run_handler(struct trap_frame *frame, struct process_thread *u, const struct signal_info *info,
			const struct signal_action *action)
{
	struct thread *t = thread_current();
	uint64_t old_mask = u->restore_blocked ? u->saved_blocked : u->blocked;
	u->restore_blocked = false;
	restart_before_handler(frame, action);
	bool steps = trace_handler_begin(frame);
	if (t->rseq) {
		rseq_resume(frame);
	}
	int error = signal_frame_push(frame, action, info, old_mask);
	spin_lock(&process_lock);
	if (error) {
		default_action_locked(t->process, SIGSEGV);
	} else {
		signal_block_locked(t, u->blocked | action->mask | (action->flags & SA_NODEFER ? 0 : SIGNAL_BIT(info->signal)));
	}
	spin_unlock(&process_lock);
	if (steps) {
		trace_handler_end(frame);
	}
}

/* Take one signal and act on it. False: nothing is left to do. */
static bool deliver_one(struct trap_frame *frame, bool *handled)
{
	struct thread *t = thread_current();
	struct process *p = t->process;
	struct signals *s = p->signals;
	struct signal_info info;
	spin_lock(&process_lock);
	if (s->group_exit || (s->exec_thread && s->exec_thread != t)) {
		int code = s->group_exit_code;
		spin_unlock(&process_lock);
		process_exit_thread(code);
	}
	if (t->user->trace && trace_stop_due_locked(frame)) {
		return true;
	}
	if (p->stopped && !trace_past_stop_locked(t)) {
		t->user->stands = true;
		signal_stop_settle_locked(p);
		spin_unlock(&process_lock);
		bool parked = reserve_park();
		WAIT_EVENT(&s->continued, !p->stopped || s->group_exit || (t->user->trace && t->user->trace->tracer));
		reserve_unpark(parked);
		spin_lock(&process_lock);
		t->user->stands = false;
		spin_unlock(&process_lock);
		return true;
	}
	if (!signal_take_locked(p, t->user, ~t->user->blocked, &info)) {
		signal_recalculate_locked(t);
		spin_unlock(&process_lock);
		return false;
	}
	if (trace_is_on(t) && info.signal != SIGKILL) {
		spin_unlock(&process_lock);
		if (!trace_signal(frame, &info)) {
			return true;
		}
		spin_lock(&process_lock);
	}
	struct signal_action action = s->actions[info.signal];
	bool caught = action.handler != SIGNAL_DEFAULT && action.handler != SIGNAL_IGNORE;
	if (caught && (action.flags & SA_RESETHAND)) {
		s->actions[info.signal].handler = SIGNAL_DEFAULT;
	}
	if (action.handler == SIGNAL_DEFAULT) {
		default_action_locked(p, info.signal);
	}
	spin_unlock(&process_lock);
	if (caught) {
		run_handler(frame, t->user, &info, &action);
		*handled = true;
	}
	return true;
}

/* What a new thread does in its own context before its program goes on. */
static void first_steps(struct process_thread *u, struct trap_frame *frame)
{
	if (u->begin) {
		void (*begin)(struct trap_frame *) = u->begin;
		u->begin = NULL;
		begin(frame);
	}
	if (u->set_child_tid) {
		uint32_t tid = thread_current()->tid;
		uint64_t at = u->set_child_tid;
		u->set_child_tid = 0;
		/* As Linux, a bad address is the program's own business. */
		(void)user_write(at, &tid, sizeof(tid));
	}
}

static void deliver(struct trap_frame *frame)
{
	struct thread *t = thread_current();
	bool handled = false;
	if (!t->user) {
		return;
	}
	first_steps(t->user, frame);
	while (t->signal_pending && deliver_one(frame, &handled)) {
	}
	if (!handled) {
		restart_without_handler(frame);
		if (t->user->restore_blocked) {
			spin_lock(&process_lock);
			t->user->restore_blocked = false;
			signal_block_locked(t, t->user->saved_blocked);
			spin_unlock(&process_lock);
			if (t->signal_pending) {
				frame->vector = 0; /* what was restarted is settled */
				deliver(frame);
			}
		}
	}
}

void signal_deliver(struct trap_frame *frame)
{
	reserve_begin(RESERVE_SIGNAL);
	deliver(frame);
	reserve_end();
}

void signal_exception(struct trap_frame *frame, int signal, int code, uint64_t address)
{
	struct thread *t = thread_current();
	struct process *p = t->process;
	struct signal_info info = {
		.signal = signal,
		.code = code,
		.address = address,
		.error = frame->error,
		.vector = frame->vector,
	};
	if (signal == SIGTRAP && trace_step_left(frame)) {
		return;
	}
	spin_lock(&process_lock);
	struct signal_action *action = &p->signals->actions[signal];
	/* A fault cannot wait: blocked or ignored, it ends the process (POSIX, sigprocmask). */
	if ((t->user->blocked & SIGNAL_BIT(signal)) || action->handler == SIGNAL_IGNORE) {
		action->handler = SIGNAL_DEFAULT;
		t->user->blocked &= ~SIGNAL_BIT(signal);
	}
	signal_send_locked(p, t, &info);
	spin_unlock(&process_lock);
}
