/* SPDX-License-Identifier: MIT */
/* Processes (process/): identity, family, signals; what the file system keeps per process hangs on `files` and `fs`. */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "kernel/epoch.h"
#include "kernel/lock.h"
#include "kernel/thread.h"

struct address_space;
struct file_table;
struct fs_context; /* root, working directory, umask */
struct tty;

struct credentials {
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	uint32_t group_count;
	uint32_t groups[32];
	uint64_t effective, permitted, inheritable, bounding, ambient; /* capabilities(7), a bit each */
	uint32_t secure_bits;
};

/* getrlimit(2) */
enum {
	RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS,
	RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIMIT_COUNT
};
struct rlimit_pair {
	uint64_t soft, hard;
};

/* Addresses in the program's memory. */
struct exec_strings {
	uint64_t environment; /* the vector */
	uint64_t auxiliary;
	uint64_t end; /* of the strings of arguments and environment */
};

struct process {
	struct process *number_next; /* process/number.c */
	struct list all_link; /* process_list, under process_lock */
	uint32_t pid, pgid, sid;
	struct process *parent;
	struct list children, sibling_link;
	struct list threads; /* thread.process_link */
	struct address_space *memory;
	struct file_table *files; /* reference-counted (CLONE_FILES) */
	struct fs_context *fs; /* reference-counted (CLONE_FS) */
	struct credentials credentials;
	struct tty *tty; /* controlling terminal */
	struct rlimit_pair rlimits[RLIMIT_COUNT];
	char name[16];
	char *command_line; /* argv, NUL-separated, for /proc; kmalloc */
	uint32_t command_line_length;
	struct exec_strings strings; /* where exec put them, for /proc */
	bool zombie, stopped;
	int16_t oom_adjust, oom_least; /* process_lock: /proc/PID/oom_score_adj, and how far down others than root may set it */
	int exit_code; /* as wait4's status */
	uint64_t start_ns, user_ns, system_ns, children_user_ns, children_system_ns;
	struct usage usage, children_usage; /* process_lock: of threads that have ended, and of children that were waited for */
	unsigned barriers; /* membarrier(2): what it has registered for; atomic */
	uint64_t most_resident, children_most_resident; /* process_lock: pages, as far as somebody looked */
	struct waitq child_event;
	struct signals *signals; /* process/signal.c */
	struct process_handle *handle; /* process_lock: for pidfds; NULL: none yet */
	struct epoch_link epoch;
};

extern spinlock_t process_lock; /* guards the list and the family links */
extern struct list process_list;

static inline struct process *process_current(void)
{
	return thread_current()->process;
}
/** By pid, under process_lock. NULL. */
struct process *process_find_locked(uint32_t pid);
/** By pid, in a section (kernel/epoch.h), until that ends: it may be reaped meanwhile, and what hangs on it gone. NULL. */
struct process *process_peek(uint32_t pid);
/** By the number of any of its threads, which is told as well. NULL. */
struct process *process_of_thread_locked(uint32_t tid, struct thread **thread);
/** The same, if the current process may look into it (ptrace(2), "Ptrace access mode checking"). NULL: *error is -ESRCH, -EPERM. */
struct process *process_accessible_locked(uint32_t tid, struct thread **thread, int *error);
/** The memory of the process with that thread, referenced, if the current process may look into it. NULL: *error is -ESRCH, -EPERM. */
struct address_space *process_memory_of(uint32_t tid, int *error);
/** Who traces that thread; 0: nobody. Whether it is stopped for that. */
uint32_t process_tracer_locked(const struct thread *thread, bool *stopped);

/* Signals, callable from the tty and timers (any context). */
void signal_send_process(struct process *p, int signal);
void signal_broken_pipe(void); /* SIGPIPE to the current thread, as from itself */
int signal_send_group(uint32_t pgid, int signal); /* -ESRCH */
bool signal_pending(void); /* of the current thread: interruptible calls return -EINTR, or -ERESTARTSYS (512) */
#define ERESTARTSYS 512 /* never reaches the program: restarted or turned into EINTR on the way out */
/** May the current process (background group of tty) do terminal I/O? Sends SIGTTIN/SIGTTOU as POSIX says. */
bool signal_is_ignored_or_blocked(int signal);

/** So many threads there may be in all: /proc/sys/kernel/threads-max. */
uint32_t process_threads_most(void);

/* What uname(2) and /proc answer. */
#define SYSTEM_RELEASE "6.1.0-bulkhead"
#define SYSTEM_VERSION "#1 Bulkhead"
void system_name(char name[65]); /* the host name */

/** Has the thread been told to end, by a signal or with its process? A moment's answer. */
bool process_is_dying(const struct thread *thread);
/** Nothing is left to give up: end the process that holds the most, unless one is just ending. What somebody waits for is for the log. */
void process_out_of_memory(uint32_t pages, uint32_t io);
/** 0 to 2000, as in /proc: who has most is ended first. */
unsigned process_oom_score_locked(struct process *p);

/** Start PID 1 (process/init.c), called once with everything up; never returns. */
_Noreturn void init_run(const char *cmdline);

#endif
