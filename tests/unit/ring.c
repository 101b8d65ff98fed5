/* SPDX-License-Identifier: MIT */
/*
 * Both halves of the virtqueue against each other, against a hostile peer, and through deaths of the back half.
 * The replay test kills the back half in every call, with any part of the call's stores done and garbage over the used ring,
 * and checks against a model disk that each request is completed exactly once, none lost, none torn.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "virtio/ring_back.h"
#include "virtio/ring_front.h"

#define SIZE 16
#define TABLE 8
#define SECTORS 32

/* The shared memory, at "guest-physical" 0x10000. */
#define BASE 0x10000ull
struct shared {
	struct vring_desc desc[SIZE];
	struct vring_desc tables[SIZE * TABLE];
	struct virtio_blk_header headers[SIZE];
	uint16_t avail[2 + SIZE + 1];
	uint64_t data[SIZE];
	/* What the back half may write. */
	_Alignas(16) uint16_t used[2 + 4 * SIZE + 1 + 1];
	uint8_t status[SIZE];
};

struct bench {
	struct shared *memory;
	struct ring_front front;
	struct ring_back back;
	struct ring_access access;
	unsigned forbidden; /* addresses that the window refused */
	/* The front's private records. */
	struct { uint64_t serial, value; uint32_t type, sector; unsigned done; } requests[4096];
	unsigned request_count;
	unsigned by_id[SIZE];
	/* The device: taken chains, finished in any order. */
	struct { struct ring_chain chain; bool busy; } active[SIZE];
	uint64_t disk[SECTORS];
};

static void *bench_cpu(void *owner, uint64_t gpa, uint64_t bytes, bool write)
{
	struct bench *b = owner;
	uint64_t first = write ? offsetof(struct shared, used) : 0;
	if (gpa < BASE + first || bytes > sizeof(struct shared) || gpa - BASE > sizeof(struct shared) - bytes) {
		b->forbidden++;
		return NULL;
	}
	return (char *)b->memory + (gpa - BASE);
}

static uint64_t gpa_of(struct bench *b, void *p)
{
	return BASE + (uint64_t)((char *)p - (char *)b->memory);
}

static unsigned describe(void *owner, uint16_t id, struct vring_desc *table)
{
	struct bench *b = owner;
	unsigned r = b->by_id[id];
	b->memory->headers[id] = (struct virtio_blk_header){ .type = b->requests[r].type, .sector = b->requests[r].sector };
	b->memory->status[id] = 0xff;
	b->memory->data[id] = b->requests[r].type == VIRTIO_BLK_T_OUT ? b->requests[r].value : 0;
	table[0] = (struct vring_desc){ gpa_of(b, &b->memory->headers[id]), 16, VRING_DESC_NEXT, 1 };
	table[1] = (struct vring_desc){ gpa_of(b, &b->memory->data[id]), 8,
		VRING_DESC_NEXT | (b->requests[r].type == VIRTIO_BLK_T_IN ? VRING_DESC_WRITE : 0), 2 };
	table[2] = (struct vring_desc){ gpa_of(b, &b->memory->status[id]), 1, VRING_DESC_WRITE, 0 };
	return 3;
}

static int back_start(struct bench *b, bool event_idx)
{
	memset(b->active, 0, sizeof(b->active));
	return ring_back_init(&b->back, &b->access, SIZE, gpa_of(b, b->memory->desc), gpa_of(b, b->memory->avail),
		gpa_of(b, b->memory->used), event_idx);
}

static struct bench *bench_new(bool event_idx)
{
	struct bench *b = calloc(1, sizeof(*b));
	b->memory = aligned_alloc(64, (sizeof(struct shared) + 63) & ~63ull);
	memset(b->memory, 0, sizeof(*b->memory));
	b->access = (struct ring_access){ bench_cpu, b };
	struct ring_front_setup setup = { .size = SIZE, .table_entries = TABLE, .event_idx = event_idx, .in_order = true,
		.desc = b->memory->desc, .avail = (void *)b->memory->avail, .used = (void *)b->memory->used,
		.tables = b->memory->tables, .tables_bus = gpa_of(b, b->memory->tables), .describe = describe, .owner = b };
	assert_int_equal(ring_front_init(&b->front, &setup), 0);
	assert_int_equal(back_start(b, event_idx), 0);
	return b;
}

static void bench_free(struct bench *b)
{
	free(b->memory);
	free(b);
}

