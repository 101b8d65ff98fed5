/* SPDX-License-Identifier: MIT */
/*
 * The stops of traced threads (ptrace(2), "Stopped states"). A stop is a sleep of the thread in the kernel that only its tracer, or the
 * end of the process, ends. Being stopped, being told and being resumed are states of struct trace under process_lock; whoever
 * changes them wakes the thread, which judges them anew.
 */
#include "trace.h"

#include "abi/errno.h"
#include "kernel/fpu.h"
#include "kernel/reserve.h"
#include "kernel/trap.h"

#define FLAG_TF 0x100ull
#define STOPPED 0x7f
#define SYSGOOD 0x80

static struct trace *own_trace(void)
{
	return thread_current()->user->trace;
}

static bool killed_locked(const struct thread *t)
{
	return ((t->user->pending.mask | t->process->signals->pending.mask) & SIGNAL_BIT(SIGKILL)) != 0;
}

/* What ends a stop without the tracer: SIGKILL; but for the stop at the thread's end, the end of the others too. */
static bool must_leave_locked(const struct thread *t, int status)
{
	const struct signals *s = t->process->signals;
	if (status >> 8 == (SIGTRAP | TRACE_EXIT << 8)) {
		return killed_locked(t) || (s->group_exit && s->group_exit_code == SIGKILL);
	}
	return killed_locked(t) || s->group_exit || (s->exec_thread && s->exec_thread != t);
}

void trace_tell_locked(struct trace *trace, int code, int status)
{
	struct process *tracer = trace->tracer;
	struct signal_info info = {
		.signal = SIGCHLD, .code = code, .pid = trace->tid, .uid = trace->process_uid, .status = status
	};
	trace->waits = true;
	if (code == CLD_EXITED || code == CLD_KILLED || !(tracer->signals->actions[SIGCHLD].flags & SA_NOCLDSTOP)) {
		signal_send_locked(tracer, NULL, &info);
	}
	waitq_wake_all(&tracer->child_event);
}

/* The step is over, whatever it ended in: the program's own TF comes back. */
static void step_end(struct trace *trace, struct trap_frame *frame)
{
	if (trace->flag_set) {
		frame->rflags &= ~FLAG_TF;
		trace->flag_set = false;
	}
}

static void step_begin(struct trace *trace, struct trap_frame *frame)
{
	if (trace->resume == TRACE_STEP && !(frame->rflags & FLAG_TF)) {
		frame->rflags |= FLAG_TF;
		trace->flag_set = true;
	}
}

/* A listening thread's group goes on, or its tracer interrupts it: it tells so by a stop of its own. */
static void listen_end_locked(struct thread *t, struct trace *trace)
{
	if (trace->listening && (!t->process->stopped || trace->interrupt)) {
		trace->listening = trace->interrupt = false;
		trace->status = (SIGTRAP | TRACE_EVENT_STOP << 8) << 8 | STOPPED;
		trace->info = (struct signal_info){ .signal = SIGTRAP, .code = SIGTRAP | TRACE_EVENT_STOP << 8, .pid = t->process->pid };
		trace->has_info = true;
		trace_tell_locked(trace, CLD_TRAPPED, SIGTRAP);
	}
}

static bool stop_is_over(struct thread *t, struct trace *trace, int status)
{
	spin_lock(&process_lock);
	listen_end_locked(t, trace);
	bool over = !trace->stopped || must_leave_locked(t, status);
	if (over) {
		trace->stopped = trace->waits = trace->listening = false;
	}
	spin_unlock(&process_lock);
	return over;
}

int trace_stop(struct trap_frame *frame, int status, const struct signal_info *info, uint64_t message)
{
	struct thread *t = thread_current();
	struct trace *trace = own_trace();
	status = status << 8 | STOPPED;
	fpu_save();
	spin_lock(&process_lock);
	if (!trace->tracer || must_leave_locked(t, status)) {
		spin_unlock(&process_lock);
		return -1;
	}
	step_end(trace, frame);
	trace->status = status;
	trace->has_info = info != NULL;
	trace->info = info ? *info : (struct signal_info){ 0 };
	trace->message = message;
	trace->signal = 0;
	trace->resume = TRACE_RUN;
	trace->stopped = true;
	signal_stop_settle_locked(t->process);
	trace_tell_locked(trace, CLD_TRAPPED, status >> 8 & 0x7f);
	spin_unlock(&process_lock);
	bool parked = reserve_park();
	WAIT_EVENT(&trace->resumed, stop_is_over(t, trace, status));
	reserve_unpark(parked);
	trace_registers_apply(trace);
	step_begin(trace, frame);
	return trace->signal;
}

static int trap_stop(struct trap_frame *frame, int code, uint64_t message)
{
	struct process *p = process_current();
	struct signal_info info = { .signal = SIGTRAP, .code = code, .pid = p->pid, .uid = p->credentials.uid };
	return trace_stop(frame, code, &info, message);
}

