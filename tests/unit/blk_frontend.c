/* SPDX-License-Identifier: MIT */
/*
 * The whole block path in one process: the kernel's block layer and virtio-blk front end, the hypervisor's link and grants, a driver
 * domain's back end and a RAM disk that finishes requests when told, in any order. The back end is killed at any step,
 * with wild stores over all that it may write; every request ends exactly once, with the right data and no error.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "abi/virtio.h"
#include "driver-domains/ramdisk/ramdisk.h"
#include "driver-domains/runtime/blk_backend.h"
#include "guest-kernel/block/block_internal.h"
#include "kernel/block.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "tests/fake/front.h"

#define SECTORS 2048
#define ZONE_PAGES 64

static uint8_t *zone;

void ahci_probe(void)
{
}

void virtio_probe(const struct virtio_driver *driver, const char *cmdline)
{
}

/* --- the machine: link, back end, disk --- */

static struct blk_backend backend;
static struct blk_backend_request *backend_pool;
static struct ramdisk ramdisk;
static struct blkdev slow;
static uint8_t media[SECTORS * 512];
static struct blk_request *kept[32];
static unsigned kept_count;
static bool alive, bell;
static uint64_t look;
static void *front;
static struct block_device *disk;

static void ring_front_end(void *arg)
{
	bell = true;
}

static int slow_submit(struct blkdev *dev, struct blk_request *request)
{
	if (kept_count == dev->depth) {
		return -EAGAIN;
	}
	kept[kept_count++] = request;
	return 0;
}

static void back_start(void)
{
	struct bh_link_offer offer;
	assert_int_equal(blk_backend_init(&backend, &fake_front.back_view, &slow, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE, ring_front_end, NULL), 0);
	for (struct blk_backend_request *r = backend_pool = backend.free; r; r = r->next) {
		backend_pool = r < backend_pool ? r : backend_pool;
	}
	blk_backend_offer(&backend, &offer);
	fake_front_offer(&offer);
	alive = true;
}

/* The disk finishes one request, whichever. */
static void disk_step(void)
{
	if (kept_count) {
		unsigned i = (unsigned)random() % kept_count;
		struct blk_request *r = kept[i];
		kept[i] = kept[--kept_count];
		assert_int_equal(ramdisk.dev.ops->submit(&ramdisk.dev, r), 0);
	}
}

static void front_step(void)
{
	if (bell) {
		bell = false;
		virtio_blk_driver.interrupt(front);
	}
}

/* One random step of anybody. */
static void machine_step(void)
{
	if (alive && random() % 2) {
		fake_front.doorbell = false;
		blk_backend_work(&backend, &look);
	}
	if (alive && random() % 2) {
		disk_step();
	}
	if (random() % 2) {
		front_step();
	}
}

static uint8_t *back_writable(void)
{
	return phys_to_virt(fake_front.link.queues[0].device);
}

static void back_dies(void)
{
	struct vring_used *used = (void *)back_writable();
	switch (random() % 5) {
	case 0:
		fake_scribble(used->ring, 128 * sizeof(struct vring_used_elem));
		break;
	case 1:
		used->idx = (uint16_t)(used->idx + random() % 130); /* over entries of earlier rounds */
		break;
	case 2:
		fake_scribble(used, ring_used_bytes(128)); /* all but the status bytes */
		break;
	case 3:
		fake_scribble(&used->idx, 2);
		break;
	}
	free(backend_pool);
	kept_count = 0;
	alive = false;
	fake_front_down();
	if (random() % 2) {
		virtio_blk_driver.link_changed(front);
	}
	fake_front_rebuild();
	if (random() % 2) {
		back_start(); /* the back end may be up before the front end has noticed, or after */
		virtio_blk_driver.link_changed(front);
	} else {
		virtio_blk_driver.link_changed(front);
		back_start();
	}
	assert_int_equal(fake_front.link.state, BH_LINK_UP);
}

