/* SPDX-License-Identifier: MIT */
/*
 * The order of a recovery (hv/domain/recover.c), with a real fence: recover.c, the devices' part of domain.c, the IOMMU code and
 * AMD-Vi under the model. When the device is reset, the dead memory is kept, and the memory is rewritten, each is asked what
 * the model may still do there: no unit may lead the device into the memory, no vCPU may be in its guest. And the other
 * way: with the block left out, not waited for or failed, the same questions have another answer, or the domain stays dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <asm/prctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/domain.h"
#include "hv/iommu/iommu_internal.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "tests/model/iommu_rules.h"
#include "tests/model/memory.h"
#include "tests/model/record.h"

#define MEMORY (1ull << 21)

static struct bundle_domain config;
static struct domain *d;
static struct vcpu *vcpu;
static struct cpu cpu;
static struct ideal now;
static unsigned resets, loads, capsules, parked;
static bool outside, mastering;
static int reset_result;
static char broken[160];
static const struct iommu_ops *sound;
static struct iommu_ops faulty;

spinlock_t machine_lock;
struct link machine_links[BUNDLE_MAX_LINKS];
unsigned machine_link_count;

static void quiet_or_breach(const char *when)
{
	record_settle();
	if (!broken[0] && iotlb_reaches(iommu_functions[0].bdf, d->ram.value, MEMORY)) {
		snprintf(broken, sizeof(broken), "%s: the device may still reach its memory", when);
	}
	if (!broken[0] && (!outside || !vcpu->frozen)) {
		snprintf(broken, sizeof(broken), "%s: a vCPU may still run", when);
	}
}

/* ---- what recover.c asks for ---- */

void domain_freeze(struct domain *domain, bool frozen)
{
	vcpu->frozen = frozen;
}

void domain_wait_idle(struct domain *domain)
{
	outside = vcpu->frozen; /* it does not come back in while it is frozen */
}

int pci_reset(struct pci_function *f)
{
	quiet_or_breach("reset");
	resets++;
	return reset_result;
}

void capsule_keep(struct domain *domain, const char *cause)
{
	quiet_or_breach("capsule");
	capsules++;
}

uint32_t loader_load(struct domain *domain)
{
	if (d->epoch > 1) { /* the first boot has nothing to wait for */
		quiet_or_breach("load");
	}
	loads++;
	return 0;
}

void vcpu_reset_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
	outside = false;
}

void control_event(const char *format, ...)
{
	parked += strncmp(format, "parked", 6) == 0;
}

void pci_bus_master(struct pci_function *f, bool on)
{
	mastering = on;
}

uint64_t tsc_to_us(uint64_t cycles)
{
	return cycles;
}

#define NOTHING(name, ...) void name(__VA_ARGS__) { }
NOTHING(capsule_fault, struct domain *domain, const struct iommu_fault *fault)
NOTHING(grant_revoke_all, struct link *l)
NOTHING(link_down, struct link *l)
NOTHING(link_rebuild, struct link *l, uint32_t epoch)
NOTHING(link_registers_reset, struct link *l)
NOTHING(link_tell, const struct link *l)
NOTHING(sched_again, void)
NOTHING(sched_look, struct vcpu *v)

void machine_panic(const struct domain *domain, const char *reason)
{
	abort();
}

void hv_panic(const char *format, ...)
{
	abort();
}

/* ---- tests ---- */

static int prepare(void **state)
{
	static const uint16_t ids[IOTLB_DEVICES] = { 0x00fa, 0x0110 };
	if (iommu_rules_start(state)) {
		return -1;
	}
	cpu.self = &cpu;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
	sound = iommu;
	iotlb_reset(ids);
	d = pool_alloc(4, 1);
	vcpu = pool_alloc(1, 1);
	config.memory = MEMORY;
	config.device_count = 1;
	config.restart_max = 100;
	config.restart_window_s = 1;
	memcpy(config.name, "disk", 5);
	d->config = &config;
	d->page = pool_alloc(1, 1);
	d->ram = pool_take_domain(MEMORY, MEMORY);
	d->vcpu_count = 1;
	d->vcpus[0] = vcpu;
	d->devices[0].domain = d;
	d->devices[0].function = &iommu_functions[0];
	iommu_functions[0].owner = d;
	d->fenced = true;
	if (iommu_domain_init(&d->iommu)) {
		return -1;
	}
	iotlb_domain_add(d->iommu.id, d->iommu.paging.root, &now);
	static struct ideal next;
	ideal_map(&next, 0, d->ram.value, MEMORY, MAP_READ | MAP_WRITE);
	iotlb_change(d->iommu.id, &now, &next);
	if (iommu_map(&d->iommu, 0, d->ram, MEMORY, MAP_READ | MAP_WRITE)) {
		return -1;
	}
	now = next;
	iotlb_settled(d->iommu.id, &now);
	recover_start(d);
	record_settle();
	return iotlb_broken() ? -1 : 0;
}

