/* SPDX-License-Identifier: MIT */
/* prctl(2). What has to do with capabilities is capability.c's. */
#include "process_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

enum {
	PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_TIMING = 13, PR_SET_NAME = 15, PR_GET_NAME,
	PR_GET_SECCOMP = 21, PR_GET_TSC = 25, PR_SET_TIMERSLACK = 29, PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER = 36, PR_GET_CHILD_SUBREAPER,
	PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_SET_PTRACER = 0x59616d61
};

#define TIMER_SLACK_NS 50000 /* Linux's; no timer here is late on purpose */

static long set_thread_name(uint64_t from)
{
	struct thread *t = thread_current();
	char name[16] = { 0 };
	long n = user_string(name, from, sizeof(name));
	if (n < 0 && n != -ENAMETOOLONG) {
		return n;
	}
	name[15] = '\0';
	spin_lock(&process_lock);
	memcpy(t->name, name, sizeof(name));
	if (t->tid == t->process->pid) {
		memcpy(t->process->name, name, sizeof(name));
	}
	spin_unlock(&process_lock);
	return 0;
}

static long death_signal_set(struct signals *s, uint64_t signal)
{
	if (signal > SIGNAL_COUNT) {
		return -EINVAL;
	}
	s->death_signal = (int)signal;
	return 0;
}

static long flag_set(bool *flag, uint64_t value)
{
	if (value > 1) {
		return -EINVAL;
	}
	*flag = value;
	return 0;
}

static long not_dumpable_set(struct signals *s, uint64_t dumpable)
{
	return flag_set(&s->not_dumpable, dumpable > 1 ? dumpable : !dumpable);
}

static long privileges_keep(struct signals *s, const uint64_t a[6])
{
	if (a[1] != 1 || a[2] || a[3] || a[4]) {
		return -EINVAL;
	}
	s->no_new_privileges = true;
	return 0;
}

static long number_write(uint64_t to, int value)
{
	return user_write(to, &value, sizeof(value));
}

long sys_prctl(const uint64_t a[6])
{
	struct thread *t = thread_current();
	struct signals *s = t->process->signals;
	switch ((int)a[0]) {
	case PR_SET_PDEATHSIG:
		return death_signal_set(s, a[1]);
	case PR_GET_PDEATHSIG:
		return number_write(a[1], s->death_signal);
	case PR_GET_DUMPABLE:
		return !s->not_dumpable;
	case PR_SET_DUMPABLE:
		return not_dumpable_set(s, a[1]);
	case PR_SET_NAME:
		return set_thread_name(a[1]);
	case PR_GET_NAME:
		return user_write(a[1], t->name, sizeof(t->name));
	case PR_SET_CHILD_SUBREAPER:
		s->child_subreaper = a[1];
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return number_write(a[1], s->child_subreaper);
	case PR_SET_NO_NEW_PRIVS:
		return privileges_keep(s, a);
	case PR_GET_NO_NEW_PRIVS:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : s->no_new_privileges;
	case PR_GET_TIMERSLACK:
		return TIMER_SLACK_NS;
	case PR_GET_TID_ADDRESS:
		return user_write(a[1], &t->user->clear_child_tid, sizeof(uint64_t));
	case PR_GET_TSC:
		return number_write(a[1], 1); /* PR_TSC_ENABLE */
	case PR_SET_TIMERSLACK:
	case PR_SET_PTRACER:
	case PR_GET_SECCOMP:
	case PR_GET_TIMING:
	case PR_GET_THP_DISABLE:
		return 0;
	default:
		return capability_request(a);
	}
}
