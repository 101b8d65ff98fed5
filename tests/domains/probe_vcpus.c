/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs: the second is started by INIT and SIPI, is told of events and interrupted by the first, takes NMIs, is stopped and
 * started again. And the virtual local APIC: priorities, TPR, EOI, what it refuses (SDM vol. 3, 11.6, 11.8, 11.12).
 */
#include "probe.h"

#include "base/string.h"

#define ICR 0x830
#define INIT_1 (1ull << 32 | 0x4500)
#define SIPI_1 (1ull << 32 | 0x4600 | STARTUP_PAGE)
#define NMI_1 (1ull << 32 | 0x4400)
#define STARTUP_PAGE 8
#define SELF (1ull << 18)
#define LIMIT 30000000000ull /* TSC cycles; a wait that takes longer has failed */

enum order { NOTHING, WAIT, SPIN, SPIN_CLOSED }; /* what the second vCPU is to do */

extern const char probe_startup[], probe_startup_end[];
void probe_second(void);

static volatile uint32_t starts, order, doing;
static volatile uint64_t second_events, second_interrupts, nmis, nmi_hold, faults, seen_50, seen_51, seen_60;

struct frame { uint64_t rip, cs, rflags, rsp, ss; };

static void msr_write(uint32_t index, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static uint64_t msr_read(uint32_t index)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(index));
	return (uint64_t)hi << 32 | lo;
}

static uint64_t cr8(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr8, %0" : "=r"(value));
	return value;
}

static void eoi(void)
{
	msr_write(0x80b, 0);
}

__attribute__((interrupt)) static void on_fault(struct frame *f, uint64_t code)
{
	faults++;
	f->rip += 2; /* RDMSR, WRMSR */
}

__attribute__((interrupt)) static void on_nmi(struct frame *f)
{
	nmis++;
	while (nmi_hold) {
	}
}

__attribute__((interrupt)) static void on_70(struct frame *f)
{
	second_interrupts++;
	eoi();
}

/* Their EOI is the test's. */
__attribute__((interrupt)) static void on_50(struct frame *f)
{
	seen_50++;
}

__attribute__((interrupt)) static void on_51(struct frame *f)
{
	seen_51++;
}

__attribute__((interrupt)) static void on_60(struct frame *f)
{
	seen_60++;
}

static void vectors_load(void)
{
	probe_vector(2, (void (*)(void))on_nmi);
	probe_vector(13, (void (*)(void))on_fault);
	probe_vector(0x50, (void (*)(void))on_50);
	probe_vector(0x51, (void (*)(void))on_51);
	probe_vector(0x60, (void (*)(void))on_60);
	probe_vector(0x70, (void (*)(void))on_70);
}

void probe_second(void)
{
	vectors_load();
	starts++;
	for (;;) {
		uint32_t now = order;
		doing = now;
		if (now == SPIN) {
			__asm__ volatile("sti; nop; cli");
		} else if (now == WAIT) {
			call(BH_HC_WAIT, 0, 0, 0, 0);
			second_events |= __atomic_exchange_n(&probe_events->pending[1], 0, __ATOMIC_SEQ_CST);
		}
	}
}

/* Until *what has this value. */
static bool becomes(const volatile uint64_t *what, uint64_t value)
{
	uint64_t begin = tsc();
	while (*what != value && tsc() - begin < LIMIT) {
	}
	return *what == value;
}

static bool second_does(uint32_t what)
{
	uint64_t begin = tsc();
	order = what;
	while (doing != what && tsc() - begin < LIMIT) {
	}
	return doing == what;
}

static bool second_starts(uint32_t times)
{
	uint64_t begin = tsc();
	memcpy((void *)(STARTUP_PAGE << 12), probe_startup, (size_t)(probe_startup_end - probe_startup));
	doing = NOTHING;
	msr_write(ICR, INIT_1);
	msr_write(ICR, SIPI_1);
	msr_write(ICR, SIPI_1); /* as the manual says; the second is not heard */
	while (starts != times && tsc() - begin < LIMIT) {
	}
	return starts == times;
}

