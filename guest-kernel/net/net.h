/* SPDX-License-Identifier: MIT */
/*
 * The network stack's inside, for guest-kernel/net and the sockets of AF_INET: everything of lwIP is called with net_lock() held. That
 * is a mutex with short holds, of the line above block locks in docs/locking.md: under it nobody sleeps, waits for memory, or touches a
 * program's memory, and spin locks of sockets and wait queues may be taken. lwIP's callbacks (recv, sent, accept, err, an interface's
 * linkoutput and output) run under it.
 *
 * An interface (front) hands received packets over by netif->input(pbuf, netif) with the lock held, best many at a time, from a thread. A
 * pbuf of its own memory is a PBUF_REF with custom_free_function (pbuf_alloced_custom), which may run on any thread, with the lock or
 * without, never in an interrupt. What it is given to send may have pieces (PBUF_ROM or PBUF_REF) whose payload lies in pages of the I/O
 * zone that TCP may let go of as soon as they are acknowledged: while a device has them, it holds a reference of the pbuf (pbuf_ref)
 * and one of each such page (page_get), and lets go of both from a thread.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Set the stack up: lwIP, the loopback interface, the thread of its timers. Once, before the first interface and the first program. */
void net_start(void);

/* socket/netlink/news.c */
void netlink_init(void);
/** Tell who listens what has changed of links, addresses and routes; `begins`: somebody is about to. No lock is held. */
void netlink_news(bool begins);

void net_lock(void);
/** Before it lets go: packets that were sent to this machine itself are delivered, and the timer is set if lwIP has something to wait for. */
void net_unlock(void);

/** With the lock: an interface has sent or received something, so that what ages in it does so. */
void net_active(void);

/** With the lock: so many bytes of a page from offset on as a pbuf, which holds a reference of the page. NULL: no memory. */
struct page;
struct pbuf;
struct pbuf *net_page_pbuf(struct page *page, unsigned offset, unsigned bytes);

/** With the lock: before a connection with these ends is put on lwIP's lists or taken from them, and when it may have something to wait for. */
struct ip_addr;
struct tcp_pcb_listen;
void net_tcp_select(const struct ip_addr *local, uint16_t local_port, const struct ip_addr *remote, uint16_t remote_port);
/** A segment with an urgent pointer has come; not lwIP's yet, its header as on the wire. For the socket layer. */
struct tcp_hdr;
void net_tcp_urgent(const struct ip_addr *local, const struct ip_addr *remote, const struct tcp_hdr *header);
/** Before a listening control block is closed. */
void net_tcp_listener_ends(const struct tcp_pcb_listen *listener);
/** Connections that had to stop because an interface's queue was full, or memory short, go on: tcp_txnow() for all. */
void net_tcp_send_again(void);

/** With the lock: what was sent to a group goes to this machine's members of it as well. The packet is as lwIP left it, headers included. */
struct netif;
void net_loop_multicast(struct pbuf *p, struct netif *netif);

/** With the lock: does this interface know whom to give what goes there? */
bool net_is_reachable(struct netif *netif, const struct ip_addr *to);

/** With the lock: an interface by name (interface_name() in net/interface.h). NULL. */
struct netif *net_find(const char *name);

/** Without the lock: ioctl(2) on interfaces and routes, on a socket of any family (ioctl.c). */
bool net_ioctl_known(unsigned request);
long net_ioctl(unsigned request, uint64_t argument);
/** Likewise of adapters (ethtool.c). */
bool net_ethtool_known(unsigned request);
long net_ethtool(unsigned request, uint64_t argument);

/* What /proc/net/netstat tells; all with the net lock. */
struct net_counts {
	uint64_t sent_again, timeouts; /* segments; those whose time was over */
	uint64_t probes; /* of the tails of connections (socket/inet/tcp_probe.c) */
	uint64_t listen_overflows; /* SYNs that were forgotten because a backlog was full */
	uint64_t sent_copied, sent_referenced; /* payload bytes given to TCP: copied from programs; pages of files, as they are */
};
extern struct net_counts net_counts;

/** Bytes that lwIP has (not payload pages), and the most that it may have. */
void net_memory_usage(size_t *used, size_t *most);

#endif
