/* SPDX-License-Identifier: MIT */
/*
 * What was lost on the way out is sent again without waiting for the timeout. lwIP itself sends one segment again after three ACKs that say the same;
 * each further one of the same window would cost a timeout of 300 ms. Here the peer's selective acknowledgements are heard (RFC 2018), and while
 * a recovery goes on, all that they show to be lost is sent again (RFC 6675), as far as the congestion window allows; a peer that has none
 * gets the first unacknowledged segment with each ACK that is only partial (RFC 6582).
 *
 * It works on each segment that arrives before lwIP does, by lwIP's own means: a segment that is to be sent again goes from `unacked` to
 * its place in `unsent`, which lwIP sends when it has looked at the ACK, and TF_INFR says that a recovery goes on. What the
 * peer has, and what was sent again, is marked in two bits of a segment's flags that lwIP leaves alone. A peer may forget what it
 * had told of (RFC 2018, 8): after a timeout the marks count no more, only what each ACK says itself.
 */
#include "socket/inet/inet.h"

#include "base/big_endian.h"
#include "net/internal.h"
#include "net/net.h"
#include "net/tcp_seg.h"
#include "net/lwip/hooks.h"

#define HEARD ((uint8_t)0x40) /* the peer has it */
#define AGAIN ((uint8_t)0x80) /* sent again in this recovery */
#define REORDERED 3u /* segments that may overtake another (DupThresh) */
#define BLOCKS 4u
#define OPTION_END 0
#define OPTION_NONE 1
#define OPTION_SACK 5

/* What one ACK says. */
struct heard {
	uint32_t ack;
	struct {
		uint32_t begin, end;
	} blocks[BLOCKS];
	unsigned count; /* of blocks */
	bool partial; /* it is a new one */
	bool twice; /* the first block is of something that came twice (RFC 2883) */
};

/* Blocks behind the ACK and within what was sent; others tell of what came twice (RFC 2883), or nothing. */
static void blocks_read(struct heard *h, const struct tcp_pcb *pcb, const uint8_t *option, unsigned bytes)
{
	for (unsigned at = 0; at + 8 <= bytes && h->count < BLOCKS; at += 8) {
		uint32_t begin = get32(option + at), end = get32(option + at + 4);
		h->twice |= at == 0 && TCP_SEQ_LEQ(end, h->ack);
		if (TCP_SEQ_GT(begin, h->ack) && TCP_SEQ_GT(end, begin) && TCP_SEQ_LEQ(end, pcb->snd_nxt)) {
			h->blocks[h->count].begin = begin;
			h->blocks[h->count++].end = end;
		}
	}
}

static void options_read(struct heard *h, const struct tcp_pcb *pcb, const uint8_t *options, unsigned bytes)
{
	for (unsigned at = 0; at < bytes && options[at] != OPTION_END;) {
		unsigned length = options[at] == OPTION_NONE ? 1 : at + 1 < bytes ? options[at + 1] : 0;
		if (!length || (options[at] != OPTION_NONE && length < 2) || length > bytes - at) {
			return;
		}
		if (options[at] == OPTION_SACK) {
			blocks_read(h, pcb, options + at + 2, length - 2);
		}
		at += length;
	}
}

static bool block_has(const struct heard *h, const struct tcp_seg *seg)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (TCP_SEQ_GEQ(seg_begin(seg), h->blocks[i].begin) && TCP_SEQ_LEQ(seg_end(seg), h->blocks[i].end)) {
			return true;
		}
	}
	return false;
}

/* After a timeout all waits to be sent again: but what the peer has. */
static void heard_after_timeout(struct tcp_pcb *pcb, const struct heard *h)
{
	for (struct tcp_seg **link = &pcb->unsent; *link && TCP_SEQ_LEQ(seg_end(*link), pcb->rto_end);) {
		(*link)->flags &= (uint8_t)~(HEARD | AGAIN);
		if (block_has(h, *link)) {
			(*link)->flags |= HEARD;
			seg_move(link, &pcb->unacked);
		} else {
			link = &(*link)->next;
		}
	}
}

/* ---- what is lost ---- */
/* How far behind everything sent by then a segment was sent again. */
static struct tcp_again *again_of(struct inet_socket *s, uint32_t begin)
{
	for (unsigned i = 0; i < TCP_AGAIN; i++) {
		if (s->again[i].begin == begin && s->again[i].known) {
			return &s->again[i];
		}
	}
	return NULL;
}

static void again_note(struct inet_socket *s, const struct tcp_seg *seg)
{
	struct tcp_again *note = again_of(s, seg_begin(seg));
	note = note ? note : &s->again[s->again_next++ % TCP_AGAIN];
	*note = (struct tcp_again){ seg_begin(seg), s->tcp->snd_nxt, true };
}

