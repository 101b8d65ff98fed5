/* SPDX-License-Identifier: MIT */
/*
 * Groups of NETLINK_ROUTE: who has joined one hears what others change of links and addresses. On Linux in a network of its own, which the
 * guest's is anyway; all of it about the loopback interface. Messages that say the same again are left out.
 * And the way that a packet takes, and what an adapter is asked for.
 */
#include "calls.h"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int lo;

static int netlink(uint32_t groups)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (void *)&name, sizeof(name)) != 0) {
		SHOW("netlink", "%s", calls_error(errno));
	}
	return fd;
}

/* A request with one attribute: its error. */
static int ask(uint16_t type, const void *body, size_t bytes, uint16_t attribute, const void *data, size_t length)
{
	struct {
		struct nlmsghdr header;
		char rest[256];
	} message = { .header = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, .nlmsg_seq = 7 } };
	struct rtattr *a = (void *)(message.rest + NLMSG_ALIGN(bytes));
	int fd = netlink(0), error = -1;
	memcpy(message.rest, body, bytes);
	message.header.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(bytes));
	if (attribute) {
		*a = (struct rtattr){ (unsigned short)RTA_LENGTH(length), attribute };
		memcpy(RTA_DATA(a), data, length);
		message.header.nlmsg_len += RTA_SPACE(length);
	}
	send(fd, &message, message.header.nlmsg_len, 0);
	if (recv(fd, &message, sizeof(message), 0) > 0 && message.header.nlmsg_type == NLMSG_ERROR) {
		error = *(int *)message.rest;
	}
	close(fd);
	return error;
}

static int link_set(unsigned flags, unsigned change, unsigned mtu)
{
	struct ifinfomsg body = { .ifi_index = lo, .ifi_flags = flags, .ifi_change = change };
	return ask(RTM_NEWLINK, &body, sizeof(body), mtu ? IFLA_MTU : 0, &mtu, sizeof(mtu));
}

static int address(uint16_t type)
{
	static const uint8_t bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };
	struct ifaddrmsg body = { .ifa_family = AF_INET6, .ifa_prefixlen = 128, .ifa_index = (unsigned)lo };
	return ask(type, &body, sizeof(body), IFA_LOCAL, bytes, sizeof(bytes));
}

static void describe(const struct nlmsghdr *m, char *line, size_t size)
{
	const struct ifinfomsg *link = NLMSG_DATA(m);
	const struct ifaddrmsg *a = NLMSG_DATA(m);
	if (m->nlmsg_type == RTM_NEWLINK) {
		int left = (int)IFLA_PAYLOAD(m), mtu = -1;
		for (struct rtattr *r = IFLA_RTA(link); RTA_OK(r, left); r = RTA_NEXT(r, left)) {
			mtu = r->rta_type == IFLA_MTU ? *(int *)RTA_DATA(r) : mtu;
		}
		snprintf(line, size, "link %s %x mtu %d", link->ifi_index == lo ? "lo" : "other", link->ifi_flags, mtu);
	} else {
		snprintf(line, size, "%s %s family %d /%d", m->nlmsg_type == RTM_NEWADDR ? "address" : m->nlmsg_type == RTM_DELADDR ? "no address" : "message",
			 (int)a->ifa_index == lo ? "lo" : "other", a->ifa_family, a->ifa_prefixlen);
	}
}

/* What has come by now, and whose messages they are. */
static void heard(int fd)
{
	static char buffer[32768], line[200], last[200];
	struct pollfd p = { fd, POLLIN, 0 };
	int count = 0;
	last[0] = '\0';
	while (poll(&p, 1, 300) == 1) {
		struct sockaddr_nl from = { 0 };
		socklen_t length = sizeof(from);
		int n = (int)recvfrom(fd, buffer, sizeof(buffer), 0, (void *)&from, &length);
		for (struct nlmsghdr *m = (void *)buffer; n > 0 && NLMSG_OK(m, (unsigned)n); m = NLMSG_NEXT(m, n)) {
			describe(m, line, sizeof(line));
			if (strcmp(line, last) != 0) {
				SHOW("heard", "%s, from %u", line, from.nl_pid);
				count++;
			}
			memcpy(last, line, sizeof(last));
		}
	}
	SHOW("heard", "%d", count);
}

static void links(void)
{
	int one = netlink(RTMGRP_LINK), two = netlink(RTMGRP_LINK), deaf = netlink(0);
	struct pollfd p = { one, POLLIN | POLLOUT, 0 };
	CALL(poll(&p, 1, 0));
	SHOW("nothing yet", "%x", p.revents);
	CALL(link_set(0, 0, 1400));
	CALL(poll(&p, 1, 100000));
	SHOW("there", "%x", p.revents);
	heard(one);
	CALL(link_set(0, IFF_UP, 0));
	heard(one);
	CALL(link_set(IFF_UP, IFF_UP, 0));
	heard(one);
	heard(two);
	CALL(link_set(0, 0, 65535));
	heard(two);
	CALL(recv(deaf, &p, sizeof(p), MSG_DONTWAIT));
}

