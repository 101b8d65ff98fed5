/* SPDX-License-Identifier: MIT */
/*
 * Credit for pages. The books: pool + processors' stocks + what is kept + what threads have reserved = free pages, and the same for those of
 * the I/O zone, `io`. So whoever holds credit finds a page. A stock is changed by its own processor only, in one instruction, and may be
 * below zero for a moment. The last pages of the I/O zone, `last`, are promised as such only: if programs' memory had all of it, files
 * could not be read any more, however much of the rest became free.
 *
 * Who finds too little gives back all that it holds, throws out clean pages of the cache, and sleeps until the reclaimer (reclaim.c) or
 * anybody else has freed enough. Those that wait are served in their order, by whoever gives back: only who has got what it wants is woken, and
 * who comes later does not go before. What is kept is for the reclaimer, for those who have been told to end, and for interrupts: with it the
 * one can make memory free, and the others can give theirs back.
 */
#include "mm/reserve.h"
#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/process.h"

#define STOCK_MOST 512
#define KEPT_PAGES 384 /* the largest bound, and a fault within it */
#define KEPT_IO 160
#define LAST_SHARE 16 /* of the I/O zone */
#define LAST_MOST 2048
#define RECLAIM_BATCH 128u

struct amount {
	int64_t pages, io;
};

struct demand { /* lock */
	struct list link; /* in the queue until it is granted */
	struct thread *thread;
	uint32_t pages, io;
	bool fails; /* at the first look */
	uint32_t granted; /* read without the lock */
};

static spinlock_t lock = SPINLOCK_INIT("reservations");
static struct amount pool, kept; /* lock */
static int64_t last; /* lock: pages of the I/O zone, for requests of such */
static int64_t last_most; /* constant */
static int64_t stock_usual; /* of a processor's stock; constant */
static int64_t stock_most; /* lock; read without: 0 while somebody waits */
static uint32_t waiting; /* lock: threads that wait */
static struct list queue = LIST_INIT(queue); /* lock: struct demand */
static uint64_t served; /* lock: how many were granted what they waited for */
static uint32_t fail_every; /* constant; 0: never */
static struct waitq came = WAITQ_INIT(came); /* where they sleep; each is woken by itself */
static struct waitq wants = WAITQ_INIT(wants); /* the reclaimer sleeps here */

/* This processor's stock, by one instruction each, so that neither an interrupt nor a move to another processor comes between. */
#define STOCK_ADD(member, n) \
	__asm__ volatile("addq %0, %%gs:%c1" : : "er"((int64_t)(n)), "i"(offsetof(struct cpu, member)) : "memory", "cc")
#define STOCK_TAKE(member, n)                                                      \
	({                                                                         \
		bool stock_short;                                                  \
		__asm__ volatile("subq %1, %%gs:%c2"                               \
				 : "=@ccl"(stock_short)                            \
				 : "er"((int64_t)(n)), "i"(offsetof(struct cpu, member)) \
				 : "memory");                                      \
		!stock_short;                                                      \
	})
#define STOCK_READ(member)                                                                                     \
	({                                                                                                     \
		int64_t stock_value;                                                                           \
		__asm__ volatile("movq %%gs:%c1, %0" : "=r"(stock_value) : "i"(offsetof(struct cpu, member))); \
		stock_value;                                                                                   \
	})

