/* SPDX-License-Identifier: MIT */
/*
 * Grants given and taken back at random, in both of their views: the back end's nested table and its devices' tables (hv/domain/
 * grant_map.c over the real walker), each under the model of tests/model/tlb.h. A decode that says yes is followed by a commit that
 * finds its memory, to the last reserved page; a revocation of all leaves nothing in either view.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/domain.h"
#include "hv/iommu/amdvi.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "hv/vmm/svm.h"
#include "tests/model/memory.h"
#include "tests/model/record.h"
#include "tests/model/tlb.h"

#define MEMORY (4ull << 30)
#define NEAR (64ull << 20) /* the part that the reserve is enough for */

static struct domain *back, *front;
static struct link *between;
static struct bundle_domain configs[2];
static struct view {
	struct tlb tlb;
	struct ideal now, next;
} cpus, devices;
static unsigned flushes, lost_flushes; /* the second: to be left out */
static bool panicked;
static jmp_buf panic_point;

static void stored(const void *at, unsigned bytes)
{
	tlb_stored(&cpus.tlb, at, bytes);
	tlb_stored(&devices.tlb, at, bytes);
}

/* ---- what grant_map.c asks for ---- */

/* Every vCPU drops what it has before it enters again, or leaves first (tests/model/flush_rules.c). */
void domain_flush(struct domain *d)
{
	record_settle();
	if (++flushes > lost_flushes) {
		tlb_invalidate(&cpus.tlb);
	}
}

/* Tables, then the invalidation (hv/iommu/iommu.c). */
int iommu_map(struct iommu_domain *domain, uint64_t iova, hpa_t to, uint64_t bytes, unsigned prot)
{
	int error = paging_map(&domain->paging, iova, to, bytes, prot);
	record_settle();
	if (!error) {
		tlb_invalidate(&devices.tlb);
	}
	return error;
}

void link_publish_both(const struct link *l)
{
}

void hv_panic(const char *format, ...)
{
	panicked = true;
	longjmp(panic_point, 1);
}

/* ---- tests ---- */

static unsigned cpu_rights(uint32_t prot)
{
	return prot & BH_GRANT_CPU_WRITE ? MAP_READ | MAP_WRITE : prot & BH_GRANT_CPU_READ ? MAP_READ : 0;
}

static unsigned dma_rights(uint32_t prot)
{
	return (prot & BH_GRANT_DMA_READ ? MAP_READ : 0) | (prot & BH_GRANT_DMA_WRITE ? MAP_WRITE : 0);
}

static void view_change(struct view *v, uint64_t gpa, uint64_t len, unsigned prot)
{
	v->next = v->now;
	ideal_map(&v->next, BH_LINK_WINDOW(0) + gpa, domain_ram(front, gpa).value, len, prot);
	tlb_change(&v->tlb, &v->now, &v->next);
}

static void view_settle(struct view *v)
{
	v->now = v->next;
	tlb_settled(&v->tlb, &v->now);
}

static void holds(void)
{
	if (cpus.tlb.broken[0] || devices.tlb.broken[0]) {
		fail_msg("%s%s", cpus.tlb.broken, devices.tlb.broken);
	}
}

static int give(uint64_t gpa, uint64_t len, uint32_t prot)
{
	int error = grant_decode(between, gpa, len, prot);
	if (error) {
		return error;
	}
	view_change(&cpus, gpa, len, cpu_rights(prot));
	view_change(&devices, gpa, len, dma_rights(prot));
	if (setjmp(panic_point) == 0) {
		grant_commit(between, gpa, len, prot);
	}
	record_settle();
	view_settle(&cpus);
	view_settle(&devices);
	return 0;
}

static int prepare(void **state)
{
	record_reset();
	memory_reset();
	npt_format_init();
	back = pool_alloc(4, 1);
	front = pool_alloc(4, 1);
	between = pool_alloc(4, 1);
	back->config = &configs[0];
	front->config = &configs[1];
	configs[1].memory = MEMORY;
	front->ram = pool_take_domain(MEMORY, PAGE_SIZE_2M);
	back->fenced = true;
	between->front = front;
	between->back = back;
	if (paging_init(&back->nested, &npt_format) || paging_init(&back->iommu.paging, &amdvi_format) || grant_reserve(between)) {
		return -1;
	}
	back->nested.table_alloc = back->iommu.paging.table_alloc = grant_table_alloc;
	tlb_init(&cpus.tlb, &walk_npt, back->nested.root, &cpus.now);
	tlb_init(&devices.tlb, &walk_amdvi, back->iommu.paging.root, &devices.now);
	record_hooks = (struct record_hooks){ .stored = stored };
	memory_left = 0; /* from here on there is the reserve, and nothing else */
	return 0;
}

