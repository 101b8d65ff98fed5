/* SPDX-License-Identifier: MIT */
/*
 * Fills the memory with signal frames, each on an alternate stack that nobody has touched: so it is while one is made that there is no more
 * memory, and that it is killed. frame_hog now
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#define STACK (64 * 1024)

static void nothing(int signal)
{
}

int main(int count, char **arguments)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_ONSTACK };
	if (count < 2) {
		return 0;
	}
	sigaction(SIGUSR1, &action, NULL);
	for (;;) {
		stack_t stack = { .ss_sp = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = STACK };
		if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) || raise(SIGUSR1)) {
			perror("frame_hog");
			return 1;
		}
	}
}
