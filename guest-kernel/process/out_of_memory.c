/* SPDX-License-Identifier: MIT */
/*
 * When operations wait for memory and there is nothing left to give up, the process that holds the most is ended (mm/reclaim.c decides when).
 * Its private memory is taken away at once, whatever it waits for; the rest goes as it ends. What the kernel keeps for it counts as well: page
 * tables, stacks of its threads, what is in its pipes and sockets, files in memory that have no name. The command's own shell,
 * PID 2, counts for a fourth of its size, and while it holds little it is ended only when nobody else is left: with it the machine
 * goes. The user is told on the console, who else only sees a 137.
 */
#include "process_internal.h"

#include "base/format.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "kernel/tty.h"

#define PATIENCE_NS 1000000000ull /* for one process to end, before the next has to */
#define COMMAND_PID 2u
#define THREAD_PAGES (THREAD_STACK / PAGE_SIZE + 1)
#define MIB(pages) ((pages) >> 8)

struct victim {
	uint32_t pid;
	char name[16];
	uint64_t pages;
	uint64_t total, free, io_free; /* when it was chosen */
	struct address_space *memory; /* referenced */
};

static uint32_t chosen_pid;
static uint64_t chosen_ns;

static bool dying_locked(const struct process *p)
{
	return p->zombie || p->signals->group_exit || (p->signals->pending.mask & SIGNAL_BIT(SIGKILL));
}

bool process_is_dying(const struct thread *thread)
{
	const struct process *p = thread->process;
	return p && (p->signals->group_exit || (p->signals->pending.mask & SIGNAL_BIT(SIGKILL)) ||
		     (thread->user && (thread->user->pending.mask & SIGNAL_BIT(SIGKILL))));
}

/** One that was chosen a short while ago, has memory still, and is on its way out. */
static bool ending_locked(void)
{
	struct process *p = process_find_locked(chosen_pid);
	return p && !p->zombie && dying_locked(p) && time_ns() - chosen_ns < PATIENCE_NS;
}

static uint64_t held_locked(const struct process *p)
{
	return address_space_held(p->memory) + p->signals->thread_count * THREAD_PAGES + (p->files ? file_table_held(p->files) : 0);
}

/** With what /proc/PID/oom_score_adj adds, a thousandth of the memory each; -1000: only when there is nobody else. */
static uint64_t adjusted(const struct process *p, uint64_t pages, uint64_t total)
{
	int64_t weight = (int64_t)pages + p->oom_adjust * (int64_t)(total / 1000);
	return !pages ? 0 : p->oom_adjust == -1000 || weight < 1 ? 1 : (uint64_t)weight;
}

unsigned process_oom_score_locked(struct process *p)
{
	uint64_t total, free;
	memory_usage(&total, &free);
	uint64_t pages = p->memory && !p->zombie ? held_locked(p) : 0;
	if (!pages || p->oom_adjust == -1000) {
		return 0;
	}
	int64_t thousandths = 1000 + (int64_t)(pages * 1000 / total) + p->oom_adjust;
	return thousandths > 0 ? (unsigned)(thousandths * 2 / 3) : 0;
}

static struct process *largest_locked(uint64_t total, uint64_t *pages)
{
	struct process *largest = NULL;
	uint64_t most = 0;
	bool others = false; /* give theirs back before long */
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		bool dying = dying_locked(p);
		uint64_t size = p->memory && !dying ? held_locked(p) : 0;
		uint64_t weight = p->pid != COMMAND_PID ? size : size > total / 16 ? size / 4 : size != 0;
		weight = adjusted(p, weight, total);
		others |= dying && !p->zombie;
		if (weight > most) {
			most = weight;
			*pages = size;
			largest = p;
		}
	}
	return most == 1 && others ? NULL : largest;
}

/* Whoever else has that memory could not go on without it. */
static void kill_sharers_locked(const struct address_space *memory, const struct signal_info *info)
{
	list_for_each(node, &process_list) {
		struct process *p = container_of(node, struct process, all_link);
		if (p->memory == memory && !dying_locked(p)) {
			signal_send_locked(p, NULL, info);
		}
	}
}

static bool choose(struct victim *v)
{
	const struct signal_info info = { .signal = SIGKILL, .code = SI_KERNEL };
	memory_usage(&v->total, &v->free);
	v->io_free = memory_io_free();
	spin_lock(&process_lock);
	struct process *p = ending_locked() ? NULL : largest_locked(v->total, &v->pages);
	if (p) {
		v->pid = chosen_pid = p->pid;
		v->memory = p->memory;
		address_space_get(v->memory);
		chosen_ns = time_ns();
		string_copy(v->name, p->name, sizeof(v->name));
		kill_sharers_locked(v->memory, &info);
	}
	spin_unlock(&process_lock);
	return p;
}

static void tell(const struct victim *v, uint32_t pages, uint32_t io)
{
	char line[200];
	format_text(line, sizeof(line),
		    "out of memory: killed %s[%u], which holds %lu MiB of %lu; %u pages (%u for I/O) are wanted, %lu (%lu) are free, no cache is left\n",
		    v->name, v->pid, MIB(v->pages), MIB(v->total), pages, io, v->free, v->io_free);
	tty_console_print(line);
	kprintf("%s", line);
}

void process_out_of_memory(uint32_t pages, uint32_t io)
{
	struct victim v;
	if (!choose(&v)) {
		return;
	}
	address_space_reap(v.memory);
	address_space_put(v.memory);
	tell(&v, pages, io);
}
