/* SPDX-License-Identifier: MIT */
/*
 * See flush_rules.h. The real grant_commit, domain_flush, vcpu_step and vendor's run, three processors, every order with a
 * few breaks. Each processor may cache whatever the nested table says at any moment, also while its guest is not in. When
 * grant_commit has returned, a guest that is in, or enters later, has nothing cached that the grant no longer gives: its
 * memory may be somebody else's by then. Below stands what these files ask of the rest of the hypervisor.
 */
#include "flush_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <asm/prctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "explore.h"
#include "guest.h"
#include "hv/decode.h"
#include "hv/domain.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "hv/window.h"
#include "memory.h"
#include "record.h"
#include "tlb.h"

#define VCPUS 2u
#define MEMORY (16 * PAGE_SIZE)
#define AT (BH_LINK_WINDOW(0) + 4 * PAGE_SIZE)
#define BYTES (2 * PAGE_SIZE)

static struct cpu cpus[VCPUS + 1];
struct domain *flush_back; /* the back end */
static struct domain *front;
static struct link *link_between;
static struct bundle_domain configs[2];
static struct tlb tlbs[VCPUS];
static struct ideal now, next;
static bool changing; /* grant_commit has not returned */
static bool inside[VCPUS], kicked[VCPUS];
static uint32_t give; /* what is left of the grant */
static char broken[200];
static const void *wrong_at[VCPUS]; /* stores there go wrong: */
static uint64_t wrong_value;
static enum record_verdict wrong;
static bool wrong_tables;

bool guest_deaf;

static void breach(const char *words, unsigned vcpu, const struct tlb_leaf *stale)
{
	if (!broken[0]) {
		snprintf(broken, sizeof(broken), "%s: vCPU %u may still use %lx, which led to %lx", words, vcpu, stale->from, stale->to);
	}
}

static void fresh_or_breach(const char *words, unsigned vcpu)
{
	struct tlb_leaf stale;
	if (!changing && inside[vcpu] && !tlb_is_fresh(&tlbs[vcpu], &now, &stale)) {
		breach(words, vcpu, &stale);
	}
}

/* ---- the processors ---- */

static void turn(unsigned agent)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[agent]);
}

void guest_invalidate(struct vcpu *v)
{
	if (!guest_deaf) {
		tlb_invalidate(&tlbs[v->id]);
	}
}

/* It stays for two steps, or until it is kicked. */
void guest_run(struct vcpu *v)
{
	inside[v->id] = true;
	kicked[v->id] = false;
	fresh_or_breach("entered", v->id);
	for (unsigned step = 0; step < 2 && !kicked[v->id]; step++) {
		explore_moment(NULL);
		fresh_or_breach("inside", v->id);
	}
	inside[v->id] = false;
}

void cpu_kick(uint32_t index)
{
	kicked[index - 1] = true;
}

static void stored(const void *at, unsigned bytes)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		tlb_stored(&tlbs[i], at, bytes);
	}
}

static enum record_verdict judge(const void *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		if (at == wrong_at[i] && value == wrong_value) {
			return wrong;
		}
	}
	return wrong_tables && bytes == 8 ? wrong : RECORD_KEEP;
}

/* ---- agents: the processor that takes the grant back, and those of the vCPUs ---- */

static void taker(void)
{
	static struct ideal changed;
	changed = now;
	ideal_map(&changed, AT, domain_ram(front, 4 * PAGE_SIZE).value, BYTES, give ? MAP_READ : 0);
	next = changed;
	changing = true;
	grant_commit(link_between, 4 * PAGE_SIZE, BYTES, give);
	record_settle();
	now = changed;
	changing = false;
	for (unsigned i = 0; i < VCPUS; i++) {
		fresh_or_breach("taken back", i);
	}
}

static void vcpu_agent(unsigned i)
{
	vcpu_step(flush_back->vcpus[i]);
	vcpu_step(flush_back->vcpus[i]);
}

static void vcpu_first(void)
{
	vcpu_agent(0);
}

static void vcpu_second(void)
{
	vcpu_agent(1);
}

