/* SPDX-License-Identifier: MIT */
/* See net.h: the program itself, `bench-net [spin] [nginx] [redis]`, the words naming what to start beside its own servers. */
#include "net.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../bench.h"

#define LINK_WAIT_MS 20000
#define SERVER_WAIT_MS 20000
#define LOOK_MS 10

static uint64_t spin_unit;

_Noreturn void give_up(const char *what)
{
	fprintf(stderr, "bench-net: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool child_start(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	if (pid < 0) {
		give_up("fork");
	}
	return pid == 0;
}

static void start(char *const *argv)
{
	if (child_start()) {
		dup2(2, 1);
		execv(argv[0], argv);
		give_up(argv[0]);
	}
}

static void wait_for_server(unsigned port)
{
	int fd;
	for (int waited = 0; (fd = net_connect(port)) < 0; waited += LOOK_MS) {
		if (waited > SERVER_WAIT_MS) {
			give_up("a server does not answer");
		}
		poll(NULL, 0, LOOK_MS);
	}
	close(fd);
}

/* A driver may take seconds to see its link; nothing that can be waited on tells of it everywhere. */
static void wait_for_link(void)
{
	struct ifreq r = { .ifr_name = "eth0" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	for (int waited = 0; ioctl(fd, SIOCGIFFLAGS, &r) != 0 || !(r.ifr_flags & IFF_RUNNING); waited += LOOK_MS) {
		if (waited > LINK_WAIT_MS) {
			give_up("the link of eth0 stays down");
		}
		poll(NULL, 0, LOOK_MS);
	}
	close(fd);
}

/* Both ways, of all interfaces but the loopback: proc_net_dev(5). */
static uint64_t packets_count(uint64_t *sent)
{
	char line[512], name[32];
	unsigned long long in, out, sum = 0;
	FILE *file = fopen("/proc/net/dev", "re");
	*sent = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %31[^:]: %*u %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &in, &out) == 3 && strcmp(name, "lo") != 0) {
			sum += in + out;
			*sent += out;
		}
	}
	if (file) {
		fclose(file);
	}
	return sum;
}

static void answer_mark(FILE *to)
{
	struct exits exits;
	uint64_t sent, packets = packets_count(&sent);
	exits_read(&exits);
	fprintf(to, "ns=%llu spins=%llu packets=%llu sent=%llu", (unsigned long long)now_ns(), (unsigned long long)spin_count(),
		(unsigned long long)packets, (unsigned long long)sent);
	exits_print(to, NULL, &exits);
	fprintf(to, "\n");
}

static void answer_loop(FILE *to, const char *words)
{
	uint64_t ops, ns = loop_run(strtoull(words, NULL, 10) * 1000000, &ops);
	fprintf(to, "ops=%llu ns=%llu\n", (unsigned long long)ops, (unsigned long long)ns);
}

static void answer(int fd)
{
	char line[128];
	FILE *from = fdopen(fd, "re"), *to = fdopen(dup(fd), "we");
	while (fgets(line, sizeof(line), from)) {
		if (strncmp(line, "mark", 4) == 0) {
			answer_mark(to);
		} else if (strncmp(line, "spin", 4) == 0) {
			fprintf(to, "spin_ns=%llu.%03llu\n", (unsigned long long)spin_unit / 1000, (unsigned long long)spin_unit % 1000);
		} else if (strncmp(line, "loop ", 5) == 0) {
			answer_loop(to, line + 5);
		} else {
			break;
		}
		fflush(to);
	}
	fclose(from);
	fclose(to);
}

int main(int argc, char **argv)
{
	static char *const nginx[] = { "/usr/sbin/nginx", "-c", "/bench/nginx.conf", NULL };
	static char *const redis[] = { "/usr/bin/redis-server", "--save", "", "--appendonly", "no", "--protected-mode", "no", "--loglevel", "warning",
		"--dir", "/tmp", NULL };
	int control = -1;
	signal(SIGPIPE, SIG_IGN);
	serve(NET_SINK, serve_sink);
	serve(NET_SOURCE, serve_source);
	serve(NET_ECHO, serve_echo);
	serve(NET_HELLO, serve_hello);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "spin") == 0) {
			spin_unit = spin_measure();
			spin_start();
			continue;
		}
		start(strcmp(argv[i], "nginx") == 0 ? nginx : redis);
		wait_for_server(strcmp(argv[i], "nginx") == 0 ? 80 : 6379);
	}
	wait_for_link();
	control = net_listen(NET_CONTROL);
	printf("ready\n");
	fflush(stdout);
	answer(net_accept(control));
	return 0;
}