static bool front_submit(struct bench *b)
{
	int id = ring_front_id(&b->front);
	if (id < 0 || b->request_count == 4096) {
		assert_int_equal(ring_front_in_flight(&b->front), id < 0 ? SIZE : ring_front_in_flight(&b->front));
		if (id >= 0) {
			b->front.free[b->front.free_count++] = (uint16_t)id;
		}
		return false;
	}
	unsigned r = b->request_count++;
	b->requests[r].serial = r;
	b->requests[r].type = random() & 1 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	b->requests[r].sector = (uint32_t)(r % SECTORS); /* two in flight never meet: the ring is shorter */
	b->requests[r].value = (uint64_t)random() << 20 | r;
	b->by_id[id] = r;
	ring_front_submit(&b->front, (uint16_t)id);
	return true;
}

static uint64_t truth(struct bench *b, unsigned r)
{
	for (unsigned earlier = r; earlier-- > 0;) {
		if (b->requests[earlier].sector == b->requests[r].sector && b->requests[earlier].type == VIRTIO_BLK_T_OUT) {
			return b->requests[earlier].value;
		}
	}
	return 0;
}

/* Take all valid completions. 0, or -EPROTO where the ring is impossible. */
static int front_collect(struct bench *b)
{
	struct ring_completion c;
	int got;
	while ((got = ring_front_peek(&b->front, &c)) == 1) {
		unsigned r = b->by_id[c.id];
		if (b->memory->status[c.id] != VIRTIO_BLK_S_OK || c.len != c.writable) {
			return -EPROTO;
		}
		assert_int_equal(b->requests[r].done++, 0);
		if (b->requests[r].type == VIRTIO_BLK_T_IN) {
			assert_int_equal(b->memory->data[c.id], truth(b, r));
		} else {
			assert_int_equal(b->disk[b->requests[r].sector], b->requests[r].value);
		}
		ring_front_accept(&b->front, &c);
	}
	return got;
}

static bool back_take(struct bench *b)
{
	struct ring_chain chain;
	int got = ring_back_take(&b->back, &chain);
	assert_in_range(got, 0, 1);
	unsigned i = 0;
	while (got && b->active[i].busy) {
		i++;
		assert_true(i < SIZE); /* more chains taken than the ring holds */
	}
	if (got) {
		b->active[i].chain = chain;
		b->active[i].busy = true;
	}
	return got;
}

/* The device does one active request, whichever. */
static bool back_do(struct bench *b)
{
	unsigned start = (unsigned)random() % SIZE;
	for (unsigned n = 0; n < SIZE; n++) {
		unsigned i = (start + n) % SIZE;
		if (!b->active[i].busy) {
			continue;
		}
		struct ring_chain *c = &b->active[i].chain;
		assert_int_equal(c->count, 3);
		struct virtio_blk_header *h = bench_cpu(b, c->segments[0].gpa, 16, false);
		uint64_t *data = (void *)((char *)b->memory + (c->segments[1].gpa - BASE));
		unsigned id = (unsigned)(h - b->memory->headers), r = b->by_id[id];
		assert_int_equal(b->requests[r].done, 0); /* nothing is done again once it was reported */
		if (h->type == VIRTIO_BLK_T_OUT) {
			b->disk[h->sector] = *data;
		} else {
			*data = b->disk[h->sector];
		}
		*(uint8_t *)bench_cpu(b, c->segments[2].gpa, 1, true) = VIRTIO_BLK_S_OK;
		ring_back_complete(&b->back, c->position, h->type == VIRTIO_BLK_T_IN ? 9 : 1);
		b->active[i].busy = false;
		return true;
	}
	return false;
}

static void finish(struct bench *b)
{
	while (ring_front_in_flight(&b->front)) {
		while (back_take(b)) {
		}
		while (back_do(b)) {
		}
		ring_back_publish(&b->back);
		assert_int_equal(front_collect(b), 0);
	}
	for (unsigned r = 0; r < b->request_count; r++) {
		assert_int_equal(b->requests[r].done, 1);
	}
	assert_int_equal(b->front.free_count, SIZE);
	assert_int_equal(b->forbidden, 0);
}

static void halves_agree(void **state)
{
	srandom(1);
	struct bench *b = bench_new(true);
	while (b->request_count < 4096) {
		switch (random() % 5) {
		case 0:
		case 1: front_submit(b); break;
		case 2: back_take(b); break;
		case 3: back_do(b); break;
		case 4: ring_back_publish(&b->back); assert_int_equal(front_collect(b), 0); break;
		}
	}
	finish(b);
	bench_free(b);
}

