/* SPDX-License-Identifier: MIT */
/* Lines of memory. Where a page is the unit, mappings are too small for large pages, so that both kernels do the same work. */
#include <stddef.h>
#include <sys/mman.h>

#include "bench.h"

static char *map(long bytes)
{
	char *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		die("mmap");
	}
	return memory;
}

/* One operation is the first touch of one page. */
static void page_fault(long ops)
{
	const long pages = 256;
	for (long done = 0; done < ops; done += pages) {
		char *memory = map(pages * BLOCK);
		for (long i = 0; i < pages && done + i < ops; i++) {
			*(volatile char *)(memory + i * BLOCK) = 1;
		}
		munmap(memory, (size_t)(pages * BLOCK));
	}
}

/* One operation maps 64 KiB, touches the first page, and unmaps them. */
static void mmap_munmap(long ops)
{
	for (long i = 0; i < ops; i++) {
		char *memory = map(64l << 10);
		*(volatile char *)memory = 1;
		munmap(memory, 64l << 10);
	}
}

/* One operation maps 8 MiB, writes a word to each page, and unmaps them: large pages where the kernel gives them. */
static void touch_8m(long ops)
{
	for (long i = 0; i < ops; i++) {
		char *memory = map(8 * MIB);
		for (long at = 0; at < 8 * MIB; at += BLOCK) {
			*(volatile char *)(memory + at) = 1;
		}
		munmap(memory, (size_t)(8 * MIB));
	}
}

/* Once without the clock: the host gives the machine memory at its first touch. */
static void warm_large(void)
{
	touch_8m(1);
}

const struct line memory_lines[] = {
	{ "page-fault", 20480, page_fault },
	{ "mmap-munmap", 10000, mmap_munmap },
	{ "touch-8m", 10, touch_8m, warm_large },
	{ 0 },
};
