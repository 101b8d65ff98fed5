/* SPDX-License-Identifier: MIT */
/*
 * Pipes: random non-blocking operations against a plain queue of bytes, then writers and readers that sleep: small writes arrive whole and
 * in each writer's order, nothing is lost, and a signal ends a sleep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/poll.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"
#include "tests/fake/threads.h"

#define MOST (1u << 20)
#define PIPE_ATOMIC 4096u

static struct file *table[4];
static unsigned broken;

struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private)
{
	struct file *f = kzalloc(sizeof(*f));
	if (f) {
		f->ops = ops;
		f->references = 1;
		f->flags = flags;
	}
	return f;
}

void file_put(struct file *f)
{
	if (__atomic_sub_fetch(&f->references, 1, __ATOMIC_ACQ_REL) == 0) {
		f->ops->release(f);
		kfree(f);
	}
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
	for (int fd = 0; fd < 4; fd++) {
		if (!table[fd]) {
			table[fd] = f;
			return fd;
		}
	}
	file_put(f);
	return -EMFILE;
}

int fd_close(int fd)
{
	file_put(table[fd]);
	table[fd] = NULL;
	return 0;
}

void poll_wait(struct poll_table *t, struct waitq *q)
{
}

void signal_broken_pipe(void)
{
	__atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
}

long sys_pipe2(const uint64_t a[6]);

static void open_pipe(struct file **in, struct file **out, unsigned flags)
{
	int fds[2];
	assert_int_equal(sys_pipe2((uint64_t[6]){ (uint64_t)fds, flags }), 0);
	*in = table[fds[0]];
	*out = table[fds[1]];
}

static void nothing_is_left(void)
{
	for (int fd = 0; fd < 4; fd++) {
		if (table[fd]) {
			fd_close(fd);
		}
	}
	assert_int_equal(fake_memory_in_use(), 0);
	assert_int_equal(fake_pages_in_use(), 0);
}

/* The reference: all bytes ever written, by position. `reserved` and `looked` are a splice's. */
struct model {
	uint64_t head, tail;
	uint32_t limit, size; /* the ring's, which grows once and shrinks by set_capacity */
	uint32_t held, taken;
	uint32_t paged; /* the last of them, which lie in pages: whoever reads or writes makes bytes of them */
};

static uint8_t byte_at(uint64_t position)
{
	return (uint8_t)(position * 2654435761u >> 13 ^ position >> 7);
}

static uint32_t used(const struct model *m)
{
	return (uint32_t)(m->head - m->tail);
}

static uint32_t pick_size(void)
{
	switch (fake_random(5)) {
	case 0:
		return (uint32_t)fake_random(9);
	case 1:
		return PIPE_ATOMIC - 2 + (uint32_t)fake_random(5);
	case 2:
		return (uint32_t)fake_random(100000);
	default:
		return (uint32_t)fake_random(5000);
	}
}

static char buffer[MOST];

static void fill(uint64_t from, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		buffer[i] = (char)byte_at(from + i);
	}
}

static void is_sequence(uint64_t from, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		assert_int_equal((uint8_t)buffer[i], byte_at(from + i));
	}
}

/* What it wants and the ring has no room for makes the ring its full size. */
static uint32_t room_for(struct model *m, uint32_t want)
{
	if (m->size - used(m) - m->held < want && m->size < m->limit) {
		m->size = m->limit;
	}
	return m->size - used(m) - m->held;
}

static void try_write(struct model *m, struct file *out)
{
	uint32_t want = pick_size();
	if (want == 0) {
		return;
	}
	uint32_t room = room_for(m, want), n = room < want ? room : want;
	if (want <= PIPE_ATOMIC && room < want) {
		n = 0;
	}
	fill(m->head, want);
	m->paged = 0;
	assert_int_equal(out->ops->write(out, buffer, want, NULL), n ? (long)n : -EAGAIN);
	m->head += n;
}

static void try_read(struct model *m, struct file *in)
{
	uint32_t want = pick_size() + 1, n = used(m) < want ? used(m) : want;
	assert_int_equal(in->ops->read(in, buffer, want, NULL), n ? (long)n : -EAGAIN);
	is_sequence(m->tail, n);
	m->tail += n;
	m->paged = 0;
}