void reserve_init(uint64_t pages, uint64_t io)
{
	pool = (struct amount){ .pages = (int64_t)pages, .io = (int64_t)io };
	stock_usual = (int64_t)io / 64 < STOCK_MOST ? (int64_t)io / 64 : STOCK_MOST;
	stock_most = stock_usual;
	last_most = (int64_t)io / LAST_SHARE < LAST_MOST ? (int64_t)io / LAST_SHARE : LAST_MOST;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/** What is free of the I/O zone in the pool fills up `last`; where ordinary requests took more than there was in the pool, `last` had it. */
static void last_fill_locked(void)
{
	int64_t more = least(least(pool.io, pool.pages), last_most - last);
	more = pool.io < 0 ? -least(-pool.io, last) : more > 0 ? more : 0;
	pool.pages -= more;
	pool.io -= more;
	last += more;
}

/** This processor's stock goes to the pool, and from there to what is kept. */
static void stock_empty_locked(void)
{
	struct cpu *cpu = cpu_current();
	pool.pages += cpu->credit_pages;
	pool.io += cpu->credit_io;
	cpu->credit_pages = cpu->credit_io = 0;
	int64_t pages = least(KEPT_PAGES - kept.pages, pool.pages), io = least(KEPT_IO - kept.io, pool.io);
	if (pages > 0) {
		pool.pages -= pages;
		kept.pages += pages;
	}
	if (io > 0) {
		pool.io -= io;
		kept.io += io;
	}
	last_fill_locked();
}

static void stock_fill_locked(void)
{
	struct cpu *cpu = cpu_current();
	int64_t most = stock_most / 2;
	cpu->credit_pages = pool.pages > 0 ? least(pool.pages / 16, most) : 0;
	cpu->credit_io = pool.io > 0 ? least(pool.io / 16, most) : 0;
	pool.pages -= cpu->credit_pages;
	pool.io -= cpu->credit_io;
}

static bool take_locked(struct amount *from, uint32_t pages, uint32_t io)
{
	if (from->pages < (int64_t)pages || from->io < (int64_t)io) {
		return false;
	}
	from->pages -= pages;
	from->io -= io;
	return true;
}

/** How many of `last` an operation has to take, beside what is in the pool; -1: there are too few. */
static int64_t last_needed_locked(int64_t pages, int64_t io)
{
	int64_t needed = io - pool.io > pages - pool.pages ? io - pool.io : pages - pool.pages;
	return needed <= 0 ? 0 : needed <= least(io, last) ? needed : -1;
}

static bool take_last_locked(uint32_t pages, uint32_t io)
{
	int64_t needed = last_needed_locked(pages, io);
	if (needed < 0) {
		return false;
	}
	last -= needed;
	pool.pages -= pages - needed;
	pool.io -= io - needed;
	return true;
}

/** Those that can be done without leave `last` alone. */
static bool take_slow(uint32_t pages, uint32_t io, bool favoured, bool optional)
{
	spin_lock(&lock);
	stock_empty_locked();
	bool may = !waiting || favoured;
	bool taken = (may && take_locked(&pool, pages, io)) || (may && !optional && take_last_locked(pages, io)) ||
		     (favoured && take_locked(&kept, pages, io));
	stock_fill_locked();
	spin_unlock(&lock);
	return taken;
}

/** May the thread use what is kept? */
static bool is_favoured(const struct thread *thread)
{
	return thread->reserve_favoured || process_is_dying(thread);
}

/**
 * Those that wait get what there is, the first ones first; where only pages of the I/O zone are too few, others go on without. `all`: those
 * behind them may have been told to end, and get what is kept.
 */
static void serve_locked(bool all)
{
	bool pages_short = false, io_short = false;
	list_for_each_safe(node, &queue)
	{
		struct demand *d = container_of(node, struct demand, link);
		bool may = !pages_short && !(io_short && d->io) && !d->fails;
		d->fails = false;
		if ((may && take_last_locked(d->pages, d->io)) || (all && is_favoured(d->thread) && take_locked(&kept, d->pages, d->io))) {
			list_remove(&d->link);
			__atomic_store_n(&d->granted, 1, __ATOMIC_RELEASE);
			served++;
			thread_wake(d->thread);
			continue;
		}
		pages_short = pages_short || pool.pages + least(d->io, last) < (int64_t)d->pages;
		io_short = true;
		if (pages_short && !all) {
			return;
		}
	}
}

/** A stock that has become too large goes to the pool; while somebody waits, every one does. */
static void stock_settle(void)
{
	spin_lock(&lock);
	stock_empty_locked();
	serve_locked(false);
	stock_fill_locked();
	spin_unlock(&lock);
}

static inline void give(uint32_t pages, uint32_t io)
{
	STOCK_ADD(credit_pages, pages);
	if (io) {
		STOCK_ADD(credit_io, io);
	}
	if (STOCK_READ(credit_pages) > stock_most || (io && STOCK_READ(credit_io) > stock_most)) {
		stock_settle();
	}
}

void reserve_fail_every(uint32_t count)
{
	fail_every = count;
}

void reserve_serve(void)
{
	stock_settle();
}

void reserve_give(uint32_t count, bool io)
{
	give(count, io ? count : 0);
}

void reserve_moved(uint32_t count)
{
	STOCK_ADD(credit_io, -(int64_t)count);
}

/** Without waiting. */
static inline bool take_stock(uint32_t pages, uint32_t io)
{
	if (STOCK_TAKE(credit_pages, pages)) {
		if (!io || STOCK_TAKE(credit_io, io)) {
			return true;
		}
		STOCK_ADD(credit_io, io);
	}
	STOCK_ADD(credit_pages, pages);
	return false;
}

/** Who allocates; NULL: an interrupt. */
static inline struct thread *allocating(void)
{
	return cpu_read(interrupt_depth) == 0 ? thread_current() : NULL;
}

bool reserve_take(uint32_t count, bool io, bool optional)
{
	struct thread *thread = allocating();
	uint32_t io_count = io ? count : 0;
	optional = optional || (thread && thread->reserve_optional);
	/* What is promised of the I/O zone is not used up by ordinary requests. */
	if (thread && !optional && thread->reserved >= count + (io ? 0 : thread->reserved_io) && thread->reserved_io >= io_count) {
		thread->reserved -= count;
		thread->reserved_io -= io_count;
		return true;
	}
	return take_stock(count, io_count) || take_slow(count, io_count, !optional && (!thread || is_favoured(thread)), optional);
}

void reserve_return(uint32_t count, bool io, bool optional)
{
	struct thread *thread = allocating();
	if (thread && !optional && !thread->reserve_optional && (thread->reserve_need | thread->reserved)) {
		thread->reserved += count;
		thread->reserved_io += io ? count : 0;
	} else {
		reserve_give(count, io);
	}
}

/** Debug builds, `reserve-fail=N`: is this the n-th time, when nothing is to be found at the first look? */
static bool fails_on_purpose(void)
{
	static uint32_t count;
	return CONFIG_DEBUG && fail_every && __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) % fail_every == 0;
}

