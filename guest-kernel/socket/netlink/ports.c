/* SPDX-License-Identifier: MIT */
/*
 * Ports lie in buckets by a product of their numbers. Free numbers are looked for from where the last was found, downwards through the upper half, where
 * no process has its number: so as many sockets as there may be cost each the same.
 */
#include "socket/netlink/ports.h"

#include "abi/errno.h"

#define BUCKETS_LOG2 10
#define TRIES 32u /* under the owner's lock */

static struct netlink_port *buckets[1u << BUCKETS_LOG2];
static uint32_t last_chosen = 0x80000000u;

static struct netlink_port **bucket_of(uint32_t number)
{
	return &buckets[number * 0x9e3779b1u >> (32 - BUCKETS_LOG2)];
}

int netlink_port_take(struct netlink_port *p, uint32_t number)
{
	struct netlink_port **bucket = bucket_of(number);
	for (const struct netlink_port *other = *bucket; other; other = other->next) {
		if (other->number == number) {
			return -EADDRINUSE;
		}
	}
	p->number = number;
	p->next = *bucket;
	*bucket = p;
	return 0;
}

bool netlink_port_choose(struct netlink_port *p, uint32_t first)
{
	int error = netlink_port_take(p, first);
	for (unsigned i = 0; error && i < TRIES; i++) {
		last_chosen = (last_chosen - 1) | 0x80000000u;
		error = netlink_port_take(p, last_chosen);
	}
	return !error;
}

void netlink_port_leave(struct netlink_port *p)
{
	struct netlink_port **at = bucket_of(p->number);
	while (*at && *at != p) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = p->next;
	}
	p->number = 0;
}
