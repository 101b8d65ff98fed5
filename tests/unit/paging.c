/* SPDX-License-Identifier: MIT */
/*
 * The page-table walker on the host's memory: the hypervisor's own format, and a fake one that carries the next level in each
 * entry as AMD-Vi's does and checks it. The last test runs random changes against a plain array, with memory running out.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/mem/mem_internal.h"
#include "hv/pool.h"

#define TABLES_MAX 4096

static void *tables[TABLES_MAX];
static unsigned tables_live, tables_left = UINT32_MAX; /* how many more may be taken */

void *pool_alloc(size_t pages, size_t align_pages)
{
	if (tables_left == 0) {
		return NULL;
	}
	tables_left--;
	assert_in_range(tables_live, 0, TABLES_MAX - 1);
	void *table = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
	tables[tables_live++] = table;
	return memset(table, 0, pages * PAGE_SIZE);
}

/* The fake: present in bit 0, protection in bits 1 to 3, next level (0: a leaf) in bits 9 to 11, leaves up to 1 GiB. */
#define FAKE_ADDRESS 0x000ffffffffff000ull

static uint64_t fake_leaf(hpa_t hpa, unsigned prot, unsigned level)
{
	assert_true(level <= 2);
	assert_int_equal(hpa.value & ((PAGE_SIZE << 9 * level) - 1), 0);
	return hpa.value | 1 | (prot & 7) << 1;
}

static uint64_t fake_table(hpa_t next, unsigned level)
{
	assert_in_range(level, 1, 3);
	return next.value | 1 | (uint64_t)level << 9;
}

static bool fake_is_leaf(uint64_t entry, unsigned level)
{
	uint64_t next = entry >> 9 & 7;
	assert_true(level > 0 && (next == 0 || next == level));
	return next == 0;
}

static hpa_t fake_address(uint64_t entry, unsigned level)
{
	return HPA(entry & FAKE_ADDRESS);
}

static unsigned fake_prot(uint64_t entry)
{
	return entry >> 1 & 7;
}

static const struct paging_format fake_format = {
	.levels = 4, .max_leaf_level = 2, .leaf = fake_leaf, .table = fake_table,
	.is_leaf = fake_is_leaf, .address = fake_address, .prot = fake_prot,
};

static void leads(const struct paging *p, uint64_t from, uint64_t to, unsigned prot, uint64_t leaf)
{
	hpa_t found;
	unsigned found_prot;
	uint64_t found_leaf;
	assert_int_equal(paging_lookup(p, from, &found, &found_prot, &found_leaf), 0);
	assert_int_equal(found.value, to);
	assert_int_equal(found_prot, prot);
	assert_int_equal(found_leaf, leaf);
}

static void leads_nowhere(const struct paging *p, uint64_t from)
{
	hpa_t to;
	unsigned prot;
	uint64_t leaf;
	assert_int_equal(paging_lookup(p, from, &to, &prot, &leaf), -EFAULT);
}

static struct paging begin(const struct paging_format *format)
{
	struct paging p;
	tables_left = UINT32_MAX;
	assert_int_equal(paging_init(&p, format), 0);
	return p;
}

static void end(struct paging *p)
{
	p->root = NULL;
	while (tables_live > 0) {
		free(tables[--tables_live]);
	}
}

static void largest_leaves_that_fit(void **state)
{
	struct paging p = begin(&fake_format);
	assert_int_equal(paging_map(&p, 0, HPA(4 * PAGE_SIZE_1G), 2 * PAGE_SIZE_1G + PAGE_SIZE_2M + PAGE_SIZE, MAP_READ), 0);
	leads(&p, PAGE_SIZE_1G + 5, 5 * PAGE_SIZE_1G + 5, MAP_READ, PAGE_SIZE_1G);
	leads(&p, 2 * PAGE_SIZE_1G, 6 * PAGE_SIZE_1G, MAP_READ, PAGE_SIZE_2M);
	leads(&p, 2 * PAGE_SIZE_1G + PAGE_SIZE_2M, 6 * PAGE_SIZE_1G + PAGE_SIZE_2M, MAP_READ, PAGE_SIZE);
	leads_nowhere(&p, 2 * PAGE_SIZE_1G + PAGE_SIZE_2M + PAGE_SIZE);
	/* A target that is not aligned like the source takes small leaves. */
	assert_int_equal(paging_map(&p, 8 * PAGE_SIZE_1G, HPA(PAGE_SIZE), PAGE_SIZE_2M, MAP_READ), 0);
	leads(&p, 8 * PAGE_SIZE_1G + PAGE_SIZE_2M - 1, PAGE_SIZE_2M + PAGE_SIZE - 1, MAP_READ, PAGE_SIZE);
	end(&p);
}

