/* SPDX-License-Identifier: MIT */
/* See net_control.h. */
#include "net/net_control.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"

#define ENTRIES 4 /* of an indirect table: the command, its data, the answer's byte, counters */
#define FILTER_COMMANDS 3u
#define NO_ANSWER 0xff

struct command_data {
	struct virtio_net_control head;
	uint8_t on;
	_Alignas(4) uint32_t stations; /* none; from here on a table */
	uint32_t count;
	uint8_t groups[NET_CONTROL_GROUPS][NET_MAC_BYTES];
};

struct net_control_read {
	struct vring_desc tables[NET_CONTROL_SIZE][ENTRIES];
	struct vring_desc desc[NET_CONTROL_SIZE];
	struct command_data data[NET_CONTROL_SIZE];
	_Alignas(4) uint16_t avail[2 + NET_CONTROL_SIZE + 2];
};
_Static_assert(sizeof(struct net_control_read) <= PAGE_SIZE, "a page");

struct net_control_write {
	struct net_counters counters[NET_CONTROL_SIZE];
	_Alignas(4) uint8_t used[sizeof(struct vring_used) + NET_CONTROL_SIZE * sizeof(struct vring_used_elem) + 4];
	uint8_t status[NET_CONTROL_SIZE];
};
_Static_assert(sizeof(struct net_control_write) <= PAGE_SIZE, "a page");

static struct vring_desc part(const void *data, size_t bytes, bool write)
{
	return (struct vring_desc){ virt_to_phys(data), (uint32_t)bytes, write ? VRING_DESC_WRITE : 0, 0 };
}

static bool is_counters(const struct net_control_command *command)
{
	return command->class == VIRTIO_NET_CTRL_COUNTERS;
}

static bool is_table(const struct net_control_command *command)
{
	return command->class == VIRTIO_NET_CTRL_MAC;
}

/* The filter as it is wanted now: nothing is described again later. */
static unsigned command_describe(void *owner, uint16_t id, struct vring_desc *table)
{
	struct net_control *c = owner;
	const struct net_control_command *command = &c->commands[id];
	struct command_data *data = &c->read->data[id];
	unsigned n = 0;
	data->head = (struct virtio_net_control){ command->class, command->command };
	table[n++] = part(&data->head, sizeof(data->head), false);
	if (is_table(command)) {
		data->stations = 0;
		data->count = c->count;
		memcpy(data->groups, c->groups, c->count * NET_MAC_BYTES);
		table[n++] = part(&data->stations, 2 * sizeof(uint32_t) + c->count * NET_MAC_BYTES, false);
	} else if (!is_counters(command)) {
		data->on = command->on;
		table[n++] = part(&data->on, 1, false);
	}
	c->write->status[id] = NO_ANSWER;
	table[n++] = part(&c->write->status[id], 1, true);
	if (is_counters(command)) {
		table[n++] = part(&c->write->counters[id], sizeof(c->write->counters[id]), true);
	}
	for (unsigned i = 0; i + 1 < n; i++) {
		table[i].flags |= VRING_DESC_NEXT;
		table[i].next = (uint16_t)(i + 1);
	}
	return n;
}

static void command_submit(struct net_control *c, uint8_t class, uint8_t number, bool on)
{
	int id = ring_front_id(&c->ring);
	if (id >= 0) {
		c->commands[id] = (struct net_control_command){ class, number, on };
		ring_front_submit(&c->ring, (uint16_t)id);
	}
}

static unsigned commands_room(const struct net_control *c)
{
	return c->ring.s.size - ring_front_in_flight(&c->ring);
}

/* What lets more through goes first: nothing that both filters want is lost between. */
static void filter_submit(struct net_control *c)
{
	const struct {
		uint8_t number;
		bool on;
	} modes[] = { { VIRTIO_NET_CTRL_RX_ALLMULTI, c->no_table || (c->flags & NET_FILTER_ALL_MULTICAST) },
		{ VIRTIO_NET_CTRL_RX_PROMISC, c->flags & NET_FILTER_PROMISCUOUS } };
	c->due = c->wanted;
	if (!c->due || commands_room(c) < FILTER_COMMANDS) {
		return;
	}
	for (unsigned on = 2; on-- > 0;) {
		for (unsigned i = 0; i < 2; i++) {
			if (modes[i].on == on) {
				command_submit(c, VIRTIO_NET_CTRL_RX, modes[i].number, on);
			}
		}
		if (on && !c->no_table) {
			command_submit(c, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, false);
		}
	}
	c->due = false;
}

void net_control_filter(struct net_control *c, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count)
{
	c->flags = flags | (count > NET_CONTROL_GROUPS ? NET_FILTER_ALL_MULTICAST : 0);
	c->count = count > NET_CONTROL_GROUPS ? 0 : count;
	memcpy(c->groups, groups, c->count * NET_MAC_BYTES);
	c->wanted = true;
	filter_submit(c);
	ring_front_arm(&c->ring);
}

