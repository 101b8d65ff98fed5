/* SPDX-License-Identifier: MIT */
/* The console's and control port's commands about domains: ps, stat, kill, restart. They run in an interrupt handler:
 * they ask, and return. */
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
		format_text(line, sizeof(line), "domain=%s state=%s epoch=%u memory_kib=%lu vcpus=1 cpu=%u priority=%u\n",
			    d->config->name, phase_names[d->phase], d->epoch, d->config->memory >> 10, d->vcpu->cpu,
			    d->config->priority);
		print(to, line);
	}
}

static void print_stat(const struct domain *d, print_t print, void *to)
{
	const struct vcpu_stat *stat = &d->vcpu->stat;
	const char *name = d->config->name;
	char line[160];
	format_text(line, sizeof(line), "domain=%s vcpu=0 run_cycles=%lu\n", name, stat->run_cycles);
	print(to, line);
	for (unsigned reason = 0; reason < BH_EXIT_COUNT; reason++) {
		if (stat->exits[reason]) {
			format_text(line, sizeof(line), "domain=%s vcpu=0 reason=%s count=%lu cycles=%lu\n", name,
				    stat_reason_names[reason], stat->exits[reason], stat->cycles[reason]);
			print(to, line);
		}
	}
}

static struct domain *machine_domain(const char *name)
{
	for (unsigned i = 0; i < machine_domain_count; i++) {
		if (strcmp(machine_domains[i]->config->name, name) == 0) {
			return machine_domains[i];
		}
	}
	return NULL;
}

static void print_stats(const struct domain *only, print_t print, void *to)
{
	for (unsigned i = 0; i < machine_domain_count; i++) {
		if (!only || only == machine_domains[i]) {
			print_stat(machine_domains[i], print, to);
		}
	}
}

/* What is wrong with it; NULL: nothing. */
static const char *change(struct domain *d, enum recover_cause cause)
{
	if (d->main) {
		return "is the main domain: its end is the machine's";
	}
	return recover_request(d, cause, "by command") ? NULL : "is dead already";
}

int machine_command(const char *line, print_t print, void *to)
{
	static const struct { const char *verb; enum recover_cause cause; } verbs[] = {
		{ "stat ", CAUSE_NONE }, { "kill ", CAUSE_KILL }, { "restart ", CAUSE_RESTART },
	};
	if (strcmp(line, "ps") == 0) {
		print_ps(print, to);
		return 0;
	}
	if (strcmp(line, "stat") == 0) {
		print_stats(NULL, print, to);
		return 0;
	}
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		size_t length = strlen(verbs[i].verb);
		if (strncmp(line, verbs[i].verb, length) != 0) {
			continue;
		}
		const char *name = line + length, *wrong = NULL;
		struct domain *d = machine_domain(name);
		if (!d) {
			wrong = "is no domain; `ps` lists them";
		} else if (verbs[i].cause != CAUSE_NONE) {
			wrong = change(d, verbs[i].cause);
		} else {
			print_stats(d, print, to);
		}
		if (wrong) {
			char text[96];
			format_text(text, sizeof(text), "%s %s\n", name, wrong);
			print(to, text);
		}
		return wrong ? -EINVAL : 0;
	}
	return -ENOENT;
}
