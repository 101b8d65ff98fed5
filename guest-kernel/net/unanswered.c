/* SPDX-License-Identifier: MIT */
/*
 * Packets whose next hop has not told its hardware address yet (ARP, RFC 826; RFC 4861). lwIP keeps them for it, and forgets them without a word
 * should no answer come. Beside each lies what its sender is told then: after three seconds, as on Linux, an ICMP message "host unreachable"
 * (RFC 792; RFC 4443, 3.1) that seems to have come from this machine itself. All else, errors of sockets and connections given up, follows from it.
 */
#include "net/interface.h"

#include "base/string.h"
#include "kernel/time.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/icmp.h"
#include "lwip/prot/icmp6.h"
#include "net/internal.h"
#include "net/lwip/hooks.h"
#include "net/net.h"

#define PATIENCE_NS 3000000000ull
#define TELLINGS 256u
#define TELLINGS_OF_HOP 64u /* lwIP keeps fewer packets; who sent the others is told as well */
#define RETURNED 548u /* bytes of the packet that are sent back */
#define ICMP_BYTES 8u
#define CONTROL 0xc0u /* RFC 1812, 4.3.2.5 */
#define FRAGMENT_AT 0x1fffu
enum { ECHO_REQUEST = 8, ECHO_REPLY = 0, ECHO_REQUEST6 = 128, ECHO_REPLY6 = 129, ADDRESS_UNREACHABLE6 = 3 };

static struct telling {
	struct pbuf *message; /* NULL: free */
	struct netif *netif;
	ip_addr_t hop;
	uint64_t due_ns; /* the same for all of a hop */
} tellings[TELLINGS]; /* net lock */

/* ---- the message ---- */

/* One packet with its IP header, nothing of it written but the bytes that came back. NULL: no memory. */
static struct pbuf *message_new(struct pbuf *p, unsigned head)
{
	unsigned bytes = p->tot_len < RETURNED ? p->tot_len : RETURNED;
	struct pbuf *message = pbuf_alloc(PBUF_RAW, (u16_t)(head + ICMP_BYTES + bytes), PBUF_RAM);
	if (message) {
		memset(message->payload, 0, head + ICMP_BYTES);
		pbuf_copy_partial(p, (uint8_t *)message->payload + head + ICMP_BYTES, (u16_t)bytes, 0);
	}
	return message;
}

/* No message about messages, and none about what this machine has not sent, or but a part. */
static bool is_told4(const struct pbuf *p)
{
	const struct ip_hdr *header = p->payload;
	ip4_addr_t from;
	if (p->len < IP_HLEN || (lwip_ntohs(IPH_OFFSET(header)) & FRAGMENT_AT)) {
		return false;
	}
	ip4_addr_copy(from, header->src);
	uint8_t type = ECHO_REQUEST;
	pbuf_copy_partial(p, &type, 1, (u16_t)IPH_HL_BYTES(header));
	return net_is_own4(&from) && (IPH_PROTO(header) != IP_PROTO_ICMP || type == ECHO_REQUEST || type == ECHO_REPLY);
}

static struct pbuf *message4(struct pbuf *p)
{
	struct pbuf *message = is_told4(p) ? message_new(p, IP_HLEN) : NULL;
	if (!message) {
		return NULL;
	}
	const struct ip_hdr *cause = p->payload;
	struct ip_hdr *header = message->payload;
	uint8_t *icmp = (uint8_t *)(header + 1);
	IPH_VHL_SET(header, 4, IP_HLEN / 4);
	IPH_TOS_SET(header, CONTROL);
	IPH_LEN_SET(header, lwip_htons(message->tot_len));
	IPH_TTL_SET(header, IP_DEFAULT_TTL);
	IPH_PROTO_SET(header, IP_PROTO_ICMP);
	header->src = header->dest = cause->src;
	IPH_CHKSUM_SET(header, inet_chksum(header, IP_HLEN));
	icmp[0] = ICMP_DUR;
	icmp[1] = ICMP_DUR_HOST;
	uint16_t sum = inet_chksum(icmp, (u16_t)(message->tot_len - IP_HLEN));
	memcpy(icmp + 2, &sum, sizeof(sum));
	return message;
}

static bool is_told6(const struct pbuf *p)
{
	const struct ip6_hdr *header = p->payload;
	ip6_addr_t from;
	if (p->len < IP6_HLEN) {
		return false;
	}
	ip6_addr_copy_from_packed(from, header->src);
	uint8_t type = ECHO_REQUEST6;
	pbuf_copy_partial(p, &type, 1, IP6_HLEN);
	return net_route6(&from) == &loop_netif && (IP6H_NEXTH(header) != IP6_NEXTH_ICMP6 || type == ECHO_REQUEST6 || type == ECHO_REPLY6);
}

