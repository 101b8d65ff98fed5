/* SPDX-License-Identifier: MIT */
/*
 * Input: mapping, flow control, signals, editing, echo, in this order (POSIX 11.1). Between line_end and head lies the line that is
 * being typed: editing never goes below line_end. One byte of the buffer is kept for the character that ends the line.
 */
#include "tty/discipline.h"

#include "base/string.h"

enum { SIGINT = 2, SIGQUIT = 3, SIGTSTP = 20 };

#define INDEX(at) ((at) & (INPUT_SIZE - 1))
#define ERASE_ONE "\b \b"

static const uint8_t default_cc[CC_COUNT] = { 3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0 };

void discipline_init(struct discipline *d, const struct discipline_ops *ops, void *context)
{
	memset(d, 0, sizeof(*d));
	d->ops = ops;
	d->context = context;
	d->modes = (struct terminal_modes){
		.input = ICRNL | IXON | IUTF8,
		.output = OPOST | ONLCR,
		.control = 0xbf, /* B38400 CS8 CREAD */
		.local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	};
	memcpy(d->modes.cc, default_cc, sizeof(default_cc));
}

static bool local(const struct discipline *d, uint32_t flag)
{
	return d->modes.local & flag;
}

/* Is c the control character `which`? One that is 0 is switched off. */
static bool is(const struct discipline *d, uint8_t c, int which)
{
	return c && d->modes.cc[which] == c;
}

static bool is_control(uint8_t c)
{
	return (c < 32 && c != '\t' && c != '\n') || c == 127;
}

static bool is_continuation(const struct discipline *d, uint8_t c)
{
	return (d->modes.input & IUTF8) && (c & 0xc0) == 0x80;
}

static void end_mark(struct discipline *d, uint32_t at, bool end)
{
	uint8_t bit = (uint8_t)(1u << (INDEX(at) & 7));
	uint8_t *byte = &d->ends[INDEX(at) / 8];
	*byte = end ? *byte | bit : *byte & (uint8_t)~bit;
}

static bool end_marked(const struct discipline *d, uint32_t at)
{
	return d->ends[INDEX(at) / 8] & (1u << (INDEX(at) & 7));
}

/* ---- output ---- */

static unsigned expand(struct discipline *d, uint8_t c, uint8_t *to)
{
	uint32_t output = d->modes.output;
	if (!(output & OPOST)) {
		to[0] = c;
		return 1;
	}
	switch (c) {
	case '\n':
		if (output & (ONLCR | ONLRET)) {
			d->column = 0;
		}
		to[0] = '\r';
		to[output & ONLCR ? 1 : 0] = '\n';
		return output & ONLCR ? 2 : 1;
	case '\r':
		if ((output & ONOCR) && d->column == 0) {
			return 0;
		}
		d->column = 0;
		to[0] = output & OCRNL ? '\n' : '\r';
		return 1;
	case '\t': {
		unsigned width = 8 - (d->column & 7);
		d->column += width;
		if ((output & XTABS) == XTABS) {
			memset(to, ' ', width);
			return width;
		}
		break;
	}
	case '\b':
		d->column -= d->column > 0;
		break;
	default:
		d->column += !is_control(c) && !is_continuation(d, c);
	}
	to[0] = c;
	return 1;
}

unsigned discipline_output(struct discipline *d, const uint8_t *from, unsigned bytes, uint8_t *to, unsigned room, unsigned *used)
{
	unsigned done = 0;
	*used = 0;
	while (done < bytes && room - *used >= 8) {
		*used += expand(d, from[done++], to + *used);
	}
	return done;
}

static void emit(struct discipline *d, const char *text, unsigned bytes)
{
	uint8_t out[16];
	for (unsigned i = 0; i < bytes; i++) {
		unsigned n = expand(d, (uint8_t)text[i], out);
		d->ops->emit(d->context, (char *)out, n);
	}
}

static void echo_plain(struct discipline *d, uint8_t c)
{
	if (is_control(c) && local(d, ECHOCTL)) {
		char text[2] = { '^', (char)(c ^ 0x40) };
		emit(d, text, 2);
	} else {
		emit(d, (char *)&c, 1);
	}
}

