/* SPDX-License-Identifier: MIT */
/*
 * The pages of the vDSO: one shared memory object that every program maps, readable and executable, never writable. The code is a shared
 * object that was linked into the kernel as bytes (guest-kernel/vdso); the data page is written through the kernel's own map.
 */
#include "kernel/vdso.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "mm/address_space.h"
#include "mm/shared.h"

extern const uint8_t _binary_vdso_so_start[], _binary_vdso_so_end[];

static struct shared_memory *pages;
static struct vdso_data *data;

void vdso_init(void)
{
	size_t size = (size_t)(_binary_vdso_so_end - _binary_vdso_so_start);
	pages = shared_create(2);
	struct page *code = pages && size <= PAGE_SIZE ? shared_page(pages, 0) : NULL, *behind = code ? shared_page(pages, 1) : NULL;
	if (!behind) {
		kernel_panic("no pages for the vDSO");
	}
	memcpy(page_data(code), _binary_vdso_so_start, size);
	data = page_data(behind);
	time_set_wall_ns(time_wall_ns()); /* publishes */
}

void vdso_publish(const struct vdso_data *now)
{
	if (!data) {
		return;
	}
	__atomic_store_n(&data->sequence, data->sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	data->tsc_start = now->tsc_start;
	data->ns_mult = now->ns_mult;
	data->wall_offset_ns = now->wall_offset_ns;
	__atomic_store_n(&data->sequence, data->sequence + 1, __ATOMIC_RELEASE);
}

uint64_t vdso_map(struct address_space *as)
{
	long at = address_space_map_kernels(as, pages, 2, PROT_READ | PROT_EXEC);
	return at > 0 ? (uint64_t)at : 0;
}
