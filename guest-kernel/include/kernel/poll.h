/* SPDX-License-Identifier: MIT */
/* Waiting for any of several files: poll operations register wait queues in a table, then the caller sleeps once. */
#ifndef KERNEL_POLL_H
#define KERNEL_POLL_H

#include <stdint.h>

#include "kernel/file.h"
#include "kernel/lock.h"

struct poll_entry {
	struct poll_entry *next;
	struct waiter waiter;
};

struct poll_table {
	struct poll_entry *entries;
	bool no_memory;
	void (*meet)(struct poll_table *table, struct waitq *q); /* not NULL: takes the queue in place of a place on it */
	unsigned inline_used;
	struct poll_entry inline_entries[8];
};

void poll_table_init(struct poll_table *table);
void poll_table_finish(struct poll_table *table);
/** Events of this file now; a file without a poll operation is always ready. */
unsigned file_poll(struct file *f, struct poll_table *table);

#endif
