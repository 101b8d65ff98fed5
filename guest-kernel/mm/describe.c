/* SPDX-License-Identifier: MIT */
/*
 * What /proc tells about a process's memory: sizes, and the lines of /proc/PID/maps and smaps (proc(5)). Sizes of areas are kept up to date,
 * what is in them is counted here, leaf by leaf. How many processes map a page of a file is taken from its references, of which
 * the page cache has one.
 */
#include "base/format.h"
#include "base/string.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "mm/address_space.h"
#include "mm/large_leaf.h"
#include "mm/shared.h"
#include "mm/user_table.h"

#define KIB_A_PAGE 4u
#define SHARE_BITS 12 /* of fractions of a page */

/* What is in an area, in pages; `share` in 1/4096 of one. */
struct content {
	uint64_t resident, large, share, private_clean, private_dirty, shared_clean, shared_dirty;
	uint64_t kinds[PAGE_KINDS];
};

static void count_page(struct content *c, uint64_t leaf, uint64_t pages, uint64_t references)
{
	const struct page *page = page_from_phys(leaf & PTE_ADDRESS);
	bool dirty = (leaf & PTE_DIRTY) || page_kind(page) != PAGE_FILE;
	references -= page->owner && references > 1;
	c->resident += pages;
	c->kinds[page_kind(page)] += pages;
	c->share += (pages << SHARE_BITS) / references;
	*(references > 1 ? dirty ? &c->shared_dirty : &c->shared_clean : dirty ? &c->private_dirty : &c->private_clean) += pages;
}

