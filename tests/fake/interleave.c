/* SPDX-License-Identifier: MIT */
/* See interleave.h. A thread that sleeps or has ended leaves its processor; one that holds a spin lock or serves an interrupt keeps it. */
#include "tests/fake/interleave.h"

#include <asm/prctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "abi/errno.h"
#include "arch/ipi.h"
#include "kernel/platform.h"
#include "kernel/time.h"

#define THREADS 24u
#define STACK (256u * 1024)

struct coroutine {
	struct thread thread;
	ucontext_t context;
	void *stack;
	void (*entry)(void *arg);
	void *arg;
	bool endless, idle, on;
	uint64_t deadline_ns;
};

unsigned cpu_count;
static struct cpu cpus[CPU_MAX];
static bool asked[CPU_MAX]; /* an interrupt is on its way */
static struct coroutine coroutines[THREADS], *first;
static unsigned count, here; /* the processor that goes on */
static bool stopped;
static void (*serve)(void);
static uint64_t random_state, now_ns;

static struct coroutine *own(void)
{
	return container_of(cpus[here].current, struct coroutine, thread);
}

uint64_t interleave_random(uint64_t below)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % below;
}

struct thread *thread_current(void)
{
	return cpus[here].current;
}

struct cpu *cpu_current(void)
{
	return &cpus[here];
}

struct cpu *cpu_at(unsigned index)
{
	return &cpus[index];
}

uint64_t time_ns(void)
{
	return now_ns;
}

void kernel_panic(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	abort();
}

static bool can_run(const struct coroutine *c)
{
	return c->entry && c->thread.state == THREAD_RUNNABLE;
}

/* Nobody can run: the time goes on to the first who waits for it. */
static void time_pass(void)
{
	struct coroutine *next = NULL;
	for (unsigned i = 0; i < count; i++) {
		struct coroutine *c = &coroutines[i];
		if (c->idle ? asked[c->thread.cpu] : can_run(c)) {
			return;
		}
		if (c->thread.state == THREAD_SLEEPING && c->deadline_ns && (!next || c->deadline_ns < next->deadline_ns)) {
			next = c;
		}
	}
	if (!next) {
		kernel_panic("all wait, and nobody will wake them");
	}
	now_ns = next->deadline_ns;
	next->thread.timed_out = true;
	next->thread.state = THREAD_RUNNABLE;
}

static void place(unsigned cpu, struct coroutine *c)
{
	container_of(cpus[cpu].current, struct coroutine, thread)->on = false;
	cpus[cpu].current = &c->thread;
	c->on = true;
}

/* Whose turn it is on this processor. */
static void choose(unsigned cpu)
{
	struct coroutine *now = container_of(cpus[cpu].current, struct coroutine, thread);
	if (cpus[cpu].spin_depth || (can_run(now) && !now->idle && interleave_random(4))) {
		return;
	}
	for (unsigned tries = 0; tries < count; tries++) {
		struct coroutine *c = &coroutines[interleave_random(count)];
		if (!c->idle && !c->on && can_run(c)) {
			return place(cpu, c);
		}
	}
	if (!can_run(now)) {
		place(cpu, &coroutines[cpu]);
	}
}

static void interrupt_take(void)
{
	struct cpu *cpu = &cpus[here];
	if (asked[here] && !cpu->spin_depth) {
		asked[here] = false;
		cpu->spin_depth++; /* interrupts stay off, and the thread where it is */
		cpu->interrupt_depth++;
		serve();
		cpu->interrupt_depth--;
		cpu->spin_depth--;
	}
}

void interleave_step(void)
{
	struct coroutine *before = own();
	unsigned from = here;
	if (stopped) {
		return;
	}
	if (!before->idle && can_run(before) && interleave_random(3)) {
		return interrupt_take();
	}
	time_pass();
	here = (unsigned)interleave_random(cpu_count);
	choose(here);
	if (here != from) {
		syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[here]);
	}
	if (own() != before) {
		swapcontext(&before->context, &own()->context);
	}
	interrupt_take();
}

