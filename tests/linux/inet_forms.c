/* SPDX-License-Identifier: MIT */
/* Names of sockets that change: a port that comes later (IP_BIND_ADDRESS_NO_PORT), and a socket of IPv6 that becomes one of IPv4 (IPV6_ADDRFORM). */
#include "inet.h"

enum { PORT_LATER = 24, FORM = 1 };

static void name(int fd)
{
	struct sockaddr_in6 in6 = { 0 };
	socklen_t length = sizeof(in6);
	char text[64] = "";
	getsockname(fd, (void *)&in6, &length);
	inet_ntop(in6.sin6_family, in6.sin6_family == AF_INET ? (void *)&((struct sockaddr_in *)&in6)->sin_addr : (void *)&in6.sin6_addr, text, sizeof(text));
	SHOW("name", "%d %d %s, %s port", in6.sin6_family, (int)length, text, in6.sin6_port ? "a" : "no");
}

static void later(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = to("127.0.0.1", 0), from = to("127.0.0.3", 0), named = to("127.0.0.4", 0);
	bind(listener, (void *)&in, sizeof(in));
	listen(listener, 5);
	in.sin_port = htons((uint16_t)port_of(listener));
	SHOW("later", "%d", number(a, IPPROTO_IP, PORT_LATER));
	CALL(set(a, IPPROTO_IP, PORT_LATER, 1));
	SHOW("later", "%d", number(a, IPPROTO_IP, PORT_LATER));
	CALL(bind(a, (void *)&from, sizeof(from)));
	name(a);
	CALL(bind(a, (void *)&named, sizeof(named)));
	name(a);
	CALL(connect(a, (void *)&in, sizeof(in)));
	name(a);
	CALL(bind(a, (void *)&named, sizeof(named)));
	CALL(set(b, IPPROTO_IP, PORT_LATER, 1));
	CALL(bind(b, (void *)&from, sizeof(from)));
	name(b);
	CALL(sendto(b, "x", 1, 0, (void *)&in, sizeof(in)));
	name(b);
	int c = socket(AF_INET, SOCK_STREAM, 0), d = socket(AF_INET, SOCK_STREAM, 0);
	CALL(set(c, IPPROTO_IP, PORT_LATER, 1));
	CALL(bind(c, (void *)&from, sizeof(from)));
	CALL(listen(c, 1));
	name(c);
	CALL(set(d, IPPROTO_IP, PORT_LATER, 1));
	from.sin_port = htons((uint16_t)port_of(c));
	CALL(bind(d, (void *)&from, sizeof(from)));
}

static void form(void)
{
	int listener = socket(AF_INET6, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in, peer;
	socklen_t length = sizeof(peer);
	char x;
	CALL(bind(listener, (void *)&in6, sizeof(in6)));
	listen(listener, 5);
	in = to("127.0.0.1", port_of(listener));
	CALL(connect(a, (void *)&in, sizeof(in)));
	int b = accept(listener, NULL, NULL);
	name(b);
	CALL(set(b, IPPROTO_IPV6, FORM, AF_INET6));
	CALL(set(b, IPPROTO_IPV6, FORM, AF_INET));
	name(b);
	SHOW("domain", "%d", number(b, SOL_SOCKET, SO_DOMAIN));
	CALL(getpeername(b, (void *)&peer, &length));
	SHOW("peer", "%s", inet_ntoa(peer.sin_addr));
	CALL(write(a, "x", 1));
	CALL(read(b, &x, 1));
	CALL(write(b, "y", 1));
	CALL(read(a, &x, 1));
	CALL(set(b, IPPROTO_IPV6, FORM, AF_INET));
	CALL(set(listener, IPPROTO_IPV6, FORM, AF_INET));
	CALL(set(a, IPPROTO_IPV6, FORM, AF_INET));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	in6.sin6_port = htons((uint16_t)port_of(listener));
	CALL(set(u, IPPROTO_IPV6, FORM, AF_INET));
	CALL(connect(u, (void *)&in6, sizeof(in6)));
	CALL(set(u, IPPROTO_IPV6, FORM, AF_INET));
	name(u);
	int six = socket(AF_INET6, SOCK_DGRAM, 0);
	in6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	CALL(connect(six, (void *)&in6, sizeof(in6)));
	CALL(set(six, IPPROTO_IPV6, FORM, AF_INET));
}

int main(void)
{
	calls_begin();
	RUN(later);
	if (calls_with("ipv6")) {
		RUN(form);
	}
	return 0;
}
