/* SPDX-License-Identifier: MIT */
/* Sockets of AF_UNIX: pairs, names, connections, datagrams, what goes with messages, ends, limits. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

/* "@name" is abstract. */
static socklen_t address_of(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, name);
	if (*name == '@') {
		a->sun_path[0] = '\0';
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	}
	return sizeof(*a);
}

static int bound(int type, const char *name)
{
	struct sockaddr_un a;
	socklen_t length = address_of(&a, name);
	int fd = socket(AF_UNIX, type, 0);
	return fd >= 0 && bind(fd, (struct sockaddr *)&a, length) == 0 ? fd : -1;
}

static int connected(int fd, const char *name)
{
	struct sockaddr_un a;
	socklen_t length = address_of(&a, name);
	return connect(fd, (struct sockaddr *)&a, length);
}

static void pairs_carry_bytes(void)
{
	int s[2], left;
	char in[32];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0 && fcntl(s[1], F_GETFD) == FD_CLOEXEC);
	CHECK(write(s[0], "hello", 5) == 5 && send(s[0], " world", 6, 0) == 6);
	CHECK(ioctl(s[1], FIONREAD, &left) == 0 && left == 11);
	CHECK(recv(s[1], in, 5, MSG_PEEK) == 5 && memcmp(in, "hello", 5) == 0);
	CHECK(recv(s[1], in, sizeof(in), MSG_PEEK) == 11 && read(s[1], in, 3) == 3 && memcmp(in, "hel", 3) == 0);
	CHECK(read(s[1], in, sizeof(in)) == 8 && memcmp(in, "lo world", 8) == 0);
	CHECK(recv(s[1], in, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } }, to[2] = { { in, 1 }, { in + 10, 9 } };
	CHECK(writev(s[1], out, 3) == 5 && readv(s[0], to, 2) == 5 && in[0] == 'a' && memcmp(in + 10, "bcde", 4) == 0);
	CHECK(lseek(s[0], 0, SEEK_SET) == -1 && errno == ESPIPE);
	struct stat st;
	CHECK(fstat(s[0], &st) == 0 && S_ISSOCK(st.st_mode));
	CHECK(write(s[0], "rest", 4) == 4 && close(s[0]) == 0);
	CHECK(read(s[1], in, sizeof(in)) == 4 && read(s[1], in, sizeof(in)) == 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(s[1], "x", 1) == -1 && errno == EPIPE);
	close(s[1]);
}

