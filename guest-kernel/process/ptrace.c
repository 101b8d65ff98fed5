/* SPDX-License-Identifier: MIT */
/*
 * ptrace(2). Every request but the first ones is for a thread that the caller's process traces and that is stopped; it is found and
 * served under process_lock, so that it cannot go on meanwhile, with the program's memory copied before and after. Any thread of the
 * tracing process may ask, where Linux wants the one that attached.
 */
#include "trace.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/capability.h"
#include "kernel/fpu.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/trap.h"
#include "kernel/user.h"

enum {
	PTRACE_TRACEME, PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_PEEKUSER, PTRACE_POKETEXT, PTRACE_POKEDATA, PTRACE_POKEUSER, PTRACE_CONT,
	PTRACE_KILL, PTRACE_SINGLESTEP, PTRACE_GETREGS = 12, PTRACE_SETREGS, PTRACE_GETFPREGS, PTRACE_SETFPREGS, PTRACE_ATTACH = 16,
	PTRACE_DETACH, PTRACE_SYSCALL = 24, PTRACE_ARCH_PRCTL = 30, PTRACE_SETOPTIONS = 0x4200, PTRACE_GETEVENTMSG, PTRACE_GETSIGINFO,
	PTRACE_SETSIGINFO, PTRACE_GETREGSET, PTRACE_SETREGSET, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_LISTEN,
	PTRACE_GETSIGMASK = 0x420a, PTRACE_SETSIGMASK, PTRACE_GET_SYSCALL_INFO = 0x420e
};

enum { NT_PRSTATUS = 1, NT_PRFPREG = 2, NT_X86_XSTATE = 0x202 };
enum { ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004 };

#define AUDIT_ARCH_X86_64 0xc000003eu
#define REGISTER_BYTES (TRACE_REGISTERS * 8)

/* A request on a stopped thread: what it has of the caller's, and what it answers. */
struct ptrace {
	struct thread *t;
	struct trace *trace;
	uint64_t address, data;
	uint8_t *buffer; /* a page */
	unsigned bytes; /* of it, to or from `data` */
};

bool trace_may_access_locked(const struct process *p)
{
	const struct process *self = process_current();
	bool same = credentials_match(&p->credentials) && !(p->credentials.permitted & ~self->credentials.permitted);
	return p == self || (same && !p->signals->not_dumpable) || capable(CAP_SYS_PTRACE);
}

static int attach_locked(uint32_t tid, struct trace **fresh, bool seize, uint32_t options)
{
	struct process *self = process_current();
	struct thread *t = process_thread_find_locked(tid);
	if (!t || !t->user) {
		return -ESRCH;
	}
	struct process *p = t->process;
	if (p == self || p == init_process || p->zombie || !p->memory || !trace_may_access_locked(p) || trace_is_on(t)) {
		return -EPERM;
	}
	if (!t->user->trace) {
		t->user->trace = *fresh;
		*fresh = NULL;
	}
	trace_attach_locked(t->user->trace, self, t, capable(CAP_SYS_PTRACE));
	t->user->trace->seized = seize;
	t->user->trace->options = options;
	if (!seize) {
		struct signal_info info = { .signal = SIGSTOP, .code = SI_USER, .pid = self->pid };
		signal_send_locked(p, t, &info);
	}
	/* A stopped group's threads are told as the tracer's from now on. */
	signal_recalculate_locked(t);
	thread_wake(t);
	return 0;
}

static long attach(uint32_t tid, bool seize, uint64_t address, uint64_t options)
{
	if (seize && (address || (options & ~(uint64_t)TRACE_OPTIONS))) {
		return -EIO;
	}
	struct trace *fresh = trace_create();
	if (!fresh) {
		return -ENOMEM;
	}
	spin_lock(&process_lock);
	int error = attach_locked(tid, &fresh, seize, (uint32_t)options);
	spin_unlock(&process_lock);
	kfree(fresh);
	return error;
}

static long trace_me(void)
{
	struct thread *t = thread_current();
	struct trace *fresh = trace_create();
	int error = -EPERM;
	if (!fresh) {
		return -ENOMEM;
	}
	spin_lock(&process_lock);
	if (!trace_is_on(t) && t->process->parent && t->process->parent != init_process) {
		if (!t->user->trace) {
			t->user->trace = fresh;
			fresh = NULL;
		}
		/* The parent has not asked for it: what it may do now, it may give up before it looks. */
		trace_attach_locked(t->user->trace, t->process->parent, t, credentials_capable(&t->process->credentials, CAP_SYS_PTRACE));
		error = 0;
	}
	spin_unlock(&process_lock);
	kfree(fresh);
	return error;
}

