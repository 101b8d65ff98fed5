/* SPDX-License-Identifier: MIT */
/* exec's strings, `#!` lines and initial stack, laid out in an array that plays the user's memory; ChaCha20 by RFC 8439's example. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/user.h"
#include "guest-kernel/process/chacha.h"
#include "guest-kernel/process/exec_internal.h"

#define USER_BASE 0x10000000ull
static char user_memory[1 << 21];
#define USER_TOP (USER_BASE + sizeof(user_memory))

/* ---- the kernel around it ---- */
static struct process process = { .credentials = { .uid = 5, .euid = 6, .gid = 7, .egid = 8 } };
static struct thread thread = { .process = &process };
static int pages_left;

struct fake_page {
	struct page page;
	char *data;
};
static struct fake_page pages[300];

struct thread *thread_current(void)
{
	return &thread;
}

void *kzalloc(size_t bytes)
{
	return calloc(1, bytes);
}

void kfree(void *memory)
{
	free(memory);
}

void reserve_renew(void)
{
}

struct page *page_alloc(unsigned flags)
{
	if (pages_left-- <= 0) {
		return NULL;
	}
	for (unsigned i = 0; i < 300; i++) {
		if (!pages[i].data) {
			pages[i].data = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
			return &pages[i].page;
		}
	}
	return NULL;
}

/* page_data() adds PHYSMAP to this. */
uint64_t page_phys(const struct page *page)
{
	return (uint64_t)container_of(page, struct fake_page, page)->data - PHYSMAP;
}

uint64_t virt_to_phys(const void *virt)
{
	return (uint64_t)virt - PHYSMAP;
}

struct page *page_from_phys(uint64_t phys)
{
	for (unsigned i = 0; i < 300; i++) {
		if ((uint64_t)pages[i].data == phys + PHYSMAP) {
			return &pages[i].page;
		}
	}
	return NULL;
}

void page_put(struct page *page)
{
	struct fake_page *fake = container_of(page, struct fake_page, page);
	free(fake->data);
	fake->data = NULL;
}

static char *user_at(uint64_t at, size_t bytes)
{
	return at >= USER_BASE && bytes <= USER_TOP - at ? user_memory + (at - USER_BASE) : NULL;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
	const char *at = user_at(from, bytes);
	if (!at) {
		return -EFAULT;
	}
	memcpy(to, at, bytes);
	return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
	char *at = user_at(to, bytes);
	if (!at) {
		return -EFAULT;
	}
	memcpy(at, from, bytes);
	return 0;
}

long user_string(char *to, uint64_t from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (user_read(to + i, from + i, 1)) {
			return -EFAULT;
		}
		if (!to[i]) {
			return (long)i;
		}
	}
	return -ENAMETOOLONG;
}

void random_bytes(void *buffer, size_t bytes)
{
	memset(buffer, 0xa5, bytes);
}

/* ---- tests ---- */
static int set_up(void **state)
{
	memset(user_memory, 0, sizeof(user_memory));
	pages_left = 300;
	return 0;
}

static void parse(const char *text, int error, const char *interpreter, const char *argument)
{
	char line[256];
	char *got_interpreter = NULL, *got_argument = NULL;
	strcpy(line, text);
	assert_int_equal(script_parse(line, (uint32_t)strlen(line), &got_interpreter, &got_argument), error);
	if (!error) {
		assert_string_equal(got_interpreter, interpreter);
		assert_true((argument != NULL) == (got_argument != NULL));
		if (argument) {
			assert_string_equal(got_argument, argument);
		}
	}
}

static void script_lines_are_split_once(void **state)
{
	parse("#!/bin/sh\nx", 0, "/bin/sh", NULL);
	parse("#! /bin/sh \t\n", 0, "/bin/sh", NULL);
	parse("#!/usr/bin/env  a b \n", 0, "/usr/bin/env", "a b");
	parse("#!\n", -ENOEXEC, NULL, NULL);
	parse("#!  \n", -ENOEXEC, NULL, NULL);
	parse("#!/bin/sh", 0, "/bin/sh", NULL);
	parse("#! ", -ENOEXEC, NULL, NULL);
	parse("#", -ENOEXEC, NULL, NULL);
}

static uint64_t put_vector(const char *const strings[], unsigned count)
{
	uint64_t text = USER_BASE + 4096, vector = USER_BASE;
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(user_write(vector + i * 8, &text, 8), 0);
		assert_int_equal(user_write(text, strings[i], strlen(strings[i]) + 1), 0);
		text += strlen(strings[i]) + 1;
	}
	return vector;
}

static void long_strings_cross_pages_and_too_long_ones_are_refused(void **state)
{
	static char longest[ARGUMENT_LONGEST + 8192];
	struct exec_arguments *args = arguments_create("/p");
	memset(longest, 'x', 10000);
	uint64_t vector = put_vector((const char *const[]){ "a", longest, "" }, 3);
	assert_int_equal(arguments_from_user(args, vector, &args->argument_count), 0);
	assert_int_equal(args->argument_count, 3);
	assert_int_equal(args->bytes, 2 + 10001 + 1);
	assert_int_equal(arguments_byte(args, 2 + 9999), 'x');
	assert_int_equal(arguments_byte(args, 2 + 10000), 0);
	arguments_free(args);

	memset(longest, 'x', sizeof(longest) - 1);
	args = arguments_create("/p");
	vector = put_vector((const char *const[]){ longest }, 1);
	assert_int_equal(arguments_from_user(args, vector, &args->argument_count), -E2BIG);
	arguments_free(args);
}

