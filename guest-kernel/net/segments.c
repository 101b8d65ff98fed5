/* SPDX-License-Identifier: MIT */
/*
 * Segments of TCP that are longer than the connection's largest (MSS), where the device cuts what it is given (TSO): lwIP's work for a segment,
 * its memory above all, is done once for many. Only tcp_write() is told of another MSS (tcp_segment_most); windows and congestion
 * control count by the real one. lwIP sends a segment whole or not at all, so before it sends, a long one is cut here at the last whole
 * MSS that the window has room for, and to single ones where the device cannot cut it or a byte is urgent: tcp_output() and others stand
 * in the place of lwIP's, whose own have the name lwip_*. A cut copies nothing. FIN goes with the last piece, which is no longer than others.
 *
 * What a frame is to be cut into stands in the header's urgent pointer, which nothing else uses in a segment that is not urgent: it
 * stays with the packet while that waits for a neighbour's address. transmit.c takes it out.
 */
#include "net/internal.h"

#include "net/interface.h"
#include "net/lwip/hooks.h"
#include "net/tcp_seg.h"
#include "lwip/ip.h"
#include "lwip/memp.h"
#include "lwip/pbuf.h"

#define SEGMENTS_MOST 16u /* of the real size, in a long one */
#define PIECES_MOST 9u /* buffers of a segment to which more is added: small ones are copied to the frame's packet */
#define WAIT_SHARE 4u /* a long one is not cut for less than this share of the window */
#define WAIT_LEAST 8u /* segments: of smaller windows it is */

err_t lwip_tcp_output(struct tcp_pcb *pcb);
err_t lwip_tcp_send_fin(struct tcp_pcb *pcb);
void lwip_tcp_rexmit_fast(struct tcp_pcb *pcb);
void lwip_tcp_rexmit_rto_commit(struct tcp_pcb *pcb);

bool tcp_netif_cuts(const struct netif *netif)
{
	const struct interface *i = netif ? interface_of(netif) : NULL;
	return i && i->dev->tso4 && i->dev->csum;
}

static bool pcb_cuts(const struct tcp_pcb *pcb)
{
	if (IP_IS_V6_VAL(pcb->remote_ip)) {
		return false;
	}
	return tcp_netif_cuts(pcb->netif_idx ? netif_get_by_index(pcb->netif_idx) : ip_route(&pcb->local_ip, &pcb->remote_ip));
}

u16_t tcp_segment_most(const struct tcp_pcb *pcb)
{
	u32_t mss = pcb->mss, most = LWIP_MIN(SEGMENTS_MOST * mss, LWIP_MIN(pcb->snd_wnd_max / 2, 0x8000u)) / mss * mss;
	return (u16_t)(most > mss && pcb_cuts(pcb) ? most : mss);
}

/* lwIP adds to the last segment that is unsent. `inner`: it is one that is to be sent again, and others behind it were sent. */
static struct tcp_seg *unsent_last(const struct tcp_pcb *pcb, bool *inner)
{
	struct tcp_seg *last = pcb->unsent;
	while (last && last->next) {
		last = last->next;
	}
	*inner = last && seg_end(last) != pcb->snd_lbb;
	return last;
}

err_t tcp_send_fin(struct tcp_pcb *pcb)
{
	bool inner;
	struct tcp_seg *last = unsent_last(pcb, &inner);
	if (inner) {
		TCPH_SET_FLAG(last->tcphdr, TCP_RST); /* so it is not this one that gets the FIN */
	}
	err_t error = lwip_tcp_send_fin(pcb);
	if (inner) {
		TCPH_UNSET_FLAG(last->tcphdr, TCP_RST);
	}
	return error;
}

err_t tcp_write_long(struct tcp_pcb *pcb, u16_t most, const void *data, u16_t bytes, u8_t flags)
{
	u16_t mss = pcb->mss, len = 0;
	bool inner = false;
	struct tcp_seg *last = unsent_last(pcb, &inner);
	if (most > mss && ((last && pbuf_clen(last->p) > PIECES_MOST) || !transmit_reaches(data))) {
		most = mss;
	}
	if (inner) {
		len = last->len;
		last->len = 0; /* so nothing is added to it */
	}
	pcb->mss = last && last->len > most ? last->len : most; /* lwIP takes it for granted that none is longer */
	err_t error = tcp_write(pcb, data, bytes, flags);
	pcb->mss = mss;
	if (inner) {
		last->len = len;
	}
	return error;
}

