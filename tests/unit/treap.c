/* SPDX-License-Identifier: MIT */
/*
 * base/treap.h against a table of what is in the tree: after each of many additions and removals, in any order, the tree has the nodes that it should, in
 * order, none of higher rank than the one above it. And trees of many nodes that came in the order of their keys stay shallow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/treap.h"

#define KEYS 300u
#define STEPS 6000u
#define MANY 20000u
#define DEEPEST 80u /* five times the logarithm */

struct entry {
	uint64_t key;
	struct treap_node node;
	bool is_in;
};

static struct entry entries[MANY];
static uint64_t random_state;

static unsigned pick(unsigned below)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(random_state >> 33) % below;
}

static struct entry *entry_of(const struct treap_node *node)
{
	return container_of(node, struct entry, node);
}

static bool is_before(const struct treap_node *a, const struct treap_node *b)
{
	return entry_of(a)->key < entry_of(b)->key;
}

/* Its nodes; each is in the table as one that is in, with a key in [least, most], below what has its rank. */
static unsigned check(const struct treap_node *node, uint64_t least, uint64_t most)
{
	if (!node) {
		return 0;
	}
	uint64_t key = entry_of(node)->key;
	assert_true(entry_of(node)->is_in && key >= least && key <= most);
	assert_true(!node->before || treap_rank(node->before) <= treap_rank(node));
	assert_true(!node->behind || treap_rank(node->behind) <= treap_rank(node));
	return 1 + (node->before ? check(node->before, least, key - 1) : 0) + (node->behind ? check(node->behind, key + 1, most) : 0);
}

static unsigned depth(const struct treap_node *node)
{
	unsigned before = node ? depth(node->before) : 0, behind = node ? depth(node->behind) : 0;
	return !node ? 0 : 1 + (before > behind ? before : behind);
}

static void what_is_in_is_in_order(void **state)
{
	struct treap_node *top = NULL;
	unsigned count = 0;
	const char *given = getenv("SEED");
	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)random_state);
	for (unsigned i = 0; i < KEYS; i++) {
		entries[i].key = 1 + i * 7919u % KEYS; /* each once, in no order of addresses */
	}
	for (unsigned step = 0; step < STEPS; step++) {
		struct entry *e = &entries[pick(KEYS)];
		if (e->is_in) {
			treap_remove(&top, &e->node, is_before);
			memset(&e->node, 0xa5, sizeof(e->node)); /* nobody may come here any more */
		} else {
			treap_add(&top, &e->node, is_before);
		}
		e->is_in = !e->is_in;
		count += e->is_in ? 1u : -1u;
		assert_int_equal(check(top, 0, KEYS), count);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		if (entries[i].is_in) {
			treap_remove(&top, &entries[i].node, is_before);
		}
	}
	assert_null(top);
}

/* Up and down, side by side in memory or not. */
static void many_are_not_deep(void **state)
{
	static const unsigned strides[] = { 1, 19, 7919 }; /* each entry once */
	for (unsigned n = 0; n < sizeof(strides) / sizeof(strides[0]); n++) {
		for (unsigned down = 0; down < 2; down++) {
			struct treap_node *top = NULL;
			for (unsigned i = 0; i < MANY; i++) {
				struct entry *e = &entries[(uint64_t)i * strides[n] % MANY];
				e->key = down ? MANY - i : i + 1;
				e->is_in = true;
				treap_add(&top, &e->node, is_before);
			}
			assert_int_equal(check(top, 0, MANY), MANY);
			assert_true(depth(top) < DEEPEST);
			for (unsigned i = 0; i < MANY; i += 2) {
				struct entry *e = &entries[(uint64_t)i * strides[n] % MANY];
				treap_remove(&top, &e->node, is_before);
				e->is_in = false;
			}
			assert_int_equal(check(top, 0, MANY), MANY / 2);
			assert_true(depth(top) < DEEPEST);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_in_is_in_order), cmocka_unit_test(many_are_not_deep) };
	return cmocka_run_group_tests_name("treap", tests, NULL, NULL);
}
