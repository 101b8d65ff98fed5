/* SPDX-License-Identifier: MIT */
/*
 * splice(2) from a file through a pipe to a connection: the bytes and their order among those that are written, a reader that is slow,
 * who reads, writes, or tees the pipe meanwhile, a file that is cut off, written to, or gone, and where the kernel counts
 * copies (BytesCopied and BytesReferenced in /proc/net/netstat) that there were none. The file lies in the working directory, which has
 * to be of a disk for that.
 */
#include "check.h"
#include "connection.h"
#include "source.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static int ends[2], tube[2];

static void begin(void)
{
	connection_make(ends);
	if (pipe(tube)) {
		exit(1);
	}
}

static void end(void)
{
	close(ends[0]);
	close(ends[1]);
	close(tube[0]);
	close(tube[1]);
}

/* From there into the pipe: all of it, however many calls that takes. */
static bool pour(loff_t from, size_t bytes)
{
	while (bytes) {
		ssize_t n = splice(file, &from, tube[1], NULL, bytes, 0);
		if (n <= 0) {
			return false;
		}
		bytes -= (size_t)n;
	}
	return true;
}

static bool drain(size_t bytes, unsigned flags)
{
	while (bytes) {
		ssize_t n = splice(tube[0], NULL, ends[0], NULL, bytes, flags);
		if (n <= 0) {
			return false;
		}
		bytes -= (size_t)n;
	}
	return true;
}

static int waiting(void)
{
	int bytes = -1;
	ioctl(tube[0], FIONREAD, &bytes);
	return bytes;
}

static void whole(void)
{
	begin();
	int status = -1;
	long copied = counter_read("BytesCopied"), referenced = counter_read("BytesReferenced");
	pid_t pid = fork();
	if (pid == 0) {
		loff_t at = 0;
		while (at < FILE_BYTES) {
			ssize_t n = splice(file, &at, tube[1], NULL, 65536, SPLICE_F_MOVE | SPLICE_F_MORE);
			if (n <= 0 || !drain((size_t)n, at < FILE_BYTES ? SPLICE_F_MORE : 0)) {
				_exit(1);
			}
		}
		_exit(0);
	}
	CHECK(read_all(ends[1], FILE_BYTES) == FILE_BYTES);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(memcmp(got, content, FILE_BYTES) == 0);
	CHECK(copied < 0 || counter_read("BytesCopied") == copied);
	CHECK(referenced < 0 || counter_read("BytesReferenced") == referenced + FILE_BYTES);
	end();
}

/* One process fills the pipe and another one empties it. */
static void two_processes(void)
{
	begin();
	int status = -1, other = -1;
	long copied = counter_read("BytesCopied");
	pid_t fills = fork();
	if (fills == 0) {
		_exit(pour(0, FILE_BYTES) ? 0 : 1);
	}
	pid_t empties = fork();
	if (empties == 0) {
		_exit(drain(FILE_BYTES, 0) ? 0 : 1);
	}
	CHECK(read_all(ends[1], FILE_BYTES) == FILE_BYTES);
	CHECK(waitpid(fills, &status, 0) == fills && status == 0 && waitpid(empties, &other, 0) == empties && other == 0);
	CHECK(memcmp(got, content, FILE_BYTES) == 0);
	CHECK(copied < 0 || counter_read("BytesCopied") < copied + FILE_BYTES / 10);
	end();
}

static void among_written_bytes(void)
{
	begin();
	CHECK(write(tube[1], "head", 4) == 4 && pour(777, 5000) && waiting() == 5004);
	CHECK(drain(5004, 0) && waiting() == 0);
	CHECK(pour(10, 100) && write(tube[1], "tail", 4) == 4 && pour(20000, 300) && drain(404, 0));
	CHECK(read_all(ends[1], 5408) == 5408);
	CHECK(memcmp(got, "head", 4) == 0 && memcmp(got + 4, content + 777, 5000) == 0);
	CHECK(memcmp(got + 5004, content + 10, 100) == 0 && memcmp(got + 5104, "tail", 4) == 0 && memcmp(got + 5108, content + 20000, 300) == 0);
	end();
}