static void second_is_reached(void)
{
	probe_expect(second_starts(1), "INIT and SIPI start the second vCPU");
	probe_expect(second_does(WAIT), "it waits");
	probe_expect(call(BH_HC_IPI, 2, BH_EVENT_IPI, 0, 0) == 0 && becomes(&second_events, 1 << BH_EVENT_IPI), "an event ends its wait");
	probe_expect(call(BH_HC_IPI, 3, 7, 0, 0) == 0 && becomes(&second_events, 1 << BH_EVENT_IPI | 1 << 7), "an event for both");
	probe_expect(__atomic_exchange_n(&probe_events->pending[0], 0, __ATOMIC_SEQ_CST) == 1 << 7, "and this one");
	probe_expect(call(BH_HC_IPI, 4, 3, 0, 0) < 0 && call(BH_HC_IPI, 1, 2, 0, 0) < 0 && call(BH_HC_IPI, 1, 8, 0, 0) < 0, "other events are refused");
	order = SPIN;
	call(BH_HC_IPI, 2, BH_EVENT_IPI, 0, 0);
	probe_expect(second_does(SPIN), "it spins");
	for (uint64_t i = 1; i <= 3; i++) {
		msr_write(ICR, 1ull << 32 | 0x70);
		probe_expect(becomes(&second_interrupts, i), "an interrupt by APIC ID");
	}
	msr_write(ICR, 3ull << 18 | 0x70);
	probe_expect(becomes(&second_interrupts, 4), "an interrupt for all others");
	msr_write(ICR, 2ull << 32 | 1 << 11 | 0x70);
	probe_expect(becomes(&second_interrupts, 5), "an interrupt by logical ID");
	probe_expect(second_does(SPIN_CLOSED), "it spins, interrupts off");
	msr_write(ICR, 1ull << 32 | 0x70);
	nmi_hold = 1;
	msr_write(ICR, NMI_1);
	probe_expect(becomes(&nmis, 1), "an NMI comes in spite of that");
	msr_write(ICR, NMI_1);
	msr_write(ICR, NMI_1);
	probe_expect(nmis == 1 && second_interrupts == 5, "its handler is not interrupted");
	nmi_hold = 0;
	probe_expect(becomes(&nmis, 2), "the next comes after its IRET");
	probe_expect(second_does(SPIN) && becomes(&second_interrupts, 6), "the held back interrupt comes");
	probe_expect(second_starts(2), "INIT stops it, SIPI starts it again");
	probe_expect(nmis == 2 && second_does(SPIN), "and it runs");
}

static void priorities_hold(void)
{
	__asm__ volatile("cli");
	msr_write(ICR, SELF | 0x50);
	msr_write(0x83f, 0x51);
	__asm__ volatile("sti; nop; nop; nop; nop" : : : "memory");
	probe_expect(seen_51 == 1 && seen_50 == 0, "the higher one comes first, the lower of its class waits for its EOI");
	msr_write(0x83f, 0x60);
	__asm__ volatile("nop; nop; nop" : : : "memory");
	probe_expect(seen_60 == 1 && seen_50 == 0, "a higher class does not");
	eoi();
	probe_expect(seen_50 == 0, "one EOI ends one");
	eoi();
	__asm__ volatile("nop; nop; nop" : : : "memory");
	probe_expect(seen_50 == 1 && seen_51 == 1, "then it comes");
	eoi();
	msr_write(0x808, 0x70); /* not by CR8: a write to it that lets an interrupt go ends QEMU 7.2 by an assertion of its own */
	msr_write(0x83f, 0x60);
	__asm__ volatile("nop; nop; nop" : : : "memory");
	probe_expect(seen_60 == 1 && cr8() == 7 && msr_read(0x808) == 0x70, "TPR holds it back");
	msr_write(0x808, 0);
	probe_expect(becomes(&seen_60, 2), "and lets it go");
	eoi();
	__asm__ volatile("cli");
}

static void apic_answers(void)
{
	uint32_t a = 1, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	probe_expect(b >> 24 == 0 && (b >> 16 & 255) == 2 && (c >> 21 & 1) && (d >> 9 & 1) && (d >> 28 & 1), "CPUID leaf 1 names two processors");
	a = 0xb, c = 1;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	probe_expect(a == 1 && b == 2 && c == 0x201 && d == 0, "CPUID leaf Bh has two cores");
	probe_expect(msr_read(0x802) == 0 && (msr_read(0x1b) & 0xd00) == 0xd00, "APIC ID and base");
	faults = 0;
	msr_read(0x8ff);
	msr_read(0x80b);
	msr_write(0x80b, 1);
	msr_write(0x802, 1);
	msr_write(ICR, 0x300 | 0x70);
	msr_write(ICR, 5);
	probe_expect(faults == 6, "registers that are not there, and IPIs that are none, are general protection faults");
}

void probe_vcpus(void)
{
	call(BH_HC_POWER, BH_POWER_STARTED, 0, 0, 0);
	vectors_load();
	probe_expect(probe_page->vcpu_count == 2, "two vCPUs");
	apic_answers();
	priorities_hold();
	second_is_reached();
	probe_log("vcpus done, %d failures", probe_failures);
}
