/* SPDX-License-Identifier: MIT */
/*
 * The virtio-blk front end (VIRTIO 1.2, 5.2; set-up 3.1.1 and 4.2.3), on links of Bulkhead and on virtio-mmio devices.
 * The memory that the back end may write is one page: used ring and status bytes. All else it can only read, and what it
 * writes is judged: a used entry must be the oldest outstanding request's, with its exact length and a status that VIRTIO knows,
 * or it is not taken and the back end is complained of. The disk behind a link may die: its requests stay in the records
 * of ring_front, and are made available anew when the next epoch of the back end is there.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "block_internal.h"
#include "kernel/block.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "platform/virtio_port.h"

#define QUEUE_SIZE 128
#define TABLE_ENTRIES 60
#define STATUS_NONE 0xff
#define WANTED_FEATURES                                                                                                \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER | VIRTIO_F_ACCESS_PLATFORM | \
	 VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_RO)

struct shared_read { /* what the back end reads */
	struct vring_desc tables[QUEUE_SIZE][TABLE_ENTRIES];
	struct vring_desc desc[QUEUE_SIZE];
	struct virtio_blk_header headers[QUEUE_SIZE];
	_Alignas(4) uint16_t avail[2 + QUEUE_SIZE + 1];
};
#define SHARED_READ_ORDER 5
_Static_assert(sizeof(struct shared_read) <= PAGE_SIZE << SHARED_READ_ORDER, "shared memory");

struct shared_write { /* what it writes */
	_Alignas(4) uint8_t used[sizeof(struct vring_used) + QUEUE_SIZE * sizeof(struct vring_used_elem) + 2];
	uint8_t status[QUEUE_SIZE];
};
_Static_assert(sizeof(struct shared_write) <= PAGE_SIZE, "shared memory");

struct virtio_blk {
	struct blkdev dev;
	struct virtio_port port;
	uint64_t features;
	spinlock_t lock; /* all below */
	struct ring_front ring;
	struct blk_request *requests[QUEUE_SIZE]; /* by id */
	struct shared_read *read;
	struct shared_write *write;
	bool up; /* somebody is there to be rung */
	bool broken; /* the back end's entries are not taken any more, until its next epoch */
};

/* --- requests --- */

static unsigned blk_describe(void *owner, uint16_t id, struct vring_desc *table)
{
	struct virtio_blk *blk = owner;
	const struct blk_request *r = blk->requests[id];
	static const uint32_t types[] = { [BLK_READ] = VIRTIO_BLK_T_IN, [BLK_WRITE] = VIRTIO_BLK_T_OUT, [BLK_FLUSH] = VIRTIO_BLK_T_FLUSH };
	unsigned n = 0;
	uint16_t data = (uint16_t)(VRING_DESC_NEXT | (r->op == BLK_READ ? VRING_DESC_WRITE : 0));
	blk->read->headers[id] = (struct virtio_blk_header){ .type = types[r->op], .sector = r->sector };
	blk->write->status[id] = STATUS_NONE;
	table[n++] = (struct vring_desc){ virt_to_phys(&blk->read->headers[id]), sizeof(struct virtio_blk_header), VRING_DESC_NEXT, 1 };
	for (uint32_t i = 0; i < r->segment_count; i++) {
		table[n] = (struct vring_desc){ r->segments[i].bus, r->segments[i].len, data, (uint16_t)(n + 1) };
		n++;
	}
	table[n++] = (struct vring_desc){ virt_to_phys(&blk->write->status[id]), 1, VRING_DESC_WRITE, 0 };
	return n;
}

/* A busy back end wants to know of the next batch, or that nothing else comes: that this processor goes idle. */
static void blk_notify(struct virtio_blk *blk)
{
	if (!blk->up) {
		return;
	}
	virtio_port_ring(&blk->port, 0, ring_front_kick(&blk->ring));
}

static bool request_valid(const struct blkdev *dev, const struct blk_request *r)
{
	if (r->op == BLK_FLUSH) {
		return dev->has_flush && r->segment_count == 0;
	}
	return r->segment_count != 0 && r->segment_count <= dev->max_segments && r->sectors != 0 &&
	       r->sectors <= dev->max_sectors && r->sector < dev->sectors && r->sectors <= dev->sectors - r->sector;
}

