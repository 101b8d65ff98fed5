/* SPDX-License-Identifier: MIT */
/*
 * See ivrs.h. Each block's length is checked against the table, each entry's against its block, before a byte of it is read.
 * An IOMMU may be described by blocks of several types for the sake of old software: the highest type that we know counts, and the
 * entries of the others are dropped (48882, 5.2.2).
 */
#include "ivrs.h"

#include "abi/errno.h"
#include "base/string.h"

#define IVRS_FIRST_BLOCK 48u

#define IVMD_ALL 0x20
#define IVMD_SELECT 0x21
#define IVMD_RANGE 0x22
#define IVMD_LENGTH 32u

enum ivhd_entry {
	ENTRY_PAD = 0, ENTRY_ALL = 1, ENTRY_SELECT = 2, ENTRY_RANGE_START = 3, ENTRY_RANGE_END = 4, ENTRY_ALIAS_SELECT = 66,
	ENTRY_ALIAS_START = 67, ENTRY_EXTENDED_SELECT = 70, ENTRY_EXTENDED_START = 71, ENTRY_SPECIAL = 72, ENTRY_ACPI = 240,
};

/* The table's fields are little-endian at odd places. */
struct block {
	const uint8_t *at;
	size_t length;
};

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint64_t read64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

struct parser {
	struct ivrs *ivrs;
	const char *why;
	bool open; /* a range was begun and not ended */
	struct ivrs_range range;
};

static int refuse(struct parser *parser, int error, const char *why)
{
	parser->why = why;
	return error;
}

static int range_add(struct parser *parser, struct ivrs_range range)
{
	struct ivrs *ivrs = parser->ivrs;
	if (range.first > range.last) {
		return refuse(parser, -EBADMSG, "a range of devices ends before it begins");
	}
	if (ivrs->range_count == IVRS_MAX_RANGES) {
		return refuse(parser, -ENOSPC, "more device entries than there is room for");
	}
	ivrs->ranges[ivrs->range_count++] = range;
	return 0;
}

static int special_add(struct parser *parser, const uint8_t *entry)
{
	struct ivrs *ivrs = parser->ivrs;
	struct ivrs_special special = { .requester = read16(entry + 5), .handle = entry[4], .variety = entry[7] };
	if (ivrs->special_count == IVRS_MAX_SPECIALS) {
		return refuse(parser, -ENOSPC, "more special devices than there is room for");
	}
	ivrs->specials[ivrs->special_count++] = special;
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
	uint16_t id = read16(entry + 1);
	struct ivrs_range one = { .first = id, .last = id };
	if (parser->open && entry[0] != ENTRY_RANGE_END && entry[0] != ENTRY_PAD) {
		return refuse(parser, -EBADMSG, "a range of devices is not ended");
	}
	switch (entry[0]) {
	case ENTRY_ALL:
		one.first = 0;
		one.last = 0xffff;
		return range_add(parser, one);
	case ENTRY_ALIAS_SELECT:
		one.aliased = read16(entry + 5) != id;
		return range_add(parser, one);
	case ENTRY_SELECT:
	case ENTRY_EXTENDED_SELECT:
		return range_add(parser, one);
	case ENTRY_ALIAS_START:
		one.aliased = true;
		/* fall through */
	case ENTRY_RANGE_START:
	case ENTRY_EXTENDED_START:
		parser->open = true;
		parser->range = one;
		return 0;
	case ENTRY_RANGE_END:
		if (!parser->open) {
			return refuse(parser, -EBADMSG, "a range of devices ends that did not begin");
		}
		parser->open = false;
		parser->range.last = id;
		return range_add(parser, parser->range);
	case ENTRY_SPECIAL:
		return special_add(parser, entry);
	default:
		return 0; /* padding, ACPI devices, types to come */
	}
}

static int entries_parse(struct parser *parser, struct block entries)
{
	while (entries.length > 0) {
		size_t length = entry_length(entries.at, entries.length);
		if (length == 0 || length > entries.length) {
			return refuse(parser, -EBADMSG, "a device entry reaches beyond its block");
		}
		int error = entry_parse(parser, entries.at);
		if (error < 0) {
			return error;
		}
		entries.at += length;
		entries.length -= length;
	}
	return parser->open ? refuse(parser, -EBADMSG, "a range of devices is not ended") : 0;
}

