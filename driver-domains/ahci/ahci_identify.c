/* SPDX-License-Identifier: MIT */
/* What IDENTIFY DEVICE says (ACS-3, 7.12.7): size, queueing, flush and FUA, the serial number. */
#include "ahci_internal.h"

#include "abi/errno.h"
#include "base/string.h"

/* ATA strings have the first character in the high byte of each word, and are padded with spaces. */
static void identify_text(char *to, const uint16_t *words, unsigned count)
{
	unsigned length = 0;
	for (unsigned i = 0; i < count * 2; i++) {
		char c = (char)(words[i / 2] >> (i % 2 ? 0 : 8));
		if (length == 0 && c == ' ') {
			continue;
		}
		to[length++] = c >= ' ' && c < 127 ? c : '?';
	}
	while (length && to[length - 1] == ' ') {
		length--;
	}
	to[length] = 0;
}

static uint64_t identify_sectors(const uint16_t *w)
{
	return w[100] | (uint64_t)w[101] << 16 | (uint64_t)w[102] << 32 | (uint64_t)w[103] << 48;
}

static unsigned identify_shift(const uint16_t *w)
{
	if ((w[106] & 0xc000) != 0x4000 || !(w[106] & 0x1000)) {
		return 0;
	}
	uint32_t bytes = 2 * (w[117] | (uint32_t)w[118] << 16);
	unsigned shift = 0;
	while (shift < 3 && (512u << shift) < bytes) {
		shift++;
	}
	return shift;
}

int ahci_identify(struct ahci_port *port, const uint16_t *w)
{
	char serial[21], model[41];
	identify_text(serial, &w[10], 10);
	identify_text(model, &w[27], 20);
	unsigned shift = identify_shift(w);
	uint64_t sectors = identify_sectors(w) << shift;
	if ((w[0] & 0x8000) || !(w[83] & (1u << 10)) || sectors == 0) {
		env_log("ahci: port %u: %s is no disk with 48-bit addresses", port->number, model);
		return -ENODEV;
	}
	if (port->has_disk) {
		bool same = sectors == port->disk.sectors && strcmp(serial, port->disk.id) == 0;
		return same ? 0 : -ESTALE;
	}
	uint32_t slots = CAP_NCS(port->ahci->cap), depth = (w[75] & 31u) + 1;
	port->ncq = (port->ahci->cap & CAP_SNCQ) && (w[76] & (1u << 8));
	port->flush = w[83] & (1u << 13);
	port->fua = port->ncq || (w[84] & (1u << 6));
	port->shift = shift;
	struct blkdev *disk = &port->disk;
	disk->ops = &ahci_disk_ops;
	disk->driver = port;
	disk->sectors = sectors;
	disk->block_size = 512u << shift;
	disk->depth = port->ncq ? (depth < slots ? depth : slots) : slots;
	disk->max_sectors = 8192;
	disk->max_segments = AHCI_PRDS;
	disk->has_flush = port->flush;
	disk->has_fua = port->fua;
	string_copy(disk->id, serial, sizeof(disk->id));
	port->has_disk = true;
	env_log("ahci: port %u: %s, serial %s, %lu MiB, %s, depth %u", port->number, model, serial,
		(unsigned long)(sectors >> 11), port->ncq ? "NCQ" : "DMA", disk->depth);
	return 0;
}
