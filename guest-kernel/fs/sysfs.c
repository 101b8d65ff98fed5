/* SPDX-License-Identifier: MIT */
/*
 * /sys, as much of it as lscpu, lsblk, the C library and servers read: processors, disks and links as directories of attributes below
 * /sys/devices, and the links of /sys/block, /sys/class and /sys/dev that lead there (sysfs(5)). What Linux sorts by bus is all "virtual".
 */
#include "fs/sysfs.h"

#include "arch/cpu.h"
#include "kernel/block.h"

#define SYSFS_MAGIC 0x62656572

enum dir {
	IN_ROOT, IN_DEVICES, IN_SYSTEM, IN_CPUS, IN_CPU, IN_TOPOLOGY, IN_CLOCKS, IN_CLOCK, IN_VIRTUAL, IN_DISKS, IN_DISK, IN_QUEUE, IN_EMPTY, IN_LINKS,
	IN_LINK, IN_COUNTS, IN_CLASS, IN_CLASS_BLOCK, IN_CLASS_NET, IN_BLOCK, IN_DEV, IN_DEV_BLOCK,
};

static int sysfs_cpu_range(uint32_t cpu, struct text *t)
{
	text_add(t, cpu_count > 1 ? "0-%u\n" : "%u\n", cpu_count - 1);
	return 0;
}

static int sysfs_cpu_none(uint32_t cpu, struct text *t)
{
	text_add(t, "\n");
	return 0;
}

static int sysfs_cpu_last(uint32_t cpu, struct text *t)
{
	text_add(t, "%u\n", CPU_MAX - 1);
	return 0;
}

static int sysfs_cpu_core(uint32_t cpu, struct text *t)
{
	text_add(t, "%u\n", cpu);
	return 0;
}

/* All cores are of one package and have one thread. */
static int sysfs_cpu_package(uint32_t cpu, struct text *t)
{
	text_add(t, "0\n");
	return 0;
}

static int sysfs_cpu_mask(uint32_t cpu, struct text *t)
{
	text_add(t, "%x\n", 1u << cpu);
	return 0;
}

static int sysfs_cpu_mask_all(uint32_t cpu, struct text *t)
{
	text_add(t, "%x\n", (1u << cpu_count) - 1);
	return 0;
}

static int sysfs_clock_name(uint32_t object, struct text *t)
{
	text_add(t, "tsc\n");
	return 0;
}

static int sysfs_disk_dev(uint32_t disk, struct text *t)
{
	text_add(t, "%u:%u\n", block_at(disk)->major, block_at(disk)->minor);
	return 0;
}

static int sysfs_disk_size(uint32_t disk, struct text *t)
{
	text_add(t, "%lu\n", block_at(disk)->dev->sectors);
	return 0;
}

static int sysfs_disk_read_only(uint32_t disk, struct text *t)
{
	text_add(t, "%u\n", block_at(disk)->dev->read_only);
	return 0;
}

static int sysfs_disk_stat(uint32_t disk, struct text *t)
{
	const struct block_device *b = block_at(disk);
	text_add(t, "%lu 0 %lu 0 %lu 0 %lu 0 0 0 0\n", b->reads, b->sectors_read, b->writes, b->sectors_written);
	return 0;
}

static int sysfs_disk_serial(uint32_t disk, struct text *t)
{
	text_add(t, "%s\n", block_at(disk)->dev->id);
	return 0;
}

