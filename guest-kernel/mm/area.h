/* SPDX-License-Identifier: MIT */
/*
 * Areas: what a program has mapped, a sorted list of disjoint page-aligned ranges. Pure bookkeeping: page tables are the
 * caller's (address_space.c), and so is the lock.
 */
#ifndef MM_AREA_H
#define MM_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/treap.h"

enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_GROWSDOWN = 0x100, MAP_POPULATE = 0x8000,
       MAP_LOCKED = 0x2000, MAP_STACK = 0x20000, MAP_HUGETLB = 0x40000, MAP_FIXED_NOREPLACE = 0x100000 };
/* What an area remembers beside MAP_SHARED, MAP_GROWSDOWN and MAP_STACK: advice. */
enum { AREA_LARGE = 1 << 24, AREA_SMALL = 1 << 25, AREA_NO_FORK = 1 << 26, AREA_WIPE = 1 << 27, AREA_LOCKED = 1 << 28,
       AREA_WRITER = 1 << 29 }; /* counted with its file as one through which that may be written */

#define AREAS_MOST 65530u /* vm.max_map_count */
#define STACK_GUARD (256 * 4096ull) /* a stack that can grow keeps this far from what is below it */

#define MAP_KERNELS 0x40000000u /* in area.flags: the kernel's pages, which nobody may write */

struct file;
struct shared_memory;

struct area {
	struct list link;
	uint64_t start, end;
	unsigned prot, flags; /* PROT_*; some of MAP_*, and AREA_* */
	struct file *file; /* referenced; NULL: anonymous */
	struct shared_memory *shared; /* referenced; anonymous MAP_SHARED only */
	uint64_t offset; /* of start, in the file or the shared memory; bytes */
	struct treap_node index; /* area_index.c */
};

struct area_list {
	struct list list;
	uint64_t count, pages; /* of all areas */
	uint64_t pages_most; /* there ever were */
	struct area *hint; /* found last; NULL: none */
	struct treap_node *top; /* of the index; NULL: there is none, as there are few areas */
	uint64_t gap_high, gap_top, gap_least; /* between these two no gap is larger than the third; gap_top 0: not known */
};

void area_list_init(struct area_list *areas);
/** The first area that ends behind `address`. NULL: none. */
struct area *area_find(struct area_list *areas, uint64_t address);
/** The area behind `area`. NULL: none. */
struct area *area_next(struct area_list *areas, struct area *area);
/** A new area like `model` but for its place in the list; takes references of its own. NULL: no memory. */
struct area *area_copy(const struct area *model);
/** Put it in, and join it with its neighbours where they go on alike. The area that now covers it. */
struct area *area_insert(struct area_list *areas, struct area *area);
/** Cut so that no area reaches across `at`. 0; -ENOMEM: no memory, or AREAS_MOST. */
int area_split(struct area_list *areas, uint64_t at);
/** Drop the references of an area that is on no list. */
void area_free(struct area *area);
/** Take out, to be changed and put in again. */
void area_detach(struct area_list *areas, struct area *area);
/** It grows over what is free: a stack downwards, a mapping upwards. */
void area_grow(struct area_list *areas, struct area *area, uint64_t start, uint64_t end);
/** A copy in another list, at its end: for fork. */
void area_append(struct area_list *areas, struct area *area);
/** Take out and free. */
void area_remove(struct area_list *areas, struct area *area);
/** The highest start of a free range of `length` in [low, high), a multiple of `align`. 0: none. */
uint64_t area_gap(struct area_list *areas, uint64_t length, uint64_t low, uint64_t high, uint64_t align);
/** Whether [start, end) meets no area. */
bool area_is_free(struct area_list *areas, uint64_t start, uint64_t end);
/** The same, and that it keeps away from a stack above that may grow. area_gap() looks for such places, too. */
bool area_is_clear(struct area_list *areas, uint64_t start, uint64_t end);

/** Private, writable and not a stack: what RLIMIT_DATA counts. */
static inline bool area_is_data(unsigned prot, unsigned flags)
{
	return (prot & PROT_WRITE) && !(flags & (MAP_SHARED | MAP_GROWSDOWN));
}

#endif
