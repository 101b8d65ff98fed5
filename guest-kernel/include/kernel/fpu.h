/* SPDX-License-Identifier: MIT */
/*
 * The current thread's floating-point and vector registers, for exec, fork and signal frames. The kernel itself never uses
 * them. Layout: XSAVE's standard form where the processor has it (Intel SDM vol. 1, 13.4), FXSAVE's otherwise.
 */
#ifndef KERNEL_FPU_H
#define KERNEL_FPU_H

/** Bytes of the state, a multiple of 64; at most 4096. */
unsigned fpu_size(void);
/** XSAVE's components that programs may use (XCR0); 0: there is no XSAVE. */
unsigned long fpu_components(void);
/** Bring the current thread's area in memory up to what the processor has. */
void fpu_save(void);
/** The state of a new program (exec). */
void fpu_reset(void);
/** Copy the current thread's state to kernel memory of fpu_size() bytes, aligned to 64. */
void fpu_read(void *to);
/** Take a state back; reserved bits are cleared, so that any bytes may come in. */
void fpu_write(const void *from);

#endif