static int blk_submit(struct blkdev *dev, struct blk_request *r)
{
	struct virtio_blk *blk = dev->driver;
	if (!request_valid(dev, r)) {
		return -EINVAL;
	}
	spin_lock(&blk->lock);
	int id = ring_front_id(&blk->ring);
	if (id >= 0) {
		blk->requests[id] = r;
		ring_front_submit(&blk->ring, (uint16_t)id);
		blk_notify(blk);
	}
	spin_unlock(&blk->lock);
	return id < 0 ? id : 0;
}

static const struct blkdev_ops blk_ops = { .submit = blk_submit };

/* --- completions --- */

/* What the status byte and the length say; positive: impossible. */
static int completion_judge(const struct virtio_blk *blk, const struct ring_completion *c)
{
	switch (__atomic_load_n(&blk->write->status[c->id], __ATOMIC_ACQUIRE)) {
	case VIRTIO_BLK_S_OK:
		return blk->port.link && c->len != c->writable ? 1 : 0;
	case VIRTIO_BLK_S_IOERR:
		return -EIO;
	case VIRTIO_BLK_S_UNSUPP:
		return -EOPNOTSUPP;
	default:
		return 1;
	}
}

/* Take valid completions to *end; their status goes to driver[0]. -EPROTO at the first impossible one. */
static int blk_collect(struct virtio_blk *blk, struct blk_request ***end)
{
	struct ring_completion c;
	int got;
	while ((got = ring_front_peek(&blk->ring, &c)) == 1) {
		struct blk_request *r = blk->requests[c.id];
		int status = completion_judge(blk, &c);
		if (status > 0) {
			return -EPROTO;
		}
		ring_front_accept(&blk->ring, &c);
		blk->requests[c.id] = NULL;
		r->driver[0] = (uintptr_t)(intptr_t)status;
		r->next = NULL;
		**end = r;
		*end = &r->next;
	}
	return got;
}

static void requests_end(struct blk_request *r)
{
	while (r) {
		struct blk_request *next = r->next;
		r->done(r, (int)(intptr_t)r->driver[0]);
		r = next;
	}
}

static void blk_complain(struct virtio_blk *blk)
{
	blk->broken = true;
	virtio_port_complain(&blk->port, ring_front_in_flight(&blk->ring));
}

static void blk_interrupt(void *arg)
{
	struct virtio_blk *blk = arg;
	struct blk_request *finished = NULL, **end = &finished;
	spin_lock(&blk->lock);
	virtio_port_acknowledge(&blk->port);
	int error = 0;
	while (!blk->broken && !error) {
		error = blk_collect(blk, &end);
		if (error) {
			blk_complain(blk);
		} else if (!ring_front_arm(&blk->ring)) {
			break;
		}
	}
	spin_unlock(&blk->lock);
	requests_end(finished);
}

/* --- the back end's life --- */

/* A new back end waits: nothing of the old ring is taken on trust. */
static void blk_rebuild(struct virtio_blk *blk, uint32_t epoch, struct blk_request ***end)
{
	unsigned before = ring_front_in_flight(&blk->ring);
	int error = blk_collect(blk, end);
	ring_front_rebuild(&blk->ring);
	kprintf("virtio-blk: epoch %u: %u requests in flight, %u were done, %u go again%s", epoch, before,
		before - ring_front_in_flight(&blk->ring), ring_front_in_flight(&blk->ring),
		error ? "; the old ring had impossible entries" : "");
	blk->broken = false;
	if (virtio_port_ready(&blk->port, epoch)) {
		blk->up = true;
		blk_notify(blk);
	}
}

static void blk_link_changed(void *arg)
{
	struct virtio_blk *blk = arg;
	struct blk_request *finished = NULL, **end = &finished;
	uint32_t epoch;
	spin_lock(&blk->lock);
	blk->up = virtio_port_up(&blk->port);
	if (virtio_port_reborn(&blk->port, &epoch)) {
		blk_rebuild(blk, epoch, &end);
	}
	spin_unlock(&blk->lock);
	requests_end(finished);
}

/* --- set-up --- */

