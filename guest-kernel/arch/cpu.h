/* SPDX-License-Identifier: MIT */
/*
 * Processors: the per-processor structure (reached through GS), control registers and the features that the kernel uses.
 * A thread that may be preempted can be on another processor one instruction later: cpu_current() is used with interrupts off, or
 * through cpu_read(), which is one instruction.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "kernel/lock.h"
#include "kernel/time.h"
#include "platform/doorbell.h"

#define CPU_MAX 8

#define KERNEL_CS 0x10
#define KERNEL_SS 0x18
#define TSS_SELECTOR 0x40

#define RFLAGS_IF 0x200ull
#define RFLAGS_AC 0x40000ull

#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define CR4_PGE (1ull << 7)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP (1ull << 11)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)

/* AMD64 APM vol. 2, 12.2.5 */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

struct thread;
struct address_space;

struct run_queue {
	spinlock_t lock; /* also: state, place and processor of the threads that belong to this processor */
	struct list runnable; /* real-time threads first, those of higher rank before others */
	struct list *urgent; /* the last real-time thread's link; the list's head: there is none */
	volatile uint32_t runnable_count; /* read by other processors as a hint */
	uint32_t bound_count; /* of these, how many may not run just anywhere */
	uint32_t favoured_levels; /* bit i: favoured[i] is not 0 */
	uint16_t favoured[20]; /* of these, how many have nice -1 - i */
	uint64_t turn_ns; /* a hint: not before then goes one away whose turn it is (place.c) */
};

struct shootdown;

struct cpu {
	struct cpu *self; /* GS:0 */
	struct thread *current; /* GS:8, kernel/thread.h and entry.asm */
	uint64_t kernel_top; /* GS:16, the current thread's stack top */
	uint64_t user_rsp; /* GS:24, scratch of syscall_entry */
	uint32_t reading; /* GS:32, kernel/epoch.h: sections under way */
	uint32_t index, apic_id;
	uint32_t ipi_target; /* apic_id that the last interrupt command went to, + 1; 0: none yet */
	uint32_t spin_depth; /* spin locks held, counted where CONFIG_DEBUG */
	uint32_t interrupt_depth; /* interrupt handlers running */
	struct thread *idle;
	struct thread *switched_from; /* the thread that the running one took over from, for thread_switched() */
	struct thread *fpu_owner; /* whose registers the FPU holds; NULL: nobody's */
	struct address_space *active; /* whose tables CR3 names; NULL: the kernel's own */
	volatile uint8_t rank; /* of the current thread */
	volatile bool idling; /* waiting for an interrupt; with one processor in the context of the thread that went to sleep last */
	volatile bool online; /* set by the processor itself */
	uint64_t user_gs_base; /* what KERNEL_GS_BASE holds for the user thread */
	bool debugging; /* a thread's debug registers are loaded */
	uint32_t sample_countdown; /* stays in the kernel until the next one that is timed */
	struct doorbell doorbell; /* peers to ring (platform/event.c) */
	uint64_t slice_end_ns; /* of the current thread, as far as the timer is to tell it; UINT64_MAX: not known */
	uint64_t timer_armed_ns; /* what the one-shot timer is set to; UINT64_MAX: off */
	struct run_queue queue;
	uint64_t user_ns, system_ns; /* what threads of programs had of it */
	uint64_t switches, interrupts; /* so many there were */
	struct timer_queue timers; /* sched/timer.c */
	uint64_t timers_next_ns; /* deadline of the first, UINT64_MAX: none */
	uint32_t ipi_requests; /* arch/ipi.c */
	struct shootdown *shootdowns[CPU_MAX]; /* what processor i waits for, mm/flush.c */
	uint64_t urgent_since_ns, urgent_ns; /* sched/policy.c: how long real-time threads ran since then */
	int64_t credit_pages, credit_io; /* mm/reserve.c: promised to nobody, this processor's to give */
	struct tss tss;
	uint64_t gdt[10];
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct cpu, current) == 8 && offsetof(struct cpu, kernel_top) == 16 &&
		       offsetof(struct cpu, user_rsp) == 24 && offsetof(struct cpu, reading) == 32,
	       "entry.asm, thread_current and epoch_enter know these offsets");

#if __STDC_HOSTED__
struct cpu *cpu_current(void);
#else
static inline struct cpu *cpu_current(void)
{
	struct cpu *cpu;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}
#endif

/* A 32-bit member of this processor's structure, good for a look with interrupts on. */
#if __STDC_HOSTED__
/* tests/fake/interleave.h comes between any two loads and stores of C: so this one is none. */
#define cpu_read(member)                                                                                             \
	({                                                                                                           \
		uint32_t cpu_value;                                                                                  \
		const struct cpu *cpu_here = cpu_current();                                                          \
		__asm__ volatile("movl %1, %0" : "=r"(cpu_value) : "m"(cpu_here->member));                           \
		cpu_value;                                                                                           \
	})
#else
#define cpu_read(member)                                                                                             \
	({                                                                                                           \
		uint32_t cpu_value;                                                                                  \
		_Static_assert(sizeof(((struct cpu *)0)->member) == 4, "32 bits");                                   \
		__asm__ volatile("movl %%gs:%c1, %0" : "=r"(cpu_value) : "i"(offsetof(struct cpu, member)));         \
		cpu_value;                                                                                           \
	})
#endif

extern unsigned cpu_count; /* that run; their indices are 0 ... cpu_count - 1 */
struct cpu *cpu_at(unsigned index);
static inline uint64_t cpu_bit(const struct cpu *cpu)
{
	return 1ull << cpu->index;
}

/* Features found at boot, constant from then on. */
struct cpu_features {
	bool smap, large_1g, invariant_tsc, xsave, xsaveopt;
};
extern struct cpu_features cpu_features;
_Static_assert(offsetof(struct cpu_features, smap) == 0, "entry.asm knows it");

/** The boot processor: load GDT, TSS, IDT, SYSCALL registers and control bits. */
void cpu_init(void);
/** Make the structure of one more, with its interrupt stacks. NULL: no memory, or CPU_MAX are there. */
struct cpu *cpu_create(unsigned index);
/** What cpu_init() loads, on the processor that this structure is for. */
void cpu_load(struct cpu *cpu);

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;
	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t tsc_read(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline uint64_t cr2_read(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline uint64_t cr3_read(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline void cr3_write(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline void tlb_flush_page(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#if __STDC_HOSTED__
void tlb_flush_all(void);
#else
/* Global translations, too: AMD64 APM vol. 2, 5.5.2. Interrupts are off. */
static inline void tlb_flush_all(void)
{
	uint64_t cr4;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 & ~CR4_PGE) : "memory");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}
#endif

#if __STDC_HOSTED__
uint64_t interrupts_save(void);
void interrupts_restore(uint64_t flags);
#else
static inline uint64_t interrupts_save(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void interrupts_restore(uint64_t flags)
{
	if (flags & RFLAGS_IF) {
		__asm__ volatile("sti" : : : "memory");
	}
}
#endif

static inline bool interrupts_enabled(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	return flags & RFLAGS_IF;
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void port_write8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t port_read8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void port_write16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t port_read32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t port_read16(uint16_t port)
{
	uint16_t value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause");
}

#endif
