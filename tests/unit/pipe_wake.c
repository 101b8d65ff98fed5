/* SPDX-License-Identifier: MIT */
/*
 * Who sleeps until a pipe has bytes looks without its lock, load by load between the steps of others (tests/fake/interleave.h) who copy its
 * bytes for tee(2), move them into another ring, make bytes of pages, or take some and give them back. Each byte wakes its reader once, and
 * nobody does again: whoever lets the pipe seem empty for a moment leaves it asleep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/platform.h"
#include "kernel/poll.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"
#include "fs/pipe_internal.h"
#include "tests/fake/interleave.h"

#define BYTES 3000u
#define STEPS 100000u /* far more than a reader needs that was woken */

struct page_here {
	struct page page;
	char data[PAGE_SIZE];
};

static struct file ends[2];
static unsigned opened, arrived, in_use;
static bool over;

/* ---- what else pipes call ---- */
void spin_init(spinlock_t *lock, const char *name)
{
	*lock = (spinlock_t){ .name = name };
}

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, "waitq");
	list_init(&q->waiters);
	list_init(&q->observers);
}

void mutex_lock(struct mutex *m)
{
}

void mutex_unlock(struct mutex *m)
{
}

void *kmalloc(size_t bytes)
{
	in_use++;
	return malloc(bytes);
}

void *kzalloc(size_t bytes)
{
	in_use++;
	return calloc(1, bytes);
}

void kfree(void *memory)
{
	in_use -= memory != NULL;
	free(memory);
}

static struct page *page_new(void)
{
	struct page_here *p = kzalloc(sizeof(*p));
	p->page.references = 1;
	return &p->page;
}

void page_get(struct page *page)
{
	page->references++;
}

void page_put(struct page *page)
{
	if (--page->references == 0) {
		kfree(container_of(page, struct page_here, page));
	}
}

uint64_t page_phys(const struct page *page)
{
	return (uint64_t)(uintptr_t)container_of(page, struct page_here, page)->data - PHYSMAP;
}

struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private)
{
	ends[opened] = (struct file){ .ops = ops, .references = 1, .flags = flags };
	return &ends[opened++];
}

void file_put(struct file *f)
{
	f->ops->release(f);
}

bool file_readable(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

bool file_writable(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

int fd_install(struct file *f, bool close_on_exec)
{
	return (int)(f - ends);
}

int fd_close(int fd)
{
	file_put(&ends[fd]);
	return 0;
}

void poll_wait(struct poll_table *t, struct waitq *q)
{
}

void signal_broken_pipe(void)
{
	fail();
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
	memcpy((void *)to, from, bytes);
	return 0;
}

/* ---- one who writes, one who reads, and the others ---- */
static struct file *in = &ends[0], *out = &ends[1];

static void byte_write(unsigned i)
{
	char c = (char)i;
	assert_int_equal(out->ops->write(out, &c, 1, NULL), 1);
}

static void byte_in_page(unsigned i)
{
	struct page_part part = { page_new(), i % PAGE_SIZE, 1 };
	((char *)page_data(part.page))[part.offset] = (char)i;
	assert_int_equal(pipe_reserve(out, 1, true), 1);
	assert_int_equal(pipe_put_pages(out, &part, 1), 1);
}

/* The next byte when the one before has arrived, so that only its own wake can bring it there. */
static void writer(void *put)
{
	void (*byte_put)(unsigned) = put;
	for (unsigned i = 0; i < BYTES; i++) {
		byte_put(i);
		for (unsigned steps = 0; arrived <= i; steps++) {
			if (steps > STEPS) {
				kernel_panic("a byte is there, and its reader sleeps");
			}
			interleave_step();
		}
	}
	over = true;
}

static void reader(void *arg)
{
	for (unsigned i = 0; i < BYTES; i++) {
		char c;
		assert_int_equal(in->ops->read(in, &c, 1, NULL), 1);
		assert_int_equal(c, (char)i);
		arrived++;
	}
}

/* tee(2), which makes bytes of pages too. */
static void looker(void *arg)
{
	char some[8];
	while (!over) {
		long n = pipe_look(in, some, sizeof(some), false, false);
		assert_true(n == 1 || n == -EAGAIN);
	}
}

static void resizer(void *arg)
{
	for (unsigned i = 0; !over; i++) {
		assert_true(pipe_set_capacity(in, i % 2 ? 4096 : 8192) > 0);
		pipe_ring_grow(in->private);
	}
}

/* splice(2) to a connection that takes nothing, of pages and of bytes. */
static void taker(void *arg)
{
	struct page_part parts[PAGE_PARTS];
	char some[8];
	while (!over) {
		unsigned count = pipe_take_pages(in, parts, 8);
		if (count) {
			pipe_settle_pages(in, parts, count, 0);
		}
		long n = pipe_look(in, some, sizeof(some), true, false);
		if (n > 0) {
			pipe_settle(in, some, (uint32_t)n, 0);
		}
	}
}

static void beside(void (*other)(void *arg), void (*put)(unsigned))
{
	int fds[2];
	interleave_begin(3, NULL);
	opened = arrived = 0;
	over = false;
	assert_int_equal(sys_pipe2((uint64_t[6]){ (uint64_t)fds, 0 }), 0);
	interleave_start(writer, put);
	interleave_start(reader, NULL);
	interleave_start(other, NULL);
	interleave_run();
	interleave_end();
	fd_close(0);
	fd_close(1);
	assert_int_equal(in_use, 0);
}

static void looking_leaves_bytes_there(void **state)
{
	beside(looker, byte_write);
}

static void another_ring_has_them(void **state)
{
	beside(resizer, byte_write);
}

static void pages_become_bytes(void **state)
{
	beside(looker, byte_in_page);
}

static void what_is_given_back_is_there(void **state)
{
	beside(taker, byte_write);
	beside(taker, byte_in_page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looking_leaves_bytes_there),
		cmocka_unit_test(another_ring_has_them),
		cmocka_unit_test(pages_become_bytes),
		cmocka_unit_test(what_is_given_back_is_there),
	};
	return cmocka_run_group_tests_name("pipe_wake", tests, NULL, NULL);
}
