/* SPDX-License-Identifier: MIT */
/*
 * A stopped thread's registers as <sys/user.h> lays them out (struct user, user_regs_struct; XSAVE's standard form). The general ones lie in
 * its frame, in the same order. Its floating-point state was saved when it stopped running; what a tracer writes waits in trace->fpu, and is
 * taken over by the thread itself, for a processor might still hold the old one.
 */
#include "trace.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/debug.h"
#include "base/string.h"
#include "kernel/fpu.h"
#include "kernel/memory.h"
#include "kernel/trap.h"

enum { REG_RAX = 10, REG_ORIG_RAX = 15, REG_RIP, REG_CS, REG_FLAGS, REG_RSP, REG_SS, REG_FS_BASE, REG_GS_BASE };

#define FLAGS_SETTABLE 0x50dd5ull /* AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF */
#define FLAG_IF 0x200ull
#define USER_SIZE 912u /* sizeof(struct user) */
#define USER_DEBUG 848u /* its u_debugreg */
#define XSAVE_HEADER 512
#define XCR0_AT 464 /* in the bytes that FXSAVE leaves to software */

static uint64_t *general(struct thread *t, unsigned n)
{
	return (uint64_t *)thread_frame(t) + n + (n > REG_ORIG_RAX);
}
_Static_assert(offsetof(struct trap_frame, error) == (REG_ORIG_RAX + 1) * 8 && offsetof(struct trap_frame, ss) == (REG_SS + 1) * 8, "order");

static uint64_t register_read(struct thread *t, unsigned n)
{
	const struct trap_frame *f = thread_frame(t);
	if (n < REG_ORIG_RAX || (n > REG_ORIG_RAX && n <= REG_SS)) {
		return *general(t, n);
	}
	return n == REG_ORIG_RAX ? (f->vector == TRAP_SYSCALL ? f->error : UINT64_MAX) :
	       n == REG_FS_BASE  ? t->fs_base :
	       n == REG_GS_BASE  ? t->gs_base :
				   0;
}

static int base_write(struct thread *t, uint64_t *base, uint64_t value)
{
	if (value >= USER_END) {
		return -EIO;
	}
	*base = value;
	t->user->trace->bases_changed = true;
	return 0;
}

static int register_write(struct thread *t, unsigned n, uint64_t value)
{
	struct trap_frame *f = thread_frame(t);
	if (n < REG_ORIG_RAX || n == REG_RIP || n == REG_RSP) {
		*general(t, n) = value;
	} else if (n == REG_ORIG_RAX) {
		f->error = (int32_t)value == -1 ? UINT64_MAX : value;
		f->vector = f->error == UINT64_MAX ? f->vector : TRAP_SYSCALL;
	} else if (n == REG_FLAGS) {
		f->rflags = (value & FLAGS_SETTABLE) | FLAG_IF | 2;
	} else if (n == REG_FS_BASE || n == REG_GS_BASE) {
		return base_write(t, n == REG_FS_BASE ? &t->fs_base : &t->gs_base, value);
	}
	return 0;
}

void trace_registers_read(struct thread *t, uint64_t out[TRACE_REGISTERS])
{
	for (unsigned i = 0; i < TRACE_REGISTERS; i++) {
		out[i] = register_read(t, i);
	}
}

int trace_registers_write(struct thread *t, const uint64_t *in, unsigned count)
{
	int error = 0;
	for (unsigned i = 0; i < count && !error; i++) {
		error = register_write(t, i, in[i]);
	}
	return error;
}

static int debug_write(struct thread *t, unsigned n, uint64_t value)
{
	struct debug_registers new = t->debug ? *t->debug : (struct debug_registers){ 0 };
	if (n < 4) {
		new.address[n] = value;
	} else if (n == 6) {
		new.status = value;
	} else if (n == 7) {
		new.control = value;
	} else {
		return -EIO;
	}
	int error = debug_check(&new);
	if (error) {
		return error;
	}
	if (!t->debug) {
		t->debug = kzalloc(sizeof(new)); /* a switch that finds it now finds nothing set in it */
		if (!t->debug) {
			return -ENOMEM;
		}
	}
	*t->debug = new;
	t->user->trace->debug_changed = true;
	return 0;
}

static uint64_t debug_read(const struct thread *t, unsigned n)
{
	const struct debug_registers *d = t->debug;
	return !d ? 0 : n < 4 ? d->address[n] : n == 6 ? d->status : n == 7 ? d->control : 0;
}

static bool offset_is_good(uint64_t offset)
{
	return offset % 8 == 0 && offset < USER_SIZE;
}

int trace_user_read(struct thread *t, uint64_t offset, uint64_t *value)
{
	if (!offset_is_good(offset)) {
		return -EIO;
	}
	*value = offset < TRACE_REGISTERS * 8 ? register_read(t, (unsigned)offset / 8) :
		 offset >= USER_DEBUG	      ? debug_read(t, (unsigned)(offset - USER_DEBUG) / 8) :
						0;
	return 0;
}

int trace_user_write(struct thread *t, uint64_t offset, uint64_t value)
{
	if (!offset_is_good(offset)) {
		return -EIO;
	}
	if (offset < TRACE_REGISTERS * 8) {
		return register_write(t, (unsigned)offset / 8, value);
	}
	return offset >= USER_DEBUG ? debug_write(t, (unsigned)(offset - USER_DEBUG) / 8, value) : 0;
}

static uint64_t *components(uint8_t *state)
{
	return (uint64_t *)(state + XSAVE_HEADER);
}

/* The processor does not write what is in its first state (XSAVE's init optimization): the bytes of FXSAVE have to be right all the same. */
static void legacy_complete(uint8_t *image, uint64_t present)
{
	if (!(present & 1)) {
		memset(image, 0, 24);
		memset(image + 32, 0, 128);
		*(uint16_t *)image = 0x37f;
	}
	if (!(present & 2)) {
		memset(image + 160, 0, 256);
	}
}

static uint8_t *fpu_now(struct thread *t)
{
	return t->user->trace->fpu_changed ? t->user->trace->fpu : t->fpu;
}

void trace_fpu_read(struct thread *t, uint8_t *out, unsigned bytes)
{
	memcpy(out, fpu_now(t), bytes);
	if (fpu_size() > TRACE_FXSAVE) {
		legacy_complete(out, *components(fpu_now(t)));
		*(uint64_t *)(out + XCR0_AT) = fpu_components();
	}
}

int trace_fpu_write(struct thread *t, const uint8_t *in, unsigned bytes)
{
	struct trace *trace = t->user->trace;
	if (!trace->fpu && !(trace->fpu = kzalloc(fpu_size()))) {
		return -ENOMEM;
	}
	if (!trace->fpu_changed) {
		memcpy(trace->fpu, t->fpu, fpu_size());
	}
	memcpy(trace->fpu, in, bytes);
	if (bytes == TRACE_FXSAVE && fpu_size() > TRACE_FXSAVE) {
		*components(trace->fpu) |= 3;
	}
	trace->fpu_changed = true;
	return 0;
}

void trace_registers_apply(struct trace *trace)
{
	if (trace->fpu_changed) {
		fpu_write(trace->fpu);
	}
	if (trace->debug_changed) {
		debug_load();
	}
	if (trace->bases_changed) {
		thread_bases_load();
	}
	trace->fpu_changed = trace->debug_changed = trace->bases_changed = false;
}
