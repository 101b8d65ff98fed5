/* SPDX-License-Identifier: MIT */
/* Resource limits (getrlimit(2)): kept for all sixteen; fs/ honours NOFILE and FSIZE, exec STACK. */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

static long limit_exchange(struct process *p, unsigned which, const struct rlimit_pair *new, struct rlimit_pair *old)
{
	if (which >= RLIMIT_COUNT || (new && new->soft > new->hard)) {
		return -EINVAL;
	}
	*old = p->rlimits[which];
	if (new && new->hard > old->hard && !capable(CAP_SYS_RESOURCE)) {
		return -EPERM;
	}
	if (new) {
		p->rlimits[which] = *new;
		if (which == RLIMIT_CPU) {
			cpu_timers_look_locked(p);
		}
	}
	return 0;
}

static bool may_set_limits(const struct process *p)
{
	return p == process_current() || credentials_match(&p->credentials) || capable(CAP_SYS_RESOURCE);
}

long sys_prlimit64(const uint64_t a[6])
{
	struct rlimit_pair new, old;
	if (a[2] && user_read(&new, a[2], sizeof(new))) {
		return -EFAULT;
	}
	spin_lock(&process_lock);
	struct process *p = a[0] ? process_find_locked((uint32_t)a[0]) : process_current();
	long error = -ESRCH;
	if (p) {
		error = may_set_limits(p) ? limit_exchange(p, (unsigned)a[1], a[2] ? &new : NULL, &old) : -EPERM;
	}
	spin_unlock(&process_lock);
	if (!error && a[3] && user_write(a[3], &old, sizeof(old))) {
		return -EFAULT;
	}
	return error;
}

long sys_getrlimit(const uint64_t a[6])
{
	const uint64_t forward[6] = { 0, a[0], 0, a[1] };
	return a[1] ? sys_prlimit64(forward) : -EFAULT;
}

long sys_setrlimit(const uint64_t a[6])
{
	const uint64_t forward[6] = { 0, a[0], a[1], 0 };
	return a[1] ? sys_prlimit64(forward) : -EFAULT;
}
