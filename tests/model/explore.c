/* SPDX-License-Identifier: MIT */
/* See explore.h. Depth first over the choices; an order is replayed from its list of choices. */
#include "explore.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#define STACK 262144u
#define CHOICES_MAX 8192u
#define WINDOW 3u /* words: one that waits asks no more than these in turn */
#define SPINS 8u

static const struct explore *setting;
static ucontext_t home, contexts[EXPLORE_AGENTS];
static char stacks[EXPLORE_AGENTS][STACK] __attribute__((aligned(16)));
static bool over[EXPLORE_AGENTS];
static int running = -1; /* none */
static const void *asked[EXPLORE_AGENTS][WINDOW];
static unsigned asked_next[EXPLORE_AGENTS], spins[EXPLORE_AGENTS];

static struct choice {
	uint8_t taken, options;
	bool costs; /* anything but 0 breaks an agent off */
} choices[CHOICES_MAX];
static unsigned choice_count, choice_next, breaks;

/* The n-th other agent that is not over, cyclically behind this one; -1: there is none. */
static int other(int agent, unsigned n)
{
	for (unsigned i = 1; i < setting->count; i++) {
		int next = (agent + (int)i) % (int)setting->count;
		if (!over[next] && n-- == 0) {
			return next;
		}
	}
	return -1;
}

static unsigned others(int agent)
{
	unsigned n = 0;
	while (other(agent, n) >= 0) {
		n++;
	}
	return n;
}

static unsigned choose(unsigned options, bool costs)
{
	if (options < 2 || choice_next == CHOICES_MAX) {
		return 0;
	}
	if (choice_next == choice_count) {
		choices[choice_count++] = (struct choice){ 0, (uint8_t)options, costs };
	}
	breaks += costs && choices[choice_next].taken;
	return choices[choice_next++].taken;
}

static void go(int from, int to)
{
	running = to;
	setting->turn((unsigned)to);
	swapcontext(&contexts[from], &contexts[to]);
}

/* Does it ask the same few words again and again? */
static bool is_waiting(int agent, const void *at)
{
	bool again = false;
	for (unsigned i = 0; i < WINDOW; i++) {
		again = again || (at && asked[agent][i] == at);
	}
	if (!again) {
		asked[agent][asked_next[agent]++ % WINDOW] = at;
		spins[agent] = 0;
		return false;
	}
	return ++spins[agent] % SPINS == 0;
}

void explore_moment(const void *at)
{
	int agent = running;
	if (agent < 0) {
		return;
	}
	if (is_waiting(agent, at) && others(agent)) {
		go(agent, other(agent, 0));
		return;
	}
	unsigned way = breaks < setting->breaks ? choose(1 + others(agent), true) : 0;
	if (way) {
		go(agent, other(agent, way - 1));
	}
}

static void agent_main(int agent)
{
	setting->agents[agent]();
	over[agent] = true;
	unsigned left = others(agent);
	if (left) {
		running = other(agent, choose(left, false));
		setting->turn((unsigned)running);
		setcontext(&contexts[running]);
	}
	running = -1;
	setcontext(&home);
}

/* The next order: the last choice that has another option left. */
static bool advance(void)
{
	while (choice_count > 0) {
		struct choice *last = &choices[choice_count - 1];
		if (last->taken + 1u < last->options) {
			last->taken++;
			return true;
		}
		choice_count--;
	}
	return false;
}

static void context_prepare(unsigned agent)
{
	ucontext_t *c = &contexts[agent];
	over[agent] = false;
	spins[agent] = 0;
	memset(asked[agent], 0, sizeof(asked[agent]));
	getcontext(c);
	c->uc_stack.ss_sp = stacks[agent];
	c->uc_stack.ss_size = STACK;
	c->uc_link = NULL;
	makecontext(c, (void (*)(void))agent_main, 1, (int)agent);
}

static void order_run(void)
{
	choice_next = breaks = 0;
	running = (int)choose(setting->count, false);
	setting->turn((unsigned)running);
	swapcontext(&home, &contexts[running]);
}

unsigned long explore(const struct explore *e)
{
	unsigned long orders = 0;
	setting = e;
	choice_count = 0;
	do {
		e->before();
		for (unsigned i = 0; i < e->count; i++) {
			context_prepare(i);
		}
		order_run();
		orders++;
	} while (e->after() && advance());
	return orders;
}
