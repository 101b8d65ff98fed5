/* SPDX-License-Identifier: MIT */
/* Messages: what one send brought, until it is read. Streams are queues of them too, for files and sender IDs stay with their bytes. */
#include "socket/socket.h"

#include "base/string.h"
#include "kernel/user.h"

struct message *message_create(struct socket *sender, uint32_t size)
{
	struct message *m = kmalloc(sizeof(*m) + size);
	if (m) {
		*m = (struct message){ .sender = sender, .size = size, .charge = ((size + 383) & ~63u) + 256 };
		list_init(&m->link);
		socket_get(sender);
		__atomic_fetch_add(&sender->sent, m->charge, __ATOMIC_RELAXED);
	}
	return m;
}

/* Whoever waits for room is told when three quarters are free: it sleeps less often. */
void message_free(struct message *m)
{
	struct socket *sender = m->sender;
	uint32_t left = __atomic_sub_fetch(&sender->sent, m->charge, __ATOMIC_SEQ_CST);
	if (left <= sender->send_limit / 4 && left + m->charge > sender->send_limit / 4) {
		waitq_wake_all(&sender->out);
	}
	if (m->rights) {
		rights_drop(m->rights);
	}
	name_put(m->from);
	socket_put(sender);
	kfree(m);
}

void message_queue_locked(struct socket *to, struct message *m)
{
	list_push_back(&to->messages, &m->link);
	to->message_count++;
	to->bytes += m->size;
}

void message_unqueue_locked(struct socket *s, struct message *m)
{
	list_remove(&m->link);
	s->message_count--;
	s->bytes -= m->size - m->start;
}

uint64_t cursor_left(const struct cursor *c)
{
	uint64_t left = 0;
	for (unsigned i = 0; i < c->count; i++) {
		left += c->vectors[i].length;
	}
	return left - c->offset;
}

static int cursor_copy(struct cursor *c, char *kernel, uint64_t bytes, bool out)
{
	while (bytes) {
		uint64_t room = c->vectors->length - c->offset, n = bytes < room ? bytes : room, at = c->vectors->base + c->offset;
		int error = 0;
		if (!c->user) {
			memcpy(out ? (void *)at : kernel, out ? kernel : (const void *)at, n);
		} else if (n) {
			error = out ? user_write(at, kernel, n) : user_read(kernel, at, n);
		}
		if (error) {
			return error;
		}
		kernel += n;
		bytes -= n;
		c->offset += n;
		if (c->offset == c->vectors->length && c->count > 1) {
			c->vectors++;
			c->count--;
			c->offset = 0;
		}
	}
	return 0;
}

int cursor_copy_in(struct cursor *c, char *to, uint64_t bytes)
{
	return cursor_copy(c, to, bytes, false);
}

int cursor_copy_out(struct cursor *c, const char *from, uint64_t bytes)
{
	return cursor_copy(c, (char *)from, bytes, true);
}
