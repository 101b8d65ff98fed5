/* SPDX-License-Identifier: MIT */
/* vmctl: builds images, runs and steers machines, measures. docs/vmctl.md is the manual. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "say.h"

static int command_help(const struct options *options);

static const struct command {
	const char *name;
	enum vmctl_command id;
	int (*run)(const struct options *options);
	const char *usage, *help;
} commands[] = {
	{ "run", COMMAND_RUN, command_run, "run [options] [-- COMMAND]", "boot a machine, run COMMAND in the guest, power off" },
	{ "bench", COMMAND_BENCH, command_bench, "bench [options]", "measure what isolation costs" },
	{ "ps", COMMAND_PS, command_ps, "ps", "list running machines and their domains" },
	{ "kill", COMMAND_KILL, command_kill, "kill DOMAIN [--machine NAME]", "kill a domain; it comes back by itself" },
	{ "console", COMMAND_CONSOLE, command_console, "console [--machine NAME]", "speak to a machine's hypervisor" },
	{ "image", COMMAND_IMAGE, command_image, "image [DIR] -o FILE", "make a root image out of a directory, or a bootable ISO" },
	{ "bundle", COMMAND_BUNDLE, command_bundle, "bundle MANIFEST -o FILE", "compile a manifest and its images" },
	{ "check", COMMAND_CHECK, command_check, "check MANIFEST", "check a manifest" },
	{ "help", COMMAND_HELP, command_help, "help [COMMAND]", "this text, or a command's options" },
};

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

static int command_help(const struct options *options)
{
	if (options->word_count == 0) {
		printf("vmctl steers Bulkhead machines. Its commands:\n");
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
			printf("  vmctl %-32s %s\n", commands[i].usage, commands[i].help);
		}
		printf("\"vmctl help COMMAND\" lists a command's options; docs/vmctl.md says more.\n");
		return VMCTL_OK;
	}
	const struct command *command = command_find(options->words[0]);
	if (!command) {
		return fail(VMCTL_USAGE, "there is no command \"%s\"; \"vmctl help\" lists them", options->words[0]);
	}
	printf("vmctl %s: %s\n", command->usage, command->help);
	options_help(command->id);
	return VMCTL_OK;
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		struct options none = { 0 };
		command_help(&none);
		return argc < 2 ? VMCTL_USAGE : VMCTL_OK;
	}
	const struct command *command = command_find(argv[1]);
	if (!command) {
		return fail(VMCTL_USAGE, "there is no command \"%s\"; \"vmctl help\" lists them", argv[1]);
	}
	static struct options options;
	char why[256];
	if (options_parse(&options, command->id, argc - 2, argv + 2, why, sizeof(why)) != 0) {
		return fail(VMCTL_USAGE, "%s", why);
	}
	say_verbose(options.verbose);
	return command->run(&options);
}