static void a_broken_pipe_is_a_signal_unless_asked_not(void)
{
	int s[2], status;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	close(s[0]);
	signal(SIGPIPE, SIG_DFL);
	CHECK(send(s[1], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	pid_t pid = fork();
	if (pid == 0) {
		send(s[1], "x", 1, 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	close(s[1]);
}

static void unread_bytes_reset_the_connection(void)
{
	int s[2], error;
	socklen_t length = sizeof(error);
	char c;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(s[0], "x", 1) == 1 && close(s[1]) == 0);
	CHECK(read(s[0], &c, 1) == -1 && errno == ECONNRESET && read(s[0], &c, 1) == 0);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0);
	close(s[0]);
}

static void shutdown_closes_one_way(void)
{
	int s[2];
	char c;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && shutdown(s[0], SHUT_WR) == 0);
	CHECK(read(s[1], &c, 1) == 0 && write(s[1], "y", 1) == 1 && read(s[0], &c, 1) == 1 && c == 'y');
	CHECK(send(s[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	struct pollfd p = { .fd = s[1], .events = POLLIN | POLLOUT | POLLRDHUP };
	CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT | POLLRDHUP));
	CHECK(shutdown(s[1], SHUT_WR) == 0 && poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
	CHECK(shutdown(s[1], 3) == -1 && errno == EINVAL);
	close(s[0]);
	close(s[1]);
}

static void servers_accept(const char *name, int type)
{
	int server = bound(type, name), status, value;
	struct sockaddr_un a;
	socklen_t length = sizeof(a);
	char in[16];
	CHECK(server >= 0 && listen(server, 5) == 0 && fcntl(server, F_SETFL, O_NONBLOCK) == 0);
	CHECK(accept(server, NULL, NULL) == -1 && errno == EAGAIN && fcntl(server, F_SETFL, 0) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = socket(AF_UNIX, type, 0);
		_exit(connected(fd, name) == 0 && write(fd, "ping", 4) == 4 && read(fd, in, 16) == 4 && memcmp(in, "pong", 4) == 0 ? 0 : errno);
	}
	int fd = accept4(server, (struct sockaddr *)&a, &length, SOCK_CLOEXEC);
	CHECK(fd >= 0 && length == 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	struct {
		int pid;
		unsigned uid, gid;
	} id;
	length = sizeof(id);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &id, &length) == 0 && id.pid == pid && id.uid == getuid() && length == 12);
	CHECK(read(fd, in, 16) == 4 && memcmp(in, "ping", 4) == 0 && write(fd, "pong", 4) == 4);
	length = sizeof(a);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &length) == 0 && a.sun_family == AF_UNIX && length == 3 + strlen(name) - (*name == '@'));
	CHECK(memcmp(a.sun_path + (*name == '@'), name + (*name == '@'), strlen(name) - (*name == '@')) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	length = sizeof(value);
	CHECK(getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value == 1);
	CHECK(getsockopt(server, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == type);
	close(fd);
	close(server);
	fd = socket(AF_UNIX, type, 0);
	CHECK(connected(fd, name) == -1 && errno == ECONNREFUSED);
	close(fd);
}

static void servers_have_names_of_files(void)
{
	struct stat st;
	unlink("sockets-name");
	servers_accept("sockets-name", SOCK_STREAM);
	if (check_why) {
		return;
	}
	CHECK(stat("sockets-name", &st) == 0 && S_ISSOCK(st.st_mode));
	CHECK(bound(SOCK_STREAM, "sockets-name") == -1 && errno == EADDRINUSE);
	CHECK(open("sockets-name", O_RDWR) == -1 && errno == ENXIO);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connected(fd, "/dev/null") == -1 && errno == ECONNREFUSED && connected(fd, "sockets-none") == -1 && errno == ENOENT);
	close(fd);
	unlink("sockets-name");
}

static void servers_have_abstract_names(void)
{
	servers_accept("@sockets-abstract", SOCK_STREAM);
	if (!check_why) {
		servers_accept("@sockets-abstract", SOCK_SEQPACKET);
	}
	if (check_why) {
		return;
	}
	int one = bound(SOCK_STREAM, "@sockets-abstract");
	CHECK(one >= 0 && bound(SOCK_STREAM, "@sockets-abstract") == -1 && errno == EADDRINUSE);
	close(one);
	one = bound(SOCK_STREAM, "@sockets-abstract");
	CHECK(one >= 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(a);
	CHECK(bind(fd, (struct sockaddr *)&a, 2) == 0 && getsockname(fd, (struct sockaddr *)&a, &length) == 0 && length == 8 && !a.sun_path[0]);
	close(fd);
	close(one);
}

static void the_backlog_is_bounded(void)
{
	int server = bound(SOCK_STREAM, "@sockets-backlog"), c[4], fd, status;
	char in;
	CHECK(server >= 0 && listen(server, 1) == 0);
	for (int i = 0; i < 4; i++) {
		c[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	}
	CHECK(connected(c[0], "@sockets-backlog") == 0 && connected(c[1], "@sockets-backlog") == 0);
	CHECK(connected(c[2], "@sockets-backlog") == -1 && errno == EAGAIN);
	pid_t pid = fork();
	if (pid == 0) {
		fcntl(c[3], F_SETFL, 0);
		_exit(connected(c[3], "@sockets-backlog") == 0 ? 0 : errno);
	}
	usleep(20000);
	CHECK((fd = accept(server, NULL, NULL)) >= 0 && waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(accept(server, NULL, NULL) >= 0 && connected(c[0], "@sockets-backlog") == -1 && errno == EISCONN);
	close(server);
	CHECK(recv(c[3], &in, 1, 0) == -1 && errno == ECONNRESET);
	for (int i = 0; i < 4; i++) {
		close(c[i]);
	}
	close(fd);
}

static void errors_of_connections(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = bound(SOCK_DGRAM, "@sockets-errors"), pipes[2];
	char c;
	struct sockaddr_un a;
	socklen_t length = sizeof(a);
	CHECK(read(fd, &c, 1) == -1 && errno == EINVAL && send(fd, &c, 1, MSG_NOSIGNAL) == -1 && errno == ENOTCONN);
	CHECK(listen(fd, 1) == -1 && errno == EINVAL && accept(fd, NULL, NULL) == -1 && errno == EINVAL);
	CHECK(listen(other, 1) == -1 && errno == EOPNOTSUPP && getpeername(fd, (struct sockaddr *)&a, &length) == -1 && errno == ENOTCONN);
	CHECK(socket(AF_UNIX, 4, 0) == -1 && errno == ESOCKTNOSUPPORT && socket(AF_UNIX, SOCK_STREAM, 7) == -1 && errno == EPROTONOSUPPORT);
	CHECK(socket(45, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT && socket(AF_UNIX, 99, 0) == -1 && errno == EINVAL);
	CHECK(pipe(pipes) == 0 && listen(pipes[0], 1) == -1 && errno == ENOTSOCK && listen(999, 1) == -1 && errno == EBADF);
	CHECK(bind(fd, (struct sockaddr *)&a, 200) == -1 && errno == EINVAL && bind(fd, NULL, 20) == -1 && errno == EFAULT);
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLOUT | POLLHUP));
	CHECK(bind(other, (struct sockaddr *)&a, address_of(&a, "@sockets-again")) == -1 && errno == EINVAL);
	CHECK(getsockopt(fd, SOL_SOCKET, 999, &c, &length) == -1 && errno == ENOPROTOOPT);
	close(fd);
	close(other);
	close(pipes[0]);
	close(pipes[1]);
}

static void datagrams_keep_their_bounds(void)
{
	int server = bound(SOCK_DGRAM, "@sockets-datagrams"), client = bound(SOCK_DGRAM, "@sockets-client"), left;
	struct sockaddr_un a;
	socklen_t length = address_of(&a, "@sockets-datagrams");
	char in[8];
	CHECK(server >= 0 && client >= 0 && sendto(client, "one", 3, 0, (struct sockaddr *)&a, length) == 3);
	CHECK(sendto(client, "", 0, 0, (struct sockaddr *)&a, length) == 0 && sendto(client, "longer than 8", 13, 0, (struct sockaddr *)&a, length) == 13);
	CHECK(ioctl(server, FIONREAD, &left) == 0 && left == 3);
	length = sizeof(a);
	CHECK(recvfrom(server, in, 8, 0, (struct sockaddr *)&a, &length) == 3 && length == 17 && memcmp(a.sun_path + 1, "sockets-client", 14) == 0);
	CHECK(recv(server, in, 8, 0) == 0 && recv(server, in, 8, MSG_PEEK | MSG_TRUNC) == 13 && recv(server, in, 8, 0) == 8);
	CHECK(recv(server, in, 8, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	CHECK(send(client, "x", 1, 0) == -1 && errno == ENOTCONN && connected(client, "@sockets-datagrams") == 0);
	for (int i = 0; i < 11; i++) {
		CHECK(send(client, "x", 1, MSG_DONTWAIT) == 1);
	}
	struct pollfd p = { .fd = client, .events = POLLOUT };
	CHECK(send(client, "x", 1, MSG_DONTWAIT) == -1 && errno == EAGAIN && poll(&p, 1, 0) == 0);
	CHECK(read(server, in, 8) == 1 && poll(&p, 1, 100000) == 1 && send(client, "x", 1, 0) == 1);
	static char large[300000];
	CHECK(send(client, large, sizeof(large), 0) == -1 && errno == EMSGSIZE);
	struct iovec out[2] = { { "ab", 2 }, { "cd", 2 } };
	close(server);
	CHECK(writev(client, out, 2) == -1 && errno == ECONNREFUSED && send(client, "x", 1, 0) == -1 && errno == ENOTCONN);
	close(client);
}

static void records_keep_their_bounds(void)
{
	int s[2];
	char in[8];
	struct iovec out[2] = { { "ab", 2 }, { "cd", 2 } };
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0 && writev(s[0], out, 2) == 4 && write(s[0], "12345", 5) == 5);
	CHECK(read(s[1], in, 8) == 4 && read(s[1], in, 3) == 3 && close(s[0]) == 0 && read(s[1], in, 8) == 0);
	CHECK(send(s[1], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	close(s[1]);
}

static ssize_t send_files(int to, const int *fds, int count, const char *text)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(253 * sizeof(int))];
	} control = { 0 };
	struct iovec v = { (void *)text, strlen(text) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	return sendmsg(to, &m, 0);
}

/* The number of files that came; *flags: msg_flags. */
static int receive_files(int from, int *fds, int room, char *text, size_t size, int *flags)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec v = { text, size };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0 };
	if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) < 0) {
		return -1;
	}
	*flags = m.msg_flags & (MSG_CTRUNC | MSG_TRUNC);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int count = h && h->cmsg_type == SCM_RIGHTS ? (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
	memcpy(fds, CMSG_DATA(&control.header), count * sizeof(int));
	return count;
}

static void descriptors_travel(void)
{
	int s[2], end[2], got[16], flags;
	char in[16] = "";
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(end) == 0);
	CHECK(write(s[0], "before", 6) == 6 && send_files(s[0], end, 2, "with") == 4 && write(s[0], "after", 5) == 5);
	close(end[0]);
	close(end[1]);
	CHECK(receive_files(s[1], got, 16, in, 16, &flags) == 2 && flags == 0 && memcmp(in, "beforewith", 10) == 0);
	CHECK(fcntl(got[0], F_GETFD) == FD_CLOEXEC && write(got[1], "pipe", 4) == 4 && read(got[0], in, 16) == 4);
	close(got[1]);
	CHECK(read(got[0], in, 16) == 0 && close(got[0]) == 0 && read(s[1], in, 16) == 5);
	CHECK(pipe(end) == 0 && send_files(s[0], end, 2, "x") == 1 && close(end[1]) == 0);
	CHECK(receive_files(s[1], got, 1, in, 16, &flags) == 1 && flags == MSG_CTRUNC && close(got[0]) == 0);
	CHECK(read(end[0], in, 1) == 0); /* the other was closed */
	int bad[1] = { 999 };
	CHECK(send_files(s[0], bad, 1, "x") == -1 && errno == EBADF);
	CHECK(pipe(got) == 0 && send_files(s[0], got + 1, 1, "y") == 1 && close(got[1]) == 0 && read(s[1], in, 1) == 1);
	CHECK(read(got[0], in, 1) == 0); /* read() does not hand it over */
	close(got[0]);
	close(end[0]);
	close(s[0]);
	close(s[1]);
}

