/* SPDX-License-Identifier: MIT */
/* The end of the kernel: registers, a backtrace along the frame pointers, and the machine off. */
#include <stdarg.h>

#include "arch/cpu.h"
#include "arch/ipi.h"
#include "arch/symbol.h"
#include "arch/trap.h"
#include "base/format.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "platform/power.h"

#define BACKTRACE_DEPTH 24

extern char kernel_text_start[], kernel_text_end[];

/** Frame pointers are followed only upward and while they point into one stack, so that a wild one ends the walk. */
static void backtrace_print(uint64_t rip, uint64_t rbp)
{
	for (unsigned i = 0; i < BACKTRACE_DEPTH; i++) {
		if (rip < (uint64_t)kernel_text_start || rip >= (uint64_t)kernel_text_end) {
			break;
		}
		char name[80];
		symbol_describe(rip, name, sizeof(name));
		kprintf("  at %s", name);
		if (rbp < PHYSMAP || (rbp & 7)) {
			break;
		}
		const uint64_t *frame = (const uint64_t *)rbp;
		if (frame[0] <= rbp || frame[0] - rbp > THREAD_STACK) {
			rip = frame[1];
			rbp = 0;
			continue;
		}
		rip = frame[1];
		rbp = frame[0];
	}
}

static uint32_t panicking; /* the processor's index + 1 */

bool kernel_panicking(void)
{
	return panicking;
}

static void panic_enter(void)
{
	interrupts_off();
	uint32_t nobody = 0, self = cpu_read(index) + 1;
	if (!__atomic_compare_exchange_n(&panicking, &nobody, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		while (nobody != self) {
			__asm__ volatile("hlt"); /* another processor is at it */
		}
		power_panic("a second panic within the first");
	}
	if (cpu_count > 1) {
		ipi_send(((1ull << cpu_count) - 1) & ~cpu_bit(cpu_current()), IPI_STOP);
	}
}

void trap_panic(const struct trap_frame *f, const char *reason)
{
	panic_enter();
	struct thread *thread = thread_current();
	kprintf("panic: %s", reason);
	kprintf("  thread %u (%s) vector %lu error %lx cr2 %016lx", thread ? thread->tid : 0, thread ? thread->name : "boot",
		f->vector, f->error, cr2_read());
	kprintf("  rip %016lx cs %02lx rflags %lx rsp %016lx ss %02lx", f->rip, f->cs, f->rflags, f->rsp, f->ss);
	kprintf("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	kprintf("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
	kprintf("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11, f->r12);
	kprintf("  r13 %016lx r14 %016lx r15 %016lx cr3 %016lx", f->r13, f->r14, f->r15, cr3_read());
	backtrace_print(f->rip, f->rbp);
	char text[128];
	format_text(text, sizeof(text), "%s (vector %lu, rip %lx, cr2 %lx)", reason, f->vector, f->rip, cr2_read());
	power_panic(text);
}

void kernel_panic(const char *format, ...)
{
	char text[160];
	va_list arguments;
	va_start(arguments, format);
	format_text_va(text, sizeof(text), format, arguments);
	va_end(arguments);
	panic_enter();
	kprintf("panic: %s", text);
	backtrace_print((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0));
	power_panic(text);
}
