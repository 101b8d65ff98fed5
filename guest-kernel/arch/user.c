/* SPDX-License-Identifier: MIT */
/*
 * Copies to and from user memory: the only code that runs with SMAP's guard down (STAC ... CLAC, AMD64 APM vol. 2, 5.6.6).
 * A fault inside goes through address_space_fault() and tries again, or lands on the exception table's way out. Addresses are
 * checked against USER_END first, so the kernel's half is never reached. Whole words first: see mm/pages.h.
 */
#include "kernel/user.h"
#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/memory.h"
#include "kernel/platform.h"

#define EXCEPTION(at, go_on) ".pushsection .exception_table, \"a\"; .quad " #at ", " #go_on "; .popsection\n"

static bool user_range(uint64_t address, size_t bytes)
{
	return address < USER_END && bytes <= USER_END - address;
}

static void guard_down(void)
{
	if (CONFIG_DEBUG) {
		kassert(cpu_read(spin_depth) == 0 && cpu_read(interrupt_depth) == 0);
	}
	if (cpu_features.smap) {
		__asm__ volatile("stac" : : : "memory");
	}
}

static void guard_up(void)
{
	if (cpu_features.smap) {
		__asm__ volatile("clac" : : : "memory");
	}
}

/** 0 or -EFAULT. */
static int copy(void *to, const void *from, size_t bytes)
{
	size_t words = bytes / 8, rest = bytes % 8;
	int error = 0;
	guard_down();
	__asm__ volatile("1: rep movsq\n"
			 "mov %[rest], %[words]\n"
			 "2: rep movsb\n"
			 "jmp 4f\n"
			 "3: mov %[fault], %[error]\n"
			 "4:\n" EXCEPTION(1b, 3b) EXCEPTION(2b, 3b)
			 : "+&D"(to), "+&S"(from), [words] "+&c"(words), [error] "+&r"(error)
			 : [rest] "r"(rest), [fault] "i"(-EFAULT)
			 : "memory");
	guard_up();
	return error;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
	return user_range(from, bytes) ? copy(to, (const void *)from, bytes) : -EFAULT;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
	return user_range(to, bytes) ? copy((void *)to, from, bytes) : -EFAULT;
}

int user_zero(uint64_t to, size_t bytes)
{
	if (!user_range(to, bytes)) {
		return -EFAULT;
	}
	size_t words = bytes / 8, rest = bytes % 8;
	int error = 0;
	guard_down();
	__asm__ volatile("1: rep stosq\n"
			 "mov %[rest], %[words]\n"
			 "2: rep stosb\n"
			 "jmp 4f\n"
			 "3: mov %[fault], %[error]\n"
			 "4:\n" EXCEPTION(1b, 3b) EXCEPTION(2b, 3b)
			 : "+&D"(to), [words] "+&c"(words), [error] "+&r"(error)
			 : [rest] "r"(rest), [fault] "i"(-EFAULT), "a"(0ull)
			 : "memory");
	guard_up();
	return error;
}

int user_compare_exchange(uint64_t at, uint32_t *expected, uint32_t value)
{
	int error = 0;
	if (!user_range(at, sizeof(value))) {
		return -EFAULT;
	}
	guard_down();
	__asm__ volatile("1: lock cmpxchgl %[value], (%[at])\n"
			 "jmp 4f\n"
			 "3: mov %[fault], %[error]\n"
			 "4:\n" EXCEPTION(1b, 3b)
			 : "+a"(*expected), [error] "+&r"(error)
			 : [at] "r"(at), [value] "r"(value), [fault] "i"(-EFAULT)
			 : "memory", "cc");
	guard_up();
	return error;
}

/** Copy up to `size` bytes, stopping behind a NUL. The length without it; `size` if there was none; -EFAULT. */
static long string_take(char *to, const char *from, size_t size)
{
	size_t left = size;
	long length = -EFAULT;
	char c;
	guard_down();
	__asm__ volatile("1: test %[left], %[left]\n"
			 "jz 3f\n"
			 "2: movb (%[from]), %[c]\n"
			 "movb %[c], (%[to])\n"
			 "inc %[from]\n"
			 "inc %[to]\n"
			 "dec %[left]\n"
			 "test %[c], %[c]\n"
			 "jnz 1b\n"
			 "inc %[left]\n" /* the NUL does not count */
			 "3: mov %[size], %[length]\n"
			 "sub %[left], %[length]\n"
			 "4:\n" EXCEPTION(2b, 4b)
			 : [to] "+&r"(to), [from] "+&r"(from), [left] "+&r"(left), [length] "+&r"(length), [c] "=&q"(c)
			 : [size] "r"(size)
			 : "memory", "cc");
	guard_up();
	return length;
}

long user_string(char *to, uint64_t from, size_t size)
{
	if (from >= USER_END) {
		return -EFAULT;
	}
	size_t most = size < USER_END - from ? size : USER_END - from;
	long length = string_take(to, (const char *)from, most);
	if (length == (long)most) {
		return most < size ? -EFAULT : -ENAMETOOLONG;
	}
	return length;
}
