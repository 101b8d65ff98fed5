/* SPDX-License-Identifier: MIT */
/* Pipes between processes: order, blocking, ends of file, broken pipes, poll. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void bytes_arrive_in_order(void)
{
	int fds[2], status;
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		static unsigned char block[7001];
		for (int i = 0; i < 100; i++) {
			for (unsigned j = 0; j < sizeof(block); j++) {
				block[j] = (unsigned char)(i * sizeof(block) + j);
			}
			if (write(fds[1], block, sizeof(block)) != sizeof(block)) {
				_exit(1);
			}
		}
		_exit(0);
	}
	close(fds[1]);
	unsigned char in[3000], next = 0;
	long total = 0;
	ssize_t n;
	while ((n = read(fds[0], in, sizeof(in))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			CHECK(in[i] == next++);
		}
		total += n;
	}
	CHECK(n == 0 && total == 700100);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	close(fds[0]);
}

static void writing_with_no_reader_is_an_error(void)
{
	int fds[2], status;
	CHECK(pipe(fds) == 0);
	close(fds[0]);
	pid_t pid = fork();
	if (pid == 0) {
		(void)!write(fds[1], "x", 1);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(fds[1], "x", 1) == -1 && errno == EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(fds[1]);
}

static void nonblocking_ends_do_not_wait(void)
{
	int fds[2];
	char c, block[4096] = { 0 };
	long total = 0;
	ssize_t n;
	CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
	CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC && (fcntl(fds[0], F_GETFL) & O_NONBLOCK));
	CHECK(read(fds[0], &c, 1) == -1 && errno == EAGAIN);
	while ((n = write(fds[1], block, sizeof(block))) > 0) {
		total += n;
	}
	CHECK(n == -1 && errno == EAGAIN && total == 65536);
	close(fds[0]);
	close(fds[1]);
}

static void poll_tells_what_is_ready(void)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	struct pollfd ends[2] = { { .fd = fds[0], .events = POLLIN }, { .fd = fds[1], .events = POLLOUT } };
	CHECK(poll(ends, 2, 0) == 1 && ends[0].revents == 0 && ends[1].revents == POLLOUT);
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(poll(ends, 1, 100000) == 1 && ends[0].revents == POLLIN);
	close(fds[1]);
	char c;
	CHECK(read(fds[0], &c, 1) == 1);
	CHECK(poll(ends, 1, 100000) == 1 && (ends[0].revents & POLLHUP));
	close(fds[0]);
}

static void poll_sleeps_until_there_is_something(void)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(50000);
		(void)!write(fds[1], "x", 1);
		_exit(0);
	}
	struct pollfd end = { .fd = fds[0], .events = POLLIN };
	CHECK(poll(&end, 1, 100000) == 1 && end.revents == POLLIN);
	CHECK(waitpid(pid, NULL, 0) == pid);
	char c;
	CHECK(read(fds[0], &c, 1) == 1);
	CHECK(poll(&end, 1, 20) == 0);
	close(fds[0]);
	close(fds[1]);
}

static void ping_pong_works_many_times(void)
{
	int there[2], back[2], status;
	char c = 0;
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1) {
			c++;
			(void)!write(back[1], &c, 1);
		}
		_exit(0);
	}
	for (int i = 0; i < 1000; i++) {
		char sent = (char)(i & 0x3f);
		CHECK(write(there[1], &sent, 1) == 1 && read(back[0], &c, 1) == 1 && c == sent + 1);
	}
	close(there[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void duplicates_share_the_end(void)
{
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0);
	int copy = dup(fds[1]);
	CHECK(copy >= 0 && dup2(fds[1], 50) == 50);
	close(fds[1]);
	close(copy);
	CHECK(write(50, "y", 1) == 1);
	close(50);
	CHECK(read(fds[0], &c, 1) == 1 && c == 'y' && read(fds[0], &c, 1) == 0);
	close(fds[0]);
}

static void bytes_are_spliced(void)
{
	int one[2], two[2];
	char in[32];
	loff_t at = 3;
	CHECK(pipe(one) == 0 && pipe(two) == 0);
	int fd = open("/tmp/pipes-splice", O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(splice(fd, NULL, one[1], NULL, 4, 0) == 4 && lseek(fd, 0, SEEK_CUR) == 4 && splice(fd, &at, one[1], NULL, 2, 0) == 2 && at == 5);
	CHECK(tee(one[0], two[1], 100, 0) == 6 && splice(one[0], NULL, two[1], NULL, 100, 0) == 6 && read(two[0], in, 32) == 12);
	CHECK(memcmp(in, "012334012334", 12) == 0 && splice(one[0], NULL, two[1], NULL, 1, SPLICE_F_NONBLOCK) == -1 && errno == EAGAIN);
	CHECK(write(one[1], "abc", 3) == 3 && lseek(fd, 0, SEEK_END) == 10 && splice(one[0], NULL, fd, NULL, 100, 0) == 3);
	CHECK(pread(fd, in, 32, 8) == 5 && memcmp(in, "89abc", 5) == 0 && splice(fd, NULL, one[1], NULL, 5, 0) == 0);
	CHECK(splice(fd, NULL, fd, NULL, 1, 0) == -1 && errno == EINVAL && splice(one[0], &at, two[1], NULL, 1, 0) == -1 && errno == ESPIPE);
	CHECK(splice(one[0], NULL, one[1], NULL, 1, 0) == -1 && errno == EINVAL && splice(one[0], NULL, two[0], NULL, 1, 0) == -1 && errno == EBADF);
	CHECK(tee(fd, one[1], 1, 0) == -1 && errno == EINVAL);
	struct iovec v[2] = { { "ab", 2 }, { "cd", 2 } };
	CHECK(vmsplice(one[1], v, 2, 0) == 4 && read(one[0], in, 32) == 4 && vmsplice(fd, v, 2, 0) == -1 && errno == EBADF);
	/* What the other side does not take stays. */
	static char block[4096];
	CHECK(fcntl(two[1], F_SETFL, O_NONBLOCK) == 0);
	while (write(two[1], block, sizeof(block)) > 0) {
	}
	CHECK(write(one[1], "stays", 5) == 5 && splice(one[0], NULL, two[1], NULL, 5, 0) == -1 && errno == EAGAIN);
	CHECK(read(one[0], in, 32) == 5 && memcmp(in, "stays", 5) == 0);
	close(one[1]);
	CHECK(splice(one[0], NULL, fd, NULL, 5, 0) == 0);
	close(one[0]);
	close(two[0]);
	close(two[1]);
	close(fd);
	unlink("/tmp/pipes-splice");
}

