/* SPDX-License-Identifier: MIT */
/*
 * Lock watching. Every class that is taken while another one is held makes an edge between the two, kept with the stack of its first
 * time. A new edge that closes a circle is an order reversal: two threads could wait for each other, whether they ever do or not. A spin
 * lock's class that an interrupt handler takes must never be held with interrupts on. Nothing sleeps under a spin lock, in a section
 * of reads without locks, or in an interrupt handler. A lock that is taken where its class is held already is a recursion, unless
 * the class has an order of its own among its locks (docs/locking.md).
 * The graph is under watch_lock, a bare one: what is watched must not be watched for. Edges that are known cost no lock.
 */
#include "sched/lock_watch.h"
#include "arch/cpu.h"
#include "arch/symbol.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"

#define CLASSES 128u
#define EDGES 2048u
#define HELD 12u
#define ALIASES 512u

struct class {
	const char *name;
	bool mutex; /* a mutex and a spin lock of one name are two classes */
	uint64_t taken, waited; /* how often; spin locks */
	bool nests, seen_in_interrupt, seen_open, seen;
	struct trace in_interrupt, open, first;
};

struct edge {
	uint8_t from, to;
	struct trace trace; /* where `to` was taken */
};

struct held_locks { /* at the lowest addresses of a thread's stack */
	unsigned count;
	struct {
		const void *lock;
		uint8_t class;
		struct trace trace;
	} held[HELD];
};

/*
 * Their locks are taken by index, parent before child, by address; of two address spaces the second is new and nobody else's; a set of files
 * that is in another set wakes those who wait for that one, and sets are never in a circle.
 */
static const char *const nesting[] = { "run queue", "inode", "socket", "address space", "epoll waiters" };

static struct class classes[CLASSES];
static unsigned class_count;
static struct {
	uintptr_t key; /* the name's address and the kind: equal names of several files need not be one string */
	uint8_t class;
} aliases[ALIASES];
static uint16_t edge_of[CLASSES][CLASSES]; /* index in edges + 1 */
static struct edge edges[EDGES];
static unsigned edge_count;
static struct held_locks spins[CPU_MAX];
static bool reporting[CPU_MAX];
static uint32_t watch_lock;
extern bool lock_watch_tolerant;

/*
 * Returns what watch_leave() takes. Interrupts are off meanwhile: mutexes come here with them on, and on who is interrupted or preempted with
 * the lock another processor would spin with its interrupts off, which a shootdown here may then wait for.
 */
static uint64_t watch_enter(void)
{
	uint64_t flags = interrupts_save();
	while (__atomic_exchange_n(&watch_lock, 1, __ATOMIC_ACQUIRE)) {
		cpu_relax();
	}
	return flags;
}

static void watch_leave(uint64_t flags)
{
	__atomic_store_n(&watch_lock, 0, __ATOMIC_RELEASE);
	interrupts_restore(flags);
}

static unsigned class_new(const char *name, bool mutex)
{
	unsigned i = 0;
	while (i < class_count && (classes[i].mutex != mutex || strcmp(classes[i].name, name) != 0)) {
		i++;
	}
	if (i == class_count) {
		if (class_count == CLASSES) {
			kernel_panic("more lock classes than %u", CLASSES);
		}
		classes[i].name = name;
		classes[i].mutex = mutex;
		for (unsigned n = 0; n < sizeof(nesting) / sizeof(nesting[0]); n++) {
			classes[i].nests |= strcmp(nesting[n], name) == 0;
		}
		class_count++;
	}
	return i;
}

static unsigned class_of(const char *name, bool mutex)
{
	uintptr_t key = (uintptr_t)name * 2 + mutex;
	unsigned at = (unsigned)(key * 2654435761u >> 7) % ALIASES;
	for (;; at = (at + 1) % ALIASES) {
		uintptr_t its = __atomic_load_n(&aliases[at].key, __ATOMIC_ACQUIRE);
		if (its == key) {
			return aliases[at].class;
		}
		if (!its) {
			break;
		}
	}
	uint64_t flags = watch_enter();
	while (aliases[at].key && aliases[at].key != key) {
		at = (at + 1) % ALIASES;
	}
	if (!aliases[at].key) {
		aliases[at].class = (uint8_t)class_new(name ? name : "nameless", mutex);
		__atomic_store_n(&aliases[at].key, key, __ATOMIC_RELEASE);
	}
	watch_leave(flags);
	return aliases[at].class;
}

