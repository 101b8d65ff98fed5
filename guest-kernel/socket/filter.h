/* SPDX-License-Identifier: MIT */
/*
 * Socket filters (SO_ATTACH_FILTER in socket(7)): programs for a machine with an accumulator A, an index X and 16 words of memory, which
 * say of a packet how much of it a socket is to get (S. McCanne, V. Jacobson: The BSD Packet Filter, 1993), with Linux's loads of what
 * is not in the packet itself. A program is checked once, before anybody runs it: jumps go forward and end within it, its last
 * instruction returns, memory is written before it is read. So it ends, and touches nothing but the packet and its own words.
 */
#ifndef SOCKET_FILTER_H
#define SOCKET_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/epoch.h"

#define FILTER_LENGTH_MAX 4096u /* instructions */
#define FILTER_WORDS 16u
#define FILTER_ALL UINT32_MAX

struct filter_instruction { /* struct sock_filter */
	uint16_t code;
	uint8_t if_true, if_false;
	uint32_t k;
};

struct filter {
	struct epoch_link epoch;
	uint32_t length;
	struct filter_instruction code[];
};

/* Offset 0 of the program is at `base`; offsets count in what `read` reads. */
struct filter_packet {
	/** [at, at + bytes), which lie before `end`. */
	void (*read)(const void *from, uint32_t at, void *to, uint32_t bytes);
	const void *from;
	uint32_t base, end;
	uint32_t link, network; /* where SKF_LL_OFF and SKF_NET_OFF are */
	uint16_t protocol, hardware; /* an EtherType; ARPHRD_* */
	uint8_t kind; /* PACKET_HOST, ... */
	uint32_t interface, mark;
};

/** May it be run? -EINVAL. `written`: room for `length` words, for the check alone. */
int filter_check(const struct filter_instruction *code, uint32_t length, uint16_t *written);
/** How many bytes from `base` on are wanted, FILTER_ALL perhaps; 0: none of it. Only what was checked. */
uint32_t filter_run(const struct filter_instruction *code, const struct filter_packet *packet);

/* filter_options.c */
struct socket;
/** SO_ATTACH_FILTER and its kin: 0, or a negative error. */
bool filter_option(int option);
int filter_option_set(struct socket *s, int option, uint64_t user, int length);
int filter_option_get(struct socket *s, int option, uint64_t user, uint64_t user_length);
/** What the socket's filter says, which may be exchanged meanwhile; FILTER_ALL if it has none. */
uint32_t socket_filter_run(const struct socket *s, const struct filter_packet *packet);

#endif
