/* SPDX-License-Identifier: MIT */
/* Signal numbers, codes and what travels with a signal (POSIX <signal.h> with Linux's numbers; signal(7)). */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#define SIGNAL_COUNT 64
#define SIGNAL_BIT(signal) (1ull << ((signal)-1))

enum {
	SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
	SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ,
	SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS, SIGNAL_REALTIME = 32
};

enum { SIGNAL_DEFAULT = 0, SIGNAL_IGNORE = 1 }; /* handlers */

enum { /* sa_flags */
	SA_NOCLDSTOP = 1, SA_NOCLDWAIT = 2, SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000,
	SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000,
};
#define SA_RESETHAND 0x80000000u

enum { /* si_code */
	SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_SIGIO = -5, SI_TKILL = -6,
	POLL_IN = 1, POLL_OUT, POLL_HUP = 6,
	CLD_EXITED = 1, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED,
	SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRERR = 2, ILL_ILLOPN = 2, FPE_INTDIV = 1, TRAP_BRKPT = 1
};

/** A signal whose codes above 0 tell of an address. */
static inline bool signal_is_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP;
}

struct signal_info {
	int signal, code;
	uint32_t pid, uid; /* sender or child */
	bool timer; /* a POSIX timer's, by the kernel: whatever else says SI_TIMER is a program's word */
	int status; /* SIGCHLD: exit code or signal */
	uint64_t address; /* faults */
	uint64_t value; /* sigqueue */
	uint64_t user_ns, system_ns; /* SIGCHLD: of the child */
	uint64_t error, vector; /* faults: for the context in the frame */
};

/* Results that never reach a program: signal_deliver() restarts the call or turns them into EINTR (ERESTARTSYS is in process.h). */
#define ERESTARTNOINTR 513 /* restart in any case */
#define ERESTARTNOHAND 514 /* restart unless a handler runs */
#define ERESTART_RESTARTBLOCK 516 /* as 514, but through restart_syscall */

/* For /proc. */
struct signal_state {
	uint64_t pending, shared_pending, blocked, ignored, caught, limit;
	uint32_t queued;
	bool no_new_privileges;
};
struct process;
struct thread;
/** process_lock is held; thread NULL: of a process whose first thread has ended. */
void signal_state_of_locked(struct process *p, struct thread *thread, struct signal_state *state);

/** The mask for the length of this call (ppoll, pselect6, sigsuspend): signal_deliver() brings the old one back. */
void signal_set_temporary_mask(uint64_t mask);
/** The call was not interrupted: what only its mask let through waits on. */
void signal_drop_temporary_mask(void);
/** Send to one's own process group, thread or process with sender information. */
void signal_send_info(uint32_t pid, const struct signal_info *info);
/* Whom an open file's signals go to (F_SETOWN), and as whom they are sent. Number 0: nobody. */
enum signal_owner_type { SIGNAL_OWNER_THREAD, SIGNAL_OWNER_PROCESS, SIGNAL_OWNER_GROUP }; /* F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP */
struct signal_owner {
	enum signal_owner_type type;
	uint32_t number;
	uint32_t uid, euid;
};
void signal_send_owner(const struct signal_owner *owner, const struct signal_info *info); /* any context, no lock from process_lock on */
bool signal_owner_exists(const struct signal_owner *owner);
/** Is the caller's process group orphaned? */
bool signal_group_is_orphaned(void);

#endif
