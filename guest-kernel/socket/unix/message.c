/* SPDX-License-Identifier: MIT */
/* Messages: what one send brought, until it is read. Streams are queues of them too, for files and sender IDs stay with their bytes. */
#include "socket/unix/unix.h"

struct message *message_create(struct unix_socket *sender, uint32_t size)
{
	struct message *m = kmalloc(sizeof(*m) + size);
	if (m) {
		*m = (struct message){ .sender = sender, .size = size, .charge = ((size + 383) & ~63u) + 256 };
		list_init(&m->link);
		unix_get(sender);
		__atomic_fetch_add(&sender->sent, m->charge, __ATOMIC_RELAXED);
	}
	return m;
}

/* Whoever waits for room is told when three quarters are free: it sleeps less often. */
void message_free(struct message *m)
{
	struct unix_socket *sender = m->sender;
	uint32_t left = __atomic_sub_fetch(&sender->sent, m->charge, __ATOMIC_SEQ_CST);
	if (left <= sender->base.send_limit / 4 && left + m->charge > sender->base.send_limit / 4) {
		waitq_wake_all(&sender->base.out);
	}
	if (m->rights) {
		rights_drop(m->rights);
	}
	name_put(m->from);
	unix_put(sender);
	kfree(m);
}

void message_queue_locked(struct unix_socket *to, struct message *m)
{
	list_push_back(&to->messages, &m->link);
	if (m->rights) {
		rights_queue_locked(to, m);
	}
	to->message_count++;
	to->bytes += m->size;
}

void message_unqueue_locked(struct unix_socket *s, struct message *m)
{
	list_remove(&m->link);
	if (m->rights) {
		rights_unqueue_locked(m);
	}
	s->message_count--;
	s->bytes -= m->size - m->start;
}
