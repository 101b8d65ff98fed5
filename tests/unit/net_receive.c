/* SPDX-License-Identifier: MIT */
/*
 * What waits on a connection to be read, in the shapes in which lwIP hands it over: chains of buffers of which some are empty, at the front, between
 * others and at the end (headers are taken off a buffer of their own, and what came out of order is chained behind what it waited for). Each byte is
 * read once, in order, and no buffer outlives its bytes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "net/internal.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "socket/inet/inet.h"
#include "tests/fake/net_kernel.h"

#define BUFFER_BYTES 2000u
#define STEPS 30000u
#define QUEUED_MOST 60000u

static struct inet_socket s;
static unsigned buffers; /* that lwIP and the socket have */
static uint64_t put_in, read_out; /* of the stream */

/* ---- what the file under test needs ---- */
int cursor_copy_out(struct cursor *c, const char *from, uint64_t bytes)
{
	assert_true(c->offset + bytes <= c->vectors->length);
	memcpy((char *)c->vectors->base + c->offset, from, bytes);
	c->offset += bytes;
	return 0;
}

uint64_t cursor_left(const struct cursor *c)
{
	return c->vectors->length - c->offset;
}

uint64_t deadline_after(uint64_t timeout_ns)
{
	return ~0ull;
}

int wait_error(int error, uint64_t timeout_ns)
{
	return error;
}

uint32_t tcp_window_usual(const struct inet_socket *socket)
{
	return TCP_WINDOW_USUAL;
}

void tcp_ack_hurry(struct inet_socket *s)
{
}

void urgent_arrived(struct inet_socket *socket, struct pbuf *p)
{
}

uint64_t urgent_cut(struct inet_socket *socket, bool peek, uint64_t *skip, uint64_t bytes)
{
	return bytes;
}

bool urgent_reached(struct inet_socket *socket)
{
	return false;
}

long urgent_receive(struct inet_socket *socket, struct incoming *i)
{
	return -EINVAL;
}

struct tcp_pcb *tcp_active_pcbs;

void tcp_free_ooseq(struct tcp_pcb *pcb)
{
}

void tcp_pcb_select(const struct tcp_pcb *pcb)
{
}

err_t tcp_output(struct tcp_pcb *pcb)
{
	return ERR_OK;
}

void net_lock(void)
{
}

void net_unlock(void)
{
}

/* ---- buffers ---- */
struct counted {
	struct pbuf_custom custom;
	uint8_t data[BUFFER_BYTES];
};

static void counted_free(struct pbuf *p)
{
	buffers--;
	free(p); /* the custom part is the first member, and the pbuf the first of that */
}

static uint8_t stream_byte(uint64_t at)
{
	return (uint8_t)(at * 7 ^ at >> 8);
}

/* The next `bytes` of the stream in a buffer of their own. */
static struct pbuf *buffer(unsigned bytes)
{
	struct counted *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->custom.custom_free_function = counted_free;
	buffers++;
	for (unsigned i = 0; i < bytes; i++) {
		c->data[i] = stream_byte(put_in + i);
	}
	put_in += bytes;
	return pbuf_alloced_custom(PBUF_RAW, (u16_t)bytes, PBUF_REF, &c->custom, c->data, sizeof(c->data));
}

static void arrive(const unsigned *bytes, unsigned count)
{
	struct pbuf *chain = buffer(bytes[0]);
	for (unsigned i = 1; i < count; i++) {
		pbuf_cat(chain, buffer(bytes[i]));
	}
	net_lock();
	assert_true(tcp_arrived(&s, chain));
	net_unlock();
}

static long take(unsigned bytes, unsigned flags)
{
	static uint8_t to[QUEUED_MOST];
	struct io_vector vector = { .base = (uint64_t)to, .length = bytes };
	struct incoming i = { .to = { .vectors = &vector, .count = 1 }, .flags = MSG_DONTWAIT | flags };
	long n = tcp_socket_receive(&s.base, &i);
	for (long at = 0; at < n; at++) {
		assert_int_equal(to[at], stream_byte(read_out + (uint64_t)at));
	}
	read_out += n > 0 && !(flags & MSG_PEEK) ? (uint64_t)n : 0;
	return n;
}

static int begin(void **state)
{
	net_kernel_start(32u << 20);
	net_memory_init();
	memset(&s, 0, sizeof(s));
	s.base.state = SOCKET_CONNECTED;
	s.base.receive_least = 1;
	s.window = TCP_WINDOW_FIRST;
	put_in = read_out = buffers = 0;
	return 0;
}

static void empty_buffers_between_others(void **state)
{
	static const unsigned shapes[][5] = { { 0, 1400, 0, 1400, 0 }, { 100, 0, 0, 900, 700 }, { 0, 0, 1, 0, 0 }, { 0, 0, 0, 0, 0 } };
	for (unsigned n = 0; n < sizeof(shapes) / sizeof(shapes[0]); n++) {
		arrive(shapes[n], 5);
	}
	assert_int_equal(buffers, 5); /* each with bytes, and no other; the single byte was copied */
	assert_int_equal(take(1000, 0), 1000);
	assert_int_equal(buffers, 5);
	assert_int_equal(take(1800, 0), 1800);
	assert_int_equal(buffers, 3);
	assert_int_equal(take(QUEUED_MOST, MSG_PEEK), 1701);
	assert_int_equal(take(QUEUED_MOST, 0), 1701);
	assert_int_equal(take(QUEUED_MOST, 0), -EAGAIN);
	assert_int_equal(buffers, 0);
	assert_int_equal(s.head_at, 0);
}

static void bytes_of_any_shape(void **state)
{
	srandom(5);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned shape[6], count = 1 + (unsigned)random() % 6;
		for (unsigned n = 0; n < count; n++) {
			shape[n] = random() % 3 == 0 ? 0 : (unsigned)random() % (random() % 2 ? 40 : BUFFER_BYTES);
		}
		if (put_in - read_out < QUEUED_MOST - 6 * BUFFER_BYTES) {
			arrive(shape, count);
		}
		assert_int_equal(s.queued, put_in - read_out);
		assert_true(buffers <= s.queued);
		take((unsigned)random() % 4000, random() % 8 ? 0 : MSG_PEEK);
	}
	while (take(QUEUED_MOST, 0) > 0) {
	}
	assert_int_equal(read_out, put_in);
	assert_int_equal(buffers, 0);
	assert_int_equal(s.queued, 0);
}

/* What nobody reads takes lwIP's memory, too; who has nothing to read gets a segment even then. */
static void lwips_memory_is_short(void **state)
{
	static void *pieces[2000];
	unsigned count = 0;
	struct inet_socket other = s;
	while (!net_memory_is_crowded(3)) {
		assert_true(count < 2000);
		pieces[count++] = net_memory_alloc(60000);
	}
	arrive((const unsigned[]){ 600 }, 1);
	put_in -= 600;
	struct pbuf *refused = buffer(600);
	assert_false(tcp_arrived(&s, refused));
	assert_true(tcp_arrived(&other, refused));
	net_memory_free(pieces[--count]);
	arrive((const unsigned[]){ 700 }, 1);
	while (count) {
		net_memory_free(pieces[--count]);
	}
	tcp_arrived_drop(&s);
	tcp_arrived_drop(&other);
	assert_int_equal(buffers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty_buffers_between_others, begin),
		cmocka_unit_test_setup(bytes_of_any_shape, begin),
		cmocka_unit_test_setup(lwips_memory_is_short, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
