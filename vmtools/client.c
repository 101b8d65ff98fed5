/* SPDX-License-Identifier: MIT */
/* The other side of steer.h: `vmctl ps`, `vmctl kill`, `vmctl capsule` and `vmctl console` speak to machines that run. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "capsule.h"
#include "command.h"
#include "control.h"
#include "say.h"
#include "workdir.h"

#define ANSWER_SECONDS 20
#define KILL_SECONDS 10 /* from a kill to what came of it */

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

/*
 * Send a command and print its answer, of which an error's last line becomes the sentence. `advice`, if it is not NULL, stands in place of what
 * the hypervisor's own console would advise: behind an error, and the answer is not printed. `asked` is what the user wants done by it.
 * 0 or a vmctl status.
 */
static int machine_command(FILE *machine, const char *command, const char *asked, const char *advice)
{
	char line[2048], last[256] = "";
	bool held = false;
	fprintf(machine, "%s\n", command);
	fflush(machine);
	fseek(machine, 0, SEEK_CUR);
	while (fgets(line, sizeof(line), machine)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "@ ", 2) == 0) {
			continue;
		}
		if (strncmp(line, "error ", 6) == 0) {
			const char *why = held ? last : line + 6;
			size_t length = advice ? strcspn(why, ";") : strlen(why);
			return fail(VMCTL_USAGE, "\"%s\" failed: %.*s%s", asked, (int)length, why, why[length] ? advice : "");
		}
		if (held && !advice) {
			printf("%s\n", last);
		}
		held = true;
		if (strcmp(line, "ok") == 0) {
			return 0;
		}
		snprintf(last, sizeof(last), "%.*s", (int)sizeof(last) - 1, strncmp(line, "= ", 2) == 0 ? line + 2 : line);
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

/* The machine that the options mean, and its name: the named one, or this user's only one. NULL after a sentence. */
static FILE *machine_choose(const struct options *options, const char **name_to)
{
	static char names[2][32];
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
	*name_to = name;
	return machine;
}

/* Its name and the start of its command, as a file of its directory has it. */
static void print_machine(const char *name)
{
	char path[sizeof("/command.txt") + 2200], command[64] = "";
	snprintf(path, sizeof(path), "%s/%s/command.txt", workdir_base(), name);
	FILE *file = fopen(path, "re");
	if (file) {
		(void)!fgets(command, sizeof(command), file);
		fclose(file);
	}
	command[strcspn(command, "\n")] = '\0';
	printf("%s%s%s\n", name, command[0] ? ": " : "", command);
}

