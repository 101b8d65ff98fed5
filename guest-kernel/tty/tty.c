/* SPDX-License-Identifier: MIT */
/*
 * Terminals as files: reading with canonical lines or VMIN and VTIME (POSIX 11.1.5 to 11.1.7), writing through the output
 * processing, polling. Sleeps hold no lock. A read takes at most one line, so a short result ends the system call.
 */
#include "tty/tty_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/time.h"

#define O_NONBLOCK 0x800u
#define DECISECOND_NS 100000000ull
enum { POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 0x10, POLLRDNORM = 0x40, POLLWRNORM = 0x100 };

static void discipline_emit(void *context, const char *text, unsigned bytes)
{
	struct tty *tty = context;
	if (!tty->hung_up) {
		tty->device->write(tty, text, bytes);
	}
}

static void discipline_signal(void *context, int signal)
{
	tty_signal_foreground(context, signal);
}

static const struct discipline_ops discipline_ops = { .emit = discipline_emit, .signal = discipline_signal };

void tty_setup(struct tty *tty, const struct tty_device *device, void *device_private, uint32_t number)
{
	spin_init(&tty->lock, "tty");
	discipline_init(&tty->discipline, &discipline_ops, tty);
	tty->device = device;
	tty->device_private = device_private;
	tty->references = 1;
	tty->number = number;
	waitq_init(&tty->readers);
	waitq_init(&tty->writers);
}

void tty_get(struct tty *tty)
{
	__atomic_fetch_add(&tty->references, 1, __ATOMIC_RELAXED);
}

void tty_put(struct tty *tty)
{
	if (__atomic_sub_fetch(&tty->references, 1, __ATOMIC_ACQ_REL) == 0 && tty->device->free) {
		tty->device->free(tty);
	}
}

uint32_t tty_device_number(struct tty *tty)
{
	return tty->number;
}

void tty_receive(struct tty *tty, const char *text, unsigned bytes)
{
	bool changed = false;
	spin_lock(&tty->lock);
	bool was_stopped = tty->discipline.stopped;
	for (unsigned i = 0; i < bytes; i++) {
		changed |= discipline_input(&tty->discipline, (uint8_t)text[i]);
	}
	bool started = was_stopped && !tty->discipline.stopped;
	spin_unlock(&tty->lock);
	if (changed) {
		waitq_wake_all(&tty->readers);
	}
	if (started) {
		waitq_wake_all(&tty->writers);
	}
}

void tty_writable(struct tty *tty)
{
	waitq_wake_all(&tty->writers);
}

void tty_hang_up(struct tty *tty)
{
	spin_lock(&tty->lock);
	tty->hung_up = true;
	spin_unlock(&tty->lock);
	spin_lock(&process_lock);
	uint32_t sid = tty->sid;
	spin_unlock(&process_lock);
	if (sid) {
		struct signal_info hang_up = { .signal = SIGHUP, .code = SI_KERNEL };
		struct signal_info go_on = { .signal = SIGCONT, .code = SI_KERNEL };
		signal_send_info(sid, &hang_up);
		signal_send_info(sid, &go_on);
		tty_signal_foreground(tty, SIGHUP);
	}
	waitq_wake_all(&tty->readers);
	waitq_wake_all(&tty->writers);
}

/* ---- reading ---- */

static bool is_canonical(const struct tty *tty)
{
	return tty->discipline.modes.local & ICANON;
}

/* Is there enough for a read of `wanted` bytes? */
static bool read_satisfied(struct tty *tty, unsigned wanted)
{
	bool readable;
	spin_lock(&tty->lock);
	unsigned ready = discipline_ready(&tty->discipline, &readable);
	unsigned least = 1;
	if (!is_canonical(tty)) {
		least = tty->discipline.modes.cc[VMIN] ? tty->discipline.modes.cc[VMIN] : 1;
		least = wanted < least ? wanted : least;
	}
	bool satisfied = tty->hung_up || (is_canonical(tty) ? readable : ready >= least);
	spin_unlock(&tty->lock);
	return satisfied;
}

static unsigned ready_now(struct tty *tty)
{
	bool readable;
	spin_lock(&tty->lock);
	unsigned ready = discipline_ready(&tty->discipline, &readable);
	spin_unlock(&tty->lock);
	return ready;
}

