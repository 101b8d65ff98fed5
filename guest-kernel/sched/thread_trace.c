/* SPDX-License-Identifier: MIT */
/*
 * Where threads sleep. A thread that does not run has left its registers on its stack, and while its queue's lock is held it does not
 * begin to: its frame pointers can be followed. They lead only upward and within its stack.
 */
#include "arch/cpu.h"
#include "kernel/thread.h"
#include "sched/sched.h"

extern char sched_text_start[], sched_text_end[], kernel_text_start[], kernel_text_end[];

struct saved { /* what context_switch left (arch/entry.asm) */
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

static bool is_text(uint64_t address)
{
	return address >= (uint64_t)kernel_text_start && address < (uint64_t)kernel_text_end;
}

bool thread_is_scheduling(uint64_t address)
{
	return address >= (uint64_t)sched_text_start && address < (uint64_t)sched_text_end;
}

static unsigned frames_follow(const struct thread *thread, uint64_t *at, unsigned most)
{
	const struct saved *saved = (const struct saved *)thread->kernel_sp;
	uint64_t rip = saved->rip, rbp = saved->rbp, low = (uint64_t)(saved + 1), high = (uint64_t)thread->stack + THREAD_STACK;
	unsigned count = 0;
	while (count < most && is_text(rip)) {
		at[count++] = rip;
		if (rbp < low || rbp + 16 > high || (rbp & 7)) {
			break;
		}
		const uint64_t *frame = (const uint64_t *)rbp;
		low = rbp + 16;
		rip = frame[1];
		rbp = frame[0];
	}
	return count;
}

unsigned thread_trace(struct thread *thread, uint64_t *at, unsigned most)
{
	uint64_t flags = interrupts_save();
	struct cpu *home = home_lock(thread);
	bool saved = thread->state != THREAD_RUNNING && thread->state != THREAD_DEAD;
	unsigned count = saved ? frames_follow(thread, at, most) : 0;
	spin_unlock(&home->queue.lock);
	interrupts_restore(flags);
	return count;
}