bool net_control_ask(struct net_control *c)
{
	if (!c->counts || c->mute || c->due || (!c->asked && !commands_room(c))) {
		return false;
	}
	if (!c->asked) {
		__atomic_store_n(&c->asked, true, __ATOMIC_RELAXED);
		command_submit(c, VIRTIO_NET_CTRL_COUNTERS, VIRTIO_NET_CTRL_COUNTERS_GET, false);
		ring_front_arm(&c->ring);
	}
	return true;
}

static void counters_add(struct net_counters *to, const struct net_counters *more)
{
	to->received += more->received;
	to->sent += more->sent;
	to->missed += more->missed;
	to->no_buffer += more->no_buffer;
	to->crc_errors += more->crc_errors;
	to->receive_errors += more->receive_errors;
	to->length_errors += more->length_errors;
	to->collisions += more->collisions;
}

void net_control_counters(const struct net_control *c, struct net_counters *to)
{
	*to = c->before;
	counters_add(to, &c->last);
}

void net_control_kick(struct net_control *c, const struct virtio_port *port)
{
	if (c->there && ring_front_kick(&c->ring)) {
		virtio_port_ring(port, NET_CONTROL_QUEUE, true);
	}
}

/* What the back end wrote: any numbers, at worst. */
static void command_ended(struct net_control *c, const struct ring_completion *completion)
{
	const struct net_control_command *command = &c->commands[completion->id];
	uint8_t status = __atomic_load_n(&c->write->status[completion->id], __ATOMIC_ACQUIRE);
	bool done = completion->len && status == VIRTIO_NET_OK;
	if (is_counters(command)) {
		if (done) {
			memcpy(&c->last, &c->write->counters[completion->id], sizeof(c->last));
		}
		c->mute = !done;
		__atomic_store_n(&c->asked, false, __ATOMIC_RELEASE);
	} else if (is_table(command) && !done && !c->no_table) {
		kprintf("virtio-net: the device takes no table of %u groups: it is to let all through", c->count);
		c->no_table = c->due = true;
	}
}

int net_control_collect(struct net_control *c)
{
	struct ring_completion completion;
	int got = 0;
	while (c->there && ring_front_in_flight(&c->ring) && (got = ring_front_peek(&c->ring, &completion)) == 1) {
		command_ended(c, &completion);
		ring_front_accept(&c->ring, &completion);
		if (c->due) {
			filter_submit(c);
		}
		ring_front_arm(&c->ring);
	}
	return got < 0 ? got : 0;
}

void net_control_rebuild(struct net_control *c)
{
	if (!c->there) {
		return;
	}
	while (ring_front_in_flight(&c->ring)) {
		uint16_t id = c->ring.order[c->ring.next_used & (c->ring.s.size - 1)];
		ring_front_accept(&c->ring, &(struct ring_completion){ .id = id });
	}
	ring_front_rebuild(&c->ring);
	counters_add(&c->before, &c->last);
	c->last = (struct net_counters){ 0 };
	c->mute = c->no_table = false;
	__atomic_store_n(&c->asked, false, __ATOMIC_RELEASE);
	filter_submit(c);
	ring_front_arm(&c->ring);
}

static int queue_start(struct net_control *c, const struct virtio_port *port, uint64_t features)
{
	struct ring_front_setup setup = {
		.size = virtio_port_queue_size(port, NET_CONTROL_QUEUE, NET_CONTROL_SIZE), .table_entries = ENTRIES,
		.event_idx = features & VIRTIO_F_EVENT_IDX, .in_order = features & VIRTIO_F_IN_ORDER, .desc = c->read->desc,
		.avail = (struct vring_avail *)c->read->avail, .used = (struct vring_used *)c->write->used, .tables = c->read->tables[0],
		.tables_bus = virt_to_phys(c->read->tables), .describe = command_describe, .owner = c,
	};
	if (setup.size < FILTER_COMMANDS + 1 || ring_front_init(&c->ring, &setup)) {
		return -ENODEV;
	}
	int error = virtio_port_grant(port, virt_to_phys(c->read), PAGE_SIZE, BH_GRANT_CPU_READ);
	error = error ? error : virtio_port_grant(port, virt_to_phys(c->write), PAGE_SIZE, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE);
	if (!error) {
		virtio_port_queue(port, NET_CONTROL_QUEUE, &c->ring);
	}
	return error;
}

int net_control_start(struct net_control *c, const struct virtio_port *port, uint64_t features, bool counts)
{
	uint64_t needed = VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX;
	waitq_init(&c->answered);
	if ((features & needed) != needed) {
		return 0;
	}
	struct page *read = page_alloc(ALLOC_ZERO), *write = page_alloc(ALLOC_ZERO);
	c->read = read ? page_data(read) : NULL;
	c->write = write ? page_data(write) : NULL;
	int error = read && write ? queue_start(c, port, features) : -ENOMEM;
	if (!error) {
		c->there = true;
		c->counts = counts;
		return 0;
	}
	if (read) {
		page_put(read);
	}
	if (write) {
		page_put(write);
	}
	return error;
}