static void descriptors_in_circles_are_closed(void)
{
	int s[2], end[2];
	char c;
	for (int round = 0; round < 3; round++) {
		CHECK(pipe(end) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
		CHECK(send_files(s[0], &end[1], 1, "x") == 1 && close(end[1]) == 0);
		CHECK(send_files(s[0], &s[round == 1], 1, "x") == 1 && send_files(s[1], &s[round != 2], 1, "x") == 1);
		close(s[0]);
		close(s[1]);
		close(socket(AF_UNIX, SOCK_STREAM, 0)); /* Linux looks for circles when a socket is released */
		struct pollfd p = { .fd = end[0], .events = POLLIN };
		CHECK(poll(&p, 1, 100000) == 1 && read(end[0], &c, 1) == 0); /* so the end for writing, in the queue, has been closed */
		close(end[0]);
	}
}

static void long_chains_of_descriptors_are_closed(void)
{
	int end[2], before, s[2];
	char c;
	CHECK(pipe(end) == 0);
	before = end[1];
	for (int i = 0; i < 300; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && send_files(s[0], &before, 1, "x") == 1);
		close(before);
		close(s[0]);
		before = s[1];
	}
	close(before);
	CHECK(read(end[0], &c, 1) == 0);
	close(end[0]);
}

static void senders_are_named(void)
{
	int s[2], on = 1;
	struct {
		int pid;
		unsigned uid, gid;
	} id = { 0 };
	char in[4], control[64];
	struct iovec v = { in, 4 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	CHECK(send(s[0], "x", 1, 0) == 1 && recvmsg(s[1], &m, 0) == 1);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h && h->cmsg_type == 2 && h->cmsg_len == CMSG_LEN(sizeof(id)));
	memcpy(&id, CMSG_DATA(h), sizeof(id));
	CHECK(id.pid == getpid() && id.uid == getuid() && id.gid == getgid());
	close(s[0]);
	close(s[1]);
}

