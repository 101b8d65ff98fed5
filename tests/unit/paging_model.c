/* SPDX-License-Identifier: MIT */
/*
 * The page-table walker under the model (tests/model): every store of paging.c is looked at by a hardware walker that
 * caches all it can, in each format. Random changes, in each of which the model's two rules hold (tlb.h); then the
 * same with something wrong on purpose, which the model has to notice, or its silence would mean nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/mem/mem_internal.h"
#include "hv/iommu/amdvi.h"
#include "hv/iommu/vtd.h"
#include "hv/vmm/svm.h"
#include "tests/model/memory.h"
#include "tests/model/record.h"
#include "tests/model/tlb.h"

#define GIB (1ull << 30)
#define ROUNDS 300

extern struct paging_format ept_format; /* hv/vmm/vmx.h, whose names are those of svm.h */

struct subject {
	const struct paging_format *format;
	const struct walk_format *walk;
	unsigned prots[4]; /* what its users ask for */
};

static struct paging_format vtd_three; /* units whose tables have three levels */
static struct walk_format walk_vtd_three;

static const struct subject subjects[] = {
	{ &host_format, &walk_host, { MAP_READ, MAP_READ | MAP_WRITE, MAP_READ | MAP_EXEC, MAP_READ | MAP_WRITE | MAP_UNCACHED } },
	{ &npt_format, &walk_npt, { MAP_READ | MAP_WRITE | MAP_EXEC, MAP_READ, MAP_READ | MAP_WRITE, MAP_READ | MAP_WRITE | MAP_UNCACHED } },
	{ &ept_format, &walk_ept, { MAP_READ | MAP_WRITE | MAP_EXEC, MAP_READ, MAP_READ | MAP_WRITE, MAP_READ | MAP_WRITE | MAP_UNCACHED } },
	{ &amdvi_format, &walk_amdvi, { MAP_READ | MAP_WRITE, MAP_READ, MAP_WRITE, MAP_READ | MAP_WRITE } },
	{ &vtd_format, &walk_vtd, { MAP_READ | MAP_WRITE, MAP_READ, MAP_WRITE, MAP_READ | MAP_WRITE } },
	{ &vtd_three, &walk_vtd_three, { MAP_READ | MAP_WRITE, MAP_READ, MAP_WRITE, MAP_READ | MAP_WRITE } },
};
#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static struct paging paging;
static struct tlb tlb;
static struct ideal now, next;
static bool no_invalidation; /* what to do wrong: */
static enum record_verdict wrong;
static unsigned wrong_from, stores_judged;

static void stored(const void *at, unsigned bytes)
{
	tlb_stored(&tlb, at, bytes);
}

static void handed_out(const void *page)
{
	tlb_page_reused(&tlb, page);
}

static enum record_verdict judge(const void *at, uint64_t value, unsigned bytes)
{
	return bytes == 8 && stores_judged++ >= wrong_from ? wrong : RECORD_KEEP;
}

static void begin(const struct paging_format *format, const struct walk_format *walk)
{
	record_reset();
	memory_reset();
	now = next = (struct ideal){ .count = 0 };
	assert_int_equal(paging_init(&paging, format), 0);
	tlb_init(&tlb, walk, paging.root, &now);
	record_hooks = (struct record_hooks){ .stored = stored, .judge = judge };
	memory_handed_out = handed_out;
	no_invalidation = false;
	wrong = RECORD_KEEP;
	wrong_from = stores_judged = 0;
}

static void end(void)
{
	record_reset();
	tlb_free(&tlb);
}

static void holds(void)
{
	if (tlb.broken[0]) {
		fail_msg("%s", tlb.broken);
	}
}

/* One change as its users make it: the tables, then the invalidation, then the memory may go elsewhere. */
static int change(uint64_t from, uint64_t to, uint64_t bytes, unsigned prot)
{
	next = now;
	ideal_map(&next, from, to, bytes, prot);
	tlb_change(&tlb, &now, &next);
	int error = paging_map(&paging, from, HPA(to), bytes, prot);
	record_settle();
	now = error ? now : next;
	if (!no_invalidation) {
		tlb_invalidate(&tlb);
	}
	tlb_settled(&tlb, &now);
	if (!no_invalidation) {
		tlb_invalidate(&tlb); /* once more, with nothing but the new mapping to lead anywhere */
	}
	return error;
}

