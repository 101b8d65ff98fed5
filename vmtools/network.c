/* SPDX-License-Identifier: MIT */
/* See network.h. Published ports are reached from this host only: they are bound to its loopback address. */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "quantity.h"

static const char *const nic_names[NIC_COUNT] = { [NIC_E1000E] = "e1000e", [NIC_E1000] = "e1000", [NIC_LOOP] = "loop" };

const char *network_set(struct network *n, const char *value)
{
	n->net_given = true;
	if (strncmp(value, "tap=", 4) == 0) {
		size_t length = strlen(value + 4);
		if (length == 0 || length >= sizeof(n->tap) || strpbrk(value + 4, ",/ ")) {
			return "NAME is that of a tap device which is there, as in tap=tap0";
		}
		n->net = NET_TAP;
		memcpy(n->tap, value + 4, length + 1);
		return NULL;
	}
	n->net = strcmp(value, "user") == 0 ? NET_USER : NET_NONE;
	return n->net == NET_NONE && strcmp(value, "none") != 0 ? "use user, tap=NAME or none" : NULL;
}

const char *network_set_device(struct network *n, const char *value)
{
	n->nic_given = true;
	for (unsigned i = 0; i < NIC_COUNT; i++) {
		if (strcmp(value, nic_names[i]) == 0) {
			n->nic = (enum vmctl_nic)i;
			return NULL;
		}
	}
	return "use e1000e, e1000 or loop";
}

static void mac_write(const uint8_t bytes[6], char mac[NETWORK_MAC])
{
	snprintf(mac, NETWORK_MAC, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

const char *network_set_mac(struct network *n, const char *value)
{
	static const uint8_t zero[6];
	struct ether_addr address;
	unsigned colons = 0;
	for (const char *at = value; *at; at++) {
		colons += *at == ':';
	}
	/* ether_aton_r does not look at what comes behind. */
	bool good = colons == 5 && strspn(value, "0123456789abcdefABCDEF:") == strlen(value) && ether_aton_r(value, &address);
	if (!good || address.ether_addr_octet[0] & 1 || memcmp(address.ether_addr_octet, zero, sizeof(zero)) == 0) {
		return "use the address of one adapter, as in 52:54:00:00:00:07 (a group's has the lowest bit of its first byte set)";
	}
	mac_write(address.ether_addr_octet, n->mac);
	return NULL;
}

/* FNV-1a, 32 bits. */
static uint32_t hash_add(uint32_t hash, const char *text)
{
	for (; *text; text++) {
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	}
	return hash;
}

void network_mac(const struct network *n, char mac[NETWORK_MAC])
{
	char host[64] = "";
	if (n->mac[0] || n->net != NET_TAP) {
		memcpy(mac, n->mac[0] ? n->mac : "52:54:00:12:34:56", NETWORK_MAC);
		return;
	}
	FILE *id = fopen("/etc/machine-id", "re");
	if (id) {
		host[fread(host, 1, sizeof(host) - 1, id)] = '\0';
		fclose(id);
	}
	uint32_t hash = hash_add(hash_add(2166136261u, host), n->tap);
	const uint8_t bytes[6] = { 0x52, 0x54, 0, (uint8_t)(hash >> 16), (uint8_t)(hash >> 8), (uint8_t)hash };
	mac_write(bytes, mac);
}

/* [from, to) as an address of IPv4 that one host may have; *number: in the host's order. */
static bool address_read(const char *from, const char *to, char address[NETWORK_ADDRESS], uint32_t *number)
{
	struct in_addr bytes;
	size_t length = (size_t)(to - from);
	if (length >= NETWORK_ADDRESS) {
		return false;
	}
	memcpy(address, from, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, &bytes) != 1) {
		return false;
	}
	*number = ntohl(bytes.s_addr);
	unsigned first = *number >> 24;
	return first != 0 && first != IN_LOOPBACKNET && first < 224; /* RFC 1122, 3.2.1.3: this host, loopback, groups and what is behind them */
}

/* Neither the network itself nor its broadcast address; networks of two or one have neither (RFC 3021). */
static bool is_in_network(uint32_t address, uint32_t network, uint64_t bits)
{
	uint32_t host = bits < 32 ? ~0u >> bits : 0;
	return (address & ~host) == (network & ~host) && (bits >= 31 || ((address & host) != 0 && (address & host) != host));
}

const char *network_set_ip(struct network *n, const char *value)
{
	static const char *const words[] = { ",gateway=", ",dns=" };
	static const char how[] = "use dhcp, none or ADDRESS/BITS[,gateway=ADDRESS][,dns=ADDRESS], as in 10.0.2.20/24,gateway=10.0.2.2,dns=10.0.2.3 "
				  "(an address of IPv6 is set in the guest, by ip or ifconfig)";
	const char *slash = strchr(value, '/'), *end = strchrnul(value, ',');
	char bits_text[3] = "", address[NETWORK_ADDRESS];
	uint64_t bits;
	uint32_t own, others[2] = { 0 };
	n->ip = value;
	n->guest[0] = '\0';
	if (strcmp(value, "dhcp") == 0 || strcmp(value, "none") == 0) {
		return NULL;
	}
	if (!slash || end < slash || end - slash > 3 || !address_read(value, slash, n->guest, &own)) {
		return how;
	}
	memcpy(bits_text, slash + 1, (size_t)(end - slash - 1));
	bool good = quantity_number(bits_text, 32, &bits) == 0 && bits > 0;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);
		if (strncmp(end, words[i], length) == 0) {
			const char *at = end + length;
			end = strchrnul(at, ',');
			good = good && address_read(at, end, address, &others[i]);
		}
	}
	if (!good || *end) {
		return how;
	}
	if (!is_in_network(own, own, bits)) {
		return "that is the network itself or its broadcast address: use one between them, as in 10.0.2.20/24";
	}
	return others[0] && (!is_in_network(others[0], own, bits) || others[0] == own) ? "the gateway has to be another address of the guest's network" : NULL;
}

