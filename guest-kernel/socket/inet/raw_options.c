/* SPDX-License-Identifier: MIT */
/* Options that only raw sockets have: which of ICMP's types they hear (raw(7), RFC 3542 section 3.2), and where a checksum goes (3.1). */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "kernel/user.h"
#include "net/net.h"

enum { ICMP_FILTER = 1, ICMP6_FILTER = 1, IPV6_CHECKSUM = 7 };

int raw_set_checksum(struct inet_socket *s, int level, int at)
{
	if (s->base.protocol == IPPROTO_ICMPV6 && level == IPPROTO_IPV6) {
		return -EINVAL; /* always there, always in the same place */
	}
	if (at > 0 && (at & 1)) {
		return -EINVAL;
	}
	net_lock();
	s->checksum_at = at < 0 ? -1 : at;
	net_unlock();
	return 0;
}

/* Where the filter is for this level, and how long. Or a negative error: there is none. */
static int filter_bytes(const struct inet_socket *s, int level, int option)
{
	if (level == IPPROTO_RAW && option == ICMP_FILTER && !s->v6) {
		return s->base.protocol == IPPROTO_ICMP ? (int)sizeof(uint32_t) : -EOPNOTSUPP;
	}
	if (level == IPPROTO_ICMPV6 && option == ICMP6_FILTER && s->v6) {
		return s->base.protocol == IPPROTO_ICMPV6 ? (int)sizeof(s->icmp_filter) : -EOPNOTSUPP;
	}
	return -ENOPROTOOPT;
}

int raw_set_option(struct inet_socket *s, int level, int option, uint64_t user, int length)
{
	uint32_t filter[8];
	int value, bytes = filter_bytes(s, level, option);
	if (level == IPPROTO_RAW && option == IPV6_CHECKSUM && s->v6) {
		return length < (int)sizeof(value) ? -EINVAL : user_read(&value, user, sizeof(value)) ? -EFAULT : raw_set_checksum(s, level, value);
	}
	if (bytes < 0) {
		return bytes;
	}
	bytes = length < bytes ? length : bytes;
	net_lock();
	memcpy(filter, s->icmp_filter, sizeof(filter));
	net_unlock();
	if (user_read(filter, user, (size_t)bytes)) {
		return -EFAULT;
	}
	net_lock();
	memcpy(s->icmp_filter, filter, sizeof(filter));
	net_unlock();
	return 0;
}

int raw_get_option(struct inet_socket *s, int level, int option, uint64_t user, uint64_t user_length)
{
	uint32_t filter[8];
	int bytes = filter_bytes(s, level, option), value = s->checksum_at;
	if (level == IPPROTO_RAW && option == IPV6_CHECKSUM && s->v6) {
		return option_answer(user, user_length, &value, sizeof(value));
	}
	net_lock();
	memcpy(filter, s->icmp_filter, sizeof(filter));
	net_unlock();
	return bytes < 0 ? bytes : option_answer(user, user_length, filter, bytes);
}
