/* SPDX-License-Identifier: MIT */
/*
 * The frame below a signal handler, as musl's and glibc's restorers and ucontext users expect it: Linux's struct rt_sigframe
 * (arch/x86/include/asm/sigframe.h), the processor context of struct sigcontext, and the FXSAVE or XSAVE image above it.
 * Everything that rt_sigreturn takes back is the program's word: selectors are set anew, flags and rip are judged.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/fpu.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/trap.h"
#include "kernel/user.h"

#define RED_ZONE 128 /* System V psABI 3.2.2 */
#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u
#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SS_AUTODISARM 0x80000000u
#define FLAG_TF 0x100u
#define FLAG_DF 0x400u
#define FLAG_RF 0x10000u
#define FLAG_IF 0x200u
#define USER_FLAGS 0x50dd5u /* AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF */

struct frame_context { /* struct sigcontext_64 */
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, vector, old_mask, cr2, fpstate;
	uint64_t reserved[8];
};

struct frame_stack { /* stack_t */
	uint64_t sp;
	uint32_t flags, pad;
	uint64_t size;
};

struct signal_frame { /* struct rt_sigframe */
	uint64_t restorer;
	uint64_t uc_flags, uc_link;
	struct frame_stack stack;
	struct frame_context context;
	uint64_t mask;
	uint8_t info[128];
};
_Static_assert(offsetof(struct signal_frame, context) == 48, "ucontext's uc_mcontext is at 40");
_Static_assert(sizeof(struct frame_context) == 256, "struct sigcontext");

/* siginfo_t: the union's layout by signal and code (signal(7), asm-generic/siginfo.h). */
void signal_info_to_user(const struct signal_info *info, void *out128)
{
	uint32_t words[32] = { (uint32_t)info->signal, 0, (uint32_t)info->code };
	bool fault = info->code > 0 && info->code != SI_KERNEL && signal_is_fault(info->signal);
	if (fault) {
		memcpy(&words[4], &info->address, 8);
	} else {
		words[4] = info->pid;
		words[5] = info->uid;
		if (info->signal == SIGCHLD && info->code > 0) {
			uint64_t ticks[2] = { info->user_ns / 10000000, info->system_ns / 10000000 };
			words[6] = (uint32_t)info->status;
			memcpy(&words[8], ticks, sizeof(ticks));
		} else {
			memcpy(&words[6], &info->value, 8);
		}
	}
	memcpy(out128, words, sizeof(words));
}

static bool on_alternate_stack(const struct process_thread *u, uint64_t sp)
{
	return u->alternate_size && sp > u->alternate_sp && sp - u->alternate_sp <= u->alternate_size;
}

static uint32_t stack_flags(const struct process_thread *u, uint64_t sp)
{
	if (!u->alternate_size) {
		return SS_DISABLE;
	}
	return (on_alternate_stack(u, sp) ? SS_ONSTACK : 0) | (u->alternate_flags & SS_AUTODISARM);
}

static void context_fill(struct frame_context *c, const struct trap_frame *f, const struct signal_info *info)
{
	*c = (struct frame_context){
		.r8 = f->r8, .r9 = f->r9, .r10 = f->r10, .r11 = f->r11, .r12 = f->r12, .r13 = f->r13,
		.r14 = f->r14, .r15 = f->r15, .rdi = f->rdi, .rsi = f->rsi, .rbp = f->rbp, .rbx = f->rbx,
		.rdx = f->rdx, .rax = f->rax, .rcx = f->rcx, .rsp = f->rsp, .rip = f->rip, .rflags = f->rflags,
		.cs = USER_CS, .ss = USER_SS,
		.error = info->error, .vector = info->vector, .cr2 = info->address,
	};
}

/* Put the vector state below *sp; *at gets its address. */
static int fpu_push(uint64_t *sp, uint64_t *at)
{
	unsigned size = fpu_size();
	*sp = (*sp - size) & ~63ull;
	*at = *sp;
	fpu_save();
	return user_write(*sp, thread_current()->fpu, size); /* a switch meanwhile saves the same again */
}