static void before(void)
{
	static struct ideal given;
	memset(&given, 0, sizeof(given));
	enum record_verdict kept = wrong;
	wrong = RECORD_KEEP;
	turn(0);
	changing = true;
	ideal_map(&given, AT, domain_ram(front, 4 * PAGE_SIZE).value, BYTES, MAP_READ | MAP_WRITE);
	next = given;
	grant_commit(link_between, 4 * PAGE_SIZE, BYTES, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE);
	record_settle();
	now = given;
	changing = false;
	for (unsigned i = 0; i < VCPUS; i++) {
		flush_back->vcpus[i]->flush = flush_back->vcpus[i]->in_guest = inside[i] = false;
		tlb_invalidate(&tlbs[i]);
		if (tlbs[i].broken[0] && !broken[0]) {
			snprintf(broken, sizeof(broken), "%s", tlbs[i].broken);
		}
	}
	wrong = kept;
}

static bool after(void)
{
	return !broken[0];
}

static unsigned long all_orders(unsigned breaks)
{
	const struct explore e = { .agents = { taker, vcpu_first, vcpu_second }, .count = 3, .breaks = breaks, .before = before,
				   .turn = turn, .after = after };
	broken[0] = '\0';
	return explore(&e);
}

static void begin(uint32_t left)
{
	record_settle();
	if (guest_hardware.begin) {
		guest_hardware.begin();
	}
	give = left;
	guest_deaf = wrong_tables = false;
	wrong = RECORD_KEEP;
	memset(wrong_at, 0, sizeof(wrong_at));
}

/* ---- tests ---- */

int flush_rules_start(void **state)
{
	record_reset();
	memory_reset();
	record_hooks = (struct record_hooks){ .moment = explore_moment, .stored = stored, .judge = judge };
	for (unsigned i = 0; i <= VCPUS; i++) {
		cpus[i].self = &cpus[i];
		cpus[i].index = i;
		cpus[i].vmm = pool_alloc(2, 1);
	}
	cpu_count = VCPUS + 1;
	guest_hardware.prepare();
	turn(0);
	flush_back = pool_alloc(4, 1);
	front = pool_alloc(4, 1);
	link_between = pool_alloc(4, 1);
	flush_back->config = &configs[0];
	front->config = &configs[1];
	configs[1].memory = MEMORY;
	front->ram = pool_take_domain(MEMORY, PAGE_SIZE_2M);
	*link_between = (struct link){ .front = front, .back = flush_back };
	if (paging_init(&flush_back->nested, vmm->format) || grant_reserve(link_between)) {
		return -1;
	}
	flush_back->nested.table_alloc = grant_table_alloc;
	flush_back->vcpu_count = VCPUS;
	for (unsigned i = 0; i < VCPUS; i++) {
		struct vcpu *v = pool_alloc(1, 1);
		flush_back->vcpus[i] = v;
		v->domain = flush_back;
		v->id = i;
		v->cpu = i + 1;
		v->nested_root = pool_hpa(flush_back->nested.root);
		v->apic = pool_alloc(1, 1);
		v->pending = pool_alloc(1, 1);
		tlb_init(&tlbs[i], guest_hardware.format, flush_back->nested.root, &now);
		tlbs[i].new = &next;
		if (vmm->vcpu_init(v)) {
			return -1;
		}
		vmm->vcpu_reset_pvh(v, 0, 0);
	}
	return 0;
}

void no_order_leaves_a_stale_translation(void **state)
{
	begin(0);
	unsigned long orders = all_orders(2);
	assert_string_equal(broken, "");
	print_message("           %lu orders\n", orders);
	assert_true(orders > 1000);
}

void a_narrowed_grant_is_taken_back_too(void **state)
{
	begin(BH_GRANT_CPU_READ);
	assert_true(all_orders(1) > 100);
	assert_string_equal(broken, "");
}

