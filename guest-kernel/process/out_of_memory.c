/* SPDX-License-Identifier: MIT */
/*
 * When operations wait for memory and there is nothing left to give up, the process that holds the most is ended (mm/reclaim.c decides when).
 * Its private memory is taken away at once, whatever it waits for; the rest goes as it ends. What the kernel keeps for it counts as well: page
 * tables, stacks of its threads, what is in its pipes and sockets, files in memory that have no name. The command's own shell,
 * PID 2, counts for a fourth of its size, and while it holds little it is ended only when nobody else is left: with it the machine
 * goes. The user is told on the console, who else only sees a 137.
 * Of a crowd (process/crowd.c: a program of one user in one session that is so many processes that what they take by being there is more than
 * anybody else has, as a fork bomb is) the end of one is no help, and others would be ended before it: all of it is ended.
 */
#include "crowd.h"

#include "base/format.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "kernel/tty.h"

#define PATIENCE_NS 1000000000ull /* for one process to end, before the next has to */
#define CROWD_PATIENCE_NS (10 * PATIENCE_NS)
#define COMMAND_PID 2u
#define CROWD_SHARE 16u /* of memory: fewer pages than that make no crowd */
#define MIB(pages) ((pages) >> 8)

struct victim {
	uint32_t pid;
	char name[16];
	uint64_t pages;
	uint64_t total, free, io_free; /* when it was chosen */
	unsigned others; /* that are ended with it */
	struct address_space *memory; /* referenced */
};

static uint32_t chosen_pid;
static struct crowd chosen_crowd; /* count 0: it was not one */
static uint64_t chosen_ns;

bool process_is_dying_locked(const struct process *p)
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
	if (chosen_crowd.count && time_ns() - chosen_ns < CROWD_PATIENCE_NS && crowd_is_ending_locked(&chosen_crowd)) {
		return true;
	}
	struct process *p = process_find_locked(chosen_pid);
	return p && !p->zombie && process_is_dying_locked(p) && time_ns() - chosen_ns < PATIENCE_NS;
}

static uint64_t held_locked(const struct process *p)
{
	return address_space_held(p->memory) + p->signals->thread_count * PROCESS_THREAD_PAGES + (p->files ? file_table_held(p->files) : 0);
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
		bool dying = process_is_dying_locked(p);
		if (p->memory && !dying) {
			address_space_count(p->memory);
		}
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
		if (p->memory == memory && !process_is_dying_locked(p)) {
			signal_send_locked(p, NULL, info);
		}
	}
}

/* The first of a crowd that was ended. NULL: there is none that is worth it. */
static struct process *end_crowd_locked(struct victim *v, uint64_t least, const struct signal_info *info)
{
	if (!crowd_largest_locked(&chosen_crowd) || chosen_crowd.pages < least || chosen_crowd.pages < v->total / CROWD_SHARE) {
		chosen_crowd.count = 0;
		return NULL;
	}
	v->pages = chosen_crowd.pages;
	v->others = chosen_crowd.count - 1;
	return crowd_end_locked(&chosen_crowd, info);
}

static bool choose(struct victim *v)
{
	const struct signal_info info = { .signal = SIGKILL, .code = SI_KERNEL };
	memory_usage(&v->total, &v->free);
	v->io_free = memory_io_free();
	spin_lock(&process_lock);
	struct process *p = ending_locked() ? NULL : largest_locked(v->total, &v->pages);
	if (p) {
		v->others = 0;
		struct process *first = end_crowd_locked(v, v->pages, &info);
		p = first ? first : p;
		v->pid = chosen_pid = p->pid;
		v->memory = p->memory;
		string_copy(v->name, p->name, sizeof(v->name));
		kill_sharers_locked(v->memory, &info);
		address_space_get(v->memory);
		chosen_ns = time_ns();
	}
	spin_unlock(&process_lock);
	return p;
}

static void tell(const struct victim *v, uint32_t pages, uint32_t io)
{
	char line[240], crowd[48] = "";
	if (v->others) {
		format_text(crowd, sizeof(crowd), " and %u more of its kind", v->others);
	}
	format_text(line, sizeof(line),
		    "out of memory: killed %s[%u]%s, which holds %lu MiB of %lu; %u pages (%u for I/O) are wanted, %lu (%lu) are free, no cache is left\n",
		    v->name, v->pid, crowd, MIB(v->pages), MIB(v->total), pages, io, v->free, v->io_free);
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
