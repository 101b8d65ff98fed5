/* SPDX-License-Identifier: MIT */
/*
 * A terminal: the line discipline, who owns it, and the device on its far side. `lock` guards everything in the discipline
 * and the window size; session and foreground group are under process_lock, which is taken inside `lock`.
 */
#ifndef TTY_INTERNAL_H
#define TTY_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file.h"
#include "kernel/lock.h"
#include "kernel/tty.h"
#include "tty/discipline.h"

struct window_size {
	uint16_t rows, columns, width, height;
};

struct tty_device {
	/** Room for output now; processed bytes never exceed it. */
	unsigned (*room)(struct tty *tty);
	void (*write)(struct tty *tty, const char *text, unsigned bytes); /* any context, under tty->lock */
	void (*input_taken)(struct tty *tty); /* may be NULL: programs have read, there is room again */
	void (*free)(struct tty *tty); /* the last reference is gone; NULL: never */
};

struct tty {
	spinlock_t lock;
	struct discipline discipline;
	const struct tty_device *device;
	void *device_private;
	volatile uint32_t references;
	uint32_t number; /* major << 8 | minor */
	struct waitq readers, writers;
	struct window_size window;
	bool hung_up;
	uint32_t sid, foreground; /* under process_lock; 0: none */
	char out[2048]; /* output on its way through the discipline */
	char echo[16]; /* and echo on its way to the console */
};

extern const struct file_ops tty_file_ops;

void tty_setup(struct tty *tty, const struct tty_device *device, void *device_private, uint32_t number);
/** Bytes from the device's side. Any context. */
void tty_receive(struct tty *tty, const char *text, unsigned bytes);
/** The device is gone: readers get end of file, writers EIO, the session SIGHUP. */
void tty_hang_up(struct tty *tty);
/** There is room for output again. */
void tty_writable(struct tty *tty);

/* job_control.c */
/** May the caller do this, which needs the foreground? 0, -EIO, or -ERESTARTSYS after `signal` was sent to its group. */
int tty_check_job(struct tty *tty, int signal);
long tty_get_foreground(struct tty *tty);
int tty_put_foreground(struct tty *tty, uint32_t pgid);
/** TIOCSCTTY, and opening without O_NOCTTY: force: even if it is another session's (root). */
int tty_make_controlling(struct tty *tty, bool force);
int tty_give_up_controlling(struct tty *tty);
void tty_signal_foreground(struct tty *tty, int signal);

/* ioctl.c */
long tty_ioctl(struct file *f, unsigned request, uint64_t argument);
/** TIOCSWINSZ. Any context. */
void tty_resize(struct tty *tty, const struct window_size *window);
/** The requests that a pty's master and slave have in common. */
long tty_ioctl_common(struct tty *tty, unsigned request, uint64_t argument);

/* pty.c */
void pty_init(void);

/* console.c */
extern struct tty *tty_console;

#endif
