/* SPDX-License-Identifier: MIT */
/*
 * Who traces whom, from the first attachment to the last report (ptrace(2)): children of traced threads, exec, the end of a
 * traced thread and of the tracer, and what wait4 tells. See trace.h for who owns a struct trace.
 */
#include "trace.h"

#include "abi/errno.h"
#include "kernel/memory.h"

#define CLONE_PTRACE 0x2000u
#define CLONE_VFORK 0x4000u
#define CLONE_UNTRACED 0x800000u

static struct trace *own_trace(void)
{
	return thread_current()->user->trace;
}

struct trace *trace_create(void)
{
	struct trace *trace = kzalloc(sizeof(*trace));
	if (trace) {
		list_init(&trace->link);
		waitq_init(&trace->resumed);
	}
	return trace;
}

void trace_attach_locked(struct trace *trace, struct process *tracer, struct thread *t, bool privileged)
{
	trace->privileged = privileged;
	trace->tracer = tracer;
	trace->thread = t;
	trace->tid = t->tid;
	trace->pid = t->process->pid;
	trace->process_uid = t->process->credentials.uid;
	trace->options = 0;
	trace->seized = trace->stopped = trace->waits = trace->listening = trace->interrupt = trace->born = false;
	trace->stop_seen = t->process->signals->stop_count - 1;
	list_push_back(&tracer->signals->tracees, &trace->link);
}

static void release_locked(struct trace *trace)
{
	if (trace && !trace->tracer && !trace->thread) {
		kfree(trace->fpu);
		kfree(trace);
	}
}

static void forget_locked(struct trace *trace)
{
	if (trace->tracer) {
		list_remove(&trace->link);
		trace->tracer = NULL;
	}
	release_locked(trace);
}

void trace_resume_locked(struct trace *trace)
{
	struct thread *t = trace->thread;
	t->trace_calls = trace->tracer && trace->resume != TRACE_RUN;
	trace->stopped = trace->waits = false;
	waitq_wake_all(&trace->resumed);
}

void trace_detach_locked(struct trace *trace)
{
	struct thread *t = trace->thread;
	list_remove(&trace->link);
	trace->tracer = NULL;
	if (!t) {
		if (trace->leader_of) {
			trace->leader_of->signals->leader_trace = NULL;
		}
		release_locked(trace);
		return;
	}
	bool signal_stop = trace->stopped && trace->status >> 16 == 0 && trace->at == TRACE_AT_NOTHING && trace->has_info;
	trace->signal = signal_stop ? trace->status >> 8 : 0;
	trace->resume = TRACE_RUN;
	trace->interrupt = false;
	trace_resume_locked(trace);
	signal_recalculate_locked(t);
	thread_wake(t);
}

unsigned trace_clone_event(uint64_t flags, int exit_signal)
{
	if (!own_trace() || (flags & CLONE_UNTRACED)) {
		return 0;
	}
	unsigned event = flags & CLONE_VFORK ? TRACE_VFORK : exit_signal != SIGCHLD ? TRACE_CLONE : TRACE_FORK;
	return trace_is_on(thread_current()) && (own_trace()->options & 1u << event) ? event : 0;
}

bool trace_clone_prepare(struct process_thread *child, uint64_t flags, unsigned event)
{
	if (!event && !((flags & CLONE_PTRACE) && own_trace())) {
		return true;
	}
	child->trace = trace_create();
	return child->trace != NULL;
}

void trace_clone_locked(struct thread *child)
{
	struct trace *trace = child->user->trace, *parent = own_trace();
	if (!trace || !parent->tracer) {
		return;
	}
	trace_attach_locked(trace, parent->tracer, child, parent->privileged);
	trace->options = parent->options;
	trace->seized = parent->seized;
	trace->interrupt = true; /* it does not run yet, so nothing may wake it */
	trace->born = !trace->seized;
}

bool trace_bars_privilege_locked(void)
{
	bool bars = false;
	list_for_each(node, &process_current()->threads) {
		const struct thread *t = container_of(node, struct thread, process_link);
		bars = bars || (trace_is_on(t) && !t->user->trace->privileged);
	}
	return bars;
}

