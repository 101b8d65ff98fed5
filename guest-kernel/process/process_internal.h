/* SPDX-License-Identifier: MIT */
/*
 * What the files of process/ share. One spin lock, process_lock, guards the process list, the family links, sessions and
 * groups, and all signal state; it is taken inside a tty's lock and outside a wait queue's. Letters: p process_lock,
 * o only the owning thread, a set before the object is published and never changed.
 */
#ifndef PROCESS_INTERNAL_H
#define PROCESS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/thread.h"
#include "kernel/time.h"

struct file;
struct trace;
struct trap_frame;

/* cpu_timer.c */
struct cpu_clock {
	uint32_t tid; /* of that thread; 0: of the process */
	bool user_only;
};
struct cpu_timer { /* p */
	struct list link; /* signals.cpu_timers while it is armed */
	struct cpu_clock clock;
	enum { CPU_TIMER_VIRTUAL, CPU_TIMER_PROFILE, CPU_TIMER_POSIX, CPU_TIMER_SLEEP } kind;
	uint64_t deadline_ns, interval_ns; /* of processor time; 0: not armed */
};

struct signal_action {
	uint64_t handler, flags, restorer, mask; /* Linux's struct kernel_sigaction */
};

struct pending_set {
	uint64_t mask; /* bit signal - 1 */
	struct list queue; /* of struct pending_signal; a bit may be set without an entry when memory was short */
};

struct signals {
	struct signal_action actions[SIGNAL_COUNT + 1]; /* p */
	struct pending_set pending; /* p: for the process as a whole */
	struct list forks; /* p: struct fork_under_way; children that are not listed yet */
	struct waitq continued; /* stopped threads sleep here */
	struct waitq thread_gone; /* exec waits here for the other threads to end */
	struct waitq arrived; /* a signal is pending for the process or one of its threads: signalfd waits here */
	uint32_t thread_count; /* p: threads that have not ended */
	bool group_exit; /* p: all threads are to end with group_exit_code */
	int group_exit_code;
	struct thread *exec_thread; /* p: all threads but this one are to end */
	bool stop_waits, continue_waits; /* p: wait4 has not taken the event yet */
	bool stop_told; /* p: all threads stand since the process was stopped, and the parent knows */
	int stop_signal; /* p */
	int exit_signal; /* a: sent to the parent at the end; 0: none */
	uint32_t vfork_waiter; /* p: sleeps until this process execs or ends, and need not be its parent (CLONE_PARENT); 0: nobody */
	bool executed; /* p: has called execve since fork, so that its parent may not move it to another group */
	bool shares_memory; /* o: made with CLONE_VM, and has not called execve since */
	bool not_dumpable; /* o */
	bool no_new_privileges; /* o: prctl(2) */
	bool child_subreaper; /* p: orphans among its descendants become its children */
	struct timer alarm; /* ITIMER_REAL */
	uint64_t alarm_deadline_ns, alarm_interval_ns; /* p */
	bool alarm_waits; /* p: it is periodic, and armed again when SIGALRM is taken */
	struct cpu_timer virtual, profile; /* p: ITIMER_VIRTUAL, ITIMER_PROF */
	struct list cpu_timers; /* p: of this process, of all kinds */
	struct timer cpu_look; /* cpu_timer.c */
	bool cpu_over; /* p: the process ends, nothing is set any more */
	uint64_t cpu_looked_ns; /* p: the time that it had used then */
	struct list timers; /* p: posix_timer.c */
	uint32_t timer_next; /* p: the number of the next one */
	uint64_t minor_faults, major_faults;
	uint32_t pid; /* a: for the timer's callback */
	int death_signal; /* p: prctl(PR_SET_PDEATHSIG) */
	uint32_t personality; /* o */
	struct list tracees; /* p: struct trace of the threads that this process traces */
	struct trace *leader_trace; /* p: of the first thread, which has ended before others */
	uint32_t stop_count; /* p: how often the process was stopped */
};

/* thread.user */
struct process_thread {
	uint64_t blocked; /* p; read without it by the owner */
	uint64_t saved_blocked; /* o: the mask to go back to when restore_blocked */
	union {
		struct {
			bool restore_blocked; /* o */
			bool trace_return; /* o: the tracer came while the call ran, and waits for its return */
		};
		uint16_t settle; /* o: either */
	};
	bool stands; /* p: it has come to rest because its process is stopped */
	struct pending_set pending; /* p: for this thread alone */
	uint64_t waited; /* p: signals that rt_sigtimedwait waits for */
	uint64_t alternate_sp, alternate_size; /* o: sigaltstack */
	uint32_t alternate_flags;
	uint64_t clear_child_tid, robust_list; /* o: user addresses */
	bool owns_no_more; /* futex_pi.c: it ends, and its locks have gone to others */
	void (*begin)(struct trap_frame *frame); /* o: runs before the thread first reaches user mode */
	uint64_t set_child_tid; /* o: where the thread writes its number before it first reaches user mode */
	struct trace *trace; /* p, and read without it by the owner: trace.h; NULL: never traced */
	uint64_t sleep_deadline_ns, sleep_remain; /* o: restart_syscall goes on with them */
	long (*restart)(const uint64_t a[6]); /* o: as this call */
};

