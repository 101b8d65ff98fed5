/* SPDX-License-Identifier: MIT */
/* Signals: what sigaction keeps, masks, pending and queued ones, what a handler is told, alternate stacks, restarts. */
#include "calls.h"

#include <sys/time.h>
#include <sys/uio.h>
#include <ucontext.h>

static volatile int count, order[16];
static siginfo_t seen;
static volatile int on_other_stack, was_blocked;
static char other_stack[32768];

static void note(int signal)
{
	if (count < 16) {
		order[count] = signal;
	}
	count++;
}

static void note_info(int signal, siginfo_t *info, void *context)
{
	char here;
	sigset_t set;
	sigprocmask(SIG_BLOCK, NULL, &set);
	was_blocked = sigismember(&set, signal);
	seen = *info;
	on_other_stack = &here >= other_stack && &here < other_stack + sizeof(other_stack);
	note(signal);
}

/* The kernel's own structure: the C library's sigaction refuses and changes things of its own. */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static void actions(void)
{
	struct kernel_action old = { 0 }, action = { .handler = note, .flags = SA_RESTART };
	struct sigaction ask;
	CALL(syscall(SYS_rt_sigaction, 0, NULL, &old, 8));
	CALL(syscall(SYS_rt_sigaction, 65, NULL, &old, 8));
	CALL(syscall(SYS_rt_sigaction, -1, NULL, &old, 8));
	CALL(syscall(SYS_rt_sigaction, 64, NULL, &old, 8));
	CALL(syscall(SYS_rt_sigaction, SIGKILL, &action, NULL, 8));
	CALL(syscall(SYS_rt_sigaction, SIGSTOP, &action, NULL, 8));
	CALL(syscall(SYS_rt_sigaction, SIGKILL, NULL, &old, 8));
	CALL(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 4));
	CALL(syscall(SYS_rt_sigaction, SIGUSR1, NOWHERE, NULL, 8));
	CALL(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NOWHERE, 8));
	action.mask = ~0ull;
	CALL(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8));
	CALL(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8));
	SHOW("mask without KILL and STOP", "%lx %lx", old.mask, old.flags);
	IS(old.handler == (void *)note);
	signal(SIGUSR1, SIG_IGN);
	sigaction(SIGUSR1, NULL, &ask);
	IS(ask.sa_handler == SIG_IGN);
	CALL(kill(getpid(), SIGUSR1));
	struct sigaction once = { .sa_handler = note, .sa_flags = SA_RESETHAND };
	sigaction(SIGUSR2, &once, NULL);
	raise(SIGUSR2);
	sigaction(SIGUSR2, NULL, &ask);
	SHOW("after SA_RESETHAND", "%d %d", count, ask.sa_handler == SIG_DFL);
	struct sigaction info = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR2, &info, NULL);
	raise(SIGUSR2);
	SHOW("blocked in its handler", "%d", was_blocked);
	info.sa_flags |= SA_NODEFER;
	sigaction(SIGUSR2, &info, NULL);
	raise(SIGUSR2);
	SHOW("blocked in its handler with SA_NODEFER", "%d", was_blocked);
}

static void masks(void)
{
	uint64_t set = ~0ull, old = 0;
	CALL(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, &old, 8));
	SHOW("before", "%lx", old);
	CALL(syscall(SYS_rt_sigprocmask, 99, NULL, &old, 8));
	SHOW("all but KILL and STOP", "%lx", old);
	CALL(syscall(SYS_rt_sigprocmask, 99, &set, NULL, 8));
	CALL(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 16));
	CALL(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NOWHERE, NULL, 8));
	CALL(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NOWHERE, 8));
	set = 1ull << (SIGUSR1 - 1);
	CALL(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8));
	signal(SIGUSR1, note);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	CALL(syscall(SYS_rt_sigpending, &old, 8));
	SHOW("pending", "%lx %d", old, count);
	CALL(syscall(SYS_rt_sigpending, &old, 9));
	CALL(syscall(SYS_rt_sigpending, NOWHERE, 8));
	CALL(syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, 8));
	SHOW("delivered once", "%d", count);
	CALL(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8));
	kill(getpid(), SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	CALL(syscall(SYS_rt_sigpending, &old, 8));
	SHOW("ignoring drops what is pending", "%lx", old);
	uint64_t none = 0;
	signal(SIGUSR1, note);
	kill(getpid(), SIGUSR1);
	CALL(syscall(SYS_rt_sigsuspend, &none, 8));
	SHOW("delivered", "%d", count);
	CALL(syscall(SYS_rt_sigsuspend, &none, 4));
	CALL(syscall(SYS_rt_sigsuspend, NOWHERE, 8));
	CALL(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &old, 8));
	SHOW("the mask is back", "%lx", old);
}

