/* SPDX-License-Identifier: MIT */
/*
 * `groups INTERFACE`: joins 239.1.2.3 and ff05::1:1234 there, and prints each datagram to port 5000 of the first, with how many frames to groups, how
 * many frames altogether the interface has counted since the one before, and how many of a wrong length. A datagram that begins with
 * "promisc", "all", "plain", "leave" or "end" is obeyed, after that. Without an argument there is nothing to try.
 */
#include "check.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *interface;

static long count_of(const char *what)
{
	char path[100];
	long count = -1;
	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", interface, what);
	FILE *f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%ld", &count) != 1) {
			count = -1;
		}
		fclose(f);
	}
	return count;
}

static int group4(int fd, int option)
{
	struct ip_mreqn r = { .imr_ifindex = (int)if_nametoindex(interface) };
	inet_pton(AF_INET, "239.1.2.3", &r.imr_multiaddr);
	return setsockopt(fd, IPPROTO_IP, option, &r, sizeof(r));
}

static int group6(int fd, int option)
{
	struct ipv6_mreq r = { .ipv6mr_interface = if_nametoindex(interface) };
	inet_pton(AF_INET6, "ff05::1:1234", &r.ipv6mr_multiaddr);
	return setsockopt(fd, IPPROTO_IPV6, option, &r, sizeof(r));
}

static int flags_set(int fd, int flags)
{
	struct ifreq r;
	strcpy(r.ifr_name, interface);
	if (ioctl(fd, SIOCGIFFLAGS, &r)) {
		return -1;
	}
	r.ifr_flags = (short)((r.ifr_flags & ~(IFF_PROMISC | IFF_ALLMULTI)) | flags);
	if (ioctl(fd, SIOCSIFFLAGS, &r) || ioctl(fd, SIOCGIFFLAGS, &r)) {
		return -1;
	}
	return (r.ifr_flags & (IFF_PROMISC | IFF_ALLMULTI)) == flags ? 0 : -1;
}

static int obey(const char *text, int fd4, int fd6)
{
	if (strncmp(text, "leave", 5) == 0) {
		return group6(fd6, IPV6_LEAVE_GROUP);
	}
	return strncmp(text, "promisc", 7) == 0 ? flags_set(fd4, IFF_PROMISC) : strncmp(text, "all", 3) == 0 ? flags_set(fd4, IFF_ALLMULTI) :
	       strncmp(text, "plain", 5) == 0 ? flags_set(fd4, 0) : 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(5000) };
	char text[100] = "";
	if (argc < 2) {
		return 0;
	}
	interface = argv[1];
	int fd4 = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	if (bind(fd4, (struct sockaddr *)&any, sizeof(any)) || group4(fd4, IP_ADD_MEMBERSHIP) || group6(fd6, IPV6_JOIN_GROUP)) {
		printf("no group is joined: %s\n", strerror(errno));
		return 1;
	}
	long multicast = 0, packets = 0;
	printf("joined\n");
	while (strncmp(text, "end", 3) != 0) {
		fflush(stdout);
		ssize_t bytes = recv(fd4, text, sizeof(text) - 1, 0);
		text[bytes < 0 ? 0 : bytes] = 0;
		long multicast_now = count_of("multicast"), packets_now = count_of("rx_packets");
		printf("%s: %ld to groups, %ld altogether, %ld too long\n", text, multicast_now - multicast, packets_now - packets,
			count_of("rx_length_errors"));
		multicast = multicast_now;
		packets = packets_now;
		if (obey(text, fd4, fd6)) {
			printf("%s: %s\n", text, strerror(errno));
		}
	}
	return 0;
}
