/* SPDX-License-Identifier: MIT */
/*
 * Processes and threads by their numbers: two hash tables, changed under process_lock. A look-up of a process needs no lock: its structure
 * goes by an epoch (kernel/epoch.h), and one that is taken off keeps its way on for readers that stand on it.
 * A number is held from its allocation on by the process or thread that it was allocated for, and by every process that has it as its group's or
 * session's; one that nobody holds can be given again.
 */
#include "process_internal.h"

#include "kernel/epoch.h"
#include "kernel/platform.h"

#define BUCKETS 512u
#define PID_LIMIT 32768u

static struct process *processes[BUCKETS]; /* written under process_lock, read without */
static struct thread *threads[BUCKETS]; /* process_lock */
static uint16_t holds[PID_LIMIT]; /* process_lock */
static uint32_t last; /* process_lock: the number given last */

void number_hold_locked(uint32_t number)
{
	holds[number]++;
}

void number_drop_locked(uint32_t number)
{
	kassert(holds[number] > 0);
	holds[number]--;
}

void number_drop(uint32_t number)
{
	spin_lock(&process_lock);
	number_drop_locked(number);
	spin_unlock(&process_lock);
}

uint32_t number_allocate(void)
{
	uint32_t found = 0;
	spin_lock(&process_lock);
	for (uint32_t tries = 0; tries < PID_LIMIT && !found; tries++) {
		last = last + 1 < PID_LIMIT ? last + 1 : 2;
		found = holds[last] ? 0 : last;
	}
	if (found) {
		number_hold_locked(found);
	}
	spin_unlock(&process_lock);
	return found;
}

void number_add_process_locked(struct process *p)
{
	struct process **bucket = &processes[p->pid % BUCKETS];
	p->number_next = *bucket;
	__atomic_store_n(bucket, p, __ATOMIC_RELEASE);
}

void number_remove_process_locked(struct process *p)
{
	struct process **at = &processes[p->pid % BUCKETS];
	while (*at && *at != p) {
		at = &(*at)->number_next;
	}
	if (*at) {
		__atomic_store_n(at, p->number_next, __ATOMIC_RELEASE);
	}
}

struct process *process_peek(uint32_t pid)
{
	struct process *p = __atomic_load_n(&processes[pid % BUCKETS], __ATOMIC_ACQUIRE);
	while (p && p->pid != pid) {
		p = __atomic_load_n(&p->number_next, __ATOMIC_ACQUIRE);
	}
	return p;
}

struct process *process_find_locked(uint32_t pid)
{
	return process_peek(pid);
}

void number_add_thread_locked(struct thread *t)
{
	struct thread **bucket = &threads[t->tid % BUCKETS];
	t->number_next = *bucket;
	*bucket = t;
}

void number_remove_thread_locked(struct thread *t)
{
	struct thread **at = &threads[t->tid % BUCKETS];
	while (*at && *at != t) {
		at = &(*at)->number_next;
	}
	if (*at) {
		*at = t->number_next;
	}
}

struct thread *process_thread_find_locked(uint32_t tid)
{
	struct thread *t = threads[tid % BUCKETS];
	while (t && t->tid != tid) {
		t = t->number_next;
	}
	return t;
}
