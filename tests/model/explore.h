/* SPDX-License-Identifier: MIT */
/*
 * Every order in which several processors can make their steps, up to a number of times that one is broken off for
 * another (few suffice for most races: Musuvathi and Qadeer, PLDI 2007). An agent is what one processor does; it can be
 * broken off at each recorded atomic access, and wherever it says so itself. One that asks the same word again and
 * again lets the others go on. Memory is sequentially consistent here: the accesses in question are seq_cst in the source.
 */
#ifndef MODEL_EXPLORE_H
#define MODEL_EXPLORE_H

#include <stdbool.h>

#define EXPLORE_AGENTS 3u

struct explore {
	void (*agents[EXPLORE_AGENTS])(void);
	unsigned count;
	unsigned breaks; /* at most, in one order */
	void (*before)(void); /* each order */
	void (*turn)(unsigned agent); /* it is this one's turn now */
	bool (*after)(void); /* false: enough seen */
};

/** Returns the number of orders tried. */
unsigned long explore(const struct explore *e);
/** Here the running agent may be broken off. `at`: the word that it is about to read or write, or NULL. Outside of agents:
 *  nothing. */
void explore_moment(const void *at);

#endif
