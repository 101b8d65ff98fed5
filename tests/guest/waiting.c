/* SPDX-License-Identifier: MIT */
/* Signals, timers and processes as files: signalfd, timerfd, pidfd; POSIX timers, execveat, FUTEX_WAKE_OP. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#define MS 1000000L

/* linux/futex.h and linux/sched.h, which musl has not. */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_OP_PRIVATE = 133, FUTEX_OP_SET = 0, FUTEX_OP_ADD = 1, FUTEX_OP_OR = 2, FUTEX_OP_CMP_EQ = 0,
	FUTEX_OP_CMP_GT = 4 };
#define FUTEX_OP(operation, argument, comparison, with) ((operation) << 28 | (comparison) << 24 | (argument) << 12 | (with))
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static sigset_t set_of(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	return set;
}

static struct itimerspec every(long value_ns, long interval_ns)
{
	return (struct itimerspec){ { interval_ns / 1000000000, interval_ns % 1000000000 }, { value_ns / 1000000000, value_ns % 1000000000 } };
}

static void signals_are_read(void)
{
	struct signalfd_siginfo info[3];
	sigset_t set = set_of(SIGUSR1), old;
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(read(fd, info, sizeof(info)) == -1 && errno == EAGAIN);
	CHECK(read(fd, info, 127) == -1 && errno == EINVAL);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	CHECK(poll(&p, 1, 0) == 0);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 7 });
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 8 });
	kill(getpid(), SIGUSR1);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	CHECK(read(fd, info, sizeof(info)) == sizeof(info));
	CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_pid == (uint32_t)getpid() && info[0].ssi_code == SI_USER);
	CHECK(info[1].ssi_signo == (uint32_t)SIGRTMIN && info[1].ssi_int == 7 && info[1].ssi_code == SI_QUEUE && info[2].ssi_int == 8);
	sigset_t none;
	sigemptyset(&none);
	CHECK(signalfd(fd, &none, 0) == fd);
	kill(getpid(), SIGUSR1);
	CHECK(read(fd, info, sizeof(info)) == -1 && errno == EAGAIN);
	CHECK(signalfd(fd, &set, 0) == fd && read(fd, info, sizeof(info)) == sizeof(info[0]));
	CHECK(signalfd(0, &set, 0) == -1 && errno == EINVAL);
	close(fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void signalfd_waits_for_a_child(void)
{
	struct signalfd_siginfo info;
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t set = set_of(SIGCHLD), old;
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	int fd = signalfd(-1, &set, 0), epoll = epoll_create1(0), status;
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			usleep(20000);
			_exit(5);
		}
		if (i == 0) {
			CHECK(epoll_wait(epoll, &event, 1, 100000) == 1);
		}
		CHECK(read(fd, &info, sizeof(info)) == sizeof(info));
		CHECK(info.ssi_signo == SIGCHLD && info.ssi_pid == (uint32_t)pid && info.ssi_status == 5 && info.ssi_code == CLD_EXITED);
		CHECK(waitpid(pid, &status, 0) == pid);
	}
	close(epoll);
	close(fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void timer_files_count(void)
{
	uint64_t ticks;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec late = { .it_value.tv_sec = 1000 }, once = every(10 * MS, 0), often = every(MS, MS), left;
	CHECK(fd >= 0 && read(fd, &ticks, 8) == -1 && errno == EAGAIN);
	CHECK(timerfd_settime(fd, 0, &late, NULL) == 0 && timerfd_gettime(fd, &left) == 0);
	CHECK(left.it_value.tv_sec >= 800 && left.it_value.tv_sec <= 1000 && left.it_interval.tv_nsec == 0);
	CHECK(timerfd_settime(fd, 0, &once, NULL) == 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	CHECK(poll(&p, 1, 100000) == 1 && read(fd, &ticks, 8) == 8 && ticks == 1);
	CHECK(timerfd_gettime(fd, &left) == 0 && left.it_value.tv_nsec == 0);
	CHECK(poll(&p, 1, 20) == 0);
	CHECK(timerfd_settime(fd, 0, &often, NULL) == 0);
	usleep(30000);
	CHECK(read(fd, &ticks, 8) == 8 && ticks >= 29);
	CHECK(fcntl(fd, F_SETFL, 0) == 0 && read(fd, &ticks, 8) == 8 && ticks >= 1);
	CHECK(read(fd, &ticks, 4) == -1 && errno == EINVAL);
	often.it_value.tv_nsec = 1000000000;
	CHECK(timerfd_settime(fd, 0, &often, NULL) == -1 && errno == EINVAL);
	CHECK(timerfd_settime(0, 0, &once, NULL) == -1 && errno == EINVAL);
	CHECK(timerfd_settime(999, 0, &once, NULL) == -1 && errno == EBADF);
	CHECK(timerfd_create(99, 0) == -1 && errno == EINVAL);
	struct itimerspec past = every(1, 0), off = every(0, 0);
	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, &left) == 0 && left.it_interval.tv_nsec == MS);
	CHECK(read(fd, &ticks, 8) == 8 && ticks == 1);
	CHECK(timerfd_settime(fd, 0, &off, NULL) == 0 && poll(&p, 1, 10) == 0);
	close(fd);
}

