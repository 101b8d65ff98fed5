/* SPDX-License-Identifier: MIT */
/*
 * The command lines of all of vmctl's commands: one table of options, each marked with the commands
 * that take it; the help texts are printed from the same table. Words behind "--" are the guest's.
 */
#ifndef VMTOOLS_OPTIONS_H
#define VMTOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "network.h"

#define OPTIONS_MAX_KILLS 64
#define OPTIONS_MAX_WORDS 16
#define OPTIONS_MAX_DISK_IMAGES 4
#define OPTIONS_NAME_LENGTH 24 /* a unix socket's path below the machine's directory has to fit 108 bytes */

/* Linux: Debian's kernel in place of the guest kernel, on the bare machine. */
enum vmctl_mode { MODE_ISOLATED, MODE_MONOLITHIC, MODE_LINUX, MODE_COUNT };
enum vmctl_firmware { FIRMWARE_NONE, FIRMWARE_BIOS, FIRMWARE_UEFI };
enum vmctl_disk { DISK_AHCI, DISK_RAMDISK };
enum vmctl_machine { MACHINE_QEMU, MACHINE_BOCHS };
enum vmctl_medium { MEDIUM_NONE, MEDIUM_ISO, MEDIUM_DISK };
enum vmctl_accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };
enum vmctl_iommu { IOMMU_AMD, IOMMU_INTEL, IOMMU_NONE };

/* The commands that an option belongs to. */
enum vmctl_command {
	COMMAND_RUN = 1, COMMAND_BENCH = 2, COMMAND_BUNDLE = 4, COMMAND_CHECK = 8, COMMAND_IMAGE = 16, COMMAND_KILL = 32,
	COMMAND_CONSOLE = 64, COMMAND_PS = 128, COMMAND_HELP = 256, COMMAND_CAPSULE = 512
};

struct kill_request {
	char domain[16];
	uint64_t after_ns; /* from the start of the guest's command */
};

struct options {
	enum vmctl_mode mode;
	enum vmctl_firmware firmware;
	enum vmctl_disk disk;
	enum vmctl_medium medium; /* what an image boots from; none: it is a root image */
	enum vmctl_iommu iommu;
	enum vmctl_accel accel;
	enum vmctl_machine machine_kind;
	bool machine_given, disk_given, firmware_given, iommu_given; /* else they have the machine's defaults */
	const char *cpu_model; /* Bochs's processor; NULL: with VT-x */
	unsigned cpus; /* 0: as the manifest says */
	uint64_t memory; /* the guest's, bytes; 0: as the manifest says */
	uint64_t timeout_ns; /* 0: none */
	uint64_t size; /* of a root image of packages, bytes; 0: as much as they need */
	bool set_up; /* run the packages' own scripts */
	const char *packages, *mirror; /* Debian packages for the root, comma-separated, and where they come from */
	const char *root, *manifest, *stats, *cpu_flags, *name, *machine, *output, *dir, *json, *lines, *profile, *order, *append, *bundle, *capsules, *capture;
	unsigned runs;
	bool verbose, write, is_short, against_linux, force, icount, keep, update;
	unsigned disk_image_count;
	const char *disk_images[OPTIONS_MAX_DISK_IMAGES]; /* disks behind the root's */
	struct network network;
	unsigned kill_count;
	struct kill_request kills[OPTIONS_MAX_KILLS]; /* by time */
	const char *words[OPTIONS_MAX_WORDS]; /* arguments that are no options */
	unsigned word_count;
	char **command; /* behind "--", NULL-terminated; NULL without "--" */
};

/** Parse argv[0..argc) of `command` into *options, which is set to the defaults first. 0, or -EINVAL with a sentence in `why`. */
int options_parse(struct options *options, enum vmctl_command command, int argc, char **argv, char *why, size_t why_size);
/** The word by which a command is called. */
const char *options_command(enum vmctl_command command);
/** Print the options that `command` takes, two columns, to stdout. */
void options_help(enum vmctl_command command);
/** "ahci@1.5" -> domain and time. 0 or -EINVAL. */
int options_parse_kill(const char *text, struct kill_request *kill);

#endif
