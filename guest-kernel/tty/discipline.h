/* SPDX-License-Identifier: MIT */
/*
 * The line discipline (POSIX, chapter 11; termios(3)): what lies between the bytes of a line and the bytes of programs. It has
 * no locks and no devices: the terminal around it calls in under its own lock and gets echo and signals through two operations.
 */
#ifndef TTY_DISCIPLINE_H
#define TTY_DISCIPLINE_H

#include <stdbool.h>
#include <stdint.h>

#define CC_COUNT 19
#define INPUT_SIZE 4096u /* power of two */

enum { VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2 };
enum { ISTRIP = 0x20, INLCR = 0x40, IGNCR = 0x80, ICRNL = 0x100, IXON = 0x400, IXANY = 0x800, IUTF8 = 0x4000 };
enum { OPOST = 1, ONLCR = 4, OCRNL = 8, ONOCR = 0x10, ONLRET = 0x20, XTABS = 0x1800 };
enum {
	ISIG = 1, ICANON = 2, ECHO = 8, ECHOE = 0x10, ECHOK = 0x20, ECHONL = 0x40, NOFLSH = 0x80, TOSTOP = 0x100, ECHOCTL = 0x200,
	ECHOKE = 0x800, IEXTEN = 0x8000
};

struct terminal_modes { /* Linux's struct termios */
	uint32_t input, output, control, local;
	uint8_t line, cc[CC_COUNT];
};

struct discipline_ops {
	void (*emit)(void *context, const char *text, unsigned bytes); /* to the device */
	void (*signal)(void *context, int signal); /* to the foreground group */
};

struct discipline {
	struct terminal_modes modes;
	const struct discipline_ops *ops;
	void *context;
	/* Free-running: tail <= line_end <= head. Programs read tail..line_end in canonical mode, else tail..head. */
	uint32_t tail, line_end, head;
	uint8_t input[INPUT_SIZE];
	uint8_t ends[INPUT_SIZE / 8]; /* bit: this byte ends a line; a 0 byte with it is the end of file */
	bool end_waits; /* VEOF came when there was no room: it ends what is there as soon as something of it is read */
	bool literal; /* VLNEXT came */
	bool stopped; /* VSTOP came: no output */
	uint32_t column, line_column; /* of the output; where the line being typed began */
};

void discipline_init(struct discipline *d, const struct discipline_ops *ops, void *context);
/** One byte from the line. True: there may be something new to read. */
bool discipline_input(struct discipline *d, uint8_t c);
/** Bytes that input may still take. */
unsigned discipline_room(const struct discipline *d);
/** Bytes that a program could read now; a pending end of file counts as readable. */
unsigned discipline_ready(const struct discipline *d, bool *readable);
/** Take at most `bytes`; in canonical mode at most to the end of a line. */
unsigned discipline_read(struct discipline *d, uint8_t *to, unsigned bytes);
/** Output processing of at most `bytes` from `from` into `to`: returns the bytes consumed; *used: bytes made. room >= 8. */
unsigned discipline_output(struct discipline *d, const uint8_t *from, unsigned bytes, uint8_t *to, unsigned room, unsigned *used);
void discipline_set(struct discipline *d, const struct terminal_modes *modes);
void discipline_flush(struct discipline *d);

#endif
