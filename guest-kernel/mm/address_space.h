/* SPDX-License-Identifier: MIT */
/* Inside of mm/: what an address space is. All but `references` is under `lock`. */
#ifndef MM_ADDRESS_SPACE_H
#define MM_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/address_space.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "mm/area.h"
#include "mm/flush.h"

#define MAP_TOP 0x7ffff0000000ull /* address_space.map_top where the stack is to be no longer than usual */
#define MAP_LOWEST 0x10000ull

struct address_space {
	struct list all_link; /* truncate.c */
	uint64_t number; /* constant */
	struct mutex lock; /* before any inode's lock: a fault reads the file */
	volatile uint32_t references;
	volatile uint64_t cpus; /* processors that have the tables loaded (flush.c); atomic */
	uint64_t cr3;
	struct area_list areas;
	uint64_t brk_start, brk;
	struct file *program; /* what runs here: nobody writes to it; NULL: none yet */
	uint64_t program_identity; /* see file_identity(); atomic */
	struct flush last_flush; /* for the end, which can come deep in a stack */
	bool reaped; /* its pages are gone, before its time */
	uint64_t map_top; /* mappings without an address grow down from here */
	unsigned map_locked; /* mlockall(MCL_FUTURE): AREA_LOCKED, or 0 */
	uint64_t resident_most; /* as far as it was noticed: when pages are let go of */
	uint64_t resident; /* pages in the tables, the zero page not counted */
	uint64_t large_count; /* large leaves */
	uint64_t kept; /* pages of shared memory that it keeps without having them in its tables, when they were counted last; atomic */
};

/** Leaf bits for a page of this area, mapped for writing or not. */
uint64_t area_leaf_flags(const struct area *area, bool write);
/**
 * Tell the file system what was written through a shared mapping, and notice the next write again: first no processor can write any
 * longer, then the page is marked, so that no write falls behind the mark unseen.
 */
void area_sync(struct address_space *as, struct area *area, uint64_t from, uint64_t to);
/** Let go of all pages in [start, end) of one area; flush_finish() is the caller's. */
void area_zap(struct address_space *as, struct area *area, uint64_t start, uint64_t end, struct flush *flush);
/** Area boundaries at both ends, with no large leaf across them, even where -ENOMEM comes of it: an area's leaves are its own. */
int address_space_split(struct address_space *as, uint64_t start, uint64_t end);
/** Remove every area in [start, end); the range is cut out exactly. 0, -ENOMEM (nothing changed). */
int unmap_locked(struct address_space *as, uint64_t start, uint64_t end);
/** Map the first pages of a shared object that stays the kernel's own: write permission is never given. The address or a negative errno. */
long address_space_map_kernels(struct address_space *as, struct shared_memory *shared, uint64_t pages, unsigned prot);
/** truncate.c keeps a list of all. */
void address_space_list(struct address_space *as);
void address_space_unlist(struct address_space *as);
/** The one behind `as` (NULL: the first), referenced; NULL: there is none. One without references is on its way off the list. */
struct address_space *address_space_next(struct address_space *as);
/** Touch every page from start to end, as far as that is allowed. 0, -ENOMEM (not all is mapped, or may be touched), -EINTR. */
int memory_populate(struct address_space *as, uint64_t start, uint64_t end);
/** Lock it with as many pages reserved as a copy of its tables and areas takes. False, not locked: there will never be so many. */
bool address_space_lock_reserved(struct address_space *as);
/** What the page of zeros is at. */
uint64_t zero_page_phys(void);

int memory_remove(struct address_space *as, uint64_t start, uint64_t end); /* remove.c */

#endif
