/* SPDX-License-Identifier: MIT */
/*
 * From a VMCS's exit fields to what the rest of the hypervisor is told. VMREAD and VMWRITE are a table of fields; what is expected is
 * written in the manual's numbers (SDM vol. 3, appendix C, 24.8.3, 24.9), not in the hypervisor's names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hv/log.h"
#include "hv/vmm/vmx.h"

enum { REASON = 0x4402, EXIT_INFORMATION = 0x4404, EXIT_CODE = 0x4406, VECTORING = 0x4408, VECTORING_ERROR = 0x440a, LENGTH = 0x440c,
       QUALIFICATION = 0x6400, PHYSICAL = 0x2400, CR0 = 0x6800, CR0_READ_SHADOW = 0x6004, CS_RIGHTS = 0x4816, DR7 = 0x681a, PENDING = 0x6822 };

static uint64_t fields[0x7000];
static struct vcpu v;
static struct vmx_vcpu x;
static struct vmm_exit ex;
static uint64_t debug_causes;

uint64_t vmcs_read(enum vmcs_field field)
{
	assert_in_range(field, 0, 0x6fff);
	return fields[field];
}

void vmcs_write(enum vmcs_field field, uint64_t value)
{
	assert_in_range(field, 0, 0x6fff);
	fields[field] = value;
}

void vmx_debug_hit(uint64_t causes)
{
	debug_causes = causes;
}

void log_line(const char *format, ...)
{
}

static int set_up(void **state)
{
	memset(fields, 0, sizeof(fields));
	memset(&v, 0, sizeof(v));
	memset(&x, 0, sizeof(x));
	memset(&ex, 0xff, sizeof(ex)); /* what is not filled in is seen */
	v.vmm = &x;
	fields[CR0] = 1; /* protected mode */
	fields[LENGTH] = 7;
	debug_causes = 0;
	return 0;
}

static void leaves(uint32_t reason)
{
	x.reason = reason;
	vmx_decode_exit(&v, &ex);
}

static void instructions_have_kind_and_length(void **state)
{
	static const struct { uint32_t reason; enum vmm_exit_kind kind; bool skip; } known[] = {
		{ 10, VMM_EXIT_CPUID, true }, { 12, VMM_EXIT_HLT, true }, { 13, VMM_EXIT_CACHE, true }, { 18, VMM_EXIT_HYPERCALL, true },
		{ 31, VMM_EXIT_MSR, true }, { 32, VMM_EXIT_MSR, true }, { 54, VMM_EXIT_CACHE, true }, { 55, VMM_EXIT_XSETBV, true },
		{ 11, VMM_EXIT_UNDEFINED, false }, { 15, VMM_EXIT_UNDEFINED, false }, { 36, VMM_EXIT_UNDEFINED, false },
		{ 39, VMM_EXIT_UNDEFINED, false }, { 50, VMM_EXIT_UNDEFINED, false }, { 53, VMM_EXIT_UNDEFINED, false },
		{ 59, VMM_EXIT_UNDEFINED, false }, { 60, VMM_EXIT_UNDEFINED, false }, { 63, VMM_EXIT_UNDEFINED, false },
		{ 64, VMM_EXIT_UNDEFINED, false }, { 30, VMM_EXIT_IO, false },
	};
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		leaves(known[i].reason);
		assert_int_equal(ex.kind, known[i].kind);
		assert_int_equal(ex.length, known[i].skip ? 7 : 0);
	}
	for (uint32_t reason = 19; reason <= 27; reason++) { /* VMCLEAR to VMXON */
		leaves(reason);
		assert_int_equal(ex.kind, VMM_EXIT_UNDEFINED);
	}
}

