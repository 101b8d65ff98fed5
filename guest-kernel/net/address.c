/* SPDX-License-Identifier: MIT */
/*
 * The first interface's addresses, as the command line says: ip=dhcp (also without the option), ip=none, or
 * ip=ADDRESS/BITS[,gateway=ADDRESS][,dns=ADDRESS]. IPv6 has its link-local address and what routers advertise (RFC 4862). Boot waits a
 * moment for DHCP's answer, so that the first program finds a network where there is one.
 */
#include "net/interface.h"

#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/ethip6.h"
#include "net/net.h"

#define OPTION_BYTES 96
#define WAIT_NS 3000000000ull

static struct waitq address_changed = WAITQ_INIT(address_changed);

static bool dhcp_asked; /* constant once the interface is there */

static void status_changed(struct netif *netif)
{
	waitq_wake_all(&address_changed);
}

/* The text up to `end` as an address. */
static bool address_read(const char *text, size_t length, ip4_addr_t *address)
{
	char copy[IP4ADDR_STRLEN_MAX];
	if (length >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text, length);
	copy[length] = 0;
	return ip4addr_aton(copy, address);
}

/* `word` followed by an address, if that is what comes next; *at goes behind it. False: there is no such address. */
static bool address_next(const char **at, const char *word, ip4_addr_t *address)
{
	size_t length = strlen(word);
	if (strncmp(*at, word, length) != 0) {
		return true;
	}
	const char *from = *at + length, *comma = strchr(from, ',');
	*at = comma ? comma : from + strlen(from);
	return address_read(from, (size_t)(*at - from), address);
}

static bool address_fixed(struct interface *i, const char *option)
{
	ip4_addr_t address, mask, gateway = { 0 }, dns = { 0 };
	const char *slash = strchr(option, '/'), *end;
	if (!slash || !address_read(option, (size_t)(slash - option), &address)) {
		return false;
	}
	uint64_t bits = string_number(slash + 1, &end);
	if (end == slash + 1 || (*end && *end != ',') || bits > 32) {
		return false;
	}
	ip4_addr_set_u32(&mask, lwip_htonl(bits ? ~0u << (32 - bits) : 0));
	if (!address_next(&end, ",gateway=", &gateway) || !address_next(&end, ",dns=", &dns) || *end) {
		return false;
	}
	netif_set_addr(&i->netif, &address, &mask, &gateway);
	if (dns.addr) {
		ip_addr_t server = IPADDR4_INIT(dns.addr);
		dns_setserver(0, &server);
	}
	return true;
}

void interface_configure(struct interface *i)
{
	char option[OPTION_BYTES];
	netif_create_ip6_linklocal_address(&i->netif, 1);
	netif_set_ip6_autoconfig_enabled(&i->netif, 1);
	netif_set_status_callback(&i->netif, status_changed);
	if (i != interfaces) {
		return;
	}
	if (!cmdline_option("ip", option, sizeof(option)) || strcmp(option, "dhcp") == 0) {
		dhcp_asked = dhcp_start(&i->netif) == ERR_OK;
	} else if (strcmp(option, "none") != 0 && !address_fixed(i, option)) {
		kprintf("net: ip=%s is neither dhcp, none, nor ADDRESS/BITS[,gateway=ADDRESS][,dns=ADDRESS]", option);
	}
}

static bool address_settled(void)
{
	return !dhcp_asked || *(volatile uint32_t *)&netif_ip4_addr(&interfaces->netif)->addr;
}

void interfaces_wait(void)
{
	if (!interfaces) {
		return;
	}
	char text[IP4ADDR_STRLEN_MAX];
	bool late = WAIT_EVENT_DEADLINE(&address_changed, address_settled(), time_ns() + WAIT_NS, false);
	ip4addr_ntoa_r(netif_ip4_addr(&interfaces->netif), text, sizeof(text));
	kprintf("net: %s: %s%s", interfaces->name, text, late ? ", no answer to DHCP yet" : "");
}