static volatile int caught, caught_value, caught_code;
static void catch(int signal, siginfo_t *info, void *context)
{
	caught++;
	caught_value = info->si_value.sival_int;
	caught_code = info->si_code;
}

static void timers_send_signals(void)
{
	struct sigaction action = { .sa_sigaction = catch, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 42 };
	struct itimerspec late = { .it_value.tv_sec = 1000 }, once = every(5 * MS, 0), often = every(MS, MS), left;
	timer_t timer;
	sigset_t set = set_of(SIGRTMIN + 1), old;
	caught = 0;
	sigaction(SIGRTMIN + 1, &action, NULL);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_nsec == 0);
	CHECK(timer_settime(timer, 0, &late, NULL) == 0 && timer_gettime(timer, &left) == 0);
	CHECK(left.it_value.tv_sec >= 800 && left.it_value.tv_sec <= 1000);
	CHECK(timer_settime(timer, 0, &once, NULL) == 0);
	while (!caught) {
		usleep(1000);
	}
	CHECK(caught == 1 && caught_value == 42 && caught_code == SI_TIMER);
	sigprocmask(SIG_BLOCK, &set, &old);
	CHECK(timer_settime(timer, 0, &often, NULL) == 0);
	usleep(30000);
	siginfo_t info;
	CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 1 && info.si_code == SI_TIMER && info.si_value.sival_int == 42 && info.si_overrun >= 25);
	CHECK(timer_getoverrun(timer) == info.si_overrun);
	CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 1);
	CHECK(timer_delete(timer) == 0 && timer_gettime(timer, &left) == -1 && errno == EINVAL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	event.sigev_signo = 99;
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 && errno == EINVAL);
	CHECK(timer_create(99, NULL, &timer) == -1 && errno == EINVAL);
}

static void silent_timers_only_tell(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	struct itimerspec late = { .it_value.tv_sec = 1000 }, once = every(5 * MS, 0), left;
	timer_t timer;
	CHECK(timer_create(CLOCK_REALTIME, &event, &timer) == 0 && timer_settime(timer, 0, &late, NULL) == 0);
	CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_sec >= 800);
	CHECK(timer_settime(timer, 0, &once, NULL) == 0);
	usleep(6000);
	CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_nsec == 0 && left.it_value.tv_sec == 0);
	CHECK(timer_delete(timer) == 0);
}