/* process.c */
extern uint32_t process_thread_count; /* p: of all processes */
struct process *process_create(struct process *parent); /* pid given, on no list; NULL: no memory or no pid */
void process_publish_locked(struct process *p, struct process *parent);
void process_unpublish_locked(struct process *p); /* reaped */
void process_thread_add_locked(struct process *p, struct thread *thread);
void process_thread_remove_locked(struct thread *thread);

/* number.c */
void number_add_process_locked(struct process *p);
void number_remove_process_locked(struct process *p);
void number_add_thread_locked(struct thread *t);
void number_remove_thread_locked(struct thread *t);
uint32_t number_allocate(void); /* held once; 0: none left */
void number_hold_locked(uint32_t number);
void number_drop_locked(uint32_t number);
void number_drop(uint32_t number);

/* process.c */
void process_free(struct process *p); /* off all lists, no threads */
struct thread *process_thread_find_locked(uint32_t tid);
bool process_thread_attach(struct process *p, struct thread *thread, uint32_t tid); /* sets thread.user; false: no memory */
bool process_group_exists_locked(uint32_t pgid, uint32_t sid);
/** Is the group orphaned: no member has a parent in another group of the same session (POSIX 3.264)? `without` is taken as gone. */
bool process_group_orphaned_locked(uint32_t pgid, const struct process *without);
void process_set_name(struct process *p, const char *path);
void process_vfork_release(struct process *p);
extern struct process *init_process; /* PID 1 */

/* out_of_memory.c */
bool process_is_dying_locked(const struct process *p); /* it has been told to end, or has ended */

/* exit.c */
void process_resident_note_locked(struct process *p); /* its memory may have been largest now */
_Noreturn void process_exit(int code); /* the whole process; code as wait4's status */
_Noreturn void process_exit_thread(int code); /* this thread; the process with the last one */
/** End all other threads of this process and wait for that. -EINTR: another thread was first. */
int process_kill_other_threads(void);
/** The group of a child may have become orphaned with stopped members: SIGHUP and SIGCONT (POSIX, _exit). */
void process_orphan_check_locked(uint32_t pgid, uint32_t sid, const struct process *without);

/* info.c */
int usage_write(uint64_t to, uint64_t user_ns, uint64_t system_ns, uint64_t resident, const struct usage *usage); /* struct rusage */

/* signal.c */
struct signals *signals_create(void);
struct signals *signals_fork(struct signals *from);
void signals_free(struct signals *s);
void signal_pending_flush(struct pending_set *set);
/** Has the queue that such a signal goes to as many entries as RLIMIT_SIGPENDING allows? */
bool signal_queue_full_locked(const struct process *p, const struct thread *only);
/** True: it is queued with what *info says. */
bool signal_send_locked(struct process *p, struct thread *only, const struct signal_info *info);
/** A signal to several processes is the child's, too, that this one is about to have, as on Linux; blocked as the C library has it, it waits there. */
struct fork_under_way {
	struct list link;
	uint64_t signals; /* p: that came so */
};
/** To one of several. */
bool signal_send_member_locked(struct process *p, const struct signal_info *info);
void signal_recalculate_locked(struct thread *thread);
/** Of all its threads and its own, what is pending of them is not any more. */
void signal_discard_locked(struct process *p, uint64_t signals);
/** The current thread's mask, or that of one that is stopped. Another thread hears of what this one may have been woken for and now blocks. */
void signal_block_locked(struct thread *t, uint64_t mask);
/** `from` will not take these of its process's pending signals: wake threads that will. */
void signal_pass_on_locked(struct process *p, const struct thread *from, uint64_t signals);
/** Is something pending for it that ends its process without a dump, which no wait is to keep up? */
bool signal_ends_locked(const struct thread *thread);
/** How a process ends that is about to end with `code`: told to before, by that; SIGKILL that it has not taken yet comes first, too. */
int process_end_code_locked(const struct process *p, int code);
bool signal_take_locked(struct process *p, struct process_thread *u, uint64_t allowed, struct signal_info *info);
void signal_notify_parent_locked(struct process *p, int code, int status);
void signal_reset_for_exec(struct process *p);
void signal_kick_threads_locked(struct process *p);
bool signal_may_send(const struct process *to, int signal);

