/* SPDX-License-Identifier: MIT */
/* Device registers of the hypervisor's own devices (interrupt controllers, IOMMU, ECAM). */
#ifndef HV_MMIO_H
#define HV_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include "hv/addr.h"

/** Map registers uncached, read-write, for good. NULL: no table memory. Boot and domain build only. */
void *mmio_map(hpa_t at, size_t bytes);

/** Is any of these pages RAM, or mapped for the hypervisor itself? */
bool host_has(uint64_t start, uint64_t end);

/* mmio_read8(base, offset), mmio_write8(base, offset, value) and so on. */
#define MMIO_ACCESS(bits) \
	static inline uint##bits##_t mmio_read##bits(const void *base, size_t offset) \
	{ \
		return *(const volatile uint##bits##_t *)((const char *)base + offset); \
	} \
	static inline void mmio_write##bits(void *base, size_t offset, uint##bits##_t value) \
	{ \
		*(volatile uint##bits##_t *)((char *)base + offset) = value; \
	}
MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
MMIO_ACCESS(64)

#endif
