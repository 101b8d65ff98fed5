/* SPDX-License-Identifier: MIT */
/*
 * The virtio-net front end (VIRTIO 1.2, 5.1; no mergeable buffers), on links of Bulkhead and on virtio-mmio devices.
 * A frame and a buffer take a chain of two parts each: the header, in memory that the back end's processor reaches, and the payload, which
 * only its device does: memory of frames to be sent for reading, the packet memory for both. What the back end may write by processor is
 * two pages, used rings and headers; all of it is judged before it is believed. The records of ring_front say what is out: when the
 * back end has died, frames without a valid used entry are sent again and buffers offered again to the next one.
 *
 * Signals are asked for sparingly. Of buffers: for the first one that is filled after a poll that found none. Of frames: when the queue was
 * full, for half of it. Entries are taken from a ring under its lock and handed to their owners, in order, by one processor at a time.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "net/net_control.h"
#include "net/netdevs.h"
#include "platform/virtio_port.h"

#define RECEIVE 0 /* 5.1.2 */
#define SEND 1
#define QUEUE_SIZE 256
#define SEND_ENTRIES (1 + NET_FRAME_SEGMENTS) /* of an indirect table */
#define RECEIVE_ENTRIES 2
#define ETHERNET_BYTES 14u
#define MTU_USUAL 1500u
#define MTU_LEAST 68u
#define GSO_BYTES_MAX 65535u
#define COUNTERS_NS 50000000ull /* that a back end has to tell them */
#define WANTED_FEATURES                                                                                                \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER | VIRTIO_F_ACCESS_PLATFORM | \
	 VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_HOST_TSO4 |      \
	 VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX)

struct shared_read { /* what the back end's processor reads */
	struct vring_desc send_tables[QUEUE_SIZE][SEND_ENTRIES];
	struct vring_desc receive_tables[QUEUE_SIZE][RECEIVE_ENTRIES];
	struct vring_desc desc[2][QUEUE_SIZE];
	struct virtio_net_header headers[QUEUE_SIZE]; /* of frames to be sent */
	_Alignas(4) uint16_t avail[2][2 + QUEUE_SIZE + 2];
};
#define SHARED_READ_ORDER 5
_Static_assert(sizeof(struct shared_read) <= PAGE_SIZE << SHARED_READ_ORDER, "shared memory");

struct shared_write { /* what it writes */
	_Alignas(4) uint8_t used[2][sizeof(struct vring_used) + QUEUE_SIZE * sizeof(struct vring_used_elem) + 4];
	struct virtio_net_header headers[QUEUE_SIZE]; /* of received frames */
};
#define SHARED_WRITE_ORDER 1
_Static_assert(sizeof(struct shared_write) <= PAGE_SIZE << SHARED_WRITE_ORDER, "shared memory");

struct virtio_net;
struct net_queue {
	spinlock_t lock; /* all below; the receiver's before the sender's */
	struct ring_front ring;
	void *items[QUEUE_SIZE]; /* by id: frames or buffers */
	void *finished[QUEUE_SIZE]; /* taken from the ring, not yet given back; by position % QUEUE_SIZE */
	uint16_t finished_next;
	uint16_t delivered_next; /* atomic: written without the lock by who has set `delivering` */
	bool delivering;
	/* 0: the used entry is believed; -EPROTO */
	int (*judge)(struct virtio_net *net, const struct ring_completion *c, void *item);
	void (*done)(void *item);
};

struct virtio_net {
	struct netdev dev;
	struct virtio_port port;
	uint64_t features;
	struct shared_read *read;
	struct shared_write *write;
	uint64_t send_headers; /* bus address */
	struct net_queue queues[2];
	struct net_control control; /* the sender's lock */
	bool up; /* somebody is there to be rung; both locks to write, one to read */
	bool broken; /* atomic: the back end's entries are not taken any more, until its next epoch */
};

/* --- frames and buffers to the device --- */

