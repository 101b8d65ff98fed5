/* SPDX-License-Identifier: MIT */
/*
 * Whoever touches memory when there is none left has the largest process ended, and tries again when that is gone. The command's own
 * shell, PID 2, counts for a fourth of its size: with it the machine goes. The user is told on the console, who else only sees a 137.
 */
#include "process_internal.h"

#include "base/format.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/platform.h"
#include "kernel/tty.h"

#define PATIENCE_NS 1000000000ull /* for one process to end, before the next has to */
#define COMMAND_PID 2u

static uint32_t chosen_pid; /* under process_lock */
static uint64_t chosen_ns; /* under process_lock */

static bool dying_locked(const struct process *p)
{
	return p->zombie || p->signals->group_exit || (p->signals->pending.mask & SIGNAL_BIT(SIGKILL));
}

static struct process *ending_locked(void)
{
	struct process *p = process_find_locked(chosen_pid);
	return p && !p->zombie && dying_locked(p) && time_ns() - chosen_ns < PATIENCE_NS ? p : NULL;
}

static struct process *largest_locked(void)
{
	struct process *largest = NULL;
	uint64_t most = 0;
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		uint64_t size = p->memory && !dying_locked(p) ? address_space_resident(p->memory) + 4 : 0;
		size = p->pid == COMMAND_PID ? size / 4 : size;
		if (size > most) {
			most = size;
			largest = p;
		}
	}
	return largest;
}

static void tell(uint32_t pid, const char *name)
{
	char line[80];
	format_text(line, sizeof(line), "out of memory: killed process %u (%s)\n", pid, name);
	tty_console_print(line);
	kprintf("%s", line);
}

bool process_out_of_memory(void)
{
	const struct signal_info info = { .signal = SIGKILL, .code = SI_KERNEL };
	struct process *own = process_current(), *chosen = NULL;
	uint32_t pid = 0;
	char name[sizeof(own->name)];
	spin_lock(&process_lock);
	if (!ending_locked()) {
		chosen = largest_locked();
	}
	if (chosen) {
		pid = chosen_pid = chosen->pid;
		chosen_ns = time_ns();
		string_copy(name, chosen->name, sizeof(name));
		signal_send_locked(chosen, NULL, &info);
	}
	bool again = !dying_locked(own);
	spin_unlock(&process_lock);
	if (pid) {
		tell(pid, name);
	}
	if (again) {
		thread_yield();
	}
	return again;
}
