/* SPDX-License-Identifier: MIT */
/*
 * What a connection has done and how it stands: TCP_INFO (tcp(7)), which ss(8) asks for by netlink too. lwIP counts segments of all
 * connections together, and times in tenths of seconds: here each one's are counted where lwIP builds a segment's header and where one
 * arrives, and the round trip is measured of one segment at a time that was sent only once (RFC 6298, 3).
 */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "kernel/time.h"
#include "lwip/priv/tcp_priv.h"
#include "net/internal.h"
#include "net/lwip/hooks.h"
#include "net/net.h"

#define TICK_US (TCP_SLOW_INTERVAL * 1000u)
#define TIMEOUT_LEAST_US 200000u
#define ROUND_MOST_NS 60000000000ull

uint8_t inet_state_number(const struct inet_socket *s)
{
	static const uint8_t numbers[] = {
		[CLOSED] = STATE_CLOSE, [LISTEN] = STATE_LISTEN, [SYN_SENT] = STATE_SYN_SENT, [SYN_RCVD] = STATE_SYN_RECEIVED,
		[ESTABLISHED] = STATE_ESTABLISHED, [FIN_WAIT_1] = STATE_FIN_WAIT_1, [FIN_WAIT_2] = STATE_FIN_WAIT_2, [CLOSE_WAIT] = STATE_CLOSE_WAIT,
		[CLOSING] = STATE_CLOSING, [LAST_ACK] = STATE_LAST_ACK, [TIME_WAIT] = STATE_TIME_WAIT,
	};
	if (s->kind != INET_TCP) {
		return s->remote.port ? STATE_ESTABLISHED : STATE_CLOSE;
	}
	return s->tcp ? numbers[s->tcp->state] : STATE_CLOSE;
}

/* ---- counting; the net lock ---- */
void net_tcp_leaves(const struct pbuf *p, const struct tcp_hdr *header, const struct tcp_pcb *pcb)
{
	struct inet_socket *s = pcb ? tcp_pcb_socket(pcb) : NULL;
	net_path_rule_tcp = s ? (enum path_rule)s->mtu_discover[IP_IS_V6_VAL(pcb->remote_ip)] : PATH_WANT;
	if (!s) {
		return;
	}
	tcp_ack_left(s);
	struct tcp_counts *c = &s->counts;
	uint32_t bytes = p->tot_len - TCPH_HDRLEN_BYTES(header), begin = lwip_ntohl(header->seqno);
	uint32_t segments = bytes > pcb->mss ? (bytes + pcb->mss - 1) / pcb->mss : 1; /* net/segments.c */
	c->segments_out += segments;
	if (TCPH_FLAGS(header) & TCP_SYN) {
		c->round_begin_ns = pcb->nrtx ? 0 : time_ns();
		c->round_end = begin + 1;
	}
	if (!bytes || p->payload != header) { /* what has no payload is built in one piece */
		return;
	}
	c->data_out += segments;
	c->bytes_sent += bytes;
	c->sent_ns = time_ns();
	if (TCP_SEQ_LT(begin, pcb->snd_nxt)) {
		c->again += segments;
		net_counts.sent_again += segments;
		net_counts.timeouts += (pcb->flags & TF_RTO) && pcb->nrtx && begin == pcb->lastack;
		c->bytes_again += bytes;
		if (!(pcb->flags & TF_SACK) || TCP_SEQ_GEQ(begin + bytes, c->round_end)) {
			c->round_begin_ns = 0;
		}
		return;
	}
	if (!c->round_begin_ns) {
		c->round_begin_ns = c->sent_ns;
		c->round_end = begin + bytes;
	}
	tcp_probe_plan(s, false);
}

void net_tcp_counts(const struct tcp_pcb *pcb, uint32_t bytes)
{
	struct inet_socket *s = tcp_pcb_socket(pcb);
	if (s) {
		s->counts.segments_in++;
	}
	if (s && bytes) {
		uint64_t now = time_ns();
		tcp_ack_arrived(s, now - s->counts.received_ns);
		s->counts.data_in++;
		s->counts.received_ns = now;
	}
}

static void round_note(struct tcp_counts *c, uint32_t us)
{
	c->least_us = c->least_us && c->least_us < us ? c->least_us : us;
	if (!c->round_us) {
		c->round_us = us;
		c->varies_us = us / 2;
		return;
	}
	uint32_t off = us > c->round_us ? us - c->round_us : c->round_us - us;
	c->varies_us = (3 * c->varies_us + off) / 4;
	c->round_us = (7 * c->round_us + us) / 8;
}

