/* SPDX-License-Identifier: MIT */
/* /sys/class/net: a link's attributes, one a file, in Linux's words (Documentation/ABI/testing/sysfs-class-net of its source). */
#include "fs/sysfs.h"

#include "net/net.h"
#include "net/tables.h"

/* if_arp.h's */
enum { ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772 };

static bool link_get(uint32_t index, struct net_link *link)
{
	net_lock();
	bool found = net_link_by_index(index, link);
	net_unlock();
	return found;
}

bool sysfs_link_next(uint32_t from, char name[16], uint32_t *index)
{
	struct net_link link;
	bool found = false;
	net_lock();
	for (unsigned n = 0; !found && net_link_at(n, &link); n++) {
		found = link.index >= from;
	}
	if (found) {
		*index = link.index;
		format_text(name, 16, "%s", link.name);
	}
	net_unlock();
	return found;
}

int sysfs_link_address(uint32_t index, struct text *t)
{
	struct net_link link;
	if (!link_get(index, &link)) {
		return -ENODEV;
	}
	for (unsigned i = 0; i < NET_MAC_BYTES; i++) {
		text_add(t, "%02x%s", link.mac[i], i + 1 < NET_MAC_BYTES ? ":" : "\n");
	}
	return 0;
}

int sysfs_link_path(uint32_t index, struct text *t)
{
	struct net_link link;
	if (!link_get(index, &link)) {
		return -ENOENT;
	}
	text_add(t, "../../devices/virtual/net/%s", link.name);
	return 0;
}

int sysfs_link_uevent(uint32_t index, struct text *t)
{
	struct net_link link;
	if (!link_get(index, &link)) {
		return -ENODEV;
	}
	text_add(t, "INTERFACE=%s\nIFINDEX=%u\n", link.name, link.index);
	return 0;
}

/* One word each, of a link. */
#define ATTRIBUTE(name, format, value) ATTRIBUTE_AFTER(, name, format, value)
/* One that the device itself counts. */
#define COUNTER(name, value) ATTRIBUTE_AFTER(interfaces_count();, name, "%lu", value)
#define ATTRIBUTE_AFTER(before, name, format, value)          \
	int sysfs_##name(uint32_t index, struct text *t)      \
	{                                                     \
		struct net_link link;                         \
		before                                        \
		if (!link_get(index, &link)) {                \
			return -ENODEV;                       \
		}                                             \
		text_add(t, format "\n", value);              \
		return 0;                                     \
	}

ATTRIBUTE(link_address_length, "%u", NET_MAC_BYTES)
ATTRIBUTE(link_carrier, "%u", (link.flags & IFF_LOWER_UP) != 0)
ATTRIBUTE(link_flags, "0x%x", link.flags & ~(uint32_t)(IFF_RUNNING | IFF_LOWER_UP))
ATTRIBUTE(link_index, "%u", link.index)
ATTRIBUTE(link_mtu, "%u", link.mtu)
ATTRIBUTE(link_state, "%s", link.flags & IFF_LOOPBACK ? "unknown" : link.flags & IFF_RUNNING ? "up" : "down")
ATTRIBUTE(link_type, "%u", link.flags & IFF_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER)
ATTRIBUTE(received_bytes, "%lu", link.received.bytes)
ATTRIBUTE(received_packets, "%lu", link.received.packets)
COUNTER(received_errors, link.received.errors + net_counters_errors(&link.counters))
COUNTER(received_crc_errors, link.counters.crc_errors)
COUNTER(received_length_errors, link.counters.length_errors)
COUNTER(received_missed, link.counters.missed)
COUNTER(sent_collisions, link.counters.collisions)
ATTRIBUTE(received_dropped, "%lu", link.received.dropped)
ATTRIBUTE(received_multicast, "%lu", link.received.multicast)
ATTRIBUTE(sent_bytes, "%lu", link.sent.bytes)
ATTRIBUTE(sent_packets, "%lu", link.sent.packets)
ATTRIBUTE(sent_errors, "%lu", link.sent.errors)
ATTRIBUTE(sent_dropped, "%lu", link.sent.dropped)
