/* SPDX-License-Identifier: MIT */
/* Clocks and sleeps of programs (POSIX <time.h>). An interrupted relative sleep goes on through restart_syscall. */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define NS 1000000000ull
#define TIMER_ABSTIME 1

enum {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
	CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME
};

struct timespec {
	int64_t seconds, nanoseconds;
};

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ (int64_t)(ns / NS), (int64_t)(ns % NS) };
}

/* Saturates instead of wrapping: a time behind the end of the clock's range never comes. */
static int timespec_from_user(uint64_t from, uint64_t *ns)
{
	struct timespec t;
	if (user_read(&t, from, sizeof(t))) {
		return -EFAULT;
	}
	if (t.seconds < 0 || t.nanoseconds < 0 || t.nanoseconds >= (int64_t)NS) {
		return -EINVAL;
	}
	bool far = t.seconds > (int64_t)(INT64_MAX / NS / 2);
	*ns = far ? INT64_MAX / 2 : (uint64_t)t.seconds * NS + (uint64_t)t.nanoseconds;
	return 0;
}

static uint64_t processor_time(bool whole_process)
{
	struct thread *self = thread_current();
	thread_account();
	uint64_t ns = self->user_ns + self->system_ns;
	if (whole_process) {
		spin_lock(&process_lock);
		ns = self->process->user_ns + self->process->system_ns;
		list_for_each(node, &self->process->threads)
		{
			const struct thread *t = container_of(node, struct thread, process_link);
			ns += t->user_ns + t->system_ns;
		}
		spin_unlock(&process_lock);
	}
	return ns;
}

/*
 * The clocks of a process or thread by its number, as clock_getcpuclockid(3) makes them: the number's complement above bit 3, bit 2 for a
 * thread, of the same process only, and which of its times (Linux's posix-timers.h). What it runs on another processor now is counted later.
 */
enum { CPU_CLOCK_USER_SYSTEM = 0, CPU_CLOCK_USER = 1, CPU_CLOCK_ALL = 2, CPU_CLOCK_WHICH = 3, CPU_CLOCK_THREAD = 4 };

static uint64_t time_of(uint64_t user_ns, uint64_t system_ns, int clock)
{
	return user_ns + ((clock & CPU_CLOCK_WHICH) == CPU_CLOCK_USER ? 0 : system_ns);
}

static int number_clock_read(int clock, uint64_t *ns)
{
	uint32_t number = ~(uint32_t)(clock >> 3);
	struct process *self = process_current();
	int error = 0;
	if ((clock & CPU_CLOCK_WHICH) > CPU_CLOCK_ALL) {
		return -EINVAL;
	}
	thread_account();
	spin_lock(&process_lock);
	const struct thread *t = number ? process_thread_find_locked(number) : thread_current();
	const struct process *p = number ? process_find_locked(number) : self;
	if ((clock & CPU_CLOCK_THREAD) && t && t->process == self) {
		*ns = time_of(t->user_ns, t->system_ns, clock);
	} else if (!(clock & CPU_CLOCK_THREAD) && p) {
		*ns = time_of(p->user_ns, p->system_ns, clock);
		list_for_each(node, &p->threads)
		{
			t = container_of(node, struct thread, process_link);
			*ns += time_of(t->user_ns, t->system_ns, clock);
		}
	} else {
		error = -EINVAL;
	}
	spin_unlock(&process_lock);
	return error;
}

