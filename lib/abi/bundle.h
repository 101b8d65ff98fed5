/* SPDX-License-Identifier: MIT */
/*
 * The bundle: the compiled manifest and the images it names, one boot module. vmctl writes it,
 * the hypervisor only checks bounds. Little-endian, all offsets in bytes from the start of the
 * bundle, all strings NUL-terminated inside their arrays. See docs/bundle.md.
 */
#ifndef BULKHEAD_ABI_BUNDLE_H
#define BULKHEAD_ABI_BUNDLE_H

#include <stdint.h>

#define BUNDLE_MAGIC 0x31444e4244484c42ull /* "BLHDBND1" */
#define BUNDLE_VERSION 2
#define BUNDLE_MAX_DOMAINS 16
#define BUNDLE_MAX_LINKS 16
#define BUNDLE_MAX_IMAGES 32
#define BUNDLE_MAX_SEGMENTS 8 /* an image */

enum bundle_domain_flags {
	BUNDLE_MAIN = 1, /* exactly one: owns the console, its end powers the machine off */
	BUNDLE_UNFENCED = 2, /* may run with a device and no IOMMU */
	BUNDLE_KEEP_MODULE = 4, /* the module's memory survives a reboot of the domain (a RAM disk) */
	BUNDLE_TEST_NO_RESET = 8, /* tests: recovery fences but does not reset the device */
};

enum bundle_device_kind { BUNDLE_DEV_ADDRESS = 1, BUNDLE_DEV_CLASS = 2 };

struct bundle_device {
	uint32_t kind; /* enum bundle_device_kind */
	uint32_t value; /* BDF (bus << 8 | device << 3 | function), or the 24-bit class code */
	uint32_t index; /* the index-th device of that class, from 0 */
	uint32_t reserved;
};

struct bundle_domain {
	char name[16];
	uint32_t image; /* index of an image that can be booted */
	uint32_t module; /* index of the PVH module's image, or UINT32_MAX */
	uint64_t memory; /* bytes, a multiple of 1 MiB */
	uint32_t vcpus;
	uint32_t flags; /* enum bundle_domain_flags */
	uint64_t cpu_mask; /* processors its vCPUs may use; vCPU i takes the i-th set bit, cyclically */
	uint32_t priority; /* 0 lowest .. 255 highest */
	uint32_t budget_us, period_us; /* 0, 0: no budget */
	uint32_t restart_max; /* restarts within restart_window_s before it is parked; 0: never restart */
	uint32_t restart_window_s;
	uint32_t heartbeat_ms; /* longest time without a hypercall; 0: not watched */
	uint32_t device_count;
	uint32_t reserved;
	struct bundle_device devices[4];
	char cmdline[1024];
};

struct bundle_link {
	uint32_t kind; /* VIRTIO device ID: 1 net, 2 block */
	uint32_t front, back; /* domain indices */
	uint32_t reserved;
};

struct bundle_segment { /* an ELF PT_LOAD */
	uint64_t offset, bytes; /* in the image */
	uint64_t gpa, memory; /* memory >= bytes; the rest is zero */
};

struct bundle_image {
	char name[32];
	uint64_t offset, size; /* offset is a multiple of 4096 */
	uint32_t crc32; /* IEEE 802.3, over the image */
	uint32_t entry; /* PVH, where it can be booted */
	uint32_t segment_count; /* 0: it cannot */
	uint32_t reserved;
	struct bundle_segment segments[BUNDLE_MAX_SEGMENTS];
};

struct bundle_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size; /* sizeof(struct bundle_header) */
	uint64_t total_size;
	uint32_t crc32; /* of the header with this field 0 */
	uint32_t domain_count, link_count, image_count;
	struct bundle_domain domains[BUNDLE_MAX_DOMAINS];
	struct bundle_link links[BUNDLE_MAX_LINKS];
	struct bundle_image images[BUNDLE_MAX_IMAGES];
};

#endif