static int blk_config(struct virtio_blk *blk)
{
	struct blkdev *dev = &blk->dev;
	uint32_t segments = 1;
	dev->ops = &blk_ops;
	dev->driver = blk;
	dev->sectors = virtio_port_config(&blk->port, 0) | (uint64_t)virtio_port_config(&blk->port, 4) << 32;
	dev->block_size = 512;
	if (blk->features & VIRTIO_BLK_F_BLK_SIZE) {
		dev->block_size = virtio_port_config(&blk->port, offsetof(struct virtio_blk_config, blk_size));
	}
	if (blk->features & VIRTIO_BLK_F_SEG_MAX) {
		segments = virtio_port_config(&blk->port, offsetof(struct virtio_blk_config, seg_max));
	}
	dev->max_segments = segments < TABLE_ENTRIES - 2 ? segments : TABLE_ENTRIES - 2;
	dev->max_sectors = 8192;
	dev->has_flush = blk->features & VIRTIO_BLK_F_FLUSH;
	dev->read_only = blk->features & VIRTIO_BLK_F_RO;
	return dev->sectors && dev->max_segments ? 0 : -ENODEV;
}

/* The back end reads requests, writes one page, and its device (or it) moves data in the I/O zone. Nothing else. */
static int blk_grants(struct virtio_blk *blk)
{
	uint64_t zone, zone_bytes;
	uint32_t access = virtio_port_config(&blk->port, VIRTIO_BLK_CONFIG_DATA_ACCESS);
	memory_io_zone(&zone, &zone_bytes);
	int error = virtio_port_grant(&blk->port, virt_to_phys(blk->read), PAGE_SIZE << SHARED_READ_ORDER, BH_GRANT_CPU_READ);
	if (!error) {
		error = virtio_port_grant(&blk->port, virt_to_phys(blk->write), PAGE_SIZE, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE);
	}
	if (!error) {
		error = virtio_port_grant(&blk->port, zone, zone_bytes, access ? access : BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE);
	}
	return error;
}

static int blk_queue(struct virtio_blk *blk)
{
	struct ring_front_setup setup = {
		.size = virtio_port_queue_size(&blk->port, 0, QUEUE_SIZE), .table_entries = TABLE_ENTRIES,
		.event_idx = blk->features & VIRTIO_F_EVENT_IDX, .in_order = blk->features & VIRTIO_F_IN_ORDER,
		.desc = blk->read->desc, .avail = (struct vring_avail *)blk->read->avail, .used = (struct vring_used *)blk->write->used,
		.tables = blk->read->tables[0], .tables_bus = virt_to_phys(blk->read->tables), .describe = blk_describe, .owner = blk,
	};
	if (ring_front_init(&blk->ring, &setup)) {
		kprintf("virtio-blk: no queue");
		return -ENODEV;
	}
	blk->dev.depth = setup.size;
	virtio_port_queue(&blk->port, 0, &blk->ring);
	return 0;
}

static int blk_set_up(struct virtio_blk *blk)
{
	int error = virtio_port_open(&blk->port, WANTED_FEATURES, &blk->features);
	if (!error) {
		error = blk_config(blk);
	}
	if (!error && blk->port.link) {
		error = blk_grants(blk);
	}
	if (!error) {
		error = blk_queue(blk);
	}
	if (error) {
		virtio_port_fail(&blk->port);
		return error;
	}
	blk->up = true;
	virtio_port_start(&blk->port);
	return 0;
}

static int blk_start(const struct virtio_port *port, void **started)
{
	struct virtio_blk *blk = kzalloc(sizeof(*blk));
	struct page *read = page_alloc_order(SHARED_READ_ORDER, ALLOC_ZERO), *write = page_alloc(ALLOC_ZERO);
	int error = blk && read && write ? 0 : -ENOMEM;
	if (!error) {
		blk->port = *port;
		blk->read = page_data(read);
		blk->write = page_data(write);
		spin_init(&blk->lock, "virtio-blk");
		error = blk_set_up(blk);
	}
	if (!error) {
		ring_front_arm(&blk->ring);
		*started = blk;
		return block_register(&blk->dev, "vd");
	}
	if (read) {
		page_free_order(read, SHARED_READ_ORDER);
	}
	if (write) {
		page_put(write);
	}
	kfree(blk);
	return error;
}

const struct virtio_driver virtio_blk_driver = {
	.device_id = VIRTIO_ID_BLOCK, .name = "virtio-blk", .start = blk_start, .interrupt = blk_interrupt, .link_changed = blk_link_changed,
};
