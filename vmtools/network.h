/* SPDX-License-Identifier: MIT */
/*
 * The machine's network: its adapter, what it is plugged into (QEMU's own network behind address translation, or a tap device of
 * the host's), and the ports of the host that lead to the guest's.
 */
#ifndef VMTOOLS_NETWORK_H
#define VMTOOLS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORK_MAX_PUBLISHED 16
#define NETWORK_TAP_NAME 16 /* IFNAMSIZ */
#define NETWORK_ADDRESS 16 /* INET_ADDRSTRLEN */
#define NETWORK_MAC 18 /* "52:54:00:12:34:56" */

enum vmctl_net { NET_NONE, NET_USER, NET_TAP };
enum vmctl_nic { NIC_E1000E, NIC_E1000, NIC_LOOP, NIC_COUNT };

struct published_port {
	uint16_t host, guest;
	bool udp;
};

struct network {
	enum vmctl_net net;
	enum vmctl_nic nic;
	bool net_given, nic_given;
	char tap[NETWORK_TAP_NAME];
	char mac[NETWORK_MAC]; /* "": network_mac chooses */
	const char *ip; /* the guest's address, as its command line has it; NULL: by DHCP */
	char guest[NETWORK_ADDRESS]; /* a fixed one alone; "": QEMU's network gives one */
	struct published_port published[NETWORK_MAX_PUBLISHED];
	unsigned published_count;
};

/** "user", "tap=NAME", "none". NULL, or what would have been right. */
const char *network_set(struct network *n, const char *value);
const char *network_set_device(struct network *n, const char *value);
/** The adapter's own address, as in "52:54:00:00:00:07". */
const char *network_set_mac(struct network *n, const char *value);
/** "dhcp", "none", "10.0.2.20/24,gateway=10.0.2.2,dns=10.0.2.3", the latter two where there are such. */
const char *network_set_ip(struct network *n, const char *value);
/** "8080:80", "5353:53/udp". */
const char *network_publish(struct network *n, const char *value);
/** Does the host have what this asks for, its tap device and its free ports? 0, or negative errno with a sentence in `why`. */
int network_check(const struct network *n, char *why, size_t size);
/** The name of the adapter's domain, which is that of its image, too; and of QEMU's device. */
const char *network_domain(const struct network *n);
const char *network_device(const struct network *n);
/**
 * The adapter's address: the one that was set; on a tap device one that goes with it, the same at each start and another than those of the host's
 * other taps and of other hosts (/etc/machine-id), so that machines can share a network; on a network of its own QEMU's usual one.
 */
void network_mac(const struct network *n, char mac[NETWORK_MAC]);
/** What QEMU's -netdev takes. -1: it does not fit. */
int network_netdev(const struct network *n, char *to, size_t size);
/** The configuration file of Bochs's user network (bochsrc(5), ethmod=slirp), whose addresses are those of QEMU's. -1: it does not fit. */
int network_bochs(const struct network *n, char *to, size_t size);

#endif