static void try_capacity(struct model *m, struct file *in)
{
	uint32_t want = (uint32_t)fake_random(300000), size = PIPE_ATOMIC;
	while (size < want) {
		size *= 2;
	}
	bool fits = m->size <= size || used(m) + m->held <= size;
	assert_int_equal(pipe_set_capacity(in, want), fits ? (long)size : -EBUSY);
	if (fits) {
		m->limit = size;
		m->size = m->size <= size ? m->size : size;
	}
}

/* A splice out of the pipe that gives some back. What is in front of pages comes alone. */
static void try_take(struct model *m, struct file *in)
{
	uint32_t want = pick_size() % 65536 + 1, ring = used(m) - m->paged, there = ring ? ring : used(m), n = there < want ? there : want;
	m->paged = ring ? m->paged : 0;
	assert_int_equal(pipe_look(in, buffer, want, true, false), n ? (long)n : -EAGAIN);
	is_sequence(m->tail, n);
	if (n) {
		uint32_t kept = (uint32_t)fake_random(n + 1);
		static char other[65536];
		memcpy(other, buffer, n);
		m->tail += n;
		m->held += n;
		fake_random(4) ? try_write(m, table[1]) : try_capacity(m, in);
		m->held -= n;
		/* What was written meanwhile lies behind what comes back: the model's queue is one again. */
		pipe_settle(in, other, n, kept);
		m->tail -= n - kept;
	}
}

/* Pages of a file, of which only parts count: as many bytes as went in. */
static uint32_t bring_pages(const struct model *m, struct file *out, uint32_t bytes)
{
	struct page_part parts[PAGE_PARTS];
	uint64_t at = m->head;
	unsigned count = 0;
	for (; count < PAGE_PARTS && bytes; count++) {
		struct page *page = page_alloc(0);
		uint32_t offset = (uint32_t)fake_random(PAGE_SIZE), most = (uint32_t)PAGE_SIZE - offset, n = bytes < most ? bytes : most;
		assert_non_null(page);
		for (uint32_t i = 0; i < n; i++) {
			((uint8_t *)page_data(page))[offset + i] = byte_at(at + i);
		}
		parts[count] = (struct page_part){ page, offset, n };
		if (n > 1 && count + 1 < PAGE_PARTS && fake_random(4) == 0) { /* in two parts, which become one again */
			parts[count].bytes = n / 2;
			page_get(page);
			parts[++count] = (struct page_part){ page, offset + n / 2, n - n / 2 };
		}
		at += n;
		bytes -= n;
	}
	return pipe_put_pages(out, parts, count);
}

/* As try_take, of pages: what connections get as it is. */
static void try_take_pages(struct model *m, struct file *in)
{
	struct page_part parts[PAGE_PARTS];
	uint32_t want = pick_size() % 65536 + 1, n = 0;
	unsigned count = pipe_take_pages(in, parts, want);
	assert_int_equal(count > 0, m->paged && m->paged == used(m));
	if (!count) {
		return;
	}
	for (unsigned i = 0; i < count; n += parts[i++].bytes) {
		memcpy(buffer + n, (char *)page_data(parts[i].page) + parts[i].offset, parts[i].bytes);
	}
	assert_true(n <= want && (n == want || n == used(m) || count == PAGE_PARTS));
	is_sequence(m->tail, n);
	assert_int_equal(pipe_take_pages(in, parts, 1), 0); /* another one waits */
	assert_int_equal(pipe_look(in, buffer, 1, true, false), -EAGAIN);
	uint32_t kept = (uint32_t)fake_random(n + 1);
	m->tail += n;
	m->held += n;
	m->paged -= n;
	fake_random(2) ? try_write(m, table[1]) : try_capacity(m, in);
	m->held -= n;
	bool stay = m->paged == used(m);
	pipe_settle_pages(in, parts, count, kept);
	m->tail -= n - kept;
	m->paged = stay ? used(m) : m->paged;
}

static void try_reserve(struct model *m, struct file *out)
{
	uint32_t want = pick_size() % 65536 + 1, room = room_for(m, want), n = room < want ? room : want;
	assert_int_equal(pipe_reserve(out, want, false), n ? (long)n : -EAGAIN);
	if (n) {
		uint32_t bring = (uint32_t)fake_random(n + 1), pages = fake_random(2) ? bring_pages(m, out, bring) : 0;
		m->head += pages;
		m->paged += pages;
		m->held += n - pages;
		fake_random(4) ? try_read(m, table[0]) : try_capacity(m, out);
		m->held -= n - pages;
		bring = pages ? 0 : bring;
		fill(m->head, bring);
		pipe_fill(out, buffer, bring, n - pages);
		m->head += bring;
		m->paged = bring ? 0 : m->paged;
	}
}

