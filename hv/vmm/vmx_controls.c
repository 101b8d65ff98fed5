/* SPDX-License-Identifier: MIT */
/*
 * From a processor's capability MSRs to the control words that guests run with (SDM vol. 3, appendix A): a bit is 1 where
 * the processor insists, where it is required, or where it helps and is allowed; everything else is 0. Pure: tests give it
 * the MSRs of real processors.
 */
#include "vmx.h"

#include <stddef.h>

#define NO(what) "the processor's VT-x has no " what

static const struct {
	enum vmx_word word;
	uint32_t bits;
	const char *missing;
} required[] = {
	{ VMX_PRIMARY, PRIMARY_SECONDARY, NO("secondary controls (EPT, unrestricted guest)") },
	{ VMX_SECONDARY, SECONDARY_EPT, NO("nested paging (EPT)") },
	{ VMX_SECONDARY, SECONDARY_UNRESTRICTED, NO("unrestricted guest") },
	{ VMX_SECONDARY, SECONDARY_VPID, NO("virtual processor identifiers (VPID)") },
	{ VMX_SECONDARY, SECONDARY_WBINVD, NO("exit for WBINVD") },
	{ VMX_PIN, PIN_INTERRUPT, NO("exit for external interrupts") },
	{ VMX_PIN, PIN_NMI | PIN_VIRTUAL_NMI, NO("virtual NMIs") },
	{ VMX_PIN, PIN_PREEMPTION, NO("preemption timer") },
	{ VMX_PRIMARY, PRIMARY_HLT, NO("exit for HLT") },
	{ VMX_PRIMARY, PRIMARY_MWAIT | PRIMARY_MONITOR, NO("exit for MONITOR and MWAIT") },
	{ VMX_PRIMARY, PRIMARY_RDPMC, NO("exit for RDPMC") },
	{ VMX_PRIMARY, PRIMARY_IO, NO("exit for port I/O") },
	{ VMX_PRIMARY, PRIMARY_MSR_BITMAP, NO("MSR bitmaps") },
	{ VMX_PRIMARY, PRIMARY_TPR_SHADOW, NO("TPR shadow") },
	{ VMX_PRIMARY, PRIMARY_TSC_OFFSET, NO("TSC offset") },
	{ VMX_PRIMARY, PRIMARY_INTERRUPT_WINDOW, NO("interrupt window") },
	{ VMX_PRIMARY, PRIMARY_NMI_WINDOW, NO("NMI window") },
	{ VMX_EXIT, EXIT_HOST_64, NO("64-bit host") },
	{ VMX_EXIT, EXIT_ACKNOWLEDGE, NO("acknowledgement of interrupts on exit") },
	{ VMX_EXIT, EXIT_SAVE_EFER | EXIT_LOAD_EFER, NO("switch of EFER on exit") },
	{ VMX_EXIT, EXIT_SAVE_DEBUG, NO("switch of DR7 on exit") },
	{ VMX_ENTRY, ENTRY_LOAD_EFER, NO("switch of EFER on entry") },
	{ VMX_ENTRY, ENTRY_LOAD_DEBUG, NO("switch of DR7 on entry") },
};
#define WINDOWS (PRIMARY_INTERRUPT_WINDOW | PRIMARY_NMI_WINDOW) /* must be there; off until something waits */

static const struct {
	uint64_t capability;
	const char *missing;
} ept_required[] = {
	{ EPT_WALK_4, NO("nested paging (EPT) of four levels") },
	{ EPT_WRITE_BACK, NO("write-back nested page tables (EPT)") },
	{ EPT_INVEPT, NO("INVEPT") },
	{ EPT_INVEPT_ALL, NO("INVEPT of all contexts") },
	{ EPT_INVVPID, NO("INVVPID") },
	{ EPT_INVVPID_ALL, NO("INVVPID of all contexts") },
};

static void choose_if_allowed(struct vmx_controls *out, const uint64_t allowed[], enum vmx_word word, uint32_t bits)
{
	out->word[word] |= bits & (uint32_t)(allowed[word] >> 32);
}

