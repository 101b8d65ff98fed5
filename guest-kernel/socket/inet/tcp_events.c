/* SPDX-License-Identifier: MIT */
/*
 * What lwIP tells of connections, all under the net lock. Each control block has an extra argument, the socket, of which it holds a
 * reference; before a connection is accepted that is the listening socket. When the block is freed, for whatever reason, ended() hears it.
 */
#include "socket/inet/inet.h"

#include "kernel/time.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"

#define POLL_TICKS 5 /* slow ticks of TCP between two looks at TCP_USER_TIMEOUT and TCP_DEFER_ACCEPT */
#define ARGUMENT 0
#define ARGUMENT_BEGAN 1 /* of a connection that is half open: when its first answer went, ns */
#define RTO_FIRST (1000 / TCP_SLOW_INTERVAL) /* RFC 6298; lwIP's own is three times that */
#define SYN_DOUBLINGS 6

static void ended(u8_t id, void *data);
static void failed(void *arg, err_t reason);
static err_t opened(u8_t id, struct tcp_pcb_listen *listening, struct tcp_pcb *pcb);
static const struct tcp_ext_arg_callbacks connection_callbacks = { .destroy = ended };
static const struct tcp_ext_arg_callbacks listening_callbacks = { .destroy = ended, .passive_open = opened };
static void half_open_ended(u8_t id, void *data);
static const struct tcp_ext_arg_callbacks half_open_callbacks = { .destroy = half_open_ended };

static void ended(u8_t id, void *data)
{
	struct inet_socket *s = data;
	s->tcp = NULL;
	tcp_probe_drop(s);
	tcp_sent_drop(s);
	if (s->deferred) { /* the reference that the queue would have had */
		s->deferred = false;
		s->listener->half_open_count--;
		inet_put(s->listener);
		tcp_arrived_drop(s);
		inet_put(s);
	}
	if (!s->bound || !s->base.file) {
		port_leave(s);
	}
	spin_lock(&s->base.lock);
	if (s->base.state == SOCKET_CONNECTING) {
		s->base.state = SOCKET_FREE;
	}
	s->base.closed = CLOSED_RECEIVE | CLOSED_SEND;
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.in);
	waitq_wake_all(&s->base.out);
	inet_put(s);
}

static void queue_for_accept(struct inet_socket *s, struct inet_socket *listener)
{
	spin_lock(&listener->base.lock);
	list_push_back(&listener->waiting, &s->waiting_link);
	listener->waiting_count++;
	spin_unlock(&listener->base.lock);
	waitq_wake_all(&listener->base.in);
}

/* It is deferred no more. False: nobody is there to accept it. */
static bool deferred_end(struct inet_socket *s)
{
	struct inet_socket *listener = s->listener;
	bool listens = listener->base.state == SOCKET_LISTENING;
	s->deferred = false;
	s->listener = NULL;
	tcp_err(s->tcp, failed);
	listener->half_open_count--;
	if (listens) {
		queue_for_accept(s, listener);
	}
	inet_put(listener);
	return listens;
}

static void half_open_ended(u8_t id, void *data)
{
	struct inet_socket *s = data;
	s->half_open_count--;
	inet_put(s);
}

/* Who listened has gone: nobody will accept it. */
static void refuse(struct inet_socket *s, struct tcp_pcb *pcb)
{
	tcp_err(pcb, NULL);
	tcp_abort(pcb);
	inet_put(s);
}

/* ERR_RST: refused or reset; ERR_ABRT: given up after many tries; ERR_CLSD: both have said that they send no more. */
static void failed(void *arg, err_t reason)
{
	struct inet_socket *s = arg;
	if (reason == ERR_CLSD) {
		return;
	}
	int error = reason == ERR_RST ? (s->base.state == SOCKET_CONNECTING ? ECONNREFUSED : ECONNRESET) : ETIMEDOUT;
	if (reason == ERR_RST && s->peer_ended && !(s->base.closed & CLOSED_SEND)) {
		error = EPIPE;
	}
	inet_fail(s, error);
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct inet_socket *s = arg;
	if (s->deferred && !deferred_end(s)) {
		if (p) {
			pbuf_free(p);
		}
		refuse(s, pcb);
		return ERR_ABRT;
	}
	if (!p) {
		spin_lock(&s->base.lock);
		s->base.closed |= CLOSED_RECEIVE;
		s->peer_ended = true;
		spin_unlock(&s->base.lock);
		waitq_wake_all(&s->base.in);
		return ERR_OK;
	}
	return tcp_arrived(s, p) ? ERR_OK : ERR_MEM;
}

static err_t acknowledged(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
	tcp_acknowledged(arg, bytes);
	return ERR_OK;
}

struct inet_socket *tcp_pcb_socket(const struct tcp_pcb *pcb)
{
	const struct tcp_pcb_ext_args *argument = &pcb->ext_args[ARGUMENT];
	return argument->callbacks == &connection_callbacks ? argument->data : NULL;
}

