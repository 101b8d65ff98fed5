/* SPDX-License-Identifier: MIT */
/* wait4 and waitid (POSIX, wait): one scan over the children under process_lock; reaping takes the zombie off all lists. */
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define WNOHANG 1u
#define WUNTRACED 2u /* WSTOPPED */
#define WEXITED 4u
#define WCONTINUED 8u
#define WNOWAIT 0x01000000u
#define WNOTHREAD 0x20000000u
#define WALL 0x40000000u
#define WCLONE 0x80000000u

enum { P_ALL, P_PID, P_PGID, P_PIDFD };

struct wait_request {
	int which;
	uint32_t id, options;
	const struct process_handle *handle; /* P_PIDFD */
};

struct wait_result {
	uint32_t pid, uid;
	int status; /* wait4's */
	int code, value; /* waitid's si_code, si_status */
	uint64_t user_ns, system_ns, resident;
	struct usage usage;
};

static bool matches(const struct process *child, const struct wait_request *r)
{
	bool clone = child->signals->exit_signal != SIGCHLD;
	if (!(r->options & WALL) && clone != ((r->options & WCLONE) != 0)) {
		return false;
	}
	return r->which == P_ALL || (r->which == P_PID && child->pid == r->id) ||
	       (r->which == P_PGID && child->pgid == r->id) || (r->which == P_PIDFD && child->handle == r->handle);
}

/* Its own, or of a descendant that was waited for. */
static uint64_t most_resident(const struct process *p)
{
	return p->most_resident > p->children_most_resident ? p->most_resident : p->children_most_resident;
}

static bool take_zombie_locked(struct process *child, const struct wait_request *r, struct wait_result *out)
{
	struct process *p = child->parent;
	bool killed = (child->exit_code & 0x7f) != 0;
	out->status = child->exit_code;
	out->code = killed ? CLD_KILLED : CLD_EXITED;
	out->value = killed ? child->exit_code & 0x7f : child->exit_code >> 8 & 0xff;
	if (r->options & WNOWAIT) {
		return false;
	}
	usage_add(&p->children_usage, &child->usage);
	usage_add(&p->children_usage, &child->children_usage);
	uint64_t most = most_resident(child);
	p->children_most_resident = most > p->children_most_resident ? most : p->children_most_resident;
	p->children_user_ns += child->user_ns + child->children_user_ns;
	p->children_system_ns += child->system_ns + child->children_system_ns;
	process_unpublish_locked(child);
	return true;
}

/* Has the child an event that r asks for? *reaped: it is the caller's to free. */
static bool take_event_locked(struct process *child, const struct wait_request *r, struct wait_result *out,
			      struct process **reaped)
{
	struct signals *s = child->signals;
	bool keep = r->options & WNOWAIT;
	*out = (struct wait_result){ .pid = child->pid,
				     .uid = child->credentials.uid,
				     .user_ns = child->user_ns + child->children_user_ns,
				     .system_ns = child->system_ns + child->children_system_ns };
	out->usage = child->usage;
	usage_add(&out->usage, &child->children_usage);
	out->resident = most_resident(child);
	if (child->zombie && (r->options & WEXITED)) {
		*reaped = take_zombie_locked(child, r, out) ? child : NULL;
		return true;
	}
	if (trace_is_own_locked(child)) {
		return false;
	}
	if (child->stopped && s->stop_waits && (r->options & WUNTRACED)) {
		s->stop_waits = keep;
		out->status = s->stop_signal << 8 | 0x7f;
		out->code = CLD_STOPPED;
		out->value = s->stop_signal;
		return true;
	}
	if (s->continue_waits && !child->stopped && !child->zombie && (r->options & WCONTINUED)) {
		s->continue_waits = keep;
		out->status = 0xffff;
		out->code = CLD_CONTINUED;
		out->value = SIGCONT;
		return true;
	}
	return false;
}

static bool matches_trace(const struct trace *trace, const void *context)
{
	const struct wait_request *r = context;
	return r->which == P_ALL || (r->which == P_PID && trace->tid == r->id) ||
	       (r->which == P_PGID && trace->thread && trace->thread->process->pgid == r->id);
}

/* A thread that this process traces; what it does is told whatever the options say of stops and threads (ptrace(2)). As scan(). */
static int scan_traced_locked(const struct wait_request *r, struct wait_result *out)
{
	struct trace_report report;
	int result = trace_report_locked(matches_trace, r, r->options & WEXITED, r->options & WNOWAIT, &report);
	if (result == 1) {
		int ended = report.status & 0x7f;
		*out = (struct wait_result){ .pid = report.tid, .uid = report.uid, .status = report.status, .user_ns = report.user_ns,
					     .system_ns = report.system_ns };
		out->code = !report.ended ? CLD_TRAPPED : ended ? CLD_KILLED : CLD_EXITED;
		out->value = report.ended && ended ? ended : report.status >> 8;
	}
	return result;
}

