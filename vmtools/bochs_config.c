/* SPDX-License-Identifier: MIT */
/*
 * What `vmctl run --machine bochs` takes, and Bochs's configuration from it (bochsrc(5)). The machine is an i440fx with a CD at the first
 * IDE channel, two serial lines and nothing else. A panic of Bochs, and switching off counts as one, ends it, and so does a triple fault.
 */
#include "bochs.h"

#include <stdio.h>
#include <string.h>

#include "say.h"

#define MIB (1ull << 20)
#define CPU_MODEL "tigerlake" /* VT-x with EPT, VPID, unrestricted guest, preemption timer */
/*
 * About what Bochs does on a present-day host with one processor, so that its time runs like the host's while it computes. The time-stamp
 * counter counts these, too.
 */
#define INSTRUCTIONS_A_SECOND 50000000

int bochs_check(const struct options *o)
{
	const struct {
		bool asked;
		const char *advice;
	} wrong[] = {
		{ o->mode == MODE_MONOLITHIC, "boots by GRUB, which starts the hypervisor only: leave out --mode monolithic" },
		{ o->firmware != FIRMWARE_BIOS, "boots by its BIOS: leave out --firmware" },
		{ o->network.net == NET_TAP, "has a network of its own only: use --net user" },
		{ o->network.nic == NIC_E1000E && o->network.net != NET_NONE, "has the older adapter only: leave out --net-device, or use e1000" },
		{ o->disk != DISK_RAMDISK, "has no AHCI controller: leave out --disk ahci, the root is then a RAM disk's" },
		{ o->disk_image_count, "has no AHCI controller: leave out --disk-image" },
		{ o->write, "keeps nothing that the guest writes: leave out --write" },
		{ o->iommu != IOMMU_NONE, "has no IOMMU: leave out --iommu" },
		{ o->capsules, "shows nobody the machine's memory: leave out --capsules" },
		{ o->capture, "keeps no frames: leave out --capture" },
		{ o->icount, "counts instructions anyway: leave out --icount" },
		{ o->accel != ACCEL_AUTO, "runs the processors itself: leave out --accel" },
		{ o->cpu_flags, "has processor models, not flags: leave out --cpu-flags, choose one by --machine bochs:MODEL" },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (wrong[i].asked) {
			return fail(VMCTL_USAGE, "--machine bochs %s", wrong[i].advice);
		}
	}
	return 0;
}

char *bochs_config(const struct machine_config *c, const struct workdir *dir, struct bochs_lines lines)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out) {
		return NULL;
	}
	unsigned long long memory = c->memory / MIB;
	fprintf(out, "display_library: term\nconfig_interface: textconfig\n");
	fprintf(out, "plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1, e1000=%d, iodebug=0\n", c->nic != NULL);
	fprintf(out, "cpu: model=%s, count=%u, ips=%d, reset_on_triple_fault=0, ignore_bad_msrs=1\n", c->cpu_model ? c->cpu_model : CPU_MODEL,
		c->cpus, INSTRUCTIONS_A_SECOND);
	fprintf(out, "memory: guest=%llu, host=%llu\n", memory, memory);
	fprintf(out, "romimage: file=" BOCHS_BIOS ", options=fastboot\n");
	fprintf(out, "vgaromimage: file=" BOCHS_VGA_BIOS "\n");
	fprintf(out, "pci: enabled=1, chipset=i440fx%s\n", c->nic ? ", slot1=e1000" : "");
	fprintf(out, "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n");
	fprintf(out, "ata0-master: type=cdrom, path=\"%s\", status=inserted\n", c->iso);
	fprintf(out, "boot: cdrom\n");
	fprintf(out, "clock: sync=%s, time0=utc\n", c->wall_clock ? "slowdown" : "none");
	fprintf(out, "log: %s/bochs.log\n", dir->path);
	fprintf(out, "info: action=ignore\npanic: action=fatal\n");
	if (c->nic) {
		fprintf(out, "e1000: card=0, enabled=1, mac=%s, ethmod=slirp, script=\"%s/%s\"\n", c->mac, dir->path, BOCHS_SLIRP);
	}
	fprintf(out, "com1: enabled=1, mode=socket-client, dev=127.0.0.1:%u\n", lines.com1);
	fprintf(out, "com2: enabled=1, mode=socket-client, dev=127.0.0.1:%u\n", lines.com2);
	return fclose(out) == 0 ? text : NULL;
}
