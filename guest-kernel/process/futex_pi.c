/* SPDX-License-Identifier: MIT */
/*
 * Futexes that hand on priority (futex(2), "Priority-inheritance futexes"). The word holds the owner's number; its highest bit says that somebody
 * waits, so that the owner asks here to unlock. All who wait are on one list under one mutex, under which the words are changed as
 * well: only the words of free locks and of locks without waiters change elsewhere. A waiter knows whose lock it waits for; an owner
 * goes before others with the highest rank of those that wait for it, and so on along the chain. Whoever has the mutex goes before
 * everybody, so that nobody urgent waits for it long. An owner that ends cannot name its locks' addresses: the next owner, granted
 * the lock, writes its number itself and stays on the list until it has. So where somebody is on the list, that is what counts.
 */
#include "futex.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/user.h"

#define RANK_MOST 99u
#define CHAIN_MOST 64u

struct pi_waiter {
	struct list link;
	struct futex_key key;
	uint64_t address;
	struct thread *thread;
	uint32_t tid, owner;
	unsigned rank; /* its own, or of those that wait for it */
	bool granted; /* it is the owner */
	bool died; /* as the heir of one that ended, and has the word to write */
	struct waitq wake;
};

static struct mutex pi_mutex = { .lock = SPINLOCK_INIT("futex owners"), .waiters = WAITQ_INIT(pi_mutex.waiters), .outer = true };
static struct list pi_waiters = LIST_INIT(pi_waiters);

/** The highest rank of those that wait for that thread. */
static unsigned rank_for(uint32_t tid)
{
	unsigned best = 0;
	list_for_each(node, &pi_waiters)
	{
		const struct pi_waiter *w = container_of(node, struct pi_waiter, link);
		best = w->owner == tid && !w->granted && w->rank > best ? w->rank : best;
	}
	return best;
}

static void rank_set(struct pi_waiter *w)
{
	unsigned others = rank_for(w->tid);
	w->rank = others > w->thread->priority ? others : w->thread->priority;
}

static void enter(void)
{
	thread_lend(thread_current(), RANK_MOST);
	mutex_lock(&pi_mutex);
	thread_lend(thread_current(), RANK_MOST); /* somebody may have changed it meanwhile */
}

static void leave(void)
{
	uint64_t flags = interrupts_save(); /* nobody comes between */
	thread_lend(thread_current(), rank_for(thread_current()->tid));
	mutex_unlock(&pi_mutex);
	interrupts_restore(flags);
}

static struct pi_waiter *waits(uint32_t tid)
{
	list_for_each(node, &pi_waiters)
	{
		struct pi_waiter *w = container_of(node, struct pi_waiter, link);
		if (w->tid == tid && !w->granted) {
			return w;
		}
	}
	return NULL;
}

/** What waits for that thread has changed: its rank, and those of whom it waits for itself. */
static void rank_changed(uint32_t tid)
{
	for (unsigned i = 0; i < CHAIN_MOST && tid != thread_current()->tid; i++) {
		unsigned rank = rank_for(tid);
		spin_lock(&process_lock);
		struct thread *t = process_thread_find_locked(tid);
		bool changes = t && t->lent != rank;
		if (changes) {
			thread_lend(t, rank);
		}
		spin_unlock(&process_lock);
		struct pi_waiter *next = waits(tid);
		if (!changes || !next) {
			return;
		}
		rank_set(next);
		tid = next->owner;
	}
}

static bool would_wait_for_itself(uint32_t owner, uint32_t tid)
{
	const struct pi_waiter *w = waits(owner);
	for (unsigned i = 0; w && i < CHAIN_MOST; i++) {
		if (w->owner == tid) {
			return true;
		}
		w = waits(w->owner);
	}
	return w;
}

static const struct pi_waiter *anybody(const struct futex_key *key)
{
	list_for_each(node, &pi_waiters)
	{
		const struct pi_waiter *w = container_of(node, struct pi_waiter, link);
		if (futex_same(&w->key, key)) {
			return w;
		}
	}
	return NULL;
}

/** Who has the lock, as those say that wait for it; 0: nobody does. */
static uint32_t owner_of(const struct futex_key *key)
{
	const struct pi_waiter *w = anybody(key);
	return !w ? 0 : w->granted ? w->tid : w->owner;
}

static bool is_alive(uint32_t tid)
{
	spin_lock(&process_lock);
	const struct thread *t = process_thread_find_locked(tid);
	bool alive = t && t->user && !__atomic_load_n(&t->user->owns_no_more, __ATOMIC_SEQ_CST);
	spin_unlock(&process_lock);
	return alive;
}

