/* SPDX-License-Identifier: MIT */
/* The order in which the guest kernel comes up. Entered by arch/boot.asm with the boot tables and interrupts off. */
#include "arch/apic.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/ipi.h"
#include "arch/processors.h"
#include "kernel/block.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "kernel/vdso.h"
#include "mm/boot_memory.h"
#include "mm/page_table.h"
#include "mm/pages.h"
#include "mm/reserve.h"
#include "net/net.h"
#include "net/netdevs.h"
#include "platform/log.h"
#include "platform/platform.h"
#include "sched/lock_watch.h"
#include "sched/sched.h"

_Noreturn void kernel_main(uint64_t start_info);

static void memory_up(uint64_t start_info)
{
	boot_memory_read(start_info);
	kernel_map_init();
	pages_init();
	platform_map();
	uint64_t total, free, io_start, io_bytes;
	memory_usage(&total, &free);
	memory_io_zone(&io_start, &io_bytes);
	kprintf("%s, %lu KiB free of %lu KiB, I/O zone %lu KiB at %lx", platform_is_bulkhead() ? "on Bulkhead" : "bare machine",
		free * 4, total * 4, io_bytes / 1024, io_start);
}

void kernel_main(uint64_t start_info)
{
	char root[32] = "auto";
	platform_detect();
	cpu_init();
	log_init();
	memory_up(start_info);
	if (!platform_is_bulkhead()) {
		apic_init();
	}
	clock_init();
	fpu_init();
	events_init();
	ipi_init();
	sched_init();
	load_init();
	vdso_init();
	interrupts_on();
	processors_start();
	reclaim_start();
	if (CONFIG_DEBUG) {
		lock_selftest();
		thread_selftest();
	}
	net_start();
	netlink_init();
	block_probe(boot_memory.cmdline);
	cmdline_option("root", root, sizeof(root));
	int error = fs_mount_root(root, cmdline_option("ro", NULL, 0) ? "ro" : "rw");
	if (error) {
		kernel_panic("cannot mount the root file system %s: error %d", root, -error);
	}
	interfaces_probe(boot_memory.cmdline);
	init_run(boot_memory.cmdline);
}