static void sending(void)
{
	CALL(kill(getpid(), 0));
	CALL(kill(getpid(), 65));
	CALL(kill(getpid(), -1));
	CALL(kill(99999999, 0));
	CALL(kill(-99999999, 0));
	CALL(syscall(SYS_tkill, getpid(), 0));
	CALL(syscall(SYS_tkill, -1, 0));
	CALL(syscall(SYS_tkill, 99999999, 0));
	CALL(syscall(SYS_tgkill, getpid(), getpid(), 0));
	CALL(syscall(SYS_tgkill, 1, getpid(), 0));
	CALL(syscall(SYS_tgkill, getpid(), 0, 0));
	CALL(syscall(SYS_tgkill, -1, getpid(), 0));
	CALL(syscall(SYS_tgkill, getpid(), getpid(), 65));
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
	CALL(syscall(SYS_rt_sigqueueinfo, 99999999, SIGUSR1, &info));
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, NOWHERE));
	info.si_code = SI_USER;
	CALL(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
	info.si_code = SI_TKILL;
	CALL(syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, SIGUSR1, &info));
	CALL(syscall(SYS_rt_tgsigqueueinfo, getpid(), 99999999, SIGUSR1, &info));
}

static void show_seen(const char *name)
{
	calls_line("show_seen", name, "signal %d code %d errno %d pid %d uid %d", seen.si_signo, seen.si_code, seen.si_errno,
		seen.si_pid == getpid(), seen.si_uid == getuid());
	memset(&seen, 0, sizeof(seen));
}

static void informing(void)
{
	struct sigaction info = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &info, NULL);
	sigaction(SIGCHLD, &info, NULL);
	sigaction(SIGALRM, &info, NULL);
	sigaction(SIGPIPE, &info, NULL);
	sigaction(SIGRTMIN, &info, NULL);
	kill(getpid(), SIGUSR1);
	show_seen("kill");
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	show_seen("tgkill");
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 77 });
	SHOW("value", "%d", seen.si_value.sival_int);
	show_seen("sigqueue");
	int ends[2];
	pipe(ends);
	close(ends[0]);
	CALL(write(ends[1], "x", 1));
	show_seen("a broken pipe");
	struct itimerval soon = { { 0, 0 }, { 0, 1000 } };
	sigset_t timer, nothing;
	sigemptyset(&nothing);
	sigemptyset(&timer);
	sigaddset(&timer, SIGALRM);
	sigprocmask(SIG_BLOCK, &timer, NULL); /* it may not come before the wait */
	CALL(setitimer(ITIMER_REAL, &soon, NULL));
	CALL(sigsuspend(&nothing));
	sigprocmask(SIG_UNBLOCK, &timer, NULL);
	SHOW("a timer", "signal %d code %d", seen.si_signo, seen.si_code);
	pid_t child = fork();
	if (child == 0) {
		_exit(3);
	}
	while (seen.si_signo != SIGCHLD) {
		usleep(1000);
	}
	SHOW("an exit", "code %d status %d pid %d", seen.si_code, seen.si_status, seen.si_pid == child);
	waitpid(child, NULL, 0);
	memset(&seen, 0, sizeof(seen));
	child = fork();
	if (child == 0) {
		raise(SIGKILL);
	}
	while (seen.si_signo != SIGCHLD) {
		usleep(1000);
	}
	SHOW("a death", "code %d status %d", seen.si_code, seen.si_status);
}

