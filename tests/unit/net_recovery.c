/* SPDX-License-Identifier: MIT */
/*
 * What is sent again without a timeout, and when: segments of which the peer says, by selective acknowledgements or by a partial one, that it lacks
 * them; and what is sent when nothing is heard (socket/inet/tcp_probe.c). lwIP's part, to send what is in `unsent` and to drop what is acknowledged, is
 * played here, and so is the clock.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/big_endian.h"
#include "kernel/time.h"
#include "lwip/priv/tcp_priv.h"
#include "net/lwip/hooks.h"
#include "net/internal.h"
#include "net/net.h"
#include "net/tcp_seg.h"
#include "socket/inet/inet.h"

#define MSS 1000u
#define FIRST 0xfffff000u /* numbers go past their end */
#define MOST 64u

static struct inet_socket s;
static struct tcp_pcb pcb;
static struct {
	struct tcp_seg seg;
	struct tcp_hdr header;
	struct pbuf p;
} all[MOST];
static unsigned count; /* of segments */
static uint8_t options[40];
static unsigned option_bytes;

u32_t lwip_htonl(u32_t n)
{
	return __builtin_bswap32(n);
}

u16_t lwip_htons(u16_t n)
{
	return __builtin_bswap16(n);
}

struct inet_socket *tcp_pcb_socket(const struct tcp_pcb *which)
{
	return &s;
}

/* ---- the clock ---- */
#define MS 1000000ull
static uint64_t now_ns;
struct net_counts net_counts;

uint64_t time_ns(void)
{
	return now_ns;
}

void tcp_timer_needed(void)
{
}

void tcp_count_heard(struct inet_socket *which, uint32_t from, uint32_t to)
{
}

/* ---- lwIP's part ---- */
static unsigned sent[MOST], sent_count;

void tcp_segments_part(struct tcp_pcb *which)
{
}

bool tcp_segment_again(struct tcp_pcb *which)
{
	struct tcp_seg **last = &pcb.unacked;
	while ((*last)->next) {
		last = &(*last)->next;
	}
	if ((*last)->p->ref != 1) {
		return false;
	}
	seg_move(last, &pcb.unsent);
	return true;
}

err_t tcp_split_unsent_seg(struct tcp_pcb *which, u16_t split)
{
	return ERR_MEM;
}

void tcp_pcb_select(const struct tcp_pcb *which)
{
}

err_t tcp_output(struct tcp_pcb *which)
{
	while (pcb.unsent && !(pcb.flags & TF_RTO) && seg_end(pcb.unsent) - pcb.lastack <= LWIP_MIN(pcb.cwnd, pcb.snd_wnd)) {
		sent[sent_count++] = (seg_begin(pcb.unsent) - FIRST) / MSS;
		pcb.snd_nxt = TCP_SEQ_GT(seg_end(pcb.unsent), pcb.snd_nxt) ? seg_end(pcb.unsent) : pcb.snd_nxt;
		seg_move(&pcb.unsent, &pcb.unacked);
	}
	return ERR_OK;
}

static uint32_t begin_of(unsigned i)
{
	return FIRST + i * MSS;
}

static void segs_send(unsigned more)
{
	struct tcp_seg **end = &pcb.unacked;
	for (; *end; end = &(*end)->next) {
	}
	for (unsigned i = 0; i < more; i++, count++) {
		all[count].header.seqno = lwip_htonl(begin_of(count));
		all[count].p.ref = 1;
		all[count].seg = (struct tcp_seg){ .p = &all[count].p, .len = MSS, .tcphdr = &all[count].header };
		*end = &all[count].seg;
		end = &all[count].seg.next;
	}
	pcb.snd_nxt = begin_of(count);
}

static void begin(unsigned segments, bool selective)
{
	tcp_probe_drop(&s);
	memset(&s, 0, sizeof(s));
	memset(&pcb, 0, sizeof(pcb));
	memset(all, 0, sizeof(all));
	count = option_bytes = 0;
	s.tcp = &pcb;
	pcb.state = ESTABLISHED;
	pcb.mss = MSS;
	pcb.lastack = FIRST;
	pcb.cwnd = pcb.snd_wnd = segments * MSS;
	pcb.ssthresh = 1u << 20;
	pcb.flags = selective ? TF_SACK : 0;
	segs_send(segments);
}

static void acked_drop(struct tcp_seg **list, uint32_t ack)
{
	while (*list && TCP_SEQ_LEQ(lwip_htonl((*list)->tcphdr->seqno) + (*list)->len, ack)) {
		*list = (*list)->next;
	}
}

/* The segments [from, to) have come. */
static void block(unsigned from, unsigned to)
{
	if (!option_bytes) {
		memcpy(options, (uint8_t[]){ 1, 1, 5, 2 }, 4);
		option_bytes = 4;
	}
	put32(options + option_bytes, begin_of(from));
	put32(options + option_bytes + 4, begin_of(to));
	option_bytes += 8;
	options[3] = (uint8_t)(options[3] + 8);
}