static unsigned frame_describe(void *owner, uint16_t id, struct vring_desc *table)
{
	struct virtio_net *net = owner;
	const struct net_frame *frame = net->queues[SEND].items[id];
	const struct net_offload *o = &frame->offload;
	struct virtio_net_header *header = &net->read->headers[id];
	*header = (struct virtio_net_header){ .flags = o->flags & NET_NEEDS_CSUM, .gso_type = o->gso, .hdr_len = o->header_bytes,
		.gso_size = o->gso_bytes, .csum_start = o->csum_start, .csum_offset = o->csum_offset };
	table[0] = (struct vring_desc){ net->send_headers + id * sizeof(*header), sizeof(*header), VRING_DESC_NEXT, 1 };
	unsigned n = 1;
	for (uint32_t i = 0; i < frame->segment_count; i++, n++) {
		table[n] = (struct vring_desc){ frame->segments[i].bus, frame->segments[i].len, VRING_DESC_NEXT, (uint16_t)(n + 1) };
	}
	table[n - 1].flags = table[n - 1].next = 0;
	return n;
}

/* The back end cannot write to tables, so what is the same for each buffer is there from the beginning: the header's descriptor, and all of the buffer's
 * but its address. A header is not cleared: whoever says that he wrote a frame wrote it, or what is judged like it. */
static unsigned buffer_describe(void *owner, uint16_t id, struct vring_desc *table)
{
	const struct virtio_net *net = owner;
	const struct net_buffer *buffer = net->queues[RECEIVE].items[id];
	table[1].addr = buffer->segment.bus;
	return RECEIVE_ENTRIES;
}

static void buffer_tables(struct virtio_net *net)
{
	uint64_t headers = virt_to_phys(net->write->headers);
	for (unsigned id = 0; id < QUEUE_SIZE; id++) {
		struct vring_desc *table = net->read->receive_tables[id];
		table[0] = (struct vring_desc){ headers + id * sizeof(struct virtio_net_header), sizeof(struct virtio_net_header),
			VRING_DESC_WRITE | VRING_DESC_NEXT, 1 };
		table[1].len = NET_BUFFER_BYTES;
		table[1].flags = VRING_DESC_WRITE;
	}
}

static bool frame_valid(const struct netdev *dev, const struct net_frame *frame)
{
	const struct net_offload *o = &frame->offload;
	uint64_t bytes = 0, most = o->gso ? dev->send_bytes_max : dev->mtu + ETHERNET_BYTES;
	for (uint32_t i = 0; i < frame->segment_count && i < NET_FRAME_SEGMENTS; i++) {
		bytes += frame->segments[i].len;
		if (frame->segments[i].len == 0) {
			return false;
		}
	}
	bool gso_known = o->gso == NET_GSO_NONE || (o->gso == NET_GSO_TCP4 && dev->tso4) || (o->gso == NET_GSO_TCP6 && dev->tso6);
	bool csum = o->flags & NET_NEEDS_CSUM;
	return frame->segment_count <= NET_FRAME_SEGMENTS && bytes >= ETHERNET_BYTES && bytes <= most && gso_known && (!csum || dev->csum) &&
	       (!o->gso || (csum && o->gso_bytes && o->header_bytes < bytes));
}

/* What is finished and not yet given back takes room, too. */
static int queue_submit(struct net_queue *q, void *item)
{
	spin_lock(&q->lock);
	uint16_t backlog = (uint16_t)(q->finished_next - __atomic_load_n(&q->delivered_next, __ATOMIC_ACQUIRE));
	int id = ring_front_in_flight(&q->ring) + backlog < QUEUE_SIZE ? ring_front_id(&q->ring) : -EAGAIN;
	if (id >= 0) {
		q->items[id] = item;
		ring_front_submit(&q->ring, (uint16_t)id);
	} else {
		ring_front_arm_after(&q->ring, ring_front_in_flight(&q->ring) / 2);
	}
	spin_unlock(&q->lock);
	return id < 0 ? id : 0;
}

static int net_send(struct netdev *dev, struct net_frame *frame)
{
	struct virtio_net *net = dev->driver;
	return frame_valid(dev, frame) ? queue_submit(&net->queues[SEND], frame) : -EINVAL;
}

static int net_receive(struct netdev *dev, struct net_buffer *buffer)
{
	struct virtio_net *net = dev->driver;
	return buffer->segment.len >= NET_BUFFER_BYTES ? queue_submit(&net->queues[RECEIVE], buffer) : -EINVAL;
}