/* Two stacks and what they have to do with each other. */
static void report(const char *text, const char *first, const struct trace *one, const char *second, const struct trace *two)
{
	uint64_t flags = interrupts_save();
	bool *mine = &reporting[cpu_current()->index];
	bool nested = *mine;
	*mine = true;
	if (!nested) {
		kprintf("lock watch: %s", text);
		kprintf("lock watch:  %s", first);
		trace_print("lock watch: ", one);
		kprintf("lock watch:  %s", second);
		trace_print("lock watch: ", two);
		if (!lock_watch_tolerant) {
			kernel_panic("lock watch: %s", text);
		}
		*mine = false;
	}
	interrupts_restore(flags);
}

#define REPORT(first, one, second, two, ...)                                 \
	do {                                                                 \
		char report_text[120];                                       \
		format_text(report_text, sizeof(report_text), __VA_ARGS__);  \
		report(report_text, first, one, second, two);                \
	} while (0)

/* The first edge of a shortest way from one class to another; 0: there is none. Under watch_lock. */
static unsigned way(unsigned from, unsigned to)
{
	static uint16_t first[CLASSES]; /* of the way to each class that was reached */
	static uint8_t reached[CLASSES];
	unsigned count = 1;
	memset(first, 0, sizeof(first));
	reached[0] = (uint8_t)from;
	for (unsigned i = 0; i < count && !first[to]; i++) {
		unsigned at = reached[i];
		for (unsigned next = 0; next < class_count; next++) {
			if (edge_of[at][next] && !first[next] && next != from) {
				first[next] = at == from ? edge_of[at][next] : first[at];
				reached[count++] = (uint8_t)next;
			}
		}
	}
	return first[to];
}

static void edge_add(unsigned from, unsigned to, const struct trace *trace)
{
	struct edge other = { 0 };
	uint64_t flags = watch_enter();
	unsigned back = edge_of[from][to] ? 0 : way(to, from);
	if (back) {
		other = edges[back - 1];
	}
	if (!edge_of[from][to] && edge_count < EDGES) {
		edges[edge_count] = (struct edge){ (uint8_t)from, (uint8_t)to, *trace };
		edge_of[from][to] = (uint16_t)++edge_count;
	}
	watch_leave(flags);
	if (back) {
		char second[120];
		format_text(second, sizeof(second), "\"%s\" while \"%s\" was held", classes[other.to].name, classes[other.from].name);
		REPORT("taken here", trace, second, &other.trace, "order reversal: \"%s\" is taken while \"%s\" is held", classes[to].name,
		       classes[from].name);
	}
}

static void edges_check(const struct held_locks *h, const void *lock, unsigned class, const struct trace *trace)
{
	for (unsigned i = 0; h && i < h->count; i++) {
		unsigned from = h->held[i].class;
		if (from == class && (h->held[i].lock == lock || !classes[class].nests)) {
			REPORT("taken here", trace, "held since here", &h->held[i].trace, "recursion: \"%s\" is taken while %s is held",
			       classes[class].name, h->held[i].lock == lock ? "it" : "another of its class");
		} else if (from != class && !edge_of[from][class]) {
			edge_add(from, class, trace);
		}
	}
}

static void held_add(struct held_locks *h, const void *lock, unsigned class, const struct trace *trace)
{
	if (h && h->count < HELD) {
		h->held[h->count].lock = lock;
		h->held[h->count].class = (uint8_t)class;
		h->held[h->count].trace = *trace;
		h->count++;
	}
}

static void held_remove(struct held_locks *h, const void *lock)
{
	unsigned i = h ? h->count : 0;
	while (i > 0 && h->held[i - 1].lock != lock) {
		i--;
	}
	if (i) {
		memmove(&h->held[i - 1], &h->held[i], (h->count - i) * sizeof(h->held[0]));
		h->count--;
	}
}

/* Both of a class's contexts are known by now. */
static void context_check(struct class *c)
{
	if (c->seen_in_interrupt && c->seen_open) {
		REPORT("held with interrupts on", &c->open, "taken in an interrupt", &c->in_interrupt,
		       "wrong context: \"%s\" is held with interrupts on, and taken in interrupts", c->name);
	}
}

