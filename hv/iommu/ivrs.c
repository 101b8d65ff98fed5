/* SPDX-License-Identifier: MIT */
/*
 * See ivrs.h. Each block's length is checked against the table, each entry's against its block, before a byte of it
 * is read. A table may describe its IOMMUs by blocks of several types, for the sake of old software: those of the
 * highest type that we know count, and the others are passed over (48882, 5.2.2). The functions here return what is
 * wrong, or NULL.
 */
#include "ivrs.h"

#include "abi/errno.h"
#include "base/string.h"

#define FIRST_BLOCK 48u
#define IVHD_OLD 0x10 /* its header is shorter than the later types' */
#define IVMD_ALL 0x20
#define IVMD_RANGE 0x22
#define IVMD_LENGTH 32u
#define SPECIAL_IOAPIC 1

enum ivhd_entry {
	ENTRY_PAD = 0, ENTRY_ALL = 1, ENTRY_SELECT = 2, ENTRY_RANGE_START = 3, ENTRY_RANGE_END = 4,
	ENTRY_ALIAS_SELECT = 66, ENTRY_ALIAS_START = 67, ENTRY_EXTENDED_SELECT = 70, ENTRY_EXTENDED_START = 71,
	ENTRY_SPECIAL = 72, ENTRY_ACPI = 240,
};

/* The table's fields are little-endian at odd places. */
static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static const char *stand(struct ivrs *ivrs, unsigned first, unsigned last, enum ivrs_standing standing)
{
	for (unsigned id = first; id <= last; id++) {
		if (ivrs->standing[id] < standing) {
			ivrs->standing[id] = (uint8_t)standing;
		}
	}
	return first > last ? "IVRS: a range of devices ends before it begins" : NULL;
}

/*
 * 0: not one that we know how to pass. Types below 64 are 4 bytes, then 8, 16, 32; an ACPI device carries its own
 * length.
 */
static size_t entry_length(const uint8_t *entry, size_t left)
{
	if (entry[0] == ENTRY_ACPI) {
		return left >= 22 ? 22u + entry[21] : 0;
	}
	return entry[0] < 240 ? 4u << (entry[0] >> 6) : 0;
}

static const char *entries_parse(struct ivrs *ivrs, const uint8_t *at, size_t left)
{
	bool open = false; /* a range was begun, and not ended: */
	unsigned first = 0;
	enum ivrs_standing standing = IVRS_UNKNOWN;
	const char *wrong = NULL;
	for (size_t length; left > 0 && !wrong; at += length, left -= length) {
		length = entry_length(at, left);
		if (length == 0 || length > left) {
			return "IVRS: a device entry reaches beyond its block";
		}
		uint8_t type = at[0];
		unsigned id = read16(at + 1);
		if (type != ENTRY_PAD && open != (type == ENTRY_RANGE_END)) {
			return "IVRS: a range of devices has no beginning or no end";
		}
		switch (type) {
		case ENTRY_ALL:
			stand(ivrs, 0, 0xffff, IVRS_TRANSLATED);
			break;
		case ENTRY_SELECT:
		case ENTRY_EXTENDED_SELECT:
			stand(ivrs, id, id, IVRS_TRANSLATED);
			break;
		case ENTRY_ALIAS_SELECT:
			stand(ivrs, id, id, read16(at + 5) != id ? IVRS_ALIASED : IVRS_TRANSLATED);
			break;
		case ENTRY_RANGE_START:
		case ENTRY_EXTENDED_START:
		case ENTRY_ALIAS_START:
			open = true;
			first = id;
			standing = type == ENTRY_ALIAS_START ? IVRS_ALIASED : IVRS_TRANSLATED;
			break;
		case ENTRY_RANGE_END:
			open = false;
			wrong = stand(ivrs, first, id, standing);
			break;
		case ENTRY_SPECIAL:
			if (at[7] == SPECIAL_IOAPIC && ivrs->ioapic_count == IVRS_MAX_IOAPICS) {
				return "IVRS: too many I/O APICs";
			}
			if (at[7] == SPECIAL_IOAPIC) {
				ivrs->ioapics[ivrs->ioapic_count++] = read16(at + 5);
			}
			break;
		} /* others: padding, ACPI devices, types to come */
	}
	return wrong ? wrong : open ? "IVRS: a range of devices is not ended" : NULL;
}

static const char *ivhd_parse(struct ivrs *ivrs, const uint8_t *block, size_t length)
{
	size_t header = block[0] == IVHD_OLD ? 24 : 40;
	if (length < header || read16(block + 16) != 0 || ivrs->unit_count == IVRS_MAX_UNITS) {
		return "IVRS: an IVHD block is too short, or one too many, or of another PCI segment than 0";
	}
	struct ivrs_unit *unit = &ivrs->units[ivrs->unit_count++];
	unit->flags = block[1];
	unit->bdf = read16(block + 4);
	memcpy(&unit->registers, block + 8, sizeof(unit->registers));
	if (unit->registers == 0 || unit->registers & 0x3fff) {
		return "IVRS: an IOMMU has no valid register address";
	}
	return entries_parse(ivrs, block + header, length - header);
}

static const char *ivmd_parse(struct ivrs *ivrs, const uint8_t *block, size_t length)
{
	if (length < IVMD_LENGTH) {
		return "IVRS: an IVMD block is too short";
	}
	unsigned first = block[0] == IVMD_ALL ? 0 : read16(block + 4);
	unsigned last = block[0] == IVMD_ALL ? 0xffff : block[0] == IVMD_RANGE ? read16(block + 6) : first;
	return stand(ivrs, first, last, IVRS_MEMORY);
}

/* What IVHD blocks of this type and IVMD blocks say. */
static const char *blocks_parse(struct ivrs *ivrs, const uint8_t *table, size_t end, uint8_t type)
{
	const char *wrong = NULL;
	size_t length;
	for (size_t at = FIRST_BLOCK; at < end && !wrong; at += length) {
		const uint8_t *block = table + at;
		length = end - at >= 4 ? read16(block + 2) : 0;
		if (length < 4 || length > end - at) {
			return "IVRS: a block reaches beyond the table";
		}
		if (block[0] == type) {
			wrong = ivhd_parse(ivrs, block, length);
		} else if (block[0] >= IVMD_ALL && block[0] <= IVMD_RANGE) {
			wrong = ivmd_parse(ivrs, block, length);
		}
	}
	return wrong;
}

int ivrs_parse(const void *table, size_t length, struct ivrs *ivrs, const char **why)
{
	static const uint8_t types[] = { 0x40, 0x11, IVHD_OLD };
	const char *wrong = NULL;
	memset(ivrs, 0, sizeof(*ivrs));
	for (unsigned i = 0; i < sizeof(types) && ivrs->unit_count == 0 && !wrong; i++) {
		wrong = blocks_parse(ivrs, table, length, types[i]);
	}
	*why = wrong ? wrong : "IVRS: it describes no IOMMU";
	return wrong || ivrs->unit_count == 0 ? -EBADMSG : 0;
}
