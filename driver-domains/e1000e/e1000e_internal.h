/* SPDX-License-Identifier: MIT */
/*
 * The component's own types. Locking: everything in struct e1000e is guarded by its lock; functions but those in e1000e.h and in the
 * netdev's operations are called with it held. What is finished goes on two lists in its order, which e1000e_unlock hands back: by
 * one caller at a time, so that the order stays.
 * The adapter writes only descriptors and frames; of what it wrote, a descriptor is read once and judged as a copy.
 */
#ifndef BULKHEAD_E1000E_INTERNAL_H
#define BULKHEAD_E1000E_INTERNAL_H

#include "e1000e.h"
#include "e1000e_registers.h"
#include "env/env.h"

#define MS 1000000ull
#define RING_ENTRIES 512u /* a multiple of 8 descriptors (10.2.5.7); one stays free, so that full differs from empty */
#define SEND_PIECE 8192u /* of a segment, at most in one descriptor: several fit the adapter's packet buffer */
#define FRAME_BYTES_MAX 1518u /* without gso */
#define HANG_NS (2000 * MS) /* a transmitter that does not move for so long is reset */

/* One ring: [head, tail) is with the adapter, as far as [.., shown) was shown to it. Indices run over RING_ENTRIES. */
struct e1000e_ring {
	uint64_t bus;
	uint32_t head, tail, shown;
};

static inline uint32_t ring_next(uint32_t index)
{
	return (index + 1) % RING_ENTRIES;
}

/* Descriptors that are free. */
static inline uint32_t ring_room(const struct e1000e_ring *ring)
{
	return (ring->head + RING_ENTRIES - ring->tail - 1) % RING_ENTRIES;
}

struct e1000e_context { /* what the adapter's context says now; all 0: nothing that can be relied on */
	uint16_t csum_start, csum_offset;
};

struct e1000e {
	struct netdev dev;
	struct pcidev *pci;
	volatile void *registers;
	struct env_lock lock;
	struct env_cond attention;
	bool attended; /* attention was raised since the last poll */
	bool old; /* an 82540EM */
	bool has_irq, msix;
	bool gone; /* it does not answer any more: everything is refused */
	bool down; /* it is being reset: nothing is taken */
	bool recalled; /* ... and gives everything back */
	bool showing; /* a flush writes the rings' tails, without the lock */
	bool moderate, quiet; /* the caller uses e1000e_before_wait; the interrupt is off */

	struct e1000e_ring receive, send;
	struct e1000e_receive_descriptor *receive_descriptors;
	struct e1000e_send_descriptor *send_descriptors;
	struct net_buffer *buffers[RING_ENTRIES]; /* by descriptor */
	struct net_frame *frames[RING_ENTRIES]; /* by a frame's last descriptor */
	uint16_t marks[RING_ENTRIES]; /* descriptors that report their end, in order: [mark_head, mark_tail) */
	uint32_t mark_head, mark_tail;
	struct e1000e_context context;
	uint64_t progress; /* when the transmitter last moved, or had nothing to do */

	/* Finished, for their done(). */
	struct net_frame *sent, **sent_end;
	struct net_buffer *filled, **filled_end;
	bool delivering, link_news;

	uint32_t came; /* frames that the last look found received */
	uint32_t found; /* frames since the last turn of an adapter without an interrupt */
	uint64_t window_since, window_frames, rate; /* frames since a moment; frames a second before that */
	uint64_t link_checked, link_lost;
	uint64_t turn_ns; /* without an interrupt: the time to the next look */
	unsigned filter_flags;
	uint32_t multicast[MTA_WORDS];
	struct net_counters counters;
	uint64_t errors_told, errors_due;
};

static inline uint32_t nic_read(struct e1000e *nic, uint32_t offset)
{
	return e1000e_read(nic->registers, offset);
}

static inline void nic_write(struct e1000e *nic, uint32_t offset, uint32_t value)
{
	e1000e_write(nic->registers, offset, value);
}

/** Show the adapter the ring as far as `tail`: the descriptors are there before it is told. */
static inline void nic_ring_bell(struct e1000e *nic, uint32_t tail_register, uint32_t tail)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	nic_write(nic, tail_register, tail);
}

/* e1000e.c */
/** Give the lock up, then hand back what is finished. */
void e1000e_unlock(struct e1000e *nic);

/* e1000e_reset.c */
/** Reset and set everything but rings, receiver and transmitter. -EIO. May wait: the lock is not held. */
int e1000e_reset(struct e1000e *nic);
/** The address that the adapter was given: its registers, else its EEPROM. -EIO. */
int e1000e_address(struct e1000e *nic);
void e1000e_filter_write(struct e1000e *nic);
int e1000e_filter(struct netdev *dev, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count);

/* e1000e_link.c */
/** Look at the link, tell the user if it changed. */
void e1000e_link_check(struct e1000e *nic, uint64_t now);
/** Add the adapter's counters, which a read clears. */
void e1000e_counters_read(struct e1000e *nic, uint64_t now);
int e1000e_counters(struct netdev *dev, struct net_counters *to);

/* e1000e_send.c */
int e1000e_send(struct netdev *dev, struct net_frame *frame);
void e1000e_send_start(struct e1000e *nic);
/** What was added counts as shown to the adapter: the caller writes the tail. False: nothing was. */
bool e1000e_send_show(struct e1000e *nic);
/** Take back what was sent. Returns the frames. */
unsigned e1000e_send_collect(struct e1000e *nic);
/** Take everything back. */
void e1000e_send_drop(struct e1000e *nic);

/* e1000e_receive.c */
int e1000e_receive(struct netdev *dev, struct net_buffer *buffer);
void e1000e_receive_start(struct e1000e *nic);
bool e1000e_receive_show(struct e1000e *nic);
unsigned e1000e_receive_collect(struct e1000e *nic);
void e1000e_receive_drop(struct e1000e *nic);

#endif