static void other_reasons_have_kinds(void **state)
{
	static const struct { uint32_t reason; enum vmm_exit_kind kind; } known[] = {
		{ 1, VMM_EXIT_INTERRUPT }, { 2, VMM_EXIT_TRIPLE_FAULT }, { 7, VMM_EXIT_WINDOW }, { 8, VMM_EXIT_WINDOW },
		{ 9, VMM_EXIT_FORBIDDEN }, { 43, VMM_EXIT_WINDOW }, { 49, VMM_EXIT_INVALID }, { 52, VMM_EXIT_INTERRUPT },
		{ 1u << 31 | 33, VMM_EXIT_INVALID }, { 1u << 31 | 34, VMM_EXIT_INVALID }, { 1u << 31 | 41, VMM_EXIT_INVALID },
		{ 3, VMM_EXIT_FORBIDDEN }, { 56, VMM_EXIT_WINDOW }, { 79, VMM_EXIT_FORBIDDEN }, { 80, VMM_EXIT_FORBIDDEN },
		{ 0xffff, VMM_EXIT_FORBIDDEN },
	};
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		leaves(known[i].reason);
		assert_int_equal(ex.kind, known[i].kind);
		assert_int_equal(ex.length, 0);
	}
}

static void an_msr_has_index_and_direction(void **state)
{
	v.regs.rcx = 0xffffffffc0000080;
	leaves(31);
	assert_int_equal(ex.msr.index, 0xc0000080);
	assert_false(ex.msr.write);
	leaves(32);
	assert_true(ex.msr.write);
}

static void a_violation_has_address_and_access(void **state)
{
	fields[PHYSICAL] = 0x123456789;
	for (unsigned bits = 0; bits < 8; bits++) { /* 0: read, 1: write, 2: fetch; the others say what was allowed */
		fields[QUALIFICATION] = 0x1f8 | bits;
		leaves(48);
		assert_int_equal(ex.kind, VMM_EXIT_NESTED_FAULT);
		assert_true(ex.fault.gpa.value == 0x123456789);
		assert_int_equal(ex.fault.write, bits >> 1 & 1);
		assert_int_equal(ex.fault.exec, bits >> 2 & 1);
	}
}

/* Types: 0 interrupt, 2 NMI, 3 exception; 4, 5, 6 come of instructions, at which RIP still is. */
static void what_was_being_delivered_comes_again(void **state)
{
	fields[VECTORING] = 1u << 31 | 0x51;
	leaves(48);
	assert_int_equal(x.event, 1u << 31 | 0x51);
	fields[VECTORING] = 1u << 31 | 1 << 12 | 1 << 11 | 3 << 8 | 14; /* bit 12 is undefined there, and reserved at an entry */
	fields[VECTORING_ERROR] = 6;
	leaves(48);
	assert_int_equal(x.event, 1u << 31 | 1 << 11 | 3 << 8 | 14);
	assert_int_equal(x.event_code, 6);
	x.shadow = 8 | 1;
	fields[VECTORING] = 1u << 31 | 2 << 8 | 2;
	leaves(48);
	assert_int_equal(x.event, 1u << 31 | 2 << 8 | 2);
	assert_int_equal(x.shadow, 1);
	x.event = 0;
	for (uint32_t type = 4; type <= 6; type++) {
		fields[VECTORING] = 1u << 31 | type << 8 | 3;
		leaves(48);
		assert_int_equal(x.event, 0);
	}
	fields[VECTORING] = 0x51; /* not valid */
	leaves(48);
	assert_int_equal(x.event, 0);
}

static void an_exception_has_vector_and_code(void **state)
{
	fields[EXIT_INFORMATION] = 1u << 31 | 1 << 11 | 3 << 8 | 17;
	fields[EXIT_CODE] = 0;
	leaves(0);
	assert_int_equal(ex.kind, VMM_EXIT_EXCEPTION);
	assert_int_equal(ex.exception.vector, 17);
	fields[EXIT_INFORMATION] = 1u << 31 | 2 << 8 | 2;
	leaves(0);
	assert_int_equal(ex.kind, VMM_EXIT_INTERRUPT); /* an NMI, the host's */
	assert_int_equal(x.event, 0);
}

static void an_iret_that_faults_blocks_nmis_again(void **state)
{
	fields[EXIT_INFORMATION] = 1u << 31 | 1 << 12 | 3 << 8 | 17;
	leaves(0);
	assert_int_equal(x.shadow, 8);
	x.shadow = 0;
	fields[VECTORING] = 1u << 31 | 0x51; /* then the bit says nothing */
	leaves(0);
	assert_int_equal(x.shadow, 0);
}

