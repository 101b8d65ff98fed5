/* SPDX-License-Identifier: MIT */
/* See options.h. "--name VALUE" and "--name=VALUE" mean the same. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hypercall.h"
#include "base/string.h"
#include "quantity.h"

#define GUEST_MEMORY_MIN (16ull << 20)
#define GUEST_MEMORY_MAX (16ull << 30) /* the most that was tried; the hypervisor clears all of it, so the host has to have it */

/* Each set_ function stores a value and returns NULL, or says what would have been right. */

static const char *set_mode(struct options *o, const char *value)
{
	o->mode = strcmp(value, "monolithic") == 0 ? MODE_MONOLITHIC : MODE_ISOLATED;
	return o->mode == MODE_ISOLATED && strcmp(value, "isolated") != 0 ? "use isolated or monolithic" : NULL;
}

/* "bochs" or "bochs:MODEL". What it has no other way to be is then the default (fill_defaults). */
static const char *set_machine_kind(struct options *o, const char *value)
{
	bool bochs = strncmp(value, "bochs", 5) == 0 && (value[5] == '\0' || value[5] == ':');
	o->machine_given = true;
	o->machine_kind = bochs ? MACHINE_BOCHS : MACHINE_QEMU;
	o->cpu_model = bochs && value[5] ? value + 6 : NULL;
	if (o->cpu_model && (!*o->cpu_model || strspn(o->cpu_model, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(o->cpu_model))) {
		return "MODEL is a name that \"bochs --help cpu\" lists, as in bochs:ryzen";
	}
	return !bochs && strcmp(value, "qemu") != 0 ? "use qemu, bochs or bochs:MODEL" : NULL;
}

static const char *set_firmware(struct options *o, const char *value)
{
	o->firmware_given = true;
	static const char *const names[] = { "none", "bios", "uefi" };
	for (int i = 0; i < 3; i++) {
		if (strcmp(value, names[i]) == 0) {
			o->firmware = (enum vmctl_firmware)i;
			return NULL;
		}
	}
	return "use none, bios or uefi";
}

static const char *set_disk(struct options *o, const char *value)
{
	o->disk_given = true;
	o->disk = strcmp(value, "ramdisk") == 0 ? DISK_RAMDISK : DISK_AHCI;
	return o->disk == DISK_AHCI && strcmp(value, "ahci") != 0 ? "use ahci or ramdisk" : NULL;
}

static const char *set_iommu(struct options *o, const char *value)
{
	o->iommu_given = true;
	static const char *const names[] = { [IOMMU_AMD] = "amd", [IOMMU_INTEL] = "intel", [IOMMU_NONE] = "none" };
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			o->iommu = (enum vmctl_iommu)i;
			return NULL;
		}
	}
	return "use amd, intel or none";
}

static const char *set_accel(struct options *o, const char *value)
{
	static const char *const names[] = { "auto", "kvm", "tcg" };
	for (int i = 0; i < 3; i++) {
		if (strcmp(value, names[i]) == 0) {
			o->accel = (enum vmctl_accel)i;
			return NULL;
		}
	}
	return "use auto, kvm or tcg";
}

static const char *set_cpus(struct options *o, const char *value)
{
	uint64_t cpus;
	if (quantity_number(value, BH_MAX_VCPUS, &cpus) != 0 || cpus == 0) {
		return "use 1 to 16";
	}
	o->cpus = (unsigned)cpus;
	return NULL;
}

static const char *set_runs(struct options *o, const char *value)
{
	uint64_t runs;
	if (quantity_number(value, 99, &runs) != 0 || runs == 0) {
		return "use 1 to 99";
	}
	o->runs = (unsigned)runs;
	return NULL;
}

static const char *set_memory(struct options *o, const char *value)
{
	if (quantity_size(value, &o->memory) != 0 || o->memory < GUEST_MEMORY_MIN || o->memory > GUEST_MEMORY_MAX ||
	    o->memory & ((1 << 20) - 1)) {
		return "use 16M to 16G in steps of 1M, as in 256M";
	}
	return NULL;
}

static const char *set_timeout(struct options *o, const char *value)
{
	return quantity_seconds(value, &o->timeout_ns) != 0 ? "use a number of seconds, as in 60 or 2.5" : NULL;
}

