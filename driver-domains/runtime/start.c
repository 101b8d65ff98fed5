/* SPDX-License-Identifier: MIT */
/* From the door to domain_main: CPUID says that this is Bulkhead and where the domain page is; heap, exact page tables, traps. */
#include "runtime.h"

#include <stdarg.h>

#include "base/format.h"
#include "base/string.h"
#include "env/env.h"

extern char domain_text[], domain_rodata[], domain_data[], domain_end[], domain_stack_guard[];
void domain_start(uint32_t start_info);

const struct bh_domain_page *domain_page;
struct bh_event_page *domain_events;
static bool intel; /* VMCALL instead of VMMCALL */
static struct pvh_module module;

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

long hypercall(enum bh_hypercall number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	long result;
	if (intel) {
		__asm__ volatile("vmcall" : "=a"(result) : "a"((uint64_t)number), "D"(a), "S"(b), "d"(c), "c"(d) : "memory");
	} else {
		__asm__ volatile("vmmcall" : "=a"(result) : "a"((uint64_t)number), "D"(a), "S"(b), "d"(c), "c"(d) : "memory");
	}
	return result;
}

long hypercall_must(const char *what, long result)
{
	if (result < 0) {
		domain_panic("%s: error %ld", what, result);
	}
	return result;
}

void domain_log(const char *format, va_list arguments)
{
	char text[160];
	int length = format_text_va(text, sizeof(text), format, arguments);
	length = length < (int)sizeof(text) ? length : (int)sizeof(text) - 1;
	hypercall(BH_HC_LOG, (uintptr_t)text, (uint64_t)length, 0, 0);
}

void domain_panic(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	domain_log(format, arguments);
	va_end(arguments);
	hypercall(BH_HC_POWER, BH_POWER_PANIC, 1, 0, 0);
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}

bool domain_module(void **memory, uint64_t *bytes)
{
	*memory = (void *)module.paddr;
	*bytes = module.size;
	return module.size != 0;
}

static uint64_t find_bulkhead(void)
{
	uint32_t r[4];
	cpuid(BH_CPUID_SIGNATURE, r);
	if (r[0] < BH_CPUID_DOMAIN || r[1] != BH_SIGNATURE_EBX || r[2] != BH_SIGNATURE_ECX || r[3] != BH_SIGNATURE_EDX) {
		for (;;) { /* nobody here to tell */
			__asm__ volatile("cli; hlt");
		}
	}
	cpuid(BH_CPUID_DOMAIN, r);
	intel = r[3] & BH_FEATURE_VMCALL;
	clock_init(r[2]);
	return (uint64_t)r[1] << 12;
}

/* RAM: the image's parts exactly, the rest for data; the heap ends below the module or the start info, whichever is lower. */
static uint64_t map_memory(const struct pvh_start_info *info)
{
	const struct pvh_memmap *map = (const void *)info->memmap_paddr;
	uint64_t low_end = 0;
	for (uint32_t i = 0; i < info->memmap_entries; i++) {
		if (map[i].type != PVH_MEM_RAM) {
			continue;
		}
		uint64_t start = map[i].addr, end = start + map[i].size;
		if (start == 0) {
			low_end = end;
			start = (uint64_t)domain_end;
		}
		paging_map(start, end - start, MAP_WRITE);
	}
	paging_map((uint64_t)domain_text, (uint64_t)(domain_rodata - domain_text), MAP_EXEC);
	paging_map((uint64_t)domain_rodata, (uint64_t)(domain_data - domain_rodata), 0);
	uint64_t guard = (uint64_t)domain_stack_guard;
	paging_map((uint64_t)domain_data, guard - (uint64_t)domain_data, MAP_WRITE);
	paging_map(guard + 4096, (uint64_t)domain_end - guard - 4096, MAP_WRITE);
	return low_end;
}

static uint64_t heap_end(const struct pvh_start_info *info, uint64_t start_info)
{
	uint64_t end = start_info < info->memmap_paddr ? start_info : info->memmap_paddr;
	if (module.size && module.paddr < end) {
		end = module.paddr;
	}
	uint64_t most = (uint64_t)domain_end + (4ull << 20); /* a driver domain's own memory is small */
	return (end < most ? end : most) & ~4095ull;
}

static void map_devices(void)
{
	for (unsigned i = 0; i < BH_MAX_DEVICES; i++) {
		for (unsigned bar = 0; domain_page->devices[i].present && bar < 6; bar++) {
			const struct bh_bar *b = &domain_page->devices[i].bars[bar];
			if (b->gpa) {
				paging_map(b->gpa, (b->size + 4095) & ~4095ull, MAP_WRITE | MAP_UNCACHED);
			}
		}
	}
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		const struct bh_link *link = &domain_page->links[slot];
		if (link->role == BH_LINK_BACK) {
			paging_map(link->window, (link->front_memory + 4095) & ~4095ull, MAP_WRITE);
		}
	}
}

void domain_start(uint32_t start_info)
{
	const struct pvh_start_info *info = (const void *)(uint64_t)start_info;
	exception_init();
	uint64_t page = find_bulkhead();
	if (info->nr_modules) {
		module = *(const struct pvh_module *)info->modlist_paddr;
	}
	heap_init((uint64_t)domain_end, heap_end(info, start_info));
	paging_init();
	map_memory(info);
	paging_map(page, 4096, MAP_WRITE);
	paging_map(page + BH_DOMAIN_PAGE_OFFSET, (BH_DOMAIN_PAGES - 1) * 4096ull, 0);
	domain_events = (void *)page;
	domain_page = (const void *)(page + BH_DOMAIN_PAGE_OFFSET);
	/* The boot tables end at 4 GiB; the domain page may lie above, so the devices come after the switch. */
	paging_switch();
	map_devices();
	domain_main();
}
