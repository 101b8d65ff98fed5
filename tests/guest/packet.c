/* SPDX-License-Identifier: MIT */
/*
 * `packet INTERFACE ADDRESS`: what sockets of AF_PACKET see and send on an adapter, with a station on its network that answers ping. `packet INTERFACE PORT
 * BYTES`: waits until so many bytes of TCP have gone out from that port, as a ring shows them, and prints what was seen. Without arguments there is
 * nothing to try. tests/linux/packet.c has what the loopback interface shows.
 */
#include "check.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define DATA_BYTES 48

static const char *interface, *address;
static unsigned char own[6], other[6];
static struct in_addr here;

struct seen {
	unsigned char frame[2048];
	long bytes;
	struct sockaddr_ll from;
};

static int listening(int type, int protocol)
{
	struct sockaddr_ll in = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface), .sll_protocol = htons((uint16_t)protocol) };
	int fd = socket(AF_PACKET, type, 0);
	return bind(fd, (void *)&in, sizeof(in)) == 0 ? fd : -1;
}

/* The next one within 2 s whose ICMP type is that. */
static bool next_of(int fd, int type, struct seen *s)
{
	struct pollfd p = { fd, POLLIN, 0 };
	while (poll(&p, 1, 2000) == 1) {
		socklen_t length = sizeof(s->from);
		s->bytes = recvfrom(fd, s->frame, sizeof(s->frame), 0, (void *)&s->from, &length);
		if (s->bytes >= 42 && s->frame[12] == 8 && s->frame[13] == 0 && s->frame[23] == IPPROTO_ICMP && s->frame[34] == type) {
			return true;
		}
	}
	return false;
}

static uint16_t checksum(const void *data, size_t bytes)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < bytes; i += 2) {
		sum += *(const uint16_t *)((const char *)data + i);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~((sum & 0xffff) + (sum >> 16));
}

static void request_make(struct icmp *icmp, int number)
{
	memset(icmp, 0x42, 8 + DATA_BYTES);
	icmp->icmp_type = ICMP_ECHO;
	icmp->icmp_code = 0;
	icmp->icmp_id = htons(0x1234);
	icmp->icmp_seq = htons((uint16_t)number);
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = checksum(icmp, 8 + DATA_BYTES);
}

/* A ping goes out and comes back. */
static void echoes(void)
{
	static struct seen s;
	unsigned char request[8 + DATA_BYTES];
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct ifreq r = { 0 };
	int fd = listening(SOCK_RAW, ETH_P_ALL), ping = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	CHECK(fd >= 0 && ping >= 0);
	strcpy(r.ifr_name, interface);
	CHECK(ioctl(fd, SIOCGIFHWADDR, &r) == 0 && r.ifr_hwaddr.sa_family == 1);
	memcpy(own, r.ifr_hwaddr.sa_data, 6);
	inet_pton(AF_INET, address, &to.sin_addr);
	request_make((void *)request, 1);
	CHECK(sendto(ping, request, sizeof(request), 0, (void *)&to, sizeof(to)) == sizeof(request));
	CHECK(next_of(fd, ICMP_ECHO, &s));
	CHECK(s.from.sll_pkttype == PACKET_OUTGOING && s.bytes == 14 + 20 + sizeof(request) && memcmp(s.frame + 6, own, 6) == 0);
	CHECK(memcmp(s.from.sll_addr, own, 6) == 0 && s.from.sll_halen == 6 && s.from.sll_protocol == htons(ETH_P_IP));
	memcpy(&here, s.frame + 26, 4);
	CHECK(next_of(fd, ICMP_ECHOREPLY, &s));
	CHECK(s.from.sll_pkttype == PACKET_HOST && memcmp(s.frame, own, 6) == 0 && memcmp(s.frame + 42, request + 8, DATA_BYTES) == 0);
	memcpy(other, s.frame + 6, 6);
	close(fd);
	close(ping);
}

/* The same, headers included, by hand; and with a link header that the kernel makes. */
static void own_frame(void)
{
	static struct seen s;
	struct {
		unsigned char link[14];
		struct iphdr ip;
		unsigned char icmp[8 + DATA_BYTES];
	} __attribute__((packed)) frame = { .link = { [12] = 8 } };
	struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = htons(28 + DATA_BYTES), .ttl = 64, .protocol = IPPROTO_ICMP, .saddr = here.s_addr };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface), .sll_protocol = htons(ETH_P_IP), .sll_halen = 6 };
	int fd = listening(SOCK_RAW, ETH_P_ALL), cooked = socket(AF_PACKET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, address, &ip.daddr);
	ip.check = checksum(&ip, 20);
	memcpy(&frame.ip, &ip, 20);
	memcpy(frame.link, other, 6);
	memcpy(frame.link + 6, own, 6);
	memcpy(to.sll_addr, other, 6);
	request_make((void *)frame.icmp, 2);
	CHECK(send(fd, &frame, sizeof(frame), 0) == sizeof(frame));
	CHECK(next_of(fd, ICMP_ECHOREPLY, &s) && s.frame[41] == 2 && s.from.sll_pkttype == PACKET_HOST);
	request_make((void *)frame.icmp, 3);
	CHECK(sendto(cooked, &frame.ip, sizeof(frame) - 14, 0, (void *)&to, sizeof(to)) == sizeof(frame) - 14);
	CHECK(next_of(fd, ICMP_ECHO, &s) && s.frame[41] == 3 && s.from.sll_pkttype == PACKET_OUTGOING && memcmp(s.frame, frame.link, 14) == 0);
	CHECK(next_of(fd, ICMP_ECHOREPLY, &s) && s.frame[41] == 3);
	CHECK(send(cooked, &frame.ip, 20, 0) == -1 && errno == ENXIO);
	char large[1515] = "";
	memcpy(large, frame.link, 14);
	CHECK(send(fd, large, 1514, 0) == 1514);
	CHECK(send(fd, large, 1515, 0) == -1 && errno == EMSGSIZE);
	CHECK(send(fd, large, 13, 0) == -1 && errno == EINVAL);
	close(fd);
	close(cooked);
}

