/* SPDX-License-Identifier: MIT */
/*
 * How exec reads and maps ELF files (exec_object.c), with files that are whole and with many thousand that are not: whatever a file says,
 * what is asked of memory stays inside the program's part of it and inside the file, and nothing is kept of a file that is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/address_space.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/user.h"
#include "guest-kernel/process/exec_internal.h"

#define FILE_SIZE 20000u
#define SEGMENTS 6u
#define MAP_FIXED 0x10u
#define MAP_ANONYMOUS 0x20u
#define BASE 0x555555554000ull
#define ROUNDS 200000u

struct program_header { /* Elf64_Phdr */
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static uint8_t bytes[FILE_SIZE];
static unsigned held; /* references to the file */
static unsigned maps, zeroed, opened, mapped;
static uint64_t state = 1;

static uint64_t dice(uint64_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 20) % below;
}

/* ---- the kernel around it ---- */

void *kmalloc(size_t size)
{
	return malloc(size);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *memory)
{
	free(memory);
}

uint64_t file_size(struct file *f)
{
	return FILE_SIZE;
}

long file_pread(struct file *f, void *buffer, uint64_t count, uint64_t offset)
{
	uint64_t n = offset >= FILE_SIZE ? 0 : FILE_SIZE - offset;
	n = n < count ? n : count;
	memcpy(buffer, bytes + (n ? offset : 0), n);
	return (long)n;
}

void file_run_end(struct file *f)
{
}

void file_put(struct file *f)
{
	held--;
}

long address_space_map(struct address_space *as, uint64_t address, uint64_t length, unsigned prot, unsigned flags, struct file *file, uint64_t offset)
{
	assert_true((address & (PAGE_SIZE - 1)) == 0 && length > 0 && prot < 8);
	assert_true(!file == ((flags & MAP_ANONYMOUS) != 0));
	if (file) {
		assert_true((offset & (PAGE_SIZE - 1)) == 0 && offset < FILE_SIZE && length - 1 < FILE_SIZE + PAGE_SIZE - offset);
	}
	maps++;
	if (address >= USER_END || length > USER_END - address) {
		return -ENOMEM; /* as the real one says */
	}
	return flags & MAP_FIXED ? (long)address : 0x7f0000000000;
}

int address_space_unmap(struct address_space *as, uint64_t address, uint64_t length)
{
	return 0;
}

int user_zero(uint64_t to, size_t count)
{
	assert_true(count < PAGE_SIZE);
	zeroed++;
	return to >= USER_END || count > USER_END - to ? -EFAULT : 0;
}

/* ---- files ---- */

static struct program_header *segment(unsigned i)
{
	return (struct program_header *)(bytes + 64) + i;
}

/* A program of two segments that names an interpreter. */
static void file_make(bool position_independent)
{
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "\177ELF\2\1\1", 7);
	*(uint16_t *)(bytes + 16) = position_independent ? 3 : 2;
	*(uint16_t *)(bytes + 18) = 62;
	*(uint32_t *)(bytes + 20) = 1;
	*(uint64_t *)(bytes + 24) = 0x401000;
	*(uint64_t *)(bytes + 32) = 64;
	*(uint16_t *)(bytes + 52) = 64;
	*(uint16_t *)(bytes + 54) = sizeof(struct program_header);
	*(uint16_t *)(bytes + 56) = SEGMENTS;
	uint64_t at = position_independent ? 0 : 0x400000;
	*segment(0) = (struct program_header){ .type = 3, .flags = 4, .offset = 600, .filesz = 8, .memsz = 8 };
	*segment(1) = (struct program_header){ .type = 1, .flags = 5, .offset = 0, .vaddr = at, .filesz = 9000, .memsz = 9000, .align = 4096 };
	*segment(2) = (struct program_header){ .type = 1, .flags = 6, .offset = 9000, .vaddr = at + 0x4000 + 9000 % 4096, .filesz = 3000, .memsz = 30000 };
	*segment(3) = (struct program_header){ .type = 0x6474e551, .flags = 6 };
	memcpy(bytes + 600, "/lib/ld", 8);
}

/* Numbers that are near where something goes over. */
static uint64_t odd_number(void)
{
	static const uint64_t near[] = { 0, 1, 4095, 4096, 4097, FILE_SIZE, USER_END, USER_END - 4096, 1ull << 47, 1ull << 63, UINT64_MAX, 0x7fffffff };
	uint64_t n = near[dice(sizeof(near) / sizeof(near[0]))];
	return dice(3) ? n : n + dice(9000) - 4500;
}

static void file_damage(void)
{
	for (uint64_t hits = 1 + dice(5); hits > 0; hits--) {
		struct program_header *p = segment((unsigned)dice(SEGMENTS));
		switch (dice(4)) {
		case 0:
			bytes[dice(2) ? dice(64) : dice(64 + SEGMENTS * sizeof(*p))] = (uint8_t)dice(256);
			break;
		case 1:
			p->type = (uint32_t)(dice(2) ? 1 : dice(8));
			break;
		case 2:
			((uint64_t *)p)[1 + dice(6)] = odd_number();
			break;
		default:
			p->memsz = p->filesz + odd_number();
			p->offset = (p->vaddr & 4095) | (p->offset & ~4095ull);
		}
	}
}

/* 0, or what refused it. */
static int file_load(uint64_t base)
{
	static char file; /* anything that is one */
	struct exec_object object;
	held = 1;
	int error = object_open(&object, (struct file *)&file);
	if (!error) {
		opened++;
		assert_true(object.low < object.high && object.high <= USER_END + PAGE_SIZE);
		assert_true(!object.interpreter || strlen(object.interpreter) < PATH_SIZE);
		error = object_map(&object, NULL, base);
		mapped += !error;
		if (!error && object.headers_at) {
			assert_true(object.headers_at < USER_END);
		}
	}
	assert_true(error <= 0 && error > -4096);
	object_close(&object);
	assert_int_equal(held, 0);
	return error;
}

static void a_whole_file_is_mapped(void **context)
{
	file_make(false);
	maps = zeroed = 0;
	assert_int_equal(file_load(BASE), 0);
	assert_int_equal(maps, 3); /* two of the file, one behind the second's end */
	assert_int_equal(zeroed, 1);
	file_make(true);
	assert_int_equal(file_load(BASE), 0);
	assert_int_equal(file_load(0), 0);
}

static void any_other_asks_for_nothing_outside(void **context)
{
	opened = mapped = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		file_make(round & 1);
		file_damage();
		(void)file_load(round & 2 ? BASE : 0);
	}
	assert_true(opened > ROUNDS / 20 && mapped > ROUNDS / 100 && opened < ROUNDS);
	print_message("%u files, %u had good headers, %u could be mapped\n", ROUNDS, opened, mapped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_is_mapped),
		cmocka_unit_test(any_other_asks_for_nothing_outside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
