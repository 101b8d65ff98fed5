/* SPDX-License-Identifier: MIT */
/*
 * Futexes: random waits, wakes, requeues and signals with a host's thread for each waiter, against lists of who waits for which word in which
 * order: the call's count and the threads that go on must be the model's. Shared words are seen at two addresses. Then a lock made of one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/address_space.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "process/futex.h"
#include "process/trace.h"
#include "tests/fake/threads.h"

enum { WAIT, WAKE, REQUEUE = 3, CMP_REQUEUE, WAKE_OP, WAIT_BITSET = 9, WAKE_BITSET, PRIVATE = 128 };
#define WORDS 6 /* the first half is this process's, the other one is shared */
#define WAITERS 20
#define ALL UINT32_MAX

spinlock_t process_lock;
static uint32_t *private_words, *shared_words[2]; /* the same memory twice */

struct thread *process_thread_find_locked(uint32_t tid)
{
	return NULL;
}

bool trace_may_access_locked(const struct process *p)
{
	return true;
}

/* Locks that hand on priority are not the subject. */
void futex_pi_thread_exit(void)
{
}

long futex_pi_lock(uint64_t address, bool private, uint64_t deadline_ns, bool try)
{
	return -ENOSYS;
}

long futex_pi_unlock(uint64_t address, bool private)
{
	return -ENOSYS;
}

long futex_pi_wait(const uint64_t a[6], bool private, uint64_t deadline_ns)
{
	return -ENOSYS;
}

long futex_pi_requeue(const uint64_t a[6], bool private)
{
	return -ENOSYS;
}

/* What is to go on after a signal, and until when. */
static syscall_function restart_call;
static uint64_t restart_deadline;

long syscall_restart_as(syscall_function call, uint64_t deadline_ns)
{
	restart_call = call;
	restart_deadline = deadline_ns;
	return -ERESTART_RESTARTBLOCK;
}

uint64_t syscall_restart_deadline(void)
{
	return restart_deadline;
}

uint64_t address_space_number(const struct address_space *as)
{
	return 1;
}

bool address_space_shared_place(struct address_space *as, uint64_t address, uint64_t *object, uint64_t *offset)
{
	for (int i = 0; i < 2; i++) {
		uint64_t start = (uint64_t)shared_words[i];
		if (address >= start && address < start + PAGE_SIZE) {
			*object = 1;
			*offset = address - start;
			return true;
		}
	}
	return false;
}

long sys_futex(const uint64_t a[6]);

static uint64_t address_of(unsigned word)
{
	return word < WORDS / 2 ? (uint64_t)&private_words[word * 16] : (uint64_t)&shared_words[fake_random(2)][(word - WORDS / 2) * 16];
}

static uint32_t *value_of(unsigned word)
{
	return word < WORDS / 2 ? &private_words[word * 16] : &shared_words[0][(word - WORDS / 2) * 16];
}

static uint64_t flag_of(unsigned word)
{
	return word < WORDS / 2 && fake_random(2) ? PRIVATE : 0;
}

/* ---- the model: one list a word, in the order in which they came ---- */
struct waiting {
	struct fake_thread *thread;
	uint64_t arguments[6];
	uint32_t bits;
	long result;
};
static struct waiting *queues[WORDS][WAITERS];
static unsigned lengths[WORDS], waiting;

static void wait_entry(void *arg)
{
	struct waiting *w = arg;
	w->result = sys_futex(w->arguments);
}

static struct waiting *queue_take(unsigned word, unsigned at)
{
	struct waiting *w = queues[word][at];
	lengths[word]--;
	memmove(&queues[word][at], &queues[word][at + 1], (lengths[word] - at) * sizeof(w));
	return w;
}

static void goes_on(struct waiting *w, long result)
{
	fake_thread_join(w->thread); /* if somebody else goes on in its place, the alarm ends the test */
	assert_int_equal(w->result, result);
	free(w);
	waiting--;
}

static unsigned model_wake(unsigned word, unsigned count, uint32_t bits)
{
	unsigned done = 0;
	for (unsigned i = 0; i < lengths[word] && done < count;) {
		if (queues[word][i]->bits & bits) {
			goes_on(queue_take(word, i), 0);
			done++;
		} else {
			i++;
		}
	}
	return done;
}

