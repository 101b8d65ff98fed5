/* SPDX-License-Identifier: MIT */
/* See run.h. */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backlog.h"
#include "command.h"
#include "plan.h"
#include "profile.h"
#include "say.h"
#include "stats.h"
#include "terminal.h"
#include "writable.h"

/* The end of a file that tells of the machine, to stderr; escape sequences of firmware are left out. */
static void show_end(const struct workdir *dir, const char *name)
{
	char text[2048];
	FILE *file = fopen(workdir_file(dir, name), "re");
	if (!file) {
		return;
	}
	if (fseek(file, -(long)sizeof(text), SEEK_END) != 0) {
		rewind(file);
	}
	size_t n = fread(text, 1, sizeof(text), file);
	fclose(file);
	fprintf(stderr, "--- the end of %s:\n", name);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~')) {
			fputc(text[i], stderr);
		}
	}
	fputc('\n', stderr);
}

/* What may tell why a machine ended without a word. */
static void show_traces(const struct machine_kind *kind, const struct workdir *dir)
{
	for (const char *const *name = kind->traces; *name; name++) {
		show_end(dir, *name);
	}
}

/* To --order's file of turns. */
static int add_turns(const struct plan *plan, const struct profile *profile)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s.turns", plan->options->order);
	return profile_turns(profile, path);
}

/* With --icount an exact one. What a machine does for clients outside ends with these. */
static struct profile *start_profile(const struct plan *plan, struct session *session)
{
	const struct options *o = plan->options;
	return profile_start(session->machine, &session->printed, o->icount ? workdir_file(plan->dir, "trace") : NULL,
			     o->network.net == NET_NONE ? &session->enough : NULL);
}

/* QEMU listens at the published ports by now. */
static void deepen_backlogs(const struct network *n)
{
	uint16_t ports[NETWORK_MAX_PUBLISHED];
	int errors[NETWORK_MAX_PUBLISHED];
	unsigned count = 0;
	for (unsigned i = 0; n->net == NET_USER && i < n->published_count; i++) {
		if (!n->published[i].udp) {
			ports[count++] = n->published[i].host;
		}
	}
	if (count) {
		backlog_deepen(ports, count, errors);
	}
	for (unsigned i = 0; i < count; i++) {
		if (errors[i]) {
			say("port %u: clients that come at once may have to try again: %s", ports[i], strerror(-errors[i]));
		}
	}
}

/* Start the planned machine and see it through. */
static int run_planned(struct plan *plan, FILE *output, void (*after)(void *to, const struct session *session, int status), void *to)
{
	struct machine machine;
	struct session session = { .options = plan->options, .machine = &machine, .output = fileno(output) };
	session.interactive = plan->on_terminal;
	session.manifest = &plan->manifest;
	session.main_domain = plan_main(plan);
	session.dir = plan->dir;
	session_block_signals();
	int status = machine_start(&machine, &plan->config, plan->dir);
	if (status == 0) {
		deepen_backlogs(&plan->options->network);
		control_init(&session.control, machine.control);
		status = steer_open(&session.steer, plan->dir, &session.control, plan->options->mode != MODE_ISOLATED);
		if (status == 0) {
			if (session.interactive && !plan->options->command) {
				fprintf(stderr, "The guest's console follows. %sCtrl-] three times ends the machine.\n",
					plan->options->mode == MODE_ISOLATED ? "Ctrl-] opens the hypervisor's console; " : "");
			}
			struct profile *profile = plan->options->profile ? start_profile(plan, &session) : NULL;
			status = session_run(&session);
			if (profile) {
				profile_stop(profile);
				status = plan->options->order && status == 0 ? add_turns(plan, profile) : status;
				profile_print(profile, plan->options->network.net == NET_NONE ? "ahci" : network_domain(&plan->options->network), stdout);
				fflush(stdout);
			}
			steer_close(&session.steer);
			if (after) {
				after(to, &session, status);
			}
		}
		control_release(&session.control);
	}
	if (status == VMCTL_DIED && say_is_verbose()) {
		show_traces(machine.kind, plan->dir);
	}
	machine_stop(&machine);
	return status;
}

int run_machine(const struct options *options, FILE *output, void (*after)(void *to, const struct session *session, int status), void *to)
{
	struct workdir dir;
	struct plan *plan = calloc(1, sizeof(*plan));
	int status = plan ? workdir_open(&dir, options->name) : VMCTL_HOST;
	if (status == 0) {
		status = plan_make(plan, options, &dir, output == stdout && terminal_present());
		status = status ? status : run_planned(plan, output, after, to);
		workdir_close(&dir);
	}
	free(plan);
	return status;
}

static void write_stats(void *to, const struct session *session, int status)
{
	const char *path = to;
	if (path) {
		stats_write(path, session, status);
	}
}

int command_run(const struct options *options)
{
	int status = plan_check(options);
	status = status ? status : writable_check(options->stats);
	if (status == 0 && options->capsules && mkdir(options->capsules, 0777) != 0 && errno != EEXIST) {
		status = fail(VMCTL_HOST, "directory %s can't be made: %s", options->capsules, strerror(errno));
	}
	return status ? status : run_machine(options, stdout, write_stats, (void *)options->stats);
}