/* ---- cuts ---- */

/* The buffers of what comes `skip` bytes behind the first one's begin, taken off; all is referred to, not copied. NULL: no memory, or it cannot be cut. */
static struct pbuf *chain_cut(struct pbuf *p, uint32_t skip)
{
	u16_t rest = (u16_t)(p->tot_len - skip);
	struct pbuf *q = p, *part = NULL;
	uint32_t at = skip;
	while (at > q->len) {
		at -= q->len;
		q = q->next;
	}
	if (at < q->len) {
		part = pbuf_match_type(q, PBUF_ROM) ? pbuf_alloc(PBUF_RAW, (u16_t)(q->len - at), PBUF_ROM) : NULL;
		if (!part) {
			return NULL;
		}
		part->payload = (u8_t *)q->payload + at;
	}
	struct pbuf *tail = q->next;
	q->next = NULL;
	q->len = (u16_t)at;
	for (q = p; q; q = q->next) {
		q->tot_len = (u16_t)(q->tot_len - rest);
	}
	if (part && tail) {
		pbuf_cat(part, tail);
	}
	return part ? part : tail;
}

static void header_make(const struct tcp_pcb *pcb, struct tcp_seg *seg, u32_t sequence, u16_t flags)
{
	struct tcp_hdr *header = seg->p->payload;
	header->src = lwip_htons(pcb->local_port);
	header->dest = lwip_htons(pcb->remote_port);
	header->seqno = lwip_htonl(sequence);
	header->urgp = 0;
	TCPH_HDRLEN_FLAGS_SET(header, TCP_HLEN / 4, flags);
	seg->tcphdr = header;
}

/* The first `at` bytes stay; a new segment behind it has the others. Whoever waits to send it (a neighbour is asked for) has its old headers. */
static err_t segment_cut(struct tcp_pcb *pcb, struct tcp_seg *seg, u16_t at)
{
	u16_t flags = TCPH_FLAGS(seg->tcphdr), urgent = lwip_ntohs(seg->tcphdr->urgp);
	u16_t last = flags & (TCP_FIN | TCP_PSH | (urgent > at ? TCP_URG : 0));
	if (seg->p->ref != 1 || (flags & TCP_SYN)) {
		return ERR_VAL;
	}
	struct pbuf *head = pbuf_alloc(PBUF_TRANSPORT, 0, PBUF_RAM);
	struct tcp_seg *second = memp_malloc(MEMP_TCP_SEG);
	u16_t before = pbuf_clen(seg->p);
	struct pbuf *rest = head && second ? chain_cut(seg->p, (uint32_t)seg->p->tot_len - seg->len + at) : NULL;
	if (!rest) {
		if (head) {
			pbuf_free(head);
		}
		memp_free(MEMP_TCP_SEG, second);
		return ERR_MEM;
	}
	pbuf_cat(head, rest);
	pbuf_add_header(head, TCP_HLEN);
	*second = (struct tcp_seg){ .next = seg->next, .p = head, .len = (u16_t)(seg->len - at), .flags = seg->flags };
	header_make(pcb, second, seg_begin(seg) + at, (flags & TCP_ACK) | last);
	if (last & TCP_URG) {
		second->tcphdr->urgp = lwip_htons((u16_t)(urgent - at));
		seg->tcphdr->urgp = 0;
	}
	TCPH_FLAGS_SET(seg->tcphdr, flags & ~last);
	seg->len = at;
	seg->next = second;
	pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen + pbuf_clen(seg->p) + pbuf_clen(head) - before);
	return ERR_OK;
}

/*
 * What of the first segment has been acknowledged goes. Before it is cut this has to be: lwIP frees segments when an acknowledgement comes, and has no
 * use for one that was acknowledged before it was one. It tells its user of whole segments only: of this one's part now.
 */
