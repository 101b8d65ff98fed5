/* SPDX-License-Identifier: MIT */
/*
 * Bootable media, each for BIOS and UEFI alike, by GRUB's own programs and mtools: no root's rights, no loop device.
 *
 * The ISO is grub-mkrescue's, which also starts from a USB stick. The disk has GRUB's boot sector, a partition for the rest of GRUB as
 * BIOS needs it, and an EFI system partition, from which both ways take grub.cfg, hypervisor and bundle. If there is a root file system, it
 * has the disk from its first sector on: ext4 leaves the first 1024 bytes of its device free, which is where boot sector and GPT
 * header have to be, and the partitions lie behind it. So a guest that is given the whole disk finds its root, and the firmware its partitions.
 *
 *     sector 0     boot sector   | root file system, all of it from here
 *            1     GPT header    |
 *            ...                 |
 *            n     GPT entries (2 without a root)
 *                  BIOS boot partition: GRUB's core.img
 *                  EFI system partition, FAT32: /EFI/BOOT/BOOTX64.EFI, /boot/hv.elf, /boot/bundle, /boot/grub/grub.cfg
 *            end   the copies of GPT entries and header
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpt.h"
#include "say.h"
#include "spawn.h"

#define PATH_SIZE 512
#define MIB (1ull << 20)
#define ALIGN (MIB / GPT_SECTOR) /* sectors */
#define GRUB_BIOS "/usr/lib/grub/i386-pc"
#define GRUB_EFI "/usr/lib/grub/x86_64-efi"
#define GRUB_PACKAGES "grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools"
#define BUNDLE_MAX (2048 * MIB) /* a loader puts it below 4 GiB, beside what the machine has there */

/* FAT32 is what has 65525 clusters or more (Microsoft's FAT specification, 3.5). */
#define FAT32_MIN (36 * MIB)
#define FAT32_LARGE (300 * MIB) /* from here on with clusters of eight sectors */

/* GRUB's i386-pc images: where the boot sector keeps its core's first sector and a jump that leaves the BIOS's drive number alone if it
 * is in place, and where the core's first sector keeps the place of all the others. */
#define BOOT_IMG_CORE 0x5c
#define BOOT_IMG_DRIVE_CHECK 0x66
#define BOOT_IMG_CODE 440
#define CORE_IMG_REST 0x1f4

static const char grub_cfg[] = "set timeout=0\nset default=0\nmenuentry Bulkhead {\n\tmultiboot2 /boot/hv.elf\n"
			       "\tmodule2 /boot/bundle bundle\n}\n";

static int write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	int failed = !file || fputs(text, file) < 0;
	if ((file && fclose(file) != 0) || failed) {
		return fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
	}
	return 0;
}

static uint64_t file_bytes(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* What is found out before anything is made: without its modules GRUB's programs leave out one of the firmwares, or fail in words of their own. */
static int check_host(const char *bundle)
{
	uint64_t bytes = file_bytes(bundle);
	bool bios = access(GRUB_BIOS "/boot.img", R_OK) == 0;
	if (!bios || access(GRUB_EFI "/multiboot2.mod", R_OK) != 0) {
		return fail(VMCTL_HOST, "GRUB's modules for %s are not installed: run \"apt-get install " GRUB_PACKAGES "\" as root", bios ? "UEFI" : "BIOS");
	}
	return bytes <= BUNDLE_MAX ? 0 : fail(VMCTL_IMAGE, "the bundle has %llu MiB, and a boot loader takes at most %llu: make the root smaller, or "
					      "leave it out of the bundle (--disk ahci)", (unsigned long long)(bytes / MIB), BUNDLE_MAX / MIB);
}

int image_iso(const char *hv_elf, const char *bundle, const char *output, const char *scratch)
{
	static const char *const dirs[] = { "iso", "iso/boot", "iso/boot/grub" };
	char path[PATH_SIZE];
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", scratch, dirs[i]);
		if (mkdir(path, 0755) != 0 && errno != EEXIST) {
			return fail(VMCTL_HOST, "%s can't be made: %s", path, strerror(errno));
		}
	}
	int status = check_host(bundle);
	snprintf(path, sizeof(path), "%s/iso/boot/grub/grub.cfg", scratch);
	status = status ? status : write_text(path, grub_cfg);
	snprintf(path, sizeof(path), "%s/iso/boot/hv.elf", scratch);
	const char *const copy_hv[] = { "cp", hv_elf, path, NULL };
	status = status ? status : spawn_run(copy_hv, "coreutils");
	snprintf(path, sizeof(path), "%s/iso/boot/bundle", scratch);
	const char *const copy_bundle[] = { "cp", bundle, path, NULL };
	status = status ? status : spawn_run(copy_bundle, "coreutils");
	snprintf(path, sizeof(path), "%s/iso", scratch);
	const char *const argv[] = { "grub-mkrescue", "--compress=no", "--fonts=", "--locales=", "--themes=", "-o", output, path, NULL };
	return status ? status : spawn_run(argv, GRUB_PACKAGES);
}

