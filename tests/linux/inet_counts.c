/* SPDX-License-Identifier: MIT */
/* The numbers of /proc/net/sockstat against the lines of /proc/net/tcp and tcp6, after many connections have ended and wait (TIME_WAIT). */
#include "inet.h"

#include <stdio.h>
#include <stdlib.h>

#define ENDED 300
#define TRIES 1000

/* Lines in TIME_WAIT, and others. */
static void lines_count(const char *path, int *waiting, int *others)
{
	FILE *f = fopen(path, "r");
	char line[512];
	unsigned state;
	*waiting = *others = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*d: %*s %*s %x", &state) == 1) {
			*(state == 6 ? waiting : others) += 1;
		}
	}
	if (f) {
		fclose(f);
	}
}

static void numbers_read(int *used, int *waiting)
{
	FILE *f = fopen("/proc/net/sockstat", "r");
	char line[256];
	*used = *waiting = -1;
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "TCP: inuse %d orphan %*d tw %d", used, waiting);
	}
	if (f) {
		fclose(f);
	}
}

static void waiting(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), kept = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = to("127.0.0.1", 0);
	char c;
	bind(listener, (void *)&in, sizeof(in));
	in.sin_port = htons((uint16_t)port_of(listener));
	CALL(listen(listener, 10));
	for (int i = 0; i < ENDED; i++) {
		int a = socket(AF_INET, SOCK_STREAM, 0);
		int b = connect(a, (void *)&in, sizeof(in)) == 0 ? accept(listener, NULL, NULL) : -1;
		close(a);
		read(b, &c, 1);
		close(b);
	}
	CALL(connect(kept, (void *)&in, sizeof(in)));
	int used, tw, four[2], six[2];
	for (int i = 0; i < TRIES; i++) { /* some may end meanwhile */
		numbers_read(&used, &tw);
		lines_count("/proc/net/tcp", &four[0], &four[1]);
		lines_count("/proc/net/tcp6", &six[0], &six[1]);
		if (tw == four[0] + six[0] && used == four[1]) {
			break;
		}
	}
	IS(tw >= ENDED);
	IS(tw == four[0] + six[0]);
	IS(used == four[1]);
}

int main(void)
{
	calls_begin();
	RUN(waiting);
	return 0;
}
