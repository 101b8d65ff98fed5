/* SPDX-License-Identifier: MIT */
/*
 * fork, vfork, clone, clone3 (clone(2)). Everything that can fail happens before the child is published; after that it
 * exists, whatever comes. A child shares what the flags name and has copies of the rest. Namespaces are refused.
 */
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/capability.h"
#include "kernel/file.h"
#include "kernel/fpu.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "kernel/syscall.h"
#include "kernel/trap.h"
#include "kernel/tty.h"
#include "kernel/user.h"

#define CLONE_VM 0x100u
#define CLONE_FS 0x200u
#define CLONE_FILES 0x400u
#define CLONE_SIGHAND 0x800u
#define CLONE_PIDFD 0x1000u
#define CLONE_PTRACE 0x2000u
#define CLONE_VFORK 0x4000u
#define CLONE_PARENT 0x8000u
#define CLONE_THREAD 0x10000u
#define CLONE_SYSVSEM 0x40000u
#define CLONE_SETTLS 0x80000u
#define CLONE_PARENT_SETTID 0x100000u
#define CLONE_CHILD_CLEARTID 0x200000u
#define CLONE_DETACHED 0x400000u
#define CLONE_UNTRACED 0x800000u
#define CLONE_CHILD_SETTID 0x1000000u
#define CLONE_IO 0x80000000u
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#define CLONE_KNOWN                                                                                \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |          \
	 CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | \
	 CLONE_DETACHED | CLONE_CHILD_SETTID | CLONE_IO | CLONE_CLEAR_SIGHAND | CLONE_PIDFD | \
	 CLONE_PTRACE | CLONE_UNTRACED)
#define UNSHARE_KNOWN (uint64_t)(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

struct clone_request {
	uint64_t flags; /* without the signal */
	int exit_signal;
	uint64_t stack, parent_tid, child_tid, tls, pidfd;
};

static int request_check(const struct clone_request *r)
{
	uint64_t f = r->flags;
	bool thread = f & CLONE_THREAD, handlers = f & CLONE_SIGHAND;
	if ((f & ~CLONE_KNOWN) || r->exit_signal < 0 || r->exit_signal > SIGNAL_COUNT) {
		return -EINVAL;
	}
	/* Handlers are shared by the threads of one process only. */
	if ((f & CLONE_SETTLS) && r->tls >= USER_END) {
		return -EPERM; /* as arch_prctl: the processor takes canonical addresses only */
	}
	if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED))) {
		return -EINVAL;
	}
	if (thread != handlers || (handlers && !(f & CLONE_VM)) || (handlers && (f & CLONE_CLEAR_SIGHAND))) {
		return -EINVAL;
	}
	return 0;
}

/* Memory, files, directories, identity of a child process. */
static int process_copy(struct process *child, struct process *from, const struct clone_request *r)
{
	if (r->flags & CLONE_VM) {
		address_space_get(from->memory);
		child->memory = from->memory;
	} else {
		child->memory = address_space_fork(from->memory);
	}
	if (r->flags & CLONE_FILES) {
		file_table_get(from->files);
		child->files = from->files;
	} else {
		child->files = file_table_fork(from->files);
	}
	if (r->flags & CLONE_FS) {
		fs_context_get(from->fs);
		child->fs = from->fs;
	} else {
		child->fs = fs_context_fork(from->fs);
	}
	if (!child->memory || !child->files || !child->fs) {
		return -ENOMEM;
	}
	child->command_line = kmalloc(from->command_line_length + 1);
	if (child->command_line && from->command_line) {
		memcpy(child->command_line, from->command_line, from->command_line_length);
		child->command_line_length = from->command_line_length;
	}
	child->strings = from->strings;
	child->oom_adjust = from->oom_adjust;
	child->oom_least = from->oom_least;
	child->signals->no_new_privileges = from->signals->no_new_privileges;
	child->signals->personality = from->signals->personality;
	child->credentials = from->credentials;
	memcpy(child->rlimits, from->rlimits, sizeof(child->rlimits));
	memcpy(child->name, from->name, sizeof(child->name));
	/* A parent that did not make the child is told as it is of this process: the signal is not the caller's to choose. */
	child->signals->exit_signal = r->flags & CLONE_PARENT ? from->signals->exit_signal : r->exit_signal;
	child->signals->vfork_waiter = r->flags & CLONE_VFORK ? from->pid : 0;
	child->signals->shares_memory = r->flags & CLONE_VM;
	child->signals->not_dumpable = from->signals->not_dumpable;
	return 0;
}