static err_t first_trim(struct tcp_pcb *pcb, struct tcp_seg **first)
{
	struct tcp_seg *seg = *first;
	u32_t done = seg ? pcb->lastack - seg_begin(seg) : 0;
	if (!done || done >= seg->len) {
		return ERR_OK;
	}
	err_t error = segment_cut(pcb, seg, (u16_t)done);
	if (error == ERR_OK) {
		*first = seg->next;
		pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen - pbuf_clen(seg->p));
		tcp_seg_free(seg);
		pcb->snd_buf += done;
		TCP_EVENT_SENT(pcb, (u16_t)done, error);
	}
	return error;
}

static void list_part(struct tcp_pcb *pcb, struct tcp_seg **first, bool all, uint32_t until)
{
	if (first_trim(pcb, first) != ERR_OK) {
		return;
	}
	for (struct tcp_seg *seg = *first; seg && (all || TCP_SEQ_LT(seg_begin(seg), until)); seg = seg->next) {
		if (seg->len > pcb->mss && segment_cut(pcb, seg, pcb->mss) != ERR_OK) {
			return;
		}
	}
}

void tcp_segments_part(struct tcp_pcb *pcb)
{
	list_part(pcb, &pcb->unacked, true, 0);
	if (pcb->flags & TF_RTO) {
		list_part(pcb, &pcb->unsent, false, pcb->rto_end);
	}
}

/* ---- in the place of lwIP's ---- */

/*
 * How much of a long segment may go out at once where the window has `room`; 0: it waits. No more than half of the window goes in one frame: after
 * losses frames become short with it, which costs a fast path nothing, and where whatever is on the way treats a frame as one (QEMU's 82574L
 * makes IP fragments of it) one loss costs the less.
 */
static u32_t long_part(const struct tcp_pcb *pcb, const struct tcp_seg *seg, u32_t room, u32_t window, bool cuts)
{
	u32_t mss = pcb->mss, part = LWIP_MIN(seg->len, LWIP_MAX(window / 2 / mss, 1) * mss);
	if (!cuts || (TCPH_FLAGS(seg->tcphdr) & TCP_URG) || !transmit_takes(seg->p)) {
		part = mss;
	} else if (part == seg->len && (TCPH_FLAGS(seg->tcphdr) & TCP_FIN)) {
		part = (part - 1) / mss * mss;
	}
	if (part > room) {
		bool waits = pcb->unacked && window >= WAIT_LEAST * mss && room < window / WAIT_SHARE;
		part = waits ? 0 : room / mss * mss;
	}
	return part;
}

/* Each long segment that lwIP would send is fit to be sent, or is cut. */
static err_t segments_fit(struct tcp_pcb *pcb)
{
	u32_t window = LWIP_MIN(pcb->snd_wnd, pcb->cwnd);
	bool asked = false, cuts = false;
	if (pcb->unsent->len > pcb->mss && first_trim(pcb, &pcb->unsent) != ERR_OK) {
		tcp_set_flags(pcb, TF_NAGLEMEMERR);
		return ERR_MEM;
	}
	for (struct tcp_seg *seg = pcb->unsent; seg; seg = seg->next) {
		int64_t at = (int32_t)(seg_begin(seg) - pcb->lastack);
		if (seg->len > pcb->mss) {
			cuts = asked ? cuts : pcb_cuts(pcb);
			asked = true;
			u32_t part = long_part(pcb, seg, at < window ? (u32_t)(window - at) : 0, window, cuts);
			if (!part) {
				break;
			}
			if (part < seg->len && segment_cut(pcb, seg, (u16_t)part) != ERR_OK) {
				tcp_set_flags(pcb, TF_NAGLEMEMERR);
				return ERR_MEM;
			}
		}
		if (at + seg->len > window) {
			break;
		}
	}
	return ERR_OK;
}

err_t tcp_output(struct tcp_pcb *pcb)
{
	err_t error = tcp_input_pcb != pcb && pcb->unsent ? segments_fit(pcb) : ERR_OK;
	return error == ERR_OK ? lwip_tcp_output(pcb) : error;
}

