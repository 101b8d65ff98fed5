/* SPDX-License-Identifier: MIT */
/*
 * Intrusive ordered trees. A treap (Seidel and Aragon, Randomized search trees, 1996) is in the order of its user from left to right, and no node has a
 * higher rank than the one above it. A node's rank is made of its address and as good as random, so a tree is about as deep as the logarithm of its
 * size in whatever order nodes come and go, and neither memory nor a change of other nodes' state is needed for that. Finding is the user's: a walk
 * from the top, to `before` where what is looked for comes before a node, else to `behind`.
 */
#ifndef BULKHEAD_BASE_TREAP_H
#define BULKHEAD_BASE_TREAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct treap_node {
	struct treap_node *before, *behind; /* NULL: none */
};

/** Does `a` come before `b`? No two nodes of a tree are equal. Inlined where it is given by name. */
typedef bool treap_order(const struct treap_node *a, const struct treap_node *b);

static inline uint64_t treap_rank(const struct treap_node *node)
{
	uint64_t x = (uint64_t)(uintptr_t)node * 0x9e3779b97f4a7c15ull; /* 2^64 by the golden ratio */
	return (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
}

/** *top is NULL, or the tree that `node`, which is in none, joins. */
static inline __attribute__((always_inline)) void treap_add(struct treap_node **top, struct treap_node *node, treap_order *is_before)
{
	struct treap_node **at = top, **before = &node->before, **behind = &node->behind;
	uint64_t rank = treap_rank(node);
	while (*at && treap_rank(*at) >= rank) {
		at = is_before(node, *at) ? &(*at)->before : &(*at)->behind;
	}
	/* What is below its place is parted into what is before it and what is behind it. */
	struct treap_node *rest = *at;
	*at = node;
	while (rest) {
		if (is_before(node, rest)) {
			*behind = rest;
			behind = &rest->before;
			rest = rest->before;
		} else {
			*before = rest;
			before = &rest->behind;
			rest = rest->behind;
		}
	}
	*before = *behind = NULL;
}

/** `node` is in the tree. */
static inline __attribute__((always_inline)) void treap_remove(struct treap_node **top, const struct treap_node *node, treap_order *is_before)
{
	struct treap_node **at = top, *before = node->before, *behind = node->behind;
	while (*at != node) {
		at = is_before(node, *at) ? &(*at)->before : &(*at)->behind;
	}
	while (before && behind) {
		if (treap_rank(before) >= treap_rank(behind)) {
			*at = before;
			at = &before->behind;
			before = *at;
		} else {
			*at = behind;
			at = &behind->before;
			behind = *at;
		}
	}
	*at = before ? before : behind;
}

#endif
