/* SPDX-License-Identifier: MIT */
/* See net_backend.h. A frame that makes no sense is dropped, as on any wire; a chain that makes none ends with length 0. */
#include "net_backend.h"

#include "abi/errno.h"
#include "base/string.h"
#include "env/env.h"
#include "link_access.h"

#define HEADER_BYTES 12u
_Static_assert(sizeof(struct virtio_net_header) == HEADER_BYTES, "VIRTIO 1.2, 5.1.6");

static void send_done(struct net_frame *frame);
static void receive_done(struct net_buffer *buffer);

/* What is the same for each frame is written once; the rest before it is handed over. */
static int pools_make(struct net_backend *b)
{
	struct net_send *sends = env_alloc(NET_BACKEND_QUEUE * sizeof(*sends));
	struct net_receive *receives = env_alloc(NET_BACKEND_QUEUE * sizeof(*receives));
	if (!sends || !receives) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < NET_BACKEND_QUEUE; i++) {
		sends[i].queue = &b->send;
		sends[i].frame = (struct net_frame){ .segments = sends[i].segments, .done = send_done, .owner = &sends[i] };
		sends[i].next = b->sends;
		b->sends = &sends[i];
		receives[i].queue = &b->receive;
		receives[i].buffer = (struct net_buffer){ .done = receive_done, .owner = &receives[i] };
		receives[i].next = b->receives;
		b->receives = &receives[i];
	}
	return 0;
}

int net_backend_init(struct net_backend *b, const struct bh_link *link, struct netdev *dev, uint32_t data_access,
	void (*signal)(void *arg), void *arg)
{
	memset(b, 0, sizeof(*b));
	b->link = link;
	b->dev = dev;
	b->data_access = data_access;
	b->signal = signal;
	b->arg = arg;
	b->receive.backend = b->send.backend = b->commands.backend = b;
	b->control.dev = dev;
	net_control_open(&b->control);
	return pools_make(b);
}

void net_backend_offer(const struct net_backend *b, struct bh_link_offer *offer)
{
	const struct netdev *dev = b->dev;
	struct virtio_net_config config = { .status = dev->link_up ? VIRTIO_NET_S_LINK_UP : 0, .max_queue_pairs = 1, .mtu = dev->mtu };
	uint32_t own = (dev->gso_bare ? VIRTIO_NET_GSO_BARE : 0) | (dev->ops->counters ? VIRTIO_NET_COUNTERS : 0);
	memcpy(config.mac, dev->mac, sizeof(config.mac));
	memset(offer, 0, sizeof(*offer));
	offer->features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER | VIRTIO_F_ACCESS_PLATFORM |
			  VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS |
			  VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX |
			  (dev->csum ? VIRTIO_NET_F_CSUM : 0) | (dev->tso4 ? VIRTIO_NET_F_HOST_TSO4 : 0) |
			  (dev->tso6 ? VIRTIO_NET_F_HOST_TSO6 : 0);
	offer->queue_max = NET_BACKEND_QUEUE;
	offer->queue_count = 3;
	offer->config_len = VIRTIO_NET_CONFIG_DATA_ACCESS + sizeof(b->data_access);
	memcpy(offer->config, &config, sizeof(config));
	memcpy(offer->config + VIRTIO_NET_CONFIG_GSO, &own, sizeof(own));
	memcpy(offer->config + VIRTIO_NET_CONFIG_DATA_ACCESS, &b->data_access, sizeof(b->data_access));
}

static void chain_end(struct net_queue *q, uint32_t generation, uint16_t position, uint32_t len)
{
	if (generation == q->generation && q->running) {
		ring_back_complete(&q->ring, position, len);
	}
}

/* --- sending --- */

static void send_free(struct net_send *s)
{
	struct net_backend *b = s->queue->backend;
	s->next = b->sends;
	b->sends = s;
}

static void send_done(struct net_frame *frame)
{
	struct net_send *s = frame->owner;
	s->queue->out--;
	chain_end(s->queue, s->generation, s->position, 0);
	send_free(s);
}

/* What the device refuses is dropped. */
static void send_submit(struct net_send *s)
{
	struct net_backend *b = s->queue->backend;
	int error = b->dev->ops->send(b->dev, &s->frame);
	if (error == 0) {
		s->queue->out++;
	} else if (error == -EAGAIN) {
		b->send_stalled = s;
	} else {
		chain_end(s->queue, s->generation, s->position, 0);
		send_free(s);
	}
}

