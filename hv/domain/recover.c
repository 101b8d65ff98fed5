/* SPDX-License-Identifier: MIT */
/*
 * Death and return of a domain: one path for every cause. Whoever finds a reason asks (recover_request), which
 * freezes the domain; its home processor does the rest between two guests: fence, reset, rebuild, and hands over to
 * the replay, which ends with the first completion. The long parts hold no lock. What makes it safe: the devices'
 * IOMMU entry is blocked, and the invalidation has completed, before memory is rewritten, and is opened again only
 * after a successful reset.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "abi/errno.h"
#include "base/format.h"
#include "hv/domain.h"
#include "hv/log.h"
#include "hv/pci.h"

#define QUICK_US 100000ull /* death so soon after the start counts as a crash loop's */
#define BACKOFF_US 10000ull /* doubled for each further one, to at most 1.28 s */
#define IDLE_REPORT_US 25000ull /* nothing was in flight: report without a first completion */

static const char *const cause_names[] = {
	[CAUSE_NONE] = "none", [CAUSE_KILL] = "kill", [CAUSE_CRASH] = "crash", [CAUSE_IOMMU] = "iommu-fault",
	[CAUSE_HEARTBEAT] = "heartbeat", [CAUSE_COMPLAINT] = "complaint", [CAUSE_RESTART] = "restart",
};

/* Reason and time are written first: who sees the request sees them. Of two that ask at once either's are true. */
bool recover_request(struct domain *d, enum recover_cause cause, const char *reason)
{
	uint32_t from = cause == CAUSE_RESTART && atomic_load(&d->request) == CAUSE_DEAD ? CAUSE_DEAD : CAUSE_NONE;
	if (d->main) {
		machine_panic(d, reason);
	}
	if (atomic_load(&d->request) != from) {
		return false;
	}
	d->request_reason = reason;
	d->request_time = tsc_read();
	if (!atomic_compare_exchange_strong(&d->request, &from, cause)) {
		return false;
	}
	domain_freeze(d, true);
	sched_look(d->vcpus[0]);
	return true;
}

/* As back end: the front end keeps its registers and grants. As front end: the back end is to forget it all. */
static void links_down(struct domain *d)
{
	for (struct link *l = machine_links; l < machine_links + machine_link_count; l++) {
		if (l->back == d) {
			link_down(l);
			link_tell(l);
		} else if (l->front == d) {
			link_registers_reset(l);
			grant_revoke_all(l);
			link_tell(l);
		}
	}
}

static void links_rebuild(struct domain *d)
{
	for (struct link *l = machine_links; l < machine_links + machine_link_count; l++) {
		if (l->back == d) {
			link_rebuild(l, d->epoch);
			link_tell(l);
		}
	}
}

static int reset_devices(struct domain *d)
{
	int error = 0;
	for (unsigned i = 0; i < d->config->device_count && !(d->config->flags & BUNDLE_TEST_NO_RESET); i++) {
		int result = pci_reset(d->devices[i].function);
		error = result < 0 ? result : error;
	}
	return error;
}

static void park(struct domain *d, const char *reason)
{
	d->phase = DOMAIN_PARKED;
	log_line("domain %s is parked: %s", d->config->name, reason);
	control_event("parked domain=%s reason=%s", d->config->name, reason);
}

/* Has it been restarted restart_max times within the window? */
static bool too_often(const struct domain *d, uint64_t now)
{
	const struct recovery *r = &d->recovery;
	uint32_t max = d->config->restart_max < RECOVER_HISTORY ? d->config->restart_max : RECOVER_HISTORY;
	if (r->restarts < max) {
		return false;
	}
	uint64_t oldest = r->history[(r->restarts - max) % RECOVER_HISTORY];
	return now - oldest < us_to_tsc(d->config->restart_window_s * 1000000ull);
}

static uint64_t backoff(struct domain *d)
{
	struct recovery *r = &d->recovery;
	bool quick = r->cause != CAUSE_KILL && (!r->alive || r->requested - r->alive < us_to_tsc(QUICK_US));
	r->quick_deaths = quick ? r->quick_deaths + 1 : 0;
	if (r->quick_deaths < 2) {
		return 0;
	}
	unsigned doublings = r->quick_deaths - 2 < 7 ? r->quick_deaths - 2 : 7;
	return us_to_tsc(BACKOFF_US << doublings);
}

/* What becomes of it. A device that may still write to its memory keeps that memory for ever: no restart is heard. */
static void decide(struct domain *d, int fence, int reset)
{
	struct recovery *r = &d->recovery;
	if (fence) {
		park(d, "its device cannot be fenced; it is never started again, its memory is never used again");
		atomic_store(&d->request, CAUSE_LOST);
	} else if (reset) {
		park(d, "its device cannot be reset");
	} else if (r->cause == CAUSE_RESTART) {
		r->restarts = r->quick_deaths = 0;
		r->restart_at = r->reset; /* now */
		d->phase = DOMAIN_BACKOFF;
	} else if (d->config->restart_max == 0) {
		park(d, "its manifest allows no restart");
	} else if (too_often(d, r->reset)) {
		park(d, "it was restarted too often");
	} else {
		r->restart_at = r->reset + backoff(d);
		d->phase = DOMAIN_BACKOFF;
	}
}

/* When its links were up and it was alive; 0: not yet. */
static uint64_t serving_since(const struct recovery *r)
{
	uint64_t up = atomic_load(&r->up);
	return !r->alive || !up ? 0 : up > r->alive ? up : r->alive;
}

