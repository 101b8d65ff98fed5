/* SPDX-License-Identifier: MIT */
/* What lwIP's core asks this kernel for, beside arch/cc.h; types as lwIP has them, where its own headers are not read yet. */
#ifndef NET_LWIP_HOOKS_H
#define NET_LWIP_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

/* net/memory.c */
void *net_memory_alloc(size_t bytes);
void *net_memory_alloc_zeroed(size_t count, size_t bytes);
void net_memory_free(void *memory);
/** Is more than so many quarters of what lwIP may have in use? */
bool net_memory_is_crowded(unsigned quarters);

/** net/checksum.c: the Internet checksum's sum of the data (RFC 1071), folded, not inverted, in the byte order of memory. */
unsigned short net_checksum(const void *data, int bytes);

/** net/isn.c: addresses are ip_addr_t. */
unsigned int net_initial_sequence(const void *local, unsigned short local_port, const void *remote, unsigned short remote_port);
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) net_initial_sequence(local, local_port, remote, remote_port)

/** net/route.c: what goes to an address of this machine itself goes over the loopback interface. NULL: lwIP's own choice. */
struct netif *net_route4(const void *to);
struct netif *net_route6(const void *to);
/** Who passes packets to there on, of those that have a route of their own; the address itself: nobody has to. NULL: lwIP's own choice. */
const void *net_gateway4(struct netif *netif, const void *to);
const void *net_gateway6(struct netif *netif, const void *to);
#define LWIP_HOOK_ETHARP_GET_GW(netif, to) net_gateway4(netif, to)
#define LWIP_HOOK_ND6_GET_GW(netif, to) net_gateway6(netif, to)
#define LWIP_HOOK_IP4_ROUTE_SRC(from, to) net_route4(to)
#define LWIP_HOOK_IP6_ROUTE(from, to) net_route6(to)

/** net/acks.c: a segment has come for a connection, or for a listener. 0 always. */
struct tcp_pcb;
struct pbuf;
int net_tcp_arrives(struct tcp_pcb *pcb, const struct pbuf *p);
/** socket/inet/tcp_recovery.c: the same of an established connection that waits for an answer, or is told something by options; the header in this
 * machine's byte order. */
struct tcp_hdr;
void net_tcp_heard(struct tcp_pcb *pcb, const struct tcp_hdr *header, const unsigned char *options, unsigned option_bytes, unsigned payload_bytes);
/** socket/inet/tcp_events.c: the same of one that is half open; whether the segment cannot be taken. */
bool net_tcp_lacks_socket(struct tcp_pcb *pcb);
/** socket/inet/tcp_events.c: the same of one that has sent its SYN; the header in this machine's byte order. */
void net_tcp_meets(struct tcp_pcb *pcb, const struct tcp_hdr *header);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, option_bytes, first_option_bytes, second_option, p) \
	((pcb)->state >= ESTABLISHED && ((pcb)->unacked || (pcb)->unsent || option_bytes) ? \
		 net_tcp_heard(pcb, header, (const unsigned char *)((header) + 1), first_option_bytes, (p)->tot_len) : \
	 (pcb)->state == SYN_SENT ? net_tcp_meets(pcb, header) : (void)0, \
	 (pcb)->state == SYN_RCVD && net_tcp_lacks_socket(pcb) ? ERR_MEM : net_tcp_arrives(pcb, p))

/** socket/inet/tcp_info.c, which counts: a segment's header is made. */
void net_tcp_leaves(const struct pbuf *p, const struct tcp_hdr *header, const struct tcp_pcb *pcb);
/** net/segments.c: how a long one is to be cut. */
void net_tcp_long(const struct pbuf *p, struct tcp_hdr *header, const struct tcp_pcb *pcb);
struct netif;
struct ip4_addr;
struct ip6_addr;
/** net/path_mtu.c, in the place of lwIP's: what is longer than the MTU is made fragments of, or is one of TCP's long segments. */
unsigned short net_destination_mtu6(const struct ip6_addr *to, struct netif *netif);
unsigned short net_interface_mtu6(const struct ip6_addr *to, struct netif *netif);
void net_nd6_input(struct pbuf *p, struct netif *netif);
int net_ip4_frag(struct pbuf *p, struct netif *netif, const struct ip4_addr *to);
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options) (net_tcp_leaves(p, header, pcb), net_tcp_long(p, header, pcb), options)

#endif