static void host_format_keeps_protection(void **state)
{
	struct paging p = begin(&host_format);
	const unsigned prots[] = { MAP_READ, MAP_READ | MAP_WRITE, MAP_READ | MAP_EXEC, MAP_READ | MAP_WRITE | MAP_UNCACHED, MAP_READ | MAP_USER };
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(paging_map(&p, i * PAGE_SIZE_2M, HPA(i * PAGE_SIZE_2M), PAGE_SIZE_2M, prots[i]), 0);
		leads(&p, i * PAGE_SIZE_2M + 9, i * PAGE_SIZE_2M + 9, prots[i], PAGE_SIZE_2M);
		assert_int_equal(paging_map(&p, i * PAGE_SIZE_2M, HPA(0), PAGE_SIZE, 0), 0); /* a split keeps it as well */
		leads(&p, i * PAGE_SIZE_2M + PAGE_SIZE, i * PAGE_SIZE_2M + PAGE_SIZE, prots[i], PAGE_SIZE);
	}
	/* The bits themselves (APM vol. 2, 5.3): present 0, write 1, large 7, no-execute 63. */
	assert_int_equal(host_format.leaf(HPA(PAGE_SIZE_2M), MAP_READ | MAP_EXEC, 1), PAGE_SIZE_2M | 0xe1);
	assert_int_equal(host_format.leaf(HPA(PAGE_SIZE), MAP_READ | MAP_WRITE, 0), PAGE_SIZE | 0x63 | 1ull << 63);
	/* No 1 GiB leaves. */
	assert_int_equal(paging_map(&p, PAGE_SIZE_1G, HPA(PAGE_SIZE_1G), PAGE_SIZE_1G, MAP_READ), 0);
	leads(&p, PAGE_SIZE_1G, PAGE_SIZE_1G, MAP_READ, PAGE_SIZE_2M);
	end(&p);
}

static void unmapping_splits_and_leaves_the_rest(void **state)
{
	struct paging p = begin(&fake_format);
	assert_int_equal(paging_map(&p, 0, HPA(0), PAGE_SIZE_1G, MAP_READ | MAP_WRITE), 0);
	assert_int_equal(paging_map(&p, PAGE_SIZE_2M + 3 * PAGE_SIZE, HPA(0), PAGE_SIZE, 0), 0);
	leads(&p, 0, 0, MAP_READ | MAP_WRITE, PAGE_SIZE_2M);
	leads(&p, PAGE_SIZE_2M + 2 * PAGE_SIZE, PAGE_SIZE_2M + 2 * PAGE_SIZE, MAP_READ | MAP_WRITE, PAGE_SIZE);
	leads_nowhere(&p, PAGE_SIZE_2M + 3 * PAGE_SIZE);
	leads(&p, PAGE_SIZE_2M + 4 * PAGE_SIZE, PAGE_SIZE_2M + 4 * PAGE_SIZE, MAP_READ | MAP_WRITE, PAGE_SIZE);
	leads(&p, PAGE_SIZE_1G - 1, PAGE_SIZE_1G - 1, MAP_READ | MAP_WRITE, PAGE_SIZE_2M);
	assert_int_equal(paging_map(&p, 0, HPA(0), 1ull << 48, 0), 0);
	leads_nowhere(&p, 0);
	end(&p);
}

static void what_was_mapped_once_needs_no_memory_again(void **state)
{
	struct paging p = begin(&fake_format);
	assert_int_equal(paging_map(&p, 5 * PAGE_SIZE, HPA(0), 700 * PAGE_SIZE, MAP_READ), 0);
	assert_int_equal(paging_map(&p, 0, HPA(0), PAGE_SIZE_1G, 0), 0);
	tables_left = 0;
	assert_int_equal(paging_map(&p, 5 * PAGE_SIZE, HPA(PAGE_SIZE), 700 * PAGE_SIZE, MAP_READ), 0);
	leads(&p, 5 * PAGE_SIZE, PAGE_SIZE, MAP_READ, PAGE_SIZE);
	end(&p);
}

static void entry_is_found_and_splits(void **state)
{
	struct paging p = begin(&fake_format);
	assert_int_equal(paging_map(&p, 0, HPA(0), PAGE_SIZE_2M, MAP_READ), 0);
	uint64_t *entry = paging_entry(&p, 7 * PAGE_SIZE, 0);
	assert_non_null(entry);
	leads(&p, 6 * PAGE_SIZE, 6 * PAGE_SIZE, MAP_READ, PAGE_SIZE);
	*entry = fake_leaf(HPA(99 * PAGE_SIZE), MAP_WRITE, 0);
	leads(&p, 7 * PAGE_SIZE, 99 * PAGE_SIZE, MAP_WRITE, PAGE_SIZE);
	tables_left = 2;
	assert_null(paging_entry(&p, 1ull << 47, 0));
	end(&p);
}

