/* SPDX-License-Identifier: MIT */
/* What the files of the network stack share among themselves; all under net_lock() but where said. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip4_addr;
struct netif;
struct pbuf;

/* stack.c */
bool net_locked(void); /* by this thread */
void net_wake(void); /* the net thread looks at timers and the loopback; any context */

/* memory.c */
void net_memory_init(void);
/** Until the lock is let go: so many more of lwIP's allocations, a page each at most, come out of the caller's reservation. */
void net_memory_draw(unsigned count);
void net_memory_draw_end(void);

/* loop.c */
void loop_start(void);
bool loop_deliver(void); /* what was sent to this machine itself; false: there is more */
int loop_queue(struct pbuf *p, struct netif *to); /* a copy of it, as if it had come by that interface; lwIP's err_t */
extern struct netif loop_netif;

/* unanswered.c */
bool unanswered_wait(void); /* somebody is to be told, later */
void unanswered_tick(void);

/* tcp_lists.c */
void tcp_lists_init(void);
void net_tcp_input(struct pbuf *p, struct netif *netif); /* for lwIP's IP in place of tcp_input() */
/* The list that is selected, and that one again; is a connection in a list? That list is selected then, and `pcb` not looked into. */
struct tcp_pcb;
unsigned tcp_lists_selected(void);
void tcp_list_select(unsigned which);
bool tcp_lists_have(unsigned which, const struct tcp_pcb *pcb);
unsigned tcp_lists_time_wait(void); /* connections that wait in TIME-WAIT */
bool tcp_lists_wait(void); /* a connection may wait for time to pass */
void tcp_lists_tick(void); /* each TCP_TMR_INTERVAL while that is so */

/* segments.c */
/** The longest segment that tcp_write_long() may make: several of the connection's own where its device cuts them. */
unsigned short tcp_segment_most(const struct tcp_pcb *pcb);
/** tcp_write() with such segments; `most` is of now. */
int tcp_write_long(struct tcp_pcb *pcb, unsigned short most, const void *data, unsigned short bytes, unsigned char flags);

/** Of what was sent, none is longer than one: some of it may be lost. As far as there is memory. */
void tcp_segments_part(struct tcp_pcb *pcb);

/** From now on none is longer; what was sent so, goes out again at once, and the congestion window stays (RFC 1191, 6.4). */
void tcp_segments_shrink(struct tcp_pcb *pcb, unsigned short mss);

/** What was sent last, one segment of the real size, is before what was not sent yet, and goes out with the next tcp_output(). False: it cannot. */
bool tcp_segment_again(struct tcp_pcb *pcb);

bool tcp_netif_cuts(const struct netif *netif); /* its device makes segments of a long one */

/* path_mtu.c */
struct ip_addr;
/** How a datagram's sender wants it, by Linux's numbers (IP_MTU_DISCOVER); of lwIP's own packets PATH_FRAGMENTS. */
enum path_rule { PATH_FRAGMENTS, PATH_WANT, PATH_DO, PATH_PROBE, PATH_INTERFACE, PATH_OMIT };
extern enum path_rule net_path_rule, net_path_rule_tcp; /* of the datagram that is sent now; of the segment */
extern unsigned net_path_changes; /* another number: a way may have another size */
/** The largest packet that goes there in one, as far as is known; bytes with the IP header. */
uint16_t net_path_mtu(const struct netif *netif, const struct ip_addr *to);
/** Only what a router has told, and how long that holds; 0: nothing. `locked`: it wants packets yet smaller, and is left to make fragments. */
uint16_t net_path_known(const struct ip_addr *to, uint64_t *left_ns, bool *locked);
/** A router has told so about a packet that was sent by that interface. False: that is nothing new. */
bool net_path_learn(const struct netif *netif, const struct ip_addr *to, uint32_t mtu);
void net_paths_forget(void); /* the ways are others now */
/** An IPv4 packet is about to leave. True: it has gone, in fragments, with that result. */
bool net_path_leave4(struct netif *netif, struct pbuf *p, const struct ip4_addr *to, int *error); /* err_t */

/* acks.c */
void acks_hold(void); /* a batch of packets follows */
void acks_send(void); /* it has ended: what is not acknowledged yet is */

/* route.c, tables.c */
bool net_is_own4(const void *address); /* an ip4_addr_t: of this machine, all of 127.0.0.0/8 too */
const struct ip4_addr *net_next_hop4(struct netif *netif, const struct ip4_addr *to); /* whom a packet goes to there. NULL: nobody */
unsigned mask_bits(const void *mask); /* an IPv4 mask, as on the wire */
void mask_put(void *to, unsigned bits);
void network_of(const uint8_t *address, unsigned bits, uint8_t *to); /* `to` is zeros before */

/* timers.c */
void timers_wake(void); /* with the lock, before anything else: time has passed while no timer ran */
void timers_look(void); /* something may have begun that waits for time */
void timers_tick(void); /* in the net thread */

/* fragment.c: a packet's first buffer is to leave; of a fragment of lwIP's the number is made one that is not known before */
void fragment_number4(uint8_t *header, uint32_t bytes);
void fragment_number6(uint8_t *header, uint32_t bytes);

/* socket/inet/tcp_info.c, which counts */
void net_tcp_counts(const struct tcp_pcb *pcb, uint32_t bytes); /* a segment has come, with so many bytes of payload */

/* socket/inet/tcp_probe.c: when a connection is to be probed; 0: none is. And then. */
uint64_t tcp_probes_next_ns(void);
void tcp_probes_tick(void);

/* socket/inet/tcp_ack.c, in the net thread: what poll has asked for */
void tcp_acks_asked(void);

/* isn.c */
void isn_init(void);
uint64_t net_hash(const void *data, size_t bytes); /* keyed: nobody outside can guess it */

#endif