static void no_memory_and_bad_pointers_are_errors(void **state)
{
	struct exec_arguments *args = arguments_create("/p");
	uint64_t bad = 1;
	pages_left = 0;
	uint64_t vector = put_vector((const char *const[]){ "a" }, 1);
	assert_int_equal(arguments_from_user(args, vector, &args->argument_count), -ENOMEM);
	pages_left = 10;
	user_write(USER_BASE, &bad, 8);
	assert_int_equal(arguments_from_user(args, USER_BASE, &args->argument_count), -EFAULT);
	assert_int_equal(arguments_from_user(args, USER_TOP - 4, &args->argument_count), -EFAULT);
	arguments_free(args);
}

static uint64_t word(uint64_t at)
{
	uint64_t value = 0;
	assert_int_equal(user_read(&value, at, 8), 0);
	return value;
}

static const char *text_at(uint64_t pointer_at)
{
	const char *text = user_at(word(pointer_at), 1);
	assert_non_null(text);
	return text;
}

static uint64_t auxiliary(uint64_t at, uint64_t type)
{
	for (; word(at); at += 16) {
		if (word(at) == type) {
			return word(at + 8);
		}
	}
	return UINT64_MAX;
}

static void the_stack_is_as_the_psabi_says(void **state)
{
	static struct exec_image image;
	struct exec_arguments *args = arguments_create("/script");
	const char *const arguments[] = { "ignored", "one", "", NULL }, *const environment[] = { "A=1", "B=2", NULL };
	assert_int_equal(arguments_from_kernel(args, arguments, &args->argument_count), 0);
	assert_int_equal(arguments_from_kernel(args, environment, &args->environment_count), 0);
	args->skip_first = true;
	assert_int_equal(arguments_prepend(args, "/script"), 0);
	assert_int_equal(arguments_prepend(args, "-e"), 0);
	assert_int_equal(arguments_prepend(args, "/bin/sh"), 0);
	memset(&image, 0, sizeof(image));
	image.stack_top = USER_TOP;
	image.program.header.entry = 0x1000;
	image.program.header.phnum = 9;
	image.program.bias = 0x400000;
	image.program.headers_at = 0x400040;
	image.has_interpreter = true;
	image.interpreter.bias = 0x7000000;
	assert_int_equal(stack_build(&image, args), 0);
	uint64_t sp = image.stack_top;
	assert_int_equal(sp & 15, 0);
	assert_int_equal(word(sp), 5);
	assert_string_equal(text_at(sp + 8), "/bin/sh");
	assert_string_equal(text_at(sp + 16), "-e");
	assert_string_equal(text_at(sp + 24), "/script");
	assert_string_equal(text_at(sp + 32), "one");
	assert_string_equal(text_at(sp + 40), "");
	assert_int_equal(word(sp + 48), 0);
	assert_string_equal(text_at(sp + 56), "A=1");
	assert_string_equal(text_at(sp + 64), "B=2");
	assert_int_equal(word(sp + 72), 0);
	uint64_t aux = sp + 80;
	assert_int_equal(auxiliary(aux, 3), 0x400040);
	assert_int_equal(auxiliary(aux, 4), 56);
	assert_int_equal(auxiliary(aux, 5), 9);
	assert_int_equal(auxiliary(aux, 6), 4096);
	assert_int_equal(auxiliary(aux, 7), 0x7000000);
	assert_int_equal(auxiliary(aux, 9), 0x401000);
	assert_int_equal(auxiliary(aux, 11), 5);
	assert_int_equal(auxiliary(aux, 14), 8);
	assert_string_equal(user_at(auxiliary(aux, 15), 7), "x86_64");
	assert_string_equal(user_at(auxiliary(aux, 31), 8), "/script");
	assert_int_equal((uint8_t)*user_at(auxiliary(aux, 25), 16), 0xa5);
	char line[64];
	assert_int_equal(arguments_command_line(args, line, sizeof(line)), 8 + 3 + 8 + 4 + 1);
	assert_memory_equal(line, "/bin/sh\0-e\0/script\0one\0", 24);
	arguments_free(args);
}

static void an_empty_environment_still_ends_both_vectors(void **state)
{
	static struct exec_image image;
	struct exec_arguments *args = arguments_create("/p");
	const char *const arguments[] = { "p", NULL };
	arguments_from_kernel(args, arguments, &args->argument_count);
	image.stack_top = USER_TOP;
	assert_int_equal(stack_build(&image, args), 0);
	assert_int_equal(word(image.stack_top), 1);
	assert_int_equal(word(image.stack_top + 16), 0);
	assert_int_equal(word(image.stack_top + 24), 0);
	assert_int_equal(auxiliary(image.stack_top + 32, 6), 4096);
	arguments_free(args);
}

static void chacha20_agrees_with_rfc_8439(void **state)
{
	static const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0x00000000 }; /* 2.3.2 */
	uint32_t key[8], out[16];
	for (unsigned i = 0; i < 8; i++) {
		key[i] = 0x03020100 + i * 0x04040404;
	}
	chacha20_block(key, 1, nonce, out);
	assert_int_equal(out[0], 0xe4e7f110);
	assert_int_equal(out[1], 0x15593bd1);
	assert_int_equal(out[15], 0x4e3c50a2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(script_lines_are_split_once, set_up),
		cmocka_unit_test_setup(long_strings_cross_pages_and_too_long_ones_are_refused, set_up),
		cmocka_unit_test_setup(no_memory_and_bad_pointers_are_errors, set_up),
		cmocka_unit_test_setup(the_stack_is_as_the_psabi_says, set_up),
		cmocka_unit_test_setup(an_empty_environment_still_ends_both_vectors, set_up),
		cmocka_unit_test(chacha20_agrees_with_rfc_8439),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