static void addresses(void)
{
	int six = netlink(RTMGRP_IPV6_IFADDR), four = netlink(RTMGRP_IPV4_IFADDR), joins = netlink(0), group = RTNLGRP_IPV6_IFADDR;
	struct sockaddr_nl name;
	socklen_t length = sizeof(name);
	CALL(address(RTM_NEWADDR));
	heard(six);
	CALL(setsockopt(joins, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)));
	CALL(getsockname(joins, (void *)&name, &length));
	SHOW("groups", "%x", name.nl_groups);
	CALL(address(RTM_DELADDR));
	heard(six);
	heard(joins);
	CALL(setsockopt(joins, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)));
	CALL(address(RTM_NEWADDR));
	CALL(address(RTM_DELADDR));
	heard(joins);
	heard(four);
	group = 0;
	CALL(setsockopt(joins, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)));
	CALL(setsockopt(joins, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 2));
	CALL(setsockopt(joins, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NOWHERE, 4));
}

static void path_show(int family, const char *to)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg body;
		char rest[512];
	} m = { .header = { sizeof(m.header) + sizeof(m.body), RTM_GETROUTE, NLM_F_REQUEST, 7, 0 }, .body = { .rtm_family = (unsigned char)family } };
	struct rtattr *r = (void *)m.rest;
	unsigned bytes = family == AF_INET ? 4 : 16;
	char source[64] = "no source", gateway[64] = "no gateway", interface[IF_NAMESIZE] = "none";
	bool last = true;
	int fd = netlink(0);
	*r = (struct rtattr){ (unsigned short)RTA_LENGTH(bytes), RTA_DST };
	inet_pton(family, to, RTA_DATA(r));
	m.header.nlmsg_len += RTA_SPACE(bytes);
	send(fd, &m, m.header.nlmsg_len, 0);
	recv(fd, &m, sizeof(m), 0);
	close(fd);
	if (m.header.nlmsg_type != RTM_NEWROUTE) {
		SHOW(to, "%s", m.header.nlmsg_type == NLMSG_ERROR ? calls_error(-*(int *)&m.body) : "another message");
		return;
	}
	int left = (int)RTM_PAYLOAD(&m.header);
	for (r = RTM_RTA(&m.body); RTA_OK(r, left); r = RTA_NEXT(r, left)) {
		if (r->rta_type == RTA_PREFSRC || r->rta_type == RTA_GATEWAY) {
			inet_ntop(family, RTA_DATA(r), r->rta_type == RTA_PREFSRC ? source : gateway, sizeof(source));
		} else if (r->rta_type == RTA_OIF) {
			if_indextoname(*(unsigned *)RTA_DATA(r), interface);
		}
		last = r->rta_type != RTA_CACHEINFO;
	}
	SHOW(to, "type %d /%d table %d scope %d protocol %d flags %x, %s, %s, %s%s", m.body.rtm_type, m.body.rtm_dst_len, m.body.rtm_table, m.body.rtm_scope,
	     m.body.rtm_protocol, m.body.rtm_flags, interface, source, gateway, last ? ", no word of its use" : "");
}

static void paths(void)
{
	path_show(AF_INET, "127.0.0.1");
	path_show(AF_INET, "127.0.0.9");
	path_show(AF_INET, "224.0.0.1");
	path_show(AF_INET, "10.79.1.1");
	if (calls_with("ipv6")) {
		path_show(AF_INET6, "::1");
	}
	path_show(AF_INET6, "2001:db8::9");
}

/* Who asks an adapter for what it has not got, as packet captures do, wants to hear that and nothing else. */
static void adapters(void)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq lo_request = { .ifr_name = "lo", .ifr_data = (void *)&link }, none = { .ifr_name = "none", .ifr_data = (void *)&link };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	CALL(ioctl(fd, SIOCETHTOOL, &lo_request));
	SHOW("link", "%u", link.data);
	CALL(ioctl(fd, SIOCETHTOOL, &none));
	CALL(ioctl(fd, SIOCETHTOOL, NOWHERE));
	link.cmd = 0xffff;
	CALL(ioctl(fd, SIOCETHTOOL, &lo_request));
	link.cmd = ETHTOOL_GDRVINFO + 0x1000;
	CALL(ioctl(fd, SIOCETHTOOL, &lo_request));
	CALL(ioctl(fd, SIOCGMIIPHY, &lo_request));
	CALL(ioctl(fd, SIOCGMIIPHY, &none));
	lo_request.ifr_data = NOWHERE;
	CALL(ioctl(fd, SIOCETHTOOL, &lo_request));
	close(fd);
}

