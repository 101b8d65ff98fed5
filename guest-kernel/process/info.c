/* SPDX-License-Identifier: MIT */
/* What programs ask about the system and themselves: uname, sysinfo, times, getrusage, arch_prctl, syslog. */
#include "process_internal.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/memory.h"
#include "kernel/random.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "platform/log.h"

#define NS 1000000000ull
#define TICK_NS 10000000ull /* times() counts in 1/100 s */

struct uts { /* struct new_utsname */
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

/* Names: under process_lock. */
static struct uts uts = {
	.sysname = "Linux",
	.nodename = "bulkhead",
	.release = SYSTEM_RELEASE,
	.version = SYSTEM_VERSION,
	.machine = "x86_64",
	.domainname = "(none)",
};

long sys_uname(const uint64_t a[6])
{
	struct uts out;
	spin_lock(&process_lock);
	out = uts;
	spin_unlock(&process_lock);
	return user_write(a[0], &out, sizeof(out));
}

void system_name(char name[65])
{
	spin_lock(&process_lock);
	memcpy(name, uts.nodename, sizeof(uts.nodename));
	spin_unlock(&process_lock);
}

static long set_name(const uint64_t a[6], char *name)
{
	char new[65] = { 0 };
	if (!capable(CAP_SYS_ADMIN)) {
		return -EPERM;
	}
	if (a[1] > 64) {
		return -EINVAL;
	}
	if (user_read(new, a[0], a[1])) {
		return -EFAULT;
	}
	spin_lock(&process_lock);
	memcpy(name, new, sizeof(new));
	spin_unlock(&process_lock);
	return 0;
}

long sys_sethostname(const uint64_t a[6])
{
	return set_name(a, uts.nodename);
}

long sys_setdomainname(const uint64_t a[6])
{
	return set_name(a, uts.domainname);
}

static uint16_t process_count(void)
{
	uint16_t count = 0;
	spin_lock(&process_lock);
	list_for_each(node, &process_list)
	{
		count++;
	}
	spin_unlock(&process_lock);
	return count;
}

long sys_sysinfo(const uint64_t a[6])
{
	struct {
		int64_t uptime;
		uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
		uint16_t procs, pad;
		uint64_t totalhigh, freehigh;
		uint32_t unit;
	} out = { .uptime = (int64_t)((time_ns() + NS - 1) / NS), .procs = process_count(), .unit = 1 };
	uint64_t total, free;
	memory_usage(&total, &free);
	load_read(out.loads);
	out.totalram = total * PAGE_SIZE;
	out.freeram = free * PAGE_SIZE;
	return user_write(a[0], &out, sizeof(out));
}

/* The process's own time so far: of threads that ended, and of those that run. */
static void own_time(struct process *p, uint64_t *user_ns, uint64_t *system_ns)
{
	thread_account();
	spin_lock(&process_lock);
	*user_ns = p->user_ns;
	*system_ns = p->system_ns;
	list_for_each(node, &p->threads)
	{
		const struct thread *t = container_of(node, struct thread, process_link);
		*user_ns += t->user_ns;
		*system_ns += t->system_ns;
	}
	spin_unlock(&process_lock);
}

long sys_times(const uint64_t a[6])
{
	struct process *p = process_current();
	uint64_t out[4];
	own_time(p, &out[0], &out[1]);
	out[2] = p->children_user_ns;
	out[3] = p->children_system_ns;
	for (int i = 0; i < 4; i++) {
		out[i] /= TICK_NS;
	}
	if (a[0] && user_write(a[0], out, sizeof(out))) {
		return -EFAULT;
	}
	return (long)(time_ns() / TICK_NS);
}

int usage_write(uint64_t to, uint64_t user_ns, uint64_t system_ns, uint64_t resident, const struct usage *usage)
{
	/* struct rusage; swaps, signals and messages are not counted, as on Linux */
	const uint64_t out[18] = {
		user_ns / NS, user_ns % NS / 1000, system_ns / NS, system_ns % NS / 1000, resident * (PAGE_SIZE / 1024), 0, 0, 0,
		usage->minor_faults, usage->major_faults, 0,
		usage->inputs * (PAGE_SIZE / 512), usage->outputs * (PAGE_SIZE / 512), 0, 0, 0, usage->voluntary, usage->involuntary,
	};
	return user_write(to, out, sizeof(out));
}

static void own_usage(struct process *p, struct usage *usage, uint64_t *resident)
{
	spin_lock(&process_lock);
	process_resident_note_locked(p);
	*usage = p->usage;
	*resident = p->most_resident;
	list_for_each(node, &p->threads) {
		usage_add(usage, &container_of(node, struct thread, process_link)->usage);
	}
	spin_unlock(&process_lock);
}

long sys_getrusage(const uint64_t a[6])
{
	struct process *p = process_current();
	struct thread *t = thread_current();
	struct usage usage;
	uint64_t user_ns, system_ns, resident;
	own_usage(p, &usage, &resident);
	switch ((int)a[0]) {
	case 0: /* RUSAGE_SELF */
		own_time(p, &user_ns, &system_ns);
		break;
	case -1: /* RUSAGE_CHILDREN */
		user_ns = p->children_user_ns;
		system_ns = p->children_system_ns;
		usage = p->children_usage;
		resident = p->children_most_resident;
		break;
	case 1: /* RUSAGE_THREAD */
		thread_account();
		user_ns = t->user_ns;
		system_ns = t->system_ns;
		usage = t->usage;
		break;
	default:
		return -EINVAL;
	}
	return usage_write(a[1], user_ns, system_ns, resident, &usage);
}

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003

long sys_arch_prctl(const uint64_t a[6])
{
	struct thread *t = thread_current();
	switch ((int)a[0]) {
	case ARCH_SET_FS:
		if (a[1] >= USER_END) {
			return -EPERM;
		}
		t->fs_base = a[1];
		msr_write(MSR_FS_BASE, a[1]);
		return 0;
	case ARCH_GET_FS:
		return user_write(a[1], &t->fs_base, sizeof(t->fs_base));
	default:
		return -EINVAL;
	}
}

enum { SYSLOG_CLOSE, SYSLOG_OPEN, SYSLOG_READ_ALL = 3, SYSLOG_READ_CLEAR, SYSLOG_CONSOLE_OFF = 6, SYSLOG_CONSOLE_ON, SYSLOG_CONSOLE_LEVEL,
       SYSLOG_UNREAD, SYSLOG_SIZE };

static long log_to_user(uint64_t to, uint64_t size)
{
	size = size < LOG_KEPT_MAX ? size : LOG_KEPT_MAX;
	char *text = kmalloc(size + 1);
	if (!text) {
		return -ENOMEM;
	}
	long bytes = (long)log_read(text, size);
	long result = user_write(to, text, (size_t)bytes) ? -EFAULT : bytes;
	kfree(text);
	return result;
}

/* syslog(2): what was logged lately. It is never cleared, and goes to the machine's control line, never to the console. */
long sys_syslog(const uint64_t a[6])
{
	if (!capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN) && a[0] != SYSLOG_READ_ALL && a[0] != SYSLOG_SIZE) {
		return -EPERM;
	}
	switch (a[0]) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
	case SYSLOG_CONSOLE_OFF:
	case SYSLOG_CONSOLE_ON:
	case SYSLOG_CONSOLE_LEVEL:
	case SYSLOG_UNREAD:
		return 0;
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		return !a[1] || (int)a[2] < 0 ? -EINVAL : log_to_user(a[1], (uint64_t)(int)a[2]);
	case SYSLOG_SIZE:
		return LOG_KEPT_MAX;
	default:
		return -EINVAL;
	}
}