/* The phases, in microseconds: total is their sum. The wait is the capsule's and the back-off's, if there was one. */
static void report(struct domain *d)
{
	struct recovery *r = &d->recovery;
	char text[256];
	uint64_t end = r->completed ? r->completed : serving_since(r);
	d->phase = DOMAIN_RUNNING;
	format_text(text, sizeof(text), "recovery domain=%s epoch=%u cause=%s freeze_us=%lu fence_us=%lu reset_us=%lu wait_us=%lu rebuild_us=%lu "
		    "replay_us=%lu total_us=%lu completion=%s", d->config->name, d->epoch, cause_names[r->cause], tsc_to_us(r->frozen - r->requested),
		    tsc_to_us(r->fenced - r->frozen), tsc_to_us(r->reset - r->fenced), tsc_to_us(r->rebuild_start - r->reset),
		    tsc_to_us(r->rebuilt - r->rebuild_start), tsc_to_us(end - r->rebuilt), tsc_to_us(end - r->requested), r->completed ? "yes" : "none");
	control_event("%s", text);
	log_line("%s", text);
}

static uint64_t report_deadline(const struct domain *d)
{
	uint64_t since = d->phase == DOMAIN_REPLAY ? serving_since(&d->recovery) : 0;
	return since ? since + us_to_tsc(IDLE_REPORT_US) : 0;
}

static void die(struct domain *d)
{
	struct recovery *r = &d->recovery;
	if (report_deadline(d)) {
		report(d); /* of the death before */
	}
	r->cause = atomic_exchange(&d->request, CAUSE_DEAD);
	r->requested = d->request_time;
	domain_wait_idle(d);
	r->frozen = tsc_read();
	iommu_faults_take(); /* what its device did so far is told as this life's */
	spin_lock(&machine_lock);
	int fence = domain_detach_devices(d);
	spin_unlock(&machine_lock);
	r->fenced = tsc_read();
	int reset = reset_devices(d);
	r->reset = tsc_read();
	log_line("domain %s died: %s: %s", d->config->name, cause_names[r->cause], d->request_reason);
	capsule_keep(d, cause_names[r->cause]);
	spin_lock(&machine_lock);
	links_down(d);
	spin_unlock(&machine_lock);
	decide(d, fence, reset);
}

void recover_start(struct domain *d)
{
	struct recovery *r = &d->recovery;
	iommu_faults_take(); /* dropped, what came after that: the next life is not to die of it */
	r->alive = r->completed = 0;
	atomic_store(&r->up, 0);
	d->page->epoch = ++d->epoch;
	uint32_t entry = loader_load(d);
	spin_lock(&machine_lock);
	domain_attach_devices(d);
	atomic_store(&d->vcpus[0]->signals, 0);
	vcpu_reset_pvh(d->vcpus[0], entry, (uint32_t)d->boot_gpa);
	for (unsigned i = 1; i < d->vcpu_count; i++) {
		atomic_store(&d->vcpus[i]->signals, VCPU_INIT); /* its home does it, before anything else */
	}
	links_rebuild(d);
	atomic_store(&d->last_call, tsc_read());
	domain_freeze(d, false);
	atomic_store(&d->request, CAUSE_NONE);
	spin_unlock(&machine_lock);
}

void recover_poll(struct domain *d, uint64_t now)
{
	struct recovery *r = &d->recovery;
	uint32_t request = atomic_load(&d->request);
	if (request != CAUSE_NONE && request != CAUSE_DEAD && request != CAUSE_LOST) {
		die(d);
	}
	if (d->phase == DOMAIN_BACKOFF && tsc_read() >= r->restart_at) {
		r->history[r->restarts++ % RECOVER_HISTORY] = r->rebuild_start = tsc_read();
		d->phase = DOMAIN_REPLAY;
		recover_start(d);
		r->rebuilt = tsc_read();
	}
	uint64_t due = report_deadline(d);
	if (due && now >= due) {
		report(d);
	}
}

uint64_t recover_deadline(const struct domain *d)
{
	return d->phase == DOMAIN_BACKOFF ? d->recovery.restart_at : report_deadline(d);
}

void recover_alive(struct domain *d)
{
	struct recovery *r = &d->recovery;
	bool first = !r->alive;
	r->alive = tsc_read();
	if (first && d->phase == DOMAIN_RUNNING) {
		log_line("domain %s is up", d->config->name);
	}
	if (d->phase == DOMAIN_REPLAY && r->completed) {
		report(d);
	}
	sched_again(); /* the report's deadline */
}

void recover_link_up(struct domain *back)
{
	for (const struct link *l = machine_links; l < machine_links + machine_link_count; l++) {
		if (l->back == back && l->state != BH_LINK_UP) {
			return;
		}
	}
	atomic_store(&back->recovery.up, tsc_read());
}

void recover_signal(struct domain *back)
{
	struct recovery *r = &back->recovery;
	if (back->phase != DOMAIN_REPLAY || r->completed || !atomic_load(&r->up)) {
		return;
	}
	r->completed = tsc_read();
	if (r->alive) {
		report(back);
	}
}

void machine_iommu_fault(const struct iommu_fault *fault)
{
	const char *name = fault->owner->config->name, *access = fault->write ? "write" : "read";
	log_line("domain %s: its device " PCI_NAME " was blocked: %s of %lx, which is not granted to it", name, PCI_NAME_OF(fault->bdf),
		 access, fault->address);
	control_event("fault domain=%s device=" PCI_NAME " address=%lx access=%s", name, PCI_NAME_OF(fault->bdf), fault->address, access);
	capsule_fault(fault->owner, fault);
	(void)recover_request(fault->owner, CAUSE_IOMMU, "its device accessed memory that is not granted to it");
}
