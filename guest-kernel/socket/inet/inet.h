/* SPDX-License-Identifier: MIT */
/*
 * Sockets of AF_INET and AF_INET6 over lwIP (net/net.h). A TCP socket outlives its file while its connection does: it is referenced by
 * its file or the queue that it waits in, and by lwIP's control block, which says when it ends (ended() in tcp_events.c). Payload to be
 * sent is copied once, into pages that TCP refers to until they are acknowledged; what arrived stays in lwIP's buffers until it is read.
 * Letters: n net lock, l lock, r `reading`, w `writing`, a atomic, c constant after creation. Both n and l to change what is marked nl.
 */
#ifndef SOCKET_INET_INET_H
#define SOCKET_INET_INET_H

#include "socket/socket.h"

#include "lwip/ip_addr.h"

enum { IPPROTO_IP = 0, IPPROTO_ICMP = 1, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41, IPPROTO_ICMPV6 = 58, IPPROTO_RAW = 255 };

#define PORT_EPHEMERAL_FIRST 32768u
#define PORT_EPHEMERAL_LAST 60999u
#define TCP_KEEP_IDLE_DEFAULT 7200 /* s; net.ipv4.tcp_keepalive_time, the next two likewise */
#define TCP_KEEP_INTERVAL_DEFAULT 75
#define TCP_KEEP_COUNT_DEFAULT 9
#define TCP_SYN_COUNT_DEFAULT 6
#define TCP_BACKLOG_MAX 4096u /* net.core.somaxconn */
#define TCP_RECEIVE_DEFAULT 131072u /* what SO_RCVBUF and SO_SNDBUF tell of a TCP socket; unless set, more is used */
#define TCP_SEND_DEFAULT 16384u
#define TCP_WINDOW_FIRST (1u << 18) /* it grows while the program reads */
#define TCP_WINDOW_USUAL (1u << 21)
#define TCP_SEND_USUAL (1u << 18)
#define TCP_SEND_LEAST (1u << 14) /* that is left to each while all have much on their way */

struct tcp_pcb;
struct udp_pcb;
struct raw_pcb;
struct pbuf;
struct netif;

struct endpoint { /* a struct sockaddr_in or _in6 */
	ip_addr_t address;
	uint16_t port;
	uint32_t interface; /* AF_INET6: scope; 0: none */
};

/* Payload on its way, in the order in which it was given to TCP. */
struct sent_piece {
	struct page *page; /* referenced */
	uint32_t bytes; /* not acknowledged yet */
};

#define TCP_AGAIN 8u

struct tcp_again { /* a segment that was sent again: what had been sent by then */
	uint32_t begin, behind;
	bool known;
};

struct tcp_counts { /* tcp_info.c; n */
	uint64_t bytes_sent, bytes_again, bytes_acknowledged;
	uint32_t segments_out, segments_in, data_out, data_in, again;
	uint32_t round_us, varies_us, least_us; /* a round trip; 0: not known yet */
	uint32_t round_end; /* the sequence number whose acknowledgement ends the one that is measured */
	uint64_t round_begin_ns; /* 0: none is */
	uint64_t sent_ns, received_ns; /* payload, the last time */
};

#define CONGESTION "reno"

struct tcp_info { /* as of Linux 6.1 */
	uint8_t state, ca_state, retransmits, probes, backoff, options, scales, flags;
	uint32_t rto, ato, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space, total_retrans;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};
_Static_assert(sizeof(struct tcp_info) == 232, "struct tcp_info");

struct membership {
	struct membership *next;
	ip_addr_t group;
	uint32_t interface;
};

enum inet_kind { INET_TCP, INET_UDP, INET_PING, INET_RAW, INET_KINDS };

