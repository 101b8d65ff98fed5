/* SPDX-License-Identifier: MIT */
/*
 * vmctl's end of the control line (docs/control.md): facts that the machine reports ("@ NAME key=value"), its log, and
 * commands with their answers. Commands wait in a queue and go out one at a time, so an answer always belongs to the oldest.
 * What the machine sends is judged here: lines are bounded, unknown ones are kept as log.
 */
#ifndef VMTOOLS_CONTROL_H
#define VMTOOLS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_LINE_MAX 1024

/* An answer's lines come one by one: "= TEXT" as TEXT with kind '='; then 'o' (ok) or 'e' (error TEXT) ends it. */
typedef void (*control_answer_t)(void *to, char kind, const char *text);

struct control_command {
	struct control_command *next;
	control_answer_t answer;
	void *to;
	bool sent;
	char line[128];
};

struct control {
	int fd;
	char line[CONTROL_LINE_MAX];
	size_t length;
	/* Facts. */
	bool spoke, ready, started, exited, refused, panicked, parked;
	int exit_status;
	uint64_t started_ns, exited_ns; /* monotonic host time */
	char reason[CONTROL_LINE_MAX]; /* of refused, panicked or parked */
	char panic_domain[16];
	char told_by[16], told[CONTROL_LINE_MAX]; /* "log DOMAIN: panic reason: TEXT": a domain's own words before it gives up */
	char init_by[16], init_error[CONTROL_LINE_MAX]; /* "log DOMAIN: init: cannot TEXT": the guest could not start the command */
	char **recoveries, **stats, **costs, **capsules; /* "@ recovery", "@ stat", ... lines, the text behind the name */
	size_t recovery_count, stat_count, cost_count, capsule_count;
	struct control_command *queue;
	void (*log)(void *to, const char *line); /* every line that is no answer */
	void *log_to;
};

void control_init(struct control *control, int fd);
void control_release(struct control *control);
/** Take bytes that came in. */
void control_input(struct control *control, const char *bytes, size_t count, uint64_t now_ns);
/** Queue a command line (no newline). 0, -ENOMEM or -EINVAL (too long, or not printable). */
int control_send(struct control *control, const char *line, control_answer_t answer, void *to);
/** Forget the answers meant for `to`: it is gone. */
void control_forget(struct control *control, void *to);
/** The value of "key=" in a line of "key=value" pairs, up to the next blank (to the end of the line for the key "reason"). NULL: absent. */
const char *control_value(const char *line, const char *key, char *value, size_t size);

#endif