static int send_segments(struct net_backend *b, struct net_send *s, const struct ring_chain *chain)
{
	uint32_t prot = b->data_access & (BH_GRANT_CPU_READ | BH_GRANT_DMA_READ);
	if (chain->count < 2 || chain->count - 1u > NET_FRAME_SEGMENTS) {
		return -EINVAL;
	}
	for (unsigned i = 1; i < chain->count; i++) {
		const struct ring_segment *from = &chain->segments[i];
		if (from->write || !link_granted_first(b->link, &b->send.data_grant, from->gpa, from->len, prot)) {
			return -EINVAL;
		}
		s->segments[i - 1] = (struct net_segment){ .bus = b->link->dma_window + from->gpa, .len = from->len };
	}
	s->frame.segment_count = chain->count - 1u;
	return 0;
}

static int send_prepare(struct net_backend *b, struct net_send *s, const struct ring_chain *chain)
{
	const struct ring_segment *first = &chain->segments[0];
	const void *from = NULL;
	if (!first->write && first->len == HEADER_BYTES) {
		from = link_cpu((void *)b->link, first->gpa, HEADER_BYTES, false);
	}
	if (!from) {
		return -EINVAL;
	}
	struct virtio_net_header h;
	memcpy(&h, from, sizeof(h));
	s->frame.offload = (struct net_offload){ .flags = h.flags & NET_NEEDS_CSUM, .gso = h.gso_type, .header_bytes = h.hdr_len,
		.gso_bytes = h.gso_size, .csum_start = h.csum_start, .csum_offset = h.csum_offset };
	return send_segments(b, s, chain);
}

static void send_chain(struct net_backend *b, const struct ring_chain *chain)
{
	struct net_send *s = b->sends;
	if (send_prepare(b, s, chain)) {
		ring_back_complete(&b->send.ring, chain->position, 0);
		return;
	}
	b->sends = s->next;
	s->position = chain->position;
	s->generation = b->send.generation;
	send_submit(s);
}

/* --- receiving --- */

static void receive_free(struct net_receive *r)
{
	struct net_backend *b = r->queue->backend;
	r->next = b->receives;
	b->receives = r;
}

static void receive_done(struct net_buffer *buffer)
{
	struct net_receive *r = buffer->owner;
	struct net_queue *q = r->queue;
	uint32_t len = 0;
	q->out--;
	if (buffer->filled && r->generation == q->generation && q->running) {
		const struct net_offload *o = &buffer->offload;
		*r->header = (struct virtio_net_header){ .flags = o->flags, .gso_type = o->gso, .hdr_len = o->header_bytes,
			.gso_size = o->gso_bytes, .csum_start = o->csum_start, .csum_offset = o->csum_offset, .num_buffers = 1 };
		len = HEADER_BYTES + buffer->filled;
	}
	chain_end(q, r->generation, r->position, len);
	receive_free(r);
}

/* A device that takes no more buffers keeps this one waiting: were it given back it would come again at once. */
static inline void receive_submit(struct net_receive *r)
{
	struct net_backend *b = r->queue->backend;
	int error = b->dev->ops->receive(b->dev, &r->buffer);
	if (error == 0) {
		r->queue->out++;
	} else {
		b->receive_stalled = r;
	}
}

static int receive_prepare(struct net_backend *b, struct net_receive *r, const struct ring_segment *header, const struct ring_segment *data)
{
	struct net_queue *q = &b->receive;
	uint32_t prot = b->data_access & (BH_GRANT_CPU_WRITE | BH_GRANT_DMA_WRITE);
	if (!header->write || header->len != HEADER_BYTES || header->gpa % _Alignof(struct virtio_net_header) || data->len < NET_BUFFER_BYTES ||
	    !link_reaches(b->link, &q->headers, header->gpa, HEADER_BYTES, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE) ||
	    !link_reaches(b->link, &q->data, data->gpa, data->len, prot)) {
		return -EINVAL;
	}
	r->header = (struct virtio_net_header *)((char *)q->headers.at + (header->gpa - q->headers.gpa));
	r->buffer.segment = (struct net_segment){ .bus = b->link->dma_window + data->gpa, .len = data->len };
	r->buffer.filled = 0;
	return 0;
}

static inline void receive_take(struct net_backend *b, uint16_t position, const struct ring_segment *header, const struct ring_segment *data)
{
	struct net_receive *r = b->receives;
	if (receive_prepare(b, r, header, data)) {
		ring_back_complete(&b->receive.ring, position, 0);
		return;
	}
	b->receives = r->next;
	r->position = position;
	r->generation = b->receive.generation;
	receive_submit(r);
}