static void queueing(void)
{
	sigset_t all, wanted;
	siginfo_t info;
	struct timespec none = { 0, 0 }, bad = { 0, 1000000000 }, little = { 0, 1000000 };
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 1 });
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 2 });
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 3 });
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 4 });
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 5 });
	for (int i = 0; i < 5; i++) {
		int got = sigtimedwait(&all, &info, &none);
		SHOW("in order", "%d %d", got, got < 0 ? 0 : info.si_value.sival_int);
	}
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR2);
	CALL(sigtimedwait(&wanted, NULL, &none));
	CALL(sigtimedwait(&wanted, NULL, &little));
	CALL(sigtimedwait(&wanted, NULL, &bad));
	CALL(syscall(SYS_rt_sigtimedwait, &wanted, NULL, &none, 4));
	CALL(syscall(SYS_rt_sigtimedwait, NOWHERE, NULL, &none, 8));
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	CALL(sigtimedwait(&wanted, &info, NULL));
	SHOW("code", "%d", info.si_code);
	CALL(sigwaitinfo(&all, &info));
	kill(getpid(), SIGCHLD);
	sigaddset(&wanted, SIGCHLD);
	CALL(sigtimedwait(&wanted, &info, &none));
	struct sigaction action = { .sa_handler = note };
	for (int i = 1; i < 32; i++) {
		sigaction(i, &action, NULL);
	}
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGINT);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	SHOW("handlers ran", "%d: %d %d %d", count, order[0], order[1], order[2]);
}

static void stacks(void)
{
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) }, old = { 0 }, bad = stack;
	struct sigaction info = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	CALL(syscall(SYS_sigaltstack, NULL, &old));
	SHOW("none", "%d %lu", old.ss_flags, (unsigned long)old.ss_size);
	bad.ss_size = 1000;
	CALL(syscall(SYS_sigaltstack, &bad, NULL));
	bad.ss_size = sizeof(other_stack);
	bad.ss_flags = 7;
	CALL(syscall(SYS_sigaltstack, &bad, NULL));
	CALL(syscall(SYS_sigaltstack, NOWHERE, NULL));
	CALL(syscall(SYS_sigaltstack, &stack, NOWHERE));
	CALL(syscall(SYS_sigaltstack, &stack, &old));
	CALL(syscall(SYS_sigaltstack, NULL, &old));
	SHOW("set", "%d %lu", old.ss_flags, (unsigned long)old.ss_size);
	sigaction(SIGUSR1, &info, NULL);
	raise(SIGUSR1);
	SHOW("on it", "%d", on_other_stack);
	info.sa_flags = SA_SIGINFO;
	sigaction(SIGUSR1, &info, NULL);
	raise(SIGUSR1);
	SHOW("not on it", "%d", on_other_stack);
	stack.ss_flags = SS_DISABLE;
	CALL(syscall(SYS_sigaltstack, &stack, NULL));
	CALL(syscall(SYS_sigaltstack, NULL, &old));
	SHOW("disabled", "%d", old.ss_flags);
}

static void faults(int signal, siginfo_t *info, void *context)
{
	ucontext_t *registers = context;
	seen = *info;
	note(signal);
	registers->uc_mcontext.gregs[REG_RIP] += registers->uc_mcontext.gregs[REG_R12];
}

