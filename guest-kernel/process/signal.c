/* SPDX-License-Identifier: MIT */
/*
 * Sending and taking signals. A signal that would be ignored is dropped when it is sent, so a thread's signal_pending flag
 * means work for signal_deliver() and interrupts sleeps rightly. Standard signals are pending once, real-time ones queue
 * (POSIX 2.4.1). Everything under process_lock; no memory is needed for a standard signal to arrive.
 */
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/memory.h"

#define DEFAULT_IGNORED (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
#define STOPS (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define DUMPS (SYNCHRONOUS | SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGABRT) | SIGNAL_BIT(SIGXCPU) | SIGNAL_BIT(SIGXFSZ))
/* Faults of the thread itself come before anything that others sent. */
#define SYNCHRONOUS                                                                                \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |     \
	 SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

#define QUEUE_MOST 1024u

struct pending_signal {
	struct list link;
	struct signal_info info;
};

struct signals *signals_create(void)
{
	struct signals *s = kzalloc(sizeof(*s));
	if (s) {
		list_init(&s->pending.queue);
		waitq_init(&s->continued);
		waitq_init(&s->thread_gone);
		waitq_init(&s->arrived);
		list_init(&s->timers);
		list_init(&s->tracees);
		list_init(&s->forks);
		itimer_init(s);
		s->exit_signal = SIGCHLD;
	}
	return s;
}

struct signals *signals_fork(struct signals *from)
{
	struct signals *s = signals_create();
	if (s) {
		spin_lock(&process_lock);
		memcpy(s->actions, from->actions, sizeof(s->actions));
		spin_unlock(&process_lock);
	}
	return s;
}

void signal_pending_flush(struct pending_set *set)
{
	set->mask = 0;
	for (struct list *node = list_pop_front(&set->queue); node; node = list_pop_front(&set->queue)) {
		kfree(container_of(node, struct pending_signal, link));
	}
}

void signals_free(struct signals *s)
{
	if (s) {
		signal_pending_flush(&s->pending);
		kfree(s);
	}
}

static void pending_remove(struct process *p, struct pending_set *set, uint64_t signals)
{
	set->mask &= ~signals;
	list_for_each_safe(node, &set->queue)
	{
		struct pending_signal *entry = container_of(node, struct pending_signal, link);
		if (signals & SIGNAL_BIT(entry->info.signal)) {
			list_remove(node);
			if (entry->info.timer) {
				posix_timer_taken_locked(p, &entry->info);
			}
			kfree(entry);
		}
	}
}

void signal_discard_locked(struct process *p, uint64_t signals)
{
	pending_remove(p, &p->signals->pending, signals);
	list_for_each(node, &p->threads)
	{
		struct thread *t = container_of(node, struct thread, process_link);
		pending_remove(p, &t->user->pending, signals);
		signal_recalculate_locked(t);
	}
	if (signals & SIGNAL_BIT(SIGALRM)) {
		itimer_taken_locked(p->signals);
	}
}

static bool action_ignores(const struct process *p, int signal)
{
	uint64_t handler = p->signals->actions[signal].handler;
	return handler == SIGNAL_IGNORE || (handler == SIGNAL_DEFAULT && (DEFAULT_IGNORED & SIGNAL_BIT(signal)));
}

void signal_recalculate_locked(struct thread *thread)
{
	struct process *p = thread->process;
	struct process_thread *u = thread->user;
	uint64_t wanted = (u->pending.mask | p->signals->pending.mask) & ~u->blocked;
	thread->signal_pending = wanted != 0 || p->signals->group_exit || (p->stopped && !trace_past_stop_locked(thread)) ||
				 trace_wants_locked(thread) || (p->signals->exec_thread && p->signals->exec_thread != thread);
}

void signal_kick_threads_locked(struct process *p)
{
	list_for_each(node, &p->threads)
	{
		struct thread *t = container_of(node, struct thread, process_link);
		signal_recalculate_locked(t);
		thread_wake(t);
	}
}

