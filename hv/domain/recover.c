/* SPDX-License-Identifier: MIT */
/*
 * Death and return of a domain: one path for every cause. Whoever finds a reason asks (recover_request), which freezes
 * the domain; its home processor does the rest between two guests: fence, reset, rebuild, and hands over to the replay, which
 * ends with the first completion. The long parts hold no lock. What makes it safe: the devices' IOMMU entry is blocked, and the
 * invalidation has completed, before memory is rewritten, and is opened again only after a successful reset.
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

static void wake_home(struct domain *d)
{
	if (d->vcpu[0]->cpu == cpu_current()->index) {
		sched_again();
	} else {
		cpu_kick(d->vcpu[0]->cpu);
	}
}

void recover_request(struct domain *d, enum recover_cause cause, const char *reason)
{
	uint32_t none = CAUSE_NONE;
	if (d->main) {
		machine_panic(d, reason);
	}
	if (!atomic_compare_exchange_strong(&d->request, &none, cause)) {
		return; /* it is dying already */
	}
	d->request_reason = reason;
	d->request_time = tsc_read();
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		atomic_store(&d->vcpu[i]->frozen, true);
	}
	wake_home(d);
}

/* As back end: the front end keeps its registers and grants. As front end: the back end is to forget it all. */
static void links_down(struct domain *d)
{
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		struct link *l = d->links[slot];
		if (!l) {
			continue;
		}
		bool back = d->link_roles[slot] == BH_LINK_BACK;
		if (back) {
			link_down(l);
		} else {
			link_registers_reset(l);
			grant_revoke_all(l);
		}
		link_publish_both(l);
		event_raise((back ? l->front : l->back)->vcpu[0], BH_EVENT_EPOCH);
	}
}

static void links_rebuild(struct domain *d)
{
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		struct link *l = d->links[slot];
		if (l && d->link_roles[slot] == BH_LINK_BACK) {
			link_rebuild(l, d->epoch);
			link_publish_both(l);
			event_raise(l->front->vcpu[0], BH_EVENT_EPOCH);
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
	log_line("domain %s is parked: %s; `restart %s` starts it again", d->config->name, reason, d->config->name);
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

static void decide(struct domain *d, const char *trouble)
{
	struct recovery *r = &d->recovery;
	if (trouble) {
		park(d, trouble);
		return;
	}
	if (r->cause == CAUSE_RESTART) {
		r->restarts = r->quick_deaths = 0;
		r->restart_at = r->reset; /* now */
	} else if (d->config->restart_max == 0) {
		park(d, "its manifest allows no restart");
		return;
	} else if (too_often(d, r->reset)) {
		park(d, "it was restarted too often");
		return;
	} else {
		r->restart_at = r->reset + backoff(d);
	}
	d->phase = DOMAIN_BACKOFF;
}

/* The phases, in microseconds; total also has the back-off, if there was one. */
static void report(struct domain *d)
{
	struct recovery *r = &d->recovery;
	char text[256];
	uint64_t up = atomic_load(&r->up);
	uint64_t end = r->completed ? r->completed : up > r->alive ? up : r->alive;
	d->phase = DOMAIN_RUNNING;
	format_text(text, sizeof(text),
		    "recovery domain=%s epoch=%u cause=%s freeze_us=%lu fence_us=%lu reset_us=%lu rebuild_us=%lu replay_us=%lu total_us=%lu "
		    "completion=%s",
		    d->config->name, d->epoch, cause_names[r->cause], tsc_to_us(r->frozen - r->requested),
		    tsc_to_us(r->fenced - r->frozen), tsc_to_us(r->reset - r->fenced), tsc_to_us(r->rebuilt - r->rebuild_start),
		    tsc_to_us(end - r->rebuilt), tsc_to_us(end - r->requested), r->completed ? "yes" : "none");
	control_event("%s", text);
	log_line("%s", text);
}

static uint64_t report_deadline(const struct domain *d)
{
	const struct recovery *r = &d->recovery;
	uint64_t up = atomic_load(&r->up);
	if (d->phase != DOMAIN_REPLAY || !r->alive || !up) {
		return 0;
	}
	return (up > r->alive ? up : r->alive) + us_to_tsc(IDLE_REPORT_US);
}

static void die(struct domain *d)
{
	struct recovery *r = &d->recovery;
	if (report_deadline(d)) {
		report(d); /* of the death before */
	}
	r->cause = atomic_load(&d->request);
	r->requested = d->request_time;
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		if (atomic_load(&d->vcpu[i]->in_guest)) {
			vcpu_wait_outside(d->vcpu[i]);
		}
	}
	r->frozen = tsc_read();
	spin_lock(&machine_lock);
	int fence = domain_detach_devices(d);
	links_down(d);
	spin_unlock(&machine_lock);
	r->fenced = tsc_read();
	int reset = reset_devices(d);
	r->reset = tsc_read();
	log_line("domain %s died: %s: %s", d->config->name, cause_names[r->cause], d->request_reason);
	decide(d, fence ? "its device cannot be fenced" : reset ? "its device cannot be reset" : NULL);
}

void recover_start(struct domain *d)
{
	struct recovery *r = &d->recovery;
	r->alive = r->completed = 0;
	atomic_store(&r->up, 0);
	d->page->epoch = ++d->epoch;
	uint32_t entry = loader_load(d);
	spin_lock(&machine_lock);
	domain_attach_devices(d);
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		vcpu_reset(d->vcpu[i], entry, (uint32_t)d->boot_gpa);
	}
	links_rebuild(d);
	atomic_store(&d->last_call, tsc_read());
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		atomic_store(&d->vcpu[i]->frozen, false);
	}
	atomic_store(&d->request, CAUSE_NONE);
	spin_unlock(&machine_lock);
}

static void rebuild(struct domain *d)
{
	struct recovery *r = &d->recovery;
	r->history[r->restarts++ % RECOVER_HISTORY] = r->rebuild_start = tsc_read();
	d->phase = DOMAIN_REPLAY;
	recover_start(d);
	r->rebuilt = tsc_read();
}

void recover_poll(struct domain *d, uint64_t now)
{
	bool dead = d->phase == DOMAIN_PARKED || d->phase == DOMAIN_BACKOFF;
	bool restart = atomic_exchange(&d->restart, false);
	if (restart && dead) {
		d->recovery.restarts = d->recovery.quick_deaths = 0;
		d->recovery.restart_at = now;
		d->phase = DOMAIN_BACKOFF;
	} else if (restart) {
		recover_request(d, CAUSE_RESTART, "by command");
	}
	if (atomic_load(&d->request) != CAUSE_NONE && !dead) { /* a dead one keeps its request until it is rebuilt */
		die(d);
	}
	if (d->phase == DOMAIN_BACKOFF && tsc_read() >= d->recovery.restart_at) {
		rebuild(d);
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
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		const struct link *l = back->links[slot];
		if (l && back->link_roles[slot] == BH_LINK_BACK && l->state != BH_LINK_UP) {
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
	const struct pci_function *f = pci_find(fault->bdf);
	struct domain *owner = f ? f->owner : NULL;
	log_line("iommu: %s of %lx by %02x:%02x.%x of %s blocked", fault->write ? "write" : "read", fault->address, fault->bdf >> 8,
		 fault->bdf >> 3 & 31, fault->bdf & 7, owner ? owner->config->name : "nobody");
	if (owner && owner->phase != DOMAIN_PARKED) {
		recover_request(owner, CAUSE_IOMMU, "its device accessed memory that is not granted to it");
	}
}

void recover_restart(struct domain *d)
{
	atomic_store(&d->restart, true);
	wake_home(d);
}
