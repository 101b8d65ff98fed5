/* SPDX-License-Identifier: MIT */
/*
 * Tracing of threads (ptrace(2)). A struct trace belongs to two at most: to its thread, from the first time that is traced until it ends
 * (`thread`), and to the process that traces it (`tracer`, which has it on its list `tracees`); it is freed when both are gone. All
 * of it is under process_lock, but for what only a stopped thread's tracer and then the thread itself touch: t.
 * A traced thread stops by itself, in trace_stop(), always inside the kernel and on its own stack, so its registers lie in
 * its frame and its floating-point state in its area while it is stopped.
 */
#ifndef PROCESS_TRACE_H
#define PROCESS_TRACE_H

#include "process_internal.h"

enum trace_event { /* PTRACE_EVENT_* */
	TRACE_FORK = 1, TRACE_VFORK, TRACE_CLONE, TRACE_EXEC, TRACE_VFORK_DONE, TRACE_EXIT, TRACE_EVENT_STOP = 128
};
enum { /* PTRACE_O_*; an event's bit is 1 << event */
	TRACE_GOOD = 1, TRACE_EXIT_KILL = 1 << 20, TRACE_OPTIONS = 0x1000ff
};
enum trace_resume { TRACE_RUN, TRACE_TO_CALL, TRACE_STEP };
enum trace_at { TRACE_AT_NOTHING, TRACE_AT_CALL, TRACE_AT_RETURN }; /* PTRACE_SYSCALL_INFO_NONE, _ENTRY, _EXIT */

struct trace {
	struct list link; /* the tracer's `tracees` */
	struct process *tracer; /* NULL: nobody */
	struct thread *thread; /* NULL: it has ended */
	uint32_t tid, pid, process_uid;
	struct process *leader_of; /* it was the first thread, and the process goes on without it */
	uint32_t options;
	bool privileged; /* who attached was: the tracer, or the thread itself where it asked to be traced */
	bool seized; /* by PTRACE_SEIZE, or the child of one that was */
	bool stopped; /* the tracer may look and change */
	bool waits; /* wait4 has not told `status` yet */
	bool ended; /* status is how */
	bool listening; /* PTRACE_LISTEN: in a group's stop, and to tell of its end */
	bool interrupt; /* is to stop at once */
	bool born; /* for the first time, as by SIGSTOP: the child of one that was not seized */
	int status; /* as wait4 tells it */
	uint32_t stop_seen; /* the group's stop (signals->stop_count) that it was taken out of */
	/* t */
	enum trace_at at;
	enum trace_resume resume;
	int signal; /* to go on with; 0: none */
	bool has_info, flag_set; /* `info` is there; TF was set for the tracer */
	struct signal_info info;
	uint64_t message;
	bool bases_changed, debug_changed, fpu_changed;
	void *fpu; /* fpu_size() bytes from the tracer */
	struct waitq resumed;
};

static inline bool trace_is_on(const struct thread *t)
{
	return t->user->trace && t->user->trace->tracer;
}

/** Stop the current thread with this status (wait4's, upper 16 bits) until its tracer lets it go on. The signal to go on with;
 *  -1: it did not stop, for nobody traces it or it is to end. */
int trace_stop(struct trap_frame *frame, int status, const struct signal_info *info, uint64_t message);
void trace_tell_locked(struct trace *trace, int code, int status); /* there is something for wait4 */
/** An event's stop, if the tracer wants to know of it: whether there was one. */
bool trace_event(enum trace_event event, uint64_t message);

/* signal_deliver.c: the current thread. */
/** True: it has stopped for the tracer's sake, look again. Called with process_lock held, which it lets go in that case. */
bool trace_stop_due_locked(struct trap_frame *frame);
/** A signal is about to act: the tracer may take it away or put another one in its place. False: there is none any more. */
bool trace_signal(struct trap_frame *frame, struct signal_info *info);
/** A handler's frame is about to be made, or has been: whether the tracer steps. */
bool trace_handler_begin(struct trap_frame *frame);
void trace_handler_end(struct trap_frame *frame);
/** Was this the end of a step that nobody waits for any longer? */
bool trace_step_left(struct trap_frame *frame);
/** Does the thread have to look at its tracing before it goes on? */
bool trace_wants_locked(const struct thread *t);
/** Has its tracer let it go on though its group is stopped? */
bool trace_past_stop_locked(const struct thread *t);

/* syscall.c: calls of threads whose trace_calls is set */
bool trace_call_begin(struct trap_frame *frame);
void trace_call_end(struct trap_frame *frame);

/* clone.c */
/** Which event the tracer wants to hear of, and is to trace the child; 0: none. */
unsigned trace_clone_event(uint64_t flags, int exit_signal);
/** Memory for the child's trace, if it is to be traced. False: there is none. */
bool trace_clone_prepare(struct process_thread *child, uint64_t flags, unsigned event);
void trace_clone_locked(struct thread *child);

/* exec.c, exit.c */
bool trace_bars_privilege_locked(void); /* of a set-user-ID program: the tracer could not have it */
void trace_executed(uint32_t old_tid);
void trace_tid_changed_locked(struct thread *t);
void trace_exit_begin(int code);
void trace_thread_ended_locked(struct thread *t, int code, bool last);
void trace_tracer_ended_locked(struct process *p);

/* wait.c */
struct trace_report {
	uint32_t tid, uid;
	int status;
	bool ended;
	uint64_t user_ns, system_ns;
};
/** The next event of a thread that the current process traces, `matches` of those. 1, 0: none yet, -ECHILD: there is no such thread. */
int trace_report_locked(bool (*matches)(const struct trace *trace, const void *context), const void *context, bool ends, bool keep,
			struct trace_report *out);
/** Its stops are told as a tracee's, not as a child's. */
bool trace_is_own_locked(const struct process *child);

/* ptrace.c */
/** May the current process look into another one (ptrace(2), "Ptrace access mode checking", with real user IDs)? */
bool trace_may_access_locked(const struct process *p);
struct trace *trace_create(void); /* NULL: no memory */
void trace_attach_locked(struct trace *trace, struct process *tracer, struct thread *t, bool privileged);
/** Let go of a thread. */
void trace_detach_locked(struct trace *trace);
void trace_resume_locked(struct trace *trace);

/* trace_registers.c: of a thread that is stopped. 0 or negative errno. */
int trace_user_read(struct thread *t, uint64_t offset, uint64_t *value);
int trace_user_write(struct thread *t, uint64_t offset, uint64_t value);
#define TRACE_REGISTERS 27 /* struct user_regs_struct */
void trace_registers_read(struct thread *t, uint64_t out[TRACE_REGISTERS]);
int trace_registers_write(struct thread *t, const uint64_t *in, unsigned count);
/** The FXSAVE image, or the whole of the XSAVE image. */
#define TRACE_FXSAVE 512u
void trace_fpu_read(struct thread *t, uint8_t *out, unsigned bytes);
int trace_fpu_write(struct thread *t, const uint8_t *in, unsigned bytes);
/** In the thread's own context: what was changed goes into the processor. */
void trace_registers_apply(struct trace *trace);

#endif