static void flags_go_wrong(enum record_verdict verdict)
{
	begin(0);
	for (unsigned i = 0; i < VCPUS; i++) {
		wrong_at[i] = &flush_back->vcpus[i]->flush;
	}
	wrong_value = true;
	wrong = verdict;
	(void)all_orders(2);
	assert_string_not_equal(broken, "");
}

void a_flag_that_is_not_set(void **state)
{
	flags_go_wrong(RECORD_DROP);
}

void a_flag_that_is_set_too_late(void **state)
{
	flags_go_wrong(RECORD_LAST);
}

/* in_guest stays false: nobody waits for the guest. */
void an_entry_that_is_not_told(void **state)
{
	begin(0);
	for (unsigned i = 0; i < VCPUS; i++) {
		wrong_at[i] = &flush_back->vcpus[i]->in_guest;
	}
	wrong_value = true;
	wrong = RECORD_DROP;
	(void)all_orders(2);
	assert_string_not_equal(broken, "");
}

void tables_that_change_after_the_flush(void **state)
{
	begin(0);
	wrong_tables = true;
	wrong = RECORD_LAST;
	(void)all_orders(2);
	assert_string_not_equal(broken, "");
}

void some_order_goes_stale(bool deaf)
{
	begin(0);
	guest_deaf = deaf;
	(void)all_orders(1);
	assert_string_not_equal(broken, "");
}

void a_flag_that_nobody_obeys(void **state)
{
	some_order_goes_stale(true);
}

/* ---- what the files ask of the rest of the hypervisor ---- */

uint32_t cpu_count;

struct cpu *cpu_at(uint32_t index)
{
	return &cpus[index];
}

void hv_panic(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	abort();
}

/* None of these is to be reached by an exit for a host interrupt, or has anything to do with translations. A program that has
 * the real thing links it in their place. */
#define NOT_HERE(type, name, ...) __attribute__((weak)) type name(__VA_ARGS__) { abort(); }
NOT_HERE(void, hypercall, struct vcpu *v)
NOT_HERE(void, vcpu_cpuid, struct vcpu *v)
NOT_HERE(void, register_access, struct vcpu *v, unsigned slot, uint32_t offset, bool write, unsigned width, uint32_t *value)
NOT_HERE(int, mmio_decode, const uint8_t *code, size_t bytes, struct mmio_access *out)
NOT_HERE(bool, recover_request, struct domain *d, enum recover_cause cause, const char *reason)
NOT_HERE(int, domain_read, const struct domain *d, gpa_t from, void *to, uint64_t bytes)
NOT_HERE(bool, domain_has_ram, const struct domain *d, gpa_t gpa, uint64_t bytes)
NOT_HERE(uint64_t, window_word, hpa_t at)
NOT_HERE(bool, context_xcr0, uint64_t value)
NOT_HERE(int, vapic_msr, struct vcpu *v, uint32_t index, bool write, uint64_t *value)
NOT_HERE(int, iommu_map, struct iommu_domain *domain, uint64_t iova, hpa_t to, uint64_t bytes, unsigned prot)
#define NOTHING(name, ...) __attribute__((weak)) void name(__VA_ARGS__) { }
NOTHING(context_reset, void *context)
NOTHING(log_line, const char *format, ...)
NOTHING(sched_again, void)
NOTHING(sched_arm, uint64_t deadline)
NOTHING(sched_look, struct vcpu *v)
NOTHING(sched_unload, struct vcpu *v)
NOTHING(vapic_pend, struct vcpu *v, uint8_t vector)
NOTHING(vapic_reset, struct vcpu *v)
NOTHING(vapic_taken, struct vcpu *v, uint8_t vector)
NOTHING(cpu_take_interrupts, void)
NOTHING(link_publish_both, const struct link *l)

__attribute__((weak)) uint8_t vapic_next(const struct vcpu *v)
{
	return 0;
}

__attribute__((weak)) bool vapic_ready(const struct vcpu *v)
{
	return false;
}

bool event_unannounced(const struct vcpu *v)
{
	return false;
}

uint64_t sched_deadline(void)
{
	return 0;
}

uint64_t us_to_tsc(uint64_t us)
{
	return us;
}