/* 1: *out is filled; 0: children, but none ready; -ECHILD. */
static int scan(const struct wait_request *r, struct wait_result *out)
{
	struct process *p = process_current(), *reaped = NULL;
	spin_lock(&process_lock);
	int result = list_empty(&p->signals->tracees) ? -ECHILD : scan_traced_locked(r, out);
	if (result == 1) {
		spin_unlock(&process_lock);
		return 1;
	}
	list_for_each_safe(node, &p->children)
	{
		struct process *child = container_of(node, struct process, sibling_link);
		if (!matches(child, r)) {
			continue;
		}
		result = 0;
		if (take_event_locked(child, r, out, &reaped)) {
			result = 1;
			break;
		}
	}
	spin_unlock(&process_lock);
	if (reaped) {
		process_free(reaped);
	}
	return result;
}

static int wait_for(const struct wait_request *r, struct wait_result *out)
{
	struct process *p = process_current();
	int result = 0;
	if (r->options & WNOHANG) {
		return scan(r, out);
	}
	int error = WAIT_EVENT_INTERRUPTIBLE(&p->child_event, (result = scan(r, out)) != 0);
	return result ? result : error ? -ERESTARTSYS : 0;
}

static int usage_to_user(uint64_t to, const struct wait_result *r)
{
	return to ? usage_write(to, r->user_ns, r->system_ns, r->resident, &r->usage) : 0;
}

long sys_wait4(const uint64_t a[6])
{
	int pid = (int)a[0];
	struct wait_request r = { .options = (uint32_t)a[2] };
	struct wait_result out;
	if (r.options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE)) {
		return -EINVAL;
	}
	if (pid == INT32_MIN) {
		return -ESRCH;
	}
	r.options |= WEXITED;
	r.which = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
	r.id = pid > 0 ? (uint32_t)pid : pid == 0 ? process_current()->pgid : (uint32_t)-pid;
	int result = wait_for(&r, &out);
	if (result <= 0) {
		return result;
	}
	if ((a[1] && user_write(a[1], &out.status, sizeof(out.status))) || usage_to_user(a[3], &out)) {
		return -EFAULT;
	}
	return out.pid;
}

static long wait_id(const struct wait_request *r, uint64_t info_at, uint64_t usage_at)
{
	struct wait_result out = { 0 };
	uint8_t info[128] = { 0 };
	int result = wait_for(r, &out);
	if (result < 0) {
		return result;
	}
	if (result) {
		struct signal_info filled = {
			.signal = SIGCHLD, .code = out.code, .pid = out.pid, .uid = out.uid, .status = out.value
		};
		signal_info_to_user(&filled, info);
	}
	if ((info_at && user_write(info_at, info, sizeof(info))) || (result && usage_to_user(usage_at, &out))) {
		return -EFAULT;
	}
	return result;
}

/* A pidfd that does not block says so. */
static long wait_pidfd(struct wait_request *r, uint64_t info_at, uint64_t usage_at)
{
	struct file *f = file_from_fd((int)r->id);
	bool poll = f && (f->flags & O_NONBLOCK) && !(r->options & WNOHANG);
	r->handle = f ? pidfd_handle(f) : NULL;
	r->options |= poll ? WNOHANG : 0;
	long result = r->handle ? wait_id(r, info_at, usage_at) : -EBADF;
	if (f) {
		file_put(f);
	}
	return poll && result == 0 ? -EAGAIN : result;
}

long sys_waitid(const uint64_t a[6])
{
	struct wait_request r = { .which = (int)a[0], .id = (uint32_t)a[1], .options = (uint32_t)a[3] };
	const uint32_t known = WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | WNOTHREAD | WALL | WCLONE;
	if ((r.options & ~known) || !(r.options & (WEXITED | WUNTRACED | WCONTINUED)) || a[0] > P_PIDFD) {
		return -EINVAL;
	}
	if (r.which == P_PID && (int)r.id <= 0) {
		return -EINVAL;
	}
	if (r.which == P_PGID && r.id == 0) {
		r.id = process_current()->pgid;
	}
	long result = r.which == P_PIDFD ? wait_pidfd(&r, a[2], a[4]) : wait_id(&r, a[2], a[4]);
	return result > 0 ? 0 : result;
}
