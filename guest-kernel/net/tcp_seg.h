/* SPDX-License-Identifier: MIT */
/* lwIP's segments that wait, sent or not: lists of these are in the order of their sequence numbers (segments.c, socket/inet/tcp_recovery.c). */
#ifndef NET_TCP_SEG_H
#define NET_TCP_SEG_H

#include "lwip/priv/tcp_priv.h"

static inline uint32_t seg_begin(const struct tcp_seg *seg)
{
	return lwip_ntohl(seg->tcphdr->seqno);
}

static inline uint32_t seg_end(const struct tcp_seg *seg)
{
	return seg_begin(seg) + (uint32_t)TCP_TCPLEN(seg);
}

/** Out of its list and to its place in another, or in the same one. */
static inline void seg_move(struct tcp_seg **from, struct tcp_seg **to)
{
	struct tcp_seg *seg = *from;
	*from = seg->next;
	while (*to && TCP_SEQ_LT(seg_begin(*to), seg_begin(seg))) {
		to = &(*to)->next;
	}
	seg->next = *to;
	*to = seg;
}

#endif
