/* SPDX-License-Identifier: MIT */
/* See radix.h. A tree of height h holds indices below 64^h; height 0 is empty. No node is without entries,
 * but while an insertion waits for more nodes. */
#include "mm/radix.h"

#include "abi/errno.h"
#include "kernel/memory.h"

#define HEIGHT_MAX 11u

static unsigned slot_of(uint64_t index, unsigned level)
{
	return (unsigned)(index >> (level * RADIX_BITS)) & (RADIX_SLOTS - 1);
}

static int fits(unsigned height, uint64_t index)
{
	return height >= HEIGHT_MAX || index >> (height * RADIX_BITS) == 0;
}

void radix_exchange(struct radix_node *root, unsigned height, uint64_t index, void *value)
{
	struct radix_node *at = root;
	for (unsigned level = height; level > 1; level--) {
		at = at->slots[slot_of(index, level - 1)];
	}
	at->slots[slot_of(index, 0)] = value;
}

void *radix_find(struct radix_node *root, unsigned height, uint64_t index)
{
	if (!root || !fits(height, index)) {
		return NULL;
	}
	void *at = root;
	for (unsigned level = height; at && level > 0; level--) {
		at = ((struct radix_node *)at)->slots[slot_of(index, level - 1)];
	}
	return at;
}

static struct radix_node *pool_take(struct radix_pool *pool)
{
	return pool->count ? pool->nodes[--pool->count] : NULL;
}

int radix_insert(struct radix_node **root, unsigned *height, uint64_t index, void *value, struct radix_pool *pool)
{
	while (!*root || !fits(*height, index)) {
		if (*root && (*root)->used == 0) { /* an empty root is one of any height */
			(*height)++;
			continue;
		}
		struct radix_node *node = pool_take(pool);
		if (!node) {
			return -ENOMEM;
		}
		if (*root) {
			node->slots[0] = *root;
			node->used = 1;
		}
		*root = node;
		(*height)++;
	}
	struct radix_node *node = *root;
	for (unsigned level = *height; level > 1; level--) {
		void **slot = &node->slots[slot_of(index, level - 1)];
		if (!*slot) {
			*slot = pool_take(pool);
			if (!*slot) {
				return -ENOMEM;
			}
			node->used++;
		}
		node = *slot;
	}
	void **slot = &node->slots[slot_of(index, 0)];
	if (*slot) {
		return -EEXIST;
	}
	*slot = value;
	node->used++;
	return 0;
}

void *radix_remove(struct radix_node **root, unsigned *height, uint64_t index)
{
	struct radix_node *path[HEIGHT_MAX + 1];
	if (!*root || !fits(*height, index)) {
		return NULL;
	}
	struct radix_node *node = *root;
	for (unsigned level = *height; level > 0; level--) {
		path[level] = node;
		void *next = node->slots[slot_of(index, level - 1)];
		if (!next) {
			return NULL;
		}
		node = next;
	}
	void *value = node;
	for (unsigned level = 1; level <= *height; level++) {
		path[level]->slots[slot_of(index, level - 1)] = NULL;
		if (--path[level]->used > 0) {
			return value;
		}
		kfree(path[level]);
	}
	*root = NULL;
	*height = 0;
	return value;
}

void radix_prune(struct radix_node **root, unsigned *height, uint64_t index)
{
	struct radix_node *path[HEIGHT_MAX + 1], *node = fits(*height, index) ? *root : NULL;
	unsigned level = *height;
	for (; node && level > 0; level--) {
		path[level] = node;
		node = level > 1 ? node->slots[slot_of(index, level - 1)] : NULL;
	}
	if (level == *height) {
		return;
	}
	for (level++; level <= *height; level++) {
		if (path[level]->used > 0) {
			return;
		}
		kfree(path[level]);
		if (level < *height) {
			path[level + 1]->slots[slot_of(index, level)] = NULL;
			path[level + 1]->used--;
		}
	}
	*root = NULL;
	*height = 0;
}

static void *next_below(struct radix_node *node, unsigned level, uint64_t *index)
{
	uint64_t span = 1ull << ((level - 1) * RADIX_BITS);
	for (unsigned i = slot_of(*index, level - 1); i < RADIX_SLOTS; i++) {
		void *at = node->slots[i];
		uint64_t inside = *index;
		if (at && level > 1) {
			at = next_below(at, level - 1, &inside);
		}
		if (at) {
			*index = inside;
			return at;
		}
		*index = (*index & ~(span - 1)) + span;
	}
	return NULL;
}

void *radix_next(struct radix_node *root, unsigned height, uint64_t *index)
{
	return root && fits(height, *index) ? next_below(root, height, index) : NULL;
}

int radix_pool_fill(struct radix_pool *pool)
{
	while (pool->count < 4) {
		struct radix_node *node = kzalloc(sizeof(*node));
		if (!node) {
			return -ENOMEM;
		}
		pool->nodes[pool->count++] = node;
	}
	return 0;
}

void radix_pool_free(struct radix_pool *pool)
{
	while (pool->count) {
		kfree(pool->nodes[--pool->count]);
	}
}
