/* SPDX-License-Identifier: MIT */
/*
 * Sending on a connection. Payload goes into pages with no lock but `writing`, then under the net lock to TCP, which refers to it. What is
 * not acknowledged is limited by the send buffer: who has filled it waits. A page that has room left is filled further by the next call;
 * whoever takes `fill` by exchange has it alone. Pages of files go to TCP as they are. TCP without memory gets some of the operation's
 * reservation at the second try.
 */
#include "socket/inet/inet.h"

#include "kernel/reserve.h"
#include "kernel/time.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/priv/tcp_priv.h"

#define PARTS PAGE_PARTS /* pages under one hold of the net lock */
#define RING_FIRST 8u
#define RING_MOST 1024u
#define DRAW 4u /* allocations that a piece of one segment takes: its record, two buffers, a copy for the loopback */

struct batch {
	struct page_part parts[PARTS]; /* each with a reference */
	unsigned count, done; /* those that TCP has */
	uint32_t bytes;
	bool referenced; /* they are a file's */
};

#define SHARE 8 /* of memory, that all connections may have on their way */

static size_t on_the_way; /* atomic: bytes of all of them */

bool tcp_sending_is_crowded(void)
{
	static size_t most;
	uint64_t total, free;
	if (!most) {
		memory_usage(&total, &free);
		most = total / SHARE * PAGE_SIZE;
	}
	return __atomic_load_n(&on_the_way, __ATOMIC_RELAXED) > most;
}