/* Sent again, and lost again: the peer has what was sent after that. */
static bool lost_twice(struct inet_socket *s, const struct tcp_seg *seg, uint32_t highest)
{
	const struct tcp_again *note = again_of(s, seg_begin(seg));
	return note && TCP_SEQ_GT(highest, note->behind);
}

/* What stands between ACK and the last that was sent. */
struct flight {
	unsigned count, heard_count; /* segments; those that the peer has */
	uint32_t heard, lost; /* bytes that the peer has; that it lacks and that were not sent again */
	uint32_t highest; /* the end of what it has */
};

static struct flight flight_mark(struct tcp_pcb *pcb, const struct heard *h)
{
	struct flight f = { .highest = h->ack };
	for (struct tcp_seg *seg = pcb->unacked; seg; seg = seg->next) {
		if (TCP_SEQ_LEQ(seg_end(seg), h->ack)) {
			continue;
		}
		f.count++;
		if (h->count && block_has(h, seg)) {
			seg->flags |= HEARD;
		}
		if (seg->flags & HEARD) {
			f.heard_count++;
			f.heard += seg->len;
			f.highest = seg_end(seg);
		}
	}
	return f;
}

/* So many segments behind one that the peer has say that it is lost: fewer where no more are on the way, which would say it too (RFC 5827). */
static unsigned enough(const struct inet_socket *s, const struct flight *f)
{
	return f->highest != s->tcp->snd_nxt ? REORDERED : f->count > 2 ? REORDERED - 1 : 1;
}

/* `above`: segments behind it that the peer has. */
static bool is_lost(struct inet_socket *s, const struct tcp_seg *seg, const struct heard *h, unsigned above, const struct flight *f)
{
	if (seg->flags & AGAIN) {
		return lost_twice(s, seg, f->highest);
	}
	unsigned least = s->late_known && TCP_SEQ_LT(seg_begin(seg), s->late) ? 1 : enough(s, f);
	return above >= least || (h->partial && TCP_SEQ_LEQ(seg_begin(seg), h->ack)); /* what lies before `recover` was sent a round trip ago */
}

/* Segments that are lost are sent again, the first of them at once, others while there is room in the window. */
static void lost_send(struct inet_socket *s, const struct heard *h, struct flight *f)
{
	struct tcp_pcb *pcb = s->tcp;
	uint32_t way = pcb->snd_nxt - h->ack - f->heard, again = 0;
	unsigned above = f->heard_count;
	for (struct tcp_seg **link = &pcb->unacked; *link;) {
		struct tcp_seg *seg = *link;
		above -= TCP_SEQ_GT(seg_end(seg), h->ack) && (seg->flags & HEARD);
		if (TCP_SEQ_LEQ(seg_end(seg), h->ack) || (seg->flags & HEARD) || !is_lost(s, seg, h, above, f)) {
			link = &seg->next;
			continue;
		}
		way -= LWIP_MIN(way, seg->len);
		if ((again && way + again + seg->len > pcb->ssthresh) || seg->p->ref != 1) { /* a driver has it yet */
			f->lost += seg->len;
			link = &seg->next;
			continue;
		}
		again += seg->len;
		seg->flags |= AGAIN;
		again_note(s, seg);
		seg_move(link, &pcb->unsent);
		pcb->rttest = 0;
		pcb->rtime = 0;
	}
}

/* ---- a recovery ---- */
static void recovery_begin(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	for (struct tcp_seg *seg = pcb->unacked; seg; seg = seg->next) {
		seg->flags &= (uint8_t)~AGAIN;
	}
	for (unsigned i = 0; i < TCP_AGAIN; i++) {
		s->again[i].known = false;
	}
	s->recovering = true;
	s->probe_sent = false;
	pcb->nrtx = 0; /* lwIP counts what it has sent again at once among the timeouts, by which they double */
	s->recover = pcb->snd_nxt;
	if (pcb->flags & TF_INFR) { /* lwIP began it, and sent the first one */
		if (seg_begin(pcb->unacked) == pcb->lastack) {
			pcb->unacked->flags |= AGAIN;
			again_note(s, pcb->unacked);
		}
		return;
	}
	pcb->ssthresh = LWIP_MAX(LWIP_MIN(pcb->cwnd, pcb->snd_wnd) / 2, 2u * pcb->mss);
	pcb->rtime = 0;
	tcp_set_flags(pcb, TF_INFR);
}

