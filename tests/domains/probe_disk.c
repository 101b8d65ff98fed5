/* SPDX-License-Identifier: MIT */
/*
 * A virtio-blk front end without a kernel: writes 4 KiB blocks at random places of the first 16 MiB and reads them back, each word a
 * function of place and turn, with 1 or (`deep`) 32 requests outstanding, over any number of deaths of the back end. Says how many
 * exits a request costs, of all domains together.
 */
#include "probe.h"

#include "abi/errno.h"
#include "abi/virtio.h"
#include "base/string.h"
#include "virtio/ring_front.h"

#define SIZE 64
#define BLOCKS 4096u
#define LINK_EVENT (1ull << BH_EVENT_LINK)

static struct {
	struct vring_desc desc[SIZE] __attribute__((aligned(4096)));
	struct vring_desc tables[SIZE * 3];
	uint8_t avail[sizeof(struct vring_avail) + SIZE * 2 + 2] __attribute__((aligned(64)));
	uint8_t used[sizeof(struct vring_used) + SIZE * sizeof(struct vring_used_elem) + 2] __attribute__((aligned(64)));
	struct virtio_blk_header headers[SIZE];
	uint8_t status[SIZE];
} shared __attribute__((aligned(4096)));
static uint64_t data[SIZE][512] __attribute__((aligned(4096)));
static uint32_t turn[BLOCKS]; /* what each block holds: its last write; 0: not written */
static bool busy[BLOCKS];
static struct { uint32_t block; bool write; } requests[SIZE];
static struct ring_front ring;
static uint32_t rebuilds;

static uint64_t word(uint32_t block, unsigned i)
{
	return ((uint64_t)block << 40 | (uint64_t)turn[block] << 16 | i) * 0x9e3779b97f4a7c15ull;
}

static unsigned describe(void *owner, uint16_t id, struct vring_desc *table)
{
	bool write = requests[id].write;
	shared.headers[id] = (struct virtio_blk_header){ .type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, .sector = requests[id].block * 8ull };
	shared.status[id] = 0xff;
	table[0] = (struct vring_desc){ (uint64_t)&shared.headers[id], sizeof(shared.headers[id]), VRING_DESC_NEXT, 1 };
	table[1] = (struct vring_desc){ (uint64_t)data[id], 4096, VRING_DESC_NEXT | (write ? 0 : VRING_DESC_WRITE), 2 };
	table[2] = (struct vring_desc){ (uint64_t)&shared.status[id], 1, VRING_DESC_WRITE, 0 };
	return 3;
}

static void put(uint32_t offset, uint64_t value)
{
	volatile uint32_t *at = (volatile uint32_t *)(probe_page->links[0].mmio + offset);
	at[0] = (uint32_t)value;
	if (offset >= VIRTIO_MMIO_QUEUE_DESC_LOW) {
		at[1] = (uint32_t)(value >> 32);
	}
}

static void start(void)
{
	const uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER;
	const struct ring_front_setup setup = {
		.size = SIZE, .table_entries = 3, .event_idx = true, .in_order = true, .desc = shared.desc,
		.avail = (struct vring_avail *)shared.avail, .used = (struct vring_used *)shared.used, .tables = shared.tables,
		.tables_bus = (uint64_t)shared.tables, .describe = describe,
	};
	probe_expect(ring_front_init(&ring, &setup) == 0, "ring");
	probe_expect(call(BH_HC_GRANT, 0, (uint64_t)&shared, sizeof(shared), 3) == 0, "grant of the ring");
	probe_expect(call(BH_HC_GRANT, 0, (uint64_t)data, sizeof(data), 15) == 0, "grant of the data");
	put(VIRTIO_MMIO_STATUS, 3);
	put(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	put(VIRTIO_MMIO_STATUS, 11);
	put(VIRTIO_MMIO_QUEUE_NUM, SIZE);
	put(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint64_t)shared.desc);
	put(VIRTIO_MMIO_QUEUE_DRIVER_LOW, (uint64_t)shared.avail);
	put(VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint64_t)shared.used);
	put(VIRTIO_MMIO_QUEUE_READY, 1);
	put(VIRTIO_MMIO_STATUS, 15);
}