int options_parse_kill(const char *text, struct kill_request *kill)
{
	const char *at = strchr(text, '@');
	size_t length = at ? (size_t)(at - text) : 0;
	if (length == 0 || length >= sizeof(kill->domain)) {
		return -EINVAL;
	}
	memcpy(kill->domain, text, length);
	kill->domain[length] = '\0';
	return quantity_seconds(at + 1, &kill->after_ns) != 0 ? -EINVAL : 0;
}

/* Keeps the list in the order of time. */
static const char *set_kill(struct options *o, const char *value)
{
	struct kill_request kill;
	if (o->kill_count == OPTIONS_MAX_KILLS) {
		return "that is one too many: use at most 64";
	}
	if (options_parse_kill(value, &kill) != 0) {
		return "use DOMAIN@SECONDS, as in ahci@0.5";
	}
	unsigned at = o->kill_count++;
	for (; at > 0 && o->kills[at - 1].after_ns > kill.after_ns; at--) {
		o->kills[at] = o->kills[at - 1];
	}
	o->kills[at] = kill;
	return NULL;
}

static const char *set_disk_image(struct options *o, const char *value)
{
	if (o->disk_image_count == OPTIONS_MAX_DISK_IMAGES) {
		return "that is one too many: use at most 4";
	}
	o->disk_images[o->disk_image_count++] = value;
	return *value ? NULL : "give a value that is not empty";
}

static const char *set_verbose(struct options *o, const char *value)
{
	o->verbose = true;
	return NULL;
}

static const char *set_write(struct options *o, const char *value)
{
	o->write = true;
	return NULL;
}

static const char *set_short(struct options *o, const char *value)
{
	o->is_short = true;
	return NULL;
}

static const char *set_against(struct options *o, const char *value)
{
	o->against_linux = true;
	return strcmp(value, "linux") == 0 ? NULL : "use linux";
}

static const char *set_bootable(struct options *o, const char *value)
{
	o->medium = strcmp(value, "iso") == 0 ? MEDIUM_ISO : MEDIUM_DISK;
	return o->medium == MEDIUM_DISK && strcmp(value, "disk") != 0 ? "use iso or disk" : NULL;
}

static const char *set_force(struct options *o, const char *value)
{
	o->force = true;
	return NULL;
}

static const char *set_update(struct options *o, const char *value)
{
	o->update = true;
	return NULL;
}

static const char *set_set_up(struct options *o, const char *value)
{
	o->set_up = true;
	return NULL;
}

static const char *set_size(struct options *o, const char *value)
{
	return quantity_size(value, &o->size) != 0 || o->size < 8ull << 20 || o->size > 1ull << 40 || o->size & 4095 ?
		       "use 8M to 1024G, as in 2G" : NULL;
}

static const char *set_icount(struct options *o, const char *value)
{
	o->icount = true;
	return NULL;
}

static const char *set_net(struct options *o, const char *value)
{
	return network_set(&o->network, value);
}

static const char *set_ip(struct options *o, const char *value)
{
	return network_set_ip(&o->network, value);
}

static const char *set_mac(struct options *o, const char *value)
{
	return network_set_mac(&o->network, value);
}

static const char *set_net_device(struct options *o, const char *value)
{
	return network_set_device(&o->network, value);
}

static const char *set_publish(struct options *o, const char *value)
{
	return network_publish(&o->network, value);
}

/* It becomes a directory's name, and a libvirt domain's. */
static const char *set_name(struct options *o, const char *value)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t length = strlen(value);
	o->name = value;
	return length == 0 || length > OPTIONS_NAME_LENGTH || *value == '.' || strspn(value, good) != length ?
		       "use 1 to 24 of A-Z a-z 0-9 . _ -, and no dot in front" : NULL;
}

/* Options whose value is kept as it is. */
#define TEXT_OPTION(field)                                                                         \
	static const char *set_##field(struct options *o, const char *value)                       \
	{                                                                                          \
		o->field = value;                                                                  \
		return *value ? NULL : "give a value that is not empty";                           \
	}
