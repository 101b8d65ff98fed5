/* SPDX-License-Identifier: MIT */
/* The console as a terminal, and the names that lead to it: /dev/console, /dev/tty1, and /dev/tty for one's own terminal. */
#include "tty/tty_internal.h"

#include "abi/errno.h"
#include "kernel/chardev.h"
#include "kernel/platform.h"
#include "kernel/process.h"

#define O_NOCTTY 0x100u
#define OUTPUT_ROOM 65536u /* the console takes everything */

static struct tty console;
struct tty *tty_console = &console;

static unsigned console_room(struct tty *tty)
{
	return OUTPUT_ROOM;
}

static void console_out(struct tty *tty, const char *text, unsigned bytes)
{
	if (text != tty->out) { /* the caller's stack: not a place the console may read from */
		char *to = tty->echo;
		bytes = bytes > sizeof(tty->echo) ? sizeof(tty->echo) : bytes;
		for (unsigned i = 0; i < bytes; i++) {
			to[i] = text[i];
		}
		text = to;
	}
	console_write(text, bytes);
}

static const struct tty_device console_device = { .room = console_room, .write = console_out };

/*
 * The terminal that the user sits at has another size: a byte that is in no UTF-8 text, then rows and columns, each as two bytes of seven bits with
 * the eighth one set. Anything else behind that byte is input, and so is the byte.
 */
#define RESIZE 0xffu
#define RESIZE_BYTES 5u

static void console_in(char c)
{
	static uint8_t held[RESIZE_BYTES]; /* of what may be one; only the console's interrupt comes here */
	static unsigned count;
	held[count++] = (uint8_t)c;
	if (held[0] == RESIZE && (count == 1 || held[count - 1] >= 0x80)) {
		if (count < RESIZE_BYTES) {
			return;
		}
		const struct window_size window = { .rows = (uint16_t)((held[1] & 0x7f) << 7 | (held[2] & 0x7f)),
						    .columns = (uint16_t)((held[3] & 0x7f) << 7 | (held[4] & 0x7f)) };
		tty_resize(&console, &window);
	} else {
		tty_receive(&console, (const char *)held, count);
	}
	count = 0;
}

static void attach(struct file *f, struct tty *tty)
{
	tty_get(tty);
	f->ops = &tty_file_ops;
	f->private = tty;
}

static int console_open(struct file *f, const struct char_device *device)
{
	attach(f, &console);
	if (!(f->flags & O_NOCTTY)) {
		(void)tty_make_controlling(&console, false);
	}
	return 0;
}

/* /dev/tty: the caller's controlling terminal. */
static int own_open(struct file *f, const struct char_device *device)
{
	spin_lock(&process_lock);
	struct tty *tty = process_current() ? process_current()->tty : NULL;
	if (tty) {
		tty_get(tty);
	}
	spin_unlock(&process_lock);
	if (!tty) {
		return -ENXIO;
	}
	f->ops = &tty_file_ops;
	f->private = tty;
	return 0;
}

struct file *tty_console_open(unsigned flags)
{
	struct file *f = file_alloc(&tty_file_ops, flags, &console);
	if (f) {
		tty_get(&console);
	}
	return f;
}

void tty_console_claim(bool raw)
{
	(void)tty_make_controlling(&console, true);
	if (raw) {
		spin_lock(&console.lock);
		struct terminal_modes modes = console.discipline.modes;
		modes.output &= ~(uint32_t)OPOST;
		modes.local &= ~(uint32_t)ECHO;
		discipline_set(&console.discipline, &modes);
		spin_unlock(&console.lock);
	}
}

static struct char_device devices[] = {
	{ .name = "console", .major = 5, .minor = 1, .mode = 0600, .open = console_open },
	{ .name = "tty", .major = 5, .minor = 0, .mode = 0666, .open = own_open },
	{ .name = "tty1", .major = 4, .minor = 1, .mode = 0620, .open = console_open },
};

/* console-size=ROWSxCOLUMNS on the command line: the terminal that the user sits at. */
static struct window_size window_at_start(void)
{
	struct window_size window = { .rows = 24, .columns = 80 };
	char text[16];
	unsigned long number[2] = { 0, 0 };
	if (cmdline_option("console-size", text, sizeof(text))) {
		unsigned which = 0;
		for (const char *c = text; *c; c++) {
			if (*c == 'x' && which == 0) {
				which = 1;
			} else if (*c >= '0' && *c <= '9') {
				number[which] = number[which] * 10 + (unsigned long)(*c - '0');
			} else {
				number[0] = 0;
				break;
			}
		}
	}
	if (number[0] - 1 < 9999 && number[1] - 1 < 9999) {
		window.rows = (uint16_t)number[0];
		window.columns = (uint16_t)number[1];
	}
	return window;
}

void tty_init(void)
{
	tty_setup(&console, &console_device, NULL, 5 << 8 | 1);
	console.window = window_at_start();
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		if (chardev_register(&devices[i])) {
			kprintf("tty: /dev/%s is taken", devices[i].name);
		}
	}
	pty_init();
	console_set_input(console_in);
}