struct inet_socket {
	struct socket base;
	enum inet_kind kind; /* c */
	bool v6, v6_only; /* n; IPV6_ADDRFORM ends it */
	uint8_t reuse_address, reuse_port; /* n */
	bool port_later; /* n: IP_BIND_ADDRESS_NO_PORT */
	bool bound, address_bound; /* nl: has a port; and an address that was asked for */
	uint32_t uid; /* c: for SO_REUSEPORT */
	uint32_t interface; /* n: SO_BINDTODEVICE; 0: any */
	struct endpoint local, remote; /* nl */
	struct list port_link; /* n: port.c */
	uint16_t port_listed; /* n */
	int tos, ttl; /* n; -1: usual */
	int multicast_ttl; /* n */
	uint32_t multicast_interface, unicast_interface; /* n; 0: as routes lead */
	bool multicast_loop; /* n */
	bool want_info, want_tos, want_ttl, want_hops, want_errors; /* n: IP_PKTINFO, IP_RECVTOS, IP_RECVTTL, IPV6_2292HOPLIMIT, IP_RECVERR */
	int mtu_discover[2]; /* n: of IPv4 and IPv6 (enum path_rule): IP_MTU_DISCOVER */
	bool whole6; /* n: IPV6_DONTFRAG */
	struct membership *memberships; /* n */
	union {
		struct tcp_pcb *tcp; /* n; NULL: none, or it has ended */
		struct udp_pcb *udp; /* n; NULL: closed */
		struct raw_pcb *raw; /* n; likewise */
		struct ip_pcb *ip; /* what these begin with */
	};

	/* TCP. */
	bool connected_once; /* nl */
	bool peer_ended; /* nl: it has said that it sends no more */
	bool nodelay, cork, keepalive_set; /* n; UDP_CORK with `writing` */
	int keep_idle, keep_interval, keep_count, user_timeout_ms, max_segment, defer_accept, syn_count, linger2; /* n */
	struct inet_socket *listener; /* n: of one that is in its queue, or only half open; referenced */
	bool deferred; /* n: to be accepted when data comes (TCP_DEFER_ACCEPT); refers to `listener`, and counts there as half open */
	uint64_t deferred_until_ns; /* n */
	struct list waiting, waiting_link; /* nl: of the listening socket: connections to be accepted */
	uint32_t waiting_count, half_open_count, backlog; /* nl */
	struct pbuf *head, *tail; /* l: what has arrived */
	uint32_t head_at; /* r: of the first one, taken already */
	uint32_t queued; /* l: bytes to be read */
	uint32_t taken; /* r: read, and TCP does not know */
	uint64_t arrived; /* l; changed with the net lock: bytes that were ever queued */
	uint32_t next_sequence; /* n: of the byte to be queued next */
	enum urgent { URGENT_NONE, URGENT_TOLD, URGENT_HERE, URGENT_TAKEN } urgent; /* l: urgent.c */
	uint64_t urgent_at; /* l: which of the bytes that arrive is the urgent one */
	uint8_t urgent_byte; /* l */
	uint32_t window, excess; /* n: the most that may be on its way to be read; how much of it is to go away */
	struct mutex writing;
	struct page *fill; /* a: page that is not full, `index` used; NULL: none, or a writer has it */
	struct sent_piece *sent_ring; /* n; changed with `writing` too */
	uint32_t sent_size, sent_head, sent_count; /* n */
	uint32_t sent; /* n; read without: bytes not acknowledged */
	uint64_t progress_ns; /* n: the last acknowledgement, for TCP_USER_TIMEOUT */
	struct tcp_counts counts;
	unsigned quick; /* n: tcp_ack.c: segments that are still to be acknowledged soon */
	bool never_quick; /* n */
	bool ack_owed; /* n; read without: what has come is not acknowledged, and is to be soon */
	bool ack_asked; /* a: it is among those of which poll has asked for it */
	struct inet_socket *ack_next; /* a */
	bool recovering; /* n: tcp_recovery.c */
	uint32_t recover, recovery_window; /* n: a recovery ends with that; what may be on its way then */
	struct tcp_again again[TCP_AGAIN]; /* n */
	unsigned again_next; /* n */
	uint16_t mss_agreed; /* n: tcp_path.c: by the handshake; 0: not yet */
	unsigned path_changes; /* n: what is known of the way is of then */
	uint64_t path_until_ns; /* n: a router's word, by which it is shorter; 0: there is none */
	bool late_known; /* n: what was sent before `late` was not overtaken, but lost */
	uint32_t late; /* n */
	struct list probe_link; /* n: tcp_probe.c */
	uint64_t probe_slot, probe_due_ns; /* n: 0: none is planned */
	bool probe_sent, probe_again; /* n: it is on its way; it was sent before */
	uint32_t probe_end; /* n: what was sent until then */

