/* SPDX-License-Identifier: MIT */
/*
 * Tail loss probes (RFC 8985, 7): what was sent last has nothing behind it by whose acknowledgement its loss could be seen, and so has an
 * acknowledgement that is lost behind it. Two round trips after it was sent, or after the last acknowledgement, one segment goes out: a new one
 * if there is one that the peer's window has room for, else the last one once more. What the peer says to that starts a recovery
 * (tcp_recovery.c), or nothing was lost; either way no timeout is waited for. If the peer has already told of something that it
 * lacks, the probe's time is the one after which nothing can have been overtaken any more (RFC 8985, 6.2), and the recovery begins then. While
 * a recovery goes on, the probe is the first segment that the peer lacks: it was lost again, or the peer's word that it has come was.
 *
 * A connection that has a probe planned is in one of the slots of a wheel. When its moment moves on, as with each acknowledgement, only the moment
 * is written down: the slot's turn comes no later, and it is put further on then.
 */
#include "socket/inet/inet.h"

#include "kernel/time.h"
#include "net/internal.h"
#include "net/net.h"
#include "net/tcp_seg.h"
#include "lwip/timeouts.h"

#define MS 1000000ull
#define SLOT_NS (8 * MS)
#define SLOTS 64u
#define LEAST_NS (8 * MS) /* beside the round trips: two ticks of Linux's clock */
#define ACK_DELAY_NS (200 * MS) /* of a peer that has got one segment only (TLP.max_ack_delay) */

static struct {
	struct list slots[SLOTS]; /* by the number of SLOT_NS since boot */
	uint64_t filled; /* a bit for each that has something, or had */
	uint64_t done; /* the last one that is over */
} wheel; /* net lock */

static void slot_enter(struct inet_socket *s, uint64_t now)
{
	uint64_t slot = (s->probe_due_ns + SLOT_NS - 1) / SLOT_NS;
	if (!wheel.filled) {
		wheel.done = now / SLOT_NS;
	}
	slot = slot <= wheel.done ? wheel.done + 1 : slot >= wheel.done + SLOTS ? wheel.done + SLOTS - 1 : slot;
	struct list *list = &wheel.slots[slot % SLOTS];
	if (!list->next) {
		list_init(list);
	}
	list_push_back(list, &s->probe_link);
	wheel.filled |= 1ull << slot % SLOTS;
	s->probe_slot = slot;
	tcp_timer_needed();
}

static void slot_leave(struct inet_socket *s)
{
	if (s->probe_slot) {
		list_remove(&s->probe_link);
		s->probe_slot = 0;
	}
}

uint64_t tcp_probes_next_ns(void)
{
	if (!wheel.filled) {
		return 0;
	}
	unsigned first = (unsigned)((wheel.done + 1) % SLOTS);
	uint64_t turned = first ? wheel.filled >> first | wheel.filled << (SLOTS - first) : wheel.filled;
	return (wheel.done + 1 + (unsigned)__builtin_ctzll(turned)) * SLOT_NS;
}

/* ---- planning ---- */
static bool may_probe(const struct inet_socket *s)
{
	const struct tcp_pcb *pcb = s->tcp;
	return pcb && pcb->state >= ESTABLISHED && pcb->state != TIME_WAIT && (pcb->flags & TF_SACK) && !(pcb->flags & TF_RTO) && !s->probe_sent;
}

void tcp_probe_plan(struct inet_socket *s, bool lacks)
{
	const struct tcp_pcb *pcb = s->tcp;
	uint64_t round_ns = s->counts.round_us * 1000ull;
	if (!round_ns || !may_probe(s)) { /* nothing is known: a timeout is not further */
		s->probe_due_ns = 0;
		return;
	}
	bool single = pcb->snd_nxt - pcb->lastack <= pcb->mss;
	uint64_t now = time_ns(), due = now + 2 * round_ns + (single && !lacks ? ACK_DELAY_NS : LEAST_NS);
	if (lacks && !s->recovering && s->probe_due_ns && s->probe_due_ns < due) {
		return;
	}
	s->probe_due_ns = due;
	if (s->probe_slot && (s->probe_slot - 1) * SLOT_NS > due) {
		slot_leave(s);
	}
	if (!s->probe_slot) {
		slot_enter(s, now);
	}
}