static void bad_ranges_are_refused(void **state)
{
	struct paging p = begin(&fake_format);
	assert_int_equal(paging_map(&p, 1, HPA(0), PAGE_SIZE, MAP_READ), -EINVAL);
	assert_int_equal(paging_map(&p, 0, HPA(1), PAGE_SIZE, MAP_READ), -EINVAL);
	assert_int_equal(paging_map(&p, 0, HPA(0), PAGE_SIZE + 1, MAP_READ), -EINVAL);
	assert_int_equal(paging_map(&p, 1ull << 48, HPA(0), PAGE_SIZE, MAP_READ), -EINVAL);
	assert_int_equal(paging_map(&p, (1ull << 48) - PAGE_SIZE, HPA(0), 2 * PAGE_SIZE, MAP_READ), -EINVAL);
	assert_int_equal(paging_map(&p, PAGE_SIZE, HPA(0), -PAGE_SIZE, MAP_READ), -EINVAL);
	assert_int_equal(paging_map(&p, 0, HPA(-PAGE_SIZE), 2 * PAGE_SIZE, MAP_READ), -EINVAL);
	assert_int_equal(paging_map(&p, 0, HPA(0), 1, 0), -EINVAL);
	leads_nowhere(&p, 1ull << 48);
	leads_nowhere(&p, UINT64_MAX);
	end(&p);
}

/* 16 MiB around a 1 GiB border; model[i] is page i's target and protection, 0 when unmapped. */
#define MODEL_START (PAGE_SIZE_1G - 4 * PAGE_SIZE_2M)
#define MODEL_PAGES 4096u

static void model_compare(const struct paging *p, const uint64_t *model)
{
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		hpa_t to = HPA(0);
		unsigned prot = 0;
		uint64_t leaf, found = 0;
		if (paging_lookup(p, MODEL_START + i * PAGE_SIZE, &to, &prot, &leaf) == 0) {
			found = to.value | prot;
		}
		assert_int_equal(found, model[i]);
	}
}

static void random_changes_match_a_model(void **state)
{
	static uint64_t model[MODEL_PAGES];
	const struct paging_format *const formats[] = { &fake_format, &host_format };
	srand(1);
	for (unsigned f = 0; f < 2; f++) {
		struct paging p = begin(formats[f]);
		unsigned failures = 0;
		memset(model, 0, sizeof(model));
		for (unsigned round = 0; round < 600; round++) {
			unsigned align = (unsigned)rand() % 2 ? 512 : 1;
			unsigned first = (unsigned)rand() % MODEL_PAGES / align * align;
			unsigned pages = (unsigned)rand() % (MODEL_PAGES - first) / align * align;
			uint64_t to = PAGE_SIZE_1G * (uint64_t)(1 + rand() % 9) + (rand() % 2 ? first * PAGE_SIZE : 0);
			unsigned prot = MAP_READ | (rand() % 2 ? MAP_WRITE : 0);
			bool map = rand() % 3 != 0;
			tables_left = round % 2 ? (unsigned)rand() % 3 : 100;
			int error = map ? paging_map(&p, MODEL_START + first * PAGE_SIZE, HPA(to), pages * PAGE_SIZE, prot) :
					  paging_map(&p, MODEL_START + first * PAGE_SIZE, HPA(0), pages * PAGE_SIZE, 0);
			assert_true(error == 0 || (error == -ENOMEM && tables_left == 0));
			failures += error != 0;
			for (unsigned i = 0; i < pages && error == 0; i++) {
				model[first + i] = map ? (to + i * PAGE_SIZE) | prot : 0;
			}
			model_compare(&p, model);
			if (round % 60 == 59) { /* start over, or all ends up in small leaves */
				end(&p);
				p = begin(formats[f]);
				memset(model, 0, sizeof(model));
			}
		}
		assert_true(failures > 0);
		end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(largest_leaves_that_fit),
		cmocka_unit_test(host_format_keeps_protection),
		cmocka_unit_test(unmapping_splits_and_leaves_the_rest),
		cmocka_unit_test(what_was_mapped_once_needs_no_memory_again),
		cmocka_unit_test(entry_is_found_and_splits),
		cmocka_unit_test(bad_ranges_are_refused),
		cmocka_unit_test(random_changes_match_a_model),
	};
	return cmocka_run_group_tests_name("paging", tests, NULL, NULL);
}
