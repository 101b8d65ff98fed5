/* SPDX-License-Identifier: MIT */
/* ptrace and its kin: what a tracer may ask, in which states, and what it is told; process_vm_readv. */
#include "calls.h"

#include <poll.h>
#include <sys/ptrace.h>
#include <sys/reg.h>
#include <sys/uio.h>
#include <sys/user.h>

static char word[16] = "the tracee's";

/* A child that is traced and has stopped by SIGSTOP. */
static pid_t tracee(void (*body)(void))
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		body();
		_exit(7);
	}
	waitpid(child, &status, 0);
	SHOW("stopped", "%x", (unsigned)status);
	return child;
}

static void nothing(void)
{
}

static int next(pid_t child, int request, int signal)
{
	int status = 0;
	if (ptrace(request, child, NULL, (void *)(long)signal) != 0) {
		return -errno;
	}
	return waitpid(child, &status, __WALL) == child ? status : -errno;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, __WALL);
}

static void errors(void)
{
	long value;
	CALL(syscall(SYS_ptrace, PTRACE_PEEKDATA, getpid(), word, &value));
	CALL(syscall(SYS_ptrace, PTRACE_CONT, 99999999, 0, 0));
	CALL(syscall(SYS_ptrace, PTRACE_ATTACH, getpid(), 0, 0));
	CALL(syscall(SYS_ptrace, PTRACE_ATTACH, 1, 0, 0) == -1);
	CALL(syscall(SYS_ptrace, PTRACE_ATTACH, 99999999, 0, 0));
	CALL(syscall(SYS_ptrace, 9999, getpid(), 0, 0));
	pid_t child = tracee(nothing);
	CALL(syscall(SYS_ptrace, PTRACE_ATTACH, child, 0, 0));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKDATA, child, NOWHERE, &value));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKDATA, child, KERNELS, &value));
	CALL(syscall(SYS_ptrace, PTRACE_POKEDATA, child, NOWHERE, 1));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKUSER, child, 1, &value));
	CALL(syscall(SYS_ptrace, PTRACE_PEEKUSER, child, 100000, &value));
	CALL(syscall(SYS_ptrace, PTRACE_CONT, child, 0, 1000));
	CALL(syscall(SYS_ptrace, PTRACE_SETOPTIONS, child, 0, 1ul << 30));
	CALL(syscall(SYS_ptrace, PTRACE_GETREGS, child, 0, NOWHERE));
	CALL(syscall(SYS_ptrace, PTRACE_INTERRUPT, child, 0, 0));
	CALL(syscall(SYS_ptrace, PTRACE_LISTEN, child, 0, 0));
	CALL(syscall(SYS_ptrace, 9999, child, 0, 0));
	end(child);
	CALL(syscall(SYS_ptrace, PTRACE_CONT, child, 0, 0));
}

static void memory(void)
{
	struct user_regs_struct registers;
	long value = 0;
	pid_t child = tracee(nothing);
	CALL(syscall(SYS_ptrace, PTRACE_PEEKDATA, child, word, &value));
	SHOW("the word", "%.8s", (char *)&value);
	memcpy(&value, "changed!", 8);
	CALL(syscall(SYS_ptrace, PTRACE_POKEDATA, child, word, value));
	long text_at = (long)nothing & ~7l, text_word = ptrace(PTRACE_PEEKTEXT, child, text_at, NULL);
	CALL(syscall(SYS_ptrace, PTRACE_POKETEXT, child, text_at, text_word));
	struct iovec own = { &value, 8 }, other = { word, 8 };
	CALL(process_vm_readv(child, &own, 1, &other, 1, 0));
	SHOW("read", "%.8s", (char *)&value);
	CALL(process_vm_writev(child, &own, 1, &(struct iovec){ NOWHERE, 8 }, 1, 0));
	CALL(process_vm_readv(child, &own, 1, &other, 1, 1));
	CALL(process_vm_readv(99999999, &own, 1, &other, 1, 0));
	char name[40], text[16] = "";
	snprintf(name, sizeof(name), "/proc/%d/mem", child);
	int fd = (int)DONE(open(name, O_RDWR));
	CALL(pread(fd, text, 8, (off_t)word));
	SHOW("/proc", "%s", text);
	CALL(pwrite(fd, "by /proc", 8, (off_t)word));
	CALL(pread(fd, text, 8, 8));
	CALL(process_vm_readv(child, &own, 1, &other, 1, 0));
	SHOW("then", "%.8s", (char *)&value);
	SHOW("mine", "%s", word);
	CALL(ptrace(PTRACE_GETREGS, child, NULL, &registers));
	CALL(ptrace(PTRACE_PEEKUSER, child, 8 * RIP, NULL) == (long)registers.rip);
	SHOW("selectors", "%lx %lx", (long)registers.cs, (long)registers.ss);
	CALL(ptrace(PTRACE_POKEUSER, child, 8 * FS_BASE, KERNELS));
	end(child);
}

static void calls_in_child(void)
{
	syscall(SYS_getppid);
	syscall(SYS_close, -1);
}

