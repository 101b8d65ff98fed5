/* SPDX-License-Identifier: MIT */
/*
 * A keyed hash, SipHash-2-4 (Aumasson and Bernstein, 2012), and the initial sequence numbers that are made of it and of the clock
 * (RFC 6528): nobody who does not see a connection's packets can guess them.
 */
#include "net/internal.h"

#include "base/string.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "net/lwip/hooks.h"
#include "lwip/ip_addr.h"

static uint64_t key[2]; /* constant once set */

void isn_init(void)
{
	random_bytes(key, sizeof(key));
}

static inline uint64_t turn(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], unsigned count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[1] = turn(v[1], 13) ^ v[0];
		v[0] = turn(v[0], 32);
		v[2] += v[3];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = turn(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = turn(v[1], 17) ^ v[2];
		v[2] = turn(v[2], 32);
	}
}

uint64_t net_hash(const void *data, size_t bytes)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	const uint8_t *at = data;
	for (size_t left = bytes;; left -= 8, at += 8) {
		uint64_t word = left < 8 ? (uint64_t)bytes << 56 : 0;
		memcpy(&word, at, left < 8 ? left : 8);
		v[3] ^= word;
		rounds(v, 2);
		v[0] ^= word;
		if (left < 8) {
			break;
		}
	}
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

unsigned int net_initial_sequence(const void *local, unsigned short local_port, const void *remote, unsigned short remote_port)
{
	const ip_addr_t *l = local, *r = remote;
	struct {
		uint32_t local[4], remote[4];
		uint16_t ports[2];
	} all = { .ports = { local_port, remote_port } };
	memcpy(all.local, IP_IS_V6(l) ? (const void *)ip_2_ip6(l)->addr : ip_2_ip4(l), IP_IS_V6(l) ? 16 : 4);
	memcpy(all.remote, IP_IS_V6(r) ? (const void *)ip_2_ip6(r)->addr : ip_2_ip4(r), IP_IS_V6(r) ? 16 : 4);
	return (unsigned int)(net_hash(&all, sizeof(all)) + time_ns() / 4096);
}