static uint64_t pick(uint64_t below)
{
	return (uint64_t)rand() % below;
}

/* Pages around a 1 GiB border, 2 MiB areas there, and whole GiB: so that leaves of every size are made and split. */
static int change_random(const struct subject *s)
{
	static const uint64_t units[] = { PAGE_SIZE, PAGE_SIZE, PAGE_SIZE_2M, PAGE_SIZE_1G };
	uint64_t unit = units[pick(4)];
	uint64_t from = unit == PAGE_SIZE_1G ? (1 + pick(3)) * GIB : 2 * GIB - 2 * PAGE_SIZE_2M + pick(4 * PAGE_SIZE_2M) / unit * unit;
	uint64_t bytes = unit * (1 + pick(unit == PAGE_SIZE ? 600 : 2));
	uint64_t to = (8 + pick(4)) * GIB + (pick(2) ? from % GIB : pick(64) * PAGE_SIZE_2M);
	unsigned prot = pick(3) ? s->prots[pick(4)] : 0;
	return change(from, to, bytes, prot);
}

static void every_state_is_old_or_new(void **state)
{
	for (unsigned i = 0; i < SUBJECTS; i++) {
		srand(20 + i);
		unsigned failures = 0;
		for (unsigned run = 0; run < 6; run++) {
			begin(subjects[i].format, subjects[i].walk);
			for (unsigned round = 0; round < ROUNDS / 6; round++) {
				memory_left = round % 3 ? UINT32_MAX : (unsigned)pick(3);
				failures += change_random(&subjects[i]) != 0;
				holds();
			}
			end();
		}
		assert_true(failures > 0);
	}
}

/* ---- what the model must notice ---- */

static bool noticed(const char *words)
{
	bool found = strstr(tlb.broken, words) != NULL;
	if (!found) {
		print_error("wanted \"%s\", the model says \"%s\"\n", words, tlb.broken);
	}
	end();
	return found;
}

static void an_unmapping_without_invalidation(void **state)
{
	for (unsigned i = 0; i < SUBJECTS; i++) {
		begin(subjects[i].format, subjects[i].walk);
		assert_int_equal(change(2 * GIB, 8 * GIB, PAGE_SIZE_2M, subjects[i].prots[0]), 0);
		holds();
		no_invalidation = true;
		assert_int_equal(change(2 * GIB + PAGE_SIZE, 0, PAGE_SIZE, 0), 0);
		assert_true(noticed("stale"));
	}
}

static void a_narrowing_without_invalidation(void **state)
{
	for (unsigned i = 0; i < SUBJECTS; i++) {
		begin(subjects[i].format, subjects[i].walk);
		assert_int_equal(change(2 * GIB, 8 * GIB, 8 * PAGE_SIZE, MAP_READ | MAP_WRITE), 0);
		no_invalidation = true;
		assert_int_equal(change(2 * GIB, 8 * GIB, 8 * PAGE_SIZE, MAP_READ), 0);
		assert_true(noticed("stale"));
	}
}

/* But what only gains needs none, where absence is not cached. */
static void a_widening_needs_no_invalidation(void **state)
{
	for (unsigned i = 0; i < SUBJECTS; i++) {
		begin(subjects[i].format, subjects[i].walk);
		no_invalidation = true;
		assert_int_equal(change(2 * GIB, 8 * GIB, 8 * PAGE_SIZE, MAP_READ), 0);
		assert_int_equal(change(2 * GIB, 8 * GIB, 8 * PAGE_SIZE, MAP_READ | MAP_WRITE), 0);
		if (subjects[i].walk->absence_is_cached) {
			assert_true(noticed("may still lead nowhere"));
		} else {
			holds();
			end();
		}
	}
}

static void stores_that_go_wrong(void **state)
{
	static const struct {
		enum record_verdict verdict;
		const char *words;
	} cases[] = {
		{ RECORD_TORN, "neither old" }, { RECORD_CLEARED, "neither old" }, { RECORD_DROP, "neither old" },
	};
	for (unsigned i = 0; i < SUBJECTS; i++) {
		for (unsigned c = 0; c < 3; c++) {
			begin(subjects[i].format, subjects[i].walk);
			assert_int_equal(change(2 * GIB, 8 * GIB, 16 * PAGE_SIZE, subjects[i].prots[0]), 0);
			holds();
			wrong = cases[c].verdict;
			wrong_from = stores_judged + 3; /* some are made as they should be */
			(void)change(2 * GIB, 13 * GIB + PAGE_SIZE_2M, 16 * PAGE_SIZE, subjects[i].prots[0]);
			assert_true(noticed(cases[c].words));
		}
	}
}

