/* SPDX-License-Identifier: MIT */
/* Threads: clone's flags as pthreads use them, futexes, and what ends a process of several threads. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_CMP_REQUEUE 4

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int value;
static __thread int own;

static void *add(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		value++;
		pthread_mutex_unlock(&mutex);
		own++;
	}
	return own == 1000 ? arg : NULL;
}

static void threads_share_memory_and_have_their_own(void)
{
	pthread_t threads[4];
	int values[4];
	void *result;
	value = 0;
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_create(&threads[i], NULL, add, &values[i]) == 0);
	}
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_join(threads[i], &result) == 0 && result == &values[i]);
	}
	CHECK(value == 4000 && own == 0);
}

static void *waiter(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (value != 1) {
		pthread_cond_wait(&condition, &mutex);
	}
	value = 2;
	pthread_cond_signal(&condition);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void conditions_wake(void)
{
	pthread_t thread;
	value = 0;
	CHECK(pthread_create(&thread, NULL, waiter, NULL) == 0);
	usleep(20000);
	pthread_mutex_lock(&mutex);
	value = 1;
	pthread_cond_broadcast(&condition);
	while (value != 2) {
		pthread_cond_wait(&condition, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void a_timed_wait_times_out(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 30000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&mutex);
	int error = pthread_cond_timedwait(&condition, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	CHECK(error == ETIMEDOUT);
}

static void futex_compares_first(void)
{
	int word = 5;
	struct timespec brief = { 0, 10000000 };
	CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 4, NULL) == -1 && errno == EAGAIN);
	CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &brief) == -1 && errno == ETIMEDOUT);
	CHECK(syscall(SYS_futex, &word, FUTEX_WAKE, 1) == 0);
	CHECK(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 5, NULL) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1l, &word, 6) == -1 && errno == EAGAIN);
}

static void futexes_work_between_processes(void)
{
	int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	if (pid == 0) {
		while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == 0) {
			syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL);
		}
		_exit(*word);
	}
	usleep(30000);
	__atomic_store_n(word, 6, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, 1);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6);
	munmap(word, 4096);
}

static void *end_all(void *arg)
{
	exit(11);
}

static void *sleep_long(void *arg)
{
	while (pause() == -1) {
	}
	return NULL;
}

/* Others' words may come to lie where the page of a waiter's was: it takes no wake of theirs. */
static void a_waiter_of_what_is_gone_takes_no_wake(void)
{
	int fd = memfd_create("futex", 0);
	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	int *gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(gone != MAP_FAILED && *gone == 0);
	pid_t child = fork();
	if (child == 0) {
		syscall(SYS_futex, gone, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit(0);
	}
	until_asleep(child);
	CHECK(ftruncate(fd, 0) == 0);
	for (int i = 0; i < 64; i++) {
		int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK(word != MAP_FAILED && *word == 0);
		CHECK(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
	}
	CHECK(ftruncate(fd, 4096) == 0); /* the same place in the same file: that is the waiter's */
	CHECK(syscall(SYS_futex, gone, FUTEX_WAKE, 1, NULL, NULL, 0) == 1);
	CHECK(waitpid(child, NULL, 0) == child);
	close(fd);
}

static void exit_ends_all_threads(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, sleep_long, NULL);
		pthread_create(&thread, NULL, end_all, NULL);
		for (;;) {
			pause();
		}
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 11);
}

static void *become_other(void *arg)
{
	char *arguments[] = { "true", "exec-child", NULL };
	execv("/proc/self/exe", arguments);
	_exit(99);
}

static void exec_leaves_one_thread(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, sleep_long, NULL);
		pthread_create(&thread, NULL, become_other, NULL);
		for (;;) {
			pause();
		}
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 33);
}

static volatile int signalled_tid;

static void note_tid(int signal)
{
	signalled_tid = (int)syscall(SYS_gettid);
}

static void *report_tid(void *arg)
{
	*(volatile int *)arg = (int)syscall(SYS_gettid);
	while (!signalled_tid) {
		usleep(1000);
	}
	return NULL;
}

static void pthread_kill_reaches_its_thread(void)
{
	pthread_t thread;
	volatile int tid = 0;
	signal(SIGUSR1, note_tid);
	CHECK(pthread_create(&thread, NULL, report_tid, (void *)&tid) == 0);
	while (!tid) {
		usleep(1000);
	}
	CHECK(pthread_kill(thread, SIGUSR1) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(signalled_tid == tid && tid != getpid());
}

static void a_fatal_signal_ends_all_threads(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, sleep_long, NULL);
		usleep(10000);
		*(volatile int *)0 = 0;
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "exec-child")) {
		return getpid() == syscall(SYS_gettid) ? 33 : 34;
	}
	RUN(threads_share_memory_and_have_their_own);
	RUN(conditions_wake);
	RUN(a_timed_wait_times_out);
	RUN(futex_compares_first);
	RUN(futexes_work_between_processes);
	RUN(a_waiter_of_what_is_gone_takes_no_wake);
	RUN(exit_ends_all_threads);
	RUN(exec_leaves_one_thread);
	RUN(pthread_kill_reaches_its_thread);
	RUN(a_fatal_signal_ends_all_threads);
	return check_failures;
}
