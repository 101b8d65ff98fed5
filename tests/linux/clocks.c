/* SPDX-License-Identifier: MIT */
/* Clocks and timers: which there are, their resolutions and orders, sleeps and interval timers. No time itself is printed. */
#include "calls.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sched.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static int other_ready;

static void clocks(void)
{
	struct timespec t, u;
	static const int ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, 10, 99, -100, 1000000 };
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		long result = syscall(SYS_clock_gettime, ids[i], &t);
		SHOW("clock_gettime", "%d: %s", ids[i], result ? calls_error(errno) : t.tv_nsec >= 0 && t.tv_nsec < 1000000000 ? "in range" : "odd");
		result = syscall(SYS_clock_getres, ids[i], NULL);
		SHOW("clock_getres", "%d: %s", ids[i], result ? calls_error(errno) : "done");
	}
	CALL(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &t));
	SHOW("resolution", "%ld", t.tv_nsec);
	CALL(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, NOWHERE));
	CALL(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NOWHERE));
	CALL(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t));
	CALL(syscall(SYS_clock_settime, 99, &t));
	t = (struct timespec){ 1, 1000000000 };
	CALL(syscall(SYS_clock_settime, CLOCK_REALTIME, &t));
	CALL(syscall(SYS_clock_settime, CLOCK_REALTIME, NOWHERE));
	clock_gettime(CLOCK_MONOTONIC, &t);
	clock_gettime(CLOCK_MONOTONIC, &u);
	IS(u.tv_sec > t.tv_sec || (u.tv_sec == t.tv_sec && u.tv_nsec >= t.tv_nsec));
	clock_gettime(CLOCK_BOOTTIME, &t);
	IS(t.tv_sec >= u.tv_sec);
	struct timeval tv;
	CALL(syscall(SYS_gettimeofday, &tv, NULL));
	IS(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	CALL(syscall(SYS_gettimeofday, NULL, NULL));
	time_t now = time(NULL);
	IS(now - tv.tv_sec <= 1 && now >= tv.tv_sec);
	CALL(syscall(SYS_time, NULL) >= now);
	struct tms times_now;
	CALL(times(&times_now) > 0);
	CALL(syscall(SYS_times, NOWHERE));
	CALL(syscall(SYS_times, NULL) > 0);
	CALL(syscall(SYS_settimeofday, &(struct timeval){ -1, 0 }, NULL));
	CALL(syscall(SYS_settimeofday, &(struct timeval){ 0, 1000000 }, NULL));
}

static long since(const struct timespec *from)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000000 + (now.tv_nsec - from->tv_nsec) / 1000;
}

static void sleeps(void)
{
	struct timespec start, t = { 0, 5000000 }, left = { 9, 9 }, bad = { 0, 1000000000 }, negative = { -1, 0 }, none = { 0, 0 };
	clock_gettime(CLOCK_MONOTONIC, &start);
	CALL(syscall(SYS_nanosleep, &t, &left));
	IS(since(&start) >= 5000);
	SHOW("what is left is not written", "%ld", (long)left.tv_sec);
	CALL(syscall(SYS_nanosleep, &none, NULL));
	CALL(syscall(SYS_nanosleep, &bad, NULL));
	CALL(syscall(SYS_nanosleep, &negative, NULL));
	CALL(syscall(SYS_nanosleep, NOWHERE, NULL));
	CALL(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, 99, 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, NULL));
	CALL(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &none, NULL));
	clock_gettime(CLOCK_MONOTONIC, &start);
	t = start;
	t.tv_nsec += 5000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	CALL(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
	IS(since(&start) >= 5000);
}

static volatile int ticks;

static void tick(int signal)
{
	ticks++;
}

