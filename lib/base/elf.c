/* SPDX-License-Identifier: MIT */
/* See elf.h. Reads through memcpy: the file may lie at any address. */
#include "base/elf.h"

#include <stdbool.h>

#include "abi/errno.h"
#include "abi/pvh.h"
#include "base/string.h"

#define ELF_MACHINE_X86_64 62
#define ELF_MAX_SEGMENTS 64

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -ENOEXEC;
}

int elf_check_header(const void *file, size_t bytes, const char **why)
{
	struct elf_header h;
	if (bytes < sizeof(h)) {
		return refuse(why, "shorter than an ELF header");
	}
	memcpy(&h, file, sizeof(h));
	if (memcmp(h.ident, "\177ELF", 4) != 0) {
		return refuse(why, "not an ELF file");
	}
	if (h.ident[4] != 2 || h.ident[5] != 1 || h.machine != ELF_MACHINE_X86_64 ||
	    (h.type != ELF_ET_EXEC && h.type != ELF_ET_DYN)) {
		return refuse(why, "not an executable ELF file for x86-64");
	}
	if (h.phentsize != sizeof(struct elf_segment) || h.phnum == 0 || h.phnum > ELF_MAX_SEGMENTS) {
		return refuse(why, "its ELF program headers are malformed");
	}
	return 0;
}

int elf_segment(const void *program_headers, unsigned index, uint64_t file_size, struct elf_segment *out,
		const char **why)
{
	memcpy(out, (const char *)program_headers + index * sizeof(*out), sizeof(*out));
	if (out->type == ELF_PT_LOAD && out->filesz > out->memsz) {
		return refuse(why, "an ELF segment is larger in the file than in memory");
	}
	if (out->type == ELF_PT_LOAD &&
	    (out->vaddr + out->memsz < out->vaddr || out->paddr + out->memsz < out->paddr)) {
		return refuse(why, "an ELF segment wraps around the address space");
	}
	if (out->filesz > file_size || out->offset > file_size - out->filesz) {
		return refuse(why, "an ELF segment lies outside the file");
	}
	return 0;
}

/* A note: namesz, descsz, type, then name and descriptor, each padded to 4 bytes (gABI, chapter 5). */
static bool note_find_entry(const char *notes, uint64_t size, uint32_t *entry)
{
	struct { uint32_t name_bytes, bytes, type; } head;
	for (uint64_t at = 0, next; size - at >= sizeof(head); at = next) {
		memcpy(&head, notes + at, sizeof(head));
		uint64_t name = at + sizeof(head), desc = name + ((head.name_bytes + 3ull) & ~3ull);
		next = desc + ((head.bytes + 3ull) & ~3ull);
		if (next > size) {
			return false;
		}
		if (head.type == PVH_NOTE_PHYS32_ENTRY && head.name_bytes == sizeof(PVH_NOTE_NAME) &&
		    memcmp(notes + name, PVH_NOTE_NAME, sizeof(PVH_NOTE_NAME)) == 0 && head.bytes >= sizeof(*entry)) {
			memcpy(entry, notes + desc, sizeof(*entry));
			return true;
		}
	}
	return false;
}

int elf_pvh_entry(const void *file, size_t bytes, uint32_t *entry, const char **why)
{
	struct elf_header h;
	int error = elf_check_header(file, bytes, why);
	if (error) {
		return error;
	}
	memcpy(&h, file, sizeof(h));
	uint64_t table = (uint64_t)h.phnum * sizeof(struct elf_segment);
	if (h.phoff > bytes || table > bytes - h.phoff) {
		return refuse(why, "its ELF program headers lie outside the file");
	}
	for (unsigned i = 0; i < h.phnum; i++) {
		struct elf_segment segment;
		error = elf_segment((const char *)file + h.phoff, i, bytes, &segment, why);
		if (error) {
			return error;
		}
		const char *notes = (const char *)file + segment.offset;
		if (segment.type == ELF_PT_NOTE && note_find_entry(notes, segment.filesz, entry)) {
			return 0;
		}
	}
	return refuse(why, "it has no PVH entry note");
}
