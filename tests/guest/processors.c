/* SPDX-License-Identifier: MIT */
/*
 * Threads of one process side by side: what one does to memory, signals and the process, the others see at once wherever they run. Each
 * test runs for a fixed time, not a fixed number of rounds, since one processor gets through few of them.
 */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 3
#define PAGE 4096
#define TIME_NS 250000000
#define PLACE ((void *)0x10000000000) /* where nothing else comes of itself */

static atomic_bool stop;
static atomic_int wrong;
static atomic_uint generation; /* modulo 4: 0 the page is gone, 2 it is there and holds this number; odd: neither is sure */
static volatile unsigned *page;
static char *program;

#define PATIENCE_NS 100000000000 /* until what does not come is given up */

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static __thread sigjmp_buf fault;

static void on_fault(int signal)
{
	siglongjmp(fault, 1);
}

static void faults_jump(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* Whether the page could be read. */
static bool peek(unsigned *value)
{
	if (sigsetjmp(fault, 0)) {
		return false;
	}
	*value = *page;
	return true;
}

/* What a look finds while the generation stays the same is what belongs to it. */
static void *watch_presence(void *arg)
{
	while (!stop) {
		unsigned before = generation, value = 0;
		bool there = peek(&value);
		if (generation != before || (before & 1)) {
			continue;
		}
		if (there != (before % 4 == 2) || (there && value != before)) {
			wrong = 1;
		}
	}
	return NULL;
}

static bool watch(pthread_t *threads, void *(*watcher)(void *))
{
	stop = false;
	wrong = 0;
	generation = 0;
	faults_jump();
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, watcher, NULL)) {
			return false;
		}
	}
	return true;
}

static void watch_end(pthread_t *threads)
{
	stop = true;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
}

/* Something else that would be seen where an old translation is used. */
static void reuse(void)
{
	unsigned *other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*other = 0xdead;
	sched_yield();
	munmap(other, PAGE);
}

static void unmapped_memory_is_gone_for_all(void)
{
	pthread_t threads[THREADS];
	page = mmap(PLACE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(watch(threads, watch_presence));
	for (int64_t end = now_ns() + TIME_NS; now_ns() < end;) {
		/* Filled elsewhere and moved in, so that nobody sees it half made. */
		unsigned *fresh = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*fresh = generation + 2;
		generation++;
		if (mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)page) != (void *)page) {
			wrong = 3;
		}
		generation++;
		sched_yield();
		generation++;
		munmap((void *)page, PAGE);
		generation++;
		reuse();
	}
	watch_end(threads);
	CHECK(!wrong);
}

static void *watch_zero(void *arg)
{
	while (!stop) {
		unsigned before = generation, value = *page;
		if (generation == before && !(before & 1) && value != (before % 4 == 2 ? before : 0)) {
			wrong = 1;
		}
	}
	return NULL;
}

static void dropped_memory_reads_as_zero_for_all(void)
{
	pthread_t threads[THREADS];
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(watch(threads, watch_zero));
	for (int64_t end = now_ns() + TIME_NS; now_ns() < end;) {
		generation++;
		*page = generation + 1;
		generation++;
		sched_yield();
		generation++;
		madvise((void *)page, PAGE, MADV_DONTNEED);
		generation++;
		reuse();
	}
	watch_end(threads);
	CHECK(!wrong);
}

static void *write_on(void *arg)
{
	while (!stop) {
		if (!sigsetjmp(fault, 0)) {
			++*page;
		}
	}
	return NULL;
}

static void protected_memory_stays_as_it_is(void)
{
	pthread_t threads[THREADS];
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(watch(threads, write_on));
	for (int64_t end = now_ns() + TIME_NS; now_ns() < end;) {
		mprotect((void *)page, PAGE, PROT_READ);
		unsigned value = *page;
		for (int i = 0; i < 100; i++) {
			wrong = *page == value ? (int)wrong : 1;
		}
		mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
		sched_yield();
	}
	watch_end(threads);
	CHECK(!wrong);
}

/* A child's memory does not change by what its parent's threads write. */
static void forked_memory_is_the_childs_own(void)
{
	pthread_t threads[THREADS];
	int status = 0;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(watch(threads, write_on));
	for (int64_t end = now_ns() + TIME_NS; now_ns() < end && !wrong;) {
		pid_t child = fork();
		if (child == 0) {
			unsigned value = *page;
			for (int i = 0; i < 20; i++) {
				sched_yield();
				if (*page != value) {
					_exit(1);
				}
			}
			_exit(0);
		}
		wrong = child < 0 || waitpid(child, &status, 0) != child || status != 0;
	}
	watch_end(threads);
	CHECK(!wrong);
}

/* Two counters that one thread writes in turn: all others see them in order, also when the page under them is copied. */
static volatile unsigned *pair;

static void *watch_order(void *arg)
{
	while (!stop) {
		unsigned second = pair[1], first = pair[0];
		if (second > first) {
			wrong = 1;
		}
	}
	return NULL;
}

