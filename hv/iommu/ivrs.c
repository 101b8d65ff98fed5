/* SPDX-License-Identifier: MIT */
/*
 * See ivrs.h. Each block's length is checked against the table, each entry's against its block, before a byte of it is read.
 * A table may describe its IOMMUs by blocks of several types, for the sake of old software: those of the highest type that we know
 * count, and the others are passed over (48882, 5.2.2).
 */
#include "ivrs.h"

#include "abi/errno.h"
#include "base/string.h"

#define FIRST_BLOCK 48u
#define IVMD_ALL 0x20
#define IVMD_RANGE 0x22
#define IVMD_LENGTH 32u
#define SPECIAL_IOAPIC 1

enum ivhd_entry {
	ENTRY_PAD = 0, ENTRY_ALL = 1, ENTRY_SELECT = 2, ENTRY_RANGE_START = 3, ENTRY_RANGE_END = 4, ENTRY_ALIAS_SELECT = 66,
	ENTRY_ALIAS_START = 67, ENTRY_EXTENDED_SELECT = 70, ENTRY_EXTENDED_START = 71, ENTRY_SPECIAL = 72, ENTRY_ACPI = 240,
};

struct parser {
	struct ivrs *ivrs;
	const char *why;
	uint8_t type; /* of the IVHD blocks that count */
	bool open; /* a range was begun and not ended */
	struct ivrs_range range;
};

/* The table's fields are little-endian at odd places. */
static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static int refuse(struct parser *parser, const char *why)
{
	parser->why = why;
	return -EBADMSG;
}

static int range_add(struct parser *parser, struct ivrs_range range)
{
	struct ivrs *ivrs = parser->ivrs;
	if (range.first > range.last || ivrs->range_count == IVRS_MAX_RANGES) {
		return refuse(parser, range.first > range.last ? "a range of devices ends before it begins" : "too many device entries");
	}
	ivrs->ranges[ivrs->range_count++] = range;
	return 0;
}

static int special_add(struct parser *parser, const uint8_t *entry)
{
	struct ivrs *ivrs = parser->ivrs;
	if (entry[7] != SPECIAL_IOAPIC) {
		return 0; /* an HPET: nobody uses its messages */
	}
	if (ivrs->ioapic_count == IVRS_MAX_IOAPICS) {
		return refuse(parser, "too many I/O APICs");
	}
	ivrs->ioapics[ivrs->ioapic_count++] = read16(entry + 5);
	return 0;
}

/* 0: not one that we know how to pass. Types below 64 are 4 bytes, then 8, 16, 32; an ACPI device carries its own length. */
static size_t entry_length(const uint8_t *entry, size_t left)
{
	if (entry[0] == ENTRY_ACPI) {
		return left >= 22 ? 22u + entry[21] : 0;
	}
	return entry[0] < 240 ? 4u << (entry[0] >> 6) : 0;
}

static int entry_parse(struct parser *parser, const uint8_t *entry)
{
	uint8_t type = entry[0];
	uint16_t id = read16(entry + 1);
	struct ivrs_range one = { .first = id, .last = id };
	if (type != ENTRY_PAD && parser->open != (type == ENTRY_RANGE_END)) {
		return refuse(parser, "a range of devices has no beginning or no end");
	}
	switch (type) {
	case ENTRY_ALL:
		return range_add(parser, (struct ivrs_range){ .first = 0, .last = 0xffff });
	case ENTRY_ALIAS_SELECT:
		one.aliased = read16(entry + 5) != id;
		return range_add(parser, one);
	case ENTRY_SELECT:
	case ENTRY_EXTENDED_SELECT:
		return range_add(parser, one);
	case ENTRY_ALIAS_START:
	case ENTRY_RANGE_START:
	case ENTRY_EXTENDED_START:
		one.aliased = type == ENTRY_ALIAS_START;
		parser->open = true;
		parser->range = one;
		return 0;
	case ENTRY_RANGE_END:
		parser->open = false;
		parser->range.last = id;
		return range_add(parser, parser->range);
	case ENTRY_SPECIAL:
		return special_add(parser, entry);
	default:
		return 0; /* padding, ACPI devices, types to come */
	}
}

