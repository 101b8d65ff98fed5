/* SPDX-License-Identifier: MIT */
/*
 * The vDSO: a page of code that every program has mapped, behind it a page of data that the kernel writes and programs only read, so that the
 * clocks cost no system call. `sequence` is odd while the rest changes.
 */
#ifndef KERNEL_VDSO_H
#define KERNEL_VDSO_H

#include <stdint.h>

struct vdso_data {
	volatile uint32_t sequence;
	uint64_t tsc_start; /* monotonic ns are (TSC - tsc_start) * ns_mult >> 32 */
	uint64_t ns_mult;
	uint64_t wall_offset_ns; /* wall clock - monotonic */
};

/* A segment of each processor's GDT whose limit is the processor's number: LSL tells it to programs. */
#define VDSO_PROCESSOR_SELECTOR 0x3b

struct address_space;

/** Make the pages (once, at boot). */
void vdso_init(void);
/** What the clock computes with (arch/clock.c) goes to the page, now and whenever it changes. Under the clock's lock. */
void vdso_publish(const struct vdso_data *now);
/** Map it for a new program: the address of its ELF header, 0: there was no room. */
uint64_t vdso_map(struct address_space *as);

#endif
