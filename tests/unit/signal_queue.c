/* SPDX-License-Identifier: MIT */
/* Sending and taking signals without a scheduler: what is dropped, queued, ordered, and whom it wakes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/memory.h"
#include "guest-kernel/process/process_internal.h"
#include "guest-kernel/process/trace.h"

/* ---- the kernel around it ---- */
spinlock_t process_lock;
struct list process_list = LIST_INIT(process_list);
struct process *init_process;
static struct thread *current, *woken;
static bool parent_woken, no_memory;

struct thread *thread_current(void)
{
	return current;
}

void thread_wake(struct thread *thread)
{
	woken = thread;
}

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

void waitq_wake_all(struct waitq *q)
{
	parent_woken = true;
}

/* Nobody traces. */
bool trace_past_stop_locked(const struct thread *thread)
{
	return false;
}

bool trace_wants_locked(const struct thread *thread)
{
	return false;
}

void *kmalloc(size_t bytes)
{
	return no_memory ? NULL : malloc(bytes);
}

void *kzalloc(size_t bytes)
{
	return calloc(1, bytes);
}

void kfree(void *memory)
{
	free(memory);
}

void itimer_init(struct signals *s)
{
}

void posix_timer_taken_locked(struct process *p, struct signal_info *info)
{
	info->uid = 17;
}

void itimer_taken_locked(struct signals *s)
{
}

void init_signal_locked(int signal)
{
}

struct process *process_find_locked(uint32_t pid)
{
	return NULL;
}

bool process_group_orphaned_locked(uint32_t pgid, const struct process *without)
{
	return false;
}

/* ---- a family of two, the child with two threads ---- */
struct family {
	struct process parent, child;
	struct thread threads[2];
	struct process_thread users[2];
};

static void family_process(struct process *p, uint32_t pid)
{
	p->pid = p->pgid = pid;
	p->signals = signals_create();
	p->rlimits[11].soft = 64; /* RLIMIT_SIGPENDING */
	list_init(&p->threads);
	list_push_back(&process_list, &p->all_link);
}

static int set_up(void **state)
{
	struct family *f = calloc(1, sizeof(*f));
	list_init(&process_list);
	family_process(&f->parent, 10);
	family_process(&f->child, 11);
	f->child.parent = &f->parent;
	for (int i = 0; i < 2; i++) {
		list_init(&f->users[i].pending.queue);
		f->threads[i] = (struct thread){ .user = &f->users[i], .process = &f->child, .tid = 11u + (uint32_t)i };
		list_push_back(&f->child.threads, &f->threads[i].process_link);
	}
	current = &f->threads[0];
	woken = NULL;
	parent_woken = no_memory = false;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct family *f = *state;
	signal_pending_flush(&f->users[0].pending);
	signal_pending_flush(&f->users[1].pending);
	signals_free(f->parent.signals);
	signals_free(f->child.signals);
	free(f);
	return 0;
}

static void send(struct family *f, int signal, struct thread *only, uint64_t value)
{
	struct signal_info info = { .signal = signal, .code = SI_QUEUE, .value = value };
	spin_lock(&process_lock);
	signal_send_locked(&f->child, only, &info);
	spin_unlock(&process_lock);
}

static int take(struct family *f, int thread, uint64_t allowed, uint64_t *value)
{
	struct signal_info info;
	spin_lock(&process_lock);
	bool taken = signal_take_locked(&f->child, &f->users[thread], allowed, &info);
	spin_unlock(&process_lock);
	if (value && taken) {
		*value = info.value;
	}
	return taken ? info.signal : 0;
}

static void ignored_signals_are_dropped_unless_blocked(void **state)
{
	struct family *f = *state;
	send(f, SIGCHLD, NULL, 0);
	send(f, SIGWINCH, NULL, 0);
	assert_null(woken);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), 0);
	f->users[0].blocked = SIGNAL_BIT(SIGCHLD);
	send(f, SIGCHLD, NULL, 0);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), SIGCHLD);
}

static void standard_signals_are_pending_once_with_the_first_value(void **state)
{
	struct family *f = *state;
	uint64_t value = 0;
	send(f, SIGUSR1, NULL, 1);
	send(f, SIGUSR1, NULL, 2);
	assert_int_equal(take(f, 0, UINT64_MAX, &value), SIGUSR1);
	assert_int_equal(value, 1);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), 0);
}

static void real_time_signals_queue_in_order(void **state)
{
	struct family *f = *state;
	uint64_t value = 0;
	for (uint64_t i = 1; i <= 3; i++) {
		send(f, 40, NULL, i);
	}
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(take(f, 0, UINT64_MAX, &value), 40);
		assert_int_equal(value, i);
	}
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), 0);
}

static void a_timer_signal_queues_beside_another_and_carries_overruns(void **state)
{
	struct family *f = *state;
	struct signal_info info = { .signal = SIGUSR1, .code = SI_TIMER, .timer = true, .pid = 3 };
	f->users[0].blocked = f->users[1].blocked = SIGNAL_BIT(SIGUSR1);
	send(f, SIGUSR1, NULL, 0);
	spin_lock(&process_lock);
	assert_true(signal_send_locked(&f->child, NULL, &info));
	assert_true(signal_take_locked(&f->child, &f->users[0], UINT64_MAX, &info));
	assert_int_equal(info.code, SI_QUEUE);
	assert_true(signal_take_locked(&f->child, &f->users[0], UINT64_MAX, &info));
	assert_int_equal(info.code, SI_TIMER);
	assert_int_equal(info.uid, 17);
	f->child.signals->actions[SIGUSR1].handler = SIGNAL_IGNORE;
	f->users[0].blocked = f->users[1].blocked = 0;
	assert_false(signal_send_locked(&f->child, NULL, &info));
	spin_unlock(&process_lock);
}

