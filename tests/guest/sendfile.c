/* SPDX-License-Identifier: MIT */
/*
 * sendfile(2) to a connection: the bytes, their order among those of write(2), a reader that is slow, a file that is cut off or written to
 * meanwhile, and where the kernel counts copies (BytesCopied and BytesReferenced in /proc/net/netstat) that there were none. The file
 * lies in the working directory, which has to be of a disk for that.
 */
#include "check.h"
#include "connection.h"
#include "source.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

/* Another process sends `bytes` from there on. */
static pid_t sender(int fd, off_t from, size_t bytes)
{
	pid_t pid = fork();
	if (pid == 0) {
		while (bytes) {
			ssize_t n = sendfile(fd, file, &from, bytes);
			if (n <= 0) {
				_exit(1);
			}
			bytes -= (size_t)n;
		}
		_exit(0);
	}
	return pid;
}

static int status_of(pid_t pid)
{
	int status = -1;
	waitpid(pid, &status, 0);
	return status;
}

static void whole(void)
{
	int ends[2];
	connection_make(ends);
	long copied = counter_read("BytesCopied"), referenced = counter_read("BytesReferenced");
	pid_t pid = sender(ends[0], 0, FILE_BYTES);
	CHECK(read_all(ends[1], FILE_BYTES) == FILE_BYTES);
	CHECK(status_of(pid) == 0);
	CHECK(memcmp(got, content, FILE_BYTES) == 0);
	CHECK(copied < 0 || counter_read("BytesCopied") == copied);
	CHECK(referenced < 0 || counter_read("BytesReferenced") == referenced + FILE_BYTES);
	close(ends[0]);
	close(ends[1]);
}

static void position(void)
{
	int ends[2];
	connection_make(ends);
	off_t at = 12345;
	CHECK(lseek(file, 777, SEEK_SET) == 777);
	CHECK(sendfile(ends[0], file, &at, 5000) == 5000 && at == 17345);
	CHECK(lseek(file, 0, SEEK_CUR) == 777);
	CHECK(sendfile(ends[0], file, NULL, 100) == 100);
	CHECK(lseek(file, 0, SEEK_CUR) == 877);
	at = FILE_BYTES - 10;
	CHECK(sendfile(ends[0], file, &at, 5000) == 10 && at == FILE_BYTES);
	CHECK(sendfile(ends[0], file, &at, 5000) == 0);
	at = FILE_BYTES + 100000;
	CHECK(sendfile(ends[0], file, &at, 1) == 0);
	at = -1;
	CHECK(sendfile(ends[0], file, &at, 1) < 0 && errno == EINVAL);
	CHECK(read_all(ends[1], 5110) == 5110);
	CHECK(memcmp(got, content + 12345, 5000) == 0 && memcmp(got + 5000, content + 777, 100) == 0);
	CHECK(memcmp(got + 5100, content + FILE_BYTES - 10, 10) == 0);
	close(ends[0]);
	close(ends[1]);
}

static void in_order(void)
{
	int ends[2], on = 1;
	connection_make(ends);
	setsockopt(ends[0], IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
	off_t at = 0;
	size_t have = 0;
	for (int i = 0; i < 40; i++) {
		CHECK(write(ends[0], "head", 4) == 4);
		CHECK(sendfile(ends[0], file, &at, 333) == 333);
		CHECK(write(ends[0], "tail", 4) == 4);
	}
	on = 0;
	setsockopt(ends[0], IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
	CHECK(read_all(ends[1], 40 * 341) == 40 * 341);
	for (int i = 0; i < 40; i++, have += 341) {
		CHECK(memcmp(got + have, "head", 4) == 0 && memcmp(got + have + 337, "tail", 4) == 0);
		CHECK(memcmp(got + have + 4, content + i * 333, 333) == 0);
	}
	close(ends[0]);
	close(ends[1]);
}

static void full(void)
{
	int ends[2];
	connection_make(ends);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	off_t at = 0, sent = 0;
	ssize_t n;
	while ((n = sendfile(ends[0], file, &at, FILE_BYTES - (size_t)at)) > 0 || errno == EINTR) {
		sent += n > 0 ? n : 0;
		at = at == FILE_BYTES ? 0 : at;
	}
	CHECK(errno == EAGAIN && sent > 10000);
	struct pollfd p = { ends[0], POLLOUT, 0 };
	CHECK(poll(&p, 1, 0) == 0);
	size_t total = 0;
	while (total < (size_t)sent) {
		size_t want = (size_t)sent - total < FILE_BYTES ? (size_t)sent - total : FILE_BYTES;
		CHECK(read_all(ends[1], want) == want);
		CHECK(memcmp(got, content, want) == 0);
		total += want;
	}
	CHECK(poll(&p, 1, 100000) == 1);
	close(ends[1]);
	poll(&p, 1, 100000);
	at = 0;
	signal(SIGPIPE, SIG_IGN);
	while ((n = sendfile(ends[0], file, &at, 1000)) > 0) {
	}
	CHECK(errno == EPIPE || errno == ECONNRESET);
	close(ends[0]);
}

/* Sent and cut off before it is read: as many bytes come, whatever they are. */
static void cut_off(void)
{
	int ends[2];
	connection_make(ends);
	off_t at = 0;
	ssize_t n = sendfile(ends[0], file, &at, 40000);
	CHECK(n == 40000);
	CHECK(ftruncate(file, 1000) == 0);
	CHECK(pwrite(file, content, FILE_BYTES, 0) == FILE_BYTES);
	CHECK(read_all(ends[1], 40000) == 40000);
	CHECK(memcmp(got, content, 40000) == 0);
	close(ends[0]);
	close(ends[1]);
	whole();
}

/* A program that has mapped it goes on writing to the same bytes: those that were sent with them are the file's, before and after. */
static void mapped(void)
{
	int ends[2];
	connection_make(ends);
	off_t at = 0;
	unsigned char *map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), byte;
	CHECK(map != MAP_FAILED && map[5] == content[5]);
	for (int i = 0; i < 3; i++) {
		map[5000] = content[5000] = (unsigned char)(100 + i);
		at = 4096;
		CHECK(sendfile(ends[0], file, &at, 20000) == 20000 && read_all(ends[1], 20000) == 20000);
		CHECK(memcmp(got, content + 4096, 20000) == 0);
		CHECK(pread(file, &byte, 1, 5000) == 1 && byte == 100 + i);
	}
	munmap(map, FILE_BYTES);
	close(ends[0]);
	close(ends[1]);
	whole();
	map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(memcmp(map, content, FILE_BYTES) == 0);
	map[7] = 0x77;
	CHECK(pread(file, &byte, 1, 7) == 1 && byte == 0x77);
	map[7] = content[7];
	munmap(map, FILE_BYTES);
}

int main(void)
{
	if (!source_make("sendfile.data")) {
		printf("not ok: no file\n");
		return 1;
	}
	RUN(whole);
	RUN(position);
	RUN(in_order);
	RUN(full);
	RUN(cut_off);
	RUN(mapped);
	unlink("sendfile.data");
	return check_failures;
}
