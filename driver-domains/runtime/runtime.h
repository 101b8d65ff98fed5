/* SPDX-License-Identifier: MIT */
/*
 * The driver-domain runtime: what stands between a component and Bulkhead. One vCPU, one stack, no interrupts: events
 * are taken in one loop, handlers run to completion, and everything pending is done before the domain waits, so that one
 * exit (BH_HC_WAIT) both rings the peers and sleeps.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "abi/pvh.h"
#include "component/blkdev.h"
#include "component/netdev.h"
#include "component/pcidev.h"

/** What the program is: called once by the runtime; does not return. */
_Noreturn void domain_main(void);

/* start.c */
extern const struct bh_domain_page *domain_page;
extern struct bh_event_page *domain_events;
/** The PVH module. false: none. */
bool domain_module(void **memory, uint64_t *bytes);
long hypercall(enum bh_hypercall number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
/** One line for the hypervisor's log, cut at 159 characters. */
void domain_log(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
/** End this domain with a reason in its log; the hypervisor recovers it. */
_Noreturn void domain_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** A start-up call of the runtime: panics with `what` on an error. */
long hypercall_must(const char *what, long result);

/* clock.c */
void clock_init(uint64_t tsc_khz);
uint64_t clock_to_tsc(uint64_t ns); /* a moment of env_time_ns as a TSC value */

/* heap.c */
void heap_init(uint64_t start, uint64_t end);
void *heap_alloc(uint64_t bytes, uint64_t align); /* zeroed; NULL */

/* paging.c: map everything that is known from the start, then switch to those tables */
#define MAP_WRITE 1u
#define MAP_EXEC 2u
#define MAP_UNCACHED 4u
void paging_init(void);
void paging_map(uint64_t from, uint64_t bytes, unsigned flags); /* VA = PA; whole pages */
void paging_switch(void);

/* exception.c */
void exception_init(void);

/* events.c */
void events_handler(unsigned event, void (*handler)(void *arg), void *arg);
/** Called before each wait; true: it did something, look again. It may bring *until (env_time_ns) forward, when it wants to look again. */
void events_before_wait(bool (*work)(void *arg, uint64_t *until), void *arg);
/** Ring a peer with the next wait. */
void events_signal(unsigned event);
/** Do all that is pending, or wait for the first of an event and the time `until` (env_time_ns). */
void events_run(uint64_t until);

/* pci.c */
/** The domain's index-th device, or NULL. */
struct pcidev *pci_at(unsigned index);

/* serve.c */
/** Offer disks[i] on the i-th block link of which this domain is the back end, and say that the domain is up. A
 *  NULL disk leaves its link without a device. data_access: BH_GRANT_* that the disks need on data pages. */
void serve_disks(struct blkdev *const *disks, unsigned count, uint32_t data_access);
/** Links that want a disk. */
unsigned serve_links(void);

/* serve_net.c */
/** Offer the device on the first network link of which this domain is the back end, now and when its link changes, and say that the domain is
 *  up. data_access: BH_GRANT_* that it needs on frames. */
void serve_net(struct netdev *dev, uint32_t data_access);

#endif
