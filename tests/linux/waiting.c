/* SPDX-License-Identifier: MIT */
/* What one waits for: pipes, poll, select, epoll, eventfd. Every wait has an end, by what is ready or by a time that has passed. */
#include "calls.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <time.h>

static int ends[2];

static void pipes(void)
{
	char buffer[16] = "";
	int bytes = -1;
	CALL(pipe(ends));
	SHOW("descriptors", "%d %d", ends[0], ends[1]);
	CALL(pipe(NOWHERE));
	CALL(syscall(SYS_pipe2, ends, O_APPEND));
	CALL(write(ends[0], "x", 1));
	CALL(read(ends[1], buffer, 1));
	CALL(write(ends[1], "hello", 5));
	CALL(ioctl(ends[0], FIONREAD, &bytes));
	SHOW("bytes", "%d", bytes);
	CALL(read(ends[0], buffer, 0));
	CALL(fcntl(ends[0], F_SETFL, O_NONBLOCK));
	CALL(read(ends[0], NOWHERE, 5));
	CALL(read(ends[0], buffer, 2));
	CALL(read(ends[0], buffer, 16));
	SHOW("text", "%.3s", buffer);
	CALL(fcntl(ends[0], F_SETFL, 0));
	CALL(write(ends[1], NOWHERE, 5));
	CALL(write(ends[1], "", 0));
	struct stat st;
	CALL(fstat(ends[0], &st));
	SHOW("mode", "%o", st.st_mode & ~S_IFMT);
	IS(S_ISFIFO(st.st_mode));
	CALL(fcntl(ends[0], F_SETFL, O_NONBLOCK));
	CALL(read(ends[0], buffer, 16));
	CALL(write(ends[1], "last", 4));
	CALL(close(ends[1]));
	CALL(read(ends[0], buffer, 2));
	CALL(read(ends[0], buffer, 16));
	CALL(read(ends[0], buffer, 16));
	CALL(pipe(ends));
	CALL(close(ends[0]));
	CALL(write(ends[1], "x", 1));
	CALL(write(ends[1], "", 0));
}

static void pipe_capacity(void)
{
	static char block[70000];
	CALL(syscall(SYS_pipe2, ends, O_NONBLOCK));
	CALL(fcntl(ends[0], F_GETPIPE_SZ));
	CALL(write(ends[1], block, sizeof(block)));
	CALL(write(ends[1], block, 1));
	CALL(read(ends[0], block, 4095));
	CALL(write(ends[1], block, 4096));
	CALL(read(ends[0], block, 1));
	CALL(write(ends[1], block, 4097));
	CALL(write(ends[1], block, 4096));
	CALL(read(ends[0], block, sizeof(block)));
	CALL(fcntl(ends[0], F_SETPIPE_SZ, 5000));
	CALL(fcntl(ends[1], F_GETPIPE_SZ));
	CALL(write(ends[1], block, sizeof(block)));
	CALL(fcntl(ends[0], F_SETPIPE_SZ, 4096));
	CALL(fcntl(ends[0], F_SETPIPE_SZ, 0));
	CALL(read(ends[0], block, sizeof(block)));
	CALL(fcntl(ends[0], F_SETPIPE_SZ, 4096));
	CALL(write(ends[1], block, 5000));
	CALL(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20));
	CALL(write(ends[1], block, sizeof(block)));
	CALL(fcntl(ends[1], F_GETPIPE_SZ));
	CALL(read(ends[0], block, sizeof(block)));
	CALL(fcntl(0, F_GETPIPE_SZ));
	CALL(fcntl(open("x", O_RDWR | O_CREAT, 0644), F_SETPIPE_SZ, 4096));
}

/* More events at once than a thousand. */
static void many_events(void)
{
	static struct epoll_event events[1500];
	int ep = epoll_create1(0), ready = eventfd(1, 0);
	struct rlimit many = { 2000, 2000 };
	if (setrlimit(RLIMIT_NOFILE, &many) != 0) {
		many.rlim_cur = 1024;
	}
	for (int i = 0; i < 1400; i++) {
		epoll_ctl(ep, EPOLL_CTL_ADD, dup(ready), &(struct epoll_event){ EPOLLIN, { 0 } });
	}
	CALL(epoll_wait(ep, events, 1500, 0));
	CALL(epoll_wait(ep, events, 1200, 0));
}

