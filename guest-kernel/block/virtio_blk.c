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
#include "virtio/ring_front.h"

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
	struct virtio_blk_port port;
	uint64_t features;
	spinlock_t lock; /* all below */
	struct ring_front ring;
	struct blk_request *requests[QUEUE_SIZE]; /* by id */
	struct shared_read *read;
	struct shared_write *write;
	bool up; /* somebody is there to be rung */
	bool broken; /* the back end's entries are not taken any more, until its next epoch */
};

/* One plain MOV each: on Bulkhead these trap and are decoded. */
static uint32_t register_read(const struct virtio_blk_port *port, unsigned offset)
{
	uint32_t value;
	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"((volatile char *)port->registers + offset) : "memory");
	return value;
}

static void register_write(const struct virtio_blk_port *port, unsigned offset, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"((volatile char *)port->registers + offset) : "memory");
}

static void register_write64(const struct virtio_blk_port *port, unsigned low, uint64_t value)
{
	register_write(port, low, (uint32_t)value);
	register_write(port, low + 4, (uint32_t)(value >> 32));
}

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
	bool wanted = ring_front_kick(&blk->ring);
	if (blk->port.link) {
		event_signal(BH_EVENT_LINK + blk->port.slot, wanted);
	} else if (wanted) {
		register_write(&blk->port, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	}
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
	kprintf("virtio-blk: impossible entry in the used ring (%u in flight)", ring_front_in_flight(&blk->ring));
	if (blk->port.link) {
		hypercall(BH_HC_LINK_COMPLAIN, blk->port.slot, 1, 0, 0);
	}
}

void virtio_blk_interrupt(void *arg)
{
	struct virtio_blk *blk = arg;
	struct blk_request *finished = NULL, **end = &finished;
	spin_lock(&blk->lock);
	if (!blk->port.link) {
		register_write(&blk->port, VIRTIO_MMIO_INTERRUPT_ACK, register_read(&blk->port, VIRTIO_MMIO_INTERRUPT_STATUS));
	}
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
	blk->port.epoch = epoch;
	if (hypercall(BH_HC_LINK_READY, blk->port.slot, epoch, 0, 0) == 0) {
		blk->up = true;
		blk_notify(blk);
	}
}

void virtio_blk_link_changed(struct virtio_blk *blk)
{
	const struct bh_link *link = &platform_domain_page()->links[blk->port.slot];
	struct blk_request *finished = NULL, **end = &finished;
	spin_lock(&blk->lock);
	uint32_t state = __atomic_load_n(&link->state, __ATOMIC_ACQUIRE);
	blk->up = state == BH_LINK_UP;
	if (state == BH_LINK_REBUILD && link->epoch != blk->port.epoch) {
		blk_rebuild(blk, link->epoch, &end);
	}
	spin_unlock(&blk->lock);
	requests_end(finished);
}

/* --- set-up --- */

