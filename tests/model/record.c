/* SPDX-License-Identifier: MIT */
/*
 * See record.h. The instrumentation calls before a plain store and does not tell the value: such a store is pending
 * until the next call, when it has taken place. An atomic access is made here.
 */
#include "record.h"

#include <string.h>

#define RANGES_MAX 16u

struct record_hooks record_hooks;

static struct {
	const char *start;
	size_t bytes;
} ranges[RANGES_MAX];
static unsigned range_count;

static struct {
	const void *at;
	unsigned bytes;
} pending;

#define HELD_MAX 16u

static struct held {
	volatile void *at;
	uint64_t value;
	unsigned bytes;
} late, last[HELD_MAX];
static unsigned last_count;

void record_watch(const void *start, size_t bytes)
{
	if (range_count < RANGES_MAX) {
		ranges[range_count].start = start;
		ranges[range_count++].bytes = bytes;
	}
}

void record_reset(void)
{
	range_count = 0;
	pending.at = NULL;
	late.at = NULL;
	last_count = 0;
	record_hooks = (struct record_hooks){ 0 };
}

static bool watched(const void *at)
{
	for (unsigned i = 0; i < range_count; i++) {
		if ((size_t)((const char *)at - ranges[i].start) < ranges[i].bytes) {
			return true;
		}
	}
	return false;
}

static void report(const void *at, unsigned bytes)
{
	if (record_hooks.stored && watched(at)) {
		record_hooks.stored(at, bytes);
	}
}

static void make(volatile void *at, uint64_t value, unsigned bytes)
{
	switch (bytes) {
	case 1:
		__atomic_store_n((volatile uint8_t *)at, (uint8_t)value, __ATOMIC_SEQ_CST);
		break;
	case 2:
		__atomic_store_n((volatile uint16_t *)at, (uint16_t)value, __ATOMIC_SEQ_CST);
		break;
	case 4:
		__atomic_store_n((volatile uint32_t *)at, (uint32_t)value, __ATOMIC_SEQ_CST);
		break;
	default:
		__atomic_store_n((volatile uint64_t *)at, value, __ATOMIC_SEQ_CST);
		break;
	}
	report((const void *)at, bytes);
}

static void release_late(void)
{
	if (late.at) {
		volatile void *then = late.at;
		late.at = NULL;
		make(then, late.value, late.bytes);
	}
}

static void settle_plain(void)
{
	if (pending.at) {
		const void *at = pending.at;
		pending.at = NULL;
		report(at, pending.bytes);
	}
}

void record_settle(void)
{
	settle_plain();
	release_late();
	for (unsigned i = 0; i < last_count; i++) {
		make(last[i].at, last[i].value, last[i].bytes);
	}
	last_count = 0;
}

static void plain_load(const void *at)
{
	settle_plain();
	if (record_hooks.loading && watched(at)) {
		record_hooks.loading(at);
	}
}

static void plain_store(const void *at, unsigned bytes)
{
	settle_plain();
	if (watched(at)) {
		pending.at = at;
		pending.bytes = bytes;
	}
}

static void moment(const volatile void *at)
{
	settle_plain();
	if (record_hooks.moment) {
		record_hooks.moment((const void *)at);
	}
}

static void store_torn(volatile uint64_t *at, uint64_t value)
{
	make(at, (uint32_t)value, 4);
	make((volatile uint32_t *)at + 1, value >> 32, 4);
}

static void store(volatile void *at, uint64_t value, unsigned bytes)
{
	bool asked = record_hooks.judge && watched((const void *)at);
	switch (asked ? record_hooks.judge((const void *)at, value, bytes) : RECORD_KEEP) {
	case RECORD_DROP:
		return;
	case RECORD_LATE:
		release_late();
		late = (struct held){ at, value, bytes };
		return;
	case RECORD_LAST:
		if (last_count < HELD_MAX) {
			last[last_count++] = (struct held){ at, value, bytes };
		}
		return;
	case RECORD_TORN:
		store_torn(at, value);
		return;
	case RECORD_CLEARED:
		make(at, 0, bytes);
		break;
	case RECORD_KEEP:
		break;
	}
	make(at, value, bytes);
	release_late();
}

