/* SPDX-License-Identifier: MIT */
/* What domains cost: exits by reason, cycles in the hypervisor and in the guest. Counters of other processors are
 * read as they stand. */
#include "base/format.h"
#include "base/string.h"
#include "hv/domain.h"
#include "hv/log.h"

const char *const stat_reason_names[BH_EXIT_COUNT] = {
	[BH_EXIT_INTERRUPT] = "interrupt", [BH_EXIT_HYPERCALL] = "hypercall", [BH_EXIT_MMIO] = "mmio", [BH_EXIT_IO] = "io",
	[BH_EXIT_MSR] = "msr", [BH_EXIT_CPUID] = "cpuid", [BH_EXIT_HLT] = "hlt", [BH_EXIT_WINDOW] = "window",
	[BH_EXIT_PAGE_FAULT] = "page-fault", [BH_EXIT_OTHER] = "other",
};

void stat_domain(const struct domain *d, struct bh_stat_domain *sum)
{
	*sum = (struct bh_stat_domain){ .epoch = d->epoch, .vcpu_count = d->vcpu_count };
	string_copy(sum->name, d->config->name, sizeof(sum->name));
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		const struct bh_stat_domain *s = &d->vcpus[i]->stat;
		sum->run_cycles += s->run_cycles;
		for (unsigned reason = 0; reason < BH_EXIT_COUNT; reason++) {
			sum->exits[reason] += s->exits[reason];
			sum->exit_cycles[reason] += s->exit_cycles[reason];
		}
	}
}

/* " REASON=N" for each reason that occurred: how often, or what one cost. */
static void reasons(const struct bh_stat_domain *s, bool cost, char *to, size_t size)
{
	*to = '\0';
	for (unsigned reason = 0; reason < BH_EXIT_COUNT; reason++) {
		if (s->exits[reason]) {
			size_t length = strlen(to);
			format_text(to + length, size - length, " %s=%lu", stat_reason_names[reason],
				    cost ? s->exit_cycles[reason] / s->exits[reason] : s->exits[reason]);
		}
	}
}

void stat_report(void)
{
	for (unsigned i = 0; i < machine_domain_count; i++) {
		struct bh_stat_domain sum, *s = &sum;
		char text[288]; /* all reasons with 20 digits */
		uint64_t exits = 0, cycles = 0;
		stat_domain(machine_domains[i], s);
		for (unsigned reason = 0; reason < BH_EXIT_COUNT; reason++) {
			exits += s->exits[reason];
			cycles += s->exit_cycles[reason];
		}
		reasons(s, false, text, sizeof(text));
		control_event("stat domain=%s epoch=%u exits=%lu exit_cycles=%lu run_cycles=%lu%s", s->name, s->epoch, exits, cycles,
			      s->run_cycles, text);
		reasons(s, true, text, sizeof(text));
		control_event("cost domain=%s%s", s->name, text);
	}
}
