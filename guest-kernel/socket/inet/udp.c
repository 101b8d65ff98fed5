/* SPDX-License-Identifier: MIT */
/* UDP's own of datagram sockets (udp(7)): lwIP's block, its port, and the giving and taking of packets. The rest is in datagram*.c. */
#include "socket/inet/datagram.h"

#include "net/net.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/udp.h"

static void arrived(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	struct inet_socket *s = arg;
	bool many = ip_addr_ismulticast(ip_current_dest_addr());
	datagram_arrived(many || s->remote.port ? s : port_choose(s, from, port), p, from, port);
}

int udp_socket_open(struct inet_socket *s)
{
	net_lock();
	errors_listen();
	s->udp = udp_new_ip_type(s->v6 ? (s->v6_only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY) : IPADDR_TYPE_V4);
	if (s->udp) {
		udp_recv(s->udp, arrived, s);
		ip_set_option(s->udp, SOF_REUSEADDR); /* who may share a port is judged in port.c */
		udp_set_flags(s->udp, UDP_FLAGS_MULTICAST_LOOP);
	}
	net_unlock();
	return s->udp ? 0 : -ENOBUFS;
}

int udp_socket_bound(struct inet_socket *s)
{
	if (s->interface) {
		s->udp->netif_idx = (u8_t)s->interface;
	}
	err_t error = udp_bind(s->udp, &s->local.address, s->local.port);
	if (error != ERR_OK) {
		port_leave(s);
		s->bound = s->address_bound = false;
		s->local.port = 0;
		address_set_any(&s->local.address, s);
	}
	return error_of(error);
}

int udp_bind_automatic(struct inet_socket *s)
{
	if (s->port_listed) {
		return 0;
	}
	int error = port_take(s, 0);
	if (!error) {
		s->local.port = s->port_listed;
		error = udp_socket_bound(s);
	}
	return error == -EADDRINUSE ? -EAGAIN : error;
}

/* lwIP's block takes what one message says of itself for the time of its sending. */
err_t udp_hand_over(struct inet_socket *s, const struct outgoing *o, struct pbuf *p, const struct endpoint *to, struct netif *netif,
		    const ip_addr_t *from)
{
	u8_t tos = s->udp->tos, ttl = s->udp->ttl, multicast_ttl = s->udp->mcast_ttl;
	s->udp->tos = o->tos >= 0 ? (u8_t)o->tos : tos;
	if (o->ttl >= 0) {
		s->udp->ttl = s->udp->mcast_ttl = (u8_t)o->ttl;
	}
	if (socket_option(&s->base, SO_BROADCAST)) {
		ip_set_option(s->udp, SOF_BROADCAST);
	} else {
		ip_reset_option(s->udp, SOF_BROADCAST);
	}
	err_t error = udp_sendto_if_src(s->udp, p, &to->address, to->port, netif, from);
	s->udp->tos = tos;
	s->udp->ttl = ttl;
	s->udp->mcast_ttl = multicast_ttl;
	return error;
}