/* What the compiler calls. */
#define PLAIN(bytes) \
	void __tsan_read##bytes(void *at); \
	void __tsan_write##bytes(void *at); \
	void __tsan_unaligned_read##bytes(void *at); \
	void __tsan_unaligned_write##bytes(void *at); \
	void __tsan_read##bytes(void *at) { plain_load(at); } \
	void __tsan_write##bytes(void *at) { plain_store(at, bytes); } \
	void __tsan_unaligned_read##bytes(void *at) { plain_load(at); } \
	void __tsan_unaligned_write##bytes(void *at) { plain_store(at, bytes); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_init(void);
void __tsan_read_range(void *at, long bytes);
void __tsan_write_range(void *at, long bytes);
void __tsan_atomic_thread_fence(int order);
void __tsan_init(void) { }
void __tsan_read_range(void *at, long bytes) { plain_load(at); }
void __tsan_write_range(void *at, long bytes) { plain_store(at, (unsigned)bytes); }
void __tsan_atomic_thread_fence(int order) { moment(NULL); }

#define CHANGE(bits, name) \
	uint##bits##_t __tsan_atomic##bits##_##name(volatile void *at, uint##bits##_t value, int order); \
	uint##bits##_t __tsan_atomic##bits##_##name(volatile void *at, uint##bits##_t value, int order) \
	{ \
		moment(at); \
		uint##bits##_t old = __atomic_##name##_SUFFIX((volatile uint##bits##_t *)at, value, __ATOMIC_SEQ_CST); \
		report((const void *)at, bits / 8); \
		return old; \
	}
#define __atomic_exchange_SUFFIX __atomic_exchange_n
#define __atomic_fetch_add_SUFFIX __atomic_fetch_add
#define __atomic_fetch_sub_SUFFIX __atomic_fetch_sub
#define __atomic_fetch_and_SUFFIX __atomic_fetch_and
#define __atomic_fetch_or_SUFFIX __atomic_fetch_or
#define __atomic_fetch_xor_SUFFIX __atomic_fetch_xor

#define ATOMIC(bits) \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile void *at, int order); \
	void __tsan_atomic##bits##_store(volatile void *at, uint##bits##_t value, int order); \
	bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *at, void *expected, \
							  uint##bits##_t value, int order, int failed); \
	bool __tsan_atomic##bits##_compare_exchange_weak(volatile void *at, void *expected, \
							uint##bits##_t value, int order, int failed); \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile void *at, int order) \
	{ \
		moment(at); \
		return __atomic_load_n((const volatile uint##bits##_t *)at, __ATOMIC_SEQ_CST); \
	} \
	void __tsan_atomic##bits##_store(volatile void *at, uint##bits##_t value, int order) \
	{ \
		moment(at); \
		store(at, value, bits / 8); \
	} \
	bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *at, void *expected, \
							  uint##bits##_t value, int order, int failed) \
	{ \
		moment(at); \
		bool done = __atomic_compare_exchange_n((volatile uint##bits##_t *)at, (uint##bits##_t *)expected, value, \
							 false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		if (done) { \
			report((const void *)at, bits / 8); \
		} \
		return done; \
	} \
	bool __tsan_atomic##bits##_compare_exchange_weak(volatile void *at, void *expected, \
							uint##bits##_t value, int order, int failed) \
	{ \
		return __tsan_atomic##bits##_compare_exchange_strong(at, expected, value, order, failed); \
	} \
	CHANGE(bits, exchange) \
	CHANGE(bits, fetch_add) \
	CHANGE(bits, fetch_sub) \
	CHANGE(bits, fetch_and) \
	CHANGE(bits, fetch_or) \
	CHANGE(bits, fetch_xor)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)
