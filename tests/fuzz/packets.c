/* SPDX-License-Identifier: MIT */
/*
 * Packets that nobody would send: `packets SEED SECONDS` sends them by raw sockets over the loopback, as root. Segments of no connection
 * and SYNs by the thousands to a port (FLOOD_PORT) at which somebody listens and accepts nothing; fragments that overlap, are never
 * complete, or end beyond the largest packet; ICMP of all types with what never came back; headers with fields changed. Beside that,
 * connections to a server that reads nothing are filled. It ends by itself; what is judged is the kernel that it ran on.
 */
#include "../../lib/base/big_endian.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOOD_PORT 4000
#define DEAF 200 /* connections that are never read */

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 20) % n;
}

static unsigned noise(uint8_t *to, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		to[i] = (uint8_t)below(256);
	}
	return bytes;
}

/* The kernel fills in lengths and the checksum; on the loopback no other is looked at. */
static unsigned ip4(uint8_t *p, unsigned protocol, unsigned fragment)
{
	memset(p, 0, 20);
	p[0] = below(50) ? 0x45 : (uint8_t)below(256);
	put16(p + 4, 1 + below(8));
	put16(p + 6, fragment);
	p[8] = (uint8_t)(below(20) ? 64 : below(3));
	p[9] = (uint8_t)protocol;
	put32(p + 12, 0x7f000001 + below(4));
	put32(p + 16, 0x7f000001);
	return 20;
}

static unsigned make_tcp(uint8_t *p)
{
	unsigned at = ip4(p, 6, 0), options = 4 * below(11);
	uint8_t *tcp = p + at;
	noise(tcp, 20 + options);
	put16(tcp, 1024 + below(60000));
	put16(tcp + 2, below(8) ? FLOOD_PORT : below(65536));
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = below(4) ? 2 : (uint8_t)below(64);
	return at + 20 + options + noise(tcp + 20 + options, below(4) ? 0 : below(1000));
}

static unsigned make_fragment(uint8_t *p)
{
	unsigned offset = below(3) ? below(6) * 100 : below(8192);
	unsigned at = ip4(p, below(2) ? 17 : 1, offset | (below(4) ? 0x2000 : 0));
	return at + noise(p + at, below(8) ? 8 * below(180) : below(1400));
}

static unsigned make_icmp(uint8_t *p)
{
	unsigned at = ip4(p, 1, 0), bytes = noise(p + at, 8 + below(1200));
	p[at] = (uint8_t)below(20);
	p[at + 1] = (uint8_t)below(16);
	if (bytes > 40) {
		ip4(p + at + 8, below(2) ? 6 : 17, 0);
	}
	return at + bytes;
}

static unsigned make_other(uint8_t *p)
{
	unsigned at = ip4(p, below(3) ? 17 : below(256), 0);
	return at + noise(p + at, below(1400));
}

static unsigned make_six(uint8_t *p)
{
	static const uint8_t kinds[] = { 0, 43, 44, 44, 44, 60, 58, 58, 17, 6, 59 };
	unsigned bytes = 8 * below(100);
	memset(p, 0, 40);
	p[0] = 0x60;
	put16(p + 4, below(20) ? bytes : below(65536));
	p[6] = kinds[below(sizeof(kinds))];
	p[7] = 255;
	p[23] = p[39] = 1;
	noise(p + 40, bytes);
	for (unsigned o = 0; o + 8 <= bytes && o < 48; o += 8) {
		p[40 + o] = kinds[below(sizeof(kinds))];
		p[41 + o] = (uint8_t)(below(5) ? 0 : below(4));
	}
	return 40 + bytes;
}

static unsigned (*const makers[])(uint8_t *p) = { make_tcp, make_tcp, make_fragment, make_fragment, make_icmp, make_other };

static int server(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (void *)&in, sizeof(in)) || listen(fd, 256) ? -1 : fd;
}

/* Connections whose other end reads nothing, full. */
static void fill_deaf(uint16_t port)
{
	static char block[65536];
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (unsigned i = 0; i < DEAF; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0 || connect(fd, (void *)&in, sizeof(in))) {
			return;
		}
		fcntl(fd, F_SETFL, O_NONBLOCK);
		while (write(fd, block, sizeof(block)) > 0) {
		}
	}
}

int main(int argc, char **argv)
{
	static uint8_t packet[4096];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), raw6 = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
	if (argc < 3 || raw < 0 || raw6 < 0 || server(FLOOD_PORT) < 0 || server(FLOOD_PORT + 1) < 0) {
		fprintf(stderr, "usage: packets SEED SECONDS, as root\n");
		return 1;
	}
	state = strtoull(argv[1], NULL, 0) * 2 + 1;
	time_t end = time(NULL) + atoi(argv[2]);
	unsigned long sent = 0;
	fill_deaf(FLOOD_PORT + 1);
	while (time(NULL) < end) {
		for (unsigned n = 0; n < 100; n++) {
			bool six = below(5) == 0;
			unsigned bytes = six ? make_six(packet) : makers[below(sizeof(makers) / sizeof(makers[0]))](packet);
			sent += (six ? sendto(raw6, packet, bytes, 0, (void *)&to6, sizeof(to6)) : sendto(raw, packet, bytes, 0, (void *)&to, sizeof(to))) > 0;
		}
	}
	printf("%s\n", sent > 1000 ? "sent" : "little was sent");
	return 0;
}
