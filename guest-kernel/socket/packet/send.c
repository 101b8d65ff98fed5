/* SPDX-License-Identifier: MIT */
/* Frames of a program's own: whole ones (SOCK_RAW), or what is behind a link header that is made here (SOCK_DGRAM). */
#include "socket/packet/packet.h"

#include "base/big_endian.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "net/net.h"
#include "net/tables.h"

#define FRAME_MOST 65535u
#define NAME_LEAST (sizeof(struct frame_address) - FAMILY_BYTES)
#define ADDRESS_AT 10u /* of the address, behind the family */

struct plan {
	unsigned interface;
	uint16_t protocol;
	bool has_address;
	uint8_t address[LINK_ADDRESS];
	uint32_t mtu, flags;
	uint8_t own[LINK_ADDRESS];
};

/* Net lock. */
static int plan_make(const struct packet_socket *s, const struct outgoing *o, struct plan *plan)
{
	struct frame_address to = { 0 };
	struct net_link link;
	*plan = (struct plan){ .interface = s->interface, .protocol = s->protocol };
	if (o->named) {
		if (o->to.length < NAME_LEAST) {
			return -EINVAL;
		}
		memcpy(&to.protocol, o->to.data, NAME_LEAST);
		if (o->to.length < ADDRESS_AT + to.bytes) {
			return -EINVAL;
		}
		plan->interface = to.interface < 0 ? 0 : (unsigned)to.interface;
		plan->protocol = __builtin_bswap16(to.protocol);
		plan->has_address = true;
		memcpy(plan->address, to.address, LINK_ADDRESS);
	}
	if (!net_link_by_index(plan->interface, &link)) {
		return -ENXIO;
	}
	plan->mtu = link.mtu;
	plan->flags = link.flags;
	memcpy(plan->own, link.mac, LINK_ADDRESS);
	return link.flags & IFF_UP ? 0 : -ENETDOWN;
}

static int plan_check(const struct packet_socket *s, const struct plan *plan, uint64_t bytes)
{
	bool raw = s->base.type == SOCK_RAW;
	if (bytes > plan->mtu + (raw ? LINK_HEADER : 0) || bytes + LINK_HEADER > FRAME_MOST + (raw ? LINK_HEADER : 0)) {
		return -EMSGSIZE;
	}
	if (raw ? bytes < LINK_HEADER : !plan->has_address && !(plan->flags & IFF_LOOPBACK)) {
		return -EINVAL;
	}
	return 0;
}

static void link_header_put(const struct plan *plan, uint8_t *frame)
{
	memcpy(frame, plan->address, LINK_ADDRESS);
	memcpy(frame + LINK_ADDRESS, plan->own, LINK_ADDRESS);
	if (plan->flags & IFF_LOOPBACK) {
		memset(frame, 0, LINK_ADDRESS);
	}
	put16(frame + 2 * LINK_ADDRESS, plan->protocol);
}

long packet_send(struct socket *base, struct outgoing *o)
{
	struct packet_socket *s = packet_of(base);
	uint64_t bytes = cursor_left(&o->from);
	uint32_t made = base->type == SOCK_DGRAM ? LINK_HEADER : 0;
	struct plan plan;
	net_lock();
	int error = plan_make(s, o, &plan);
	net_unlock();
	error = error ? error : plan_check(s, &plan, bytes);
	uint8_t *frame = error ? NULL : kmalloc(made + bytes);
	if (!frame) {
		return error ? error : -ENOBUFS;
	}
	error = cursor_copy_in(&o->from, (char *)frame + made, bytes);
	if (!error && made) {
		link_header_put(&plan, frame);
	}
	if (!error) {
		uint16_t protocol = base->type == SOCK_DGRAM || (plan.protocol && plan.protocol != ETH_P_ALL) ? plan.protocol : get16(frame + 2 * LINK_ADDRESS);
		net_lock();
		error = tap_send(s, plan.interface, protocol, frame, (uint32_t)(made + bytes));
		net_unlock();
	}
	kfree(frame);
	return error ? error : (long)bytes;
}