/* Places on the disk, in sectors. */
struct layout {
	uint64_t entries, bios_boot, esp, esp_sectors, sectors;
	uint32_t serial; /* of the FAT file system: by it GRUB finds the partition again, whatever the disk is called */
	char esp_at[PATH_SIZE + 32]; /* as mtools want it: FILE@@BYTES */
};

static uint64_t align_up(uint64_t sectors)
{
	return (sectors + ALIGN - 1) / ALIGN * ALIGN;
}

static struct layout layout_make(const char *output, uint64_t root_bytes, uint64_t content_bytes)
{
	struct layout l = { .entries = 2 };
	uint64_t esp_bytes = content_bytes + content_bytes / 32 + 4 * MIB;
	if (root_bytes) {
		l.entries = align_up((root_bytes + GPT_SECTOR - 1) / GPT_SECTOR);
	}
	l.bios_boot = align_up(l.entries + GPT_ENTRIES_SECTORS);
	l.esp = l.bios_boot + ALIGN;
	l.esp_sectors = align_up((esp_bytes < FAT32_MIN ? FAT32_MIN : esp_bytes) / GPT_SECTOR);
	l.sectors = align_up(l.esp + l.esp_sectors + GPT_ENTRIES_SECTORS + 1);
	(void)!getrandom(&l.serial, sizeof(l.serial), 0);
	snprintf(l.esp_at, sizeof(l.esp_at), "%s@@%llu", output, (unsigned long long)l.esp * GPT_SECTOR);
	return l;
}

/* core.img for the BIOS and BOOTX64.EFI, which look for the partition and go on with what grub.cfg on it says. */
static int make_grub(const struct layout *l, const char *scratch)
{
	char early[PATH_SIZE], core[PATH_SIZE], efi[PATH_SIZE], text[160];
	snprintf(early, sizeof(early), "%s/early.cfg", scratch);
	snprintf(core, sizeof(core), "%s/core.img", scratch);
	snprintf(efi, sizeof(efi), "%s/bootx64.efi", scratch);
	snprintf(text, sizeof(text), "search.fs_uuid %04X-%04X root\nset prefix=($root)/boot/grub\n", l->serial >> 16, l->serial & 0xffff);
	const char *const bios[] = { "grub-mkimage", "-O", "i386-pc", "-d", GRUB_BIOS, "-c", early, "-p", "/boot/grub", "-o", core,
				     "biosdisk", "part_gpt", "fat", "search_fs_uuid", "normal", "multiboot2", NULL };
	const char *const uefi[] = { "grub-mkimage", "-O", "x86_64-efi", "-d", GRUB_EFI, "-c", early, "-p", "/boot/grub", "-o", efi,
				     "part_gpt", "fat", "search_fs_uuid", "normal", "multiboot2", NULL };
	int status = write_text(early, text);
	status = status ? status : spawn_run(bios, GRUB_PACKAGES);
	return status ? status : spawn_run(uefi, GRUB_PACKAGES);
}

static int copy_into(const struct layout *l, const char *from, const char *to)
{
	const char *const argv[] = { "mcopy", "-i", l->esp_at, from, to, NULL };
	return spawn_run(argv, "mtools");
}

static int fill_esp(const struct layout *l, const char *hv_elf, const char *bundle, const char *scratch)
{
	char sectors[24], serial[12], efi[PATH_SIZE], cfg[PATH_SIZE];
	snprintf(sectors, sizeof(sectors), "%llu", (unsigned long long)l->esp_sectors);
	snprintf(serial, sizeof(serial), "%08x", l->serial);
	snprintf(efi, sizeof(efi), "%s/bootx64.efi", scratch);
	snprintf(cfg, sizeof(cfg), "%s/grub.cfg", scratch);
	const char *const format[] = { "mformat", "-i", l->esp_at, "-F", "-v", "BULKHEAD", "-N", serial, "-T", sectors, "-h", "64", "-s", "32",
				       "-c", l->esp_sectors * GPT_SECTOR < FAT32_LARGE ? "1" : "8", "::", NULL };
	const char *const dirs[] = { "mmd", "-i", l->esp_at, "::/EFI", "::/EFI/BOOT", "::/boot", "::/boot/grub", NULL };
	int status = write_text(cfg, grub_cfg);
	status = status ? status : spawn_run(format, "mtools");
	status = status ? status : spawn_run(dirs, "mtools");
	status = status ? status : copy_into(l, efi, "::/EFI/BOOT/BOOTX64.EFI");
	status = status ? status : copy_into(l, cfg, "::/boot/grub/grub.cfg");
	status = status ? status : copy_into(l, hv_elf, "::/boot/hv.elf");
	return status ? status : copy_into(l, bundle, "::/boot/bundle");
}

