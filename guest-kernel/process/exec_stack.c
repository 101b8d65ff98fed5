/* SPDX-License-Identifier: MIT */
/*
 * The initial stack (System V psABI x86-64, 3.4.1): from the top the strings, the platform's name and 16 random bytes, then,
 * 16-byte aligned at rsp, argc, argv, envp and the auxiliary vector as Linux's getauxval(3) lists it.
 */
#include "exec_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/user.h"

enum {
	AT_NULL, AT_IGNORE, AT_PHDR = 3, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY, AT_UID = 11, AT_EUID, AT_GID, AT_EGID,
	AT_PLATFORM, AT_HWCAP, AT_CLKTCK, AT_SECURE = 23, AT_RANDOM = 25, AT_HWCAP2, AT_EXECFN = 31, AT_SYSINFO_EHDR = 33, AT_MINSIGSTKSZ = 51
};

#define AUX_COUNT 21

struct stack_writer {
	uint64_t sp;
	int error;
};

static uint64_t push_bytes(struct stack_writer *w, const void *from, uint64_t bytes)
{
	w->sp -= bytes;
	if (!w->error) {
		w->error = user_write(w->sp, from, bytes);
	}
	return w->sp;
}

static uint64_t push_arguments(struct stack_writer *w, const struct exec_arguments *args)
{
	w->sp -= args->bytes;
	for (uint64_t done = 0; done < args->bytes && !w->error; done += PAGE_SIZE) {
		uint64_t n = args->bytes - done < PAGE_SIZE ? args->bytes - done : PAGE_SIZE;
		w->error = user_write(w->sp + done, args->pages[done / PAGE_SIZE], n);
	}
	return w->sp;
}

/* The pointers of one vector, a string's start each, ended by NULL. */
struct vector_writer {
	uint64_t at;
	uint64_t batch[64];
	unsigned count;
	int error;
};

static void vector_put(struct vector_writer *v, uint64_t value)
{
	v->batch[v->count++] = value;
	if (v->count == 64) {
		v->error = v->error ? v->error : user_write(v->at, v->batch, sizeof(v->batch));
		v->at += sizeof(v->batch);
		v->count = 0;
	}
}

static void vector_flush(struct vector_writer *v)
{
	v->error = v->error ? v->error : user_write(v->at, v->batch, v->count * sizeof(uint64_t));
	v->at += v->count * sizeof(uint64_t);
	v->count = 0;
}

static void put_pointers(struct vector_writer *v, const struct exec_arguments *args, uint64_t strings, uint64_t head)
{
	for (uint32_t at = args->head_start; at < HEAD_SIZE; at++) {
		if (at == args->head_start || !args->head[at - 1]) {
			vector_put(v, head + (at - args->head_start));
		}
	}
	uint32_t index = 0, total = args->argument_count + args->environment_count;
	for (uint64_t at = 0; index < total; index++) {
		if (index == args->argument_count) {
			vector_put(v, 0);
		}
		if (!(index == 0 && args->skip_first && args->argument_count)) {
			vector_put(v, strings + at);
		}
		while (arguments_byte(args, at)) {
			at++;
		}
		at++;
	}
	if (!args->environment_count) {
		vector_put(v, 0); /* the end of argv */
	}
	vector_put(v, 0);
}

/* CPUID 1's EDX, asked for once: below a hypervisor each CPUID is an exit. */
static uint32_t processor_capabilities(void)
{
	static uint32_t known;
	if (!known) {
		uint32_t eax = 1, ebx, ecx = 0, edx;
		__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
		known = edx;
	}
	return known;
}

static void put_auxiliary(struct vector_writer *v, const struct exec_image *image, uint64_t random, uint64_t platform,
			  uint64_t path)
{
	const struct credentials *c = &process_current()->credentials;
	const struct exec_object *o = &image->program;
	const uint64_t vector[AUX_COUNT][2] = {
		{ AT_HWCAP, processor_capabilities() },
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_CLKTCK, 100 },
		{ AT_PHDR, o->headers_at },
		{ AT_PHENT, sizeof(struct elf_segment) },
		{ AT_PHNUM, o->header.phnum },
		{ AT_BASE, image->has_interpreter ? image->interpreter.bias : 0 },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, o->header.entry + o->bias },
		{ AT_UID, c->uid },
		{ AT_EUID, c->euid },
		{ AT_GID, c->gid },
		{ AT_EGID, c->egid },
		{ AT_SECURE, image->secure },
		{ AT_RANDOM, random },
		{ AT_HWCAP2, 0 },
		{ AT_EXECFN, path },
		{ AT_PLATFORM, platform },
		{ AT_MINSIGSTKSZ, 4096 + 2048 },
		{ image->vdso ? AT_SYSINFO_EHDR : AT_IGNORE, image->vdso },
		{ AT_NULL, 0 },
	};
	for (unsigned i = 0; i < AUX_COUNT; i++) {
		vector_put(v, vector[i][0]);
		vector_put(v, vector[i][1]);
	}
}

int stack_build(struct exec_image *image, const struct exec_arguments *args)
{
	struct stack_writer w = { .sp = image->stack_top - 16 };
	uint8_t noise[16];
	random_bytes(noise, sizeof(noise));
	uint64_t path = push_bytes(&w, args->path, strlen(args->path) + 1);
	uint64_t strings = push_arguments(&w, args);
	uint64_t head = push_bytes(&w, args->head + args->head_start, HEAD_SIZE - args->head_start);
	uint64_t platform = push_bytes(&w, "x86_64", 7);
	w.sp &= ~15ull;
	uint64_t random = push_bytes(&w, noise, sizeof(noise));

	uint64_t count = args->head_count + args->argument_count - (args->skip_first && args->argument_count ? 1 : 0);
	uint64_t words = 1 + count + 1 + args->environment_count + 1 + AUX_COUNT * 2ull;
	w.sp = (w.sp - words * sizeof(uint64_t)) & ~15ull;
	struct vector_writer v = { .at = w.sp, .error = w.error };
	vector_put(&v, count);
	put_pointers(&v, args, strings, head);
	put_auxiliary(&v, image, random, platform, path);
	vector_flush(&v);
	image->strings.environment = w.sp + (1 + count + 1) * sizeof(uint64_t);
	image->strings.auxiliary = w.sp + (words - AUX_COUNT * 2ull) * sizeof(uint64_t);
	image->strings.end = strings + args->bytes;
	image->stack_top = w.sp;
	return v.error;
}