static void waiter_init(struct pi_waiter *w, uint64_t address)
{
	*w = (struct pi_waiter){ .address = address, .thread = thread_current(), .tid = thread_current()->tid };
	list_init(&w->link);
	waitq_init(&w->wake);
}

/** Put it on the list, unless the owner ends meanwhile, which looks there afterwards. */
static int wait_for(struct pi_waiter *w, uint32_t owner)
{
	w->owner = owner;
	rank_set(w);
	list_push_back(&pi_waiters, &w->link);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!is_alive(owner)) {
		list_remove(&w->link);
		return -ESRCH;
	}
	rank_changed(owner);
	return -EINPROGRESS;
}

/**
 * The lock at `address` in the current process, for *w. 0: it has it; -EINPROGRESS: it is on the list; -EDEADLK, -ESRCH, -EFAULT; -EAGAIN: `try`.
 * `more`: others may be about to wait for it.
 */
static int acquire(struct pi_waiter *w, uint64_t address, bool try, bool more)
{
	uint32_t value;
	if (user_read(&value, address, sizeof(value))) {
		return -EFAULT;
	}
	for (;;) {
		uint32_t seen = value, known = owner_of(&w->key), owner = known ? known : value & FUTEX_TID_MASK, new = value | FUTEX_WAITERS;
		if (owner == w->tid) {
			return -EDEADLK;
		}
		if (!owner) {
			new = (value & FUTEX_OWNER_DIED) | w->tid | (more ? FUTEX_WAITERS : 0);
		} else if (!known && !is_alive(owner)) {
			return -ESRCH;
		} else if (try) {
			return -EAGAIN;
		} else if (would_wait_for_itself(owner, w->tid)) {
			return -EDEADLK;
		}
		if (new != value && user_compare_exchange(address, &value, new)) {
			return -EFAULT;
		}
		if (value == seen) {
			return owner ? wait_for(w, owner) : 0;
		}
	}
}

/** The word says `value` in the bits outside of `keep`. */
static int word_set(uint64_t address, uint32_t keep, uint32_t value)
{
	uint32_t now, seen;
	if (user_read(&now, address, sizeof(now))) {
		return -EFAULT;
	}
	do {
		seen = now;
		if (user_compare_exchange(address, &now, (seen & keep) | value)) {
			return -EFAULT;
		}
	} while (now != seen);
	return 0;
}

static struct pi_waiter *most_urgent(const struct futex_key *key)
{
	struct pi_waiter *best = NULL;
	list_for_each(node, &pi_waiters)
	{
		struct pi_waiter *w = container_of(node, struct pi_waiter, link);
		best = futex_same(&w->key, key) && (!best || w->rank > best->rank) ? w : best;
	}
	return best;
}

/** It has the lock now. Where it has to write the word, it takes itself off the list. */
static void grant(struct pi_waiter *to, bool died)
{
	list_for_each(node, &pi_waiters)
	{
		struct pi_waiter *w = container_of(node, struct pi_waiter, link);
		if (futex_same(&w->key, &to->key)) {
			w->owner = to->tid;
		}
	}
	to->died = died;
	if (!died) {
		list_remove(&to->link);
	}
	uint32_t tid = to->tid;
	__atomic_store_n(&to->granted, true, __ATOMIC_RELEASE);
	rank_changed(tid);
	waitq_wake_all(&to->wake);
}

static int sleep_until_granted(struct pi_waiter *w, uint64_t deadline_ns)
{
	return WAIT_EVENT_DEADLINE(&w->wake, __atomic_load_n(&w->granted, __ATOMIC_ACQUIRE), deadline_ns, true);
}

/**
 * The end of a wait that went so; only with the mutex has whoever grants it let go of *w, and whoever requeues of *f (NULL: nobody can):
 * a requeue that failed has put it back.
 */
static int finish(struct pi_waiter *w, struct futex_waiter *f, int error)
{
	enter();
	if (w->granted) {
		error = w->died ? word_set(w->address, FUTEX_WAITERS, w->tid | FUTEX_OWNER_DIED) : 0;
	}
	list_remove(&w->link);
	if (f) {
		futex_dequeue(f);
	}
	if (!w->granted) {
		rank_changed(w->owner);
	}
	leave();
	return error;
}