static void try_look(struct model *m, struct file *in)
{
	uint32_t want = pick_size() % 65536 + 1, n = used(m) < want ? used(m) : want;
	assert_int_equal(pipe_look(in, buffer, want, false, false), n ? (long)n : -EAGAIN);
	is_sequence(m->tail, n);
	m->paged = 0;
}

static void check_poll(const struct model *m, struct file *in, struct file *out)
{
	bool room = m->size < m->limit || m->size - used(m) >= PIPE_ATOMIC;
	assert_int_equal(in->ops->poll(in, NULL), used(m) ? POLLIN | POLLRDNORM : 0);
	assert_int_equal(out->ops->poll(out, NULL), room ? POLLOUT | POLLWRNORM : 0);
}

static void a_pipe_is_a_queue(void **state)
{
	struct file *in, *out;
	struct model m = { .limit = 65536, .size = 4096 };
	fake_seed();
	open_pipe(&in, &out, O_NONBLOCK);
	for (int i = 0; i < 40000; i++) {
		switch (fake_random(8)) {
		case 0:
		case 1:
		case 2:
			try_write(&m, out);
			break;
		case 3:
		case 4:
			try_read(&m, in);
			break;
		case 5:
			fake_random(2) ? try_take_pages(&m, in) : fake_random(2) ? try_take(&m, in) : try_look(&m, in);
			break;
		case 6:
			try_reserve(&m, out);
			break;
		default:
			try_capacity(&m, in);
		}
		check_poll(&m, in, out);
	}
	nothing_is_left();
}

static void no_memory_is_said(void **state)
{
	struct file *in, *out;
	int fds[2];
	for (unsigned in_turn = 1; in_turn <= 4; in_turn++) {
		fake_memory_fail(in_turn);
		assert_int_equal(sys_pipe2((uint64_t[6]){ (uint64_t)fds, 0 }), -ENOMEM);
		assert_int_equal(fake_memory_in_use(), 0);
	}
	open_pipe(&in, &out, O_NONBLOCK);
	fake_memory_fail(1);
	assert_int_equal(out->ops->write(out, buffer, 5000, NULL), -ENOMEM);
	assert_int_equal(out->ops->write(out, buffer, 5000, NULL), 5000);
	assert_int_equal(sys_pipe2((uint64_t[6]){ 8, 0 }), -EFAULT);
	nothing_is_left();
}

static void ends_that_are_gone(void **state)
{
	struct file *in, *out;
	open_pipe(&in, &out, 0);
	assert_int_equal(out->ops->write(out, "abc", 3, NULL), 3);
	fd_close(1);
	assert_int_equal(in->ops->poll(in, NULL), POLLIN | POLLRDNORM | POLLHUP);
	assert_int_equal(in->ops->read(in, buffer, 10, NULL), 3);
	assert_int_equal(in->ops->read(in, buffer, 10, NULL), 0);
	nothing_is_left();
	open_pipe(&in, &out, 0);
	fd_close(0);
	broken = 0;
	assert_int_equal(out->ops->write(out, "abc", 3, NULL), -EPIPE);
	assert_int_equal(broken, 1);
	assert_int_equal(out->ops->poll(out, NULL) & POLLERR, POLLERR);
	nothing_is_left();
}

/* ---- sleeping ---- */
#define WRITERS 3
#define READERS 2
#define MESSAGES 3000

struct message {
	uint32_t writer, number, length; /* of all of it */
	uint8_t fill[];
};

static struct file *shared_in, *shared_out;
static uint32_t next_of[WRITERS];
static struct mutex reading;
static unsigned wrong;

static void writer(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg, state = id + 77;
	static __thread union {
		struct message m;
		char bytes[PIPE_ATOMIC];
	} u;
	for (uint32_t i = 0; i < MESSAGES; i++) {
		state = state * 1103515245 + 12345;
		uint32_t length = sizeof(u.m) + (state >> 8) % (PIPE_ATOMIC - (uint32_t)sizeof(u.m) + 1);
		memset(u.bytes, (int)(id * 16 + i % 16), length);
		u.m = (struct message){ id, i, length };
		if (shared_out->ops->write(shared_out, u.bytes, length, NULL) != (long)length) {
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
			return;
		}
	}
}

