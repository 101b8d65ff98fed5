/* SPDX-License-Identifier: MIT */
/* Names of addresses, from the symbol tables of ELF files (System V gABI, chapter 4) whose addresses do not overlap. */
#ifndef VMTOOLS_SYMBOLS_H
#define VMTOOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t address, size; /* bytes; 0: not known */
	char name[48];
};

struct symbols {
	struct symbol *list; /* by address */
	size_t count;
	bool sorted;
};

/** Add the functions and labels of a file's executable sections. 0 or -errno. */
int symbols_add(struct symbols *symbols, const char *path);
/** Bring the list into its order. */
void symbols_sort(struct symbols *symbols);
/** The name at or below an address, NULL where there is none. */
const char *symbols_find(struct symbols *symbols, uint64_t address);
/** Does a function of this name begin there? */
bool symbols_at(struct symbols *symbols, uint64_t address, const char *name);
void symbols_free(struct symbols *symbols);

#endif