/* VTIME with VMIN: the clock starts with the first byte and starts again with each. */
static int wait_between_bytes(struct tty *tty, unsigned wanted, uint64_t gap_ns)
{
	unsigned before = 0;
	int error = 0;
	while (!error && !read_satisfied(tty, wanted)) {
		before = ready_now(tty);
		uint64_t deadline = before ? time_ns() + gap_ns : 0;
		error = WAIT_EVENT_DEADLINE(&tty->readers, ready_now(tty) != before || read_satisfied(tty, wanted), deadline, true);
	}
	return error;
}

static int read_wait(struct tty *tty, unsigned wanted)
{
	spin_lock(&tty->lock);
	bool raw = !is_canonical(tty);
	unsigned least = tty->discipline.modes.cc[VMIN];
	uint64_t gap_ns = tty->discipline.modes.cc[VTIME] * DECISECOND_NS;
	spin_unlock(&tty->lock);
	if (raw && !least && !gap_ns) {
		return 0;
	}
	if (raw && least && gap_ns) {
		return wait_between_bytes(tty, wanted, gap_ns);
	}
	uint64_t deadline = raw && gap_ns ? time_ns() + gap_ns : 0;
	return WAIT_EVENT_DEADLINE(&tty->readers, read_satisfied(tty, wanted), deadline, true);
}

static long tty_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct tty *tty = f->private;
	unsigned wanted = bytes > INPUT_SIZE ? INPUT_SIZE : (unsigned)bytes;
	int error = tty_check_job(tty, SIGTTIN);
	if (error || !wanted) {
		return error;
	}
	if (f->flags & O_NONBLOCK) {
		if (!read_satisfied(tty, 1)) {
			return -EAGAIN;
		}
	} else {
		error = read_wait(tty, wanted);
		if (error == -EINTR && !ready_now(tty)) {
			return -ERESTARTSYS;
		}
	}
	spin_lock(&tty->lock);
	unsigned done = discipline_read(&tty->discipline, buffer, wanted);
	spin_unlock(&tty->lock);
	if (tty->device->input_taken) {
		tty->device->input_taken(tty);
	}
	return done;
}

/* ---- writing ---- */

static bool may_write(struct tty *tty)
{
	spin_lock(&tty->lock);
	bool may = tty->hung_up || (!tty->discipline.stopped && tty->device->room(tty) >= 16);
	spin_unlock(&tty->lock);
	return may;
}

/* As much as the device has room for. */
static unsigned write_some(struct tty *tty, const uint8_t *from, unsigned bytes)
{
	unsigned used = 0, done = 0;
	spin_lock(&tty->lock);
	unsigned room = tty->device->room(tty);
	room = room > sizeof(tty->out) ? sizeof(tty->out) : room;
	if (!tty->hung_up && !tty->discipline.stopped) {
		done = discipline_output(&tty->discipline, from, bytes, (uint8_t *)tty->out, room, &used);
		tty->device->write(tty, tty->out, used);
	}
	spin_unlock(&tty->lock);
	return done;
}

void tty_console_print(const char *line)
{
	(void)write_some(tty_console, (const uint8_t *)line, (unsigned)strlen(line));
}

static long tty_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct tty *tty = f->private;
	uint64_t done = 0;
	int error = tty->discipline.modes.local & TOSTOP ? tty_check_job(tty, SIGTTOU) : 0;
	while (!error && done < bytes) {
		uint64_t left = bytes - done;
		unsigned n = write_some(tty, (const uint8_t *)buffer + done, left > INPUT_SIZE ? INPUT_SIZE : (unsigned)left);
		done += n;
		if (n) {
			continue;
		}
		if (tty->hung_up) {
			error = -EIO;
		} else if (f->flags & O_NONBLOCK) {
			error = -EAGAIN;
		} else if (WAIT_EVENT_INTERRUPTIBLE(&tty->writers, may_write(tty))) {
			error = -ERESTARTSYS;
		}
	}
	return done ? (long)done : error;
}

static unsigned tty_poll(struct file *f, struct poll_table *table)
{
	struct tty *tty = f->private;
	poll_wait(table, &tty->readers);
	poll_wait(table, &tty->writers);
	bool waits = tty->discipline.modes.cc[VTIME] == 0; /* else the first byte is enough (POSIX, 11.1.7) */
	unsigned events = read_satisfied(tty, waits ? UINT32_MAX : 1) ? POLLIN | POLLRDNORM : 0;
	if (tty->hung_up) {
		events |= POLLHUP | POLLERR;
	}
	return events | (may_write(tty) ? POLLOUT | POLLWRNORM : 0);
}

static void tty_release(struct file *f)
{
	tty_put(f->private);
}

const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
	.poll = tty_poll,
	.release = tty_release,
};