void interleave_stop(bool stop)
{
	stopped = stop;
}

bool interleave_unlocked(void)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		if (cpus[i].spin_depth) {
			return false;
		}
	}
	return true;
}

static bool all_ended(void)
{
	for (unsigned i = 0; i < count; i++) {
		const struct coroutine *c = &coroutines[i];
		if (!c->idle && !c->endless && c != first && c->thread.state != THREAD_DEAD) {
			return false;
		}
	}
	return true;
}

static void run(void)
{
	struct coroutine *c = own();
	interrupt_take();
	c->entry(c->arg);
	kassert(cpus[here].spin_depth == 0);
	c->thread.state = THREAD_DEAD;
	if (all_ended()) {
		first->thread.state = THREAD_RUNNABLE;
	}
	for (;;) {
		interleave_step();
	}
}

static void idle(void *unused)
{
	for (;;) {
		interleave_step();
	}
}

static struct coroutine *make(void (*entry)(void *arg), void *arg)
{
	kassert(count < THREADS);
	struct coroutine *c = &coroutines[count++];
	*c = (struct coroutine){ .entry = entry, .arg = arg, .thread = { .state = THREAD_RUNNABLE, .tid = count } };
	c->stack = malloc(STACK);
	getcontext(&c->context);
	c->context.uc_stack.ss_sp = c->stack;
	c->context.uc_stack.ss_size = STACK;
	makecontext(&c->context, run, 0);
	return c;
}

struct thread *interleave_start(void (*entry)(void *arg), void *arg)
{
	return &make(entry, arg)->thread;
}

struct thread *thread_create(const char *name, void (*entry)(void *arg), void *arg)
{
	struct coroutine *c = make(entry, arg);
	c->endless = true;
	return &c->thread;
}

void interleave_begin(unsigned processors, void (*interrupt)(void))
{
	const char *given = getenv("SEED");
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)t.tv_sec * 1000000007 + (uint64_t)t.tv_nsec;
	printf("SEED=%llu\n", (unsigned long long)random_state);
	fflush(stdout);
	memset(cpus, 0, sizeof(cpus));
	memset(asked, 0, sizeof(asked));
	cpu_count = processors;
	count = here = 0;
	now_ns = 1;
	serve = interrupt;
	for (unsigned i = 0; i < processors; i++) {
		struct coroutine *c = make(idle, NULL);
		c->idle = c->on = true;
		c->thread.cpu = i;
		cpus[i] = (struct cpu){ .self = &cpus[i], .index = i, .current = &c->thread };
	}
	first = make(idle, NULL);
	place(0, first);
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[0]);
}

void interleave_run(void)
{
	if (!all_ended()) {
		first->thread.state = THREAD_SLEEPING;
	}
	while (first->thread.state == THREAD_SLEEPING) {
		interleave_step();
	}
}

void interleave_end(void)
{
	for (unsigned i = 0; i < count; i++) {
		free(coroutines[i].stack);
	}
}

/* ---- kernel/lock.h ---- */
void spin_lock(spinlock_t *lock)
{
	interleave_step();
	cpus[here].spin_depth++;
	while (lock->held) {
		interleave_step();
	}
	lock->held = 1;
}

void spin_unlock(spinlock_t *lock)
{
	kassert(lock->held && cpus[here].spin_depth > 0);
	lock->held = 0;
	cpus[here].spin_depth--;
	interleave_step();
}

static void wake(struct waitq *q, unsigned most)
{
	spin_lock(&q->lock);
	for (struct list *node; most-- > 0 && (node = list_pop_front(&q->waiters)) != NULL;) {
		struct waiter *w = container_of(node, struct waiter, link);
		w->woken = true;
		w->thread->wake_pending = true;
		if (w->thread->state == THREAD_SLEEPING) {
			w->thread->state = THREAD_RUNNABLE;
		}
	}
	spin_unlock(&q->lock);
}

