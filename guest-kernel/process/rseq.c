/* SPDX-License-Identifier: MIT */
/*
 * Restartable sequences (rseq(2); include/uapi/linux/rseq.h tells the layout). A thread that registered has the number of its processor in
 * its own memory, and a piece of code between two addresses that it names there is either run to its end without another thread having had
 * the processor, or left for an abort handler. Only a switch that might matter is noted (thread_load(): to another processor, or out of
 * the program itself), so a thread that sleeps in calls and comes back to its processor costs one comparison.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/trap.h"
#include "kernel/user.h"

#define RSEQ_SIZE 32u
#define RSEQ_UNREGISTER 1u
#define RSEQ_UNINITIALIZED UINT32_MAX

struct rseq { /* the program's */
	uint32_t cpu_start, cpu;
	uint64_t section; /* of struct rseq_section, or 0 */
	uint32_t flags, pad[3];
};

struct rseq_section {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

/* Inside of a sequence: on with its abort handler, which the signature marks as one. */
static int section_leave(struct thread *t, struct trap_frame *frame, uint64_t at)
{
	struct rseq_section section;
	uint32_t signature;
	uint64_t none = 0;
	if (user_read(&section, at, sizeof(section)) || section.version || section.abort >= USER_END || section.abort < sizeof(signature)) {
		return -EFAULT;
	}
	if (frame->rip - section.start >= section.length) {
		return user_write(t->rseq + offsetof(struct rseq, section), &none, sizeof(none));
	}
	if (user_read(&signature, section.abort - sizeof(signature), sizeof(signature)) || signature != t->rseq_signature ||
	    user_write(t->rseq + offsetof(struct rseq, section), &none, sizeof(none))) {
		return -EFAULT;
	}
	frame->rip = section.abort;
	return 0;
}

static int numbers_write(struct thread *t)
{
	uint32_t cpu = cpu_read(index);
	const uint32_t numbers[2] = { cpu, cpu };
	t->rseq_cpu = cpu; /* moved on meanwhile: thread_load() has seen a different one */
	return user_write(t->rseq, numbers, sizeof(numbers));
}

void rseq_resume(struct trap_frame *frame)
{
	struct thread *t = thread_current();
	uint64_t section;
	t->rseq_stale = false;
	if (!t->rseq) {
		return;
	}
	int error = numbers_write(t);
	error = error ? error : user_read(&section, t->rseq + offsetof(struct rseq, section), sizeof(section));
	if (!error && section) {
		error = section_leave(t, frame, section);
	}
	if (error) {
		t->rseq = 0;
		signal_exception(frame, SIGSEGV, SI_KERNEL, 0);
	}
}

static long unregister(struct thread *t, const uint64_t a[6])
{
	const uint32_t numbers[2] = { 0, RSEQ_UNINITIALIZED };
	if (a[0] != t->rseq || !t->rseq || a[1] != RSEQ_SIZE) {
		return -EINVAL;
	}
	if ((uint32_t)a[3] != t->rseq_signature) {
		return -EPERM;
	}
	t->rseq = 0;
	return user_write(a[0], numbers, sizeof(numbers));
}

long sys_rseq(const uint64_t a[6])
{
	struct thread *t = thread_current();
	if (a[2] == RSEQ_UNREGISTER) {
		return unregister(t, a);
	}
	if (a[2]) {
		return -EINVAL;
	}
	if (t->rseq) {
		return t->rseq != a[0] || a[1] != RSEQ_SIZE ? -EINVAL : t->rseq_signature != (uint32_t)a[3] ? -EPERM : -EBUSY;
	}
	if (a[1] != RSEQ_SIZE || (a[0] & (RSEQ_SIZE - 1))) {
		return -EINVAL;
	}
	if (a[0] >= USER_END) {
		return -EFAULT;
	}
	t->rseq_signature = (uint32_t)a[3];
	t->rseq = a[0];
	t->rseq_stale = true;
	return 0;
}
