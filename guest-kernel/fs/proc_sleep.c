/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/stack and wchan (proc(5)): what a thread is waiting for in the kernel. `wchan` is the function that went to sleep, the
 * scheduler's own left out; of a thread that runs there is nothing to say, and to those who may not trace it neither. Stacks are for root.
 */
#include "fs/proc_internal.h"

#include "abi/errno.h"
#include "arch/symbol.h"
#include "kernel/capability.h"
#include "kernel/process.h"
#include "kernel/thread.h"

#define DEPTH 32u

/* *runs: it does, or the process has ended and has no thread. */
static int addresses_of(uint32_t pid, uint64_t at[DEPTH], unsigned *count, bool *runs)
{
	struct thread *thread;
	int error;
	spin_lock(&process_lock);
	const struct process *p = process_accessible_locked(pid, &thread, &error);
	*count = p && thread ? thread_trace(thread, at, DEPTH) : 0;
	*runs = !p || !thread || thread->state == THREAD_RUNNING || thread->state == THREAD_RUNNABLE;
	spin_unlock(&process_lock);
	return error;
}

int proc_pid_stack(uint32_t pid, struct text *t)
{
	uint64_t at[DEPTH];
	unsigned count;
	bool runs;
	if (!capable(CAP_SYS_ADMIN)) {
		return -EACCES;
	}
	int error = addresses_of(pid, at, &count, &runs);
	for (unsigned i = 0; i < count; i++) {
		uint32_t offset, length;
		const char *name = symbol_of(at[i] - 1, &offset, &length); /* the call, not what follows it */
		if (name) {
			text_add(t, "[<0>] %s+0x%x/0x%x\n", name, offset + 1, length);
		}
	}
	return error;
}

int proc_pid_wchan(uint32_t pid, struct text *t)
{
	uint64_t at[DEPTH];
	unsigned count;
	bool runs;
	int error = addresses_of(pid, at, &count, &runs);
	const char *name = NULL;
	for (unsigned i = 0; i < count && !runs && !name; i++) {
		uint32_t offset, length;
		name = thread_is_scheduling(at[i] - 1) ? NULL : symbol_of(at[i] - 1, &offset, &length);
	}
	text_add(t, "%s", name ? name : "0");
	return error;
}
