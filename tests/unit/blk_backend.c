/* SPDX-License-Identifier: MIT */
/* The virtio-blk back end over a RAM disk and over a disk that is slow: requests, refusals, grants, the link's life. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "abi/virtio.h"
#include "env/env.h"
#include "env/host.h"
#include "ramdisk/ramdisk.h"
#include "runtime/blk_backend.h"

#define SIZE 8
#define CPU_ALL (BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE)
#define DMA_ALL (BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE)
#define SECTORS 256

/* The front end's memory. */
struct front {
	struct vring_desc desc[SIZE];
	uint16_t avail[2 + SIZE + 1];
	_Alignas(4) uint16_t used[2 + 4 * SIZE + 1];
	struct virtio_blk_header header;
	uint8_t status;
	_Alignas(4096) uint8_t data[16 * 512]; /* granted for data */
	_Alignas(4096) uint8_t secret[4096]; /* not granted */
};

static struct front *front;
static struct bh_link link_page;
static struct ramdisk ramdisk;
static uint8_t media[SECTORS * 512];
static struct blk_backend backend;
static unsigned signals;
static uint64_t look; /* when the back end wants to be called again */

/* A disk that keeps requests until told. */
static struct blk_request *kept[SIZE];
static unsigned kept_count, kept_room = 2;
static uint64_t features = VIRTIO_F_VERSION_1;

static int slow_submit(struct blkdev *dev, struct blk_request *request)
{
	if (kept_count == kept_room) {
		return -EAGAIN;
	}
	kept[kept_count++] = request;
	return 0;
}

static const struct blkdev_ops slow_ops = { .submit = slow_submit };

static void slow_finish(unsigned index, int status)
{
	struct blk_request *request = kept[index];
	kept[index] = kept[--kept_count];
	request->done(request, status);
}

static void count_signal(void *arg)
{
	signals++;
}

static uint64_t gpa(const void *p)
{
	return (uint64_t)((const char *)p - (const char *)front);
}

static void start(uint32_t access)
{
	struct bh_queue *q = &link_page.queues[0];
	link_page.grants[0] = (struct bh_grant){ .gpa = 0, .len = gpa(front->data), .prot = CPU_ALL };
	link_page.grants[1] = (struct bh_grant){ .gpa = gpa(front->data), .len = sizeof(front->data), .prot = access };
	*q = (struct bh_queue){ .size = SIZE, .ready = 1, .desc = gpa(front->desc), .driver = gpa(front->avail),
		.device = gpa(front->used) };
	link_page.features = features;
	link_page.status = VIRTIO_STATUS_DRIVER_OK;
	link_page.state = BH_LINK_UP;
	assert_int_equal(blk_backend_init(&backend, &link_page, &ramdisk.dev, access, count_signal, NULL), 0);
}

static int set_up(void **state)
{
	front = aligned_alloc(4096, sizeof(*front));
	memset(front, 0, sizeof(*front));
	memset(&link_page, 0, sizeof(link_page));
	link_page.window = link_page.dma_window = (uintptr_t)front;
	link_page.front_memory = sizeof(*front);
	strcpy(link_page.peer, "guest");
	for (unsigned i = 0; i < sizeof(media); i++) {
		media[i] = (uint8_t)(i * 7 + i / 512);
	}
	assert_int_equal(ramdisk_init(&ramdisk, media, sizeof(media)), 0);
	signals = kept_count = 0;
	start(CPU_ALL);
	return 0;
}

static void drop_pool(void)
{
	while (backend.stalled) {
		struct blk_backend_request *r = backend.stalled;
		backend.stalled = NULL;
		r->next = backend.free;
		backend.free = r;
	}
	struct blk_backend_request *lowest = backend.free;
	unsigned count = 0;
	for (struct blk_backend_request *r = backend.free; r; r = r->next) {
		lowest = r < lowest ? r : lowest;
		count++;
	}
	assert_int_equal(count, (ramdisk.dev.depth < BLK_BACKEND_QUEUE ? ramdisk.dev.depth : BLK_BACKEND_QUEUE) + 1);
	free(lowest);
}

static int tear_down(void **state)
{
	while (kept_count) {
		slow_finish(0, 0);
	}
	drop_pool();
	free(front);
	return 0;
}

static uint16_t *avail_index(void)
{
	return &front->avail[1];
}

static struct vring_used *used(void)
{
	return (struct vring_used *)front->used;
}

