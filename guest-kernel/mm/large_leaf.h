/* SPDX-License-Identifier: MIT */
/* Large leaves in an address space's tables. Each lies within one area, of private anonymous memory. The caller holds the lock. */
#ifndef MM_LARGE_LEAF_H
#define MM_LARGE_LEAF_H

#include "mm/address_space.h"
#include "mm/large.h"

/** So many pages of a 2 MiB range are touched one by one before it becomes a large page. */
#define LARGE_TOUCHES 32u

/** No large leaf reaches across `address` any more. */
void large_leaf_break(struct address_space *as, uint64_t address);
/** Make the 2 MiB around `address`, which has a table of small leaves, one large leaf, if they are of one area and there is memory to spare. */
bool large_leaf_make(struct address_space *as, const struct area *area, uint64_t address);
void large_leaf_zap(struct address_space *as, uint64_t *leaf, uint64_t at, struct flush *flush);
/** Share it read-only. 0, -ENOMEM. */
int large_leaf_fork(struct address_space *to, uint64_t *leaf, uint64_t at);
/** A write to one that is not writable. True: it is now. False: it is broken into small leaves. */
bool large_leaf_write(struct address_space *as, uint64_t *leaf, uint64_t address);
/** [from, from + bytes) has tables at `to` already; every leaf goes there. */
void leaves_move(struct address_space *as, uint64_t from, uint64_t to, uint64_t bytes);
/** Make the tables for it. 0, -ENOMEM. */
int leaves_move_prepare(struct address_space *as, uint64_t from, uint64_t to, uint64_t bytes);

#endif
