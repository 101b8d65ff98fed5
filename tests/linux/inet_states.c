/* SPDX-License-Identifier: MIT */
/* Connections over the loopback interface in states that are not the usual ones: what each call says of a socket that is refused, reset, shut, or listens. */
#include "inet.h"

#include <netinet/tcp.h>
#include <sched.h>
#include <sys/time.h>

/* The peer has closed, and answers with a reset: for reading that is the end, not EPIPE. */
static void broken_reading(void)
{
	int ends[2];
	char buffer[8];
	connection_make(ends);
	CALL(write(ends[1], "x", 1));
	CALL(close(ends[1]));
	until(ends[0], POLLRDHUP);
	CALL(send(ends[0], "a", 1, MSG_NOSIGNAL));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	for (int i = 0; i < 4; i++) {
		CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	}
	SHOW("still", "%x", polled(ends[0], 0));
	SHOW("error", "%s", calls_error(number(ends[0], SOL_SOCKET, SO_ERROR)));
	SHOW("error", "%d", number(ends[0], SOL_SOCKET, SO_ERROR));
	SHOW("after", "%x", polled(ends[0], 0));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	CALL(send(ends[0], "b", 1, MSG_NOSIGNAL));
	connection_make(ends);
	CALL(close(ends[1]));
	until(ends[0], POLLRDHUP);
	CALL(send(ends[0], "a", 1, MSG_NOSIGNAL));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	CALL(recv(ends[0], buffer, sizeof(buffer), MSG_PEEK));
	CALL(send(ends[0], "b", 1, MSG_NOSIGNAL));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	SHOW("error", "%d", number(ends[0], SOL_SOCKET, SO_ERROR));
	struct linger now = { 1, 0 };
	connection_make(ends);
	CALL(shutdown(ends[0], SHUT_RD)); /* its own end, not the peer's */
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	CALL(close(ends[1]));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0) == -1 && errno == ECONNRESET);
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
}

int main(void)
{
	calls_begin();
	RUN(broken_reading);
	return 0;
}