/* A machine that has nothing to tell yet, or has ended meanwhile, is no failure of `ps`: its reason is shown below its name. */
int command_ps(const struct options *options)
{
	char names[64][32], line[2048];
	if (options->word_count) {
		return fail(VMCTL_USAGE, "\"%s\" is not expected here: write \"vmctl ps\"", options->words[0]);
	}
	unsigned count = list_machines(names, 64);
	for (unsigned i = 0; i < count; i++) {
		FILE *machine = machine_connect(names[i]);
		print_machine(names[i]);
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

/* Print what an event says about the domain. True: there is no more to wait for. */
static bool tell_event(const char *event, const char *machine, const char *domain)
{
	char name[16], value[256], epoch[16];
	const char *pairs = strchr(event, ' ');
	if (strncmp(event, "exit ", 5) == 0) {
		printf("%s: the machine ended before %s was back\n", machine, domain);
		return true;
	}
	if (!pairs || !control_value(pairs + 1, "domain", name, sizeof(name)) || strcmp(name, domain) != 0) {
		return false;
	}
	if (strncmp(event, "recovery ", 9) == 0 && control_value(pairs + 1, "total_us", value, sizeof(value)) &&
	    control_value(pairs + 1, "epoch", epoch, sizeof(epoch))) {
		printf("%s: %s: back in %.1f ms, epoch %s\n", machine, domain, atof(value) / 1000, epoch);
		return true;
	}
	if (strncmp(event, "parked ", 7) == 0 || strncmp(event, "panic ", 6) == 0) {
		bool parked = event[1] == 'a' && event[2] == 'r';
		control_value(pairs + 1, "reason", value, sizeof(value));
		printf("%s: %s: %s: %s\n", machine, domain, parked ? "parked, it is not started again" : "lost, and the machine with it", value);
		return true;
	}
	return false;
}

/* The kill was taken: read events until one says what came of it. 0 or a vmctl status. */
static int await_kill(FILE *machine, const char *name, const char *domain)
{
	char line[2048];
	struct timeval limit = { .tv_sec = KILL_SECONDS };
	setsockopt(fileno(machine), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while (fgets(line, sizeof(line), machine)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "@ ", 2) == 0 && tell_event(line + 2, name, domain)) {
			return 0;
		}
	}
	if (feof(machine)) {
		return fail(VMCTL_DIED, "the machine ended before %s was back", domain);
	}
	return fail(VMCTL_TIMEOUT, "%s was killed and is not back after %d s: \"vmctl ps\" tells its state", domain, KILL_SECONDS);
}

int command_kill(const struct options *options)
{
	char command[64];
	const char *name;
	if (options->word_count != 1) {
		return fail(VMCTL_USAGE, "write \"vmctl kill DOMAIN\": \"vmctl ps\" lists them");
	}
	FILE *machine = machine_choose(options, &name);
	if (!machine) {
		return VMCTL_USAGE;
	}
	snprintf(command, sizeof(command), "kill %s", options->words[0]);
	int status = machine_command(machine, "watch", "kill", NULL);
	status = status ? status : machine_command(machine, command, command, "; \"vmctl ps\" lists the domains");
	status = status ? status : await_kill(machine, name, options->words[0]);
	fclose(machine);
	return status;
}

/* The machine writes the core, we read it back: a file of its directory, which goes with it. */
static int fetch_core(FILE *machine, const char *domain, char *path, size_t size)
{
	char line[2048];
	fprintf(machine, "capsule %s\n", domain);
	fflush(machine);
	fseek(machine, 0, SEEK_CUR);
	if (!fgets(line, sizeof(line), machine)) {
		return fail(VMCTL_DIED, "the machine does not answer");
	}
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "= ", 2) != 0) {
		return fail(VMCTL_USAGE, "no capsule of %s: %s", domain, strncmp(line, "error ", 6) == 0 ? line + 6 : line);
	}
	snprintf(path, size, "%.*s", (int)size - 1, line + 2);
	return 0;
}

int command_capsule(const struct options *options)
{
	static struct capsule capsule;
	char path[256];
	const char *why, *name = NULL, *word = options->words[0];
	if (options->word_count != 1) {
		return fail(VMCTL_USAGE, "write \"vmctl capsule DOMAIN\", or the name of a core file with a '/' in it");
	}
	FILE *machine = strchr(word, '/') ? NULL : machine_choose(options, &name);
	if (!machine && !strchr(word, '/')) {
		return VMCTL_USAGE;
	}
	snprintf(path, sizeof(path), "%s", word);
	int status = machine ? fetch_core(machine, word, path, sizeof(path)) : 0;
	if (status == 0 && capsule_load(&capsule, path, &why) != 0) {
		status = fail(VMCTL_USAGE, "%s: %s", path, why);
	}
	if (machine) {
		fclose(machine);
	}
	if (status == 0 && options->output && capsule_write(&capsule, options->output) != 0) {
		status = fail(VMCTL_HOST, "%s can't be written", options->output);
	}
	if (status == 0) {
		if (name) {
			printf("machine %s\n", name);
		}
		capsule_show(&capsule, stdout);
		capsule_free(&capsule);
	}
	return status;
}

int command_console(const struct options *options)
{
	char line[128];
	const char *name;
	FILE *machine = machine_choose(options, &name);
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
			status = machine_command(machine, line, line, NULL);
		}
	}
	fclose(machine);
	return status;
}
