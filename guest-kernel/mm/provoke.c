/* SPDX-License-Identifier: MIT */
/*
 * Debug kernels only: `provoke=NAME` on the command line does, once at start, what a guard is there to stop, so that tests/boot/kernel-guards.sh
 * sees it stopped: the unmapped page below a kernel stack, SMAP and SMEP (AMD64 APM vol. 2, 5.6.5, 5.6.6), no-execute data, read-only text.
 */
#include "mm/provoke.h"
#include "arch/cpu.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"

#define USER_AT 0x10000000ull
#define PROT_ALL 7u
#define PRIVATE_FIXED_ANONYMOUS 0x32u
#define RETURN 0xc3

extern char kernel_text_start[], kernel_rodata_end[];

/** A page of a program's memory with a RET in it, mapped here as if that program ran. */
static uint64_t user_page(void)
{
	struct address_space *as = address_space_create();
	kassert(as && address_space_map(as, USER_AT, PAGE_SIZE, PROT_ALL, PRIVATE_FIXED_ANONYMOUS, NULL, 0) == (long)USER_AT);
	kassert(address_space_fault(as, USER_AT, 1, 0) == 0);
	const uint8_t code = RETURN;
	kassert(address_space_access(as, USER_AT, (void *)&code, 1, ACCESS_WRITE) == 1);
	address_space_activate(as);
	return USER_AT;
}

/** A place that the compiler knows nothing of. */
static volatile char *place(uint64_t address)
{
	__asm__ volatile("" : "+r"(address));
	return (volatile char *)address;
}

static void user_read(void)
{
	(void)*place(user_page());
}

static void user_write(void)
{
	*place(user_page()) = 1;
}

static void user_run(void)
{
	((void (*)(void))user_page())();
}

static void data_run(void)
{
	uint8_t *code = kmalloc(16);
	kassert(code);
	*code = RETURN;
	((void (*)(void))code)();
}

static void text_write(void)
{
	*place((uint64_t)kernel_text_start) = 0;
}

static void text_write_through_the_map_of_all(void)
{
	*place((uint64_t)kernel_text_start - KERNEL_BASE + PHYSMAP) = 0;
}

static void constants_write(void)
{
	*place((uint64_t)kernel_rodata_end - 1) = 0;
}

static void null_read(void)
{
	(void)*place(8);
}

static void stack_overflow(void)
{
	__asm__ volatile("1: push %rax\n jmp 1b");
}

static const struct {
	const char *name;
	void (*run)(void);
} provocations[] = {
	{ "user-read", user_read }, { "user-write", user_write }, { "user-run", user_run }, { "data-run", data_run }, { "text-write", text_write },
	{ "text-alias-write", text_write_through_the_map_of_all }, { "constants-write", constants_write }, { "null-read", null_read },
	{ "stack-overflow", stack_overflow },
};

void memory_provoke(void)
{
	char name[32];
	if (!cmdline_option("provoke", name, sizeof(name))) {
		return;
	}
	for (unsigned i = 0; i < sizeof(provocations) / sizeof(provocations[0]); i++) {
		if (strcmp(name, provocations[i].name) == 0) {
			kprintf("provoke: %s", name);
			provocations[i].run();
			kprintf("provoke: nothing stopped it");
		}
	}
}
