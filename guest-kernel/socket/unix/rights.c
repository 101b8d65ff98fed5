/* SPDX-License-Identifier: MIT */
/*
 * Open files on their way in messages. A socket may wait in its own queue, or two in each other's, when nobody has a descriptor of them
 * any more: such are found as those all of whose references are messages, and which no message leads to that somebody could still read.
 * Only messages with files are looked at, so that FLIGHT_MAX bounds how long it takes, however many others wait beside them.
 * What is to be dropped goes through one list that is worked off by whoever comes first, so that closing a socket whose messages hold
 * sockets whose messages hold sockets takes no deeper a stack.
 */
#include "socket/unix/unix.h"
#include "kernel/capability.h"

#define FLIGHT_MAX 16384u /* files */
#define FLIGHT_MOST_OF_USERS (FLIGHT_MAX / 4 * 3)
#define USERS 1024u

static spinlock_t flight_lock = SPINLOCK_INIT("files in flight"); /* before any socket's lock */
static struct list sockets = LIST_INIT(sockets); /* in flight, by flight_link */
static struct list dropped = LIST_INIT(dropped); /* struct rights */
static uint32_t file_count;
static uint32_t user_counts[USERS]; /* of users whose numbers leave the same rest: nobody is to use up what all have */
static bool dropping;

/* NULL: something else. */
static struct unix_socket *unix_of_file(const struct file *f)
{
	struct socket *s = f->ops == &socket_file_ops ? f->private : NULL;
	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

struct rights *rights_create(unsigned count)
{
	struct rights *r = kzalloc(sizeof(*r) + count * sizeof(r->files[0]));
	if (r) {
		list_init(&r->link);
		r->uid = process_current()->credentials.uid;
		r->count = count;
	}
	return r;
}

struct rights *rights_copy(const struct rights *r)
{
	struct rights *copy = rights_create(r->count);
	for (unsigned i = 0; copy && i < r->count; i++) {
		copy->files[i] = r->files[i];
		file_get(copy->files[i]);
	}
	return copy;
}

/* As Linux: a user without privilege has as many in flight as one process may have open, and the last ones that it sent. */
static bool may_send(unsigned count)
{
	const struct process *p = process_current();
	uint32_t own = __atomic_load_n(&user_counts[p->credentials.uid % USERS], __ATOMIC_RELAXED);
	uint32_t all = __atomic_load_n(&file_count, __ATOMIC_RELAXED) + count;
	if (capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN)) {
		return all <= FLIGHT_MAX;
	}
	return all <= FLIGHT_MOST_OF_USERS && own <= p->rlimits[RLIMIT_NOFILE].soft;
}

int rights_check(unsigned count)
{
	for (int tries = 0; tries < 2; tries++) {
		if (may_send(count)) {
			return 0;
		}
		rights_collect();
	}
	return -ETOOMANYREFS;
}

void rights_queue_locked(struct unix_socket *to, struct message *m)
{
	m->rights->message = m;
	list_push_back(&to->rights, &m->rights->link);
}

struct rights *rights_unqueue_locked(struct message *m)
{
	list_remove(&m->rights->link);
	return m->rights;
}

void rights_depart(struct rights *r)
{
	spin_lock(&flight_lock);
	file_count += r->count;
	user_counts[r->uid % USERS] += r->count;
	for (unsigned i = 0; i < r->count; i++) {
		struct unix_socket *s = unix_of_file(r->files[i]);
		if (s && s->in_flight++ == 0) {
			list_push_back(&sockets, &s->flight_link);
		}
	}
	spin_unlock(&flight_lock);
}

static void land_locked(struct rights *r)
{
	file_count -= r->count;
	user_counts[r->uid % USERS] -= r->count;
	for (unsigned i = 0; i < r->count; i++) {
		struct unix_socket *s = unix_of_file(r->files[i]);
		if (s && --s->in_flight == 0) {
			list_remove(&s->flight_link);
		}
	}
}

void rights_land(struct rights *r)
{
	spin_lock(&flight_lock);
	land_locked(r);
	spin_unlock(&flight_lock);
}

