/* SPDX-License-Identifier: MIT */
/*
 * The firmware's description of AMD I/O virtualization (ACPI table IVRS; AMD 48882, 5.2). Each block's length is checked
 * against the table, each entry's against its block, before a byte of it is read. A table may describe its IOMMUs by
 * blocks of several types, for the sake of old software: those of the highest type that we know count, and the others
 * are passed over (48882, 5.2.2). The functions here return what is wrong, or NULL.
 */
#include "described.h"

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

/* Requests of these IDs arrive under `to`, where that is another. */
static const char *alias(struct iommu_described *d, unsigned first, unsigned last, uint16_t to)
{
	if (first <= last && !(first == last && first == to)) {
		if (d->alias_count == IOMMU_MAX_ALIASES) {
			return "IVRS: too many aliases";
		}
		d->aliases[d->alias_count++] = (struct iommu_described_alias){ (uint16_t)first, (uint16_t)last, to };
	}
	return described_stand(d, first, last, STANDING_TRANSLATED);
}

static const char *entries_parse(struct iommu_described *d, const uint8_t *at, size_t left)
{
	const uint8_t *open = NULL; /* a range was begun by this entry, and not ended */
	const char *wrong = NULL;
	for (size_t length; left > 0 && !wrong; at += length, left -= length) {
		length = entry_length(at, left);
		if (length == 0 || length > left) {
			return "IVRS: a device entry reaches beyond its block";
		}
		uint8_t type = at[0];
		uint16_t id = described_read16(at + 1);
		if (type != ENTRY_PAD && !open != (type != ENTRY_RANGE_END)) {
			return "IVRS: a range of devices has no beginning or no end";
		}
		switch (type) {
		case ENTRY_ALL:
			wrong = described_stand(d, 0, 0xffff, STANDING_TRANSLATED);
			break;
		case ENTRY_SELECT:
		case ENTRY_EXTENDED_SELECT:
			wrong = described_stand(d, id, id, STANDING_TRANSLATED);
			break;
		case ENTRY_ALIAS_SELECT:
			wrong = alias(d, id, id, described_read16(at + 5));
			break;
		case ENTRY_RANGE_START:
		case ENTRY_EXTENDED_START:
		case ENTRY_ALIAS_START:
			open = at;
			break;
		case ENTRY_RANGE_END:
			wrong = open[0] == ENTRY_ALIAS_START ?
				alias(d, described_read16(open + 1), id, described_read16(open + 5)) :
				described_stand(d, described_read16(open + 1), id, STANDING_TRANSLATED);
			open = NULL;
			break;
		case ENTRY_SPECIAL:
			wrong = at[7] == SPECIAL_IOAPIC ? described_ioapic(d, at[4], described_read16(at + 5)) : NULL;
			break;
		} /* others: padding, ACPI devices, types to come */
	}
	return wrong ? wrong : open ? "IVRS: a range of devices is not ended" : NULL;
}

static const char *ivhd_parse(struct iommu_described *d, const uint8_t *block, size_t length)
{
	size_t header = block[0] == IVHD_OLD ? 24 : 40;
	uint64_t registers;
	if (length < header || described_read16(block + 16) != 0) {
		return "IVRS: an IVHD block is too short, or of another PCI segment than 0";
	}
	memcpy(&registers, block + 8, sizeof(registers));
	const char *wrong = registers & 0x3fff ? "IVRS: an IOMMU's registers are out of line" :
						 described_unit(d, registers, described_read16(block + 4), block[1]);
	return wrong ? wrong : entries_parse(d, block + header, length - header);
}

static const char *ivmd_parse(struct iommu_described *d, const uint8_t *block, size_t length)
{
	if (length < IVMD_LENGTH) {
		return "IVRS: an IVMD block is too short";
	}
	unsigned first = block[0] == IVMD_ALL ? 0 : described_read16(block + 4);
	unsigned last = block[0] == IVMD_ALL ? 0xffff : block[0] == IVMD_RANGE ? described_read16(block + 6) : first;
	return described_stand(d, first, last, STANDING_MEMORY);
}

/* What IVHD blocks of this type and IVMD blocks say. */
static const char *blocks_parse(struct iommu_described *d, const uint8_t *table, size_t end, uint8_t type)
{
	const char *wrong = NULL;
	size_t length;
	for (size_t at = FIRST_BLOCK; at < end && !wrong; at += length) {
		const uint8_t *block = table + at;
		length = end - at >= 4 ? described_read16(block + 2) : 0;
		if (length < 4 || length > end - at) {
			return "IVRS: a block reaches beyond the table";
		}
		if (block[0] == type) {
			wrong = ivhd_parse(d, block, length);
		} else if (block[0] >= IVMD_ALL && block[0] <= IVMD_RANGE) {
			wrong = ivmd_parse(d, block, length);
		}
	}
	return wrong;
}

int ivrs_parse(const void *table, size_t length, struct iommu_described *d, const char **why)
{
	static const uint8_t types[] = { 0x40, 0x11, IVHD_OLD };
	const char *wrong = NULL;
	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; i < sizeof(types) && d->unit_count == 0 && !wrong; i++) {
		wrong = blocks_parse(d, table, length, types[i]);
	}
	*why = wrong ? wrong : "IVRS: it describes no IOMMU";
	return wrong || d->unit_count == 0 ? -EBADMSG : 0;
}