static int blk_features(struct virtio_blk *blk)
{
	const struct virtio_blk_port *port = &blk->port;
	uint64_t offered = 0;
	for (uint32_t half = 0; half < 2; half++) {
		register_write(port, VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
		offered |= (uint64_t)register_read(port, VIRTIO_MMIO_DEVICE_FEATURES) << 32 * half;
	}
	blk->features = offered & WANTED_FEATURES;
	if (!(blk->features & VIRTIO_F_VERSION_1) || !(blk->features & VIRTIO_F_INDIRECT_DESC)) {
		kprintf("virtio-blk: the device lacks version 1 or indirect descriptors (features %lx)", (unsigned long)offered);
		return -ENODEV;
	}
	for (uint32_t half = 0; half < 2; half++) {
		register_write(port, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		register_write(port, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(blk->features >> 32 * half));
	}
	uint32_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK;
	register_write(port, VIRTIO_MMIO_STATUS, status);
	if (!(register_read(port, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK)) {
		kprintf("virtio-blk: the device does not take the features %lx", (unsigned long)blk->features);
		return -ENODEV;
	}
	return 0;
}

static uint32_t config_read(const struct virtio_blk *blk, size_t offset)
{
	return register_read(&blk->port, VIRTIO_MMIO_CONFIG + (unsigned)offset);
}

static int blk_config(struct virtio_blk *blk)
{
	struct blkdev *dev = &blk->dev;
	uint32_t segments = 1;
	dev->ops = &blk_ops;
	dev->driver = blk;
	dev->sectors = config_read(blk, 0) | (uint64_t)config_read(blk, 4) << 32;
	dev->block_size = 512;
	if (blk->features & VIRTIO_BLK_F_BLK_SIZE) {
		dev->block_size = config_read(blk, offsetof(struct virtio_blk_config, blk_size));
	}
	if (blk->features & VIRTIO_BLK_F_SEG_MAX) {
		segments = config_read(blk, offsetof(struct virtio_blk_config, seg_max));
	}
	dev->max_segments = segments < TABLE_ENTRIES - 2 ? segments : TABLE_ENTRIES - 2;
	dev->max_sectors = 8192;
	dev->has_flush = blk->features & VIRTIO_BLK_F_FLUSH;
	dev->read_only = blk->features & VIRTIO_BLK_F_RO;
	return dev->sectors && dev->max_segments ? 0 : -ENODEV;
}

static long blk_grant(struct virtio_blk *blk, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	return hypercall(BH_HC_GRANT, blk->port.slot, gpa, bytes, prot);
}

/* The back end reads requests, writes one page, and its device (or it) moves data in the I/O zone. Nothing else. */
static int blk_grants(struct virtio_blk *blk)
{
	uint64_t zone, zone_bytes;
	uint32_t access = config_read(blk, VIRTIO_BLK_CONFIG_DATA_ACCESS);
	memory_io_zone(&zone, &zone_bytes);
	long error = blk_grant(blk, virt_to_phys(blk->read), PAGE_SIZE << SHARED_READ_ORDER, BH_GRANT_CPU_READ);
	if (!error) {
		error = blk_grant(blk, virt_to_phys(blk->write), PAGE_SIZE, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE);
	}
	if (!error) {
		error = blk_grant(blk, zone, zone_bytes, access ? access : BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE);
	}
	if (error) {
		kprintf("virtio-blk: the hypervisor refuses a grant (%ld)", error);
	}
	return (int)error;
}

static int blk_queue(struct virtio_blk *blk)
{
	const struct virtio_blk_port *port = &blk->port;
	register_write(port, VIRTIO_MMIO_QUEUE_SEL, 0);
	uint32_t max = register_read(port, VIRTIO_MMIO_QUEUE_NUM_MAX);
	uint16_t size = QUEUE_SIZE;
	while (size > max) {
		size /= 2;
	}
	struct ring_front_setup setup = {
		.size = size, .table_entries = TABLE_ENTRIES,
		.event_idx = blk->features & VIRTIO_F_EVENT_IDX, .in_order = blk->features & VIRTIO_F_IN_ORDER,
		.desc = blk->read->desc, .avail = (struct vring_avail *)blk->read->avail, .used = (struct vring_used *)blk->write->used,
		.tables = blk->read->tables[0], .tables_bus = virt_to_phys(blk->read->tables), .describe = blk_describe, .owner = blk,
	};
	if (ring_front_init(&blk->ring, &setup)) {
		kprintf("virtio-blk: no queue");
		return -ENODEV;
	}
	blk->dev.depth = size;
	register_write(port, VIRTIO_MMIO_QUEUE_NUM, size);
	register_write64(port, VIRTIO_MMIO_QUEUE_DESC_LOW, virt_to_phys(blk->read->desc));
	register_write64(port, VIRTIO_MMIO_QUEUE_DRIVER_LOW, virt_to_phys(blk->read->avail));
	register_write64(port, VIRTIO_MMIO_QUEUE_DEVICE_LOW, virt_to_phys(blk->write->used));
	register_write(port, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

static int blk_set_up(struct virtio_blk *blk)
{
	const struct virtio_blk_port *port = &blk->port;
	register_write(port, VIRTIO_MMIO_STATUS, 0);
	register_write(port, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	int error = blk_features(blk);
	if (!error) {
		error = blk_config(blk);
	}
	if (!error && port->link) {
		error = blk_grants(blk);
	}
	if (!error) {
		error = blk_queue(blk);
	}
	if (error) {
		register_write(port, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_FAILED);
		return error;
	}
	blk->up = true;
	register_write(port, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
		VIRTIO_STATUS_DRIVER_OK);
	return 0;
}

int virtio_blk_start(const struct virtio_blk_port *port, struct virtio_blk **started)
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
