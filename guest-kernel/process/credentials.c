/* SPDX-License-Identifier: MIT */
/* User and group numbers (credentials(7)). What a process may besides follows its user: capability.c. */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define KEEP UINT32_MAX
#define GROUP_LIMIT 32

struct ids {
	uint32_t real, effective, saved;
};

bool credentials_match(const struct credentials *d)
{
	const struct credentials *c = &process_current()->credentials;
	return c->uid == d->euid && c->uid == d->suid && c->uid == d->uid && c->gid == d->egid && c->gid == d->sgid && c->gid == d->gid;
}

static struct credentials *mine(void)
{
	return &process_current()->credentials;
}

static struct ids ids_get(bool group)
{
	const struct credentials *c = mine();
	return group ? (struct ids){ c->gid, c->egid, c->sgid } : (struct ids){ c->uid, c->euid, c->suid };
}

/* Another one than before: what is in its memory need not be what the new user may see. */
static void changed_locked(void)
{
	process_current()->signals->not_dumpable = true;
	process_current()->signals->death_signal = 0;
}

static void ids_put(bool group, const struct ids *ids)
{
	struct credentials *c = mine();
	spin_lock(&process_lock);
	const struct credentials before = *c;
	if (ids->effective != (group ? c->egid : c->euid)) {
		changed_locked();
	}
	if (group) {
		c->gid = ids->real;
		c->egid = c->fsgid = ids->effective;
		c->sgid = ids->saved;
	} else {
		c->uid = ids->real;
		c->euid = c->fsuid = ids->effective;
		c->suid = ids->saved;
		capabilities_follow_user(c, &before);
	}
	spin_unlock(&process_lock);
}

static bool may_choose(bool group)
{
	return capable(group ? CAP_SETGID : CAP_SETUID);
}

static bool is_one_of(uint32_t id, const struct ids *ids)
{
	return id == KEEP || id == ids->real || id == ids->effective || id == ids->saved;
}

static long set_one(uint32_t id, bool group)
{
	struct ids ids = ids_get(group);
	if (id == KEEP) {
		return -EINVAL;
	}
	if (may_choose(group)) {
		ids = (struct ids){ id, id, id };
	} else if (id == ids.real || id == ids.saved) {
		ids.effective = id;
	} else {
		return -EPERM;
	}
	ids_put(group, &ids);
	return 0;
}

static long set_two(uint32_t real, uint32_t effective, bool group)
{
	struct ids ids = ids_get(group), old = ids;
	if (!may_choose(group) && ((real != KEEP && real != old.real && real != old.effective) || !is_one_of(effective, &old))) {
		return -EPERM;
	}
	ids.real = real == KEEP ? old.real : real;
	ids.effective = effective == KEEP ? old.effective : effective;
	if (real != KEEP || (effective != KEEP && effective != old.real)) {
		ids.saved = ids.effective;
	}
	ids_put(group, &ids);
	return 0;
}

static long set_three(const uint64_t a[6], bool group)
{
	struct ids ids = ids_get(group), old = ids;
	uint32_t real = (uint32_t)a[0], effective = (uint32_t)a[1], saved = (uint32_t)a[2];
	if (!may_choose(group) && !(is_one_of(real, &old) && is_one_of(effective, &old) && is_one_of(saved, &old))) {
		return -EPERM;
	}
	ids.real = real == KEEP ? old.real : real;
	ids.effective = effective == KEEP ? old.effective : effective;
	ids.saved = saved == KEEP ? old.saved : saved;
	ids_put(group, &ids);
	return 0;
}

static long get_three(const uint64_t a[6], bool group)
{
	struct ids ids = ids_get(group);
	return user_write(a[0], &ids.real, 4) || user_write(a[1], &ids.effective, 4) || user_write(a[2], &ids.saved, 4) ?
		       -EFAULT :
		       0;
}

long sys_getuid(const uint64_t a[6])
{
	return mine()->uid;
}

long sys_geteuid(const uint64_t a[6])
{
	return mine()->euid;
}

long sys_getgid(const uint64_t a[6])
{
	return mine()->gid;
}

long sys_getegid(const uint64_t a[6])
{
	return mine()->egid;
}

long sys_setuid(const uint64_t a[6])
{
	return set_one((uint32_t)a[0], false);
}

long sys_setgid(const uint64_t a[6])
{
	return set_one((uint32_t)a[0], true);
}

long sys_setreuid(const uint64_t a[6])
{
	return set_two((uint32_t)a[0], (uint32_t)a[1], false);
}

long sys_setregid(const uint64_t a[6])
{
	return set_two((uint32_t)a[0], (uint32_t)a[1], true);
}

long sys_setresuid(const uint64_t a[6])
{
	return set_three(a, false);
}

long sys_setresgid(const uint64_t a[6])
{
	return set_three(a, true);
}

long sys_getresuid(const uint64_t a[6])
{
	return get_three(a, false);
}

long sys_getresgid(const uint64_t a[6])
{
	return get_three(a, true);
}

/* Answers the old number in any case (setfsuid(2)). */
static long set_fs(uint32_t id, uint32_t *which, bool group)
{
	uint32_t old = *which;
	struct ids ids = ids_get(group);
	if (id != KEEP && id != old && (may_choose(group) || is_one_of(id, &ids))) {
		spin_lock(&process_lock);
		changed_locked();
		*which = id;
		if (!group) {
			capabilities_follow_file_user(mine(), old);
		}
		spin_unlock(&process_lock);
	}
	return old;
}

long sys_setfsuid(const uint64_t a[6])
{
	return set_fs((uint32_t)a[0], &mine()->fsuid, false);
}

long sys_setfsgid(const uint64_t a[6])
{
	return set_fs((uint32_t)a[0], &mine()->fsgid, true);
}

long sys_getgroups(const uint64_t a[6])
{
	const struct credentials *c = mine();
	int size = (int)a[0];
	if (size < 0 || (size > 0 && (uint32_t)size < c->group_count)) {
		return -EINVAL;
	}
	if (size > 0 && user_write(a[1], c->groups, c->group_count * sizeof(c->groups[0]))) {
		return -EFAULT;
	}
	return c->group_count;
}

long sys_setgroups(const uint64_t a[6])
{
	struct credentials *c = mine();
	uint32_t groups[GROUP_LIMIT];
	if (!capable(CAP_SETGID)) {
		return -EPERM;
	}
	if (a[0] > GROUP_LIMIT) {
		return -EINVAL;
	}
	if (user_read(groups, a[1], a[0] * sizeof(groups[0]))) {
		return -EFAULT;
	}
	for (uint32_t i = 0; i < a[0]; i++) { /* kept in order, as Linux keeps and shows them */
		uint32_t at = i;
		for (; at > 0 && c->groups[at - 1] > groups[i]; at--) {
			c->groups[at] = c->groups[at - 1];
		}
		c->groups[at] = groups[i];
	}
	c->group_count = (uint32_t)a[0];
	return 0;
}