static int sysfs_disk_uevent(uint32_t disk, struct text *t)
{
	const struct block_device *b = block_at(disk);
	text_add(t, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=disk\n", b->major, b->minor, b->name);
	return 0;
}

static int sysfs_disk_zero(uint32_t disk, struct text *t)
{
	text_add(t, "0\n");
	return 0;
}

static int sysfs_disk_block_size(uint32_t disk, struct text *t)
{
	text_add(t, "%u\n", block_at(disk)->dev->block_size);
	return 0;
}

static int sysfs_disk_depth(uint32_t disk, struct text *t)
{
	text_add(t, "%u\n", block_at(disk)->dev->depth);
	return 0;
}

static int sysfs_disk_request_most(uint32_t disk, struct text *t)
{
	text_add(t, "%u\n", block_at(disk)->dev->max_sectors / 2);
	return 0;
}

/* Where links lead to: from /sys/block, and from /sys/class/block and /sys/dev/block. */
static int sysfs_disk_path(uint32_t disk, struct text *t)
{
	text_add(t, "../devices/virtual/block/%s", block_at(disk)->name);
	return 0;
}

static int sysfs_disk_path_far(uint32_t disk, struct text *t)
{
	text_add(t, "../../devices/virtual/block/%s", block_at(disk)->name);
	return 0;
}

static int sysfs_disk_class(uint32_t disk, struct text *t)
{
	text_add(t, "../../../../class/block");
	return 0;
}

static int sysfs_link_class(uint32_t index, struct text *t)
{
	text_add(t, "../../../../class/net");
	return 0;
}

static const struct text_entry entries[] = {
	DIRECTORY(IN_ROOT, "/", IN_ROOT),
	DIRECTORY(IN_CPUS, "", IN_CPU),
#define E_CPU 1u
	DIRECTORY(IN_DISKS, "", IN_DISK),
#define E_DISK 2u
	LINK(IN_BLOCK, "", sysfs_disk_path),
#define E_BLOCK 3u
	LINK(IN_CLASS_BLOCK, "", sysfs_disk_path_far),
#define E_CLASS_BLOCK 4u
	LINK(IN_DEV_BLOCK, "", sysfs_disk_path_far),
#define E_DEV_BLOCK 5u
	DIRECTORY(IN_LINKS, "", IN_LINK),
#define E_LINK 6u
	LINK(IN_CLASS_NET, "", sysfs_link_path),
#define E_CLASS_NET 7u
	DIRECTORY(IN_ROOT, "block", IN_BLOCK),
#define E_NAMED 8u
	DIRECTORY(IN_ROOT, "class", IN_CLASS),
	DIRECTORY(IN_CLASS, "block", IN_CLASS_BLOCK),
	DIRECTORY(IN_CLASS, "net", IN_CLASS_NET),
	DIRECTORY(IN_ROOT, "dev", IN_DEV),
	DIRECTORY(IN_DEV, "block", IN_DEV_BLOCK),
	DIRECTORY(IN_ROOT, "devices", IN_DEVICES),
	DIRECTORY(IN_DEVICES, "system", IN_SYSTEM),
	DIRECTORY(IN_SYSTEM, "cpu", IN_CPUS),
	READABLE(IN_CPUS, "kernel_max", sysfs_cpu_last),
	READABLE(IN_CPUS, "offline", sysfs_cpu_none),
	READABLE(IN_CPUS, "online", sysfs_cpu_range),
	READABLE(IN_CPUS, "possible", sysfs_cpu_range),
	READABLE(IN_CPUS, "present", sysfs_cpu_range),
	DIRECTORY(IN_CPU, "topology", IN_TOPOLOGY),
	READABLE(IN_TOPOLOGY, "core_cpus", sysfs_cpu_mask),
	READABLE(IN_TOPOLOGY, "core_cpus_list", sysfs_cpu_core),
	READABLE(IN_TOPOLOGY, "core_id", sysfs_cpu_core),
	READABLE(IN_TOPOLOGY, "core_siblings", sysfs_cpu_mask_all),
	READABLE(IN_TOPOLOGY, "core_siblings_list", sysfs_cpu_range),
	READABLE(IN_TOPOLOGY, "package_cpus", sysfs_cpu_mask_all),
	READABLE(IN_TOPOLOGY, "package_cpus_list", sysfs_cpu_range),
	READABLE(IN_TOPOLOGY, "physical_package_id", sysfs_cpu_package),
	READABLE(IN_TOPOLOGY, "thread_siblings", sysfs_cpu_mask),
	READABLE(IN_TOPOLOGY, "thread_siblings_list", sysfs_cpu_core),
	DIRECTORY(IN_SYSTEM, "clocksource", IN_CLOCKS),
	DIRECTORY(IN_CLOCKS, "clocksource0", IN_CLOCK),
	READABLE(IN_CLOCK, "available_clocksource", sysfs_clock_name),
	READABLE(IN_CLOCK, "current_clocksource", sysfs_clock_name),
	DIRECTORY(IN_DEVICES, "virtual", IN_VIRTUAL),
	DIRECTORY(IN_VIRTUAL, "block", IN_DISKS),
	READABLE(IN_DISK, "dev", sysfs_disk_dev),
	DIRECTORY(IN_DISK, "holders", IN_EMPTY),
	DIRECTORY(IN_DISK, "queue", IN_QUEUE),
	READABLE(IN_QUEUE, "hw_sector_size", sysfs_disk_block_size),
	READABLE(IN_QUEUE, "logical_block_size", sysfs_disk_block_size),
	READABLE(IN_QUEUE, "max_sectors_kb", sysfs_disk_request_most),
	READABLE(IN_QUEUE, "nr_requests", sysfs_disk_depth),
	READABLE(IN_QUEUE, "physical_block_size", sysfs_disk_block_size),
	READABLE(IN_QUEUE, "rotational", sysfs_disk_zero),
	READABLE(IN_DISK, "removable", sysfs_disk_zero),
	READABLE(IN_DISK, "ro", sysfs_disk_read_only),
	READABLE(IN_DISK, "serial", sysfs_disk_serial),
	READABLE(IN_DISK, "size", sysfs_disk_size),
	DIRECTORY(IN_DISK, "slaves", IN_EMPTY),
	READABLE(IN_DISK, "stat", sysfs_disk_stat),
	LINK(IN_DISK, "subsystem", sysfs_disk_class),
	READABLE(IN_DISK, "uevent", sysfs_disk_uevent),
	DIRECTORY(IN_VIRTUAL, "net", IN_LINKS),
	READABLE(IN_LINK, "addr_len", sysfs_link_address_length),
	READABLE(IN_LINK, "address", sysfs_link_address),
	READABLE(IN_LINK, "carrier", sysfs_link_carrier),
	READABLE(IN_LINK, "flags", sysfs_link_flags),
	READABLE(IN_LINK, "ifindex", sysfs_link_index),
	READABLE(IN_LINK, "iflink", sysfs_link_index),
	READABLE(IN_LINK, "mtu", sysfs_link_mtu),
	READABLE(IN_LINK, "operstate", sysfs_link_state),
	DIRECTORY(IN_LINK, "statistics", IN_COUNTS),
	READABLE(IN_COUNTS, "collisions", sysfs_sent_collisions),
	READABLE(IN_COUNTS, "multicast", sysfs_received_multicast),
	READABLE(IN_COUNTS, "rx_bytes", sysfs_received_bytes),
	READABLE(IN_COUNTS, "rx_crc_errors", sysfs_received_crc_errors),
	READABLE(IN_COUNTS, "rx_dropped", sysfs_received_dropped),
	READABLE(IN_COUNTS, "rx_errors", sysfs_received_errors),
	READABLE(IN_COUNTS, "rx_length_errors", sysfs_received_length_errors),
	READABLE(IN_COUNTS, "rx_missed_errors", sysfs_received_missed),
	READABLE(IN_COUNTS, "rx_packets", sysfs_received_packets),
	READABLE(IN_COUNTS, "tx_bytes", sysfs_sent_bytes),
	READABLE(IN_COUNTS, "tx_dropped", sysfs_sent_dropped),
	READABLE(IN_COUNTS, "tx_errors", sysfs_sent_errors),
	READABLE(IN_COUNTS, "tx_packets", sysfs_sent_packets),
	LINK(IN_LINK, "subsystem", sysfs_link_class),
	READABLE(IN_LINK, "type", sysfs_link_type),
	READABLE(IN_LINK, "uevent", sysfs_link_uevent),
};

static bool disk_next(enum dir in, uint32_t from, struct text_name *n)
{
	const struct block_device *b = block_at(from);
	if (b && in == IN_DEV_BLOCK) {
		format_text(n->name, sizeof(n->name), "%u:%u", b->major, b->minor);
	} else if (b) {
		format_text(n->name, sizeof(n->name), "%s", b->name);
	}
	n->entry = in == IN_DISKS ? E_DISK : in == IN_BLOCK ? E_BLOCK : in == IN_CLASS_BLOCK ? E_CLASS_BLOCK : E_DEV_BLOCK;
	return b != NULL;
}

static bool sysfs_next(const struct inode *dir, uint32_t from, struct text_name *n)
{
	enum dir in = text_entry_at(dir)->is;
	*n = (struct text_name){ .object = from, .number = from };
	switch (in) {
	case IN_CPUS:
		n->entry = E_CPU;
		format_text(n->name, sizeof(n->name), "cpu%u", from);
		return from < cpu_count;
	case IN_DISKS:
	case IN_BLOCK:
	case IN_CLASS_BLOCK:
	case IN_DEV_BLOCK:
		return disk_next(in, from, n);
	case IN_LINKS:
	case IN_CLASS_NET:
		n->entry = in == IN_LINKS ? E_LINK : E_CLASS_NET;
		if (!sysfs_link_next(from, n->name, &n->number)) {
			return false;
		}
		n->object = n->number;
		return true;
	default:
		return false;
	}
}

int sysfs_super_open(struct super **out)
{
	static const struct text_fs sysfs = { "sysfs", SYSFS_MAGIC, entries, sizeof(entries) / sizeof(entries[0]), E_NAMED, NULL, NULL, sysfs_next,
					      text_find_by_names };
	return text_super_open(&sysfs, out);
}