static unsigned model_requeue(unsigned from, unsigned to, unsigned count)
{
	unsigned done = 0;
	for (; from != to && lengths[from] > 0 && done < count; done++) {
		struct waiting *w = queue_take(from, 0);
		queues[to][lengths[to]++] = w;
	}
	return done;
}

/* ---- one operation each ---- */
static void one_waits(void)
{
	unsigned word = (unsigned)fake_random(WORDS);
	bool set = fake_random(2);
	if (waiting == WAITERS) {
		return;
	}
	struct waiting *w = calloc(1, sizeof(*w));
	w->bits = set ? 1u << fake_random(3) : ALL;
	w->arguments[0] = address_of(word);
	w->arguments[1] = flag_of(word) | (set ? WAIT_BITSET : WAIT);
	w->arguments[2] = *value_of(word);
	w->arguments[5] = w->bits;
	w->thread = fake_thread_start(wait_entry, w);
	queues[word][lengths[word]++] = w;
	fake_wait_sleepers(++waiting);
}

static void one_does_not(void)
{
	unsigned word = (unsigned)fake_random(WORDS);
	assert_int_equal(sys_futex((uint64_t[6]){ address_of(word), WAIT, *value_of(word) + 1 }), -EAGAIN);
	assert_int_equal(sys_futex((uint64_t[6]){ address_of(word) + 1, WAIT, 0 }), -EINVAL);
	assert_int_equal(sys_futex((uint64_t[6]){ 4, WAIT, 0 }), -EFAULT);
	assert_int_equal(sys_futex((uint64_t[6]){ address_of(word), WAIT_BITSET, *value_of(word), 0, 0, 0 }), -EINVAL);
	int64_t no_time[2] = { 0, 1000000000 }, little[2] = { 0, 1000 };
	assert_int_equal(sys_futex((uint64_t[6]){ address_of(word), WAIT, *value_of(word), (uint64_t)no_time }), -EINVAL);
	assert_int_equal(sys_futex((uint64_t[6]){ address_of(word), WAIT, *value_of(word), (uint64_t)little }), -ETIMEDOUT);
}

static void some_are_woken(void)
{
	unsigned word = (unsigned)fake_random(WORDS), count = (unsigned)fake_random(4);
	uint32_t bits = fake_random(2) ? ALL : 1 + (uint32_t)fake_random(7);
	long woken = sys_futex((uint64_t[6]){ address_of(word), flag_of(word) | WAKE_BITSET, count, 0, 0, bits });
	assert_int_equal(woken, model_wake(word, count, bits));
}

static void some_are_requeued(void)
{
	unsigned from = (unsigned)fake_random(WORDS), to = (unsigned)fake_random(WORDS), wake = (unsigned)fake_random(3), move = (unsigned)fake_random(5);
	bool compare = fake_random(2), right = fake_random(4);
	/* One flag for both words: without it a private word is known by its address space just as well. */
	uint64_t a[6] = { address_of(from), compare ? CMP_REQUEUE : REQUEUE, wake, move, address_of(to), *value_of(from) + !right };
	long got = sys_futex(a);
	if (compare && !right) {
		assert_int_equal(got, -EAGAIN);
		return;
	}
	unsigned woken = model_wake(from, wake, ALL);
	assert_int_equal(got, woken + model_requeue(from, to, move));
}

static void an_operation_wakes(void)
{
	unsigned first = (unsigned)fake_random(WORDS), second = (unsigned)fake_random(WORDS), one = (unsigned)fake_random(3), two = (unsigned)fake_random(3);
	unsigned operation = (unsigned)fake_random(5), comparison = (unsigned)fake_random(6), by = (unsigned)fake_random(8), with = (unsigned)fake_random(8);
	int old = (int)*value_of(second), argument = (int)by;
	uint32_t wanted[] = { (uint32_t)argument, (uint32_t)(old + argument), (uint32_t)(old | argument), (uint32_t)(old & ~argument),
		(uint32_t)(old ^ argument) };
	bool holds[] = { old == (int)with, old != (int)with, old < (int)with, old <= (int)with, old > (int)with, old >= (int)with };
	uint64_t code = (uint64_t)operation << 28 | comparison << 24 | by << 12 | with;
	long got = sys_futex((uint64_t[6]){ address_of(first), WAKE_OP, one, two, address_of(second), code });
	assert_int_equal(*value_of(second), wanted[operation]);
	unsigned woken = model_wake(first, one, ALL);
	woken += holds[comparison] ? model_wake(second, two, ALL) : 0;
	assert_int_equal(got, woken);
}

