/* SPDX-License-Identifier: MIT */
/*
 * The process list and what hangs together with it: pids, threads, groups, sessions. A process is on the list from
 * process_publish_locked() until its parent (or PID 1) has reaped it; a pointer found under process_lock is good as long
 * as the lock is held. PID and TID come from one number space (Linux).
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/epoch.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/tty.h"

#define THREADS_SHARE 8u /* of memory, that the stacks of all may have (as Linux has it) */
#define THREAD_STACK_USUAL 16384u
#define THREADS_MOST 30000u

spinlock_t process_lock = SPINLOCK_INIT("process");
struct list process_list = LIST_INIT(process_list);
struct process *init_process;
uint32_t process_thread_count;

struct process *process_of_thread_locked(uint32_t tid, struct thread **thread)
{
	struct process *p = process_find_locked(tid);
	*thread = NULL;
	if (!p) {
		*thread = process_thread_find_locked(tid);
		return *thread ? (*thread)->process : NULL;
	}
	list_for_each(node, &p->threads)
	{
		struct thread *t = container_of(node, struct thread, process_link);
		*thread = t->tid == tid ? t : *thread;
	}
	return p;
}

struct process *process_create(struct process *parent)
{
	struct process *p = kzalloc(sizeof(*p));
	if (!p) {
		return NULL;
	}
	p->signals = parent && parent->signals ? signals_fork(parent->signals) : signals_create();
	p->pid = p->signals ? number_allocate() : 0;
	if (!p->pid) {
		signals_free(p->signals);
		kfree(p);
		return NULL;
	}
	p->signals->pid = p->pid;
	list_init(&p->all_link);
	list_init(&p->children);
	list_init(&p->sibling_link);
	list_init(&p->threads);
	waitq_init(&p->child_event);
	p->start_ns = time_ns();
	return p;
}

void process_publish_locked(struct process *p, struct process *parent)
{
	p->parent = parent;
	number_hold_locked(p->pgid);
	number_hold_locked(p->sid);
	list_push_back(&process_list, &p->all_link);
	number_add_process_locked(p);
	if (parent) {
		list_push_back(&parent->children, &p->sibling_link);
	}
}

void process_unpublish_locked(struct process *p)
{
	number_remove_process_locked(p);
	number_drop_locked(p->pid);
	number_drop_locked(p->pgid);
	number_drop_locked(p->sid);
	list_remove(&p->all_link);
	list_remove(&p->sibling_link);
}

void process_thread_add_locked(struct process *p, struct thread *thread)
{
	list_push_back(&p->threads, &thread->process_link);
	number_add_thread_locked(thread);
	__atomic_store_n(&process_thread_count, process_thread_count + 1, __ATOMIC_RELAXED);
}

void process_thread_remove_locked(struct thread *thread)
{
	list_remove(&thread->process_link);
	number_remove_thread_locked(thread);
	if (thread->tid != thread->process->pid) {
		number_drop_locked(thread->tid);
	}
	__atomic_store_n(&process_thread_count, process_thread_count - 1, __ATOMIC_RELAXED);
}

uint32_t process_threads_most(void)
{
	static uint32_t most; /* the same at any time */
	if (!most) {
		uint64_t total, free;
		memory_usage(&total, &free);
		uint64_t fit = total * PAGE_SIZE / (THREADS_SHARE * THREAD_STACK_USUAL);
		__atomic_store_n(&most, fit < THREADS_MOST ? (uint32_t)fit : THREADS_MOST, __ATOMIC_RELAXED);
	}
	return most;
}

void process_free(struct process *p)
{
	pidfd_process_gone(p);
	signals_free(p->signals);
	kfree(p->command_line);
	epoch_free(&p->epoch, p);
}

bool process_thread_attach(struct process *p, struct thread *thread, uint32_t tid)
{
	struct process_thread *u = kzalloc(sizeof(*u));
	if (!u) {
		return false;
	}
	list_init(&u->pending.queue);
	u->alternate_flags = 2; /* SS_DISABLE */
	thread->user = u;
	thread->tid = tid;
	thread->process = p;
	return true;
}

bool process_group_exists_locked(uint32_t pgid, uint32_t sid)
{
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (p->pgid == pgid && p->sid == sid) {
			return true;
		}
	}
	return false;
}

bool process_group_orphaned_locked(uint32_t pgid, const struct process *without)
{
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (p->pgid != pgid || p == without || p->zombie || !p->parent || p->parent == init_process) {
			continue;
		}
		if (p->parent != without && p->parent->pgid != pgid && p->parent->sid == p->sid) {
			return false;
		}
	}
	return true;
}

void process_set_name(struct process *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	spin_lock(&process_lock);
	string_copy(p->name, slash ? slash + 1 : path, sizeof(p->name));
	spin_unlock(&process_lock);
}

/* The parent of a vfork sleeps on its own child_event, so nothing here outlives either of the two. */
void process_vfork_release(struct process *p)
{
	spin_lock(&process_lock);
	if (p->signals->vfork_waiter) {
		struct process *waiter = process_find_locked(p->signals->vfork_waiter);
		p->signals->vfork_waiter = 0;
		if (waiter) {
			waitq_wake_all(&waiter->child_event);
		}
	}
	spin_unlock(&process_lock);
}