static void senders_wait_for_room(void)
{
	int s[2], status;
	static char block[5000], in[3000];
	long total = 0;
	ssize_t n;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(s[1]);
		for (int i = 0; i < 200; i++) {
			memset(block, i, sizeof(block));
			if (write(s[0], block, sizeof(block)) != sizeof(block)) {
				_exit(1);
			}
		}
		_exit(0);
	}
	close(s[0]);
	while ((n = read(s[1], in, sizeof(in))) > 0) {
		CHECK(in[0] == (char)(total / 5000) && in[n - 1] == (char)((total + n - 1) / 5000));
		total += n;
	}
	CHECK(n == 0 && total == 1000000 && waitpid(pid, &status, 0) == pid && status == 0);
	close(s[1]);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
	for (total = 0; (n = write(s[0], block, sizeof(block))) > 0; total += n) {
	}
	CHECK(n == -1 && errno == EAGAIN && total > 50000 && total < 1000000);
	struct pollfd p = { .fd = s[0], .events = POLLOUT };
	CHECK(poll(&p, 1, 0) == 0);
	while (read(s[1], in, sizeof(in)) > 0) {
	}
	CHECK(poll(&p, 1, 100000) == 1 && p.revents == POLLOUT);
	close(s[0]);
	close(s[1]);
}

