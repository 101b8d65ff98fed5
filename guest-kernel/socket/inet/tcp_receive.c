/* SPDX-License-Identifier: MIT */
/*
 * Receiving on a connection. What arrives is queued as it is, in the buffers that the interface filled; only many small pieces are copied
 * together, so that a peer that sends them one by one does not take a buffer for each. TCP is told of what has been read in large
 * steps: the window that it offers opens then.
 */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "kernel/reserve.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"

#define SMALL 512u /* bytes: a piece that is worth copying */
#define GATHER 1984u /* room for such ones */
#define STEPS 4u /* the window opens by a fourth of it */
#define SHARE 8 /* of memory, that may wait to be read; who has nothing to read gets a segment even then */

static size_t waiting_bytes; /* atomic: of all connections */

static size_t waiting_most(void)
{
	static size_t most;
	uint64_t total, free;
	if (!most) {
		memory_usage(&total, &free);
		most = total / SHARE * PAGE_SIZE;
	}
	return most;
}

/* Small packets, and what was copied when packet memory was scarce, lie in lwIP's memory, which is to have room for others. */
static bool is_crowded(size_t bytes)
{
	return __atomic_load_n(&waiting_bytes, __ATOMIC_RELAXED) + bytes > waiting_most() || net_memory_is_crowded(3);
}

/* ---- what arrives, under the net lock ---- */
/*
 * Buffers whose headers were all that they had, or whose bytes had come before, are given back wherever they are in the chain (what came out of order
 * is chained by lwIP): no queued buffer is empty, or the one that is read would never be the last that is done with.
 */
