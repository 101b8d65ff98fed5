/* SPDX-License-Identifier: MIT */
/*
 * futex(2). A waiter is keyed by address space and address; what processes share, by the file or shared memory and the place in it, as
 * numbers that are never given again: a waiter may outlive its page, and even the mapping. A waiter queues itself, then
 * compares the word: whoever changes the word and wakes afterwards either finds it queued or has made the comparison fail.
 * All queues hang on one lock; nothing sleeps or touches user memory under it.
 */
#include "futex.h"
#include "trace.h"

#include "abi/errno.h"
#include "kernel/address_space.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

enum {
	FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI, FUTEX_UNLOCK_PI,
	FUTEX_TRYLOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI2,
	FUTEX_PRIVATE_FLAG = 128, FUTEX_CLOCK_REALTIME = 256
};
#define BUCKETS 64
#define ROBUST_LIMIT 2048

enum { OP_SET, OP_ADD, OP_OR, OP_ANDN, OP_XOR, OP_SHIFT = 8 }; /* FUTEX_WAKE_OP */
enum { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

static spinlock_t futex_lock = SPINLOCK_INIT("futex");
static struct list buckets[BUCKETS];

static struct list *bucket_of(const struct futex_key *key)
{
	struct list *bucket = &buckets[((key->address >> 2) ^ key->object ^ (key->address >> 12)) % BUCKETS];
	if (!bucket->next) {
		list_init(bucket);
	}
	return bucket;
}

int futex_key_make(uint64_t address, bool private, struct futex_key *key)
{
	struct address_space *memory = process_current()->memory;
	uint64_t object, offset;
	uint32_t word;
	if ((address & 3) || address >= USER_END) {
		return address & 3 ? -EINVAL : -EFAULT;
	}
	*key = (struct futex_key){ address_space_number(memory) << 1, address };
	if (!private && user_read(&word, address, sizeof(word))) { /* as Linux */
		return -EFAULT;
	}
	if (!private && address_space_shared_place(memory, address, &object, &offset)) {
		*key = (struct futex_key){ object << 1 | 1, offset };
	}
	return 0;
}

void futex_enqueue(struct futex_waiter *w)
{
	spin_lock(&futex_lock);
	w->woken = false;
	list_push_back(bucket_of(&w->key), &w->link);
	spin_unlock(&futex_lock);
}

/* Who wakes it still works on it under the lock, which futex_dequeue() waits for. */
static bool is_woken(const struct futex_waiter *w)
{
	return __atomic_load_n(&w->woken, __ATOMIC_ACQUIRE);
}

bool futex_dequeue(struct futex_waiter *w)
{
	spin_lock(&futex_lock);
	bool woken = w->woken;
	if (!woken) {
		list_remove(&w->link);
	}
	spin_unlock(&futex_lock);
	return woken;
}

static unsigned wake_locked(const struct futex_key *key, unsigned count, uint32_t bits)
{
	unsigned done = 0;
	list_for_each_safe(node, bucket_of(key))
	{
		struct futex_waiter *w = container_of(node, struct futex_waiter, link);
		if (done < count && !w->pi && futex_same(&w->key, key) && (w->bits & bits)) {
			list_remove(node);
			__atomic_store_n(&w->woken, true, __ATOMIC_RELEASE);
			waitq_wake_all(w->wake);
			done++;
		}
	}
	return done;
}

struct futex_waiter *futex_take_pi(const struct futex_key *key, int *error)
{
	struct futex_waiter *found = NULL;
	spin_lock(&futex_lock);
	list_for_each(node, bucket_of(key))
	{
		struct futex_waiter *w = container_of(node, struct futex_waiter, link);
		if (futex_same(&w->key, key)) {
			found = w;
			break;
		}
	}
	if (found && !found->pi) {
		*error = -EINVAL;
		found = NULL;
	} else if (found) {
		list_remove(&found->link);
		found->woken = true;
	}
	spin_unlock(&futex_lock);
	return found;
}

static long futex_wait_on(const uint64_t a[6]);

static long futex_wait(uint64_t address, bool private, uint32_t expected, uint64_t deadline_ns, uint32_t bits)
{
	struct waitq wake;
	struct futex_waiter w = { .bits = bits, .wake = &wake };
	uint32_t value;
	int error = bits ? futex_key_make(address, private, &w.key) : -EINVAL;
	if (error) {
		return error;
	}
	waitq_init(&wake);
	futex_enqueue(&w);
	error = user_read(&value, address, sizeof(value)) ? -EFAULT : value != expected ? -EAGAIN : 0;
	if (!error) {
		error = WAIT_EVENT_DEADLINE(&wake, is_woken(&w), deadline_ns, true);
	}
	if (futex_dequeue(&w)) {
		return 0;
	}
	return error == -EINTR ? (deadline_ns ? syscall_restart_as(futex_wait_on, deadline_ns) : -ERESTARTSYS) : error;
}

/* With the deadline that it had when it was interrupted. */
static long futex_wait_on(const uint64_t a[6])
{
	bool all = ((int)a[1] & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) == FUTEX_WAIT;
	return futex_wait(a[0], a[1] & FUTEX_PRIVATE_FLAG, (uint32_t)a[2], syscall_restart_deadline(), all ? UINT32_MAX : (uint32_t)a[5]);
}

static long futex_wake(uint64_t address, bool private, unsigned count, uint32_t bits)
{
	struct futex_key key;
	int error = bits ? futex_key_make(address, private, &key) : -EINVAL;
	if (error) {
		return error;
	}
	spin_lock(&futex_lock);
	long woken = wake_locked(&key, count, bits);
	spin_unlock(&futex_lock);
	return woken;
}

int futex_wake_address(uint64_t address, unsigned count)
{
	futex_wake(address, true, count, UINT32_MAX);
	return (int)futex_wake(address, false, count, UINT32_MAX);
}

static long requeue_locked(const struct futex_key *from, const struct futex_key *to, unsigned count)
{
	unsigned done = 0;
	list_for_each_safe(node, bucket_of(from))
	{
		struct futex_waiter *w = container_of(node, struct futex_waiter, link);
		if (done < count && !w->pi && futex_same(&w->key, from)) {
			list_remove(node);
			w->key = *to;
			list_push_back(bucket_of(to), node);
			done++;
		}
	}
	return done;
}

static long futex_requeue(const uint64_t a[6], bool private, bool compare)
{
	struct futex_key from, to;
	uint32_t value;
	int error = futex_key_make(a[0], private, &from);
	error = error ? error : futex_key_make(a[4], private, &to);
	if (error) {
		return error;
	}
	if ((int)a[2] < 0 || (int)a[3] < 0) {
		return -EINVAL;
	}
	if (compare) {
		if (user_read(&value, a[0], sizeof(value))) {
			return -EFAULT;
		}
		if (value != (uint32_t)a[5]) {
			return -EAGAIN;
		}
	}
	spin_lock(&futex_lock);
	long moved = wake_locked(&from, (unsigned)a[2], UINT32_MAX);
	if (!futex_same(&from, &to)) {
		moved += requeue_locked(&from, &to, (unsigned)a[3]);
	}
	spin_unlock(&futex_lock);
	return moved;
}

static int operate(int operation, int old, int argument, uint32_t *new)
{
	switch (operation) {
	case OP_SET:
		*new = (uint32_t)argument;
		return 0;
	case OP_ADD:
		*new = (uint32_t)old + (uint32_t)argument;
		return 0;
	case OP_OR:
		*new = (uint32_t)(old | argument);
		return 0;
	case OP_ANDN:
		*new = (uint32_t)(old & ~argument);
		return 0;
	case OP_XOR:
		*new = (uint32_t)(old ^ argument);
		return 0;
	default:
		return -ENOSYS;
	}
}

/* 0, 1 or -ENOSYS. */
static int compare(int comparison, int old, int argument)
{
	switch (comparison) {
	case CMP_EQ:
		return old == argument;
	case CMP_NE:
		return old != argument;
	case CMP_LT:
		return old < argument;
	case CMP_LE:
		return old <= argument;
	case CMP_GT:
		return old > argument;
	case CMP_GE:
		return old >= argument;
	default:
		return -ENOSYS;
	}
}

/* Change the second word; wake at the first, and at the second if what was there compares (futex(2)). */
static long futex_wake_op(const uint64_t a[6], bool private)
{
	struct futex_key first, second;
	uint32_t code = (uint32_t)a[5], value = 0, seen, new;
	int operation = (int)(code >> 28), argument = (int32_t)(code << 8) >> 20;
	int error = futex_key_make(a[0], private, &first);
	error = error ? error : futex_key_make(a[4], private, &second);
	if (operation & OP_SHIFT) {
		operation &= ~OP_SHIFT;
		argument = (int)(1u << (argument & 31));
	}
	error = error ? error : operate(operation, 0, 0, &new);
	if (!error && user_read(&value, a[4], sizeof(value))) {
		error = -EFAULT;
	}
	do {
		seen = value;
		error = error ? error : operate(operation, (int)seen, argument, &new);
		error = error ? error : user_compare_exchange(a[4], &value, new);
	} while (!error && value != seen);
	int holds = error ? error : compare(code >> 24 & 15, (int)seen, (int32_t)(code << 20) >> 20);
	if (holds < 0) {
		return holds;
	}
	spin_lock(&futex_lock);
	long woken = wake_locked(&first, (unsigned)a[2], UINT32_MAX);
	woken += holds ? wake_locked(&second, (unsigned)a[3], UINT32_MAX) : 0;
	spin_unlock(&futex_lock);
	return woken;
}

int futex_deadline(uint64_t at, bool absolute, bool wall, uint64_t *deadline_ns)
{
	int64_t time[2];
	*deadline_ns = 0;
	if (!at) {
		return 0;
	}
	if (user_read(time, at, sizeof(time))) {
		return -EFAULT;
	}
	if (time[0] < 0 || time[1] < 0 || time[1] >= 1000000000) {
		return -EINVAL;
	}
	uint64_t ns = time[0] > 4000000000ll ? UINT64_MAX / 4 : (uint64_t)time[0] * 1000000000 + (uint64_t)time[1];
	uint64_t now = time_ns();
	if (!absolute) {
		*deadline_ns = now + ns;
	} else if (wall) {
		uint64_t now_wall = time_wall_ns();
		*deadline_ns = ns > now_wall ? now + (ns - now_wall) : 1;
	} else {
		*deadline_ns = ns ? ns : 1;
	}
	return 0;
}

/* Those that wait, and until when. FUTEX_WAIT's time is a duration, FUTEX_LOCK_PI's always of the wall clock. */
static long futex_timed(const uint64_t a[6], int operation, bool private, bool wall)
{
	uint64_t deadline;
	int error = futex_deadline(a[3], operation != FUTEX_WAIT, wall || operation == FUTEX_LOCK_PI, &deadline);
	if (error) {
		return error;
	}
	switch (operation) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_pi_lock(a[0], private, deadline, false);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_pi_wait(a, private, deadline);
	default:
		return futex_wait(a[0], private, (uint32_t)a[2], deadline, operation == FUTEX_WAIT ? UINT32_MAX : (uint32_t)a[5]);
	}
}