/*
 * RFC 6298, 2: from the smoothed round trip and its variation, and no less than Linux's least time, for a peer may wait so long before it acknowledges. The
 * clock may tick the first time at once, so one tick more. lwIP takes what is in `sa` and `sv` for its own measurement.
 */
void tcp_count_round(struct inet_socket *s, uint64_t ns)
{
	struct tcp_counts *c = &s->counts;
	uint32_t us = ns < 1000 ? 1 : ns < ROUND_MOST_NS ? (uint32_t)(ns / 1000) : (uint32_t)(ROUND_MOST_NS / 1000);
	round_note(c, us);
	uint32_t varies = 4 * c->varies_us > TIMEOUT_LEAST_US ? 4 * c->varies_us : TIMEOUT_LEAST_US;
	uint32_t ticks = (c->round_us + varies + TICK_US - 1) / TICK_US + 1;
	s->tcp->sa = 0;
	s->tcp->sv = s->tcp->rto = (s16_t)ticks;
}

/* It ends with the segment that is measured. */
static void round_end(struct inet_socket *s)
{
	uint64_t begin = s->counts.round_begin_ns;
	s->counts.round_begin_ns = 0;
	tcp_count_round(s, time_ns() - begin);
}

void tcp_count_heard(struct inet_socket *s, uint32_t begin, uint32_t end)
{
	const struct tcp_counts *c = &s->counts;
	if (c->round_begin_ns && TCP_SEQ_LT(begin, c->round_end) && TCP_SEQ_GEQ(end, c->round_end)) {
		round_end(s);
	}
}

void tcp_count_acknowledged(struct inet_socket *s, uint32_t bytes)
{
	struct tcp_counts *c = &s->counts;
	c->bytes_acknowledged += bytes;
	if (c->round_begin_ns && s->tcp && TCP_SEQ_GEQ(s->tcp->lastack, c->round_end)) {
		round_end(s);
	}
}

/* ---- telling ---- */
static uint32_t ms_since(uint64_t moment)
{
	return moment ? (uint32_t)((time_ns() - moment) / 1000000) : 0;
}

static void counts_tell(const struct inet_socket *s, struct tcp_info *info)
{
	const struct tcp_counts *c = &s->counts;
	info->rtt = c->round_us;
	info->rttvar = c->varies_us;
	info->min_rtt = c->least_us;
	info->total_retrans = c->again;
	info->bytes_acked = c->bytes_acknowledged;
	info->bytes_received = s->arrived;
	info->bytes_sent = c->bytes_sent;
	info->bytes_retrans = c->bytes_again;
	info->segs_out = c->segments_out;
	info->segs_in = c->segments_in;
	info->data_segs_out = c->data_out;
	info->data_segs_in = c->data_in;
	info->last_data_sent = ms_since(c->sent_ns);
	info->last_data_recv = ms_since(c->received_ns);
	info->last_ack_recv = ms_since(s->progress_ns);
}

void tcp_info_read(const struct inet_socket *s, struct tcp_info *info)
{
	const struct tcp_pcb *pcb = s->tcp;
	memset(info, 0, sizeof(*info));
	info->state = inet_state_number(s);
	if (info->state == STATE_LISTEN) {
		info->unacked = s->waiting_count;
		info->sacked = s->backlog;
		return;
	}
	if (!pcb || info->state == STATE_CLOSE || info->state == STATE_TIME_WAIT) {
		info->state = STATE_CLOSE; /* what waits is no socket's any more on Linux */
		return;
	}
	uint32_t mss = pcb->mss ? pcb->mss : 1;
	info->retransmits = pcb->nrtx;
	info->probes = pcb->persist_probe;
	info->options = (uint8_t)((pcb->flags & TF_SACK ? 2 : 0) | (pcb->flags & TF_WND_SCALE ? 4 : 0));
	info->scales = (uint8_t)(pcb->snd_scale | pcb->rcv_scale << 4);
	info->rto = (uint32_t)pcb->rto * TCP_SLOW_INTERVAL * 1000;
	info->ato = TCP_TMR_INTERVAL * 1000;
	info->snd_mss = pcb->mss;
	info->rcv_mss = info->advmss = s->mss_agreed ? s->mss_agreed : pcb->mss;
	for (const struct tcp_seg *seg = pcb->unacked; seg; seg = seg->next) {
		info->unacked++;
	}
	info->snd_ssthresh = pcb->ssthresh / mss;
	info->snd_cwnd = pcb->cwnd / mss;
	info->rcv_space = s->window;
	info->pmtu = tcp_path_mtu(s);
	info->reordering = 3;
	info->snd_wnd = pcb->snd_wnd;
	info->notsent_bytes = pcb->snd_lbb - pcb->snd_nxt;
	counts_tell(s, info);
}
