/* SPDX-License-Identifier: MIT */
/* See join.h. Ethernet II, IPv4 without options (RFC 791) or IPv6 without extensions (RFC 8200), TCP (RFC 9293). */
#include "net/join.h"

#include "base/big_endian.h"
#include "base/string.h"
#include "net/lwip/hooks.h"

#define IP_AT 14u
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define TCP_LEAST 20u
enum { TCP_PSH = 8, TCP_ACK = 0x10 };

/* A few bytes of a known number: words compared in line. */
#define is_same(a, b, bytes) (__builtin_memcmp(a, b, bytes) == 0)

static bool is_v6(const uint8_t *headers)
{
	return get16(headers + 12) == 0x86dd;
}

/* Bytes of the IP packet as its header has them; 0: it has something that is not known here. */
static uint32_t ip_bytes(const uint8_t *headers, uint32_t have)
{
	const uint8_t *ip = headers + IP_AT;
	if (have < IP_AT + IP4_BYTES) {
		return 0;
	}
	if (is_v6(headers)) {
		return have >= IP_AT + IP6_BYTES && ip[6] == 6 ? IP6_BYTES + get16(ip + 4) : 0;
	}
	return get16(headers + 12) == 0x0800 && ip[0] == 0x45 && ip[9] == 6 && (get16(ip + 6) & 0x3fff) == 0 ? get16(ip + 2) : 0;
}

struct segment segment_read(const uint8_t *headers, uint32_t have, uint32_t bytes)
{
	struct segment none = { 0 };
	uint32_t whole = ip_bytes(headers, have), at = IP_AT + (whole && is_v6(headers) ? IP6_BYTES : IP4_BYTES);
	if (!whole || whole + IP_AT != bytes || have < at + TCP_LEAST) {
		return none;
	}
	const uint8_t *tcp = headers + at;
	uint32_t header_bytes = at + (tcp[12] >> 4) * 4u;
	if (header_bytes < at + TCP_LEAST || header_bytes > have || header_bytes >= bytes || (tcp[13] & ~TCP_PSH) != TCP_ACK) {
		return none;
	}
	uint32_t sequence = (uint32_t)get16(tcp + 4) << 16 | get16(tcp + 6);
	uint16_t payload = (uint16_t)(bytes - header_bytes), piece = get16(tcp + 18); /* segments.c */
	piece = piece && piece < payload ? piece : payload;
	unsigned before = (payload - 1u) / piece;
	return (struct segment){ .tcp_at = (uint16_t)at, .header_bytes = (uint16_t)header_bytes, .payload = payload, .piece = piece,
		.last = (uint16_t)(payload - before * piece), .next = sequence + payload, .count = before + 1, .flags = tcp[13] };
}

static bool ip_same(const uint8_t *a, const uint8_t *b)
{
	if (is_v6(a)) { /* all but the length */
		return is_same(a, b, 4) && is_same(a + IP_AT, b + IP_AT, 4) && is_same(a + IP_AT + 6, b + IP_AT + 6, 2) &&
		       is_same(a + IP_AT + 8, b + IP_AT + 8, 16) && is_same(a + IP_AT + 24, b + IP_AT + 24, 16);
	}
	/* all but length, identification and checksum */
	return is_same(a + IP_AT, b + IP_AT, 2) && is_same(a + IP_AT + 6, b + IP_AT + 6, 4) && is_same(a + IP_AT + 12, b + IP_AT + 12, 8);
}

bool segment_follows(const struct segment *first, const uint8_t *first_headers, const struct segment *second, const uint8_t *headers)
{
	if (!first->tcp_at || first->tcp_at != second->tcp_at || first->header_bytes != second->header_bytes ||
	    first->last != first->piece || second->piece > first->piece || (second->count > 1 && second->piece != first->piece) ||
	    second->next - second->payload != first->next) {
		return false;
	}
	const uint8_t *a = first_headers + first->tcp_at, *b = headers + first->tcp_at;
	unsigned options = first->header_bytes - first->tcp_at - TCP_LEAST;
	return is_same(first_headers, headers, IP_AT) && ip_same(first_headers, headers) && is_same(a, b, 4) /* ports */ &&
	       is_same(a + 8, b + 8, 4) /* acknowledgement */ && is_same(a + 14, b + 14, 2) /* window */ &&
	       (!options || memcmp(a + TCP_LEAST, b + TCP_LEAST, options) == 0);
}

void segment_join(struct segment *first, uint8_t *first_headers, const struct segment *second)
{
	first->last = second->last;
	first->next = second->next;
	first->count += second->count;
	first->flags |= second->flags;
	first_headers[first->tcp_at + 13] = first->flags;
}

uint32_t segment_finish(const struct segment *all, uint8_t *headers, uint32_t bytes, bool bare)
{
	uint8_t *ip = headers + IP_AT;
	if (is_v6(headers)) {
		put16(ip + 4, bare ? 0 : bytes - IP_AT - IP6_BYTES);
	} else {
		put16(ip + 2, bare ? 0 : bytes - IP_AT);
		put16(ip + 10, 0);
		uint16_t sum = bare ? 0 : (uint16_t)~net_checksum(ip, IP4_BYTES);
		memcpy(ip + 10, &sum, sizeof(sum));
	}
	return bare ? 0 : bytes - all->tcp_at;
}
