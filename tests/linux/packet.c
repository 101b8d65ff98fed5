/* SPDX-License-Identifier: MIT */
/* Sockets of AF_PACKET on the loopback interface: what they see and how they tell it, filters, rings, frames of one's own. As root. */
#include "inet.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/un.h>

#define ETH_P_IP 0x800
#define ETH_P_IPV6 0x86dd
#define ETH_P_ARP 0x806
#define ETH_P_ALL 3
#define LO 1
#ifndef SIOCGSTAMP
#define SIOCGSTAMP 0x8906
#endif

static struct sockaddr_ll name_of(int interface, int protocol)
{
	return (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_ifindex = interface, .sll_protocol = htons((uint16_t)protocol) };
}

static int listen_on(int fd, int protocol)
{
	struct sockaddr_ll in = name_of(LO, protocol);
	return bind(fd, (void *)&in, sizeof(in));
}

/* A pair of UDP sockets, which nobody else sends to. */
static struct {
	int from, to, port;
} udp;

static void udp_make(void)
{
	struct sockaddr_in in = to("127.0.0.1", 0);
	udp.from = socket(AF_INET, SOCK_DGRAM, 0);
	udp.to = socket(AF_INET, SOCK_DGRAM, 0);
	bind(udp.to, (void *)&in, sizeof(in));
	udp.port = port_of(udp.to);
	in = to("127.0.0.1", udp.port);
	connect(udp.from, (void *)&in, sizeof(in));
}

/* Only datagrams to that port: what else passes this host's loopback is nobody's business. `keep` bytes of them. */
static int only_mine(int fd, int raw, unsigned keep)
{
	unsigned at = raw ? 14 : 0;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL), BPF_JUMP(BPF_JMP | BPF_JEQ, ETH_P_IP, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at + 9), BPF_JUMP(BPF_JMP | BPF_JEQ, 17, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at + 22), BPF_JUMP(BPF_JMP | BPF_JEQ, (unsigned)udp.port, 0, 1),
		BPF_STMT(BPF_RET, keep), BPF_STMT(BPF_RET, 0),
	};
	struct sock_fprog program = { 8, code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void drain(int fd)
{
	char byte;
	while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) {
	}
}

/* It hears nothing before it has its filter: what others send is not in its statistics either. */
static int hearing(int type, int protocol)
{
	int fd = socket(AF_PACKET, type, 0);
	only_mine(fd, type == SOCK_RAW, 65535);
	listen_on(fd, protocol);
	return fd;
}

/* What comes next, in a line. */
static void show_next(const char *what, int fd, int flags)
{
	unsigned char data[2048];
	struct sockaddr_ll from;
	socklen_t length = sizeof(from);
	memset(&from, 0xee, sizeof(from));
	long n = recvfrom(fd, data, sizeof(data), flags | MSG_DONTWAIT, (void *)&from, &length);
	if (n < 0) {
		SHOW(what, "%s", calls_error(errno));
		return;
	}
	SHOW(what, "%ld bytes, address %d: %d %x %d %d %d %d %x%x, first %02x at 12 %02x%02x", n, (int)length, from.sll_family, ntohs(from.sll_protocol),
		from.sll_ifindex, from.sll_hatype, from.sll_pkttype, from.sll_halen, from.sll_addr[0], from.sll_addr[5], data[0], data[12], data[13]);
}

/* ---- making and naming ---- */