void waitq_wake_one(struct waitq *q)
{
	wake(q, 1);
}

void waitq_wake_all(struct waitq *q)
{
	wake(q, UINT32_MAX);
}

void thread_wake(struct thread *thread)
{
	thread->wake_pending = true;
	if (thread->state == THREAD_SLEEPING) {
		thread->state = THREAD_RUNNABLE;
	}
	interleave_step();
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
	*w = (struct waiter){ .thread = thread_current(), .queue = q };
	w->thread->waiter_count++;
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
	w->thread->waiter_count--;
	spin_unlock(&w->queue->lock);
}

int wait_sleep(uint64_t deadline_ns, bool interruptible)
{
	struct coroutine *c = own();
	struct thread *t = &c->thread;
	kassert(cpus[here].spin_depth == 0 && cpus[here].interrupt_depth == 0);
	t->timed_out = false;
	c->deadline_ns = deadline_ns;
	if (!t->wake_pending) {
		t->state = THREAD_SLEEPING;
	}
	while (t->state == THREAD_SLEEPING) {
		interleave_step();
	}
	bool woken = t->wake_pending;
	t->wake_pending = false;
	return woken ? 0 : -ETIMEDOUT;
}

/* ---- interrupts ---- */
uint64_t interrupts_save(void)
{
	cpus[here].spin_depth++;
	return 0;
}

void interrupts_restore(uint64_t flags)
{
	cpus[here].spin_depth--;
	interleave_step();
}

void ipi_send(uint64_t cpu_mask, enum ipi what)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		asked[i] = asked[i] || (cpu_mask >> i & 1);
	}
	interleave_step();
}

/* ---- what the compiler calls at each load and store ---- */
#define STEP_AT(name, ...)            \
	void name(__VA_ARGS__);       \
	void name(__VA_ARGS__)        \
	{                             \
		interleave_step();    \
	}
void __tsan_init(void);
void __tsan_init(void)
{
}
STEP_AT(__tsan_read1, void *at)
STEP_AT(__tsan_read2, void *at)
STEP_AT(__tsan_read4, void *at)
STEP_AT(__tsan_read8, void *at)
STEP_AT(__tsan_read16, void *at)
STEP_AT(__tsan_write1, void *at)
STEP_AT(__tsan_write2, void *at)
STEP_AT(__tsan_write4, void *at)
STEP_AT(__tsan_write8, void *at)
STEP_AT(__tsan_write16, void *at)
STEP_AT(__tsan_read_range, void *at, long bytes)
STEP_AT(__tsan_write_range, void *at, long bytes)

#define ATOMICS(bits, type)                                                                                \
	type __tsan_atomic##bits##_load(const volatile void *at, int order);                               \
	void __tsan_atomic##bits##_store(volatile void *at, type value, int order);                        \
	type __tsan_atomic##bits##_fetch_add(volatile void *at, type value, int order);                    \
	type __tsan_atomic##bits##_load(const volatile void *at, int order)                                \
	{                                                                                                  \
		interleave_step();                                                                         \
		return __atomic_load_n((const volatile type *)at, __ATOMIC_SEQ_CST);                       \
	}                                                                                                  \
	void __tsan_atomic##bits##_store(volatile void *at, type value, int order)                         \
	{                                                                                                  \
		interleave_step();                                                                         \
		__atomic_store_n((volatile type *)at, value, __ATOMIC_SEQ_CST);                            \
	}                                                                                                  \
	type __tsan_atomic##bits##_fetch_add(volatile void *at, type value, int order)                     \
	{                                                                                                  \
		interleave_step();                                                                         \
		return __atomic_fetch_add((volatile type *)at, value, __ATOMIC_SEQ_CST);                   \
	}
ATOMICS(32, unsigned int)
ATOMICS(64, unsigned long)