/* The unit that this block describes, new or known; its entries are taken again where a better block comes. */
static struct ivrs_unit *unit_of(struct ivrs *ivrs, uint16_t bdf)
{
	for (unsigned i = 0; i < ivrs->unit_count; i++) {
		if (ivrs->units[i].bdf == bdf) {
			return &ivrs->units[i];
		}
	}
	if (ivrs->unit_count == IVRS_MAX_UNITS) {
		return NULL;
	}
	ivrs->units[ivrs->unit_count] = (struct ivrs_unit){ .bdf = bdf };
	return &ivrs->units[ivrs->unit_count++];
}

static bool is_ivhd(uint8_t type)
{
	return type == 0x10 || type == 0x11 || type == 0x40;
}

static size_t ivhd_header(uint8_t type)
{
	return type == 0x10 ? 24 : 40;
}

static int unit_parse(struct parser *parser, struct block block)
{
	if (block.length < ivhd_header(block.at[0])) {
		return refuse(parser, -EBADMSG, "an IVHD block is shorter than its header");
	}
	if (read16(block.at + 16) != 0) {
		return refuse(parser, -EBADMSG, "an IOMMU outside PCI segment 0");
	}
	struct ivrs_unit *unit = unit_of(parser->ivrs, read16(block.at + 4));
	if (!unit) {
		return refuse(parser, -ENOSPC, "more IOMMUs than there is room for");
	}
	if (block.at[0] >= unit->kind) {
		unit->kind = block.at[0];
		unit->flags = block.at[1];
		unit->registers = read64(block.at + 8);
	}
	return unit->registers == 0 || unit->registers & 0x3fff ? refuse(parser, -EBADMSG, "an IOMMU has no valid register address") : 0;
}

static int unit_entries_parse(struct parser *parser, struct block block)
{
	struct ivrs_unit *unit = unit_of(parser->ivrs, read16(block.at + 4));
	size_t header = ivhd_header(block.at[0]);
	if (unit->kind != block.at[0]) {
		return 0;
	}
	return entries_parse(parser, (struct block){ block.at + header, block.length - header });
}

static int memory_parse(struct parser *parser, struct block block)
{
	struct ivrs_range range = { .last = 0xffff, .memory = true };
	if (block.length < IVMD_LENGTH) {
		return refuse(parser, -EBADMSG, "an IVMD block is too short");
	}
	if (block.at[0] != IVMD_ALL) {
		range.first = read16(block.at + 4);
		range.last = block.at[0] == IVMD_RANGE ? read16(block.at + 6) : range.first;
	}
	return range_add(parser, range);
}

/* First pass: which IOMMUs there are and which block type counts for each. Second: the entries. */
static int block_parse(struct parser *parser, struct block block, bool entries)
{
	uint8_t type = block.at[0];
	if (is_ivhd(type)) {
		return entries ? unit_entries_parse(parser, block) : unit_parse(parser, block);
	}
	if (entries && type >= IVMD_ALL && type <= IVMD_RANGE) {
		return memory_parse(parser, block);
	}
	return 0;
}

static int blocks_parse(struct parser *parser, struct block table, bool entries)
{
	size_t length;
	for (size_t at = IVRS_FIRST_BLOCK; at < table.length; at += length) {
		length = table.length - at >= 4 ? read16(table.at + at + 2) : 0;
		if (length < 4 || length > table.length - at) {
			return refuse(parser, -EBADMSG, "a block reaches beyond the table");
		}
		int error = block_parse(parser, (struct block){ table.at + at, length }, entries);
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
	int error = blocks_parse(&parser, (struct block){ table, length }, false);
	if (error == 0) {
		error = blocks_parse(&parser, (struct block){ table, length }, true);
	}
	if (error == 0 && ivrs->unit_count == 0) {
		error = -EBADMSG;
	}
	*why = parser.why;
	return error;
}

enum ivrs_standing ivrs_look_up(const struct ivrs *ivrs, uint16_t bdf)
{
	enum ivrs_standing standing = IVRS_UNKNOWN;
	for (unsigned i = 0; i < ivrs->range_count; i++) {
		const struct ivrs_range *range = &ivrs->ranges[i];
		if (bdf < range->first || bdf > range->last) {
			continue;
		}
		if (range->memory) {
			return IVRS_MEMORY;
		}
		if (range->aliased) {
			standing = IVRS_ALIASED;
		} else if (standing == IVRS_UNKNOWN) {
			standing = IVRS_TRANSLATED;
		}
	}
	return standing;
}
