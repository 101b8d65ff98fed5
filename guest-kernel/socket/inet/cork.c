/* SPDX-License-Identifier: MIT */
/*
 * A datagram made of several messages (MSG_MORE in send(2), UDP_CORK in udp(7)). The first one says where it goes, with what time to live and
 * from where; it leaves with the first message that is not to be followed, or when UDP_CORK is taken away. Of a message that cannot be
 * added the whole datagram dies, as on Linux. `corked` is changed with the mutex `writing`.
 */
#include "socket/inet/datagram.h"

#include "kernel/memory.h"
#include "kernel/user.h"

enum { UDP_CORK = 1 };

struct corked {
	struct message message;
	struct outgoing how; /* of the first; but whence and where to */
};

bool cork_is_wanted(const struct inet_socket *s, const struct outgoing *o)
{
	return s->kind == INET_UDP && ((o->flags & MSG_MORE) || s->cork || __atomic_load_n(&s->corked, __ATOMIC_RELAXED));
}

static void set(struct inet_socket *s, struct corked *c)
{
	__atomic_store_n(&s->corked, c, __ATOMIC_RELAXED);
	__atomic_store_n(&s->corked_bytes, c ? c->message.payload.count * (uint32_t)PAGE_SIZE : 0, __ATOMIC_RELAXED);
}

void cork_drop(struct inet_socket *s)
{
	struct corked *c = s->corked;
	if (c) {
		set(s, NULL);
		payload_drop(&c->message.payload);
		kfree(c);
	}
}

static int first(struct inet_socket *s, const struct outgoing *o)
{
	struct endpoint to;
	int error = datagram_where_to(s, o, &to);
	error = error ? error : datagram_way_check(s, o, &to);
	struct corked *c = error ? NULL : kzalloc(sizeof(*c));
	if (!c) {
		return error ? error : -ENOBUFS;
	}
	c->how = *o;
	c->message.to = to;
	c->message.how = &c->how;
	set(s, c);
	return 0;
}

int cork_begin(struct inet_socket *s, const struct outgoing *o, struct message **m, bool *last)
{
	mutex_lock(&s->writing);
	int error = s->corked ? 0 : first(s, o);
	*m = error ? NULL : &s->corked->message;
	*last = !s->cork && !(o->flags & MSG_MORE);
	return error;
}

void cork_end(struct inet_socket *s, bool over)
{
	if (over) {
		cork_drop(s);
	} else {
		set(s, s->corked);
	}
	mutex_unlock(&s->writing);
}

int cork_set_option(struct inet_socket *s, int option, uint64_t user, int length)
{
	int value;
	if (length < (int)sizeof(value)) {
		return -EINVAL;
	}
	if (user_read(&value, user, sizeof(value))) {
		return -EFAULT;
	}
	if (option != UDP_CORK) {
		return -ENOPROTOOPT;
	}
	mutex_lock(&s->writing);
	s->cork = value;
	struct message *m = value || !s->corked ? NULL : &s->corked->message;
	if (m) {
		(void)datagram_payload_send(s, m->how, &m->payload, &m->to); /* Linux does not tell, either */
	}
	cork_end(s, m);
	return 0;
}

int cork_get_option(const struct inet_socket *s, int option, uint64_t user, uint64_t user_length)
{
	int value = s->cork;
	return option == UDP_CORK ? option_answer(user, user_length, &value, sizeof(value)) : -ENOPROTOOPT;
}
