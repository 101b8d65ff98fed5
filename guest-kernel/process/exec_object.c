/* SPDX-License-Identifier: MIT */
/*
 * ELF files in memory (System V gABI, chapter 5, "Program Loading"): file pages privately mapped, the rest of a segment
 * zero. base/elf.h has checked every offset against the file's size; addresses are judged here.
 */
#include "exec_internal.h"

#include "abi/errno.h"
#include "kernel/address_space.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/user.h"

#define PROT_READ 1u
#define PROT_WRITE 2u
#define PROT_EXEC 4u
#define MAP_PRIVATE 2u
#define MAP_FIXED 0x10u
#define MAP_ANONYMOUS 0x20u
#define PHDR_SIZE 56u
#define PAGE_MASK (PAGE_SIZE - 1)

static int interpreter_read(struct exec_object *object, const struct elf_segment *s)
{
	if (object->interpreter || s->filesz < 2 || s->filesz > PATH_SIZE) {
		return -ENOEXEC;
	}
	object->interpreter = kzalloc(s->filesz);
	if (!object->interpreter) {
		return -ENOMEM;
	}
	if (file_pread(object->file, object->interpreter, s->filesz, s->offset) != (long)s->filesz) {
		return -EIO;
	}
	return object->interpreter[s->filesz - 1] ? -ENOEXEC : 0;
}

static int load_segment_check(struct exec_object *object, const struct elf_segment *s)
{
	if (s->vaddr >= USER_END || s->memsz > USER_END - s->vaddr || (s->vaddr & PAGE_MASK) != (s->offset & PAGE_MASK)) {
		return -ENOEXEC;
	}
	uint64_t low = s->vaddr & ~PAGE_MASK, high = (s->vaddr + s->memsz + PAGE_MASK) & ~PAGE_MASK;
	object->low = low < object->low ? low : object->low;
	object->high = high > object->high ? high : object->high;
	return 0;
}

static int segments_check(struct exec_object *object)
{
	const char *why;
	uint64_t size = file_size(object->file);
	for (unsigned i = 0; i < object->header.phnum; i++) {
		struct elf_segment s;
		int error = elf_segment(object->program_headers, i, size, &s, &why);
		if (!error && s.type == ELF_PT_LOAD && s.memsz) {
			error = load_segment_check(object, &s);
		} else if (!error && s.type == ELF_PT_INTERP) {
			error = interpreter_read(object, &s);
		} else if (!error && s.type == ELF_PT_GNU_STACK) {
			object->stack_executable = s.flags & ELF_PF_X;
		}
		if (error) {
			return error;
		}
	}
	return object->low < object->high ? 0 : -ENOEXEC;
}

int object_open(struct exec_object *object, struct file *file)
{
	const char *why;
	*object = (struct exec_object){ .file = file, .low = UINT64_MAX };
	long n = file_pread(file, &object->header, sizeof(object->header), 0);
	if (n < 0) {
		return (int)n;
	}
	if (n < (long)sizeof(object->header)) {
		return -ENOEXEC;
	}
	int error = elf_check_header(&object->header, sizeof(object->header), &why);
	if (error) {
		return error;
	}
	long bytes = object->header.phnum * (long)PHDR_SIZE;
	object->program_headers = kmalloc((size_t)bytes + 1);
	if (!object->program_headers) {
		return -ENOMEM;
	}
	n = file_pread(file, object->program_headers, (uint64_t)bytes, object->header.phoff);
	if (n != bytes) {
		return n < 0 ? (int)n : -ENOEXEC;
	}
	return segments_check(object);
}

void object_close(struct exec_object *object)
{
	if (object->file) {
		file_run_end(object->file);
		file_put(object->file);
	}
	kfree(object->program_headers);
	kfree(object->interpreter);
	*object = (struct exec_object){ 0 };
}

static unsigned protection(const struct elf_segment *s)
{
	return (s->flags & ELF_PF_R ? PROT_READ : 0) | (s->flags & ELF_PF_W ? PROT_WRITE : 0) |
	       (s->flags & ELF_PF_X ? PROT_EXEC : 0);
}

static int map_fixed(struct address_space *memory, uint64_t at, uint64_t bytes, unsigned prot, struct file *file,
		     uint64_t offset)
{
	unsigned flags = MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS);
	long got = bytes ? address_space_map(memory, at, bytes, prot, flags, file, offset) : (long)at;
	return got < 0 && got > -4096 ? (int)got : 0;
}

static int segment_map(struct exec_object *object, struct address_space *memory, const struct elf_segment *s)
{
	uint64_t at = s->vaddr + object->bias, skew = at & PAGE_MASK;
	uint64_t file_end = at + s->filesz, file_page_end = (file_end + PAGE_MASK) & ~PAGE_MASK;
	uint64_t end = (at + s->memsz + PAGE_MASK) & ~PAGE_MASK;
	unsigned prot = protection(s);
	if (s->filesz == 0) {
		file_page_end = at - skew;
	} else {
		int error = map_fixed(memory, at - skew, file_page_end - (at - skew), prot, object->file, s->offset - skew);
		if (error) {
			return error;
		}
	}
	if (s->memsz > s->filesz && file_page_end > file_end && (prot & PROT_WRITE) &&
	    user_zero(file_end, file_page_end - file_end)) {
		return -EFAULT;
	}
	return end > file_page_end ? map_fixed(memory, file_page_end, end - file_page_end, prot, NULL, 0) : 0;
}

/* A place for the whole span of a position-independent object. */
static int choose_bias(struct exec_object *object, struct address_space *memory, uint64_t base)
{
	uint64_t span = object->high - object->low;
	if (object->header.type == ELF_ET_EXEC) {
		object->bias = 0;
		return object->low >= PAGE_SIZE ? 0 : -ENOEXEC;
	}
	if (!base) {
		long at = address_space_map(memory, 0, span, 0, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
		if (at < 0 && at > -4096) {
			return (int)at;
		}
		base = (uint64_t)at;
		int error = address_space_unmap(memory, base, span);
		if (error) {
			return error;
		}
	}
	object->bias = base - object->low;
	return base < USER_END && span < USER_END - base ? 0 : -ENOMEM;
}

int object_map(struct exec_object *object, struct address_space *memory, uint64_t base)
{
	const char *why;
	uint64_t size = file_size(object->file), phoff = object->header.phoff;
	int error = choose_bias(object, memory, base);
	for (unsigned i = 0; i < object->header.phnum && !error; i++) {
		struct elf_segment s;
		error = elf_segment(object->program_headers, i, size, &s, &why);
		if (error || s.type != ELF_PT_LOAD || !s.memsz) {
			continue;
		}
		error = segment_map(object, memory, &s);
		if (phoff >= s.offset && phoff - s.offset < s.filesz) {
			object->headers_at = s.vaddr + (phoff - s.offset) + object->bias;
		}
	}
	return error;
}