/* Make descriptors desc[at..] available as one chain: header, one data segment (len 0: none), status. */
static void request_at(unsigned at, uint32_t type, uint64_t sector, uint64_t data, uint32_t len, uint16_t flags)
{
	unsigned n = at;
	front->header = (struct virtio_blk_header){ .type = type, .sector = sector };
	front->status = 0xff;
	front->desc[n] = (struct vring_desc){ gpa(&front->header), 16, VRING_DESC_NEXT, (uint16_t)(n + 1) };
	n++;
	if (len) {
		front->desc[n] = (struct vring_desc){ data, len, (uint16_t)(flags | VRING_DESC_NEXT), (uint16_t)(n + 1) };
		n++;
	}
	front->desc[n] = (struct vring_desc){ gpa(&front->status), 1, VRING_DESC_WRITE, 0 };
	front->avail[2 + *avail_index() % SIZE] = (uint16_t)at;
	++*avail_index();
}

static int request(uint32_t type, uint64_t sector, uint64_t data, uint32_t len, uint16_t flags)
{
	uint16_t before = used()->idx;
	unsigned signalled = signals;
	request_at(0, type, sector, data, len, flags);
	while (blk_backend_work(&backend, &look)) {
	}
	assert_int_equal((uint16_t)(used()->idx - before), 1);
	assert_int_equal(signals, signalled + 1);
	return front->status;
}

static uint32_t last_length(void)
{
	return used()->ring[(uint16_t)(used()->idx - 1) % SIZE].len;
}

static void reads_and_writes(void **state)
{
	assert_int_equal(request(VIRTIO_BLK_T_IN, 3, gpa(front->data), 1024, VRING_DESC_WRITE), VIRTIO_BLK_S_OK);
	assert_memory_equal(front->data, media + 3 * 512, 1024);
	assert_int_equal(last_length(), 1025);
	memset(front->data, 0x5a, 512);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 9, gpa(front->data), 512, 0), VIRTIO_BLK_S_OK);
	assert_memory_equal(media + 9 * 512, front->data, 512);
	assert_int_equal(last_length(), 1);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, gpa(front->data), 20, VRING_DESC_WRITE), VIRTIO_BLK_S_OK);
	assert_string_equal((char *)front->data, "ramdisk");
}

static void refuses_what_makes_no_sense(void **state)
{
	uint64_t data = gpa(front->data);
	assert_int_equal(request(VIRTIO_BLK_T_IN, SECTORS, data, 512, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, SECTORS - 1, data, 1024, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, ~0ull, data, 1024, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, data, 100, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, data, 512, 0), VIRTIO_BLK_S_IOERR); /* a read into what it may not write */
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, data, 512, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 0, 0, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, data, 8, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(77, 0, 0, 0, 0), VIRTIO_BLK_S_UNSUPP);
	ramdisk.dev.read_only = true;
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, data, 512, 0), VIRTIO_BLK_S_IOERR);
	ramdisk.dev.has_flush = false;
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, 0), VIRTIO_BLK_S_UNSUPP);
}

static void reaches_only_what_is_granted(void **state)
{
	uint64_t data = gpa(front->data), end = data + sizeof(front->data);
	memset(front->secret, 0x11, sizeof(front->secret));
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, gpa(front->secret), 512, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, end - 512, 1024, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, data - 512, 1024, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 1ull << 40, 512, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, ~0ull - 511, 512, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(front->secret[0], 0x11);
	link_page.grants[1].prot = BH_GRANT_CPU_READ;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, data, 512, VRING_DESC_WRITE), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, data, 512, 0), VIRTIO_BLK_S_OK);
	link_page.grants[1].len = 0;
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, data, 512, 0), VIRTIO_BLK_S_IOERR);
}

/* Without a status byte there is no more to say than the length 0. */
static void chain_without_a_status_is_dropped(void **state)
{
	front->desc[0] = (struct vring_desc){ gpa(&front->header), 16, 0, 0 };
	front->avail[2] = 0;
	++*avail_index();
	front->avail[3] = 77; /* no such descriptor */
	++*avail_index();
	while (blk_backend_work(&backend, &look)) {
	}
	assert_int_equal(used()->idx, 2);
	assert_int_equal(used()->ring[0].len, 0);
	assert_int_equal(used()->ring[1].len, 0);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, gpa(front->data), 512, VRING_DESC_WRITE), VIRTIO_BLK_S_OK);
}

static void impossible_ring_stops_the_queue_only(void **state)
{
	*avail_index() = 1000;
	blk_backend_work(&backend, &look);
	assert_true(backend.broken && !backend.running);
	blk_backend_work(&backend, &look);
	assert_int_equal(signals, 0);
	link_page.status = 0; /* the driver resets the device, and starts anew */
	blk_backend_work(&backend, &look);
	memset(front, 0, gpa(front->data));
	link_page.status = VIRTIO_STATUS_DRIVER_OK;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, gpa(front->data), 512, VRING_DESC_WRITE), VIRTIO_BLK_S_OK);
}

