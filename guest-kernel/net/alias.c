/* SPDX-License-Identifier: MIT */
/* See alias.h. */
#include "net/alias.h"

#include "abi/errno.h"
#include "base/list.h"
#include "base/string.h"

#define ALIASES 32u

static struct alias {
	struct netif netif;
	struct netif *of; /* NULL: free */
	char label[16];
} aliases[ALIASES]; /* net lock */

unsigned alias_count;

static err_t alias_up(struct netif *netif)
{
	const struct netif *of = netif->state;
	memcpy(netif->name, of->name, sizeof(netif->name));
	memcpy(netif->hwaddr, of->hwaddr, sizeof(netif->hwaddr));
	netif->hwaddr_len = of->hwaddr_len;
	netif->flags = of->flags & (NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET);
	netif->linkoutput = of->linkoutput;
	netif->output = of->output;
	netif->output_ip6 = of->output_ip6;
	netif->chksum_flags = of->chksum_flags;
	netif->state = of->state;
	return ERR_OK;
}

/* lwIP puts new ones first. */
static void move_to_end(struct netif *netif)
{
	struct netif **at = &netif_list;
	netif_list = netif->next;
	while (*at) {
		at = &(*at)->next;
	}
	*at = netif;
	netif->next = NULL;
}

static void follow(struct netif *alias, const struct netif *of)
{
	alias->mtu = of->mtu;
	if (netif_is_link_up(of)) {
		netif_set_link_up(alias);
	} else {
		netif_set_link_down(alias);
	}
	if (netif_is_up(of)) {
		netif_set_up(alias);
	} else {
		netif_set_down(alias);
	}
}

int alias_add(struct netif *netif, const ip4_addr_t *address, const ip4_addr_t *mask, const char *label)
{
	struct alias *a = aliases;
	ip4_addr_t no_gateway = { 0 };
	while (a < aliases + ALIASES && a->of) {
		a++;
	}
	if (a == aliases + ALIASES || !netif_add(&a->netif, address, mask, &no_gateway, netif, alias_up, netif->input)) {
		return -ENOBUFS;
	}
	move_to_end(&a->netif);
	a->netif.num = netif->num;
	a->of = netif;
	string_copy(a->label, label, sizeof(a->label));
	alias_count++;
	follow(&a->netif, netif);
	return 0;
}

void alias_remove(struct netif *alias)
{
	struct alias *a = container_of(alias, struct alias, netif);
	netif_remove(alias);
	a->of = NULL;
	alias_count--;
}

const char *alias_label(const struct netif *alias)
{
	return container_of(alias, struct alias, netif)->label;
}

struct netif *alias_at(const struct netif *netif, unsigned n)
{
	for (unsigned i = 0; i < ALIASES; i++) {
		if (aliases[i].of == netif && n-- == 0) {
			return &aliases[i].netif;
		}
	}
	return NULL;
}

struct netif *alias_with(const struct netif *netif, const ip4_addr_t *address)
{
	for (unsigned i = 0; i < ALIASES && alias_count; i++) {
		if (aliases[i].of == netif && ip4_addr_cmp(netif_ip4_addr(&aliases[i].netif), address)) {
			return &aliases[i].netif;
		}
	}
	return NULL;
}

static bool is_near(const struct netif *netif, const ip4_addr_t *address)
{
	return ip4_addr_netcmp(address, netif_ip4_addr(netif), netif_ip4_netmask(netif));
}

struct netif *alias_near(struct netif *netif, const ip4_addr_t *address)
{
	for (unsigned i = 0; i < ALIASES && !is_near(netif, address); i++) {
		if (aliases[i].of == netif && is_near(&aliases[i].netif, address)) {
			return &aliases[i].netif;
		}
	}
	return netif;
}

bool alias_leads(struct netif *netif, const ip4_addr_t *address)
{
	return is_near(alias_near(netif, address), address);
}

struct netif *alias_of(const struct netif *alias)
{
	for (unsigned i = 0; i < ALIASES && alias_count; i++) {
		if (alias == &aliases[i].netif) {
			return aliases[i].of;
		}
	}
	return NULL;
}

void alias_follow(const struct netif *netif)
{
	for (unsigned i = 0; i < ALIASES && alias_count; i++) {
		if (aliases[i].of == netif) {
			follow(&aliases[i].netif, netif);
		}
	}
}
