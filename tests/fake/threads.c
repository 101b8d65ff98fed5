/* SPDX-License-Identifier: MIT */
/*
 * See threads.h. One host's mutex and condition stand for the scheduler: a sleeper waits on it for its own wake_pending, as the kernel's
 * waits for its run queue's lock. Spin locks are real, since waits are short, and know their holder.
 */
#include "tests/fake/threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/capability.h"
#include "kernel/epoch.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "kernel/time.h"
#include "kernel/user.h"

#define LOWEST_USER 65536u

struct fake_thread {
	struct thread thread;
	pthread_t host;
	void (*entry)(void *arg);
	void *arg;
	unsigned spin_depth, sections;
	uint64_t seed;
};

struct process fake_process = { .credentials = { .effective = CAPABILITIES_ALL, .permitted = CAPABILITIES_ALL } };
static struct fake_thread first = { .thread.process = &fake_process };
static __thread struct fake_thread *self;
static pthread_mutex_t scheduler = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned sleepers; /* under scheduler: those without a wake on its way */
static unsigned memory_in_use, pages_in_use, fail_in;
static __thread uint64_t random_state = 1;

static struct fake_thread *own(void)
{
	return self ? self : &first;
}

void kernel_panic(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	abort();
}

struct thread *thread_current(void)
{
	return &own()->thread;
}

static void *run(void *arg)
{
	self = arg;
	random_state = self->seed;
	self->entry(self->arg);
	kassert(self->spin_depth == 0 && self->sections == 0);
	return NULL;
}

struct fake_thread *fake_thread_start(void (*entry)(void *arg), void *arg)
{
	struct fake_thread *t = calloc(1, sizeof(*t));
	t->thread.process = &fake_process;
	t->entry = entry;
	t->arg = arg;
	t->seed = fake_random(1u << 30) * 2 + 1;
	kassert(pthread_create(&t->host, NULL, run, t) == 0);
	return t;
}

void fake_thread_join(struct fake_thread *t)
{
	pthread_join(t->host, NULL);
	free(t);
}

static void wake(struct thread *thread)
{
	pthread_mutex_lock(&scheduler);
	if (thread->state == THREAD_SLEEPING && !thread->wake_pending) {
		sleepers--;
	}
	thread->wake_pending = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&scheduler);
}

void fake_thread_signal(struct fake_thread *t, bool pending)
{
	pthread_mutex_lock(&scheduler);
	t->thread.signal_pending = pending;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&scheduler);
}

void fake_wait_sleepers(unsigned count)
{
	pthread_mutex_lock(&scheduler);
	while (sleepers != count) {
		pthread_cond_wait(&changed, &scheduler);
	}
	pthread_mutex_unlock(&scheduler);
}

/* ---- kernel/lock.h ---- */
void spin_init(spinlock_t *lock, const char *name)
{
	*lock = (spinlock_t){ .name = name };
}

void spin_lock(spinlock_t *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
		sched_yield();
	}
	own()->spin_depth++;
}

void spin_unlock(spinlock_t *lock)
{
	kassert(own()->spin_depth > 0 && lock->held);
	own()->spin_depth--;
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, "waitq");
	list_init(&q->waiters);
	list_init(&q->observers);
}

static void wake_some(struct waitq *q, unsigned count)
{
	spin_lock(&q->lock);
	for (struct list *node; count-- > 0 && (node = list_pop_front(&q->waiters)) != NULL;) {
		struct waiter *w = container_of(node, struct waiter, link);
		w->woken = true;
		wake(w->thread);
	}
	list_for_each(node, &q->observers) {
		struct observer *o = container_of(node, struct observer, link);
		o->notify(o);
	}
	spin_unlock(&q->lock);
}

void waitq_wake_one(struct waitq *q)
{
	wake_some(q, 1);
}

void waitq_wake_all(struct waitq *q)
{
	wake_some(q, UINT32_MAX);
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
	*w = (struct waiter){ .thread = thread_current(), .queue = q };
	spin_lock(&q->lock);
	list_push_back(&q->waiters, &w->link);
	spin_unlock(&q->lock);
}

