/* SPDX-License-Identifier: MIT */
/*
 * A bad cable between a machine of QEMU (`-netdev stream` on a Unix socket: a frame behind four bytes of its length) and this machine's own TCP/IP (a
 * tap device, which it makes):
 *
 *	net-wire SOCKET TAP SEED
 *
 * Lines on its standard input say what befalls frames from then on, in thousandths of them: "lose N", "repeat N", "damage N" (one bit behind the
 * Ethernet header, of IP only: ARP relies on what a real cable checks), "late N" (up to LATE_FRAMES others overtake it, or LATE_NS end),
 * "cut N" (1: nothing passes). "delay N": every frame needs N microseconds. "count" prints what happened since the last time, a line a direction; an
 * empty line ends it. The same seed and the same frames meet the same fate: each direction has its own numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmtools/monotonic.h"

#define FRAME_MAX 65550u
#define HELD_MAX 4096u
#define LATE_FRAMES 8u
#define LATE_NS 20000000ull
#define ETHERNET 14u
#define BATCH 64 /* frames of one direction before the other has its turn */

enum fate { LOSE, REPEAT, DAMAGE, LATE, CUT, DELAY, FATE_COUNT };
static const char *const fate_names[FATE_COUNT] = { "lose", "repeat", "damage", "late", "cut", "delay" };
static unsigned long rates[FATE_COUNT];

struct frame {
	uint32_t bytes;
	uint8_t data[FRAME_MAX];
};

/* A frame that is on its way. */
struct held {
	struct frame *frame;
	uint64_t due_ns;
	unsigned behind; /* it goes when so many others have gone; 0: only by the time */
};

struct direction {
	const char *name;
	int from, to;
	bool to_stream; /* else from it */
	uint64_t random;
	struct held held[HELD_MAX];
	unsigned held_count;
	unsigned long passed, happened[FATE_COUNT];
};

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "net-wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- chance ---- */
static uint64_t random_next(struct direction *d)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 7;
	d->random ^= d->random << 17;
	return d->random * 0x2545f4914f6cdd1dull >> 11;
}

static bool befalls(struct direction *d, enum fate fate)
{
	bool yes = random_next(d) % 1000 < rates[fate];
	d->happened[fate] += yes;
	return yes;
}

/* ---- in and out ---- */
static bool read_whole(int fd, void *to, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = read(fd, (char *)to + done, bytes - done);
		if (n <= 0) {
			return false;
		}
		done += (size_t)n;
	}
	return true;
}

static bool write_whole(int fd, const void *from, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, (const char *)from + done, bytes - done);
		if (n <= 0) {
			return false;
		}
		done += (size_t)n;
	}
	return true;
}

/* False: the end has gone. */
static bool frame_read(const struct direction *d, struct frame *f)
{
	uint8_t length[4];
	if (d->to_stream) {
		ssize_t n = read(d->from, f->data, sizeof(f->data));
		f->bytes = n > 0 ? (uint32_t)n : 0;
		return n > 0;
	}
	if (!read_whole(d->from, length, sizeof(length))) {
		return false;
	}
	f->bytes = (uint32_t)length[0] << 24 | (uint32_t)length[1] << 16 | (uint32_t)length[2] << 8 | length[3];
	return f->bytes <= FRAME_MAX && read_whole(d->from, f->data, f->bytes);
}

static void frame_write(struct direction *d, const struct frame *f)
{
	uint8_t length[4] = { (uint8_t)(f->bytes >> 24), (uint8_t)(f->bytes >> 16), (uint8_t)(f->bytes >> 8), (uint8_t)f->bytes };
	if (d->to_stream && !write_whole(d->to, length, sizeof(length))) {
		return;
	}
	if (write_whole(d->to, f->data, f->bytes)) {
		d->passed++;
	}
}

/* ---- what befalls a frame ---- */
static void held_go(struct direction *d, unsigned at)
{
	struct frame *f = d->held[at].frame;
	d->held_count--;
	memmove(&d->held[at], &d->held[at + 1], (d->held_count - at) * sizeof(d->held[0]));
	frame_write(d, f);
	free(f);
}

/* One has gone by: those that waited to be overtaken have less to wait for. */
static void overtaken(struct direction *d)
{
	for (unsigned i = 0; i < d->held_count;) {
		if (d->held[i].behind && --d->held[i].behind == 0) {
			held_go(d, i);
		} else {
			i++;
		}
	}
}

static void hold(struct direction *d, const struct frame *f, uint64_t ns, unsigned behind)
{
	struct frame *copy = d->held_count < HELD_MAX ? malloc(sizeof(f->bytes) + f->bytes) : NULL;
	if (!copy) {
		d->happened[LOSE]++; /* as a queue that is full does */
		return;
	}
	memcpy(copy, f, sizeof(f->bytes) + f->bytes);
	d->held[d->held_count++] = (struct held){ copy, monotonic_ns() + ns, behind };
}

