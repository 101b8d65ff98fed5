/* SPDX-License-Identifier: MIT */
/* The files of /proc/PID (proc(5)). A process is looked at under process_lock, and its memory through a reference of our own. */
#include "fs/proc_internal.h"

#include "kernel/address_space.h"
#include "kernel/signal.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/tty.h"

#define TICK_NS 10000000ul

/* What is copied out under the lock. */
struct snapshot {
	uint32_t pid, tid, tracer, ppid, pgid, sid, uid, euid, suid, fsuid, gid, egid, sgid, fsgid, threads, tty;
	int foreground;
	char name[16], state;
	int nice, exit_code;
	unsigned policy, real_time;
	uint64_t user_ns, system_ns, children_user_ns, children_system_ns, start_ns;
	uint64_t most_resident, affinity;
	struct memory_sizes memory;
	struct usage usage;
	struct signal_state signals;
	uint32_t umask, group_count, groups[32];
	uint64_t capabilities[5]; /* inheritable, permitted, effective, bounding, ambient */
};

/* Of one thread; NULL: of a process whose first thread has ended. */
static char state_of(const struct process *p, const struct thread *thread)
{
	bool traced = false;
	if (thread && process_tracer_locked(thread, &traced) && traced) {
		return 't';
	}
	if (p->zombie || p->stopped) {
		return p->zombie ? 'Z' : 'T';
	}
	return thread && (thread->state == THREAD_RUNNING || thread->state == THREAD_RUNNABLE) ? 'R' : 'S';
}

static void snapshot_times(const struct process *p, struct snapshot *s)
{
	s->user_ns = p->user_ns;
	s->system_ns = p->system_ns;
	s->children_user_ns = p->children_user_ns;
	s->children_system_ns = p->children_system_ns;
	s->start_ns = p->start_ns;
	list_for_each(node, &p->threads) {
		const struct thread *thread = container_of(node, struct thread, process_link);
		s->user_ns += thread->user_ns;
		s->system_ns += thread->system_ns;
		s->nice = thread->nice;
		s->policy = thread->policy;
		s->real_time = thread->priority;
		s->threads++;
	}
}

/* The memory's reference is the caller's to put. */
static struct address_space *memory_get(uint32_t pid)
{
	spin_lock(&process_lock);
	struct thread *thread;
	struct process *p = process_of_thread_locked(pid, &thread);
	struct address_space *memory = p ? p->memory : NULL;
	if (memory) {
		address_space_get(memory);
	}
	spin_unlock(&process_lock);
	return memory;
}

static int snapshot_take(uint32_t pid, bool contents, struct snapshot *s)
{
	struct tty *tty = NULL;
	memset(s, 0, sizeof(*s));
	spin_lock(&process_lock);
	struct thread *thread;
	struct process *p = process_of_thread_locked(pid, &thread);
	if (p) {
		const struct credentials *c = &p->credentials;
		*s = (struct snapshot){ .pid = p->pid, .ppid = p->parent ? p->parent->pid : 0, .pgid = p->pgid, .sid = p->sid, .uid = c->uid,
					.euid = c->euid, .suid = c->suid, .fsuid = c->fsuid, .gid = c->gid, .egid = c->egid, .sgid = c->sgid,
					.fsgid = c->fsgid, .foreground = -1, .state = state_of(p, thread), .exit_code = p->exit_code };
		bool stopped;
		s->tid = thread ? thread->tid : p->pid;
		s->most_resident = p->most_resident;
		s->affinity = thread ? thread->affinity : UINT64_MAX;
		s->usage = thread ? thread->usage : p->usage;
		memcpy(s->capabilities, (uint64_t[]){ c->inheritable, c->permitted, c->effective, c->bounding, c->ambient }, sizeof(s->capabilities));
		s->umask = p->fs ? p->fs->umask : 0;
		s->group_count = c->group_count;
		memcpy(s->groups, c->groups, sizeof(s->groups));
		signal_state_of_locked(p, thread, &s->signals);
		s->tracer = thread ? process_tracer_locked(thread, &stopped) : 0;
		memcpy(s->name, p->name, sizeof(s->name));
		s->name[sizeof(s->name) - 1] = '\0';
		snapshot_times(p, s);
		tty = p->tty;
		if (tty) {
			tty_get(tty);
		}
	}
	spin_unlock(&process_lock);
	if (!p) {
		return -ESRCH;
	}
	if (tty) {
		s->tty = tty_device_number(tty);
		s->foreground = (int)tty_foreground(tty);
		tty_put(tty);
	}
	struct address_space *memory = memory_get(pid);
	if (memory) {
		address_space_sizes(memory, contents, &s->memory);
		address_space_put(memory);
	}
	return 0;
}

