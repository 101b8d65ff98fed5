/* SPDX-License-Identifier: MIT */
/*
 * What a process may (capabilities(7)): five sets, and the bits that say whether user 0 is special. effective is a part of permitted;
 * ambient is one of permitted and of inheritable; nothing gets into permitted but by execve, and there only what bounding has. They are the
 * process's, not one thread's, like its users. Files carry no capabilities: what a program gains comes from its set-user-ID bit.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define SET(capability) (1ull << (capability))
/* What follows the file system's user (setfsuid(2)). */
#define FILE_CAPABILITIES                                                                                                                 \
	(SET(CAP_CHOWN) | SET(CAP_DAC_OVERRIDE) | SET(CAP_DAC_READ_SEARCH) | SET(CAP_FOWNER) | SET(CAP_FSETID) | SET(CAP_LINUX_IMMUTABLE) | \
	 SET(CAP_MKNOD) | SET(CAP_MAC_OVERRIDE))

void capabilities_of_first(struct credentials *c)
{
	c->effective = c->permitted = c->bounding = CAPABILITIES_ALL;
}

static bool is_root(const struct credentials *c)
{
	return c->uid == 0 || c->euid == 0 || c->suid == 0;
}

/* "Effect of user ID changes on capabilities". */
void capabilities_follow_user(struct credentials *c, const struct credentials *before)
{
	if (c->secure_bits & SECURE_NO_SETUID_FIXUP) {
		return;
	}
	if (is_root(before) && !is_root(c)) {
		if (!(c->secure_bits & SECURE_KEEP_CAPS)) {
			c->permitted = c->effective = 0;
		}
		c->ambient = 0;
	}
	if (before->euid == 0 && c->euid != 0) {
		c->effective = 0;
	} else if (before->euid != 0 && c->euid == 0) {
		c->effective = c->permitted;
	}
}

void capabilities_follow_file_user(struct credentials *c, uint32_t before)
{
	if (c->secure_bits & SECURE_NO_SETUID_FIXUP) {
		return;
	}
	if (before == 0 && c->fsuid != 0) {
		c->effective &= ~FILE_CAPABILITIES;
	} else if (before != 0 && c->fsuid == 0) {
		c->effective |= c->permitted & FILE_CAPABILITIES;
	}
}