static void opened(unsigned class, const struct trace *trace)
{
	struct class *c = &classes[class];
	if (!c->seen_open) {
		c->open = *trace;
		c->seen_open = true;
		context_check(c);
	}
}

void lock_watch_spin(const spinlock_t *lock, bool open)
{
	struct cpu *cpu = cpu_current();
	struct held_locks *h = &spins[cpu->index];
	const struct thread *thread = cpu->current;
	struct trace trace;
	if (reporting[cpu->index] || kernel_panicking()) {
		return;
	}
	unsigned class = class_of(lock->name, false);
	struct class *c = &classes[class];
	__atomic_fetch_add(&c->taken, 1, __ATOMIC_RELAXED);
	trace_take(&trace, 1);
	for (unsigned i = 0; open && i < h->count; i++) {
		opened(h->held[i].class, &h->held[i].trace);
	}
	edges_check(h, lock, class, &trace);
	if (cpu->interrupt_depth && !c->seen_in_interrupt) {
		c->in_interrupt = trace;
		c->seen_in_interrupt = true;
		context_check(c);
	}
	if (!cpu->interrupt_depth && thread) {
		edges_check(thread->held, lock, class, &trace);
	}
	held_add(h, lock, class, &trace);
}

void lock_watch_waits(const spinlock_t *lock)
{
	if (!reporting[cpu_current()->index]) {
		__atomic_fetch_add(&classes[class_of(lock->name, false)].waited, 1, __ATOMIC_RELAXED);
	}
}

void lock_watch_count(void)
{
	if (!cmdline_option("lock-count", NULL, 0)) {
		return;
	}
	for (unsigned i = 0; i < class_count; i++) {
		if (!classes[i].mutex) {
			kprintf("lock-count: \"%s\" taken %lu times, waited for %lu times", classes[i].name, classes[i].taken, classes[i].waited);
		}
	}
}

void lock_watch_spin_end(const spinlock_t *lock)
{
	struct cpu *cpu = cpu_current();
	struct held_locks *h = &spins[cpu->index];
	if (reporting[cpu->index] || kernel_panicking()) {
		return;
	}
	for (unsigned i = 0; interrupts_enabled() && i < h->count; i++) {
		opened(h->held[i].class, &h->held[i].trace);
	}
	held_remove(h, lock);
}

void lock_watch_mutex(const struct mutex *m)
{
	struct thread *thread = thread_current();
	unsigned class = class_of(m->lock.name, true);
	struct class *c = &classes[class];
	struct trace trace;
	trace_take(&trace, 1);
	if (cpu_read(interrupt_depth)) {
		REPORT("taken here", &trace, "first taken here", &c->first, "wrong context: \"%s\", a mutex, is taken in an interrupt", c->name);
		return;
	}
	lock_watch_sleep("a mutex");
	if (!c->seen) {
		c->first = trace;
		c->seen = true;
	}
	edges_check(thread->held, m, class, &trace);
	held_add(thread->held, m, class, &trace);
}

void lock_watch_mutex_end(const struct mutex *m)
{
	held_remove(thread_current()->held, m);
}

void lock_watch_sleep(const char *what)
{
	static const struct trace nowhere;
	uint64_t flags = interrupts_save();
	struct cpu *cpu = cpu_current();
	const struct held_locks *h = &spins[cpu->index];
	struct trace trace;
	if (!reporting[cpu->index] && (h->count || cpu->reading || cpu->interrupt_depth)) {
		trace_take(&trace, 1);
		if (h->count) {
			REPORT("sleeps here", &trace, "held since here", &h->held[h->count - 1].trace, "sleep for %s under a spin lock: \"%s\"", what,
			       classes[h->held[h->count - 1].class].name);
		} else {
			REPORT("sleeps here", &trace, "", &nowhere, "sleep for %s in %s", what,
			       cpu->reading ? "a section of reads without locks" : "an interrupt");
		}
	}
	interrupts_restore(flags);
}

struct held_locks *lock_watch_thread(void *stack)
{
	struct held_locks *h = stack;
	_Static_assert(sizeof(*h) <= 2048, "ci/reservations-debug says what is left of the stack");
	h->count = 0;
	return h;
}
