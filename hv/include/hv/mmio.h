/* SPDX-License-Identifier: MIT */
/* Device registers of the hypervisor's own devices (interrupt controllers, IOMMU, ECAM). */
#ifndef HV_MMIO_H
#define HV_MMIO_H

#include <stddef.h>
#include "hv/addr.h"

/** Map registers uncached, read-write, for good. NULL: no table memory. Boot and domain build only. */
void *mmio_map(hpa_t at, size_t bytes);

static inline uint8_t mmio_read8(const void *base, size_t offset) { return *(const volatile uint8_t *)((const char *)base + offset); }
static inline uint16_t mmio_read16(const void *base, size_t offset) { return *(const volatile uint16_t *)((const char *)base + offset); }
static inline uint32_t mmio_read32(const void *base, size_t offset) { return *(const volatile uint32_t *)((const char *)base + offset); }
static inline uint64_t mmio_read64(const void *base, size_t offset) { return *(const volatile uint64_t *)((const char *)base + offset); }
static inline void mmio_write8(void *base, size_t offset, uint8_t value) { *(volatile uint8_t *)((char *)base + offset) = value; }
static inline void mmio_write16(void *base, size_t offset, uint16_t value) { *(volatile uint16_t *)((char *)base + offset) = value; }
static inline void mmio_write32(void *base, size_t offset, uint32_t value) { *(volatile uint32_t *)((char *)base + offset) = value; }
static inline void mmio_write64(void *base, size_t offset, uint64_t value) { *(volatile uint64_t *)((char *)base + offset) = value; }

#endif
