/* SPDX-License-Identifier: MIT */
/*
 * Interrupts between processors. What is wanted is noted in the other's struct cpu; the interrupt itself only makes it look. So
 * one that is on its way serves every request that comes before it is taken.
 */
#ifndef ARCH_IPI_H
#define ARCH_IPI_H

#include <stdint.h>

enum ipi {
	IPI_LOOK = 1, /* come out of idling, or look at signals and run queue before going on in user mode */
	IPI_FLUSH = 2, /* mm/flush.c has a shootdown for this processor */
	IPI_STOCK = 8, /* mm/reserve.c: somebody waits for memory, and this processor has credit */
	IPI_VMAP = 16, /* mm/vmap.c: forget all translations, kernel addresses are to be used again */
	IPI_STOP = 4, /* the kernel has given up */
};

/** Find out how they are sent. Interrupts are off. */
void ipi_init(void);
/** Send to each processor in the mask, which does not name this one. Interrupts are off. */
void ipi_send(uint64_t cpu_mask, enum ipi what);
/** Serve what others want of this processor. Interrupts are off: also for loops that wait for another processor so. */
void ipi_serve(void);

#endif
