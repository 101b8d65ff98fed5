/* SPDX-License-Identifier: MIT */
/*
 * The command ring (AMD 48882, 2.4). Invalidations take effect when a COMPLETION_WAIT behind them has stored its ticket: only then
 * are the old translations gone and the requests that used them done (2.4.1). The ring never fills: each batch is short, and is waited for.
 */
#include "amdvi.h"

#include "abi/errno.h"
#include "hv/cpu.h"
#include "hv/mmio.h"
#include "hv/pool.h"

#define OPCODE(n) ((uint64_t)(n) << 60)
#define WAIT_STORE 1ull
#define WAIT_ADDRESS 0x000ffffffffffff8ull
#define PAGES_DOMAIN_SHIFT 32
#define PAGES_EVERYTHING 0x7ffffffffffff000ull /* with S: all of the address space */
#define PAGES_SIZE 1ull
#define PAGES_DIRECTORIES 2ull /* PDE: cached upper levels too */

#define WAIT_LIMIT_US 1000000u

struct amdvi_command amdvi_completion_wait(hpa_t store, uint64_t value)
{
	return (struct amdvi_command){ OPCODE(1) | (store.value & WAIT_ADDRESS) | WAIT_STORE, value };
}

struct amdvi_command amdvi_invalidate_device(uint16_t bdf)
{
	return (struct amdvi_command){ OPCODE(2) | bdf, 0 };
}

struct amdvi_command amdvi_invalidate_domain(uint16_t id)
{
	return (struct amdvi_command){ OPCODE(3) | (uint64_t)id << PAGES_DOMAIN_SHIFT, PAGES_EVERYTHING | PAGES_SIZE | PAGES_DIRECTORIES };
}

struct amdvi_command amdvi_invalidate_interrupts(uint16_t bdf)
{
	return (struct amdvi_command){ OPCODE(5) | bdf, 0 };
}

struct amdvi_command amdvi_invalidate_all(void)
{
	return (struct amdvi_command){ OPCODE(8), 0 };
}

static void append(struct amdvi_queue *queue, struct amdvi_command command)
{
	queue->ring[queue->tail] = command;
	queue->tail = (queue->tail + 1) % AMDVI_COMMANDS;
}

int amdvi_queue_run(struct amdvi_queue *queue, const struct amdvi_command *commands, unsigned count)
{
	uint64_t end = tsc_read() + us_to_tsc(WAIT_LIMIT_US);
	for (unsigned i = 0; i < count; i++) {
		append(queue, commands[i]);
	}
	append(queue, amdvi_completion_wait(pool_hpa(queue->done), ++queue->ticket));
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* tables and commands before the doorbell */
	mmio_write64(queue->registers, AMDVI_COMMAND_TAIL, queue->tail * sizeof(struct amdvi_command));
	while (__atomic_load_n(queue->done, __ATOMIC_ACQUIRE) != queue->ticket) {
		if (tsc_read() > end) {
			return -ETIMEDOUT;
		}
		__asm__ volatile("pause");
	}
	return 0;
}
