/* SPDX-License-Identifier: MIT */
/* What domains cost: exits by reason, cycles in the hypervisor and in the guest. Counters of other processors are read as they stand. */
#include "base/string.h"
#include "hv/domain.h"

void stat_collect(const struct domain *d, struct bh_stat_domain *to)
{
	memset(to, 0, sizeof(*to));
	string_copy(to->name, d->config->name, sizeof(to->name));
	to->epoch = d->epoch;
	to->vcpu_count = d->vcpu_count;
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		const struct vcpu_stat *stat = &d->vcpu[i]->stat;
		for (unsigned reason = 0; reason < BH_EXIT_COUNT; reason++) {
			to->exits[reason] += stat->exits[reason];
			to->exit_cycles[reason] += stat->cycles[reason];
		}
		to->run_cycles += stat->run_cycles;
	}
}