static struct trace *find_locked(uint32_t tid)
{
	struct thread *t = process_thread_find_locked(tid);
	return t && t->user && t->user->trace && t->user->trace->tracer == process_current() ? t->user->trace : NULL;
}

static long interrupt(uint32_t tid)
{
	spin_lock(&process_lock);
	struct trace *trace = find_locked(tid);
	int error = !trace ? -ESRCH : !trace->seized ? -EIO : 0;
	if (!error && (!trace->stopped || trace->listening)) {
		trace->interrupt = true;
		trace->thread->signal_pending = true;
		thread_wake(trace->thread);
	}
	spin_unlock(&process_lock);
	return error;
}

static long kill_tracee(uint32_t tid)
{
	struct signal_info info = { .signal = SIGKILL, .code = SI_USER, .pid = process_current()->pid };
	spin_lock(&process_lock);
	struct trace *trace = find_locked(tid);
	if (trace) {
		signal_send_locked(trace->thread->process, NULL, &info);
	}
	spin_unlock(&process_lock);
	return trace ? 0 : -ESRCH;
}

static int go_on_locked(struct ptrace *r, enum trace_resume how)
{
	if (r->data > SIGNAL_COUNT) {
		return -EIO;
	}
	r->trace->signal = (int)r->data;
	r->trace->resume = how;
	trace_resume_locked(r->trace);
	return 0;
}

static int detach_locked(struct ptrace *r)
{
	if (r->data > SIGNAL_COUNT) {
		return -EIO;
	}
	trace_detach_locked(r->trace);
	r->trace->signal = (int)r->data;
	return 0;
}

static int listen_locked(struct ptrace *r)
{
	if (!r->trace->seized || r->trace->status >> 16 != TRACE_EVENT_STOP) {
		return -EIO;
	}
	r->trace->listening = true;
	waitq_wake_all(&r->trace->resumed);
	return 0;
}

/* siginfo_t's bytes to what the kernel keeps of it; the inverse of signal_info_to_user(). */
static void info_from_user(const uint32_t words[32], struct signal_info *info)
{
	info->signal = (int)words[0];
	info->code = (int)words[2];
	bool fault = info->code > 0 && info->code != SI_KERNEL && info->signal != SIGCHLD && info->signal <= SIGSEGV;
	if (fault) {
		memcpy(&info->address, &words[4], 8);
	} else {
		info->pid = words[4];
		info->uid = words[5];
		info->status = (int)words[6];
		memcpy(&info->value, &words[6], 8);
	}
}

static int info_locked(struct ptrace *r, bool set)
{
	if (!r->trace->has_info) {
		return -EINVAL; /* a group's stop */
	}
	if (set) {
		info_from_user((const uint32_t *)r->buffer, &r->trace->info);
	} else {
		signal_info_to_user(&r->trace->info, r->buffer);
		r->bytes = 128;
	}
	return 0;
}

static void set_mask_locked(struct ptrace *r)
{
	struct process_thread *u = r->t->user;
	uint64_t mask;
	memcpy(&mask, r->buffer, 8);
	u->restore_blocked = false;
	signal_block_locked(r->t, mask);
}

/* struct ptrace_syscall_info. Its whole size is the answer, whatever room there is. */
static long call_info_locked(struct ptrace *r)
{
	struct {
		uint8_t op, pad[3];
		uint32_t arch;
		uint64_t ip, sp;
		union {
			struct { uint64_t number, arguments[6]; } entry;
			struct { int64_t result; uint8_t is_error; } exit;
		};
	} out = { .op = (uint8_t)r->trace->at, .arch = AUDIT_ARCH_X86_64 };
	const struct trap_frame *f = thread_frame(r->t);
	long size = offsetof(__typeof__(out), entry);
	out.ip = f->rip;
	out.sp = f->rsp;
	if (r->trace->at == TRACE_AT_CALL) {
		out.entry.number = f->error;
		const uint64_t arguments[6] = { f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9 };
		memcpy(out.entry.arguments, arguments, sizeof(arguments));
		size += sizeof(out.entry);
	} else if (r->trace->at == TRACE_AT_RETURN) {
		out.exit.result = (int64_t)f->rax;
		out.exit.is_error = out.exit.result < 0 && out.exit.result >= -4095;
		size += offsetof(__typeof__(out.exit), is_error) + 1;
	}
	r->bytes = (unsigned)(r->address < (uint64_t)size ? r->address : (uint64_t)size);
	memcpy(r->buffer, &out, sizeof(out));
	return size;
}

