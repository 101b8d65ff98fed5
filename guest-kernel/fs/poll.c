/* SPDX-License-Identifier: MIT */
/*
 * poll, ppoll, select, pselect6. The first round only asks; where nothing is ready, the next one registers with every file's wait queues,
 * and what happens from then on wakes the sleeper. Wait queues live as long as their files, which are referenced for the length of the call.
 */
#include "kernel/poll.h"

#include "base/string.h"
#include "kernel/reserve.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define FDS_MAX 4096u
#define SELECT_MAX 1024u

struct poll_fd {
	int32_t fd;
	int16_t events, revents;
};

void poll_table_init(struct poll_table *table)
{
	table->entries = NULL;
	table->no_memory = false;
	table->meet = NULL;
	table->inline_used = 0;
}

void poll_wait(struct poll_table *table, struct waitq *q)
{
	if (!table) {
		return;
	}
	if (table->meet) {
		table->meet(table, q);
		return;
	}
	struct poll_entry *entry;
	if (table->inline_used < sizeof(table->inline_entries) / sizeof(table->inline_entries[0])) {
		entry = &table->inline_entries[table->inline_used++];
	} else {
		entry = kmalloc(sizeof(*entry));
	}
	if (!entry) {
		table->no_memory = true;
		return;
	}
	entry->next = table->entries;
	table->entries = entry;
	wait_prepare(q, &entry->waiter);
}

void poll_table_finish(struct poll_table *table)
{
	while (table->entries) {
		struct poll_entry *entry = table->entries;
		table->entries = entry->next;
		wait_finish(&entry->waiter);
		if (entry < table->inline_entries || entry >= table->inline_entries + 8) {
			kfree(entry);
		}
	}
	table->inline_used = 0;
}