/* SIGCONT and SIGKILL set a stopped process going; SIGCONT and the stop signals cancel each other (POSIX 2.4.1). */
static void send_side_effects(struct process *p, int signal)
{
	bool was_stopped = p->stopped;
	if (signal == SIGCONT) {
		signal_discard_locked(p, STOPS);
	} else if (STOPS & SIGNAL_BIT(signal)) {
		signal_discard_locked(p, SIGNAL_BIT(SIGCONT));
	}
	if (was_stopped && (signal == SIGCONT || signal == SIGKILL)) {
		p->stopped = false;
		p->signals->stop_waits = false;
		signal_kick_threads_locked(p);
		waitq_wake_all(&p->signals->continued);
		if (signal == SIGCONT) { /* of a stop that has not been told yet that is told: so Linux does it */
			bool told = p->signals->stop_told;
			p->signals->continue_waits = true;
			signal_notify_parent_locked(p, told ? CLD_CONTINUED : CLD_STOPPED, told ? SIGCONT : p->signals->stop_signal);
		}
	}
}

static bool takes(const struct thread *t, int signal)
{
	return !(t->user->blocked & SIGNAL_BIT(signal)) || (t->user->waited & SIGNAL_BIT(signal));
}

/* Rather one that has no other signal to look after, as it may block this one meanwhile. */
static struct thread *choose_thread(struct process *p, struct thread *only, int signal)
{
	struct thread *chosen = NULL;
	if (only) {
		return takes(only, signal) ? only : NULL;
	}
	list_for_each(node, &p->threads)
	{
		struct thread *t = container_of(node, struct thread, process_link);
		if (takes(t, signal) && (!chosen || !t->signal_pending)) {
			chosen = t;
			if (!t->signal_pending) {
				break;
			}
		}
	}
	return chosen;
}

void signal_pass_on_locked(struct process *p, const struct thread *from, uint64_t signals)
{
	signals &= p->signals->pending.mask;
	for (; signals; signals &= signals - 1) {
		int signal = __builtin_ctzll(signals) + 1;
		struct thread *t = choose_thread(p, NULL, signal);
		if (t && t != from) {
			t->signal_pending = true;
			thread_wake(t);
		}
	}
}

void signal_block_locked(struct thread *t, uint64_t mask)
{
	uint64_t news = mask & ~t->user->blocked;
	t->user->blocked = mask & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	signal_recalculate_locked(t);
	if (news & t->process->signals->pending.mask) {
		signal_pass_on_locked(t->process, t, news);
	}
}

static bool traced_for(const struct process *p, const struct thread *only)
{
	const struct thread *t = only;
	if (!t && !list_empty(&p->threads)) {
		t = container_of(p->threads.next, struct thread, process_link);
	}
	return t && trace_is_on(t);
}

static bool blocked_for(const struct process *p, const struct thread *only, int signal)
{
	const struct thread *t = only;
	if (!t && !list_empty(&p->threads)) {
		t = container_of(p->threads.next, struct thread, process_link);
	}
	return t && ((t->user->blocked | t->user->waited) & SIGNAL_BIT(signal));
}

bool signal_queue_full_locked(const struct process *p, const struct thread *only)
{
	const struct pending_set *set = only ? &only->user->pending : &p->signals->pending;
	uint64_t count = 0, limit = p->rlimits[RLIMIT_SIGPENDING].soft;
	list_for_each(node, &set->queue)
	{
		count++;
	}
	return count >= (limit < QUEUE_MOST ? limit : QUEUE_MOST);
}

/* What finds the queue full is still pending, but without its number of times and who sent it. */
static bool pending_add(struct pending_set *set, const struct signal_info *info, bool full)
{
	uint64_t bit = SIGNAL_BIT(info->signal);
	bool timer = info->timer; /* it has one signal queued at most, which nothing stands for */
	if ((set->mask & bit) && info->signal < SIGNAL_REALTIME && !timer) {
		return false;
	}
	set->mask |= bit;
	bool counts = info->signal >= SIGNAL_REALTIME;
	struct pending_signal *entry = counts && full && !timer ? NULL : kmalloc(sizeof(*entry));
	if (entry) {
		entry->info = *info;
		list_push_back(&set->queue, &entry->link);
	}
	return entry != NULL;
}

/* Who waits for a signal's arrival has put itself on the queue before it looked under the lock. */
static void tell_waiting(struct signals *s)
{
	if (!list_empty(&s->arrived.waiters)) {
		waitq_wake_all(&s->arrived);
	}
}

