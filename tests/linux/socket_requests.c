/* SPDX-License-Identifier: MIT */
/* What sockets answer to ioctl(2), fchmod(2) and a second bind(2), and sendfile(2) from a device. */
#include "inet.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/un.h>

/* FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, SIOCOUTQNSD, SIOCGARP */
enum { OWNER_SET = 0x8901, GROUP_SET, OWNER, GROUP, UNSENT = 0x894b, NEIGHBOUR = 0x8954 };

static void owners(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), p[2], me = getpid(), group = -getpgrp(), nobody = 0x3fffffff, value = -1;
	pipe(p);
	CALL(ioctl(fd, OWNER, &value));
	SHOW("owner", "%d", value);
	CALL(ioctl(fd, OWNER_SET, &me));
	CALL(ioctl(fd, OWNER, &value));
	IS(value == me && fcntl(fd, F_GETOWN) == me);
	CALL(ioctl(fd, GROUP_SET, &group));
	CALL(ioctl(fd, GROUP, &value));
	IS(value == group);
	CALL(ioctl(fd, OWNER_SET, &nobody));
	CALL(ioctl(fd, OWNER_SET, NOWHERE));
	CALL(ioctl(fd, GROUP, NOWHERE));
	CALL(ioctl(p[0], OWNER, &value));
}

struct neighbour { /* struct arpreq */
	struct sockaddr_in address;
	struct sockaddr hardware;
	int flags;
	struct sockaddr mask;
	char device[16];
};

static void neighbours(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct neighbour n = { .address = to("127.0.0.9", 0), .device = "lo" };
	CALL(ioctl(fd, NEIGHBOUR, &n));
	strcpy(n.device, "none77");
	CALL(ioctl(fd, NEIGHBOUR, &n));
	n.address.sin_family = AF_INET6;
	CALL(ioctl(fd, NEIGHBOUR, &n));
	CALL(ioctl(fd, NEIGHBOUR, NOWHERE));
}

static void unsent(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0), value = -1;
	struct sockaddr_in in = to("127.0.0.1", 0);
	char x;
	bind(listener, (void *)&in, sizeof(in));
	listen(listener, 1);
	in.sin_port = htons((uint16_t)port_of(listener));
	CALL(ioctl(listener, UNSENT, &value));
	CALL(ioctl(a, UNSENT, &value));
	SHOW("unsent", "%d", value);
	CALL(connect(a, (void *)&in, sizeof(in)));
	int b = accept(listener, NULL, NULL);
	CALL(write(a, "x", 1));
	until(b, POLLIN);
	value = -1;
	CALL(ioctl(a, UNSENT, &value));
	SHOW("unsent", "%d", value);
	set(a, IPPROTO_TCP, 3, 1); /* TCP_CORK */
	CALL(write(a, "corked", 6));
	CALL(ioctl(a, UNSENT, &value));
	SHOW("unsent", "%d", value);
	set(a, IPPROTO_TCP, 3, 0);
	CALL(read(b, &x, 1));
	CALL(ioctl(u, UNSENT, &value));
	CALL(ioctl(a, UNSENT, NOWHERE));
}

static void copying(void)
{
	int p[2], zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_RDWR);
	off_t at = 100;
	char bytes[8] = "xxxxxxx";
	pipe(p);
	CALL(sendfile(p[1], zero, NULL, 5));
	CALL(read(p[0], bytes, 8));
	IS(memcmp(bytes, "\0\0\0\0\0xx", 8) == 0);
	CALL(sendfile(p[1], zero, &at, 3));
	CALL(read(p[0], bytes, 8));
	CALL(sendfile(null, zero, NULL, 200000));
	CALL(sendfile(p[1], null, NULL, 5));
	CALL(sendfile(p[1], p[0], NULL, 5));
}

static int named(int fd, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	strcpy(un.sun_path, path);
	return bind(fd, (void *)&un, sizeof(un));
}

static void names(void)
{
	int a = socket(AF_UNIX, SOCK_STREAM, 0), b = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat st;
	umask(0);
	CALL(fstat(a, &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(fchmod(a, 0640));
	CALL(fstat(a, &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(named(a, "name"));
	CALL(stat("name", &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(named(a, "name"));
	CALL(named(a, "other"));
	CALL(access("other", F_OK));
	CALL(named(b, "name"));
	CALL(named(b, "other"));
}

int main(void)
{
	calls_begin();
	RUN(owners);
	RUN(neighbours);
	RUN(unsent);
	RUN(copying);
	RUN(names);
	return 0;
}