static void area_count(struct address_space *as, const struct area *area, struct content *c)
{
	uint64_t *leaf;
	unsigned count;
	for (uint64_t at = area->start; (leaf = user_leaves_next(as->cr3, &at, area->end, &count)); at += count * PAGE_SIZE) {
		if (leaf_is_large(*leaf)) {
			c->large++;
			count_page(c, *leaf, LARGE_PAGES, page_from_phys(*leaf & PTE_ADDRESS)->references);
			continue;
		}
		for (unsigned i = 0; i < count; i++) {
			if (leaf_holds_page(leaf[i]) && (leaf[i] & PTE_ADDRESS) != zero_page_phys()) {
				count_page(c, leaf[i], 1, page_from_phys(leaf[i] & PTE_ADDRESS)->references);
			}
		}
	}
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void address_space_sizes(struct address_space *as, bool contents, struct memory_sizes *s)
{
	struct content all = { 0 };
	const struct inode *program = NULL;
	*s = (struct memory_sizes){ 0 };
	mutex_lock(&as->lock);
	list_for_each(node, &as->areas.list) {
		const struct area *a = container_of(node, struct area, link);
		uint64_t pages = (a->end - a->start) >> PAGE_SHIFT;
		bool text = a->file && (a->prot & PROT_EXEC) && !(a->prot & PROT_WRITE);
		program = text && !program ? a->file->inode : program; /* programs lie below libraries */
		*(text && a->file->inode == program ? &s->text : &s->libraries) += text ? pages : 0;
		s->data += area_is_data(a->prot, a->flags) ? pages : 0;
		s->stack += a->flags & MAP_GROWSDOWN ? pages : 0;
		s->locked += a->flags & AREA_LOCKED ? pages : 0;
		if (contents) {
			area_count(as, a, &all);
		}
	}
	s->total = as->areas.pages;
	s->total_most = as->areas.pages_most;
	s->resident = as->resident;
	s->resident_most = most(as->resident, as->resident_most);
	s->tables = contents ? user_table_count(as->cr3) : 0;
	mutex_unlock(&as->lock);
	s->file = all.kinds[PAGE_FILE];
	s->shared = all.kinds[PAGE_SHARED];
	s->anonymous = all.resident - s->file - s->shared;
}

uint64_t address_space_resident(const struct address_space *as)
{
	return __atomic_load_n(&as->resident, __ATOMIC_RELAXED);
}

/* Shared memory stays as it is until its last area goes, however little of it is still mapped. */
static uint64_t kept_locked(struct address_space *as)
{
	static uint64_t walk;
	uint64_t held = 0, mapped = 0;
	walk++;
	list_for_each(node, &as->areas.list) {
		const struct area *a = container_of(node, struct area, link);
		if (a->shared && !(a->flags & MAP_KERNELS)) {
			struct content c = { 0 };
			area_count(as, a, &c);
			held += shared_held(a->shared, walk);
			mapped += c.resident;
		}
	}
	return held > mapped ? held - mapped : 0;
}

void address_space_count(struct address_space *as)
{
	if (mutex_try_lock(&as->lock)) {
		__atomic_store_n(&as->kept, kept_locked(as), __ATOMIC_RELAXED);
		mutex_unlock(&as->lock);
	}
}

uint64_t address_space_held(const struct address_space *as)
{
	uint64_t kept = __atomic_load_n(&as->kept, __ATOMIC_RELAXED);
	return address_space_resident(as) + kept + user_table_count(as->cr3) + as->areas.count * sizeof(struct area) / PAGE_SIZE;
}

static void area_name(const struct address_space *as, const struct area *area, char *name, unsigned long size)
{
	if (area->file) {
		file_path(area->file, name, size);
	} else if (area->shared) {
		string_copy(name, "/dev/zero (deleted)", size);
	} else if (area->start >= as->brk_start && area->end <= ((as->brk + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))) {
		string_copy(name, "[heap]", size);
	} else if (area->flags & MAP_KERNELS) {
		string_copy(name, "[vdso]", size);
	} else if (area->flags & MAP_GROWSDOWN) {
		string_copy(name, "[stack]", size);
	} else {
		name[0] = '\0';
	}
}

static unsigned long line_write(const struct address_space *as, const struct area *a, char *name, char *text, unsigned long size)
{
	uint32_t major = 0, minor = 0;
	if (a->file) {
		file_device(a->file, &major, &minor);
	}
	area_name(as, a, name, PAGE_SIZE);
	return (unsigned long)format_text(text, size, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu %s%s\n", a->start, a->end,
					  a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-', a->prot & PROT_EXEC ? 'x' : '-',
					  a->flags & MAP_SHARED ? 's' : 'p', a->offset, major, minor, a->file ? file_inode_number(a->file) : 0,
					  name[0] ? "\t" : "", name);
}

static unsigned long details_write(struct address_space *as, const struct area *a, char *text, unsigned long size)
{
	struct content c = { 0 };
	area_count(as, a, &c);
	uint64_t share = (c.share * KIB_A_PAGE) >> SHARE_BITS, resident = c.resident * KIB_A_PAGE;
	uint64_t anonymous = (c.resident - c.kinds[PAGE_FILE] - c.kinds[PAGE_SHARED]) * KIB_A_PAGE;
	int n = format_text(text, size,
			    "Size:           %8lu kB\nKernelPageSize: %8u kB\nMMUPageSize:    %8u kB\nRss:            %8lu kB\n"
			    "Pss:            %8lu kB\nShared_Clean:   %8lu kB\nShared_Dirty:   %8lu kB\nPrivate_Clean:  %8lu kB\n"
			    "Private_Dirty:  %8lu kB\nReferenced:     %8lu kB\nAnonymous:      %8lu kB\nAnonHugePages:  %8lu kB\n"
			    "Swap:           %8u kB\nLocked:         %8lu kB\n",
			    (a->end - a->start) / 1024, KIB_A_PAGE, KIB_A_PAGE, resident, share, c.shared_clean * KIB_A_PAGE,
			    c.shared_dirty * KIB_A_PAGE, c.private_clean * KIB_A_PAGE, c.private_dirty * KIB_A_PAGE, resident, anonymous,
			    c.large * LARGE_PAGES * KIB_A_PAGE, 0, a->flags & AREA_LOCKED ? share : 0);
	unsigned long length = (unsigned long)n;
	n = format_text(text + (length < size ? length : size), length < size ? size - length : 0, "VmFlags:%s%s%s%s%s%s%s%s%s%s\n",
			a->prot & PROT_READ ? " rd" : "", a->prot & PROT_WRITE ? " wr" : "", a->prot & PROT_EXEC ? " ex" : "",
			a->flags & MAP_SHARED ? " sh" : "", a->flags & MAP_GROWSDOWN ? " gd" : "", a->flags & AREA_LOCKED ? " lo" : "",
			a->flags & AREA_NO_FORK ? " dc" : "", a->flags & AREA_WIPE ? " wf" : "", a->flags & AREA_LARGE ? " hg" : "",
			a->flags & AREA_SMALL ? " nh" : "");
	return length + (unsigned long)n;
}

long address_space_describe(struct address_space *as, bool details, char *text, unsigned long size)
{
	unsigned long length = 0;
	char *name = kmalloc(PAGE_SIZE);
	if (!name) {
		return 0;
	}
	mutex_lock(&as->lock);
	list_for_each(node, &as->areas.list) {
		const struct area *a = container_of(node, struct area, link);
		unsigned long n = line_write(as, a, name, text + length, size - length);
		if (details && n < size - length) {
			n += details_write(as, a, text + length + n, size - length - n);
		}
		if (n >= size - length) {
			break; /* only whole areas */
		}
		length += n;
	}
	mutex_unlock(&as->lock);
	kfree(name);
	return (long)length;
}
