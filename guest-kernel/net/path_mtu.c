/* SPDX-License-Identifier: MIT */
/*
 * How large a packet may be on its way to a destination (RFC 1191, RFC 8201): the interface's MTU, or what a router on the way has told, which is
 * forgotten after ten minutes, for the way may have become another. Whoever hands in a router's word has judged that it is about
 * something that was sent (socket/inet/errors.c). It makes no packet shorter than Linux allows: 552 bytes of IPv4, and from there on without
 * "don't fragment", so that routers do the rest; 1280 of IPv6. The table is bounded: the oldest makes place.
 *
 * Where a packet of IPv4 leaves, it gets "don't fragment" as its sender wants it, and is cut into fragments of the way's size if it has none.
 * Of IPv6 lwIP makes fragments itself, and asks here for their size.
 */
#include "net/internal.h"

#include "base/big_endian.h"
#include "kernel/time.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/nd6.h"
#include "lwip/prot/icmp6.h"
#include "net/lwip/hooks.h"

#define PATHS 64u
#define KEEP_NS 600000000000ull /* net.ipv4.route.mtu_expires */
#define LEAST4 552u /* net.ipv4.route.min_pmtu */
#define LEAST6 1280u
#define FLAGS_AT 6u /* of IPv4's header, and the place of the fragment */
#define SUM_AT 10u
#define DO_NOT 0x4000u

static struct path {
	ip_addr_t to;
	uint16_t mtu; /* 0: free */
	bool locked; /* a router wants packets shorter than any that is made here */
	uint64_t until_ns;
} paths[PATHS]; /* net lock */
static unsigned path_count; /* those behind it are free */

enum path_rule net_path_rule, net_path_rule_tcp = PATH_WANT; /* net lock */
unsigned net_path_changes;

static struct path *path_find(const ip_addr_t *to)
{
	for (unsigned n = 0; n < path_count; n++) {
		struct path *p = &paths[n];
		if (p->mtu && ip_addr_cmp_zoneless(&p->to, to)) {
			if (p->until_ns > time_ns()) {
				return p;
			}
			p->mtu = 0;
			net_path_changes++;
		}
	}
	return NULL;
}

static struct path *path_new(void)
{
	struct path *oldest = &paths[0];
	if (path_count < PATHS) {
		return &paths[path_count++];
	}
	for (unsigned n = 0; n < PATHS && oldest->mtu; n++) {
		oldest = !paths[n].mtu || paths[n].until_ns < oldest->until_ns ? &paths[n] : oldest;
	}
	return oldest;
}

uint16_t net_path_mtu(const struct netif *netif, const ip_addr_t *to)
{
	uint16_t mtu = IP_IS_V6_VAL(*to) ? netif_mtu6(netif) : netif->mtu;
	const struct path *p = path_count ? path_find(to) : NULL;
	return p && (!mtu || p->mtu < mtu) ? p->mtu : mtu;
}

uint16_t net_path_known(const ip_addr_t *to, uint64_t *left_ns, bool *locked)
{
	const struct path *p = path_count ? path_find(to) : NULL;
	*left_ns = p ? p->until_ns - time_ns() : 0;
	*locked = p && p->locked;
	return p ? p->mtu : 0;
}

bool net_path_learn(const struct netif *netif, const ip_addr_t *to, uint32_t mtu)
{
	bool v6 = IP_IS_V6_VAL(*to);
	uint32_t least = v6 ? LEAST6 : LEAST4, now = net_path_mtu(netif, to);
	bool locked = mtu < least;
	if (v6 && locked) {
		return false; /* RFC 8201, 4 */
	}
	mtu = locked ? LWIP_MIN(least, now) : mtu;
	struct path *p = path_find(to);
	if (mtu > now || (mtu == now && !p && !locked)) {
		return false;
	}
	p = p ? p : path_new();
	locked |= p->mtu && p->locked && ip_addr_cmp_zoneless(&p->to, to);
	*p = (struct path){ .to = *to, .mtu = (uint16_t)mtu, .locked = locked, .until_ns = time_ns() + KEEP_NS };
	net_path_changes++;
	return true;
}

