/* SPDX-License-Identifier: MIT */
/* The RAM-disk domain: its module is the disk. With `keep-module` in the manifest the disk outlives the domain. */
#include "env/env.h"
#include "ramdisk/ramdisk.h"
#include "runtime/runtime.h"

void domain_main(void)
{
	static struct ramdisk disk;
	struct blkdev *disks[1] = { &disk.dev };
	void *memory;
	uint64_t bytes;
	if (!domain_module(&memory, &bytes) || ramdisk_init(&disk, memory, bytes)) {
		domain_panic("no module to be the disk");
	}
	env_log("ramdisk: %lu KiB", (unsigned long)(bytes >> 10));
	serve_disks(disks, 1, BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE);
	for (;;) {
		events_run(UINT64_MAX);
	}
}
