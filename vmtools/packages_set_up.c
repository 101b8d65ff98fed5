/* SPDX-License-Identifier: MIT */
/*
 * See packages.h. Maintainer scripts act on the machine that they run on, so those that nobody but a shell can follow run in a machine of their own:
 * another vmctl boots the new image, writes to it, and lets Debian's own dpkg finish its work there. No service is started: policy-rc.d forbids it.
 */
#include "packages.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "spawn.h"

static const char command[] = "export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true\n"
			      "policy=/usr/sbin/policy-rc.d\n"
			      "[ -e $policy ] && policy= || { printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy; }\n"
			      "dpkg --configure -a 2>&1\n"
			      "status=$?\n"
			      "[ -z \"$policy\" ] || rm $policy\n"
			      "exit $status\n";

/* "Setting up nginx (1.22.1-9) ..." is progress; the last other line may tell why it failed. */
static void take_line(void *to, char *line)
{
	line[strcspn(line, "\r")] = '\0';
	if (strncmp(line, "Setting up ", 11) == 0) {
		packages_progress(line);
	} else if (strstr(line, "rror") || !strstr(to, "rror")) {
		snprintf(to, PACKAGES_WHY, "%s", line);
	}
}

int packages_set_up(const char *image)
{
	char program[PATH_MAX], why[PACKAGES_WHY] = "";
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length < 0) {
		return fail(VMCTL_HOST, "/proc is not there, so vmctl does not find itself");
	}
	program[length] = '\0';
	const char *const argv[] = { "env", program, "run", "--machine", "qemu", "--memory", "512M", "--timeout", "1800",
				     "--root", image, "--write", "--", command, NULL };
	packages_progress("starting a machine to set up packages in");
	int status = spawn_lines(argv, "coreutils", take_line, why);
	return status < 0 ? fail(VMCTL_IMAGE, "the packages' own scripts, run in a machine, failed: %s", why) : status;
}