void tcp_probe_drop(struct inet_socket *s)
{
	slot_leave(s);
	s->probe_due_ns = 0;
	s->probe_sent = false;
}

/* ---- its time has come ---- */
/* What is to go now is first in `unsent`; whatever the congestion window and Nagle say. */
static void output_one(struct tcp_pcb *pcb)
{
	tcpwnd_size_t window = pcb->cwnd;
	bool nodelay = pcb->flags & TF_NODELAY;
	u32_t least = seg_end(pcb->unsent) - pcb->lastack;
	pcb->cwnd = LWIP_MAX(window, least);
	tcp_nagle_disable(pcb);
	tcp_pcb_select(pcb);
	tcp_output(pcb);
	pcb->cwnd = window;
	if (!nodelay) {
		tcp_nagle_enable(pcb);
	}
}

/* Of what was not sent yet. False: there is none, the peer has no room, or there is no memory. */
static bool probe_new(struct tcp_pcb *pcb)
{
	struct tcp_seg *seg = pcb->unsent;
	if (!seg || seg_begin(seg) != pcb->snd_nxt || pcb->snd_nxt - pcb->lastack + LWIP_MIN(seg->len, pcb->mss) > pcb->snd_wnd ||
	    (seg->len > pcb->mss && tcp_split_unsent_seg(pcb, pcb->mss) != ERR_OK)) {
		return false;
	}
	output_one(pcb);
	return true;
}

static void probe(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	s->probe_due_ns = 0;
	if (!may_probe(s) || !pcb->unacked || (!s->recovering && tcp_recovery_overdue(s))) {
		return;
	}
	s->probe_again = s->recovering || !probe_new(pcb);
	if (s->probe_again) {
		if (s->recovering ? !tcp_recovery_again(s) : !tcp_segment_again(pcb)) { /* a driver has it yet */
			return;
		}
		output_one(pcb);
	}
	s->probe_sent = true;
	s->probe_end = pcb->snd_nxt;
	pcb->rtime = pcb->unacked ? 0 : pcb->rtime;
	net_counts.probes++;
}

/* Nobody enters this slot meanwhile: it is the one that is over. */
static void slot_run(struct list *slot, uint64_t now)
{
	for (struct list *node; (node = list_pop_front(slot)) != NULL;) {
		struct inet_socket *s = container_of(node, struct inet_socket, probe_link);
		s->probe_slot = 0;
		if (s->probe_due_ns > now) {
			slot_enter(s, now);
		} else if (s->probe_due_ns) {
			probe(s);
		}
	}
}

void tcp_probes_tick(void)
{
	uint64_t now = time_ns(), last = now / SLOT_NS;
	if (wheel.done + SLOTS < last) {
		wheel.done = last - SLOTS; /* each has its turn, once */
	}
	while (wheel.filled && wheel.done < last) {
		unsigned at = (unsigned)(++wheel.done % SLOTS);
		if (wheel.filled >> at & 1) {
			slot_run(&wheel.slots[at], now);
			wheel.filled &= ~(1ull << at);
		}
	}
}

/* ---- what the peer says ---- */
/*
 * RFC 8985, 7.4: whether what the probe repeated had been lost. `twice`: the peer tells of something that came twice (RFC 2883); `same`: the ACK says nothing
 * new at all. Lost once more than was noticed, the congestion window falls as it does when a loss is noticed.
 */
void tcp_probe_heard(struct inet_socket *s, uint32_t ack, bool twice, bool same)
{
	struct tcp_pcb *pcb = s->tcp;
	if (s->recovering) { /* which has made the window smaller */
		s->probe_sent &= ack == pcb->lastack;
		return;
	}
	if (!s->probe_sent || TCP_SEQ_LT(ack, s->probe_end)) {
		return;
	}
	if (!s->probe_again || twice || same) {
		s->probe_sent = false;
	} else if (TCP_SEQ_GT(ack, s->probe_end)) {
		s->probe_sent = false;
		pcb->ssthresh = LWIP_MAX(LWIP_MIN(pcb->cwnd, pcb->snd_wnd) / 2, 2u * pcb->mss);
		pcb->cwnd = LWIP_MIN(pcb->cwnd, pcb->ssthresh);
		pcb->bytes_acked = 0;
	}
}
