/* SPDX-License-Identifier: MIT */
/*
 * ELF64 executables for x86-64, checked: every offset and size that these functions hand out lies inside the file.
 * Source: System V gABI, chapters 4 and 5. One checker for guest kernel and vmctl.
 */
#ifndef BULKHEAD_BASE_ELF_H
#define BULKHEAD_BASE_ELF_H

#include <stddef.h>
#include <stdint.h>

#define ELF_PT_LOAD 1
#define ELF_PT_INTERP 3
#define ELF_PT_NOTE 4
#define ELF_PT_GNU_STACK 0x6474e551
#define ELF_PF_X 1
#define ELF_PF_W 2
#define ELF_PF_R 4
#define ELF_ET_EXEC 2
#define ELF_ET_DYN 3

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment { /* Elf64_Phdr */
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/** Check the header in the first `bytes` (>= 64) bytes of a file: ELF64, little-endian, x86-64, ET_EXEC or ET_DYN,
 *  program headers of 56 bytes, at most 64 of them. -ENOEXEC and *why in words if not. Does not look behind the header. */
int elf_check_header(const void *file, size_t bytes, const char **why);
/** Copy program header `index` and check it: for PT_LOAD filesz <= memsz, no address wraps; and the file range inside
 *  file_size. -ENOEXEC. */
int elf_segment(const void *program_headers, unsigned index, uint64_t file_size, struct elf_segment *out,
		const char **why);
/** The 32-bit PVH entry (abi/pvh.h) of a whole ELF file in memory. -ENOEXEC without one. */
int elf_pvh_entry(const void *file, size_t bytes, uint32_t *entry, const char **why);

#endif
