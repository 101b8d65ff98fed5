/* SPDX-License-Identifier: MIT */
/*
 * A test domain that uses the hypervisor as no sane domain does, and says what it saw. The command line names its part:
 *   hello            print by hypercall and power off with status 42
 *   calls            every hypercall with good and bad arguments, then power off with the verdict
 *   front, back      the two ends of a block link (probe_link.c)
 *   dma              leave the disk controller a long queue of reads and wait (probe_dma.c)
 *   wild             send the disk controller where the domain may not (probe_dma.c)
 *   stray            send the network adapter where the domain may not (probe_nic.c)
 *   idle             wait
 *   vcpus            the second vCPU and the local APIC (probe_vcpus.c)
 *   disk             a virtio-blk front end (probe_disk.c)
 *   net              a virtio-net front end (probe_net.c)
 *   touch, triple, panic, spin, forbidden   die in this way
 */
#include "probe.h"

#include "base/format.h"
#include "base/string.h"

const struct pvh_start_info *probe_info;
struct bh_event_page *probe_events;
const struct bh_domain_page *probe_page;
volatile uint64_t probe_upcalls;
int probe_failures;
uint32_t probe_features;

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

void probe_log(const char *format, ...)
{
	char text[200];
	va_list arguments;
	va_start(arguments, format);
	int n = format_text_va(text, sizeof(text), format, arguments);
	va_end(arguments);
	call(BH_HC_LOG, (uint64_t)text, (uint64_t)n, 0, 0);
}

void probe_expect(bool holds, const char *what)
{
	if (!holds) {
		probe_failures++;
		probe_log("FAILED: %s", what);
	}
}

bool probe_option(const char *word)
{
	return strstr((const char *)probe_info->cmdline_paddr, word) != NULL;
}

uint64_t probe_wait(uint64_t signal, uint64_t deadline)
{
	call(BH_HC_WAIT, signal, deadline, 0, 0);
	return __atomic_exchange_n(&probe_events->pending[0], 0, __ATOMIC_SEQ_CST);
}

void probe_vector(unsigned vector, void (*entry)(void))
{
	static struct { uint16_t low, selector, type, middle; uint32_t high, zero; } idt[256];
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t at = (uint64_t)entry;
	idt[vector].low = (uint16_t)at;
	idt[vector].selector = 8;
	idt[vector].type = 0x8e00;
	idt[vector].middle = (uint16_t)(at >> 16);
	idt[vector].high = (uint32_t)(at >> 32);
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void power(enum bh_power action, int status)
{
	call(BH_HC_POWER, action, (uint64_t)status, 0, 0);
}

static void die(void)
{
	if (probe_option("touch")) {
		*(volatile uint32_t *)0xe0000000ull = 1;
	} else if (probe_option("triple")) {
		struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };
		__asm__ volatile("lidt %0; ud2" : : "m"(none));
	} else if (probe_option("spin")) {
		for (;;) {
		}
	} else if (probe_option("panic")) {
		power(BH_POWER_PANIC, 1);
	}
}

void probe_main(const struct pvh_start_info *info)
{
	uint32_t r[4];
	const char hello[] = "hello from the probe\n";
	cpuid(BH_CPUID_DOMAIN, r);
	probe_info = info;
	probe_features = r[3];
	probe_events = (struct bh_event_page *)((uint64_t)r[1] << 12);
	probe_page = (const struct bh_domain_page *)(((uint64_t)r[1] << 12) + BH_DOMAIN_PAGE_OFFSET);
	if (probe_option("hello")) {
		call(BH_HC_CONSOLE_WRITE, (uint64_t)hello, sizeof(hello) - 1, 0, 0);
		power(BH_POWER_STARTED, 0);
		power(BH_POWER_OFF, 42);
	}
	if (probe_option("calls")) {
		probe_calls();
		power(BH_POWER_OFF, probe_failures);
	}
	if (probe_option("vcpus")) {
		probe_vcpus();
		power(BH_POWER_OFF, probe_failures);
	}
	if (probe_option("disk")) {
		probe_disk();
		power(BH_POWER_OFF, probe_failures);
	}
	if (probe_option("net")) {
		probe_net();
		power(BH_POWER_OFF, probe_failures);
	}
	if (probe_option("front")) {
		probe_front();
		power(BH_POWER_OFF, probe_failures);
	}
	if (probe_option("back")) {
		probe_back();
	}
	if (probe_option("dma")) {
		probe_dma();
	}
	if (probe_option("wild")) {
		probe_wild();
	}
	if (probe_option("stray")) {
		probe_stray();
	}
	while (probe_option("idle")) {
		probe_wait(0, 0);
	}
	die();
}
