/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-terminals (pty(7), pts(4)): opening /dev/ptmx makes a pair; the slave is a terminal whose device is a ring that the
 * master reads, and what the master writes is the terminal's input. The pair lives until the master's file, the slave's
 * files and the sessions have let go of it (tty->references); its name goes away with the master.
 */
#include "tty/tty_internal.h"

#include "abi/errno.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/chardev.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/user.h"

#define PTY_COUNT 64
#define RING_SIZE 8192u /* power of two */
#define O_NONBLOCK 0x800u
#define O_NOCTTY 0x100u
#define TIOCGPTN 0x80045430u
#define TIOCSPTLCK 0x40045431u
#define TIOCGPTLCK 0x80045439u
#define FIONREAD 0x541bu
#define TCFLSH 0x540bu
enum { POLLIN = 1, POLLOUT = 4, POLLHUP = 0x10, POLLRDNORM = 0x40, POLLWRNORM = 0x100 };

struct pty {
	struct tty slave;
	unsigned index;
	bool locked; /* under slave.lock, as the ring */
	uint32_t slave_files; /* open files of the slave */
	bool slave_was_open;
	uint32_t head, tail; /* free-running */
	char ring[RING_SIZE];
	struct waitq master_readers, master_writers;
	struct char_device device;
};

static struct mutex table_mutex;
static struct pty *table[PTY_COUNT]; /* under table_mutex */

/* ---- the slave's device ---- */

static struct pty *pty_of(struct tty *tty)
{
	return tty->device_private;
}

static unsigned slave_room(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	return RING_SIZE - (pty->head - pty->tail);
}

static void slave_out(struct tty *tty, const char *text, unsigned bytes)
{
	struct pty *pty = pty_of(tty);
	for (unsigned i = 0; i < bytes && pty->head - pty->tail < RING_SIZE; i++) {
		pty->ring[pty->head++ % RING_SIZE] = text[i];
	}
	waitq_wake_all(&pty->master_readers);
}

static void slave_input_taken(struct tty *tty)
{
	waitq_wake_all(&pty_of(tty)->master_writers);
}

static void slave_free(struct tty *tty)
{
	kfree(pty_of(tty));
}

static const struct tty_device slave_device = {
	.room = slave_room, .write = slave_out, .input_taken = slave_input_taken, .free = slave_free
};

static struct file_ops slave_file_ops; /* tty_file_ops with our release */

static void slave_release(struct file *f)
{
	struct pty *pty = pty_of(f->private);
	spin_lock(&pty->slave.lock);
	pty->slave_files--;
	spin_unlock(&pty->slave.lock);
	waitq_wake_all(&pty->master_readers);
	tty_put(&pty->slave);
}

/* While the device is listed the master's reference is there, so this one comes in time. */
static void slave_hold(const struct char_device *device)
{
	tty_get(&((struct pty *)device->private)->slave);
}

/* The reference that slave_hold() took becomes the file's. */
static int slave_open(struct file *f, const struct char_device *device)
{
	struct pty *pty = device->private;
	int error = 0;
	spin_lock(&pty->slave.lock);
	if (pty->locked || pty->slave.hung_up) {
		error = -EIO;
	} else {
		pty->slave_files++;
		pty->slave_was_open = true;
	}
	spin_unlock(&pty->slave.lock);
	if (error) {
		tty_put(&pty->slave);
		return error;
	}
	f->ops = &slave_file_ops;
	f->private = &pty->slave;
	if (!(f->flags & O_NOCTTY)) {
		(void)tty_make_controlling(&pty->slave, false);
	}
	return 0;
}

/* ---- the master ---- */

static bool master_readable(struct pty *pty)
{
	spin_lock(&pty->slave.lock);
	bool readable = pty->head != pty->tail || (pty->slave_was_open && !pty->slave_files);
	spin_unlock(&pty->slave.lock);
	return readable;
}

static unsigned ring_take(struct pty *pty, char *to, uint64_t bytes)
{
	unsigned done = 0;
	spin_lock(&pty->slave.lock);
	while (done < bytes && pty->tail != pty->head) {
		to[done++] = pty->ring[pty->tail++ % RING_SIZE];
	}
	spin_unlock(&pty->slave.lock);
	return done;
}

static long master_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct pty *pty = f->private;
	if (!(f->flags & O_NONBLOCK) && WAIT_EVENT_INTERRUPTIBLE(&pty->master_readers, master_readable(pty))) {
		return -ERESTARTSYS;
	}
	bool ended = master_readable(pty);
	unsigned done = ring_take(pty, buffer, bytes);
	if (done) {
		tty_writable(&pty->slave);
		return done;
	}
	return ended ? -EIO : -EAGAIN; /* Linux: EIO once the last slave is closed */
}

static bool master_writable(struct pty *pty)
{
	spin_lock(&pty->slave.lock);
	const struct discipline *d = &pty->slave.discipline;
	/* In canonical mode with no complete line a full buffer still takes control characters: never wait then. */
	bool writable = discipline_room(d) > 0 || ((d->modes.local & ICANON) && d->line_end == d->tail);
	spin_unlock(&pty->slave.lock);
	return writable;
}