static void both_views_say_what_was_granted(void **state)
{
	unsigned given = 0;
	srand(3);
	for (unsigned i = 0; i < 1500; i++) {
		uint64_t unit = rand() % 4 ? PAGE_SIZE : PAGE_SIZE_2M;
		uint64_t gpa = (uint64_t)rand() % (NEAR / unit) * unit, len = (1 + (uint64_t)rand() % 6) * unit;
		uint32_t prot = (uint32_t)rand() % 16;
		const struct bh_grant *g = &between->grants[rand() % BH_MAX_GRANTS];
		if (g->len && rand() % 2) { /* one that there is: changed, or taken back */
			gpa = g->gpa;
			len = g->len;
			prot = rand() % 2 ? prot : 0;
		}
		int error = give(gpa, len, prot);
		given += error == 0;
		assert_int_not_equal(error, -ENOMEM);
		assert_false(panicked);
		holds();
	}
	assert_true(given > 300);
}

static void revoking_all_leaves_nothing(void **state)
{
	view_change(&cpus, 0, MEMORY, 0);
	view_change(&devices, 0, MEMORY, 0);
	grant_revoke_all(between);
	record_settle();
	view_settle(&cpus);
	view_settle(&devices);
	holds();
	assert_int_equal(cpus.now.count, 0);
	assert_false(tlb_reaches(&cpus.tlb, front->ram.value, MEMORY));
	assert_false(tlb_reaches(&devices.tlb, front->ram.value, MEMORY));
}

/* What was mapped once needs no table again, so a range is given and taken for ever. */
static void the_same_range_for_ever(void **state)
{
	assert_int_equal(give(0, PAGE_SIZE, 15), 0);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(give(0, PAGE_SIZE, i % 2 ? 15 : 0), 0);
		assert_false(panicked);
		holds();
	}
	assert_int_equal(give(0, PAGE_SIZE, 0), 0);
}

static void a_flush_left_out_is_noticed(void **state)
{
	assert_int_equal(give(0, 2 * PAGE_SIZE, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE), 0);
	holds();
	lost_flushes = flushes + 1;
	assert_int_equal(give(0, 2 * PAGE_SIZE, BH_GRANT_CPU_READ), 0);
	assert_non_null(strstr(cpus.tlb.broken, "stale"));
}

/* Scattered over more areas than the reserve has tables for: refused before anything is touched; and whatever was given can be
 * taken back. */
static void the_reserve_ends_with_an_error(void **state)
{
	unsigned refused = 0;
	cpus.tlb.broken[0] = '\0';
	lost_flushes = 0;
	tlb_invalidate(&cpus.tlb);
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t gpa = (uint64_t)rand() % (MEMORY / PAGE_SIZE_2M) * PAGE_SIZE_2M;
		int error = give(gpa, PAGE_SIZE, 15);
		refused += error == -ENOMEM;
		assert_false(panicked);
		holds();
		const struct bh_grant *g = &between->grants[rand() % BH_MAX_GRANTS];
		if (g->len) {
			assert_int_equal(give(g->gpa, g->len, 0), 0);
			holds();
		}
	}
	assert_true(refused > 100);
}

/* Processors and IOMMUs without large leaves: as many tables as decode says, or an error before anything is touched. */
static void pages_alone_are_counted(void **state)
{
	cpus.tlb.broken[0] = '\0';
	lost_flushes = 0;
	tlb_invalidate(&cpus.tlb);
	npt_format.max_leaf_level = 0;
	assert_int_equal(give(2ull << 30, 32ull << 20, BH_GRANT_CPU_READ), 0);
	assert_int_equal(give(1ull << 30, 512ull << 20, BH_GRANT_CPU_READ), -ENOMEM);
	assert_false(panicked);
	assert_int_equal(give(2ull << 30, 32ull << 20, 0), 0);
	holds();
	npt_format.max_leaf_level = 2;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_views_say_what_was_granted),
		cmocka_unit_test(revoking_all_leaves_nothing),
		cmocka_unit_test(the_same_range_for_ever),
		cmocka_unit_test(a_flush_left_out_is_noticed),
		cmocka_unit_test(pages_alone_are_counted),
		cmocka_unit_test(the_reserve_ends_with_an_error),
	};
	return cmocka_run_group_tests_name("grants under the model", tests, prepare, NULL);
}