	/* Whole messages: datagram.h. */
	struct list datagrams, errors; /* l */
	uint32_t datagram_charge; /* l */
	uint32_t dropped; /* l */
	bool headers; /* n: IP_HDRINCL */
	struct corked *corked; /* `writing`; is there one: also without. cork.c */
	uint32_t corked_bytes; /* `writing`; read without: of memory that it has */
	int checksum_at; /* n: IPV6_CHECKSUM; -1: the kernel adds none */
	uint32_t icmp_filter[8]; /* n: types that are not heard */
};

static inline struct inet_socket *inet_of(struct socket *s)
{
	return container_of(s, struct inet_socket, base);
}

/* inet.c */
extern const struct socket_ops tcp_ops, datagram_ops;
struct inet_socket *inet_alloc(bool v6, enum inet_kind kind, int protocol, bool optional); /* `optional`: not from the reservation */
void inet_free(struct socket *s);
void inet_put(struct inet_socket *s); /* as socket_put(); NULL: nothing */
int inet_bind(struct socket *s, const struct address *address);
int inet_address(struct socket *s, bool peer, struct address *out);
void inet_fail(struct inet_socket *s, int error); /* net lock: an error to be told, and everybody woken */
int error_of(int lwip_error); /* err_t */

/* address.c */
int endpoint_read(const struct inet_socket *s, const struct address *a, struct endpoint *out);
void endpoint_tell(const struct inet_socket *s, const struct endpoint *e, struct address *out);
/** Net lock. Is it an address of this machine, as bind() wants it; multicast and broadcast ones are for datagrams. */
bool address_is_own(const ip_addr_t *address, bool datagrams);
/** Net lock. All of the network there; of the loopback's, lwIP does not know that it has one. */
bool address_is_broadcast(const ip_addr_t *a, struct netif *netif);
/** Of IPv6 one that each link has, and no link is named: connect() does not guess (EINVAL). */
bool address_needs_link(const struct inet_socket *s, const struct endpoint *to);
/** Net lock. Which interface leads there, and with what address of this machine. 0, -ENETUNREACH, -EADDRNOTAVAIL. */
int route_find(const struct inet_socket *s, struct endpoint *to, struct netif **netif, ip_addr_t *from);
bool address_is_any(const ip_addr_t *a);
void address_set_any(ip_addr_t *a, const struct inet_socket *s); /* of the socket's family, or of both */

/* port.c; net lock */
/** Give the socket this port, 0: one of the ephemeral ones. -EADDRINUSE, -EAGAIN. */
int port_take(struct inet_socket *s, uint16_t port);
int port_take_for(struct inet_socket *s, const struct endpoint *remote); /* to connect from, where it has none */
void port_join(struct inet_socket *s, uint16_t port); /* a connection of a listening socket's */
void port_leave(struct inet_socket *s);
bool port_may_listen(struct inet_socket *s);
/** Of the sockets that share a port by SO_REUSEPORT and would get this, the one that is to have it; `usual` if there are no others. */
struct inet_socket *port_choose(struct inet_socket *usual, const ip_addr_t *from, uint16_t from_port);
/** Who sent this, from there to there: connected, or not, then best one that hears errors (want_errors). NULL: nobody. */
struct inet_socket *port_find(enum inet_kind kind, const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port);
/** For /proc and others: each socket with a port, under the net lock. A raw socket's is its protocol. */
void port_each(enum inet_kind kind, void (*visit)(void *context, struct inet_socket *s), void *context);
void port_each_at(enum inet_kind kind, uint16_t port, void (*visit)(void *context, struct inet_socket *s), void *context);

/* errors.c; net lock */
void errors_listen(void);

