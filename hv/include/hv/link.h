/* SPDX-License-Identifier: MIT */
/*
 * A link: one virtio-mmio register file (VIRTIO 1.2, 4.2.2) between a front end and a back end, its state DOWN,
 * REBUILD, UP, and its grants. The hypervisor keeps the registers and never reads a ring. machine_lock guards all
 * that changes. link.c and grant.c know nothing of domains: they answer what is to be done, so that tests hold them
 * alone.
 */
#ifndef HV_LINK_H
#define HV_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"

struct domain;

struct link {
	struct domain *front, *back; /* constant */
	uint32_t front_slot, back_slot; /* constant: index in their domain pages */
	uint32_t kind; /* constant: VIRTIO device ID */
	uint32_t state, epoch;
	bool offered;
	struct bh_link_offer offer;
	uint32_t features_select, driver_select, queue_select;
	uint64_t features; /* accepted by the driver */
	uint32_t status, generation;
	struct bh_queue queues[BH_MAX_QUEUES];
	struct bh_grant grants[BH_MAX_GRANTS];
	uint32_t tables; /* pages of the reserve that its grants may still take */
};

/** What a register write asks for. */
enum link_action {
	LINK_QUIET = 0,
	LINK_NOTIFY = 1, /* ring the back end */
	LINK_CHANGED = 2, /* publish; the back end is to look */
	LINK_RESET = 4, /* the driver reset the device: changed, and its grants go */
};

/** The back end offers its device. -EINVAL for what VIRTIO or the ABI does not allow, -EPROTO if the running driver
 * could not use it. */
int link_offer_check(const struct link *l, const struct bh_link_offer *offer);
void link_offer_set(struct link *l, const struct bh_link_offer *offer);
uint32_t link_mmio_read(const struct link *l, uint32_t offset, unsigned width);
unsigned link_mmio_write(struct link *l, uint32_t offset, unsigned width, uint32_t value);
/** All registers as after power-on; the state stays. */
void link_registers_reset(struct link *l);
/** The back end died: DOWN. Then it is rebuilt, boots anew: REBUILD if the driver has rings to rebuild, else DOWN
 * until it offers. */
void link_down(struct link *l);
void link_rebuild(struct link *l, uint32_t epoch);
/** -ESTALE for another epoch, -EINVAL in another state. */
int link_ready_check(const struct link *l, uint32_t epoch);
/** The page's view of it, for the end with this role. */
void link_publish(const struct link *l, struct bh_link *to, uint32_t role);

/* Grants: ranges that do not overlap. */
/** Would grant_set fit? 0, -EINVAL (alignment, bounds, partial overlap), -ENOSPC, -ENOENT (nothing to take back). */
int grant_check(const struct bh_grant *grants, uint64_t gpa, uint64_t len, uint32_t prot, uint64_t front_memory);
/** Enter or remove; grant_check said 0. Returns the range's protection before. */
uint32_t grant_set(struct bh_grant *grants, uint64_t gpa, uint64_t len, uint32_t prot);

#endif