static int clock_read(int clock, uint64_t *ns)
{
	if (clock < 0) {
		return number_clock_read(clock, ns);
	}
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = time_wall_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = time_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = processor_time(clock == CLOCK_PROCESS_CPUTIME_ID);
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_clock_gettime(const uint64_t a[6])
{
	uint64_t ns;
	int error = clock_read((int)a[0], &ns);
	if (error) {
		return error;
	}
	struct timespec t = timespec_of(ns);
	return user_write(a[1], &t, sizeof(t));
}

long sys_clock_getres(const uint64_t a[6])
{
	uint64_t ns;
	int error = clock_read((int)a[0], &ns);
	struct timespec t = { 0, 1 };
	return error || !a[1] ? error : user_write(a[1], &t, sizeof(t));
}

static long wall_set(uint64_t ns)
{
	if (!capable(CAP_SYS_TIME)) {
		return -EPERM;
	}
	time_set_wall_ns(ns);
	timerfd_clock_set();
	return 0;
}

long sys_clock_settime(const uint64_t a[6])
{
	uint64_t ns;
	int error = (int)a[0] == CLOCK_REALTIME ? timespec_from_user(a[1], &ns) : -EINVAL;
	return error ? error : wall_set(ns);
}

long sys_gettimeofday(const uint64_t a[6])
{
	uint64_t ns = time_wall_ns();
	struct timespec t = { (int64_t)(ns / NS), (int64_t)(ns % NS / 1000) };
	int32_t zone[2] = { 0, 0 };
	if ((a[0] && user_write(a[0], &t, sizeof(t))) || (a[1] && user_write(a[1], zone, sizeof(zone)))) {
		return -EFAULT;
	}
	return 0;
}

long sys_settimeofday(const uint64_t a[6])
{
	struct timespec t;
	if (!a[0]) {
		return 0; /* a time zone, which the kernel does not keep */
	}
	if (user_read(&t, a[0], sizeof(t))) {
		return -EFAULT;
	}
	if (t.seconds < 0 || t.seconds > (int64_t)(INT64_MAX / NS) || t.nanoseconds < 0 || t.nanoseconds >= 1000000) {
		return -EINVAL;
	}
	return wall_set((uint64_t)t.seconds * NS + (uint64_t)t.nanoseconds * 1000);
}

long sys_time(const uint64_t a[6])
{
	int64_t seconds = (int64_t)(time_wall_ns() / NS);
	return a[0] && user_write(a[0], &seconds, sizeof(seconds)) ? -EFAULT : seconds;
}

static long sleep_again(const uint64_t a[6]);

/* Sleep to a moment of monotonic time; `remain`: where what is left goes (0: nowhere, and no continuation). */
static long sleep_relative(uint64_t deadline_ns, uint64_t remain)
{
	struct process_thread *u = thread_current()->user;
	if (thread_sleep_until(deadline_ns, true) != -EINTR) {
		return 0;
	}
	uint64_t now = time_ns();
	if (now >= deadline_ns) {
		return 0;
	}
	struct timespec left = timespec_of(deadline_ns - now);
	if (remain && user_write(remain, &left, sizeof(left))) {
		return -EFAULT;
	}
	u->sleep_remain = remain;
	return syscall_restart_as(sleep_again, deadline_ns);
}

static long sleep_again(const uint64_t a[6])
{
	return sleep_relative(syscall_restart_deadline(), thread_current()->user->sleep_remain);
}

long syscall_restart_as(syscall_function call, uint64_t deadline_ns)
{
	struct process_thread *u = thread_current()->user;
	u->restart = call;
	u->sleep_deadline_ns = deadline_ns;
	return -ERESTART_RESTARTBLOCK;
}

uint64_t syscall_restart_deadline(void)
{
	return thread_current()->user->sleep_deadline_ns;
}

long sys_restart_syscall(const uint64_t a[6])
{
	struct process_thread *u = thread_current()->user;
	syscall_function restart = u->restart;
	u->restart = NULL;
	return restart ? restart(a) : -EINTR;
}

long sys_nanosleep(const uint64_t a[6])
{
	uint64_t ns;
	int error = timespec_from_user(a[0], &ns);
	return error ? error : sleep_relative(time_ns() + ns, a[1]);
}

/* To a moment of a clock; the wall clock may be set meanwhile, so it is looked at again. */
static long sleep_absolute(int clock, uint64_t until_ns)
{
	for (;;) {
		uint64_t now;
		int error = clock_read(clock, &now);
		if (error || now >= until_ns) {
			return error;
		}
		if (thread_sleep_until(time_ns() + (until_ns - now), true) == -EINTR) {
			return -ERESTARTNOHAND;
		}
	}
}

static long cpu_sleep_again(const uint64_t a[6]);

/* `remain` as for sleep_relative(). */
static long cpu_sleep(int number, uint64_t deadline_ns, bool absolute, uint64_t remain)
{
	struct cpu_clock clock;
	uint64_t left_ns;
	int error = cpu_clock_of(number, &clock);
	if (error || clock.tid == thread_current()->tid) {
		return -EINVAL; /* it would not use any meanwhile */
	}
	error = cpu_sleep_until(&clock, deadline_ns, &left_ns);
	if (!error || absolute) {
		return error ? -ERESTARTNOHAND : 0;
	}
	struct timespec left = timespec_of(left_ns);
	if (remain && user_write(remain, &left, sizeof(left))) {
		return -EFAULT;
	}
	return syscall_restart_as(cpu_sleep_again, deadline_ns);
}

static long cpu_sleep_again(const uint64_t a[6])
{
	return cpu_sleep((int)a[0], syscall_restart_deadline(), false, a[3]);
}

long sys_clock_nanosleep(const uint64_t a[6])
{
	int clock = (int)a[0];
	uint64_t ns;
	bool counts_cpu = clock == CLOCK_PROCESS_CPUTIME_ID || clock < 0;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && !counts_cpu) {
		return clock >= 0 && clock < CLOCK_BOOTTIME ? -EOPNOTSUPP : -EINVAL; /* a clock that one cannot sleep by */
	}
	int error = timespec_from_user(a[2], &ns);
	if (error) {
		return error;
	}
	if (counts_cpu) {
		uint64_t now = 0;
		error = a[1] & TIMER_ABSTIME ? 0 : clock_read(clock, &now);
		return error ? error : cpu_sleep(clock, now + ns, a[1] & TIMER_ABSTIME, a[3]);
	}
	return a[1] & TIMER_ABSTIME ? sleep_absolute(clock, ns) : sleep_relative(time_ns() + ns, a[3]);
}