static bool read_all(void *to, uint32_t bytes)
{
	for (uint32_t done = 0; done < bytes;) {
		long n = shared_in->ops->read(shared_in, (char *)to + done, bytes - done, NULL);
		if (n <= 0) {
			return false;
		}
		done += (uint32_t)n;
	}
	return true;
}

static void reader(void *arg)
{
	static __thread union {
		struct message m;
		uint8_t bytes[PIPE_ATOMIC];
	} u;
	for (;;) {
		mutex_lock(&reading); /* a message is read in two steps */
		bool got = read_all(&u.m, sizeof(u.m));
		bool good = got && u.m.writer < WRITERS && u.m.length <= PIPE_ATOMIC && u.m.number == next_of[u.m.writer]++ &&
			    read_all(u.m.fill, u.m.length - (uint32_t)sizeof(u.m));
		mutex_unlock(&reading);
		for (uint32_t i = sizeof(u.m); good && i < u.m.length; i++) {
			good = u.bytes[i] == (uint8_t)(u.m.writer * 16 + u.m.number % 16);
		}
		if (got && !good) {
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		}
		if (!got || !good) {
			return;
		}
	}
}

static void small_writes_arrive_whole(void **state)
{
	struct fake_thread *threads[WRITERS + READERS];
	open_pipe(&shared_in, &shared_out, 0);
	mutex_init(&reading, "reading");
	memset(next_of, 0, sizeof(next_of));
	for (uintptr_t i = 0; i < WRITERS + READERS; i++) {
		threads[i] = i < WRITERS ? fake_thread_start(writer, (void *)i) : fake_thread_start(reader, NULL);
	}
	for (int i = 0; i < WRITERS; i++) {
		fake_thread_join(threads[i]);
	}
	fd_close(1);
	for (int i = WRITERS; i < WRITERS + READERS; i++) {
		fake_thread_join(threads[i]);
	}
	assert_int_equal(wrong, 0);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(next_of[i], MESSAGES);
	}
	nothing_is_left();
}

static long result;

static void read_one(void *arg)
{
	char c;
	result = shared_in->ops->read(shared_in, &c, 1, NULL);
}

static void write_much(void *arg)
{
	result = shared_out->ops->write(shared_out, buffer, 100000, NULL);
}

static void write_some(void *arg)
{
	result = shared_out->ops->write(shared_out, buffer, 1000, NULL);
}

static void signals_end_sleeps(void **state)
{
	open_pipe(&shared_in, &shared_out, 0);
	struct fake_thread *t = fake_thread_start(read_one, NULL);
	fake_wait_sleepers(1);
	fake_thread_signal(t, true);
	fake_thread_join(t);
	assert_int_equal(result, -ERESTARTSYS);
	t = fake_thread_start(write_much, NULL);
	fake_wait_sleepers(1);
	fake_thread_signal(t, true);
	fake_thread_join(t);
	assert_int_equal(result, 65536); /* what is in the pipe is not taken back */
	t = fake_thread_start(write_much, NULL);
	fake_wait_sleepers(1);
	fd_close(0); /* the last reader */
	fake_thread_join(t);
	assert_int_equal(result, -EPIPE);
	nothing_is_left();
}

/* More room wakes who waits for it, wherever it is from. */
static void room_wakes_writers(void **state)
{
	open_pipe(&shared_in, &shared_out, 0);
	struct fake_thread *t = fake_thread_start(write_much, NULL);
	fake_wait_sleepers(1);
	assert_int_equal(pipe_set_capacity(shared_in, 1 << 17), 1 << 17);
	fake_thread_join(t);
	assert_int_equal(result, 100000);
	nothing_is_left();
	open_pipe(&shared_in, &shared_out, 0);
	assert_int_equal(pipe_reserve(shared_out, 65536, true), 65536); /* by a splice that finds a file's end */
	t = fake_thread_start(write_some, NULL);
	fake_wait_sleepers(1);
	pipe_fill(shared_out, buffer, 5, 65536);
	fake_thread_join(t);
	assert_int_equal(result, 1000);
	nothing_is_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_a_queue),	     cmocka_unit_test(no_memory_is_said),  cmocka_unit_test(ends_that_are_gone),
		cmocka_unit_test(small_writes_arrive_whole), cmocka_unit_test(signals_end_sleeps),
		cmocka_unit_test(room_wakes_writers),
	};
	return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}