static void faults_come_first_then_the_lowest_number(void **state)
{
	struct family *f = *state;
	send(f, SIGTERM, NULL, 0);
	send(f, SIGHUP, NULL, 0);
	send(f, SIGSEGV, NULL, 0);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), SIGSEGV);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), SIGHUP);
	assert_int_equal(take(f, 0, ~SIGNAL_BIT(SIGTERM), NULL), 0);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), SIGTERM);
}

static void a_thread_that_takes_it_is_woken(void **state)
{
	struct family *f = *state;
	f->users[0].blocked = SIGNAL_BIT(SIGUSR1);
	send(f, SIGUSR1, NULL, 0);
	assert_ptr_equal(woken, &f->threads[1]);
	assert_true(f->threads[1].signal_pending);
	assert_false(f->threads[0].signal_pending);
	send(f, SIGUSR2, &f->threads[0], 0);
	assert_ptr_equal(woken, &f->threads[0]);
	assert_int_equal(take(f, 1, SIGNAL_BIT(SIGUSR2), NULL), 0);
	assert_int_equal(take(f, 0, SIGNAL_BIT(SIGUSR2), NULL), SIGUSR2);
}

static void a_signal_arrives_even_without_memory(void **state)
{
	struct family *f = *state;
	no_memory = true;
	send(f, SIGTERM, NULL, 5);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), SIGTERM);
}

static void continue_and_stop_cancel_each_other(void **state)
{
	struct family *f = *state;
	send(f, SIGTSTP, NULL, 0);
	send(f, SIGCONT, NULL, 0);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), 0);
	f->child.stopped = true;
	f->child.signals->actions[SIGCONT].handler = 0x1000;
	send(f, SIGCONT, NULL, 0);
	assert_false(f->child.stopped);
	assert_true(f->child.signals->continue_waits);
	assert_true(parent_woken);
	send(f, SIGSTOP, NULL, 0);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), SIGSTOP);
	assert_int_equal(take(f, 0, UINT64_MAX, NULL), 0);
}

static void kill_sets_a_stopped_process_going(void **state)
{
	struct family *f = *state;
	f->child.stopped = true;
	send(f, SIGTERM, NULL, 0);
	assert_true(f->child.stopped);
	send(f, SIGKILL, NULL, 0);
	assert_false(f->child.stopped);
	assert_false(f->child.signals->continue_waits);
}

static void the_parent_hears_of_stops_unless_it_said_no(void **state)
{
	struct family *f = *state;
	f->parent.signals->actions[SIGCHLD].handler = 0x1000;
	spin_lock(&process_lock);
	signal_notify_parent_locked(&f->child, CLD_STOPPED, SIGSTOP);
	assert_true(f->parent.signals->pending.mask & SIGNAL_BIT(SIGCHLD));
	signal_pending_flush(&f->parent.signals->pending);
	f->parent.signals->actions[SIGCHLD].flags = SA_NOCLDSTOP;
	parent_woken = false;
	signal_notify_parent_locked(&f->child, CLD_STOPPED, SIGSTOP);
	assert_false(f->parent.signals->pending.mask & SIGNAL_BIT(SIGCHLD));
	assert_true(parent_woken);
	signal_notify_parent_locked(&f->child, CLD_EXITED, 0);
	assert_true(f->parent.signals->pending.mask & SIGNAL_BIT(SIGCHLD));
	spin_unlock(&process_lock);
}

static void exec_resets_handlers_and_keeps_what_is_ignored(void **state)
{
	struct family *f = *state;
	f->child.signals->actions[SIGUSR1] = (struct signal_action){ .handler = 0x1000, .flags = SA_RESTART };
	f->child.signals->actions[SIGUSR2] = (struct signal_action){ .handler = SIGNAL_IGNORE };
	signal_reset_for_exec(&f->child);
	assert_int_equal(f->child.signals->actions[SIGUSR1].handler, SIGNAL_DEFAULT);
	assert_int_equal(f->child.signals->actions[SIGUSR1].flags, 0);
	assert_int_equal(f->child.signals->actions[SIGUSR2].handler, SIGNAL_IGNORE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ignored_signals_are_dropped_unless_blocked),
		TEST(standard_signals_are_pending_once_with_the_first_value),
		TEST(real_time_signals_queue_in_order),
		TEST(a_timer_signal_queues_beside_another_and_carries_overruns),
		TEST(faults_come_first_then_the_lowest_number),
		TEST(a_thread_that_takes_it_is_woken),
		TEST(a_signal_arrives_even_without_memory),
		TEST(continue_and_stop_cancel_each_other),
		TEST(kill_sets_a_stopped_process_going),
		TEST(the_parent_hears_of_stops_unless_it_said_no),
		TEST(exec_resets_handlers_and_keeps_what_is_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
