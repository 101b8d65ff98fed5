/* SPDX-License-Identifier: MIT */
/*
 * Reservations and the reclaimer against a count of free pages, with threads on several processors that go on in any order, load by load
 * (tests/fake/interleave.h). Operations reserve, allocate, keep pages, give them back, wait in between; there is a cache to be thrown out, and
 * a hog to be ended when nothing else helps. Whoever has credit finds a page, what is promised is free at every moment, allocations that may
 * fail leave it alone, all who wait go on, and in the end the books are even.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/ipi.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "mm/reserve.h"
#include "tests/fake/interleave.h"

#define PAGES 1000
#define IO_PAGES 600
#define WORKERS 6u
#define OPERATIONS 60
#define HELD_MOST 130 /* pages that a worker keeps from one operation to the next: too many for all */
#define BOUND 120u

struct worker {
	struct thread *thread;
	bool dying;
	int64_t held, held_io; /* pages */
	unsigned operations;
};

static struct worker workers[WORKERS];
static int64_t free_all, free_io; /* pages */
static int64_t cache; /* of the I/O zone, clean */
static unsigned checks, killed, reclaimed, refused;

/* ---- the allocator ---- */
/* Of which zone it is. */
static bool page_take(bool io)
{
	kassert(free_all > 0);
	bool from_io = io || free_all == free_io;
	kassert(!from_io || free_io > 0);
	free_all--;
	if (from_io) {
		free_io--;
		if (!io) {
			reserve_moved(1);
		}
	}
	return from_io;
}

static void pages_free(int64_t *held, bool io, uint32_t n)
{
	*held -= n;
	kassert(*held >= 0);
	free_all += n;
	free_io += io ? n : 0;
	reserve_give(n, io);
}

size_t page_reclaim(size_t pages)
{
	int64_t n = (int64_t)pages < cache ? (int64_t)pages : cache;
	interleave_step();
	n = n < cache ? n : cache;
	if (n > 0) {
		pages_free(&cache, true, (uint32_t)n);
		reclaimed += (unsigned)n;
	}
	return (size_t)(n > 0 ? n : 0);
}

void memory_usage(uint64_t *total, uint64_t *free)
{
	*total = PAGES;
	*free = (uint64_t)free_all;
}

void thread_set_share(struct thread *thread, const struct thread_share *share)
{
}

uint64_t memory_io_free(void)
{
	return (uint64_t)free_io;
}

bool process_is_dying(const struct thread *thread)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		if (workers[i].thread == thread) {
			return workers[i].dying;
		}
	}
	return false;
}

/* Each count is looked at when its turn has come: others may have done the same meanwhile. */
static void held_free(struct worker *w)
{
	if (w->held) {
		pages_free(&w->held, false, (uint32_t)w->held);
	}
	if (w->held_io) {
		pages_free(&w->held_io, true, (uint32_t)w->held_io);
	}
}

/* The one that holds the most; its pages are taken at once. */
void process_out_of_memory(uint32_t pages, uint32_t io)
{
	struct worker *most = &workers[0];
	for (unsigned i = 1; i < WORKERS; i++) {
		if (!workers[i].dying && (most->dying || workers[i].held + workers[i].held_io > most->held + most->held_io)) {
			most = &workers[i];
		}
	}
	if (most->dying) {
		return;
	}
	most->dying = true;
	killed++;
	held_free(most);
	reserve_look_again();
}

uint64_t mapped_files_give_up(uint64_t most)
{
	return 0;
}

void stacks_give_up(void)
{
}

bool cmdline_option(const char *name, char *value, unsigned long size)
{
	return false;
}

unsigned long string_number(const char *s, const char **end)
{
	return 0;
}

