/* SPDX-License-Identifier: MIT */
/* Network devices become interfaces, eth0 and so on, and lwIP's netifs. See interface.h. */
#include "net/interface.h"

#include "abi/errno.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "net/internal.h"
#include "net/net.h"
#include "netif/ethernet.h"
#include "platform/virtio_port.h"

struct interface *interfaces;

static err_t interface_up(struct netif *netif)
{
	struct interface *i = netif->state;
	const struct netdev *dev = i->dev;
	netif->name[0] = 'e';
	netif->name[1] = 't';
	netif->mtu = dev->mtu;
	netif->hwaddr_len = NET_MAC_BYTES;
	memcpy(netif->hwaddr, dev->mac, NET_MAC_BYTES);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	netif->linkoutput = transmit_output;
	netif->output = neighbour_output4;
	netif->output_ip6 = neighbour_output6;
	interface_groups_follow(i);
	NETIF_SET_CHECKSUM_CTRL(netif, (u16_t)(NETIF_CHECKSUM_ENABLE_ALL & ~(dev->csum ? NETIF_CHECKSUM_GEN_TCP : 0)));
	return ERR_OK;
}

static unsigned interface_append(struct interface *i)
{
	unsigned number = 0;
	struct interface **at = &interfaces;
	while (*at) {
		at = &(*at)->next;
		number++;
	}
	format_text(i->name, sizeof(i->name), "eth%u", number);
	*at = i;
	return number;
}

/* Its memory stays, whatever fails: the device may hold buffers. */
static int interface_start(struct interface *i)
{
	net_lock();
	netif_add(&i->netif, NULL, NULL, NULL, i, interface_up, ethernet_input);
	int error = transmit_start(i);
	if (!error) {
		error = receive_start(i);
	}
	if (!error) {
		if (!netif_default) {
			netif_set_default(&i->netif);
		}
		netif_set_up(&i->netif);
		if (i->dev->link_up) {
			netif_set_link_up(&i->netif);
		}
		interface_configure(i);
	}
	net_unlock();
	return error;
}

int interface_register(struct netdev *dev)
{
	struct interface *i = kzalloc(sizeof(*i));
	if (!i) {
		return -ENOMEM;
	}
	i->dev = dev;
	i->received_end = &i->received;
	spin_init(&i->lock, "interface");
	waitq_init(&i->work);
	interface_append(i);
	int error = interface_start(i);
	kprintf("net: %s: %02x:%02x:%02x:%02x:%02x:%02x, %u and %u deep%s%s%s", i->name, dev->mac[0], dev->mac[1], dev->mac[2], dev->mac[3],
		dev->mac[4], dev->mac[5], dev->send_depth, dev->receive_depth, dev->csum ? ", checksums" : "",
		dev->tso4 ? ", segmentation" : "", error ? ": does not start" : "");
	return error;
}

struct interface *interface_of(const struct netif *netif)
{
	return netif == &loop_netif ? NULL : netif->state;
}

const char *interface_name(const struct netif *netif)
{
	const struct interface *i = interface_of(netif);
	return i ? i->name : "lo";
}

void interfaces_finish(void)
{
	for (struct interface *i = interfaces; i; i = i->next) {
		transmit_finish(i);
	}
}

void interfaces_flush(void)
{
	for (struct interface *i = interfaces; i; i = i->next) {
		transmit_flush(i);
	}
}

void interfaces_probe(const char *cmdline)
{
	virtio_probe(&virtio_net_driver, cmdline);
	if (!platform_is_bulkhead()) {
		e1000e_probe();
	}
	interfaces_wait();
}