void wait_finish(struct waiter *w)
{
	spin_lock(&w->queue->lock);
	if (!w->woken) {
		list_remove(&w->link);
	}
	spin_unlock(&w->queue->lock);
}

int wait_sleep(uint64_t deadline_ns, bool interruptible)
{
	struct thread *t = thread_current();
	struct timespec until = { (time_t)(deadline_ns / 1000000000), (long)(deadline_ns % 1000000000) };
	int result = 0;
	kassert(own()->spin_depth == 0 && own()->sections == 0);
	pthread_mutex_lock(&scheduler);
	t->state = THREAD_SLEEPING;
	sleepers += !t->wake_pending;
	pthread_cond_broadcast(&changed);
	while (!t->wake_pending && !result) {
		if (interruptible && t->signal_pending) {
			result = -EINTR;
		} else if (!deadline_ns) {
			pthread_cond_wait(&changed, &scheduler);
		} else if (pthread_cond_clockwait(&changed, &scheduler, CLOCK_MONOTONIC, &until) == ETIMEDOUT && !t->wake_pending) {
			result = -ETIMEDOUT;
		}
	}
	sleepers -= !t->wake_pending;
	t->wake_pending = false;
	t->state = THREAD_RUNNING;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&scheduler);
	return result;
}

void mutex_init(struct mutex *m, const char *name)
{
	*m = (struct mutex){ 0 };
	spin_init(&m->lock, name);
	waitq_init(&m->waiters);
}

static bool mutex_try(struct mutex *m)
{
	spin_lock(&m->lock);
	bool got = !m->owner;
	m->owner = got ? thread_current() : m->owner;
	spin_unlock(&m->lock);
	return got;
}

void mutex_lock(struct mutex *m)
{
	kassert(own()->spin_depth == 0 && m->owner != thread_current());
	WAIT_EVENT(&m->waiters, mutex_try(m));
}

void mutex_unlock(struct mutex *m)
{
	kassert(m->owner == thread_current());
	spin_lock(&m->lock);
	m->owner = NULL;
	spin_unlock(&m->lock);
	waitq_wake_one(&m->waiters);
}

/* ---- time, users' memory, reservations ---- */
uint64_t time_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t time_wall_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool is_user(uint64_t address)
{
	kassert(own()->spin_depth == 0 && own()->sections == 0); /* a fault may sleep */
	return address >= LOWEST_USER && address < USER_END;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
	if (!is_user(from)) {
		return -EFAULT;
	}
	memcpy(to, (const void *)from, bytes);
	return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
	if (!is_user(to)) {
		return -EFAULT;
	}
	memcpy((void *)to, from, bytes);
	return 0;
}

int user_zero(uint64_t to, size_t bytes)
{
	if (!is_user(to)) {
		return -EFAULT;
	}
	memset((void *)to, 0, bytes);
	return 0;
}

