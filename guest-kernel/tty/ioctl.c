/* SPDX-License-Identifier: MIT */
/* ioctl_tty(2): modes, window size, foreground group, queues. */
#include "tty/tty_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/user.h"

enum {
	TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, TCSBRK = 0x5409, TCXONC, TCFLSH, TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP,
	TIOCSPGRP, TIOCOUTQ, TIOCSTI, TIOCGWINSZ, TIOCSWINSZ, FIONREAD = 0x541b, TIOCNOTTY = 0x5422, TCSBRKP = 0x5425,
	TIOCGSID = 0x5429
};
#define TCGETS2 0x802c542au
#define TCSETS2 0x402c542bu
#define TCSETSW2 0x402c542cu
#define TCSETSF2 0x402c542du

struct terminal_modes2 { /* struct termios2 */
	struct terminal_modes modes;
	uint32_t input_speed, output_speed;
};
_Static_assert(sizeof(struct terminal_modes) == 36, "struct termios of the system call");

static long modes_get(struct tty *tty, uint64_t to, bool with_speed)
{
	struct terminal_modes2 out = { .input_speed = 38400, .output_speed = 38400 };
	spin_lock(&tty->lock);
	out.modes = tty->discipline.modes;
	spin_unlock(&tty->lock);
	return user_write(to, &out, with_speed ? sizeof(out) : sizeof(out.modes));
}

/* Output is never queued in the terminal, so waiting for it to drain has nothing to wait for. */
static long modes_set(struct tty *tty, uint64_t from, bool flush)
{
	struct terminal_modes modes;
	int error = tty_check_job(tty, SIGTTOU);
	if (error) {
		return error;
	}
	if (user_read(&modes, from, sizeof(modes))) {
		return -EFAULT;
	}
	spin_lock(&tty->lock);
	if (flush) {
		discipline_flush(&tty->discipline);
	}
	discipline_set(&tty->discipline, &modes);
	spin_unlock(&tty->lock);
	waitq_wake_all(&tty->readers);
	waitq_wake_all(&tty->writers);
	return 0;
}

void tty_resize(struct tty *tty, const struct window_size *window)
{
	spin_lock(&tty->lock);
	bool changed = memcmp(window, &tty->window, sizeof(*window)) != 0;
	tty->window = *window;
	spin_unlock(&tty->lock);
	if (changed) {
		tty_signal_foreground(tty, SIGWINCH);
	}
}

static long window_set(struct tty *tty, uint64_t from)
{
	struct window_size window;
	if (user_read(&window, from, sizeof(window))) {
		return -EFAULT;
	}
	tty_resize(tty, &window);
	return 0;
}

static long window_get(struct tty *tty, uint64_t to)
{
	spin_lock(&tty->lock);
	struct window_size window = tty->window;
	spin_unlock(&tty->lock);
	return user_write(to, &window, sizeof(window));
}

static long number_to_user(uint64_t to, long number)
{
	int32_t value = (int32_t)number;
	return number < 0 ? number : user_write(to, &value, sizeof(value));
}

static long ready_get(struct tty *tty, uint64_t to)
{
	bool readable;
	spin_lock(&tty->lock);
	unsigned ready = discipline_ready(&tty->discipline, &readable);
	spin_unlock(&tty->lock);
	return number_to_user(to, ready);
}

static long flush(struct tty *tty, uint64_t which)
{
	int error = tty_check_job(tty, SIGTTOU);
	if (error || which > 2) {
		return error ? error : -EINVAL;
	}
	if (which != 1) { /* TCOFLUSH: nothing is queued */
		spin_lock(&tty->lock);
		discipline_flush(&tty->discipline);
		spin_unlock(&tty->lock);
		if (tty->device->input_taken) {
			tty->device->input_taken(tty);
		}
	}
	return 0;
}

/* TCOOFF, TCOON, TCIOFF, TCION */
static long flow(struct tty *tty, uint64_t action)
{
	if (action > 3) {
		return -EINVAL;
	}
	spin_lock(&tty->lock);
	if (action < 2) {
		tty->discipline.stopped = action == 0;
	} else {
		uint8_t c = tty->discipline.modes.cc[action == 2 ? VSTOP : VSTART];
		tty->device->write(tty, (const char *)&c, 1);
	}
	spin_unlock(&tty->lock);
	waitq_wake_all(&tty->writers);
	return 0;
}

static long simulate_input(struct tty *tty, uint64_t from)
{
	char c;
	if (process_current()->tty != tty && !capable(CAP_SYS_ADMIN)) {
		return -EPERM;
	}
	if (user_read(&c, from, 1)) {
		return -EFAULT;
	}
	tty_receive(tty, &c, 1);
	return 0;
}

static long session_get(struct tty *tty, uint64_t to)
{
	spin_lock(&process_lock);
	long sid = process_current()->tty == tty ? (long)tty->sid : -ENOTTY;
	spin_unlock(&process_lock);
	return number_to_user(to, sid);
}

static long foreground_set(struct tty *tty, uint64_t from)
{
	int32_t pgid;
	if (user_read(&pgid, from, sizeof(pgid))) {
		return -EFAULT;
	}
	return pgid < 0 ? -EINVAL : tty_put_foreground(tty, (uint32_t)pgid);
}

long tty_ioctl_common(struct tty *tty, unsigned request, uint64_t argument)
{
	switch (request) {
	case TCGETS:
	case TCGETS2:
		return modes_get(tty, argument, request == TCGETS2);
	case TCSETS:
	case TCSETSW:
	case TCSETS2:
	case TCSETSW2:
		return modes_set(tty, argument, false);
	case TCSETSF:
	case TCSETSF2:
		return modes_set(tty, argument, true);
	case TIOCGWINSZ:
		return window_get(tty, argument);
	case TIOCSWINSZ:
		return window_set(tty, argument);
	default:
		return -ENOTTY;
	}
}

long tty_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	struct tty *tty = f->private;
	if (tty->hung_up) {
		return -EIO;
	}
	switch (request) {
	case TIOCGPGRP:
		return number_to_user(argument, tty_get_foreground(tty));
	case TIOCSPGRP:
		return foreground_set(tty, argument);
	case TIOCSCTTY:
		return tty_make_controlling(tty, argument == 1);
	case TIOCNOTTY:
		return tty_give_up_controlling(tty);
	case TIOCGSID:
		return session_get(tty, argument);
	case FIONREAD:
		return ready_get(tty, argument);
	case TIOCOUTQ:
		return number_to_user(argument, 0);
	case TCFLSH:
		return flush(tty, argument);
	case TCXONC:
		return flow(tty, argument);
	case TIOCSTI:
		return simulate_input(tty, argument);
	case TCSBRK:
	case TCSBRKP:
	case TIOCEXCL:
	case TIOCNXCL:
		return 0; /* no break on this line; nobody is kept out */
	default:
		return tty_ioctl_common(tty, request, argument);
	}
}