/* "Transformation of capabilities during execve()", for files without any. */
bool capabilities_follow_exec(struct credentials *c, bool no_new_privileges, bool denied)
{
	bool root = !(c->secure_bits & SECURE_NOROOT), set_id = c->euid != c->uid || c->egid != c->gid;
	bool effective = root && c->euid == 0;
	uint64_t permitted = root && (c->euid == 0 || c->uid == 0) ? c->bounding | c->inheritable : 0;
	if (denied && (set_id || (permitted & ~c->permitted))) {
		if (no_new_privileges || !credentials_capable(c, CAP_SETUID)) {
			c->euid = c->uid;
			c->egid = c->gid;
		}
		permitted &= c->permitted;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->ambient = set_id ? 0 : c->ambient;
	c->permitted = permitted | c->ambient;
	c->effective = effective ? c->permitted : c->ambient;
	c->secure_bits &= ~SECURE_KEEP_CAPS;
	return set_id || (c->uid != 0 && (effective || (c->permitted & ~c->ambient)));
}

/* ---- capget, capset ---- */

struct header {
	uint32_t version;
	int32_t pid;
};
/* For 32 capabilities each. */
struct data {
	uint32_t effective, permitted, inheritable;
};

/** How many struct data that version has; -EINVAL: none that there is, and one that there is has been told. */
static int header_read(uint64_t user, struct header *h)
{
	static const uint32_t versions[] = { 0x19980330, 0x20071026, 0x20080522 };
	if (user_read(h, user, sizeof(*h))) {
		return -EFAULT;
	}
	for (unsigned i = 0; i < 3; i++) {
		if (h->version == versions[i]) {
			return i ? 2 : 1;
		}
	}
	return user_write(user, &versions[2], sizeof(versions[2])) ? -EFAULT : -EINVAL;
}

long sys_capget(const uint64_t a[6])
{
	struct header h;
	struct data data[2] = { 0 };
	int halves = header_read(a[0], &h);
	if (halves < 0 || !a[1]) {
		return halves == -EFAULT || a[1] ? halves : 0;
	}
	if (h.pid < 0) {
		return -EINVAL;
	}
	struct thread *thread;
	spin_lock(&process_lock);
	const struct process *p = h.pid ? process_of_thread_locked((uint32_t)h.pid, &thread) : process_current();
	for (int i = 0; p && i < 2; i++) {
		const struct credentials *c = &p->credentials;
		data[i] = (struct data){ (uint32_t)(c->effective >> 32 * i), (uint32_t)(c->permitted >> 32 * i),
					 (uint32_t)(c->inheritable >> 32 * i) };
	}
	spin_unlock(&process_lock);
	return !p ? -ESRCH : user_write(a[1], data, (size_t)halves * sizeof(data[0])) ? -EFAULT : 0;
}

/* True: *c may become so. */
static bool set_locked(struct credentials *c, uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	if (!credentials_capable(c, CAP_SETPCAP) && (inheritable & ~(c->inheritable | c->permitted))) {
		return false;
	}
	if ((inheritable & ~(c->inheritable | c->bounding)) || (permitted & ~c->permitted) || (effective & ~permitted)) {
		return false;
	}
	c->effective = effective;
	c->permitted = permitted;
	c->inheritable = inheritable;
	c->ambient &= permitted & inheritable;
	return true;
}

long sys_capset(const uint64_t a[6])
{
	struct header h;
	struct data d[2] = { 0 };
	int halves = header_read(a[0], &h);
	if (halves < 0) {
		return halves;
	}
	if (h.pid && (uint32_t)h.pid != thread_current()->tid) {
		return -EPERM;
	}
	if (user_read(d, a[1], (size_t)halves * sizeof(d[0]))) {
		return -EFAULT;
	}
	spin_lock(&process_lock);
	bool may = set_locked(&process_current()->credentials, (d[0].effective | (uint64_t)d[1].effective << 32) & CAPABILITIES_ALL,
			      (d[0].permitted | (uint64_t)d[1].permitted << 32) & CAPABILITIES_ALL,
			      (d[0].inheritable | (uint64_t)d[1].inheritable << 32) & CAPABILITIES_ALL);
	spin_unlock(&process_lock);
	return may ? 0 : -EPERM;
}

/* ---- prctl ---- */

enum {
	PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS, PR_CAPBSET_READ = 23, PR_CAPBSET_DROP, PR_GET_SECUREBITS = 27, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 47
};
enum { AMBIENT_IS_SET = 1, AMBIENT_RAISE, AMBIENT_LOWER, AMBIENT_CLEAR_ALL };

static long keep_set(struct credentials *c, uint64_t value)
{
	if (value > 1) {
		return -EINVAL;
	}
	if (c->secure_bits & SECURE_KEEP_CAPS << 1) {
		return -EPERM;
	}
	c->secure_bits = (c->secure_bits & ~SECURE_KEEP_CAPS) | (value ? SECURE_KEEP_CAPS : 0);
	return 0;
}

static long bounding_drop(struct credentials *c, uint64_t capability)
{
	if (!credentials_capable(c, CAP_SETPCAP)) {
		return -EPERM;
	}
	if (capability >= CAP_COUNT) {
		return -EINVAL;
	}
	c->bounding &= ~SET(capability);
	return 0;
}

/* What is locked stays as it is, and locked. */
static long secure_bits_set(struct credentials *c, uint64_t bits)
{
	uint64_t locks = c->secure_bits & SECURE_ALL_LOCKS;
	bool wrong = ((locks >> 1) & (c->secure_bits ^ bits)) || (locks & ~bits) || (bits & ~(uint64_t)(SECURE_ALL | SECURE_ALL_LOCKS));
	if (wrong || !credentials_capable(c, CAP_SETPCAP)) {
		return -EPERM;
	}
	c->secure_bits = (uint32_t)bits;
	return 0;
}

static long ambient_raise(struct credentials *c, uint64_t capability)
{
	if (!(c->permitted & c->inheritable & SET(capability)) || (c->secure_bits & SECURE_NO_CAP_AMBIENT_RAISE)) {
		return -EPERM;
	}
	c->ambient |= SET(capability);
	return 0;
}

static long ambient(struct credentials *c, const uint64_t a[6])
{
	if (a[1] == AMBIENT_CLEAR_ALL) {
		c->ambient = a[2] || a[3] || a[4] ? c->ambient : 0;
		return a[2] || a[3] || a[4] ? -EINVAL : 0;
	}
	if (a[2] >= CAP_COUNT || a[3] || a[4]) {
		return -EINVAL;
	}
	switch (a[1]) {
	case AMBIENT_IS_SET:
		return c->ambient >> a[2] & 1;
	case AMBIENT_RAISE:
		return ambient_raise(c, a[2]);
	case AMBIENT_LOWER:
		c->ambient &= ~SET(a[2]);
		return 0;
	default:
		return -EINVAL;
	}
}

static long request_locked(struct credentials *c, const uint64_t a[6])
{
	switch ((int)a[0]) {
	case PR_GET_KEEPCAPS:
		return c->secure_bits & SECURE_KEEP_CAPS ? 1 : 0;
	case PR_SET_KEEPCAPS:
		return keep_set(c, a[1]);
	case PR_CAPBSET_READ:
		return a[1] < CAP_COUNT ? (long)(c->bounding >> a[1] & 1) : -EINVAL;
	case PR_CAPBSET_DROP:
		return bounding_drop(c, a[1]);
	case PR_GET_SECUREBITS:
		return c->secure_bits;
	case PR_SET_SECUREBITS:
		return secure_bits_set(c, a[1]);
	case PR_CAP_AMBIENT:
		return ambient(c, a);
	default:
		return -EINVAL;
	}
}

long capability_request(const uint64_t a[6])
{
	spin_lock(&process_lock);
	long result = request_locked(&process_current()->credentials, a);
	spin_unlock(&process_lock);
	return result;
}