void trace_executed(uint32_t old_tid)
{
	struct thread *t = thread_current();
	if (!trace_is_on(t) || trace_event(TRACE_EXEC, old_tid) || t->user->trace->seized) {
		return;
	}
	struct signal_info info = { .signal = SIGTRAP, .code = SI_USER, .pid = t->process->pid };
	spin_lock(&process_lock);
	signal_send_locked(t->process, t, &info);
	spin_unlock(&process_lock);
}

/* exec by another thread than the first one, which takes its number: nobody hears of that one's end. */
void trace_tid_changed_locked(struct thread *t)
{
	struct signals *s = t->process->signals;
	if (s->leader_trace) {
		forget_locked(s->leader_trace);
		s->leader_trace = NULL;
	}
	if (t->user->trace) {
		t->user->trace->tid = t->tid;
	}
}

void trace_exit_begin(int code)
{
	trace_event(TRACE_EXIT, (uint64_t)code);
}

static void ended_locked(struct trace *trace, int code)
{
	bool killed = (code & 0x7f) != 0;
	trace->ended = true;
	trace->status = code;
	trace_tell_locked(trace, killed ? CLD_KILLED : CLD_EXITED, killed ? code & 0x7f : code >> 8 & 0xff);
}

/* The first thread stands for the process: its end is told when the last one has ended; to the parent as that of its child. */
void trace_thread_ended_locked(struct thread *t, int code, bool last)
{
	struct process *p = t->process;
	struct trace *trace = t->user->trace;
	if (trace) {
		trace->thread = NULL;
		trace->stopped = trace->waits = false;
		if (!trace->tracer) {
			release_locked(trace);
		} else if (trace->tid == p->pid) {
			p->signals->leader_trace = trace;
			trace->leader_of = p;
		} else {
			ended_locked(trace, code);
		}
		t->user->trace = NULL;
	}
	struct trace *leader = p->signals->leader_trace;
	if (last && leader) {
		p->signals->leader_trace = NULL;
		leader->leader_of = NULL;
		if (leader->tracer == p->parent || !leader->tracer) {
			forget_locked(leader);
		} else {
			ended_locked(leader, code);
		}
	}
}

void trace_tracer_ended_locked(struct process *p)
{
	list_for_each_safe(node, &p->signals->tracees) {
		struct trace *trace = container_of(node, struct trace, link);
		if (trace->thread && (trace->options & TRACE_EXIT_KILL)) {
			struct signal_info info = { .signal = SIGKILL, .code = SI_KERNEL };
			signal_send_locked(trace->thread->process, NULL, &info);
		}
		trace_detach_locked(trace);
	}
}

uint32_t process_tracer_locked(const struct thread *thread, bool *stopped)
{
	bool on = thread->user && trace_is_on(thread);
	*stopped = on && thread->user->trace->stopped;
	return on ? thread->user->trace->tracer->pid : 0;
}

int trace_report_locked(bool (*matches)(const struct trace *trace, const void *context), const void *context, bool ends, bool keep,
			struct trace_report *out)
{
	int result = -ECHILD;
	list_for_each_safe(node, &process_current()->signals->tracees) {
		struct trace *trace = container_of(node, struct trace, link);
		if (!matches(trace, context)) {
			continue;
		}
		result = 0;
		if (!trace->waits || (trace->ended && !ends)) {
			continue;
		}
		*out = (struct trace_report){ .tid = trace->tid, .uid = trace->process_uid, .status = trace->status, .ended = trace->ended };
		if (trace->thread) {
			out->user_ns = trace->thread->user_ns;
			out->system_ns = trace->thread->system_ns;
		}
		trace->waits = keep;
		if (trace->ended && !keep) {
			forget_locked(trace);
		}
		return 1;
	}
	return result;
}

bool trace_is_own_locked(const struct process *child)
{
	list_for_each(node, &process_current()->signals->tracees) {
		if (container_of(node, struct trace, link)->pid == child->pid) {
			return true;
		}
	}
	return false;
}
