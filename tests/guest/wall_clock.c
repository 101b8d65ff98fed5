/* SPDX-License-Identifier: MIT */
/*
 * What timerfds do when the wall clock is set: with an argument, for only a machine's own guest is to be set. Moments of that clock come
 * sooner or later then, durations do not, and a read is told where it was asked to be (TFD_TIMER_CANCEL_ON_SET).
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

static int timer(int flags, long seconds)
{
	struct timespec now = { 0, 0 };
	if (flags & TFD_TIMER_ABSTIME) {
		clock_gettime(CLOCK_REALTIME, &now);
	}
	struct itimerspec at = { { 0, 0 }, { now.tv_sec + seconds, 0 } };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	timerfd_settime(fd, flags, &at, NULL);
	return fd;
}

static void forward(long seconds)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += seconds;
	if (clock_settime(CLOCK_REALTIME, &now) != 0) {
		puts("not ok: the clock was not set");
	}
}

static void tell(const char *name, int fd, int wait_ms)
{
	uint64_t ticks = 0;
	struct pollfd p = { fd, POLLIN, 0 };
	int ready = poll(&p, 1, wait_ms);
	long n = read(fd, &ticks, sizeof(ticks));
	printf("%s: ready %d, %s\n", name, ready, n == 8 ? "ticks" : errno == EAGAIN ? "nothing" : errno == ECANCELED ? "cancelled" : "error");
}

int main(int count, char **arguments)
{
	if (count < 2) {
		return 0;
	}
	int moment = timer(TFD_TIMER_ABSTIME, 1000), duration = timer(0, 1000);
	int told = timer(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 100000);
	tell("before", told, 0);
	forward(2000);
	tell("a moment that is over now", moment, 5000);
	tell("a duration", duration, 0);
	tell("who asked to be told", told, 0);
	tell("is told once", told, 0);
	struct itimerspec at = { { 0, 0 }, { time(NULL) + 100000, 0 } };
	forward(10);
	int result = timerfd_settime(told, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
	printf("set after the clock was: %d %s\n", result, result && errno == ECANCELED ? "cancelled" : "");
	fflush(stdout);
	if (fork() == 0) {
		usleep(100000);
		forward(10);
		_exit(0);
	}
	tell("who waits is woken", told, 20000);
	wait(NULL);
	/* Where the moment had come before the clock was set back, another one is taken. */
	time_t before;
	do {
		before = time(NULL);
		moment = timer(TFD_TIMER_ABSTIME, 2);
		forward(-1000);
	} while (time(NULL) + 1000 >= before + 2);
	usleep(2200000);
	tell("a moment that is later now", moment, 0);
	return 0;
}