/* How many bytes a set has; 0: there is no such one. */
static unsigned set_size(uint64_t set)
{
	return set == NT_PRSTATUS ? REGISTER_BYTES : set == NT_PRFPREG ? TRACE_FXSAVE :
	       set == NT_X86_XSTATE && fpu_components() ? fpu_size() : 0;
}

static int set_read(struct ptrace *r, uint64_t set)
{
	if (set == NT_PRSTATUS) {
		uint64_t values[TRACE_REGISTERS];
		trace_registers_read(r->t, values);
		memcpy(r->buffer, values, sizeof(values));
	} else {
		trace_fpu_read(r->t, r->buffer, set_size(set));
	}
	return 0;
}

static int set_write(struct ptrace *r, uint64_t set)
{
	if (set == NT_PRSTATUS) {
		return trace_registers_write(r->t, (const uint64_t *)r->buffer, r->bytes / 8);
	}
	return r->bytes < set_size(set) ? -EINVAL : trace_fpu_write(r->t, r->buffer, set_size(set));
}

static long serve_locked(struct ptrace *r, uint64_t request)
{
	switch (request) {
	case PTRACE_CONT:
		return go_on_locked(r, TRACE_RUN);
	case PTRACE_SYSCALL:
		return go_on_locked(r, TRACE_TO_CALL);
	case PTRACE_SINGLESTEP:
		return go_on_locked(r, TRACE_STEP);
	case PTRACE_DETACH:
		return detach_locked(r);
	case PTRACE_LISTEN:
		return listen_locked(r);
	case PTRACE_PEEKUSER:
		r->bytes = 8;
		return trace_user_read(r->t, r->address, (uint64_t *)r->buffer);
	case PTRACE_POKEUSER:
		return trace_user_write(r->t, r->address, r->data);
	case PTRACE_GETREGS:
		r->bytes = REGISTER_BYTES;
		return set_read(r, NT_PRSTATUS);
	case PTRACE_GETFPREGS:
		r->bytes = TRACE_FXSAVE;
		return set_read(r, NT_PRFPREG);
	case PTRACE_SETREGS:
		return set_write(r, NT_PRSTATUS);
	case PTRACE_SETFPREGS:
		return set_write(r, NT_PRFPREG);
	case PTRACE_GETREGSET:
		return set_read(r, r->address);
	case PTRACE_SETREGSET:
		return set_write(r, r->address);
	case PTRACE_SETOPTIONS:
		if (r->data & ~(uint64_t)TRACE_OPTIONS) {
			return -EINVAL;
		}
		r->trace->options = (uint32_t)r->data;
		return 0;
	case PTRACE_GETEVENTMSG:
		memcpy(r->buffer, &r->trace->message, r->bytes = 8);
		return 0;
	case PTRACE_GETSIGINFO:
	case PTRACE_SETSIGINFO:
		return info_locked(r, request == PTRACE_SETSIGINFO);
	case PTRACE_GETSIGMASK:
		memcpy(r->buffer, &r->t->user->blocked, r->bytes = 8);
		return r->address == 8 ? 0 : -EINVAL;
	case PTRACE_SETSIGMASK:
		set_mask_locked(r);
		return 0;
	case PTRACE_GET_SYSCALL_INFO:
		return call_info_locked(r);
	case PTRACE_ARCH_PRCTL: /* the place is `address` here */
		memcpy(r->buffer, r->data == ARCH_GET_GS ? &r->t->gs_base : &r->t->fs_base, r->bytes = 8);
		return r->data == ARCH_GET_FS || r->data == ARCH_GET_GS ? 0 : -EINVAL;
	default:
		return -EIO;
	}
}

