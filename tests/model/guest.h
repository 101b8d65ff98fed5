/* SPDX-License-Identifier: MIT */
/*
 * A processor that runs guests, below the hypervisor's real vendor files: what SVM's VMRUN or VT-x's entry, INVEPT and
 * INVVPID do to the translations that it caches. The test says what happens in a guest.
 */
#ifndef MODEL_GUEST_H
#define MODEL_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/vcpu.h"
#include "walk.h"

struct guest_hardware {
	const struct walk_format *format;
	void (*prepare)(void); /* the vendor's features, once */
	void (*begin)(void); /* each test; may be NULL */
};
extern const struct guest_hardware guest_hardware;

/* For the hardware: this processor drops the vCPU's nested translations; it enters the guest, and leaves it again. */
void guest_invalidate(struct vcpu *v);
void guest_run(struct vcpu *v);
extern bool guest_deaf; /* its invalidations have no effect, as if not asked for */

#endif
