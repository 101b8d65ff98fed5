/* SPDX-License-Identifier: MIT */
/*
 * Signals of an open file to its owner (fcntl(2), F_SETOWN and F_SETOWN_EX): a process, a thread or a process group, by a number that is
 * looked up each time. What the owner was set by has to be allowed to send to whoever has the number then.
 */
#include "process_internal.h"

static bool may_send(const struct signal_owner *owner, const struct process *to)
{
	const struct credentials *d = &to->credentials;
	return owner->euid == 0 || owner->euid == d->uid || owner->euid == d->suid || owner->uid == d->uid || owner->uid == d->suid;
}

/* A real-time signal that there is no room for is said by SIGIO in its place: some file has something to tell (fcntl(2), F_SETSIG). */
static void send_locked(struct process *p, struct thread *only, const struct signal_info *info)
{
	static const struct signal_info plain = { .signal = SIGIO, .code = SI_KERNEL };
	bool lost = info->signal >= SIGNAL_REALTIME && signal_queue_full_locked(p, only);
	signal_send_locked(p, only, lost ? &plain : info);
}

/* Send to all that the owner names; NULL: only ask. Is there any? */
static bool owner_reach_locked(const struct signal_owner *owner, const struct signal_info *info)
{
	struct thread *only = owner->type == SIGNAL_OWNER_THREAD ? process_thread_find_locked(owner->number) : NULL;
	struct process *p = only ? only->process : owner->type == SIGNAL_OWNER_PROCESS ? process_find_locked(owner->number) : NULL;
	bool found = p != NULL;
	if (p && info && may_send(owner, p)) {
		send_locked(p, only, info);
	}
	if (owner->type != SIGNAL_OWNER_GROUP) {
		return found;
	}
	list_for_each(node, &process_list) {
		p = container_of(node, struct process, all_link);
		if (p->pgid == owner->number && !p->zombie) {
			found = true;
			if (info && may_send(owner, p)) {
				send_locked(p, NULL, info);
			}
		}
	}
	return found;
}

void signal_send_owner(const struct signal_owner *owner, const struct signal_info *info)
{
	spin_lock(&process_lock);
	if (owner->number) {
		owner_reach_locked(owner, info);
	}
	spin_unlock(&process_lock);
}

bool signal_owner_exists(const struct signal_owner *owner)
{
	spin_lock(&process_lock);
	bool found = owner_reach_locked(owner, NULL);
	spin_unlock(&process_lock);
	return found;
}
