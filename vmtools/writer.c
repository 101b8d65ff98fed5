/* SPDX-License-Identifier: MIT */
/* See writer.h. The thread takes the whole buffer at a time and writes it without the lock. */
#include "writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(fd, bytes, count);
		if (n < 0 && errno != EINTR) {
			return errno;
		}
		bytes += n > 0 ? n : 0;
		count -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void *writer_run(void *argument)
{
	struct writer *w = argument;
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->used == 0 && !w->ending) {
			pthread_cond_wait(&w->changed, &w->lock);
		}
		if (w->used == 0) {
			break;
		}
		char *bytes = w->bytes;
		size_t count = w->used;
		w->bytes = NULL;
		w->used = w->size = 0;
		pthread_mutex_unlock(&w->lock);
		int error = write_all(w->fd, bytes, count);
		free(bytes);
		pthread_mutex_lock(&w->lock);
		w->error = w->error ? w->error : error;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int writer_open(struct writer *w, int fd)
{
	*w = (struct writer){ .fd = fd };
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	return -pthread_create(&w->thread, NULL, writer_run, w);
}

void writer_put(struct writer *w, const char *bytes, size_t count)
{
	pthread_mutex_lock(&w->lock);
	if (w->used + count > w->size) {
		size_t size = 2 * w->size > w->used + count ? 2 * w->size : w->used + count + 4096;
		char *more = realloc(w->bytes, size);
		if (!more) {
			w->error = ENOMEM;
			pthread_mutex_unlock(&w->lock);
			return;
		}
		w->bytes = more;
		w->size = size;
	}
	memcpy(w->bytes + w->used, bytes, count);
	w->used += count;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

int writer_error(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	int error = w->error;
	pthread_mutex_unlock(&w->lock);
	return error;
}

int writer_close(struct writer *w, bool at_once)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (at_once) {
		pthread_cancel(w->thread); /* in write(), the lock is not held there */
	}
	pthread_join(w->thread, NULL);
	int error = w->error;
	free(w->bytes);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	return error;
}