/* Each side acts on notifications only. If one were lost, the loop would stop with requests in flight. */
static void notifications(void **state, bool event_idx)
{
	srandom(2);
	struct bench *b = bench_new(event_idx);
	bool kick = false, signal = false;
	unsigned kicks = 0;
	ring_back_arm(&b->back, 0);
	ring_front_arm(&b->front);
	while (b->request_count < 4096 || ring_front_in_flight(&b->front)) {
		for (unsigned n = (unsigned)random() % 6; n > 0; n--) {
			front_submit(b);
		}
		kick |= ring_front_kick(&b->front);
		if (kick) {
			kicks++;
			do {
				while (back_take(b)) {
				}
			} while (ring_back_arm(&b->back, 0));
			kick = false;
		}
		for (unsigned n = (unsigned)random() % 4; n > 0 && back_do(b); n--) {
		}
		signal |= ring_back_publish(&b->back);
		if (signal) {
			do {
				assert_int_equal(front_collect(b), 0);
			} while (ring_front_arm(&b->front));
			signal = false;
		}
		bool device_busy = false;
		for (unsigned i = 0; i < SIZE; i++) {
			device_busy |= b->active[i].busy;
		}
		if (!device_busy && ring_front_in_flight(&b->front) == SIZE) {
			assert_int_equal(b->back.taken == b->front.next_avail && !ring_back_publish(&b->back), 0);
		}
	}
	assert_true(kicks > 0);
	finish(b);
	bench_free(b);
}

static void notifications_by_event_index(void **state)
{
	notifications(state, true);
}

static void notifications_by_flags(void **state)
{
	notifications(state, false);
}

static void scribble(void *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		((uint8_t *)at)[i] = (uint8_t)(random() >> 7);
	}
}

/* The back half over memory that a hostile front end writes: the sanitizer watches, counts stay bounded. */
static void back_survives_hostile_front(void **state)
{
	srandom(3);
	struct bench *b = bench_new(true);
	unsigned bad = 0, dead = 0, taken = 0;
	for (unsigned n = 0; n < 200000; n++) {
		struct shared *m = b->memory;
		if (n % 3 == 0) {
			scribble((char *)m + (size_t)random() % (sizeof(*m) - 8), 8);
		}
		struct vring_desc *d = random() & 1 ? &m->desc[random() % SIZE] : &m->tables[random() % (SIZE * TABLE)];
		*d = (struct vring_desc){ BASE + (uint64_t)random() % sizeof(*m) / 16 * 16, (uint32_t)(random() % 5 * 16),
			(uint16_t)(random() % 8), (uint16_t)(random() % (SIZE + 1)) };
		m->avail[1] = (uint16_t)(b->back.published + random() % (SIZE + 2));
		m->avail[2 + random() % SIZE] = (uint16_t)(random() % (SIZE + 1));
		struct ring_chain chain;
		int got = ring_back_take(&b->back, &chain);
		if (got == 1 || got == -EINVAL) {
			got == 1 ? taken++ : bad++;
			assert_in_range(chain.count, got == 1 ? 1 : 0, RING_CHAIN_MAX);
			ring_back_complete(&b->back, chain.position, (uint32_t)random());
			ring_back_publish(&b->back);
		} else if (got == -EPROTO) {
			dead++;
		}
		assert_in_range(ring_back_in_flight(&b->back), 0, SIZE);
		ring_back_arm(&b->back, 0);
	}
	assert_true(bad > 1000 && dead > 1000 && taken > 1000 && b->forbidden > 100);
	bench_free(b);
}

/* Something like a pair, with one thing or another wrong at times. */
static void throw_pair(struct bench *b)
{
	static const uint32_t lengths[] = { 0, 8, 12, 2048 };
	struct shared *m = b->memory;
	unsigned head = (unsigned)random() % (SIZE + (random() % 16 == 0));
	for (unsigned i = 0; i < 2; i++) {
		uint16_t flags = random() % 8 ? (uint16_t)(VRING_DESC_WRITE | (i ? 0 : VRING_DESC_NEXT)) : (uint16_t)(random() % 8);
		m->tables[i] = (struct vring_desc){ BASE + (uint64_t)random() % sizeof(*m), lengths[random() % 4], flags, random() % 8 ? 1 : 2 };
	}
	uint64_t at = gpa_of(b, m->tables) + (random() % 8 ? 0 : (uint64_t)random() % 4096 * 8);
	m->desc[head % SIZE] = (struct vring_desc){ random() % 16 ? at : (uint64_t)random() << 32, random() % 8 ? 32 : 48,
		random() % 8 ? VRING_DESC_INDIRECT : (uint16_t)(random() % 8), 0 };
	m->avail[2 + b->back.taken % SIZE] = (uint16_t)head;
	m->avail[1] = (uint16_t)(b->back.taken + 1);
}