static void timers(void)
{
	struct timespec second = { 1, 0 }, left = { 0, 0 };
	struct itimerval value = { { 0, 2000 }, { 0, 2000 } }, old = { { 9, 9 }, { 9, 9 } }, bad = { { 0, 0 }, { 0, 1000000 } }, off = { 0 };
	signal(SIGALRM, tick);
	alarm(0);
	CALL(setitimer(ITIMER_REAL, &value, &old));
	SHOW("old", "%ld %ld", (long)old.it_interval.tv_sec, (long)old.it_value.tv_sec);
	while (ticks < 3) {
		pause();
	}
	CALL(getitimer(ITIMER_REAL, &old));
	SHOW("interval", "%ld", (long)old.it_interval.tv_usec);
	IS(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 2000);
	CALL(setitimer(ITIMER_REAL, &off, NULL));
	CALL(getitimer(ITIMER_REAL, &old));
	SHOW("off", "%ld %ld %ld", (long)old.it_interval.tv_usec, (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	CALL(setitimer(ITIMER_REAL, &bad, NULL));
	CALL(setitimer(9, &value, NULL));
	CALL(getitimer(9, &old));
	CALL(setitimer(ITIMER_REAL, NOWHERE, NULL));
	CALL(getitimer(ITIMER_REAL, NOWHERE));
	CALL(setitimer(ITIMER_REAL, NULL, NULL));
	CALL(alarm(1000));
	IS(alarm(500) >= 800);
	CALL(getitimer(ITIMER_REAL, &old));
	IS(old.it_value.tv_sec >= 300 && old.it_value.tv_sec <= 500);
	if (fork() == 0) {
		_exit(alarm(0) != 0);
	}
	int status;
	wait(&status);
	SHOW("a child has no alarm", "%x", status);
	IS(alarm(0) > 0);
	value = (struct itimerval){ { 0, 0 }, { 0, 20000 } };
	long slept = 0;
	for (int i = 0; i < 50 && slept == 0; i++) { /* on a busy machine the signal may come before the sleep */
		ticks = 0;
		setitimer(ITIMER_REAL, &value, NULL);
		slept = syscall(SYS_nanosleep, &second, &left);
	}
	IS(slept == -1 && errno == EINTR);
	SHOW("ticks", "%d", ticks);
	IS(left.tv_sec == 0 && left.tv_nsec > 0);
}

static void counts(void)
{
	for (int i = 0; i < 1000; i++) {
		syscall(SYS_getppid);
	}
}

/* A signal each microsecond that nobody takes leaves others, and the process itself, their time. */
static void short_intervals(void)
{
	struct itimerval fast = { { 0, 1 }, { 0, 1 } }, off = { 0 }, old = { { 9, 9 }, { 9, 9 } };
	struct timespec second = { 100, 0 };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CALL(setitimer(ITIMER_REAL, &fast, NULL));
	CALL(child_status(counts));
	counts();
	sigset_t pending;
	do {
		sigpending(&pending);
	} while (!sigismember(&pending, SIGALRM));
	CALL(getitimer(ITIMER_REAL, &old));
	SHOW("while it is pending", "%ld %ld", (long)old.it_interval.tv_usec, (long)old.it_value.tv_usec);
	for (int i = 0; i < 3; i++) {
		CALL(sigtimedwait(&set, NULL, &second));
	}
	signal(SIGALRM, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CALL(setitimer(ITIMER_REAL, &fast, NULL));
	CALL(child_status(counts));
	CALL(setitimer(ITIMER_REAL, &off, NULL));
	sigprocmask(SIG_BLOCK, &set, NULL);
	second = (struct timespec){ 0, 5000000 };
	CALL(sigtimedwait(&set, NULL, &second));
}

static void *other_thread(void *tid)
{
	*(int *)tid = (int)syscall(SYS_gettid);
	__atomic_store_n(&other_ready, 1, __ATOMIC_RELEASE);
	pause();
	return NULL;
}

/* Of threads and processes by their numbers. */
static void processor_clocks(void)
{
	pthread_t thread;
	int tid = 0;
	struct timespec t = { 99, 99 }, later;
	pthread_create(&thread, NULL, other_thread, &tid);
	while (!__atomic_load_n(&other_ready, __ATOMIC_ACQUIRE)) {
		sched_yield();
	}
	CALL(clock_gettime((clockid_t)(~(unsigned)tid << 3 | 6), &t));
	IS(t.tv_sec < 2);
	CALL(clock_gettime((clockid_t)(~(unsigned)tid << 3 | 2), &t));
	CALL(clock_gettime((clockid_t)(~(unsigned)getpid() << 3 | 2), &t));
	for (volatile int i = 0; i < 3000000; i++) {
	}
	CALL(clock_gettime((clockid_t)(~0u << 3 | 2), &later));
	IS(later.tv_sec > t.tv_sec || later.tv_nsec > t.tv_nsec);
	CALL(clock_gettime((clockid_t)(~0u << 3 | 5), &later));
	CALL(clock_gettime((clockid_t)(~(unsigned)getppid() << 3 | 2), &t));
	CALL(clock_gettime((clockid_t)(~(unsigned)getppid() << 3 | 6), &t));
	CALL(clock_gettime((clockid_t)(~99999999u << 3 | 2), &t));
	CALL(clock_gettime((clockid_t)(~0u << 3 | 3), &t));
	CALL(clock_getres((clockid_t)(~(unsigned)getpid() << 3 | 2), &t));
	CALL(clock_getres((clockid_t)(~99999999u << 3 | 2), &t));
}

static void spin_until(volatile int *count, int value)
{
	while (*count < value) {
	}
}

static long process_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * Linux looks at a tick, every 1 to 10 ms, and charges all of it to whom it finds; a virtual machine charges its programs with what other machines had,
 * too. So a timer may come early on a busy machine, but not each time: whether one of many tries was right is what is told.
 */
#define TRIES 50

/* Sleeping does not count. */
static bool is_silent(int which, const struct itimerval *value)
{
	struct timespec pause = { 0, 60000000 };
	for (int i = 0; i < TRIES; i++) {
		ticks = 0;
		setitimer(which, value, NULL);
		nanosleep(&pause, NULL);
		if (ticks == 0) {
			return true;
		}
	}
	return false;
}

/* Two more intervals of 20 ms take 20 ms at least, as the clock of the process counts. */
static bool takes_its_time(int which, const struct itimerval *value)
{
	for (int i = 0; i < TRIES; i++) {
		setitimer(which, value, NULL);
		ticks = 0;
		spin_until(&ticks, 1);
		long before = process_us();
		spin_until(&ticks, 3);
		if (process_us() - before > 20000) {
			return true;
		}
	}
	return false;
}

static void processor_intervals(void)
{
	static const struct {
		int which, signal;
	} kinds[] = { { ITIMER_VIRTUAL, SIGVTALRM }, { ITIMER_PROF, SIGPROF } };
	for (int i = 0; i < 2; i++) {
		struct itimerval value = { { 0, 20000 }, { 0, 30000 } }, old = { { 9, 9 }, { 9, 9 } }, off = { 0 };
		signal(kinds[i].signal, tick);
		CALL(setitimer(kinds[i].which, &value, &old));
		SHOW("old", "%ld %ld", (long)old.it_interval.tv_usec, (long)old.it_value.tv_usec);
		CALL(getitimer(kinds[i].which, &old));
		IS(old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 40000);
		SHOW("interval", "%ld", (long)old.it_interval.tv_usec);
		IS(is_silent(kinds[i].which, &value));
		IS(takes_its_time(kinds[i].which, &value));
		CALL(setitimer(kinds[i].which, &off, &old));
		IS(old.it_value.tv_usec > 0);
		CALL(getitimer(kinds[i].which, &old));
		SHOW("off", "%ld %ld", (long)old.it_interval.tv_usec, (long)old.it_value.tv_usec);
		value.it_interval.tv_usec = 0;
		ticks = 0;
		CALL(setitimer(kinds[i].which, &value, NULL));
		if (fork() == 0) {
			getitimer(kinds[i].which, &old);
			SHOW("a child's", "%ld", (long)old.it_value.tv_usec);
			_exit(0);
		}
		wait(NULL);
		spin_until(&ticks, 1);
		CALL(getitimer(kinds[i].which, &old));
		SHOW("once", "%ld %ld", (long)old.it_interval.tv_usec, (long)old.it_value.tv_usec);
	}
	CALL(setitimer(3, NULL, NULL));
	CALL(setitimer(-1, NULL, NULL));
}

static void processor_timers(void)
{
	static const int which[] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, (int)(~0u << 3 | 2), (int)(~0u << 3 | 6), (int)(~0u << 3 | 5) };
	for (unsigned i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
		struct itimerspec value = { { 0, 10000000 }, { 0, 20000000 } }, old;
		int timer = 0;
		ticks = 0;
		signal(SIGUSR1, tick);
		CALL(syscall(SYS_timer_create, which[i], &event, &timer));
		CALL(syscall(SYS_timer_gettime, timer, &old));
		SHOW("not armed", "%ld", old.it_value.tv_nsec);
		CALL(syscall(SYS_timer_settime, timer, 0, &value, NULL));
		spin_until(&ticks, 3);
		CALL(syscall(SYS_timer_gettime, timer, &old));
		IS(old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 10000000);
		SHOW("interval", "%ld", old.it_interval.tv_nsec);
		value = (struct itimerspec){ { 0, 0 }, { 0, 1 } };
		ticks = 0;
		CALL(syscall(SYS_timer_settime, timer, TIMER_ABSTIME, &value, &old)); /* a moment that is over */
		spin_until(&ticks, 1);
		CALL(syscall(SYS_timer_gettime, timer, &old));
		SHOW("fired", "%ld", old.it_value.tv_nsec);
		CALL(syscall(SYS_timer_delete, timer));
	}
	int timer;
	CALL(syscall(SYS_timer_create, (int)(~99999999u << 3 | 2), NULL, &timer));
	CALL(syscall(SYS_timer_create, (int)(~99999999u << 3 | 6), NULL, &timer));
	CALL(syscall(SYS_timer_create, (int)(~0u << 3 | 3), NULL, &timer));
}

static volatile int spins = 1;

static void *spinner(void *unused)
{
	while (spins) {
	}
	return NULL;
}

/* Linux begins a sleep of some time from a sum that another thread's last tick may not be in yet. */
static bool sleeps_long_enough(void)
{
	struct timespec t = { 0, 30000000 };
	for (int i = 0; i < TRIES; i++) {
		long before = process_us();
		syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &t, NULL);
		if (process_us() - before >= 30000) {
			return true;
		}
	}
	return false;
}

static void processor_sleeps(void)
{
	struct timespec t = { 0, 30000000 }, none = { 0, 1 }, left = { 9, 9 };
	pthread_t thread;
	CALL(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &none, NULL));
	CALL(syscall(SYS_clock_nanosleep, (int)(~0u << 3 | 6), 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, (int)(~(unsigned)getpid() << 3 | 6), 0, &t, NULL));
	CALL(syscall(SYS_clock_nanosleep, (int)(~99999999u << 3 | 2), 0, &t, NULL));
	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 30000 }, { 0, 30000 } }, NULL); /* again and again: the first may come before the sleep */
	CALL(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &t, &left));
	IS(left.tv_sec == 0 && left.tv_nsec > 0 && left.tv_nsec <= 30000000);
	alarm(200);
	signal(SIGALRM, SIG_DFL);
	pthread_create(&thread, NULL, spinner, NULL);
	CALL(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &t, &left));
	IS(sleeps_long_enough());
	long until = process_us() + 30000;
	t = (struct timespec){ until / 1000000, until % 1000000 * 1000 };
	CALL(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &t, NULL));
	IS(process_us() >= until);
	spins = 0;
	pthread_join(thread, NULL);
}

