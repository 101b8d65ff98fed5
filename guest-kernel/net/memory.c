/* SPDX-License-Identifier: MIT */
/*
 * lwIP's memory: pcbs, segments, headers of packets. It is never waited for, for that happens under the net lock: it comes from what
 * nobody else has reserved, leaves a good part of that, and at most an eighth of memory is lwIP's. What is refused costs a packet, which
 * TCP sends again. A system call that must not fail gives lwIP of its own reservation for its second try (net_memory_draw).
 * What is freed may be freed on any thread, without the lock. In front of each piece stands its size.
 */
#include "net/internal.h"
#include "net/net.h"

#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "net/lwip/hooks.h"

#define SHARE 8 /* of memory */
#define HEADER sizeof(uint64_t)
#define LARGEST 69632u /* a packet in one piece, which lwIP makes where a segment is larger than a window */

static size_t used; /* atomic */
static size_t most; /* constant */
static unsigned draws; /* net lock: see net_memory_draw() */

void net_memory_init(void)
{
	uint64_t total, free;
	memory_usage(&total, &free);
	most = total / SHARE * PAGE_SIZE;
}

void net_memory_usage(size_t *bytes, size_t *limit)
{
	*bytes = __atomic_load_n(&used, __ATOMIC_RELAXED);
	*limit = most;
}

bool net_memory_is_crowded(unsigned quarters)
{
	return __atomic_load_n(&used, __ATOMIC_RELAXED) / quarters > most / 4;
}

void net_memory_draw(unsigned count)
{
	draws = count;
}

void net_memory_draw_end(void)
{
	draws = 0;
}

void *net_memory_alloc(size_t bytes)
{
	size_t whole = bytes + HEADER;
	if (bytes > LARGEST || __atomic_load_n(&used, __ATOMIC_RELAXED) + whole > most) {
		return NULL;
	}
	reserve_optional_begin();
	uint64_t *memory = kmalloc(whole);
	reserve_optional_end();
	if (!memory && draws && whole <= PAGE_SIZE) {
		draws--;
		memory = kmalloc(whole);
	}
	if (!memory) {
		return NULL;
	}
	__atomic_fetch_add(&used, whole, __ATOMIC_RELAXED);
	*memory = whole;
	return memory + 1;
}

void *net_memory_alloc_zeroed(size_t count, size_t bytes)
{
	void *memory = net_memory_alloc(count * bytes); /* lwIP's own, small numbers */
	return memory ? memset(memory, 0, count * bytes) : NULL;
}

void net_memory_free(void *memory)
{
	uint64_t *whole = (uint64_t *)memory - 1;
	if (!memory) {
		return;
	}
	__atomic_fetch_sub(&used, *whole, __ATOMIC_RELAXED);
	kfree(whole);
}