/* One splice has taken some and waits for room elsewhere, nobody writes any more: another one may wait for the first, but can be killed. */
static void a_splice_that_waits_for_another_can_be_killed(void)
{
	static char block[65536];
	int from[2], full[2], empty[2], status;
	CHECK(pipe(from) == 0 && pipe(full) == 0 && pipe(empty) == 0);
	CHECK(fcntl(from[1], F_SETPIPE_SZ, 1 << 18) > 0);
	CHECK(write(from[1], block, sizeof(block)) == sizeof(block) && write(from[1], block, sizeof(block)) == sizeof(block));
	CHECK(write(full[1], block, sizeof(block)) == sizeof(block));
	close(from[1]);
	pid_t first = fork();
	if (first == 0) {
		splice(from[0], NULL, full[1], NULL, sizeof(block), 0);
		_exit(0);
	}
	until_asleep(first);
	pid_t second = fork();
	if (second == 0) {
		splice(from[0], NULL, empty[1], NULL, sizeof(block), 0);
		_exit(0);
	}
	until_asleep(second);
	kill(second, SIGKILL);
	alarm(100); /* which ends this program */
	CHECK(waitpid(second, &status, 0) == second);
	alarm(0);
	kill(first, SIGKILL);
	CHECK(waitpid(first, &status, 0) == first);
	for (int i = 0; i < 2; i++) {
		close(full[i]);
		close(empty[i]);
	}
	close(from[0]);
}

int main(void)
{
	RUN(bytes_arrive_in_order);
	RUN(writing_with_no_reader_is_an_error);
	RUN(nonblocking_ends_do_not_wait);
	RUN(poll_tells_what_is_ready);
	RUN(poll_sleeps_until_there_is_something);
	RUN(ping_pong_works_many_times);
	RUN(duplicates_share_the_end);
	RUN(bytes_are_spliced);
	RUN(a_splice_that_waits_for_another_can_be_killed);
	return check_failures;
}
