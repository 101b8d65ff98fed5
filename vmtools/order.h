/* SPDX-License-Identifier: MIT */
/*
 * An order of the guest kernel's functions in which few pages run between two switches (docs/bench.md, "Where functions lie"). A trace, the exact
 * profile of one line of a benchmark, is cut into turns: what runs from one visit of the switching function to the next.
 */
#ifndef VMTOOLS_ORDER_H
#define VMTOOLS_ORDER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ORDER_TRACES 64
#define ORDER_TURNS 64 /* that count of a trace */

struct order_function {
	char name[48];
	uint64_t address, size; /* bytes */
	uint64_t turns[ORDER_TRACES]; /* bit N: it runs in turn N of that trace */
};

struct order_trace {
	char name[96];
	unsigned turns; /* 1 to ORDER_TURNS, 0: none was read yet */
};

/* All zero: empty. */
struct order {
	struct order_function *functions; /* by address */
	unsigned count;
	struct order_trace traces[ORDER_TRACES];
	unsigned trace_count;
	uint64_t switch_address;
};

/** Add a function, by rising addresses. 0 or -ENOMEM. */
int order_add(struct order *order, const char *name, uint64_t address, uint64_t size);
/** Add the functions of a kernel's ELF file that a list can move: not those of the scheduler, which lie in front, nor parts that GCC split off as
 *  cold. 0 or -errno. */
int order_load(struct order *order, const char *path);
/** Cut the addresses that ran, in sequence, and write the turns: "turn ADDRESS...", the functions' addresses in hexadecimal; at most ORDER_TURNS,
 *  evenly taken. */
void order_cut(const struct order *order, const uint64_t *ran, size_t count, FILE *out);
/** Read turns behind lines "trace NAME"; a name that comes again replaces the turns that it had. 0, -EINVAL (an address where no function begins, so
 *  that the turns are another kernel's; a turn of no trace), -ENOSPC (too many traces or turns) or -ENOMEM. */
int order_read(struct order *order, FILE *in);
/** The functions that run in some turn, in an order that depends on nothing but `order`; functions of one name stand together, as the linker script
 *  takes them by name. Every trace weighs the same. `list` has room for order->count indices; returns how many, 0 also without memory. */
unsigned order_make(const struct order *order, unsigned *list);
/** Pages that a turn touches where functions lie as in `list` from a page's start on, or, with NULL, as they lie now. A function counts whole. */
unsigned order_pages(const struct order *order, const unsigned *list, unsigned count, unsigned trace, unsigned turn);
/** Read FILE.turns, write the names to `path`, and print each trace's pages a turn, now and then. 0 or a vmctl status after a sentence. */
int order_write(const char *path, const char *kernel, FILE *out);
void order_free(struct order *order);

#endif
