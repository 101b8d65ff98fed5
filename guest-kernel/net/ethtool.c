/* SPDX-License-Identifier: MIT */
/*
 * ioctl(2) SIOCETHTOOL and those of a PHY (SIOCGMIIPHY, ...): of ethtool's commands only whether the link is up, and whether the
 * device cuts long segments of TCP. All others are refused as an adapter
 * does that has none of it (EOPNOTSUPP), which programs take for what it says: any other error they take for a fault.
 */
#include "net/net.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/user.h"
#include "net/tables.h"

enum { SIOCETHTOOL = 0x8946, SIOCGMIIPHY, SIOCGMIIREG, SIOCSMIIREG, ETHTOOL_GLINK = 0xa, ETHTOOL_GTSO = 0x1e };

struct ethtool_request { /* struct ifreq */
	char name[16];
	uint64_t data;
	uint64_t rest[2];
};

struct ethtool_value {
	uint32_t command, value;
};

bool net_ethtool_known(unsigned request)
{
	return request >= SIOCETHTOOL && request <= SIOCSMIIREG;
}

long net_ethtool(unsigned request, uint64_t argument)
{
	struct ethtool_request r;
	struct ethtool_value value = { 0 };
	struct net_link link;
	int error = user_read(&r, argument, sizeof(r));
	if (error) {
		return error;
	}
	r.name[sizeof(r.name) - 1] = '\0';
	net_lock();
	bool found = net_link_by_name(r.name, &link);
	net_unlock();
	if (!found) {
		return -ENODEV;
	}
	if (request != SIOCETHTOOL) {
		return -EOPNOTSUPP;
	}
	error = user_read(&value.command, r.data, sizeof(value.command));
	if (error) {
		return error;
	}
	const struct interface *i = interface_of(link.netif);
	bool cuts = !i || i->dev->tso4; /* libpcap makes room for long segments then */
	value.value = value.command == ETHTOOL_GTSO ? cuts : (link.flags & IFF_LOWER_UP) != 0;
	return value.command == ETHTOOL_GLINK || value.command == ETHTOOL_GTSO ? user_write(r.data, &value, sizeof(value)) : -EOPNOTSUPP;
}
