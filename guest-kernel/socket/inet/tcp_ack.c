/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements that are not to be late. lwIP acknowledges a single segment up to 50 ms later, so that the program's answer may carry it (RFC 9293,
 * 3.8.6.3), and a peer that has one more small piece waits for that (Nagle's algorithm, 3.7.4). Linux acknowledges a connection's first segments at once.
 * Here the ACK goes out when the program has read everything and looks for more: it has no answer then, and one that has costs no segment beside it.
 * So it is for as many segments as on Linux, of a connection that begins or has been silent for its timeout, unless TCP_QUICKACK says no.
 *
 * poll() and epoll, which may not take the net lock, leave it to the net thread.
 */
#include "socket/inet/inet.h"

#include "kernel/time.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/priv/tcp_priv.h"

#define QUICK_MOST 16
#define TICK_NS (TCP_SLOW_INTERVAL * 1000000ull)

static struct inet_socket *asked; /* atomic: a stack by `ack_next`, each with a reference */

void tcp_ack_arrived(struct inet_socket *s, uint64_t silent_ns)
{
	if (silent_ns > (uint64_t)s->tcp->rto * TICK_NS) {
		s->quick = QUICK_MOST;
	}
	__atomic_store_n(&s->ack_owed, s->quick && !s->never_quick, __ATOMIC_RELAXED);
}

void tcp_ack_left(struct inet_socket *s)
{
	__atomic_store_n(&s->ack_owed, false, __ATOMIC_RELAXED);
}

static void ack_send(struct inet_socket *s)
{
	if (s->tcp && s->ack_owed && (s->tcp->flags & TF_ACK_DELAY)) {
		s->quick--;
		tcp_pcb_select(s->tcp);
		tcp_ack_now(s->tcp);
		tcp_output(s->tcp);
	}
	tcp_ack_left(s);
}

void tcp_ack_hurry(struct inet_socket *s)
{
	if (__atomic_load_n(&s->ack_owed, __ATOMIC_RELAXED)) {
		net_lock();
		ack_send(s);
		net_unlock();
	}
}

void tcp_ack_ask(struct inet_socket *s)
{
	if (!__atomic_load_n(&s->ack_owed, __ATOMIC_RELAXED) || __atomic_exchange_n(&s->ack_asked, true, __ATOMIC_ACQUIRE)) {
		return;
	}
	socket_get(&s->base);
	struct inet_socket *first = __atomic_load_n(&asked, __ATOMIC_RELAXED);
	do {
		s->ack_next = first;
	} while (!__atomic_compare_exchange_n(&asked, &first, s, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	net_wake();
}

void tcp_acks_asked(void)
{
	struct inet_socket *s = __atomic_exchange_n(&asked, (struct inet_socket *)NULL, __ATOMIC_ACQUIRE), *next;
	for (; s; s = next) {
		next = s->ack_next;
		__atomic_store_n(&s->ack_asked, false, __ATOMIC_RELEASE);
		ack_send(s);
		inet_put(s);
	}
}

void tcp_ack_choose(struct inet_socket *s, bool quick)
{
	s->never_quick = !quick;
	if (quick) {
		s->quick = QUICK_MOST;
		s->ack_owed = s->tcp && s->tcp->state != LISTEN;
		ack_send(s);
	}
}