static void machine_start(void)
{
	static const struct blkdev_ops slow_ops = { .submit = slow_submit };
	fake_front_start(VIRTIO_ID_BLOCK, ZONE_PAGES * PAGE_SIZE);
	fake_front.step = machine_step;
	zone = fake_front.zone;
	assert_int_equal(ramdisk_init(&ramdisk, media, sizeof(media)), 0);
	slow = ramdisk.dev;
	slow.ops = &slow_ops;
	slow.depth = 32;
	slow.driver = NULL;
	back_start();
	struct virtio_port port = fake_front_port("virtio-blk");
	assert_int_equal(virtio_blk_driver.start(&port, &front), 0);
	static unsigned index;
	disk = block_at(index++);
	assert_non_null(disk);
	assert_int_equal(disk->dev->sectors, SECTORS);
	assert_int_equal(disk->dev->depth, 128);
	assert_true(disk->dev->has_flush);
}

static void machine_stop(void)
{
	free(backend_pool);
	fake_front_stop();
	kept_count = 0;
	alive = bell = false;
}

/* --- requests, checked against a mirror --- */

#define IOS ZONE_PAGES

static struct io {
	struct blk_request request;
	struct blk_segment segments[2];
	uint8_t *buffer;
	bool busy;
	unsigned submitted, ended;
} ios[IOS];
static uint8_t mirror[SECTORS * 512];

static void io_done(struct blk_request *request, int status)
{
	struct io *io = request->owner;
	assert_true(io->busy);
	assert_int_equal(status, 0);
	assert_int_equal(fake_front.locks_held, 0);
	io->busy = false;
	io->ended++;
	if (request->op == BLK_READ) {
		assert_memory_equal(io->buffer, mirror + request->sector * 512, request->sectors * 512ul);
	}
	if (request->op == BLK_WRITE) {
		assert_memory_equal(media + request->sector * 512, io->buffer, request->sectors * 512ul);
	}
}

/* Each io keeps to its own 32 sectors: what order requests end in does not matter then. */
static void io_start(unsigned i)
{
	struct io *io = &ios[i];
	uint32_t sectors = 1 + (uint32_t)random() % 8;
	uint64_t sector = i * 32 + (uint64_t)random() % 24;
	enum blk_op op = random() % 9 == 0 ? BLK_FLUSH : random() & 1 ? BLK_READ : BLK_WRITE;
	io->buffer = zone + i * PAGE_SIZE;
	uint64_t bus = virt_to_phys(io->buffer);
	uint32_t first = sectors / 2 * 512;
	unsigned count = 0;
	if (first && op != BLK_FLUSH) {
		io->segments[count++] = (struct blk_segment){ .bus = bus, .len = first };
	}
	if (op != BLK_FLUSH) {
		io->segments[count++] = (struct blk_segment){ .bus = bus + first, .len = sectors * 512 - first };
	}
	if (op == BLK_WRITE) {
		fake_scribble(io->buffer, sectors * 512);
		memcpy(mirror + sector * 512, io->buffer, sectors * 512);
	}
	io->request = (struct blk_request){ .op = op, .sector = sector, .sectors = op == BLK_FLUSH ? 0 : sectors,
		.segment_count = count, .segments = io->segments, .done = io_done, .owner = io };
	io->busy = true;
	io->submitted++;
	block_submit(disk, &io->request);
}

static void ios_finish(void)
{
	for (unsigned n = 0; n < 100000; n++) {
		machine_step();
	}
	for (unsigned i = 0; i < IOS; i++) {
		assert_false(ios[i].busy);
		assert_int_equal(ios[i].submitted, ios[i].ended);
	}
	assert_memory_equal(media, mirror, sizeof(media));
}

static void ios_reset(void)
{
	memset(ios, 0, sizeof(ios));
	memcpy(mirror, media, sizeof(mirror));
}

static void reads_writes_flushes(void **state)
{
	srandom(21);
	machine_start();
	ios_reset();
	for (unsigned n = 0; n < 20000; n++) {
		unsigned i = (unsigned)random() % IOS;
		if (!ios[i].busy) {
			io_start(i);
		}
		machine_step();
	}
	ios_finish();
	assert_int_equal(fake_front.complaints, 0);
	assert_true(disk->reads > 1000 && disk->sectors_written > 1000);
	machine_stop();
}