/* A pair is what ring_back_take would have taken; what is none is left as it was. */
static void a_pair_is_the_chain(void **state)
{
	srandom(11);
	struct bench *b = bench_new(true);
	const struct ring_span span = { gpa_of(b, b->memory->tables), sizeof(b->memory->tables), b->memory->tables };
	unsigned pairs = 0, empty = 0, others = 0, refused = 0;
	for (unsigned n = 0; n < 100000; n++) {
		struct ring_pair pair;
		struct ring_chain chain;
		throw_pair(b);
		struct ring_back before = b->back, other = b->back;
		int got = ring_back_take(&other, &chain);
		assert_int_equal(ring_back_available(&b->back), 1);
		if (ring_back_take_pair(&b->back, &span, &pair)) {
			bool whole = pair.segments[0].len && pair.segments[1].len;
			pairs++;
			empty += !whole;
			assert_int_equal(got, whole ? 1 : -EINVAL);
			for (unsigned i = 0; whole && i < 2; i++) {
				assert_int_equal(pair.segments[i].gpa, chain.segments[i].gpa);
				assert_int_equal(pair.segments[i].len, chain.segments[i].len);
				assert_true(pair.segments[i].write && chain.segments[i].write);
			}
			assert_int_equal(chain.count, whole ? 2 : chain.count);
			assert_int_equal(pair.position, chain.position);
			assert_int_equal(b->back.entries[pair.position % SIZE].head, other.entries[pair.position % SIZE].head);
			assert_int_equal(b->back.taken, other.taken);
		} else {
			got == 1 ? others++ : refused++;
			assert_memory_equal(&b->back, &before, sizeof(before));
			b->back = other;
		}
		ring_back_complete(&b->back, chain.position, 0);
		ring_back_publish(&b->back);
	}
	assert_true(pairs > 10000 && empty > 1000 && others > 1000 && refused > 1000);
	bench_free(b);
}

/* A ring whose requests are all alike describes only what differs, and all of it to a new back half. */
static unsigned describe_alike(void *owner, uint16_t id, struct vring_desc *table)
{
	struct bench *b = owner;
	table[0] = (struct vring_desc){ gpa_of(b, &b->memory->data[id]), 8, VRING_DESC_WRITE, 0 };
	return 1;
}

static void requests_may_be_alike(void **state)
{
	struct bench *b = bench_new(true);
	struct ring_front_setup setup = b->front.s;
	struct ring_chain chain;
	struct ring_completion c;
	setup.describe = describe_alike;
	setup.table_entries = 1;
	setup.writable = 8;
	assert_int_equal(ring_front_init(&b->front, &setup), 0);
	for (unsigned n = 0; n < 10 * SIZE; n++) {
		int id = ring_front_id(&b->front);
		ring_front_submit(&b->front, (uint16_t)id);
		if (n % 3 == 0) {
			ring_front_rebuild(&b->front);
			assert_int_equal(back_start(b, true), 0);
		}
		assert_int_equal(ring_back_take(&b->back, &chain), 1);
		assert_int_equal(chain.count, 1);
		assert_int_equal(chain.segments[0].gpa, gpa_of(b, &b->memory->data[id]));
		ring_back_complete(&b->back, chain.position, n % 9);
		ring_back_publish(&b->back);
		assert_int_equal(ring_front_peek(&b->front, &c), 1);
		assert_int_equal(c.len, n % 9);
		assert_int_equal(c.writable, 8);
		ring_front_accept(&b->front, &c);
	}
	ring_front_submit(&b->front, (uint16_t)ring_front_id(&b->front));
	assert_int_equal(ring_back_take(&b->back, &chain), 1);
	ring_back_complete(&b->back, chain.position, 9); /* more than there is room for */
	ring_back_publish(&b->back);
	assert_int_equal(ring_front_peek(&b->front, &c), -EPROTO);
	bench_free(b);
}

static void back_refuses_rings_it_may_not_reach(void **state)
{
	struct bench *b = bench_new(true);
	uint64_t desc = gpa_of(b, b->memory->desc), avail = gpa_of(b, b->memory->avail), used = gpa_of(b, b->memory->used);
	struct ring_back r;
	assert_int_equal(ring_back_init(&r, &b->access, 12, desc, avail, used, true), -EINVAL);
	assert_int_equal(ring_back_init(&r, &b->access, 0, desc, avail, used, true), -EINVAL);
	assert_int_equal(ring_back_init(&r, &b->access, 512, desc, avail, used, true), -EINVAL);
	assert_int_equal(ring_back_init(&r, &b->access, SIZE, desc + 8, avail, used, true), -EFAULT);
	assert_int_equal(ring_back_init(&r, &b->access, SIZE, BASE - 0x1000, avail, used, true), -EFAULT);
	assert_int_equal(ring_back_init(&r, &b->access, SIZE, desc, ~0ull - 1, used, true), -EFAULT);
	assert_int_equal(ring_back_init(&r, &b->access, SIZE, desc, avail, desc, true), -EFAULT); /* read-only */
	bench_free(b);
}

