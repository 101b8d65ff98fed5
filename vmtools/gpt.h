/* SPDX-License-Identifier: MIT */
/*
 * Partition tables of a disk that BIOS and UEFI boot: a protective MBR, GPT header and entries, and their copy at the disk's end
 * (UEFI specification 2.10, 5.2.3 and 5.3). The first entries need not follow the header: what lies between may belong to somebody else.
 */
#ifndef VMTOOLS_GPT_H
#define VMTOOLS_GPT_H

#include <stdint.h>

#define GPT_SECTOR 512u
#define GPT_ENTRIES 128u
#define GPT_ENTRY_SIZE 128u
#define GPT_ENTRIES_SECTORS (GPT_ENTRIES * GPT_ENTRY_SIZE / GPT_SECTOR)

enum gpt_type { GPT_ESP, GPT_BIOS_BOOT };

struct gpt_partition {
	enum gpt_type type;
	const char *name; /* ASCII, at most 36 */
	uint64_t first, last; /* sectors */
	uint8_t guid[16];
};

struct gpt_disk {
	uint64_t sectors; /* all; the copy takes the last 33 */
	uint64_t entries; /* sector of the first entries, 2 or later */
	uint64_t first_usable;
	uint8_t guid[16];
	const struct gpt_partition *partitions;
	unsigned partition_count;
};

struct gpt_tables {
	uint8_t header[GPT_SECTOR]; /* for sector 1 */
	uint8_t copy[GPT_SECTOR]; /* for the last sector; its entries end before it */
	uint8_t entries[GPT_ENTRIES * GPT_ENTRY_SIZE]; /* for both places */
	uint8_t protective[64]; /* the MBR's partition table, for byte 446 of sector 0, before the signature 55 aa */
};

void gpt_make(const struct gpt_disk *disk, struct gpt_tables *tables);

#endif
