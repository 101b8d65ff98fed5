/* SPDX-License-Identifier: MIT */
/* Files in messages of sockets: which sockets are found to be in each other's queues only; and the arithmetic of periodic timers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/socket/unix/unix.h"
#include "kernel/capability.h"
#include "kernel/interval.h"
#include "kernel/time.h"
#include "kernel/user.h"

#define SOCKETS 6

const struct file_ops socket_file_ops, other_ops;
static struct file files[SOCKETS + 1]; /* the last one is no socket */
static struct unix_socket sockets_here[SOCKETS];
static unsigned depth, deepest;
static uint64_t now;
static struct process sender;
static struct thread sending = { .process = &sender };

struct thread *thread_current(void)
{
	return &sending;
}

void *kzalloc(size_t bytes)
{
	return calloc(1, bytes);
}

void kfree(void *memory)
{
	free(memory);
}

void file_get(struct file *f)
{
	f->references++;
}

/* Closing a socket drops what its messages hold, as socket.c does. */
void file_put(struct file *f)
{
	assert_true(f->references > 0);
	if (--f->references || f->ops != &socket_file_ops) {
		return;
	}
	struct unix_socket *s = unix_of(f->private);
	deepest = ++depth > deepest ? depth : deepest;
	for (struct list *node; (node = list_pop_front(&s->messages)) != NULL;) {
		struct message *m = container_of(node, struct message, link);
		if (m->rights) {
			rights_unqueue_locked(m);
			rights_drop(m->rights);
		}
		free(m);
	}
	depth--;
}

uint64_t time_ns(void)
{
	return now;
}

uint64_t time_wall_ns(void)
{
	return now + 1000;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
	memcpy(to, (const void *)from, bytes);
	return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
	memcpy((void *)to, from, bytes);
	return 0;
}

static int set_up(void **state)
{
	memset(files, 0, sizeof(files));
	memset(sockets_here, 0, sizeof(sockets_here));
	depth = deepest = 0;
	sender = (struct process){ .rlimits[RLIMIT_NOFILE].soft = 3 };
	for (unsigned i = 0; i <= SOCKETS; i++) {
		files[i].references = 1; /* a descriptor */
		files[i].ops = i < SOCKETS ? &socket_file_ops : &other_ops;
	}
	for (unsigned i = 0; i < SOCKETS; i++) {
		struct unix_socket *s = &sockets_here[i];
		s->base.family = AF_UNIX;
		files[i].private = s;
		s->base.file = &files[i];
		list_init(&s->messages);
		list_init(&s->rights);
		list_init(&s->waiting);
		list_init(&s->waiting_link);
		list_init(&s->flight_link);
	}
	return 0;
}

/* Into the queue of socket `to`, a message with file `which`. */
static void send(unsigned to, unsigned which)
{
	struct message *m = calloc(1, sizeof(*m));
	m->rights = rights_create(1);
	m->rights->files[0] = &files[which];
	file_get(&files[which]);
	rights_depart(m->rights);
	list_push_back(&sockets_here[to].messages, &m->link);
	rights_queue_locked(&sockets_here[to], m);
}

static void close_descriptor(unsigned i)
{
	file_put(&files[i]);
	socket_closed();
}

static void a_socket_in_its_own_queue_is_closed(void **state)
{
	send(0, 0);
	send(0, SOCKETS);
	close_descriptor(SOCKETS);
	socket_closed();
	assert_int_equal(files[0].references, 2);
	assert_int_equal(files[SOCKETS].references, 1);
	close_descriptor(0);
	assert_int_equal(files[0].references, 0);
	assert_int_equal(files[SOCKETS].references, 0);
}

static void a_circle_lasts_as_long_as_somebody_can_reach_it(void **state)
{
	send(0, 1);
	send(1, 2);
	send(2, 0);
	send(3, 0); /* from outside */
	for (unsigned i = 0; i < 3; i++) {
		close_descriptor(i);
	}
	assert_int_equal(files[0].references, 2);
	assert_int_equal(files[2].references, 1);
	close_descriptor(3);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(files[i].references, 0);
	}
}

static void what_waits_to_be_accepted_is_looked_through_too(void **state)
{
	list_push_back(&sockets_here[0].waiting, &sockets_here[1].waiting_link); /* 0 listens; 1 has no descriptor */
	files[1].references = 0;
	sockets_here[1].base.file = NULL;
	send(1, 0);
	close_descriptor(0);
	assert_int_equal(files[0].references, 0);
	while (!list_empty(&sockets_here[1].messages)) {
		free(container_of(list_pop_front(&sockets_here[1].messages), struct message, link));
	}
}

