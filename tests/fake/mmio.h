/* SPDX-License-Identifier: MIT */
/*
 * A page of device registers for host tests: every access of the code under test traps, so that a fake device sees each read
 * and each write, also one that changes nothing (write-1-to-clear). Nothing in the code under test knows.
 */
#ifndef TESTS_FAKE_MMIO_H
#define TESTS_FAKE_MMIO_H

#include <stddef.h>
#include <stdint.h>

struct fake_mmio_ops {
	uint32_t (*read)(void *device, uint32_t offset);
	void (*write)(void *device, uint32_t offset, uint32_t value);
};

/** A page of registers, or some, 32-bit accesses. One device at a time. */
volatile void *fake_mmio_map(const struct fake_mmio_ops *ops, void *device);
volatile void *fake_mmio_map_pages(const struct fake_mmio_ops *ops, void *device, size_t pages);
/** Take SIGSEGV and SIGTRAP; after anything else that does. */
void fake_mmio_arm(void);
void fake_mmio_unmap(void);

#endif