/*
 * At a timeout lwIP puts what is unacknowledged before all that is unsent. After another timeout some of the latter may have been sent before
 * the former, which the peer has told of since (socket/inet/tcp_recovery.c).
 */
static void unsent_sort(struct tcp_pcb *pcb)
{
	for (struct tcp_seg **at = &pcb->unsent; *at && (*at)->next;) {
		if (TCP_SEQ_GEQ(seg_begin((*at)->next), seg_begin(*at))) {
			at = &(*at)->next;
		} else {
			seg_move(&(*at)->next, &pcb->unsent);
		}
	}
}

void tcp_rexmit_rto_commit(struct tcp_pcb *pcb)
{
	unsent_sort(pcb);
	if (!pcb->unsent || segments_fit(pcb) == ERR_OK) {
		lwip_tcp_rexmit_rto_commit(pcb);
	}
}

/* One segment of the real size is lost, as far as is known. */
void tcp_rexmit_fast(struct tcp_pcb *pcb)
{
	if (!(pcb->flags & TF_INFR) && pcb->unacked && pcb->unacked->len > pcb->mss && first_trim(pcb, &pcb->unacked) == ERR_OK &&
	    pcb->unacked->len > pcb->mss) {
		(void)segment_cut(pcb, pcb->unacked, pcb->mss);
	}
	lwip_tcp_rexmit_fast(pcb);
}

/* The last of what was sent, no longer than one of the real size. */
bool tcp_segment_again(struct tcp_pcb *pcb)
{
	struct tcp_seg **last = &pcb->unacked;
	if (pcb->unacked && pcb->unacked->len > pcb->mss && first_trim(pcb, &pcb->unacked) != ERR_OK) {
		return false;
	}
	while (*last && (*last)->next) {
		last = &(*last)->next;
	}
	if (!*last || (*last)->p->ref != 1) {
		return false;
	}
	if ((*last)->len > pcb->mss) {
		if (segment_cut(pcb, *last, (u16_t)(((*last)->len - 1) / pcb->mss * pcb->mss)) != ERR_OK) {
			return false;
		}
		last = &(*last)->next;
	}
	seg_move(last, &pcb->unsent);
	return true;
}

/* A segment that is too long is cut, and goes before what is unsent. What a driver still has, or there is no memory for, waits for its timeout. */
static void long_again(struct tcp_pcb *pcb, struct tcp_seg **link)
{
	u32_t end = seg_end(*link);
	while (*link && TCP_SEQ_LT(seg_begin(*link), end)) {
		if ((*link)->p->ref != 1 || ((*link)->len > pcb->mss && segment_cut(pcb, *link, pcb->mss) != ERR_OK)) {
			return;
		}
		seg_move(link, &pcb->unsent);
	}
}

void tcp_segments_shrink(struct tcp_pcb *pcb, u16_t mss)
{
	pcb->mss = mss;
	if (!pcb->unacked || first_trim(pcb, &pcb->unacked) != ERR_OK) {
		return;
	}
	for (struct tcp_seg **link = &pcb->unacked; *link;) {
		struct tcp_seg *seg = *link;
		if (seg->len > mss) {
			long_again(pcb, link);
		}
		link = *link == seg ? &seg->next : link;
	}
	pcb->rttest = 0;
	pcb->rtime = 0;
	tcp_output(pcb);
}

err_t tcp_split_unsent_seg(struct tcp_pcb *pcb, u16_t split)
{
	if (!pcb->unsent || !split) {
		return ERR_MEM;
	}
	err_t error = pcb->unsent->len > split ? first_trim(pcb, &pcb->unsent) : ERR_OK;
	return error || pcb->unsent->len <= split ? error : segment_cut(pcb, pcb->unsent, split);
}

void net_tcp_long(const struct pbuf *p, struct tcp_hdr *header, const struct tcp_pcb *pcb)
{
	uint32_t bytes = p->tot_len - TCPH_HDRLEN_BYTES(header);
	if (pcb && bytes && p->payload == header && !(TCPH_FLAGS(header) & TCP_URG)) {
		header->urgp = bytes > pcb->mss ? lwip_htons(pcb->mss) : 0;
	}
}