int signal_frame_push(struct trap_frame *frame, const struct signal_action *action, const struct signal_info *info,
		      uint64_t mask)
{
	struct process_thread *u = thread_current()->user;
	struct signal_frame out = { .restorer = action->restorer, .mask = mask };
	uint64_t sp = frame->rsp - RED_ZONE;
	if (!(action->flags & SA_RESTORER) || action->handler >= USER_END) {
		return -EFAULT;
	}
	out.stack = (struct frame_stack){ u->alternate_sp, stack_flags(u, frame->rsp), 0, u->alternate_size };
	if ((action->flags & SA_ONSTACK) && u->alternate_size && !on_alternate_stack(u, frame->rsp)) {
		sp = u->alternate_sp + u->alternate_size;
	}
	context_fill(&out.context, frame, info);
	out.context.old_mask = mask;
	int error = fpu_push(&sp, &out.context.fpstate);
	if (error) {
		return error;
	}
	out.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (fpu_size() > 512 ? UC_FP_XSTATE : 0);
	signal_info_to_user(info, out.info);
	sp = ((sp - sizeof(out)) & ~15ull) - 8;
	if (user_write(sp, &out, sizeof(out))) {
		return -EFAULT;
	}
	if (u->alternate_flags & SS_AUTODISARM) {
		u->alternate_size = 0;
	}
	frame->rdi = (uint64_t)info->signal;
	frame->rsi = sp + offsetof(struct signal_frame, info);
	frame->rdx = sp + offsetof(struct signal_frame, uc_flags);
	frame->rax = 0;
	frame->rip = action->handler;
	frame->rsp = sp;
	frame->rflags &= ~(uint64_t)(FLAG_TF | FLAG_DF | FLAG_RF);
	return 0;
}

static int fpu_pop(uint64_t at)
{
	if (!at) {
		fpu_reset();
		return 0;
	}
	struct page *page = page_alloc(0);
	if (!page) {
		return -ENOMEM;
	}
	int error = user_read(page_data(page), at, fpu_size());
	if (!error) {
		fpu_write(page_data(page));
	}
	page_put(page);
	return error;
}

static void context_restore(struct trap_frame *f, const struct frame_context *c)
{
	f->r8 = c->r8, f->r9 = c->r9, f->r10 = c->r10, f->r11 = c->r11, f->r12 = c->r12, f->r13 = c->r13;
	f->r14 = c->r14, f->r15 = c->r15, f->rdi = c->rdi, f->rsi = c->rsi, f->rbp = c->rbp, f->rbx = c->rbx;
	f->rdx = c->rdx, f->rax = c->rax, f->rcx = c->rcx, f->rsp = c->rsp, f->rip = c->rip;
	f->rflags = (c->rflags & USER_FLAGS) | FLAG_IF | 2;
	f->cs = USER_CS;
	f->ss = USER_SS;
	f->error = UINT64_MAX; /* no call that could be restarted */
}

static void stack_restore(struct process_thread *u, const struct frame_stack *stack)
{
	if (stack->flags & SS_DISABLE) {
		u->alternate_size = 0;
		u->alternate_flags = SS_DISABLE;
	} else {
		u->alternate_sp = stack->sp;
		u->alternate_size = stack->size;
		u->alternate_flags = stack->flags & SS_AUTODISARM;
	}
}

long sys_rt_sigreturn(const uint64_t a[6])
{
	struct thread *t = thread_current();
	struct trap_frame *frame = thread_frame(t);
	struct signal_frame in;
	/* The handler's RET took `restorer` off the stack. */
	if (user_read(&in, frame->rsp - 8, sizeof(in)) || in.context.rip >= USER_END || fpu_pop(in.context.fpstate)) {
		signal_exception(frame, SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	spin_lock(&process_lock);
	signal_block_locked(t, in.mask);
	spin_unlock(&process_lock);
	stack_restore(t->user, &in.stack);
	context_restore(frame, &in.context);
	return (long)frame->rax;
}

long sys_sigaltstack(const uint64_t a[6])
{
	struct thread *t = thread_current();
	struct process_thread *u = t->user;
	uint64_t sp = thread_frame(t)->rsp;
	struct frame_stack old = { u->alternate_sp, stack_flags(u, sp), 0, u->alternate_size }, new;
	if (a[0]) {
		if (user_read(&new, a[0], sizeof(new))) {
			return -EFAULT;
		}
		if (on_alternate_stack(u, sp)) {
			return -EPERM;
		}
		if (new.flags & ~(SS_ONSTACK | SS_DISABLE | SS_AUTODISARM)) {
			return -EINVAL;
		}
		if (!(new.flags & SS_DISABLE) && new.size < 2048) { /* MINSIGSTKSZ */
			return -ENOMEM;
		}
	}
	if (a[1] && user_write(a[1], &old, sizeof(old))) {
		return -EFAULT;
	}
	if (a[0]) {
		stack_restore(u, &new);
	}
	return 0;
}