static void making(void)
{
	struct sockaddr_ll in = name_of(LO, ETH_P_ALL), none = name_of(9999, ETH_P_ALL), name;
	socklen_t length = sizeof(name);
	CALL(socket(AF_PACKET, SOCK_STREAM, htons(ETH_P_ALL)));
	CALL(socket(AF_PACKET, SOCK_SEQPACKET, htons(ETH_P_ALL)));
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)), dgram = socket(AF_PACKET, SOCK_DGRAM, 0);
	SHOW("type", "%d %d %d", number(fd, SOL_SOCKET, SO_TYPE), ntohs((uint16_t)number(fd, SOL_SOCKET, SO_PROTOCOL)), number(fd, SOL_SOCKET, SO_DOMAIN));
	SHOW("poll", "%x", polled(dgram, 0));
	CALL(getsockname(fd, (void *)&name, &length));
	SHOW("unbound", "%d: %d %x %d %d %d", (int)length, name.sll_family, ntohs(name.sll_protocol), name.sll_ifindex, name.sll_hatype, name.sll_halen);
	CALL(bind(fd, (void *)&in, sizeof(in) - 1));
	in.sll_family = AF_INET;
	CALL(bind(fd, (void *)&in, sizeof(in)));
	in.sll_family = AF_PACKET;
	CALL(bind(fd, (void *)&none, sizeof(none)));
	none.sll_ifindex = -1;
	CALL(bind(fd, (void *)&none, sizeof(none)));
	CALL(bind(fd, (void *)&in, sizeof(in)));
	length = sizeof(name);
	CALL(getsockname(fd, (void *)&name, &length));
	SHOW("bound", "%d: %d %x %d %d %d %d", (int)length, name.sll_family, ntohs(name.sll_protocol), name.sll_ifindex, name.sll_hatype, name.sll_pkttype,
		name.sll_halen);
	in.sll_protocol = 0;
	CALL(bind(fd, (void *)&in, sizeof(in))); /* the protocol stays */
	length = sizeof(name);
	getsockname(fd, (void *)&name, &length);
	SHOW("protocol", "%x", ntohs(name.sll_protocol));
	CALL(getpeername(fd, (void *)&name, &length));
	CALL(connect(fd, (void *)&in, sizeof(in)));
	CALL(listen(fd, 1));
	CALL(accept(fd, NULL, NULL));
	CALL(shutdown(fd, SHUT_RDWR));
	int pair[2];
	CALL(socketpair(AF_PACKET, SOCK_RAW, 0, pair));
	struct ifreq r = { .ifr_name = "lo" };
	CALL(ioctl(dgram, SIOCGIFINDEX, &r));
	SHOW("lo", "%d", r.ifr_ifindex);
	CALL(ioctl(dgram, SIOCGIFHWADDR, &r));
	SHOW("hardware", "%d", r.ifr_hwaddr.sa_family);
	CALL(ioctl(dgram, SIOCGSTAMP, &r));
	CALL(recv(dgram, &name, 1, MSG_DONTWAIT));
	CALL(recv(dgram, &name, 1, MSG_DONTWAIT | MSG_OOB));
	CALL(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dgram, 0));
	CALL(setuid(1000));
	CALL(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
	CALL(socket(AF_PACKET, SOCK_STREAM, 0));
}

/* ---- seeing ---- */

static void seeing(void)
{
	udp_make();
	int raw = hearing(SOCK_RAW, ETH_P_ALL), cooked = hearing(SOCK_DGRAM, ETH_P_ALL);
	int single = hearing(SOCK_RAW, ETH_P_IP), other = hearing(SOCK_RAW, ETH_P_IPV6);
	SHOW("nothing yet", "%x", polled(raw, 0));
	CALL(send(udp.from, "hello", 5, 0));
	SHOW("poll", "%x", until(raw, POLLIN));
	until(single, POLLIN);
	int bytes;
	CALL(ioctl(raw, FIONREAD, &bytes));
	SHOW("bytes", "%d", bytes);
	show_next("peek", raw, MSG_PEEK);
	show_next("out", raw, 0);
	show_next("in", raw, 0);
	show_next("no more", raw, 0);
	show_next("cooked out", cooked, 0);
	show_next("cooked in", cooked, MSG_TRUNC);
	show_next("single in", single, 0);
	show_next("single", single, 0);
	show_next("other", other, 0);
	char little[10];
	CALL(send(udp.from, "hello", 5, 0));
	until(raw, POLLIN);
	CALL(recv(raw, little, 10, MSG_DONTWAIT));
	CALL(recv(raw, little, 10, MSG_DONTWAIT | MSG_TRUNC));
	CALL(set(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1));
	CALL(set(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING, 2));
	SHOW("ignores", "%d", number(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING));
	CALL(send(udp.from, "hello", 5, 0));
	until(raw, POLLIN);
	show_next("only in", raw, 0);
	show_next("no more", raw, 0);
	struct timeval time = { 0 };
	CALL(ioctl(raw, SIOCGSTAMP, &time));
	IS(time.tv_sec > 1000000000);
	CALL(recv(raw, NOWHERE, 10, MSG_DONTWAIT));
	CALL(send(udp.from, "hello", 5, 0));
	until(raw, POLLIN);
	CALL(recv(raw, NOWHERE, 10, MSG_DONTWAIT));
	CALL(recv(raw, little, 10, MSG_DONTWAIT));
	struct sockaddr_ll elsewhere = name_of(LO, ETH_P_ARP);
	CALL(bind(raw, (void *)&elsewhere, sizeof(elsewhere)));
	CALL(send(udp.from, "hello", 5, 0));
	until(cooked, POLLIN);
	show_next("another protocol", raw, 0);
	CALL(ioctl(raw, FIONREAD, &bytes));
	SHOW("bytes", "%d", bytes);
}