static void slow(void)
{
	drop_pool();
	ramdisk.dev.ops = &slow_ops;
	ramdisk.dev.depth = 4;
	start(DMA_ALL);
}

/* The device finishes the second request first: nothing is published; then both at once, in order. */
static void completes_in_order(void **state)
{
	slow();
	request_at(0, VIRTIO_BLK_T_IN, 1, gpa(front->data), 512, VRING_DESC_WRITE);
	blk_backend_work(&backend, &look);
	request_at(3, VIRTIO_BLK_T_IN, 2, gpa(front->data) + 512, 512, VRING_DESC_WRITE);
	blk_backend_work(&backend, &look);
	assert_int_equal(kept_count, 2);
	assert_int_equal(kept[0]->segments[0].bus, link_page.dma_window + gpa(front->data));
	slow_finish(1, 0);
	blk_backend_work(&backend, &look);
	assert_int_equal(used()->idx, 0);
	assert_int_equal(signals, 0);
	slow_finish(0, -EIO);
	blk_backend_work(&backend, &look);
	assert_int_equal(used()->idx, 2);
	assert_int_equal(used()->ring[0].id, 0);
	assert_int_equal(used()->ring[0].len, 1); /* an error */
	assert_int_equal(used()->ring[1].id, 3);
	assert_int_equal(used()->ring[1].len, 513);
	assert_int_equal(signals, 1);
}

static void a_full_disk_queue_stalls_and_goes_on(void **state)
{
	slow();
	for (unsigned i = 0; i < 4; i++) {
		request_at(0, VIRTIO_BLK_T_IN, i, gpa(front->data), 512, VRING_DESC_WRITE);
	}
	while (blk_backend_work(&backend, &look)) {
	}
	assert_int_equal(kept_count, 2);
	for (unsigned i = 0; i < 4; i++) {
		slow_finish(0, 0);
		blk_backend_work(&backend, &look);
		while (blk_backend_work(&backend, &look)) {
		}
	}
	assert_int_equal(used()->idx, 4);
}

/* With much in flight one ring announces a batch; who rings less than that is found by a look. With little, each request rings. */
static void a_busy_back_end_is_rung_by_the_batch(void **state)
{
	const uint16_t *rings_at = (const uint16_t *)&used()->ring[SIZE];
	features |= VIRTIO_F_EVENT_IDX;
	slow();
	kept_room = SIZE;
	look = UINT64_MAX;
	for (unsigned i = 1; i < BLK_BACKEND_BUSY; i++) {
		request_at(0, VIRTIO_BLK_T_IN, i, gpa(front->data), 512, VRING_DESC_WRITE);
		while (blk_backend_work(&backend, &look)) {
		}
		assert_int_equal(*rings_at, i);
	}
	assert_true(look == UINT64_MAX);
	request_at(0, VIRTIO_BLK_T_IN, 0, gpa(front->data), 512, VRING_DESC_WRITE);
	while (blk_backend_work(&backend, &look)) {
	}
	assert_int_equal(*rings_at, BLK_BACKEND_BUSY + BLK_BACKEND_BATCH - 1);
	assert_true(look <= env_time_ns() + BLK_BACKEND_LOOK_NS);
	slow_finish(0, 0);
	while (blk_backend_work(&backend, &look)) {
	}
	assert_int_equal(*rings_at, BLK_BACKEND_BUSY);
	kept_room = 2;
	features = VIRTIO_F_VERSION_1;
}

/* What the disk finishes after the driver has reset the device must not touch the new rings. */
static void reset_drops_what_is_in_flight(void **state)
{
	slow();
	request_at(0, VIRTIO_BLK_T_IN, 1, gpa(front->data), 512, VRING_DESC_WRITE);
	blk_backend_work(&backend, &look);
	link_page.status = 0;
	blk_backend_work(&backend, &look);
	link_page.status = VIRTIO_STATUS_DRIVER_OK;
	memset(front, 0, gpa(front->data));
	front->status = 0xee;
	blk_backend_work(&backend, &look);
	slow_finish(0, 0);
	blk_backend_work(&backend, &look);
	assert_int_equal(front->status, 0xee);
	assert_int_equal(used()->idx, 0);
}

