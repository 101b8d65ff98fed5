/* SPDX-License-Identifier: MIT */
/* The page cache's index against a plain array of flags: find, walk in order, remove, with indices close together and far apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "guest-kernel/mm/radix.h"

void *kzalloc(size_t bytes);
void kfree(void *memory);
static size_t live;

void *kzalloc(size_t bytes)
{
	live++;
	return calloc(1, bytes);
}

void kfree(void *memory)
{
	live -= memory != NULL;
	free(memory);
}

struct tree {
	struct radix_node *root;
	unsigned height;
};

static int insert(struct tree *t, uint64_t index, void *value)
{
	struct radix_pool pool = { .count = 0 };
	int error;
	while ((error = radix_insert(&t->root, &t->height, index, value, &pool)) == -ENOMEM) {
		assert_int_equal(radix_pool_fill(&pool), 0);
	}
	radix_pool_free(&pool);
	return error;
}

#define SPACE 20000u

static void test_model(void **state)
{
	static char present[SPACE];
	static const uint64_t spreads[] = { 1, 63, 64, 4097, 262144, 1ull << 40 };
	for (unsigned s = 0; s < sizeof(spreads) / sizeof(spreads[0]); s++) {
		struct tree t = { NULL, 0 };
		uint32_t seed = s + 1;
		uint64_t spread = spreads[s];
		for (unsigned step = 0; step < 30000; step++) {
			seed = seed * 1664525u + 1013904223u;
			uint64_t i = seed / 7 % SPACE;
			if (seed >> 30) {
				assert_int_equal(insert(&t, i * spread, &present[i]), present[i] ? -EEXIST : 0);
				present[i] = 1;
			} else {
				assert_ptr_equal(radix_remove(&t.root, &t.height, i * spread), present[i] ? &present[i] : NULL);
				present[i] = 0;
			}
		}
		uint64_t index = 0;
		for (unsigned i = 0; i < SPACE; i++) {
			assert_ptr_equal(radix_find(t.root, t.height, i * spread), present[i] ? &present[i] : NULL);
			if (present[i]) {
				radix_exchange(t.root, t.height, i * spread, &index);
				assert_ptr_equal(radix_find(t.root, t.height, i * spread), &index);
				radix_exchange(t.root, t.height, i * spread, &present[i]);
				assert_ptr_equal(radix_next(t.root, t.height, &index), &present[i]);
				assert_int_equal(index, i * spread);
				index++;
			}
		}
		assert_null(radix_next(t.root, t.height, &index));
		for (unsigned i = 0; i < SPACE; i++) {
			assert_ptr_equal(radix_remove(&t.root, &t.height, i * spread), present[i] ? &present[i] : NULL);
			present[i] = 0;
		}
		assert_null(t.root);
		assert_int_equal(live, 0);
	}
}

/* With every number of nodes but enough: what is left can be taken out to the last node. */
static void test_prune(void **state)
{
	static char value;
	for (unsigned nodes = 0; nodes < 12; nodes++) {
		struct tree t = { NULL, 0 };
		struct radix_pool pool = { .count = 0 };
		assert_int_equal(insert(&t, 5, &value), 0);
		while (pool.count < nodes) {
			pool.nodes[pool.count++] = kzalloc(sizeof(struct radix_node));
		}
		int error = radix_insert(&t.root, &t.height, 1ull << 40, &value, &pool);
		radix_pool_free(&pool);
		radix_prune(&t.root, &t.height, 1ull << 40);
		assert_ptr_equal(radix_find(t.root, t.height, 5), &value);
		radix_exchange(t.root, t.height, 5, &t);
		assert_ptr_equal(radix_find(t.root, t.height, 5), &t);
		radix_exchange(t.root, t.height, 5, &value);
		assert_ptr_equal(radix_remove(&t.root, &t.height, 1ull << 40), error ? NULL : &value);
		assert_ptr_equal(radix_remove(&t.root, &t.height, 5), &value);
		assert_null(t.root);
		assert_int_equal(live, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model), cmocka_unit_test(test_prune) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