int user_compare_exchange(uint64_t at, uint32_t *expected, uint32_t value)
{
	if (!is_user(at)) {
		return -EFAULT;
	}
	__atomic_compare_exchange_n((uint32_t *)at, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return 0;
}

long user_string(char *to, uint64_t from, size_t size)
{
	if (!is_user(from)) {
		return -EFAULT;
	}
	size_t length = strnlen((const char *)from, size);
	if (length == size) {
		return -ENAMETOOLONG;
	}
	memcpy(to, (const char *)from, length + 1);
	return (long)length;
}

void reserve_begin(uint32_t pages, uint32_t io)
{
}

void reserve_end(void)
{
}

void reserve_renew(void)
{
}

/* ---- kernel/memory.h ---- */
static bool fails(void)
{
	unsigned left = __atomic_load_n(&fail_in, __ATOMIC_RELAXED);
	if (left) {
		__atomic_store_n(&fail_in, left - 1, __ATOMIC_RELAXED);
	}
	return left == 1;
}

void fake_memory_fail(unsigned in)
{
	__atomic_store_n(&fail_in, in, __ATOMIC_RELAXED);
}

unsigned fake_memory_in_use(void)
{
	return __atomic_load_n(&memory_in_use, __ATOMIC_RELAXED);
}

unsigned fake_pages_in_use(void)
{
	return __atomic_load_n(&pages_in_use, __ATOMIC_RELAXED);
}

void *kmalloc(size_t bytes)
{
	kassert(own()->sections == 0);
	if (fails()) {
		return NULL;
	}
	__atomic_fetch_add(&memory_in_use, 1, __ATOMIC_RELAXED);
	return memset(malloc(bytes), 0xa5, bytes);
}

void *kzalloc(size_t bytes)
{
	void *memory = kmalloc(bytes);
	return memory ? memset(memory, 0, bytes) : NULL;
}

void kfree(void *memory)
{
	__atomic_fetch_sub(&memory_in_use, memory != NULL, __ATOMIC_RELAXED);
	free(memory);
}

/* A page's data lies behind its description; its physical address is what makes phys_to_virt() find that. */
struct fake_page {
	struct page page;
	char data[PAGE_SIZE];
};

struct page *page_alloc(unsigned flags)
{
	if (fails()) {
		return NULL;
	}
	struct fake_page *p = malloc(sizeof(*p));
	memset(p, flags & ALLOC_ZERO ? 0 : 0xa5, sizeof(*p));
	p->page = (struct page){ .references = 1, .flags = flags & (PAGE_IO | PAGE_KIND_MASK) };
	list_init(&p->page.link);
	__atomic_fetch_add(&pages_in_use, 1, __ATOMIC_RELAXED);
	return &p->page;
}

void page_get(struct page *page)
{
	kassert(__atomic_fetch_add(&page->references, 1, __ATOMIC_RELAXED) > 0);
}

void page_put(struct page *page)
{
	uint32_t before = __atomic_fetch_sub(&page->references, 1, __ATOMIC_ACQ_REL);
	kassert(before > 0);
	if (before == 1) {
		__atomic_fetch_sub(&pages_in_use, 1, __ATOMIC_RELAXED);
		free(container_of(page, struct fake_page, page));
	}
}

uint64_t page_phys(const struct page *page)
{
	return (uint64_t)(uintptr_t)container_of(page, struct fake_page, page)->data - PHYSMAP;
}

/* ---- kernel/epoch.h: what is given back goes when no thread is in a section ---- */
static pthread_mutex_t epochs = PTHREAD_MUTEX_INITIALIZER;
static struct epoch_link *given_back; /* under epochs */
static unsigned reading; /* threads in sections */

static void give_back(struct epoch_link *one)
{
	struct epoch_link *gone = NULL;
	pthread_mutex_lock(&epochs);
	if (one) {
		one->next = given_back;
		given_back = one;
	}
	if (__atomic_load_n(&reading, __ATOMIC_SEQ_CST) == 0) {
		gone = given_back;
		given_back = NULL;
	}
	pthread_mutex_unlock(&epochs);
	while (gone) {
		struct epoch_link *link = gone;
		gone = link->next;
		kfree(link->memory);
	}
}

void epoch_enter(void)
{
	if (own()->sections++ == 0) {
		__atomic_fetch_add(&reading, 1, __ATOMIC_SEQ_CST);
	}
}

void epoch_exit(void)
{
	kassert(own()->sections > 0);
	if (--own()->sections == 0 && __atomic_sub_fetch(&reading, 1, __ATOMIC_SEQ_CST) == 0) {
		give_back(NULL);
	}
}

void epoch_free(struct epoch_link *link, void *memory)
{
	link->memory = memory;
	give_back(link);
}

void epoch_wait(void)
{
	kassert(own()->spin_depth == 0 && own()->sections == 0);
	while (__atomic_load_n(&reading, __ATOMIC_SEQ_CST)) {
		sched_yield();
	}
	give_back(NULL);
}

/* ---- random numbers ---- */
uint64_t fake_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : time_ns() ^ (uint64_t)clock();
	printf("SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	random_state = seed * 2 + 1;
	return seed;
}

uint64_t fake_random(uint64_t below)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return below ? (random_state >> 33) % below : 0;
}