static void calls_stop(void)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct registers;
	pid_t child = tracee(calls_in_child);
	CALL(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD));
	SHOW("into getppid", "%x", next(child, PTRACE_SYSCALL, 0));
	memset(&info, 0, sizeof(info));
	CALL(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info));
	SHOW("told", "%d %x %lld", info.op, info.arch, (long long)info.entry.nr);
	CALL(ptrace(PTRACE_GETREGS, child, NULL, &registers));
	SHOW("registers", "%lld %lld", (long long)registers.orig_rax, (long long)registers.rax);
	SHOW("out of it", "%x", next(child, PTRACE_SYSCALL, 0));
	memset(&info, 0, sizeof(info));
	CALL(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info));
	SHOW("told", "%d %d %d", info.op, info.exit.rval == getpid(), info.exit.is_error);
	next(child, PTRACE_SYSCALL, 0);
	ptrace(PTRACE_GETREGS, child, NULL, &registers);
	registers.orig_rax = (unsigned long long)-1;
	CALL(ptrace(PTRACE_SETREGS, child, NULL, &registers));
	SHOW("a call that is skipped", "%x", next(child, PTRACE_SYSCALL, 0));
	CALL(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info));
	SHOW("its result", "%lld", (long long)info.exit.rval);
	SHOW("to the end", "%x", next(child, PTRACE_CONT, 0));
}

static void signals_in_child(void)
{
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	raise(SIGUSR2);
}

static void signals_stop(void)
{
	siginfo_t info;
	pid_t child = tracee(signals_in_child);
	SHOW("an ignored signal", "%x", next(child, PTRACE_CONT, 0));
	CALL(ptrace(PTRACE_GETSIGINFO, child, NULL, &info));
	SHOW("info", "%d %d %d", info.si_signo, info.si_code, info.si_pid == child);
	SHOW("a deadly one", "%x", next(child, PTRACE_CONT, SIGUSR1));
	SHOW("taken away", "%x", next(child, PTRACE_CONT, 0));
	child = tracee(signals_in_child);
	next(child, PTRACE_CONT, 0);
	SHOW("another in its place", "%x", next(child, PTRACE_CONT, SIGTERM));
}

static void forks(void)
{
	if (fork() == 0) {
		_exit(3);
	}
	wait(NULL);
}

static void events(void)
{
	unsigned long message = 0;
	int status;
	pid_t child = tracee(forks);
	CALL(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT));
	SHOW("fork", "%x", next(child, PTRACE_CONT, 0));
	CALL(ptrace(PTRACE_GETEVENTMSG, child, NULL, &message));
	pid_t grandchild = (pid_t)message;
	CALL(waitpid(grandchild, &status, __WALL) == grandchild);
	SHOW("its first stop", "%x", (unsigned)status);
	CALL(ptrace(PTRACE_CONT, child, NULL, NULL));
	SHOW("its exit", "%x", next(grandchild, PTRACE_CONT, 0));
	CALL(ptrace(PTRACE_GETEVENTMSG, grandchild, NULL, &message));
	SHOW("with", "%lx", message);
	SHOW("its end", "%x", next(grandchild, PTRACE_CONT, 0));
	do {
		waitpid(child, &status, __WALL);
		ptrace(PTRACE_CONT, child, NULL, NULL);
	} while (status >> 8 == SIGCHLD || WSTOPSIG(status) == SIGCHLD);
	SHOW("the parent's exit", "%x", (unsigned)status);
	CALL(waitpid(child, &status, __WALL) == child);
	SHOW("its end", "%x", (unsigned)status);
}

static void steps(void)
{
	struct user_regs_struct before, after;
	pid_t child = tracee(nothing);
	ptrace(PTRACE_GETREGS, child, NULL, &before);
	SHOW("a step", "%x", next(child, PTRACE_SINGLESTEP, 0));
	ptrace(PTRACE_GETREGS, child, NULL, &after);
	SHOW("moves on", "%d, TF %d", after.rip != before.rip, (int)(after.eflags >> 8 & 1));
	siginfo_t info;
	CALL(ptrace(PTRACE_GETSIGINFO, child, NULL, &info));
	SHOW("code", "%d", info.si_code);
	CALL(ptrace(PTRACE_DETACH, child, NULL, NULL));
	int status;
	CALL(waitpid(child, &status, 0) == child);
	SHOW("goes on alone", "%x", (unsigned)status);
}

/* A stranger that sleeps: attached, seized, interrupted, stopped with its group. */
static void attaching(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		for (;;) {
			poll(NULL, 0, 1000);
		}
	}
	CALL(ptrace(PTRACE_ATTACH, child, NULL, NULL));
	CALL(waitpid(child, &status, 0) == child);
	SHOW("attached", "%x", (unsigned)status);
	CALL(ptrace(PTRACE_DETACH, child, NULL, NULL));
	CALL(ptrace(PTRACE_SEIZE, child, NULL, NULL));
	CALL(waitpid(child, &status, WNOHANG));
	CALL(ptrace(PTRACE_CONT, child, NULL, NULL));
	CALL(ptrace(PTRACE_INTERRUPT, child, NULL, NULL));
	CALL(waitpid(child, &status, 0) == child);
	SHOW("interrupted", "%x", (unsigned)status);
	CALL(ptrace(PTRACE_CONT, child, NULL, NULL));
	kill(child, SIGSTOP);
	CALL(waitpid(child, &status, 0) == child);
	SHOW("the signal", "%x", (unsigned)status);
	SHOW("the group's stop", "%x", next(child, PTRACE_CONT, SIGSTOP));
	CALL(ptrace(PTRACE_LISTEN, child, NULL, NULL));
	CALL(ptrace(PTRACE_CONT, child, NULL, NULL));
	kill(child, SIGCONT);
	CALL(waitpid(child, &status, 0) == child);
	SHOW("listening to its end", "%x", (unsigned)status);
	SHOW("SIGCONT", "%x", next(child, PTRACE_CONT, 0));
	kill(child, SIGKILL);
	CALL(waitpid(child, &status, 0) == child);
	SHOW("killed", "%x", (unsigned)status);
}

int main(void)
{
	calls_begin();
	RUN(errors);
	RUN(memory);
	RUN(calls_stop);
	RUN(signals_stop);
	RUN(events);
	RUN(steps);
	RUN(attaching);
	return 0;
}