static void waiting_change_locked(int by)
{
	waiting += (uint32_t)by;
	__atomic_store_n(&stock_most, waiting ? 0 : stock_usual, __ATOMIC_SEQ_CST);
}

static void enqueue(struct demand *d)
{
	spin_lock(&lock);
	waiting_change_locked(1);
	list_push_back(&queue, &d->link);
	stock_empty_locked();
	serve_locked(is_favoured(d->thread));
	spin_unlock(&lock);
}

/** Who granted it has let go of it then. */
static void leave(void)
{
	spin_lock(&lock);
	waiting_change_locked(-1);
	bool nobody = !waiting;
	spin_unlock(&lock);
	if (nobody) {
		waitq_wake_all(&wants);
	}
}

/** The other processors' stocks come to the pool. */
static void stocks_call(void)
{
	uint64_t flags = interrupts_save();
	uint64_t others = ((1ull << cpu_count) - 1) & ~cpu_bit(cpu_current());
	if (others) {
		ipi_send(others, IPI_STOCK);
	}
	interrupts_restore(flags);
}

static bool is_granted(const struct demand *d)
{
	return __atomic_load_n(&d->granted, __ATOMIC_ACQUIRE);
}

/** The thread holds nothing. */
static void take_waiting(struct thread *thread, uint32_t pages, uint32_t io, bool fails)
{
	bool favoured = is_favoured(thread);
	while (!fails && (favoured || !__atomic_load_n(&waiting, __ATOMIC_RELAXED))) {
		if (take_slow(pages, io, favoured, false)) {
			return;
		}
		if (!page_reclaim(pages > RECLAIM_BATCH ? pages : RECLAIM_BATCH)) {
			break;
		}
	}
	struct demand d = { .thread = thread, .pages = pages, .io = io, .fails = fails };
	enqueue(&d);
	stocks_call();
	if (!is_granted(&d)) {
		waitq_wake_all(&wants);
		WAIT_EVENT(&came, is_granted(&d));
	}
	leave();
	/* Within a wait for something else: a wake for that may have been taken for ours, so it has to look again. */
	thread->wake_pending = thread->waiter_count > 0;
}

/** All that is reserved goes back, and `pages` and `io` are what the thread has then. */
static void reserve_again(struct thread *thread, uint32_t pages, uint32_t io)
{
	uint32_t old = thread->reserved, old_io = thread->reserved_io;
	thread->reserved = thread->reserved_io = 0;
	if (old | old_io) {
		give(old, old_io);
	}
	bool fails = fails_on_purpose();
	if (fails || !take_stock(pages, io)) {
		take_waiting(thread, pages, io, fails);
	}
	thread->reserved = pages;
	thread->reserved_io = io;
}

void reserve_begin(uint32_t pages, uint32_t io)
{
	struct thread *thread = thread_current();
	thread->reserve_need = pages;
	thread->reserve_need_io = io;
	if (!CONFIG_DEBUG && !(thread->reserved | thread->reserved_io) && take_stock(pages, io)) {
		thread->reserved = pages;
		thread->reserved_io = io;
		return;
	}
	reserve_again(thread, pages, io);
}

void reserve_end(void)
{
	struct thread *thread = thread_current();
	uint32_t pages = thread->reserved, io = thread->reserved_io;
	thread->reserved = thread->reserved_io = thread->reserve_need = thread->reserve_need_io = 0;
	if (pages) {
		give(pages, io);
	}
}

void reserve_renew(void)
{
	struct thread *thread = thread_current();
	uint32_t pages = thread->reserve_need, io = thread->reserve_need_io;
	if (thread->reserved < pages || thread->reserved_io < io) {
		reserve_again(thread, pages, io);
	}
}

