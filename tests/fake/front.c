/* SPDX-License-Identifier: MIT */
/* See front.h. "Physical" addresses are such that phys_to_virt gives the pointer back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "tests/fake/front.h"
#include "tests/fake/mmio.h"

struct fake_front fake_front;
static struct bh_domain_page domain_page;

/* --- the kernel's services --- */

void spin_init(spinlock_t *lock, const char *name)
{
	memset(lock, 0, sizeof(*lock));
}

void spin_lock(spinlock_t *lock)
{
	assert_int_equal(lock->held, 0);
	lock->held = 1;
	fake_front.locks_held++;
}

void spin_unlock(spinlock_t *lock)
{
	assert_int_equal(lock->held, 1);
	lock->held = 0;
	fake_front.locks_held--;
}

void waitq_init(struct waitq *q)
{
	memset(q, 0, sizeof(*q));
}

void waitq_wake_all(struct waitq *q)
{
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
}

void wait_finish(struct waiter *w)
{
}

int wait_sleep(uint64_t deadline_ns, bool interruptible)
{
	assert_int_equal(fake_front.locks_held, 0);
	fake_front.step();
	return deadline_ns ? fake_front.late : 0;
}

uint64_t virt_to_phys(const void *virt)
{
	return (uintptr_t)virt - PHYSMAP;
}

uint64_t page_phys(const struct page *page)
{
	return virt_to_phys(page->private);
}

/* The kernel never gives a device up: what it has stays reachable. */
#define KEPT 256
static void *kept[KEPT];
static size_t kept_count;

static void *keep(void *memory)
{
	assert_true(kept_count < KEPT);
	return kept[kept_count++] = memory;
}

struct page *page_alloc_order(unsigned order, unsigned flags)
{
	struct page *page = keep(calloc(1, sizeof(*page)));
	size_t bytes = PAGE_SIZE << order;
	page->private = aligned_alloc(bytes, bytes);
	memset(page->private, 0, bytes);
	return page;
}

struct page *page_alloc(unsigned flags)
{
	return page_alloc_order(0, flags);
}

void page_free_order(struct page *page, unsigned order)
{
	free(page->private);
	free(page);
}

void page_put(struct page *page)
{
	page_free_order(page, 0);
}

void memory_io_zone(uint64_t *phys, uint64_t *bytes)
{
	*phys = virt_to_phys(fake_front.zone);
	*bytes = fake_front.zone_bytes;
}

void *kzalloc(size_t bytes)
{
	return keep(calloc(1, bytes));
}

void kfree(void *memory)
{
	free(memory);
}

void kprintf(const char *format, ...)
{
}

bool platform_is_bulkhead(void)
{
	return true;
}

const struct bh_domain_page *platform_domain_page(void)
{
	return &domain_page;
}

void event_signal(unsigned event, bool wanted)
{
	assert_int_equal(event, BH_EVENT_LINK + FRONT_SLOT);
	fake_front.doorbell |= wanted;
}

/* --- the hypervisor --- */

void fake_front_publish(void)
{
	link_publish(&fake_front.link, &domain_page.links[FRONT_SLOT], BH_LINK_FRONT);
	link_publish(&fake_front.link, &fake_front.back_view, BH_LINK_BACK);
}

static uint32_t machine_read(void *device, uint32_t offset)
{
	return (uint32_t)link_mmio_read(&fake_front.link, offset, 4);
}

static void machine_write(void *device, uint32_t offset, uint32_t value)
{
	unsigned action = link_mmio_write(&fake_front.link, offset, 4, value);
	if (action & LINK_RESET) {
		memset(fake_front.link.grants, 0, sizeof(fake_front.link.grants));
	}
	fake_front_publish();
}

long hypercall(enum bh_hypercall number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct link *link = &fake_front.link;
	assert_int_equal(a, FRONT_SLOT);
	long error;
	switch (number) {
	case BH_HC_GRANT:
		error = grant_check(link->grants, b, c, (uint32_t)d, UINT64_MAX);
		if (!error) {
			grant_set(link->grants, b, c, (uint32_t)d);
		}
		break;
	case BH_HC_LINK_READY:
		error = link_ready_check(link, (uint32_t)b);
		if (!error) {
			link->state = BH_LINK_UP;
		}
		break;
	case BH_HC_LINK_COMPLAIN:
		fake_front.complaints++;
		error = 0;
		break;
	default:
		error = -ENOSYS;
	}
	fake_front_publish();
	return error;
}

void fake_front_offer(const struct bh_link_offer *offer)
{
	assert_int_equal(link_offer_check(&fake_front.link, offer), 0);
	link_offer_set(&fake_front.link, offer);
	fake_front_publish();
}

void fake_front_down(void)
{
	link_down(&fake_front.link);
	fake_front_publish();
}

void fake_front_rebuild(void)
{
	link_rebuild(&fake_front.link, fake_front.link.epoch + 1);
	fake_front_publish();
	assert_int_equal(fake_front.link.state, BH_LINK_REBUILD);
}

void fake_front_start(uint32_t kind, uint64_t zone_bytes)
{
	memset(&fake_front, 0, sizeof(fake_front));
	fake_front.zone = aligned_alloc(PAGE_SIZE, zone_bytes);
	memset(fake_front.zone, 0, zone_bytes);
	fake_front.zone_bytes = zone_bytes;
	fake_front.link.kind = kind;
	fake_front.link.epoch = 1;
	fake_front.back_view.window = fake_front.back_view.dma_window = PHYSMAP;
	fake_front.back_view.front_memory = UINT64_MAX;
}

struct virtio_port fake_front_port(const char *name)
{
	static const struct fake_mmio_ops mmio_ops = { machine_read, machine_write };
	fake_mmio_arm();
	return (struct virtio_port){ .registers = fake_mmio_map(&mmio_ops, NULL), .name = name, .link = true, .slot = FRONT_SLOT, .epoch = 1 };
}

void fake_front_stop(void)
{
	free(fake_front.zone);
	fake_mmio_unmap();
}

void fake_scribble(void *at, size_t bytes)
{
	uint8_t *to = at;
	for (size_t i = 0; i < bytes; i++) {
		to[i] = (uint8_t)(random() >> 9);
	}
}
