/* SPDX-License-Identifier: MIT */
/* Every hypercall, with arguments that are right and arguments that are not, and what a processor does without asking. */
#include "probe.h"

#include "abi/errno.h"
#include "base/string.h"

#define US 1000ul

static uint64_t us(uint64_t n)
{
	return n * probe_page->tsc_khz / US;
}

static void calls_refused(void)
{
	probe_expect(call(99, 0, 0, 0, 0) == -ENOSYS, "unknown call");
	probe_expect(call(BH_HC_SIGNAL, 1ull << 63, 0, 0, 0) == -EINVAL, "signal to nobody");
	probe_expect(call(BH_HC_UPCALL, 5, 0, 0, 0) == -EINVAL, "upcall by an exception's vector");
	probe_expect(call(BH_HC_GRANT, 0, 0, 4096, 3) == -EINVAL, "grant without a link");
	probe_expect(call(BH_HC_LINK_READY, 7, 1, 0, 0) == -EINVAL, "ready without a link");
	probe_expect(call(BH_HC_LINK_OFFER, 0, 0, 0, 0) == -EINVAL, "offer without a link");
	probe_expect(call(BH_HC_PCI_READ, 0, 0, 4, 0) == -EINVAL, "PCI without a device");
	probe_expect(call(BH_HC_CONSOLE_WRITE, 1ull << 40, 8, 0, 0) == -EFAULT, "console text outside memory");
	probe_expect(call(BH_HC_CONSOLE_WRITE, 0, 4097, 0, 0) == -EINVAL, "console text too long");
	probe_expect(call(BH_HC_LOG, ~0ull, 8, 0, 0) == -EFAULT, "log text outside memory");
	probe_expect(call(BH_HC_POWER, 77, 0, 0, 0) == -EINVAL, "unknown power action");
	probe_expect(call(BH_HC_STAT, 0x200000, 16, 0, 0) == -EINVAL, "room for half the figures");
}

static void time_passes(void)
{
	uint64_t before = tsc();
	call(BH_HC_WAIT, 0, before + us(5000), 0, 0);
	uint64_t slept = tsc() - before;
	probe_expect(slept >= us(5000), "wait ends early");
	before = tsc();
	call(BH_HC_TIMER, before + us(3000), 0, 0, 0);
	probe_expect(probe_wait(0, 0) == 1ull << BH_EVENT_TIMER, "timer's event");
	probe_expect(tsc() - before >= us(3000), "timer fires early");
	probe_log("slept %lu us for 5000", slept * US / probe_page->tsc_khz);
}

static void upcalls_come(void)
{
	probe_vector(0x40, probe_upcall);
	probe_expect(call(BH_HC_UPCALL, 0x40, 0, 0, 0) == 0, "upcall");
	__asm__ volatile("sti");
	call(BH_HC_TIMER, tsc() + us(2000), 0, 0, 0);
	uint64_t limit = tsc() + us(1000000);
	while (probe_upcalls == 0 && tsc() < limit) {
	}
	probe_expect(probe_upcalls == 1, "one upcall into running code");
	probe_expect(probe_events->pending[0] == 1ull << BH_EVENT_TIMER, "the upcall's event is pending");
	probe_events->pending[0] = 0;
	__asm__ volatile("cli");
	call(BH_HC_TIMER, tsc() + us(1000), 0, 0, 0);
	limit = tsc() + us(1000000);
	while (*(volatile uint64_t *)&probe_events->pending[0] == 0 && tsc() < limit) {
	}
	probe_expect(probe_upcalls == 1, "no upcall with interrupts off");
	__asm__ volatile("sti; nop; nop; nop");
	probe_expect(probe_upcalls == 2, "the upcall comes when interrupts are on again");
	probe_events->pending[0] = 0;
	__asm__ volatile("cli"); /* or it may come before the HLT that is to wait for it */
	call(BH_HC_TIMER, tsc() + us(1000), 0, 0, 0);
	__asm__ volatile("sti; hlt");
	probe_expect(probe_upcalls == 3, "HLT ends with the upcall");
	probe_events->pending[0] = 0;
	__asm__ volatile("cli");
	call(BH_HC_UPCALL, 0, 0, 0, 0);
}

static uint64_t fpu_round(uint64_t seed)
{
	uint64_t back;
	__asm__ volatile("movq %0, %%xmm3" : : "r"(seed) : );
	call(BH_HC_WAIT, 0, tsc() + us(1000), 0, 0);
	__asm__ volatile("movq %%xmm3, %0" : "=r"(back));
	return back;
}

static void processor_is_kept(void)
{
	uint32_t a = 1, b, c = 0, d;
	uint64_t cr4;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	probe_expect((c >> 31 & 1) && !(c >> 3 & 1) && !(c >> 5 & 1), "CPUID leaf 1");
	probe_expect((c >> 27 & 1) == (cr4 >> 18 & 1), "CPUID has OSXSAVE as CR4 has it");
	a = 0x80000001;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	probe_expect(!(c >> 2 & 1), "CPUID hides SVM");
	for (uint64_t i = 1; i < 5; i++) {
		probe_expect(fpu_round(i * 0x123456789abcull) == i * 0x123456789abcull, "XMM over a wait");
	}
}

static void figures(void)
{
	static struct bh_stat stat;
	probe_expect(call(BH_HC_STAT, (uint64_t)&stat, sizeof(stat), 0, 0) == sizeof(stat), "figures");
	probe_expect(stat.domain_count >= 1 && stat.domains[probe_page->domain_id].exits[BH_EXIT_HYPERCALL] > 20, "exits are counted");
	probe_expect(strcmp(stat.domains[probe_page->domain_id].name, probe_page->name) == 0, "figures have names");
}

void probe_calls(void)
{
	call(BH_HC_POWER, BH_POWER_STARTED, 0, 0, 0);
	calls_refused();
	time_passes();
	upcalls_come();
	processor_is_kept();
	figures();
	probe_log("calls done, %d failures", probe_failures);
}