/* The request with what it takes from the caller in its buffer, and what it answers copied back. */
static long serve(struct ptrace *r, uint32_t tid, uint64_t request)
{
	unsigned takes = request == PTRACE_SETREGS ? REGISTER_BYTES : request == PTRACE_SETFPREGS ? TRACE_FXSAVE :
			 request == PTRACE_SETSIGINFO ? 128 : request == PTRACE_SETSIGMASK ? 8 : 0;
	if (request == PTRACE_SETSIGMASK && r->address != 8) {
		return -EINVAL;
	}
	if (takes && user_read(r->buffer, r->data, takes)) {
		return -EFAULT;
	}
	r->bytes = takes ? takes : r->bytes;
	spin_lock(&process_lock);
	r->trace = find_locked(tid);
	long result = -ESRCH;
	if (r->trace && r->trace->stopped && !r->trace->listening) {
		r->t = r->trace->thread;
		result = serve_locked(r, request);
	}
	spin_unlock(&process_lock);
	bool gives = request == PTRACE_PEEKUSER || request == PTRACE_GETREGS || request == PTRACE_GETFPREGS || request == PTRACE_GETEVENTMSG ||
		     request == PTRACE_GETSIGINFO || request == PTRACE_GETSIGMASK || request == PTRACE_GET_SYSCALL_INFO ||
		     request == PTRACE_ARCH_PRCTL;
	uint64_t to = request == PTRACE_ARCH_PRCTL ? r->address : r->data;
	return result >= 0 && gives && user_write(to, r->buffer, r->bytes) ? -EFAULT : result;
}

/* GETREGSET and SETREGSET: `data` is a struct iovec, whose length becomes what there was. */
static long serve_set(struct ptrace *r, uint32_t tid, uint64_t request)
{
	uint64_t vector[2];
	unsigned size = set_size(r->address);
	bool get = request == PTRACE_GETREGSET;
	if (user_read(vector, r->data, sizeof(vector))) {
		return -EFAULT;
	}
	if (!size || vector[1] % 8) {
		return -EINVAL;
	}
	r->bytes = vector[1] < size ? (unsigned)vector[1] : size;
	if (!get && user_read(r->buffer, vector[0], r->bytes)) {
		return -EFAULT;
	}
	long result = serve(r, tid, request);
	vector[1] = r->bytes;
	bool bad = result >= 0 && ((get && user_write(vector[0], r->buffer, r->bytes)) || user_write(r->data, vector, sizeof(vector)));
	return bad ? -EFAULT : result;
}

/* The memory of a thread that is stopped for the caller; the reference is the caller's. NULL: there is none. */
static struct address_space *memory_of(uint32_t tid)
{
	spin_lock(&process_lock);
	struct trace *trace = find_locked(tid);
	struct address_space *memory = trace && trace->stopped ? trace->thread->process->memory : NULL;
	if (memory) {
		address_space_get(memory);
	}
	spin_unlock(&process_lock);
	return memory;
}

static long word_access(uint32_t tid, uint64_t address, uint64_t data, bool write)
{
	struct address_space *memory = memory_of(tid);
	if (!memory) {
		return -ESRCH;
	}
	uint64_t word = data;
	long n = address_space_access(memory, address, &word, sizeof(word), ACCESS_FORCE | (write ? ACCESS_WRITE : 0));
	address_space_put(memory);
	return n != sizeof(word) ? -EIO : write ? 0 : user_write(data, &word, sizeof(word));
}

static long request_run(uint64_t request, uint32_t tid, uint64_t address, uint64_t data)
{
	struct page *page = page_alloc(ALLOC_ZERO);
	if (!page) {
		return -ENOMEM;
	}
	struct ptrace r = { .address = address, .data = data, .buffer = page_data(page) };
	bool set = request == PTRACE_GETREGSET || request == PTRACE_SETREGSET;
	long result = set ? serve_set(&r, tid, request) : serve(&r, tid, request);
	page_put(page);
	return result;
}

long sys_ptrace(const uint64_t a[6])
{
	uint32_t tid = (uint32_t)a[1];
	switch (a[0]) {
	case PTRACE_TRACEME:
		return trace_me();
	case PTRACE_ATTACH:
	case PTRACE_SEIZE:
		return attach(tid, a[0] == PTRACE_SEIZE, a[2], a[0] == PTRACE_SEIZE ? a[3] : 0);
	case PTRACE_INTERRUPT:
		return interrupt(tid);
	case PTRACE_KILL:
		return kill_tracee(tid);
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return word_access(tid, a[2], a[3], a[0] == PTRACE_POKETEXT || a[0] == PTRACE_POKEDATA);
	default:
		return request_run(a[0], tid, a[2], a[3]);
	}
}