static void writes_dead_pipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	write(ends[1], "x", 1);
}

static void broken_pipe(void)
{
	pipe(ends);
	close(ends[0]);
	CALL(child_status(writes_dead_pipe));
}

static void polling(void)
{
	pipe(ends);
	make_file("file", "x");
	int file = open("file", O_RDWR);
	struct pollfd p[4] = { { ends[0], POLLIN, 0 }, { ends[1], POLLOUT | POLLIN, 0 }, { file, POLLIN | POLLOUT | POLLPRI, 0 }, { -1, POLLIN, 9 } };
	CALL(poll(p, 4, 0));
	SHOW("revents", "%x %x %x %x", p[0].revents, p[1].revents, p[2].revents, p[3].revents);
	write(ends[1], "x", 1);
	CALL(poll(p, 1, -1));
	SHOW("revents", "%x", p[0].revents);
	p[0].events = 0;
	CALL(poll(p, 1, 0));
	close(ends[1]);
	CALL(poll(p, 2, 0));
	SHOW("revents after the writer has gone", "%x %x", p[0].revents, p[1].revents);
	pipe(ends);
	int other = ends[1];
	close(ends[0]);
	p[0] = (struct pollfd){ other, POLLOUT, 0 };
	CALL(poll(p, 1, 0));
	SHOW("revents after the reader has gone", "%x", p[0].revents);
	CALL(poll(NULL, 0, 0));
	CALL(poll(NULL, 0, 1));
	CALL(poll(NOWHERE, 1, 0));
	CALL(poll(p, 1 << 30, 0));
	struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 }, none = { 0, 0 };
	CALL(syscall(SYS_ppoll, p, 1, &bad, NULL, 8));
	CALL(syscall(SYS_ppoll, p, 1, &negative, NULL, 8));
	CALL(syscall(SYS_ppoll, p, 1, &none, NULL, 8));
	CALL(syscall(SYS_ppoll, p, 1, NOWHERE, NULL, 8));
	uint64_t mask = 0;
	CALL(syscall(SYS_ppoll, p, 1, &none, &mask, 4));
	CALL(syscall(SYS_ppoll, p, 1, &none, NOWHERE, 8));
}

static void selecting(void)
{
	fd_set in, out, error;
	struct timeval none = { 0, 0 }, negative = { -1, 0 }, large = { 0, 2000000 }, left = { 100, 0 };
	pipe(ends);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&error);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	FD_SET(ends[0], &error);
	CALL(select(ends[1] + 1, &in, &out, &error, &none));
	SHOW("sets", "%d %d %d", !!FD_ISSET(ends[0], &in), !!FD_ISSET(ends[1], &out), !!FD_ISSET(ends[0], &error));
	write(ends[1], "x", 1);
	FD_SET(ends[0], &in);
	CALL(select(ends[1] + 1, &in, &out, NULL, NULL));
	SHOW("sets", "%d %d", !!FD_ISSET(ends[0], &in), !!FD_ISSET(ends[1], &out));
	CALL(syscall(SYS_select, ends[1] + 1, &in, NULL, NULL, &left));
	IS(left.tv_sec >= 50 && left.tv_sec <= 100);
	CALL(select(0, NULL, NULL, NULL, &none));
	CALL(syscall(SYS_select, 0, NULL, NULL, NULL, &negative));
	CALL(syscall(SYS_select, ends[1] + 1, NULL, &out, NULL, &large));
	CALL(select(-1, &in, NULL, NULL, &none));
	FD_SET(50, &in);
	CALL(select(51, &in, NULL, NULL, &none));
	CALL(syscall(SYS_select, 10, NOWHERE, NULL, NULL, &none));
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	struct {
		const void *mask;
		size_t size;
	} mask = { NULL, 8 };
	struct timespec zero = { 0, 0 };
	CALL(syscall(SYS_pselect6, ends[0] + 1, &in, NULL, NULL, &zero, &mask));
	CALL(syscall(SYS_pselect6, ends[0] + 1, &in, NULL, NULL, &zero, NULL));
	uint64_t bits = 0;
	mask.mask = &bits;
	mask.size = 7;
	CALL(syscall(SYS_pselect6, ends[0] + 1, &in, NULL, NULL, &zero, &mask));
}