static void damage(struct direction *d, struct frame *f)
{
	uint32_t bit = (uint32_t)(random_next(d) % ((f->bytes - ETHERNET) * 8));
	f->data[ETHERNET + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static bool is_ip(const struct frame *f)
{
	return f->bytes > ETHERNET && ((f->data[12] == 0x08 && f->data[13] == 0x00) || (f->data[12] == 0x86 && f->data[13] == 0xdd));
}

static void frame_pass(struct direction *d, struct frame *f)
{
	uint64_t delay_ns = rates[DELAY] * 1000;
	if (rates[CUT]) {
		d->happened[CUT]++;
		return;
	}
	bool lost = befalls(d, LOSE), twice = befalls(d, REPEAT), late = befalls(d, LATE);
	if (lost) {
		return;
	}
	if (is_ip(f) && befalls(d, DAMAGE)) {
		damage(d, f);
	}
	if (late) {
		hold(d, f, delay_ns + LATE_NS, 1 + (unsigned)(random_next(d) % LATE_FRAMES));
		return;
	}
	for (int i = 0; i <= twice; i++) {
		if (delay_ns) {
			hold(d, f, delay_ns, 0);
		} else {
			frame_write(d, f);
			overtaken(d);
		}
	}
}

/* What is due goes; when the next one is. UINT64_MAX: none waits. */
static uint64_t held_due(struct direction *d)
{
	uint64_t now = monotonic_ns(), next = UINT64_MAX;
	for (unsigned i = 0; i < d->held_count;) {
		if (d->held[i].due_ns <= now) {
			bool was_late = d->held[i].behind;
			held_go(d, i);
			if (!was_late) {
				overtaken(d);
				i = 0;
			}
			continue;
		}
		next = d->held[i].due_ns < next ? d->held[i].due_ns : next;
		i++;
	}
	return next;
}

/* ---- its two ends, and who commands it ---- */
static int tap_open(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0) {
		give_up(name);
	}
	return fd;
}

static int machine_wait(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	unlink(path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 1) != 0) {
		give_up(path);
	}
	puts("ready");
	int fd = accept(listener, NULL, NULL);
	if (fd < 0) {
		give_up(path);
	}
	close(listener);
	return fd;
}

static void count(struct direction *d)
{
	printf("%s passed=%lu", d->name, d->passed);
	for (int i = 0; i < DELAY; i++) {
		printf(" %s=%lu", fate_names[i], d->happened[i]);
	}
	puts("");
	d->passed = 0;
	memset(d->happened, 0, sizeof(d->happened));
}

/* False: it is to end. */
static bool command(struct direction *d)
{
	static char line[256];
	static size_t length;
	ssize_t n = read(STDIN_FILENO, line + length, sizeof(line) - 1 - length);
	length += n > 0 ? (size_t)n : 0;
	line[length] = '\0';
	for (char *end; (end = strchr(line, '\n')) != NULL;) {
		char word[16] = "";
		unsigned long value = 0;
		int words = sscanf(line, "%15s %lu", word, &value);
		if (end == line) {
			return false;
		}
		if (strcmp(word, "count") == 0) {
			count(&d[0]);
			count(&d[1]);
		}
		for (int i = 0; i < FATE_COUNT && words == 2; i++) {
			if (strcmp(word, fate_names[i]) == 0) {
				rates[i] = value;
			}
		}
		length -= (size_t)(end + 1 - line);
		memmove(line, end + 1, length + 1);
	}
	return n > 0;
}

/* False: the machine has gone. */
static bool direction_work(struct direction *d, bool ready)
{
	static struct frame f;
	for (int i = 0; ready && i < BATCH; i++) {
		if (!frame_read(d, &f)) {
			return d->to_stream && errno == EAGAIN;
		}
		frame_pass(d, &f);
		ready = d->to_stream; /* a tap says that it has no more */
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct direction d[2];
	if (argc != 4) {
		fprintf(stderr, "net-wire SOCKET TAP SEED\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	int tap = tap_open(argv[2]), machine = machine_wait(argv[1]);
	uint64_t seed = strtoull(argv[3], NULL, 10);
	d[0] = (struct direction){ .name = "in", .from = tap, .to = machine, .to_stream = true, .random = seed * 2 + 1 };
	d[1] = (struct direction){ .name = "out", .from = machine, .to = tap, .random = seed * 2 + 0x9e3779b97f4a7c15ull };
	for (;;) {
		uint64_t due[2] = { held_due(&d[0]), held_due(&d[1]) }, first = due[0] < due[1] ? due[0] : due[1], now = monotonic_ns();
		struct timespec wait = { 0 };
		if (first > now && first != UINT64_MAX) {
			wait = (struct timespec){ (time_t)((first - now) / 1000000000), (long)((first - now) % 1000000000) };
		}
		struct pollfd p[3] = { { .fd = tap, .events = POLLIN }, { .fd = machine, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
		if (ppoll(p, 3, first == UINT64_MAX ? NULL : &wait, NULL) < 0) {
			give_up("poll");
		}
		if (!direction_work(&d[0], p[0].revents) || !direction_work(&d[1], p[1].revents) || (p[2].revents && !command(d))) {
			return 0;
		}
	}
}
