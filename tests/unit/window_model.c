/* SPDX-License-Identifier: MIT */
/*
 * The window (hv/mem/window.c) as it is: each store to its slots is seen, and INVLPG, which raises #GP in this process, is
 * done by the signal's handler. At any moment the processor may cache what a slot's entry says. So an entry is given another
 * page only when the last one's translation is gone, and when a copy returns, nothing leads to domain memory any more, by
 * entry or by cache; and only the processor's own slot is ever written.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <asm/prctl.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>

#include "hv/mem/mem_internal.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/window.h"
#include "tests/model/memory.h"
#include "tests/model/record.h"
#include "tests/model/walk.h"

#define WINDOW (1ull << 46)
#define SLOTS 3u

struct paging host_paging;

static struct cpu cpus[SLOTS];
static unsigned running;
static uint64_t *entries; /* of the slots */
static uint64_t cached[SLOTS]; /* the page that a slot may still lead to; 0: none */
static uint64_t pages_seen[8];
static unsigned page_count, invalidations;
static bool deaf; /* INVLPG does nothing */
static const char *broken;

static void breach(const char *words)
{
	broken = broken ? broken : words;
}

static void stored(const void *at, unsigned bytes)
{
	size_t slot = (size_t)((const uint64_t *)at - entries);
	if (slot >= SLOTS) {
		return;
	}
	struct walk_entry e = walk_host.entry(entries[slot], 0);
	if (slot != running || bytes != 8 || e.kind == WALK_BAD) {
		breach("another processor's slot, or half an entry");
	}
	if (e.kind == WALK_LEAF) {
		if (cached[slot] && cached[slot] != e.to) {
			breach("another page while the last one's translation may be cached");
		}
		if (e.prot != (MAP_READ | MAP_WRITE)) {
			breach("a slot that is not the hypervisor's data");
		}
		cached[slot] = e.to;
		pages_seen[page_count++ % 8] = e.to;
	}
}

/* 0F 01 /7 with a register: INVLPG. Anything else that faults is a fault. */
static void fault(int signal, siginfo_t *info, void *context)
{
	static const int order[8] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI };
	static const int high[8] = { REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *code = (const uint8_t *)gregs[REG_RIP];
	bool rex = code[0] == 0x41;
	const uint8_t *at = code + rex;
	unsigned mod = at[2] >> 6, rm = at[2] & 7;
	if (at[0] != 0x0f || at[1] != 0x01 || (at[2] >> 3 & 7) != 7 || mod == 3) {
		abort();
	}
	uint64_t address = (uint64_t)gregs[(rex ? high : order)[rm]]; /* a displacement is 0: RBP and R13 need one, RSP and R12 a SIB byte */
	record_settle();
	uint64_t slot = (address - WINDOW) / PAGE_SIZE;
	if (slot < SLOTS && !deaf) {
		cached[slot] = entries[slot] & 1 ? cached[slot] : 0;
	}
	invalidations++;
	gregs[REG_RIP] += 3 + rex + (rm == 4) + (mod == 1 ? 1 : 0);
}

static void begin(unsigned cpu)
{
	struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	running = cpu;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[cpu]);
	page_count = 0;
	deaf = false;
	broken = NULL;
	memset(cached, 0, sizeof(cached));
}

static void returned(void)
{
	record_settle();
	for (unsigned i = 0; i < SLOTS; i++) {
		if (entries[i] != 0 || cached[i] != 0) {
			breach("domain memory may still be reached after the copy");
		}
	}
}

static int prepare(void **state)
{
	record_reset();
	memory_reset();
	if (mmap((void *)WINDOW, SLOTS * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ||
	    paging_init(&host_paging, &host_format)) {
		return -1;
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		cpus[i].self = &cpus[i];
		cpus[i].index = i;
	}
	window_init();
	entries = paging_entry(&host_paging, WINDOW, 0);
	record_hooks = (struct record_hooks){ .stored = stored };
	return 0;
}

static void copies_leave_nothing_behind(void **state)
{
	char text[3 * PAGE_SIZE];
	for (unsigned cpu = 0; cpu < SLOTS; cpu++) {
		begin(cpu);
		memset(text, 'x', sizeof(text));
		window_write(HPA(0x200000 + 100), text, 2 * PAGE_SIZE); /* three pages, the ends in part */
		returned();
		assert_null(broken);
		assert_int_equal(page_count, 3);
		assert_int_equal(pages_seen[0], 0x200000);
		assert_int_equal(pages_seen[1], 0x201000);
		assert_int_equal(pages_seen[2], 0x202000);
		assert_int_equal(((const char *)WINDOW)[cpu * PAGE_SIZE + 100], 'x');
		window_read(text, HPA(0x7000), PAGE_SIZE);
		window_zero(HPA(0x9000), PAGE_SIZE + 8);
		returned();
		assert_null(broken);
		assert_int_equal(((const char *)WINDOW)[cpu * PAGE_SIZE + 100], 0);
	}
	assert_true(invalidations > 0);
}

static void an_invalidation_left_out_is_noticed(void **state)
{
	char text[16];
	begin(1);
	deaf = true;
	window_read(text, HPA(0x7000), sizeof(text));
	returned();
	assert_non_null(broken);
	begin(1);
	deaf = true;
	window_read(text, HPA(0x7ff8), sizeof(text)); /* two pages */
	assert_non_null(broken);
	assert_non_null(strstr(broken, "another page"));
}

void hv_panic(const char *format, ...)
{
	abort();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_leave_nothing_behind),
		cmocka_unit_test(an_invalidation_left_out_is_noticed),
	};
	return cmocka_run_group_tests_name("the window under the model", tests, prepare, NULL);
}
