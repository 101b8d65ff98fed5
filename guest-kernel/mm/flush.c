/* SPDX-License-Identifier: MIT */
/*
 * Shootdown. Where there are several processors, address_space.cpus names those that have its tables loaded, set before CR3 is and
 * cleared after; it is looked at behind the change of the tables, so a processor that is not named then loads the new ones. One that has
 * them loaded only because it runs a kernel thread or idles drops them for good, and is not asked again.
 * The initiator leaves a pointer to its request in the other's struct cpu, and waits, with interrupts off and serving others.
 */
#include "mm/flush.h"
#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "mm/address_space.h"
#include "mm/large.h"

#define HELD_LARGE 1u

struct shootdown {
	const struct flush *flush;
	uint32_t waiting; /* processors that have not answered */
};

static void flush_here(const struct flush *flush)
{
	if (flush->count > FLUSH_PAGES) {
		cr3_write(flush->as->cr3);
		return;
	}
	for (unsigned i = 0; i < flush->count; i++) {
		tlb_flush_page(flush->addresses[i]);
	}
}

void flush_serve(void)
{
	struct cpu *cpu = cpu_current();
	for (unsigned i = 0; i < CPU_MAX; i++) {
		struct shootdown *s = __atomic_exchange_n(&cpu->shootdowns[i], (struct shootdown *)NULL, __ATOMIC_SEQ_CST);
		if (!s) {
			continue;
		}
		if (cpu->active == s->flush->as) {
			const struct process *process = cpu->current->process;
			if (process && process->memory == cpu->active) {
				flush_here(s->flush);
			} else {
				address_space_activate(NULL);
			}
		}
		__atomic_fetch_sub(&s->waiting, 1, __ATOMIC_RELEASE);
	}
}

static void shoot_down(struct cpu *self, const struct flush *flush, uint64_t others)
{
	struct shootdown s = { flush, 0 };
	for (uint64_t left = others; left; left &= left - 1) {
		s.waiting++;
	}
	for (uint64_t left = others; left; left &= left - 1) {
		__atomic_store_n(&cpu_at((unsigned)__builtin_ctzll(left))->shootdowns[self->index], &s, __ATOMIC_RELEASE);
	}
	ipi_send(others, IPI_FLUSH);
	while (__atomic_load_n(&s.waiting, __ATOMIC_ACQUIRE)) {
		ipi_serve();
		cpu_relax();
	}
}

/** Everywhere where the tables are loaded. */
static void forget(struct flush *flush)
{
	if (CONFIG_DEBUG) {
		kassert(cpu_read(spin_depth) == 0);
	}
	uint64_t flags = interrupts_save();
	struct cpu *self = cpu_current();
	if (self->active == flush->as && !flush->as->references) {
		address_space_activate(NULL); /* the address space goes */
	} else if (self->active == flush->as) {
		flush_here(flush);
	}
	if (cpu_count > 1) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		uint64_t others = __atomic_load_n(&flush->as->cpus, __ATOMIC_SEQ_CST) & ~cpu_bit(self);
		if (others) {
			shoot_down(self, flush, others);
		}
	}
	interrupts_restore(flags);
	flush->count = 0;
}

static void let_go(uintptr_t held)
{
	struct page *page = (struct page *)(held & ~(uintptr_t)HELD_LARGE);
	if (held & HELD_LARGE) {
		large_put(page);
	} else {
		page_put(page);
	}
}

void flush_finish(struct flush *flush)
{
	if (flush->count) {
		forget(flush);
	}
	for (unsigned i = 0; i < flush->held_count; i++) {
		let_go(flush->held[i]);
	}
	flush->held_count = 0;
}

static void put(struct flush *flush, uintptr_t held)
{
	if (!flush->as->references) {
		let_go(held); /* the address space goes: no processor has it loaded any more */
		return;
	}
	flush->held[flush->held_count++] = held;
	if (flush->held_count == FLUSH_HELD) {
		flush_finish(flush);
	}
}

void flush_put(struct flush *flush, struct page *page)
{
	put(flush, (uintptr_t)page);
}

void flush_put_large(struct flush *flush, struct page *block)
{
	put(flush, (uintptr_t)block | HELD_LARGE);
}
