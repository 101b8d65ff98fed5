/* SPDX-License-Identifier: MIT */
/*
 * The two ends of a link without a ring: one request page. The front end grants it, writes a number and rings; the back end
 * answers with number * 3 in the next word and rings back. The front end keeps count, so that each answer is right after any number
 * of deaths of the back end.
 */
#include "probe.h"

#include "abi/capsule.h"
#include "abi/errno.h"
#include "abi/virtio.h"
#include "base/string.h"

#define LINK_EVENT (1ull << BH_EVENT_LINK)
#define EPOCH_EVENT (1ull << BH_EVENT_EPOCH)

static uint64_t page[512] __attribute__((aligned(4096)));

static uint32_t register_read(uint32_t offset)
{
	return *(volatile uint32_t *)(probe_page->links[0].mmio + offset);
}

static void register_write(uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(probe_page->links[0].mmio + offset) = value;
}

static uint32_t link_state(void)
{
	return __atomic_load_n(&probe_page->links[0].state, __ATOMIC_ACQUIRE);
}

static void virtio_start(void)
{
	probe_expect(register_read(VIRTIO_MMIO_MAGIC) == VIRTIO_MMIO_MAGIC_VALUE, "virtio magic");
	probe_expect(register_read(VIRTIO_MMIO_DEVICE_ID) == VIRTIO_ID_BLOCK, "virtio device");
	register_write(VIRTIO_MMIO_STATUS, 0);
	register_write(VIRTIO_MMIO_STATUS, 3);
	register_write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	register_write(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	register_write(VIRTIO_MMIO_STATUS, 11);
	probe_expect(register_read(VIRTIO_MMIO_STATUS) == 11, "features accepted");
	probe_expect(register_read(VIRTIO_MMIO_QUEUE_NUM_MAX) == 64, "queue size");
	register_write(VIRTIO_MMIO_QUEUE_NUM, 64);
	register_write(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)(uint64_t)page);
	register_write(VIRTIO_MMIO_QUEUE_READY, 1);
	register_write(VIRTIO_MMIO_STATUS, 15);
	probe_expect(*(volatile uint8_t *)(probe_page->links[0].mmio + VIRTIO_MMIO_CONFIG) == 0x5a, "configuration byte");
}

static void rebuild_if_asked(uint32_t *rebuilds)
{
	if (link_state() == BH_LINK_REBUILD) {
		probe_expect(call(BH_HC_LINK_READY, 0, probe_page->links[0].epoch + 1, 0, 0) == -ESTALE, "ready with a wrong epoch");
		if (call(BH_HC_LINK_READY, 0, probe_page->links[0].epoch, 0, 0) == 0) {
			(*rebuilds)++;
		}
	}
}

void probe_front(void)
{
	uint32_t rebuilds = 0;
	uint64_t rounds = probe_option("long") ? 20000 : 100;
	volatile uint64_t *request = page;
	while (link_state() != BH_LINK_UP) {
		probe_wait(0, 0);
	}
	virtio_start();
	probe_expect(call(BH_HC_GRANT, 0, (uint64_t)page + 1, 4096, 3) == -EINVAL, "grant of half a page");
	probe_expect(call(BH_HC_GRANT, 0, (uint64_t)page, 4096, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE) == 0, "grant");
	call(BH_HC_POWER, BH_POWER_STARTED, 0, 0, 0);
	for (uint64_t i = 1; i <= rounds; i++) {
		request[1] = 0;
		request[0] = i;
		uint64_t signal = LINK_EVENT;
		while (request[1] != i * 3) {
			uint64_t events = probe_wait(signal, 0);
			signal = 0;
			if (events & EPOCH_EVENT) {
				rebuild_if_asked(&rebuilds);
				signal = LINK_EVENT;
			}
		}
		if (probe_option("suicide") && i % 20 == 10) {
			uint32_t epoch = probe_page->links[0].epoch;
			request[0] = ~0ull;
			call(BH_HC_SIGNAL, LINK_EVENT, 0, 0, 0);
			while (*(volatile const uint32_t *)&probe_page->links[0].epoch == epoch) {
				probe_wait(0, 0);
			}
			request[0] = 0; /* or the next one reads it and dies, too */
			rebuild_if_asked(&rebuilds);
		}
	}
	probe_log("front: %lu rounds, %u rebuilds, epoch %u", rounds, rebuilds, probe_page->links[0].epoch);
	if (probe_option("suicide")) {
		static struct bh_capsule header, *const capsule = &header;
		uint64_t part = (uint64_t)capsule;
		uint32_t died = probe_page->links[0].epoch - 1;
		probe_expect(rebuilds == rounds / 20, "one rebuild for each death");
		probe_expect(call(BH_HC_CAPSULE, 1, 0, part, 4096) == 4096 && capsule->magic == BH_CAPSULE_MAGIC &&
			     strcmp(capsule->domain, "back") == 0 && capsule->epoch == died, "the back end's capsule");
		probe_expect(call(BH_HC_CAPSULE, 1, capsule->bytes - 8, part, 4096) == 8, "its end");
		probe_expect(call(BH_HC_CAPSULE, 1, ~7ull, part, 4096) == 0, "nothing behind its end");
		probe_expect(call(BH_HC_CAPSULE, 0, 0, part, 4096) == 0, "no capsule of the main domain");
		probe_expect(call(BH_HC_CAPSULE, 2, 0, part, 1) == -EINVAL, "no capsule of a domain that is not");
		probe_expect(call(BH_HC_CAPSULE, 1, 0, 1ull << 40, 1) == -EFAULT, "no capsule to where no memory is");
	}
}

/* Back: until the end of the machine. A request of all ones asks it to die. */
void probe_back(void)
{
	static struct bh_link_offer offer = { .queue_max = 64, .queue_count = 1, .config_len = 8, .config = { 0x5a } };
	volatile uint64_t *request = NULL;
	uint64_t seen = 0;
	probe_expect(call(BH_HC_LINK_OFFER, 0, (uint64_t)&offer, 0, 0) == 0, "offer");
	call(BH_HC_POWER, BH_POWER_ALIVE, 0, 0, 0);
	for (uint64_t signal = 0;;) {
		probe_wait(signal, 0);
		signal = 0;
		const struct bh_link *link = &probe_page->links[0];
		if (link_state() != BH_LINK_UP || !link->queues[0].ready || link->grants[0].len == 0) {
			continue;
		}
		request = (volatile uint64_t *)(link->window + link->queues[0].desc);
		uint64_t number = request[0];
		if (number == ~0ull) {
			return;
		}
		if (number != seen || request[1] != number * 3) {
			seen = number;
			request[1] = number * 3;
			signal = LINK_EVENT;
		}
	}
}