/* The front half over a used ring that the back half writes at will: nothing completes that was not outstanding, in order. */
static void front_survives_hostile_back(void **state)
{
	srandom(4);
	struct bench *b = bench_new(true);
	unsigned accepted = 0, refused = 0;
	uint16_t next = 0;
	for (unsigned n = 0; n < 100000; n++) {
		int id = ring_front_id(&b->front);
		if (id >= 0) {
			b->by_id[id] = 0;
			ring_front_submit(&b->front, (uint16_t)id);
		}
		struct vring_used *used = (void *)b->memory->used;
		used->idx = (uint16_t)(b->front.next_used + random() % (SIZE + 3));
		for (unsigned i = 0; i < SIZE; i++) {
			used->ring[i] = (struct vring_used_elem){ (uint32_t)random() % (SIZE + 2), (uint32_t)random() % 12 };
		}
		struct ring_completion c;
		int got = ring_front_peek(&b->front, &c);
		refused += got == -EPROTO;
		if (got == 1) {
			assert_true(c.len <= 9 && b->front.records[c.id].outstanding);
			assert_int_equal(c.id, b->front.order[next++ & (SIZE - 1)]);
			ring_front_accept(&b->front, &c);
			accepted++;
		}
		assert_in_range(ring_front_in_flight(&b->front), 0, SIZE);
		ring_front_kick(&b->front);
		ring_front_arm(&b->front);
	}
	assert_true(accepted > 100 && refused > 1000);
	bench_free(b);
}

/* The dying back half's last call has done only some of its stores, and then wild ones over the used ring. */
static void die(struct bench *b, const struct shared *before)
{
	uint8_t *now = (uint8_t *)b->memory->used;
	const uint8_t *old = (const uint8_t *)before->used;
	size_t bytes = sizeof(struct shared) - offsetof(struct shared, used);
	unsigned lost = (unsigned)random() % 3; /* none, some, all of them lost */
	for (size_t i = 0; i < bytes; i++) {
		if (lost == 2 || (lost == 1 && (random() & 1))) {
			now[i] = old[i];
		}
	}
	struct vring_used *used = (void *)b->memory->used;
	switch (random() % 4) {
	case 0:
		break;
	case 1: /* garbage entries */
		scribble(used->ring, SIZE * sizeof(struct vring_used_elem));
		break;
	case 2: /* the index runs ahead over entries of earlier rounds */
		used->idx = (uint16_t)(used->idx + random() % SIZE);
		break;
	case 3:
		scribble(used, ring_used_bytes(SIZE));
		break;
	}
}

static void one_death(unsigned seed, unsigned fatal)
{
	srandom(seed);
	struct bench *b = bench_new(true);
	struct shared before;
	for (unsigned call = 0; call < fatal + 40; call++) {
		before = *b->memory;
		for (unsigned n = (unsigned)random() % 4; n > 0; n--) {
			front_submit(b);
			before = *b->memory;
		}
		switch (random() % 4) {
		case 0: back_take(b); break;
		case 1: back_do(b); break;
		case 2: ring_back_publish(&b->back); break;
		case 3: ring_back_arm(&b->back, 0); break;
		}
		if (call == fatal || call == fatal + 5) {
			die(b, &before);
			front_collect(b); /* what it finds valid; the first impossible entry ends it */
			ring_front_rebuild(&b->front);
			assert_int_equal(back_start(b, true), 0);
			assert_int_equal(ring_back_in_flight(&b->back), 0);
		} else {
			assert_int_equal(front_collect(b), 0);
		}
	}
	finish(b);
	bench_free(b);
}

static void replay_is_lossless(void **state)
{
	for (unsigned seed = 0; seed < 40; seed++) {
		for (unsigned fatal = 0; fatal < 60; fatal++) {
			one_death(seed * 1000 + fatal, fatal);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_agree),
		cmocka_unit_test(notifications_by_event_index),
		cmocka_unit_test(notifications_by_flags),
		cmocka_unit_test(back_survives_hostile_front),
		cmocka_unit_test(a_pair_is_the_chain),
		cmocka_unit_test(requests_may_be_alike),
		cmocka_unit_test(back_refuses_rings_it_may_not_reach),
		cmocka_unit_test(front_survives_hostile_back),
		cmocka_unit_test(replay_is_lossless),
	};
	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