/* ---- the books ---- */
/* What was promised and is not used is free; what is under way between the books and the allocator counts as promised. */
static void check_books(void)
{
	uint64_t promised;
	uint32_t waiters;
	int64_t reserved = 0;
	if (!interleave_unlocked()) {
		return;
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		reserved += workers[i].thread->reserved;
	}
	int64_t free = free_all;
	interleave_stop(true);
	reserve_usage(&promised, &waiters);
	interleave_stop(false);
	kassert(free >= 0 && free_io >= 0 && (int64_t)promised >= reserved);
	checks++;
}

/* ---- what threads do ---- */
static struct worker *own(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		if (workers[i].thread == thread_current()) {
			return &workers[i];
		}
	}
	return NULL;
}

/* Out of the reservation: that cannot fail. A page is kept, given back, or becomes one of the cache. */
static void allocate(struct worker *w, bool io)
{
	kassert(reserve_take(1, io, false));
	interleave_step();
	io = page_take(io);
	uint64_t what = interleave_random(8);
	if (what == 0 && io) {
		cache++;
	} else if (w->dying || w->held + w->held_io >= HELD_MOST || what < 4) {
		int64_t one = 1;
		interleave_step();
		pages_free(&one, io, 1);
	} else if (io) {
		w->held_io++;
	} else {
		w->held++;
	}
}

/* As many as are left of it may be had, in any order. */
static void use_reservation(struct worker *w, uint64_t most)
{
	const struct thread *t = w->thread;
	while (most-- > 0 && t->reserved > 0) {
		bool io = t->reserved_io == t->reserved || (t->reserved_io > 0 && interleave_random(2));
		allocate(w, io);
		if (interleave_random(8) == 0) {
			check_books();
		}
	}
}

/* Pages in one piece are not there; so they are taken one by one, which nobody comes between. */
static void allocate_scattered(struct worker *w)
{
	uint32_t before = w->thread->reserved, count = 10 + (uint32_t)interleave_random(10);
	if (!reserve_more(count)) {
		return;
	}
	kassert(reserve_take(count, false, false));
	interleave_step();
	reserve_return(count, false, false);
	interleave_step();
	kassert(w->thread->reserved == before + count);
	while (count-- > 0) {
		allocate(w, false);
	}
	kassert(w->thread->reserved == before);
}

/* It may fail, and has nothing to do with what is reserved. */
static void allocate_optional(struct worker *w)
{
	uint32_t reserved = w->thread->reserved, io = w->thread->reserved_io;
	reserve_optional_begin();
	if (reserve_take(1, true, false)) {
		page_take(true);
		cache++;
	} else {
		refused++;
	}
	reserve_optional_end();
	kassert(w->thread->reserved == reserved && w->thread->reserved_io == io);
}

static void wait_parked(void)
{
	bool parked = reserve_park();
	kassert(thread_current()->reserved == 0 && thread_current()->reserved_io == 0);
	for (uint64_t n = interleave_random(30); n > 0; n--) {
		interleave_step();
	}
	reserve_unpark(parked);
}

static void give_back(struct worker *w)
{
	uint32_t n = (uint32_t)interleave_random((uint64_t)w->held + 1);
	if (n) {
		pages_free(&w->held, false, n);
	}
	uint32_t io = (uint32_t)interleave_random((uint64_t)w->held_io + 1);
	if (io) {
		pages_free(&w->held_io, true, io);
	}
}

static void fault_within(struct worker *w)
{
	uint32_t before = w->thread->reserved, before_io = w->thread->reserved_io;
	struct reserve_outer outer = reserve_nest(8, 4);
	kassert(w->thread->reserved == before + 8 && w->thread->reserved_io == before_io + 4);
	allocate(w, false);
	reserve_unnest(outer);
	kassert(w->thread->reserved == before && w->thread->reserved_io == before_io);
}