static void timers_are_not_inherited(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec left;
	timer_t timer;
	int status;
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		_exit(timer_gettime(timer, &left) == -1 && errno == EINVAL ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(timer_delete(timer) == 0);
}

static void pidfds_stand_for_processes(void)
{
	siginfo_t info;
	int end[2], flags;
	CHECK(pipe(end) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		close(end[1]);
		(void)!read(end[0], &c, 1);
		_exit(3);
	}
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(fd >= 0 && (flags = fcntl(fd, F_GETFD)) == FD_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	CHECK(poll(&p, 1, 0) == 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0);
	int other = (int)syscall(SYS_pidfd_getfd, fd, end[0], 0);
	CHECK(other >= 0 && close(other) == 0 && syscall(SYS_pidfd_getfd, fd, 99, 0) == -1 && errno == EBADF);
	close(end[1]);
	CHECK(poll(&p, 1, 100000) == 1 && p.revents == POLLIN);
	CHECK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid && info.si_status == 3);
	CHECK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED) == 0 && info.si_pid == pid && info.si_code == CLD_EXITED);
	CHECK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED) == -1 && errno == ECHILD);
	CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == -1 && errno == ESRCH);
	CHECK(poll(&p, 1, 0) == 1);
	CHECK(waitid(P_PIDFD, (id_t)end[0], &info, WEXITED) == -1 && errno == EBADF);
	CHECK(syscall(SYS_pidfd_open, 0, 0) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_pidfd_open, getpid(), 1) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_pidfd_open, pid, 0) == -1 && errno == ESRCH);
	close(fd);
	close(end[0]);
}

static void clone_gives_a_pidfd(void)
{
	siginfo_t info;
	int fd = -1;
	long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &fd, NULL, NULL);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK(pid > 0 && fd >= 0 && syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == 0);
	CHECK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED) == 0 && info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	close(fd);
	CHECK(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &fd, NULL, NULL) == -1 && errno == EINVAL);
}

static int run_at(int dir, const char *path, int flags)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		char *const argv[] = { "program", "-", NULL }, *const envp[] = { "WAITING_RUNS=1", NULL };
		syscall(SYS_execveat, dir, path, argv, envp, flags);
		_exit(errno);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void programs_run_from_descriptors(void)
{
	char self[256], script[] = "waiting-script";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(n > 0);
	self[n] = '\0';
	char *name = strrchr(self, '/');
	int fd = open(self, O_RDONLY), path = open(self, O_PATH | O_CLOEXEC);
	*name = '\0';
	int dir = open(*self ? self : "/", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && path >= 0 && dir >= 0);
	CHECK(run_at(fd, "", AT_EMPTY_PATH) == 77 && run_at(path, "", AT_EMPTY_PATH) == 77 && run_at(dir, name + 1, 0) == 77);
	CHECK(run_at(fd, "", 0) == ENOENT && run_at(999, "", AT_EMPTY_PATH) == EBADF && run_at(dir, "", AT_EMPTY_PATH) == EACCES);
	CHECK(run_at(fd, "", AT_EMPTY_PATH | 1) == EINVAL && run_at(999, "x", 0) == EBADF);
	chdir("/tmp");
	int made = open(script, O_CREAT | O_TRUNC | O_WRONLY, 0755);
	CHECK(made >= 0 && write(made, "#!/bin/sh\nexit 9\n", 17) == 17 && close(made) == 0);
	int open_script = open(script, O_RDONLY), closing = open(script, O_RDONLY | O_CLOEXEC);
	CHECK(run_at(open_script, "", AT_EMPTY_PATH) == 9 && run_at(closing, "", AT_EMPTY_PATH) == ENOENT);
	CHECK(symlink(script, "waiting-link") == 0 && run_at(AT_FDCWD, "waiting-link", 0) == 9);
	CHECK(run_at(AT_FDCWD, "waiting-link", AT_SYMLINK_NOFOLLOW) == ELOOP);
	unlink("waiting-link");
	unlink(script);
	close(open_script);
	close(closing);
	close(fd);
	close(path);
	close(dir);
}

static uint32_t first, second = 5;
static void *sleeper(void *word)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, word == &first ? 0 : 5, NULL, NULL, 0);
	return NULL;
}