static void echo(struct discipline *d, uint8_t c)
{
	if (local(d, ECHO) || (c == '\n' && local(d, ECHONL) && local(d, ICANON))) {
		if (d->head == d->line_end) {
			d->line_column = d->column;
		}
		echo_plain(d, c);
	}
}

/* ---- editing ---- */

/* The column in which the echo of input up to `end` left the cursor. */
static uint32_t column_after(const struct discipline *d, uint32_t end)
{
	uint32_t column = d->line_column;
	for (uint32_t at = d->line_end; at != end; at++) {
		uint8_t c = d->input[INDEX(at)];
		if (c == '\t') {
			column += 8 - (column & 7);
		} else if (is_control(c)) {
			column += local(d, ECHOCTL) ? 2 : 0;
		} else {
			column += !is_continuation(d, c);
		}
	}
	return column;
}

static void erase_shown(struct discipline *d, uint32_t from_column, uint32_t to_column)
{
	for (; from_column > to_column; from_column--) {
		emit(d, ERASE_ONE, 3);
	}
}

/* Take the last character off the line; `show`: rub it out on the screen. */
static void erase_one(struct discipline *d, bool show)
{
	uint32_t before = column_after(d, d->head);
	if (d->head == d->line_end) {
		return;
	}
	do {
		d->head--;
	} while (d->head != d->line_end && is_continuation(d, d->input[INDEX(d->head)]));
	if (show) {
		erase_shown(d, before, column_after(d, d->head));
	}
}

static void erase(struct discipline *d)
{
	bool show = local(d, ECHO) && local(d, ECHOE);
	bool some = d->head != d->line_end;
	erase_one(d, show);
	if (some && local(d, ECHO) && !show) {
		echo_plain(d, d->modes.cc[VERASE]);
	}
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 128;
}

static void erase_word(struct discipline *d)
{
	bool show = local(d, ECHO), word = false;
	while (d->head != d->line_end) {
		bool in_word = is_word(d->input[INDEX(d->head - 1)]);
		if (word && !in_word) {
			break;
		}
		word |= in_word;
		erase_one(d, show);
	}
}

static void kill_line(struct discipline *d)
{
	bool rub = local(d, ECHO) && local(d, ECHOK) && local(d, ECHOKE) && local(d, ECHOE);
	while (d->head != d->line_end) {
		erase_one(d, rub);
	}
	if (local(d, ECHO) && !rub) {
		echo_plain(d, d->modes.cc[VKILL]);
		if (local(d, ECHOK)) {
			emit(d, "\n", 1);
		}
	}
}

static void reprint(struct discipline *d)
{
	echo_plain(d, d->modes.cc[VREPRINT]);
	emit(d, "\n", 1);
	d->line_column = d->column;
	for (uint32_t at = d->line_end; at != d->head; at++) {
		echo_plain(d, d->input[INDEX(at)]);
	}
}

/* ---- input ---- */

unsigned discipline_room(const struct discipline *d)
{
	unsigned used = d->head - d->tail;
	return used + 1 < INPUT_SIZE && !d->end_waits ? INPUT_SIZE - 1 - used : 0;
}

static bool append(struct discipline *d, uint8_t c, bool end)
{
	if (!(end ? d->head - d->tail < INPUT_SIZE : discipline_room(d) > 0)) {
		return false;
	}
	d->input[INDEX(d->head)] = c;
	end_mark(d, d->head, end);
	d->head++;
	if (end || !local(d, ICANON)) {
		d->line_end = d->head;
	}
	return true;
}

/* Interrupt, quit, suspend. */
static bool take_signal(struct discipline *d, uint8_t c)
{
	int signal = is(d, c, VINTR) ? SIGINT : is(d, c, VQUIT) ? SIGQUIT : is(d, c, VSUSP) ? SIGTSTP : 0;
	if (!signal) {
		return false;
	}
	if (!local(d, NOFLSH)) {
		discipline_flush(d);
	}
	d->stopped = false;
	if (local(d, ECHO)) {
		echo_plain(d, c);
	}
	d->ops->signal(d->context, signal);
	return true;
}

static bool take_flow(struct discipline *d, uint8_t c)
{
	if (is(d, c, VSTOP)) {
		d->stopped = true;
		return true;
	}
	if (is(d, c, VSTART)) {
		d->stopped = false;
		return true;
	}
	if (d->stopped && (d->modes.input & IXANY)) {
		d->stopped = false;
	}
	return false;
}

