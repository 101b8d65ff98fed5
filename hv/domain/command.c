/* SPDX-License-Identifier: MIT */
/* The console's and control port's commands about domains: ps, stat, kill, restart. They run in an interrupt handler: they ask, and return. */
#include <stdatomic.h>

#include "abi/errno.h"
#include "base/format.h"
#include "base/string.h"
#include "hv/boot.h"
#include "hv/domain.h"

typedef void (*print_t)(void *to, const char *text);

static const char *const phase_names[] = {
	[DOMAIN_RUNNING] = "running", [DOMAIN_BACKOFF] = "backoff", [DOMAIN_REPLAY] = "replay", [DOMAIN_PARKED] = "parked",
};

static void print_ps(print_t print, void *to)
{
	char line[128];
	for (unsigned i = 0; i < machine_domain_count; i++) {
		const struct domain *d = machine_domains[i];
		format_text(line, sizeof(line), "domain=%s state=%s epoch=%u memory_kib=%lu vcpus=%u cpu=%u priority=%u\n",
			    d->config->name, phase_names[d->phase], d->epoch, d->config->memory >> 10, d->vcpu_count,
			    d->vcpu[0]->cpu, d->config->priority);
		print(to, line);
	}
}

static void print_stat(const struct domain *d, print_t print, void *to)
{
	char line[160];
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		const struct vcpu_stat *stat = &d->vcpu[i]->stat;
		format_text(line, sizeof(line), "domain=%s vcpu=%u run_cycles=%lu\n", d->config->name, i, stat->run_cycles);
		print(to, line);
		for (unsigned reason = 0; reason < BH_EXIT_COUNT; reason++) {
			if (stat->exits[reason]) {
				format_text(line, sizeof(line), "domain=%s vcpu=%u reason=%s count=%lu cycles=%lu\n", d->config->name, i,
					    stat_reason_name(reason), stat->exits[reason], stat->cycles[reason]);
				print(to, line);
			}
		}
	}
}

static struct domain *find(const char *name)
{
	for (unsigned i = 0; i < machine_domain_count; i++) {
		if (strcmp(machine_domains[i]->config->name, name) == 0) {
			return machine_domains[i];
		}
	}
	return NULL;
}

static int refuse(print_t print, void *to, const char *name, const char *text)
{
	char line[96];
	format_text(line, sizeof(line), "%s %s\n", name, text);
	print(to, line);
	return -EINVAL;
}

static int change(const char *name, bool kill, print_t print, void *to)
{
	struct domain *d = find(name);
	if (!d) {
		return refuse(print, to, name, "is no domain; `ps` lists them");
	}
	if (d->main) {
		return refuse(print, to, name, "is the main domain: its end is the machine's");
	}
	if (!kill) {
		recover_restart(d);
		return 0;
	}
	if (d->phase == DOMAIN_PARKED || atomic_load(&d->request) != CAUSE_NONE) {
		return refuse(print, to, name, "is dead already");
	}
	recover_request(d, CAUSE_KILL, "by command");
	return 0;
}

int machine_command(const char *line, print_t print, void *to)
{
	if (strcmp(line, "ps") == 0) {
		print_ps(print, to);
		return 0;
	}
	if (strcmp(line, "stat") == 0) {
		for (unsigned i = 0; i < machine_domain_count; i++) {
			print_stat(machine_domains[i], print, to);
		}
		return 0;
	}
	if (strncmp(line, "stat ", 5) == 0) {
		const struct domain *d = find(line + 5);
		if (!d) {
			return refuse(print, to, line + 5, "is no domain; `ps` lists them");
		}
		print_stat(d, print, to);
		return 0;
	}
	if (strncmp(line, "kill ", 5) == 0) {
		return change(line + 5, true, print, to);
	}
	if (strncmp(line, "restart ", 8) == 0) {
		return change(line + 8, false, print, to);
	}
	return -ENOENT;
}
