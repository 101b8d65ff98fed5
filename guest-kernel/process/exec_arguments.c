/* SPDX-License-Identifier: MIT */
/*
 * The strings of an exec, copied once out of the old image into kernel pages: the caller's vectors may change or vanish
 * meanwhile. Limits as Linux has them by default in kind: a string at most 128 KiB, all together 1 MiB (-E2BIG).
 */
#include "exec_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "kernel/user.h"

struct exec_arguments *arguments_create(const char *path)
{
	struct exec_arguments *args = kzalloc(sizeof(*args));
	if (args) {
		args->head_start = HEAD_SIZE;
		string_copy(args->path, path, sizeof(args->path));
	}
	return args;
}

void arguments_free(struct exec_arguments *args)
{
	for (unsigned i = 0; args && i < ARGUMENT_PAGES && args->pages[i]; i++) {
		page_put(page_from_phys(virt_to_phys(args->pages[i])));
	}
	kfree(args);
}

/* Where the next byte goes, and how many fit there. */
static int place(struct exec_arguments *args, char **to, uint64_t *room)
{
	uint64_t index = args->bytes / PAGE_SIZE, offset = args->bytes % PAGE_SIZE;
	if (index >= ARGUMENT_PAGES) {
		return -E2BIG;
	}
	if (!args->pages[index]) {
		struct page *page = page_alloc(0);
		if (!page) {
			return -ENOMEM;
		}
		args->pages[index] = page_data(page);
	}
	*to = args->pages[index] + offset;
	*room = PAGE_SIZE - offset;
	return 0;
}

static int string_from_user(struct exec_arguments *args, uint64_t from)
{
	char *to;
	uint64_t room, length = 0;
	for (;;) {
		reserve_renew();
		int error = place(args, &to, &room);
		if (error) {
			return error;
		}
		long n = user_string(to, from, room);
		if (n >= 0) {
			args->bytes += (uint64_t)n + 1;
			return 0;
		}
		if (n != -ENAMETOOLONG) {
			return (int)n;
		}
		/* No end within this page: all of it is text, taken again as bytes (user_string may have cut it). */
		if (user_read(to, from, room)) {
			return -EFAULT;
		}
		args->bytes += room;
		from += room;
		length += room;
		if (length >= ARGUMENT_LONGEST) {
			return -E2BIG;
		}
	}
}

int arguments_from_user(struct exec_arguments *args, uint64_t vector, uint32_t *count)
{
	uint64_t pointer;
	for (; vector; vector += sizeof(pointer)) {
		if (user_read(&pointer, vector, sizeof(pointer))) {
			return -EFAULT;
		}
		if (!pointer) {
			break;
		}
		int error = string_from_user(args, pointer);
		if (error) {
			return error;
		}
		(*count)++;
	}
	return 0;
}

int arguments_from_kernel(struct exec_arguments *args, const char *const vector[], uint32_t *count)
{
	for (unsigned i = 0; vector[i]; i++) {
		const char *from = vector[i];
		do {
			char *to;
			uint64_t room;
			int error = place(args, &to, &room);
			if (error) {
				return error;
			}
			*to = *from;
			args->bytes++;
		} while (*from++);
		(*count)++;
	}
	return 0;
}

int arguments_prepend(struct exec_arguments *args, const char *text)
{
	size_t length = strlen(text) + 1;
	if (length > args->head_start) {
		return -E2BIG;
	}
	args->head_start -= (uint32_t)length;
	memcpy(args->head + args->head_start, text, length);
	args->head_count++;
	return 0;
}

char arguments_byte(const struct exec_arguments *args, uint64_t at)
{
	return args->pages[at / PAGE_SIZE][at % PAGE_SIZE];
}

uint32_t arguments_command_line(const struct exec_arguments *args, char *text, uint32_t size)
{
	uint32_t length = 0;
	for (uint32_t at = args->head_start; at < HEAD_SIZE && length < size; at++) {
		text[length++] = args->head[at];
	}
	uint32_t left = args->argument_count;
	for (uint64_t at = 0; at < args->bytes && left && length < size; at++) {
		char c = arguments_byte(args, at);
		if (!args->skip_first || left < args->argument_count) {
			text[length++] = c;
		}
		left -= c == '\0';
	}
	return length;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int script_parse(char *line, uint32_t bytes, char **interpreter, char **argument)
{
	if (bytes < 3 || line[0] != '#' || line[1] != '!') {
		return -ENOEXEC;
	}
	char *end = memchr(line, '\n', bytes);
	if (!end && bytes >= SCRIPT_LINE - 1) {
		return -ENOEXEC; /* the line is longer than what was read */
	}
	end = end ? end : line + bytes; /* a script of one line may lack the newline; there is room for a NUL */
	while (end > line + 2 && is_blank(end[-1])) {
		end--;
	}
	*end = '\0';
	char *at = line + 2;
	while (is_blank(*at)) {
		at++;
	}
	if (!*at) {
		return -ENOEXEC;
	}
	*interpreter = at;
	while (*at && !is_blank(*at)) {
		at++;
	}
	while (is_blank(*at)) {
		*at++ = '\0';
	}
	*argument = *at ? at : NULL;
	return 0;
}
