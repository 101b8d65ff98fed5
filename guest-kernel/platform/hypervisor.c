/* SPDX-License-Identifier: MIT */
/* Bulkhead below the kernel, if it is: CPUID leaves, the hypercall, the domain page (lib/abi/hypercall.h). */
#include "arch/cpu.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "mm/boot_memory.h"
#include "mm/page_table.h"
#include "platform/domain.h"
#include "platform/platform.h"

static bool on_bulkhead, intel; /* intel: a call is VMCALL */
static uint64_t domain_gpa;
struct bh_event_page *event_page;

void platform_detect(void)
{
	struct cpuid features = cpuid(1, 0);
	if (!(features.ecx >> 31)) {
		return;
	}
	struct cpuid signature = cpuid(BH_CPUID_SIGNATURE, 0);
	if (signature.ebx == BH_SIGNATURE_EBX && signature.ecx == BH_SIGNATURE_ECX && signature.edx == BH_SIGNATURE_EDX &&
	    signature.eax >= BH_CPUID_DOMAIN) {
		on_bulkhead = true;
		domain_gpa = (uint64_t)cpuid(BH_CPUID_DOMAIN, 0).ebx << PAGE_SHIFT;
		intel = cpuid(BH_CPUID_DOMAIN, 0).edx & BH_FEATURE_VMCALL;
	}
}

void platform_map(void)
{
	if (!on_bulkhead) {
		return;
	}
	kassert(cpuid(BH_CPUID_DOMAIN, 0).eax == BH_ABI_VERSION);
	uint64_t at = kernel_vmap_reserve(BH_DOMAIN_PAGES * PAGE_SIZE);
	if (kernel_map(at, domain_gpa, PAGE_SIZE, PTE_WRITE | PTE_NX) ||
	    kernel_map(at + PAGE_SIZE, domain_gpa + PAGE_SIZE, (BH_DOMAIN_PAGES - 1) * PAGE_SIZE, PTE_NX)) {
		kernel_panic("no memory to map the domain page");
	}
	event_page = (struct bh_event_page *)at;
}

bool platform_is_bulkhead(void)
{
	return on_bulkhead;
}

const struct bh_domain_page *platform_domain_page(void)
{
	return event_page ? (const struct bh_domain_page *)((const char *)event_page + BH_DOMAIN_PAGE_OFFSET) : NULL;
}

long hypercall(enum bh_hypercall number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	long result = number;
	if (intel) {
		__asm__ volatile("vmcall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "c"(d) : "memory");
	} else {
		__asm__ volatile("vmmcall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "c"(d) : "memory");
	}
	return result;
}

const char *platform_command(unsigned long *length)
{
	*length = boot_memory.module_bytes;
	return boot_memory.module_bytes ? phys_to_virt(boot_memory.module) : NULL;
}

uint64_t platform_rsdp(void)
{
	return boot_memory.rsdp;
}