static struct pbuf *message6(struct pbuf *p)
{
	struct pbuf *message = is_told6(p) ? message_new(p, IP6_HLEN) : NULL;
	if (!message) {
		return NULL;
	}
	const struct ip6_hdr *cause = p->payload;
	struct ip6_hdr *header = message->payload;
	uint8_t *icmp = (uint8_t *)(header + 1);
	uint16_t bytes = (u16_t)(message->tot_len - IP6_HLEN);
	ip6_addr_t own;
	ip6_addr_copy_from_packed(own, cause->src);
	IP6H_VTCFL_SET(header, 6, 0, 0);
	IP6H_PLEN_SET(header, bytes);
	IP6H_NEXTH_SET(header, IP6_NEXTH_ICMP6);
	IP6H_HOPLIM_SET(header, IP_DEFAULT_TTL);
	header->src = header->dest = cause->src;
	icmp[0] = ICMP6_TYPE_DUR;
	icmp[1] = ADDRESS_UNREACHABLE6;
	pbuf_remove_header(message, IP6_HLEN);
	uint16_t sum = ip6_chksum_pseudo(message, IP6_NEXTH_ICMP6, bytes, &own, &own);
	pbuf_add_header(message, IP6_HLEN);
	memcpy(icmp + 2, &sum, sizeof(sum));
	return message;
}

/* ---- who waits ---- */

static struct telling *telling_find(const struct netif *netif, const ip_addr_t *hop, uint64_t *due_ns)
{
	struct telling *free = NULL;
	unsigned same = 0;
	for (unsigned n = 0; n < TELLINGS; n++) {
		struct telling *t = &tellings[n];
		if (!t->message) {
			free = t;
		} else if (t->netif == netif && ip_addr_cmp_zoneless(&t->hop, hop)) {
			*due_ns = t->due_ns;
			same++;
		}
	}
	return same < TELLINGS_OF_HOP ? free : NULL;
}

static void wait_with(struct netif *netif, struct pbuf *p, const ip_addr_t *hop)
{
	uint64_t due_ns = time_ns() + PATIENCE_NS;
	struct telling *t = telling_find(netif, hop, &due_ns);
	struct pbuf *message = !t ? NULL : IP_IS_V4(hop) ? message4(p) : message6(p);
	if (message) {
		*t = (struct telling){ .message = message, .netif = netif, .hop = *hop, .due_ns = due_ns };
		net_active();
	}
}

bool unanswered_wait(void)
{
	for (unsigned n = 0; n < TELLINGS; n++) {
		if (tellings[n].message) {
			return true;
		}
	}
	return false;
}

static bool has_answered(const struct telling *t)
{
	struct eth_addr *mac;
	const ip4_addr_t *found;
	if (IP_IS_V4(&t->hop)) {
		return etharp_find_addr(t->netif, ip_2_ip4(&t->hop), &mac, &found) >= 0;
	}
	for (unsigned n = 0; n < LWIP_ND6_NUM_NEIGHBORS; n++) {
		const struct nd6_neighbor_cache_entry *entry = &neighbor_cache[n];
		if (entry->state != ND6_NO_ENTRY && entry->state != ND6_INCOMPLETE && entry->netif == t->netif &&
		    ip6_addr_cmp_zoneless(&entry->next_hop_address, ip_2_ip6(&t->hop))) {
			return true;
		}
	}
	return false;
}

void unanswered_tick(void)
{
	uint64_t now = time_ns();
	for (unsigned n = 0; n < TELLINGS; n++) {
		struct telling *t = &tellings[n];
		if (t->message && now >= t->due_ns) {
			if (!has_answered(t)) {
				loop_queue(t->message, t->netif);
			}
			pbuf_free(t->message);
			t->message = NULL;
		}
	}
}

/* ---- lwIP's outputs ---- */

/* Did the packet stay here, for its hop's address? An interface remembers what it has sent last. */
static bool stayed(struct netif *netif, const struct pbuf *p, err_t error)
{
	const struct interface *i = netif->state;
	return error == ERR_OK && i->sent_last != p;
}

err_t neighbour_output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	struct interface *i = netif->state;
	err_t error;
	if (net_path_leave4(netif, p, to, &error)) {
		return error;
	}
	i->sent_last = NULL;
	fragment_number4(p->payload, p->len);
	error = etharp_output(netif, p, to);
	if (stayed(netif, p, error)) {
		const ip4_addr_t *next = net_next_hop4(netif, to);
		ip_addr_t hop = IPADDR4_INIT(next ? next->addr : 0);
		wait_with(netif, p, &hop);
	}
	return error;
}

err_t neighbour_output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
	struct interface *i = netif->state;
	i->sent_last = NULL;
	fragment_number6(p->payload, p->len);
	err_t error = ethip6_output(netif, p, to);
	for (unsigned n = 0; n < LWIP_ND6_NUM_DESTINATIONS && stayed(netif, p, error); n++) {
		if (ip6_addr_cmp_zoneless(&destination_cache[n].destination_addr, to)) {
			ip_addr_t hop = { 0 };
			ip_addr_copy_from_ip6(hop, destination_cache[n].next_hop_addr);
			wait_with(netif, p, &hop);
			break;
		}
	}
	return error;
}
