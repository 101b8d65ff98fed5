/* SPDX-License-Identifier: MIT */
/*
 * A domain: memory, vCPUs, devices, links, life. Built once at boot from the bundle; a reboot keeps all of its
 * allocations and tables. Lock order: machine_lock, then the IOMMU's and PCI's own, then the log's.
 */
#ifndef HV_DOMAIN_H
#define HV_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/bundle.h"
#include "abi/capsule.h"
#include "abi/hypercall.h"
#include "hv/addr.h"
#include "hv/cpu.h"
#include "hv/iommu.h"
#include "hv/link.h"
#include "hv/vcpu.h"

#define RECOVER_HISTORY 128

enum recover_cause {
	CAUSE_NONE, CAUSE_KILL, CAUSE_CRASH, CAUSE_IOMMU, CAUSE_HEARTBEAT, CAUSE_COMPLAINT, CAUSE_RESTART,
	CAUSE_DEAD, /* the last request was taken; until the rebuild only `restart` is heard */
	CAUSE_LOST, /* nothing is, ever */
};

enum domain_phase {
	DOMAIN_RUNNING,
	DOMAIN_BACKOFF, /* dead and fenced; rebuilt at restart_at */
	DOMAIN_REPLAY, /* rebuilt; the recovery line is not out yet */
	DOMAIN_PARKED, /* dead and fenced until `restart` */
};

struct domain_device {
	struct domain *domain;
	struct pci_function *function;
	uint8_t vector; /* host vector, allocated at build */
	_Atomic uint32_t event; /* event bit, 0: none */
};

struct recovery { /* of the last death; TSC values */
	enum recover_cause cause;
	uint64_t requested, frozen, fenced, reset, rebuild_start, rebuilt, alive, completed;
	_Atomic uint64_t up; /* all its links are, by any processor */
	uint64_t history[RECOVER_HISTORY]; /* ring of restart times */
	uint32_t restarts, quick_deaths;
	uint64_t restart_at;
};

struct capsule {
	hpa_t at; /* c: `size` bytes of machine memory; 0: none */
	uint64_t size;
	struct bh_capsule *header; /* c: as last written; behind it a page to copy through */
	uint64_t fault_count; /* of the IOMMU, of its devices */
	struct bh_capsule_fault faults[BH_CAPSULE_FAULTS];
};

struct domain {
	const struct bundle_domain *config;
	uint32_t id;
	bool main;
	bool fenced; /* it has devices, and the IOMMU stands before them */
	hpa_t ram; /* config->memory bytes */
	const struct bundle_image *image;
	const void *image_data, *module;
	uint64_t module_size, module_gpa, boot_gpa;
	struct bh_event_page *events; /* BH_DOMAIN_PAGES pages, shared with the domain */
	struct bh_domain_page *page;
	struct paging nested;
	struct iommu_domain iommu;
	struct vcpu *vcpus[BH_MAX_VCPUS];
	uint32_t vcpu_count;
	struct domain_device devices[BH_MAX_DEVICES];
	struct link *links[BH_MAX_LINKS];
	uint32_t link_roles[BH_MAX_LINKS];
	uint64_t signals; /* events that it may signal */
	uint32_t epoch;
	enum domain_phase phase; /* home processor of vCPU 0 */
	_Atomic uint32_t request; /* enum recover_cause; who sets it has written the next two */
	const char *request_reason;
	uint64_t request_time;
	_Atomic uint64_t last_call; /* TSC of the last sign of life */
	struct recovery recovery;
	struct capsule capsule;
};

extern spinlock_t machine_lock; /* links, grants, IOMMU tables, life-cycle transitions */
extern struct domain *machine_domains[BUNDLE_MAX_DOMAINS];
extern unsigned machine_domain_count;
extern struct link machine_links[BUNDLE_MAX_LINKS];
extern unsigned machine_link_count;
extern struct domain *machine_main; /* NULL until it is built */

/* domain.c: -ENOMEM, -ENODEV, ... and *why in words. */
int domain_build(struct domain *d, const char **why);
uint32_t domain_attach_link(struct domain *d, struct link *l, uint32_t role); /* the link's slot there */
bool domain_has_ram(const struct domain *d, gpa_t gpa, uint64_t bytes); /* all of it */
int domain_read(const struct domain *d, gpa_t from, void *to, uint64_t bytes); /* own RAM; -EFAULT */
int domain_write(const struct domain *d, gpa_t to, const void *from, uint64_t bytes);