long futex_pi_lock(uint64_t address, bool private, uint64_t deadline_ns, bool try)
{
	struct pi_waiter w;
	waiter_init(&w, address);
	int error = futex_key_make(address, private, &w.key);
	if (error) {
		return error;
	}
	enter();
	error = acquire(&w, address, try, false);
	leave();
	if (error != -EINPROGRESS) {
		return error;
	}
	error = finish(&w, NULL, sleep_until_granted(&w, deadline_ns));
	return error == -EINTR ? -ERESTARTNOINTR : error;
}

static int unlock(uint64_t address, const struct futex_key *key)
{
	uint32_t value;
	if (user_read(&value, address, sizeof(value))) {
		return -EFAULT;
	}
	if ((value & FUTEX_TID_MASK) != thread_current()->tid) {
		return -EPERM;
	}
	struct pi_waiter *next = most_urgent(key);
	int error = word_set(address, 0, next ? next->tid | FUTEX_WAITERS : 0);
	if (!error && next) {
		grant(next, false);
	}
	return error;
}

long futex_pi_unlock(uint64_t address, bool private)
{
	struct futex_key key;
	int error = futex_key_make(address, private, &key);
	if (error) {
		return error;
	}
	enter();
	error = unlock(address, &key);
	leave();
	return error;
}

/** Somebody to have a lock of that thread's. NULL: none is left. */
static struct pi_waiter *first_of(uint32_t tid)
{
	list_for_each(node, &pi_waiters)
	{
		const struct pi_waiter *w = container_of(node, struct pi_waiter, link);
		if (w->owner == tid && !w->granted) {
			return most_urgent(&w->key);
		}
	}
	return NULL;
}

void futex_pi_thread_exit(void)
{
	__atomic_store_n(&thread_current()->user->owns_no_more, true, __ATOMIC_SEQ_CST);
	if (list_empty(&pi_waiters)) {
		return;
	}
	enter();
	for (struct pi_waiter *next; (next = first_of(thread_current()->tid));) {
		grant(next, true);
	}
	leave();
}

void futex_pi_priority_changed(uint32_t tid)
{
	if (list_empty(&pi_waiters)) {
		return;
	}
	enter();
	struct pi_waiter *w = waits(tid);
	if (w) {
		rank_set(w);
		rank_changed(w->owner);
	}
	leave();
}

long futex_pi_wait(const uint64_t a[6], bool private, uint64_t deadline_ns)
{
	struct pi_waiter w;
	struct futex_waiter f = { .bits = UINT32_MAX, .wake = &w.wake, .pi = &w };
	uint32_t value;
	waiter_init(&w, a[4]);
	int error = a[0] == a[4] ? -EINVAL : futex_key_make(a[0], private, &f.key);
	error = error ? error : futex_key_make(a[4], private, &w.key);
	if (error) {
		return error;
	}
	futex_enqueue(&f);
	error = user_read(&value, a[0], sizeof(value)) ? -EFAULT : value != (uint32_t)a[2] ? -EAGAIN : 0;
	error = error ? error : sleep_until_granted(&w, deadline_ns);
	bool moved = futex_dequeue(&f);
	error = moved ? finish(&w, &f, error) : error;
	return error != -EINTR ? error : moved ? -EAGAIN : -ERESTARTNOINTR;
}

/** 1: one more has the lock or waits for it; 0: nobody is there. */
static int requeue_one(const struct futex_key *from, const struct futex_key *to, uint64_t address, bool more)
{
	int error = 0;
	struct futex_waiter *f = futex_take_pi(from, &error);
	if (!f) {
		return error;
	}
	struct pi_waiter *w = f->pi;
	if (!futex_same(&w->key, to)) {
		futex_enqueue(f);
		return -EINVAL;
	}
	error = acquire(w, address, false, more);
	if (!error) {
		grant(w, false);
	}
	if (error && error != -EINPROGRESS) {
		futex_enqueue(f);
		return error;
	}
	return 1;
}

long futex_pi_requeue(const uint64_t a[6], bool private)
{
	struct futex_key from, to;
	uint32_t value;
	long moved = 0;
	int one = 1, error = futex_key_make(a[0], private, &from);
	error = error ? error : futex_key_make(a[4], private, &to);
	if (error || (int)a[2] != 1 || (int)a[3] < 0 || futex_same(&from, &to)) {
		return error ? error : -EINVAL;
	}
	enter();
	error = user_read(&value, a[0], sizeof(value)) ? -EFAULT : value != (uint32_t)a[5] ? -EAGAIN : 0;
	for (uint64_t left = 1 + a[3]; !error && one > 0 && left > 0; left--) {
		one = requeue_one(&from, &to, a[4], a[3] > 0);
		moved += one > 0;
	}
	leave();
	return error ? error : one < 0 && !moved ? one : moved;
}
