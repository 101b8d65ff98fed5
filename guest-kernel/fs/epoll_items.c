/* SPDX-License-Identifier: MIT */
/*
 * What a set watches, found by file and descriptor: a treap (Seidel and Aragon, 1989). In order of file and descriptor from left to right, and
 * none of higher rank than the one above it. Ranks are as good as random, so the tree is about as deep as the logarithm of its size, in whatever
 * order descriptors come and go. It is made of the items themselves: adding one takes no memory. All under epoll_mutex.
 */
#include "fs/epoll_internal.h"

static uint64_t rank(const struct item *item)
{
	return ((uintptr_t)item >> 4 ^ (uint64_t)(uint32_t)item->fd << 32) * 0x9e3779b97f4a7c15ull;
}

static bool is_before(const struct file *f, int fd, const struct item *item)
{
	return f < item->file || (f == item->file && fd < item->fd);
}

struct item *epoll_item_find(const struct epoll *e, const struct file *f, int fd)
{
	struct item *item = e->tree;
	while (item && (item->file != f || item->fd != fd)) {
		item = is_before(f, fd, item) ? item->before : item->behind;
	}
	return item;
}

void epoll_item_enter(struct epoll *e, struct item *item)
{
	struct item **at = &e->tree, **before = &item->before, **behind = &item->behind;
	while (*at && rank(*at) >= rank(item)) {
		at = is_before(item->file, item->fd, *at) ? &(*at)->before : &(*at)->behind;
	}
	/* What is below its place is parted into what is before it and what is behind it. */
	struct item *rest = *at;
	*at = item;
	while (rest) {
		if (is_before(item->file, item->fd, rest)) {
			*behind = rest;
			behind = &rest->before;
			rest = rest->before;
		} else {
			*before = rest;
			before = &rest->behind;
			rest = rest->behind;
		}
	}
	*before = *behind = NULL;
}

void epoll_item_leave(struct epoll *e, struct item *item)
{
	struct item **at = &e->tree, *before = item->before, *behind = item->behind;
	while (*at != item) {
		at = is_before(item->file, item->fd, *at) ? &(*at)->before : &(*at)->behind;
	}
	while (before && behind) {
		if (rank(before) >= rank(behind)) {
			*at = before;
			at = &before->behind;
			before = *at;
		} else {
			*at = behind;
			at = &behind->before;
			behind = *at;
		}
	}
	*at = before ? before : behind;
}
