/* SPDX-License-Identifier: MIT */
/*
 * The kernel heap: size classes carved out of single pages; what is larger than half a page takes whole pages. The page of an
 * object says what it is: owner = its class (or &heap_large, index = order), private = its free objects, index = those in use.
 * More than a page waits for memory itself (reserve_more): no lock is held then but of lines 0 and 1.
 * A class keeps one wholly free page, so that allocating and freeing at the edge of a page costs nothing.
 */
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "mm/reserve.h"
#include "mm/scattered.h"

struct heap_class {
	spinlock_t lock;
	uint32_t size, per_page;
	struct list partial; /* pages with a free object; the wholly free one is last */
	uint32_t empty_count;
};

#define CLASS(bytes) { .lock = SPINLOCK_INIT("heap"), .size = (bytes), .per_page = 4096 / (bytes) }
static struct heap_class classes[] = { CLASS(16), CLASS(32), CLASS(48), CLASS(64), CLASS(96), CLASS(128), CLASS(192), CLASS(256),
	CLASS(384), CLASS(512), CLASS(816), CLASS(1024), CLASS(1360), CLASS(2048) };
#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))
static char heap_large;

/* If the pages have to be mapped one by one: tables, at most. */
#define TABLE_PAGES(order) ((1u << (order)) / 512 + 3)

static struct heap_class *class_of(size_t bytes)
{
	for (unsigned i = 0; i < CLASS_COUNT; i++) {
		if (bytes <= classes[i].size) {
			return &classes[i];
		}
	}
	return NULL;
}

/** A page cut into free objects, each of which points to the next. */
static struct page *slab_create(struct heap_class *class)
{
	struct page *page = page_alloc(ALLOC_KIND(PAGE_HEAP));
	if (!page) {
		return NULL;
	}
	char *at = page_data(page);
	for (uint32_t i = 0; i < class->per_page; i++) {
		*(void **)(at + i * class->size) = i + 1 < class->per_page ? at + (i + 1) * class->size : NULL;
	}
	page->owner = class;
	page->private = at;
	page->index = 0;
	return page;
}

static void *object_take_locked(struct heap_class *class, struct page *page)
{
	void *object = page->private;
	page->private = *(void **)object;
	class->empty_count -= page->index == 0;
	page->index++;
	if (!page->private) {
		list_remove(&page->link);
	}
	return object;
}

static void *class_alloc(struct heap_class *class)
{
	void *object = NULL;
	spin_lock(&class->lock);
	if (!class->partial.next) {
		list_init(&class->partial);
	}
	if (list_empty(&class->partial)) {
		/* May sleep for reclaim; the allocator itself is not locked then. */
		spin_unlock(&class->lock);
		struct page *page = slab_create(class);
		if (!page) {
			return NULL;
		}
		spin_lock(&class->lock);
		list_push_back(&class->partial, &page->link);
		class->empty_count++;
	}
	object = object_take_locked(class, container_of(class->partial.next, struct page, link));
	spin_unlock(&class->lock);
	return object;
}

static void class_free(struct heap_class *class, struct page *page, void *object)
{
	bool give_back = false;
	spin_lock(&class->lock);
	bool was_full = !page->private;
	*(void **)object = page->private;
	page->private = object;
	page->index--;
	if (page->index == 0) {
		if (!was_full) {
			list_remove(&page->link);
		}
		give_back = class->empty_count > 0;
		if (!give_back) {
			list_push_back(&class->partial, &page->link);
			class->empty_count++;
		}
	} else if (was_full) {
		list_push_front(&class->partial, &page->link);
	}
	spin_unlock(&class->lock);
	if (give_back) {
		page_put(page);
	}
}

static void *large_alloc(size_t bytes)
{
	unsigned order = 0;
	while (PAGE_SIZE << order < bytes) {
		if (++order > 12) {
			return NULL;
		}
	}
	if (order > 0 && !reserve_for_size((1u << order) + TABLE_PAGES(order))) {
		return NULL;
	}
	struct page *page = page_alloc_order(order, ALLOC_KIND(PAGE_HEAP));
	if (!page) {
		return order > 0 ? scattered_alloc(order, ALLOC_KIND(PAGE_HEAP)) : NULL;
	}
	page->owner = &heap_large;
	page->index = order;
	return page_data(page);
}

void *kmalloc(size_t bytes)
{
	struct heap_class *class = class_of(bytes);
	return class ? class_alloc(class) : large_alloc(bytes);
}

void *kzalloc(size_t bytes)
{
	void *memory = kmalloc(bytes);
	if (memory) {
		memset(memory, 0, bytes);
	}
	return memory;
}

void kfree(void *memory)
{
	if (!memory) {
		return;
	}
	if (scattered_is(memory)) {
		scattered_free(memory);
		return;
	}
	struct page *page = page_from_phys(virt_to_phys(memory));
	struct heap_class *class = page->owner;
	if (page->owner == &heap_large) {
		page_free_order(page, (unsigned)page->index);
		return;
	}
	kassert(class >= classes && class < classes + CLASS_COUNT);
	kassert(((uintptr_t)memory & (PAGE_SIZE - 1)) % class->size == 0);
	class_free(class, page, memory);
}