/* Its queue is full, and then it goes, or no longer wants to hear. */
static void senders_hear_that_the_receiver_is_gone(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)snprintf(name.sun_path + 1, 50, "gone-%d", getpid());
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), status = 0;
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, length) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int out = socket(AF_UNIX, SOCK_DGRAM, 0);
		close(fd);
		if (connect(out, (struct sockaddr *)&name, length)) {
			_exit(1);
		}
		while (send(out, "x", 1, 0) == 1) {
		}
		_exit(errno == ECONNREFUSED ? 0 : 2);
	}
	until_asleep(pid);
	close(fd);
	for (int i = 0; i < 10000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		usleep(10000);
	}
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == -1 && errno == ECHILD && status == 0);
}

static void nothing(int signal)
{
}

static void waits_end_by_signals_and_timeouts(void)
{
	int s[2];
	char c;
	struct sigaction action = { .sa_handler = nothing };
	struct timeval brief = { .tv_usec = 20000 };
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	sigaction(SIGALRM, &action, NULL);
	pid_t pid = signal_asleep(SIGALRM, 1);
	CHECK(read(s[0], &c, 1) == -1 && errno == EINTR && waitpid(pid, NULL, 0) == pid);
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief)) == 0 && read(s[0], &c, 1) == -1 && errno == EAGAIN);
	brief.tv_usec = 0;
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief)) == 0);
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	pid_t parent = getpid();
	pid = fork();
	if (pid == 0) {
		until_asleep(parent);
		kill(parent, SIGALRM);
		until_asleep(parent);
		_exit(write(s[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK(read(s[0], &c, 1) == 1 && c == 'x' && waitpid(pid, NULL, 0) == pid);
	signal(SIGALRM, SIG_DFL);
	close(s[0]);
	close(s[1]);
}

static void ping_pong_works_many_times(void)
{
	int s[2], status;
	char c = 0;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(s[0]);
		while (read(s[1], &c, 1) == 1) {
			c++;
			(void)!write(s[1], &c, 1);
		}
		_exit(0);
	}
	for (int i = 0; i < 1000; i++) {
		char sent = (char)(i & 0x3f);
		CHECK(write(s[0], &sent, 1) == 1 && read(s[0], &c, 1) == 1 && c == sent + 1);
	}
	close(s[0]);
	CHECK(close(s[1]) == 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void several_messages_in_one_call(void)
{
	int s[2];
	char in[3][8];
	struct iovec v[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } };
	struct mmsghdr m[3] = { 0 };
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	for (int i = 0; i < 3; i++) {
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK(sendmmsg(s[0], m, 3, 0) == 3 && m[2].msg_len == 3);
	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){ in[i], 8 };
	}
	CHECK(recvmmsg(s[1], m, 2, 0, NULL) == 2 && m[1].msg_len == 2 && in[1][1] == 'b');
	CHECK(recvmmsg(s[1], m, 3, MSG_WAITFORONE, NULL) == 1 && m[0].msg_len == 3);
	close(s[0]);
	close(s[1]);
}

/* Connect, send a descriptor of a new socket, go away at any moment. */
static void client(int rounds)
{
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < rounds; i++) {
		int s[2], fd = socket(AF_UNIX, SOCK_STREAM, 0);
		while (connected(fd, "@sockets-crowd") != 0) {
			if (errno != ECONNREFUSED) {
				_exit(1);
			}
			usleep(500);
		}
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0 || send_files(fd, &s[0], 1, "file") != 4) {
			_exit(2);
		}
		send_files(s[1], &s[i % 2], 1, "x");
		send_files(fd, &fd, 1, "x");
		if (i % 3 == 0) {
			close(fd);
		}
		close(s[0]);
		close(s[1]);
		close(fd);
	}
	_exit(0);
}

