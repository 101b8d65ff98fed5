/* SPDX-License-Identifier: MIT */
/*
 * The receive ring (7.1): a descriptor a buffer, legacy format. The adapter fills them in order; a descriptor that it says is done is copied, and the
 * copy judged: a length beyond the buffer, or an error, gives the buffer back empty.
 */
#include "e1000e_internal.h"

#include "abi/errno.h"

#define FRAME_BYTES_MIN 14u

int e1000e_receive(struct netdev *dev, struct net_buffer *buffer)
{
	struct e1000e *nic = dev->driver;
	struct e1000e_ring *ring = &nic->receive;
	if (buffer->segment.len < NET_BUFFER_BYTES) {
		return -EINVAL;
	}
	env_lock(&nic->lock);
	int error = nic->gone ? -EIO : nic->down || ring_room(ring) == 0 ? -EAGAIN : 0;
	if (!error) {
		nic->receive_descriptors[ring->tail] = (struct e1000e_receive_descriptor){ .address = buffer->segment.bus };
		nic->buffers[ring->tail] = buffer;
		ring->tail = ring_next(ring->tail);
	}
	env_unlock(&nic->lock);
	return error;
}

bool e1000e_receive_show(struct e1000e *nic)
{
	struct e1000e_ring *ring = &nic->receive;
	bool more = ring->shown != ring->tail;
	ring->shown = ring->tail;
	return more;
}

static void buffer_end(struct e1000e *nic, struct net_buffer *buffer)
{
	buffer->next = NULL;
	*nic->filled_end = buffer;
	nic->filled_end = &buffer->next;
}

/* 7.1.4.2 to 7.1.4.4. Checksums count as right only where the adapter says that it looked at TCP's or UDP's. */
static void buffer_judge(struct net_buffer *buffer, const struct e1000e_receive_descriptor *d)
{
	bool sound = !(d->errors & RX_ERROR_FRAME) && d->length >= FRAME_BYTES_MIN && d->length <= buffer->segment.len && (d->status & RX_EOP);
	bool checked = (d->status & (RX_TCPCS | RX_IXSM)) == RX_TCPCS && !(d->errors & RX_ERROR_CHECKSUM);
	buffer->filled = sound ? d->length : 0;
	buffer->last = true;
	buffer->offload = (struct net_offload){ .flags = sound && checked ? NET_DATA_VALID : 0 };
}

unsigned e1000e_receive_collect(struct e1000e *nic)
{
	struct e1000e_ring *ring = &nic->receive;
	unsigned found = 0;
	while (ring->head != ring->shown) {
		const struct e1000e_receive_descriptor *at = &nic->receive_descriptors[ring->head];
		if (!(__atomic_load_n(&at->status, __ATOMIC_ACQUIRE) & RX_DD)) {
			break;
		}
		struct e1000e_receive_descriptor d = *(const volatile struct e1000e_receive_descriptor *)at;
		struct net_buffer *buffer = nic->buffers[ring->head];
		nic->buffers[ring->head] = NULL;
		ring->head = ring_next(ring->head);
		buffer_judge(buffer, &d);
		buffer_end(nic, buffer);
		found++;
	}
	return found;
}

/* Buffers of an earlier life go into the ring again, from its beginning. */
void e1000e_receive_start(struct e1000e *nic)
{
	struct e1000e_ring *ring = &nic->receive;
	struct net_buffer *kept[RING_ENTRIES];
	uint32_t count = 0;
	for (; ring->head != ring->tail; ring->head = ring_next(ring->head)) {
		kept[count++] = nic->buffers[ring->head];
		nic->buffers[ring->head] = NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		nic->buffers[i] = kept[i];
		nic->receive_descriptors[i] = (struct e1000e_receive_descriptor){ .address = kept[i]->segment.bus };
	}
	ring->head = ring->shown = 0;
	ring->tail = count;
	nic_write(nic, REG_RDBAL, (uint32_t)ring->bus);
	nic_write(nic, REG_RDBAH, (uint32_t)(ring->bus >> 32));
	nic_write(nic, REG_RDLEN, RING_ENTRIES * sizeof(struct e1000e_receive_descriptor));
	nic_write(nic, REG_RDH, 0);
	nic_write(nic, REG_RDT, 0);
	nic_write(nic, REG_RDTR, 0);
	nic_write(nic, REG_RADV, 0);
	nic_write(nic, REG_RSRPD, 0);
	nic_write(nic, REG_RFCTL, 0); /* legacy descriptors */
	nic_write(nic, REG_RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
	nic->dev.receive_depth = RING_ENTRIES - 1;
	e1000e_filter_write(nic); /* and on */
	if (e1000e_receive_show(nic)) {
		nic_ring_bell(nic, REG_RDT, ring->tail);
	}
}

void e1000e_receive_drop(struct e1000e *nic)
{
	struct e1000e_ring *ring = &nic->receive;
	for (; ring->head != ring->tail; ring->head = ring_next(ring->head)) {
		struct net_buffer *buffer = nic->buffers[ring->head];
		nic->buffers[ring->head] = NULL;
		buffer->filled = 0;
		buffer->last = true;
		buffer->offload = (struct net_offload){ 0 };
		buffer_end(nic, buffer);
	}
	ring->shown = ring->tail;
}
