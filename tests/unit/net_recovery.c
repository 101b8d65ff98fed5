/* SPDX-License-Identifier: MIT */
/*
 * What is sent again without a timeout, and when: segments of which the peer says, by selective acknowledgements or by a partial one, that it lacks
 * them. lwIP's part, to send what is in `unsent` and to drop what is acknowledged, is played here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/big_endian.h"
#include "lwip/priv/tcp_priv.h"
#include "net/lwip/hooks.h"
#include "net/internal.h"
#include "net/net.h"
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

/* ---- lwIP's part ---- */
void tcp_segments_part(struct tcp_pcb *which)
{
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
static unsigned sent[MOST];

static unsigned ack(unsigned upto)
{
	struct tcp_hdr header = { .ackno = begin_of(upto) };
	bool news = TCP_SEQ_GT(header.ackno, pcb.lastack);
	unsigned n = 0;
	TCPH_HDRLEN_FLAGS_SET(&header, 5, TCP_ACK);
	net_tcp_heard(&pcb, &header, options, option_bytes);
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
	}
	while (pcb.unsent && !(pcb.flags & TF_RTO)) {
		struct tcp_seg *seg = pcb.unsent, **to = &pcb.unacked;
		pcb.unsent = seg->next;
		for (; *to && TCP_SEQ_LT(lwip_htonl((*to)->tcphdr->seqno), lwip_htonl(seg->tcphdr->seqno)); to = &(*to)->next) {
		}
		seg->next = *to;
		*to = seg;
		sent[n++] = (lwip_htonl(seg->tcphdr->seqno) - FIRST) / MSS;
	}
	return n;
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

/* Whatever a peer says: each segment that is not acknowledged is in one list, in order. */
static void anything(void **state)
{
	srandom(7);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned acked = 0;
		begin(1 + (unsigned)random() % 30, random() & 1);
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
		cmocka_unit_test(anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
