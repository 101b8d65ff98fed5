/* SPDX-License-Identifier: MIT */
/*
 * Capabilities (capabilities(7)): what used to be user 0's privilege, in pieces. Whoever asks "may it?" asks capable(); what a process
 * has is in its credentials, and how that changes with its user, with execve and with prctl is process/capability.c's.
 */
#ifndef KERNEL_CAPABILITY_H
#define KERNEL_CAPABILITY_H

#include "kernel/process.h"

enum capability {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP,
	CAP_LINUX_IMMUTABLE, CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK, CAP_IPC_OWNER,
	CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_PACCT, CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_NICE,
	CAP_SYS_RESOURCE, CAP_SYS_TIME, CAP_SYS_TTY_CONFIG, CAP_MKNOD, CAP_LEASE, CAP_AUDIT_WRITE, CAP_AUDIT_CONTROL, CAP_SETFCAP,
	CAP_MAC_OVERRIDE, CAP_MAC_ADMIN, CAP_SYSLOG, CAP_WAKE_ALARM, CAP_BLOCK_SUSPEND, CAP_AUDIT_READ, CAP_PERFMON, CAP_BPF,
	CAP_CHECKPOINT_RESTORE, CAP_COUNT
};
#define CAPABILITIES_ALL ((1ull << CAP_COUNT) - 1)

/* credentials.secure_bits; each but the last bit has a lock above it. */
#define SECURE_NOROOT 1u
#define SECURE_NO_SETUID_FIXUP 4u
#define SECURE_KEEP_CAPS 16u
#define SECURE_NO_CAP_AMBIENT_RAISE 64u
#define SECURE_ALL 0x55u
#define SECURE_ALL_LOCKS 0xaau

static inline bool credentials_capable(const struct credentials *c, enum capability capability)
{
	return c->effective >> capability & 1;
}

/** May the current process? A thread of the kernel may. */
static inline bool capable(enum capability capability)
{
	const struct process *p = process_current();
	return !p || credentials_capable(&p->credentials, capability);
}

#endif