static struct pbuf *without_empty(struct pbuf *p)
{
	struct pbuf *first = p;
	for (struct pbuf **link = &first; (p = *link) != NULL;) {
		if (p->len != 0) {
			link = &p->next;
			continue;
		}
		*link = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	return first;
}

/* Room behind the last buffer, where that is one to gather small pieces in. */
static unsigned gather_room(const struct pbuf *tail)
{
	return tail && tail->tot_len == GATHER && pbuf_match_type(tail, PBUF_RAM) && !tail->next ? GATHER - tail->len : 0;
}

/* A copy of small pieces; lengths: `len` is what is used, `tot_len` marks it. */
static struct pbuf *gather(struct pbuf *p, unsigned bytes)
{
	struct pbuf *to = pbuf_alloc(PBUF_RAW, GATHER, PBUF_RAM);
	if (to) {
		pbuf_copy_partial(p, to->payload, (u16_t)bytes, 0);
		to->len = (u16_t)bytes;
		pbuf_free(p);
	}
	return to ? to : p;
}

static void queue_locked(struct inet_socket *s, struct pbuf *p)
{
	if (s->tail) {
		s->tail->next = p;
	} else {
		s->head = p;
	}
	while (p->next) {
		p = p->next;
	}
	s->tail = p;
}

bool tcp_arrived(struct inet_socket *s, struct pbuf *p)
{
	unsigned bytes = p->tot_len;
	if (s->queued && is_crowded(bytes)) {
		return false;
	}
	__atomic_fetch_add(&waiting_bytes, bytes, __ATOMIC_RELAXED);
	s->next_sequence += bytes;
	p = without_empty(p);
	if (!p) {
		return true;
	}
	spin_lock(&s->base.lock);
	urgent_arrived(s, p);
	s->arrived += bytes;
	bool small = bytes <= SMALL && s->queued;
	if (small && gather_room(s->tail) >= bytes) {
		pbuf_copy_partial(p, (char *)s->tail->payload + s->tail->len, (u16_t)bytes, 0);
		s->tail->len = (u16_t)(s->tail->len + bytes);
		s->queued += bytes;
		spin_unlock(&s->base.lock);
		pbuf_free(p);
	} else {
		spin_unlock(&s->base.lock);
		p = small ? gather(p, bytes) : p;
		spin_lock(&s->base.lock);
		queue_locked(s, p);
		s->queued += bytes;
		spin_unlock(&s->base.lock);
	}
	waitq_wake_all(&s->base.in);
	return true;
}

/* Nobody reads any more. */
void tcp_arrived_drop(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	struct pbuf *p = s->head;
	__atomic_fetch_sub(&waiting_bytes, s->queued, __ATOMIC_RELAXED);
	s->head = s->tail = NULL;
	s->queued = 0;
	spin_unlock(&s->base.lock);
	s->head_at = 0;
	while (p) {
		struct pbuf *next = p->next;
		p->next = NULL;
		pbuf_free(p);
		p = next;
	}
}

/* ---- what is read, with `reading` ---- */
/* Under the net lock. lwIP's own tcp_recved() opens a window by whole segments only, which a small one never has. */
static void window_open(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	uint32_t most = TCP_WND_MAX(pcb), bytes = s->taken, less = s->excess < bytes ? s->excess : bytes;
	s->excess -= less;
	bytes -= less;
	s->taken = 0;
	if (s->window < tcp_window_usual(s) && !is_crowded(waiting_most() / 2)) { /* it reads: more may be on its way */
		uint32_t more = s->window < most - s->window ? s->window : most - s->window;
		bytes += more;
		s->window += more;
	}
	pcb->rcv_wnd = pcb->rcv_wnd + bytes < most ? pcb->rcv_wnd + bytes : most;
	if (pcb->state == ESTABLISHED || pcb->state == FIN_WAIT_1 || pcb->state == FIN_WAIT_2) {
		pcb->rcv_ann_wnd = pcb->rcv_wnd;
		tcp_pcb_select(pcb);
		tcp_ack_now(pcb);
		tcp_output(pcb);
	}
}

static void window_settle(struct inet_socket *s)
{
	if (s->taken < s->window / STEPS) {
		return;
	}
	net_lock();
	if (s->tcp && s->tcp->state != LISTEN) {
		window_open(s);
	}
	s->taken = 0;
	net_unlock();
}

bool tcp_readable(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	bool readable = s->queued || (s->base.closed & CLOSED_RECEIVE) || s->base.error || s->base.state != SOCKET_CONNECTED;
	spin_unlock(&s->base.lock);
	return readable;
}

/* Nothing is there to be read. 0: it is the end; else an error, or 1: wait. Behind the peer's own end an error is for who sends, and for SO_ERROR. */
static int nothing(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	int error = s->peer_ended ? 0 :
		    s->base.error ? -s->base.error :
		    s->base.closed & CLOSED_RECEIVE ? 0 :
		    s->base.state == SOCKET_CONNECTED || s->base.state == SOCKET_CONNECTING ? 1 :
										      -ENOTCONN;
	if (error < 0) {
		s->base.error = 0;
	}
	spin_unlock(&s->base.lock);
	return error;
}

static bool has_least(struct inet_socket *s, uint64_t least)
{
	spin_lock(&s->base.lock);
	bool has = s->queued >= least || (s->base.closed & CLOSED_RECEIVE) || s->base.error || s->base.state == SOCKET_FREE;
	spin_unlock(&s->base.lock);
	return has;
}

/* 0: look again. `reading` is let go of for the sleep. */
static int wait_for_data(struct inet_socket *s, unsigned flags, uint64_t least, uint64_t deadline)
{
	if (flags & MSG_DONTWAIT) {
		return -EAGAIN;
	}
	mutex_unlock(&s->base.reading);
	int error = WAIT_EVENT_DEADLINE(&s->base.in, has_least(s, least), deadline, true);
	mutex_lock(&s->base.reading);
	return error ? wait_error(error, s->base.receive_timeout_ns) : 0;
}

/* `bytes` of the first buffer have been read. */
static void head_take(struct inet_socket *s, uint32_t bytes)
{
	spin_lock(&s->base.lock);
	struct pbuf *done = NULL;
	s->queued -= bytes;
	s->head_at += bytes;
	__atomic_fetch_sub(&waiting_bytes, bytes, __ATOMIC_RELAXED);
	if (s->head_at == s->head->len) {
		done = s->head;
		s->head = done->next;
		s->tail = s->head ? s->tail : NULL;
		s->head_at = 0;
	}
	spin_unlock(&s->base.lock);
	s->taken += bytes;
	if (done) {
		done->next = NULL;
		pbuf_free(done);
	}
}

void tcp_head_drop(struct inet_socket *s)
{
	if (s->head) {
		head_take(s, 1);
	}
}

/* The buffer with what comes `skip` bytes behind the first that is unread. NULL: there is none. */
static struct pbuf *buffer_at(struct inet_socket *s, uint64_t skip, uint32_t *at, uint32_t *left)
{
	spin_lock(&s->base.lock);
	struct pbuf *p = s->head;
	uint64_t offset = skip + s->head_at;
	while (p && offset >= p->len) {
		offset -= p->len;
		p = p->next;
	}
	*at = (uint32_t)offset;
	*left = p ? p->len - (uint32_t)offset : 0;
	spin_unlock(&s->base.lock);
	return p;
}

/* What is there, at most `bytes`, from `skip` on where it is only looked at. -EFAULT if that came first. */
static long copy_out(struct inet_socket *s, struct incoming *i, uint64_t bytes, uint64_t skip)
{
	bool peek = i->flags & MSG_PEEK, discard = i->flags & MSG_TRUNC;
	uint64_t done = 0;
	skip = peek ? skip : 0;
	if (s->urgent) {
		bytes = urgent_cut(s, peek, &skip, bytes);
	}
	while (done < bytes) {
		uint32_t at, left;
		struct pbuf *p = buffer_at(s, peek ? skip + done : 0, &at, &left);
		if (!p) {
			break;
		}
		uint32_t n = bytes - done < left ? (uint32_t)(bytes - done) : left;
		if (!discard && cursor_copy_out(&i->to, (char *)p->payload + at, n)) {
			return done ? (long)done : -EFAULT;
		}
		done += n;
		if (!peek) {
			head_take(s, n);
		}
	}
	return (long)done;
}

static long receive_locked(struct inet_socket *s, struct incoming *i, uint64_t bytes)
{
	uint64_t done = 0, deadline = deadline_after(s->base.receive_timeout_ns);
	uint64_t least = i->flags & MSG_WAITALL ? bytes : s->base.receive_least < bytes ? s->base.receive_least : bytes;
	long error = 0;
	while (done < bytes || !bytes) {
		long n = copy_out(s, i, bytes - done, done);
		if (n < 0) {
			error = n;
			break;
		}
		done += (uint64_t)n;
		if (n) {
			window_settle(s);
		}
		if ((bytes ? done >= least : s->queued != 0) || (done && s->urgent && urgent_reached(s)) || (done && (s->base.closed & CLOSED_RECEIVE))) {
			break;
		}
		error = done && s->base.error ? 0 : nothing(s);
		if (error <= 0) {
			break;
		}
		tcp_ack_hurry(s);
		error = wait_for_data(s, i->flags, i->flags & MSG_PEEK ? done + 1 : 1, deadline);
		if (error) {
			break;
		}
	}
	return done ? (long)done : error;
}

long tcp_socket_receive(struct socket *base, struct incoming *i)
{
	struct inet_socket *s = inet_of(base);
	uint64_t bytes = cursor_left(&i->to);
	if (i->flags & MSG_ERRQUEUE) {
		return -EAGAIN;
	}
	if (base->state == SOCKET_LISTENING || (base->state == SOCKET_FREE && !base->error && !s->connected_once && !base->closed)) {
		return -ENOTCONN;
	}
	if (i->flags & MSG_OOB) {
		return urgent_receive(s, i);
	}
	mutex_lock(&base->reading);
	long result = receive_locked(s, i, bytes);
	mutex_unlock(&base->reading);
	return result;
}