static void work_off(void)
{
	spin_lock(&flight_lock);
	if (dropping) {
		spin_unlock(&flight_lock);
		return;
	}
	dropping = true;
	for (struct list *node; (node = list_pop_front(&dropped)) != NULL;) {
		struct rights *r = container_of(node, struct rights, link);
		land_locked(r);
		spin_unlock(&flight_lock);
		for (unsigned i = 0; i < r->count; i++) {
			file_put(r->files[i]);
		}
		kfree(r);
		spin_lock(&flight_lock);
	}
	dropping = false;
	spin_unlock(&flight_lock);
}

void rights_drop(struct rights *r)
{
	spin_lock(&flight_lock);
	list_push_back(&dropped, &r->link);
	spin_unlock(&flight_lock);
	work_off();
}

/* Of each candidate that waits in the queue of `s`: leave it out of the count of references from outside, or mark it reached. */
static void visit_queue_locked(struct unix_socket *s, bool mark, struct list *found)
{
	list_for_each(node, &s->rights) {
		struct rights *r = container_of(node, struct rights, link);
		for (unsigned i = 0; i < r->count; i++) {
			struct unix_socket *to = unix_of_file(r->files[i]);
			if (!to || !to->candidate) {
				continue;
			}
			if (!mark) {
				to->outside--;
			} else if (!to->reached) {
				to->reached = true;
				list_remove(&to->flight_link);
				list_push_back(found, &to->flight_link);
			}
		}
	}
}

static void visit(struct unix_socket *s, bool mark, struct list *found)
{
	spin_lock(&s->base.lock);
	visit_queue_locked(s, mark, found);
	list_for_each(node, &s->waiting) {
		struct unix_socket *inner = container_of(node, struct unix_socket, waiting_link);
		spin_lock(&inner->base.lock);
		visit_queue_locked(inner, mark, found);
		spin_unlock(&inner->base.lock);
	}
	spin_unlock(&s->base.lock);
}

static void take_rights(struct unix_socket *s)
{
	for (struct list *node; (node = list_pop_front(&s->rights)) != NULL;) {
		container_of(node, struct rights, link)->message->rights = NULL;
		list_push_back(&dropped, node);
	}
}

static void drop_queue_locked(struct unix_socket *s)
{
	spin_lock(&s->base.lock);
	take_rights(s);
	list_for_each(node, &s->waiting) {
		struct unix_socket *inner = container_of(node, struct unix_socket, waiting_link);
		spin_lock(&inner->base.lock);
		take_rights(inner);
		spin_unlock(&inner->base.lock);
	}
	spin_unlock(&s->base.lock);
}

/* Under flight_lock no file leaves or joins those in flight, and only those can lead to a file without a descriptor. */
static void collect_locked(void)
{
	struct list found = LIST_INIT(found), seen = LIST_INIT(seen);
	list_for_each(node, &sockets) {
		struct unix_socket *s = container_of(node, struct unix_socket, flight_link);
		s->candidate = __atomic_load_n(&s->base.file->references, __ATOMIC_ACQUIRE) == s->in_flight;
		s->outside = s->in_flight;
		s->reached = false;
	}
	list_for_each(node, &sockets) {
		struct unix_socket *s = container_of(node, struct unix_socket, flight_link);
		if (s->candidate) {
			visit(s, false, NULL);
		}
	}
	list_for_each_safe(node, &sockets) {
		struct unix_socket *s = container_of(node, struct unix_socket, flight_link);
		if (!s->candidate || s->outside) {
			s->reached = true;
			list_remove(node);
			list_push_back(&found, node);
		}
	}
	for (struct list *node; (node = list_pop_front(&found)) != NULL;) {
		list_push_back(&seen, node);
		visit(container_of(node, struct unix_socket, flight_link), true, &found);
	}
	list_for_each(node, &sockets) {
		drop_queue_locked(container_of(node, struct unix_socket, flight_link));
	}
	for (struct list *node; (node = list_pop_front(&seen)) != NULL;) {
		list_push_back(&sockets, node);
	}
}

/* Those that messages hold and nobody else are never released: a close of the last descriptor looks for them. */
void socket_closed(void)
{
	if (__atomic_load_n(&file_count, __ATOMIC_ACQUIRE)) {
		rights_collect();
	}
}

void rights_collect(void)
{
	spin_lock(&flight_lock);
	bool any = !list_empty(&sockets);
	if (any) {
		collect_locked();
	}
	spin_unlock(&flight_lock);
	if (any) {
		work_off();
	}
}
