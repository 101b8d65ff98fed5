/* SPDX-License-Identifier: MIT */
/*
 * The loopback interface. What goes over it is queued and delivered when the lock is about to be let go, on the stack of no other packet.
 * Headers are copied, for lwIP writes into those that it receives and keeps those that it has sent; payload that lies in pages of its
 * own is referenced: of a byte from one program to another there are the same two copies as through a pipe.
 */
#include "net/internal.h"
#include "net/interface.h"
#include "net/net.h"
#include "net/tap.h"

#include "base/string.h"
#include "kernel/memory.h"
#include "net/lwip/hooks.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"

#define MTU 65535u
#define QUEUE_SIZE 1024u /* packets; what comes beyond is lost, as on a wire */
#define BATCH 256u /* packets, before others have the lock */
#define PIECE 2048u /* of what is copied */

struct netif loop_netif;
struct interface_counts loop_counts;
static struct {
	struct pbuf *packet;
	struct netif *to; /* it is as if it had come by this one */
} queue[QUEUE_SIZE];
static unsigned queue_head, queue_count;

struct page_buffer {
	struct pbuf_custom custom;
	struct page *page;
};

static void page_buffer_free(struct pbuf *p)
{
	struct page_buffer *b = container_of(p, struct page_buffer, custom.pbuf);
	page_put(b->page);
	net_memory_free(b);
}

struct pbuf *net_page_pbuf(struct page *page, unsigned offset, unsigned bytes)
{
	struct page_buffer *b = net_memory_alloc(sizeof(*b));
	if (!b) {
		return NULL;
	}
	page_get(page);
	b->page = page;
	b->custom.custom_free_function = page_buffer_free;
	return pbuf_alloced_custom(PBUF_RAW, (u16_t)bytes, PBUF_REF, &b->custom, (char *)page_data(page) + offset, (u16_t)bytes);
}

/* Is its payload in a page that a reference keeps as it is? */
static bool is_in_page(const struct pbuf *p)
{
	bool custom = p->flags & PBUF_FLAG_IS_CUSTOM;
	return custom ? container_of(p, const struct pbuf_custom, pbuf)->custom_free_function == page_buffer_free : pbuf_match_type(p, PBUF_ROM);
}

