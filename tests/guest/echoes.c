/* SPDX-License-Identifier: MIT */
/* Sockets of ICMP's echoes, as somebody without privileges (icmp(7)): their identifiers, what they send and hear, and who may have one. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static struct sockaddr_in here = { .sin_family = AF_INET };
static const struct sockaddr_in6 here6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

static long answer(int fd, unsigned char *to, size_t bytes)
{
	struct pollfd p = { fd, POLLIN, 0 };
	return poll(&p, 1, 100000) == 1 ? recv(fd, to, bytes, 0) : -1;
}

static int identifier(int fd)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	return getsockname(fd, (void *)&name, &length) ? -1 : ntohs(name.sin_port);
}

static void hears_its_own(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), b = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	unsigned char request[3000] = { 8, 0, 1, 2, 0x55, 0x55, 0, 7, 'h', 'i' }, got[4000];
	CHECK(a >= 0 && b >= 0);
	CHECK(sendto(a, request, sizeof(request), 0, (void *)&here, sizeof(here)) == sizeof(request));
	CHECK(answer(a, got, sizeof(got)) == sizeof(request));
	CHECK(got[0] == 0 && (got[4] << 8 | got[5]) == identifier(a) && got[7] == 7 && got[8] == 'h');
	CHECK(recv(b, got, sizeof(got), MSG_DONTWAIT) < 0 && errno == EAGAIN);
	struct sockaddr_in mine = here;
	mine.sin_port = htons(77);
	CHECK(bind(b, (void *)&mine, sizeof(mine)) == 0 && identifier(b) == 77);
	CHECK(sendto(b, request, 8, 0, (void *)&here, sizeof(here)) == 8);
	CHECK(answer(b, got, sizeof(got)) == 8 && got[5] == 77);
	int c = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	CHECK(bind(c, (void *)&mine, sizeof(mine)) < 0 && errno == EADDRINUSE);
	close(a);
	close(b);
	close(c);
}

static void refuses(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	unsigned char request[8] = { 8 };
	CHECK(send(fd, request, 8, 0) < 0 && errno == EDESTADDRREQ);
	CHECK(sendto(fd, request, 7, 0, (void *)&here, sizeof(here)) < 0 && errno == EINVAL);
	request[1] = 1;
	CHECK(sendto(fd, request, 8, 0, (void *)&here, sizeof(here)) < 0 && errno == EINVAL);
	request[0] = 3;
	request[1] = 0;
	CHECK(sendto(fd, request, 8, 0, (void *)&here, sizeof(here)) < 0 && errno == EINVAL);
	CHECK(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 && errno == EPERM);
	CHECK(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6) < 0 && errno == EPROTONOSUPPORT);
	close(fd);
}

static void six(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
	unsigned char request[100] = { 128, 0, 0, 0, 0, 0, 0, 9 }, got[200];
	CHECK(fd >= 0);
	CHECK(sendto(fd, request, sizeof(request), 0, (void *)&here6, sizeof(here6)) == sizeof(request));
	CHECK(answer(fd, got, sizeof(got)) == sizeof(request) && got[0] == 129 && got[7] == 9);
	close(fd);
}

static void group_range(void)
{
	CHECK(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) < 0 && errno == EACCES);
	CHECK(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6) < 0 && errno == EACCES);
}

/* Could any group have one? */
static bool is_allowed(void)
{
	unsigned first = 1, last = 0;
	FILE *range = fopen("/proc/sys/net/ipv4/ping_group_range", "r");
	bool read = range && fscanf(range, "%u %u", &first, &last) == 2;
	return read && first <= last;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool has = fd >= 0 && bind(fd, (void *)&here6, sizeof(here6)) == 0;
	close(fd);
	return has;
}

/* Hosts have different ones: both print the same. */
static void as_the_range_says(void)
{
	if (is_allowed()) {
		hears_its_own();
		refuses();
		if (has_ipv6()) {
			six();
		}
	} else {
		group_range();
	}
}

/* Without root the group cannot be chosen, and that is what the range is about. */
static void nothing(void)
{
}

int main(void)
{
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bool root = getuid() == 0 && setgid(1000) == 0 && setuid(1000) == 0;
	check_run("as_the_range_says", root ? as_the_range_says : nothing);
	return check_failures;
}