static void process_discard(struct process *p)
{
	if (p->files) {
		file_table_put(p->files);
	}
	if (p->fs) {
		fs_context_put(p->fs);
	}
	if (p->memory) {
		address_space_put(p->memory);
	}
	number_drop(p->pid);
	process_free(p);
}

/* A thread that leaves the kernel as the caller does, with 0 in rax. */
static struct thread *thread_copy(struct process *p, uint32_t tid, const struct clone_request *r, unsigned event)
{
	struct thread *from = thread_current();
	struct trap_frame frame = *thread_frame(from);
	frame.rax = 0;
	frame.rsp = r->stack ? r->stack : frame.rsp;
	frame.error = UINT64_MAX;
	struct process_thread *user = kzalloc(sizeof(*user));
	if (!user) {
		return NULL;
	}
	struct thread *t = from->user->trace && !trace_clone_prepare(user, r->flags, event) ? NULL : thread_create_user(p, &frame);
	if (!t) {
		kfree(user->trace);
		kfree(user);
		return NULL;
	}
	fpu_read(t->fpu);
	string_copy(t->name, from->name, sizeof(t->name));
	t->fs_base = r->flags & CLONE_SETTLS ? r->tls : from->fs_base;
	t->gs_base = from->gs_base;
	policy_inherit(t, from);
	if (!(r->flags & CLONE_VM)) {
		t->rseq = from->rseq;
		t->rseq_signature = from->rseq_signature;
		t->rseq_stale = t->rseq != 0;
	}
	t->tid = tid;
	t->user = user;
	list_init(&user->pending.queue);
	user->blocked = from->user->restore_blocked ? from->user->saved_blocked : from->user->blocked;
	user->alternate_flags = 2; /* SS_DISABLE */
	if (!(r->flags & CLONE_VM) || (r->flags & CLONE_VFORK)) {
		user->alternate_sp = from->user->alternate_sp;
		user->alternate_size = from->user->alternate_size;
		user->alternate_flags = from->user->alternate_flags;
	}
	user->clear_child_tid = r->flags & CLONE_CHILD_CLEARTID ? r->child_tid : 0;
	user->set_child_tid = r->flags & CLONE_CHILD_SETTID ? r->child_tid : 0;
	return t;
}

/* One that nobody has seen. */
static void copy_discard(struct thread *t)
{
	kfree(t->user->trace);
	kfree(t->user);
	thread_discard(t);
}

static void handlers_clear(struct signals *s)
{
	for (int signal = 1; signal <= SIGNAL_COUNT; signal++) {
		if (s->actions[signal].handler != SIGNAL_IGNORE) {
			s->actions[signal] = (struct signal_action){ 0 };
		}
	}
}

/* As on Linux a bad address is the program's own business. */
static void tell_parent(const struct clone_request *r, uint32_t tid)
{
	if (r->flags & CLONE_PARENT_SETTID) {
		(void)user_write(r->parent_tid, &tid, sizeof(tid));
	}
}

/* For all, and by RLIMIT_NPROC, which does not bind root. A zombie counts as well. */
static bool too_many(const struct process *p)
{
	uint64_t count = 0;
	if (__atomic_load_n(&process_thread_count, __ATOMIC_RELAXED) >= process_threads_most()) {
		return true;
	}
	if (p->credentials.uid == 0 || capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN)) {
		return false;
	}
	spin_lock(&process_lock);
	list_for_each(node, &process_list)
	{
		const struct process *other = container_of(node, struct process, all_link);
		uint32_t threads = other->signals->thread_count;
		count += other->credentials.uid != p->credentials.uid ? 0 : threads ? threads : 1;
	}
	spin_unlock(&process_lock);
	return count >= p->rlimits[RLIMIT_NPROC].soft;
}