static void recovery_step(struct inet_socket *s, const struct heard *h)
{
	struct tcp_pcb *pcb = s->tcp;
	struct flight f = flight_mark(pcb, h);
	bool selective = pcb->flags & TF_SACK;
	if (selective) {
		pcb->dupacks = 0; /* it tells less than the blocks do */
	}
	if (!s->recovering && s->probe_sent && f.heard_count && TCP_SEQ_GEQ(f.highest, s->probe_end)) {
		s->late_known = true; /* the probe went two round trips after it */
		s->late = s->probe_end;
	}
	bool begun = (pcb->flags & TF_INFR) && !h->partial; /* by lwIP; where that is over already nobody knows what it was about */
	if (!s->recovering && (begun || (selective && f.heard_count && (s->late_known || f.heard_count >= enough(s, &f))))) {
		recovery_begin(s);
	}
	if (!s->recovering) {
		return;
	}
	lost_send(s, h, &f);
	if (selective || h->partial) {
		s->recovery_window = pcb->ssthresh + f.heard + f.lost;
		pcb->cwnd = s->recovery_window;
	}
}

bool tcp_recovery_overdue(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	struct heard h = { .ack = pcb->lastack };
	struct flight f = flight_mark(pcb, &h);
	if (!f.heard_count || TCP_SEQ_LEQ(f.highest, pcb->lastack)) {
		return false;
	}
	s->late_known = true;
	s->late = f.highest;
	recovery_begin(s);
	lost_send(s, &h, &f);
	s->recovery_window = pcb->cwnd = pcb->ssthresh + f.heard + f.lost;
	tcp_pcb_select(pcb);
	tcp_output(pcb);
	return true;
}

bool tcp_recovery_again(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	struct tcp_seg **link = &pcb->unacked;
	while (*link && ((*link)->flags & HEARD)) {
		link = &(*link)->next;
	}
	if (!*link || (*link)->len > pcb->mss || (*link)->p->ref != 1) {
		return false;
	}
	(*link)->flags |= AGAIN;
	again_note(s, *link);
	seg_move(link, &pcb->unsent);
	return true;
}

static void recovery_end(struct inet_socket *s)
{
	s->recovering = s->late_known = false;
	tcp_clear_flags(s->tcp, TF_INFR);
}

void net_tcp_heard(struct tcp_pcb *pcb, const struct tcp_hdr *header, const uint8_t *options, unsigned option_bytes, unsigned payload_bytes)
{
	struct inet_socket *s = (TCPH_FLAGS(header) & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK ? tcp_pcb_socket(pcb) : NULL;
	struct heard h = { .ack = header->ackno, .partial = TCP_SEQ_GT(header->ackno, pcb->lastack) };
	pcb->rttest = 0; /* lwIP measures what was sent again, too: see tcp_info.c */
	if (!s || pcb->state == TIME_WAIT || TCP_SEQ_LT(h.ack, pcb->lastack) || TCP_SEQ_GT(h.ack, pcb->snd_nxt)) {
		return;
	}
	if (h.partial && (pcb->flags & TF_RTO)) {
		pcb->sa = 0;
		pcb->sv = pcb->rto; /* it stays doubled until a round trip is measured (RFC 6298, 5) */
	}
	if (option_bytes && (pcb->flags & TF_SACK)) {
		options_read(&h, pcb, options, option_bytes);
		for (unsigned i = 0; i < h.count; i++) {
			tcp_count_heard(s, h.blocks[i].begin, h.blocks[i].end);
		}
	}
	tcp_probe_heard(s, h.ack, h.twice, !h.partial && !h.count && !payload_bytes);
	if (!h.count && !(pcb->flags & (TF_INFR | TF_RTO))) {
		return;
	}
	tcp_segments_part(pcb); /* marks are of whole segments */
	if (pcb->flags & TF_RTO) {
		recovery_end(s);
		s->probe_sent = false;
		pcb->dupacks = 0; /* each third would send one again, and lwIP gives up after twelve */
		heard_after_timeout(pcb, &h);
		return;
	}
	if (s->recovering && TCP_SEQ_GEQ(h.ack, s->recover)) {
		recovery_end(s);
		pcb->cwnd = pcb->ssthresh;
		pcb->bytes_acked = 0;
	}
	if (pcb->unacked) {
		recovery_step(s, &h);
	}
	if (h.count) {
		tcp_probe_plan(s, true);
	}
}

/* lwIP takes each new ACK for the end of a recovery. */
void tcp_recovery_acknowledged(struct inet_socket *s)
{
	if (s->recovering && s->tcp) {
		s->tcp->cwnd = s->recovery_window;
		tcp_set_flags(s->tcp, TF_INFR);
	}
}