static void window_start(struct inet_socket *s)
{
	uint32_t most = TCP_WND_MAX(s->tcp), window = tcp_window_first(s); /* a peer may know of no scaled windows */
	s->window = window < most ? window : most;
	s->next_sequence = s->tcp->rcv_nxt;
	s->tcp->rcv_wnd = s->tcp->rcv_ann_wnd = s->window;
	tcp_path_begin(s);
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct inet_socket *s = arg;
	window_start(s);
	tcp_count_acknowledged(s, 0);
	pcb->rttest = 0;
	spin_lock(&s->base.lock);
	s->base.state = SOCKET_CONNECTED;
	s->connected_once = true;
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.out);
	waitq_wake_all(&s->base.in);
	return ERR_OK;
}

static err_t looked_at(void *arg, struct tcp_pcb *pcb)
{
	struct inet_socket *s = arg;
	if (pcb->state == SYN_SENT) { /* lwIP asks at the same intervals again and again */
		pcb->rto = (s16_t)(RTO_FIRST << (pcb->nrtx < SYN_DOUBLINGS ? pcb->nrtx : SYN_DOUBLINGS));
		if (pcb->nrtx > s->syn_count) {
			tcp_abort(pcb);
			return ERR_ABRT;
		}
	}
	if (s->deferred && time_ns() > s->deferred_until_ns && !deferred_end(s)) {
		refuse(s, pcb);
		return ERR_ABRT;
	}
	tcp_path_look(s);
	uint64_t late = s->user_timeout_ms > 0 && s->sent ? (uint64_t)s->user_timeout_ms * 1000000 : 0;
	if (late && time_ns() - s->progress_ns > late) {
		tcp_abort(pcb); /* failed() is told */
		return ERR_ABRT;
	}
	return ERR_OK;
}

static void callbacks_set(struct inet_socket *s, struct tcp_pcb *pcb)
{
	s->tcp = pcb;
	socket_get(&s->base);
	tcp_arg(pcb, s);
	tcp_recv(pcb, received);
	tcp_sent(pcb, acknowledged);
	tcp_err(pcb, failed);
	tcp_poll(pcb, looked_at, POLL_TICKS);
	tcp_ext_arg_set_callbacks(pcb, ARGUMENT, &connection_callbacks);
	tcp_ext_arg_set(pcb, ARGUMENT, s);
	pcb->rto = pcb->sv = RTO_FIRST;
	tcp_options_apply(s);
}

struct tcp_pcb *tcp_pcb_create(struct inet_socket *s)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(s->v6 ? IPADDR_TYPE_ANY : IPADDR_TYPE_V4);
	if (pcb) {
		errors_listen();
		callbacks_set(s, pcb);
		pcb->connected = connected;
	}
	return pcb;
}

