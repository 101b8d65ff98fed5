/* SPDX-License-Identifier: MIT */
/* struct itimerspec from and to programs, and arithmetic on periodic deadlines (kernel/interval.h). */
#include "kernel/interval.h"

#include "abi/errno.h"
#include "kernel/time.h"
#include "kernel/user.h"

#define NS 1000000000ull
#define LATEST (INT64_MAX / 2)
#define CLOCK_REALTIME 0

static int ns_from(const int64_t time[2], uint64_t *ns)
{
	if (time[0] < 0 || time[1] < 0 || time[1] >= (int64_t)NS) {
		return -EINVAL;
	}
	*ns = (uint64_t)time[0] > LATEST / NS ? LATEST : (uint64_t)time[0] * NS + (uint64_t)time[1];
	return 0;
}

int interval_read(struct interval *out, uint64_t user)
{
	int64_t in[4];
	if (user_read(in, user, sizeof(in))) {
		return -EFAULT;
	}
	int error = ns_from(in, &out->interval_ns);
	return error ? error : ns_from(in + 2, &out->value_ns);
}

int interval_write(uint64_t user, const struct interval *in)
{
	uint64_t out[4] = { in->interval_ns / NS, in->interval_ns % NS, in->value_ns / NS, in->value_ns % NS };
	return user_write(user, out, sizeof(out));
}

uint64_t interval_deadline(uint64_t value_ns, bool absolute, int clock)
{
	uint64_t now = time_ns();
	if (!value_ns || (absolute && clock != CLOCK_REALTIME)) {
		return value_ns;
	}
	if (absolute) {
		uint64_t wall = time_wall_ns();
		return value_ns > wall ? now + (value_ns - wall) : now;
	}
	return now + value_ns;
}

uint64_t interval_forward(uint64_t *deadline, uint64_t interval_ns, uint64_t now)
{
	if (now < *deadline) {
		return 0;
	}
	uint64_t passed = (now - *deadline) / interval_ns + 1;
	*deadline += passed * interval_ns;
	return passed;
}

uint64_t interval_left(uint64_t deadline, uint64_t interval_ns, uint64_t now)
{
	if (deadline && interval_ns) {
		interval_forward(&deadline, interval_ns, now);
	}
	return deadline > now ? deadline - now : 0;
}