/* An ACK up to a segment arrives: what is sent again then is in sent[], and is on its way again. How many that are. */
static unsigned ack_with(unsigned upto, unsigned payload)
{
	struct tcp_hdr header = { .ackno = begin_of(upto) };
	bool news = TCP_SEQ_GT(header.ackno, pcb.lastack);
	unsigned n = 0;
	TCPH_HDRLEN_FLAGS_SET(&header, 5, TCP_ACK);
	net_tcp_heard(&pcb, &header, options, option_bytes, payload);
	option_bytes = 0;
	if (news) {
		if (pcb.flags & TF_INFR) {
			tcp_clear_flags(&pcb, TF_INFR);
			pcb.cwnd = pcb.ssthresh;
		}
		pcb.lastack = header.ackno;
		acked_drop(&pcb.unacked, header.ackno);
		acked_drop(&pcb.unsent, header.ackno);
		tcp_recovery_acknowledged(&s);
		tcp_probe_plan(&s, false);
	}
	for (; pcb.unsent && !(pcb.flags & TF_RTO); n++) {
		sent[n] = (seg_begin(pcb.unsent) - FIRST) / MSS;
		seg_move(&pcb.unsent, &pcb.unacked);
	}
	return n;
}

static unsigned ack(unsigned upto)
{
	return ack_with(upto, 0);
}

/* ---- what is to be ---- */
static void one_is_lost(void **state)
{
	begin(20, true);
	block(1, 2);
	assert_int_equal(ack(0), 0);
	block(1, 3);
	assert_int_equal(ack(0), 0);
	block(1, 4);
	assert_int_equal(ack(0), 1);
	assert_int_equal(sent[0], 0);
	assert_int_equal(pcb.ssthresh, 10 * MSS);
	assert_int_equal(pcb.cwnd, 13 * MSS);
	for (unsigned i = 5; i <= 20; i++) {
		block(1, i);
		assert_int_equal(ack(0), 0); /* once is enough */
	}
	assert_int_equal(pcb.cwnd, 29 * MSS); /* ten on the way, with the one that was lost */
	assert_int_equal(ack(20), 0);
	assert_false(s.recovering);
	assert_int_equal(pcb.cwnd, 10 * MSS);
}

static void many_are_lost(void **state)
{
	begin(20, true);
	block(1, 5);
	assert_int_equal(ack(0), 1);
	block(6, 8);
	block(1, 5);
	assert_int_equal(ack(0), 0); /* the 6th may have been overtaken */
	block(6, 9);
	assert_int_equal(ack(0), 1);
	assert_int_equal(sent[0], 5);
	block(10, 20);
	assert_int_equal(ack(5), 1); /* a partial one, and the next that is lost */
	assert_int_equal(sent[0], 9);
	assert_true(pcb.flags & TF_INFR);
	block(10, 20);
	assert_int_equal(ack(9), 0);
	assert_int_equal(pcb.ssthresh, 10 * MSS); /* halved once */
	assert_int_equal(ack(20), 0);
	assert_false(s.recovering);
}

static void lost_twice(void **state)
{
	begin(10, true);
	block(1, 10);
	assert_int_equal(ack(0), 1);
	segs_send(3);
	block(1, 10);
	assert_int_equal(ack(0), 0);
	block(1, 11); /* what was sent after it has come */
	assert_int_equal(ack(0), 1);
	assert_int_equal(sent[0], 0);
	block(1, 12);
	assert_int_equal(ack(0), 0);
}

static void the_end_of_a_recovery_begins_another(void **state)
{
	begin(10, true);
	block(1, 5);
	assert_int_equal(ack(0), 1);
	segs_send(10);
	block(11, 15);
	assert_int_equal(ack(10), 1);
	assert_int_equal(sent[0], 10);
	assert_int_equal(s.recover, begin_of(20));
	assert_true(pcb.flags & TF_INFR);
}

static void few_are_on_the_way(void **state)
{
	begin(4, true);
	block(1, 2);
	assert_int_equal(ack(0), 0);
	block(2, 4); /* no more can come that would say it */
	assert_int_equal(ack(0), 1);
	begin(2, true);
	block(1, 2);
	assert_int_equal(ack(0), 1);
}

/* A peer without selective acknowledgements; lwIP has sent the first one again. */
static void partial(void **state)
{
	begin(20, false);
	pcb.flags |= TF_INFR;
	pcb.ssthresh = 10 * MSS;
	assert_int_equal(ack(0), 0);
	assert_int_equal(ack(5), 1);
	assert_int_equal(sent[0], 5);
	assert_true(pcb.flags & TF_INFR);
	assert_int_equal(ack(5), 0);
	assert_int_equal(ack(7), 1);
	assert_int_equal(sent[0], 7);
	assert_int_equal(ack(20), 0);
	assert_false(s.recovering);
}

