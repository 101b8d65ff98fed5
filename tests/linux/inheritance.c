/* SPDX-License-Identifier: MIT */
/*
 * Locks that hand on priority (futex(2)), and waits for several futexes. Who runs when is told by the order of letters that threads of one
 * processor write, each with a real-time priority of its own.
 */
#include "calls.h"
#include "futex.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

static volatile uint32_t lock, other;

static uint32_t tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static const char *meaning(uint32_t word, uint32_t owner)
{
	static char text[64];
	uint32_t number = word & FUTEX_TID_MASK;
	snprintf(text, sizeof(text), "%s%s%s", !number ? "nobody" : number == owner ? "its owner" : "somebody", word & FUTEX_WAITERS ? ", waiters" : "",
		 word & FUTEX_OWNER_DIED ? ", died" : "");
	return text;
}

#define WORD(word, owner) SHOW(#word, "%s", meaning(word, owner))

static void alone(void)
{
	struct timespec past = { 1, 0 }, bad = { 0, 1000000000 };
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	WORD(lock, tid());
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	WORD(lock, tid());
	CALL(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_TRYLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_LOCK_PI2, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &past, NULL, 0));
	CALL(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, &bad, NULL, 0));
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NOWHERE, NULL, 0));
	lock = 99999999;
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	lock = FUTEX_OWNER_DIED;
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	WORD(lock, tid());
	CALL(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	WORD(lock, tid());
	lock = FUTEX_WAITERS;
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	lock = (uint32_t)getppid();
	CALL(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, &past, NULL, 0));
	CALL(futex(&lock, FUTEX_LOCK_PI2, 0, &past, NULL, 0));
	CALL(futex((char *)&lock + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(NOWHERE, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(NOWHERE, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 2, NULL, &other, lock));
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 1, NULL, &lock, lock));
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 1, NULL, &other, 5));
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 1, NULL, &other, lock));
	CALL(futex(&lock, FUTEX_WAIT_REQUEUE_PI, 5, NULL, &other, 0));
	CALL(futex(&lock, FUTEX_WAIT_REQUEUE_PI, lock, &past, &other, 0));
	CALL(futex(&lock, FUTEX_WAIT_REQUEUE_PI, lock, NULL, &lock, 0));
}

/* Threads on one processor, each with its priority; `order` gets a letter from each in turn. */
static char order[16];
static volatile unsigned written, ready;

static void write_down(char letter)
{
	order[__atomic_fetch_add(&written, 1, __ATOMIC_SEQ_CST)] = letter;
}

static void priority_set(int priority)
{
	syscall(SYS_sched_setscheduler, 0, priority ? SCHED_FIFO : SCHED_OTHER, &(struct sched_param){ .sched_priority = priority });
}

static void one_processor(void)
{
	uint64_t one = 1;
	syscall(SYS_sched_setaffinity, 0, sizeof(one), &one);
	priority_set(50);
	written = 0;
	memset(order, 0, sizeof(order));
}

struct player {
	pthread_t thread;
	char letter;
	int priority;
	volatile uint32_t tid;
	volatile uint32_t *holds, *wants; /* locks, NULL: none */
	volatile uint32_t go;
	long result;
};

