/* SPDX-License-Identifier: MIT */
/* See blk_backend.h. A request that makes no sense ends with VIRTIO_BLK_S_IOERR or _UNSUPP, never with a fault here. */
#include "blk_backend.h"

#include "abi/errno.h"
#include "abi/virtio.h"
#include "base/string.h"
#include "env/env.h"
#include "link_access.h"

#define HEADER_BYTES 16
#define ID_BYTES 20

static unsigned pool_size(const struct blkdev *dev)
{
	return (dev->depth < BLK_BACKEND_QUEUE ? dev->depth : BLK_BACKEND_QUEUE) + 1;
}

int blk_backend_init(struct blk_backend *b, const struct bh_link *link, struct blkdev *dev, uint32_t data_access,
	void (*signal)(void *arg), void *arg)
{
	memset(b, 0, sizeof(*b));
	b->link = link;
	b->dev = dev;
	b->data_access = data_access;
	b->signal = signal;
	b->arg = arg;
	unsigned count = pool_size(dev);
	struct blk_backend_request *pool = env_alloc(count * sizeof(*pool));
	if (!pool) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < count; i++) {
		pool[i].backend = b;
		pool[i].next = b->free;
		b->free = &pool[i];
	}
	return 0;
}

void blk_backend_offer(const struct blk_backend *b, struct bh_link_offer *offer)
{
	const struct blkdev *dev = b->dev;
	struct virtio_blk_config config = {
		.capacity = dev->sectors,
		.seg_max = dev->max_segments < BLK_BACKEND_SEGMENTS ? dev->max_segments : BLK_BACKEND_SEGMENTS,
		.blk_size = dev->block_size,
	};
	memset(offer, 0, sizeof(*offer));
	offer->features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER |
			  VIRTIO_F_ACCESS_PLATFORM | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE |
			  (dev->has_flush ? VIRTIO_BLK_F_FLUSH : 0) | (dev->read_only ? VIRTIO_BLK_F_RO : 0);
	offer->queue_max = BLK_BACKEND_QUEUE;
	offer->queue_count = 1;
	offer->config_len = VIRTIO_BLK_CONFIG_DATA_ACCESS + sizeof(b->data_access);
	memcpy(offer->config, &config, sizeof(config));
	memcpy(offer->config + VIRTIO_BLK_CONFIG_DATA_ACCESS, &b->data_access, sizeof(b->data_access));
}

static void request_free(struct blk_backend_request *r)
{
	r->next = r->backend->free;
	r->backend->free = r;
}

/* The request is over: status byte, then its place in the ring, which the front end sees when its turn comes. */
static void request_end(struct blk_backend_request *r, uint8_t status)
{
	struct blk_backend *b = r->backend;
	if (r->generation == b->generation && b->running) {
		__atomic_store_n(r->status, status, __ATOMIC_RELEASE);
		ring_back_complete(&b->ring, r->position, status == VIRTIO_BLK_S_OK ? r->length : 1);
	}
	request_free(r);
}

static void request_done(struct blk_request *request, int error)
{
	uint8_t status = error == 0 ? VIRTIO_BLK_S_OK : error == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	request_end(request->owner, status);
}

/* Data segments to bus addresses. The sum is the request's size. */
static int request_data(struct blk_backend_request *r, const struct ring_chain *chain, bool device_writes)
{
	struct blk_backend *b = r->backend;
	uint32_t prot = b->data_access & (device_writes ? BH_GRANT_CPU_WRITE | BH_GRANT_DMA_WRITE : BH_GRANT_CPU_READ | BH_GRANT_DMA_READ);
	uint64_t bytes = 0;
	for (unsigned i = 1; i + 1u < chain->count; i++) {
		const struct ring_segment *s = &chain->segments[i];
		if (s->write != device_writes || !link_granted(b->link, s->gpa, s->len, prot)) {
			return -EIO;
		}
		r->segments[i - 1] = (struct blk_segment){ .bus = b->link->dma_window + s->gpa, .len = s->len };
		bytes += s->len;
	}
	uint64_t sectors = bytes / 512;
	if (bytes == 0 || bytes % 512 || sectors > b->dev->max_sectors) {
		return -EIO;
	}
	r->request.sectors = (uint32_t)sectors;
	r->request.segment_count = chain->count - 2u;
	r->length = (device_writes ? (uint32_t)bytes : 0) + 1;
	return 0;
}

static int request_get_id(struct blk_backend_request *r, const struct ring_chain *chain)
{
	struct blk_backend *b = r->backend;
	const struct ring_segment *s = &chain->segments[1];
	char *to = chain->count == 3 && s->write && s->len >= ID_BYTES ? link_cpu((void *)b->link, s->gpa, ID_BYTES, true) : NULL;
	if (!to) {
		return -EIO;
	}
	memset(to, 0, ID_BYTES);
	memcpy(to, b->dev->id, strnlen(b->dev->id, ID_BYTES));
	r->length = ID_BYTES + 1;
	return 0;
}

static void request_submit(struct blk_backend_request *r)
{
	struct blk_backend *b = r->backend;
	int error = b->dev->ops->submit(b->dev, &r->request);
	if (error == -EAGAIN) {
		b->stalled = r;
	} else if (error) {
		request_end(r, VIRTIO_BLK_S_IOERR);
	}
}

