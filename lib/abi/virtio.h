/* SPDX-License-Identifier: MIT */
/*
 * VIRTIO 1.2: split rings (2.7), network device (5.1), block device (5.2); the registers are in virtio_mmio.h.
 */
#ifndef BULKHEAD_ABI_VIRTIO_H
#define BULKHEAD_ABI_VIRTIO_H

#include <stdint.h>

#include "abi/virtio_mmio.h"

/* 2.7.5 */
#define VRING_DESC_NEXT 1u
#define VRING_DESC_WRITE 2u
#define VRING_DESC_INDIRECT 4u

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct vring_avail { /* followed by uint16_t used_event */
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

struct vring_used_elem {
	uint32_t id;
	uint32_t len;
};

struct vring_used { /* followed by uint16_t avail_event */
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[];
};

/* 5.1: queue 0 receives, queue 1 sends; there is one pair of them, so queue 2 is the control queue */
#define VIRTIO_NET_F_CSUM (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_MTU (1ull << 3)
#define VIRTIO_NET_F_MAC (1ull << 5)
#define VIRTIO_NET_F_HOST_TSO4 (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6 (1ull << 12)
#define VIRTIO_NET_F_MRG_RXBUF (1ull << 15)
#define VIRTIO_NET_F_STATUS (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX (1ull << 18)

#define VIRTIO_NET_S_LINK_UP 1u

struct virtio_net_config { /* 5.1.4 */
	uint8_t mac[6];
	uint16_t status; /* VIRTIO_NET_S_* */
	uint16_t max_queue_pairs;
	uint16_t mtu;
};

struct virtio_net_header { /* 5.1.6: before each frame, 12 bytes, in a descriptor of its own at Bulkhead's back ends */
	uint8_t flags, gso_type; /* NET_NEEDS_CSUM, NET_DATA_VALID; enum net_gso (component/netdev.h) */
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
	uint16_t num_buffers; /* received: descriptor chains that the frame fills */
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "virtio_net_header");

/* 5.1.6.5: a chain of the control queue is this, what the command needs, and an answer's byte, which the device writes. */
struct virtio_net_control {
	uint8_t class, command;
};
#define VIRTIO_NET_CTRL_RX 0 /* a byte: on or off */
#define VIRTIO_NET_CTRL_RX_PROMISC 0
#define VIRTIO_NET_CTRL_RX_ALLMULTI 1
#define VIRTIO_NET_CTRL_MAC 1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0 /* twice a 32-bit count and as many addresses: of single stations, then of groups */
#define VIRTIO_NET_OK 0
#define VIRTIO_NET_ERR 1
/* Bulkhead's own, where the configuration says VIRTIO_NET_COUNTERS: behind the answer's byte comes a struct net_counters (component/netdev.h). */
#define VIRTIO_NET_CTRL_COUNTERS 0xb0
#define VIRTIO_NET_CTRL_COUNTERS_GET 0

/* Until the front end has set a filter, and once its queue is gone, a back end takes frames to all group addresses. It tells a changed status by
 * another offer. The front end grants memory of frames to be sent for reading only, buffers for received ones for both.
 * Bulkhead's back ends say more behind VIRTIO's own fields, in 32-bit words that read 0 at any other device: */
#define VIRTIO_NET_CONFIG_GSO 56 /* VIRTIO_NET_GSO_BARE, VIRTIO_NET_COUNTERS */
#define VIRTIO_NET_CONFIG_DATA_ACCESS 60 /* BH_GRANT_* that it needs on frames; 0: DMA both ways */
#define VIRTIO_NET_GSO_BARE 1u /* struct netdev's gso_bare */
#define VIRTIO_NET_COUNTERS 2u /* it answers VIRTIO_NET_CTRL_COUNTERS */

/* 5.2 */
#define VIRTIO_BLK_F_SIZE_MAX (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX (1ull << 2)
#define VIRTIO_BLK_F_RO (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE (1ull << 6)
#define VIRTIO_BLK_F_FLUSH (1ull << 9)
#define VIRTIO_BLK_F_CONFIG_WCE (1ull << 11)

#define VIRTIO_BLK_T_IN 0
#define VIRTIO_BLK_T_OUT 1
#define VIRTIO_BLK_T_FLUSH 4
#define VIRTIO_BLK_T_GET_ID 8

#define VIRTIO_BLK_S_OK 0
#define VIRTIO_BLK_S_IOERR 1
#define VIRTIO_BLK_S_UNSUPP 2

struct virtio_blk_header { /* 5.2.6: first descriptor of a request */
	uint32_t type;
	uint32_t reserved;
	uint64_t sector; /* of 512 bytes */
};

struct virtio_blk_config { /* 5.2.4 */
	uint64_t capacity; /* sectors of 512 bytes */
	uint32_t size_max;
	uint32_t seg_max;
	struct {
		uint16_t cylinders;
		uint8_t heads, sectors;
	} geometry;
	uint32_t blk_size;
};

/* Bulkhead's back ends say here, in the configuration space behind VIRTIO's own fields, what they need on data pages: a 32-bit
 * word of BH_GRANT_* bits. 0 (any other device): DMA both ways. */
#define VIRTIO_BLK_CONFIG_DATA_ACCESS 60

#endif