/* Of /proc/net/snmp's line of ICMP the number by this name. */
static long message_count(const char *name)
{
	static char text[8192], *values;
	int fd = open("/proc/net/snmp", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	char *names = strstr(text, "\nIcmp: ");
	values = names ? strstr(names + 1, "\nIcmp: ") : NULL;
	if (!values) {
		return -1;
	}
	*values++ = '\0';
	char *in_names, *in_values, *key = strtok_r(names, " ", &in_names), *value = strtok_r(values, " \n", &in_values);
	while (key && value && strcmp(key, name) != 0) {
		key = strtok_r(NULL, " ", &in_names);
		value = strtok_r(NULL, " \n", &in_values);
	}
	return key && value ? atol(value) : -1;
}

static void counts_of_messages(void)
{
	static const char *const names[] = { "OutMsgs", "InEchos", "OutEchos", "OutEchoReps" };
	uint8_t echo[8] = { 8, 0, 0xf7, 0xff }, got[128];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	long before[4];
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	for (int i = 0; i < 4; i++) {
		before[i] = message_count(names[i]);
	}
	CALL(sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to)));
	do {
	} while (recv(fd, got, sizeof(got), 0) > 20 && got[20] != 0);
	for (int i = 0; i < 4; i++) {
		SHOW(names[i], "%ld", message_count(names[i]) - before[i]);
	}
	close(fd);
}

/* The longest fragment that a socket wants; how many were made is in /proc/net/snmp6. */
static long fragments_made(void)
{
	char line[128];
	long made = -1;
	FILE *file = fopen("/proc/net/snmp6", "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "Ip6FragCreates", 14) == 0) {
			made = atol(line + 14);
		}
	}
	if (file) {
		fclose(file);
	}
	return made;
}

static void longest_fragments(void)
{
	static const int mtus[] = { 1279, -1, 1280, 2000, 0, 70000 };
	static char datagram[3000], got[4000];
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t bytes = sizeof(at);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bind(fd, (struct sockaddr *)&at, sizeof(at));
	getsockname(fd, (struct sockaddr *)&at, &bytes);
	for (unsigned n = 0; n < sizeof(mtus) / sizeof(mtus[0]); n++) {
		int value = mtus[n];
		CALL(setsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &value, sizeof(value)));
		long before = fragments_made();
		CALL(sendto(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&at, sizeof(at)));
		SHOW("fragments", "%ld", fragments_made() - before);
		CALL(recv(fd, got, sizeof(got), 0));
	}
	close(fd);
}

/* An address that each link has, and no link is named. */
static void no_link_is_named(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	to.sin6_addr.s6_addr[0] = 0xfe;
	to.sin6_addr.s6_addr[1] = 0x80;
	to.sin6_addr.s6_addr[15] = 1;
	for (unsigned n = 0; n < 2; n++) {
		int fd = socket(AF_INET6, types[n], 0);
		CALL(connect(fd, (struct sockaddr *)&to, sizeof(to)));
		close(fd);
	}
}

static void values_at_first(void)
{
	char name[20];
	int fd = socket(AF_INET, SOCK_STREAM, 0), value;
	for (socklen_t bytes = 1; bytes <= sizeof(name); bytes += 5) {
		socklen_t length = bytes;
		memset(name, 'x', sizeof(name));
		CALL(getsockopt(fd, IPPROTO_TCP, 13, name, &length));
		SHOW("length and zeros", "%u %d", length, length > 6 && !name[length - 1]);
	}
	socklen_t length = sizeof(value);
	getsockopt(fd, IPPROTO_TCP, 25, &value, &length);
	SHOW("unsent bytes for which it waits", "%d", value);
	getsockopt(fd, SOL_SOCKET, 49, &value, &length);
	SHOW("processor", "%d", value);
	close(fd);
}

int main(void)
{
	calls_begin();
	if (unshare(CLONE_NEWNET) != 0 && errno == EPERM) {
		unshare(CLONE_NEWUSER | CLONE_NEWNET);
	}
	lo = (int)if_nametoindex("lo");
	link_set(IFF_UP, IFF_UP, 65535);
	RUN(links);
	RUN(addresses);
	RUN(paths);
	RUN(adapters);
	RUN(values_at_first);
	RUN(counts_of_messages);
	if (calls_with("ipv6")) {
		RUN(no_link_is_named);
		RUN(longest_fragments);
	}
	return 0;
}