static int request_io(struct blk_backend_request *r, const struct ring_chain *chain, const struct virtio_blk_header *header)
{
	const struct blkdev *dev = r->backend->dev;
	bool read = header->type == VIRTIO_BLK_T_IN;
	int error = request_data(r, chain, read);
	if (error || header->sector >= dev->sectors || r->request.sectors > dev->sectors - header->sector ||
	    (!read && dev->read_only)) {
		return -EIO;
	}
	r->request.op = read ? BLK_READ : BLK_WRITE;
	r->request.sector = header->sector;
	request_submit(r);
	return 0;
}

/* 5.2.6. Negative: end it with this error. */
static void request_start(struct blk_backend_request *r, const struct ring_chain *chain, const struct virtio_blk_header *header)
{
	r->request = (struct blk_request){ .segments = r->segments, .done = request_done, .owner = r };
	r->length = 1;
	switch (header->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		if (request_io(r, chain, header)) {
			request_end(r, VIRTIO_BLK_S_IOERR);
		}
		return;
	case VIRTIO_BLK_T_FLUSH:
		if (!r->backend->dev->has_flush) {
			request_end(r, VIRTIO_BLK_S_UNSUPP);
			return;
		}
		r->request.op = BLK_FLUSH;
		request_submit(r);
		return;
	case VIRTIO_BLK_T_GET_ID:
		request_end(r, request_get_id(r, chain) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
		return;
	default:
		request_end(r, VIRTIO_BLK_S_UNSUPP);
	}
}

/* Header first, 16 bytes; status last, one byte. Without a place for the status there is only the length 0 to say so. */
static void chain_start(struct blk_backend *b, const struct ring_chain *chain)
{
	const struct ring_segment *first = &chain->segments[0], *last = &chain->segments[chain->count - 1];
	struct virtio_blk_header header;
	const void *from = NULL;
	uint8_t *status = NULL;
	if (chain->count >= 2 && !first->write && first->len == HEADER_BYTES && last->write && last->len == 1) {
		from = link_cpu((void *)b->link, first->gpa, HEADER_BYTES, false);
		status = link_cpu((void *)b->link, last->gpa, 1, true);
	}
	if (!from || !status) {
		ring_back_complete(&b->ring, chain->position, 0);
		return;
	}
	memcpy(&header, from, sizeof(header));
	struct blk_backend_request *r = b->free;
	b->free = r->next;
	r->status = status;
	r->position = chain->position;
	r->generation = b->generation;
	request_start(r, chain, &header);
}

static bool backend_take(struct blk_backend *b)
{
	bool any = false;
	while (b->running && b->free && !b->stalled) {
		int got = ring_back_take(&b->ring, &b->chain);
		if (got == 0) {
			break;
		}
		any = true;
		if (got == -EPROTO) {
			env_log("blk: %s's ring is impossible; stopped until it resets the device", b->link->peer);
			b->running = false;
			b->broken = true;
		} else if (got < 0) {
			ring_back_complete(&b->ring, b->chain.position, 0);
		} else {
			chain_start(b, &b->chain);
		}
	}
	return any;
}

static void backend_start(struct blk_backend *b, const struct bh_queue *queue, uint64_t features)
{
	struct ring_access access = { link_cpu, (void *)b->link };
	int error = ring_back_init(&b->ring, &access, queue->size, queue->desc, queue->driver, queue->device,
		features & VIRTIO_F_EVENT_IDX);
	b->queue = *queue;
	b->generation++;
	b->running = error == 0;
	b->broken = error != 0;
	if (error) {
		env_log("blk: %s's ring is unusable (%d)", b->link->peer, error);
	}
}

/* Run while the link is up, the driver says so, and the ring is the one that was started. */
static void backend_follow(struct blk_backend *b)
{
	uint32_t state = __atomic_load_n(&b->link->state, __ATOMIC_ACQUIRE);
	struct bh_queue queue = b->link->queues[0];
	bool wanted = state == BH_LINK_UP && (b->link->status & VIRTIO_STATUS_DRIVER_OK) && queue.ready;
	bool same = memcmp(&queue, &b->queue, sizeof(queue)) == 0;
	if ((b->running || b->broken) && wanted && same) {
		return;
	}
	b->running = b->broken = false;
	if (wanted) {
		backend_start(b, &queue, b->link->features);
	}
}

static void backend_retry(struct blk_backend *b)
{
	struct blk_backend_request *r = b->stalled;
	if (r) {
		b->stalled = NULL;
		request_submit(r);
	}
}

bool blk_backend_work(struct blk_backend *b, uint64_t *until)
{
	backend_follow(b);
	backend_retry(b);
	bool any = backend_take(b);
	if (b->running && ring_back_publish(&b->ring)) {
		b->signal(b->arg);
	}
	if (any || !b->running || !b->free || b->stalled) {
		return any;
	}
	if (ring_back_in_flight(&b->ring) < BLK_BACKEND_BUSY) {
		return ring_back_arm(&b->ring, 0);
	}
	uint64_t look = env_time_ns() + BLK_BACKEND_LOOK_NS;
	*until = look < *until ? look : *until;
	return ring_back_arm(&b->ring, BLK_BACKEND_BATCH - 1);
}