static long clone_thread(const struct clone_request *r)
{
	struct process *p = process_current();
	uint32_t tid = too_many(p) ? 0 : number_allocate();
	unsigned event = trace_clone_event(r->flags, r->exit_signal);
	struct thread *t = tid ? thread_copy(p, tid, r, event) : NULL;
	if (!t) {
		if (tid) {
			number_drop(tid);
		}
		return -EAGAIN;
	}
	tell_parent(r, tid);
	spin_lock(&process_lock);
	process_thread_add_locked(p, t);
	p->signals->thread_count++;
	trace_clone_locked(t);
	t->signal_pending = true; /* looks for itself on the way out */
	spin_unlock(&process_lock);
	thread_start(t);
	if (event) {
		trace_event(event, tid);
	}
	return tid;
}

/*
 * False: a signal has come. If it was to the group, or to end this process, the child is to have it as well, and cannot; it is taken first,
 * as before the fork.
 */
static bool child_publish(struct process *child, struct thread *t, const struct clone_request *r, struct fork_under_way *fork)
{
	struct process *from = process_current();
	spin_lock(&process_lock);
	signal_recalculate_locked(thread_current());
	if (signal_pending() || process_is_dying(thread_current())) {
		spin_unlock(&process_lock);
		return false;
	}
	struct process *parent = r->flags & CLONE_PARENT && from->parent ? from->parent : from;
	child->pgid = from->pgid;
	child->sid = from->sid;
	child->tty = from->tty;
	if (child->tty) {
		tty_get(child->tty);
	}
	process_thread_add_locked(child, t);
	child->signals->thread_count = 1;
	child->signals->pending.mask |= fork->signals;
	list_remove(&fork->link);
	process_publish_locked(child, parent);
	if (child->rlimits[RLIMIT_CPU].soft != UINT64_MAX || child->rlimits[RLIMIT_CPU].hard != UINT64_MAX) {
		cpu_timers_look_locked(child);
	}
	trace_clone_locked(t);
	t->signal_pending = true; /* writes its number, if asked to, on the way out */
	spin_unlock(&process_lock);
	return true;
}

/* Until the child lets go, or what is to end this process comes. The child's number stays good to look up: where somebody else reaps
   the child (CLONE_PARENT), the wait just ends. */
static void vfork_wait(uint32_t pid)
{
	struct process *p = process_current();
	bool held;
	reserve_end();
	WAIT_EVENT(&p->child_event, ({
			   spin_lock(&process_lock);
			   struct process *child = process_find_locked(pid);
			   bool leave = p->signals->group_exit || signal_ends_locked(thread_current()) ||
					(p->signals->exec_thread && p->signals->exec_thread != thread_current());
			   held = child && child->signals->vfork_waiter == p->pid && !leave;
			   spin_unlock(&process_lock);
			   !held;
		   }));
}

static void fork_begin(struct fork_under_way *fork)
{
	fork->signals = 0;
	spin_lock(&process_lock);
	list_push_back(&process_current()->signals->forks, &fork->link);
	spin_unlock(&process_lock);
}

static void fork_give_up(struct fork_under_way *fork)
{
	spin_lock(&process_lock);
	list_remove(&fork->link);
	spin_unlock(&process_lock);
}

static long clone_process(const struct clone_request *r)
{
	struct process *from = process_current();
	struct process *child = too_many(from) ? NULL : process_create(from);
	if (!child) {
		return -EAGAIN;
	}
	struct fork_under_way fork;
	fork_begin(&fork);
	uint32_t pid = child->pid;
	int error = process_copy(child, from, r);
	int pidfd = -1;
	if (!error && (r->flags & CLONE_PIDFD)) {
		error = pidfd_of_child(child, r->pidfd, &pidfd);
	}
	unsigned event = trace_clone_event(r->flags, r->exit_signal);
	struct thread *t = error ? NULL : thread_copy(child, pid, r, event);
	if (t && (r->flags & CLONE_CLEAR_SIGHAND)) {
		handlers_clear(child->signals);
	}
	if (t) {
		tell_parent(r, pid);
	}
	if (t && !child_publish(child, t, r, &fork)) {
		copy_discard(t);
		t = NULL;
		error = -ERESTARTNOINTR;
	}
	if (!t) {
		if (pidfd >= 0) {
			fd_close(pidfd);
		}
		fork_give_up(&fork);
		process_discard(child);
		return error ? error : -ENOMEM;
	}
	thread_start(t);
	if (event) {
		trace_event(event, pid);
	}
	if (r->flags & CLONE_VFORK) {
		vfork_wait(pid);
		trace_event(TRACE_VFORK_DONE, pid);
	}
	return pid;
}