TEXT_OPTION(root)
TEXT_OPTION(manifest)
TEXT_OPTION(stats)
TEXT_OPTION(cpu_flags)
TEXT_OPTION(machine)
TEXT_OPTION(output)
TEXT_OPTION(dir)
TEXT_OPTION(json)
TEXT_OPTION(lines)
TEXT_OPTION(profile)
TEXT_OPTION(order)
TEXT_OPTION(append)
TEXT_OPTION(bundle)
TEXT_OPTION(capsules)
TEXT_OPTION(capture)
TEXT_OPTION(packages)
TEXT_OPTION(mirror)

#define RUNS (COMMAND_RUN | COMMAND_BENCH)

static const struct option {
	const char *name, *value; /* value NULL: takes none */
	unsigned commands; /* enum vmctl_command */
	const char *(*set)(struct options *o, const char *value);
	const char *help;
} table[] = {
	{ "--mode", "isolated|monolithic", COMMAND_RUN, set_mode, "with the hypervisor (default), or the guest kernel on the bare machine" },
	{ "--machine", "qemu|bochs[:MODEL]", COMMAND_RUN, set_machine_kind, "who plays it; bochs has VT-x, no IOMMU, no AHCI (qemu, or $VMCTL_MACHINE)" },
	{ "--cpus", "N", RUNS, set_cpus, "processors of the machine, 1 to 16: the guest has a vCPU on each of the first 8 (1)" },
	{ "--memory", "SIZE", RUNS, set_memory, "the guest's memory, 16M to 16G (256M)" },
	{ "--root", "DIR|IMAGE", COMMAND_RUN, set_root, "root file system; a directory is copied into an image (a small busybox system)" },
	{ "--packages", "NAME,...", COMMAND_RUN | COMMAND_IMAGE, set_packages, "a root of Debian 12's packages and what they need; DIR's files lie over it" },
	{ "--mirror", "URI", COMMAND_RUN | COMMAND_IMAGE, set_mirror, "with --packages: the Debian archive (else: the host's apt's)" },
	{ "--update", NULL, COMMAND_RUN | COMMAND_IMAGE, set_update, "with --packages: fetch the archive's lists again" },
	{ "--set-up", NULL, COMMAND_RUN | COMMAND_IMAGE, set_set_up, "with --packages: run their own scripts, once, in a machine" },
	{ "--size", "SIZE", COMMAND_RUN | COMMAND_IMAGE, set_size, "with --packages: of the root image (content and 256M)" },
	{ "--write", NULL, COMMAND_RUN, set_write, "let the guest change the images themselves, not a copy of them" },
	{ "--firmware", "none|bios|uefi", COMMAND_RUN, set_firmware, "how the machine starts; none is fastest; not with monolithic (none)" },
	{ "--disk", "ahci|ramdisk", COMMAND_RUN, set_disk, "where the root file system lies (ahci)" },
	{ "--disk-image", "FILE", COMMAND_RUN, set_disk_image, "one more disk on the AHCI controller; at most 4 of them" },
	{ "--net", "user|tap=NAME|none", COMMAND_RUN, set_net, "a network adapter: on QEMU's own network, or on a tap device of the host's (none)" },
	{ "--net-device", "e1000e|e1000|loop", COMMAND_RUN, set_net_device, "the adapter; loop is a domain that sends back what it gets (e1000e)" },
	{ "--mac", "ADDRESS", COMMAND_RUN, set_mac, "the adapter's own address (one that goes with the tap device; else 52:54:00:12:34:56)" },
	{ "--ip", "dhcp|none|ADDRESS/BITS[,...]", COMMAND_RUN, set_ip, "the guest's address, with ,gateway=ADDRESS and ,dns=ADDRESS (dhcp)" },
	{ "--publish", "PORT:GUESTPORT[/udp]", COMMAND_RUN, set_publish, "a port of this host leads to one of the guest's; means --net user" },
	{ "--iommu", "amd|intel|none", COMMAND_RUN, set_iommu, "the machine's IOMMU (amd in isolated mode)" },
	{ "--accel", "auto|kvm|tcg", RUNS, set_accel, "who runs QEMU's processors: auto is KVM where its guests can nest, else TCG (auto)" },
	{ "--cpu-flags", "FLAGS", COMMAND_RUN, set_cpu_flags, "processor features, comma-separated, -NAME takes one away, as in -svm" },
	{ "--manifest", "FILE", COMMAND_RUN, set_manifest, "domains of the machine (built in: guest and the disk's domain)" },
	{ "--bundle", "FILE", COMMAND_RUN, set_bundle, "boot this bundle as it is; no COMMAND then" },
	{ "--append", "TEXT", COMMAND_RUN, set_append, "words added to the guest kernel's command line" },
	{ "--kill", "DOMAIN@SECONDS", COMMAND_RUN, set_kill, "kill a domain so long after COMMAND started; at most 64 of them" },
	{ "--stats", "FILE", COMMAND_RUN, set_stats, "write times, exits and recoveries as JSON" },
	{ "--capsules", "DIR", COMMAND_RUN, set_capsules, "write a core for gdb there of each domain that dies: DOMAIN-EPOCH.core" },
	{ "--capture", "FILE", COMMAND_RUN, set_capture, "write the frames of --net there, as pcap: tcpdump and Wireshark read it" },
	{ "--timeout", "SECONDS", RUNS, set_timeout, "give up after so long, with status 124" },
	{ "--icount", NULL, COMMAND_BENCH, set_icount, "with --profile: exactly, every one of some 400,000 instructions" },
	{ "--icount", NULL, COMMAND_RUN, set_icount, "count instructions: virtual time runs by instructions, one processor" },
	{ "--name", "NAME", COMMAND_RUN, set_name, "the machine's name for ps, kill and console (run-PID)" },
	{ "--verbose", NULL, RUNS, set_verbose, "logs of hypervisor and domains to stderr" },
	{ "--json", "FILE", COMMAND_BENCH, set_json, "write the figures as JSON" },
	{ "--runs", "N", COMMAND_BENCH, set_runs, "runs of each mode, interleaved; medians count (3)" },
	{ "--against", "linux", COMMAND_BENCH, set_against, "compare with Debian's kernel, which apt fetches at first use, on the same machine" },
	{ "--lines", "NAME,NAME...", COMMAND_BENCH, set_lines, "only these lines of the table" },
	{ "--profile", "NAME,NAME...", COMMAND_BENCH, set_profile, "of these lines, tell where the time went, by function" },
	{ "--order", "FILE", COMMAND_BENCH, set_order, "with --profile --icount: add turns to FILE.turns, and list functions by them there" },
	{ "--short", NULL, COMMAND_BENCH, set_short, "fewer iterations; instructions are counted once, or not at all without --against" },
	{ "--dir", "DIR", COMMAND_BUNDLE | COMMAND_CHECK, set_dir, "where images are that the manifest names (vmctl's own directory)" },
	{ "-o", "FILE", COMMAND_BUNDLE | COMMAND_IMAGE | COMMAND_CAPSULE, set_output, "the file to write" },
	{ "--bootable", "iso|disk", COMMAND_IMAGE, set_bootable, "make what BIOS and UEFI boot: hypervisor, domains, and a root as --disk says" },
	{ "--disk", "ahci|ramdisk", COMMAND_IMAGE, set_disk, "with --bootable: the root is a disk (with \"disk\" this one), or in memory (ahci)" },
	{ "--manifest", "FILE", COMMAND_IMAGE, set_manifest, "with --bootable: domains of the machine (guest and the disk's domain)" },
	{ "--memory", "SIZE", COMMAND_IMAGE, set_memory, "with --bootable: the guest's memory, 16M to 16G (256M)" },
	{ "--verbose", NULL, COMMAND_IMAGE, set_verbose, "say each step on stderr, as on a terminal" },
	{ "--force", NULL, COMMAND_IMAGE, set_force, "overwrite FILE if it exists" },
	{ "--machine", "NAME", COMMAND_KILL | COMMAND_CONSOLE | COMMAND_CAPSULE, set_machine, "which machine, where several run" },
};