/* ---- what is on its way ---- */
void tcp_acknowledged(struct inet_socket *s, uint32_t bytes)
{
	uint32_t all = bytes;
	tcp_recovery_acknowledged(s);
	s->progress_ns = time_ns();
	while (bytes && s->sent_count) {
		struct sent_piece *piece = &s->sent_ring[s->sent_head];
		uint32_t n = bytes < piece->bytes ? bytes : piece->bytes;
		piece->bytes -= n;
		bytes -= n;
		__atomic_fetch_sub(&s->sent, n, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(&on_the_way, n, __ATOMIC_RELAXED);
		if (!piece->bytes) {
			page_put(piece->page);
			s->sent_head = (s->sent_head + 1) & (s->sent_size - 1);
			s->sent_count--;
		}
	}
	tcp_count_acknowledged(s, all - bytes);
	if (s->tcp) {
		tcp_probe_plan(s, false);
	}
	if (!s->sent_count) {
		struct page *fill = __atomic_exchange_n(&s->fill, (struct page *)NULL, __ATOMIC_ACQ_REL);
		if (fill) {
			page_put(fill);
		}
	}
	if (s->sent <= tcp_send_room(s) / 3 * 2) {
		waitq_wake_all(&s->base.out);
	}
}

void tcp_sent_drop(struct inet_socket *s)
{
	while (s->sent_count) {
		page_put(s->sent_ring[s->sent_head].page);
		s->sent_head = (s->sent_head + 1) & (s->sent_size - 1);
		s->sent_count--;
	}
	__atomic_fetch_sub(&on_the_way, s->sent, __ATOMIC_RELAXED);
	__atomic_store_n(&s->sent, 0, __ATOMIC_SEQ_CST);
}

/* The ring has room for a whole batch; with `writing`. False: no memory. */
static bool ring_grow(struct inet_socket *s)
{
	if (s->sent_size - s->sent_count >= PARTS + 1 && s->sent_size) {
		return true;
	}
	uint32_t size = s->sent_size ? s->sent_size : RING_FIRST;
	while (size < s->sent_count + PARTS + 1) {
		size *= 2;
	}
	struct sent_piece *ring = kmalloc(size * sizeof(*ring)), *old = NULL;
	if (!ring) {
		return false;
	}
	net_lock();
	for (uint32_t i = 0; i < s->sent_count; i++) {
		ring[i] = s->sent_ring[(s->sent_head + i) & (s->sent_size - 1)];
	}
	old = s->sent_ring;
	s->sent_ring = ring;
	s->sent_size = size;
	s->sent_head = 0;
	net_unlock();
	kfree(old);
	return true;
}

static void piece_note(struct inet_socket *s, const struct page_part *part)
{
	struct sent_piece *last = s->sent_count ? &s->sent_ring[(s->sent_head + s->sent_count - 1) & (s->sent_size - 1)] : NULL;
	if (last && last->page == part->page) {
		last->bytes += part->bytes;
		page_put(part->page);
	} else {
		s->sent_ring[(s->sent_head + s->sent_count++) & (s->sent_size - 1)] = (struct sent_piece){ part->page, part->bytes };
	}
	__atomic_fetch_add(&s->sent, part->bytes, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&on_the_way, part->bytes, __ATOMIC_RELAXED);
}

/* ---- from the program into pages ---- */
static struct page *fill_take(struct inet_socket *s)
{
	return __atomic_exchange_n(&s->fill, (struct page *)NULL, __ATOMIC_ACQ_REL);
}

/* A page that is to be filled further, or not (`used` is the whole of it). */
static void fill_keep(struct inet_socket *s, struct page *page)
{
	if (page && page->index == PAGE_SIZE) {
		page_put(page);
	} else if (page) {
		__atomic_store_n(&s->fill, page, __ATOMIC_RELEASE);
	}
}

static void batch_drop(struct batch *b)
{
	for (; b->done < b->count; b->done++) {
		page_put(b->parts[b->done].page);
	}
}

/* At most `most` bytes. 0, -EFAULT with nothing in the batch, -ENOBUFS. */
static int batch_fill(struct inet_socket *s, struct batch *b, struct cursor *from, uint64_t most)
{
	struct page *page = fill_take(s);
	int error = 0;
	b->count = b->done = b->bytes = 0;
	b->referenced = false;
	while (b->bytes < most && b->count < PARTS && !error) {
		if (!page) {
			page = page_alloc(ALLOC_IO);
			if (!page) {
				error = -ENOBUFS;
				break;
			}
			page->index = 0;
		}
		uint32_t offset = (uint32_t)page->index, room = (uint32_t)PAGE_SIZE - offset;
		uint32_t n = most - b->bytes < room ? (uint32_t)(most - b->bytes) : room;
		error = cursor_copy_in(from, (char *)page_data(page) + offset, n);
		if (error) {
			break;
		}
		page_get(page);
		b->parts[b->count++] = (struct page_part){ page, offset, n };
		b->bytes += n;
		page->index += n;
		if (page->index == PAGE_SIZE) {
			page_put(page);
			page = NULL;
		}
	}
	fill_keep(s, page);
	return b->count ? 0 : error;
}

/* ---- to TCP ---- */
static bool may_push(const struct inet_socket *s, unsigned flags)
{
	const struct tcp_pcb *pcb = s->tcp;
	bool held = s->cork || (flags & MSG_MORE);
	return !held || (pcb->unsent && (pcb->unsent->next || pcb->unsent->len >= pcb->mss));
}

void tcp_push(struct inet_socket *s)
{
	if (s->tcp && s->tcp->unsent && s->tcp->state != LISTEN) {
		bool nodelay = s->tcp->flags & TF_NODELAY;
		tcp_nagle_disable(s->tcp);
		tcp_output(s->tcp);
		if (!nodelay) {
			tcp_nagle_enable(s->tcp);
		}
	}
}

/* What it can still be told to do: 0, or the error. */
static int sendable(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	int error = s->base.error ? -s->base.error :
		    s->base.state != SOCKET_CONNECTED || (s->base.closed & CLOSED_SEND) || !s->tcp ? -EPIPE : 0;
	s->base.error = 0;
	spin_unlock(&s->base.lock);
	return error;
}

/* Under the net lock. -ENOBUFS: TCP had no memory for what is left of the batch. */
static int batch_commit(struct inet_socket *s, struct batch *b, unsigned flags)
{
	int error = sendable(s);
	if (!error) {
		tcp_path_look(s);
	}
	if (!error && !s->sent_count) {
		s->progress_ns = time_ns();
		if (s->tcp->snd_wnd) { /* half of it is the most that lwIP puts into a segment */
			s->tcp->snd_wnd_max = s->tcp->snd_wnd;
		}
	}
	uint16_t most = error ? 0 : tcp_segment_most(s->tcp);
	while (!error && b->done < b->count) {
		struct page_part *part = &b->parts[b->done];
		bool more = b->done + 1 < b->count || (flags & MSG_MORE) || s->cork;
		err_t result = tcp_write_long(s->tcp, most, (char *)page_data(part->page) + part->offset, (u16_t)part->bytes,
			more ? TCP_WRITE_FLAG_MORE : 0);
		if (result != ERR_OK) {
			error = result == ERR_MEM ? -ENOBUFS : error_of(result);
		} else {
			piece_note(s, part);
			*(b->referenced ? &net_counts.sent_referenced : &net_counts.sent_copied) += part->bytes;
			b->done++;
		}
	}
	if (s->tcp && b->done) {
		tcp_pcb_select(s->tcp);
	}
	if (s->tcp && (flags & MSG_OOB) && b->done == b->count) {
		urgent_send(s);
	}
	if (s->tcp && b->done && may_push(s, flags)) {
		tcp_output(s->tcp);
	}
	return error;
}

/* Until TCP has all of it, or there is an error. */
static int batch_send(struct inet_socket *s, struct batch *b, unsigned flags)
{
	net_lock();
	int error = batch_commit(s, b, flags);
	net_unlock();
	while (error == -ENOBUFS) {
		reserve_renew(); /* waits while memory is short */
		net_lock();
		net_memory_draw(DRAW);
		error = batch_commit(s, b, flags);
		bool full = s->sent_count > 0;
		net_unlock();
		if (error == -ENOBUFS && full) { /* an acknowledgement gives memory back */
			uint32_t sent = s->sent;
			WAIT_EVENT(&s->base.out, __atomic_load_n(&s->sent, __ATOMIC_SEQ_CST) < sent || !s->tcp);
		}
	}
	return error;
}

static bool has_room(struct inet_socket *s)
{
	if (s->base.state == SOCKET_CONNECTING) {
		return false;
	}
	return __atomic_load_n(&s->sent, __ATOMIC_SEQ_CST) < tcp_send_room(s) || (s->base.closed & CLOSED_SEND) || s->base.error ||
	       s->base.state != SOCKET_CONNECTED;
}

static int wait_for_room(struct inet_socket *s, unsigned flags, uint64_t deadline)
{
	if (has_room(s)) {
		return 0;
	}
	if (flags & MSG_DONTWAIT) {
		return -EAGAIN;
	}
	mutex_unlock(&s->writing);
	int error = WAIT_EVENT_DEADLINE(&s->base.out, has_room(s), deadline, true);
	mutex_lock(&s->writing);
	return error ? wait_error(error, s->base.send_timeout_ns) : 0;
}

static long send_locked(struct inet_socket *s, struct outgoing *o)
{
	uint64_t bytes = cursor_left(&o->from), done = 0, deadline = deadline_after(s->base.send_timeout_ns);
	struct batch b;
	int error = 0;
	while (done < bytes) {
		reserve_renew();
		error = wait_for_room(s, o->flags, deadline);
		if (error) {
			break;
		}
		uint32_t sent = __atomic_load_n(&s->sent, __ATOMIC_SEQ_CST), most = tcp_send_room(s);
		uint64_t room = sent < most ? most - sent : 1, left = bytes - done;
		error = ring_grow(s) ? batch_fill(s, &b, &o->from, left < room ? left : room) : -ENOBUFS;
		if (error) {
			break;
		}
		unsigned more = b.bytes < left ? MSG_MORE : 0;
		unsigned urgent = b.bytes == left ? o->flags & MSG_OOB : 0;
		error = batch_send(s, &b, (o->flags & MSG_MORE) | urgent | (more && sent + b.bytes < most ? more : 0));
		for (unsigned i = 0; i < b.done; i++) {
			done += b.parts[i].bytes;
		}
		if (error) {
			batch_drop(&b);
			break;
		}
	}
	if (!bytes || (error && done)) {
		net_lock();
		error = bytes ? error : sendable(s);
		if (bytes && s->tcp && may_push(s, o->flags)) {
			tcp_output(s->tcp); /* what a batch that did not come was to go with */
		}
		net_unlock();
	}
	return done ? (long)done : error;
}

long tcp_socket_send(struct socket *base, struct outgoing *o)
{
	struct inet_socket *s = inet_of(base);
	if (o->flags & MSG_FASTOPEN) {
		return -EOPNOTSUPP; /* net.ipv4.tcp_fastopen is 0 */
	}
	mutex_lock(&s->writing);
	long result = send_locked(s, o);
	mutex_unlock(&s->writing);
	return socket_broken_pipe(result, o->flags);
}

/* As many of the pages as there is room for. */
static void batch_refer(struct batch *b, const struct page_part *parts, unsigned count, uint64_t most)
{
	*b = (struct batch){ .referenced = true };
	for (unsigned i = 0; i < count && i < PARTS && b->bytes < most; i++) {
		struct page_part part = parts[i];
		part.bytes = most - b->bytes < part.bytes ? (uint32_t)(most - b->bytes) : part.bytes;
		page_get(part.page);
		b->parts[b->count++] = part;
		b->bytes += part.bytes;
	}
}

static long send_pages_locked(struct inet_socket *s, const struct page_part *parts, unsigned count, unsigned flags)
{
	struct batch b;
	long done = 0;
	int error = wait_for_room(s, flags, deadline_after(s->base.send_timeout_ns));
	if (error) {
		return error;
	}
	uint32_t sent = __atomic_load_n(&s->sent, __ATOMIC_SEQ_CST), most = tcp_send_room(s);
	if (!ring_grow(s)) {
		return -ENOBUFS;
	}
	batch_refer(&b, parts, count, sent < most ? most - sent : 1);
	error = batch_send(s, &b, sent + b.bytes < most ? flags : flags & ~(unsigned)MSG_MORE);
	for (unsigned i = 0; i < b.done; i++) {
		done += b.parts[i].bytes;
	}
	batch_drop(&b);
	return done ? done : error;
}

long tcp_socket_send_pages(struct socket *base, const struct page_part *parts, unsigned count, unsigned flags)
{
	struct inet_socket *s = inet_of(base);
	mutex_lock(&s->writing);
	long result = send_pages_locked(s, parts, count, flags);
	mutex_unlock(&s->writing);
	return socket_broken_pipe(result, flags);
}
