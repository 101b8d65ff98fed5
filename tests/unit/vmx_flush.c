/* SPDX-License-Identifier: MIT */
/*
 * Stale translations of a guest on VT-x (tests/model/flush_rules.h). INVEPT, INVVPID, VMCLEAR and VMPTRLD of the real code
 * raise #UD, or #GP while a hypervisor has switched VMX on, and so a signal; what they ask for is read from the instruction
 * and done to the model (SDM vol. 3, 28.4.3: translations of guest-physical addresses go by INVEPT of their EPT pointer, and
 * INVVPID leaves them).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>

#include "hv/cpu.h"
#include "hv/vmm/vmx.h"
#include "tests/model/flush_rules.h"
#include "tests/model/guest.h"

#define EPTP 0x5eull /* 24.6.11: write-back, four levels, accessed and dirty */

const struct vmm_ops svm_ops; /* the other vendor is not in this program */

static unsigned vpid_invalidations;
static bool vpid_only; /* INVEPT does nothing, as if only INVVPID were there */

/* ---- instructions ---- */

/* Registers in the order of their encoding. */
static const int order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
			       REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

struct operand {
	uint64_t address;
	unsigned reg, length; /* of ModRM, SIB and displacement */
};

/* SDM vol. 2, 2.1.5: a memory operand in 64-bit mode. `rest`: bytes behind it. */
static struct operand operand_decode(const uint8_t *modrm, uint8_t rex, const greg_t *gregs, uint64_t end)
{
	struct operand o = { .reg = (modrm[0] >> 3 & 7) | (rex & 4) << 1, .length = 1 };
	unsigned mod = modrm[0] >> 6, rm = modrm[0] & 7;
	if (rm == 4) {
		unsigned index = (modrm[1] >> 3 & 7) | (rex & 2) << 2, base = modrm[1] & 7;
		o.length++;
		o.address += index == 4 ? 0 : (uint64_t)gregs[order[index]] << (modrm[1] >> 6);
		o.address += base == 5 && mod == 0 ? 0 : (uint64_t)gregs[order[base | (rex & 1) << 3]];
		mod = base == 5 && mod == 0 ? 2 : mod;
	} else if (rm == 5 && mod == 0) {
		o.address = end + 5; /* relative to the next instruction; nothing follows the displacement */
		mod = 2;
	} else {
		o.address = (uint64_t)gregs[order[rm | (rex & 1) << 3]];
	}
	int32_t displacement = 0;
	memcpy(&displacement, modrm + o.length, mod == 2 ? 4 : 0);
	o.address += mod == 1 ? (uint64_t)(int64_t)(int8_t)modrm[o.length] : (uint64_t)(int64_t)displacement;
	o.length += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	return o;
}

/* Of all pointers, or of one: type 2, type 1. */
static void invept(uint64_t type, uint64_t eptp)
{
	struct vcpu *v = ((const struct vmx_cpu *)cpu_current()->vmm)->current;
	if (!vpid_only && (type == 2 || (type == 1 && eptp == (v->nested_root.value | EPTP)))) {
		guest_invalidate(v);
	}
}

static void illegal(int signal, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *code = (const uint8_t *)gregs[REG_RIP], *at = code;
	at += *at == 0x66;
	uint8_t rex = (*at & 0xf0) == 0x40 ? *at++ : 0;
	bool wide = at[0] == 0x0f && at[1] == 0x38 && (at[2] == 0x80 || at[2] == 0x81);
	bool pointer = at[0] == 0x0f && at[1] == 0xc7;
	if (!wide && !pointer) {
		abort();
	}
	const uint8_t *modrm = at + (wide ? 3 : 2);
	struct operand o = operand_decode(modrm, rex, gregs, (uint64_t)modrm);
	if (wide && at[2] == 0x80) {
		invept((uint64_t)gregs[order[o.reg]], *(const uint64_t *)o.address);
	} else if (wide) {
		vpid_invalidations++; /* which drops only what was found by way of the VPID */
	}
	gregs[REG_RIP] += modrm - code + o.length;
	gregs[REG_EFL] &= ~0x8d5; /* VMsucceed: CF, PF, AF, ZF, SF, OF are 0 */
}

