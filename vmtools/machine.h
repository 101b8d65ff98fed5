/* SPDX-License-Identifier: MIT */
/*
 * A machine and who plays it: QEMU through libvirt's C API with its embedded driver (machine.c), or Bochs as a process of ours
 * (bochs.c), each by one `struct machine_kind`. No daemon, no set-up. The serial lines are connected before the machine runs its
 * first instruction, so nothing that it says is lost. Nothing here knows what boots.
 */
#ifndef VMTOOLS_MACHINE_H
#define VMTOOLS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accelerator.h"
#include "workdir.h"

/* The built-in AHCI controller has six ports; the last is kept for the ISO. */
#define MACHINE_MAX_DISKS 5

struct machine;
struct machine_config;

struct machine_kind {
	const char *name; /* of the program, as its users know it */
	const char *emulator; /* as the statistics have it, where KVM does not run the processors */
	const char *const *traces; /* files in the machine's directory that may tell why it ended; the last is NULL */
	/** The machine's memory that has `bytes` for hypervisor and domains; 0: there is no such machine. */
	uint64_t (*memory)(uint64_t bytes);
	/** Start, connect, run. 0 or a vmctl status after one sentence; machine_stop has to follow in either case. */
	int (*start)(struct machine *machine, const struct machine_config *config, const struct workdir *dir);
	/** Read its physical memory while it runs. 0 or -errno. NULL: it has no way. */
	int (*peek)(struct machine *machine, uint64_t at, void *to, size_t bytes);
	/** A line to QEMU's monitor, and what it answers, cut to `size`. 0 or -errno. NULL: it has no way. */
	int (*monitor)(struct machine *machine, const char *line, char *answer, size_t size);
	/** Stop it at once if it still runs, and release what start() took, but for the lines. */
	void (*stop)(struct machine *machine);
};

extern const struct machine_kind machine_qemu, machine_bochs;

struct machine_disk {
	const char *file, *format;
	bool is_volatile; /* a copy of ours: its flushes need not reach the host's disk */
};

struct machine_config {
	const struct machine_kind *kind;
	const char *kernel, *initrd, *cmdline; /* PVH; kernel NULL: boot from `iso` */
	const char *iso;
	bool uefi;
	struct machine_disk disks[MACHINE_MAX_DISKS]; /* at the ports of the built-in AHCI controller */
	unsigned disk_count;
	uint64_t memory; /* bytes */
	unsigned cpus;
	const char *cpu_flags; /* QEMU: "-svm,+pdpe1gb"; NULL: none */
	const char *cpu_model; /* Bochs: "tigerlake" */
	enum accelerator accelerator; /* QEMU's */
	bool amd_iommu, intel_iommu, icount;
	const char *netdev, *nic, *mac; /* QEMU's -netdev, or Bochs's file; the device of that and its address; NULL: no network */
	const char *capture; /* QEMU: a file for the frames, absolute; NULL: none */
	bool wall_clock; /* Bochs: the machine's time runs no faster than the host's */
};

struct machine {
	const struct machine_kind *kind;
	int console, control; /* COM1 and COM2, stream sockets */
	bool kvm;
	void *private; /* the kind's own */
};

/** Start the machine that `config` describes, as its kind does. */
int machine_start(struct machine *machine, const struct machine_config *config, const struct workdir *dir);
/** End it and close its lines. Also right after a start that failed. */
void machine_stop(struct machine *machine);
/** The domain's XML for libvirt (machine_xml.c), malloc'ed. */
char *machine_xml(const struct machine_config *config, const struct workdir *dir);

#endif