static long clone_run(const struct clone_request *r)
{
	int error = request_check(r);
	if (error) {
		return error;
	}
	if (r->flags & CLONE_THREAD) {
		return clone_thread(r);
	}
	/* A signal to the group that comes now must reach the child as well: take it first (POSIX, fork). */
	if (signal_pending()) {
		return -ERESTARTNOINTR;
	}
	return clone_process(r);
}

long sys_fork(const uint64_t a[6])
{
	struct clone_request r = { .exit_signal = SIGCHLD };
	return clone_run(&r);
}

long sys_vfork(const uint64_t a[6])
{
	struct clone_request r = { .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD };
	return clone_run(&r);
}

long sys_clone(const uint64_t a[6])
{
	struct clone_request r = {
		.flags = a[0] & 0xffffff00u,
		.exit_signal = (int)(a[0] & 0xff),
		.stack = a[1],
		.parent_tid = a[2],
		.child_tid = a[3],
		.tls = a[4],
		.pidfd = a[2],
	};
	if ((a[0] & CLONE_PIDFD) && (a[0] & CLONE_PARENT_SETTID)) {
		return -EINVAL; /* both would go to the same place */
	}
	return clone_run(&r);
}

long sys_clone3(const uint64_t a[6])
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
			set_tid_size, cgroup;
	} in = { 0 };
	if (a[1] < 64) {
		return -EINVAL;
	}
	if (a[1] > sizeof(in)) {
		return -E2BIG;
	}
	if (user_read(&in, a[0], a[1])) {
		return -EFAULT;
	}
	if (in.set_tid_size || in.exit_signal > SIGNAL_COUNT || (in.stack != 0) != (in.stack_size != 0)) {
		return -EINVAL;
	}
	struct clone_request r = {
		.flags = in.flags,
		.exit_signal = (int)in.exit_signal,
		.stack = in.stack ? in.stack + in.stack_size : 0,
		.parent_tid = in.parent_tid,
		.child_tid = in.child_tid,
		.tls = in.tls,
		.pidfd = in.pidfd,
	};
	return clone_run(&r);
}

int process_unshare(struct process *p, bool own_files, bool own_fs)
{
	struct file_table *files = p->files;
	struct fs_context *fs = p->fs;
	if (own_files && file_table_is_shared(files)) {
		struct file_table *own = file_table_fork(files);
		if (!own) {
			return -ENOMEM;
		}
		spin_lock(&process_lock);
		p->files = own;
		spin_unlock(&process_lock);
		file_table_put(files);
	}
	if (own_fs && fs_context_is_shared(fs)) {
		struct fs_context *own = fs_context_fork(fs);
		if (!own) {
			return -ENOMEM;
		}
		spin_lock(&process_lock);
		p->fs = own;
		spin_unlock(&process_lock);
		fs_context_put(fs);
	}
	return 0;
}

/*
 * What a process shares with another, it has for itself from here on. Threads have all of it in common, which only one alone can take itself
 * out of; and there are no namespaces.
 */
long sys_unshare(const uint64_t a[6])
{
	struct process *p = process_current();
	uint64_t flags = a[0];
	spin_lock(&process_lock);
	bool alone = p->signals->thread_count == 1;
	spin_unlock(&process_lock);
	if ((flags & ~UNSHARE_KNOWN) || ((flags & (CLONE_VM | CLONE_SIGHAND)) && p->signals->shares_memory) || (flags && !alone)) {
		return -EINVAL;
	}
	return process_unshare(p, flags & CLONE_FILES, flags & CLONE_FS);
}