/* A large leaf put over a table: what cached the table's address still reads it. */
static void a_table_used_again_too_early(void **state)
{
	for (unsigned i = 0; i < SUBJECTS; i++) {
		begin(subjects[i].format, subjects[i].walk);
		assert_int_equal(change(2 * GIB, 8 * GIB, 16 * PAGE_SIZE, subjects[i].prots[0]), 0);
		uint64_t *above = paging_entry(&paging, 2 * GIB, 1);
		assert_non_null(above);
		void *table = (void *)subjects[i].format->address(*above, 1).value;
		next = now;
		ideal_map(&next, 2 * GIB, 8 * GIB, PAGE_SIZE_2M, subjects[i].prots[0]);
		tlb_change(&tlb, &now, &next);
		*above = subjects[i].format->leaf(HPA(8 * GIB), subjects[i].prots[0], 1);
		stored(above, 8);
		now = next;
		holds();
		memory_recycled = table;
		(void)change(3 * GIB + PAGE_SIZE, 8 * GIB, PAGE_SIZE, subjects[i].prots[0]);
		assert_true(noticed("used again"));
	}
}

/* Formats with one thing wrong, each in turn: what leaf, table or split gets wrong shows in the walk. */
static struct paging_format faulty;
static const struct paging_format *sound;

static uint64_t leaf_elsewhere(hpa_t hpa, unsigned prot, unsigned level)
{
	return sound->leaf(HPA(hpa.value ^ (level == 0 ? PAGE_SIZE : 0)), prot, level);
}

static uint64_t leaf_generous(hpa_t hpa, unsigned prot, unsigned level)
{
	return sound->leaf(hpa, level == 0 ? MAP_READ | MAP_WRITE | MAP_EXEC : prot, level);
}

static uint64_t leaf_crooked(hpa_t hpa, unsigned prot, unsigned level)
{
	return sound->leaf(hpa, prot, level) | (level == 1 ? 16 * PAGE_SIZE : 0);
}

static unsigned prot_forgotten(uint64_t entry)
{
	return MAP_READ;
}

static hpa_t address_of_first(uint64_t entry, unsigned level)
{
	hpa_t to = sound->address(entry, level);
	return level == 1 && sound->is_leaf(entry, level) ? HPA(to.value + PAGE_SIZE) : to;
}

static void formats_that_are_wrong(void **state)
{
	for (unsigned i = 0; i < SUBJECTS; i++) {
		for (unsigned c = 0; c < 5; c++) {
			sound = subjects[i].format;
			faulty = *sound;
			faulty.leaf = c == 0 ? leaf_elsewhere : c == 1 ? leaf_generous : c == 2 ? leaf_crooked : sound->leaf;
			faulty.prot = c == 3 ? prot_forgotten : sound->prot;
			faulty.address = c == 4 ? address_of_first : sound->address;
			begin(&faulty, subjects[i].walk);
			(void)change(2 * GIB, 8 * GIB, PAGE_SIZE_2M, MAP_READ | MAP_WRITE);
			(void)change(2 * GIB + PAGE_SIZE, 8 * GIB + PAGE_SIZE, 6 * PAGE_SIZE, MAP_READ);
			assert_true(noticed(c == 2 ? "misaligned" : "neither old"));
		}
	}
}

static int prepare(void **state)
{
	npt_format_init();
	ept_format.max_leaf_level = 2; /* what a processor with 1 GiB leaves sets */
	vtd_format_init(3, 2, true, NULL);
	vtd_three = vtd_format;
	walk_vtd_three = walk_vtd;
	walk_vtd_three.levels = 3;
	vtd_format_init(4, 2, true, NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_is_old_or_new),
		cmocka_unit_test(an_unmapping_without_invalidation),
		cmocka_unit_test(a_narrowing_without_invalidation),
		cmocka_unit_test(a_widening_needs_no_invalidation),
		cmocka_unit_test(stores_that_go_wrong),
		cmocka_unit_test(a_table_used_again_too_early),
		cmocka_unit_test(formats_that_are_wrong),
	};
	return cmocka_run_group_tests_name("paging under the model", tests, prepare, NULL);
}
