/* SPDX-License-Identifier: MIT */
/* A tree of 64-way nodes from 64-bit index to pointer: the page cache's index per file, and that of shared anonymous memory. The caller locks. */
#ifndef MM_RADIX_H
#define MM_RADIX_H

#include <stdint.h>

#define RADIX_BITS 6
#define RADIX_SLOTS (1u << RADIX_BITS)

struct radix_node {
	void *slots[RADIX_SLOTS];
	uint32_t used;
	uint32_t reserved;
};

/* Nodes got before the lock was taken. */
struct radix_pool {
	struct radix_node *nodes[12];
	unsigned count;
};

void *radix_find(struct radix_node *root, unsigned height, uint64_t index);
/** 0; -EEXIST; -ENOMEM: the pool ran dry, fill it and try again (nothing is lost). */
int radix_insert(struct radix_node **root, unsigned *height, uint64_t index, void *value, struct radix_pool *pool);
/** No further try: take the nodes away that one left without entries. */
void radix_prune(struct radix_node **root, unsigned *height, uint64_t index);
/** Another value in place of the one that is there. */
void radix_exchange(struct radix_node *root, unsigned height, uint64_t index, void *value);
void *radix_remove(struct radix_node **root, unsigned *height, uint64_t index); /* frees nodes that got empty */
/** The value with the lowest index >= *index, and that index; NULL: none. */
void *radix_next(struct radix_node *root, unsigned height, uint64_t *index);
int radix_pool_fill(struct radix_pool *pool); /* sleeps; -ENOMEM */
void radix_pool_free(struct radix_pool *pool);

#endif
