/* SPDX-License-Identifier: MIT */
/*
 * Urgent data (RFC 6093; recv(2) with MSG_OOB, tcp(7)): one byte of the stream, which a pointer in segments' headers tells of. lwIP knows
 * nothing of it: the pointer is set in the header of a segment that waits to be sent, and looked at before lwIP gets what arrives. As on Linux the
 * pointer leads behind the byte, the byte is left out of what is read unless SO_OOBINLINE is set, and a read ends before it.
 */
#include "socket/inet/inet.h"

#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/user.h"
#include "net/net.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"


void urgent_send(struct inet_socket *s)
{
	struct tcp_seg *last = s->tcp->unsent;
	while (last && last->next) {
		last = last->next;
	}
	if (last) {
		TCPH_SET_FLAG(last->tcphdr, TCP_URG);
		last->tcphdr->urgp = lwip_htons(last->len);
	}
}

/* A segment that says so; its header is as it came. Its listener may be all that there is yet. */
void net_tcp_urgent(const ip_addr_t *local, const ip_addr_t *remote, const struct tcp_hdr *header)
{
	struct inet_socket *s = port_find(INET_TCP, local, lwip_ntohs(header->dest), remote, lwip_ntohs(header->src));
	if (!s || !s->tcp || s->base.state != SOCKET_CONNECTED || !header->urgp) {
		return;
	}
	int32_t ahead = (int32_t)(lwip_ntohl(header->seqno) + lwip_ntohs(header->urgp) - 1 - s->next_sequence);
	spin_lock(&s->base.lock);
	uint64_t at = s->arrived + (uint32_t)ahead;
	bool is_new = ahead >= 0 && (uint32_t)ahead < TCP_WND && (s->urgent == URGENT_NONE || s->urgent_at != at);
	bool signals = is_new && s->base.file && s->base.closed != (CLOSED_RECEIVE | CLOSED_SEND);
	if (is_new) {
		s->urgent = URGENT_TOLD;
		s->urgent_at = at;
	}
	spin_unlock(&s->base.lock);
	if (signals) {
		async_urgent(s->base.file);
	}
	if (is_new) {
		waitq_wake_all(&s->base.in);
	}
}

void urgent_arrived(struct inet_socket *s, struct pbuf *p)
{
	if (s->urgent == URGENT_TOLD && s->urgent_at < s->arrived + p->tot_len) {
		s->urgent_byte = pbuf_get_at(p, (u16_t)(s->urgent_at - s->arrived));
		s->urgent = URGENT_HERE;
	}
}

uint64_t urgent_cut(struct inet_socket *s, bool peek, uint64_t *skip, uint64_t bytes)
{
	bool in_line = socket_option(&s->base, SO_OOBINLINE), drop = false;
	spin_lock(&s->base.lock);
	uint64_t at = s->arrived - s->queued + *skip, mark = s->urgent_at;
	if (at > mark) {
		s->urgent = peek ? s->urgent : URGENT_NONE;
	} else if (at < mark) {
		bytes = bytes < mark - at ? bytes : mark - at;
	} else if (!in_line && s->urgent != URGENT_TOLD) {
		drop = !peek;
		*skip += peek;
		s->urgent = peek ? s->urgent : URGENT_NONE;
	}
	spin_unlock(&s->base.lock);
	if (drop) {
		tcp_head_drop(s);
	}
	return bytes;
}

bool urgent_reached(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	bool reached = s->urgent != URGENT_NONE && s->arrived - s->queued == s->urgent_at;
	spin_unlock(&s->base.lock);
	return reached;
}

long urgent_receive(struct inet_socket *s, struct incoming *i)
{
	spin_lock(&s->base.lock);
	enum urgent urgent = s->urgent;
	char byte = (char)s->urgent_byte;
	bool none = urgent == URGENT_NONE || urgent == URGENT_TAKEN || socket_option(&s->base, SO_OOBINLINE);
	bool ended = s->base.closed & CLOSED_RECEIVE;
	if (urgent == URGENT_HERE && !none && !(i->flags & MSG_PEEK)) {
		s->urgent = URGENT_TAKEN;
	}
	spin_unlock(&s->base.lock);
	if (none || urgent == URGENT_TOLD) {
		return none ? -EINVAL : ended ? 0 : -EAGAIN;
	}
	i->out_flags |= MSG_OOB;
	if (!cursor_left(&i->to)) {
		i->out_flags |= MSG_TRUNC;
		return 0;
	}
	return i->flags & MSG_TRUNC || !cursor_copy_out(&i->to, &byte, 1) ? 1 : -EFAULT;
}