/* tcp.c */
int tcp_socket_connect(struct socket *s, const struct address *to, bool wait);
int tcp_socket_listen(struct socket *s, unsigned backlog);
int tcp_socket_accept(struct socket *s, bool wait, struct socket **out);
int tcp_socket_shutdown(struct socket *s, unsigned closed);
void tcp_socket_close(struct socket *s);
unsigned tcp_socket_poll(struct socket *s, struct poll_table *table);
int tcp_socket_queued(struct socket *s, bool out, int *bytes);
uint64_t tcp_socket_held(struct socket *s);
bool tcp_socket_lasts(const struct inet_socket *s); /* net lock: its connection is there, and has not said all that both ends have to say */
void tcp_options_apply(struct inet_socket *s); /* net lock: to lwIP's control block */
uint32_t tcp_window_first(const struct inet_socket *s);
uint32_t tcp_window_usual(const struct inet_socket *s); /* at most */
uint32_t tcp_send_room(const struct inet_socket *s);

/* tcp_events.c; net lock */
struct tcp_pcb *tcp_pcb_create(struct inet_socket *s); /* refers to the socket; NULL: no memory */
int tcp_pcb_listen(struct inet_socket *s);
void tcp_pcb_select(const struct tcp_pcb *pcb); /* before it leaves lwIP's lists, or has more to wait for */
void tcp_pcb_drop(struct inet_socket *s); /* it ends now, the peer is told so */

struct inet_socket *tcp_pcb_socket(const struct tcp_pcb *pcb); /* the connection's; NULL: it is half open, or listens */

/* tcp_info.c; net lock */
void tcp_info_read(const struct inet_socket *s, struct tcp_info *info);
/* Linux's numbers of states. */
enum {
	STATE_ESTABLISHED = 1, STATE_SYN_SENT, STATE_SYN_RECEIVED, STATE_FIN_WAIT_1, STATE_FIN_WAIT_2, STATE_TIME_WAIT, STATE_CLOSE, STATE_CLOSE_WAIT,
	STATE_LAST_ACK, STATE_LISTEN, STATE_CLOSING,
};
uint8_t inet_state_number(const struct inet_socket *s); /* of any kind */
void tcp_count_acknowledged(struct inet_socket *s, uint32_t bytes);
void tcp_count_heard(struct inet_socket *s, uint32_t begin, uint32_t end); /* the peer has that, and lacks something before */
void tcp_count_round(struct inet_socket *s, uint64_t ns); /* a segment that was sent once took so long to be acknowledged */
/* tcp_recovery.c: lwIP has taken a new ACK. */
void tcp_recovery_acknowledged(struct inet_socket *s);
/** Nothing that the peer lacks can still come: it is sent again. False: the peer has told of nothing that it lacks. */
bool tcp_recovery_overdue(struct inet_socket *s);
/** In a recovery: the first segment that the peer lacks goes out with the next tcp_output(). False: it cannot. */
bool tcp_recovery_again(struct inet_socket *s);

/* tcp_ack.c; net lock but for what says otherwise */
void tcp_ack_arrived(struct inet_socket *s, uint64_t silent_ns); /* payload; so long after what came before */
void tcp_ack_left(struct inet_socket *s); /* a segment, which acknowledges everything */
void tcp_ack_hurry(struct inet_socket *s); /* without: the program looks for more than has come */
void tcp_ack_ask(struct inet_socket *s); /* any context: the same */
void tcp_ack_choose(struct inet_socket *s, bool quick); /* TCP_QUICKACK */

/* tcp_probe.c; net lock */
void tcp_probe_plan(struct inet_socket *s, bool lacks); /* new segments have gone, or an ACK has come; `lacks`: by which the peer tells of a gap */
void tcp_probe_drop(struct inet_socket *s); /* none is planned any more */
void tcp_probe_heard(struct inet_socket *s, uint32_t ack, bool twice, bool same); /* an ACK has come */

/* tcp_path.c; net lock */
void tcp_path_begin(struct inet_socket *s); /* the connection is made */
void tcp_path_follow(struct inet_socket *s); /* its longest segment is to be another */
void tcp_path_look(struct inet_socket *s); /* that may be */
bool tcp_path_sent(const struct inet_socket *s, uint32_t sequence); /* has it sent such a segment, without an answer? */
void tcp_path_told(struct inet_socket *s, uint32_t mtu); /* a router says so, about such a segment */
uint32_t tcp_path_mtu(const struct inet_socket *s); /* 0: there is no way */