bool signal_send_locked(struct process *p, struct thread *only, const struct signal_info *info)
{
	int signal = info->signal;
	if (p->zombie || signal < 1 || signal > SIGNAL_COUNT) {
		return false;
	}
	if (p == init_process) {
		init_signal_locked(signal);
		return false;
	}
	send_side_effects(p, signal);
	if (action_ignores(p, signal) && !blocked_for(p, only, signal) && !traced_for(p, only)) {
		return false;
	}
	bool queued = pending_add(only ? &only->user->pending : &p->signals->pending, info, signal_queue_full_locked(p, only));
	tell_waiting(p->signals);
	struct thread *t = choose_thread(p, only, signal);
	if (t) {
		t->signal_pending = true;
		thread_wake(t);
	}
	return queued;
}

bool signal_send_member_locked(struct process *p, const struct signal_info *info)
{
	uint64_t bit = SIGNAL_BIT(info->signal);
	list_for_each(node, &p->signals->forks)
	{
		struct fork_under_way *f = container_of(node, struct fork_under_way, link);
		f->signals &= ~(info->signal == SIGCONT ? STOPS : (STOPS & bit) ? SIGNAL_BIT(SIGCONT) : 0);
		f->signals |= action_ignores(p, info->signal) ? 0 : bit;
	}
	return signal_send_locked(p, NULL, info);
}

void signal_send_process(struct process *p, int signal)
{
	struct signal_info info = { .signal = signal, .code = SI_KERNEL };
	spin_lock(&process_lock);
	signal_send_locked(p, NULL, &info);
	spin_unlock(&process_lock);
}

void signal_state_of_locked(struct process *p, struct thread *thread, struct signal_state *state)
{
	*state = (struct signal_state){ .shared_pending = p->signals->pending.mask, .limit = p->rlimits[RLIMIT_SIGPENDING].soft };
	list_for_each(node, &p->signals->pending.queue) {
		state->queued++;
	}
	if (thread && thread->user) {
		state->pending = thread->user->pending.mask;
		state->blocked = thread->user->blocked;
	}
	for (int signal = 1; signal <= SIGNAL_COUNT; signal++) {
		uint64_t handler = p->signals->actions[signal].handler;
		state->ignored |= handler == SIGNAL_IGNORE ? SIGNAL_BIT(signal) : 0;
		state->caught |= handler != SIGNAL_IGNORE && handler != SIGNAL_DEFAULT ? SIGNAL_BIT(signal) : 0;
	}
	state->no_new_privileges = p->signals->no_new_privileges;
}

void signal_broken_pipe(void)
{
	struct thread *t = thread_current();
	struct process *p = t->process;
	struct signal_info info = { .signal = SIGPIPE, .code = SI_USER, .pid = p->pid, .uid = p->credentials.uid };
	spin_lock(&process_lock);
	signal_send_locked(p, t, &info);
	spin_unlock(&process_lock);
}

void signal_send_info(uint32_t pid, const struct signal_info *info)
{
	spin_lock(&process_lock);
	struct process *p = process_find_locked(pid);
	if (p) {
		signal_send_locked(p, NULL, info);
	}
	spin_unlock(&process_lock);
}

int signal_send_group(uint32_t pgid, int signal)
{
	struct signal_info info = { .signal = signal, .code = SI_KERNEL };
	int error = -ESRCH;
	spin_lock(&process_lock);
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (p->pgid == pgid && p != init_process && !p->zombie) {
			signal_send_member_locked(p, &info);
			error = 0;
		}
	}
	spin_unlock(&process_lock);
	return error;
}

int process_end_code_locked(const struct process *p, int code)
{
	const struct signals *s = p->signals;
	return s->group_exit ? s->group_exit_code : s->pending.mask & SIGNAL_BIT(SIGKILL) ? SIGKILL : code;
}

bool signal_ends_locked(const struct thread *thread)
{
	const struct process *p = thread->process;
	uint64_t pending = (thread->user->pending.mask | p->signals->pending.mask) & ~thread->user->blocked & ~(DEFAULT_IGNORED | STOPS | DUMPS);
	for (; pending; pending &= pending - 1) {
		int signal = __builtin_ctzll(pending) + 1;
		if (signal == SIGKILL || (p->signals->actions[signal].handler == SIGNAL_DEFAULT && !trace_is_on(thread))) {
			return true;
		}
	}
	return false;
}

