/* SPDX-License-Identifier: MIT */
/*
 * The window: each processor has one 4 KiB and one 2 MiB slot of its own at a fixed place, empty but for the length of one
 * copy. A slot's entry is written, and its translation dropped, by that processor only, with interrupts off: there is nothing
 * to lock and no other processor to tell. The large slot serves clearing whole 2 MiB blocks.
 */
#include "hv/window.h"

#include <stdbool.h>

#include "base/string.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "mem_internal.h"

#define WINDOW_START (1ull << 46) /* 2 MiB of 4 KiB slots, then a 2 MiB slot a processor; above all identity mappings */

static uint64_t *small_entries, *large_entries;

void window_init(void)
{
	small_entries = paging_entry(&host_paging, WINDOW_START, 0);
	large_entries = paging_entry(&host_paging, WINDOW_START + PAGE_SIZE_2M, 1);
	if (!small_entries || !large_entries) {
		hv_panic("no memory for the hypervisor's page tables");
	}
}

static char *slot_open(hpa_t at, unsigned level)
{
	uint32_t cpu = cpu_current()->index;
	uint64_t *entry = level ? &large_entries[cpu] : &small_entries[cpu];
	*entry = host_format.leaf(at, MAP_READ | MAP_WRITE, level);
	return (char *)(level ? WINDOW_START + (1 + cpu) * PAGE_SIZE_2M : WINDOW_START + cpu * PAGE_SIZE);
}

static void slot_close(char *slot, unsigned level)
{
	uint32_t cpu = cpu_current()->index;
	(level ? large_entries : small_entries)[cpu] = 0;
	__asm__ volatile("invlpg (%0)" : : "r"(slot) : "memory");
}

static size_t page_rest(hpa_t at, size_t bytes)
{
	size_t rest = PAGE_SIZE - at.value % PAGE_SIZE;
	return bytes < rest ? bytes : rest;
}

void window_read(void *to, hpa_t from, size_t bytes)
{
	for (size_t done = 0, n; done < bytes; done += n, from.value += n) {
		n = page_rest(from, bytes - done);
		char *slot = slot_open(HPA(from.value & ~(PAGE_SIZE - 1)), 0);
		memcpy((char *)to + done, slot + from.value % PAGE_SIZE, n);
		slot_close(slot, 0);
	}
}

void window_write(hpa_t to, const void *from, size_t bytes)
{
	for (size_t done = 0, n; done < bytes; done += n, to.value += n) {
		n = page_rest(to, bytes - done);
		char *slot = slot_open(HPA(to.value & ~(PAGE_SIZE - 1)), 0);
		memcpy(slot + to.value % PAGE_SIZE, (const char *)from + done, n);
		slot_close(slot, 0);
	}
}

static bool is_zero(const uint64_t *word, size_t words)
{
	uint64_t seen = 0;
	for (size_t i = 0; i < words && seen == 0; i += 8) {
		seen = word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] | word[i + 5] | word[i + 6] | word[i + 7];
	}
	return seen == 0;
}

/* A page that is zero already is only read: under another hypervisor there may be no memory behind it yet. */
static void zero(char *at, size_t bytes)
{
	for (size_t n; bytes > 0; bytes -= n, at += n) {
		n = bytes < PAGE_SIZE ? bytes : PAGE_SIZE;
		if (n < PAGE_SIZE) {
			memset(at, 0, n);
		} else if (!is_zero((const uint64_t *)at, n / 8)) {
			char *to = at;
			size_t words = n / 8;
			__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0) : "memory");
		}
	}
}

void window_zero(hpa_t to, size_t bytes)
{
	for (size_t n; bytes > 0; bytes -= n, to.value += n) {
		bool large = to.value % PAGE_SIZE_2M == 0 && bytes >= PAGE_SIZE_2M;
		n = large ? PAGE_SIZE_2M : page_rest(to, bytes);
		char *slot = slot_open(HPA(to.value & ~(PAGE_SIZE - 1)), large);
		zero(slot + to.value % PAGE_SIZE, n);
		slot_close(slot, large);
	}
}
