/* SPDX-License-Identifier: MIT */
/* See gpt.h. Fields are little-endian, as this host is; checksums are CRC-32 over the bytes with the checksum itself as 0. */
#include "gpt.h"

#include <stdbool.h>
#include <string.h>

#include "base/crc32.h"

#define REVISION 0x00010000u
#define MBR_TYPE_GPT 0xee

struct header {
	char signature[8];
	uint32_t revision, size, crc, reserved;
	uint64_t self, other, first_usable, last_usable;
	uint8_t guid[16];
	uint64_t entries;
	uint32_t entry_count, entry_size, entries_crc;
} __attribute__((packed));

struct entry {
	uint8_t type[16], guid[16];
	uint64_t first, last, attributes;
	uint16_t name[36];
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 92 && sizeof(struct entry) == GPT_ENTRY_SIZE, "the specification's sizes");

/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B and GRUB's 21686148-6449-6E6F-744E-656564454649, the first three parts little-endian. */
static const uint8_t types[][16] = {
	[GPT_ESP] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b },
	[GPT_BIOS_BOOT] = { 'H', 'a', 'h', '!', 'I', 'd', 'o', 'n', 't', 'N', 'e', 'e', 'd', 'E', 'F', 'I' },
};

static void entry_make(const struct gpt_partition *partition, void *to)
{
	struct entry entry = { .first = partition->first, .last = partition->last };
	memcpy(entry.type, types[partition->type], 16);
	memcpy(entry.guid, partition->guid, 16);
	for (unsigned i = 0; i < 36 && partition->name[i]; i++) {
		entry.name[i] = (uint8_t)partition->name[i];
	}
	memcpy(to, &entry, sizeof(entry));
}

static void header_make(const struct gpt_disk *disk, const struct gpt_tables *tables, bool is_copy, void *to)
{
	struct header header = {
		.signature = { 'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T' }, .revision = REVISION, .size = sizeof(header),
		.self = is_copy ? disk->sectors - 1 : 1, .other = is_copy ? 1 : disk->sectors - 1,
		.first_usable = disk->first_usable, .last_usable = disk->sectors - 2 - GPT_ENTRIES_SECTORS,
		.entries = is_copy ? disk->sectors - 1 - GPT_ENTRIES_SECTORS : disk->entries,
		.entry_count = GPT_ENTRIES, .entry_size = GPT_ENTRY_SIZE, .entries_crc = crc32_update(0, tables->entries, sizeof(tables->entries)),
	};
	memcpy(header.guid, disk->guid, 16);
	header.crc = crc32_update(0, &header, sizeof(header));
	memcpy(to, &header, sizeof(header));
}

void gpt_make(const struct gpt_disk *disk, struct gpt_tables *tables)
{
	/* Not active; from cylinder 0, head 0, sector 2 to where such numbers end; from sector 1 on. */
	static const uint8_t protective[] = { 0, 0, 2, 0, MBR_TYPE_GPT, 0xff, 0xff, 0xff, 1, 0, 0, 0 };
	uint32_t size = disk->sectors - 1 < UINT32_MAX ? (uint32_t)(disk->sectors - 1) : UINT32_MAX;
	memset(tables, 0, sizeof(*tables));
	memcpy(tables->protective, protective, sizeof(protective));
	memcpy(tables->protective + sizeof(protective), &size, sizeof(size));
	for (unsigned i = 0; i < disk->partition_count; i++) {
		entry_make(&disk->partitions[i], tables->entries + i * GPT_ENTRY_SIZE);
	}
	header_make(disk, tables, false, tables->header);
	header_make(disk, tables, true, tables->copy);
}
