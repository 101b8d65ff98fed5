/* SPDX-License-Identifier: MIT */
/* See packet.h. A 64th of memory, between 1 and 8 MiB. */
#include "net/packet.h"

#include "base/list.h"
#include "kernel/lock.h"
#include "kernel/memory.h"

#define SHARE 64
#define ORDER_LEAST 8 /* 1 MiB */
#define ORDER_MOST 11

static uint8_t *memory; /* constant once taken, as are `packets` and their number */
static uint64_t memory_bytes;
static struct packet *packets;
static unsigned packet_count;
static spinlock_t lock = SPINLOCK_INIT("packets");
static struct packet *free_first; /* lock */
static unsigned free_count; /* lock to write */

struct packet *packet_get(void)
{
	spin_lock(&lock);
	struct packet *packet = free_first;
	if (packet) {
		free_first = packet->next;
		free_count--;
	}
	spin_unlock(&lock);
	return packet;
}

void packet_put(struct packet *packet)
{
	spin_lock(&lock);
	packet->next = free_first;
	free_first = packet;
	free_count++;
	spin_unlock(&lock);
}

unsigned packets_free(unsigned *all)
{
	*all = packet_count;
	return __atomic_load_n(&free_count, __ATOMIC_RELAXED);
}

static void packet_let_go(struct packet *packet)
{
	if (__atomic_sub_fetch(&packet->users, 1, __ATOMIC_ACQ_REL) == 0) {
		packet_put(packet);
	}
}

static void head_freed(struct pbuf *p)
{
	packet_let_go(container_of(p, struct packet, head.pbuf));
}

static void rest_freed(struct pbuf *p)
{
	packet_let_go(container_of(p, struct packet, rest.pbuf));
}

struct pbuf *packet_pbuf(struct packet *packet, unsigned headers, unsigned bytes)
{
	packet->users = bytes > headers ? 2 : 1;
	packet->head.custom_free_function = head_freed;
	struct pbuf *p = pbuf_alloced_custom(PBUF_RAW, (u16_t)headers, PBUF_REF, &packet->head, packet->headers, PACKET_HEADERS);
	if (bytes > headers) {
		packet->rest.custom_free_function = rest_freed;
		pbuf_cat(p, pbuf_alloced_custom(PBUF_RAW, (u16_t)(bytes - headers), PBUF_REF, &packet->rest, packet->data + headers,
			(u16_t)(NET_BUFFER_BYTES - headers)));
	}
	return p;
}

static unsigned memory_order(void)
{
	uint64_t total, free;
	unsigned order = ORDER_LEAST;
	memory_usage(&total, &free);
	while (order < ORDER_MOST && total / SHARE > 1ull << order) {
		order++;
	}
	return order;
}

static void memory_take(void)
{
	unsigned order = memory_order(), count = (unsigned)((PAGE_SIZE << order) / NET_BUFFER_BYTES);
	struct page *block = page_alloc_order(order, 0);
	packets = block ? kzalloc(count * sizeof(*packets)) : NULL;
	if (!packets) {
		if (block) {
			page_free_order(block, order);
		}
		return;
	}
	memory = page_data(block);
	memory_bytes = PAGE_SIZE << order;
	packet_count = count;
	for (unsigned i = 0; i < count; i++) {
		packets[i].data = memory + (uint64_t)i * NET_BUFFER_BYTES;
		packet_put(&packets[i]);
	}
}

/* Called first at boot, by one thread. */
void packet_memory(uint64_t *phys, uint64_t *bytes)
{
	if (!memory) {
		memory_take();
	}
	*phys = memory ? virt_to_phys(memory) : 0;
	*bytes = memory_bytes;
}