static void a_chain_is_closed_without_recursion(void **state)
{
	for (unsigned i = 0; i + 1 < SOCKETS; i++) {
		send(i, i + 1);
	}
	for (unsigned i = SOCKETS; i-- > 0;) {
		close_descriptor(i);
	}
	for (unsigned i = 0; i < SOCKETS; i++) {
		assert_int_equal(files[i].references, 0);
	}
	assert_true(deepest <= 2);
}

static void received_files_are_no_longer_in_flight(void **state)
{
	send(0, 1);
	struct message *m = container_of(list_pop_front(&sockets_here[0].messages), struct message, link);
	rights_unqueue_locked(m);
	rights_land(m->rights);
	assert_int_equal(sockets_here[1].in_flight, 0);
	assert_true(list_empty(&sockets_here[1].flight_link));
	file_put(m->rights->files[0]);
	free(m->rights);
	free(m);
}

/* Whoever closes any socket follows files only: the queues themselves, which may be long, cannot even be read here. */
static void messages_without_files_are_not_looked_at(void **state)
{
	send(0, 1);
	send(1, 2);
	send(2, 0);
	close_descriptor(1);
	close_descriptor(2);
	struct list kept[3];
	for (unsigned i = 0; i < 3; i++) {
		kept[i] = sockets_here[i].messages;
		sockets_here[i].messages = (struct list){ (struct list *)16, (struct list *)16 };
	}
	socket_closed();
	for (unsigned i = 0; i < 3; i++) {
		sockets_here[i].messages = kept[i];
		assert_int_equal(files[i].references, i == 0 ? 2 : 1);
	}
	close_descriptor(0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(files[i].references, 0);
	}
}

/* Each user for itself; with the one file that is sent beyond the limit, as Linux has it; who is privileged, on. */
static void a_user_has_a_limit_of_its_own(void **state)
{
	sender.credentials.uid = 1000;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(rights_check(1), 0);
		send(0, 1);
	}
	assert_int_equal(rights_check(1), -ETOOMANYREFS);
	sender.credentials.uid = 1001;
	assert_int_equal(rights_check(1), 0);
	sender.credentials.uid = 1000;
	sender.credentials.effective = CAPABILITIES_ALL;
	assert_int_equal(rights_check(1), 0);
	sender.credentials.effective = 0;
	close_descriptor(0); /* what was on its way to it lands */
	assert_int_equal(rights_check(1), 0);
}

static void periodic_deadlines_move_in_whole_intervals(void **state)
{
	uint64_t deadline = 100;
	assert_int_equal(interval_forward(&deadline, 10, 99), 0);
	assert_int_equal(interval_forward(&deadline, 10, 100), 1);
	assert_int_equal(deadline, 110);
	assert_int_equal(interval_forward(&deadline, 10, 145), 4);
	assert_int_equal(deadline, 150);
	assert_int_equal(interval_left(150, 10, 155), 5);
	assert_int_equal(interval_left(150, 0, 155), 0);
	assert_int_equal(interval_left(0, 10, 155), 0);
	now = 500;
	assert_int_equal(interval_deadline(0, true, 0), 0);
	assert_int_equal(interval_deadline(7, true, 1), 7);
	assert_int_equal(interval_deadline(7, false, 1), 507);
	assert_int_equal(interval_deadline(1700, true, 0), 700); /* of the wall clock, which is 1000 ahead */
	assert_int_equal(interval_deadline(1, true, 0), 500);
}

static void times_of_programs_are_judged(void **state)
{
	struct interval i;
	int64_t good[4] = { 1, 5, 2, 999999999 }, bad[4] = { 0, 0, 0, 1000000000 }, far[4] = { 0, 0, INT64_MAX, 0 }, out[4];
	assert_int_equal(interval_read(&i, (uint64_t)good), 0);
	assert_int_equal(i.interval_ns, 1000000005);
	assert_int_equal(i.value_ns, 2999999999);
	assert_int_equal(interval_write((uint64_t)out, &i), 0);
	assert_memory_equal(out, good, sizeof(good));
	assert_int_equal(interval_read(&i, (uint64_t)bad), -EINVAL);
	assert_int_equal(interval_read(&i, (uint64_t)far), 0);
	assert_true(i.value_ns <= INT64_MAX / 2);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_socket_in_its_own_queue_is_closed),
		TEST(a_circle_lasts_as_long_as_somebody_can_reach_it),
		TEST(what_waits_to_be_accepted_is_looked_through_too),
		TEST(a_chain_is_closed_without_recursion),
		TEST(messages_without_files_are_not_looked_at),
		TEST(received_files_are_no_longer_in_flight), TEST(a_user_has_a_limit_of_its_own),
		TEST(periodic_deadlines_move_in_whole_intervals),
		TEST(times_of_programs_are_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