static void one_gets_a_signal(void)
{
	unsigned word = (unsigned)fake_random(WORDS);
	if (lengths[word]) {
		struct waiting *w = queue_take(word, (unsigned)fake_random(lengths[word]));
		fake_thread_signal(w->thread, true);
		goes_on(w, -ERESTARTSYS);
	}
}

static void waiters_go_on_in_their_order(void **state)
{
	void (*const operations[])(void) = { one_waits, one_waits, one_waits, some_are_woken, some_are_requeued, an_operation_wakes, one_gets_a_signal };
	fake_seed();
	alarm(60);
	for (int i = 0; i < 6000; i++) {
		i % 500 == 0 ? one_does_not() : operations[fake_random(sizeof(operations) / sizeof(*operations))]();
		fake_wait_sleepers(waiting);
	}
	for (unsigned word = 0; word < WORDS; word++) {
		assert_int_equal(sys_futex((uint64_t[6]){ address_of(word), WAKE, INT32_MAX }), lengths[word]);
		model_wake(word, INT32_MAX, ALL);
	}
	assert_int_equal(waiting, 0);
	alarm(0);
}

/* A wait that goes on after a signal ends when it would have ended. */
static void a_deadline_stays_where_it_was(void **state)
{
	int64_t far[2] = { 1000, 0 };
	struct waiting w = { .arguments = { (uint64_t)private_words, WAIT | PRIVATE, *private_words, (uint64_t)far } };
	uint64_t before = time_ns();
	alarm(60);
	w.thread = fake_thread_start(wait_entry, &w);
	fake_wait_sleepers(1);
	fake_thread_signal(w.thread, true);
	fake_thread_join(w.thread);
	assert_int_equal(w.result, -ERESTART_RESTARTBLOCK);
	assert_in_range(restart_deadline, before + 1000000000000ull, time_ns() + 1000000000000ull);
	restart_deadline = time_ns() + 1000000;
	assert_int_equal(restart_call(w.arguments), -ETIMEDOUT);
	alarm(0);
}

/* ---- a lock: 0 free, 1 taken, 2 taken and waited for ---- */
#define LOCKERS 4
#define TURNS 5000
static uint32_t lock_word;
static unsigned counter;

static void locker(void *arg)
{
	uint64_t flags = arg ? PRIVATE : 0;
	for (int i = 0; i < TURNS; i++) {
		uint32_t seen = 0;
		if (!__atomic_compare_exchange_n(&lock_word, &seen, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_SEQ_CST) != 0) {
				sys_futex((uint64_t[6]){ (uint64_t)&lock_word, WAIT | flags, 2 });
			}
		}
		unsigned before = counter;
		if (i % 16 == 0) {
			usleep(1);
		}
		counter = before + 1;
		if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_SEQ_CST) == 2) {
			sys_futex((uint64_t[6]){ (uint64_t)&lock_word, WAKE | flags, 1 });
		}
	}
}

static void no_wake_is_lost(void **state)
{
	struct fake_thread *threads[LOCKERS];
	alarm(60);
	for (uintptr_t i = 0; i < LOCKERS; i++) {
		threads[i] = fake_thread_start(locker, (void *)(i % 2));
	}
	for (int i = 0; i < LOCKERS; i++) {
		fake_thread_join(threads[i]);
	}
	alarm(0);
	assert_int_equal(counter, LOCKERS * TURNS);
	assert_int_equal(fake_memory_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiters_go_on_in_their_order),
		cmocka_unit_test(a_deadline_stays_where_it_was),
		cmocka_unit_test(no_wake_is_lost),
	};
	int memory = memfd_create("words", 0);
	private_words = calloc(1, PAGE_SIZE);
	if (memory < 0 || ftruncate(memory, PAGE_SIZE) != 0) {
		return 1;
	}
	for (int i = 0; i < 2; i++) {
		shared_words[i] = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	}
	int failed = cmocka_run_group_tests_name("futex", tests, NULL, NULL);
	free(private_words);
	return failed;
}
