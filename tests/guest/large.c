/* SPDX-License-Identifier: MIT */
/*
 * Memory that the kernel may hold in pages of 2 MiB: what it contains is right whatever is done to parts of it: unmapping, protecting, giving
 * back, moving, forking, and threads that write while small pages become a large one.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

#define MIB (1ul << 20)
#define LARGE (2 * MIB)
#define PAGE 4096ul
#define SIZE (16 * MIB)
#ifndef MREMAP_MAYMOVE
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#endif

static char *take(size_t bytes)
{
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		printf("no memory\n");
		exit(1);
	}
	return at;
}

/* Every page says which one it is, and what its last word was. */
static void fill(char *at, size_t bytes, unsigned long salt)
{
	for (size_t i = 0; i < bytes; i += PAGE) {
		*(unsigned long *)(at + i) = i ^ salt;
		*(unsigned long *)(at + i + PAGE - 8) = ~i ^ salt;
	}
}

/* How many pages from `from` to `to` are not as fill() left them; those of zeros count as well. */
static unsigned wrong(const char *at, size_t from, size_t to, unsigned long salt)
{
	unsigned count = 0;
	for (size_t i = from; i < to; i += PAGE) {
		count += *(const unsigned long *)(at + i) != (i ^ salt) || *(const unsigned long *)(at + i + PAGE - 8) != (~i ^ salt);
	}
	return count;
}

static void filled_in_any_order(void)
{
	char *at = take(SIZE);
	for (size_t k = 0; k < SIZE / PAGE; k++) {
		size_t i = k * 1237 % (SIZE / PAGE) * PAGE;
		CHECK(*(unsigned long *)(at + i + 16) == 0);
		*(unsigned long *)(at + i) = i ^ 7;
		*(unsigned long *)(at + i + PAGE - 8) = ~i ^ 7;
	}
	CHECK(wrong(at, 0, SIZE, 7) == 0);
	CHECK(munmap(at, SIZE) == 0);
}