static void telling(void)
{
	union {
		char bytes[256];
		struct cmsghdr header;
	} control;
	unsigned char data[100];
	struct iovec v = { data, sizeof(data) };
	udp_make();
	int raw = hearing(SOCK_RAW, ETH_P_IP), cooked = hearing(SOCK_DGRAM, ETH_P_IP), both[] = { raw, cooked };
	SHOW("auxdata", "%d", number(raw, SOL_PACKET, PACKET_AUXDATA));
	CALL(set(raw, SOL_PACKET, PACKET_AUXDATA, 1));
	CALL(set(cooked, SOL_PACKET, PACKET_AUXDATA, 1));
	CALL(set(raw, SOL_SOCKET, SO_TIMESTAMPNS, 1));
	SHOW("auxdata", "%d", number(raw, SOL_PACKET, PACKET_AUXDATA));
	only_mine(raw, 1, 40);
	CALL(send(udp.from, "hello, here", 11, 0));
	for (int i = 0; i < 2; i++) {
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		until(both[i], POLLIN);
		CALL(recvmsg(both[i], &m, 0));
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			SHOW("message", "%d %d %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
			if (c->cmsg_level == SOL_PACKET) {
				struct tpacket_auxdata a;
				memcpy(&a, CMSG_DATA(c), sizeof(a));
				SHOW("told", "status %x, %u of %u, %u %u, tag %u %u", a.tp_status, a.tp_snaplen, a.tp_len, a.tp_mac, a.tp_net, a.tp_vlan_tci,
					a.tp_vlan_tpid);
			}
		}
	}
	struct tpacket_stats s;
	socklen_t length = sizeof(s);
	CALL(getsockopt(raw, SOL_PACKET, PACKET_STATISTICS, &s, &length));
	SHOW("statistics", "%d: %u %u", (int)length, s.tp_packets, s.tp_drops);
	getsockopt(raw, SOL_PACKET, PACKET_STATISTICS, &s, &length);
	SHOW("again", "%u %u", s.tp_packets, s.tp_drops);
	CALL(setsockopt(raw, SOL_PACKET, 99, &length, 4));
	CALL(getsockopt(raw, SOL_PACKET, 99, &s, &length));
	CALL(setsockopt(raw, IPPROTO_IP, IP_TTL, &length, 4));
	CALL(setsockopt(raw, SOL_PACKET, PACKET_AUXDATA, &length, 3));
	CALL(setsockopt(raw, SOL_PACKET, PACKET_AUXDATA, NOWHERE, 4));
	CALL(setsockopt(raw, SOL_PACKET, PACKET_STATISTICS, &length, 4));
}

/* Nobody reads: what there is no room for is counted. */
static void crowded(void)
{
	char byte[1400] = "";
	struct tpacket_stats s;
	socklen_t length = sizeof(s);
	udp_make();
	int raw = hearing(SOCK_RAW, ETH_P_IP);
	getsockopt(raw, SOL_PACKET, PACKET_STATISTICS, &s, &length);
	CALL(set(raw, SOL_SOCKET, SO_RCVBUF, 8000));
	for (int i = 0; i < 200; i++) {
		send(udp.from, byte, sizeof(byte), 0);
		recv(udp.to, byte, sizeof(byte), 0);
	}
	getsockopt(raw, SOL_PACKET, PACKET_STATISTICS, &s, &length);
	SHOW("seen", "%u", s.tp_packets);
	IS(s.tp_drops > 150 && s.tp_drops < 199);
	unsigned kept = 0;
	while (recv(raw, byte, 1, MSG_DONTWAIT) >= 0) {
		kept++;
	}
	IS(kept == s.tp_packets - s.tp_drops);
}

