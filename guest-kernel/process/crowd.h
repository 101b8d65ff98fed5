/* SPDX-License-Identifier: MIT */
/* Many processes of one kind: one program, run by one user in one session (crowd.c). All under process_lock. */
#ifndef PROCESS_CROWD_H
#define PROCESS_CROWD_H

#include "process_internal.h"

#define PROCESS_THREAD_PAGES (THREAD_STACK / PAGE_SIZE + 1)

struct crowd {
	uint64_t program; /* address_space_program() */
	uint32_t sid, uid;
	unsigned count; /* of processes; those that may not be ended do not count */
	uint64_t pages; /* that they take by being there: their kernel stacks and page tables */
};

/** The one with the most pages; false: there is none. */
bool crowd_largest_locked(struct crowd *largest);
/** End all of it. The first of them. */
struct process *crowd_end_locked(const struct crowd *crowd, const struct signal_info *info);
/** One of it has been told to end, and has not yet. */
bool crowd_is_ending_locked(const struct crowd *crowd);

#endif
