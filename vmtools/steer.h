/* SPDX-License-Identifier: MIT */
/*
 * Steering a running machine from other processes: `vmctl run` listens on a unix socket in the machine's directory, passes each
 * line that a client sends to the control line, and the answer back ("= TEXT" lines, then "ok" or "error TEXT"). Two lines are
 * for `vmctl run` itself: after "watch" the client gets the machine's "@ " lines too; "capsule DOMAIN" is answered by the path of a core.
 */
#ifndef VMTOOLS_STEER_H
#define VMTOOLS_STEER_H

#include <poll.h>

#include "control.h"
#include "workdir.h"

#define STEER_CLIENTS 8
#define STEER_FDS (STEER_CLIENTS + 1)

struct steer_client {
	int fd; /* -1: free */
	size_t length;
	char line[128];
	struct steer *steer;
	bool watches; /* wants to be told of events */
};

struct steer {
	int listener;
	struct control *control;
	/* For the line "capsule DOMAIN": write its core below the machine's directory. The file's path, or NULL and why. */
	const char *(*capsule)(void *to, const char *domain, const char **why);
	void *capsule_to;
	bool deaf; /* the machine has no one on its control line that takes commands */
	struct steer_client clients[STEER_CLIENTS];
};

/** 0 or a vmctl status. */
int steer_open(struct steer *steer, const struct workdir *dir, struct control *control, bool deaf);
void steer_close(struct steer *steer);
/** Pass an event's line on to the clients that watch. */
void steer_tell(struct steer *steer, const char *line);
/** Fill STEER_FDS entries for poll(); unused ones get fd -1. */
void steer_poll(const struct steer *steer, struct pollfd *fds);
/** Serve what poll() found in the same entries. */
void steer_serve(struct steer *steer, const struct pollfd *fds);

#endif
