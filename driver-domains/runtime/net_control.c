/* SPDX-License-Identifier: MIT */
/* See net_control.h. */
#include "net_control.h"

#include "abi/virtio.h"
#include "base/string.h"
#include "env/env.h"
#include "link_access.h"

#define COMMAND_BYTES (sizeof(struct virtio_net_control) + 8 + NET_CONTROL_GROUPS * NET_MAC_BYTES)

struct answer {
	uint8_t status;
	struct net_counters counters; /* behind it, for who asked */
	bool counted;
};

static bool filter_set(struct net_control *c)
{
	unsigned flags = (c->all_groups ? NET_FILTER_ALL_MULTICAST : 0) | (c->promiscuous || c->stations ? NET_FILTER_PROMISCUOUS : 0);
	return c->dev->ops->filter(c->dev, flags, (const uint8_t(*)[NET_MAC_BYTES])c->groups, c->count) == 0;
}

void net_control_open(struct net_control *c)
{
	c->open = c->all_groups = true;
	c->promiscuous = c->stations = false;
	c->count = 0;
	if (!filter_set(c)) {
		env_log("net: the device has no filter to open");
	}
}

/* What the front end wrote, one segment after the other. 0: too much, or not where it granted access. */
static uint32_t command_read(const struct bh_link *link, const struct ring_chain *chain, uint8_t *to)
{
	uint32_t bytes = 0;
	for (unsigned i = 0; i < chain->count && !chain->segments[i].write; i++) {
		const struct ring_segment *s = &chain->segments[i];
		const void *from = s->len <= COMMAND_BYTES - bytes ? link_cpu((void *)link, s->gpa, s->len, false) : NULL;
		if (!from) {
			return 0;
		}
		memcpy(to + bytes, from, s->len);
		bytes += s->len;
	}
	return bytes;
}

/* As much of it as there is room for. */
static uint32_t answer_write(const struct bh_link *link, const struct ring_chain *chain, const uint8_t *from, uint32_t bytes)
{
	uint32_t written = 0;
	for (unsigned i = 0; i < chain->count && written < bytes; i++) {
		const struct ring_segment *s = &chain->segments[i];
		if (!s->write) {
			continue;
		}
		uint32_t part = s->len < bytes - written ? s->len : bytes - written;
		void *to = link_cpu((void *)link, s->gpa, part, true);
		if (!to) {
			break;
		}
		memcpy(to, from + written, part);
		written += part;
	}
	return written;
}

static bool receive_set(struct net_control *c, uint8_t command, const uint8_t *data, uint32_t bytes)
{
	if (bytes != 1 || data[0] > 1 || (command != VIRTIO_NET_CTRL_RX_PROMISC && command != VIRTIO_NET_CTRL_RX_ALLMULTI)) {
		return false;
	}
	*(command == VIRTIO_NET_CTRL_RX_PROMISC ? &c->promiscuous : &c->all_groups) = data[0];
	return true;
}

/* A count and so many addresses from *at on. NULL: they are not there. */
static const uint8_t *table_next(const uint8_t *data, uint32_t bytes, uint32_t *at, uint32_t *count)
{
	if (bytes - *at < sizeof(*count)) {
		return NULL;
	}
	memcpy(count, data + *at, sizeof(*count));
	*at += (uint32_t)sizeof(*count);
	if (*count > NET_CONTROL_GROUPS || *count * NET_MAC_BYTES > bytes - *at) {
		return NULL;
	}
	const uint8_t *table = data + *at;
	*at += *count * NET_MAC_BYTES;
	return table;
}

static bool table_set(struct net_control *c, const uint8_t *data, uint32_t bytes)
{
	uint32_t at = 0, stations, count;
	if (!table_next(data, bytes, &at, &stations)) {
		return false;
	}
	const uint8_t *groups = table_next(data, bytes, &at, &count);
	if (!groups || at != bytes) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!(groups[i * NET_MAC_BYTES] & 1)) {
			return false;
		}
	}
	memcpy(c->groups, groups, count * NET_MAC_BYTES);
	c->count = count;
	c->stations = stations != 0;
	return true;
}

static bool filter_command(struct net_control *c, const struct virtio_net_control *head, const uint8_t *data, uint32_t bytes)
{
	bool known = head->class == VIRTIO_NET_CTRL_RX ? receive_set(c, head->command, data, bytes) :
		     head->class == VIRTIO_NET_CTRL_MAC && head->command == VIRTIO_NET_CTRL_MAC_TABLE_SET && table_set(c, data, bytes);
	c->open = c->open && !known;
	return known && filter_set(c);
}

static bool counters_command(struct net_control *c, const struct virtio_net_control *head, uint32_t bytes, struct answer *answer)
{
	const struct netdev_ops *ops = c->dev->ops;
	answer->counted = head->class == VIRTIO_NET_CTRL_COUNTERS && head->command == VIRTIO_NET_CTRL_COUNTERS_GET && bytes == 0 && ops->counters &&
			  ops->counters(c->dev, &answer->counters) == 0;
	return answer->counted;
}

uint32_t net_control_answer(struct net_control *c, const struct bh_link *link, const struct ring_chain *chain)
{
	uint8_t command[COMMAND_BYTES], out[1 + sizeof(struct net_counters)];
	struct virtio_net_control head;
	struct answer answer = { .status = VIRTIO_NET_ERR };
	if (chain->count == 0 || !chain->segments[chain->count - 1].write) {
		return 0; /* who wants no answer asks nothing */
	}
	uint32_t bytes = command_read(link, chain, command);
	if (bytes >= sizeof(head)) {
		memcpy(&head, command, sizeof(head));
		bytes -= (uint32_t)sizeof(head);
		if (filter_command(c, &head, command + sizeof(head), bytes) || counters_command(c, &head, bytes, &answer)) {
			answer.status = VIRTIO_NET_OK;
		}
	}
	out[0] = answer.status;
	memcpy(out + 1, &answer.counters, sizeof(answer.counters));
	return answer_write(link, chain, out, answer.counted ? sizeof(out) : 1);
}