void net_paths_forget(void)
{
	path_count = 0;
	net_path_changes++;
}

/* ---- IPv6: what lwIP asks ---- */
u16_t net_destination_mtu6(const ip6_addr_t *to, struct netif *netif)
{
	ip_addr_t address = { 0 };
	ip_addr_copy_from_ip6(address, *to);
	return netif ? net_path_mtu(netif, &address) : LEAST6;
}

u16_t net_interface_mtu6(const ip6_addr_t *to, struct netif *netif)
{
	return netif ? netif_mtu6(netif) : LEAST6;
}

/* lwIP believes whoever says "packet too big", whatever size: that is no neighbour discovery, and is judged elsewhere. */
void net_nd6_input(struct pbuf *p, struct netif *netif)
{
	if (p->len && *(const uint8_t *)p->payload == ICMP6_TYPE_PTB) {
		pbuf_free(p);
		return;
	}
	nd6_input(p, netif);
}

/* ---- IPv4: packets that leave ---- */
static void do_not_fragment(const struct netif *netif, uint8_t *header)
{
	uint32_t before = get16(header + FLAGS_AT), sum = (~get16(header + SUM_AT) & 0xffffu) + (~before & 0xffffu) + (before | DO_NOT); /* RFC 1624 */
	put16(header + FLAGS_AT, (uint16_t)(before | DO_NOT));
	if (netif != &loop_netif || get16(header + SUM_AT)) { /* which has none but where it is watched */
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		put16(header + SUM_AT, (uint16_t)~sum);
	}
}

/* lwIP cuts by the interface's MTU; its output gets them one by one. */
static err_t fragments_send(struct netif *netif, struct pbuf *p, const ip4_addr_t *to, uint16_t mtu)
{
	uint16_t own = netif->mtu;
	netif->mtu = mtu;
	err_t error = ip4_frag(p, netif, to);
	netif->mtu = own;
	return error;
}

static bool by_interface(enum path_rule rule)
{
	return rule == PATH_PROBE || rule == PATH_INTERFACE || rule == PATH_OMIT;
}

bool net_path_leave4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to, err_t *error)
{
	const struct ip_hdr *header = p->payload;
	ip_addr_t address = { 0 };
	if (p->len < IP_HLEN || IPH_OFFSET(header)) { /* its sender has said what is to be, or it is a fragment */
		return false;
	}
	ip_addr_copy_from_ip4(address, *to);
	bool segment = IPH_PROTO(header) == IP_PROTO_TCP && net_path_rule == PATH_FRAGMENTS; /* a raw socket may send some, too */
	enum path_rule rule = segment ? net_path_rule_tcp : net_path_rule;
	const struct path *path = path_count ? path_find(&address) : NULL;
	bool large = path && p->tot_len > path->mtu && !by_interface(rule);
	if (large && !segment && rule != PATH_DO) {
		*error = fragments_send(netif, p, to, path->mtu);
		return true;
	}
	if (rule == PATH_PROBE || ((rule == PATH_DO || rule == PATH_WANT) && !(path && path->locked))) {
		do_not_fragment(netif, p->payload);
	}
	return false;
}

/* IP takes what is longer than the MTU for something to be made fragments of. */
err_t net_ip4_frag(struct pbuf *p, struct netif *netif, const ip4_addr_t *to)
{
	const struct ip_hdr *ip = p->payload;
	ip_addr_t address = { 0 };
	ip_addr_copy_from_ip4(address, *to);
	if (IPH_PROTO(ip) == IP_PROTO_TCP && tcp_netif_cuts(netif)) {
		return netif->output(netif, p, to);
	}
	return fragments_send(netif, p, to, by_interface(net_path_rule) ? netif->mtu : net_path_mtu(netif, &address));
}
