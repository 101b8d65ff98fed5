/* SPDX-License-Identifier: MIT */
/* Urgent data on connections: MSG_OOB, SO_OOBINLINE, SIOCATMARK, POLLPRI, SIGURG. */
#include "inet.h"

#include <sys/ioctl.h>

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static int at_mark(int fd)
{
	int mark = -1;
	return ioctl(fd, SIOCATMARK, &mark) ? -errno : mark;
}

/* Until the other end has all that was sent, at most a minute. */
static void until_arrived(int fd)
{
	int waiting = 1;
	for (int i = 0; i < 60000 && ioctl(fd, TIOCOUTQ, &waiting) == 0 && waiting; i++) {
		usleep(1000);
	}
}

/* What there is to read, up to the mark. */
static void show_read(int fd, const char *name)
{
	char text[32] = "";
	long n = recv(fd, text, 20, MSG_DONTWAIT);
	SHOW(name, "%ld %.20s, mark %d", n < 0 ? -errno : n, n > 0 ? text : "", at_mark(fd));
}

static void alone(void)
{
	int ends[2];
	char c = 0;
	connection_make(ends);
	CALL(recv(ends[1], &c, 1, MSG_OOB));
	SHOW("mark", "%d", at_mark(ends[1]));
	CALL(send(ends[0], "!", 1, MSG_OOB));
	SHOW("told", "%x", until(ends[1], POLLPRI));
	CALL(recv(ends[1], &c, 1, MSG_OOB | MSG_PEEK));
	CALL(recv(ends[1], &c, 1, MSG_OOB));
	SHOW("byte", "%c", c);
	CALL(recv(ends[1], &c, 1, MSG_OOB));
	show_read(ends[1], "rest");
	SHOW("after", "%x", polled(ends[1], 0));
	CALL(send(ends[0], "x", 1, 0));
	until(ends[1], POLLIN);
	show_read(ends[1], "next");
	CALL(recv(ends[1], &c, 1, MSG_OOB));
}

static void between(void)
{
	int ends[2];
	char c = 0, text[32] = "";
	connection_make(ends);
	CALL(send(ends[0], "before", 6, 0));
	CALL(send(ends[0], "ab!", 3, MSG_OOB));
	CALL(send(ends[0], "after", 5, 0));
	SHOW("told", "%x", until(ends[1], POLLPRI));
	until_arrived(ends[0]);
	CALL(recv(ends[1], text, 3, 0));
	SHOW("mark", "%d", at_mark(ends[1]));
	CALL(recv(ends[1], text, 20, MSG_PEEK));
	show_read(ends[1], "up to it");
	CALL(recv(ends[1], &c, 1, MSG_OOB));
	SHOW("byte", "%c", c);
	show_read(ends[1], "behind it");
	SHOW("then", "%x", polled(ends[1], 0));
}

static void not_taken(void)
{
	int ends[2];
	char c = 0;
	connection_make(ends);
	CALL(send(ends[0], "a!", 2, MSG_OOB));
	CALL(send(ends[0], "b", 1, 0));
	until(ends[1], POLLPRI);
	until_arrived(ends[0]);
	show_read(ends[1], "first");
	show_read(ends[1], "second");
	CALL(recv(ends[1], &c, 1, MSG_OOB)); /* it is gone */
}

static void in_line(void)
{
	int ends[2], on = 1;
	char c = 0;
	connection_make(ends);
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)));
	CALL(send(ends[0], "ab!", 3, MSG_OOB));
	CALL(send(ends[0], "cd", 2, 0));
	until(ends[1], POLLPRI);
	until_arrived(ends[0]);
	CALL(recv(ends[1], &c, 1, MSG_OOB));
	show_read(ends[1], "first");
	show_read(ends[1], "second");
}

static int signals;

static void count(int signal)
{
	signals++;
}

static void signalled(void)
{
	int ends[2];
	connection_make(ends);
	signal(SIGURG, count);
	CALL(fcntl(ends[1], F_SETOWN, getpid()));
	CALL(send(ends[0], "x", 1, 0));
	CALL(send(ends[0], "!", 1, MSG_OOB));
	until(ends[1], POLLPRI);
	SHOW("signals", "%d", signals);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	SHOW("of datagrams", "%d", at_mark(udp));
}

int main(void)
{
	RUN(alone);
	RUN(between);
	RUN(not_taken);
	RUN(in_line);
	RUN(signalled);
	return 0;
}