static void *play(void *arg)
{
	struct player *p = arg;
	p->tid = tid();
	if (p->holds) {
		futex(p->holds, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	}
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	futex(&ready, FUTEX_WAKE, 1, NULL, NULL, 0);
	priority_set(p->priority);
	while (!p->go) {
		futex(&p->go, FUTEX_WAIT, 0, NULL, NULL, 0);
	}
	if (p->wants) {
		p->result = futex(p->wants, FUTEX_LOCK_PI, 0, NULL, NULL, 0) ? -errno : 0;
	}
	write_down(p->letter);
	if (p->wants && !p->result) {
		futex(p->wants, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	}
	if (p->holds) {
		futex(p->holds, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
		write_down((char)(p->letter + 'A' - 'a'));
	}
	return NULL;
}

/* This thread is more urgent than all of them, so they run only where it waits. */
static void start(struct player *p)
{
	unsigned before = ready;
	pthread_create(&p->thread, NULL, play, p);
	while (ready == before) {
		futex(&ready, FUTEX_WAIT, before, NULL, NULL, 0);
	}
}

static void go(struct player *p)
{
	p->go = 1;
	futex(&p->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Until that one waits to be told to go, or for a lock. */
static void until_waits(const struct player *p)
{
	while (!p->tid) {
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	until_asleep((pid_t)p->tid);
}

static void until_waited_for(volatile uint32_t *word)
{
	while (!(*word & FUTEX_WAITERS)) {
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
}

static void hand_off(void)
{
	one_processor();
	lock = 0;
	struct player players[] = { { .letter = 'a', .priority = 5, .wants = &lock }, { .letter = 'b', .priority = 9, .wants = &lock },
				    { .letter = 'c', .priority = 7, .wants = &lock }, { .letter = 'd', .priority = 7, .wants = &lock } };
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	for (int i = 0; i < 4; i++) {
		start(&players[i]);
		go(&players[i]);
		until_sleeps((pid_t)players[i].tid);
	}
	WORD(lock, tid());
	CALL(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	WORD(lock, players[1].tid); /* none of them has run yet */
	for (int i = 0; i < 4; i++) {
		pthread_join(players[i].thread, NULL);
		SHOW("result", "%ld", players[i].result);
	}
	SHOW("by priority, then by time", "%s", order);
	WORD(lock, tid());
}

/* The least urgent one holds what the most urgent one wants: the one between them waits. */
static void inversion(void)
{
	one_processor();
	lock = 0;
	struct player low = { .letter = 'l', .priority = 1, .holds = &lock }, middle = { .letter = 'm', .priority = 5 },
		      high = { .letter = 'h', .priority = 9, .wants = &lock };
	start(&low);
	start(&middle);
	start(&high);
	until_waits(&low);
	until_waits(&middle);
	until_waits(&high);
	go(&high);
	until_waited_for(&lock);
	go(&middle);
	go(&low);
	pthread_join(low.thread, NULL);
	pthread_join(middle.thread, NULL);
	pthread_join(high.thread, NULL);
	SHOW("order", "%s", order);
}

static void chain(void)
{
	one_processor();
	lock = other = 0;
	struct player low = { .letter = 'l', .priority = 1, .holds = &lock }, link = { .letter = 'k', .priority = 2, .holds = &other, .wants = &lock },
		      middle = { .letter = 'm', .priority = 5 }, high = { .letter = 'h', .priority = 9, .wants = &other };
	start(&low);
	start(&link);
	start(&middle);
	start(&high);
	until_waits(&low);
	until_waits(&link);
	until_waits(&middle);
	until_waits(&high);
	go(&link);
	until_waited_for(&lock);
	go(&high);
	until_waited_for(&other);
	go(&middle);
	go(&low);
	pthread_join(low.thread, NULL);
	pthread_join(link.thread, NULL);
	pthread_join(middle.thread, NULL);
	pthread_join(high.thread, NULL);
	SHOW("order", "%s", order);
}

/* Who holds one and wants the other, both ways round. */
static void deadlock(void)
{
	one_processor();
	lock = other = 0;
	struct player a = { .letter = 'a', .priority = 2, .holds = &lock, .wants = &other };
	start(&a);
	CALL(futex(&other, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	go(&a);
	until_waited_for(&other);
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&other, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	pthread_join(a.thread, NULL);
	SHOW("the other one", "%ld", a.result);
}

static void late(void)
{
	struct timespec soon;
	one_processor();
	lock = 0;
	struct player a = { .letter = 'a', .priority = 2, .holds = &lock };
	start(&a);
	until_waits(&a);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += soon.tv_nsec >= 970000000;
	soon.tv_nsec = (soon.tv_nsec + 30000000) % 1000000000;
	CALL(futex(&lock, FUTEX_LOCK_PI, 0, &soon, NULL, 0));
	clock_gettime(CLOCK_MONOTONIC, &soon);
	soon.tv_sec += soon.tv_nsec >= 970000000;
	soon.tv_nsec = (soon.tv_nsec + 30000000) % 1000000000;
	CALL(futex(&lock, FUTEX_LOCK_PI2, 0, &soon, NULL, 0));
	WORD(lock, a.tid);
	go(&a);
	pthread_join(a.thread, NULL);
	WORD(lock, a.tid);
}

static volatile uint32_t *shared;

static void *ends_with_lock(void *unused)
{
	futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	shared[1] = 1;
	nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	return NULL;
}

static void owners_that_end(void)
{
	pthread_t thread;
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++) {
		shared[0] = shared[1] = 0;
		if (i) {
			pthread_create(&thread, NULL, ends_with_lock, NULL);
		} else if (fork() == 0) {
			ends_with_lock(NULL);
			_exit(0);
		}
		while (!shared[1]) {
			sched_yield();
		}
		CALL(futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
		WORD(shared[0], tid());
		CALL(futex(shared, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
		WORD(shared[0], tid());
		if (i) {
			pthread_join(thread, NULL);
		} else {
			wait(NULL);
		}
	}
}

static void *wait_requeue(void *arg)
{
	struct player *p = arg;
	p->tid = tid();
	priority_set(p->priority);
	p->result = futex(&lock, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &other, 0);
	p->result = p->result ? -errno : (other & FUTEX_TID_MASK) == tid();
	write_down(p->letter);
	futex(&other, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return NULL;
}

static void requeue(void)
{
	one_processor();
	lock = other = 0;
	struct player a = { .letter = 'a', .priority = 3 }, b = { .letter = 'b', .priority = 4 }, c = { .letter = 'c', .priority = 2 };
	pthread_create(&a.thread, NULL, wait_requeue, &a);
	pthread_create(&b.thread, NULL, wait_requeue, &b);
	pthread_create(&c.thread, NULL, wait_requeue, &c);
	until_waits(&a);
	until_waits(&b);
	until_waits(&c);
	CALL(futex(&other, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 1, (void *)(long)1, &other, 0));
	WORD(other, tid());
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 1, (void *)(long)INT_MAX, &other, 0));
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 1, (void *)(long)INT_MAX, &other, 0));
	CALL(futex(&other, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	pthread_join(a.thread, NULL);
	pthread_join(b.thread, NULL);
	pthread_join(c.thread, NULL);
	SHOW("order", "%s", order);
	SHOW("results", "%ld %ld %ld", a.result, b.result, c.result);
	WORD(other, tid());
	a.tid = 0;
	pthread_create(&a.thread, NULL, wait_requeue, &a);
	until_waits(&a);
	CALL(futex(&lock, FUTEX_CMP_REQUEUE_PI, 1, (void *)(long)0, &other, 0)); /* the lock is free */
	WORD(other, a.tid);
	pthread_join(a.thread, NULL);
	SHOW("result", "%ld", a.result);
}

static pthread_mutex_t *mutex;

static void *locks_and_ends(void *unused)
{
	pthread_mutex_lock(mutex);
	return NULL;
}

/* As the C library has them. */
static void mutexes(void)
{
	pthread_mutexattr_t attributes;
	pthread_t thread;
	mutex = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	SHOW("initial", "%d", pthread_mutexattr_init(&attributes));
	SHOW("inherits", "%d", pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
	SHOW("robust", "%d", pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
	SHOW("shared", "%d", pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
	SHOW("made", "%d", pthread_mutex_init(mutex, &attributes));
	SHOW("lock", "%d", pthread_mutex_lock(mutex));
	SHOW("unlock", "%d", pthread_mutex_unlock(mutex));
	pthread_create(&thread, NULL, locks_and_ends, NULL);
	pthread_join(thread, NULL);
	SHOW("its owner has ended", "%s", calls_error(pthread_mutex_lock(mutex)));
	SHOW("consistent", "%d", pthread_mutex_consistent(mutex));
	SHOW("unlock", "%d", pthread_mutex_unlock(mutex));
	if (fork() == 0) {
		pthread_mutex_lock(mutex);
		nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
		_exit(0);
	}
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	int error = pthread_mutex_lock(mutex);
	IS(error == 0 || error == EOWNERDEAD);
	wait(NULL);
}

struct wanted {
	uint64_t value, address;
	uint32_t flags, reserved;
};

static void *wakes_later(void *word)
{
	nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
	*(volatile uint32_t *)word = 1;
	futex(word, FUTEX_WAKE, 1, NULL, NULL, 0);
	futex(word, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0);
	return NULL;
}

static void several(void)
{
	static volatile uint32_t words[3];
	struct wanted w[3] = { { 0, (uint64_t)&words[0], 2 | 128, 0 }, { 0, (uint64_t)&words[1], 2 | 128, 0 }, { 0, (uint64_t)&words[2], 2, 0 } };
	struct timespec past = { 1, 0 }, bad = { 0, -1 };
	pthread_t thread;
	for (int i = 0; i < 3; i++) {
		memset((void *)words, 0, sizeof(words));
		pthread_create(&thread, NULL, wakes_later, (void *)&words[i]);
		SHOW("index", "%ld", (long)syscall(SYS_futex_waitv, w, 3, 0, NULL, CLOCK_MONOTONIC));
		pthread_join(thread, NULL);
	}
	CALL(syscall(SYS_futex_waitv, w, 3, 0, NULL, CLOCK_MONOTONIC));
	words[2] = 0;
	CALL(syscall(SYS_futex_waitv, w, 3, 0, &past, CLOCK_MONOTONIC));
	CALL(syscall(SYS_futex_waitv, w, 3, 0, &past, CLOCK_REALTIME));
	CALL(syscall(SYS_futex_waitv, w, 3, 0, &past, 5));
	CALL(syscall(SYS_futex_waitv, w, 3, 0, &bad, CLOCK_MONOTONIC));
	CALL(syscall(SYS_futex_waitv, w, 0, 0, NULL, CLOCK_MONOTONIC));
	CALL(syscall(SYS_futex_waitv, w, 129, 0, NULL, CLOCK_MONOTONIC));
	CALL(syscall(SYS_futex_waitv, w, 3, 1, NULL, CLOCK_MONOTONIC));
	CALL(syscall(SYS_futex_waitv, NULL, 1, 0, NULL, CLOCK_MONOTONIC));
	CALL(syscall(SYS_futex_waitv, NOWHERE, 1, 0, NULL, CLOCK_MONOTONIC));
	w[1].reserved = 1;
	CALL(syscall(SYS_futex_waitv, w, 3, 0, NULL, CLOCK_MONOTONIC));
	w[1].reserved = 0;
	w[1].flags = 1u << 20;
	CALL(syscall(SYS_futex_waitv, w, 3, 0, NULL, CLOCK_MONOTONIC));
	w[1].flags = 2;
	w[1].address = 8;
	CALL(syscall(SYS_futex_waitv, w, 3, 0, NULL, CLOCK_MONOTONIC));
	w[1].address = (uint64_t)words + 1;
	CALL(syscall(SYS_futex_waitv, w, 3, 0, NULL, CLOCK_MONOTONIC));
}

int main(void)
{
	calls_begin();
	RUN(alone);
	RUN(owners_that_end);
	RUN(mutexes);
	RUN(several);
	if (calls_with("root")) {
		RUN(hand_off);
		RUN(inversion);
		RUN(chain);
		RUN(deadlock);
		RUN(late);
		RUN(requeue);
	}
	return 0;
}