static void epoll_control(void)
{
	struct epoll_event event = { EPOLLIN, { .u64 = 7 } };
	make_file("file", "x");
	pipe(ends);
	CALL(epoll_create(0));
	CALL(epoll_create1(1));
	int ep = (int)CALL(epoll_create1(EPOLL_CLOEXEC));
	CALL(fcntl(ep, F_GETFD));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, ends[1], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_DEL, ends[1], &event));
	CALL(epoll_ctl(ep, 9, ends[0], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &event));
	CALL(epoll_ctl(99, EPOLL_CTL_ADD, ends[0], &event));
	CALL(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, open("file", O_RDONLY), &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, open(".", O_RDONLY), &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, ends[1], NOWHERE));
	CALL(epoll_ctl(ep, EPOLL_CTL_DEL, ends[0], NULL));
	CALL(epoll_wait(ep, &event, 0, 0));
	CALL(epoll_wait(ep, &event, -1, 0));
	CALL(epoll_wait(99, &event, 1, 0));
	CALL(epoll_wait(ends[0], &event, 1, 0));
	CALL(epoll_wait(ep, &event, 1, 0));
	CALL(epoll_wait(ep, &event, 1, 1));
	int outer = (int)CALL(epoll_create1(0));
	CALL(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, outer, &event));
	CALL(read(ep, &event, 1));
	CALL(write(ep, &event, 1));
	CALL(lseek(ep, 0, SEEK_SET));
}

static void wait_shows(int ep, const char *name)
{
	struct epoll_event got[8];
	int count = epoll_wait(ep, got, 8, 0);
	if (count > 0) {
		calls_line("wait_shows", name, "%d %x %d", count, got[0].events, (int)got[0].data.u64);
	} else {
		calls_line("wait_shows", name, "%s", count == 0 ? "nothing" : calls_error(errno));
	}
}

static void epoll_kinds(void)
{
	char c;
	pipe(ends);
	int ep = epoll_create1(0);
	struct epoll_event event = { EPOLLIN, { .u64 = 7 } };
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event));
	wait_shows(ep, "empty");
	write(ends[1], "abc", 3);
	wait_shows(ep, "level");
	wait_shows(ep, "level again");
	event.events = EPOLLIN | EPOLLET;
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, ends[0], &event));
	wait_shows(ep, "edge");
	wait_shows(ep, "edge again");
	write(ends[1], "d", 1);
	wait_shows(ep, "edge after more");
	read(ends[0], &c, 1);
	wait_shows(ep, "edge after a read");
	event.events = EPOLLIN | EPOLLONESHOT;
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, ends[0], &event));
	wait_shows(ep, "one shot");
	wait_shows(ep, "one shot again");
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, ends[0], &event));
	wait_shows(ep, "one shot rearmed");
	event.events = 0;
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, ends[0], &event));
	wait_shows(ep, "no events");
	close(ends[1]);
	wait_shows(ep, "hang-up is always told");
	int copy = dup(ends[0]);
	close(ends[0]);
	wait_shows(ep, "closed, but a duplicate is open");
	close(copy);
	wait_shows(ep, "closed");
	struct epoll_event out = { EPOLLOUT | EPOLLIN, { .u64 = 9 } };
	pipe(ends);
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, ends[1], &out));
	wait_shows(ep, "writable");
	close(ends[0]);
	wait_shows(ep, "no reader");
	struct pollfd p = { ep, POLLIN, 0 };
	CALL(poll(&p, 1, 0));
	SHOW("an epoll in a poll", "%x", p.revents);
}

/* What an inner set tells a waiting outer one; who writes is a child, once it waits. */
static void outer_waits(int outer, const char *name)
{
	struct epoll_event got;
	pid_t waiter = getpid();
	if (fork() == 0) {
		until_sleeps(waiter);
		write(ends[1], "x", 1);
		_exit(0);
	}
	int count = epoll_wait(outer, &got, 1, 100000);
	SHOW(name, "%d %x", count, count == 1 ? got.events : 0);
	wait(NULL);
}