/* Own RAM at gpa: the caller knows that it is RAM. */
static inline hpa_t domain_ram(const struct domain *d, uint64_t gpa)
{
	return HPA(d->ram.value + gpa);
}

/* Guest-physical address of the register file of links[slot]: a page each, behind the domain page. */
static inline uint64_t domain_registers(const struct domain *d, unsigned slot)
{
	return d->config->memory + (BH_DOMAIN_PAGES + slot) * PAGE_SIZE;
}

int domain_detach_devices(struct domain *d); /* machine_lock held: no interrupt, and, where it returns 0, no DMA */
void domain_attach_devices(struct domain *d);

/* loader.c */
int loader_check(struct domain *d, const char **why); /* before anything is written */
/** Zero the memory and write image, module and start info into it. Returns the PVH entry point. */
uint32_t loader_load(struct domain *d);

/* event.c */
/** Set an event bit of a vCPU; any processor, any context. */
void event_raise(struct vcpu *v, unsigned event);
bool event_unannounced(const struct vcpu *v);
/** Ring the peers of these events (bits BH_EVENT_LINK + slot). */
void event_signal(struct domain *d, uint64_t mask);

/* grant.c, the part with tables (grant_map.c) */
int grant_decode(const struct link *l, uint64_t gpa, uint64_t len, uint32_t prot);
void grant_commit(struct link *l, uint64_t gpa, uint64_t len, uint32_t prot);
void grant_revoke_all(struct link *l); /* machine_lock held */
int grant_reserve(struct link *l); /* at build: table pages that mapping can need */
void *grant_table_alloc(void);

/* register.c: the register file as the front end reaches it */
/** An access to the register file of links[slot]. */
void register_access(struct vcpu *v, unsigned slot, uint32_t offset, bool write, unsigned width, uint32_t *value);
void link_publish_both(const struct link *l); /* machine_lock held */
void link_tell(const struct link *l); /* publish, and an event for both ends; machine_lock held */

/* recover.c */
/** Any processor, any context. False: it is dying or dead already. */
bool recover_request(struct domain *d, enum recover_cause cause, const char *reason);
/** Home processor of vCPU 0: do what is requested or due. */
void recover_poll(struct domain *d, uint64_t now);
uint64_t recover_deadline(const struct domain *d);
/** Load and let run: the first boot, and each after a death. */
void recover_start(struct domain *d);
void recover_alive(struct domain *d); /* BH_POWER_ALIVE */
void recover_link_up(struct domain *back); /* machine_lock held */
void recover_signal(struct domain *back); /* it signalled a front end whose link is up */

/* capsule.c */
void capsule_reserve(struct domain *d); /* when all domains are built */
/** Home processor of vCPU 0, all vCPUs outside: write it. */
void capsule_keep(struct domain *d, const char *cause);
void capsule_fault(struct domain *d, const struct iommu_fault *fault);
/** Copy part of the last one to a domain's RAM, which the caller checked. Returns bytes. */
uint64_t capsule_read(const struct domain *d, uint64_t offset, const struct domain *reader, uint64_t gpa, uint64_t bytes);

/* vcpu.c: for all vCPUs of a domain */
void domain_freeze(struct domain *d, bool frozen);
void domain_wait_outside(struct domain *d); /* returns when none of the frozen ones is in its guest */
void domain_wait_idle(struct domain *d); /* ... and no exit of theirs is handled any more; no lock held */
void domain_flush(struct domain *d); /* ... when no stale translation of its can be used any more */

/* sched.c */
void sched_add(struct vcpu *v); /* before cpu_release_all */
void sched_notify(struct vcpu *v); /* something of it changed: look again, soon if need be */
void sched_arm(uint64_t deadline); /* this processor's timer, at the latest */
void sched_again(void); /* this processor: pick anew after this exit */
void sched_look(struct vcpu *v); /* its home processor is to pick anew */
void sched_unload(struct vcpu *v); /* home: its FPU and debug state is of no use any more */
uint64_t sched_deadline(void); /* what this processor's timer is armed for; 0: nothing */

/* stat.c, guest_console.c, machine.c */
void stat_report(void); /* a `stat` event for each domain */
void stat_domain(const struct domain *d, struct bh_stat_domain *sum); /* of its vCPUs */
extern const char *const stat_reason_names[BH_EXIT_COUNT];
uint64_t guest_console_read(char *to, uint64_t bytes); /* main domain's vCPU only */
_Noreturn void machine_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void machine_panic(const struct domain *d, const char *reason);

#endif