/* The digits of [from, to) as a port. */
static bool port_read(const char *from, const char *to, uint16_t *port)
{
	char text[8];
	uint64_t value;
	size_t length = (size_t)(to - from);
	if (length == 0 || length >= sizeof(text)) {
		return false;
	}
	memcpy(text, from, length);
	text[length] = '\0';
	if (quantity_number(text, 65535, &value) != 0 || value == 0) {
		return false;
	}
	*port = (uint16_t)value;
	return true;
}

const char *network_publish(struct network *n, const char *value)
{
	struct published_port p = { 0 };
	const char *colon = strchr(value, ':'), *end = strchrnul(value, '/');
	if (n->published_count == NETWORK_MAX_PUBLISHED) {
		return "that is one too many: use at most 16";
	}
	p.udp = strcmp(end, "/udp") == 0;
	bool sound = p.udp || !*end || strcmp(end, "/tcp") == 0;
	if (!sound || !colon || colon > end || !port_read(value, colon, &p.host) || !port_read(colon + 1, end, &p.guest)) {
		return "use HOSTPORT:GUESTPORT, as in 8080:80, or 5353:53/udp";
	}
	for (unsigned i = 0; i < n->published_count; i++) {
		if (n->published[i].host == p.host && n->published[i].udp == p.udp) {
			return "another --publish has that port of this host";
		}
	}
	n->published[n->published_count++] = p;
	return NULL;
}

/* As QEMU will do it: a TCP port that closed connections still hold can be had. 0 or -errno. */
static int port_try(const struct published_port *p)
{
	const int on = 1;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(p->host), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (!p->udp) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	}
	int error = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : -errno;
	close(fd);
	return error;
}

int network_check(const struct network *n, char *why, size_t size)
{
	if (n->net == NET_TAP && if_nametoindex(n->tap) == 0) {
		snprintf(why, size, "--net tap=%s: this host has no such device: make it by \"ip tuntap add dev %s mode tap\"", n->tap, n->tap);
		return -ENODEV;
	}
	char flags[sizeof("/sys/class/net//tun_flags") + NETWORK_TAP_NAME];
	snprintf(flags, sizeof(flags), "/sys/class/net/%s/tun_flags", n->tap);
	if (n->net == NET_TAP && access(flags, F_OK) != 0) {
		snprintf(why, size, "--net tap=%s: this device is no tap: \"ip tuntap\" lists those that are", n->tap);
		return -EINVAL;
	}
	for (unsigned i = 0; n->net == NET_USER && i < n->published_count; i++) {
		int error = port_try(&n->published[i]);
		if (error == -EADDRINUSE) {
			snprintf(why, size, "--publish: port %u of this host is in use", n->published[i].host);
		} else if (error) {
			snprintf(why, size, "--publish: port %u of this host can't be had: %s", n->published[i].host, strerror(-error));
		}
		if (error) {
			return error;
		}
	}
	return 0;
}

const char *network_domain(const struct network *n)
{
	return n->nic == NIC_LOOP ? "loop" : "e1000e";
}

const char *network_device(const struct network *n)
{
	return nic_names[n->nic];
}

/* Behind the `length` bytes that are there, each published port, which both emulators write alike, between these. 0; -1: it does not fit. */
static int add_forwards(const struct network *n, int length, const char *before, const char *behind, char *to, size_t size)
{
	for (unsigned i = 0; i < n->published_count && length >= 0 && (size_t)length < size; i++) {
		const struct published_port *p = &n->published[i];
		length += snprintf(to + length, size - (size_t)length, "%s%s:127.0.0.1:%u-%s:%u%s", before, p->udp ? "udp" : "tcp", p->host, n->guest,
				   p->guest, behind);
	}
	return length >= 0 && (size_t)length < size ? 0 : -1;
}

int network_bochs(const struct network *n, char *to, size_t size)
{
	return add_forwards(n, snprintf(to, size, "# slirp config\n"), "hostfwd = ", "\n", to, size);
}

int network_netdev(const struct network *n, char *to, size_t size)
{
	int length = n->net == NET_TAP ? snprintf(to, size, "tap,id=net0,ifname=%s,script=no,downscript=no", n->tap) :
		     snprintf(to, size, "user,id=net0");
	return add_forwards(n, length, ",hostfwd=", "", to, size);
}