static void memberships(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	listen_on(fd, ETH_P_ALL);
	struct packet_mreq all = { .mr_ifindex = LO, .mr_type = PACKET_MR_PROMISC }, group = { LO, PACKET_MR_MULTICAST, 6, { 1, 0, 0x5e, 1, 2, 3 } };
	struct packet_mreq wrong = group;
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, 8));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &all, sizeof(all)));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &all, sizeof(all)));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &all, sizeof(all)));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group)));
	wrong.mr_address[5] = 4;
	CALL(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &wrong, sizeof(wrong)));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &group, sizeof(group)));
	wrong.mr_ifindex = 9999;
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wrong, sizeof(wrong)));
	wrong = group;
	wrong.mr_alen = 5;
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wrong, sizeof(wrong)));
	wrong.mr_alen = 8;
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wrong, sizeof(wrong)));
	wrong.mr_alen = 9;
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wrong, sizeof(wrong)));
	CALL(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, NOWHERE, sizeof(wrong)));
}

/* ---- filters ---- */

static int attach(int fd, const struct sock_filter *code, unsigned length)
{
	struct sock_fprog program = { (unsigned short)length, (void *)code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}
#define ATTACH(fd, ...) attach(fd, (const struct sock_filter[]){ __VA_ARGS__ }, sizeof((const struct sock_filter[]){ __VA_ARGS__ }) / 8)

static void filters(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct sock_filter back[8], all[] = { BPF_STMT(BPF_RET, 65535) }, two[] = { BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0) };
	struct sock_fprog program = { 1, all };
	socklen_t length = 0;
	CALL(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &length, 4));
	CALL(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &length));
	SHOW("length", "%d", (int)length);
	CALL(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program) - 1));
	CALL(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program) + 1));
	CALL(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, NOWHERE, sizeof(program)));
	CALL(attach(fd, NOWHERE, 1));
	CALL(attach(fd, NULL, 1));
	CALL(attach(fd, all, 0));
	CALL(attach(fd, all, 4097));
	CALL(ATTACH(fd, BPF_STMT(BPF_LD | BPF_IMM, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_RET | BPF_X, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_LD | BPF_MEM, 16), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_ST, 1), BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_ALU | BPF_DIV, 0), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_ALU | BPF_MOD, 0), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_ALU | BPF_LSH, 32), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_ALU | BPF_RSH, 31), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_JUMP(BPF_JMP | BPF_JA, 0xffffffff, 0, 0), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_JUMP(BPF_JMP | BPF_JEQ, 0, 1, 0), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_JUMP(BPF_JMP | BPF_JEQ, 0, 0, 0), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_MAX), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + 1), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_LL_OFF), BPF_STMT(BPF_RET, 0)));
	CALL(ATTACH(fd, { 0x106, 0, 0, 0 }));
	CALL(ATTACH(fd, { 0x38, 0, 0, 0 }, BPF_STMT(BPF_RET, 0)));
	CALL(attach(fd, two, 2));
	length = 0;
	CALL(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &length));
	SHOW("length", "%d", (int)length);
	length = 1;
	CALL(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &length));
	length = 8;
	CALL(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &length));
	IS(length == 2 && memcmp(back, two, sizeof(two)) == 0);
	CALL(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &length, 4));
	CALL(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &length, 4));
	SHOW("locked", "%d", number(fd, SOL_SOCKET, SO_LOCK_FILTER));
	CALL(attach(fd, all, 1));
	CALL(set(fd, SOL_SOCKET, SO_LOCK_FILTER, 0));
	CALL(set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1));
	CALL(set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1));
	CALL(set(fd, SOL_SOCKET, SO_LOCK_FILTER, 0));
	SHOW("locked", "%d", number(fd, SOL_SOCKET, SO_LOCK_FILTER));
	CALL(attach(fd, all, 1));
	CALL(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &length, 4));
	IS(number(fd, SOL_SOCKET, SO_BPF_EXTENSIONS) >= SKF_AD_VLAN_TAG_PRESENT);
}

