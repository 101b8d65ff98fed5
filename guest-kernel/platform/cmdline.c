/* SPDX-License-Identifier: MIT */
/* The kernel command line: words separated by blanks, each NAME or NAME=VALUE; the last one of a name counts. */
#include "base/string.h"
#include "kernel/platform.h"
#include "mm/boot_memory.h"

bool cmdline_option(const char *name, char *value, unsigned long size)
{
	bool found = false;
	size_t length = strlen(name);
	for (const char *word = boot_memory.cmdline; *word;) {
		size_t end = 0;
		while (word[end] && word[end] != ' ') {
			end++;
		}
		if (end >= length && strncmp(word, name, length) == 0 && (end == length || word[length] == '=')) {
			const char *from = word + length + (end > length);
			size_t n = (size_t)(word + end - from);
			n = size && n >= size ? size - 1 : n;
			if (size) {
				memcpy(value, from, n);
				value[n] = '\0';
			}
			found = true;
		}
		word += end;
		while (*word == ' ') {
			word++;
		}
	}
	return found;
}
