/* SPDX-License-Identifier: MIT */
/* ioctl(2) on a connection (tcp(7)): is the urgent byte next, and how much has not been sent once. */
#include "socket/inet/inet.h"

#include "kernel/user.h"
#include "net/net.h"
#include "lwip/tcp.h"

#define SIOCATMARK 0x8905u
#define SIOCOUTQNSD 0x894bu

/* Bytes, or -EINVAL of one that listens. */
static int unsent(struct inet_socket *s)
{
	net_lock();
	const struct tcp_pcb *pcb = s->tcp;
	bool begun = pcb && pcb->state != LISTEN && pcb->state != SYN_SENT && pcb->state != SYN_RCVD;
	int bytes = pcb && pcb->state == LISTEN ? -EINVAL : begun ? (int)(pcb->snd_lbb - pcb->snd_nxt) : 0;
	net_unlock();
	return bytes;
}

long tcp_socket_ioctl(struct socket *base, unsigned request, uint64_t argument)
{
	struct inet_socket *s = inet_of(base);
	int value;
	switch (request) {
	case SIOCATMARK:
		value = urgent_reached(s);
		break;
	case SIOCOUTQNSD:
		value = unsent(s);
		break;
	default:
		return -ENOTTY;
	}
	return value < 0 ? value : user_write(argument, &value, sizeof(value));
}