unsigned file_poll(struct file *f, struct poll_table *table)
{
	return f->ops && f->ops->poll ? f->ops->poll(f, table) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static bool table_woken(const struct poll_table *table)
{
	for (const struct poll_entry *entry = table->entries; entry; entry = entry->next) {
		if (entry->waiter.woken) {
			return true;
		}
	}
	return false;
}

struct poll_set {
	struct poll_fd *fds;
	struct file **files;
	unsigned count;
};

static int set_ask(struct poll_set *s, struct poll_table *table)
{
	int ready = 0;
	for (unsigned i = 0; i < s->count; i++) {
		struct poll_fd *p = &s->fds[i];
		reserve_renew();
		p->revents = 0;
		if (p->fd >= 0) {
			unsigned events = s->files[i] ? file_poll(s->files[i], ready ? NULL : table) : POLLNVAL;
			p->revents = (int16_t)(events & ((unsigned)(uint16_t)p->events | POLLERR | POLLHUP | POLLNVAL));
			ready += p->revents != 0;
		}
	}
	return ready;
}

/* Nothing is ready, and nobody waits any longer: a signal that is there by now goes first, as on Linux. */
static int set_gives_up(void)
{
	return signal_pending() ? -EINTR : 0;
}

/* A wake takes the waiter off its queue, so each round registers anew. deadline 0: for ever, 1: not at all. */
static int set_wait(struct poll_set *s, uint64_t deadline)
{
	int now = set_ask(s, NULL);
	if (now || deadline == 1) {
		return now ? now : set_gives_up();
	}
	for (;;) {
		struct poll_table table;
		poll_table_init(&table);
		int ready = set_ask(s, &table), error = 0;
		if (!ready && table.no_memory) {
			error = -ENOMEM;
		} else if (!ready && !table_woken(&table)) {
			error = wait_sleep(deadline, true);
		}
		poll_table_finish(&table);
		if (ready) {
			return ready;
		}
		if (error == -ETIMEDOUT) {
			ready = set_ask(s, NULL);
			return ready ? ready : set_gives_up();
		}
		if (error) {
			return error;
		}
	}
}

static int set_files(struct poll_set *s)
{
	s->files = kzalloc((s->count ? s->count : 1) * sizeof(*s->files));
	for (unsigned i = 0; s->files && i < s->count; i++) {
		s->files[i] = s->fds[i].fd >= 0 ? file_from_fd(s->fds[i].fd) : NULL;
	}
	return s->files ? 0 : -ENOMEM;
}

static void set_free(struct poll_set *s)
{
	for (unsigned i = 0; s->files && i < s->count; i++) {
		if (s->files[i]) {
			file_put(s->files[i]);
		}
	}
	kfree(s->files);
	kfree(s->fds);
}

static long poll_user(uint64_t user, uint64_t count, uint64_t deadline)
{
	struct poll_set s = { .count = (unsigned)count };
	if (count > FDS_MAX) {
		return -EINVAL;
	}
	size_t bytes = count * sizeof(struct poll_fd);
	s.fds = kmalloc(bytes ? bytes : 1);
	long result = s.fds ? 0 : -ENOMEM;
	if (!result && bytes && user_read(s.fds, user, bytes)) {
		result = -EFAULT;
	}
	result = result ? result : set_files(&s);
	if (!result) {
		result = set_wait(&s, deadline);
		if (result >= 0 && bytes && user_write(user, s.fds, bytes)) {
			result = -EFAULT;
		}
	}
	set_free(&s);
	return result;
}

/* 1 stands for "now": no deadline of the monotonic clock is that early. */
static uint64_t deadline_in(uint64_t ns)
{
	return ns ? time_ns() + ns : 1;
}

static long poll_on(const uint64_t a[6]);

static long poll_until(const uint64_t a[6], uint64_t deadline)
{
	long result = poll_user(a[0], (uint32_t)a[1], deadline);
	return result == -EINTR ? syscall_restart_as(poll_on, deadline) : result;
}

static long poll_on(const uint64_t a[6])
{
	return poll_until(a, syscall_restart_deadline());
}

long sys_poll(const uint64_t a[6])
{
	int timeout = (int)a[2];
	return poll_until(a, timeout < 0 ? 0 : deadline_in((uint64_t)timeout * 1000000));
}

static int deadline_from_user(uint64_t user, uint32_t scale, uint64_t *deadline)
{
	int64_t t[2];
	*deadline = 0;
	if (!user) {
		return 0;
	}
	if (user_read(t, user, sizeof(t))) {
		return -EFAULT;
	}
	if (scale == 1000 && t[0] >= 0 && t[1] >= 1000000) { /* select takes more than a second of them */
		t[0] += t[1] / 1000000;
		t[1] %= 1000000;
	}
	if (t[0] < 0 || t[1] < 0 || t[1] >= 1000000000 / (int64_t)scale) {
		return -EINVAL;
	}
	uint64_t seconds = (uint64_t)t[0] < 1000000000 ? (uint64_t)t[0] : 1000000000;
	*deadline = deadline_in(seconds * 1000000000 + (uint64_t)t[1] * scale);
	return 0;
}

/* What is left of the time goes back, as Linux does it; where it cannot be written, the program does not hear of it. */
static long deadline_to_user(uint64_t user, uint32_t scale, uint64_t deadline, long result)
{
	uint64_t now = time_ns(), left = deadline > now ? deadline - now : 0;
	const uint64_t t[2] = { left / 1000000000, left % 1000000000 / scale };
	if (result != -ERESTARTNOHAND) {
		signal_drop_temporary_mask();
	}
	if (user && user_write(user, t, sizeof(t)) && result == -ERESTARTNOHAND) {
		return -EINTR; /* a restart would wait too long */
	}
	return result;
}

static int mask_from_user(uint64_t user, uint64_t size)
{
	uint64_t mask;
	if (!user) {
		return 0;
	}
	if (size != sizeof(mask)) {
		return -EINVAL;
	}
	if (user_read(&mask, user, sizeof(mask))) {
		return -EFAULT;
	}
	signal_set_temporary_mask(mask);
	return 0;
}

long sys_ppoll(const uint64_t a[6])
{
	uint64_t deadline;
	int error = deadline_from_user(a[2], 1, &deadline);
	error = error ? error : mask_from_user(a[3], a[4]);
	long result = error ? error : poll_user(a[0], (uint32_t)a[1], deadline);
	result = result == -EINTR ? -ERESTARTNOHAND : result;
	return error ? error : deadline_to_user(a[2], 1, deadline, result);
}

struct select_sets {
	uint64_t in[3][SELECT_MAX / 64], out[3][SELECT_MAX / 64];
};
static const unsigned select_ask[3] = { POLLIN | POLLRDNORM | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLERR, POLLPRI };

static bool bit(const uint64_t *set, unsigned i)
{
	return set[i / 64] >> (i % 64) & 1;
}

static int select_build(struct poll_set *s, const struct select_sets *sets, unsigned n)
{
	s->fds = kmalloc((n ? n : 1) * sizeof(struct poll_fd));
	if (!s->fds) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned events = 0;
		for (int k = 0; k < 3; k++) {
			events |= bit(sets->in[k], i) ? select_ask[k] : 0;
		}
		if (events) {
			s->fds[s->count++] = (struct poll_fd){ .fd = (int32_t)i, .events = (int16_t)events };
		}
	}
	int error = set_files(s);
	for (unsigned i = 0; !error && i < s->count; i++) {
		error = s->files[i] ? 0 : -EBADF;
	}
	return error;
}