static void read_and_teed(void)
{
	int other[2];
	begin();
	struct pollfd p = { tube[0], POLLIN, 0 };
	CHECK(pipe(other) == 0 && poll(&p, 1, 0) == 0);
	CHECK(pour(123, 20000) && waiting() == 20000 && poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	CHECK(tee(tube[0], other[1], 20000, 0) == 20000 && waiting() == 20000);
	CHECK(read(tube[0], got, 1) == 1 && got[0] == content[123]);
	CHECK(drain(10000, 0) && read_all(tube[0], 9999) == 9999 && memcmp(got, content + 10124, 9999) == 0);
	CHECK(read_all(other[0], 20000) == 20000 && memcmp(got, content + 123, 20000) == 0);
	CHECK(read_all(ends[1], 10000) == 10000 && memcmp(got, content + 124, 10000) == 0);
	/* On to another pipe, and from there. */
	CHECK(pour(0, 9000) && splice(tube[0], NULL, other[1], NULL, 9000, 0) == 9000);
	CHECK(read_all(other[0], 9000) == 9000 && memcmp(got, content, 9000) == 0);
	close(other[0]);
	close(other[1]);
	end();
}

static void full(void)
{
	begin();
	loff_t at = 0;
	size_t in = 0, out = 0;
	ssize_t n;
	while ((n = splice(file, &at, tube[1], NULL, 65536, SPLICE_F_NONBLOCK)) > 0) {
		in += (size_t)n;
	}
	CHECK(n < 0 && errno == EAGAIN && in == 65536 && fcntl(tube[1], F_SETPIPE_SZ, PAGE) == -1 && errno == EBUSY);
	/* A connection that takes no more: what it did not take stays in the pipe, in its order. */
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	for (bool stuck = false; !stuck && in < FILE_BYTES * 20ul;) {
		n = splice(tube[0], NULL, ends[0], NULL, 7001, 0);
		stuck = n < 0 && errno == EAGAIN;
		out += n > 0 ? (size_t)n : 0;
		at = at == FILE_BYTES ? 0 : at;
		n = splice(file, &at, tube[1], NULL, 9001, SPLICE_F_NONBLOCK);
		in += n > 0 ? (size_t)n : 0;
	}
	CHECK(out > 65536 && waiting() == (int)(in - out));
	size_t left = in - out, seen = 0;
	while (seen < out) {
		size_t part = out - seen < 100000 ? out - seen : 100000;
		CHECK(read_all(ends[1], part) == part);
		for (size_t i = 0; i < part; i++) {
			CHECK(got[i] == content[(seen + i) % FILE_BYTES]);
		}
		seen += part;
	}
	fcntl(ends[0], F_SETFL, 0);
	CHECK(drain(left, 0) && waiting() == 0 && read_all(ends[1], left) == left);
	for (size_t i = 0; i < left; i++) {
		CHECK(got[i] == content[(out + i) % FILE_BYTES]);
	}
	end();
}

/* Cut off, written anew and overwritten while the pipe has it: as many bytes come, and those that the page has when it goes out. */
static void changed_meanwhile(void)
{
	begin();
	CHECK(pour(0, 40000) && ftruncate(file, 1000) == 0 && pwrite(file, content, FILE_BYTES, 0) == FILE_BYTES);
	CHECK(drain(40000, 0) && read_all(ends[1], 40000) == 40000 && memcmp(got, content, 40000) == 0);
	CHECK(pour(PAGE, PAGE) && pwrite(file, "changed", 7, PAGE + 100) == 7);
	CHECK(drain(PAGE, 0) && read_all(ends[1], PAGE) == PAGE);
	CHECK(memcmp(got, content + PAGE, 100) == 0 && memcmp(got + 100, "changed", 7) == 0 && memcmp(got + 107, content + PAGE + 107, PAGE - 107) == 0);
	CHECK(pwrite(file, content, FILE_BYTES, 0) == FILE_BYTES);
	CHECK(pour(FILE_BYTES - 10, 10) && splice(file, &(loff_t){ FILE_BYTES }, tube[1], NULL, 10, 0) == 0 && waiting() == 10);
	CHECK(splice(file, &(loff_t){ FILE_BYTES * 2l }, tube[1], NULL, 10, 0) == 0);
	end();
}

/* The file is unlinked and closed, and one of the pipe's ends, or both, with pages in it. */
static void gone(void)
{
	begin();
	int kept = file;
	file = open("splice.gone", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(file >= 0 && write(file, content, 30000) == 30000 && pour(0, 30000) && unlink("splice.gone") == 0 && close(file) == 0);
	file = kept;
	CHECK(close(tube[1]) == 0 && drain(20000, 0) && read_all(tube[0], PAGE) == PAGE && memcmp(got, content + 20000, PAGE) == 0);
	CHECK(read_all(ends[1], 20000) == 20000 && memcmp(got, content, 20000) == 0);
	close(tube[0]);
	for (int i = 0; i < 200; i++) {
		CHECK(pipe(tube) == 0 && pour(i * 100, 60000));
		close(tube[0]);
		close(tube[1]);
	}
	CHECK(pipe(tube) == 0 && pour(0, 1000));
	close(ends[1]);
	for (int i = 0; i < 100 && drain(10, 0) && pour(0, 10); i++) {
		usleep(1000);
	}
	CHECK((errno == EPIPE || errno == ECONNRESET) && waiting() > 0);
	end();
}

static void small_pieces(void)
{
	begin();
	for (int i = 0; i < 12; i++) {
		CHECK(pour(i * 5001, 1));
	}
	CHECK(waiting() == 12 && drain(7, 0) && read_all(tube[0], 5) == 5 && got[0] == content[7 * 5001] && got[4] == content[11 * 5001]);
	CHECK(read_all(ends[1], 7) == 7 && got[0] == content[0] && got[6] == content[6 * 5001]);
	for (int i = 0; i < 3000; i++) {
		CHECK(pour(PAGE - 100 + i, 1));
		CHECK(i % 10 < 9 || drain(10, 0));
	}
	CHECK(waiting() == 0 && read_all(ends[1], 3000) == 3000 && memcmp(got, content + PAGE - 100, 3000) == 0);
	end();
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (!source_make("splice.data")) {
		printf("not ok: no file\n");
		return 1;
	}
	RUN(whole);
	RUN(two_processes);
	RUN(among_written_bytes);
	RUN(read_and_teed);
	RUN(full);
	RUN(changed_meanwhile);
	RUN(gone);
	RUN(small_pieces);
	unlink("splice.data");
	return check_failures;
}