/* Lowest number first, faults before others; the entry is gone, the bit too if it was the last of its number. */
static bool pending_take(struct pending_set *set, uint64_t allowed, struct signal_info *info)
{
	uint64_t ready = set->mask & allowed;
	if (!ready) {
		return false;
	}
	ready = ready & SYNCHRONOUS ? ready & SYNCHRONOUS : ready;
	int signal = __builtin_ctzll(ready) + 1;
	bool found = false, more = false;
	*info = (struct signal_info){ .signal = signal, .code = SI_USER };
	list_for_each_safe(node, &set->queue)
	{
		struct pending_signal *entry = container_of(node, struct pending_signal, link);
		if (entry->info.signal == signal && !found) {
			*info = entry->info;
			list_remove(node);
			kfree(entry);
			found = true;
		} else if (entry->info.signal == signal) {
			more = true;
		}
	}
	if (!more) {
		set->mask &= ~SIGNAL_BIT(signal);
	}
	return true;
}

bool signal_take_locked(struct process *p, struct process_thread *u, uint64_t allowed, struct signal_info *info)
{
	/* Nothing comes before the end: a process whose memory has been taken (address_space_reap) faults wherever it goes. */
	bool taken = pending_take(&p->signals->pending, allowed & SIGNAL_BIT(SIGKILL), info) || pending_take(&u->pending, allowed, info) ||
		     pending_take(&p->signals->pending, allowed, info);
	if (taken && info->timer) {
		posix_timer_taken_locked(p, info);
	}
	if (taken && info->signal == SIGALRM) {
		itimer_taken_locked(p->signals);
	}
	return taken;
}

bool signal_pending(void)
{
	return thread_current()->signal_pending;
}

bool signal_is_ignored_or_blocked(int signal)
{
	struct thread *t = thread_current();
	if (!t->user) {
		return true;
	}
	return (t->user->blocked & SIGNAL_BIT(signal)) ||
	       t->process->signals->actions[signal].handler == SIGNAL_IGNORE;
}

bool signal_group_is_orphaned(void)
{
	spin_lock(&process_lock);
	bool orphaned = process_group_orphaned_locked(process_current()->pgid, NULL);
	spin_unlock(&process_lock);
	return orphaned;
}

void signal_set_temporary_mask(uint64_t mask)
{
	struct thread *t = thread_current();
	spin_lock(&process_lock);
	if (!t->user->restore_blocked) {
		t->user->saved_blocked = t->user->blocked;
		t->user->restore_blocked = true;
	}
	signal_block_locked(t, mask);
	spin_unlock(&process_lock);
}

void signal_drop_temporary_mask(void)
{
	struct thread *t = thread_current();
	if (t->user->restore_blocked) {
		spin_lock(&process_lock);
		t->user->restore_blocked = false;
		signal_block_locked(t, t->user->saved_blocked);
		spin_unlock(&process_lock);
	}
}

/* SIGCHLD and the wake-up of wait4, for an end, a stop, or a continuation. */
void signal_notify_parent_locked(struct process *p, int code, int status)
{
	struct process *parent = p->parent;
	bool ended = code == CLD_EXITED || code == CLD_KILLED;
	if (!parent) {
		return;
	}
	struct signal_info info = {
		.signal = ended ? p->signals->exit_signal : SIGCHLD,
		.code = code,
		.pid = p->pid,
		.uid = p->credentials.uid,
		.status = status,
		.user_ns = p->user_ns,
		.system_ns = p->system_ns,
	};
	bool quiet = !ended && (parent->signals->actions[SIGCHLD].flags & SA_NOCLDSTOP);
	if (info.signal && !quiet) {
		signal_send_locked(parent, NULL, &info);
	}
	waitq_wake_all(&parent->child_event);
}

/* Caught signals go back to default, ignored ones stay ignored (POSIX, exec). */
void signal_reset_for_exec(struct process *p)
{
	spin_lock(&process_lock);
	for (int signal = 1; signal <= SIGNAL_COUNT; signal++) {
		struct signal_action *action = &p->signals->actions[signal];
		uint64_t handler = action->handler == SIGNAL_IGNORE ? SIGNAL_IGNORE : SIGNAL_DEFAULT;
		*action = (struct signal_action){ .handler = handler };
	}
	p->signals->executed = true;
	spin_unlock(&process_lock);
}
