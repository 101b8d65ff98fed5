/* SPDX-License-Identifier: MIT */
/*
 * TCP's segments that follow each other are joined into one frame, which the device cuts again: one frame's cost for many. The joined
 * frame has the first one's headers. A header is looked at where it lies whole, in its packet's first piece.
 */
#ifndef NET_JOIN_H
#define NET_JOIN_H

#include <stdbool.h>
#include <stdint.h>

/* What matters of a segment, or of those joined so far. */
struct segment {
	uint16_t tcp_at, header_bytes; /* tcp_at 0: it cannot be joined */
	uint16_t payload; /* of all of it */
	uint16_t last; /* of the last piece */
	uint16_t piece; /* of each but the last */
	uint32_t next; /* sequence number behind it */
	unsigned count;
	uint8_t flags;
};

/** A frame of so many bytes whose first `have` are at `headers`. tcp_at 0: it is no TCP segment with nothing but data. */
struct segment segment_read(const uint8_t *headers, uint32_t have, uint32_t bytes);
/** Does the second follow the first, with the same headers but for numbers and checksums? */
bool segment_follows(const struct segment *first, const uint8_t *first_headers, const struct segment *second, const uint8_t *headers);
/** It is joined: what the first one's headers and numbers become. */
void segment_join(struct segment *first, uint8_t *first_headers, const struct segment *second);
/** The joined frame's headers, before it goes out: its length, or with `bare` none (component/netdev.h). Returns the length for the pseudo header. */
uint32_t segment_finish(const struct segment *all, uint8_t *headers, uint32_t bytes, bool bare);

#endif