long sys_futex(const uint64_t a[6])
{
	int operation = (int)a[1] & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	bool private = a[1] & FUTEX_PRIVATE_FLAG, wall = a[1] & FUTEX_CLOCK_REALTIME;
	bool has_clock = operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET || operation == FUTEX_WAIT_REQUEUE_PI || operation == FUTEX_LOCK_PI2;
	if (wall && !has_clock) {
		return -ENOSYS;
	}
	switch (operation) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_timed(a, operation, private, wall);
	case FUTEX_WAKE:
		return futex_wake(a[0], private, (unsigned)a[2], UINT32_MAX);
	case FUTEX_WAKE_BITSET:
		return futex_wake(a[0], private, (unsigned)a[2], (uint32_t)a[5]);
	case FUTEX_REQUEUE:
		return futex_requeue(a, private, false);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(a, private, true);
	case FUTEX_WAKE_OP:
		return futex_wake_op(a, private);
	case FUTEX_UNLOCK_PI:
		return futex_pi_unlock(a[0], private);
	case FUTEX_TRYLOCK_PI:
		return futex_pi_lock(a[0], private, 0, true);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_pi_requeue(a, private);
	default:
		return -ENOSYS;
	}
}

/* One lock that the dying thread may hold (Documentation/locking/robust-futexes). */
static void robust_release(uint64_t address, uint32_t tid, bool hands_on)
{
	uint32_t value, seen;
	if ((address & 3) || user_read(&value, address, sizeof(value))) {
		return;
	}
	/* Other threads may be announcing that they wait. */
	do {
		if ((value & FUTEX_TID_MASK) != tid) {
			return;
		}
		seen = value;
		if (user_compare_exchange(address, &value, (seen & FUTEX_WAITERS) | FUTEX_OWNER_DIED)) {
			return;
		}
	} while (value != seen);
	if ((seen & FUTEX_WAITERS) && !hands_on) { /* else futex_pi.c's */
		futex_wake_address(address, 1);
	}
}

