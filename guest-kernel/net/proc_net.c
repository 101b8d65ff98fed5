/* SPDX-License-Identifier: MIT */
/* /proc/net: links, addresses, routes and neighbours as Linux writes them (proc(5)), for ifconfig, netstat, route, arp and the C library. */
#include "fs/proc_internal.h"

#include "lwip/dns.h"
#include "lwip/dhcp.h"
#include "net/net.h"
#include "net/proc_net.h"
#include "net/tables.h"

enum { RTF_UP = 1, RTF_GATEWAY = 2 };

int proc_net_dev(uint32_t pid, struct text *t)
{
	struct net_link link;
	text_add(t, "Inter-|   Receive                                                |  Transmit\n"
		    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n");
	interfaces_count();
	net_lock();
	for (unsigned n = 0; net_link_at(n, &link); n++) {
		const struct interface_counts *r = &link.received, *s = &link.sent;
		const struct net_counters *c = &link.counters;
		text_add(t, "%6s: %7lu %7lu %4lu %4lu %4u %5lu %10u %9lu", link.name, r->bytes, r->packets, r->errors + net_counters_errors(c),
			r->dropped + c->missed, 0, c->crc_errors + c->length_errors, 0, r->multicast);
		text_add(t, " %8lu %7lu %4lu %4lu %4u %5lu %7u %10u\n", s->bytes, s->packets, s->errors, s->dropped, 0, c->collisions, 0, 0);
	}
	net_unlock();
	return 0;
}

static uint32_t word_at(const uint8_t *bytes)
{
	uint32_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static void add_padded(struct text *t, size_t start, size_t width)
{
	while (t->length - start < width) {
		text_add(t, " ");
	}
	text_add(t, "\n");
}

void proc_net_hex(struct text *t, uint64_t value, unsigned digits)
{
	while (digits-- > 0) {
		text_bytes(t, &"0123456789ABCDEF"[value >> 4 * digits & 15], 1);
	}
}

/* Addresses are words of memory in hexadecimal. */
int proc_net_route(uint32_t pid, struct text *t)
{
	struct net_route route;
	struct net_link link;
	size_t start = t->length;
	text_add(t, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
	add_padded(t, start, 127);
	net_lock();
	for (unsigned n = 0; net_route_at(n, &route); n++) {
		if (route.v6 || !net_link_by_index(route.index, &link)) {
			continue;
		}
		uint32_t mask = route.bits ? __builtin_bswap32(~0u << (32 - route.bits)) : 0;
		start = t->length;
		text_add(t, "%s\t", link.name);
		proc_net_hex(t, word_at(route.to), 8);
		text_add(t, "\t");
		proc_net_hex(t, word_at(route.gateway), 8);
		text_add(t, "\t%04x\t0\t0\t0\t", RTF_UP | (route.gateway_set ? RTF_GATEWAY : 0)); /* no counts, metric 0 */
		proc_net_hex(t, mask, 8);
		text_add(t, "\t0\t0\t0");
		add_padded(t, start, 127);
	}
	net_unlock();
	return 0;
}

static void add_bytes(struct text *t, const uint8_t *bytes, unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		text_add(t, "%02x", bytes[n]);
	}
}

int proc_net_ipv6_route(uint32_t pid, struct text *t)
{
	static const uint8_t none[16];
	struct net_route route;
	struct net_link link;
	net_lock();
	for (unsigned n = 0; net_route_at(n, &route); n++) {
		if (!route.v6 || !net_link_by_index(route.index, &link)) {
			continue;
		}
		add_bytes(t, route.to, 16);
		text_add(t, " %02x ", route.bits);
		add_bytes(t, none, 16);
		text_add(t, " 00 ");
		add_bytes(t, route.gateway, 16);
		text_add(t, " %08x %08x %08x %08x %8s\n", 256, 1, 0, RTF_UP | (route.gateway_set ? RTF_GATEWAY : 0), link.name);
	}
	net_unlock();
	return 0;
}

int proc_net_if_inet6(uint32_t pid, struct text *t)
{
	struct net_address address;
	struct net_link link;
	net_lock();
	for (unsigned n = 0; net_address_at(n, &address); n++) {
		if (address.v6 && net_link_by_index(address.index, &link)) {
			unsigned scope = address.scope == RT_SCOPE_HOST ? 0x10 : address.scope == RT_SCOPE_LINK ? 0x20 : 0;
			add_bytes(t, address.bytes, 16);
			text_add(t, " %02x %02x %02x %02x %8s\n", address.index, address.bits, scope, address.flags, link.name);
		}
	}
	net_unlock();
	return 0;
}

int proc_net_arp(uint32_t pid, struct text *t)
{
	struct net_neighbour neighbour;
	struct net_link link;
	text_add(t, "IP address       HW type     Flags       HW address            Mask     Device\n");
	net_lock();
	for (unsigned n = 0; net_neighbour_at(n, &neighbour); n++) {
		if (neighbour.v6 || !net_link_by_index(neighbour.index, &link)) {
			continue;
		}
		char text[16];
		const uint8_t *a = neighbour.bytes, *m = neighbour.mac;
		format_text(text, sizeof(text), "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
		text_add(t, "%-16s 0x%-10x0x%-10x%02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", text, 1, 2, m[0], m[1], m[2], m[3], m[4], m[5],
			link.name);
	}
	net_unlock();
	return 0;
}

/* The name servers, in the form of resolv.conf(5): /etc/resolv.conf may be a link to it. */
int proc_net_pnp(uint32_t pid, struct text *t)
{
	char text[IPADDR_STRLEN_MAX];
	net_lock();
	text_add(t, interfaces && netif_dhcp_data(&interfaces->netif) ? "#PROTO: DHCP\n" : "#MANUAL\n");
	for (u8_t n = 0; n < DNS_MAX_SERVERS; n++) {
		const ip_addr_t *server = dns_getserver(n);
		if (!ip_addr_isany(server) && ipaddr_ntoa_r(server, text, sizeof(text))) {
			text_add(t, "nameserver %s\n", text);
		}
	}
	net_unlock();
	return 0;
}