static void operate(struct worker *w)
{
	uint32_t pages = 1 + (uint32_t)interleave_random(BOUND), io = (uint32_t)interleave_random(pages / 2 + 1);
	const struct thread *t = w->thread;
	reserve_begin(pages, io);
	kassert(t->reserved == pages && t->reserved_io == io);
	for (uint64_t rounds = 1 + interleave_random(4); rounds > 0; rounds--) {
		use_reservation(w, interleave_random(pages + 1));
		switch (interleave_random(8)) {
		case 0:
			wait_parked();
			break;
		case 1:
			fault_within(w);
			break;
		case 2:
			allocate_optional(w);
			break;
		case 3: {
			uint32_t before = t->reserved;
			if (reserve_more(20)) {
				kassert(t->reserved == before + 20);
			}
			break;
		}
		case 4:
			kassert(!reserve_more(PAGES));
			break;
		case 5:
			allocate_scattered(w);
			break;
		}
		reserve_renew();
		kassert(t->reserved >= pages && t->reserved_io >= io);
	}
	reserve_end();
	kassert(t->reserved == 0 && t->reserved_io == 0);
}

static void work(void *arg)
{
	struct worker *w = own();
	while (!w->dying && w->operations < OPERATIONS) {
		operate(w);
		w->operations++;
		if (interleave_random(4) == 0) {
			give_back(w);
		}
	}
	held_free(w);
}

/* An interrupt serves who wants this processor's stock, and allocates now and then: also out of what is kept, but it may fail. */
static void interrupt(void)
{
	reserve_serve();
	if (interleave_random(4) == 0 && reserve_take(1, false, false)) {
		int64_t one = 1;
		pages_free(&one, page_take(false), 1);
	}
}

static void run_with(unsigned processors)
{
	uint64_t promised = 1;
	uint32_t waiters;
	interleave_begin(processors, interrupt);
	free_all = PAGES;
	free_io = IO_PAGES;
	reserve_init(PAGES, IO_PAGES);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].thread = interleave_start(work, NULL);
	}
	reclaim_start();
	interleave_run();
	for (unsigned i = 0; i < 100000 && promised; i++) { /* the reclaimer comes to rest */
		interleave_step();
		if (interleave_unlocked()) {
			interleave_stop(true);
			reserve_usage(&promised, &waiters);
			interleave_stop(false);
		}
	}
	kassert(promised == 0 && waiters == 0 && free_all + cache == PAGES && free_io + cache == IO_PAGES);
	printf("%u ended for memory, %u pages of the cache thrown out, %u allocations refused, %u looks at the books\n", killed, reclaimed, refused,
	       checks);
	interleave_end();
}

/* All is taken that may be; then ordinary pages become free. A file can be read at once, with the last of the I/O zone. */
static void fill_and_read(void *arg)
{
	struct worker *w = own();
	while (reserve_take(1, true, true)) {
		page_take(true);
		w->held_io++;
	}
	while (reserve_take(1, false, true)) {
		w->held += !page_take(false);
	}
	pages_free(&w->held, false, 50);
	reserve_begin(60, 30);
	kassert(killed == 0 && w->thread->reserved_io == 30);
	reserve_end();
}

static void run_full(unsigned processors)
{
	interleave_begin(processors, interrupt);
	free_all = PAGES;
	free_io = IO_PAGES;
	reserve_init(PAGES, IO_PAGES);
	workers[0].thread = interleave_start(fill_and_read, NULL);
	reclaim_start();
	interleave_run();
	interleave_end();
}

/* In a process of its own: there is one set of books, which begins once. */
static void try_in_child(void (*run)(unsigned), unsigned processors)
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		run(processors);
		fflush(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void try_with(unsigned processors)
{
	for (unsigned i = 0; i < 4; i++) {
		try_in_child(run_with, processors);
	}
}

static void the_last_of_the_io_zone(void **state)
{
	try_in_child(run_full, 1);
}

static void one_processor(void **state)
{
	try_with(1);
}

static void two_processors(void **state)
{
	try_with(2);
}

static void eight_processors(void **state)
{
	try_with(8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_of_the_io_zone),
		cmocka_unit_test(one_processor),
		cmocka_unit_test(two_processors),
		cmocka_unit_test(eight_processors),
	};
	return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
