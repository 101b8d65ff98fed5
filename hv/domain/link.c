/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio register file (VIRTIO 1.2, 4.2.2, version 2) and the link's state machine. See link.h.
 *   DOWN -- offer --> UP             (first boot, or a driver without rings)
 *   any  -- death --> DOWN -- rebuilt --> REBUILD -- link_ready(epoch) --> UP
 */
#include "hv/link.h"

#include "abi/errno.h"
#include "abi/virtio.h"
#include "base/string.h"

#define VENDOR_ID 0x4c424842u /* "BHBL" */
#define QUEUE_SIZE_LIMIT 1024u

int link_offer_check(const struct link *l, const struct bh_link_offer *offer)
{
	uint32_t max = offer->queue_max;
	if (max == 0 || max > QUEUE_SIZE_LIMIT || (max & (max - 1)) != 0 || offer->queue_count == 0 ||
	    offer->queue_count > BH_MAX_QUEUES || offer->config_len > sizeof(offer->config)) {
		return -EINVAL;
	}
	if (!(l->status & VIRTIO_STATUS_FEATURES_OK)) {
		return 0;
	}
	if (l->features & ~(offer->features | VIRTIO_F_VERSION_1)) {
		return -EPROTO; /* the running driver relies on a feature that is gone */
	}
	for (unsigned i = 0; i < BH_MAX_QUEUES; i++) {
		if (l->queues[i].ready && (i >= offer->queue_count || l->queues[i].size > max)) {
			return -EPROTO;
		}
	}
	return 0;
}

void link_offer_set(struct link *l, const struct bh_link_offer *offer)
{
	if (l->offered && memcmp(l->offer.config, offer->config, sizeof(offer->config)) != 0) {
		l->generation++;
		l->interrupt_status |= LINK_INTERRUPT_CONFIG;
	}
	l->offer = *offer;
	l->offer.features |= VIRTIO_F_VERSION_1;
	l->offered = true;
	if (l->state == BH_LINK_DOWN) {
		l->state = BH_LINK_UP;
	}
}

void link_registers_reset(struct link *l)
{
	l->features_select = l->driver_select = l->queue_select = 0;
	l->features = 0;
	l->status = l->interrupt_status = 0;
	memset(l->queues, 0, sizeof(l->queues));
}

void link_down(struct link *l)
{
	l->state = BH_LINK_DOWN;
}

void link_rebuild(struct link *l, uint32_t epoch)
{
	l->epoch = epoch;
	l->state = l->status & VIRTIO_STATUS_DRIVER_OK ? BH_LINK_REBUILD : BH_LINK_DOWN;
}

int link_ready_check(const struct link *l, uint32_t epoch)
{
	if (epoch != l->epoch) {
		return -ESTALE;
	}
	return l->state == BH_LINK_REBUILD ? 0 : -EINVAL;
}

static uint64_t config_read(const struct link *l, uint32_t offset, unsigned width)
{
	uint64_t value = 0;
	if (offset < sizeof(l->offer.config) && width <= sizeof(l->offer.config) - offset) {
		memcpy(&value, l->offer.config + offset, width);
	}
	return value;
}

uint64_t link_mmio_read(const struct link *l, uint32_t offset, unsigned width)
{
	const struct bh_queue *queue = l->queue_select < BH_MAX_QUEUES ? &l->queues[l->queue_select] : NULL;
	if (offset >= VIRTIO_MMIO_CONFIG) {
		return config_read(l, offset - VIRTIO_MMIO_CONFIG, width);
	}
	if (width != 4) {
		return 0; /* 4.2.2.2: registers are accessed by 32 bits */
	}
	switch (offset) {
	case VIRTIO_MMIO_MAGIC:
		return VIRTIO_MMIO_MAGIC_VALUE;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return l->offered ? l->kind : 0; /* 0: nothing here yet */
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR_ID;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return l->features_select < 2 ? (uint32_t)(l->offer.features >> 32 * l->features_select) : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return l->queue_select < l->offer.queue_count ? l->offer.queue_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return queue ? queue->ready : 0;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return l->interrupt_status;
	case VIRTIO_MMIO_STATUS:
		return l->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return l->generation;
	default:
		return 0;
	}
}

