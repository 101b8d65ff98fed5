/* SPDX-License-Identifier: MIT */
/*
 * What a domain finds at boot: its image's segments at their addresses, and at the top of its RAM, or of the
 * lowest 3 GiB of it (EBX holds 32 bits), one page with PVH start info, memory map and command line, below it the
 * module. All of it was checked once, before the domain was built; the bundle is read-only, so loading again, in
 * recovery, cannot fail.
 */
#include "hv/domain.h"

#include "abi/errno.h"
#include "abi/pvh.h"
#include "base/string.h"
#include "hv/log.h"
#include "hv/window.h"

#define LOW_MAX (3ull << 30)

struct boot_page { /* at boot_gpa */
	struct pvh_start_info info;
	struct pvh_module module;
	struct pvh_memmap memmap[2];
	char cmdline[1024];
};

_Static_assert(sizeof(struct boot_page) <= PAGE_SIZE, "one page");

static void write_memory(const struct domain *d, uint64_t to, const void *from, uint64_t bytes)
{
	hv_assert(domain_write(d, GPA(to), from, bytes) == 0); /* loader_check saw to it */
}

int loader_check(struct domain *d, const char **why)
{
	uint64_t low = d->config->memory < LOW_MAX ? d->config->memory : LOW_MAX;
	if (d->module_size + 2 * PAGE_SIZE > low) {
		*why = "its module does not fit into its memory";
		return -ENOSPC;
	}
	d->boot_gpa = low - PAGE_SIZE;
	d->module_gpa = page_down(d->boot_gpa - d->module_size);
	for (unsigned i = 0; i < d->image->segment_count; i++) {
		const struct bundle_segment *s = &d->image->segments[i];
		if (s->memory > d->module_gpa || s->gpa > d->module_gpa - s->memory) {
			*why = "its image does not fit into its memory";
			return -ENOSPC;
		}
	}
	return 0;
}

static void zero_memory(const struct domain *d, bool keep_module)
{
	uint64_t from = 0;
	if (keep_module) {
		window_zero(d->ram, d->module_gpa);
		from = d->boot_gpa;
	}
	window_zero(domain_ram(d, from), d->config->memory - from);
}

static void write_boot_page(const struct domain *d)
{
	struct boot_page page = { 0 };
	page.info.magic = PVH_MAGIC;
	page.info.version = 1;
	page.info.cmdline_paddr = d->boot_gpa + offsetof(struct boot_page, cmdline);
	page.info.memmap_paddr = d->boot_gpa + offsetof(struct boot_page, memmap);
	page.info.memmap_entries = 2;
	page.memmap[0] = (struct pvh_memmap){ .size = d->config->memory, .type = PVH_MEM_RAM };
	page.memmap[1] = (struct pvh_memmap){ .addr = d->config->memory, .type = PVH_MEM_RESERVED,
					      .size = (BH_DOMAIN_PAGES + BH_MAX_LINKS) * PAGE_SIZE };
	if (d->module) {
		page.info.nr_modules = 1;
		page.info.modlist_paddr = d->boot_gpa + offsetof(struct boot_page, module);
		page.module = (struct pvh_module){ .paddr = d->module_gpa, .size = d->module_size };
	}
	string_copy(page.cmdline, d->config->cmdline, sizeof(page.cmdline));
	write_memory(d, d->boot_gpa, &page, sizeof(page));
}

uint32_t loader_load(struct domain *d)
{
	bool keep = d->module && d->epoch > 1 && (d->config->flags & BUNDLE_KEEP_MODULE);
	zero_memory(d, keep);
	for (unsigned i = 0; i < d->image->segment_count; i++) {
		const struct bundle_segment *s = &d->image->segments[i];
		write_memory(d, s->gpa, (const char *)d->image_data + s->offset, s->bytes);
	}
	if (d->module && !keep) {
		write_memory(d, d->module_gpa, d->module, d->module_size);
	}
	write_boot_page(d);
	return d->image->entry;
}
