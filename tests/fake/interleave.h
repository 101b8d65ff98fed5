/* SPDX-License-Identifier: MIT */
/*
 * Threads of the kernel on several processors, a step at a time: coroutines of one host's thread, and a seed says at each step which processor
 * goes on, which thread it takes, and when it hears of an interrupt. Steps are the calls below and, in files that are linked as RECORD_NAME
 * (tests/tests.mk), every load and store. So the orders in which things can happen are tried in thousands and come back with the seed, and a
 * lost wake is seen at once: nobody can go on. GS is the processor's, as in the kernel.
 * Implements kernel/lock.h but for mutexes, thread_current() and thread_create(), cpu_*() of arch/cpu.h, ipi_send(), time_ns().
 */
#ifndef TESTS_FAKE_INTERLEAVE_H
#define TESTS_FAKE_INTERLEAVE_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "kernel/thread.h"

/** Begin anew with so many processors; the seed is from $SEED or the clock, and printed. The caller is a thread that is never counted. */
void interleave_begin(unsigned processors, void (*interrupt)(void));
/** Until all threads but those made by thread_create() have ended. */
void interleave_run(void);
void interleave_end(void);
struct thread *interleave_start(void (*entry)(void *arg), void *arg);
/** Others may go on here. */
void interleave_step(void);
/** Is no spin lock held? Nobody goes on between this and the next step, or as long as all are stopped. */
bool interleave_unlocked(void);
void interleave_stop(bool stop);
uint64_t interleave_random(uint64_t below);

#endif