/* Either all that spares the exits for a local APIC, or nothing of it: half of it would make two kinds of guests. */
static void choose_apic(struct vmx_controls *out, const uint64_t allowed[])
{
	const uint32_t all = SECONDARY_X2APIC | SECONDARY_APIC_REGISTERS | SECONDARY_VIRTUAL_INTERRUPTS;
	out->virtual_apic = (allowed[VMX_SECONDARY] >> 32 & all) == all;
	if (out->virtual_apic) {
		out->word[VMX_SECONDARY] |= all;
		choose_if_allowed(out, allowed, VMX_PIN, PIN_POSTED);
		out->posted = out->word[VMX_PIN] & PIN_POSTED;
	}
}

static void choose_ept(struct vmx_controls *out, uint64_t ept)
{
	out->ept_leaf = !(ept & EPT_2M) ? 0 : ept & EPT_1G ? 2 : 1;
	out->eptp = 6 | 3 << 3 | (ept & EPT_ACCESSED_DIRTY ? 1 << 6 : 0); /* write-back, four levels; 24.6.11 */
	out->invept = ept & EPT_INVEPT_SINGLE ? INVALIDATE_SINGLE : INVALIDATE_ALL;
	out->invvpid = ept & EPT_INVVPID_SINGLE ? INVALIDATE_SINGLE : INVALIDATE_ALL;
}

const char *vmx_controls_choose(const struct vmx_capabilities *has, struct vmx_controls *out)
{
	bool exact = has->basic & BASIC_TRUE;
	const uint64_t allowed[VMX_WORDS] = { /* low half: must be 1; high half: may be 1 */
		[VMX_PIN] = exact ? has->true_pin : has->pin,
		[VMX_PRIMARY] = exact ? has->true_primary : has->primary,
		[VMX_SECONDARY] = has->primary >> 32 & PRIMARY_SECONDARY ? has->secondary : 0,
		[VMX_EXIT] = exact ? has->true_exit : has->exit,
		[VMX_ENTRY] = exact ? has->true_entry : has->entry,
	};
	*out = (struct vmx_controls){ .revision = has->basic & BASIC_REVISION, .preemption_shift = has->misc & MISC_PREEMPTION_RATE };
	out->bochs = (has->basic & BASIC_FORM) == BASIC_BOCHS || (has->basic & BASIC_FORM) == BASIC_BOCHS_LATER;
	for (unsigned i = 0; i < VMX_WORDS; i++) {
		out->word[i] = (uint32_t)allowed[i];
	}
	for (unsigned i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		if (required[i].bits & ~(uint32_t)(allowed[required[i].word] >> 32)) {
			return required[i].missing;
		}
		out->word[required[i].word] |= required[i].bits;
	}
	for (unsigned i = 0; i < sizeof(ept_required) / sizeof(ept_required[0]); i++) {
		if (!(has->ept_vpid & ept_required[i].capability)) {
			return ept_required[i].missing;
		}
	}
	if ((uint32_t)allowed[VMX_PRIMARY] & (PRIMARY_CR3 | WINDOWS)) {
		return NO("way to leave CR3 to the guest");
	}
	out->word[VMX_PRIMARY] &= ~WINDOWS;
	choose_if_allowed(out, allowed, VMX_SECONDARY, SECONDARY_INVPCID | SECONDARY_ENCLS);
	choose_if_allowed(out, allowed, VMX_EXIT, EXIT_LOAD_PAT);
	choose_if_allowed(out, allowed, VMX_ENTRY, ENTRY_LOAD_PAT);
	choose_apic(out, allowed);
	choose_ept(out, has->ept_vpid);
	out->cr0_fixed = has->cr0_fixed0 & ~(CR0_PE | CR0_PG); /* which unrestricted guests choose, 23.8 */
	out->cr4_fixed = has->cr4_fixed0;
	return NULL;
}
