/* SPDX-License-Identifier: MIT */
/*
 * Sets in sets (epoll(7)). A set's height is 1 where no other set is in it, else one more than the highest in it: a circle would make it
 * grow without end, so a few rounds over all sets find circles and towers that are too high. What happens to a file is told along every
 * path upwards; the number of paths is bounded, too, for sets that are all in each other's neighbours have exponentially many.
 * All of it only when a set is put into a set.
 */
#include "fs/epoll_internal.h"

/* Calls `visit` for each item of `e` that is a set. */
static void members_visit(struct epoll *e, void (*visit)(struct epoll *e, struct epoll *member))
{
	if (!e->sets) {
		return;
	}
	list_for_each(node, &e->items) {
		struct epoll *member = epoll_of(container_of(node, struct item, link)->file);
		if (member) {
			visit(e, member);
		}
	}
}

static void height_raise(struct epoll *e, struct epoll *member)
{
	e->height = e->height > member->height ? e->height : member->height + 1;
}

static void paths_add(struct epoll *e, struct epoll *member)
{
	unsigned more = 1 + e->paths;
	member->paths = member->paths + more < EPOLL_PATHS + 1 ? member->paths + more : EPOLL_PATHS + 1;
}

int epoll_nest_check(void)
{
	int error = 0;
	list_for_each(node, &epolls) {
		struct epoll *e = container_of(node, struct epoll, link);
		e->height = 1;
		e->paths = 0;
	}
	for (unsigned round = 0; round < EPOLL_LEVELS; round++) {
		list_for_each(node, &epolls) {
			members_visit(container_of(node, struct epoll, link), height_raise);
		}
	}
	for (unsigned height = EPOLL_LEVELS; height > 0; height--) {
		list_for_each(node, &epolls) {
			struct epoll *e = container_of(node, struct epoll, link);
			if (e->height == height) {
				members_visit(e, paths_add);
			}
		}
	}
	list_for_each(node, &epolls) {
		const struct epoll *e = container_of(node, struct epoll, link);
		error = e->height > EPOLL_LEVELS ? -ELOOP : !error && e->paths > EPOLL_PATHS ? -EINVAL : error;
	}
	return error;
}

static void asking_raise(struct epoll *e, struct epoll *member)
{
	if (member->asking && !e->asking) {
		e->asking = true;
		waitq_wake_all(&e->waiters); /* who sleeps has to ask, too */
		waitq_wake_all(&e->pollers);
	}
}

void epoll_nest_ask(struct epoll *e)
{
	e->asking = true;
	for (unsigned round = 1; round < EPOLL_LEVELS; round++) {
		list_for_each(node, &epolls) {
			members_visit(container_of(node, struct epoll, link), asking_raise);
		}
	}
}
