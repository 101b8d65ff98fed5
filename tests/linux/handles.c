/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and timers that stand for a process or a thread: pidfds, also as directories of /proc, timers that tell one thread, how often
 * a timer ran over, and what futexes and clone have beside their everyday use.
 */
#include "calls.h"
#include "futex.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

static volatile sig_atomic_t told, told_thread, told_value;

static void tell(int signal, siginfo_t *info, void *context)
{
	told++;
	told_thread = (sig_atomic_t)syscall(SYS_gettid);
	told_value = info->si_value.sival_int;
}

static pid_t sleeper(void)
{
	pid_t child = fork();
	if (child == 0) {
		alarm(200);
		for (;;) {
			pause();
		}
	}
	return child;
}

static int directory_of(pid_t pid, const char *below)
{
	char name[40];
	snprintf(name, sizeof(name), "/proc/%d%s", pid, below);
	return open(name, O_RDONLY | O_DIRECTORY);
}

static void sending(void)
{
	int status = 0;
	pid_t child = sleeper();
	int fd = (int)syscall(SYS_pidfd_open, child, 0);
	struct pollfd polled = { fd, POLLIN, 0 };
	siginfo_t info = { .si_signo = SIGTERM, .si_code = SI_QUEUE };
	IS(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CALL(syscall(SYS_pidfd_open, child, 1));
	CALL(syscall(SYS_pidfd_open, -1, 0));
	CALL(syscall(SYS_pidfd_open, 0, 0));
	CALL(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	CALL(syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0));
	CALL(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
	CALL(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NOWHERE, 0));
	CALL(syscall(SYS_pidfd_send_signal, 0, SIGTERM, NULL, 0));
	CALL(syscall(SYS_pidfd_send_signal, 99, SIGTERM, NULL, 0));
	CALL(poll(&polled, 1, 0));
	CALL(syscall(SYS_pidfd_send_signal, fd, SIGTERM, &info, 0));
	CALL(poll(&polled, 1, 100000));
	CALL(waitpid(child, &status, 0) == child);
	SHOW("ended by", "%d", WTERMSIG(status));
	CALL(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
	CALL(poll(&polled, 1, 0));
}

static void directories(void)
{
	int status = 0;
	pid_t child = sleeper();
	int fd = directory_of(child, "");
	CALL(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	CALL(syscall(SYS_pidfd_send_signal, directory_of(child, "/task"), 0, NULL, 0));
	CALL(syscall(SYS_pidfd_send_signal, open("/proc", O_RDONLY), 0, NULL, 0));
	CALL(syscall(SYS_pidfd_send_signal, open(".", O_RDONLY), 0, NULL, 0));
	CALL(syscall(SYS_pidfd_getfd, fd, 0, 0));
	CALL(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
	CALL(waitpid(child, &status, 0) == child);
	SHOW("ended by", "%d", WTERMSIG(status));
	CALL(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
}

static void taking(void)
{
	int ends[2];
	char c = 0;
	pipe(ends);
	pid_t child = sleeper();
	int fd = (int)syscall(SYS_pidfd_open, child, 0);
	close(ends[0]);
	int got = (int)syscall(SYS_pidfd_getfd, fd, ends[0], 0);
	IS(got >= 0 && fcntl(got, F_GETFD) == FD_CLOEXEC);
	write(ends[1], "x", 1);
	CALL(read(got, &c, 1));
	CALL(syscall(SYS_pidfd_getfd, fd, 1000, 0));
	CALL(syscall(SYS_pidfd_getfd, fd, ends[0], 1));
	CALL(syscall(SYS_pidfd_getfd, 0, ends[0], 0));
	kill(child, SIGKILL);
	siginfo_t info;
	CALL(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOWAIT));
	SHOW("told", "%d %d", info.si_code, info.si_status);
	CALL(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
	CALL(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
	CALL(syscall(SYS_pidfd_getfd, fd, ends[0], 0));
}

static void *timed_thread(void *arg)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 42 };
	int timer, mine = (int)syscall(SYS_gettid);
	*(int *)((char *)&event + 16) = mine; /* sigev_notify_thread_id */
	CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	CALL(syscall(SYS_timer_settime, timer, 0, &(struct itimerspec){ .it_value = { 0, 20000000 } }, NULL));
	while (!told) {
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	}
	IS(told_thread == mine);
	SHOW("value", "%d", (int)told_value);
	CALL(syscall(SYS_timer_delete, timer));
	*(int *)((char *)&event + 16) = 1;
	CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	return NULL;
}

static void timers(void)
{
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	pthread_t thread;
	sigset_t one;
	int timer;
	sigaction(SIGRTMIN, &action, NULL);
	pthread_create(&thread, NULL, timed_thread, NULL);
	pthread_join(thread, NULL);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	sigprocmask(SIG_BLOCK, &one, NULL);
	CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	CALL(syscall(SYS_timer_settime, timer, 0, &(struct itimerspec){ { 0, 1000000 }, { 0, 1000000 } }, NULL));
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	siginfo_t info;
	CALL(sigwaitinfo(&one, &info) == SIGUSR2);
	IS(info.si_code == SI_TIMER && info.si_overrun > 5);
	IS(syscall(SYS_timer_getoverrun, timer) == info.si_overrun);
	CALL(syscall(SYS_timer_getoverrun, 99));
}

static void timer_files(void)
{
	struct itimerspec left = { 0 };
	uint64_t count = 0;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	CALL(read(fd, &count, 8));
	CALL(timerfd_gettime(fd, &left));
	SHOW("off", "%ld %ld", (long)left.it_value.tv_sec, left.it_value.tv_nsec);
	CALL(timerfd_settime(fd, 0, &(struct itimerspec){ { 0, 2000000 }, { 0, 1000000 } }, &left));
	nanosleep(&(struct timespec){ 0, 40000000 }, NULL);
	CALL(timerfd_gettime(fd, &left));
	IS(left.it_interval.tv_nsec == 2000000 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 2000000);
	CALL(read(fd, &count, 7));
	IS(read(fd, &count, 8) == 8 && count > 5);
}

static void masks_for_a_wait(void)
{
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct epoll_event event;
	sigset_t none, one;
	int ep = epoll_create1(0);
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	raise(SIGUSR1);
	SHOW("handled", "%d", (int)told);
	CALL(epoll_pwait(ep, &event, 1, 0, &none));
	SHOW("handled", "%d", (int)told);
	CALL(epoll_pwait(ep, &event, 1, 1000, &none));
	SHOW("handled", "%d", (int)told);
	raise(SIGUSR1);
	raise(SIGUSR1);
	fd_set in;
	FD_ZERO(&in);
	struct timespec zero = { 0, 0 };
	CALL(pselect(0, &in, NULL, NULL, &zero, &none));
	raise(SIGUSR1);
	CALL(ppoll(NULL, 0, &zero, &none));
	SHOW("handled", "%d", (int)told);
	int ends[2];
	struct pollfd polled = { 0, POLLIN, 0 };
	pipe(ends);
	polled.fd = ends[0];
	write(ends[1], "x", 1);
	raise(SIGUSR1);
	CALL(ppoll(&polled, 1, &zero, &none));
	FD_SET(ends[0], &in);
	CALL(pselect(ends[0] + 1, &in, NULL, NULL, &zero, &none));
	SHOW("handled", "%d", (int)told);
	CALL(ppoll(NULL, 0, NULL, &none));
	SHOW("handled", "%d", (int)told);
	raise(SIGUSR1);
	CALL(pselect(0, &in, NULL, NULL, NULL, &none));
	SHOW("handled", "%d", (int)told);
	struct timespec t = { 1, 0 }, wrong = { 0, 1000000000 };
	CALL(syscall(SYS_epoll_pwait2, ep, &event, 1, &t, &none, 8));
	SHOW("handled", "%d", (int)told);
	CALL(syscall(SYS_epoll_pwait2, ep, &event, 1, &wrong, NULL, 8));
	CALL(syscall(SYS_epoll_pwait2, ep, &event, 1, NOWHERE, NULL, 8));
	t = (struct timespec){ 0, 1000000 };
	CALL(syscall(SYS_epoll_pwait2, ep, &event, 1, &t, NULL, 8));
	CALL(signalfd(-1, &one, 1));
	CALL(signalfd(ep, &one, 0));
	CALL(signalfd(99, &one, 0));
	int fd = signalfd(-1, &one, SFD_NONBLOCK | SFD_CLOEXEC);
	struct signalfd_siginfo info;
	CALL(read(fd, &info, sizeof(info)));
	CALL(read(fd, &info, 8));
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 7 });
	CALL(read(fd, &info, sizeof(info)) == sizeof(info));
	SHOW("told", "%u %d %d", info.ssi_signo, info.ssi_code, info.ssi_int);
}

static int words[2];

static void *waits(void *arg)
{
	long bits = (long)arg;
	struct timespec most;
	clock_gettime(CLOCK_MONOTONIC, &most);
	most.tv_sec += 100;
	return (void *)futex(words, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, 0, &most, NULL, bits);
}

static void futexes(void)
{
	pthread_t threads[3];
	long woken = 0;
	void *answer;
	CALL(futex(words, FUTEX_WAIT | FUTEX_PRIVATE, 1, NULL, NULL, 0));
	CALL(futex(words, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, 0, NULL, NULL, 0));
	CALL(futex((char *)words + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
	CALL(futex(NOWHERE, FUTEX_WAIT, 0, NULL, NULL, 0));
	for (long i = 0; i < 3; i++) {
		pthread_create(&threads[i], NULL, waits, (void *)(1l << i));
	}
	while (woken == 0) {
		woken = futex(words, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 10, NULL, NULL, 2);
	}
	SHOW("woken by their bit", "%ld", woken);
	CALL(futex(words, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 0, (void *)10, &words[1], 1));
	for (woken = 0; woken < 2;) {
		woken += futex(words, FUTEX_REQUEUE | FUTEX_PRIVATE, 0, (void *)10, &words[1], 0);
	}
	SHOW("moved", "%ld", woken);
	CALL(futex(words, FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL, NULL, 0));
	CALL(futex(&words[1], FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 10, NULL, NULL, 2));
	CALL(futex(&words[0], FUTEX_WAKE_OP | FUTEX_PRIVATE, 10, (void *)10, &words[1], 1 << 24 | 5 << 12));
	CALL(futex(&words[1], FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL, NULL, 0));
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &answer);
		SHOW("a thread", "%ld", (long)answer);
	}
	SHOW("words", "%d %d", words[0], words[1]);
}

struct clone_arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, tids, tids_size, cgroup;
};

static void clone_flags(void)
{
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO }, old;
	struct clone_arguments a = { .flags = 0x100000000, .exit_signal = SIGCHLD };
	int status = 0, fd = -1;
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGUSR2, SIG_IGN);
	long child = syscall(435, &a, 64);
	if (child == 0) {
		sigaction(SIGUSR1, NULL, &old);
		int first = old.sa_handler == SIG_DFL;
		sigaction(SIGUSR2, NULL, &old);
		_exit(first * 2 + (old.sa_handler == SIG_IGN));
	}
	waitpid((pid_t)child, &status, 0);
	SHOW("handlers cleared", "%x", (unsigned)status);
	a = (struct clone_arguments){ .flags = 0x1000 | 0x100000, .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&status, .exit_signal = SIGCHLD };
	child = syscall(435, &a, 64);
	if (child == 0) {
		_exit(3);
	}
	IS(status == child);
	siginfo_t info;
	CALL(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
	SHOW("its status", "%d", info.si_status);
	CALL(syscall(435, &a, 63));
	CALL(syscall(435, NOWHERE, 64));
	a.exit_signal = 65;
	CALL(syscall(435, &a, 64));
	a = (struct clone_arguments){ .flags = 0x10000 };
	CALL(syscall(435, &a, 64));
	a = (struct clone_arguments){ .flags = 0x800 };
	CALL(syscall(435, &a, 64));
	a = (struct clone_arguments){ .stack_size = 4096 };
	CALL(syscall(435, &a, 64));
}

int main(void)
{
	calls_begin();
	RUN(sending);
	RUN(directories);
	RUN(taking);
	RUN(timers);
	RUN(timer_files);
	RUN(masks_for_a_wait);
	RUN(futexes);
	RUN(clone_flags);
	return 0;
}