static void queues_lock(struct virtio_net *net)
{
	spin_lock(&net->queues[RECEIVE].lock);
	spin_lock(&net->queues[SEND].lock);
}

static void queues_unlock(struct virtio_net *net)
{
	spin_unlock(&net->queues[SEND].lock);
	spin_unlock(&net->queues[RECEIVE].lock);
}

/* A busy back end wants to know of the next batch of frames, or that nothing else comes: that this processor goes idle. Both locked. */
static void queues_ring(struct virtio_net *net)
{
	struct ring_front *send = &net->queues[SEND].ring;
	if (!net->up) {
		return;
	}
	if (send->kicked != send->next_avail) {
		virtio_port_ring(&net->port, SEND, ring_front_kick(send));
	}
	if (ring_front_kick(&net->queues[RECEIVE].ring)) {
		virtio_port_ring(&net->port, RECEIVE, true);
	}
}

/* The sender's lock. */
static void control_ring(struct virtio_net *net)
{
	if (net->up) {
		net_control_kick(&net->control, &net->port);
	}
}

static void net_flush(struct netdev *dev)
{
	struct virtio_net *net = dev->driver;
	queues_lock(net);
	queues_ring(net);
	queues_unlock(net);
}

/* --- what is finished --- */

static int frame_judge(struct virtio_net *net, const struct ring_completion *c, void *item)
{
	return 0; /* nothing is written for it, and more than nothing was refused already */
}

/* The header and the length of a received frame, which the back end wrote. A link's is never cut, and has at least an Ethernet header. */
static int buffer_judge(struct virtio_net *net, const struct ring_completion *c, void *item)
{
	const struct virtio_net_header *header = &net->write->headers[c->id];
	struct net_buffer *buffer = item;
	uint8_t flags = __atomic_load_n(&header->flags, __ATOMIC_ACQUIRE), gso = __atomic_load_n(&header->gso_type, __ATOMIC_RELAXED);
	bool whole = c->len >= sizeof(*header) + ETHERNET_BYTES && gso == NET_GSO_NONE;
	if (!whole && net->port.link) {
		return -EPROTO;
	}
	buffer->filled = whole ? c->len - (uint32_t)sizeof(*header) : 0;
	buffer->last = true;
	buffer->offload = (struct net_offload){ 0 };
	if (net->features & VIRTIO_NET_F_GUEST_CSUM) {
		buffer->offload.flags = flags & (NET_NEEDS_CSUM | NET_DATA_VALID);
	}
	return 0;
}

static void frame_finished(void *item)
{
	struct net_frame *frame = item;
	frame->done(frame);
}

static void buffer_finished(void *item)
{
	struct net_buffer *buffer = item;
	buffer->done(buffer);
}

/* Take valid used entries; their number. -EPROTO, and what is valid taken, at the first impossible one. Locked. */
static int queue_take(struct virtio_net *net, struct net_queue *q, unsigned *taken)
{
	struct ring_completion c;
	int got;
	while ((got = ring_front_peek(&q->ring, &c)) == 1) {
		void *item = q->items[c.id];
		if (q->judge(net, &c, item)) {
			return -EPROTO;
		}
		ring_front_accept(&q->ring, &c);
		q->finished[q->finished_next++ % QUEUE_SIZE] = item;
		++*taken;
	}
	return got;
}

static void net_break(struct virtio_net *net, const struct ring_front *ring)
{
	if (!__atomic_exchange_n(&net->broken, true, __ATOMIC_ACQ_REL)) {
		virtio_port_complain(&net->port, ring_front_in_flight(ring));
	}
}

static unsigned queue_collect(struct virtio_net *net, struct net_queue *q)
{
	unsigned taken = 0;
	if (!__atomic_load_n(&net->broken, __ATOMIC_ACQUIRE) && queue_take(net, q, &taken)) {
		net_break(net, &q->ring);
	}
	return taken;
}

