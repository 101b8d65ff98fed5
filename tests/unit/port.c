/* SPDX-License-Identifier: MIT */
/* Free ports are different ones that can be had; a socket at a port is found in the host's table; no descriptors at all are an error. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmtools/port.h"

#define PORTS 6

static void test_free_ports_differ(void **state)
{
	uint16_t ports[PORTS];
	assert_int_equal(port_free(ports, PORTS), 0);
	for (unsigned i = 0; i < PORTS; i++) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(ports[i]) };
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
		close(fd);
		for (unsigned k = 0; k < i; k++) {
			assert_int_not_equal(ports[i], ports[k]);
		}
	}
}

static bool is_listening_there(void *to, const struct port_socket *s)
{
	const uint16_t *port = to;
	return s->local == htonl(INADDR_LOOPBACK) && s->local_port == *port && s->state == PORT_LISTENING && s->user == geteuid() && s->inode;
}

static void test_socket_is_found(void **state)
{
	uint16_t port;
	int fd = port_bind(&port);
	assert_true(fd >= 0);
	assert_false(port_find(is_listening_there, &port));
	assert_int_equal(listen(fd, 1), 0);
	assert_true(port_find(is_listening_there, &port));
	close(fd);
	assert_false(port_find(is_listening_there, &port));
}

/* Not a port of 0, and no search without end. */
static void test_without_descriptors(void **state)
{
	struct rlimit before, few;
	uint16_t ports[PORTS];
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ .rlim_cur = 5, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int error = port_free(ports, PORTS);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(error, -EMFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_ports_differ), cmocka_unit_test(test_socket_is_found), cmocka_unit_test(test_without_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