/* signal_deliver.c */
/** A thread has come to rest or is gone: was it the last that a stopped process's parent waits for? */
void signal_stop_settle_locked(struct process *p);

/* signal_calls.c */
/** If the current process may: signal 0 only asks. -EPERM, -EAGAIN. */
int signal_send_checked_locked(struct process *to, struct thread *only, const struct signal_info *info);
/** The siginfo_t at `from`. -EFAULT, -EINVAL; -EPERM: it claims to come from the kernel or from kill(). */
int signal_queue_info(uint64_t from, int signal, struct signal_info *info);

/* signal_frame.c */
int signal_frame_push(struct trap_frame *frame, const struct signal_action *action, const struct signal_info *info,
		      uint64_t mask);
void signal_info_to_user(const struct signal_info *info, void *out128);

/* credentials.c */
/** Has the current process all of these users and groups? */
bool credentials_match(const struct credentials *d);

/* capability.c */
void capabilities_of_first(struct credentials *c);
/** The users of *c have been others, `before`. */
void capabilities_follow_user(struct credentials *c, const struct credentials *before);
void capabilities_follow_file_user(struct credentials *c, uint32_t before);
/** What execve leaves of them; c has the effective user and group of the program's file, which it may keep unless it is `denied` to gain
 *  privilege. Has it (AT_SECURE)? */
bool capabilities_follow_exec(struct credentials *c, bool no_new_privileges, bool denied);
/** prctl(2)'s requests about them. -EINVAL: another one. */
long capability_request(const uint64_t a[6]);

/* policy.c */
int nice_limit(const struct process *p); /* the best nice value that RLIMIT_NICE allows */
void policy_inherit(struct thread *child, const struct thread *parent); /* the child has not run yet */

/* futex.c */
void futex_thread_exit(struct process_thread *u);
int futex_wake_address(uint64_t address, unsigned count);
/** Its real-time priority is another: so may be that of whom it waits for. */
void futex_pi_priority_changed(uint32_t tid);

/* itimer.c */
void itimer_init(struct signals *s);
void itimer_cancel(struct process *p);
void itimer_taken_locked(struct signals *s); /* a SIGALRM is taken */
#define IGNORED_PERIOD_NS 1000000ull /* how often, at most, a timer fires whose signal is ignored */

/* cpu_timer.c */
void cpu_timers_init(struct signals *s);
void cpu_timers_end(struct process *p);
void cpu_timers_look_locked(struct process *p); /* soon: a timer or RLIMIT_CPU has been set */
void cpu_timer_set_locked(struct process *p, struct cpu_timer *t, uint64_t deadline_ns); /* and then the above */
void cpu_timer_cancel_locked(struct cpu_timer *t);
void cpu_timer_expired_locked(struct process *p, struct cpu_timer *t, uint64_t now);
uint64_t cpu_time_locked(struct process *p, const struct cpu_clock *clock);
int cpu_clock_of(int number, struct cpu_clock *clock); /* of clock_gettime(2); -EINVAL: none of this process's */
/** Until the process has used that much processor time. 0 or -EINTR; *left_ns: what was left. */
int cpu_sleep_until(const struct cpu_clock *clock, uint64_t deadline_ns, uint64_t *left_ns);

/* posix_timer.c */
void posix_timer_expired_locked(struct process *p, struct cpu_timer *cpu, uint64_t now);
void posix_timer_taken_locked(struct process *p, struct signal_info *info); /* a timer's signal is taken: its overruns go in */
void posix_timers_delete(struct process *p); /* exec and exit */

/* timerfd.c */
void timerfd_clock_set(void); /* the wall clock has been */

/* pidfd.c */
void pidfd_process_ended_locked(struct process *p);
void pidfd_process_gone(struct process *p); /* off all lists, about to be freed */
struct process_handle *pidfd_handle(const struct file *f); /* as long as the file; NULL: no pidfd */
struct process *pidfd_process_locked(const struct process_handle *h); /* NULL: gone */
/** CLONE_PIDFD: a new descriptor, its number at `user`. The caller closes *fd (-1 before) if anything fails. */
int pidfd_of_child(struct process *child, uint64_t user, int *fd);

/* syscall.c */
void syscall_report_unknown(void);

/* init.c */
void init_signal_locked(int signal); /* PID 1 got a signal */
_Noreturn void init_power_off(int status);

/* clone.c */
/** What it shares with other processes of these it has for itself: copies. -ENOMEM: it is as it was, or has some. Its threads see it change. */
int process_unshare(struct process *p, bool own_files, bool own_fs);

/* exec.c */
/** Become `path` as execve does; the strings are the kernel's. */
int exec_kernel(const char *path, const char *const argv[], const char *const envp[], struct trap_frame *frame);

#endif