static int entries_parse(struct parser *parser, const uint8_t *at, size_t left)
{
	for (size_t length; left > 0; at += length, left -= length) {
		length = entry_length(at, left);
		if (length == 0 || length > left) {
			return refuse(parser, "a device entry reaches beyond its block");
		}
		int error = entry_parse(parser, at);
		if (error < 0) {
			return error;
		}
	}
	return parser->open ? refuse(parser, "a range of devices is not ended") : 0;
}

static int ivhd_parse(struct parser *parser, const uint8_t *block, size_t length)
{
	struct ivrs *ivrs = parser->ivrs;
	size_t header = block[0] == 0x10 ? 24 : 40;
	if (length < header || read16(block + 16) != 0 || ivrs->unit_count == IVRS_MAX_UNITS) {
		return refuse(parser, length < header ? "an IVHD block is shorter than its header" :
						       "an IOMMU outside PCI segment 0, or too many of them");
	}
	struct ivrs_unit *unit = &ivrs->units[ivrs->unit_count++];
	unit->flags = block[1];
	unit->bdf = read16(block + 4);
	memcpy(&unit->registers, block + 8, sizeof(unit->registers));
	if (unit->registers == 0 || unit->registers & 0x3fff) {
		return refuse(parser, "an IOMMU has no valid register address");
	}
	return entries_parse(parser, block + header, length - header);
}

static int ivmd_parse(struct parser *parser, const uint8_t *block, size_t length)
{
	struct ivrs_range range = { .last = 0xffff, .memory = true };
	if (length < IVMD_LENGTH) {
		return refuse(parser, "an IVMD block is too short");
	}
	if (block[0] != IVMD_ALL) {
		range.first = read16(block + 4);
		range.last = block[0] == IVMD_RANGE ? read16(block + 6) : range.first;
	}
	return range_add(parser, range);
}

static int block_parse(struct parser *parser, const uint8_t *block, size_t length)
{
	if (block[0] == parser->type) {
		return ivhd_parse(parser, block, length);
	}
	return block[0] >= IVMD_ALL && block[0] <= IVMD_RANGE ? ivmd_parse(parser, block, length) : 0;
}

/* First pass: only which type counts. Second: what the blocks say. */
static int blocks_parse(struct parser *parser, const uint8_t *table, size_t end, bool first)
{
	size_t length;
	for (size_t at = FIRST_BLOCK; at < end; at += length) {
		const uint8_t *block = table + at;
		length = end - at >= 4 ? read16(block + 2) : 0;
		if (length < 4 || length > end - at) {
			return refuse(parser, "a block reaches beyond the table");
		}
		bool known = block[0] == 0x10 || block[0] == 0x11 || block[0] == 0x40;
		if (first && known && block[0] > parser->type) {
			parser->type = block[0];
		}
		int error = first ? 0 : block_parse(parser, block, length);
		if (error < 0) {
			return error;
		}
	}
	return 0;
}

int ivrs_parse(const void *table, size_t length, struct ivrs *ivrs, const char **why)
{
	struct parser parser = { .ivrs = ivrs, .why = "it describes no IOMMU" };
	memset(ivrs, 0, sizeof(*ivrs));
	int error = blocks_parse(&parser, table, length, true);
	if (error == 0) {
		error = blocks_parse(&parser, table, length, false);
	}
	*why = parser.why;
	return error == 0 && ivrs->unit_count == 0 ? -EBADMSG : error;
}

enum ivrs_standing ivrs_look_up(const struct ivrs *ivrs, uint16_t bdf)
{
	enum ivrs_standing standing = IVRS_UNKNOWN;
	for (const struct ivrs_range *range = ivrs->ranges; range < ivrs->ranges + ivrs->range_count; range++) {
		enum ivrs_standing here = range->memory ? IVRS_MEMORY : range->aliased ? IVRS_ALIASED : IVRS_TRANSLATED;
		if (bdf >= range->first && bdf <= range->last && here > standing) {
			standing = here;
		}
	}
	return standing;
}