static void epoll_in_epoll(void)
{
	char c;
	int inner = epoll_create1(0), middle = epoll_create1(0), outer = epoll_create1(0);
	struct epoll_event event = { EPOLLIN, { .u64 = 7 } }, edge = { EPOLLIN | EPOLLET, { .u64 = 8 } };
	struct pollfd polled = { inner, POLLIN | POLLOUT, 0 };
	pipe(ends);
	CALL(epoll_ctl(inner, EPOLL_CTL_ADD, ends[0], &event));
	CALL(epoll_ctl(middle, EPOLL_CTL_ADD, inner, &event));
	CALL(epoll_ctl(middle, EPOLL_CTL_ADD, inner, &event));
	CALL(epoll_ctl(outer, EPOLL_CTL_ADD, middle, &edge));
	CALL(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event));
	event.events |= 1u << 28;
	CALL(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
	event.events = EPOLLIN;
	wait_shows(middle, "before");
	CALL(poll(&polled, 1, 0));
	outer_waits(outer, "outer, by an edge");
	wait_shows(outer, "outer again");
	wait_shows(middle, "middle");
	wait_shows(middle, "middle again");
	CALL(poll(&polled, 1, 0));
	SHOW("polled", "%x", (unsigned)polled.revents);
	write(ends[1], "x", 1);
	wait_shows(outer, "outer after one more");
	wait_shows(inner, "inner");
	read(ends[0], &c, 1);
	read(ends[0], &c, 1);
	wait_shows(middle, "middle, drained");
	outer_waits(outer, "outer once more");
	read(ends[0], &c, 1);
	outer_waits(middle, "middle waits");
	read(ends[0], &c, 1);
	CALL(epoll_ctl(middle, EPOLL_CTL_DEL, inner, NULL));
	write(ends[1], "x", 1);
	wait_shows(outer, "without the inner one");
	CALL(epoll_ctl(middle, EPOLL_CTL_ADD, inner, &event));
	wait_shows(outer, "with it");
	close(inner);
	wait_shows(middle, "inner closed");
}

/* Sets one in the other, and one that has itself in it by way of others. */
static void epoll_tower(void)
{
	int set[8];
	struct epoll_event event = { EPOLLIN, { .u64 = 7 } };
	pipe(ends);
	for (int i = 0; i < 8; i++) {
		set[i] = epoll_create1(0);
	}
	for (int i = 0; i + 1 < 6; i++) {
		CALL(epoll_ctl(set[i + 1], EPOLL_CTL_ADD, set[i], &event));
	}
	CALL(epoll_ctl(set[0], EPOLL_CTL_ADD, set[4], &event));
	CALL(epoll_ctl(set[0], EPOLL_CTL_ADD, set[6], &event));
	CALL(epoll_ctl(set[0], EPOLL_CTL_ADD, ends[0], &event));
	write(ends[1], "x", 1);
	wait_shows(set[4], "five high");
	CALL(epoll_ctl(set[6], EPOLL_CTL_ADD, set[7], &event));
	CALL(epoll_ctl(set[7], EPOLL_CTL_ADD, set[6], &event));
}

/* Sets with files that speak of who asks, which join before and after the set does. */
static void epoll_signals(void)
{
	struct epoll_event event = { EPOLLIN, { .u64 = 7 } };
	struct signalfd_siginfo info;
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	for (int late = 0; late < 2; late++) {
		int signals = signalfd(-1, &one, 0), inner = epoll_create1(0), outer = epoll_create1(0);
		struct pollfd polled = { outer, POLLIN, 0 };
		CALL(epoll_ctl(late ? outer : inner, EPOLL_CTL_ADD, late ? inner : signals, &event));
		CALL(epoll_ctl(late ? inner : outer, EPOLL_CTL_ADD, late ? signals : inner, &event));
		wait_shows(outer, "no signal");
		pid_t waiter = getpid();
		if (fork() == 0) {
			until_sleeps(waiter);
			kill(waiter, SIGUSR1);
			_exit(0);
		}
		CALL(poll(&polled, 1, 100000));
		wait(NULL);
		wait_shows(outer, "a signal");
		wait_shows(inner, "a signal, inside");
		CALL(read(signals, &info, sizeof(info)) == sizeof(info));
		wait_shows(outer, "none any more");
	}
}

