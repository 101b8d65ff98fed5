/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's address space: one to one, W^X, and of RAM only the image, the pool and the bundle. Domain memory
 * is not in it; the window (window.c) is the one way there. Device registers and firmware tables join by host_map,
 * never over RAM.
 */
#include "mem_internal.h"

#include "cpu/cpu_internal.h"
#include "hv/log.h"
#include "hv/mmio.h"

struct paging host_paging;

/* The fresh pool has the memory for all of these tables. */
static void map_own(uint64_t start, uint64_t end, unsigned prot)
{
	hv_assert(paging_map(&host_paging, start, HPA(start), end - start, prot) == 0);
}

void host_paging_init(uint64_t pool_start, uint64_t pool_bytes)
{
	uint64_t bundle = (uint64_t)boot_info.bundle;
	hv_assert(paging_init(&host_paging, &host_format) == 0);
	map_own((uint64_t)image_start, (uint64_t)image_text_end, MAP_READ | MAP_EXEC);
	map_own((uint64_t)image_text_end, (uint64_t)image_rodata_end, MAP_READ);
	map_own((uint64_t)image_rodata_end, (uint64_t)image_end, MAP_READ | MAP_WRITE);
	map_own(pool_start, pool_start + pool_bytes, MAP_READ | MAP_WRITE);
	map_own(page_down(bundle), page_up(bundle + boot_info.bundle_size), MAP_READ);
	for (uint32_t i = 0; i < HV_MAX_CPUS; i++) {
		hv_assert(paging_map(&host_paging, (uint64_t)cpu_areas[i].guard, HPA(0), PAGE_SIZE, 0) == 0);
	}
	window_init();
	cpu_paging_load();
}

static bool is_ram(uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < boot_info.ram.count; i++) {
		if (start < boot_info.ram.ranges[i].end && boot_info.ram.ranges[i].start < end) {
			return true;
		}
	}
	return start < (uint64_t)image_end && (uint64_t)image_start < end;
}

bool host_has(uint64_t start, uint64_t end)
{
	bool has = is_ram(start, end);
	for (uint64_t page = start, leaf; page < end && !has; page += PAGE_SIZE) {
		hpa_t to;
		unsigned prot;
		has = paging_lookup(&host_paging, page, &to, &prot, &leaf) == 0;
	}
	return has;
}

void *host_map(hpa_t at, size_t bytes, unsigned prot)
{
	uint64_t start = page_down(at.value), end = page_up(at.value + bytes);
	if (bytes == 0 || end <= start || end > WINDOW_START || is_ram(start, end)) {
		return NULL;
	}
	for (uint64_t page = start; page < end; page += PAGE_SIZE) {
		hpa_t to;
		unsigned old;
		uint64_t leaf;
		if (paging_lookup(&host_paging, page, &to, &old, &leaf) == 0 && old != prot) {
			return NULL;
		}
	}
	return paging_map(&host_paging, start, HPA(start), end - start, prot) ? NULL : (void *)at.value;
}

void *mmio_map(hpa_t at, size_t bytes)
{
	return host_map(at, bytes, MAP_READ | MAP_WRITE | MAP_UNCACHED);
}
