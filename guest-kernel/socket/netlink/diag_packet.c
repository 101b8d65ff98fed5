/* SPDX-License-Identifier: MIT */
/* NETLINK_SOCK_DIAG's list of the sockets of AF_PACKET (linux/packet_diag.h), for ss(8) -0. */
#include "socket/netlink/netlink.h"

#include "base/string.h"
#include "net/net.h"
#include "socket/filter.h"
#include "socket/packet/packet.h"

enum { SOCK_DIAG_BY_FAMILY = 20 };
enum { DIAG_INFO = 0, DIAG_UID = 5, DIAG_MEMORY = 6, DIAG_FILTER = 7 };
enum { SHOW_INFO = 1, SHOW_MEMORY = 16, SHOW_FILTER = 32 };
enum { IS_RUNNING = 1, HAS_AUXILIARY = 2, HAS_ORIGINAL_DEVICE = 4 };

struct packet_body { /* struct packet_diag_req */
	uint8_t family, protocol;
	uint16_t zero;
	uint32_t inode, show, cookie[2];
};
struct packet_told { /* struct packet_diag_msg */
	uint8_t family, type;
	uint16_t protocol;
	uint32_t inode, cookie[2];
};
struct packet_details { /* struct packet_diag_info */
	uint32_t interface, version, reserve, copy_threshold, stamp, flags;
};
struct packet_dump {
	struct answer *answer;
	uint32_t show;
};

static void filter_put(struct answer *a, const struct packet_socket *s)
{
	epoch_enter();
	const struct filter *filter = __atomic_load_n(&s->base.filter, __ATOMIC_ACQUIRE);
	if (filter) {
		answer_attribute(a, DIAG_FILTER, filter->code, filter->length * sizeof(filter->code[0]));
	}
	epoch_exit();
}

static void packet_put_one(void *context, const struct packet_socket *s)
{
	const struct packet_dump *dump = context;
	struct answer *a = dump->answer;
	struct packet_told out = { .family = AF_PACKET, .type = (uint8_t)s->base.type, .protocol = s->protocol, .inode = (uint32_t)socket_inode(&s->base) };
	memcpy(out.cookie, &s->base.cookie, sizeof(out.cookie));
	answer_begin(a, SOCK_DIAG_BY_FAMILY, &out, sizeof(out));
	if (dump->show & SHOW_INFO) {
		struct packet_details details = { .interface = s->interface, .version = (uint32_t)s->version, .reserve = s->reserve,
			.flags = (s->protocol ? IS_RUNNING : 0) | (s->want_auxiliary ? HAS_AUXILIARY : 0) |
				 (s->original_device ? HAS_ORIGINAL_DEVICE : 0) };
		answer_attribute(a, DIAG_INFO, &details, sizeof(details));
		answer_u32(a, DIAG_UID, s->uid);
	}
	if (dump->show & SHOW_MEMORY) {
		diag_memory_put(a, DIAG_MEMORY, &s->base, s->charge, 0, s->drops);
	}
	if (dump->show & SHOW_FILTER) {
		filter_put(a, s);
	}
}

int diag_packet_request(struct answer *a, const char *body, const char *end)
{
	struct packet_body wanted = { 0 };
	size_t bytes = (size_t)(end - body) < sizeof(wanted) ? (size_t)(end - body) : sizeof(wanted);
	memcpy(&wanted, body, bytes);
	if (wanted.protocol) {
		return -EINVAL; /* as Linux */
	}
	struct packet_dump dump = { .answer = a, .show = wanted.show };
	a->multi = true;
	net_lock();
	packet_each(packet_put_one, &dump);
	net_unlock();
	return 0;
}
