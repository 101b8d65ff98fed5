/* SPDX-License-Identifier: MIT */
/* Files that tell by a signal that they are ready: O_ASYNC and FIOASYNC, their owners, and what is sent when. */
#include "calls.h"

#include <limits.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#ifndef FIOASYNC
#define FIOASYNC 0x5452
#endif

struct owner { /* struct f_owner_ex */
	int type, number;
};

static int pair[2];

/* SIGIO within a minute; what it says of itself. */
static const char *told(void)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	int signal = sigtimedwait(&set, &info, &(struct timespec){ .tv_sec = 60 });
	return signal != SIGIO ? "nothing" : info.si_code == SI_KERNEL ? "SIGIO of the kernel" : "SIGIO";
}

/* Is one pending? It is taken. */
static const char *pending(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	return sigtimedwait(&set, NULL, &(struct timespec){ 0 }) == SIGIO ? "one" : "none";
}

static void hold(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void owners(void)
{
	struct owner owner = { 9, 9 };
	CALL(pipe(pair));
	CALL(fcntl(pair[0], F_GETOWN));
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN, INT_MIN));
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN, 4000000));
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN, getpid()));
	IS(syscall(SYS_fcntl, pair[0], F_GETOWN) == getpid());
	CALL(syscall(SYS_fcntl, pair[0], F_GETOWN_EX, &owner));
	SHOW("type", "%d", owner.type);
	IS(owner.number == getpid());
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN, -getpgrp()));
	CALL(syscall(SYS_fcntl, pair[0], F_GETOWN_EX, &owner));
	SHOW("type", "%d", owner.type);
	IS(owner.number == getpgrp());
	owner = (struct owner){ 0, (int)syscall(SYS_gettid) };
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN_EX, &owner));
	IS(syscall(SYS_fcntl, pair[0], F_GETOWN) == syscall(SYS_gettid));
	owner = (struct owner){ 3, 1 };
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN_EX, &owner));
	owner = (struct owner){ 1, 4000000 };
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN_EX, &owner));
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN_EX, NOWHERE));
	CALL(syscall(SYS_fcntl, pair[0], F_GETOWN_EX, NOWHERE));
	CALL(syscall(SYS_fcntl, pair[0], F_SETOWN, 0));
	CALL(fcntl(pair[0], F_GETOWN));
}

static void flags(void)
{
	int on = 1, file = open("file", O_RDWR | O_CREAT, 0600), null = open("/dev/null", O_RDWR);
	CALL(pipe(pair));
	CALL(ioctl(pair[0], FIOASYNC, NOWHERE));
	CALL(ioctl(pair[0], FIOASYNC, &on));
	SHOW("flags", "%#x", fcntl(pair[0], F_GETFL));
	CALL(ioctl(pair[0], FIOASYNC, &on));
	CALL(fcntl(pair[0], F_SETFL, 0));
	SHOW("flags", "%#x", fcntl(pair[0], F_GETFL));
	CALL(fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	SHOW("flags", "%#x", fcntl(pair[0], F_GETFL));
	on = 0;
	CALL(ioctl(pair[0], FIOASYNC, &on));
	SHOW("flags", "%#x", fcntl(pair[0], F_GETFL));
	CALL(ioctl(file, FIOASYNC, &on));
	on = 1;
	CALL(ioctl(file, FIOASYNC, &on));
	CALL(ioctl(null, FIOASYNC, &on));
	CALL(fcntl(file, F_SETFL, O_ASYNC));
	mkfifo("fifo", 0600);
	int fifo = open("fifo", O_RDWR | O_ASYNC);
	SHOW("flags", "%#x", fcntl(fifo, F_GETFL));
	CALL(fcntl(fifo, F_SETFL, 0));
	SHOW("flags", "%#x", fcntl(fifo, F_GETFL));
	CALL(fcntl(fifo, F_SETFL, O_ASYNC));
	SHOW("flags", "%#x", fcntl(fifo, F_GETFL));
}

static void channel(void)
{
	int on = 1;
	char byte;
	hold();
	CALL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CALL(ioctl(pair[0], FIOASYNC, &on));
	CALL(write(pair[1], "x", 1));
	SHOW("without an owner", "%s", pending());
	DONE(fcntl(pair[0], F_SETOWN, getpid()));
	CALL(write(pair[1], "y", 1));
	SHOW("written", "%s", told());
	SHOW("once more", "%s", pending());
	CALL(read(pair[0], &byte, 1));
	int copy = dup(pair[0]);
	CALL(close(pair[0]));
	CALL(write(pair[1], "z", 1));
	SHOW("through a copy", "%s", told());
	CALL(fcntl(copy, F_SETFL, 0));
	CALL(write(pair[1], "z", 1));
	SHOW("switched off", "%s", pending());
	CALL(fcntl(copy, F_SETFL, O_ASYNC));
	CALL(close(pair[1]));
	SHOW("hung up", "%s", told());
	CALL(close(copy));
}

static void pipes(void)
{
	hold();
	CALL(setpgid(0, 0)); /* the tests' own group would die of it */
	CALL(pipe(pair));
	DONE(fcntl(pair[0], F_SETOWN, -getpgrp()));
	CALL(fcntl(pair[0], F_SETFL, O_ASYNC));
	CALL(write(pair[1], "x", 1));
	SHOW("the group", "%s", told());
	CALL(close(pair[1]));
	SHOW("hung up", "%s", told());
}

static void terminal(void)
{
	int master, line;
	hold();
	CALL(openpty(&master, &line, NULL, NULL, NULL) < 0);
	DONE(fcntl(line, F_SETOWN, getpid()));
	CALL(fcntl(line, F_SETFL, O_RDWR | O_ASYNC));
	CALL(write(master, "typed\n", 6));
	SHOW("typed", "%s", told());
}

/* To another process, which is gone when the next one comes. */
static void elsewhere(void)
{
	int ready[2];
	char byte;
	CALL(pipe(pair));
	CALL(pipe(ready));
	hold();
	pid_t child = fork();
	if (child == 0) {
		write(ready[1], "r", 1);
		_exit(strcmp(told(), "nothing") != 0 ? 3 : 4);
	}
	read(ready[0], &byte, 1);
	DONE(fcntl(pair[0], F_SETOWN, child));
	CALL(fcntl(pair[0], F_SETFL, O_ASYNC));
	CALL(write(pair[1], "x", 1));
	int status;
	DONE(waitpid(child, &status, 0));
	SHOW("the child", "%d", WEXITSTATUS(status));
	CALL(write(pair[1], "x", 1));
	SHOW("here", "%s", pending());
}

/* ---- F_SETSIG: which signal, and what it says of the file ---- */

static void take_next(const char *what)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTRAP);
	sigaddset(&set, SIGRTMIN + 3);
	memset(&info, 0, sizeof(info));
	int signal = sigtimedwait(&set, &info, &(struct timespec){ .tv_sec = 2 });
	SHOW(what, "%s, code %d, band %lx, descriptor %d", signal == SIGIO ? "SIGIO" : signal == SIGUSR1 ? "SIGUSR1" : signal == SIGTRAP ? "SIGTRAP" :
		signal == SIGRTMIN + 3 ? "SIGRTMIN + 3" : "none", info.si_code, info.si_code == SI_KERNEL ? 0l : (long)info.si_band,
		info.si_code == SI_KERNEL ? 0 : info.si_fd);
}

