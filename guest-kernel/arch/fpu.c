/* SPDX-License-Identifier: MIT */
/*
 * Floating-point state. Each user thread has its own area; the registers are saved and loaded when a processor turns from one
 * user thread to another (never lazily by CR0.TS, which leaks state on some processors). Kernel threads and idling leave them
 * alone, so a thread that sleeps and is the next to run again there need not load them; with several processors they are saved whenever
 * it stops running. A processor holds a thread's registers if it names the thread, and the thread names it.
 * AMD64 APM vol. 2, 11.5; Intel SDM vol. 1, 13.
 */
#include "arch/fpu.h"
#include "arch/cpu.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"

#define XCR0_X87_SSE_AVX 7u
#define XSAVE_HEADER 512 /* XSTATE_BV, XCOMP_BV, 48 bytes zero */
#define MXCSR_OFFSET 24
#define MXCSR_MASK_OFFSET 28
#define FCW_START 0x37f
#define MXCSR_START 0x1f80u

static unsigned state_size = 512;
static uint64_t state_mask;
static uint32_t mxcsr_mask = 0xffbf; /* what the processor takes: the others fault */
static uint8_t start_state[4096] __attribute__((aligned(64)));

unsigned fpu_size(void)
{
	return state_size;
}

unsigned long fpu_components(void)
{
	return state_mask;
}

static void state_save(void *to)
{
	uint32_t lo = (uint32_t)state_mask, hi = (uint32_t)(state_mask >> 32);
	if (cpu_features.xsaveopt) {
		__asm__ volatile("xsaveopt64 (%0)" : : "r"(to), "a"(lo), "d"(hi) : "memory");
	} else if (cpu_features.xsave) {
		__asm__ volatile("xsave64 (%0)" : : "r"(to), "a"(lo), "d"(hi) : "memory");
	} else {
		__asm__ volatile("fxsave64 (%0)" : : "r"(to) : "memory");
	}
}

static void state_load(const void *from)
{
	uint32_t lo = (uint32_t)state_mask, hi = (uint32_t)(state_mask >> 32);
	if (cpu_features.xsave) {
		__asm__ volatile("xrstor64 (%0)" : : "r"(from), "a"(lo), "d"(hi) : "memory");
	} else {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(from) : "memory");
	}
}

void fpu_start(void)
{
	if (cpu_features.xsave) {
		__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)state_mask), "d"(0));
	}
}

/* 0: a processor that does not say (Intel SDM vol. 1, 11.6.6). */
static void mxcsr_mask_find(void)
{
	uint8_t image[512] __attribute__((aligned(16)));
	__asm__ volatile("fxsave64 (%0)" : : "r"(image) : "memory");
	uint32_t mask = *(uint32_t *)(image + MXCSR_MASK_OFFSET);
	mxcsr_mask = mask ? mask : mxcsr_mask;
}

void fpu_init(void)
{
	mxcsr_mask_find();
	if (cpu_features.xsave) {
		state_mask = cpuid(13, 0).eax & XCR0_X87_SSE_AVX;
		fpu_start();
		state_size = (cpuid(13, 0).ebx + 63) & ~63u;
	}
	kassert(state_size <= sizeof(start_state));
	*(uint16_t *)start_state = FCW_START;
	*(uint32_t *)(start_state + MXCSR_OFFSET) = MXCSR_START;
	if (!cpu_features.xsave) {
		return;
	}
	/* XRSTOR takes x87 and SSE from the area, everything else from its initial configuration. */
	*(uint64_t *)(start_state + XSAVE_HEADER) = 3;
}

static bool holds(const struct cpu *cpu, const struct thread *thread)
{
	return cpu->fpu_owner == thread && thread->fpu_cpu == cpu;
}

/** The current thread's area, with what the registers hold now. Interrupts are off. */
static void *state_sync(void)
{
	struct thread *thread = thread_current();
	if (thread->fpu && holds(cpu_current(), thread)) {
		state_save(thread->fpu);
	}
	return thread->fpu;
}

static void take(struct cpu *cpu, struct thread *thread)
{
	cpu->fpu_owner = thread;
	thread->fpu_cpu = cpu;
}

void fpu_switch(struct thread *next)
{
	struct cpu *cpu = cpu_current();
	if (!next->fpu || holds(cpu, next)) {
		return;
	}
	if (cpu_count == 1 && cpu->fpu_owner) {
		state_save(cpu->fpu_owner->fpu);
	}
	state_load(next->fpu);
	take(cpu, next);
}

void fpu_leave(struct thread *thread)
{
	(void)state_sync();
}

void fpu_drop(struct thread *thread)
{
	uint64_t flags = interrupts_save();
	if (cpu_current()->fpu_owner == thread) {
		cpu_current()->fpu_owner = NULL;
	}
	interrupts_restore(flags);
}

void *fpu_state_create(void)
{
	/* kmalloc aligns classes of a multiple of 64 bytes in a page-aligned slab to 64 only where the class itself is one. */
	unsigned size = state_size <= 512 ? 512 : state_size <= 1024 ? 1024 : state_size <= 2048 ? 2048 : 4096;
	void *state = kmalloc(size);
	if (!state) {
		return NULL;
	}
	uint64_t flags = interrupts_save();
	void *current = state_sync();
	memcpy(state, current ? current : start_state, state_size);
	interrupts_restore(flags);
	return state;
}

void fpu_reset(void)
{
	fpu_write(start_state);
}

void fpu_save(void)
{
	uint64_t flags = interrupts_save();
	(void)state_sync();
	interrupts_restore(flags);
}

void fpu_read(void *to)
{
	uint64_t flags = interrupts_save();
	memcpy(to, state_sync(), state_size);
	interrupts_restore(flags);
}

void fpu_write(const void *from)
{
	struct thread *thread = thread_current();
	uint64_t flags = interrupts_save();
	memcpy(thread->fpu, from, state_size);
	*(uint32_t *)((char *)thread->fpu + MXCSR_OFFSET) &= mxcsr_mask;
	if (cpu_features.xsave) {
		uint64_t *header = (uint64_t *)((char *)thread->fpu + XSAVE_HEADER);
		header[0] &= state_mask;
		memset(header + 1, 0, 56);
	}
	state_load(thread->fpu);
	take(cpu_current(), thread);
	interrupts_restore(flags);
}