/* ---- the files of vmm/ that are not linked: their registers have no part in this ---- */

bool vmx_enter(struct vcpu_regs *regs, bool launched, uint64_t *host_rsp)
{
	guest_run((struct vcpu *)regs); /* the vCPU's first member */
	return true;
}

uint64_t vmcs_read(enum vmcs_field field)
{
	return field == VMCS_REASON ? REASON_INTERRUPT : 0;
}

void vmcs_write(enum vmcs_field field, uint64_t value)
{
}

void vmx_vcpu_write(struct vcpu *v)
{
	vmx_of(v)->reset = false;
}

void vmx_switched_save(struct vmx_vcpu *x)
{
}

void vmx_switched_load(const struct vmx_vcpu *x)
{
}

void vmx_decode_exit(struct vcpu *v, struct vmm_exit *exit)
{
	exit->kind = VMM_EXIT_INTERRUPT;
	exit->length = 0;
}

/* None of these is reached by an exit for a host interrupt. */
#define NOT_HERE(type, name, ...) type name(__VA_ARGS__) { abort(); }
NOT_HERE(void, vmx_dump, struct vcpu *v)
NOT_HERE(void, vmx_inject_exception, struct vcpu *v, uint8_t vector, bool has_code, uint32_t code)
NOT_HERE(void, vmx_skip, struct vcpu *v, unsigned bytes)
NOT_HERE(bool, vmx_post, struct vcpu *v, uint8_t vector)
NOT_HERE(void, vmx_collect, struct vcpu *v)
NOT_HERE(uint8_t, irq_vector_alloc, irq_handler_t handler, void *arg)

void cpu_interrupt(uint8_t vector)
{
}

static void prepare(void)
{
	ept_format.max_leaf_level = 2;
	vmx_controls.eptp = EPTP;
	vmx_controls.invept = vmx_controls.invvpid = INVALIDATE_SINGLE;
	vmm = &vmx_ops;
}

/* CMocka has a handler of its own, and sets it before each test. */
static void begin(void)
{
	struct sigaction action = { .sa_sigaction = illegal, .sa_flags = SA_SIGINFO };
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

const struct guest_hardware guest_hardware = { .format = &walk_ept, .prepare = prepare, .begin = begin };

/* Processors without single-context invalidation. */
static void by_all_contexts(void **state)
{
	vmx_controls.invept = vmx_controls.invvpid = INVALIDATE_ALL;
	a_narrowed_grant_is_taken_back_too(state);
	vmx_controls.invept = vmx_controls.invvpid = INVALIDATE_SINGLE;
}

/* What the processor found under a VPID goes by INVVPID, at the same flush. */
static void both_are_invalidated(void **state)
{
	unsigned before = vpid_invalidations;
	a_narrowed_grant_is_taken_back_too(state);
	assert_true(vpid_invalidations > before);
}

static void of_another_nested_table(void **state)
{
	vmx_controls.eptp = EPTP & ~0x40ull; /* a pointer with A/D off is another one */
	some_order_goes_stale(false);
	vmx_controls.eptp = EPTP;
}

static void by_vpid_only(void **state)
{
	vpid_only = true;
	some_order_goes_stale(false);
	vpid_only = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_leaves_a_stale_translation),
		cmocka_unit_test(a_narrowed_grant_is_taken_back_too),
		cmocka_unit_test(a_flag_that_is_not_set),
		cmocka_unit_test(a_flag_that_is_set_too_late),
		cmocka_unit_test(an_entry_that_is_not_told),
		cmocka_unit_test(tables_that_change_after_the_flush),
		cmocka_unit_test(a_flag_that_nobody_obeys),
		cmocka_unit_test(by_all_contexts),
		cmocka_unit_test(both_are_invalidated),
		cmocka_unit_test(of_another_nested_table),
		cmocka_unit_test(by_vpid_only),
	};
	return cmocka_run_group_tests_name("flushes on VT-x", tests, flush_rules_start, NULL);
}