/* tcp_send.c */
long tcp_socket_send(struct socket *s, struct outgoing *o);
long tcp_socket_send_pages(struct socket *s, const struct page_part *parts, unsigned count, unsigned flags);
void tcp_acknowledged(struct inet_socket *s, uint32_t bytes); /* net lock */
void tcp_sent_drop(struct inet_socket *s); /* net lock: nothing is on its way any more */
bool tcp_sending_is_crowded(void); /* all connections together have as much on their way as they may */
void tcp_push(struct inet_socket *s); /* net lock: what was held back by TCP_CORK */

/* urgent.c */
void urgent_send(struct inet_socket *s); /* net lock: what was given to TCP last ends with an urgent byte; before it goes out */
void urgent_arrived(struct inet_socket *s, struct pbuf *p); /* net lock: it is about to be queued */
/** With `reading`: so many of `bytes` from *skip on (0 unless `peek`) may be read at once; one that is urgent is left out. */
uint64_t urgent_cut(struct inet_socket *s, bool peek, uint64_t *skip, uint64_t bytes);
bool urgent_reached(struct inet_socket *s); /* what is read next is behind the urgent byte, or it itself (SIOCATMARK) */
long urgent_receive(struct inet_socket *s, struct incoming *i); /* MSG_OOB */

/* tcp_ioctl.c */
long tcp_socket_ioctl(struct socket *s, unsigned request, uint64_t argument);

/* tcp_receive.c */
void tcp_head_drop(struct inet_socket *s); /* with `reading`: a byte that nobody reads */
long tcp_socket_receive(struct socket *s, struct incoming *i);
bool tcp_arrived(struct inet_socket *s, struct pbuf *p); /* net lock; false: there is no memory for it */
void tcp_arrived_drop(struct inet_socket *s);
bool tcp_readable(struct inet_socket *s);

/* udp.c */
int udp_socket_open(struct inet_socket *s);
int udp_socket_bound(struct inet_socket *s); /* net lock: it has a local address and port, and lwIP is to know */
int inet_control(struct socket *s, struct outgoing *o, int level, int type, const char *data, uint64_t bytes); /* datagram_send.c */

/* raw.c */
extern uint32_t ping_groups[2]; /* a: who may have sockets of ICMP's echoes, first and last group */
int raw_socket_open(struct inet_socket *s);
int raw_socket_bound(struct inet_socket *s); /* net lock */
int raw_set_option(struct inet_socket *s, int level, int option, uint64_t user, int length);
int raw_get_option(struct inet_socket *s, int level, int option, uint64_t user, uint64_t user_length);
int raw_set_checksum(struct inet_socket *s, int level, int at);
int raw_socket_rebind(struct inet_socket *s, const struct endpoint *e); /* net lock */

/* membership.c; options as programs give them, 0 or Linux's error */
int membership4(struct inet_socket *s, bool add, uint64_t user, int length); /* struct ip_mreq or ip_mreqn */
int membership6(struct inet_socket *s, bool add, uint64_t user, int length); /* struct ipv6_mreq */
int membership_by_name(struct inet_socket *s, bool v6, bool add, uint64_t user, int length); /* struct group_req */
int multicast_interface(struct inet_socket *s, uint64_t user, int length);
int unicast_interface(struct inet_socket *s, uint64_t user, int length); /* its index, as on the wire */
void memberships_leave(struct inet_socket *s); /* net lock */

/* cork.c: at the level IPPROTO_UDP */
int cork_set_option(struct inet_socket *s, int option, uint64_t user, int length);
int cork_get_option(const struct inet_socket *s, int option, uint64_t user, uint64_t user_length);

/* options.c */
int inet_set_option(struct socket *s, int level, int option, uint64_t user, int length);
int inet_get_option(struct socket *s, int level, int option, uint64_t user, uint64_t user_length);
void inet_changed(struct socket *s, int option);
int tcp_set_option(struct inet_socket *s, int option, uint64_t user, int length);
int tcp_get_option(struct inet_socket *s, int option, uint64_t user, uint64_t user_length);

#endif
