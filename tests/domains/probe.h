/* SPDX-License-Identifier: MIT */
/* What a probe domain has: the call, the pages, text. One to one mapped, one thread, no heap. */
#ifndef TESTS_PROBE_H
#define TESTS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "abi/pvh.h"

extern const struct pvh_start_info *probe_info;
extern struct bh_event_page *probe_events;
extern const struct bh_domain_page *probe_page;
extern volatile uint64_t probe_upcalls;
extern uint32_t probe_features; /* BH_FEATURE_... */

static inline int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	int64_t result;
	if (probe_features & BH_FEATURE_VMCALL) {
		__asm__ volatile("vmcall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "c"(d) : "memory");
	} else {
		__asm__ volatile("vmmcall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "c"(d) : "memory");
	}
	return result;
}

static inline uint64_t tsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/** Take (and clear) what is pending, after waiting for it until the deadline. */
uint64_t probe_wait(uint64_t signal, uint64_t deadline);
/** A line through BH_HC_LOG. */
void probe_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Note a failed expectation: logs it; the probe's status will be 1. */
void probe_expect(bool holds, const char *what);
extern int probe_failures;
bool probe_option(const char *word); /* is it in the command line? */
void probe_vector(unsigned vector, void (*entry)(void)); /* load an IDT with this gate */
void probe_upcall(void); /* counts */

void probe_main(const struct pvh_start_info *info);
void probe_front(void);
void probe_back(void);
_Noreturn void probe_dma(void);
_Noreturn void probe_wild(void);
_Noreturn void probe_stray(void);
void probe_calls(void);
void probe_vcpus(void);
void probe_disk(void);
void probe_net(void);

#endif
