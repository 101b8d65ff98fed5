/* SPDX-License-Identifier: MIT */
/*
 * Names of the kernel's functions, for stack traces. The kernel links a table of them (guest-kernel.mk makes it out of a first link,
 * whose functions lie where the second one's do).
 */
#ifndef ARCH_SYMBOL_H
#define ARCH_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

/** The function that the address is in, its length, and how far behind its start that is. NULL: none of the kernel's. */
const char *symbol_of(uint64_t address, uint32_t *offset, uint32_t *length);
/** "function+0x1f", or the address. */
void symbol_describe(uint64_t address, char *text, size_t size);

#define TRACE_DEPTH 10
struct trace {
	uint32_t at[TRACE_DEPTH]; /* return addresses, their lower halves, the innermost first; 0: the end */
};
/** Along the frame pointers from `rbp`, a frame's, or from the caller's own. The first are left out: they say nothing. */
void trace_take(struct trace *trace, unsigned skip);
void trace_print(const char *prefix, const struct trace *trace);

#endif