int proc_pid_stat(uint32_t pid, struct text *t)
{
	struct snapshot s;
	int error = snapshot_take(pid, false, &s);
	if (error) {
		return error;
	}
	text_add(t, "%u (%s) %c %u %u %u %u %d 4194304 0 0 0 0 %lu %lu %lu %lu %d %d %u 0 %lu %lu %lu 18446744073709551615", s.pid, s.name,
		 s.state, s.ppid, s.pgid, s.sid, s.tty, s.foreground, s.user_ns / TICK_NS, s.system_ns / TICK_NS, s.children_user_ns / TICK_NS,
		 s.children_system_ns / TICK_NS, s.real_time ? -1 - (int)s.real_time : 20 + s.nice, s.nice, s.threads, s.start_ns / TICK_NS,
		 s.memory.total * 4096, s.memory.resident);
	text_add(t, " 0 0 0 0 0 0 0 0 0 0 0 0 17 0 %u %u 0 0 0 0 0 0 0 0 0 0 %d\n", s.real_time, s.policy, s.exit_code);
	return 0;
}

static const char *state_name(char state)
{
	return state == 'R' ? "running" : state == 'Z' ? "zombie" : state == 'T' ? "stopped" : state == 't' ? "tracing stop" : "sleeping";
}

static void status_signals(const struct snapshot *s, struct text *t)
{
	const struct signal_state *g = &s->signals;
	text_add(t, "SigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", g->queued, g->limit,
		 g->pending, g->shared_pending, g->blocked, g->ignored, g->caught);
	text_add(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n", s->capabilities[0],
		 s->capabilities[1], s->capabilities[2], s->capabilities[3], s->capabilities[4]);
	text_add(t, "NoNewPrivs:\t%u\nSeccomp:\t0\nSeccomp_filters:\t0\n", g->no_new_privileges);
}

static void status_groups(const struct snapshot *s, struct text *t)
{
	text_add(t, "Groups:\t");
	for (uint32_t i = 0; i < s->group_count; i++) {
		text_add(t, "%u ", s->groups[i]);
	}
	text_add(t, "%s\n", s->group_count ? "" : " ");
}