/* The domain dies and, if it may, comes back; the back-off after quick deaths is waited for. */
static void die_and_return(void)
{
	unsigned before = loads + parked;
	outside = false;
	broken[0] = '\0';
	assert_true(recover_request(d, CAUSE_KILL, "test"));
	for (unsigned i = 0; i < 100000000 && loads + parked == before; i++) {
		recover_poll(d, tsc_read());
	}
	record_settle();
}

static void memory_is_rewritten_behind_the_fence(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		unsigned loads_before = loads, resets_before = resets, capsules_before = capsules;
		die_and_return();
		assert_string_equal(broken, "");
		assert_int_equal(loads, loads_before + 1);
		assert_int_equal(resets, resets_before + 1);
		assert_int_equal(capsules, capsules_before + 1);
		assert_false(vcpu->frozen);
		assert_true(iotlb_reaches(iommu_functions[0].bdf, d->ram.value, MEMORY)); /* and opened again behind it */
		assert_null(iotlb_broken());
	}
}

/* A device that cannot be reset stays blocked, and its memory as it is, until somebody asks for a restart. */
static void no_reset_no_rewrite(void **state)
{
	unsigned loads_before = loads;
	reset_result = -ETIMEDOUT;
	die_and_return();
	assert_string_equal(broken, "");
	assert_int_equal(loads, loads_before);
	assert_int_equal(d->phase, DOMAIN_PARKED);
	assert_false(iotlb_reaches(iommu_functions[0].bdf, d->ram.value, MEMORY));
	reset_result = 0;
	assert_true(recover_request(d, CAUSE_RESTART, "restart"));
	recover_poll(d, tsc_read());
	recover_poll(d, tsc_read());
	record_settle();
	assert_int_equal(loads, loads_before + 1);
	assert_string_equal(broken, "");
}

static int attach_nothing(uint16_t id, const struct iommu_domain *domain)
{
	return 0;
}

static void a_fence_that_does_nothing_is_noticed(void **state)
{
	faulty = *sound;
	faulty.attach = attach_nothing;
	iommu = &faulty;
	die_and_return();
	iommu = sound;
	assert_non_null(strstr(broken, "may still reach"));
}

static void a_context_that_is_not_invalidated_is_noticed(void **state)
{
	die_and_return();
	iotlb_deaf = IOTLB_DROP_CONTEXT;
	die_and_return();
	iotlb_deaf = 0;
	assert_non_null(strstr(broken, "may still reach"));
}

static void translations_that_are_not_invalidated_are_noticed(void **state)
{
	die_and_return();
	iotlb_deaf = IOTLB_DROP_DOMAIN;
	die_and_return();
	iotlb_deaf = 0;
	assert_non_null(strstr(broken, "may still reach"));
}

/* Last: an IOMMU that does not answer. What it still lets through nobody knows, so the memory is left alone for ever. */
static void no_answer_no_rewrite(void **state)
{
	die_and_return();
	assert_string_equal(broken, "");
	unsigned loads_before = loads;
	iommu_patience = 100000;
	record_hooks.moment = record_hooks.loading = NULL; /* no command is executed any more */
	die_and_return();
	assert_int_equal(loads, loads_before);
	assert_int_equal(d->phase, DOMAIN_PARKED);
	assert_false(recover_request(d, CAUSE_RESTART, "restart"));
	recover_poll(d, tsc_read());
	assert_int_equal(loads, loads_before);
	assert_false(mastering);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_rewritten_behind_the_fence),
		cmocka_unit_test(no_reset_no_rewrite),
		cmocka_unit_test(a_fence_that_does_nothing_is_noticed),
		cmocka_unit_test(a_context_that_is_not_invalidated_is_noticed),
		cmocka_unit_test(translations_that_are_not_invalidated_are_noticed),
		cmocka_unit_test(no_answer_no_rewrite),
	};
	return cmocka_run_group_tests_name("the order of a recovery", tests, prepare, NULL);
}