static void a_debug_exception_brings_its_causes(void **state)
{
	fields[EXIT_INFORMATION] = 1u << 31 | 3 << 8 | 1;
	fields[QUALIFICATION] = 1 << 14 | 5 | 1 << 20;
	fields[DR7] = 0x2400;
	leaves(0);
	assert_int_equal(ex.exception.vector, 1);
	assert_int_equal(debug_causes, 1 << 14 | 5);
	assert_int_equal(fields[DR7], 0x2400);
	fields[QUALIFICATION] = 1 << 13;
	leaves(0);
	assert_int_equal(fields[DR7], 0x400); /* GD is off while the handler runs */
}

/* Type 5. It exits before it is done, and as an exception that is given back it would come again for ever. */
static void int1_is_gone_behind(void **state)
{
	fields[EXIT_INFORMATION] = 1u << 31 | 5 << 8 | 1;
	fields[LENGTH] = 1;
	v.regs.rip = 0x1000;
	leaves(0);
	assert_int_equal(ex.kind, VMM_EXIT_EXCEPTION);
	assert_int_equal(ex.exception.vector, 1);
	assert_int_equal(v.regs.rip, 0x1001);
}

static void control_registers_are_answered_here(void **state)
{
	v.regs.r9 = 0x60000011;
	v.regs.rip = 0x1000;
	fields[QUALIFICATION] = 9 << 8; /* MOV to CR0 from R9 */
	leaves(28);
	assert_int_equal(ex.kind, VMM_EXIT_INTERRUPT);
	assert_int_equal(fields[CR0_READ_SHADOW], 0x60000011);
	assert_int_equal(x.event, 0);
	assert_int_equal(v.regs.rip, 0x1000); /* and does it again */
	fields[QUALIFICATION] = 9 << 8 | 4;
	leaves(28);
	assert_int_equal(x.event, 1u << 31 | 1 << 11 | 3 << 8 | 13);
	assert_int_equal(x.event_code, 0);
}

static void real_mode_has_no_error_codes(void **state)
{
	vmx_inject_exception(&v, 13, true, 8);
	assert_int_equal(x.event, 1u << 31 | 1 << 11 | 3 << 8 | 13);
	assert_int_equal(x.event_code, 8);
	fields[CR0] = 0;
	vmx_inject_exception(&v, 13, true, 8);
	assert_int_equal(x.event, 1u << 31 | 3 << 8 | 13);
}

static void a_skip_ends_shadows_and_steps(void **state)
{
	v.regs.rip = 0xfffffffe;
	x.shadow = 8 | 2 | 1;
	vmx_skip(&v, 3);
	assert_true(v.regs.rip == 1); /* no 64-bit code */
	assert_int_equal(x.shadow, 8);
	assert_int_equal(fields[PENDING], 0);
	v.regs.rip = 0xfffffffe;
	fields[CS_RIGHTS] = 1 << 13;
	vmx_skip(&v, 3);
	assert_true(v.regs.rip == 0x100000001);
	v.regs.rip = 0xffffffff80000000;
	v.regs.rflags = 0x100;
	vmx_skip(&v, 2);
	assert_true(v.regs.rip == 0xffffffff80000002);
	assert_int_equal(fields[PENDING], 1 << 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(instructions_have_kind_and_length, set_up),
		cmocka_unit_test_setup(other_reasons_have_kinds, set_up),
		cmocka_unit_test_setup(an_msr_has_index_and_direction, set_up),
		cmocka_unit_test_setup(a_violation_has_address_and_access, set_up),
		cmocka_unit_test_setup(what_was_being_delivered_comes_again, set_up),
		cmocka_unit_test_setup(an_exception_has_vector_and_code, set_up),
		cmocka_unit_test_setup(an_iret_that_faults_blocks_nmis_again, set_up),
		cmocka_unit_test_setup(a_debug_exception_brings_its_causes, set_up),
		cmocka_unit_test_setup(int1_is_gone_behind, set_up),
		cmocka_unit_test_setup(control_registers_are_answered_here, set_up),
		cmocka_unit_test_setup(real_mode_has_no_error_codes, set_up),
		cmocka_unit_test_setup(a_skip_ends_shadows_and_steps, set_up),
	};
	return cmocka_run_group_tests_name("vmx_exit", tests, NULL, NULL);
}
