/* SPDX-License-Identifier: MIT */
/*
 * Terminals (tty/): a line discipline between a device (the console, a pty's master) and the files that programs open.
 * fs/ needs only tty_init(), which registers the character devices; process/ needs sessions and hang-ups.
 */
#ifndef KERNEL_TTY_H
#define KERNEL_TTY_H

#include <stdbool.h>
#include <stdint.h>

struct tty;
struct file;

/** Register /dev/console, /dev/tty, /dev/tty1, /dev/ptmx; take the console's input. Once, before the root is mounted or after. */
void tty_init(void);
/** The current process, a session's leader, takes the console as its terminal. `raw`: no output processing (ONLCR) and no
 *  echo, since the bytes are a command's output. */
void tty_console_claim(bool raw);
/** A new file on the console. NULL: no memory. */
struct file *tty_console_open(unsigned flags);

/** A line of the kernel's own on the console, with output processing. Threads only. */
void tty_console_print(const char *line);

void tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/** The session's leader exits: SIGHUP and SIGCONT to the foreground group, and the terminal is nobody's. */
void tty_leader_exit(struct tty *tty, uint32_t sid);
/** Of the foreground process group; 0: none. */
uint32_t tty_foreground(struct tty *tty);
/** For /proc/PID/stat: major << 8 | minor. */
uint32_t tty_device_number(struct tty *tty);

#endif