static void event_counters(void)
{
	uint64_t value = 0;
	int fd = (int)CALL(eventfd(3, EFD_NONBLOCK));
	CALL(read(fd, &value, 8));
	SHOW("value", "%lu", value);
	CALL(read(fd, &value, 8));
	CALL(read(fd, &value, 4));
	CALL(write(fd, &value, 4));
	value = 5;
	CALL(write(fd, &value, 8));
	CALL(read(fd, &value, 16));
	SHOW("value", "%lu", value);
	value = ~0ull;
	CALL(write(fd, &value, 8));
	value = ~0ull - 1;
	CALL(write(fd, &value, 8));
	value = 1;
	CALL(write(fd, &value, 8));
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	CALL(poll(&p, 1, 0));
	SHOW("revents when full", "%x", p.revents);
	CALL(read(fd, NOWHERE, 8));
	int semaphore = (int)CALL(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	CALL(read(semaphore, &value, 8));
	SHOW("value", "%lu", value);
	CALL(read(semaphore, &value, 8));
	CALL(read(semaphore, &value, 8));
	CALL(poll(&(struct pollfd){ semaphore, POLLIN | POLLOUT, 0 }, 1, 0));
	CALL(syscall(SYS_eventfd2, 0, 0x10));
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(pread(fd, &value, 8, 0));
}

/* A reader that sleeps is woken by the writer, and by its end. */
static void sleeping_readers(void)
{
	char c = 0;
	pipe(ends);
	pid_t reader = getpid();
	if (fork() == 0) {
		close(ends[0]);
		until_sleeps(reader);
		write(ends[1], "w", 1);
		until_sleeps(reader);
		_exit(0);
	}
	close(ends[1]);
	CALL(read(ends[0], &c, 1));
	SHOW("read", "%c", c);
	struct pollfd p = { ends[0], POLLIN, 0 };
	CALL(poll(&p, 1, -1));
	SHOW("revents", "%x", p.revents);
	CALL(read(ends[0], &c, 1));
	wait(NULL);
}

static void exclusive(void)
{
	struct epoll_event event = { EPOLLIN | 1u << 28, { .u64 = 7 } }, got;
	int own[2];
	CALL(pipe(own));
	int ep = (int)CALL(epoll_create1(0)), second = (int)CALL(epoll_create1(0));
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, own[0], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, own[0], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, own[0], &event));
	CALL(epoll_ctl(second, EPOLL_CTL_ADD, own[0], &event));
	CALL(write(own[1], "x", 1));
	CALL(epoll_wait(ep, &got, 1, 1000));
	CALL(epoll_wait(second, &got, 1, 1000));
	event.events = EPOLLIN;
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, own[0], &event));
	event.events = EPOLLIN | 1u << 28;
	CALL(epoll_ctl(ep, EPOLL_CTL_MOD, own[0], &event));
	CALL(epoll_ctl(ep, EPOLL_CTL_DEL, own[0], &event));
	event.events = EPOLLIN | EPOLLONESHOT | 1u << 28;
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, own[0], &event));
	event.events = EPOLLIN | EPOLLPRI | 1u << 28;
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, own[0], &event));
	event.events = EPOLLIN | EPOLLET | 1u << 28;
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, own[0], &event));
	CALL(epoll_wait(ep, &got, 1, 0));
	CALL(epoll_wait(ep, &got, 1, 0));
}

/* Three wait for the same counter, each in a set of its own: with EPOLLEXCLUSIVE one event wakes one of them. */
static void wakes(const char *name, uint32_t flag)
{
	int fd = eventfd(0, EFD_NONBLOCK), woken, told[2];
	pid_t children[3];
	char byte;
	pipe(told);
	for (int i = 0; i < 3; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct epoll_event event = { .events = EPOLLIN | flag };
			int ep = epoll_create1(0);
			epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
			write(told[1], "", 1);
			_exit(epoll_wait(ep, &event, 1, -1));
		}
		read(told[0], &byte, 1);
		until_sleeps(children[i]);
	}
	write(fd, &(uint64_t){ 1 }, 8);
	woken = count_woken(children, 3);
	SHOW(name, "%d", woken);
	close(fd);
	close(told[0]);
	close(told[1]);
}

static void only_one(void)
{
	wakes("woken", 0);
	wakes("woken with EPOLLEXCLUSIVE", 1u << 28);
}

int main(void)
{
	calls_begin();
	RUN(pipes);
	RUN(pipe_capacity);
	RUN(broken_pipe);
	RUN(polling);
	RUN(selecting);
	RUN(epoll_control);
	RUN(exclusive);
	RUN(only_one);
	RUN(epoll_kinds);
	RUN(epoll_in_epoll);
	RUN(epoll_tower);
	RUN(epoll_signals);
	RUN(event_counters);
	RUN(sleeping_readers);
	RUN(many_events);
	return 0;
}