static void submit(uint64_t *random)
{
	uint16_t id = (uint16_t)ring_front_id(&ring);
	uint32_t block;
	do {
		*random = *random * 6364136223846793005ull + 1442695040888963407ull;
		block = (uint32_t)(*random >> 40) % BLOCKS;
	} while (busy[block]);
	busy[block] = true;
	requests[id].block = block;
	requests[id].write = turn[block] == 0 || (*random >> 33) % 4 == 0;
	turn[block] += requests[id].write;
	for (unsigned i = 0; i < 512; i++) {
		data[id][i] = requests[id].write ? word(block, i) : 0;
	}
	ring_front_submit(&ring, id);
}

static void finish(uint16_t id)
{
	uint32_t block = requests[id].block;
	probe_expect(shared.status[id] == VIRTIO_BLK_S_OK, "status");
	for (unsigned i = 0; i < 512; i++) {
		if (data[id][i] != word(block, i)) {
			probe_expect(false, "data");
			break;
		}
	}
	busy[block] = false;
}

static uint64_t collect(void)
{
	struct ring_completion c;
	uint64_t n = 0;
	int got;
	for (; (got = ring_front_peek(&ring, &c)) == 1; n++) {
		ring_front_accept(&ring, &c);
		finish(c.id);
	}
	probe_expect(got == 0, "used ring");
	return n;
}

static uint64_t exits(void)
{
	static struct bh_stat stat;
	uint64_t sum = 0;
	call(BH_HC_STAT, (uint64_t)&stat, sizeof(stat), 0, 0);
	for (unsigned d = 0; d < stat.domain_count; d++) {
		for (unsigned i = 0; i < BH_EXIT_COUNT; i++) {
			sum += stat.domains[d].exits[i];
		}
	}
	return sum;
}

static void epoch(uint64_t *done)
{
	const struct bh_link *link = &probe_page->links[0];
	if (__atomic_load_n(&link->state, __ATOMIC_ACQUIRE) == BH_LINK_REBUILD) {
		*done += collect();
		ring_front_rebuild(&ring);
		rebuilds += call(BH_HC_LINK_READY, 0, link->epoch, 0, 0) == 0;
	}
}

void probe_disk(void)
{
	uint64_t random = 1, submitted = 0, done = 0, total = probe_option("long") ? 40000 : 4000;
	uint32_t least = probe_option("long") ? 8 : 0; /* so many deaths are to be survived, however fast the requests go */
	unsigned depth = probe_option("deep") ? 32 : 1;
	while (__atomic_load_n(&probe_page->links[0].state, __ATOMIC_ACQUIRE) != BH_LINK_UP) {
		probe_wait(0, 0);
	}
	start();
	call(BH_HC_POWER, BH_POWER_STARTED, 0, 0, 0);
	uint64_t before = exits(), began = tsc();
	while (done < submitted || submitted < total || rebuilds < least) {
		while ((submitted < total || rebuilds < least) && submitted - done < depth) {
			submit(&random);
			submitted++;
		}
		uint64_t signal = ring_front_kick(&ring) ? LINK_EVENT : 0;
		if (ring_front_arm(&ring)) { /* something came meanwhile */
			if (signal) {
				call(BH_HC_SIGNAL, signal, 0, 0, 0);
			}
		} else if (probe_wait(signal, 0) & 1ull << BH_EVENT_EPOCH) {
			epoch(&done);
		}
		done += collect();
	}
	uint64_t spent = exits() - before;
	probe_log("disk: %lu requests, depth %u, %lu.%02lu exits and %lu us each, %u rebuilds, %d failures", done, depth, spent / done,
		  spent * 100 / done % 100, (tsc() - began) / (probe_page->tsc_khz / 1000) / done, rebuilds, probe_failures);
}