static void filtering(void)
{
	unsigned char data[100];
	udp_make();
	int raw = hearing(SOCK_RAW, ETH_P_ALL), cooked = hearing(SOCK_DGRAM, ETH_P_ALL);
	only_mine(raw, 1, 20);
	CALL(send(udp.from, "hello", 5, 0));
	until(raw, POLLIN);
	CALL(recv(raw, data, sizeof(data), MSG_DONTWAIT));
	CALL(recv(raw, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC));
	drain(cooked);
	CALL(ATTACH(cooked, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE), BPF_JUMP(BPF_JMP | BPF_JEQ, PACKET_OUTGOING, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), BPF_JUMP(BPF_JMP | BPF_JEQ, 17, 0, 3), BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 22),
		BPF_JUMP(BPF_JMP | BPF_JEQ, (unsigned)udp.port, 0, 1), BPF_STMT(BPF_RET, 100), BPF_STMT(BPF_RET, 0)));
	drain(cooked);
	CALL(send(udp.from, "hello", 5, 0));
	until(cooked, POLLIN);
	show_next("outgoing", cooked, 0);
	show_next("no more", cooked, 0);
	/* The link header is there for who asks for it by its own offset. */
	CALL(ATTACH(cooked, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_LL_OFF + 12), BPF_JUMP(BPF_JMP | BPF_JEQ, ETH_P_IP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_NET_OFF + 22), BPF_JUMP(BPF_JMP | BPF_JEQ, (unsigned)udp.port, 0, 1), BPF_STMT(BPF_RET, 30),
		BPF_STMT(BPF_RET, 0)));
	CALL(send(udp.from, "hello", 5, 0));
	until(cooked, POLLIN);
	CALL(recv(cooked, data, sizeof(data), MSG_DONTWAIT));
	/* UDP's own: its header is at 0. */
	drain(udp.to);
	CALL(ATTACH(udp.to, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8), BPF_JUMP(BPF_JMP | BPF_JEQ, 'y', 0, 1), BPF_STMT(BPF_RET, 11), BPF_STMT(BPF_RET, 0)));
	CALL(send(udp.from, "no", 2, 0));
	CALL(send(udp.from, "", 0, 0));
	CALL(send(udp.from, "yes, it is", 10, 0));
	CALL(send(udp.from, "y", 1, 0));
	until(udp.to, POLLIN);
	CALL(recv(udp.to, data, sizeof(data), MSG_DONTWAIT));
	IS(memcmp(data, "yes", 3) == 0);
	CALL(recv(udp.to, data, sizeof(data), MSG_DONTWAIT));
	CALL(recv(udp.to, data, sizeof(data), MSG_DONTWAIT));
	CALL(ATTACH(udp.to, BPF_STMT(BPF_RET, 3)));
	CALL(send(udp.from, "gone", 4, 0));
	until(udp.to, POLLIN);
	CALL(recv(udp.to, data, sizeof(data), MSG_DONTWAIT));
	int local[2], types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
	for (int i = 0; i < 2; i++) {
		socketpair(AF_UNIX, types[i], 0, local);
		CALL(ATTACH(local[1], BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ, 'y', 0, 1), BPF_STMT(BPF_RET, 3),
			BPF_STMT(BPF_RET, 0)));
		CALL(send(local[0], "no", 2, 0));
		CALL(send(local[0], "yes, it is", 10, 0));
		CALL(send(local[1], "no", 2, 0));
		CALL(recv(local[1], data, sizeof(data), MSG_DONTWAIT));
		CALL(recv(local[1], data, sizeof(data), MSG_DONTWAIT));
		CALL(recv(local[0], data, sizeof(data), MSG_DONTWAIT));
	}
}

/* ---- sending ---- */

static unsigned char frame[70000];

static unsigned frame_make(const char *text)
{
	unsigned bytes = (unsigned)strlen(text);
	struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = htons((uint16_t)(28 + bytes)), .ttl = 64, .protocol = 17,
		.saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK) };
	struct udphdr header = { .source = htons(9), .dest = htons((uint16_t)udp.port), .len = htons((uint16_t)(8 + bytes)) };
	uint32_t sum = 0;
	for (int i = 0; i < 10; i++) {
		sum += ((uint16_t *)&ip)[i];
	}
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = (uint16_t)~((sum & 0xffff) + (sum >> 16));
	memset(frame, 0, 14);
	frame[12] = 8;
	memcpy(frame + 14, &ip, 20);
	memcpy(frame + 34, &header, 8);
	memcpy(frame + 42, text, bytes);
	return 42 + bytes;
}

