/* SPDX-License-Identifier: MIT */
/*
 * Connections over the loopback interface, made, used in every way and closed by several threads at once, descriptors of each other's; and as
 * many of them open at the same time as the argument says (200). Whatever happens to them, each call ends and the program too.
 */
#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define THREADS 6
#define SHARED 64
#define SECONDS 3

static struct sockaddr_in server;
static int listener, shared[SHARED], many_count = 200;
static volatile bool over;
static int ended;

static void listen_here(int flags)
{
	socklen_t length = sizeof(server);
	listener = socket(AF_INET, SOCK_STREAM | flags, 0);
	server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bind(listener, (void *)&server, length);
	listen(listener, 4096);
	getsockname(listener, (void *)&server, &length);
}

static void share(int fd, unsigned where)
{
	struct timeval soon = { 0, 50000 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	int old = __atomic_exchange_n(&shared[where], fd, __ATOMIC_SEQ_CST);
	if (old > 0) {
		close(old);
	}
}

static void any_call(unsigned dice, char *buffer, unsigned bytes)
{
	unsigned where = dice % SHARED, size = (dice >> 8) % bytes;
	int fd = __atomic_load_n(&shared[where], __ATOMIC_RELAXED), value = 1 + (int)size, flags = dice >> 30 & 1 ? MSG_DONTWAIT : 0;
	struct linger now = { 1, 0 };
	struct tcp_info info;
	socklen_t length = sizeof(info);
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	switch ((dice >> 24) % 12) {
	case 0:
		fd = socket(AF_INET, SOCK_STREAM | (dice >> 31 ? SOCK_NONBLOCK : 0), 0);
		connect(fd, (void *)&server, sizeof(server));
		share(fd, where);
		break;
	case 1:
	case 2:
		fd = accept(listener, NULL, NULL);
		if (fd >= 0) {
			share(fd, where);
		}
		break;
	case 3:
	case 4:
		send(fd, buffer, size, MSG_NOSIGNAL | flags);
		break;
	case 5:
	case 6:
	case 7:
		recv(fd, buffer, size, flags);
		break;
	case 8:
		shutdown(fd, (int)(dice >> 16) % 3);
		break;
	case 9:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		break;
	case 10:
		poll(&p, 1, 5);
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
		setsockopt(fd, SOL_SOCKET, dice >> 31 ? SO_RCVBUF : SO_SNDBUF, &value, sizeof(value));
		break;
	default:
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		sendto(fd, buffer, size % 65000, MSG_DONTWAIT, (void *)&server, sizeof(server));
		close(fd);
	}
}

/* A call on a number that is another socket's by then, without a limit to its wait, ends by this alone. */
static void wake(int signal)
{
}

static void *worker(void *seed)
{
	static __thread char buffer[100000];
	unsigned long state = (unsigned long)seed * 7919 + 1;
	while (!over) {
		state = state * 6364136223846793005ul + 1442695040888963407ul;
		any_call((unsigned)(state >> 32), buffer, sizeof(buffer));
	}
	__atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void all_at_once(void)
{
	pthread_t threads[THREADS];
	struct sigaction action = { .sa_handler = wake }; /* no SA_RESTART */
	sigaction(SIGUSR1, &action, NULL);
	over = false;
	listen_here(SOCK_NONBLOCK);
	for (long i = 0; i < THREADS; i++) {
		CHECK(pthread_create(&threads[i], NULL, worker, (void *)i) == 0);
	}
	sleep(SECONDS);
	over = true;
	while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < THREADS) {
		for (int i = 0; i < THREADS; i++) {
			pthread_kill(threads[i], SIGUSR1);
		}
		usleep(1000);
	}
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
	}
	for (int i = 0; i < SHARED; i++) {
		if (shared[i] > 0) {
			close(shared[i]);
		}
	}
	close(listener);
}

static void many_at_once(void)
{
	int *ends = calloc((size_t)many_count * 2, sizeof(*ends));
	char c = 'x';
	listen_here(0);
	for (int i = 0; i < many_count; i++) {
		ends[2 * i] = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(ends[2 * i] >= 0 && connect(ends[2 * i], (void *)&server, sizeof(server)) == 0);
		ends[2 * i + 1] = accept(listener, NULL, NULL);
		CHECK(ends[2 * i + 1] >= 0);
	}
	for (int i = 0; i < many_count; i++) {
		int which = (int)((long)i * 7919 % many_count);
		CHECK(write(ends[2 * which], &c, 1) == 1 && read(ends[2 * which + 1], &c, 1) == 1);
	}
	for (int i = 0; i < 2 * many_count; i++) {
		close(ends[i]);
	}
	close(listener);
	free(ends);
}

int main(int argc, char **argv)
{
	struct rlimit files = { 100000, 100000 };
	many_count = argc > 1 ? atoi(argv[1]) : many_count;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	RUN(all_at_once);
	RUN(many_at_once);
	return check_failures;
}
