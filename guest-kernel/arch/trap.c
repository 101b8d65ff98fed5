/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts after entry.asm has saved the registers, and the work before a return to user mode.
 * An exception in user mode is the program's (a signal); in the kernel only a fault inside a user copy is forgiven
 * (exception table, user.c), all else is the kernel's own bug. AMD64 APM vol. 2, 8.2.
 */
#include "arch/trap.h"
#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/debug.h"
#include "kernel/address_space.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "kernel/thread.h"
#include "platform/event.h"
#include "sched/sched.h"

enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGKILL = 9, SIGSEGV = 11 };
enum { SEGV_MAPERR = 1, SEGV_ACCERR = 2, SI_KERNEL = 0x80, BUS_ADRERR = 2, TRAP_TRACE = 2, TRAP_HWBKPT = 4, FPE_INTDIV = 1, ILL_ILLOPN = 2 };
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_RESERVED = 8, PF_FETCH = 16 };

#define RFLAGS_USER 0x240dd5ull /* the flags a program may set: status, TF, DF, AC, ID */
#define VECTOR_DEBUG 1
#define VECTOR_PAGE_FAULT 14
#define SAMPLE_WEIGHT 16

struct exception_entry {
	uint64_t at, go_on;
};
extern const struct exception_entry exception_table_start[], exception_table_end[];

struct irq {
	void (*handler)(void *arg);
	void *arg;
};
static struct irq irqs[256];
static spinlock_t irq_lock = SPINLOCK_INIT("irq table");
void (*irq_end)(void);

void trap_handle(struct trap_frame *frame);
void trap_handle_special(struct trap_frame *frame);
void exit_to_user(struct trap_frame *frame);
void syscall_enter(struct trap_frame *frame);

void irq_set(uint8_t vector, void (*handler)(void *arg), void *arg)
{
	irqs[vector].arg = arg;
	__atomic_store_n(&irqs[vector].handler, handler, __ATOMIC_RELEASE);
}

uint8_t irq_allocate(void (*handler)(void *arg), void *arg)
{
	uint8_t found = 0;
	spin_lock(&irq_lock);
	for (unsigned v = VECTOR_IRQ_FIRST; v <= VECTOR_IRQ_LAST && !found; v++) {
		if (!irqs[v].handler) {
			irq_set((uint8_t)v, handler, arg);
			found = (uint8_t)v;
		}
	}
	spin_unlock(&irq_lock);
	return found;
}

/*
 * For the emulator's sake (QEMU 7.2, TCG): an interrupt that a hypervisor injects by EVENTINJ is delivered, and can be
 * delivered again at any later moment, whatever IF says, when the emulator leaves its loop before the next exit. A processor
 * never interrupts with IF=0, so what comes then is such a second one: it says nothing new.
 */
static bool irq_is_echo(const struct trap_frame *frame)
{
	return !(frame->rflags & RFLAGS_IF);
}

static void irq_handle(const struct trap_frame *frame)
{
	struct irq *irq = &irqs[frame->vector];
	struct cpu *cpu = cpu_current();
	if (irq_is_echo(frame)) {
		return;
	}
	cpu->interrupt_depth++;
	cpu->interrupts++;
	if (irq->handler) {
		irq->handler(irq->arg);
	}
	if (irq_end && frame->vector != VECTOR_SPURIOUS) {
		irq_end();
	}
	cpu->interrupt_depth--;
}

/** An interrupt in the kernel is over: someone better may run now. Under a spin lock interrupts are off, so none is held here. */
static void preempt_kernel(const struct cpu *cpu)
{
	const struct thread *thread = cpu->current;
	if (!thread || thread == cpu->idle || cpu->idling || cpu->interrupt_depth) {
		return;
	}
	if (thread->need_resched) {
		sched_asked();
	}
	sched_before_kernel(); /* on whatever processor it is now */
}

static bool exception_fixup(struct trap_frame *frame)
{
	for (const struct exception_entry *e = exception_table_start; e < exception_table_end; e++) {
		if (e->at == frame->rip) {
			frame->rip = e->go_on;
			return true;
		}
	}
	return false;
}

static void page_fault_user(struct trap_frame *frame, uint64_t address)
{
	struct process *process = process_current();
	struct usage *usage = &thread_current()->usage;
	uint64_t inputs = usage->inputs;
	int error = address_space_fault(process->memory, address, !!(frame->error & PF_WRITE), !!(frame->error & PF_FETCH));
	if (!error || error == -EINTR) {
		if (usage->inputs == inputs) {
			usage->minor_faults++;
		} else {
			usage->major_faults++;
		}
		return;
	}
	if (error == -EIO) {
		signal_exception(frame, SIGBUS, BUS_ADRERR, address);
	} else {
		signal_exception(frame, SIGSEGV, error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, address);
	}
}

/** A fault inside the kernel: a page of the user's on the way, or the end of a user copy. */
static void page_fault_kernel(struct trap_frame *frame, uint64_t address)
{
	struct process *process = thread_current() ? thread_current()->process : NULL;
	bool copying = !cpu_features.smap || (frame->rflags & RFLAGS_AC);
	if (address < USER_END && process && process->memory && copying && (frame->rflags & RFLAGS_IF)) {
		interrupts_on();
		int error = address_space_fault(process->memory, address, !!(frame->error & PF_WRITE), 0);
		interrupts_off();
		if (!error) {
			return;
		}
	}
	if (address >= USER_END || !copying || !exception_fixup(frame)) {
		trap_panic(frame, "page fault in the kernel");
	}
}