/* The end of the file is kept in any case, once (discipline.h: end_waits). */
static bool takes(struct pty *pty, uint8_t c)
{
	spin_lock(&pty->slave.lock);
	const struct discipline *d = &pty->slave.discipline;
	bool end = c && c == d->modes.cc[VEOF] && (d->modes.local & ICANON) && !d->end_waits;
	spin_unlock(&pty->slave.lock);
	return end || master_writable(pty);
}

static long master_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct pty *pty = f->private;
	uint64_t done = 0;
	while (done < bytes) {
		uint8_t c = ((const uint8_t *)buffer)[done];
		if (!takes(pty, c)) {
			if (f->flags & O_NONBLOCK) {
				return done ? (long)done : -EAGAIN;
			}
			if (WAIT_EVENT_INTERRUPTIBLE(&pty->master_writers, takes(pty, c))) {
				return done ? (long)done : -ERESTARTSYS;
			}
		}
		tty_receive(&pty->slave, (const char *)buffer + done, 1);
		done++;
	}
	return (long)done;
}

static unsigned master_poll(struct file *f, struct poll_table *table_of_poll)
{
	struct pty *pty = f->private;
	poll_wait(table_of_poll, &pty->master_readers);
	poll_wait(table_of_poll, &pty->master_writers);
	spin_lock(&pty->slave.lock);
	unsigned events = pty->head != pty->tail ? POLLIN | POLLRDNORM : 0;
	events |= pty->slave_was_open && !pty->slave_files ? POLLHUP : 0;
	spin_unlock(&pty->slave.lock);
	return events | (master_writable(pty) ? POLLOUT | POLLWRNORM : 0);
}

static long lock_set(struct pty *pty, uint64_t from)
{
	int32_t lock;
	if (user_read(&lock, from, sizeof(lock))) {
		return -EFAULT;
	}
	spin_lock(&pty->slave.lock);
	pty->locked = lock != 0;
	spin_unlock(&pty->slave.lock);
	return 0;
}

static long master_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	struct pty *pty = f->private;
	int32_t value;
	switch (request) {
	case TIOCGPTN:
		value = (int32_t)pty->index;
		return user_write(argument, &value, sizeof(value));
	case TIOCSPTLCK:
		return lock_set(pty, argument);
	case TIOCGPTLCK:
		value = pty->locked;
		return user_write(argument, &value, sizeof(value));
	case FIONREAD:
		value = (int32_t)(pty->head - pty->tail);
		return user_write(argument, &value, sizeof(value));
	case TCFLSH:
		return 0;
	default:
		return tty_ioctl_common(&pty->slave, request, argument);
	}
}

static void master_release(struct file *f)
{
	struct pty *pty = f->private;
	chardev_unregister(&pty->device);
	mutex_lock(&table_mutex);
	table[pty->index] = NULL;
	mutex_unlock(&table_mutex);
	tty_hang_up(&pty->slave);
	tty_put(&pty->slave);
}

static const struct file_ops master_file_ops = {
	.read = master_read,
	.write = master_write,
	.ioctl = master_ioctl,
	.poll = master_poll,
	.release = master_release,
};

static struct pty *pty_create(unsigned index)
{
	struct pty *pty = kzalloc(sizeof(*pty));
	if (!pty) {
		return NULL;
	}
	pty->index = index;
	pty->locked = true;
	tty_setup(&pty->slave, &slave_device, pty, 136 << 8 | index);
	waitq_init(&pty->master_readers);
	waitq_init(&pty->master_writers);
	const struct process *p = process_current();
	pty->device = (struct char_device){
		.major = 136,
		.minor = index,
		.mode = 0620,
		.uid = p ? p->credentials.uid : 0,
		.gid = 5, /* tty */
		.hold = slave_hold,
		.open = slave_open,
		.private = pty,
	};
	format_text(pty->device.name, sizeof(pty->device.name), "pts/%u", index);
	return pty;
}

static int master_open(struct file *f, const struct char_device *device)
{
	int error = -ENOSPC;
	mutex_lock(&table_mutex);
	for (unsigned i = 0; i < PTY_COUNT; i++) {
		if (table[i]) {
			continue;
		}
		struct pty *pty = pty_create(i);
		error = pty ? chardev_register(&pty->device) : -ENOMEM;
		if (error) {
			kfree(pty);
			break;
		}
		table[i] = pty;
		f->ops = &master_file_ops;
		f->private = pty;
		break;
	}
	mutex_unlock(&table_mutex);
	return error;
}

static struct char_device ptmx = { .name = "ptmx", .major = 5, .minor = 2, .mode = 0666, .open = master_open };

void pty_init(void)
{
	mutex_init(&table_mutex, "pty table");
	slave_file_ops = tty_file_ops;
	slave_file_ops.release = slave_release;
	if (chardev_register(&ptmx)) {
		kprintf("tty: /dev/ptmx is taken");
	}
}
