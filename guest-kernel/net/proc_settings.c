/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys/net (ip(7), tcp(7), socket(7)): what programs and sysctl(8) ask of the network's limits and choices, as this stack has them.
 * They are told, not set, but for the range of groups that may have sockets of ICMP's echoes.
 */
#include "fs/proc_internal.h"

#include "base/string.h"
#include "lwip/priv/tcp_priv.h"
#include "net/net.h"
#include "socket/inet/inet.h"
#include "socket/unix/unix.h"

#define SETTING(name, ...) \
	int proc_##name(uint32_t pid, struct text *t) \
	{ \
		text_add(t, __VA_ARGS__); \
		return 0; \
	}

SETTING(somaxconn, "%u\n", TCP_BACKLOG_MAX)
SETTING(socket_buffer, "%u\n", BUFFER_DEFAULT) /* the default of both ways, and the most that SO_RCVBUF and SO_SNDBUF get */
SETTING(port_range, "%u\t%u\n", PORT_EPHEMERAL_FIRST, PORT_EPHEMERAL_LAST)
SETTING(first_free_port, "1024\n") /* below it CAP_NET_BIND_SERVICE counts */
SETTING(default_ttl, "%u\n", IP_DEFAULT_TTL)
SETTING(congestion, "reno\n")
SETTING(fin_timeout, "%u\n", TCP_FIN_WAIT_TIMEOUT / 1000)
SETTING(keepalive_time, "%u\n", TCP_KEEP_IDLE_DEFAULT)
SETTING(keepalive_interval, "%u\n", TCP_KEEP_INTERVAL_DEFAULT)
SETTING(keepalive_probes, "%u\n", TCP_KEEP_COUNT_DEFAULT)
SETTING(syn_retries, "%u\n", TCP_SYN_COUNT_DEFAULT)
SETTING(tcp_buffer_in, "4096\t%u\t%u\n", TCP_RECEIVE_DEFAULT, TCP_WINDOW_USUAL)
SETTING(tcp_buffer_out, "4096\t%u\t%u\n", TCP_SEND_DEFAULT, TCP_SEND_USUAL)
SETTING(datagram_queue, "%u\n", DATAGRAMS_MAX)
SETTING(is_on, "1\n")
SETTING(is_off, "0\n")

int proc_ping_groups(uint32_t pid, struct text *t)
{
	text_add(t, "%u\t%u\n", __atomic_load_n(&ping_groups[0], __ATOMIC_RELAXED), __atomic_load_n(&ping_groups[1], __ATOMIC_RELAXED));
	return 0;
}

/* Two numbers; a first one above the last: nobody. */
int proc_ping_groups_set(uint32_t pid, const char *text, size_t length)
{
	char copy[32];
	const char *at = copy;
	uint64_t numbers[2];
	if (length >= sizeof(copy)) {
		return -EINVAL;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	for (unsigned i = 0; i < 2; i++) {
		while (*at == ' ' || *at == '\t') {
			at++;
		}
		const char *start = at;
		numbers[i] = string_number(at, &at);
		if (at == start || numbers[i] > INT32_MAX) {
			return -EINVAL;
		}
	}
	__atomic_store_n(&ping_groups[0], (uint32_t)numbers[0], __ATOMIC_RELAXED);
	__atomic_store_n(&ping_groups[1], (uint32_t)numbers[1], __ATOMIC_RELAXED);
	return 0;
}
