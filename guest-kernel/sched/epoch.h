/* SPDX-License-Identifier: MIT */
/* Epochs as the scheduler drives them (epoch.c). Interrupts are off in all of these. */
#ifndef SCHED_EPOCH_H
#define SCHED_EPOCH_H

#include <stdbool.h>

struct cpu;

/** This processor is in no section at this moment. */
void epoch_quiet(const struct cpu *cpu);
/** Somebody asks: the processor is seen at once, or where its section ends. */
void epoch_look(struct cpu *cpu);
/** It is about to wait, and enters no section until it says otherwise. */
void epoch_idle(const struct cpu *cpu, bool idle);

#endif