bool trace_event(enum trace_event event, uint64_t message)
{
	struct thread *t = thread_current();
	if (!trace_is_on(t) || !(t->user->trace->options & 1u << event)) {
		return false;
	}
	trap_stop(thread_frame(t), SIGTRAP | (int)event << 8, message);
	t->user->trace_return = t->trace_calls; /* every event but the thread's end is in the middle of a call */
	return true;
}

bool trace_wants_locked(const struct thread *t)
{
	return trace_is_on(t) && t->user->trace->interrupt;
}

bool trace_past_stop_locked(const struct thread *t)
{
	return trace_is_on(t) && t->user->trace->stop_seen == t->process->signals->stop_count;
}

/* The tracer gives a signal at a stop that was for none. */
static void signal_from_tracer(struct thread *t, int signal)
{
	if (signal > 0) {
		struct signal_info info = { .signal = signal, .code = SI_USER };
		spin_lock(&process_lock);
		signal_send_locked(t->process, t, &info);
		spin_unlock(&process_lock);
	}
}

bool trace_stop_due_locked(struct trap_frame *frame)
{
	struct thread *t = thread_current();
	struct process *p = t->process;
	struct trace *trace = t->user->trace;
	if (!trace_is_on(t)) {
		return false;
	}
	bool group = p->stopped && trace->stop_seen != p->signals->stop_count;
	if (!group && !trace->interrupt) {
		return false;
	}
	int signal = p->stopped ? p->signals->stop_signal : SIGTRAP;
	trace->stop_seen = p->signals->stop_count;
	trace->interrupt = false;
	bool seized = trace->seized, born = trace->born;
	trace->born = false;
	spin_unlock(&process_lock);
	if (born) {
		struct signal_info info = { .signal = SIGSTOP, .code = SI_USER };
		signal_from_tracer(t, trace_stop(frame, SIGSTOP, &info, 0));
	} else if (seized) {
		trap_stop(frame, signal | TRACE_EVENT_STOP << 8, 0);
	} else {
		trace_stop(frame, signal, NULL, 0);
	}
	return true;
}

bool trace_signal(struct trap_frame *frame, struct signal_info *info)
{
	struct thread *t = thread_current();
	struct trace *trace = t->user->trace;
	struct process *tracer;
	int signal = trace_stop(frame, info->signal, info, 0);
	if (signal < 0) {
		return true;
	}
	if (trace->has_info && trace->info.signal == signal) {
		*info = trace->info; /* PTRACE_SETSIGINFO */
	} else if (signal != info->signal) {
		spin_lock(&process_lock);
		tracer = trace->tracer;
		*info = (struct signal_info){ .signal = signal, .code = SI_USER, .pid = tracer ? tracer->pid : 0,
					      .uid = tracer ? tracer->credentials.uid : 0 };
		spin_unlock(&process_lock);
	}
	return signal != 0;
}

bool trace_handler_begin(struct trap_frame *frame)
{
	struct trace *trace = own_trace();
	bool steps = trace && trace->flag_set;
	if (steps) {
		step_end(trace, frame);
	}
	return steps;
}

void trace_handler_end(struct trap_frame *frame)
{
	trap_stop(frame, SIGTRAP, 0);
}

/* Its tracer went away while it stepped. */
bool trace_step_left(struct trap_frame *frame)
{
	struct trace *trace = own_trace();
	if (!trace || trace->tracer || !trace->flag_set) {
		return false;
	}
	step_end(trace, frame);
	return true;
}

/* A system call's two stops. A signal that the tracer gives at one of them is sent. */
static void call_stop(struct trap_frame *frame, enum trace_at at)
{
	struct trace *trace = own_trace();
	struct thread *t = thread_current();
	trace->at = at;
	int signal = trap_stop(frame, trace->options & TRACE_GOOD ? SIGTRAP | SYSGOOD : SIGTRAP, (uint64_t)at);
	trace->at = TRACE_AT_NOTHING;
	signal_from_tracer(t, signal);
}

bool trace_call_begin(struct trap_frame *frame)
{
	struct thread *t = thread_current();
	if (!trace_is_on(t)) {
		t->trace_calls = false;
		return false;
	}
	if (t->user->trace->resume == TRACE_TO_CALL) {
		frame->rax = (uint64_t)-ENOSYS;
		call_stop(frame, TRACE_AT_CALL);
	}
	return true;
}

void trace_call_end(struct trap_frame *frame)
{
	struct thread *t = thread_current();
	if (!trace_is_on(t)) {
		return;
	}
	enum trace_resume resume = t->user->trace->resume;
	if (resume == TRACE_TO_CALL) {
		call_stop(frame, TRACE_AT_RETURN);
	} else if (resume == TRACE_STEP) {
		signal_exception(frame, SIGTRAP, TRAP_BRKPT, frame->rip);
	}
}
