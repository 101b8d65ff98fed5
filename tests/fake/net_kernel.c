/* SPDX-License-Identifier: MIT */
/* See net_kernel.h. "Physical" addresses are such that phys_to_virt gives the pointer back. A thread that would sleep is left by longjmp, and begun anew. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/random.h"
#include "kernel/reserve.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "tests/fake/net_kernel.h"

#define THREADS 4
#define TIMERS 8

struct net_kernel net_kernel;
static struct {
	void (*entry)(void *argument);
	void *argument;
} threads[THREADS];
static unsigned thread_count;
static struct thread self;
static bool in_thread;
static jmp_buf thread_sleeps;
static struct timer *timers[TIMERS];
static struct page *packet_block; /* the only one: packet memory, which stays */

static void meanwhile(void)
{
	if (net_kernel.meanwhile) {
		net_kernel.meanwhile();
	}
}

/* ---- locks and threads ---- */
void spin_init(spinlock_t *lock, const char *name)
{
	memset(lock, 0, sizeof(*lock));
}

void spin_lock(spinlock_t *lock)
{
	meanwhile();
	assert_int_equal(lock->held, 0);
	lock->held = 1;
	net_kernel.locks_held++;
}

void spin_unlock(spinlock_t *lock)
{
	assert_int_equal(lock->held, 1);
	lock->held = 0;
	net_kernel.locks_held--;
}

void mutex_init(struct mutex *m, const char *name)
{
	memset(m, 0, sizeof(*m));
}

void mutex_lock(struct mutex *m)
{
	assert_null(m->owner);
	m->owner = &self;
}

void mutex_unlock(struct mutex *m)
{
	assert_non_null(m->owner);
	m->owner = NULL;
}

void waitq_init(struct waitq *q)
{
}

void waitq_wake_all(struct waitq *q)
{
	meanwhile();
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
}

void wait_finish(struct waiter *w)
{
}

int wait_sleep(uint64_t deadline_ns, bool interruptible)
{
	assert_int_equal(net_kernel.locks_held, 0);
	assert_true(in_thread);
	longjmp(thread_sleeps, 1);
}

struct thread *thread_current(void)
{
	return &self;
}

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
	assert_true(thread_count < THREADS);
	threads[thread_count].entry = entry;
	threads[thread_count].argument = argument;
	return (void *)&threads[thread_count++];
}

static void thread_run(unsigned n)
{
	in_thread = true;
	if (setjmp(thread_sleeps) == 0) {
		threads[n].entry(threads[n].argument);
	}
	in_thread = false;
}

void net_kernel_run(void)
{
	for (unsigned i = 0; i < TIMERS; i++) {
		struct timer *t = timers[i];
		if (t && t->deadline_ns <= net_kernel.now_ns) {
			timers[i] = NULL;
			t->callback(t);
		}
	}
	for (unsigned n = 0; n < thread_count; n++) {
		thread_run(n);
	}
}

/* ---- time ---- */
uint64_t interrupts_save(void)
{
	return 0;
}

void interrupts_restore(uint64_t flags)
{
}

uint64_t time_ns(void)
{
	return net_kernel.now_ns;
}

void timer_init(struct timer *timer, void (*callback)(struct timer *timer), void *arg)
{
	timer->callback = callback;
	timer->arg = arg;
}

void timer_cancel(struct timer *timer)
{
	for (unsigned i = 0; i < TIMERS; i++) {
		timers[i] = timers[i] == timer ? NULL : timers[i];
	}
}

void timer_set(struct timer *timer, uint64_t deadline_ns)
{
	unsigned at = 0;
	timer_cancel(timer);
	while (timers[at]) {
		at++;
		assert_true(at < TIMERS);
	}
	timer->deadline_ns = deadline_ns;
	timers[at] = timer;
}

void net_kernel_pass(uint64_t ns)
{
	uint64_t end = net_kernel.now_ns + ns;
	while (net_kernel.now_ns < end) {
		uint64_t next = end;
		for (unsigned i = 0; i < TIMERS; i++) {
			next = timers[i] && timers[i]->deadline_ns < next ? timers[i]->deadline_ns : next;
		}
		net_kernel.now_ns = next > net_kernel.now_ns ? next : net_kernel.now_ns + 1;
		net_kernel_run();
	}
}

/* ---- memory: in front of each piece stands its size ---- */
#define FRONT 16

void *kmalloc(size_t bytes)
{
	meanwhile();
	if (net_kernel.heap_bytes + bytes > net_kernel.heap_most) {
		return NULL;
	}
	char *memory = malloc(bytes + FRONT);
	memcpy(memory, &bytes, sizeof(bytes));
	net_kernel.heap_bytes += bytes;
	return memory + FRONT;
}

void *kzalloc(size_t bytes)
{
	void *memory = kmalloc(bytes);
	return memory ? memset(memory, 0, bytes) : NULL;
}

void kfree(void *memory)
{
	size_t bytes;
	if (!memory) {
		return;
	}
	memcpy(&bytes, (char *)memory - FRONT, sizeof(bytes));
	net_kernel.heap_bytes -= bytes;
	free((char *)memory - FRONT);
}

uint64_t virt_to_phys(const void *virt)
{
	return (uintptr_t)virt - PHYSMAP;
}

uint64_t page_phys(const struct page *page)
{
	return virt_to_phys(page->private);
}

struct page *page_alloc_order(unsigned order, unsigned flags)
{
	size_t bytes = PAGE_SIZE << order;
	assert_null(packet_block);
	packet_block = calloc(1, sizeof(*packet_block));
	packet_block->private = aligned_alloc(PAGE_SIZE, bytes);
	memset(packet_block->private, 0, bytes);
	return packet_block;
}

void page_free_order(struct page *page, unsigned order)
{
	fail();
}

/* Pages of programs' payload do not come here: the test's programs give lwIP copies. */
struct page *page_from_phys(uint64_t phys)
{
	fail();
	return NULL;
}

void page_get(struct page *page)
{
	fail();
}

void page_put(struct page *page)
{
	fail();
}

void memory_usage(uint64_t *total, uint64_t *free_pages)
{
	*total = 16384;
	*free_pages = 8192;
}

void memory_io_zone(uint64_t *phys, uint64_t *bytes)
{
	*phys = *bytes = 0;
}

/* ---- the rest ---- */
void random_bytes(void *buffer, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		((uint8_t *)buffer)[i] = (uint8_t)(random() >> 9);
	}
}

void kprintf(const char *format, ...)
{
}

void kernel_panic(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vprint_error(format, arguments);
	va_end(arguments);
	abort();
}

bool platform_is_bulkhead(void)
{
	return true;
}

bool cmdline_option(const char *name, char *value, size_t size)
{
	strcpy(value, "10.0.2.15/24,gateway=10.0.2.2");
	return strcmp(name, "ip") == 0;
}

void net_kernel_start(size_t heap_most)
{
	memset(&net_kernel, 0, sizeof(net_kernel));
	net_kernel.now_ns = 1000000000;
	net_kernel.heap_most = heap_most;
}
