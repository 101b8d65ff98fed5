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
		format_text(line, sizeof(line), "domain=%s state=%s epoch=%u memory_kib=%lu vcpus=%u cpu=%u priority=%u\n",
			    d->config->name, phase_names[d->phase], d->epoch, d->config->memory >> 10, d->vcpu_count,
			    d->vcpus[0]->cpu, d->config->priority);
		print(to, line);
	}
}

static void print_stat(const struct domain *d, print_t print, void *to)
{
	struct bh_stat_domain sum;
	const char *name = d->config->name;
	char line[160];
	stat_domain(d, &sum);
	format_text(line, sizeof(line), "domain=%s vcpus=%u run_cycles=%lu\n", name, sum.vcpu_count, sum.run_cycles);
	print(to, line);
	for (unsigned reason = 0; reason < BH_EXIT_COUNT; reason++) {
		if (sum.exits[reason]) {
			format_text(line, sizeof(line), "domain=%s reason=%s count=%lu cycles=%lu each=%lu\n", name,
				    stat_reason_names[reason], sum.exits[reason], sum.exit_cycles[reason],
				    sum.exit_cycles[reason] / sum.exits[reason]);
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

static int say(int result, const char *name, const char *what, print_t print, void *to)
{
	char text[96];
	format_text(text, sizeof(text), "%s %s\n", *name ? name : "a command without a name", what);
	print(to, text);
	return result;
}

static int command_stat(const char *name, print_t print, void *to)
{
	if (*name && !machine_domain(name)) {
		return say(-EINVAL, name, "names no domain; `ps` lists them", print, to);
	}
	for (unsigned i = 0; i < machine_domain_count; i++) {
		if (!*name || machine_domains[i] == machine_domain(name)) {
			print_stat(machine_domains[i], print, to);
		}
	}
	return 0;
}

static int command_change(const char *name, enum recover_cause cause, print_t print, void *to)
{
	struct domain *d = machine_domain(name);
	if (!d) {
		return say(-EINVAL, name, "names no domain; `ps` lists them", print, to);
	}
	if (d->main) {
		return say(-EINVAL, name, "is the main domain: its end is the machine's", print, to);
	}
	bool taken = recover_request(d, cause, "by command");
	return say(taken ? 0 : -EINVAL, name, taken ? "ends now; `log` tells when it is back" : "is dead already", print, to);
}

int machine_command(const char *line, print_t print, void *to)
{
	const char *name;
	if (command_argument(line, "ps")) {
		print_ps(print, to);
		return 0;
	}
	if ((name = command_argument(line, "stat"))) {
		return command_stat(name, print, to);
	}
	if ((name = command_argument(line, "kill"))) {
		return command_change(name, CAUSE_KILL, print, to);
	}
	name = command_argument(line, "restart");
	return name ? command_change(name, CAUSE_RESTART, print, to) : -ENOENT;
}
