/* SPDX-License-Identifier: MIT */
/*
 * Mail as many small programs, after sv6's and Biscuit's mailbench: a message is put into a queue by one program, a manager hears of it by a unix
 * datagram socket and has another program deliver it into a directory of the user, and a third process, told by a unix stream
 * socket, picks it up. Every step that has to last is followed by fsync, and a message appears by rename, whole.
 *
 * A message costs two fork, exec, exit and wait, 6 files made or renamed, 4 removed, 4 fsync of files and one of a directory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <signal.h>
#include <unistd.h>

#include "bench.h"

#define USERS 8
#define CLIENTS 2
#define MESSAGE_BYTES 2048u
#define NAME_BYTES 128

static const char *place; /* the directory of all mail */

static void name_make(char *name, const char *kind, long number)
{
	snprintf(name, NAME_BYTES, "%s/%s%ld", place, kind, number);
}

/* A box's file: its directory is the user's, by the message's number. */
static void box_name(char *name, const char *kind, long number)
{
	snprintf(name, NAME_BYTES, "%s/user%ld/%s%ld", place, number % USERS, kind, number);
}

static void write_all(const char *name, const char *bytes, size_t count)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, count) != (ssize_t)count || fsync(fd) != 0 || close(fd) != 0) {
		die(name);
	}
}

static struct sockaddr_un socket_address(const char *kind)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", place, kind);
	return at;
}

/* --- the programs --- */

/* A message and its envelope, then a word to the manager. */
static void enqueue(long number)
{
	char name[NAME_BYTES], message[MESSAGE_BYTES], envelope[64];
	struct sockaddr_un at = socket_address("manager");
	memset(message, 'm', sizeof(message));
	snprintf(message, sizeof(message), "From: client\nTo: user%ld\n", number % USERS);
	name_make(name, "queue/message", number);
	write_all(name, message, sizeof(message));
	name_make(name, "queue/envelope", number);
	write_all(name, envelope, (size_t)snprintf(envelope, sizeof(envelope), "user%ld", number % USERS));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, &number, sizeof(number), 0, (struct sockaddr *)&at, sizeof(at)) != sizeof(number)) {
		die("a word to the manager");
	}
}

/* The message is stdin. */
static void deliver(long number)
{
	char from[NAME_BYTES], to[NAME_BYTES], bytes[MESSAGE_BYTES];
	size_t got = 0;
	for (ssize_t n; got < sizeof(bytes) && (n = read(0, bytes + got, sizeof(bytes) - got)) > 0; got += (size_t)n) {
	}
	box_name(from, "tmp/", number);
	box_name(to, "new/", number);
	write_all(from, bytes, got);
	if (rename(from, to) != 0) {
		die(to);
	}
	*strrchr(to, '/') = '\0';
	int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		die(to);
	}
}

int mail_program(int argc, char **argv)
{
	if (argc != 4 || strncmp(argv[1], "mail-", 5) != 0) {
		return 0;
	}
	place = argv[2];
	(strcmp(argv[1], "mail-enqueue") == 0 ? enqueue : deliver)(atol(argv[3]));
	return 1;
}

static void run_program(const char *program, long number, int input)
{
	char text[24];
	snprintf(text, sizeof(text), "%ld", number);
	pid_t pid = fork();
	if (pid == 0) {
		if (input >= 0) {
			dup2(input, 0);
		}
		execl(own_name, own_name, program, place, text, (char *)NULL);
		_exit(1);
	}
	wait_for(pid);
}

/* --- the processes that stay --- */

static void manage(int notes, int pickup)
{
	char name[NAME_BYTES], envelope[64] = "";
	long number;
	while (read(notes, &number, sizeof(number)) == sizeof(number)) {
		name_make(name, "queue/envelope", number);
		int fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, envelope, sizeof(envelope) - 1) < 5 || unlink(name) != 0) {
			die(name);
		}
		close(fd);
		name_make(name, "queue/message", number);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		run_program("mail-deliver", number, fd);
		close(fd);
		if (unlink(name) != 0 || write(pickup, &number, sizeof(number)) != sizeof(number)) {
			die(name);
		}
	}
}

static void pick_up(int news, int done)
{
	char name[NAME_BYTES], kept[NAME_BYTES], bytes[MESSAGE_BYTES];
	long number;
	while (read(news, &number, sizeof(number)) == sizeof(number)) {
		box_name(name, "new/", number);
		box_name(kept, "cur/", number);
		int fd = rename(name, kept) == 0 ? open(kept, O_RDONLY | O_CLOEXEC) : -1;
		if (fd < 0 || read(fd, bytes, sizeof(bytes)) != sizeof(bytes) || unlink(kept) != 0) {
			die(kept);
		}
		close(fd);
		if (write(done, "", 1) != 1) {
			die("a message that was picked up");
		}
	}
}

static void child_start(void (*run)(int from, int to), int from, int to)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(from, to);
		_exit(0);
	}
	if (pid < 0) {
		die("fork");
	}
}

static long next_number;

static void clients_run(long ops)
{
	pid_t clients[CLIENTS];
	for (int c = 0; c < CLIENTS; c++) {
		clients[c] = fork();
		if (clients[c] == 0) {
			for (long i = c; i < ops; i += CLIENTS) {
				run_program("mail-enqueue", next_number + i, -1);
			}
			_exit(0);
		}
	}
	for (int c = 0; c < CLIENTS; c++) {
		wait_for(clients[c]);
	}
	next_number += ops;
}

static int picked[2] = { -1, -1 };

static void mail(long ops)
{
	clients_run(ops);
	char bytes[64];
	for (long left = ops; left > 0;) {
		ssize_t n = read(picked[0], bytes, left < 64 ? (size_t)left : 64);
		if (n <= 0) {
			die("messages that are missing");
		}
		left -= n;
	}
}

/* --- set-up --- */

static void make_directory(const char *name)
{
	if (mkdir(name, 0700) != 0) {
		die(name);
	}
}

static int notes = -1;

static void mail_open(const char *where)
{
	static const char *const boxes[] = { "", "/tmp", "/new", "/cur" };
	char name[NAME_BYTES];
	int news[2];
	place = where;
	make_directory(place);
	snprintf(name, sizeof(name), "%s/queue", place);
	make_directory(name);
	for (int i = 0; i < USERS * 4; i++) {
		snprintf(name, sizeof(name), "%s/user%d%s", place, i / 4, boxes[i % 4]);
		make_directory(name);
	}
	struct sockaddr_un at = socket_address("manager");
	notes = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(notes, (struct sockaddr *)&at, sizeof(at)) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, news) != 0 ||
	    pipe2(picked, O_CLOEXEC) != 0) {
		die("sockets");
	}
	child_start(manage, notes, news[1]);
	child_start(pick_up, news[0], picked[1]);
	close(news[0]);
	close(news[1]);
}

static void open_tmpfs(void)
{
	mail_open("/tmp/mail");
}

static void open_ext4(void)
{
	mail_open("/mail");
}

/* The manager and its reader end with this program. */
static void mail_close(void)
{
	close(notes);
	close(picked[0]);
	close(picked[1]);
}

const struct line mail_lines[] = {
	{ "mail-tmpfs", 200, mail, open_tmpfs, mail_close },
	{ "mail-ext4", 200, mail, open_ext4, mail_close },
	{ 0 },
};