static void a_crowd_is_served(void)
{
	int server = bound(SOCK_STREAM, "@sockets-crowd"), status, got[16], flags, ended = 0, served = 0;
	pid_t pids[4];
	char in[8];
	CHECK(server >= 0 && listen(server, 3) == 0);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(server);
			client(150);
		}
	}
	fcntl(server, F_SETFL, O_NONBLOCK);
	while (ended < 4 || served < 600) {
		struct pollfd p = { .fd = server, .events = POLLIN };
		CHECK(poll(&p, 1, 100000) == 1);
		int fd = accept(server, NULL, NULL);
		CHECK(fd >= 0 && receive_files(fd, got, 16, in, 4, &flags) == 1 && memcmp(in, "file", 4) == 0);
		close(got[0]);
		if (served % 2) {
			CHECK(receive_files(fd, got, 16, in, 4, &flags) == 1);
			close(got[0]);
		}
		close(fd);
		served++;
		while (served == 600 && ended < 4) {
			CHECK(waitpid(pids[ended], &status, 0) == pids[ended] && status == 0);
			ended++;
		}
	}
	close(server);
}

int main(void)
{
	if (chdir("/tmp") != 0) {
		return 99;
	}
	RUN(pairs_carry_bytes);
	RUN(a_broken_pipe_is_a_signal_unless_asked_not);
	RUN(unread_bytes_reset_the_connection);
	RUN(shutdown_closes_one_way);
	RUN(servers_have_names_of_files);
	RUN(servers_have_abstract_names);
	RUN(the_backlog_is_bounded);
	RUN(errors_of_connections);
	RUN(datagrams_keep_their_bounds);
	RUN(records_keep_their_bounds);
	RUN(descriptors_travel);
	RUN(descriptors_in_circles_are_closed);
	RUN(long_chains_of_descriptors_are_closed);
	RUN(senders_are_named);
	RUN(senders_wait_for_room);
	RUN(senders_hear_that_the_receiver_is_gone);
	RUN(waits_end_by_signals_and_timeouts);
	RUN(ping_pong_works_many_times);
	RUN(several_messages_in_one_call);
	RUN(a_crowd_is_served);
	return check_failures;
}
