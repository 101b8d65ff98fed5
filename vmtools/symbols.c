/* SPDX-License-Identifier: MIT */
/* See symbols.h. The files are our own build's, but every offset is checked against the file's end all the same. */
#include "symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	const char *bytes;
	size_t size;
	const Elf64_Shdr *sections;
	unsigned section_count;
};

static const void *at(const struct file *f, uint64_t offset, uint64_t bytes)
{
	return offset <= f->size && bytes <= f->size - offset ? f->bytes + offset : NULL;
}

static int add(struct symbols *s, uint64_t address, uint64_t size, const char *name)
{
	if (s->count % 1024 == 0) {
		struct symbol *more = realloc(s->list, (s->count + 1024) * sizeof(*more));
		if (!more) {
			return -ENOMEM;
		}
		s->list = more;
	}
	struct symbol *symbol = &s->list[s->count++];
	symbol->address = address;
	symbol->size = size;
	snprintf(symbol->name, sizeof(symbol->name), "%s", name);
	s->sorted = false;
	return 0;
}

static bool is_code(const struct file *f, const Elf64_Sym *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);
	return (type == STT_FUNC || type == STT_NOTYPE) && symbol->st_shndx < f->section_count &&
	       f->sections[symbol->st_shndx].sh_flags & SHF_EXECINSTR;
}

static int add_table(struct symbols *s, const struct file *f, const Elf64_Shdr *table)
{
	const Elf64_Sym *symbols = at(f, table->sh_offset, table->sh_size);
	const Elf64_Shdr *strings = table->sh_link < f->section_count ? &f->sections[table->sh_link] : NULL;
	const char *names = strings ? at(f, strings->sh_offset, strings->sh_size) : NULL;
	if (!symbols || !names || strings->sh_size == 0 || names[strings->sh_size - 1]) {
		return -ENOEXEC;
	}
	int error = 0;
	for (size_t i = 0; i < table->sh_size / sizeof(*symbols) && !error; i++) {
		if (is_code(f, &symbols[i]) && symbols[i].st_name < strings->sh_size) {
			error = add(s, symbols[i].st_value, symbols[i].st_size, names + symbols[i].st_name);
		}
	}
	return error;
}

static int add_file(struct symbols *s, struct file *f)
{
	const Elf64_Ehdr *header = at(f, 0, sizeof(*header));
	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64) {
		return -ENOEXEC;
	}
	f->section_count = header->e_shnum;
	f->sections = at(f, header->e_shoff, (uint64_t)f->section_count * sizeof(*f->sections));
	int error = f->sections ? 0 : -ENOEXEC;
	for (unsigned i = 0; i < f->section_count && !error; i++) {
		if (f->sections[i].sh_type == SHT_SYMTAB) {
			error = add_table(s, f, &f->sections[i]);
		}
	}
	return error;
}

int symbols_add(struct symbols *s, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		int error = -errno;
		if (fd >= 0) {
			close(fd);
		}
		return error;
	}
	struct file f = { .size = (size_t)st.st_size };
	void *bytes = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED) {
		return -errno;
	}
	f.bytes = bytes;
	int error = add_file(s, &f);
	munmap(bytes, f.size);
	return error;
}

/* Of labels at one address the function is the last, which is found. */
static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;
	if (x->address == y->address) {
		return x->size < y->size ? -1 : x->size > y->size ? 1 : strcmp(x->name, y->name);
	}
	return x->address < y->address ? -1 : 1;
}

void symbols_sort(struct symbols *s)
{
	if (!s->sorted && s->count) {
		qsort(s->list, s->count, sizeof(*s->list), compare);
		s->sorted = true;
	}
}

/* The last symbol at or below an address; NULL: none. */
static const struct symbol *find(struct symbols *s, uint64_t address)
{
	symbols_sort(s);
	size_t low = 0, high = s->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (s->list[middle].address <= address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low > 0 ? &s->list[low - 1] : NULL;
}

const char *symbols_find(struct symbols *s, uint64_t address)
{
	const struct symbol *symbol = find(s, address);
	return symbol ? symbol->name : NULL;
}

bool symbols_at(struct symbols *s, uint64_t address, const char *name)
{
	const struct symbol *symbol = find(s, address);
	return symbol && symbol->address == address && strcmp(symbol->name, name) == 0;
}

void symbols_free(struct symbols *s)
{
	free(s->list);
	*s = (struct symbols){ 0 };
}
