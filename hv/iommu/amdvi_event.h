/* SPDX-License-Identifier: MIT */
/* The event log of one AMD-Vi IOMMU. AMD 48882, 2.5. */
#ifndef HV_AMDVI_EVENT_H
#define HV_AMDVI_EVENT_H

#include "amdvi.h"

struct amdvi_event_log {
	void *registers;
	uint64_t *entries; /* AMDVI_EVENTS of two words */
	uint32_t head; /* index */
};

void amdvi_event_log_init(struct amdvi_event_log *log, void *registers, uint64_t *entries);
/** Take the next event that a device caused; others are logged on the way. -ENOENT: none. */
int amdvi_event_next(struct amdvi_event_log *log, struct iommu_fault *fault);

#endif