static void robust_walk(uint64_t head, uint32_t tid)
{
	uint64_t list[3]; /* first, offset of the lock word, pending */
	if (user_read(list, head, sizeof(list))) {
		return;
	}
	uint64_t link = list[0]; /* lowest bit: priority is inherited */
	for (unsigned i = 0; i < ROBUST_LIMIT && (link & ~1ull) != head; i++) {
		uint64_t next, entry = link & ~1ull;
		if (user_read(&next, entry, sizeof(next))) {
			return;
		}
		if (entry != (list[2] & ~1ull)) {
			robust_release(entry + list[1], tid, link & 1);
		}
		link = next;
	}
	if (list[2]) {
		robust_release((list[2] & ~1ull) + list[1], tid, list[2] & 1);
	}
}

void futex_thread_exit(struct process_thread *u)
{
	uint32_t zero = 0;
	if (u->robust_list) {
		robust_walk(u->robust_list, thread_current()->tid);
		u->robust_list = 0;
	}
	futex_pi_thread_exit();
	/* Nobody else looks at memory that is this thread's alone: spare the copy of a page. */
	const struct signals *s = process_current()->signals;
	if (u->clear_child_tid && (s->thread_count > 1 || s->shares_memory)) {
		if (!user_write(u->clear_child_tid, &zero, sizeof(zero))) {
			futex_wake_address(u->clear_child_tid, 1);
		}
	}
	u->clear_child_tid = 0;
}

long sys_set_robust_list(const uint64_t a[6])
{
	if (a[1] != 24) {
		return -EINVAL;
	}
	thread_current()->user->robust_list = a[0];
	return 0;
}

long sys_get_robust_list(const uint64_t a[6])
{
	uint64_t size = 24;
	spin_lock(&process_lock);
	struct thread *t = a[0] ? process_thread_find_locked((uint32_t)a[0]) : thread_current();
	uint64_t head = t ? t->user->robust_list : 0;
	int error = !t ? -ESRCH : trace_may_access_locked(t->process) ? 0 : -EPERM;
	spin_unlock(&process_lock);
	if (error) {
		return error;
	}
	return user_write(a[1], &head, sizeof(head)) || user_write(a[2], &size, sizeof(size)) ? -EFAULT : 0;
}