bool reserve_more(uint32_t pages)
{
	struct thread *thread = thread_current();
	uint64_t total, free;
	memory_usage(&total, &free);
	if (pages > total / 2 || (pages > KEPT_PAGES / 2 && process_is_dying(thread))) {
		return false;
	}
	uint32_t all = thread->reserved + pages, io = thread->reserved_io;
	if (!CONFIG_DEBUG && take_stock(pages, 0)) {
		thread->reserved = all;
	} else {
		reserve_again(thread, all, io);
	}
	return true;
}

bool reserve_for_size(uint32_t pages)
{
	const struct thread *thread = thread_current();
	bool may_wait = thread && interrupts_enabled() && cpu_read(interrupt_depth) == 0;
	return !may_wait || thread->reserve_optional || reserve_more(pages);
}

struct reserve_outer reserve_nest(uint32_t pages, uint32_t io)
{
	struct thread *thread = thread_current();
	struct reserve_outer outer = { thread->reserved, thread->reserved_io };
	if (!CONFIG_DEBUG && take_stock(pages, io)) {
		thread->reserved += pages;
		thread->reserved_io += io;
	} else {
		reserve_again(thread, outer.pages + pages, outer.io + io);
	}
	return outer;
}

void reserve_unnest(struct reserve_outer outer)
{
	struct thread *thread = thread_current();
	uint32_t pages = thread->reserved > outer.pages ? thread->reserved - outer.pages : 0;
	uint32_t io = thread->reserved_io > outer.io ? thread->reserved_io - outer.io : 0;
	thread->reserved -= pages;
	thread->reserved_io -= io;
	give(pages, io);
}

bool reserve_park(void)
{
	struct thread *thread = thread_current();
	uint32_t pages = thread->reserved, io = thread->reserved_io;
	if (!pages) {
		return false;
	}
	thread->reserved = thread->reserved_io = 0;
	give(pages, io);
	return true;
}

void reserve_unpark(bool parked)
{
	if (parked) {
		reserve_renew();
	}
}

void reserve_look_again(void)
{
	spin_lock(&lock);
	stock_empty_locked();
	serve_locked(true);
	stock_fill_locked();
	spin_unlock(&lock);
}

void reserve_wait_wanted(void)
{
	WAIT_EVENT(&wants, __atomic_load_n(&waiting, __ATOMIC_ACQUIRE));
}

enum reserve_wait reserve_wait_come(uint64_t deadline_ns)
{
	uint64_t total, before, free, served_before = __atomic_load_n(&served, __ATOMIC_ACQUIRE);
	memory_usage(&total, &before);
	if (!WAIT_EVENT_DEADLINE(&wants, !__atomic_load_n(&waiting, __ATOMIC_ACQUIRE), deadline_ns, false)) {
		return RESERVE_NOBODY_WAITS;
	}
	memory_usage(&total, &free);
	return __atomic_load_n(&served, __ATOMIC_ACQUIRE) != served_before || free > before ? RESERVE_SOME_CAME : RESERVE_NONE_CAME;
}

bool reserve_wanted(uint32_t *pages, uint32_t *io)
{
	spin_lock(&lock);
	stock_empty_locked();
	serve_locked(true);
	bool any = !list_empty(&queue);
	if (any) {
		const struct demand *first = container_of(queue.next, struct demand, link);
		*pages = first->pages;
		*io = first->io;
	}
	spin_unlock(&lock);
	return any;
}

/** What threads have: what is free and nobody else's. A moment's value. */
static struct amount promised_to_threads(void)
{
	uint64_t total, free, free_io = memory_io_free();
	memory_usage(&total, &free);
	spin_lock(&lock);
	struct amount rest = { (int64_t)free - pool.pages - kept.pages - last, (int64_t)free_io - pool.io - kept.io - last };
	spin_unlock(&lock);
	for (unsigned i = 0; i < cpu_count; i++) {
		rest.pages -= __atomic_load_n(&cpu_at(i)->credit_pages, __ATOMIC_RELAXED);
		rest.io -= __atomic_load_n(&cpu_at(i)->credit_io, __ATOMIC_RELAXED);
	}
	return rest;
}

bool reserve_is_promised(uint32_t pages, uint32_t io)
{
	struct amount promised = promised_to_threads();
	return promised.pages >= (int64_t)pages && promised.io >= (int64_t)io;
}

void reserve_usage(uint64_t *promised, uint32_t *waiters)
{
	int64_t rest = promised_to_threads().pages;
	*waiters = __atomic_load_n(&waiting, __ATOMIC_ACQUIRE);
	*promised = rest > 0 ? (uint64_t)rest : 0;
}
