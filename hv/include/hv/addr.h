/* SPDX-License-Identifier: MIT */
/* Address spaces as types: a host-physical, a guest-physical, a guest-virtual address cannot be mixed up. */
#ifndef HV_ADDR_H
#define HV_ADDR_H

#include <stdint.h>

typedef struct { uint64_t value; } hpa_t;
typedef struct { uint64_t value; } gpa_t;
typedef struct { uint64_t value; } gva_t;

#define HPA(x) ((hpa_t){ (x) })
#define GPA(x) ((gpa_t){ (x) })
#define GVA(x) ((gva_t){ (x) })

#define PAGE_SIZE 4096ull
#define PAGE_SIZE_2M (1ull << 21)
#define PAGE_SIZE_1G (1ull << 30)

static inline uint64_t page_down(uint64_t address)
{
	return address & ~(PAGE_SIZE - 1);
}

static inline uint64_t page_up(uint64_t address)
{
	return page_down(address + PAGE_SIZE - 1);
}

#endif
