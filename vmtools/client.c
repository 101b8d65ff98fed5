/* SPDX-License-Identifier: MIT */
/* The other side of steer.h: `vmctl ps`, `vmctl kill` and `vmctl console` speak to machines that run. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "say.h"
#include "workdir.h"

#define ANSWER_SECONDS 20

/* A stream to the machine's socket, or NULL. */
static FILE *machine_connect(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s/steer", workdir_base(), name) >=
	    sizeof(address.sun_path)) {
		return NULL;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return NULL;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fdopen(fd, "r+");
}

/* Send a command and print its answer, each line behind `indent`. 0 or a vmctl status. */
static int machine_command(FILE *machine, const char *command, const char *indent)
{
	char line[2048], last[256] = "";
	fprintf(machine, "%s\n", command);
	fflush(machine);
	fseek(machine, 0, SEEK_CUR);
	while (fgets(line, sizeof(line), machine)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "ok") == 0) {
			return 0;
		}
		if (strncmp(line, "error ", 6) == 0) {
			return fail(VMCTL_USAGE, "\"%s\" failed: %s", command, last[0] ? last : line + 6);
		}
		snprintf(last, sizeof(last), "%.200s", strncmp(line, "= ", 2) == 0 ? line + 2 : line);
		printf("%s%s\n", indent, strncmp(line, "= ", 2) == 0 ? line + 2 : line);
	}
	return fail(VMCTL_DIED, "the machine does not answer");
}

/* Names of machines that accept connections, at most `max`. */
static unsigned list_machines(char names[][32], unsigned max)
{
	DIR *base = opendir(workdir_base());
	unsigned count = 0;
	for (struct dirent *entry; base && count < max && (entry = readdir(base));) {
		FILE *machine = entry->d_name[0] != '.' && strlen(entry->d_name) < 32 ? machine_connect(entry->d_name) : NULL;
		if (machine) {
			fclose(machine);
			strcpy(names[count++], entry->d_name);
		}
	}
	if (base) {
		closedir(base);
	}
	return count;
}

/* The machine that the options mean: the named one, or the only one. NULL after a sentence. */
static FILE *machine_choose(const struct options *options)
{
	char names[2][32];
	const char *name = options->machine;
	if (!name) {
		unsigned count = list_machines(names, 2);
		if (count != 1) {
			fail(VMCTL_USAGE, count == 0 ? "no machine runs" : "several machines run: choose one by --machine, \"vmctl ps\" lists them");
			return NULL;
		}
		name = names[0];
	}
	FILE *machine = machine_connect(name);
	if (!machine) {
		fail(VMCTL_USAGE, "no machine named \"%s\" runs: \"vmctl ps\" lists them", name);
	}
	return machine;
}

/* A machine that has nothing to tell yet, or has ended meanwhile, is no failure of `ps`: its reason is shown below its name. */
int command_ps(const struct options *options)
{
	char names[64][32], line[2048];
	unsigned count = list_machines(names, 64);
	for (unsigned i = 0; i < count; i++) {
		FILE *machine = machine_connect(names[i]);
		printf("%s\n", names[i]);
		if (!machine) {
			continue;
		}
		fprintf(machine, "ps\n");
		fflush(machine);
		fseek(machine, 0, SEEK_CUR);
		while (fgets(line, sizeof(line), machine) && strcmp(line, "ok\n") != 0) {
			bool error = strncmp(line, "error ", 6) == 0;
			printf("    %s", error ? line + 6 : strncmp(line, "= ", 2) == 0 ? line + 2 : line);
			if (error) {
				break;
			}
		}
		fclose(machine);
	}
	return 0;
}

int command_kill(const struct options *options)
{
	char command[64];
	if (options->word_count != 1) {
		return fail(VMCTL_USAGE, "write \"vmctl kill DOMAIN\"");
	}
	FILE *machine = machine_choose(options);
	if (!machine) {
		return VMCTL_USAGE;
	}
	snprintf(command, sizeof(command), "kill %s", options->words[0]);
	int status = machine_command(machine, command, "");
	fclose(machine);
	return status;
}

int command_console(const struct options *options)
{
	char line[128];
	FILE *machine = machine_choose(options);
	if (!machine) {
		return VMCTL_USAGE;
	}
	bool terminal = isatty(0);
	int status = 0;
	for (;;) {
		if (terminal) {
			fputs("bulkhead> ", stdout);
		}
		fflush(stdout);
		if (status == VMCTL_DIED || !fgets(line, sizeof(line), stdin)) {
			break;
		}
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "exit") == 0) {
			break;
		}
		if (line[0]) {
			status = machine_command(machine, line, "");
		}
	}
	fclose(machine);
	return status;
}
