/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio register file (VIRTIO 1.2, 4.2.2, version 2) and the link's state machine. See link.h.
 *   DOWN -- offer --> UP             (first boot, or a driver without rings)
 *   any  -- death --> DOWN -- rebuilt --> REBUILD -- link_ready(epoch) --> UP
 */
#include "hv/link.h"

#include "abi/errno.h"
#include "abi/virtio_mmio.h"
#include "base/string.h"

#define VENDOR_ID 0x4c424842u /* "BHBL" */
#define QUEUE_SIZE_LIMIT 1024u

static bool size_is_valid(uint32_t size, uint32_t max)
{
	return size != 0 && size <= max && (size & (size - 1)) == 0;
}

int link_offer_check(const struct link *l, const struct bh_link_offer *offer)
{
	uint32_t max = offer->queue_max;
	if (!size_is_valid(max, QUEUE_SIZE_LIMIT) || offer->queue_count == 0 || offer->queue_count > BH_MAX_QUEUES ||
	    offer->config_len > sizeof(offer->config)) {
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
	l->status = 0;
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

static uint32_t config_read(const struct link *l, uint32_t offset, unsigned width)
{
	uint32_t value = 0;
	if (offset < sizeof(l->offer.config) && width <= sizeof(l->offer.config) - offset) {
		memcpy(&value, l->offer.config + offset, width);
	}
	return value;
}

uint32_t link_mmio_read(const struct link *l, uint32_t offset, unsigned width)
{
	const struct bh_queue *queue = l->queue_select < BH_MAX_QUEUES ? &l->queues[l->queue_select] : NULL;
	const struct {
		uint32_t offset, value;
	} registers[] = {
		{ VIRTIO_MMIO_MAGIC, VIRTIO_MMIO_MAGIC_VALUE },
		{ VIRTIO_MMIO_VERSION, 2 },
		{ VIRTIO_MMIO_DEVICE_ID, l->offered ? l->kind : 0 }, /* 0: nothing here yet */
		{ VIRTIO_MMIO_VENDOR_ID, VENDOR_ID },
		{ VIRTIO_MMIO_DEVICE_FEATURES,
		  l->features_select < 2 ? (uint32_t)(l->offer.features >> 32 * l->features_select) : 0 },
		{ VIRTIO_MMIO_QUEUE_NUM_MAX, l->queue_select < l->offer.queue_count ? l->offer.queue_max : 0 },
		{ VIRTIO_MMIO_QUEUE_READY, queue ? queue->ready : 0 },
		{ VIRTIO_MMIO_STATUS, l->status },
		{ VIRTIO_MMIO_CONFIG_GENERATION, l->generation },
	};
	if (offset >= VIRTIO_MMIO_CONFIG) {
		return config_read(l, offset - VIRTIO_MMIO_CONFIG, width);
	}
	for (unsigned i = 0; width == 4 && i < sizeof(registers) / sizeof(registers[0]); i++) { /* 4.2.2.2: 32 bits only */
		if (registers[i].offset == offset) {
			return registers[i].value;
		}
	}
	return 0;
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

static unsigned queue_write(struct link *l, uint32_t offset, uint32_t value)
{
	if (l->queue_select >= l->offer.queue_count) {
		return LINK_QUIET;
	}
	struct bh_queue *queue = &l->queues[l->queue_select];
	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		queue->ready = (value & 1) && size_is_valid(queue->size, l->offer.queue_max);
		return LINK_CHANGED;
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

unsigned link_mmio_write(struct link *l, uint32_t offset, unsigned width, uint32_t value)
{
	if (width != 4 || offset % 4 != 0 || offset >= VIRTIO_MMIO_CONFIG) {
		return LINK_QUIET; /* no device here has configuration that a driver writes */
	}
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		l->features_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		l->driver_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (l->driver_select < 2 && !(l->status & VIRTIO_STATUS_FEATURES_OK)) {
			half_write(&l->features, l->driver_select == 1, value);
		}
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		l->queue_select = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		return LINK_NOTIFY;
	case VIRTIO_MMIO_STATUS:
		return status_write(l, value);
	default:
		return queue_write(l, offset, value);
	}
	return LINK_QUIET;
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