/* All of a file, at most `size` bytes. Its length, or -1. */
static ssize_t read_file(const char *path, void *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size);
	if (fd >= 0) {
		close(fd);
	}
	return n;
}

static bool write_at(int fd, uint64_t sector, const void *bytes, size_t size)
{
	return pwrite(fd, bytes, size, (off_t)(sector * GPT_SECTOR)) == (ssize_t)size;
}

/* GRUB's boot sector and core, with each other's places in them, as grub-bios-setup would write them to a device. */
static int write_bios_boot(int fd, const struct layout *l, const struct gpt_tables *tables, const char *scratch)
{
	static uint8_t core[ALIGN * GPT_SECTOR];
	uint8_t boot[GPT_SECTOR];
	uint64_t first = l->bios_boot, rest = first + 1;
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/core.img", scratch);
	ssize_t bytes = read_file(path, core, sizeof(core));
	if (read_file(GRUB_BIOS "/boot.img", boot, sizeof(boot)) != sizeof(boot) || bytes < 2 * (ssize_t)GPT_SECTOR) {
		return fail(VMCTL_HOST, "%s/boot.img or core.img can't be read: %s", GRUB_BIOS, strerror(errno));
	}
	if (bytes == sizeof(core)) {
		return fail(VMCTL_HOST, "GRUB's core for BIOS does not fit into 1 MiB");
	}
	memcpy(boot + BOOT_IMG_CORE, &first, sizeof(first));
	memset(boot + BOOT_IMG_DRIVE_CHECK, 0x90, 2);
	memset(boot + BOOT_IMG_CODE, 0, sizeof(boot) - BOOT_IMG_CODE);
	memcpy(boot + 446, tables->protective, sizeof(tables->protective));
	memcpy(boot + 510, "\x55\xaa", 2);
	memcpy(core + CORE_IMG_REST, &rest, sizeof(rest));
	return write_at(fd, 0, boot, sizeof(boot)) && write_at(fd, first, core, (size_t)bytes) ? 0 :
		       fail(VMCTL_HOST, "the image can't be written: %s", strerror(errno));
}

/* Version 4 of RFC 4122. */
static void guid_make(uint8_t guid[16])
{
	(void)!getrandom(guid, 16, 0);
	guid[7] = (uint8_t)((guid[7] & 0x0f) | 0x40);
	guid[8] = (uint8_t)((guid[8] & 0x3f) | 0x80);
}

static int write_tables(int fd, const struct layout *l, const char *scratch)
{
	static struct gpt_tables tables;
	struct gpt_partition partitions[] = {
		{ .type = GPT_BIOS_BOOT, .name = "Bulkhead BIOS boot", .first = l->bios_boot, .last = l->esp - 1 },
		{ .type = GPT_ESP, .name = "Bulkhead EFI system", .first = l->esp, .last = l->esp + l->esp_sectors - 1 },
	};
	struct gpt_disk disk = { .sectors = l->sectors, .entries = l->entries, .first_usable = l->bios_boot,
				 .partitions = partitions, .partition_count = 2 };
	guid_make(disk.guid);
	guid_make(partitions[0].guid);
	guid_make(partitions[1].guid);
	gpt_make(&disk, &tables);
	int status = write_bios_boot(fd, l, &tables, scratch);
	if (status == 0 && !(write_at(fd, 1, tables.header, GPT_SECTOR) && write_at(fd, l->entries, tables.entries, sizeof(tables.entries)) &&
			     write_at(fd, l->sectors - 1 - GPT_ENTRIES_SECTORS, tables.entries, sizeof(tables.entries)) &&
			     write_at(fd, l->sectors - 1, tables.copy, GPT_SECTOR))) {
		status = fail(VMCTL_HOST, "the image can't be written: %s", strerror(errno));
	}
	return status;
}

int image_disk(const char *hv_elf, const char *bundle, const char *output, const char *scratch)
{
	struct layout l = layout_make(output, file_bytes(output), file_bytes(hv_elf) + file_bytes(bundle));
	int status = check_host(bundle);
	status = status ? status : make_grub(&l, scratch);
	if (status) {
		return status;
	}
	int fd = open(output, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || ftruncate(fd, (off_t)(l.sectors * GPT_SECTOR)) != 0) {
		status = fail(VMCTL_HOST, "%s can't be written: %s", output, strerror(errno));
	}
	status = status ? status : write_tables(fd, &l, scratch);
	if (fd >= 0 && close(fd) != 0 && status == 0) {
		status = fail(VMCTL_HOST, "%s can't be written: %s", output, strerror(errno));
	}
	return status ? status : fill_esp(&l, hv_elf, bundle, scratch);
}