/* PER_LINUX, and flags of which ADDR_NO_RANDOMIZE is always so: programs lie at the same places in each run. */
#define PERSONALITY_KNOWN 0x0fff0000u

long sys_personality(const uint64_t a[6])
{
	struct signals *s = process_current()->signals;
	uint32_t wanted = (uint32_t)a[0], old = s->personality;
	if (wanted != UINT32_MAX && (wanted & ~PERSONALITY_KNOWN)) {
		return -EINVAL;
	}
	s->personality = wanted == UINT32_MAX ? old : wanted;
	return old;
}

#define GRND_NONBLOCK 1u
#define GRND_RANDOM 2u
#define GRND_INSECURE 4u

long sys_getrandom(const uint64_t a[6])
{
	uint8_t chunk[256];
	uint64_t wanted = a[1] > INT32_MAX ? INT32_MAX : a[1], done = 0;
	if (a[2] & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (a[2] & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE)) {
		return -EINVAL;
	}
	while (done < wanted) {
		uint64_t n = wanted - done < sizeof(chunk) ? wanted - done : sizeof(chunk);
		random_bytes(chunk, n);
		if (user_write(a[0] + done, chunk, n)) {
			return done ? (long)done : -EFAULT;
		}
		done += n;
		if (signal_pending()) {
			break;
		}
	}
	return (long)done;
}
