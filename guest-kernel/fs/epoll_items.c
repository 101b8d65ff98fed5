/* SPDX-License-Identifier: MIT */
/*
 * What a set watches, found by file and descriptor, in a treap (base/treap.h) that is made of the items themselves: adding one takes no memory.
 * All under epoll_mutex.
 */
#include "fs/epoll_internal.h"

static struct item *item_of(const struct treap_node *node)
{
	return container_of(node, struct item, node);
}

static bool comes_before(const struct file *f, int fd, const struct item *item)
{
	return f < item->file || (f == item->file && fd < item->fd);
}

static bool is_before(const struct treap_node *a, const struct treap_node *b)
{
	return comes_before(item_of(a)->file, item_of(a)->fd, item_of(b));
}

struct item *epoll_item_find(const struct epoll *e, const struct file *f, int fd)
{
	const struct treap_node *at = e->tree;
	while (at && (item_of(at)->file != f || item_of(at)->fd != fd)) {
		at = comes_before(f, fd, item_of(at)) ? at->before : at->behind;
	}
	return at ? item_of(at) : NULL;
}

void epoll_item_enter(struct epoll *e, struct item *item)
{
	treap_add(&e->tree, &item->node, is_before);
}

void epoll_item_leave(struct epoll *e, struct item *item)
{
	treap_remove(&e->tree, &item->node, is_before);
}