/* Editing of a line. True: c was a command; *changed: something can be read. */
static bool take_edit(struct discipline *d, uint8_t c, bool *changed)
{
	if (is(d, c, VERASE)) {
		erase(d);
	} else if (is(d, c, VKILL)) {
		kill_line(d);
	} else if (local(d, IEXTEN) && is(d, c, VWERASE)) {
		erase_word(d);
	} else if (local(d, IEXTEN) && is(d, c, VREPRINT) && local(d, ECHO)) {
		reprint(d);
	} else if (local(d, IEXTEN) && is(d, c, VLNEXT)) {
		d->literal = true;
		if (local(d, ECHO) && local(d, ECHOCTL)) {
			emit(d, "^\b", 2);
		}
	} else if (is(d, c, VEOF)) {
		*changed = !d->end_waits && append(d, 0, true);
		d->end_waits = !*changed;
	} else {
		return false;
	}
	return true;
}

static bool take_line_byte(struct discipline *d, uint8_t c)
{
	bool end = c == '\n' || is(d, c, VEOL) || (local(d, IEXTEN) && is(d, c, VEOL2));
	if (!end && !discipline_room(d)) {
		return false;
	}
	echo(d, c);
	return append(d, c, end) && end;
}

static bool take_raw_byte(struct discipline *d, uint8_t c)
{
	if (!discipline_room(d)) {
		return false;
	}
	echo(d, c);
	return append(d, c, false);
}

bool discipline_input(struct discipline *d, uint8_t c)
{
	uint32_t input = d->modes.input;
	bool changed = false;
	if (input & ISTRIP) {
		c &= 0x7f;
	}
	if (d->literal) {
		d->literal = false;
		if (!discipline_room(d)) {
			return false;
		}
		echo(d, c);
		return append(d, c, false) && !local(d, ICANON);
	}
	if (c == '\r' && (input & IGNCR)) {
		return false;
	}
	if (c == '\r' && (input & ICRNL)) {
		c = '\n';
	} else if (c == '\n' && (input & INLCR)) {
		c = '\r';
	}
	if ((input & IXON) && take_flow(d, c)) {
		return true;
	}
	if (local(d, ISIG) && take_signal(d, c)) {
		return true;
	}
	if (!local(d, ICANON)) {
		return take_raw_byte(d, c);
	}
	return take_edit(d, c, &changed) ? changed : take_line_byte(d, c);
}

/* ---- reading ---- */

unsigned discipline_ready(const struct discipline *d, bool *readable)
{
	unsigned bytes = d->line_end - d->tail;
	*readable = bytes > 0;
	if (bytes && local(d, ICANON) && end_marked(d, d->line_end - 1) && !d->input[INDEX(d->line_end - 1)]) {
		bytes--; /* the end of file is no byte */
	}
	return bytes;
}

unsigned discipline_read(struct discipline *d, uint8_t *to, unsigned bytes)
{
	unsigned done = 0;
	while (d->tail != d->line_end) {
		uint8_t c = d->input[INDEX(d->tail)];
		bool end = end_marked(d, d->tail);
		if (end && c == 0) { /* also right behind the last byte asked for: it belongs to this read */
			d->tail++;
			if (local(d, ICANON)) {
				break;
			}
			continue;
		}
		if (done == bytes) {
			break;
		}
		to[done++] = c;
		d->tail++;
		if (end && local(d, ICANON)) {
			break;
		}
	}
	if (d->end_waits && d->head - d->tail < INPUT_SIZE) {
		d->end_waits = false;
		append(d, 0, true);
	}
	return done;
}

void discipline_set(struct discipline *d, const struct terminal_modes *modes)
{
	d->modes = *modes;
	d->modes.line = 0;
	if (!local(d, ICANON)) {
		d->line_end = d->head; /* what was being typed can be read as it is */
		d->end_waits = false;
	}
	d->literal = false;
	if (!(modes->input & IXON)) {
		d->stopped = false;
	}
}

void discipline_flush(struct discipline *d)
{
	d->tail = d->line_end = d->head;
	d->literal = d->end_waits = false;
}