static void hold_all(void)
{
	sigset_t set;
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void chosen(void)
{
	char byte;
	hold_all();
	CALL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CALL(fcntl(pair[0], F_GETSIG));
	CALL(fcntl(pair[0], F_SETSIG, 65));
	CALL(fcntl(pair[0], F_SETSIG, -1));
	CALL(fcntl(pair[0], F_SETSIG, SIGRTMIN + 3));
	IS(fcntl(pair[0], F_GETSIG) == SIGRTMIN + 3);
	DONE(fcntl(pair[0], F_SETOWN, getpid()));
	CALL(fcntl(pair[0], F_SETFL, O_ASYNC));
	CALL(write(pair[1], "x", 1));
	take_next("written");
	CALL(read(pair[0], &byte, 1));
	CALL(fcntl(pair[0], F_SETSIG, SIGIO));
	CALL(write(pair[1], "x", 1));
	take_next("SIGIO with more to say");
	CALL(fcntl(pair[0], F_SETSIG, SIGUSR1));
	CALL(write(pair[1], "x", 1));
	take_next("SIGUSR1");
	CALL(fcntl(pair[0], F_SETSIG, SIGTRAP));
	CALL(write(pair[1], "x", 1));
	take_next("one that has codes of its own");
	CALL(fcntl(pair[0], F_SETSIG, 0));
	CALL(write(pair[1], "x", 1));
	take_next("as usual");
	CALL(fcntl(pair[0], F_SETSIG, SIGRTMIN + 3));
	CALL(close(pair[1]));
	take_next("hung up");
}

/* The descriptor that is told is the one that O_ASYNC was set by. */
static void descriptors(void)
{
	hold_all();
	CALL(pipe(pair));
	int copy = dup(pair[0]);
	CALL(fcntl(pair[0], F_SETSIG, SIGRTMIN + 3));
	DONE(fcntl(pair[0], F_SETOWN, getpid()));
	CALL(fcntl(copy, F_SETFL, O_ASYNC));
	CALL(write(pair[1], "x", 1));
	take_next("written");
	IS(fcntl(copy, F_GETSIG) == SIGRTMIN + 3);
	CALL(fcntl(pair[1], F_GETSIG));
	int regular = open("file", O_RDWR | O_CREAT, 0600);
	CALL(fcntl(regular, F_SETSIG, SIGUSR1));
	IS(fcntl(regular, F_GETSIG) == SIGUSR1);
}

static void room_to_write(void)
{
	static char bytes[65536];
	hold_all();
	CALL(pipe(pair));
	CALL(fcntl(pair[1], F_SETSIG, SIGRTMIN + 3));
	DONE(fcntl(pair[1], F_SETOWN, getpid()));
	CALL(fcntl(pair[1], F_SETFL, O_ASYNC | O_NONBLOCK));
	CALL(write(pair[1], bytes, sizeof(bytes)));
	CALL(read(pair[0], bytes, sizeof(bytes)));
	take_next("read");
}

int main(void)
{
	calls_begin();
	RUN(owners);
	RUN(flags);
	RUN(channel);
	RUN(pipes);
	RUN(terminal);
	RUN(elsewhere);
	RUN(chosen);
	RUN(descriptors);
	RUN(room_to_write);
	return 0;
}
