/* SPDX-License-Identifier: MIT */
/*
 * The reclaimer: a thread that sleeps until an operation waits for memory (reserve.c). It gives up what is only there for speed, first what
 * costs least: clean pages of files, stacks of ended threads, names that nobody uses, dirty pages (written first), then pages of files that
 * programs map (evict.c). When a round of that brings too little, and no operation that runs gives back what it reserved within PATIENCE_NS, or
 * not all that wait are served for much longer, the process that holds the most is ended. It needs little memory itself, which is kept
 * for it, and no lock of those that somebody may have who waits for memory.
 */
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "mm/pages.h"
#include "mm/reserve.h"

#define PATIENCE_NS 200000000ull /* until promised memory comes back, or an ended process's memory */
#define SLOW_ROUNDS 25u /* of that, where enough is promised to others, or some are served: turns of many that run can be seconds apart */
#define RECLAIM_BATCH 256u
#define ROUNDS_MOST 16u /* in which mapped pages were given up, and nothing became free */

static void (*shrink_hook)(void);

void memory_set_shrink(void (*shrink)(void))
{
	shrink_hook = shrink;
}

static uint64_t free_pages(void)
{
	uint64_t total, free;
	memory_usage(&total, &free);
	return free;
}

/** Whether there is more than before, or soon will be. */
static bool caches_shrink(void)
{
	static unsigned rounds;
	uint64_t before = free_pages(), given_up = 0;
	if (!page_reclaim(RECLAIM_BATCH) && shrink_hook) {
		stacks_give_up();
		shrink_hook();
		if (!page_reclaim(RECLAIM_BATCH)) {
			given_up = mapped_files_give_up(RECLAIM_BATCH);
			page_reclaim(RECLAIM_BATCH);
		}
	}
	bool more = free_pages() > before;
	rounds = more ? 0 : rounds + 1;
	return more || (given_up && rounds < ROUNDS_MOST);
}

/** Somebody waits, and nothing is left to give up, for so many rounds now. Whether somebody was ended for it. */
static bool out_of_memory(unsigned rounds, bool some_came)
{
	uint32_t pages, io;
	if (!reserve_wanted(&pages, &io) || (rounds < SLOW_ROUNDS && (some_came || reserve_is_promised(pages, io)))) {
		return false;
	}
	process_out_of_memory(pages, io);
	return true;
}

static void reclaimer(void *unused)
{
	unsigned rounds = 0;
	/* Before all that wait for it, however many want to run. */
	const struct thread_share share = { .policy = POLICY_FIFO, .priority = 1 };
	thread_current()->reserve_favoured = true;
	thread_set_share(thread_current(), &share);
	for (;;) {
		reserve_end();
		reserve_wait_wanted();
		reserve_begin(RESERVE_WRITEBACK);
		if (caches_shrink()) {
			rounds = 0;
			continue;
		}
		reserve_end();
		enum reserve_wait result = reserve_wait_come(time_ns() + PATIENCE_NS);
		rounds = result == RESERVE_NOBODY_WAITS || out_of_memory(rounds, result == RESERVE_SOME_CAME) ? 0 : rounds + 1;
		reserve_look_again();
	}
}

void reclaim_start(void)
{
	char every[16];
	if (CONFIG_DEBUG && cmdline_option("reserve-fail", every, sizeof(every))) {
		reserve_fail_every((uint32_t)string_number(every, &(const char *){ NULL }));
	}
	if (!thread_create("reclaimer", reclaimer, NULL)) {
		kernel_panic("no memory for the reclaimer");
	}
}
