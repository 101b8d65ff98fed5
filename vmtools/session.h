/* SPDX-License-Identifier: MIT */
/*
 * One machine from its start to its end: bytes between COM1 and the user, facts from COM2, kills at their times, other
 * processes' commands, signals, the time limit. One poll() loop; nothing blocks but writing to the user.
 */
#ifndef VMTOOLS_SESSION_H
#define VMTOOLS_SESSION_H

#include <stdbool.h>

#include "control.h"
#include "machine.h"
#include "manifest.h"
#include "options.h"
#include "steer.h"
#include "writer.h"

struct session {
	const struct options *options;
	struct machine *machine;
	struct control control;
	struct steer steer;
	bool interactive; /* stdin goes to the guest */
	int output; /* where the guest's console goes, stdout as a rule */
	struct writer console_out, log_out;
	const struct manifest *manifest; /* NULL: none */
	const char *main_domain; /* whose panic is the machine's end */
	uint64_t begin_ns, deadline_ns, grace_ns; /* monotonic; 0: none */
	unsigned kills_done, kills_answered, kills_taken; /* sent; answered; of these not refused */
	unsigned capsules_written; /* of control.capsules, to options->capsules */
	char capsule_path[128]; /* of the last one that was asked for */
	const struct workdir *dir;
	char kill_reason[256];
	bool console_open; /* COM1 still connected */
	bool printed; /* the guest's console has said something */
	bool enough; /* a profile has all it needs, and has ended the machine */
	bool timed_out;
	int output_error; /* errno of what stdout did not take, or 0 */
	bool resized; /* the terminal is, and the guest does not know */
	int signal; /* that ended us, or 0 */
	unsigned escapes; /* Ctrl-] in a row; three end the machine as SIGTERM does */
};

/** Run until the machine has ended or has to. Returns the exit status, after a sentence if it is one of ours. */
int session_run(struct session *session);

/** Block the signals that session_run takes in its loop. */
void session_block_signals(void);

#endif
