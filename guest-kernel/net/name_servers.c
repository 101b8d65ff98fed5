/* SPDX-License-Identifier: MIT */
/* The name servers of which DHCP and router advertisements tell, for programs: nothing in this kernel resolves names. */
#include "net/net.h"

#include "lwip/dns.h"

static ip_addr_t servers[DNS_MAX_SERVERS]; /* net lock */

void dns_init(void)
{
}

void dns_setserver(u8_t index, const ip_addr_t *server)
{
	if (index < DNS_MAX_SERVERS) {
		servers[index] = server ? *server : *IP_ADDR_ANY;
	}
}

const ip_addr_t *dns_getserver(u8_t index)
{
	return index < DNS_MAX_SERVERS ? &servers[index] : IP_ADDR_ANY;
}
