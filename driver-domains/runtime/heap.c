/* SPDX-License-Identifier: MIT */
/*
 * The domain's memory: a bump allocator with a free list in address order. Sizes come back with env_free, so blocks need no
 * header; everything is in units of 16 bytes, and the free list's nodes live in the free blocks.
 */
#include "base/string.h"
#include "env/env.h"
#include "runtime.h"

struct free_block {
	struct free_block *next;
	uint64_t bytes;
};

static uint64_t heap_next, heap_limit;
static struct free_block *heap_free;

void heap_init(uint64_t start, uint64_t end)
{
	heap_next = start;
	heap_limit = end;
}

static uint64_t heap_round(uint64_t bytes)
{
	return bytes ? (bytes + 15) & ~15ull : 16;
}

static void heap_give(uint64_t at, uint64_t bytes)
{
	struct free_block **link = &heap_free;
	while (*link && (uint64_t)*link < at) {
		link = &(*link)->next;
	}
	struct free_block *block = (void *)at;
	block->next = *link;
	block->bytes = bytes;
	*link = block;
	for (block = heap_free; block; block = block->next) {
		while (block->next && (uint64_t)block + block->bytes == (uint64_t)block->next) {
			block->bytes += block->next->bytes;
			block->next = block->next->next;
		}
	}
}

static void *heap_reuse(uint64_t bytes, uint64_t align)
{
	for (struct free_block **link = &heap_free; *link; link = &(*link)->next) {
		uint64_t start = (uint64_t)*link, end = start + (*link)->bytes;
		uint64_t at = (start + align - 1) & ~(align - 1);
		if (at + bytes > end) {
			continue;
		}
		*link = (*link)->next;
		if (at > start) {
			heap_give(start, at - start);
		}
		if (end > at + bytes) {
			heap_give(at + bytes, end - at - bytes);
		}
		return (void *)at;
	}
	return NULL;
}

void *heap_alloc(uint64_t bytes, uint64_t align)
{
	bytes = heap_round(bytes);
	align = align < 16 ? 16 : align;
	void *memory = heap_reuse(bytes, align);
	if (!memory) {
		uint64_t at = (heap_next + align - 1) & ~(align - 1);
		if (at > heap_limit || bytes > heap_limit - at) {
			return NULL;
		}
		if (at > heap_next) {
			heap_give(heap_next, at - heap_next);
		}
		heap_next = at + bytes;
		memory = (void *)at;
	}
	return memset(memory, 0, bytes);
}

void *env_alloc(size_t bytes)
{
	return heap_alloc(bytes, 16);
}

void env_free(void *memory, size_t bytes)
{
	if (memory) {
		heap_give((uint64_t)memory, heap_round(bytes));
	}
}

/* The device sees the domain's memory where the domain sees it, or, unfenced, at a fixed distance. */
void *env_dma_alloc(size_t bytes, size_t align, uint64_t *bus)
{
	void *memory = heap_alloc(bytes, align);
	*bus = (uint64_t)memory + domain_page->dma_offset;
	return memory;
}

void env_dma_free(void *memory, size_t bytes)
{
	env_free(memory, bytes);
}