static const struct option *option_find(enum vmctl_command command, const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].commands & command && strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0) {
			return &table[i];
		}
	}
	return NULL;
}

const char *options_command(enum vmctl_command command)
{
	static const char *const words[] = { "run", "bench", "bundle", "check", "image", "kill", "console", "ps", "help", "capsule" };
	return words[__builtin_ctz(command)];
}

/* Take the option at argv[*at], and its value; *at is left on the last word taken. */
static int take_option(struct options *o, enum vmctl_command command, int argc, char **argv, int *at, char *why, size_t size)
{
	const char *word = argv[*at], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *option = option_find(command, word, length);
	if (!option) {
		snprintf(why, size, "there is no option %.*s here; \"vmctl help %s\" lists them", (int)length, word, options_command(command));
		return -EINVAL;
	}
	const char *value = NULL;
	if (!option->value && equals) {
		snprintf(why, size, "%s takes no value", option->name);
		return -EINVAL;
	}
	if (option->value) {
		value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
		if (!value) {
			snprintf(why, size, "%s needs a value: %s", option->name, option->value);
			return -EINVAL;
		}
	}
	const char *advice = option->set(o, value);
	if (advice) {
		snprintf(why, size, "%s %s is not possible: %s", option->name, value, advice);
		return -EINVAL;
	}
	return 0;
}