/* A new back end starts at used.idx and takes again what the last one had not finished. */
static void successor_replays(void **state)
{
	slow();
	request_at(0, VIRTIO_BLK_T_IN, 1, gpa(front->data), 512, VRING_DESC_WRITE);
	request_at(3, VIRTIO_BLK_T_IN, 2, gpa(front->data), 512, VRING_DESC_WRITE);
	blk_backend_work(&backend, &look);
	slow_finish(0, 0);
	blk_backend_work(&backend, &look);
	assert_int_equal(used()->idx, 1);
	slow_finish(0, 0); /* the data moved, but nobody was told */
	drop_pool();
	start(DMA_ALL);
	blk_backend_work(&backend, &look);
	assert_int_equal(kept_count, 1);
	assert_int_equal(kept[0]->sector, 2);
	slow_finish(0, 0);
	blk_backend_work(&backend, &look);
	assert_int_equal(used()->idx, 2);
}

static void works_only_while_the_link_is_up(void **state)
{
	request_at(0, VIRTIO_BLK_T_IN, 1, gpa(front->data), 512, VRING_DESC_WRITE);
	link_page.state = BH_LINK_REBUILD;
	assert_false(blk_backend_work(&backend, &look));
	assert_int_equal(used()->idx, 0);
	link_page.state = BH_LINK_UP;
	while (blk_backend_work(&backend, &look)) {
	}
	assert_int_equal(used()->idx, 1);
}

static void offer_says_what_the_disk_is(void **state)
{
	struct bh_link_offer offer;
	struct virtio_blk_config config;
	uint32_t access;
	blk_backend_offer(&backend, &offer);
	memcpy(&config, offer.config, sizeof(config));
	memcpy(&access, offer.config + VIRTIO_BLK_CONFIG_DATA_ACCESS, 4);
	assert_int_equal(config.capacity, SECTORS);
	assert_int_equal(config.blk_size, 512);
	assert_int_equal(config.seg_max, 64);
	assert_int_equal(access, CPU_ALL);
	assert_true(offer.features & VIRTIO_BLK_F_FLUSH);
	assert_true(offer.config_len <= sizeof(offer.config));
}

/* Whatever is in the front end's memory: no fault, and nothing outside the grants changes. */
static void survives_garbage(void **state)
{
	srandom(11);
	memset(front->secret, 0x77, sizeof(front->secret));
	for (unsigned n = 0; n < 100000; n++) {
		for (unsigned i = 0; i < SIZE; i++) {
			uint64_t at = (uint64_t)random() % (sizeof(*front) + 4096);
			static const uint32_t lengths[] = { 1, 16, 512, 513, 4096, 0, 1024, ~0u };
			front->desc[i] = (struct vring_desc){ random() & 1 ? at : at & ~511ull, lengths[random() % 8],
				(uint16_t)(random() % 8), (uint16_t)(random() % (SIZE + 1)) };
		}
		front->header = (struct virtio_blk_header){ .type = (uint32_t)random() % 10, .sector = (uint64_t)random() % (SECTORS + 9) };
		if (random() & 1) { /* a sound beginning and end, so that more than the chain is judged */
			front->desc[0] = (struct vring_desc){ gpa(&front->header), 16, VRING_DESC_NEXT, 1 };
			front->desc[2] = (struct vring_desc){ gpa(&front->status), 1, VRING_DESC_WRITE, 0 };
			front->desc[1].next = 2;
			front->avail[2 + *avail_index() % SIZE] = 0;
		} else {
			front->avail[2 + *avail_index() % SIZE] = (uint16_t)(random() % (SIZE + 1));
		}
		*avail_index() = (uint16_t)(backend.ring.published + 1);
		blk_backend_work(&backend, &look);
		if (backend.broken) {
			link_page.status = 0;
			blk_backend_work(&backend, &look);
			link_page.status = VIRTIO_STATUS_DRIVER_OK;
		}
		*avail_index() = backend.ring.published;
	}
	for (unsigned i = 0; i < sizeof(front->secret); i++) {
		assert_int_equal(front->secret[i], 0x77);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_and_writes),
		TEST(refuses_what_makes_no_sense),
		TEST(reaches_only_what_is_granted),
		TEST(chain_without_a_status_is_dropped),
		TEST(impossible_ring_stops_the_queue_only),
		TEST(completes_in_order),
		TEST(a_full_disk_queue_stalls_and_goes_on),
		TEST(a_busy_back_end_is_rung_by_the_batch),
		TEST(reset_drops_what_is_in_flight),
		TEST(successor_replays),
		TEST(works_only_while_the_link_is_up),
		TEST(offer_says_what_the_disk_is),
		TEST(survives_garbage),
	};
	return cmocka_run_group_tests_name("blk_backend", tests, NULL, NULL);
}