static void no_request_is_lost_however_the_back_end_dies(void **state)
{
	srandom(22);
	machine_start();
	ios_reset();
	for (unsigned n = 0; n < 60000; n++) {
		unsigned i = (unsigned)random() % IOS;
		if (!ios[i].busy) {
			io_start(i);
		}
		machine_step();
		if (random() % 40 == 0) {
			back_dies();
		}
	}
	ios_finish();
	assert_true(fake_front.link.epoch > 1000);
	machine_stop();
}

/* A back end that is alive and lies: the first impossible entry stops the ring and is complained of once; the next epoch is served. */
static void lies_are_complained_of(void **state)
{
	srandom(23);
	machine_start();
	ios_reset();
	io_start(0);
	io_start(1);
	struct vring_used *used = (void *)back_writable();
	static const struct vring_used_elem lies[] = { { 1, 1 }, { 0, 100000 }, { 77, 1 }, { ~0u, 0 }, { 0, 1 } };
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		used->ring[0] = lies[i]; /* the last one is right, but no status was written */
		used->idx = 1;
		bell = true;
		front_step();
		front_step();
		assert_int_equal(fake_front.complaints, i + 1);
		assert_true(ios[0].busy && ios[1].busy);
		bell = true;
		front_step();
		assert_int_equal(fake_front.complaints, i + 1);
		back_dies();
		used->idx = 0;
	}
	used->idx = 3; /* more than there are */
	bell = true;
	front_step();
	assert_int_equal(fake_front.complaints, 6);
	back_dies();
	ios_finish();
	machine_stop();
}

static void synchronous_wrappers(void **state)
{
	srandom(24);
	machine_start();
	fake_scribble(zone, 8192);
	uint8_t copy[8192];
	memcpy(copy, zone, sizeof(copy));
	assert_int_equal(block_write(disk, 100, zone, 16), 0);
	assert_int_equal(block_flush(disk), 0);
	memset(zone, 0, 8192);
	assert_int_equal(block_read(disk, 100, zone, 16), 0);
	assert_memory_equal(zone, copy, sizeof(copy));
	assert_int_equal(block_read(disk, SECTORS, zone, 1), -EINVAL);
	/* Behind the zone there is no grant: the guest's own error. */
	uint8_t *elsewhere = aligned_alloc(4096, 4096);
	assert_int_equal(block_read(disk, 0, elsewhere, 1), -EIO);
	free(elsewhere);
	assert_ptr_equal(block_find("/dev/vda"), block_at(0));
	assert_null(block_find("sda"));
	machine_stop();
}

static void count_done(struct blk_request *request, int status)
{
	assert_int_equal(status, 0);
	++*(unsigned *)request->owner;
}

static void more_than_the_queue_holds(void **state)
{
	srandom(25);
	machine_start();
	static struct blk_request requests[300];
	static struct blk_segment segments[300];
	unsigned ended = 0;
	for (unsigned i = 0; i < 300; i++) {
		segments[i] = (struct blk_segment){ .bus = virt_to_phys(zone), .len = 512 };
		requests[i] = (struct blk_request){ .op = BLK_READ, .sector = 5, .sectors = 1, .segment_count = 1,
			.segments = &segments[i], .done = count_done, .owner = &ended };
		block_submit(disk, &requests[i]);
	}
	assert_int_equal(ended, 0);
	for (unsigned n = 0; n < 100000 && ended < 300; n++) {
		machine_step();
	}
	assert_int_equal(ended, 300);
	machine_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(synchronous_wrappers),
		cmocka_unit_test(reads_writes_flushes),
		cmocka_unit_test(no_request_is_lost_however_the_back_end_dies),
		cmocka_unit_test(lies_are_complained_of),
		cmocka_unit_test(more_than_the_queue_holds),
	};
	return cmocka_run_group_tests_name("blk_frontend", tests, NULL, NULL);
}
