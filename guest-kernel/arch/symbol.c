/* SPDX-License-Identifier: MIT */
/* Function names by bisection in the linked table, and traces along the frame pointers, which lead only upward and within one stack. */
#include "arch/symbol.h"
#include "base/format.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"

struct kernel_symbol {
	uint32_t offset; /* from kernel_text_start */
	uint32_t name; /* in kernel_symbol_names */
};
extern const struct kernel_symbol kernel_symbols[] __attribute__((weak));
extern const uint32_t kernel_symbol_count[] __attribute__((weak));
extern const char kernel_symbol_names[] __attribute__((weak));
extern char kernel_text_start[], kernel_text_end[];

static bool is_text(uint64_t address)
{
	return address >= (uint64_t)kernel_text_start && address < (uint64_t)kernel_text_end;
}

const char *symbol_of(uint64_t address, uint32_t *offset, uint32_t *length)
{
	uint32_t low = 0, count = kernel_symbol_count ? *kernel_symbol_count : 0, high = count;
	if (!high || !is_text(address)) {
		return NULL;
	}
	uint32_t at = (uint32_t)(address - (uint64_t)kernel_text_start);
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (kernel_symbols[middle].offset <= at) {
			low = middle;
		} else {
			high = middle;
		}
	}
	uint32_t start = kernel_symbols[low].offset;
	*offset = at - start;
	*length = low + 1 < count ? kernel_symbols[low + 1].offset - start : *offset;
	return kernel_symbol_names + kernel_symbols[low].name;
}

void symbol_describe(uint64_t address, char *text, size_t size)
{
	uint32_t offset, length;
	const char *name = symbol_of(address, &offset, &length);
	if (name) {
		format_text(text, size, "%s+0x%x", name, offset);
	} else {
		format_text(text, size, "%016lx", address);
	}
}

__attribute__((noinline)) void trace_take(struct trace *trace, unsigned skip)
{
	uint64_t rbp = (uint64_t)__builtin_frame_address(0);
	unsigned count = 0;
	while (count < TRACE_DEPTH && rbp >= PHYSMAP && !(rbp & 7)) {
		const uint64_t *frame = (const uint64_t *)rbp;
		if (!is_text(frame[1])) {
			break;
		}
		if (skip) {
			skip--;
		} else {
			trace->at[count++] = (uint32_t)frame[1];
		}
		if (frame[0] <= rbp || frame[0] - rbp > THREAD_STACK) {
			break;
		}
		rbp = frame[0];
	}
	if (count < TRACE_DEPTH) {
		trace->at[count] = 0;
	}
}

void trace_print(const char *prefix, const struct trace *trace)
{
	char text[80];
	for (unsigned i = 0; i < TRACE_DEPTH && trace->at[i]; i++) {
		symbol_describe((KERNEL_BASE | trace->at[i]) - 1, text, sizeof(text)); /* the call, not what follows it */
		kprintf("%s  at %s", prefix, text);
	}
}
