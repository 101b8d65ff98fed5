/* SPDX-License-Identifier: MIT */
/* Between the drivers of network devices and the interfaces that are made of them (interface.h). */
#ifndef NET_NETDEVS_H
#define NET_NETDEVS_H

#include <stdint.h>

#include "component/netdev.h"

/** A device is there: it becomes an interface, with buffers to receive into from now on. Negative errno. */
int interface_register(struct netdev *dev);
/** Find the network devices and start them: virtio links on Bulkhead; virtio_mmio.device= and PCI on the bare machine. */
void interfaces_probe(const char *cmdline);

/** Adapters on PCI, driven by the kernel itself (e1000e.c). */
void e1000e_probe(void);

/** The memory that received frames lie in (packet.h), for the grant: whole pages. bytes 0: there was none. */
void packet_memory(uint64_t *phys, uint64_t *bytes);

struct virtio_driver;
extern const struct virtio_driver virtio_net_driver; /* virtio_net.c */

#endif