static void copied_pages_lose_no_write(void)
{
	pthread_t threads[THREADS];
	pair = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(watch(threads, watch_order));
	unsigned count = 0;
	for (int64_t end = now_ns() + TIME_NS; now_ns() < end;) {
		pid_t child = fork();
		if (child == 0) {
			_exit(0);
		}
		for (int i = 0; i < 1000; i++) {
			count++;
			pair[0] = count;
			pair[1] = count;
		}
		waitpid(child, NULL, 0);
	}
	watch_end(threads);
	CHECK(!wrong && pair[0] == count && pair[1] == count);
}

static void *keep_registers(void *arg)
{
	uint64_t own = (uintptr_t)arg * 0x0101010101010101u, got;
	while (!stop) {
		__asm__ volatile("movq %1, %%xmm7\n movq %1, %%xmm13\n"
				 "mov $20000, %%ecx\n 1: dec %%ecx\n jnz 1b\n"
				 "movq %%xmm7, %0\n movq %%xmm13, %%rcx\n xor %%rcx, %0\n xor %1, %0\n"
				 : "=&r"(got)
				 : "r"(own)
				 : "rcx", "xmm7", "xmm13", "cc");
		if (got != own) {
			wrong = 1;
		}
		if (own & 1) {
			sched_yield();
		}
	}
	return NULL;
}

static void registers_go_along(void)
{
	pthread_t threads[8];
	cpu_set_t all, one;
	stop = false;
	wrong = 0;
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (uintptr_t i = 0; i < 8; i++) {
		CHECK(pthread_create(&threads[i], NULL, keep_registers, (void *)(i + 1)) == 0);
	}
	for (int64_t end = now_ns() + TIME_NS; now_ns() < end;) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (CPU_ISSET(cpu, &all)) {
				CPU_ZERO(&one);
				CPU_SET(cpu, &one);
				sched_setaffinity(0, sizeof(one), &one);
				usleep(1000);
			}
		}
	}
	sched_setaffinity(0, sizeof(all), &all);
	stop = true;
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK(!wrong);
}

static void affinity_binds(void)
{
	cpu_set_t all, one, got;
	int bad = 0;
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0 && CPU_COUNT(&all) > 0);
	for (int round = 0; round < 50; round++) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all)) {
				continue;
			}
			unsigned at = 0;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			bad += sched_setaffinity(0, sizeof(one), &one) != 0;
			bad += sched_getaffinity(0, sizeof(got), &got) != 0 || !CPU_EQUAL(&got, &one);
			bad += syscall(SYS_getcpu, &at, NULL, NULL) != 0 || at != (unsigned)cpu;
		}
	}
	CPU_ZERO(&one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == -1 && errno == EINVAL);
	CHECK(sched_setaffinity(0, sizeof(all), &all) == 0 && bad == 0);
	CHECK(sched_setaffinity(99999, sizeof(all), &all) == -1 && errno == ESRCH);
}

/* A thread that another one binds leaves its processor, even if it only computes. */
static atomic_int spinner_tid;
static atomic_uint spinner_at;

static void *tell_where(void *arg)
{
	spinner_tid = (int)syscall(SYS_gettid);
	while (!stop) {
		unsigned at = 0;
		syscall(SYS_getcpu, &at, NULL, NULL);
		spinner_at = at;
		for (volatile int i = 0; i < 1000; i++) {
		}
	}
	return NULL;
}

static void others_can_be_bound(void)
{
	pthread_t thread;
	cpu_set_t all, one;
	stop = false;
	spinner_tid = 0;
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	CHECK(pthread_create(&thread, NULL, tell_where, NULL) == 0);
	while (!spinner_tid) {
		sched_yield();
	}
	bool moved = true;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &all)) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			sched_setaffinity(spinner_tid, sizeof(one), &one);
			int64_t end = now_ns() + PATIENCE_NS;
			while (spinner_at != (unsigned)cpu && now_ns() < end) {
				usleep(1000);
			}
			moved = moved && spinner_at == (unsigned)cpu;
		}
	}
	stop = true;
	pthread_join(thread, NULL);
	CHECK(moved);
}

static atomic_int signalled;

static void on_signal(int signal)
{
	signalled++;
}

static void *spin(void *arg)
{
	while (!stop) {
	}
	return NULL;
}

static void signals_reach_threads_that_compute(void)
{
	pthread_t thread;
	bool all = true;
	stop = false;
	signalled = 0;
	signal(SIGUSR1, on_signal);
	CHECK(pthread_create(&thread, NULL, spin, NULL) == 0);
	for (int i = 1; i <= 20; i++) {
		pthread_kill(thread, SIGUSR1);
		int64_t end = now_ns() + PATIENCE_NS;
		while (signalled < i && now_ns() < end) {
		}
		all = all && signalled == i;
	}
	stop = true;
	pthread_join(thread, NULL);
	signal(SIGUSR1, SIG_DFL);
	CHECK(all);
}