static void receive_chain(struct net_backend *b, const struct ring_chain *chain)
{
	if (chain->count == 2) {
		receive_take(b, chain->position, &chain->segments[0], &chain->segments[1]);
	} else {
		ring_back_complete(&b->receive.ring, chain->position, 0);
	}
}

/* --- queues --- */

static void queue_start(struct net_queue *q, const struct bh_queue *at, const struct bh_link *link)
{
	struct ring_access access = { link_cpu, (void *)link };
	int error = ring_back_init(&q->ring, &access, at->size, at->desc, at->driver, at->device, link->features & VIRTIO_F_EVENT_IDX);
	q->at = *at;
	q->generation++;
	q->running = error == 0;
	q->broken = error != 0;
	if (error) {
		env_log("net: %s's ring is unusable (%d)", link->peer, error);
	}
}

static bool queue_same(const struct bh_queue *a, const struct bh_queue *b)
{
	return a->desc == b->desc && a->driver == b->driver && a->device == b->device && a->size == b->size && a->ready == b->ready;
}

/* Run while the link is up, the driver says so, and the ring is the one that was started. True: what the device has is of a ring that is no more. */
static bool queue_follow(struct net_queue *q, unsigned index)
{
	const struct bh_link *link = q->backend->link;
	uint32_t state = __atomic_load_n(&link->state, __ATOMIC_ACQUIRE);
	struct bh_queue at = link->queues[index];
	bool wanted = state == BH_LINK_UP && (link->status & VIRTIO_STATUS_DRIVER_OK) && at.ready;
	if ((q->running || q->broken) && wanted && queue_same(&at, &q->at)) {
		return false;
	}
	bool stopped = q->running;
	q->running = q->broken = false;
	if (wanted) {
		queue_start(q, &at, link);
	}
	return stopped && q->out != 0;
}

/* A device that was reset has forgotten its filter. */
static void commands_follow(struct net_backend *b)
{
	uint32_t generation = b->commands.generation;
	(void)queue_follow(&b->commands, NET_CONTROL_QUEUE);
	if (b->commands.generation != generation && !b->control.open) {
		net_control_open(&b->control);
	}
}

static void backend_follow(struct net_backend *b)
{
	bool stale = queue_follow(&b->receive, 0);
	stale |= queue_follow(&b->send, 1);
	commands_follow(b);
	if (stale) { /* its memory is the front end's again */
		b->dev->ops->recall(b->dev);
	}
}

/* True: a chain was taken, to b->chain; *sound says whether it makes sense. */
static inline bool queue_take(struct net_queue *q, bool *sound)
{
	int got = q->running ? ring_back_take(&q->ring, &q->backend->chain) : 0;
	if (got == -EPROTO) {
		env_log("net: %s's ring is impossible; stopped until it resets the device", q->backend->link->peer);
		q->running = false;
		q->broken = true;
		return false;
	}
	*sound = got > 0;
	if (got < 0) {
		ring_back_complete(&q->ring, q->backend->chain.position, 0);
	}
	return got != 0;
}

static unsigned commands_take(struct net_backend *b)
{
	struct ring_back *ring = &b->commands.ring;
	unsigned count = 0;
	bool sound;
	while (count < NET_CONTROL_BATCH && queue_take(&b->commands, &sound)) {
		count++;
		if (sound) {
			ring_back_complete(ring, b->chain.position, net_control_answer(&b->control, b->link, &b->chain));
		}
	}
	if (!b->commands.running && !b->control.open) { /* nobody can ask for what he misses */
		net_control_open(&b->control);
	}
	return count;
}

static unsigned sends_take(struct net_backend *b)
{
	unsigned count = 0;
	bool sound;
	while (b->sends && !b->send_stalled && queue_take(&b->send, &sound)) {
		count++;
		if (sound) {
			send_chain(b, &b->chain);
		}
	}
	return count;
}

/* Buffers as they should be, whose tables lie where the ring does. */
static unsigned receives_take_pairs(struct net_backend *b)
{
	struct net_queue *q = &b->receive;
	struct ring_pair pair;
	int left = q->running ? ring_back_available(&q->ring) : 0;
	unsigned count = 0;
	if (left <= 0) {
		return 0;
	}
	struct ring_span tables = link_span(b->link, q->at.desc, 1, BH_GRANT_CPU_READ);
	for (; left > 0 && b->receives && !b->receive_stalled && ring_back_take_pair(&q->ring, &tables, &pair); left--) {
		count++;
		receive_take(b, pair.position, &pair.segments[0], &pair.segments[1]);
	}
	return count;
}

