/* SPDX-License-Identifier: MIT */
/* Options at the level SOL_PACKET (packet(7)). */
#include "socket/packet/packet.h"

#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/user.h"
#include "net/net.h"
#include "net/tables.h"

#define RESERVE_MOST (1u << 20)

struct membership_request { /* struct packet_mreq */
	int32_t interface;
	uint16_t type, bytes;
	uint8_t address[8];
};

struct statistics { /* struct tpacket_stats */
	uint32_t packets, drops;
};

/* ---- memberships ---- */

static struct link_membership **membership_find(struct packet_socket *s, const struct membership_request *r)
{
	struct link_membership **at = &s->memberships;
	while (*at && ((*at)->interface != (unsigned)r->interface || (*at)->type != r->type || memcmp((*at)->address, r->address, LINK_ADDRESS) != 0)) {
		at = &(*at)->next;
	}
	return at;
}

/* Net lock. `fresh` is taken if it is used: *used. */
static int membership_add(struct packet_socket *s, const struct membership_request *r, struct link_membership *fresh, bool *used)
{
	struct net_link link;
	if (r->interface <= 0 || !net_link_by_index((unsigned)r->interface, &link)) {
		return -ENODEV;
	}
	bool address = r->type == PACKET_MR_MULTICAST || r->type == PACKET_MR_UNICAST;
	if (r->bytes > LINK_ADDRESS || (address && r->bytes != LINK_ADDRESS)) {
		return -EINVAL;
	}
	struct link_membership **at = membership_find(s, r);
	if (*at) {
		(*at)->count++;
		return 0;
	}
	*fresh = (struct link_membership){ .interface = (unsigned)r->interface, .type = r->type, .count = 1 };
	memcpy(fresh->address, r->address, LINK_ADDRESS);
	*at = fresh;
	*used = true;
	if (r->type <= PACKET_MR_UNICAST) {
		link_membership_begin(fresh);
	}
	return 0;
}

/* None, if there is no such one: that is no error. */
static struct link_membership *membership_drop(struct packet_socket *s, const struct membership_request *r)
{
	struct link_membership **at = membership_find(s, r), *gone = *at;
	if (!gone || --gone->count) {
		return NULL;
	}
	*at = gone->next;
	link_membership_end(gone);
	return gone;
}

void packet_memberships_end(struct packet_socket *s)
{
	for (struct link_membership *m = s->memberships; m; m = m->next) {
		link_membership_end(m);
	}
}

static int membership_change(struct packet_socket *s, bool add, uint64_t user, int length)
{
	struct membership_request r = { 0 };
	if (length < (int)sizeof(r)) {
		return -EINVAL;
	}
	if (user_read(&r, user, sizeof(r))) {
		return -EFAULT;
	}
	if (r.bytes > sizeof(r.address)) {
		return -EINVAL;
	}
	memset(r.address + r.bytes, 0, sizeof(r.address) - r.bytes); /* what is behind its length is not compared */
	struct link_membership *fresh = add ? kmalloc(sizeof(*fresh)) : NULL, *gone = NULL;
	if (add && !fresh) {
		return -ENOBUFS;
	}
	bool used = false;
	int error = 0;
	net_lock();
	if (add) {
		error = membership_add(s, &r, fresh, &used);
	} else {
		gone = membership_drop(s, &r);
	}
	net_unlock();
	kfree(used ? NULL : fresh);
	kfree(gone);
	return error;
}

/* ---- numbers ---- */

static int ring_make(struct packet_socket *s, uint64_t user, int length)
{
	struct ring_request r;
	if (length < (int)sizeof(r)) {
		return -EINVAL;
	}
	return user_read(&r, user, sizeof(r)) ? -EFAULT : packet_ring_set(s, &r);
}

static int version_set(struct packet_socket *s, int value)
{
	if (value != TPACKET_V1 && value != TPACKET_V2) {
		return -EINVAL;
	}
	net_lock();
	int error = s->ring ? -EBUSY : 0;
	s->version = error ? s->version : value;
	net_unlock();
	return error;
}

