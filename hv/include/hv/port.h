/* SPDX-License-Identifier: MIT */
/* Port I/O and model-specific registers. */
#ifndef HV_PORT_H
#define HV_PORT_H

#include <stdint.h>

/* port_read8(port), port_write8(port, value) and so on. */
#define PORT_ACCESS(bits, suffix) \
	static inline uint##bits##_t port_read##bits(uint16_t port) \
	{ \
		uint##bits##_t value; \
		__asm__ volatile("in" suffix " %w1, %0" : "=a"(value) : "Nd"(port) : "memory"); \
		return value; \
	} \
	static inline void port_write##bits(uint16_t port, uint##bits##_t value) \
	{ \
		__asm__ volatile("out" suffix " %0, %w1" : : "a"(value), "Nd"(port) : "memory"); \
	}
PORT_ACCESS(8, "b")
PORT_ACCESS(16, "w")
PORT_ACCESS(32, "l")

static inline uint64_t msr_read(uint32_t index)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(index) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void msr_write(uint32_t index, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(index) : "memory");
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	__asm__ volatile("cpuid" : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
			 : "a"(leaf), "c"(subleaf));
}

#endif