static unsigned receives_take(struct net_backend *b)
{
	b->receive.headers = b->receive.data = (struct ring_span){ 0 };
	unsigned count = receives_take_pairs(b);
	bool sound;
	while (b->receives && !b->receive_stalled && queue_take(&b->receive, &sound)) {
		count++;
		if (sound) {
			receive_chain(b, &b->chain);
		}
	}
	return count;
}

static void backend_retry(struct net_backend *b)
{
	struct net_send *s = b->send_stalled;
	struct net_receive *r = b->receive_stalled;
	b->send_stalled = NULL;
	b->receive_stalled = NULL;
	if (s && s->generation == b->send.generation && b->send.running) {
		send_submit(s);
	} else if (s) {
		send_free(s);
	}
	if (r && r->generation == b->receive.generation && b->receive.running) {
		receive_submit(r);
	} else if (r) {
		receive_free(r);
	}
}

static uint64_t light_longer(uint64_t ns)
{
	return ns < NET_BACKEND_LIGHT_MIN_NS ? NET_BACKEND_LIGHT_MIN_NS : ns < NET_BACKEND_LIGHT_MAX_NS ? ns : NET_BACKEND_LIGHT_MAX_NS;
}

/* Before a wait: is this back end busy, and is it worth being so? One client that waits for its answer behind a thread that computes brings
 * a frame or two in each look, and would bring more if it were not for the looks. A host that is late makes many clients look like that: they get a
 * short time without looks only, one that goes on like that a longer and longer one. */
static void load_follow(struct net_backend *b, uint64_t now)
{
	if (b->heard || b->frames >= NET_BACKEND_FEW) {
		b->lean = 0;
		b->light_ns /= b->busy ? 2 : 1;
	} else if (b->dev->user_busy && b->frames) {
		b->lean++;
	}
	if (b->lean == NET_BACKEND_LEAN) {
		b->lean = 0;
		b->busy = false;
		b->light_ns = light_longer(b->light_ns * 2);
		b->light_until = now + b->light_ns;
	}
	b->window_frames += b->frames;
	b->frames = 0;
	b->heard = false;
	if (now >= b->window_end) {
		b->busy = b->window_frames >= NET_BACKEND_BUSY && now >= b->light_until;
		b->window_frames = 0;
		b->window_end = now + NET_BACKEND_WINDOW_NS;
	}
	b->dev->user_busy = b->busy && !b->front_idle;
}

/* At light load each frame rings; under load one in a batch, and this end looks by itself after a while. True: there are some already. */
static bool sends_arm(struct net_backend *b, uint64_t *until)
{
	uint64_t now = env_time_ns();
	load_follow(b, now);
	if (!b->send.running || !b->sends || b->send_stalled) {
		return false;
	}
	if (b->busy && now + NET_BACKEND_LOOK_NS < *until) {
		*until = now + NET_BACKEND_LOOK_NS;
	}
	return ring_back_arm(&b->send.ring, b->busy ? NET_BACKEND_BATCH - 1 : 0);
}

static bool receives_arm(struct net_backend *b)
{
	struct net_queue *q = &b->receive;
	if (!q->running || !b->receives || b->receive_stalled) {
		return false;
	}
	return ring_back_arm(&q->ring, ring_back_in_flight(&q->ring) >= 2 * NET_BACKEND_REFILL ? NET_BACKEND_REFILL - 1 : 0);
}

/* Received frames to the front end, which has to do then. Their number. */
static unsigned receives_publish(struct net_backend *b, bool *signal)
{
	uint16_t before = b->receive.ring.published;
	*signal = b->receive.running && ring_back_publish(&b->receive.ring);
	return (uint16_t)(b->receive.ring.published - before);
}

void net_backend_rung(struct net_backend *b)
{
	b->rung = b->heard = true;
}

bool net_backend_work(struct net_backend *b, uint64_t *until)
{
	bool signal;
	backend_follow(b);
	backend_retry(b);
	unsigned commands = commands_take(b), sent = sends_take(b), offered = receives_take(b);
	b->dev->ops->flush(b->dev);
	unsigned came = receives_publish(b, &signal);
	signal |= b->send.running && ring_back_publish(&b->send.ring);
	signal |= commands && b->commands.running && ring_back_publish(&b->commands.ring);
	if (signal) {
		b->signal(b->arg);
	}
	b->front_idle = came == 0 && (b->front_idle || (b->rung && sent < NET_BACKEND_BATCH && offered < NET_BACKEND_REFILL));
	b->rung = false;
	b->frames += sent + came;
	if (sent || offered || commands) {
		return true;
	}
	bool any = sends_arm(b, until);
	any |= b->commands.running && ring_back_arm(&b->commands.ring, 0);
	return receives_arm(b) || any;
}