static void too_long(int signal)
{
	struct rlimit limit;
	getrlimit(RLIMIT_CPU, &limit);
	SHOW("SIGXCPU, and the limits are", "%ld %ld", (long)limit.rlim_cur, (long)limit.rlim_max);
}

static void computes(void)
{
	alarm(1000);
	signal(SIGXCPU, too_long);
	setpriority(PRIO_PROCESS, 0, -20); /* not to wait for others where it can */
	struct rlimit limit = { 1, 2 };
	CALL(setrlimit(RLIMIT_CPU, &limit));
	for (;;) {
	}
}

static void inherits(void)
{
	struct rlimit limit;
	getrlimit(RLIMIT_CPU, &limit);
	SHOW("a child's limits", "%ld %ld", (long)limit.rlim_cur, (long)limit.rlim_max);
	for (;;) {
	}
}

static void processor_limits(void)
{
	alarm(1000);
	CALL(child_status(computes));
	struct rlimit limit = { 1, 5 };
	CALL(setrlimit(RLIMIT_CPU, &limit));
	CALL(child_status(inherits));
}

int main(void)
{
	calls_begin();
	RUN(clocks);
	RUN(sleeps);
	RUN(timers);
	RUN(short_intervals);
	RUN(processor_clocks);
	RUN(processor_intervals);
	RUN(processor_timers);
	RUN(processor_sleeps);
	RUN(processor_limits);
	return 0;
}
