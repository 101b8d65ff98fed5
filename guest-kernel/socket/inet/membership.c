/* SPDX-License-Identifier: MIT */
/*
 * Membership of groups, in the forms of ip(7), ipv6(7) and RFC 3678 (5.1, of any source), and the interfaces that a socket sends by: to groups
 * (IP_MULTICAST_IF), and to all else (IP_UNICAST_IF).
 */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "kernel/user.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/igmp.h"
#include "lwip/ip.h"
#include "lwip/mld6.h"
#include "lwip/netif.h"

static bool group_join(const ip_addr_t *group, struct netif *netif, bool join)
{
	if (IP_IS_V4(group)) {
		return (join ? igmp_joingroup_netif(netif, ip_2_ip4(group)) : igmp_leavegroup_netif(netif, ip_2_ip4(group))) == ERR_OK;
	}
	ip6_addr_t zoned = *ip_2_ip6(group);
	ip6_addr_assign_zone(&zoned, IP6_MULTICAST, netif);
	return (join ? mld6_joingroup_netif(netif, &zoned) : mld6_leavegroup_netif(netif, &zoned)) == ERR_OK;
}

static struct membership **membership_find(struct inet_socket *s, const ip_addr_t *group, uint32_t interface)
{
	struct membership **at = &s->memberships;
	while (*at && !(ip_addr_cmp(&(*at)->group, group) && (!interface || (*at)->interface == interface))) {
		at = &(*at)->next;
	}
	return at;
}

static int membership_add(struct inet_socket *s, const ip_addr_t *group, uint32_t interface)
{
	struct netif *netif = interface ? netif_get_by_index((u8_t)interface) : NULL;
	if (!interface) {
		netif = IP_IS_V4(group) ? ip4_route(ip_2_ip4(group)) : netif_default;
	}
	if (!netif) {
		return -ENODEV;
	}
	interface = netif_get_index(netif);
	if (*membership_find(s, group, interface)) {
		return -EADDRINUSE;
	}
	struct membership *m = net_memory_alloc(sizeof(*m));
	if (!m || !group_join(group, netif, true)) {
		net_memory_free(m);
		return m ? -ENODEV : -ENOBUFS;
	}
	*m = (struct membership){ s->memberships, *group, interface };
	s->memberships = m;
	return 0;
}

static int membership_drop(struct inet_socket *s, const ip_addr_t *group, uint32_t interface)
{
	struct membership **at = membership_find(s, group, interface), *m = *at;
	if (!m) {
		return -EADDRNOTAVAIL;
	}
	struct netif *netif = netif_get_by_index((u8_t)m->interface);
	if (netif) {
		group_join(group, netif, false);
	}
	*at = m->next;
	net_memory_free(m);
	return 0;
}

void memberships_leave(struct inet_socket *s)
{
	while (s->memberships) {
		membership_drop(s, &s->memberships->group, s->memberships->interface);
	}
}

static int membership_change(struct inet_socket *s, bool add, const ip_addr_t *group, uint32_t interface)
{
	if (!ip_addr_ismulticast(group)) {
		return -EINVAL;
	}
	net_lock();
	int error = add ? membership_add(s, group, interface) : membership_drop(s, group, interface);
	net_unlock();
	return error;
}

static uint32_t interface_with(uint32_t address)
{
	struct netif *netif;
	ip4_addr_t a = { address };
	NETIF_FOREACH(netif)
	{
		if (ip4_addr_cmp(&a, netif_ip4_addr(netif))) {
			return netif_get_index(netif);
		}
	}
	return 0;
}

/* struct ip_mreq or ip_mreqn: the group, an address of the interface, its index. */
static int mreq_read(uint64_t user, int length, uint32_t words[3])
{
	words[2] = 0;
	if (length < 8) {
		return -EINVAL;
	}
	return user_read(words, user, length >= 12 ? 12 : 8) ? -EFAULT : 0;
}

int membership4(struct inet_socket *s, bool add, uint64_t user, int length)
{
	uint32_t words[3];
	ip_addr_t group = { 0 };
	int error = mreq_read(user, length, words);
	IP_SET_TYPE(&group, IPADDR_TYPE_V4);
	ip_2_ip4(&group)->addr = words[0];
	if (error || !ip_addr_ismulticast(&group)) {
		return error ? error : -EINVAL;
	}
	net_lock();
	uint32_t interface = words[2] ? words[2] : words[1] ? interface_with(words[1]) : 0;
	error = words[1] && !interface ? -ENODEV : add ? membership_add(s, &group, interface) : membership_drop(s, &group, interface);
	net_unlock();
	return error;
}

int membership6(struct inet_socket *s, bool add, uint64_t user, int length)
{
	uint32_t words[5];
	ip_addr_t group = { 0 };
	if (length < (int)sizeof(words)) {
		return -EINVAL;
	}
	if (user_read(words, user, sizeof(words))) {
		return -EFAULT;
	}
	IP_SET_TYPE(&group, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(&group)->addr, words, 16);
	return membership_change(s, add, &group, words[4]);
}

int membership_by_name(struct inet_socket *s, bool v6, bool add, uint64_t user, int length)
{
	struct { /* struct group_req */
		uint32_t interface, pad;
		uint16_t family, port;
		uint8_t rest[124]; /* of a struct sockaddr_in or _in6 */
	} r;
	ip_addr_t group = { 0 };
	if (length < (int)sizeof(r)) {
		return -EINVAL;
	}
	if (user_read(&r, user, sizeof(r))) {
		return -EFAULT;
	}
	if (r.family != (v6 ? AF_INET6 : AF_INET)) {
		return v6 ? -EADDRNOTAVAIL : -EINVAL;
	}
	IP_SET_TYPE(&group, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	memcpy(v6 ? (void *)ip_2_ip6(&group)->addr : ip_2_ip4(&group), r.rest + (v6 ? 4 : 0), v6 ? 16 : 4);
	return membership_change(s, add, &group, r.interface);
}

int multicast_interface(struct inet_socket *s, uint64_t user, int length)
{
	uint32_t words[3] = { 0 };
	int error = length == 4 ? (user_read(&words[1], user, 4) ? -EFAULT : 0) : mreq_read(user, length, words);
	if (error) {
		return error;
	}
	net_lock();
	uint32_t interface = words[2] ? words[2] : words[1] ? interface_with(words[1]) : 0;
	error = (words[1] || words[2]) && !(interface && netif_get_by_index((u8_t)interface)) ? -EADDRNOTAVAIL : 0;
	s->multicast_interface = error ? s->multicast_interface : interface;
	net_unlock();
	return error;
}

int unicast_interface(struct inet_socket *s, uint64_t user, int length)
{
	uint32_t index;
	if (length != sizeof(index)) {
		return -EINVAL;
	}
	if (user_read(&index, user, sizeof(index))) {
		return -EFAULT;
	}
	index = lwip_ntohl(index);
	net_lock();
	int error = index && (index > UINT8_MAX || !netif_get_by_index((u8_t)index)) ? -EADDRNOTAVAIL : 0;
	error = !error && s->v6 && s->interface && index && s->interface != index ? -EINVAL : error;
	s->unicast_interface = error ? s->unicast_interface : index;
	net_unlock();
	return error;
}