void tcp_pcb_select(const struct tcp_pcb *pcb)
{
	net_tcp_select(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
}

void tcp_pcb_drop(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	if (!pcb) {
		return;
	}
	if (pcb->state == LISTEN) {
		net_tcp_listener_ends((const struct tcp_pcb_listen *)pcb);
		tcp_close(pcb);
		return;
	}
	tcp_err(pcb, NULL);
	tcp_pcb_select(pcb);
	if (pcb->state == CLOSED) {
		tcp_close(pcb);
	} else {
		tcp_abort(pcb);
	}
}

/*
 * The peer's SYN has met this end's own (RFC 9293, 3.5): the connection's ends are the same socket, or both began at once. lwIP knows no such thing: it is
 * told that the connection is half open as one that was asked for by the peer, whose SYN has come twice. So it sends its own again, with an
 * acknowledgement, and "accepts" the connection by the peer's. The window is as it was told with the first SYN.
 */
static err_t met(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct inet_socket *s = arg;
	pcb->listener = NULL;
	pcb->mss = tcp_eff_send_mss(pcb->mss, &pcb->local_ip, &pcb->remote_ip);
	s->counts.round_begin_ns = 0; /* what it would measure is not acknowledged yet, as lwIP counts */
	return connected(arg, pcb, error);
}

void net_tcp_meets(struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
	static struct tcp_pcb_listen meeting = { .accept = met };
	if ((TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN || !pcb->unacked) {
		return;
	}
	pcb->state = SYN_RCVD;
	pcb->listener = &meeting;
	pcb->rcv_nxt = header->seqno + 1;
	pcb->rcv_ann_right_edge = pcb->rcv_nxt;
	pcb->snd_wnd = pcb->snd_wnd_max = header->wnd;
	pcb->snd_wl1 = header->seqno - 1; /* the next segment tells the window */
	TCPH_SET_FLAG(pcb->unacked->tcphdr, TCP_ACK);
}

/*
 * Before a segment by which a handshake may be completed: there is memory for the connection's socket, or the segment is as lost as any other, and the
 * peer sends it again. Once lwIP has taken it there is only a reset.
 */
static struct inet_socket *spares[2]; /* net lock: of IPv4 and IPv6 */

bool net_tcp_lacks_socket(struct tcp_pcb *pcb)
{
	const struct inet_socket *listener = tcp_pcb_socket(pcb) ? NULL : tcp_ext_arg_get(pcb, ARGUMENT); /* else two SYNs have met */
	struct inet_socket **spare = &spares[listener && listener->v6];
	if (listener && !*spare) {
		*spare = inet_alloc(listener->v6, INET_TCP, IPPROTO_TCP, true);
	}
	return listener && !*spare;
}

static struct inet_socket *spare_take(bool v6)
{
	struct inet_socket *s = spares[v6];
	spares[v6] = NULL;
	return s;
}

/* A connection is established: it becomes a socket of its own. */
static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct inet_socket *listener = pcb ? tcp_ext_arg_get(pcb, ARGUMENT) : NULL;
	if (!listener || error != ERR_OK) {
		return ERR_VAL;
	}
	struct inet_socket *s = listener->base.state == SOCKET_LISTENING ? spare_take(listener->v6) : NULL;
	if (!s) {
		return ERR_MEM; /* nobody listens any more: the connection is reset */
	}
	socket_get(&listener->base);
	half_open_ended(ARGUMENT, listener);
	s->base.send_limit = listener->base.send_limit;
	s->base.receive_limit = listener->base.receive_limit;
	s->base.send_limit_set = listener->base.send_limit_set;
	s->base.receive_limit_set = listener->base.receive_limit_set;
	s->base.options = listener->base.options;
	s->base.linger_seconds = listener->base.linger_seconds;
	s->base.priority = listener->base.priority;
	s->base.mark = listener->base.mark;
	s->base.receive_timeout_ns = listener->base.receive_timeout_ns;
	s->base.send_timeout_ns = listener->base.send_timeout_ns;
	s->base.receive_least = listener->base.receive_least;
	s->v6_only = listener->v6_only;
	s->uid = listener->uid;
	s->reuse_address = listener->reuse_address;
	s->reuse_port = listener->reuse_port;
	s->interface = listener->interface;
	s->mtu_discover[0] = listener->mtu_discover[0];
	s->mtu_discover[1] = listener->mtu_discover[1];
	s->max_segment = listener->max_segment;
	s->nodelay = listener->nodelay;
	s->keep_idle = listener->keep_idle;
	s->keep_interval = listener->keep_interval;
	s->keep_count = listener->keep_count;
	s->user_timeout_ms = listener->user_timeout_ms;
	s->tos = listener->tos;
	s->ttl = listener->ttl;
	s->base.state = SOCKET_CONNECTED;
	s->connected_once = true;
	s->local.address = pcb->local_ip;
	s->local.port = pcb->local_port;
	s->remote.address = pcb->remote_ip;
	s->remote.port = pcb->remote_port;
	callbacks_set(s, pcb);
	pcb->rttest = 0;
	if (!pcb->nrtx) {
		tcp_count_round(s, time_ns() - (uint64_t)tcp_ext_arg_get(pcb, ARGUMENT_BEGAN));
	}
	window_start(s);
	port_join(s, s->local.port);
	if (listener->defer_accept > 0) {
		s->deferred = true;
		tcp_err(pcb, NULL); /* nobody has it but the control block: see close_locked() */
		s->deferred_until_ns = time_ns() + (uint64_t)listener->defer_accept * 1000000000;
		s->listener = listener;
		listener->half_open_count++;
		return ERR_OK;
	}
	queue_for_accept(s, listener);
	inet_put(listener);
	return ERR_OK;
}

static err_t opened(u8_t id, struct tcp_pcb_listen *listening, struct tcp_pcb *pcb)
{
	struct inet_socket *usual = listening->ext_args[id].data, *s = port_choose(usual, &pcb->remote_ip, pcb->remote_port);
	if (s->waiting_count + s->half_open_count > s->backlog) {
		net_counts.listen_overflows++;
		return ERR_MEM; /* forgotten: the other end tries again */
	}
	s->half_open_count++;
	socket_get(&s->base);
	pcb->rto = pcb->sv = RTO_FIRST;
	tcp_ext_arg_set_callbacks(pcb, id, &half_open_callbacks);
	tcp_ext_arg_set(pcb, id, s);
	tcp_ext_arg_set(pcb, ARGUMENT_BEGAN, (void *)time_ns());
	uint32_t window = tcp_window_first(s), most = TCP_WND_MAX(pcb);
	pcb->rcv_wnd = pcb->rcv_ann_wnd = window < most ? window : most;
	return ERR_OK;
}

int tcp_pcb_listen(struct inet_socket *s)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(s->v6 && !s->v6_only ? IPADDR_TYPE_ANY : s->v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	if (!pcb) {
		return -ENOBUFS;
	}
	errors_listen();
	pcb->local_ip = s->local.address;
	pcb->local_port = s->port_listed;
	if (s->interface) {
		pcb->netif_idx = (u8_t)s->interface;
	}
	err_t error;
	struct tcp_pcb *listening = tcp_listen_with_backlog_and_err(pcb, 0, &error);
	if (!listening) {
		tcp_abort(pcb);
		return error_of(error);
	}
	tcp_arg(listening, s);
	tcp_accept(listening, accepted);
	tcp_ext_arg_set_callbacks(listening, ARGUMENT, &listening_callbacks);
	tcp_ext_arg_set(listening, ARGUMENT, s);
	s->tcp = listening;
	socket_get(&s->base);
	return 0;
}
