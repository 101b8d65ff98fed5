/* SPDX-License-Identifier: MIT */
/*
 * The numbers that fragments of one packet have in common (RFC 791, 3.2; RFC 8200, 4.5). lwIP counts them from nothing on: after a restart
 * they would be the same again, and a peer would put new fragments to those of before that it waits for, and drop both; and
 * anyone could guess them (RFC 7739). So what lwIP counts goes on from a number that is a keyed hash of the destination. lwIP puts
 * the header of a fragment into a buffer of its own; a program's own header (a raw socket's) lies before its payload, and is left alone.
 */
#include "net/internal.h"

#include "base/big_endian.h"

#define IP4_BYTES 20u
#define IP4_NUMBER 4
#define IP4_FRAGMENT 6
#define IP4_SUM 10
#define IP4_TO 16
#define IP6_BYTES 40u
#define IP6_NEXT 6
#define IP6_TO 24
#define FRAGMENT_BYTES 8u
#define FRAGMENT_NUMBER (IP6_BYTES + 4)
#define FRAGMENT_HEADER 44

void fragment_number4(uint8_t *header, uint32_t bytes)
{
	if (bytes != IP4_BYTES || !(get16(header + IP4_FRAGMENT) & 0x3fff)) { /* more of them, or not the first */
		return;
	}
	uint32_t before = get16(header + IP4_NUMBER), after = (before + (uint32_t)net_hash(header + IP4_TO, 4)) & 0xffff;
	uint32_t sum = (~get16(header + IP4_SUM) & 0xffffu) + (~before & 0xffffu) + after; /* RFC 1624 */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(header + IP4_NUMBER, (uint16_t)after);
	put16(header + IP4_SUM, (uint16_t)~sum);
}

void fragment_number6(uint8_t *header, uint32_t bytes)
{
	if (bytes == IP6_BYTES + FRAGMENT_BYTES && header[IP6_NEXT] == FRAGMENT_HEADER) {
		put32(header + FRAGMENT_NUMBER, get32(header + FRAGMENT_NUMBER) + (uint32_t)net_hash(header + IP6_TO, 16));
	}
}
