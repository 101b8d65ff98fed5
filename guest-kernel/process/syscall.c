/* SPDX-License-Identifier: MIT */
/*
 * Dispatch by number. The table refers to the functions weakly: a number whose function no folder defines, and one that is not
 * in the table, answer -ENOSYS and are counted; the log tells the first time and, at power-off, how often.
 */
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "kernel/reserve_table.h"
#include "kernel/syscall.h"
#include "kernel/trap.h"
#include "syscall_names.h"

#define TABLE_SIZE 512

#define SYSCALL(number, name) extern __typeof__(sys_##name) sys_##name __attribute__((weak));
#include "kernel/syscall_table.h"
#undef SYSCALL

/* Behind the end all share the last one. Counted with atomic additions; exact order does not matter. */
static uint32_t unknown_counts[TABLE_SIZE + 1];

static long unknown_call(uint64_t number)
{
	uint64_t index = number < TABLE_SIZE ? number : TABLE_SIZE;
	if (__atomic_fetch_add(&unknown_counts[index], 1, __ATOMIC_RELAXED) == 0) {
		struct process *p = process_current();
		const char *name = syscall_name(number);
		kprintf("unimplemented system call %lu%s%s%s by %s[%u]", number, name ? " (" : "", name ? name : "",
			name ? ")" : "", p->name, p->pid);
	}
	return -ENOSYS;
}

/* Around a call that allocates. */
#define SYSCALL(number, name)                                                       \
	__attribute__((unused)) static long reserving_##name(const uint64_t a[6])   \
	{                                                                           \
		if (!sys_##name) {                                                  \
			return unknown_call(number);                                \
		}                                                                   \
		reserve_begin(RESERVE_OF_##name);                                   \
		long result = sys_##name(a);                                        \
		reserve_end();                                                      \
		return result;                                                      \
	}
#include "kernel/syscall_table.h"
#undef SYSCALL

#define NEEDS_NONE(pages, io) ((pages) == 0)
#define NEEDS(bound) NEEDS_NONE(bound)
static const syscall_function table[TABLE_SIZE] = {
#define SYSCALL(number, name) [number] = NEEDS(RESERVE_OF_##name) ? sys_##name : reserving_##name,
#include "kernel/syscall_table.h"
#undef SYSCALL
};

void syscall_report_unknown(void)
{
	for (unsigned i = 0; i <= TABLE_SIZE; i++) {
		uint32_t count = __atomic_load_n(&unknown_counts[i], __ATOMIC_RELAXED);
		const char *name = syscall_name(i);
		if (count) {
			kprintf("system call %u%s%s%s answered ENOSYS %u times", i, name ? " (" : "", name ? name : "",
				name ? ")" : "", count);
		}
	}
}

static bool must_settle(const struct trap_frame *frame)
{
	int64_t result = (int64_t)frame->rax;
	return (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK) || thread_current()->user->settle;
}

/* Of a traced thread: its tracer may change number and arguments, and the result. Number -1: no call. */
static __attribute__((noinline)) void dispatch_traced(struct trap_frame *frame)
{
	trace_call_begin(frame);
	const uint64_t arguments[6] = { frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9 };
	uint64_t number = frame->error;
	syscall_function function = number < TABLE_SIZE ? table[number] : NULL;
	if (function) {
		frame->rax = (uint64_t)function(arguments);
	} else if (number != UINT64_MAX) {
		frame->rax = (uint64_t)unknown_call(number);
	}
	thread_current()->user->trace_return = false;
	trace_call_end(frame);
	if (must_settle(frame)) {
		signal_deliver(frame);
	}
}

static __attribute__((noinline)) void settle(struct trap_frame *frame)
{
	struct process_thread *u = thread_current()->user;
	if (u->trace_return) {
		u->trace_return = false;
		trace_call_end(frame);
	}
	signal_deliver(frame);
}

void syscall_dispatch(struct trap_frame *frame)
{
	if (__builtin_expect(thread_current()->trace_calls, false)) {
		dispatch_traced(frame);
		return;
	}
	const uint64_t arguments[6] = { frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9 };
	uint64_t number = frame->error;
	syscall_function function = number < TABLE_SIZE ? table[number] : NULL;
	frame->rax = (uint64_t)(function ? function(arguments) : unknown_call(number));
	if (must_settle(frame)) {
		settle(frame);
	}
}