/* Instructions that trap, each stepped over by the handler by the length that is in R12. */
static void traps(void)
{
	struct sigaction action = { .sa_sigaction = faults, .sa_flags = SA_SIGINFO };
	static const int all[] = { SIGILL, SIGTRAP, SIGFPE, SIGSEGV, SIGBUS };
	for (int i = 0; i < 5; i++) {
		sigaction(all[i], &action, NULL);
	}
	__asm__ volatile("movq $2, %%r12; ud2" : : : "r12");
	SHOW("ud2", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $0, %%r12; int3" : : : "r12");
	SHOW("int3", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $1, %%r12; hlt" : : : "r12");
	SHOW("hlt", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $1, %%r12; cli" : : : "r12");
	SHOW("cli", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $2, %%r12; xorl %%ecx, %%ecx; movl $1, %%eax; xorl %%edx, %%edx; divl %%ecx" : : : "r12", "eax", "ecx", "edx");
	SHOW("division by zero", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $2, %%r12; int $0x70" : : : "r12");
	SHOW("int 0x70", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $2, %%r12; inb $0x60, %%al; nop" : : : "r12", "eax");
	SHOW("in", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $3, %%r12; movabsq $0x8000000000000000, %%rax; movb (%%rax), %%al; nop" : : : "r12", "eax");
	SHOW("a non-canonical address", "%d %d", seen.si_signo, seen.si_code);
	__asm__ volatile("movq $0, %%r12; pushfq; orq $0x100, (%%rsp); popfq; nop; pushfq; andq $~0x100, (%%rsp); popfq" : : : "r12", "cc", "memory");
	SHOW("single steps", "%d %d %d", seen.si_signo, seen.si_code, count > 8);
}

static void divides(void)
{
	__asm__ volatile("xorl %%ecx, %%ecx; movl $1, %%eax; xorl %%edx, %%edx; divl %%ecx" : : : "eax", "ecx", "edx");
}

static void blocks_and_faults(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	*(volatile int *)NOWHERE = 1;
}

static void ignores_and_faults(void)
{
	signal(SIGSEGV, SIG_IGN);
	*(volatile int *)NOWHERE = 1;
}

static void aborts(void)
{
	abort();
}

static void deaths(void)
{
	CALL(child_status(divides));
	CALL(child_status(blocks_and_faults));
	CALL(child_status(ignores_and_faults));
	CALL(child_status(aborts));
}

/* A signal after a moment, and again and again: the first may come before the call that it shall interrupt. With a handler that restarts calls or not. */
static void soon(int flags)
{
	struct sigaction action = { .sa_handler = note, .sa_flags = flags };
	struct itimerval timer = { { 0, 20000 }, { 0, 20000 } };
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void interruptions(void)
{
	int ends[2], status;
	char c;
	struct timespec second = { 100, 0 };
	pipe(ends);
	soon(0);
	CALL(read(ends[0], &c, 1));
	soon(0);
	CALL(wait(&status));
	soon(SA_RESTART);
	CALL(syscall(SYS_nanosleep, &second, NULL));
	soon(0);
	CALL(syscall(SYS_poll, NULL, 0, 100000));
	soon(SA_RESTART);
	CALL(syscall(SYS_poll, NULL, 0, 100000));
	soon(SA_RESTART);
	CALL(syscall(SYS_select, 0, NULL, NULL, NULL, &(struct timeval){ 100, 0 }));
	soon(SA_RESTART);
	CALL(pause());
	soon(SA_RESTART);
	if (fork() == 0) {
		usleep(60000);
		write(ends[1], "r", 1);
		_exit(0);
	}
	CALL(read(ends[0], &c, 1));
	wait(NULL);
	soon(SA_RESTART);
	if (fork() == 0) {
		usleep(60000);
		_exit(5);
	}
	CALL(wait(&status) > 0);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	IS(count >= 8);
}

/* What is queued counts, whoever it claims to be of. */
static void too_many(void)
{
	struct rlimit none = { 0, 0 };
	siginfo_t info = { .si_signo = SIGRTMIN, .si_code = SI_QUEUE };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CALL(setrlimit(RLIMIT_SIGPENDING, &none));
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN, &info));
	info.si_code = SI_TIMER;
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN, &info));
	CALL(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
	CALL(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN, &info));
	CALL(syscall(SYS_tkill, getpid(), SIGRTMIN));
	CALL(kill(getpid(), SIGRTMIN));
	CALL(sigpending(&set));
	SHOW("pending", "%d %d", sigismember(&set, SIGRTMIN), sigismember(&set, SIGUSR1));
}

int main(void)
{
	calls_begin();
	RUN(actions);
	RUN(masks);
	RUN(sending);
	RUN(informing);
	RUN(queueing);
	RUN(stacks);
	RUN(traps);
	RUN(deaths);
	RUN(interruptions);
	RUN(too_many);
	return 0;
}
