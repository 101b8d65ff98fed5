/* SPDX-License-Identifier: MIT */
/*
 * A capsule as an ELF core file, and back. Sources: System V ABI, chapter 5; the register order of NT_PRSTATUS is that of
 * <sys/user.h>. One thread a vCPU, one PT_LOAD a part, in the capsule's order.
 */
#include "capsule.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#define NOTE_OWNER "Bulkhead"
#define NOTE_CAPSULE 0x4248 /* none of the system's own types */
#define PAGE 4096ull

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, RIP, RFLAGS }; /* of bh_capsule_vcpu.regs */

struct status_note {
	Elf64_Nhdr header;
	char owner[8];
	struct elf_prstatus status;
} __attribute__((packed));

struct capsule_note {
	Elf64_Nhdr header;
	char owner[12];
	struct bh_capsule capsule;
};

static struct status_note status_note(const struct bh_capsule_vcpu *v, unsigned index)
{
	struct status_note note = { .header = { sizeof("CORE"), sizeof(note.status), NT_PRSTATUS }, .owner = "CORE" };
	const uint64_t *r = v->regs;
	const struct user_regs_struct regs = {
		.r15 = r[R15], .r14 = r[R14], .r13 = r[R13], .r12 = r[R12], .rbp = r[RBP], .rbx = r[RBX], .r11 = r[R11], .r10 = r[R10],
		.r9 = r[R9], .r8 = r[R8], .rax = r[RAX], .rcx = r[RCX], .rdx = r[RDX], .rsi = r[RSI], .rdi = r[RDI], .orig_rax = ~0ull,
		.rip = r[RIP], .cs = v->state.cs, .eflags = r[RFLAGS], .rsp = r[RSP], .ss = v->state.ss, .fs_base = v->state.fs_base,
		.gs_base = v->state.gs_base, .ds = v->state.ds, .es = v->state.es, .fs = v->state.fs, .gs = v->state.gs,
	};
	_Static_assert(sizeof(regs) == sizeof(note.status.pr_reg), "registers");
	note.status.pr_pid = (pid_t)index + 1;
	memcpy(note.status.pr_reg, &regs, sizeof(regs));
	return note;
}

static uint64_t page_up(uint64_t at)
{
	return (at + PAGE - 1) & ~(PAGE - 1);
}

/* The headers of the notes and the parts; where a part lies in the file agrees with its address within a page. */
static void write_headers(const struct bh_capsule *h, FILE *file)
{
	const Elf64_Ehdr elf = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_CORE, .e_machine = EM_X86_64,
		.e_version = EV_CURRENT, .e_phoff = sizeof(elf), .e_ehsize = sizeof(elf), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)(1 + h->part_count),
	};
	Elf64_Phdr notes = { .p_type = PT_NOTE, .p_align = 4, .p_offset = sizeof(elf) + elf.e_phnum * sizeof(notes) };
	notes.p_filesz = h->vcpu_count * sizeof(struct status_note) + sizeof(struct capsule_note);
	uint64_t at = notes.p_offset + notes.p_filesz;
	fwrite(&elf, sizeof(elf), 1, file);
	fwrite(&notes, sizeof(notes), 1, file);
	for (uint32_t i = 0; i < h->part_count; i++) {
		const struct bh_capsule_part *part = &h->parts[i];
		at = page_up(at) + part->gpa % PAGE;
		const Elf64_Phdr load = { .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = at, .p_vaddr = part->gpa, .p_paddr = part->gpa,
					  .p_filesz = part->bytes, .p_memsz = part->bytes, .p_align = PAGE };
		fwrite(&load, sizeof(load), 1, file);
		at += part->bytes;
	}
}

int capsule_write(const struct capsule *c, const char *path)
{
	const struct bh_capsule *h = &c->header;
	struct capsule_note *own = calloc(1, sizeof(*own));
	FILE *file = own ? fopen(path, "we") : NULL;
	if (!file) {
		free(own);
		return -(own ? errno : ENOMEM);
	}
	write_headers(h, file);
	for (uint32_t i = 0; i < h->vcpu_count; i++) {
		const struct status_note note = status_note(&h->vcpus[i], i);
		fwrite(&note, sizeof(note), 1, file);
	}
	*own = (struct capsule_note){ .header = { sizeof(NOTE_OWNER), sizeof(*h), NOTE_CAPSULE }, .owner = NOTE_OWNER };
	own->capsule = *h;
	fwrite(own, sizeof(*own), 1, file);
	free(own);
	for (uint32_t i = 0; i < h->part_count; i++) {
		fseek(file, (long)(page_up((uint64_t)ftell(file)) + h->parts[i].gpa % PAGE), SEEK_SET);
		fwrite(c->parts[i], h->parts[i].bytes, 1, file);
	}
	bool failed = ferror(file);
	return fclose(file) != 0 || failed ? -EIO : 0;
}

/* The file's own words about where things are; the note's end is where this program writes it. */
static bool read_header(struct capsule *c, FILE *file, Elf64_Phdr *loads)
{
	Elf64_Ehdr elf;
	Elf64_Phdr notes;
	if (fread(&elf, sizeof(elf), 1, file) != 1 || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_type != ET_CORE ||
	    elf.e_phnum < 1 || elf.e_phnum > 1 + BH_CAPSULE_PARTS || fread(&notes, sizeof(notes), 1, file) != 1 ||
	    notes.p_type != PT_NOTE || notes.p_filesz < sizeof(struct capsule_note) ||
	    fread(loads, sizeof(*loads), elf.e_phnum - 1u, file) != elf.e_phnum - 1u) {
		return false;
	}
	long at = (long)(notes.p_offset + notes.p_filesz - sizeof(c->header));
	return fseek(file, at, SEEK_SET) == 0 && fread(&c->header, sizeof(c->header), 1, file) == 1 &&
	       c->header.part_count == elf.e_phnum - 1u && !capsule_header_check(&c->header);
}

int capsule_load(struct capsule *c, const char *path, const char **why)
{
	Elf64_Phdr loads[BH_CAPSULE_PARTS];
	FILE *file = fopen(path, "re");
	memset(c, 0, sizeof(*c));
	*why = strerror(errno);
	if (!file) {
		return -errno;
	}
	*why = "it is no core of a capsule";
	bool good = read_header(c, file, loads);
	for (uint32_t i = 0; good && i < c->header.part_count; i++) {
		uint64_t bytes = c->header.parts[i].bytes;
		c->parts[i] = malloc(bytes ? bytes : 1);
		good = c->parts[i] && loads[i].p_filesz == bytes && fseek(file, (long)loads[i].p_offset, SEEK_SET) == 0 &&
		       (bytes == 0 || fread(c->parts[i], bytes, 1, file) == 1);
	}
	fclose(file);
	if (!good) {
		capsule_free(c);
	}
	return good ? 0 : -EBADMSG;
}
