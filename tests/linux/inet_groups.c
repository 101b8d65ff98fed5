/* SPDX-License-Identifier: MIT */
/* Groups by RFC 3678's requests (MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP), and the interface that datagrams leave by (IP_UNICAST_IF). */
#include "inet.h"

static int request(int fd, int level, int option, int interface, const char *group)
{
	struct group_req r = { .gr_interface = (uint32_t)interface };
	struct sockaddr_in *in = (void *)&r.gr_group;
	struct sockaddr_in6 *in6 = (void *)&r.gr_group;
	if (inet_pton(AF_INET, group, &in->sin_addr) == 1) {
		r.gr_group.ss_family = AF_INET;
	} else {
		r.gr_group.ss_family = AF_INET6;
		inet_pton(AF_INET6, group, &in6->sin6_addr);
	}
	return setsockopt(fd, level, option, &r, sizeof(r));
}

static void joining(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = to("0.0.0.0", 0), group;
	struct ip_mreqn by = { .imr_ifindex = 1 };
	struct group_req r = { .gr_interface = 1 };
	char x;
	bind(b, (void *)&in, sizeof(in));
	group = to("239.1.2.3", port_of(b));
	setsockopt(a, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by));
	CALL(request(b, IPPROTO_IP, MCAST_JOIN_GROUP, 1, "239.1.2.3"));
	CALL(request(b, IPPROTO_IP, MCAST_JOIN_GROUP, 1, "239.1.2.3"));
	CALL(sendto(a, "x", 1, 0, (void *)&group, sizeof(group)));
	until(b, POLLIN);
	CALL(recv(b, &x, 1, MSG_DONTWAIT));
	CALL(request(b, IPPROTO_IP, MCAST_LEAVE_GROUP, 1, "239.1.2.4"));
	CALL(request(b, IPPROTO_IP, MCAST_LEAVE_GROUP, 1, "239.1.2.3"));
	CALL(request(b, IPPROTO_IP, MCAST_LEAVE_GROUP, 1, "239.1.2.3"));
	CALL(request(b, IPPROTO_IP, MCAST_JOIN_GROUP, 1, "10.0.0.1"));
	CALL(request(b, IPPROTO_IP, MCAST_JOIN_GROUP, 999, "239.1.2.3"));
	CALL(request(b, IPPROTO_IP, MCAST_JOIN_GROUP, 1, "ff02::77"));
	CALL(setsockopt(b, IPPROTO_IP, MCAST_JOIN_GROUP, &r, sizeof(r) - 1));
	CALL(setsockopt(b, IPPROTO_IP, MCAST_JOIN_GROUP, NOWHERE, sizeof(r)));
}

static void joining_six(void)
{
	int a = socket(AF_INET6, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0);
	CALL(request(b, IPPROTO_IPV6, MCAST_JOIN_GROUP, 1, "ff02::77"));
	CALL(request(b, IPPROTO_IPV6, MCAST_JOIN_GROUP, 1, "ff02::77"));
	CALL(request(b, IPPROTO_IPV6, MCAST_LEAVE_GROUP, 1, "ff02::77"));
	CALL(request(b, IPPROTO_IPV6, MCAST_LEAVE_GROUP, 1, "ff02::77"));
	CALL(request(b, IPPROTO_IPV6, MCAST_JOIN_GROUP, 1, "::1"));
	CALL(request(b, IPPROTO_IPV6, MCAST_JOIN_GROUP, 1, "239.1.2.3"));
	CALL(set(a, IPPROTO_IPV6, 76, (int)htonl(1))); /* IPV6_UNICAST_IF */
	SHOW("by", "%x", number(a, IPPROTO_IPV6, 76));
	CALL(set(a, IPPROTO_IPV6, 76, (int)htonl(999)));
}

static void leaving_by(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = to("127.0.0.1", 0);
	char x;
	bind(b, (void *)&in, sizeof(in));
	in.sin_port = htons((uint16_t)port_of(b));
	SHOW("by", "%x", number(a, IPPROTO_IP, 50)); /* IP_UNICAST_IF */
	CALL(set(a, IPPROTO_IP, 50, (int)htonl(1)));
	SHOW("by", "%x", number(a, IPPROTO_IP, 50));
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	until(b, POLLIN);
	CALL(recv(b, &x, 1, MSG_DONTWAIT));
	CALL(set(a, IPPROTO_IP, 50, (int)htonl(999)));
	CALL(setsockopt(a, IPPROTO_IP, 50, &x, 1));
	CALL(set(a, IPPROTO_IP, 50, 0));
	SHOW("by", "%x", number(a, IPPROTO_IP, 50));
}

int main(void)
{
	calls_begin();
	RUN(joining);
	RUN(leaving_by);
	if (calls_with("ipv6")) {
		RUN(joining_six);
	}
	return 0;
}
