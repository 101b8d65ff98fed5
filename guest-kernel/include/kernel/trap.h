/* SPDX-License-Identifier: MIT */
/* User and kernel registers as the entry paths (arch/entry.asm) save them, lowest address first. */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include <stdbool.h>
#include <stdint.h>

struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector; /* or -1 for a system call */
	uint64_t error; /* error code; for a system call orig_rax */
	uint64_t rip, cs, rflags, rsp, ss;
};

#define TRAP_SYSCALL UINT64_MAX /* vector of a system call's frame */
#define USER_CS 0x33 /* selectors of user mode: those of Linux */
#define USER_SS 0x2b

static inline bool trap_from_user(const struct trap_frame *f)
{
	return (f->cs & 3) == 3;
}

/* arch/ calls these. */
void syscall_dispatch(struct trap_frame *frame); /* process/syscall.c: sets frame->rax */
void rseq_resume(struct trap_frame *frame); /* process/rseq.c: before a return to user mode that follows a switch, interrupts on */
void signal_deliver(struct trap_frame *frame); /* process/signal.c: before each return to user mode, interrupts on */
/** A user-mode exception that is not a resolvable page fault: send the signal (SIGSEGV with address, SIGILL, SIGFPE, ...). */
void signal_exception(struct trap_frame *frame, int signal, int code, uint64_t address);

/** Device interrupts: call handler(arg) with interrupts off. Returns the vector, or 0: none left. */
uint8_t irq_allocate(void (*handler)(void *arg), void *arg);
/** Bare machine: let I/O APIC input `gsi` raise that vector. -ENODEV: no such input. */
int irq_route(uint32_t gsi, uint8_t vector, bool level_low);
/** Bare machine: the message that raises that vector on the boot processor (MSI; Intel SDM vol. 3, 11.11). */
uint64_t irq_message_address(void);

#endif