/* 3.1.1: FEATURES_OK stays clear if the driver took what was not offered. */
static unsigned status_write(struct link *l, uint32_t value)
{
	if (value == 0) {
		link_registers_reset(l);
		return LINK_CHANGED | LINK_RESET;
	}
	if ((value & VIRTIO_STATUS_FEATURES_OK) && !(l->status & VIRTIO_STATUS_FEATURES_OK) &&
	    ((l->features & ~l->offer.features) || !(l->features & VIRTIO_F_VERSION_1))) {
		value &= ~VIRTIO_STATUS_FEATURES_OK;
	}
	l->status = value & 0xff;
	return LINK_CHANGED;
}

static void half_write(uint64_t *to, bool high, uint32_t value)
{
	*to = high ? (uint32_t)*to | (uint64_t)value << 32 : (*to & ~0xffffffffull) | value;
}

static unsigned ready_write(const struct link *l, struct bh_queue *queue, uint32_t value)
{
	uint32_t size = queue->size;
	bool valid = size != 0 && size <= l->offer.queue_max && (size & (size - 1)) == 0;
	queue->ready = (value & 1) && valid;
	return LINK_CHANGED;
}

static unsigned queue_write(struct link *l, uint32_t offset, uint32_t value)
{
	if (l->queue_select >= l->offer.queue_count) {
		return LINK_QUIET;
	}
	struct bh_queue *queue = &l->queues[l->queue_select];
	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		return ready_write(l, queue, value);
	}
	if (queue->ready) {
		return LINK_QUIET; /* 4.2.2.2: not while it is live */
	}
	if (offset == VIRTIO_MMIO_QUEUE_NUM) {
		queue->size = value;
	} else if (offset >= VIRTIO_MMIO_QUEUE_DESC_LOW && offset <= VIRTIO_MMIO_QUEUE_DEVICE_HIGH && offset % 16 <= 4) {
		uint64_t *areas[] = { &queue->desc, &queue->driver, &queue->device }; /* 10h apart, low half first */
		half_write(areas[(offset - VIRTIO_MMIO_QUEUE_DESC_LOW) / 16], offset % 16 == 4, value);
	}
	return LINK_QUIET;
}

unsigned link_mmio_write(struct link *l, uint32_t offset, unsigned width, uint64_t wide)
{
	uint32_t value = (uint32_t)wide;
	if (width != 4 || offset % 4 != 0 || offset >= VIRTIO_MMIO_CONFIG) {
		return LINK_QUIET; /* no device here has configuration that a driver writes */
	}
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		l->features_select = value;
		return LINK_QUIET;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		l->driver_select = value;
		return LINK_QUIET;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (l->driver_select < 2 && !(l->status & VIRTIO_STATUS_FEATURES_OK)) {
			half_write(&l->features, l->driver_select == 1, value);
		}
		return LINK_QUIET;
	case VIRTIO_MMIO_QUEUE_SEL:
		l->queue_select = value;
		return LINK_QUIET;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		return LINK_NOTIFY;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		l->interrupt_status &= ~value;
		return LINK_QUIET;
	case VIRTIO_MMIO_STATUS:
		return status_write(l, value);
	default:
		return queue_write(l, offset, value);
	}
}

/* State last: who sees UP sees the rest. */
void link_publish(const struct link *l, struct bh_link *to, uint32_t role)
{
	to->role = role;
	to->kind = l->kind;
	to->epoch = l->epoch;
	to->status = l->status;
	to->features = l->features;
	memcpy(to->queues, l->queues, sizeof(to->queues));
	memcpy(to->grants, l->grants, sizeof(to->grants));
	__atomic_store_n(&to->state, l->state, __ATOMIC_RELEASE);
}
