/* SPDX-License-Identifier: MIT */
/*
 * A QEMU machine, through libvirt's C API with its embedded driver: no daemon, no set-up. The machine starts paused, the serial
 * lines are connected, then it runs, so nothing that it says is lost. Nothing here knows what boots.
 */
#ifndef VMTOOLS_MACHINE_H
#define VMTOOLS_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "workdir.h"

/* The built-in AHCI controller has six ports; the last is kept for the ISO. */
#define MACHINE_MAX_DISKS 5

struct machine_disk {
	const char *file, *format;
	bool is_volatile; /* a copy of ours: its flushes need not reach the host's disk */
};

struct machine_config {
	const char *kernel, *initrd, *cmdline; /* PVH; kernel NULL: boot from `iso` */
	const char *iso;
	bool uefi;
	struct machine_disk disks[MACHINE_MAX_DISKS]; /* at the ports of the built-in AHCI controller */
	unsigned disk_count;
	uint64_t memory; /* bytes */
	unsigned cpus;
	const char *cpu_flags; /* "-svm,+pdpe1gb"; NULL: none */
	bool amd_iommu, icount;
};

struct machine {
	int console, control; /* COM1 and COM2, stream sockets */
	bool kvm;
	struct machine_private *private;
};

/** Define, start, connect, run. 0 or a vmctl status after one sentence. */
int machine_start(struct machine *machine, const struct machine_config *config, const struct workdir *dir);
/** Stop it at once if it still runs, and let libvirt go. */
void machine_stop(struct machine *machine);
/** Is a /dev/kvm here that runs guests with virtualization of their own? */
bool machine_kvm_nests(void);
/** The domain's XML (machine_xml.c), malloc'ed. */
char *machine_xml(const struct machine_config *config, const struct workdir *dir, bool kvm);

#endif