/* True: somebody waited for an answer. */
static bool control_collect(struct virtio_net *net)
{
	bool asked = net->control.asked;
	if (!__atomic_load_n(&net->broken, __ATOMIC_ACQUIRE) && net_control_collect(&net->control)) {
		net_break(net, &net->control.ring);
	}
	control_ring(net);
	return asked && !net->control.asked;
}

/* Whoever finds another one at it leaves his to that one: so they are given back in order. Places that are free again he tells one by one. */
static void queue_deliver(struct net_queue *q)
{
	spin_lock(&q->lock);
	while (q->delivered_next != q->finished_next && !q->delivering) {
		uint16_t end = q->finished_next;
		q->delivering = true;
		spin_unlock(&q->lock);
		for (uint16_t at = q->delivered_next; at != end;) {
			void *item = q->finished[at++ % QUEUE_SIZE];
			__atomic_store_n(&q->delivered_next, at, __ATOMIC_RELEASE);
			q->done(item);
		}
		spin_lock(&q->lock);
		q->delivering = false;
	}
	spin_unlock(&q->lock);
}

/* Frames came: a back end that wants few rings does not disturb those who deal with them, but waits to hear that they have done. Locked. */
static void net_tell_when_idle(struct virtio_net *net, unsigned came)
{
	if (came && net->port.link && net->up && ring_front_is_left_alone(&net->queues[SEND].ring)) {
		virtio_port_ring(&net->port, SEND, false);
	}
}

static void net_poll(struct netdev *dev)
{
	struct virtio_net *net = dev->driver;
	struct net_queue *receive = &net->queues[RECEIVE], *send = &net->queues[SEND];
	unsigned came = 0;
	spin_lock(&receive->lock);
	while (!(came = queue_collect(net, receive)) && ring_front_arm(&receive->ring) && !net->broken) {
	}
	spin_unlock(&receive->lock);
	spin_lock(&send->lock);
	queue_collect(net, send);
	net_tell_when_idle(net, came);
	spin_unlock(&send->lock);
	queue_deliver(receive);
	queue_deliver(send);
}

/* Without a control queue the device passes everything on. */
static int net_filter(struct netdev *dev, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count)
{
	struct virtio_net *net = dev->driver;
	if (!net->control.there) {
		return -EOPNOTSUPP;
	}
	spin_lock(&net->queues[SEND].lock);
	net_control_filter(&net->control, flags, groups, count);
	control_ring(net);
	spin_unlock(&net->queues[SEND].lock);
	return 0;
}

static int net_counters(struct netdev *dev, struct net_counters *to)
{
	struct virtio_net *net = dev->driver;
	struct net_control *control = &net->control;
	uint64_t deadline = time_ns() + COUNTERS_NS;
	if (!control->counts) {
		return -EOPNOTSUPP;
	}
	spin_lock(&net->queues[SEND].lock);
	bool wait = net->up && !net->broken && net_control_ask(control);
	control_ring(net);
	spin_unlock(&net->queues[SEND].lock);
	bool late = wait && WAIT_EVENT_DEADLINE(&control->answered, !__atomic_load_n(&control->asked, __ATOMIC_ACQUIRE), deadline, false);
	spin_lock(&net->queues[SEND].lock);
	control->mute |= late && control->asked;
	net_control_counters(control, to);
	spin_unlock(&net->queues[SEND].lock);
	return 0;
}

static const struct netdev_ops net_ops = { .send = net_send, .receive = net_receive, .flush = net_flush, .poll = net_poll, .filter = net_filter,
	.counters = net_counters };

/* 5.1.4.1: without the feature the link is always up. */
static void net_status(struct virtio_net *net)
{
	bool link_up = true;
	if (net->features & VIRTIO_NET_F_STATUS) {
		link_up = virtio_port_config(&net->port, 4) >> 16 & VIRTIO_NET_S_LINK_UP;
	}
	if (link_up != net->dev.link_up) {
		net->dev.link_up = link_up;
		if (net->dev.link_changed) {
			net->dev.link_changed(net->dev.user);
		}
	}
}