static void status_processors(const struct snapshot *s, struct text *t)
{
	uint64_t there = thread_processors(), may = s->affinity & there;
	text_add(t, there > 15 ? "Cpus_allowed:\t%02lx\nCpus_allowed_list:\t" : "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", may);
	const char *comma = "";
	for (unsigned i = 0; i < 64; i++) {
		unsigned first = i;
		while (i < 63 && (may >> i & 1) && (may >> (i + 1) & 1)) {
			i++;
		}
		if (may >> first & 1) {
			text_add(t, first < i ? "%s%u-%u" : "%s%u", comma, first, i);
			comma = ",";
		}
	}
	text_add(t, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static void status_memory(const struct memory_sizes *m, struct text *t)
{
	text_add(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t%8u kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", m->total_most * 4,
		 m->total * 4, m->locked * 4, 0, m->resident_most * 4, m->resident * 4);
	text_add(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8lu kB\nVmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n", m->anonymous * 4,
		 m->file * 4, m->shared * 4, m->data * 4, m->stack * 4, m->text * 4);
	text_add(t, "VmLib:\t%8lu kB\nVmPTE:\t%8lu kB\nVmSwap:\t%8u kB\n", m->libraries * 4, m->tables * 4, 0);
}

int proc_pid_status(uint32_t pid, struct text *t)
{
	struct snapshot s;
	int error = snapshot_take(pid, true, &s);
	if (error) {
		return error;
	}
	text_add(t, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t%u\n", s.name, s.umask, s.state,
		 state_name(s.state), s.pid, s.tid, s.ppid, s.tracer);
	text_add(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\n", s.uid, s.euid, s.suid, s.fsuid, s.gid, s.egid,
		 s.sgid, s.fsgid);
	status_groups(&s, t);
	text_add(t, "NStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n", s.pid, s.tid, s.pgid, s.sid);
	if (s.memory.total) {
		s.memory.resident_most = s.memory.resident_most > s.most_resident ? s.memory.resident_most : s.most_resident;
		status_memory(&s.memory, t);
	}
	text_add(t, "Threads:\t%u\n", s.threads);
	status_signals(&s, t);
	status_processors(&s, t);
	text_add(t, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", s.usage.voluntary, s.usage.involuntary);
	return 0;
}

/* What it and its ended threads read and wrote, in calls and on devices (proc(5)). */
int proc_pid_io(uint32_t pid, struct text *t)
{
	struct thread *thread;
	int error;
	struct usage sum = { 0 };
	spin_lock(&process_lock);
	const struct process *p = process_accessible_locked(pid, &thread, &error);
	if (p) {
		sum = p->usage;
		list_for_each(node, &p->threads) {
			usage_add(&sum, &container_of(node, struct thread, process_link)->usage);
		}
	}
	spin_unlock(&process_lock);
	if (!p) {
		return error == -EPERM ? -EACCES : error;
	}
	text_add(t, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\nread_bytes: %lu\nwrite_bytes: %lu\ncancelled_write_bytes: 0\n", sum.read_bytes,
		 sum.written_bytes, sum.reads, sum.writes, sum.inputs * 4096, sum.outputs * 4096);
	return 0;
}

int proc_pid_statm(uint32_t pid, struct text *t)
{
	struct snapshot s;
	int error = snapshot_take(pid, true, &s);
	if (!error) {
		const struct memory_sizes *m = &s.memory;
		text_add(t, "%lu %lu %lu %lu 0 %lu 0\n", m->total, m->resident, m->file + m->shared, m->text, m->data + m->stack);
	}
	return error;
}

int proc_pid_comm(uint32_t pid, struct text *t)
{
	struct snapshot s;
	int error = snapshot_take(pid, false, &s);
	if (!error) {
		text_add(t, "%s\n", s.name);
	}
	return error;
}

int proc_pid_cmdline(uint32_t pid, struct text *t)
{
	spin_lock(&process_lock);
	struct thread *thread;
	struct process *p = process_of_thread_locked(pid, &thread);
	if (p && p->command_line) {
		text_bytes(t, p->command_line, p->command_line_length);
	}
	spin_unlock(&process_lock);
	return p ? 0 : -ESRCH;
}

static int memory_describe(uint32_t pid, bool details, struct text *t)
{
	int error;
	struct address_space *memory = process_memory_of(pid, &error);
	if (memory) {
		long n = address_space_describe(memory, details, t->buffer, t->size);
		t->length = n > 0 ? (size_t)n : 0;
		address_space_put(memory);
	}
	return error == -EPERM ? -EACCES : 0;
}

int proc_pid_maps(uint32_t pid, struct text *t)
{
	return memory_describe(pid, false, t);
}

int proc_pid_smaps(uint32_t pid, struct text *t)
{
	return memory_describe(pid, true, t);
}

int proc_pid_limits(uint32_t pid, struct text *t)
{
	static const char *const units[] = {
		"seconds", "bytes", "bytes", "bytes", "bytes", "bytes", "processes", "files", "bytes", "bytes", "locks", "signals", "bytes", "", "", "us",
	};
	static const char *const names[] = {
		"Max cpu time", "Max file size", "Max data size", "Max stack size", "Max core file size", "Max resident set",
		"Max processes", "Max open files", "Max locked memory", "Max address space", "Max file locks", "Max pending signals",
		"Max msgqueue size", "Max nice priority", "Max realtime priority", "Max realtime timeout",
	};
	struct rlimit_pair limits[16];
	spin_lock(&process_lock);
	struct thread *thread;
	struct process *p = process_of_thread_locked(pid, &thread);
	if (p) {
		memcpy(limits, p->rlimits, sizeof(limits));
	}
	spin_unlock(&process_lock);
	text_add(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; p && i < 16; i++) {
		text_add(t, "%-25s ", names[i]);
		for (int hard = 0; hard < 2; hard++) {
			uint64_t value = hard ? limits[i].hard : limits[i].soft;
			if (value == UINT64_MAX) {
				text_add(t, "%-20s ", "unlimited");
			} else {
				text_add(t, "%-20lu ", value);
			}
		}
		text_add(t, units[i][0] ? "%-10s\n" : "\n", units[i]);
	}
	return p ? 0 : -ESRCH;
}

long proc_pid_exe(uint32_t pid, char *path, size_t size)
{
	struct text t = { .buffer = kmalloc(4096), .size = 4096 };
	if (!t.buffer) {
		return -ENOMEM;
	}
	int error = proc_pid_maps(pid, &t);
	t.buffer[t.length < t.size ? t.length : t.size - 1] = '\0';
	const char *start = strchr(t.buffer, '/');
	long n = error ? error : -ENOENT;
	if (start) {
		const char *end = strchr(start, '\n');
		n = end ? end - start : (long)strlen(start);
		n = n < (long)size ? n : (long)size;
		memcpy(path, start, (size_t)n);
	}
	kfree(t.buffer);
	return n;
}

int proc_pid_directory(uint32_t pid, bool root, struct dentry **dentry)
{
	struct fs_context *context = NULL;
	spin_lock(&process_lock);
	struct thread *thread;
	int error;
	struct process *p = process_accessible_locked(pid, &thread, &error);
	if (p && p->fs) {
		context = p->fs;
		fs_context_get(context);
	}
	spin_unlock(&process_lock);
	if (!context) {
		return -ENOENT;
	}
	mutex_lock(&context->mutex);
	*dentry = root ? context->root : context->directory;
	dentry_get(*dentry);
	mutex_unlock(&context->mutex);
	fs_context_put(context);
	return 0;
}

int proc_fd_next(uint32_t pid, unsigned fd)
{
	int next = -1;
	spin_lock(&process_lock);
	struct thread *thread;
	int error;
	struct process *p = process_accessible_locked(pid, &thread, &error);
	if (p && p->files) {
		next = file_table_next(p->files, fd);
	}
	spin_unlock(&process_lock);
	return next;
}

struct file *proc_pid_file(uint32_t pid, unsigned fd)
{
	spin_lock(&process_lock);
	struct thread *thread;
	int error;
	struct process *p = process_accessible_locked(pid, &thread, &error);
	struct file *f = p ? file_of_process(p, fd) : NULL;
	spin_unlock(&process_lock);
	return f;
}

bool proc_pid_accessible(uint32_t pid)
{
	struct thread *thread;
	int error;
	spin_lock(&process_lock);
	bool accessible = process_accessible_locked(pid, &thread, &error) != NULL;
	spin_unlock(&process_lock);
	return accessible;
}

bool proc_pid_exists(uint32_t pid, uint32_t *uid, uint32_t *gid)
{
	spin_lock(&process_lock);
	struct thread *thread;
	struct process *p = process_of_thread_locked(pid, &thread);
	if (p) {
		*uid = p->credentials.euid;
		*gid = p->credentials.egid;
	}
	spin_unlock(&process_lock);
	return p != NULL;
}

/* Bytes of its memory as text. */
static int memory_text(uint32_t pid, uint64_t at, uint64_t bytes, struct text *t)
{
	int error;
	struct address_space *memory = process_memory_of(pid, &error);
	if (!memory) {
		return error == -ESRCH ? 0 : error;
	}
	bytes = bytes < t->size ? bytes : t->size;
	long n = address_space_access(memory, at, t->buffer, bytes, 0);
	address_space_put(memory);
	t->length = n > 0 ? (size_t)n : 0;
	return 0;
}

static bool strings_of(uint32_t pid, struct exec_strings *strings)
{
	struct thread *thread;
	spin_lock(&process_lock);
	struct process *p = process_of_thread_locked(pid, &thread);
	if (p) {
		*strings = p->strings;
	}
	spin_unlock(&process_lock);
	return p && strings->end;
}

#define AUXILIARY_MOST 64u

int proc_pid_auxv(uint32_t pid, struct text *t)
{
	struct exec_strings strings;
	int error = strings_of(pid, &strings) ? memory_text(pid, strings.auxiliary, AUXILIARY_MOST * 16, t) : 0;
	const uint64_t *vector = (const uint64_t *)t->buffer;
	for (size_t i = 0; i * 16 + 16 <= t->length; i++) {
		if (!vector[2 * i]) {
			t->length = i * 16 + 16; /* AT_NULL is the last */
		}
	}
	return error;
}

int proc_pid_environ(uint32_t pid, struct text *t)
{
	struct exec_strings strings;
	if (!strings_of(pid, &strings)) {
		return 0;
	}
	int error = memory_text(pid, strings.environment, sizeof(uint64_t), t);
	uint64_t first = t->length == sizeof(first) ? *(const uint64_t *)t->buffer : 0;
	t->length = 0;
	return error || !first || first > strings.end ? error : memory_text(pid, first, strings.end - first, t);
}

int proc_pid_syscall(uint32_t pid, struct text *t)
{
	struct thread *thread;
	struct trap_frame f = { 0 };
	spin_lock(&process_lock);
	int error;
	if (!process_accessible_locked(pid, &thread, &error)) {
		thread = NULL;
	}
	bool runs = thread && thread->state != THREAD_SLEEPING;
	if (thread) {
		f = *thread_frame(thread);
	}
	spin_unlock(&process_lock);
	if (runs) {
		text_add(t, "running\n");
	} else if (thread && f.vector == TRAP_SYSCALL && (int64_t)f.error >= 0) {
		text_add(t, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", f.error, f.rdi, f.rsi, f.rdx, f.r10, f.r8, f.r9, f.rsp,
			 f.rip);
	} else if (thread) {
		text_add(t, "-1 0x%lx 0x%lx\n", f.rsp, f.rip);
	}
	return error == -EPERM ? -EACCES : error;
}

uint32_t proc_pid_next(uint32_t pid)
{
	uint32_t best = 0;
	spin_lock(&process_lock);
	list_for_each(node, &process_list) {
		struct process *p = container_of(node, struct process, all_link);
		if (p->pid >= pid && (best == 0 || p->pid < best)) {
			best = p->pid;
		}
	}
	spin_unlock(&process_lock);
	return best;
}

uint32_t proc_tid_next(uint32_t pid, uint32_t tid)
{
	uint32_t best = 0;
	spin_lock(&process_lock);
	struct thread *thread;
	struct process *p = process_of_thread_locked(pid, &thread);
	if (p) {
		list_for_each(node, &p->threads) {
			uint32_t number = container_of(node, struct thread, process_link)->tid;
			if (number >= tid && (best == 0 || number < best)) {
				best = number;
			}
		}
	}
	spin_unlock(&process_lock);
	return best;
}