static void futex_operation_wakes_two(void)
{
	pthread_t threads[2];
	long woken = 0;
	int code = FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 4);
	CHECK(syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &second, code) == 0 && second == 8);
	CHECK(syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &second, FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0)) == 0);
	CHECK(second == 5 && syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &second, 0xf0000000) == -1 && errno == ENOSYS);
	pthread_create(&threads[0], NULL, sleeper, &first);
	pthread_create(&threads[1], NULL, sleeper, &second);
	while (woken < 2) {
		long n = syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &second, FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 5));
		CHECK(n >= 0);
		woken += n;
		usleep(1000);
	}
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	CHECK(woken == 2);
}

static void edges_are_told_once(void)
{
	int end[2], epoll = epoll_create1(0);
	char in[8];
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = 1 };
	CHECK(pipe(end) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, end[0], &event) == 0);
	CHECK(epoll_wait(epoll, &event, 1, 0) == 0 && write(end[1], "abc", 3) == 3);
	CHECK(epoll_wait(epoll, &event, 1, 100000) == 1 && event.events == EPOLLIN && epoll_wait(epoll, &event, 1, 0) == 0);
	CHECK(read(end[0], in, 1) == 1 && epoll_wait(epoll, &event, 1, 0) == 0);
	CHECK(write(end[1], "d", 1) == 1 && epoll_wait(epoll, &event, 1, 100000) == 1 && epoll_wait(epoll, &event, 1, 0) == 0);
	event = (struct epoll_event){ .events = EPOLLIN | EPOLLET };
	CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, end[0], &event) == 0 && epoll_wait(epoll, &event, 1, 0) == 1);
	close(end[1]);
	CHECK(epoll_wait(epoll, &event, 1, 100000) == 1 && event.events == (EPOLLIN | EPOLLHUP) && epoll_wait(epoll, &event, 1, 0) == 0);
	close(end[0]);
	close(epoll);
}

static void one_shots_are_armed_again(void)
{
	int end[2], epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	CHECK(pipe(end) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, end[0], &event) == 0 && write(end[1], "abc", 3) == 3);
	CHECK(epoll_wait(epoll, &event, 1, 100000) == 1 && epoll_wait(epoll, &event, 1, 0) == 0 && write(end[1], "d", 1) == 1);
	CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
	event = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT };
	CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, end[0], &event) == 0 && epoll_wait(epoll, &event, 1, 0) == 1);
	close(end[0]);
	close(end[1]);
	close(epoll);
}

static void every_ready_file_has_its_turn(void)
{
	int end[3][2], epoll = epoll_create1(0);
	unsigned seen = 0;
	struct epoll_event event;
	for (int i = 0; i < 3; i++) {
		event = (struct epoll_event){ .events = EPOLLIN, .data.u32 = (unsigned)i };
		CHECK(pipe(end[i]) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, end[i][0], &event) == 0 && write(end[i][1], "x", 1) == 1);
	}
	for (int i = 0; i < 3; i++) {
		CHECK(epoll_wait(epoll, &event, 1, 100000) == 1);
		seen |= 1u << event.data.u32;
	}
	CHECK(seen == 7);
	for (int i = 0; i < 3; i++) {
		close(end[i][0]);
		close(end[i][1]);
	}
	close(epoll);
}

int main(void)
{
	if (getenv("WAITING_RUNS")) {
		return 77;
	}
	RUN(signals_are_read);
	RUN(signalfd_waits_for_a_child);
	RUN(timer_files_count);
	RUN(timers_send_signals);
	RUN(silent_timers_only_tell);
	RUN(timers_are_not_inherited);
	RUN(pidfds_stand_for_processes);
	RUN(clone_gives_a_pidfd);
	RUN(programs_run_from_descriptors);
	RUN(futex_operation_wakes_two);
	RUN(edges_are_told_once);
	RUN(one_shots_are_armed_again);
	RUN(every_ready_file_has_its_turn);
	return check_failures;
}