/** Whether this stay in the kernel is to be timed (sched.h): as many are not as the count says. It may go astray by one, as interrupts are on. */
static inline bool sample_due(void)
{
	bool due;
	__asm__ volatile("decl %%gs:%c1" : "=@ccs"(due) : "i"(offsetof(struct cpu, sample_countdown)) : "memory");
	return __builtin_expect(due, 0);
}

/** A call that is timed. */
static __attribute__((noinline)) void syscall_sampled(struct trap_frame *frame)
{
	struct thread *thread = thread_current();
	cpu_current()->sample_countdown = SAMPLE_WEIGHT - 1;
	sched_sample_begin(thread);
	syscall_dispatch(frame);
	sched_sample_end(thread, SAMPLE_WEIGHT);
}

/** Interrupts are on. */
void syscall_enter(struct trap_frame *frame)
{
	if (sample_due()) {
		syscall_sampled(frame);
	} else {
		syscall_dispatch(frame);
	}
}

static void page_fault(struct trap_frame *frame)
{
	uint64_t address = cr2_read();
	if (frame->error & PF_RESERVED) {
		trap_panic(frame, "reserved bit in a page table");
	}
	if (trap_from_user(frame)) {
		interrupts_on();
		if (sample_due()) {
			struct thread *thread = thread_current();
			cpu_current()->sample_countdown = SAMPLE_WEIGHT - 1;
			sched_sample_begin(thread);
			page_fault_user(frame, address);
			sched_sample_end(thread, SAMPLE_WEIGHT);
		} else {
			page_fault_user(frame, address);
		}
	} else {
		page_fault_kernel(frame, address);
	}
}

/** Of a #DB in user mode: a step, or a watchpoint. Interrupts are off. */
static int debug_code(void)
{
	struct debug_registers *debug = thread_current()->debug;
	uint64_t status = debug_status_take();
	if (debug) {
		debug->status |= status & (DEBUG_STATUS_HITS | DEBUG_STATUS_STEP);
	}
	return debug && (status & DEBUG_STATUS_HITS) ? TRAP_HWBKPT : TRAP_TRACE;
}

static void exception(struct trap_frame *frame)
{
	static const uint8_t signals[32] = { [0] = SIGFPE, [1] = SIGTRAP, [3] = SIGTRAP, [4] = SIGSEGV, [5] = SIGSEGV,
		[6] = SIGILL, [7] = SIGFPE, [10] = SIGSEGV, [11] = SIGBUS, [12] = SIGBUS, [13] = SIGSEGV, [16] = SIGFPE,
		[17] = SIGBUS, [19] = SIGFPE };
	unsigned signal = signals[frame->vector];
	if (!trap_from_user(frame)) {
		/* A copy to or from a non-canonical address raises #GP. */
		if (frame->vector == 13 && exception_fixup(frame)) {
			return;
		}
		trap_panic(frame, "exception in the kernel");
	}
	if (!signal) {
		trap_panic(frame, "unexpected exception in user mode");
	}
	int trap = frame->vector == VECTOR_DEBUG ? debug_code() : 0;
	interrupts_on();
	int code = frame->vector == 0 ? FPE_INTDIV : frame->vector == VECTOR_DEBUG ? trap : frame->vector == 6 ? ILL_ILLOPN : SI_KERNEL;
	signal_exception(frame, (int)signal, code, signal == SIGSEGV || signal == SIGBUS ? 0 : frame->rip);
}

/** Interrupts are off. */
void trap_handle(struct trap_frame *frame)
{
	if (frame->vector == VECTOR_PAGE_FAULT) {
		page_fault(frame);
	} else if (frame->vector >= 32) {
		irq_handle(frame);
		if (!trap_from_user(frame) && !irq_is_echo(frame)) {
			preempt_kernel(cpu_current());
		}
	} else {
		exception(frame);
	}
}

/** NMI, double fault, machine check, and #DB in the kernel: on their own stacks, perhaps between any two instructions. */
void trap_handle_special(struct trap_frame *frame)
{
	if (frame->vector == 2) {
		return;
	}
	if (frame->vector == 1) {
		frame->rflags &= ~0x100ull; /* a single step that went into the kernel */
		return;
	}
	trap_panic(frame, frame->vector == 8 ? "double fault" : "machine check");
}

/** The frame is about to be loaded in user mode: make that safe whatever sigreturn or fork put there. Interrupts are off. */
void exit_to_user(struct trap_frame *frame)
{
	struct thread *thread = thread_current();
	for (;;) {
		if (cpu_current()->doorbell.wanted) {
			events_before_user(thread);
		}
		if (thread->need_resched) {
			sched_preempt();
			continue;
		}
		/* syscall_dispatch() has settled restarts: what rax holds now is the program's, sigreturn's too. */
		if (!thread->before_user && frame->rip < USER_END) {
			break;
		}
		interrupts_on();
		if (thread->rseq_stale) {
			rseq_resume(frame);
		}
		if (frame->rip >= USER_END) {
			signal_exception(frame, SIGSEGV, SEGV_MAPERR, frame->rip);
		}
		signal_deliver(frame);
		interrupts_off();
	}
	frame->cs = USER_CS;
	frame->ss = USER_SS;
	frame->rflags = (frame->rflags & RFLAGS_USER) | RFLAGS_IF | 2;
	const struct cpu *cpu = cpu_current();
	if (cpu->queue.runnable_count || cpu->timers_next_ns < cpu->timer_armed_ns) {
		sched_before_user();
	}
}
