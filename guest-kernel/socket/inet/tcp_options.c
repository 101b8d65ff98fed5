/* SPDX-License-Identifier: MIT */
/* TCP's options (tcp(7)). They are the socket's; its connection gets them when it begins, and when one changes. */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "net/net.h"
#include "lwip/priv/tcp_priv.h"

enum {
	TCP_NODELAY_OPTION = 1, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT,
	TCP_WINDOW_CLAMP, TCP_INFO, TCP_QUICKACK, TCP_CONGESTION, TCP_USER_TIMEOUT = 18, TCP_FASTOPEN = 23, TCP_NOTSENT_LOWAT = 25,
	TCP_FASTOPEN_CONNECT = 30,
};
#define CONGESTION_BYTES 16 /* a name with zeros behind it */
#define MSS_LEAST 88
#define MSS_MOST 32767

void tcp_options_apply(struct inet_socket *s)
{
	struct tcp_pcb *pcb = s->tcp;
	pcb->tos = s->tos >= 0 ? (u8_t)s->tos : 0;
	pcb->ttl = s->ttl >= 0 ? (u8_t)s->ttl : IP_DEFAULT_TTL;
	pcb->keep_idle = (u32_t)s->keep_idle * 1000;
	pcb->keep_intvl = (u32_t)s->keep_interval * 1000;
	pcb->keep_cnt = (u32_t)s->keep_count;
	pcb->netif_idx = (u8_t)s->interface;
	if (socket_option(&s->base, SO_KEEPALIVE)) {
		tcp_pcb_select(pcb);
		ip_set_option(pcb, SOF_KEEPALIVE);
	} else {
		ip_reset_option(pcb, SOF_KEEPALIVE);
	}
	if (s->nodelay) {
		tcp_nagle_disable(pcb);
	} else {
		tcp_nagle_enable(pcb);
	}
	if (s->mss_agreed) {
		tcp_path_follow(s);
	}
}

/* Where a number is kept, and its limits. NULL: no such option. */
static int *number_of(struct inet_socket *s, int option, int *least, int *most)
{
	*least = 1;
	*most = INT32_MAX;
	switch (option) {
	case TCP_KEEPIDLE:
		*most = 32767;
		return &s->keep_idle;
	case TCP_KEEPINTVL:
		*most = 32767;
		return &s->keep_interval;
	case TCP_KEEPCNT:
		*most = 127;
		return &s->keep_count;
	case TCP_SYNCNT:
		*most = 127;
		return &s->syn_count;
	case TCP_LINGER2:
		*least = INT32_MIN;
		return &s->linger2;
	case TCP_USER_TIMEOUT:
		*least = 0;
		return &s->user_timeout_ms;
	case TCP_MAXSEG:
		*least = MSS_LEAST;
		*most = MSS_MOST;
		return &s->max_segment;
	default:
		return NULL;
	}
}

static void flag_set(struct inet_socket *s, int option, bool on)
{
	if (option == TCP_NODELAY_OPTION) {
		s->nodelay = on;
	} else {
		s->cork = on;
	}
	if (s->tcp && s->tcp->state != LISTEN) {
		tcp_options_apply(s);
		if (option == TCP_CORK ? !on : on) {
			tcp_push(s);
		}
	}
}

int tcp_set_option(struct inet_socket *s, int option, uint64_t user, int length)
{
	int value, least, most;
	char name[16] = "";
	if (option == TCP_CONGESTION) {
		int error = length < 1 ? -EINVAL : user_read(name, user, length < 15 ? (size_t)length : 15);
		return error ? error : strcmp(name, CONGESTION) == 0 ? 0 : -ENOENT;
	}
	if (length < (int)sizeof(value)) {
		return -EINVAL;
	}
	if (user_read(&value, user, sizeof(value))) {
		return -EFAULT;
	}
	int *number = number_of(s, option, &least, &most);
	if (number && (value < least || value > most)) {
		return -EINVAL;
	}
	int error = 0;
	net_lock();
	switch (option) {
	case TCP_NODELAY_OPTION:
	case TCP_CORK:
		flag_set(s, option, value);
		break;
	case TCP_DEFER_ACCEPT:
		s->defer_accept = value < 0 ? 0 : value;
		break;
	case TCP_QUICKACK:
		tcp_ack_choose(s, value & 1);
		break;
	case TCP_WINDOW_CLAMP:
	case TCP_NOTSENT_LOWAT:
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
		break; /* taken without effect */
	default:
		error = number ? 0 : -ENOPROTOOPT;
		if (number) {
			*number = value;
		}
		if (number && s->tcp && s->tcp->state != LISTEN) {
			tcp_options_apply(s);
		}
	}
	net_unlock();
	return error;
}

int tcp_get_option(struct inet_socket *s, int option, uint64_t user, uint64_t user_length)
{
	struct tcp_info info;
	int value, least, most, *number = number_of(s, option, &least, &most);
	switch (option) {
	case TCP_INFO:
		net_lock();
		tcp_info_read(s, &info);
		net_unlock();
		return option_answer(user, user_length, &info, sizeof(info));
	case TCP_CONGESTION: {
		static const char name[CONGESTION_BYTES] = CONGESTION;
		return option_answer(user, user_length, name, sizeof(name));
	}
	case TCP_NODELAY_OPTION:
		value = s->nodelay;
		break;
	case TCP_CORK:
		value = s->cork;
		break;
	case TCP_DEFER_ACCEPT:
		value = s->defer_accept;
		break;
	case TCP_MAXSEG:
		net_lock();
		value = s->tcp && s->tcp->state >= ESTABLISHED ? s->tcp->mss : s->max_segment ? s->max_segment : 536;
		net_unlock();
		break;
	case TCP_LINGER2:
		value = s->linger2 ? s->linger2 : 60;
		break;
	case TCP_QUICKACK:
		value = !s->never_quick;
		break;
	case TCP_WINDOW_CLAMP:
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
	case TCP_NOTSENT_LOWAT:
		value = 0;
		break;
	default:
		if (!number) {
			return -ENOPROTOOPT;
		}
		value = *number;
	}
	return option_answer(user, user_length, &value, sizeof(value));
}
