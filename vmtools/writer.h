/* SPDX-License-Identifier: MIT */
/*
 * Output that never holds up its source. A machine's serial lines have to be read at once: who stops reading loses what the
 * machine says next. So bytes for a slow reader of ours wait in memory, and a thread writes them.
 */
#ifndef VMTOOLS_WRITER_H
#define VMTOOLS_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct writer {
	int fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *bytes; /* waiting, under lock */
	size_t used, size;
	bool ending;
	int error; /* the first one, an errno */
};

/** Start to write to `fd`. 0 or -errno. */
int writer_open(struct writer *writer, int fd);
/** Take a copy of the bytes; never waits. */
void writer_put(struct writer *writer, const char *bytes, size_t count);
/** 0, or the errno of a write that failed, or ENOMEM. */
int writer_error(struct writer *writer);
/** End the thread: when all is written, or at once, whatever still waits. As writer_error. */
int writer_close(struct writer *writer, bool at_once);

#endif