static void spin_in_child(void)
{
	pthread_t thread;
	stop = false;
	for (int i = 0; i < THREADS; i++) {
		pthread_create(&thread, NULL, spin, NULL);
	}
	usleep(2000);
}

static void processes_end_with_all_their_threads(void)
{
	for (int round = 0; round < 6; round++) {
		int status = 0;
		pid_t child = fork();
		if (child == 0) {
			spin_in_child();
			if (round % 3 == 0) {
				_exit(7);
			} else if (round % 3 == 1) {
				execl(program, program, "exec", NULL);
			}
			spin(NULL);
		}
		if (round % 3 == 2) {
			usleep(20000);
			kill(child, SIGKILL);
		}
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(round % 3 == 2 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
				     : WIFEXITED(status) && WEXITSTATUS(status) == (round % 3 ? 5 : 7));
	}
}

static void processes_stop_with_all_their_threads(void)
{
	atomic_uint *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		spin_in_child();
		for (;;) {
			++*shared;
		}
	}
	while (!*shared) {
		usleep(1000);
	}
	for (int i = 0; i < 5; i++) {
		CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
		unsigned value = *shared;
		usleep(3000);
		CHECK(*shared == value);
		CHECK(kill(child, SIGCONT) == 0);
		int64_t end = now_ns() + PATIENCE_NS;
		while (*shared == value && now_ns() < end) {
			usleep(500);
		}
		CHECK(*shared != value);
	}
	kill(child, SIGKILL);
	CHECK(waitpid(child, &status, 0) == child);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static unsigned turn;

static void *take_turns(void *arg)
{
	unsigned own = (unsigned)(uintptr_t)arg;
	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 4 != own) {
			pthread_cond_wait(&condition, &mutex);
		}
		turn++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void no_wake_is_lost(void)
{
	pthread_t threads[4];
	turn = 0;
	for (uintptr_t i = 0; i < 4; i++) {
		CHECK(pthread_create(&threads[i], NULL, take_turns, (void *)i) == 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK(turn == 1200);
}

static void *nap(void *arg)
{
	for (int i = 0; i < 20; i++) {
		int64_t start = now_ns();
		usleep(1000);
		if (now_ns() - start < 1000000) {
			wrong = 1;
		}
	}
	return NULL;
}

static void everyone_sleeps_and_wakes(void)
{
	pthread_t threads[16];
	wrong = 0;
	for (int i = 0; i < 16; i++) {
		CHECK(pthread_create(&threads[i], NULL, nap, NULL) == 0);
	}
	for (int i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK(!wrong);
}

static void *make_threads(void *arg)
{
	pthread_t thread;
	for (int i = 0; i < 40; i++) {
		if (pthread_create(&thread, NULL, nap, NULL) == 0) {
			pthread_detach(thread);
		}
		void *memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(memory, i, 16 * PAGE);
		munmap(memory, 16 * PAGE);
	}
	return NULL;
}

static void threads_come_and_go(void)
{
	for (int round = 0; round < 2; round++) {
		int status = 0;
		pid_t child = fork();
		if (child == 0) {
			pthread_t threads[THREADS];
			for (int i = 0; i < THREADS; i++) {
				pthread_create(&threads[i], NULL, make_threads, NULL);
			}
			for (int i = 0; i < THREADS; i++) {
				pthread_join(threads[i], NULL);
			}
			_exit(3);
		}
		CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3);
	}
}

static void alarms_come_while_all_compute(void)
{
	pthread_t threads[THREADS];
	struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };
	stop = false;
	signalled = 0;
	signal(SIGALRM, on_signal);
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_create(&threads[i], NULL, spin, NULL) == 0);
	}
	setitimer(ITIMER_REAL, &every, NULL);
	int64_t end = now_ns() + PATIENCE_NS;
	while (signalled < 20 && now_ns() < end) {
	}
	setitimer(ITIMER_REAL, &never, NULL);
	watch_end(threads);
	signal(SIGALRM, SIG_DFL);
	CHECK(signalled >= 20);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc > 1) {
		return 5;
	}
	RUN(unmapped_memory_is_gone_for_all);
	RUN(dropped_memory_reads_as_zero_for_all);
	RUN(protected_memory_stays_as_it_is);
	RUN(forked_memory_is_the_childs_own);
	RUN(copied_pages_lose_no_write);
	RUN(registers_go_along);
	RUN(affinity_binds);
	RUN(others_can_be_bound);
	RUN(signals_reach_threads_that_compute);
	RUN(processes_end_with_all_their_threads);
	RUN(processes_stop_with_all_their_threads);
	RUN(no_wake_is_lost);
	RUN(everyone_sleeps_and_wakes);
	RUN(threads_come_and_go);
	RUN(alarms_come_while_all_compute);
	return check_failures;
}