static void parts_are_unmapped(void)
{
	char *at = take(SIZE);
	fill(at, SIZE, 1);
	CHECK(munmap(at + 5 * MIB + PAGE, PAGE) == 0);
	CHECK(munmap(at + 7 * MIB, 3 * MIB) == 0);
	CHECK(wrong(at, 0, 5 * MIB + PAGE, 1) == 0 && wrong(at, 5 * MIB + 2 * PAGE, 7 * MIB, 1) == 0 && wrong(at, 10 * MIB, SIZE, 1) == 0);
	CHECK(mmap(at + 7 * MIB, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at + 7 * MIB);
	CHECK(at[7 * MIB] == 0 && at[8 * MIB - 1] == 0);
	CHECK(munmap(at, SIZE) == 0);
}

static void parts_are_given_back(void)
{
	char *at = take(SIZE);
	unsigned not_zero = 0;
	fill(at, SIZE, 2);
	CHECK(madvise(at + 3 * MIB + 3 * PAGE, 4 * MIB, MADV_DONTNEED) == 0);
	CHECK(wrong(at, 0, 3 * MIB + 3 * PAGE, 2) == 0 && wrong(at, 7 * MIB + 3 * PAGE, SIZE, 2) == 0);
	for (size_t i = 3 * MIB + 3 * PAGE; i < 7 * MIB + 3 * PAGE; i += 8) {
		not_zero += *(unsigned long *)(at + i) != 0;
	}
	CHECK(not_zero == 0);
	fill(at, SIZE, 3);
	CHECK(wrong(at, 0, SIZE, 3) == 0);
	CHECK(munmap(at, SIZE) == 0);
}

static void parts_are_protected(void)
{
	char *at = take(SIZE);
	fill(at, SIZE, 4);
	CHECK(mprotect(at, SIZE, PROT_NONE) == 0 && mprotect(at, SIZE, PROT_READ) == 0);
	CHECK(wrong(at, 0, SIZE, 4) == 0);
	CHECK(mprotect(at + 2 * MIB, 2 * MIB, PROT_READ | PROT_WRITE) == 0);
	at[2 * MIB] ^= 1;
	at[2 * MIB] ^= 1;
	CHECK(mprotect(at + 5 * MIB + PAGE, PAGE, PROT_NONE) == 0);
	pid_t child = fork();
	if (child == 0) {
		*(volatile char *)(at + 5 * MIB + PAGE) = 1;
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	child = fork();
	if (child == 0) {
		*(volatile char *)(at + 5 * MIB) = 1;
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	CHECK(mprotect(at, SIZE, PROT_READ | PROT_WRITE) == 0);
	CHECK(wrong(at, 0, SIZE, 4) == 0);
	fill(at, SIZE, 5);
	CHECK(wrong(at, 0, SIZE, 5) == 0);
	CHECK(munmap(at, SIZE) == 0);
}

static void it_moves(void)
{
	char *at = take(SIZE), *place = take(SIZE + 4 * MIB);
	fill(at, SIZE, 6);
	char *to = (char *)(((unsigned long)place + LARGE - 1) & ~(LARGE - 1)) + ((unsigned long)at & (LARGE - 1));
	CHECK(mremap(at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK(wrong(to, 0, SIZE, 6) == 0);
	at = take(SIZE + LARGE);
	CHECK(mremap(to, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at + 5 * PAGE) == at + 5 * PAGE);
	CHECK(wrong(at + 5 * PAGE, 0, SIZE, 6) == 0);
	char *longer = mremap(at + 5 * PAGE, SIZE, 2 * SIZE, MREMAP_MAYMOVE);
	CHECK(longer != MAP_FAILED && wrong(longer, 0, SIZE, 6) == 0 && longer[SIZE] == 0 && longer[2 * SIZE - 1] == 0);
	CHECK(mremap(longer, 2 * SIZE, 3 * MIB, 0) == longer && wrong(longer, 0, 3 * MIB, 6) == 0);
	CHECK(munmap(longer, 3 * MIB) == 0);
}

static void child_and_parent_part(void)
{
	char *at = take(SIZE);
	int status;
	fill(at, SIZE, 8);
	pid_t child = fork();
	if (child == 0) {
		unsigned bad = wrong(at, 0, SIZE, 8);
		fill(at + 4 * MIB, 4 * MIB, 9);
		munmap(at + 12 * MIB, 3 * MIB + PAGE);
		bad += wrong(at + 4 * MIB, 0, 4 * MIB, 9) + wrong(at, 0, 4 * MIB, 8) + wrong(at, 8 * MIB, 12 * MIB, 8);
		pid_t grandchild = fork();
		if (grandchild == 0) {
			_exit(wrong(at, 0, 4 * MIB, 8) + wrong(at + 4 * MIB, 0, 4 * MIB, 9) != 0);
		}
		waitpid(grandchild, &status, 0);
		_exit(bad != 0 || status != 0);
	}
	at[MIB] ^= 1;
	at[MIB] ^= 1;
	fill(at + 9 * MIB, MIB, 10);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(wrong(at, 0, 9 * MIB, 8) == 0 && wrong(at + 9 * MIB, 0, MIB, 10) == 0 && wrong(at, 10 * MIB, SIZE, 8) == 0);
	fill(at, SIZE, 11);
	CHECK(wrong(at, 0, SIZE, 11) == 0);
	CHECK(munmap(at, SIZE) == 0);
}

static void many_children_at_once(void)
{
	char *at = take(SIZE);
	int status, bad = 0;
	fill(at, SIZE, 12);
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			fill(at + (unsigned long)i * LARGE, LARGE, 13);
			_exit(wrong(at, 0, (unsigned long)i * LARGE, 12) + wrong(at + (unsigned long)i * LARGE, 0, LARGE, 13) != 0);
		}
	}
	for (int i = 0; i < 8; i++) {
		bad += wait(&status) < 0 || status != 0;
	}
	CHECK(bad == 0);
	CHECK(wrong(at, 0, SIZE, 12) == 0);
	CHECK(munmap(at, SIZE) == 0);
}

static char *common;

/* Writes every fourth page, over and over: its neighbours' faults make the range large meanwhile. */
static void *writer(void *argument)
{
	size_t first = (size_t)argument;
	for (unsigned long round = 1; round < 4; round++) {
		for (size_t i = first * PAGE; i < SIZE; i += 4 * PAGE) {
			unsigned long *word = (unsigned long *)(common + i);
			if (round > 1 && word[0] != (i ^ (round - 1))) {
				return (void *)1;
			}
			word[0] = i ^ round;
			word[511] = ~i ^ round;
		}
	}
	return NULL;
}

static void threads_write_side_by_side(void)
{
	pthread_t threads[4];
	void *result;
	int bad = 0;
	common = take(SIZE);
	for (size_t i = 0; i < 4; i++) {
		CHECK(pthread_create(&threads[i], NULL, writer, (void *)i) == 0);
	}
	for (int i = 0; i < 4; i++) {
		bad += pthread_join(threads[i], &result) != 0 || result;
	}
	CHECK(bad == 0);
	CHECK(wrong(common, 0, SIZE, 3) == 0);
	CHECK(munmap(common, SIZE) == 0);
}

static void advice_is_taken(void)
{
	char *at = take(SIZE);
	CHECK(madvise(at, SIZE / 2, 14 /* MADV_HUGEPAGE */) == 0 || errno == EINVAL);
	CHECK(madvise(at + SIZE / 2, SIZE / 2, 15 /* MADV_NOHUGEPAGE */) == 0 || errno == EINVAL);
	fill(at, SIZE, 14);
	CHECK(wrong(at, 0, SIZE, 14) == 0);
	CHECK(munmap(at, SIZE) == 0);
}

static unsigned first_halves_wrong(const char *at, const char *large)
{
	unsigned count = 0;
	for (size_t from = (size_t)(large - at), i = 0; i < 3; i++, from += LARGE) {
		count += wrong(at, from, from + LARGE / 2, 15);
	}
	return count;
}

/* Cutting a large page's range in two takes areas. Where there is one left, but not two, the call fails, and nothing else is different. */
static void there_are_no_areas_left(void)
{
	char *at = take(SIZE), *place = take(70000 * PAGE);
	char *large = (char *)(((unsigned long)at + LARGE - 1) & ~(LARGE - 1));
	int status, most = 0;
	fill(at, SIZE, 15);
	while (most < 70000 - 1 && mprotect(place + (unsigned long)most * PAGE, PAGE, PROT_READ) == 0) {
		most += 2;
	}
	CHECK(munmap(place, 2 * PAGE) == 0);
	for (unsigned long left = 0; left < 3; left++) {
		munmap(large + LARGE / 2, PAGE);
		mprotect(large + LARGE + LARGE / 2, PAGE, PROT_READ);
		madvise(large + 2 * LARGE + LARGE / 2, PAGE, MADV_DONTFORK);
		pid_t child = fork();
		if (child == 0) {
			for (size_t i = 0; i < 3 * LARGE; i += LARGE) {
				large[i + PAGE] ^= 1;
			}
			_exit(first_halves_wrong(at, large) != 3);
		}
		CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
		CHECK(first_halves_wrong(at, large) == 0);
		CHECK(munmap(place + (left + 1) * 2 * PAGE, PAGE) == 0);
	}
	CHECK(munmap(place, 70000 * PAGE) == 0 && munmap(at, SIZE) == 0);
}

int main(void)
{
	RUN(filled_in_any_order);
	RUN(parts_are_unmapped);
	RUN(parts_are_given_back);
	RUN(parts_are_protected);
	RUN(it_moves);
	RUN(child_and_parent_part);
	RUN(many_children_at_once);
	RUN(threads_write_side_by_side);
	RUN(advice_is_taken);
	RUN(there_are_no_areas_left);
	return check_failures;
}
