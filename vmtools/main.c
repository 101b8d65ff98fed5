/* SPDX-License-Identifier: MIT */
/* vmctl: builds images, runs and steers machines, measures. docs/vmctl.md is the manual. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "abi/hypercall.h"
#include "command.h"
#include "say.h"

static int command_help(const struct options *options);

static const struct command {
	enum vmctl_command id;
	int (*run)(const struct options *options);
	const char *usage, *help, *more; /* more: behind the options, NULL: nothing */
} commands[] = {
	{ COMMAND_RUN, command_run, "run [options] [-- COMMAND]", "boot a machine, run COMMAND in the guest, power off",
	  "COMMAND goes to the guest's /bin/sh -c. On a terminal that is COMMAND's, too; else its stdin is empty (/dev/null).\n"
	  "Its status is vmctl's; 118 to 125 and 128+N are vmctl's own after a sentence of its own on stderr. Without COMMAND:\n"
	  "a shell on this terminal." },
	{ COMMAND_BENCH, command_bench, "bench [net] [options]", "measure what isolation costs, and against Linux; net: of the network", NULL },
	{ COMMAND_PS, command_ps, "ps", "list running machines and their domains", NULL },
	{ COMMAND_KILL, command_kill, "kill DOMAIN [--machine NAME]", "kill a domain, tell when it is back", NULL },
	{ COMMAND_CAPSULE, command_capsule, "capsule DOMAIN|FILE [-o FILE]", "tell of a domain's last death, or of a core of it",
	  "With -o the capsule of a running machine's domain is written as a core: \"gdb build/ahci.elf FILE\" shows where it died." },
	{ COMMAND_CONSOLE, command_console, "console [--machine NAME]", "speak to a machine's hypervisor", NULL },
	{ COMMAND_IMAGE, command_image, "image [DIR|IMAGE] -o FILE", "make a root image, or a bootable ISO or disk",
	  "Without --bootable: an ext4 file system out of DIR, or of busybox. With --bootable disk: a disk that boots, and has this root at its front.\n"
	  "With --bootable iso: a CD or USB stick; the root is the machine's own disk. With --disk ramdisk the root is in the bundle, on either.\n"
	  "Write a disk or an ISO to a stick or disk by \"dd if=FILE of=/dev/sdX bs=4M conv=fsync\"." },
	{ COMMAND_BUNDLE, command_bundle, "bundle MANIFEST -o FILE", "compile a manifest and its images", NULL },
	{ COMMAND_CHECK, command_check, "check MANIFEST", "check a manifest", NULL },
	{ COMMAND_HELP, command_help, "help [COMMAND]", "this text, or a command's options", NULL },
};

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(options_command(commands[i].id), name) == 0) {
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
	if (command->more) {
		printf("%s\n", command->more);
	}
	return VMCTL_OK;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Among the words before the guest's own. */
static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (is_help(argv[i])) {
			return true;
		}
	}
	return false;
}

/* A descriptor that the caller closed must not become a socket of ours; what is written to a closed stdout is not lost without a word. */
static void occupy_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0) {
			(void)!open(fd == 1 ? "/dev/full" : "/dev/null", O_RDWR);
		}
	}
}

int main(int argc, char **argv)
{
	occupy_standard_descriptors();
	if (argc < 2 || is_help(argv[1])) {
		struct options none = { 0 };
		command_help(&none);
		return argc < 2 ? VMCTL_USAGE : VMCTL_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("vmctl of Bulkhead, ABI version %u\n", BH_ABI_VERSION);
		return VMCTL_OK;
	}
	const struct command *command = command_find(argv[1]);
	if (!command) {
		return fail(VMCTL_USAGE, "there is no command \"%s\"; \"vmctl help\" lists them", argv[1]);
	}
	if (asks_for_help(argc - 2, argv + 2)) {
		struct options named = { .words = { options_command(command->id) }, .word_count = 1 };
		return command_help(&named);
	}
	static struct options options;
	char why[256];
	if (options_parse(&options, command->id, argc - 2, argv + 2, why, sizeof(why)) != 0) {
		return fail(VMCTL_USAGE, "%s", why);
	}
	say_verbose(options.verbose);
	return command->run(&options);
}
