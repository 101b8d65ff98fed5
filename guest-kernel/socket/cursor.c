/* SPDX-License-Identifier: MIT */
/* The place in a call's vectors up to which it has come. */
#include "socket/socket.h"

#include "base/string.h"
#include "kernel/user.h"

uint64_t cursor_left(const struct cursor *c)
{
	uint64_t left = 0;
	for (unsigned i = 0; i < c->count; i++) {
		left += c->vectors[i].length;
	}
	return left - c->offset;
}

static int cursor_copy(struct cursor *c, char *kernel, uint64_t bytes, bool out)
{
	while (bytes) {
		uint64_t room = c->vectors->length - c->offset, n = bytes < room ? bytes : room, at = c->vectors->base + c->offset;
		int error = 0;
		if (!c->user) {
			memcpy(out ? (void *)at : kernel, out ? kernel : (const void *)at, n);
		} else if (n) {
			error = out ? user_write(at, kernel, n) : user_read(kernel, at, n);
		}
		if (error) {
			return error;
		}
		kernel += n;
		bytes -= n;
		c->offset += n;
		if (c->offset == c->vectors->length && c->count > 1) {
			c->vectors++;
			c->count--;
			c->offset = 0;
		}
	}
	return 0;
}

int cursor_copy_in(struct cursor *c, char *to, uint64_t bytes)
{
	return cursor_copy(c, to, bytes, false);
}

int cursor_copy_out(struct cursor *c, const char *from, uint64_t bytes)
{
	return cursor_copy(c, (char *)from, bytes, true);
}