static void sending(void)
{
	char data[100];
	udp_make();
	int raw = hearing(SOCK_RAW, ETH_P_ALL), cooked = socket(AF_PACKET, SOCK_DGRAM, 0), other = hearing(SOCK_RAW, ETH_P_ALL);
	struct sockaddr_ll lo = name_of(LO, ETH_P_IP), none = name_of(9999, ETH_P_IP), any = name_of(0, ETH_P_IP);
	lo.sll_halen = 6;
	unsigned bytes = frame_make("of my own");
	IS(send(raw, frame, bytes, 0) == (long)bytes);
	until(raw, POLLIN);
	CALL(recv(udp.to, data, sizeof(data), MSG_DONTWAIT)); /* from and to 127.0.0.1: no protocol takes it from a wire */
	show_next("one's own comes in only", raw, 0);
	show_next("no more", raw, 0);
	show_next("others' go out", other, 0);
	show_next("and come in", other, 0);
	IS(sendto(cooked, frame + 14, bytes - 14, 0, (void *)&lo, sizeof(lo)) == (long)bytes - 14);
	until(other, POLLIN);
	show_next("a header was made", other, 0);
	CALL(sendto(cooked, frame + 14, 20, 0, (void *)&none, sizeof(none)));
	CALL(sendto(cooked, frame + 14, 20, 0, (void *)&any, sizeof(any)));
	CALL(sendto(cooked, frame + 14, 20, 0, (void *)&lo, 12));
	CALL(sendto(cooked, frame + 14, 20, 0, (void *)&lo, 19));
	CALL(send(cooked, frame + 14, 20, 0));
	CALL(send(raw, frame, 13, 0));
	CALL(send(raw, frame, 0, 0));
	CALL(send(raw, frame, 70000, 0));
	CALL(sendto(cooked, frame, 70000, 0, (void *)&lo, sizeof(lo)));
	CALL(send(raw, NOWHERE, 60, 0));
	CALL(write(raw, frame, 14));
	frame_make("to another station");
	frame[5] = 2;
	drain(other);
	CALL(send(raw, frame, 60, 0));
	show_next("another's out", other, 0);
	show_next("another's in", other, 0);
	frame[5] = 0;
	frame[12] = 0x88; /* of a protocol that nobody takes */
	frame[13] = 0xb5;
	CALL(ATTACH(other, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP | BPF_JEQ, 0x88b5, 0, 1), BPF_STMT(BPF_RET, 65535),
		BPF_STMT(BPF_RET, 0)));
	drain(other);
	CALL(send(raw, frame, 60, 0));
	show_next("strange out", other, 0);
	show_next("strange in", other, 0);
	frame[12] = 0; /* a length, as IEEE 802.3 has it */
	frame[13] = 20;
	CALL(ATTACH(other, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP | BPF_JEQ, 20, 0, 1), BPF_STMT(BPF_RET, 65535),
		BPF_STMT(BPF_RET, 0)));
	CALL(send(raw, frame, 60, 0));
	show_next("length out", other, MSG_TRUNC);
	recv(other, data, sizeof(data), MSG_DONTWAIT);
	show_next("no more", other, 0);
}

/* ---- rings ---- */

static int header_bytes(int fd, int version)
{
	socklen_t length = sizeof(version);
	return getsockopt(fd, SOL_PACKET, PACKET_HDRLEN, &version, &length) == 0 ? version : -errno;
}

static int ring(int fd, unsigned block, unsigned blocks, unsigned slot, unsigned slots)
{
	struct tpacket_req r = { block, blocks, slot, slots };
	return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &r, sizeof(r));
}