/* What says something about packages only. */
static const char *package_option(const struct options *o)
{
	return o->size ? "--size" : o->mirror ? "--mirror" : o->update ? "--update" : o->set_up ? "--set-up" : NULL;
}

/* $VMCTL_MACHINE stands for --machine where that is not given; a published port needs a network. What nobody would hear is refused. */
static int fill_defaults(struct options *o, enum vmctl_command command, char *why, size_t size)
{
	const char *machine = getenv("VMCTL_MACHINE");
	const char *advice = command == COMMAND_RUN && !o->machine_given && machine && *machine ? set_machine_kind(o, machine) : NULL;
	if (advice) {
		snprintf(why, size, "VMCTL_MACHINE=%s is not possible: %s", machine, advice);
		return -EINVAL;
	}
	if (!o->packages && package_option(o)) {
		snprintf(why, size, "%s goes with --packages", package_option(o));
		return -EINVAL;
	}
	if (o->network.published_count && !o->network.net_given) {
		o->network.net = NET_USER;
	}
	if (o->machine_kind == MACHINE_BOCHS) {
		o->disk = o->disk_given ? o->disk : DISK_RAMDISK;
		o->firmware = o->firmware_given ? o->firmware : FIRMWARE_BIOS;
		o->iommu = o->iommu_given ? o->iommu : IOMMU_NONE;
		o->network.nic = o->network.nic_given ? o->network.nic : NIC_E1000;
	}
	return 0;
}

/* The guest's shell would have nothing to do. */
static bool is_blank(char *const *words)
{
	for (; *words; words++) {
		if ((*words)[strspn(*words, " \t\n")]) {
			return false;
		}
	}
	return true;
}

static int parse_words(struct options *options, enum vmctl_command command, int argc, char **argv, char *why, size_t why_size)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			if (!(command & COMMAND_RUN) || i + 1 == argc) {
				snprintf(why, why_size, "%s", i + 1 == argc ? "behind -- a command has to stand" : "-- has no meaning here");
				return -EINVAL;
			}
			options->command = argv + i + 1;
			if (is_blank(options->command)) {
				snprintf(why, why_size, "the command behind -- is empty: give one, or leave out -- for a shell");
				return -EINVAL;
			}
			return 0;
		}
		if (argv[i][0] == '-' && argv[i][1]) {
			int error = take_option(options, command, argc, argv, &i, why, why_size);
			if (error) {
				return error;
			}
		} else if (options->word_count == OPTIONS_MAX_WORDS) {
			snprintf(why, why_size, "too many words");
			return -EINVAL;
		} else {
			options->words[options->word_count++] = argv[i];
		}
	}
	return 0;
}

int options_parse(struct options *options, enum vmctl_command command, int argc, char **argv, char *why, size_t why_size)
{
	*options = (struct options){ .runs = 3 };
	int error = parse_words(options, command, argc, argv, why, why_size);
	return error ? error : fill_defaults(options, command, why, why_size);
}

void options_help(enum vmctl_command command)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].commands & command) {
			char left[64];
			snprintf(left, sizeof(left), "%s %s", table[i].name, table[i].value ? table[i].value : "");
			printf("  %-30s %s\n", left, table[i].help);
		}
	}
}
