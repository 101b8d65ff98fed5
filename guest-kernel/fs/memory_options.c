/* SPDX-License-Identifier: MIT */
/*
 * The options of tmpfs (tmpfs(5)): "size=8m,mode=700,uid=0,gid=0,nr_inodes=4k". Sizes have a suffix k, m or g, that of all pages may be a
 * share of memory ("50%"). Whatever the options say, all file systems in memory together have half of it (page_cache.c).
 */
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/vfs.h"

enum { TAKES_SUFFIX = 1, TAKES_SHARE = 2, OCTAL = 4 };

/** "12k" and the like; false: something else. */
static bool number_parse(const char *text, unsigned flags, uint64_t *value)
{
	uint64_t base = flags & OCTAL ? 8 : 10, n = 0;
	const char *at = text;
	for (; *at >= '0' && *at < (char)('0' + base); at++) {
		if (n > UINT64_MAX / 16) {
			return false;
		}
		n = n * base + (uint64_t)(*at - '0');
	}
	if (at == text) {
		return false;
	}
	unsigned shift = *at == 'k' || *at == 'K' ? 10 : *at == 'm' || *at == 'M' ? 20 : *at == 'g' || *at == 'G' ? 30 : 0;
	if (shift && (flags & TAKES_SUFFIX)) {
		at++;
		n = n > UINT64_MAX >> shift ? UINT64_MAX : n << shift;
	} else if (*at == '%' && (flags & TAKES_SHARE)) {
		uint64_t total, free;
		memory_usage(&total, &free);
		at++;
		n = n > 1000000 ? UINT64_MAX : n * total * PAGE_SIZE / 100;
	}
	*value = n;
	return *at == '\0';
}

static int option_parse(struct memory_options *options, const char *text)
{
	static const struct {
		const char *name;
		unsigned flags;
	} names[] = { { "size=", TAKES_SUFFIX | TAKES_SHARE }, { "nr_blocks=", TAKES_SUFFIX }, { "nr_inodes=", TAKES_SUFFIX },
		{ "mode=", OCTAL }, { "uid=", 0 }, { "gid=", 0 } };
	uint64_t n = 0;
	unsigned i = 0;
	while (i < 6 && strncmp(text, names[i].name, strlen(names[i].name)) != 0) {
		i++;
	}
	if (i == 6 || !number_parse(text + strlen(names[i].name), names[i].flags, &n) || (i > 3 && n >= UINT32_MAX)) {
		return -EINVAL;
	}
	switch (i) {
	case 0:
		options->pages = n > UINT64_MAX - PAGE_SIZE ? n >> PAGE_SHIFT : (n + PAGE_SIZE - 1) >> PAGE_SHIFT;
		break;
	case 1:
		options->pages = n;
		break;
	case 2:
		options->nodes = n;
		break;
	case 3:
		options->mode = (uint32_t)n & 07777;
		break;
	case 4:
		options->uid = (uint32_t)n;
		break;
	default:
		options->gid = (uint32_t)n;
	}
	return 0;
}

int memory_options_parse(struct memory_options *options, const char *text)
{
	char word[64];
	while (*text) {
		const char *comma = strchr(text, ',');
		size_t length = comma ? (size_t)(comma - text) : strlen(text);
		if (length >= sizeof(word)) {
			return -EINVAL;
		}
		memcpy(word, text, length);
		word[length] = '\0';
		int error = length ? option_parse(options, word) : 0;
		if (error) {
			return error;
		}
		text += length + (comma != NULL);
	}
	return 0;
}