/* Is that group among those that the device was told of? */
static bool group_is_told(const char *group)
{
	char line[128];
	bool found = false;
	FILE *f = fopen("/proc/net/dev_mcast", "r");
	while (f && fgets(line, sizeof(line), f)) {
		found = found || strstr(line, group);
	}
	if (f) {
		fclose(f);
	}
	return found;
}

static void groups(void)
{
	struct packet_mreq r = { (int)if_nametoindex(interface), PACKET_MR_MULTICAST, 6, { 1, 0, 0x5e, 0x11, 0x22, 0x33 } };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), second = socket(AF_PACKET, SOCK_RAW, 0);
	CHECK(!group_is_told("01005e112233"));
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)) == 0 && group_is_told("01005e112233"));
	CHECK(setsockopt(second, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)) == 0);
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &r, sizeof(r)) == 0 && group_is_told("01005e112233"));
	close(second);
	CHECK(!group_is_told("01005e112233"));
	r.mr_type = PACKET_MR_PROMISC;
	r.mr_alen = 0;
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)) == 0);
	r.mr_type = PACKET_MR_ALLMULTI;
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)) == 0);
	close(fd);
}

/* ---- a transfer ---- */

#define BLOCK 32768u
#define BLOCKS 512u /* more than there are frames, if all are short */

struct watched {
	unsigned frames, longest, cut;
	long payload;
};

static void look(const struct tpacket2_hdr *h, int port, struct watched *w)
{
	const unsigned char *frame = (const unsigned char *)h + h->tp_mac, *tcp = frame + 14 + (frame[14] & 15) * 4;
	const struct sockaddr_ll *from = (const void *)((const char *)h + TPACKET_ALIGN(sizeof(*h)));
	if (from->sll_pkttype != PACKET_OUTGOING || frame[12] != 8 || frame[23] != IPPROTO_TCP || (tcp[0] << 8 | tcp[1]) != port) {
		return;
	}
	w->frames++;
	w->longest = h->tp_len > w->longest ? h->tp_len : w->longest;
	w->cut += h->tp_snaplen != h->tp_len;
	w->payload += (frame[16] << 8 | frame[17]) - (frame[14] & 15) * 4 - (tcp[12] >> 4) * 4;
}

static int watch(int port, long bytes)
{
	struct tpacket_req r = { BLOCK, BLOCKS, BLOCK, BLOCKS };
	struct tpacket_stats stats = { 0 };
	socklen_t length = sizeof(stats);
	struct watched w = { 0 };
	int fd = listening(SOCK_RAW, ETH_P_ALL), version = TPACKET_V2;
	unsigned char *ring = MAP_FAILED;
	struct sock_filter only[] = { /* TCP of IPv4 without options, from that port */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE), BPF_JUMP(BPF_JMP | BPF_JEQ, PACKET_OUTGOING, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23), BPF_JUMP(BPF_JMP | BPF_JEQ, IPPROTO_TCP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 34), BPF_JUMP(BPF_JMP | BPF_JEQ, (unsigned)port, 0, 1),
		BPF_STMT(BPF_RET, 65535), BPF_STMT(BPF_RET, 0),
	};
	struct sock_fprog program = { 8, only };
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program))) {
		printf("no filter: %s\n", strerror(errno));
		return 1;
	}
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) == 0 && setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &r, sizeof(r)) == 0) {
		ring = mmap(NULL, BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	if (ring == MAP_FAILED) {
		printf("no ring: %s\n", strerror(errno));
		return 1;
	}
	printf("watching\n");
	fflush(stdout);
	for (unsigned next = 0; w.payload < bytes;) {
		struct tpacket2_hdr *h = (void *)(ring + next * BLOCK);
		struct pollfd p = { fd, POLLIN, 0 };
		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
			if (poll(&p, 1, 20000) != 1) {
				break;
			}
			continue;
		}
		look(h, port, &w);
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		next = (next + 1) % BLOCKS;
	}
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
	printf("seen: %s, %s frames, %u cut, %s lost\n", w.payload >= bytes ? "all" : "not all", w.longest > 1514 ? "long" : "short", w.cut,
		stats.tp_drops ? "some" : "none");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		return 0;
	}
	interface = argv[1];
	if (argc > 3) {
		return watch(atoi(argv[2]), atol(argv[3]));
	}
	address = argv[2];
	RUN(echoes);
	RUN(own_frame);
	RUN(groups);
	return check_failures;
}