static void net_interrupt(void *arg)
{
	struct virtio_net *net = arg;
	if (virtio_port_acknowledge(&net->port)) {
		net_status(net);
	}
	queues_lock(net);
	unsigned came = queue_collect(net, &net->queues[RECEIVE]);
	queue_collect(net, &net->queues[SEND]);
	net_tell_when_idle(net, came);
	bool answered = control_collect(net);
	queues_unlock(net);
	if (answered) {
		waitq_wake_all(&net->control.answered);
	}
	queue_deliver(&net->queues[RECEIVE]);
	queue_deliver(&net->queues[SEND]);
}

/* --- the back end's life --- */

/* A new back end waits: nothing of the old rings is taken on trust. Both locked. */
static void net_rebuild(struct virtio_net *net, uint32_t epoch)
{
	unsigned before[2], errors = 0, taken = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct net_queue *q = &net->queues[i];
		before[i] = ring_front_in_flight(&q->ring);
		errors += queue_take(net, q, &taken) != 0;
		ring_front_rebuild(&q->ring);
	}
	kprintf("virtio-net: epoch %u: %u frames and %u buffers were out, %u and %u go again%s", epoch, before[SEND], before[RECEIVE],
		ring_front_in_flight(&net->queues[SEND].ring), ring_front_in_flight(&net->queues[RECEIVE].ring),
		errors ? "; an old ring had impossible entries" : "");
	net_control_rebuild(&net->control);
	__atomic_store_n(&net->broken, false, __ATOMIC_RELEASE);
	if (virtio_port_ready(&net->port, epoch)) {
		net->up = true;
		queues_ring(net);
		control_ring(net);
	}
}

static void net_link_changed(void *arg)
{
	struct virtio_net *net = arg;
	uint32_t epoch;
	queues_lock(net);
	net->up = virtio_port_up(&net->port);
	if (virtio_port_reborn(&net->port, &epoch)) {
		net_rebuild(net, epoch);
	}
	bool up = net->up;
	queues_unlock(net);
	waitq_wake_all(&net->control.answered);
	queue_deliver(&net->queues[RECEIVE]);
	queue_deliver(&net->queues[SEND]);
	if (up) {
		net_status(net);
	}
}

/* --- set-up --- */

static int net_config(struct virtio_net *net)
{
	struct netdev *dev = &net->dev;
	uint32_t words[3];
	for (unsigned i = 0; i < 3; i++) {
		words[i] = virtio_port_config(&net->port, 4 * i);
	}
	const struct virtio_net_config *config = (const void *)words;
	if (!(net->features & VIRTIO_NET_F_MAC)) {
		kprintf("virtio-net: the device has no address");
		return -ENODEV;
	}
	memcpy(dev->mac, config->mac, sizeof(dev->mac));
	dev->ops = &net_ops;
	dev->driver = net;
	dev->mtu = MTU_USUAL;
	if ((net->features & VIRTIO_NET_F_MTU) && config->mtu < MTU_USUAL) {
		dev->mtu = config->mtu;
	}
	dev->csum = net->features & VIRTIO_NET_F_CSUM;
	dev->tso4 = dev->csum && (net->features & VIRTIO_NET_F_HOST_TSO4);
	dev->tso6 = dev->csum && (net->features & VIRTIO_NET_F_HOST_TSO6);
	dev->gso_bare = net->port.link && (virtio_port_config(&net->port, VIRTIO_NET_CONFIG_GSO) & VIRTIO_NET_GSO_BARE);
	dev->send_bytes_max = GSO_BYTES_MAX;
	net_status(net);
	return dev->mtu >= MTU_LEAST ? 0 : -ENODEV;
}

/* Rings and headers for the back end's processor; frames for its device, or for what it asks. */
static int net_grants(struct virtio_net *net)
{
	uint64_t zone, zone_bytes, packets, packet_bytes;
	uint32_t access = net->port.link ? virtio_port_config(&net->port, VIRTIO_NET_CONFIG_DATA_ACCESS) : 0;
	access = access ? access : BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE;
	memory_io_zone(&zone, &zone_bytes);
	packet_memory(&packets, &packet_bytes);
	const struct {
		uint64_t gpa, bytes;
		uint32_t prot;
	} grants[] = {
		{ virt_to_phys(net->read), PAGE_SIZE << SHARED_READ_ORDER, BH_GRANT_CPU_READ },
		{ virt_to_phys(net->write), PAGE_SIZE << SHARED_WRITE_ORDER, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE },
		{ zone, zone_bytes, access & (BH_GRANT_CPU_READ | BH_GRANT_DMA_READ) },
		{ packets, packet_bytes, access },
	};
	int error = 0;
	for (unsigned i = 0; i < sizeof(grants) / sizeof(grants[0]) && !error; i++) {
		error = virtio_port_grant(&net->port, grants[i].gpa, grants[i].bytes, grants[i].prot);
	}
	return error;
}