static void after_a_timeout(void **state)
{
	begin(10, true);
	block(2, 5);
	ack(0);
	pcb.unsent = pcb.unacked;
	pcb.unacked = NULL;
	pcb.rto_end = begin_of(10);
	pcb.flags |= TF_RTO;
	block(6, 8);
	ack(1); /* of 2 to 4 it says nothing any more */
	unsigned waits = 0, left[] = { 1, 2, 3, 4, 5, 8, 9 };
	for (struct tcp_seg *seg = pcb.unsent; seg; seg = seg->next) {
		assert_int_equal(lwip_htonl(seg->tcphdr->seqno), begin_of(left[waits++]));
	}
	assert_int_equal(waits, 7);
	assert_false(s.recovering);
	assert_false(pcb.flags & TF_INFR);
}

static void a_driver_has_it(void **state)
{
	begin(10, true);
	all[0].p.ref = 2;
	block(1, 5);
	assert_int_equal(ack(0), 0);
	all[0].p.ref = 1;
	block(1, 6);
	assert_int_equal(ack(0), 1);
}

/* ---- when nothing is heard ---- */
#define ROUND_MS 20u

/* All were sent now; a round trip is known. */
static void begin_probed(unsigned segments)
{
	begin(segments, true);
	s.counts.round_us = ROUND_MS * 1000;
	tcp_probe_plan(&s, false);
}

/* Time passes, and the probes whose time has come go. How many that are. */
static unsigned pass(unsigned ms)
{
	sent_count = 0;
	for (uint64_t end = now_ns + ms * MS, next; (next = tcp_probes_next_ns()) != 0 && next <= end;) {
		now_ns = next > now_ns ? next : now_ns;
		tcp_probes_tick();
	}
	now_ns += ms * MS;
	return sent_count;
}

/* Not sent yet: so many behind the others. */
static void segs_wait(unsigned more)
{
	uint32_t next = pcb.snd_nxt;
	struct tcp_seg *last = pcb.unacked;
	segs_send(more);
	while (seg_end(last) != next) {
		last = last->next;
	}
	pcb.unsent = last->next;
	last->next = NULL;
	pcb.snd_nxt = next;
}

static void the_last_is_probed(void **state)
{
	begin_probed(5);
	assert_int_equal(pass(2 * ROUND_MS), 0);
	assert_int_equal(pass(20), 1);
	assert_int_equal(sent[0], 4);
	assert_int_equal(pcb.cwnd, 5 * MSS);
	assert_int_equal(pcb.rtime, 0);
	assert_int_equal(pass(1000), 0); /* one is enough: the timeout comes next */
	block(4, 5); /* it has come, and so had the last one: an acknowledgement was lost */
	ack(5);
	assert_false(s.probe_sent);
	assert_int_equal(pcb.ssthresh, 1u << 20);
}

static void a_tail_is_lost(void **state)
{
	begin_probed(12);
	assert_int_equal(pass(60), 1);
	block(11, 12); /* the probe; the three before it are lost */
	assert_int_equal(ack(8), 3);
	assert_int_equal(sent[0], 8);
	assert_int_equal(sent[2], 10);
	assert_true(s.recovering);
	assert_int_equal(pcb.ssthresh, 6 * MSS);
	assert_int_equal(ack(12), 0);
	assert_false(s.recovering || s.late_known || s.probe_sent);
}

/* The probe has mended it: that is a loss, too (RFC 8985, 7.4). */
static void only_the_last_is_lost(void **state)
{
	begin_probed(8);
	ack(7);
	assert_int_equal(pass(60), 0); /* a single one may be acknowledged late */
	assert_int_equal(pass(300), 1);
	assert_int_equal(sent[0], 7);
	segs_send(2);
	assert_int_equal(ack(9), 0);
	assert_int_equal(pcb.ssthresh, 4 * MSS);
	assert_int_equal(pcb.cwnd, 4 * MSS);
}

static void it_came_twice(void **state)
{
	begin_probed(8);
	assert_int_equal(pass(60), 1);
	memcpy(options, (uint8_t[]){ 1, 1, 5, 2 }, 4);
	option_bytes = 4;
	block(7, 8);
	ack(8);
	segs_send(2);
	ack(10);
	assert_int_equal(pcb.ssthresh, 1u << 20);
	assert_int_equal(pcb.cwnd, 8 * MSS);
	begin_probed(8); /* to a peer that tells nothing of it: the ACK says the same again */
	assert_int_equal(pass(60), 1);
	ack(8);
	segs_send(1);
	ack_with(8, 100); /* that does not */
	assert_true(s.probe_sent);
	ack(8);
	assert_false(s.probe_sent);
	ack(9);
	assert_int_equal(pcb.ssthresh, 1u << 20);
}

