/* SPDX-License-Identifier: MIT */
/*
 * The longest segment of a connection as its way allows (RFC 1191, RFC 8201). The handshake has agreed on one by the interfaces' MTU; it becomes
 * shorter when a router tells of a smaller MTU, or the interface gets one, and longer again when that is over. That is noticed with the
 * next message, or within half a second by the connection's clock (looked_at() in tcp_events.c).
 */
#include "socket/inet/inet.h"

#include "kernel/time.h"
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "net/internal.h"

#define MSS_LEAST 88u /* as TCP_MAXSEG */

static struct netif *netif_of(const struct tcp_pcb *pcb)
{
	return pcb->netif_idx ? netif_get_by_index(pcb->netif_idx) : ip_route(&pcb->local_ip, &pcb->remote_ip);
}

static uint32_t headers_of(const struct tcp_pcb *pcb)
{
	return (IP_IS_V6_VAL(pcb->remote_ip) ? IP6_HLEN : IP_HLEN) + TCP_HLEN;
}

uint32_t tcp_path_mtu(const struct inet_socket *s)
{
	const struct netif *netif = netif_of(s->tcp);
	return netif ? net_path_mtu(netif, &s->tcp->remote_ip) : 0;
}

/* What it is to be now. */
static uint32_t mss_of(struct inet_socket *s)
{
	const struct tcp_pcb *pcb = s->tcp;
	const struct netif *netif = netif_of(pcb);
	uint64_t left_ns = 0;
	bool locked;
	uint32_t mss = s->mss_agreed, mtu = !netif ? 0 : IP_IS_V6_VAL(pcb->remote_ip) ? netif_mtu6(netif) : netif->mtu;
	if (netif && net_path_known(&pcb->remote_ip, &left_ns, &locked)) {
		mtu = net_path_mtu(netif, &pcb->remote_ip);
	}
	s->path_until_ns = left_ns ? time_ns() + left_ns : 0;
	mss = mtu > headers_of(pcb) && mtu - headers_of(pcb) < mss ? mtu - headers_of(pcb) : mss;
	mss = s->max_segment && (uint32_t)s->max_segment < mss ? (uint32_t)s->max_segment : mss;
	return mss < MSS_LEAST ? LWIP_MIN(MSS_LEAST, s->mss_agreed) : mss;
}

void tcp_path_follow(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	s->path_changes = net_path_changes;
	uint32_t mss = mss_of(s);
	if (mss < pcb->mss) {
		tcp_pcb_select(pcb);
		tcp_segments_shrink(pcb, (u16_t)mss);
	} else {
		pcb->mss = (u16_t)mss;
	}
}

void tcp_path_begin(struct inet_socket *s)
{
	s->mss_agreed = s->tcp->mss;
	s->path_changes = net_path_changes;
	s->tcp->mss = (u16_t)mss_of(s);
}

void tcp_path_look(struct inet_socket *s)
{
	bool over = s->path_until_ns && time_ns() >= s->path_until_ns;
	if (s->mss_agreed && (over || s->path_changes != net_path_changes)) {
		tcp_path_follow(s);
	}
}

/* RFC 5927, 7: of a packet that the connection may have sent, and that is not acknowledged. */
bool tcp_path_sent(const struct inet_socket *s, uint32_t sequence)
{
	const struct tcp_pcb *pcb = s->tcp;
	return pcb && pcb->state != LISTEN && TCP_SEQ_GEQ(sequence, pcb->lastack) && TCP_SEQ_LEQ(sequence, pcb->snd_nxt);
}

/* As on Linux who wants no discovery learns of it, too, but sends nothing again at once. */
void tcp_path_told(struct inet_socket *s, uint32_t mtu)
{
	const struct netif *netif = netif_of(s->tcp);
	bool v6 = IP_IS_V6_VAL(s->tcp->remote_ip);
	int rule = s->mtu_discover[v6];
	bool by_interface = rule == PATH_INTERFACE || rule == PATH_OMIT;
	if (netif && !(v6 && by_interface) && net_path_learn(netif, &s->tcp->remote_ip, mtu) && rule != PATH_FRAGMENTS && !by_interface && s->mss_agreed) {
		tcp_path_follow(s);
	}
}