static void rings(void)
{
	udp_make();
	int fd = hearing(SOCK_RAW, ETH_P_IP), cooked = hearing(SOCK_DGRAM, ETH_P_IP);
	SHOW("header", "%d", header_bytes(fd, TPACKET_V2));
	SHOW("header", "%d", header_bytes(fd, 77));
	CALL(set(fd, SOL_PACKET, PACKET_VERSION, 77));
	CALL(set(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2));
	SHOW("version", "%d", number(fd, SOL_PACKET, PACKET_VERSION));
	CALL(set(fd, SOL_PACKET, PACKET_RESERVE, 4));
	SHOW("reserve", "%d", number(fd, SOL_PACKET, PACKET_RESERVE));
	CALL(ring(fd, 0, 1, 2048, 2));
	CALL(ring(fd, 4095, 1, 2048, 1));
	CALL(ring(fd, 4096, 1, 40, 102));
	CALL(ring(fd, 4096, 1, 48, 85));
	CALL(ring(fd, 4096, 1, 2050, 1));
	CALL(ring(fd, 4096, 1, 8192, 1));
	CALL(ring(fd, 4096, 2, 2048, 3));
	CALL(ring(fd, 0x80000000u, 1, 2048, 0x80000000u / 2048));
	CALL(ring(fd, 0, 0, 0, 1));
	CALL(ring(fd, 0, 0, 0, 0));
	CALL(ring(fd, 4096, 2, 2048, 4));
	CALL(ring(fd, 4096, 2, 2048, 4));
	CALL(set(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2));
	CALL(set(fd, SOL_PACKET, PACKET_RESERVE, 8));
	CALL(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	CALL(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096));
	unsigned char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		SHOW("mmap", "%s", calls_error(errno));
		return;
	}
	SHOW("poll", "%x", polled(fd, 0));
	CALL(send(udp.from, "hello", 5, 0));
	SHOW("poll", "%x", until(fd, POLLIN));
	struct tpacket2_hdr *h = (void *)map;
	struct sockaddr_ll *from = (void *)(map + TPACKET_ALIGN(sizeof(*h)));
	SHOW("slot", "status %x, %u of %u at %u %u", h->tp_status & 0xff, h->tp_snaplen, h->tp_len, h->tp_mac, h->tp_net);
	IS(h->tp_sec > 1000000000 && h->tp_nsec < 1000000000);
	SHOW("from", "%d %x %d %d %d %d", from->sll_family, ntohs(from->sll_protocol), from->sll_ifindex, from->sll_hatype, from->sll_pkttype, from->sll_halen);
	IS(memcmp(map + h->tp_mac + 42, "hello", 5) == 0 && map[h->tp_net] == 0x45);
	CALL(recv(fd, &h, 1, MSG_DONTWAIT));
	for (int i = 0; i < 5; i++) {
		send(udp.from, "again", 5, 0);
	}
	h = (void *)map;
	until(fd, POLLIN);
	struct tpacket_stats s;
	socklen_t length = sizeof(s);
	for (unsigned i = 0; i < 4; i++) {
		struct tpacket2_hdr *slot = (void *)(map + 2048 * i);
		SHOW("filled", "%u", slot->tp_status & 1);
	}
	CALL(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &s, &length));
	SHOW("statistics", "%u %u", s.tp_packets, s.tp_drops);
	for (unsigned i = 0; i < 4; i++) {
		((struct tpacket2_hdr *)(void *)(map + 2048 * i))->tp_status = TP_STATUS_KERNEL;
	}
	SHOW("poll", "%x", polled(fd, 0));
	send(udp.from, "round", 5, 0);
	until(fd, POLLIN);
	IS((h->tp_status & 1) && memcmp(map + h->tp_mac + 42, "round", 5) == 0);
	munmap(map, 8192);
	CALL(ring(fd, 0, 0, 0, 0));
	CALL(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	send(udp.from, "plain", 5, 0);
	until(fd, POLLIN);
	show_next("queued", fd, 0);
	/* Without a link header; and a slot that is too short for all of it. */
	CALL(set(cooked, SOL_PACKET, PACKET_VERSION, TPACKET_V2));
	CALL(ring(cooked, 4096, 1, 112, 36));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cooked, 0);
	send(udp.from, "cut, as it is too long", 22, 0);
	until(cooked, POLLIN);
	h = (void *)map;
	SHOW("slot", "status %x, %u of %u at %u %u", h->tp_status & 0xff, h->tp_snaplen, h->tp_len, h->tp_mac, h->tp_net);
	SHOW("next", "%x", ((struct tpacket2_hdr *)(void *)(map + 112))->tp_status);
	close(cooked);
	IS(h->tp_len == 50); /* the mapping stays */
}

int main(void)
{
	calls_begin();
	RUN(making);
	RUN(seeing);
	RUN(telling);
	RUN(crowded);
	RUN(memberships);
	RUN(filters);
	RUN(filtering);
	RUN(sending);
	RUN(rings);
	return 0;
}
