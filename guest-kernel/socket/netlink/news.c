/* SPDX-License-Identifier: MIT */
/*
 * What sockets that have joined groups of NETLINK_ROUTE are told (rtnetlink(7)): each message of the lists of links, addresses and routes that
 * was not in them the last time, and what is gone from them. Comparing finds what a change brought with it, whoever asked for
 * it and by whichever call. It is done after each change that a program makes, and when somebody begins to listen: what DHCP, a router or a cable changed is
 * told with the next of these.
 */
#include "socket/netlink/netlink.h"

#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "net/net.h"
#include "net/tables.h"

#define TABLES_FIRST 8192u

static struct mutex news_mutex;
static struct answer *known; /* with news_mutex: the lists as they were the last time; NULL: never looked at */

void netlink_init(void)
{
	mutex_init(&news_mutex, "netlink news");
}

static const struct message_header *message_at(const struct answer *a, size_t at)
{
	return at < a->used ? (const void *)(a->bytes + at) : NULL;
}

/* The same message; `about`: one about the same link, address or route, whatever it says of it. */
static bool has(const struct answer *a, const struct message_header *wanted, bool about)
{
	const struct message_header *m;
	for (size_t at = 0; (m = message_at(a, at)); at += MESSAGE_ALIGN(m->length)) {
		if (about ? route_is_same(m, wanted) : route_is_unchanged(m, wanted)) {
			return true;
		}
	}
	return false;
}

/* What is in one of them and not in the other. */
static void differences_tell(const struct answer *in, const struct answer *other, bool gone)
{
	const struct message_header *m;
	for (size_t at = 0; (m = message_at(in, at)); at += MESSAGE_ALIGN(m->length)) {
		if (!has(other, m, gone)) {
			netlink_tell(m, gone);
		}
	}
}

/* With news_mutex then. NULL, and without it: no memory. */
static struct answer *tables_read(void)
{
	static const struct message_header nobody;
	for (size_t size = TABLES_FIRST;;) {
		reserve_renew();
		struct answer *a = kmalloc(sizeof(*a) + size);
		if (!a) {
			return NULL;
		}
		*a = (struct answer){ .request = &nobody, .size = size };
		mutex_lock(&news_mutex);
		net_lock();
		route_tables(a);
		net_unlock();
		if (a->wanted <= size) {
			return a;
		}
		mutex_unlock(&news_mutex);
		size = a->wanted + a->wanted / 4;
		kfree(a);
	}
}

void netlink_news(bool begins)
{
	if (!begins && !netlink_listens()) {
		return;
	}
	struct answer *now = tables_read();
	if (!now) {
		return;
	}
	struct answer *before = known;
	if (before) {
		differences_tell(before, now, true);
		differences_tell(now, before, false);
	}
	known = now;
	mutex_unlock(&news_mutex);
	kfree(before);
}
