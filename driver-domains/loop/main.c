/* SPDX-License-Identifier: MIT */
/* The loop domain: a network link whose frames come back, for tests and for the queues' own cost. Its processor reads and writes the frames. */
#include "env/env.h"
#include "loop.h"
#include "runtime/runtime.h"

static struct loop loop;

static bool before_wait(void *arg, uint64_t *until)
{
	return loop_work(arg);
}

void domain_main(void)
{
	loop_init(&loop);
	events_before_wait(before_wait, &loop);
	serve_net(&loop.dev, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE);
	for (;;) {
		events_run(UINT64_MAX);
	}
}