static void what_waits_goes_first(void **state)
{
	begin_probed(4);
	segs_wait(3);
	assert_int_equal(pass(60), 1);
	assert_int_equal(sent[0], 3); /* the peer has no room for more */
	begin_probed(4);
	segs_wait(3);
	pcb.snd_wnd = 10 * MSS;
	assert_int_equal(pass(60), 1);
	assert_int_equal(sent[0], 4);
	assert_int_equal(pcb.cwnd, 4 * MSS);
	assert_false(s.probe_again);
}

static void acknowledgements_put_it_off(void **state)
{
	begin_probed(20);
	for (unsigned i = 1; i < 18; i++) {
		assert_int_equal(pass(30), 0);
		ack(i);
	}
	assert_int_equal(pass(60), 1);
	assert_int_equal(sent[0], 19);
	begin_probed(5);
	ack(5);
	assert_int_equal(pass(10000), 0);
}

/* One has come before the others, and no more does: they were not overtaken, but lost. */
static void a_gap_stays(void **state)
{
	begin_probed(10);
	block(5, 6);
	assert_int_equal(ack(0), 0);
	assert_int_equal(pass(30), 0);
	assert_int_equal(pass(30), 1);
	assert_true(s.recovering);
	assert_int_equal(sent[0], 0);
	block(5, 7);
	ack(0);
	assert_int_equal(pass(60), 1); /* nothing is heard of it again */
	assert_int_equal(sent[0], 0);
	assert_int_equal(pass(1000), 0);
	assert_int_equal(ack(4), 1);
	assert_int_equal(sent[0], 4);
	assert_int_equal(pass(60), 1);
	assert_int_equal(sent[0], 4);
}

static void not_without_need(void **state)
{
	begin(5, false);
	s.counts.round_us = 20000;
	tcp_probe_plan(&s, false);
	assert_int_equal(pass(1000), 0); /* no selective acknowledgements */
	begin(5, true);
	tcp_probe_plan(&s, false);
	assert_int_equal(pass(1000), 0); /* a round trip is not known */
	begin_probed(5);
	all[4].p.ref = 2;
	assert_int_equal(pass(1000), 0); /* it has not gone yet */
	begin_probed(5);
	tcp_probe_drop(&s);
	assert_int_equal(tcp_probes_next_ns() && pass(1000), 0);
}

/* Whatever a peer says: each segment that is not acknowledged is in one list, in order. */
static void anything(void **state)
{
	srandom(7);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned acked = 0;
		begin(1 + (unsigned)random() % 30, random() & 1);
		s.counts.round_us = random() % 2 ? 20000 : 0;
		for (unsigned step = 0; step < 20; step++) {
			option_bytes = (unsigned)random() % 41;
			for (unsigned i = 0; i < option_bytes; i++) {
				options[i] = random() % 4 ? (uint8_t)random() : (uint8_t[]){ 1, 5, 10, 18, 34, 0 }[random() % 6];
			}
			if (random() % 2) {
				option_bytes = 0;
				for (unsigned b = 0; b < 4; b++) {
					unsigned from = (unsigned)random() % (count + 3);
					block(from, from + (unsigned)random() % 9);
				}
			}
			acked += random() % 3 ? 0 : (unsigned)random() % (count - acked + 1);
			ack(acked);
			if (random() % 4 == 0) {
				pass((unsigned)random() % 300);
				ack(acked);
			}
			if (random() % 8 == 0 && count < MOST - 4) {
				segs_send(3);
			}
			unsigned at = acked;
			for (struct tcp_seg *seg = pcb.unacked; seg; seg = seg->next) {
				assert_int_equal(lwip_htonl(seg->tcphdr->seqno), begin_of(at++));
			}
			assert_int_equal(at, count);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_lost),
		cmocka_unit_test(many_are_lost),
		cmocka_unit_test(lost_twice),
		cmocka_unit_test(the_end_of_a_recovery_begins_another),
		cmocka_unit_test(few_are_on_the_way),
		cmocka_unit_test(partial),
		cmocka_unit_test(after_a_timeout),
		cmocka_unit_test(a_driver_has_it),
		cmocka_unit_test(the_last_is_probed),
		cmocka_unit_test(a_tail_is_lost),
		cmocka_unit_test(only_the_last_is_lost),
		cmocka_unit_test(it_came_twice),
		cmocka_unit_test(what_waits_goes_first),
		cmocka_unit_test(acknowledgements_put_it_off),
		cmocka_unit_test(a_gap_stays),
		cmocka_unit_test(not_without_need),
		cmocka_unit_test(anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