static int net_queue(struct virtio_net *net, unsigned index, ring_describe_t describe)
{
	struct net_queue *q = &net->queues[index];
	struct vring_desc *tables = index == SEND ? net->read->send_tables[0] : net->read->receive_tables[0];
	struct ring_front_setup setup = {
		.size = virtio_port_queue_size(&net->port, index, QUEUE_SIZE), .table_entries = index == SEND ? SEND_ENTRIES : RECEIVE_ENTRIES,
		.writable = index == SEND ? 0 : sizeof(struct virtio_net_header) + NET_BUFFER_BYTES,
		.event_idx = net->features & VIRTIO_F_EVENT_IDX, .in_order = net->features & VIRTIO_F_IN_ORDER,
		.desc = net->read->desc[index], .avail = (struct vring_avail *)net->read->avail[index],
		.used = (struct vring_used *)net->write->used[index], .tables = tables, .tables_bus = virt_to_phys(tables),
		.describe = describe, .owner = net,
	};
	spin_init(&q->lock, index == SEND ? "virtio-net send" : "virtio-net receive");
	q->judge = index == SEND ? frame_judge : buffer_judge;
	q->done = index == SEND ? frame_finished : buffer_finished;
	if (ring_front_init(&q->ring, &setup)) {
		kprintf("virtio-net: no queue %u", index);
		return -ENODEV;
	}
	*(index == SEND ? &net->dev.send_depth : &net->dev.receive_depth) = setup.size;
	virtio_port_queue(&net->port, index, &q->ring);
	return 0;
}

static int net_set_up(struct virtio_net *net)
{
	int error = virtio_port_open(&net->port, WANTED_FEATURES, &net->features);
	if (!error) {
		error = net_config(net);
	}
	if (!error) {
		error = net_grants(net);
	}
	if (!error) {
		error = net_queue(net, RECEIVE, buffer_describe);
	}
	if (!error) {
		error = net_queue(net, SEND, frame_describe);
	}
	if (!error) {
		error = net_control_start(&net->control, &net->port, net->features,
			net->port.link && (virtio_port_config(&net->port, VIRTIO_NET_CONFIG_GSO) & VIRTIO_NET_COUNTERS));
	}
	if (error) {
		virtio_port_fail(&net->port);
		return error;
	}
	net->up = true;
	virtio_port_start(&net->port);
	ring_front_arm(&net->queues[RECEIVE].ring);
	return 0;
}

static int net_start(const struct virtio_port *port, void **started)
{
	struct virtio_net *net = kzalloc(sizeof(*net));
	struct page *read = page_alloc_order(SHARED_READ_ORDER, ALLOC_ZERO), *write = page_alloc_order(SHARED_WRITE_ORDER, ALLOC_ZERO);
	int error = net && read && write ? 0 : -ENOMEM;
	if (!error) {
		net->port = *port;
		net->read = page_data(read);
		net->write = page_data(write);
		net->send_headers = virt_to_phys(net->read->headers);
		buffer_tables(net);
		error = net_set_up(net);
	}
	if (!error) {
		*started = net;
		return interface_register(&net->dev);
	}
	if (read) {
		page_free_order(read, SHARED_READ_ORDER);
	}
	if (write) {
		page_free_order(write, SHARED_WRITE_ORDER);
	}
	kfree(net);
	return error;
}

const struct virtio_driver virtio_net_driver = {
	.device_id = VIRTIO_ID_NET, .name = "virtio-net", .start = net_start, .interrupt = net_interrupt, .link_changed = net_link_changed,
};
