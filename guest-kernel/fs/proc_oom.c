/* SPDX-License-Identifier: MIT */
/* /proc/PID/oom_score_adj and oom_score (proc(5)): how gladly a process is ended when memory is short. process/out_of_memory.c goes by them. */
#include "proc_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/process.h"

#define LONGEST 8

int proc_pid_oom_score_adj(uint32_t pid, struct text *t)
{
	spin_lock(&process_lock);
	const struct process *p = process_find_locked(pid);
	int adjust = p ? p->oom_adjust : 0;
	spin_unlock(&process_lock);
	text_add(t, "%d\n", adjust);
	return p ? 0 : -ESRCH;
}

int proc_pid_oom_score(uint32_t pid, struct text *t)
{
	spin_lock(&process_lock);
	struct process *p = process_find_locked(pid);
	unsigned score = p ? process_oom_score_locked(p) : 0;
	spin_unlock(&process_lock);
	text_add(t, "%u\n", score);
	return p ? 0 : -ESRCH;
}

/* A number, perhaps with a sign before it, and a line's end after it. */
static int number_read(const char *text, size_t length, int *number)
{
	bool negative = length && text[0] == '-';
	int value = 0;
	size_t i = length && (negative || text[0] == '+');
	size_t first = i;
	for (; i < length && i < LONGEST && text[i] >= '0' && text[i] <= '9'; i++) {
		value = value * 10 + (text[i] - '0');
	}
	bool any = i > first;
	while (i < length && (text[i] == '\n' || text[i] == ' ' || text[i] == '\0')) {
		i++;
	}
	*number = negative ? -value : value;
	return any && i == length ? 0 : -EINVAL;
}

/** Who is not root may go up, and down again to where root has put it. */
int proc_pid_oom_adjust(uint32_t pid, const char *text, size_t length)
{
	int number, error = number_read(text, length, &number);
	if (error || number < -1000 || number > 1000) {
		return -EINVAL;
	}
	bool root = capable(CAP_SYS_RESOURCE);
	spin_lock(&process_lock);
	struct process *p = process_find_locked(pid);
	error = !p ? -ESRCH : number < p->oom_least && !root ? -EACCES : 0;
	if (!error) {
		p->oom_adjust = (int16_t)number;
		p->oom_least = root ? (int16_t)number : p->oom_least;
	}
	spin_unlock(&process_lock);
	return error;
}
