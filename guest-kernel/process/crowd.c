/* SPDX-License-Identifier: MIT */
/*
 * Crowds: processes of one program, one user and one session. What they share, as copies of each other do, is nobody's in particular; what each takes by
 * being there adds up. Few kinds can be so large that they matter: those that do not fit into the table begin to count when others are gone.
 */
#include "crowd.h"

#include "kernel/address_space.h"
#include "kernel/memory.h"

#define KINDS 64u
#define COUNT_LEAST 64u
#define COMMAND_PID 2u
#define TABLES_LEAST 4u /* page tables of any process */

static struct crowd kinds[KINDS];

static bool belongs(const struct process *p)
{
	return p->memory && !p->zombie && p->pid > COMMAND_PID && p->oom_adjust != -1000 && !p->signals->shares_memory;
}

static bool is_of(const struct crowd *kind, const struct process *p)
{
	return kind->sid == p->sid && kind->uid == p->credentials.uid && kind->program == address_space_program(p->memory);
}

static struct crowd *kind_of(const struct process *p, unsigned *kind_count)
{
	for (unsigned i = 0; i < *kind_count; i++) {
		if (is_of(&kinds[i], p)) {
			return &kinds[i];
		}
	}
	if (*kind_count == KINDS) {
		return NULL;
	}
	kinds[*kind_count] = (struct crowd){ .program = address_space_program(p->memory), .sid = p->sid, .uid = p->credentials.uid };
	return &kinds[(*kind_count)++];
}

bool crowd_largest_locked(struct crowd *largest)
{
	unsigned kind_count = 0;
	largest->count = 0;
	list_for_each(node, &process_list)
	{
		const struct process *p = container_of(node, struct process, all_link);
		struct crowd *kind = belongs(p) && !process_is_dying_locked(p) ? kind_of(p, &kind_count) : NULL;
		if (kind) {
			kind->count++;
			kind->pages += p->signals->thread_count * PROCESS_THREAD_PAGES + TABLES_LEAST;
		}
	}
	for (unsigned i = 0; i < kind_count; i++) {
		if (kinds[i].count >= COUNT_LEAST && (!largest->count || kinds[i].pages > largest->pages)) {
			*largest = kinds[i];
		}
	}
	return largest->count;
}

struct process *crowd_end_locked(const struct crowd *crowd, const struct signal_info *info)
{
	struct process *first = NULL;
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		if (belongs(p) && is_of(crowd, p) && !process_is_dying_locked(p)) {
			signal_send_locked(p, NULL, info);
			first = first ? first : p;
		}
	}
	return first;
}

bool crowd_is_ending_locked(const struct crowd *crowd)
{
	list_for_each(node, &process_list)
	{
		const struct process *p = container_of(node, struct process, all_link);
		if (belongs(p) && is_of(crowd, p) && process_is_dying_locked(p)) {
			return true;
		}
	}
	return false;
}