static int reserve_set(struct packet_socket *s, uint32_t value)
{
	if (value > RESERVE_MOST) {
		return -EINVAL;
	}
	net_lock();
	int error = s->ring ? -EBUSY : 0;
	s->reserve = error ? s->reserve : value;
	net_unlock();
	return error;
}

static int number_set(struct packet_socket *s, int option, int value)
{
	switch (option) {
	case PACKET_AUXDATA:
		s->want_auxiliary = value;
		return 0;
	case PACKET_ORIGDEV:
		s->original_device = value; /* there are no links on top of others */
		return 0;
	case PACKET_VERSION:
		return version_set(s, value);
	case PACKET_RESERVE:
		return reserve_set(s, (uint32_t)value);
	case PACKET_TIMESTAMP:
		return 0; /* no adapter here has a clock: frames have the kernel's time, as there */
	case PACKET_IGNORE_OUTGOING:
		if (value < 0 || value > 1) {
			return -EINVAL;
		}
		s->ignore_outgoing = value;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int packet_set_option(struct socket *base, int level, int option, uint64_t user, int length)
{
	struct packet_socket *s = packet_of(base);
	int value;
	if (level != SOL_PACKET) {
		return -ENOPROTOOPT;
	}
	switch (option) {
	case PACKET_ADD_MEMBERSHIP:
	case PACKET_DROP_MEMBERSHIP:
		return membership_change(s, option == PACKET_ADD_MEMBERSHIP, user, length);
	case PACKET_RX_RING:
		return ring_make(s, user, length);
	case PACKET_AUXDATA:
	case PACKET_ORIGDEV:
	case PACKET_VERSION:
	case PACKET_RESERVE:
	case PACKET_TIMESTAMP:
	case PACKET_IGNORE_OUTGOING:
		return length < (int)sizeof(value) ? -EINVAL : user_read(&value, user, sizeof(value)) ? -EFAULT : number_set(s, option, value);
	default:
		return -ENOPROTOOPT;
	}
}

/* How long the header of a slot is, in the ring's version that *user holds. */
static int header_bytes_get(uint64_t user, uint64_t user_length)
{
	int length, version, bytes = RING_HEADER;
	if (user_read(&length, user_length, sizeof(length))) {
		return -EFAULT;
	}
	if (length < (int)sizeof(version)) {
		return -EINVAL;
	}
	if (user_read(&version, user, sizeof(version))) {
		return -EFAULT;
	}
	return version == TPACKET_V2 ? option_answer(user, user_length, &bytes, sizeof(bytes)) : -EINVAL;
}

static struct statistics statistics_take(struct packet_socket *s)
{
	spin_lock(&s->base.lock);
	struct statistics told = { .packets = s->packets + s->drops, .drops = s->drops };
	s->packets = s->drops = 0;
	spin_unlock(&s->base.lock);
	return told;
}

int packet_get_option(struct socket *base, int level, int option, uint64_t user, uint64_t user_length)
{
	struct packet_socket *s = packet_of(base);
	int value;
	if (level != SOL_PACKET) {
		return -ENOPROTOOPT;
	}
	switch (option) {
	case PACKET_STATISTICS: {
		struct statistics told = statistics_take(s);
		return option_answer(user, user_length, &told, sizeof(told));
	}
	case PACKET_HDRLEN:
		return header_bytes_get(user, user_length);
	case PACKET_AUXDATA:
		value = s->want_auxiliary;
		break;
	case PACKET_ORIGDEV:
		value = s->original_device;
		break;
	case PACKET_VERSION:
		value = s->version;
		break;
	case PACKET_RESERVE:
		value = (int)s->reserve;
		break;
	case PACKET_TIMESTAMP:
		value = 0;
		break;
	case PACKET_IGNORE_OUTGOING:
		value = s->ignore_outgoing;
		break;
	default:
		return -ENOPROTOOPT;
	}
	return option_answer(user, user_length, &value, sizeof(value));
}