static long select_answer(const struct poll_set *s, struct select_sets *sets)
{
	long ready = 0;
	for (unsigned i = 0; i < s->count; i++) {
		unsigned fd = (unsigned)s->fds[i].fd, events = (unsigned)(uint16_t)s->fds[i].revents;
		for (int k = 0; k < 3; k++) {
			if (bit(sets->in[k], fd) && (events & select_ask[k])) {
				sets->out[k][fd / 64] |= 1ull << (fd % 64);
				ready++;
			}
		}
	}
	return ready;
}

static long select_user(const uint64_t a[6], uint64_t deadline)
{
	unsigned n = (unsigned)a[0] < SELECT_MAX ? (unsigned)a[0] : SELECT_MAX;
	size_t bytes = (n + 63) / 64 * 8;
	struct poll_set s = { .count = 0 };
	struct select_sets *sets = kzalloc(sizeof(*sets));
	long result = (int)a[0] < 0 ? -EINVAL : sets ? 0 : -ENOMEM;
	for (int k = 0; !result && k < 3; k++) {
		if (a[k + 1] && bytes && user_read(sets->in[k], a[k + 1], bytes)) {
			result = -EFAULT;
		}
	}
	result = result ? result : select_build(&s, sets, n);
	if (!result) {
		result = set_wait(&s, deadline);
		result = result > 0 ? select_answer(&s, sets) : result;
		for (int k = 0; result >= 0 && k < 3; k++) {
			if (a[k + 1] && bytes && user_write(a[k + 1], sets->out[k], bytes)) {
				result = -EFAULT;
			}
		}
	}
	set_free(&s);
	kfree(sets);
	return result == -EINTR ? -ERESTARTNOHAND : result;
}

long sys_select(const uint64_t a[6])
{
	uint64_t deadline;
	int error = deadline_from_user(a[4], 1000, &deadline);
	return error ? error : deadline_to_user(a[4], 1000, deadline, select_user(a, deadline));
}

long sys_pselect6(const uint64_t a[6])
{
	uint64_t deadline, mask[2] = { 0, 0 };
	int error = deadline_from_user(a[4], 1, &deadline);
	if (!error && a[5]) {
		error = user_read(mask, a[5], sizeof(mask));
	}
	error = error ? error : mask_from_user(mask[0], mask[1]);
	return error ? error : deadline_to_user(a[4], 1, deadline, select_user(a, deadline));
}
