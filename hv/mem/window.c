/* SPDX-License-Identifier: MIT */
/*
 * The window: each processor has one 4 KiB slot of its own at a fixed place, empty but for the length of one copy. A
 * slot's entry is written, and its translation dropped, by that processor only, with interrupts off: there is nothing
 * to lock and no other processor to tell.
 */
#include "hv/window.h"

#include "base/string.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "mem_internal.h"

static uint64_t *entries; /* one a processor */
static uint64_t entry_flags;

void window_init(void)
{
	entries = paging_entry(&host_paging, WINDOW_START, 0);
	hv_assert(entries != NULL);
	entry_flags = host_format.leaf(HPA(0), MAP_READ | MAP_WRITE, 0);
}

/* Do one thing to each page's part of [at, at + bytes) and to what belongs to it on our side. */
static inline __attribute__((always_inline)) void pages_visit(hpa_t at, char *ours, size_t bytes, void (*visit)(char *theirs, char *ours, size_t bytes))
{
	uint32_t cpu = cpu_current()->index;
	char *slot = (char *)WINDOW_START + cpu * PAGE_SIZE;
	for (size_t n; bytes > 0; bytes -= n, at.value += n, ours += n) {
		size_t offset = at.value % PAGE_SIZE, rest = PAGE_SIZE - offset;
		n = bytes < rest ? bytes : rest;
		entries[cpu] = page_down(at.value) | entry_flags;
		__asm__ volatile("" : : : "memory");
		visit(slot + offset, ours, n);
		entries[cpu] = 0;
		__asm__ volatile("invlpg (%0)" : : "r"(slot) : "memory");
	}
}

static void part_read(char *theirs, char *ours, size_t bytes)
{
	memcpy(ours, theirs, bytes);
}

static void part_write(char *theirs, char *ours, size_t bytes)
{
	memcpy(theirs, ours, bytes);
}

/* What is zero already is only read: under another hypervisor there may be no memory behind it yet. */
static void part_zero(char *theirs, char *ours, size_t bytes)
{
	const uint64_t *word = (const uint64_t *)theirs;
	while (bytes >= 64 && (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7]) == 0) {
		word += 8;
		bytes -= 64;
	}
	memset((char *)word, 0, bytes);
}

uint64_t window_word(hpa_t at)
{
	uint32_t cpu = cpu_current()->index;
	const char *slot = (const char *)WINDOW_START + cpu * PAGE_SIZE;
	entries[cpu] = page_down(at.value) | entry_flags;
	__asm__ volatile("" : : : "memory");
	uint64_t word = __atomic_load_n((const uint64_t *)(slot + at.value % PAGE_SIZE), __ATOMIC_RELAXED);
	__asm__ volatile("" : : : "memory");
	entries[cpu] = 0;
	__asm__ volatile("invlpg (%0)" : : "r"(slot) : "memory");
	return word;
}

void window_read(void *to, hpa_t from, size_t bytes)
{
	pages_visit(from, to, bytes, part_read);
}

void window_write(hpa_t to, const void *from, size_t bytes)
{
	pages_visit(to, (char *)from, bytes, part_write);
}

void window_zero(hpa_t to, size_t bytes)
{
	pages_visit(to, NULL, bytes, part_zero);
}
