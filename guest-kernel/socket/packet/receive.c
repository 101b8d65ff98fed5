/* SPDX-License-Identifier: MIT */
/* Frames that wait are read, with what is known of them (PACKET_AUXDATA, SO_TIMESTAMP). */
#include "socket/packet/packet.h"

#include "base/string.h"
#include "kernel/poll.h"
#include "net/lwip/hooks.h"
#include "net/net.h"

enum { SCM_TIMESTAMP = 29, SCM_TIMESTAMPNS = 35 };
#define NS 1000000000ull
#define OVERHEAD 512u /* as arrive.c charged */

struct auxiliary { /* struct tpacket_auxdata */
	uint32_t status, all, bytes;
	uint16_t link_at, network_at, tag, tag_protocol;
};

static bool readable(struct packet_socket *s)
{
	spin_lock(&s->base.lock);
	bool any = !list_empty(&s->queue) || s->base.error;
	spin_unlock(&s->base.lock);
	return any;
}

/* The first one, with `reading`; NULL: *error. It stays in the queue. */
static struct seen *first(struct packet_socket *s, unsigned flags, uint64_t deadline, int *error)
{
	for (;;) {
		spin_lock(&s->base.lock);
		struct list *node = list_empty(&s->queue) ? NULL : s->queue.next;
		*error = -s->base.error;
		s->base.error = 0;
		spin_unlock(&s->base.lock);
		if (*error || node) {
			return *error ? NULL : container_of(node, struct seen, link);
		}
		if (flags & MSG_DONTWAIT) {
			*error = -EAGAIN;
			return NULL;
		}
		mutex_unlock(&s->base.reading);
		*error = WAIT_EVENT_DEADLINE(&s->base.in, readable(s), deadline, true);
		mutex_lock(&s->base.reading);
		if (*error) {
			*error = wait_error(*error, s->base.receive_timeout_ns);
			return NULL;
		}
	}
}

static void take(struct packet_socket *s, struct seen *seen)
{
	spin_lock(&s->base.lock);
	list_remove(&seen->link);
	s->charge -= seen->bytes + OVERHEAD;
	spin_unlock(&s->base.lock);
	net_memory_free(seen);
}

static void describe(struct packet_socket *s, const struct seen *seen, struct incoming *i)
{
	if (i->from) {
		*i->from = (struct address){ .family = AF_PACKET, .length = sizeof(seen->from) - FAMILY_BYTES };
		memcpy(i->from->data, &seen->from.protocol, sizeof(seen->from) - FAMILY_BYTES);
	}
	i->has_frame = true;
	i->frame.status = seen->status;
	i->frame.all = seen->all;
	i->frame.bytes = seen->bytes;
	i->frame.network_at = seen->network_at;
	i->wall_ns = seen->wall_ns;
	s->base.stamp_ns = seen->wall_ns;
}

long packet_receive(struct socket *base, struct incoming *i)
{
	struct packet_socket *s = packet_of(base);
	uint64_t room = cursor_left(&i->to);
	int error;
	if (i->flags & MSG_OOB) {
		return -EINVAL;
	}
	if (i->flags & MSG_ERRQUEUE) {
		return -EAGAIN;
	}
	mutex_lock(&base->reading);
	struct seen *seen = first(s, i->flags, deadline_after(base->receive_timeout_ns), &error);
	long result = error;
	if (seen) {
		uint64_t n = seen->bytes < room ? seen->bytes : room;
		error = cursor_copy_out(&i->to, (char *)seen->data, n);
		describe(s, seen, i);
		i->out_flags |= n < seen->bytes ? MSG_TRUNC : 0;
		result = error ? error : (long)(i->flags & MSG_TRUNC ? seen->bytes : n);
		if (!(i->flags & MSG_PEEK)) {
			take(s, seen);
		}
	}
	mutex_unlock(&base->reading);
	return result;
}

int packet_extras(struct socket *base, struct incoming *i, struct control_room *room)
{
	struct packet_socket *s = packet_of(base);
	bool ns = socket_option(base, SO_TIMESTAMPNS);
	int error = 0;
	if (!i->has_frame) {
		return 0;
	}
	if (ns || socket_option(base, SO_TIMESTAMP)) {
		int64_t time[2] = { (int64_t)(i->wall_ns / NS), (int64_t)(i->wall_ns % NS) / (ns ? 1 : 1000) };
		error = control_put(room, SOL_SOCKET, ns ? SCM_TIMESTAMPNS : SCM_TIMESTAMP, time, sizeof(time));
	}
	if (!error && s->want_auxiliary) {
		struct auxiliary told = { .status = i->frame.status, .all = i->frame.all, .bytes = i->frame.bytes, .network_at = i->frame.network_at };
		error = control_put(room, SOL_PACKET, PACKET_AUXDATA, &told, sizeof(told));
	}
	return error;
}

unsigned packet_poll(struct socket *base, struct poll_table *table)
{
	struct packet_socket *s = packet_of(base);
	spin_lock(&base->lock);
	unsigned events = POLLOUT | POLLWRNORM | POLLWRBAND | (base->error ? POLLERR : 0) | (!list_empty(&s->queue) ? POLLIN | POLLRDNORM : 0);
	events |= packet_ring_readable(s) ? POLLIN | POLLRDNORM : 0;
	spin_unlock(&base->lock);
	return events;
}

int packet_queued(struct socket *base, bool out, int *bytes)
{
	struct packet_socket *s = packet_of(base);
	spin_lock(&base->lock);
	*bytes = out || list_empty(&s->queue) ? 0 : (int)container_of(s->queue.next, struct seen, link)->bytes;
	spin_unlock(&base->lock);
	return 0;
}
