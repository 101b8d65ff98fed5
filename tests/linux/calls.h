/* SPDX-License-Identifier: MIT */
/*
 * Programs that print what system calls do, a line a case: `GROUP: CALL -> RESULT`. The same binary runs on Linux and in the guest, and the
 * outputs are compared (tests/boot/linux-calls.sh). So nothing is judged here, and nothing is printed that two runs on one kernel
 * would print differently: no address, process ID or time. Each group runs in a child process and a new directory of its own.
 */
#ifndef TESTS_LINUX_CALLS_H
#define TESTS_LINUX_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define NOWHERE ((void *)8)                       /* a user address where nothing is mapped */
#define KERNELS ((void *)0xffff888000000000ul)    /* an address that no process may name */

/* Its value as a number, or the name of its error; the expression's value is the call's. */
#define CALL(expression)                                                                           \
	({                                                                                         \
		errno = 0;                                                                         \
		long result_ = (long)(expression);                                                 \
		int error_ = errno;                                                                \
		calls_result(__func__, #expression, result_, error_);                              \
		result_;                                                                           \
	})
/* The same where the value itself may differ: "done" or the error. */
#define DONE(expression)                                                                           \
	({                                                                                         \
		errno = 0;                                                                         \
		__auto_type result_ = (expression);                                                \
		int error_ = errno;                                                                \
		calls_done(__func__, #expression, (long)result_, error_);                          \
		result_;                                                                           \
	})
/* Whether something holds. */
#define IS(condition) calls_line(__func__, #condition, "%s", (condition) ? "yes" : "no")
/* Any other value, formatted. */
#define SHOW(name, ...) calls_line(__func__, name, __VA_ARGS__)
/* A group of cases: void group(void). */
#define RUN(group) calls_group(#group, group)

#define CALLS_ERRORS(X)                                                                                                                    \
	X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF) X(ECHILD) X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT)    \
	X(ENOTBLK) X(EBUSY) X(EEXIST) X(EXDEV) X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(ENFILE) X(EMFILE) X(ENOTTY) X(ETXTBSY) X(EFBIG)      \
	X(ENOSPC) X(ESPIPE) X(EROFS) X(EMLINK) X(EPIPE) X(EDOM) X(ERANGE) X(EDEADLK) X(ENAMETOOLONG) X(ENOLCK) X(ENOSYS) X(ENOTEMPTY)         \
	X(ELOOP) X(ENODATA) X(EOVERFLOW) X(EOPNOTSUPP) X(ETIMEDOUT) X(ENOTSOCK) X(ECANCELED) X(EOWNERDEAD) X(ENOTCONN)

static inline const char *calls_error(int error)
{
	static char number[16];
	switch (error) {
#define X(name)    \
	case name: \
		return #name;
		CALLS_ERRORS(X)
#undef X
	default:
		snprintf(number, sizeof(number), "error %d", error);
		return number;
	}
}

/* One write a line: nothing is left in a buffer that a fork would double. */
__attribute__((format(printf, 3, 4))) static inline void calls_line(const char *group, const char *name, const char *format, ...)
{
	char line[1024];
	int error = errno;
	va_list arguments;
	int length = snprintf(line, sizeof(line) / 2, "%s: %s -> ", group, name);
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof(line) / 2 - 2, format, arguments);
	va_end(arguments);
	line[length++] = '\n';
	if (write(1, line, (size_t)length) != length) {
		_exit(99);
	}
	errno = error;
}

static inline void calls_result(const char *group, const char *name, long result, int error)
{
	if (result == -1 && error) {
		calls_line(group, name, "%s", calls_error(error));
	} else {
		calls_line(group, name, "%ld", result);
	}
}

static inline void calls_done(const char *group, const char *name, long result, int error)
{
	calls_line(group, name, "%s", result == -1 ? calls_error(error) : "done");
}

static inline void calls_group(const char *name, void (*group)(void))
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		alarm(200); /* what hangs */
		if (mkdir(name, 0755) != 0 || chdir(name) != 0) {
			calls_line(name, "its directory", "%s", calls_error(errno));
			_exit(98);
		}
		group();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		calls_line(name, "its process", "%s", calls_error(errno));
	} else if (status) {
		calls_line(name, "its end", "status %x", (unsigned)status);
	}
}

/* Not what this host cannot be asked for: tests/boot/linux-calls.sh names it in $LEFT_OUT, for the guest, too. */
static inline bool calls_with(const char *what)
{
	const char *left_out = getenv("LEFT_OUT");
	return !left_out || !strstr(left_out, what);
}

/* What every program begins with: whatever the caller left open or set is not the test's. */
static inline void calls_begin(void)
{
	syscall(SYS_close_range, 3u, ~0u, 0);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
}

/* A file with this text. */
static inline void make_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0) {
		calls_line("make_file", name, "%s", calls_error(errno));
	}
}

/* Its letter in /proc/PID/stat; 0: there is no such process. */
static inline char process_state(pid_t pid)
{
	char path[32], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *name_end = strrchr(text, ')');
	return name_end ? name_end[2] : 0;
}

/* Until that process waits for something, at most a minute. */
static inline void until_sleeps(pid_t pid)
{
	for (int i = 0; i < 60000; i++) {
		if (process_state(pid) == 'S') {
			return;
		}
		usleep(1000);
	}
	calls_line("until_sleeps", "a process", "does not sleep");
}

/* Until that process sleeps, and has not only begun to, or has ended. */
static inline void until_asleep(pid_t pid)
{
	for (int asleep = 0; asleep < 3;) {
		char state = process_state(pid);
		asleep = !state || state == 'Z' ? 3 : state == 'S' ? asleep + 1 : 0;
		usleep(2000);
	}
}

/*
 * How many of `count` children that wait for the same were woken, by their exit status, 1; at least one has to be. Who was woken runs from that moment
 * on until it ends: those that sleep once one has ended sleep on, and are killed.
 */
static inline int count_woken(const pid_t *children, int count)
{
	int woken = 0, status;
	siginfo_t info;
	waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
	for (int i = 0; i < count; i++) {
		until_asleep(children[i]);
		kill(children[i], SIGKILL);
		waitpid(children[i], &status, 0);
		woken += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	return woken;
}

/* How a child that runs `body` ends: its exit status, or minus the signal. */
static inline int child_status(void (*body)(void))
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		body();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return -1000;
	}
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