static struct pbuf *piece_clone(const struct pbuf *p, unsigned at, unsigned bytes, bool in_page, bool header)
{
	char *from = (char *)p->payload + at;
	if (in_page) {
		uint64_t phys = virt_to_phys(from);
		return net_page_pbuf(page_from_phys(phys), (unsigned)(phys & (PAGE_SIZE - 1)), bytes);
	}
	struct pbuf *copy = pbuf_alloc(header ? PBUF_LINK : PBUF_RAW, (u16_t)bytes, PBUF_RAM);
	if (copy) {
		memcpy(copy->payload, from, bytes);
	}
	return copy;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* NULL: no memory. */
static struct pbuf *packet_clone(const struct pbuf *p)
{
	struct pbuf *all = NULL;
	unsigned left = p->tot_len;
	for (; p && left; p = p->next) {
		bool in_page = is_in_page(p);
		for (unsigned at = 0, n; at < p->len; at += n) {
			n = least(p->len - at, in_page ? (unsigned)(PAGE_SIZE - ((uintptr_t)p->payload + at) % PAGE_SIZE) : PIECE);
			struct pbuf *piece = piece_clone(p, at, n, in_page, !all);
			if (!piece) {
				if (all) {
					pbuf_free(all);
				}
				return NULL;
			}
			if (all) {
				pbuf_cat(all, piece);
			} else {
				all = piece;
			}
		}
		left -= least(left, p->len);
	}
	return all;
}

static bool is_fragment(const struct pbuf *p)
{
	const struct ip_hdr *header = p->payload;
	if (p->len < IP_HLEN || IPH_V(header) == 4) {
		return p->len >= IP_HLEN && (IPH_OFFSET(header) & PP_HTONS(IP_OFFMASK | IP_MF));
	}
	return p->len >= IP6_HLEN && IP6H_NEXTH((const struct ip6_hdr *)p->payload) == IP6_NEXTH_FRAGMENT;
}

/* Of a fragment nothing is shared: what lwIP puts together is to begin with headers in one piece, as fragments that come by a device do. */
err_t loop_queue(struct pbuf *p, struct netif *to)
{
	struct pbuf *copy = queue_count == QUEUE_SIZE ? NULL : is_fragment(p) ? pbuf_clone(PBUF_LINK, PBUF_RAM, p) : packet_clone(p);
	if (!copy) {
		return ERR_MEM;
	}
	unsigned at = (queue_head + queue_count++) % QUEUE_SIZE;
	queue[at].packet = copy;
	loop_counts.packets++;
	loop_counts.bytes += copy->tot_len;
	queue[at].to = to;
	if (tap_is_open() && to == &loop_netif) {
		tap_loop(p, true);
	}
	return ERR_OK;
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	err_t error;
	return net_path_leave4(netif, p, to, &error) ? error : loop_queue(p, netif);
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
	return loop_queue(p, netif);
}

/* It is in front of the packet, which may have an Ethernet header by now. */
void net_loop_multicast(struct pbuf *p, struct netif *netif)
{
	if (netif == &loop_netif) {
		return;
	}
	struct pbuf *copy = queue_count < QUEUE_SIZE ? packet_clone(p) : NULL;
	if (copy && (netif->flags & NETIF_FLAG_ETHERNET)) {
		pbuf_remove_header(copy, SIZEOF_ETH_HDR);
	}
	if (copy) {
		unsigned at = (queue_head + queue_count++) % QUEUE_SIZE;
		queue[at].packet = copy;
		queue[at].to = netif;
		loop_counts.packets++;
		loop_counts.bytes += copy->tot_len;
	}
}

/* Any address of this machine may be meant, all of 127.0.0.0/8 too: lwIP takes a packet for one that the interface has. */
static void address_follow(const struct pbuf *p)
{
	const struct ip_hdr *header = p->payload;
	ip4_addr_t to;
	if (p->len >= IP_HLEN && IPH_V(header) == 4) {
		ip4_addr_copy(to, header->dest);
		if (net_is_own4(&to)) {
			ip4_addr_copy(*ip_2_ip4(&loop_netif.ip_addr), to);
		}
	}
}

/* Fragments age by the interfaces' ticks, which stop where nothing has come for long. */
static bool may_be_fragment(const struct pbuf *p)
{
	const struct ip_hdr *header = p->payload;
	if (p->len < IP_HLEN || IPH_V(header) == 4) {
		return p->len >= IP_HLEN && (IPH_OFFSET(header) & PP_HTONS(IP_OFFMASK | IP_MF));
	}
	u8_t next = p->len >= IP6_HLEN ? IP6H_NEXTH((const struct ip6_hdr *)p->payload) : 0;
	return next != IP6_NEXTH_TCP && next != IP6_NEXTH_UDP && next != IP6_NEXTH_ICMP6;
}

bool loop_deliver(void)
{
	for (unsigned done = 0; queue_count && done < BATCH; done++) {
		struct pbuf *p = queue[queue_head].packet;
		struct netif *to = queue[queue_head].to;
		queue_head = (queue_head + 1) % QUEUE_SIZE;
		queue_count--;
		if (to == &loop_netif) {
			address_follow(p);
			if (tap_is_open()) {
				tap_loop(p, false);
			}
		}
		if (may_be_fragment(p)) {
			net_active();
		}
		if (ip_input(p, to) != ERR_OK) {
			pbuf_free(p);
		}
		IP4_ADDR(ip_2_ip4(&loop_netif.ip_addr), 127, 0, 0, 1);
	}
	return !queue_count;
}

static err_t loop_up(struct netif *netif)
{
	netif->name[0] = 'l';
	netif->name[1] = 'o';
	netif->mtu = MTU;
	netif->flags = NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	netif->output = output4;
	netif->output_ip6 = output6;
	NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_GEN_ICMP | NETIF_CHECKSUM_GEN_ICMP6); /* programs look at these */
	return ERR_OK;
}

void loop_start(void)
{
	ip4_addr_t address, mask, gateway = { 0 };
	IP4_ADDR(&address, 127, 0, 0, 1);
	IP4_ADDR(&mask, 255, 0, 0, 0);
	netif_add(&loop_netif, &address, &mask, &gateway, NULL, loop_up, ip_input);
	IP_ADDR6_HOST(loop_netif.ip6_addr, 0, 0, 0, 1);
	netif_ip6_addr_set_state(&loop_netif, 0, IP6_ADDR_VALID);
	netif_set_link_up(&loop_netif);
	netif_set_up(&loop_netif);
}
