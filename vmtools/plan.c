/* SPDX-License-Identifier: MIT */
/* See plan.h. The user's image is opened read-only below an overlay, but where --write asks for it. */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/hypercall.h"
#include "base/string.h"
#include "bochs.h"
#include "compile.h"
#include "image.h"
#include "linux.h"
#include "say.h"
#include "terminal.h"

#define GUEST_VCPUS 8u /* that the guest kernel uses */
#define MIB (1ull << 20)
#define DEFAULT_MEMORY (256 * MIB)
#define HYPERVISOR_MEMORY (64 * MIB)
#define CAPSULE_MEMORY(d) (((d)->memory < 16 * MIB ? (d)->memory : 16 * MIB) + MIB) /* what the hypervisor keeps of a dead domain, at most */
#define RAMDISK_OVERHEAD (4 * MIB) /* the domain's own memory beside the disk */

static const char manifest_ahci[] = "domain guest\n\tmain\n\timage guest-kernel.elf\n\tmemory 256M\n\tpriority 10\n"
				    "\tcmdline root=auto rw\n"
				    "domain ahci\n\timage ahci.elf\n\tmemory 2M\n\tpriority 100\n\tdevice class 010601\n"
				    "\trestart 100 in 60s\n\theartbeat 2s\n"
				    "link block guest ahci\n";
static const char link_ahci[] = "link block guest ahci\n";
static const char manifest_ramdisk[] = "domain guest\n\tmain\n\timage guest-kernel.elf\n\tmemory 256M\n\tpriority 10\n"
				       "\tcmdline root=auto rw\n"
				       "domain ramdisk\n\timage ramdisk.elf\n\tmemory 64G\n\tpriority 100\n\tmodule root.img\n\tkeep-module\n"
				       "\trestart 100 in 60s\n\theartbeat 2s\n"
				       "link block guest ramdisk\n";

static const char manifest_nic[] = "domain %s\n\timage %s.elf\n\tmemory 2M\n\tpriority 90\n%s\trestart 100 in 60s\n\theartbeat 2s\n"
				   "link net guest %s\n";

int plan_check(const struct options *o)
{
	bool monolithic = o->mode == MODE_MONOLITHIC;
	int status = o->machine_kind == MACHINE_BOCHS ? bochs_check(o) : 0;
	if (status) {
		return status;
	}
	if (o->word_count > 0) {
		return fail(VMCTL_USAGE, "\"%s\" is not expected here: the guest's command stands behind --", o->words[0]);
	}
	if (!o->command && !o->bundle && !terminal_present()) {
		return fail(VMCTL_USAGE, "there is no terminal for a console: give a command behind --");
	}
	if (monolithic && (o->kill_count || o->capsules || o->manifest || o->bundle)) {
		return fail(VMCTL_USAGE, "%s needs the hypervisor: leave out --mode monolithic",
			    o->kill_count ? "--kill" : o->capsules ? "--capsules" : o->manifest ? "--manifest" : "--bundle");
	}
	if (monolithic && o->firmware != FIRMWARE_NONE) {
		return fail(VMCTL_USAGE, "the guest kernel on the bare machine starts by --firmware none only");
	}
	if (monolithic && o->disk == DISK_RAMDISK) {
		return fail(VMCTL_USAGE, "--disk ramdisk is a domain: leave out --mode monolithic");
	}
	if (o->disk_image_count && o->disk == DISK_RAMDISK) {
		return fail(VMCTL_USAGE, "--disk-image needs the AHCI controller: leave out --disk ramdisk");
	}
	if (o->network.nic == NIC_LOOP && (monolithic || o->manifest || o->bundle || o->network.net != NET_NONE)) {
		return fail(VMCTL_USAGE, "--net-device loop is a domain of the built-in manifest, with no network: leave out --mode monolithic, "
					 "--manifest, --bundle, --net and --publish");
	}
	if (o->network.published_count && o->network.net == NET_NONE) {
		return fail(VMCTL_USAGE, "--publish needs a network: leave out --net none");
	}
	if (o->network.published_count && o->network.net != NET_USER) {
		return fail(VMCTL_USAGE, "--publish needs --net user: on a tap device the guest has an address of its own");
	}
	const char *alone = o->network.ip ? "--ip" : o->network.mac[0] ? "--mac" : o->network.nic_given && o->network.nic != NIC_LOOP ? "--net-device" : NULL;
	if (alone && o->network.net == NET_NONE) {
		return fail(VMCTL_USAGE, "%s needs a network: give --net or --publish", alone);
	}
	if (o->capture && o->network.net == NET_NONE) {
		return fail(VMCTL_USAGE, "--capture needs a network: give --net or --publish");
	}
	if (o->icount && o->cpus > 1) {
		return fail(VMCTL_USAGE, "--icount works with one processor only");
	}
	if (o->bundle && (o->command || o->manifest)) {
		return fail(VMCTL_USAGE, "--bundle is booted as it is: leave out %s", o->command ? "the command" : "--manifest");
	}
	return 0;
}

const char *plan_manifest(enum vmctl_disk disk)
{
	return disk == DISK_RAMDISK ? manifest_ramdisk : manifest_ahci;
}

int plan_fit_ramdisk(struct manifest *m, const char *image)
{
	struct bundle_domain *ramdisk = manifest_domain(m, "ramdisk");
	struct stat st;
	if (stat(image, &st) != 0) {
		return fail(VMCTL_IMAGE, "root image %s can't be opened: %s", image, strerror(errno));
	}
	string_copy(m->images[ramdisk->module].path, image, MANIFEST_PATH_MAX);
	ramdisk->memory = ((uint64_t)st.st_size + RAMDISK_OVERHEAD + MIB - 1) / MIB * MIB;
	return 0;
}

const char *plan_main(struct plan *plan)
{
	struct bundle_domain *domain = manifest_main(&plan->manifest);
	return domain ? domain->name : "guest";
}

/* Disk `index` is the user's image, as it is with --write, else with an overlay that takes the changes. */
static int use_image(struct plan *p, unsigned index, const char *image, bool as_it_is)
{
	char *path = p->disks[index];
	struct stat st;
	if (stat(image, &st) != 0 || access(image, R_OK) != 0) {
		return fail(VMCTL_IMAGE, "disk image %s can't be opened: %s", image, strerror(errno));
	}
	if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0)) {
		return fail(VMCTL_IMAGE, "disk image %s is %s", image, S_ISDIR(st.st_mode) ? "a directory: make an image of it by \"vmctl image\"" : "empty");
	}
	if (as_it_is) {
		char *absolute = realpath(image, NULL);
		snprintf(path, sizeof(p->disks[0]), "%s", absolute ? absolute : image);
		free(absolute);
		p->config.disks[index] = (struct machine_disk){ path, "raw", false };
		return 0;
	}
	snprintf(path, sizeof(p->disks[0]), "%s/disk%u.qcow2", p->dir->path, index);
	p->config.disks[index] = (struct machine_disk){ path, "qcow2", true };
	return image_overlay(image, path);
}

/* The root image in the machine's directory, or the user's own. */
static int make_root(struct plan *p)
{
	const struct options *o = p->options;
	struct stat st;
	if (o->root && stat(o->root, &st) != 0) {
		return fail(VMCTL_IMAGE, "root %s can't be opened: %s", o->root, strerror(errno));
	}
	bool is_image = o->root && S_ISREG(st.st_mode);
	bool ramdisk = o->disk == DISK_RAMDISK;
	if (o->packages && (is_image || o->write || o->bundle)) {
		return fail(VMCTL_USAGE, "--packages makes a root of its own%s", is_image ? ": --root has to be a directory beside it" :
			    o->write ? ": make an image by \"vmctl image\" for --write" : ": leave out --bundle");
	}
	if (o->write && (ramdisk || (!is_image && !o->disk_image_count))) {
		return fail(VMCTL_USAGE, "--write needs --root IMAGE or --disk-image, and --disk ahci");
	}
	if (o->packages && !o->root) {
		int status = image_packages(o, p->cached, sizeof(p->cached), p->dir->path);
		return status ? status : use_image(p, 0, p->cached, ramdisk);
	}
	if (is_image) {
		/* What a manifest's own guest does with its disk is its own business. */
		int status = o->manifest || o->bundle ? 0 : image_check(o->root);
		return status ? status : use_image(p, 0, o->root, o->write || ramdisk);
	}
	snprintf(p->disks[0], sizeof(p->disks[0]), "%s/root.img", p->dir->path);
	p->config.disks[0] = (struct machine_disk){ p->disks[0], "raw", true };
	return image_root(o, o->root, p->disks[0], ramdisk ? RAMDISK_SLACK : ROOT_SLACK, p->dir->path);
}

static int make_disks(struct plan *p)
{
	const struct options *o = p->options;
	int status = make_root(p);
	for (unsigned i = 0; status == 0 && i < o->disk_image_count; i++) {
		status = use_image(p, 1 + i, o->disk_images[i], o->write);
	}
	p->config.disk_count = o->disk == DISK_AHCI ? 1 + o->disk_image_count : 0;
	return status;
}

/* Append a word that the shell is to take as it is; the end. */
static char *put_word(char *to, const char *word)
{
	const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
	if (*word && strspn(word, plain) == strlen(word)) {
		return stpcpy(to, word);
	}
	*to++ = '\'';
	for (; *word; word++) {
		if (*word == '\'') {
			to = stpcpy(to, "'\\'");
		}
		*to++ = *word;
	}
	return stpcpy(to, "'");
}

/* The command as a text for the shell, malloc'ed: one word is such a text, of several each is a word of its own. */
static char *join_command(char **words)
{
	size_t length = 1;
	for (char **word = words; *word; word++) {
		length += 4 * strlen(*word) + 3;
	}
	char *text = calloc(1, length), *to = text;
	if (text && !words[1]) {
		return strcpy(text, words[0]);
	}
	for (char **word = words; text && *word; word++) {
		to = put_word(word == words ? to : stpcpy(to, " "), *word);
	}
	return text;
}

static int write_command(struct plan *p, const char *path)
{
	FILE *file = fopen(path, "we");
	if (!file) {
		return fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
	}
	char *text = join_command(p->options->command);
	if (text) {
		fputs(text, file);
	}
	free(text);
	return fclose(file) == 0 ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
}

/* "root=auto rw" from the manifest or as it is, then what the options add. */
static int make_cmdline(struct plan *p, const char *start)
{
	const struct options *o = p->options;
	char size[40] = "", environment[64] = "";
	unsigned rows, columns;
	if (p->on_terminal) {
		if (terminal_size(&rows, &columns)) {
			snprintf(size, sizeof(size), " console-size=%ux%u", rows, columns);
		}
		terminal_environment(environment, sizeof(environment));
	}
	int length = snprintf(p->cmdline, sizeof(p->cmdline), "%s%s%s%s%s%s%s%s", start, p->on_terminal ? "" : " raw-console", size,
			      environment, o->network.ip ? " ip=" : "", o->network.ip ? o->network.ip : "", o->append ? " " : "", o->append ? o->append : "");
	return (size_t)length < sizeof(p->cmdline) ? 0 : fail(VMCTL_USAGE, "the guest's command line is too long");
}

static int apply_options(struct plan *p)
{
	const struct options *o = p->options;
	struct bundle_domain *guest = manifest_main(&p->manifest);
	int status = make_cmdline(p, guest->cmdline);
	string_copy(guest->cmdline, p->cmdline, sizeof(guest->cmdline));
	guest->memory = o->memory ? o->memory : guest->memory;
	if (status == 0 && o->command) {
		const char *path = workdir_file(p->dir, "command.txt");
		status = write_command(p, path);
		if (status == 0 && manifest_set_module(&p->manifest, guest, path) != 0) {
			status = fail(VMCTL_MANIFEST, "%s names too many images", p->manifest.file);
		}
	}
	if (status == 0 && o->disk == DISK_RAMDISK && !o->manifest) {
		status = plan_fit_ramdisk(&p->manifest, p->disks[0]);
	}
	return status;
}

/* Of the built-in manifest: the main domain has a vCPU on each processor; the drivers, which go before it, have the last ones. */
static void spread_domains(struct bundle_header *h, unsigned cpus)
{
	unsigned next = cpus - 1;
	for (uint32_t i = 0; i < h->domain_count; i++) {
		bool is_main = h->domains[i].flags & BUNDLE_MAIN;
		if (is_main) {
			h->domains[i].vcpus = cpus < GUEST_VCPUS ? cpus : GUEST_VCPUS;
			continue;
		}
		h->domains[i].cpu_mask = 1ull << next;
		next = next > 1 ? next - 1 : cpus - 1;
	}
}

/*
 * For the emulator's sake: whenever a processor loads x87 registers (FXRSTOR, XRSTOR, FLDENV), QEMU 7.2's TCG rewrites, without a lock, a word of
 * the first processor's, in which that one keeps whether interrupts are held back and whether nested paging is on. What VMRUN or #VMEXIT change there
 * just then is lost, and guest or hypervisor end in a triple fault. So a machine of several processors gets one more, and no domain runs on the first.
 */
static void spare_first(struct plan *p)
{
	struct bundle_header *h = &p->manifest.header;
	if (p->config.kind != &machine_qemu || p->config.accelerator != ACCELERATOR_TCG || p->config.cpus == 1 || p->config.cpus == BH_MAX_VCPUS) {
		return;
	}
	p->config.cpus++;
	for (uint32_t i = 0; i < h->domain_count; i++) {
		h->domains[i].cpu_mask <<= 1;
	}
}

/* Processors that the manifest speaks of: enough of them, and no domain is left without one. */
static int place_domains(struct plan *p)
{
	struct bundle_header *h = &p->manifest.header;
	unsigned cpus = p->options->cpus;
	bool any_named = false;
	for (uint32_t i = 0; i < h->domain_count; i++) {
		any_named |= h->domains[i].cpu_mask != UINT64_MAX;
	}
	for (uint32_t i = 0; i < h->domain_count && !p->options->cpus; i++) {
		const struct bundle_domain *d = &h->domains[i];
		unsigned named = d->cpu_mask == UINT64_MAX ? d->vcpus : 64 - (unsigned)__builtin_clzll(d->cpu_mask);
		cpus = named > cpus ? named : cpus;
	}
	cpus = cpus ? cpus : 1;
	p->config.cpus = cpus;
	if (!p->options->manifest && cpus > 1) {
		spread_domains(h, cpus);
	}
	for (uint32_t i = 0; i < h->domain_count; i++) {
		h->domains[i].cpu_mask &= cpus < 64 ? (1ull << cpus) - 1 : UINT64_MAX;
		if (!h->domains[i].cpu_mask) {
			return fail(VMCTL_MANIFEST, "domain \"%s\" may use none of the machine's %u processors: change its \"cpus\" or --cpus",
				    h->domains[i].name, cpus);
		}
	}
	if (!any_named) {
		spare_first(p);
	}
	return 0;
}

static int check_kills(struct plan *p)
{
	for (unsigned i = 0; i < p->options->kill_count; i++) {
		if (!manifest_domain(&p->manifest, p->options->kills[i].domain)) {
			bool adapter = p->options->network.net == NET_NONE && strcmp(p->options->kills[i].domain, "e1000e") == 0;
			return fail(VMCTL_USAGE, "--kill %s: there is no such domain in %s%s", p->options->kills[i].domain, p->manifest.file,
				    adapter ? ": give --net or --publish" : "");
		}
		if (manifest_domain(&p->manifest, p->options->kills[i].domain)->flags & BUNDLE_MAIN) {
			return fail(VMCTL_USAGE, "--kill %s: the machine is there for that domain and would end with it", p->options->kills[i].domain);
		}
	}
	return 0;
}

/* The adapter's domain and its link, as text of the built-in manifest; "" without one. */
static void nic_text(const struct network *n, bool fenced, char *to, size_t size)
{
	const char *name = network_domain(n);
	const char *device = fenced ? "\tdevice class 020000\n" : "\tdevice class 020000\n\tunfenced yes\n";
	to[0] = '\0';
	if (n->net != NET_NONE || n->nic == NIC_LOOP) {
		snprintf(to, size, manifest_nic, name, name, n->nic == NIC_LOOP ? "" : device, name);
	}
}

/* The user's manifest, or the built-in one, in which each disk has a link of its own. */
static int read_manifest(struct plan *p)
{
	const struct options *o = p->options;
	if (o->manifest) {
		return compile_manifest(&p->manifest, o->manifest);
	}
	char nic[sizeof(manifest_nic) + 80];
	char text[sizeof(manifest_ahci) + sizeof(manifest_ramdisk) + OPTIONS_MAX_DISK_IMAGES * sizeof(link_ahci) + sizeof(nic)];
	string_copy(text, plan_manifest(o->disk), sizeof(text));
	for (unsigned i = 0; i < o->disk_image_count; i++) {
		strcat(text, link_ahci);
	}
	nic_text(&o->network, o->iommu != IOMMU_NONE, nic, sizeof(nic));
	strcat(text, nic);
	return compile_text(&p->manifest, "the built-in manifest", text);
}

/* A machine with so many usable bytes. */
static int give_memory(struct plan *p, uint64_t bytes)
{
	bytes = (bytes + MIB - 1) / MIB * MIB;
	p->config.memory = p->config.kind->memory(bytes);
	return p->config.memory ? 0 : fail(VMCTL_USAGE, "%s has no machine of %llu MiB, which these domains need: give the guest less --memory",
					   p->config.kind->name, (unsigned long long)(bytes / MIB));
}

/* All the domains' memory, and what the hypervisor keeps. */
static uint64_t bundle_memory(const struct manifest *m)
{
	uint64_t bytes = HYPERVISOR_MEMORY + m->header.total_size;
	for (uint32_t i = 0; i < m->header.domain_count; i++) {
		bytes += m->header.domains[i].memory + (m->header.domains[i].flags & BUNDLE_MAIN ? 0 : CAPSULE_MEMORY(&m->header.domains[i]));
	}
	return bytes;
}

static int make_bundle(struct plan *p)
{
	int status = read_manifest(p);
	status = status ? status : apply_options(p);
	status = status ? status : check_kills(p);
	status = status ? status : place_domains(p);
	snprintf(p->initrd, sizeof(p->initrd), "%s/bundle", p->dir->path);
	status = status ? status : compile_bundle(&p->manifest, compile_image_dir(), p->initrd);
	return status ? status : give_memory(p, bundle_memory(&p->manifest));
}

static int plan_isolated(struct plan *p)
{
	const struct options *o = p->options;
	int status = 0;
	snprintf(p->kernel, sizeof(p->kernel), "%s/hv.elf", compile_image_dir());
	if (access(p->kernel, R_OK) != 0) {
		return fail(VMCTL_HOST, "%s is missing: run \"make\"", p->kernel);
	}
	if (o->bundle) {
		snprintf(p->initrd, sizeof(p->initrd), "%s/bundle", p->dir->path);
		const char *absolute = realpath(o->bundle, NULL);
		if (!absolute || symlink(absolute, p->initrd) != 0) {
			return fail(VMCTL_MANIFEST, "bundle %s can't be opened: %s", o->bundle, strerror(errno));
		}
		status = give_memory(p, (o->memory ? o->memory : DEFAULT_MEMORY) + 2 * HYPERVISOR_MEMORY);
		p->config.cpus = o->cpus ? o->cpus : 1;
	} else {
		status = make_bundle(p);
	}
	p->config.initrd = p->initrd;
	bool is_intel = !o->iommu_given && p->config.accelerator == ACCELERATOR_KVM_INTEL; /* the IOMMU that goes with the processor */
	p->config.amd_iommu = !is_intel && o->iommu == IOMMU_AMD;
	p->config.intel_iommu = is_intel || o->iommu == IOMMU_INTEL;
	if (status || o->firmware == FIRMWARE_NONE) {
		p->config.kernel = p->kernel;
		return status;
	}
	snprintf(p->iso, sizeof(p->iso), "%s/boot.iso", p->dir->path);
	p->config.iso = p->iso;
	p->config.uefi = o->firmware == FIRMWARE_UEFI;
	p->config.memory += p->config.uefi ? HYPERVISOR_MEMORY : 0; /* what UEFI keeps for itself and for the file it loads */
	return image_iso(p->kernel, p->initrd, p->iso, p->dir->path);
}

static int plan_monolithic(struct plan *p)
{
	const struct options *o = p->options;
	snprintf(p->kernel, sizeof(p->kernel), "%s/guest-kernel.elf", compile_image_dir());
	if (access(p->kernel, R_OK) != 0) {
		return fail(VMCTL_HOST, "%s is missing: run \"make\"", p->kernel);
	}
	p->config.kernel = p->kernel;
	p->config.memory = o->memory ? o->memory : DEFAULT_MEMORY;
	p->config.cpus = o->cpus ? o->cpus : 1;
	p->config.cmdline = p->cmdline;
	int status = make_cmdline(p, "root=auto rw");
	if (status == 0 && o->command) {
		snprintf(p->initrd, sizeof(p->initrd), "%s/command.txt", p->dir->path);
		p->config.initrd = p->initrd;
		status = write_command(p, p->initrd);
	}
	return status;
}

static int plan_linux(struct plan *p)
{
	const struct options *o = p->options;
	char *command = join_command(o->command);
	int status = command ? linux_kernel(p->kernel, sizeof(p->kernel)) : fail(VMCTL_HOST, "no memory");
	snprintf(p->initrd, sizeof(p->initrd), "%s/initrd", p->dir->path);
	snprintf(p->cmdline, sizeof(p->cmdline), LINUX_CMDLINE "%s%s", o->append ? " " : "", o->append ? o->append : "");
	p->config.kernel = p->kernel;
	p->config.initrd = p->initrd;
	p->config.cmdline = p->cmdline;
	p->config.memory = o->memory ? o->memory : DEFAULT_MEMORY;
	p->config.cpus = o->cpus ? o->cpus : 1;
	status = status ? status : linux_initrd(p->initrd, command, o->network.net != NET_NONE);
	free(command);
	return status;
}

/* QEMU writes the file, and has a working directory of its own. */
static int make_capture(struct plan *p, const char *file)
{
	FILE *made = file ? fopen(file, "w") : NULL;
	if (file && (!made || fclose(made) != 0 || !realpath(file, p->capture))) {
		return fail(VMCTL_HOST, "capture %s can't be written: %s", file, strerror(errno));
	}
	p->config.capture = file ? p->capture : NULL;
	return 0;
}

static int make_network(struct plan *p)
{
	const struct network *n = &p->options->network;
	if (n->net == NET_NONE) {
		return 0;
	}
	char why[160];
	if (network_check(n, why, sizeof(why)) != 0) {
		return fail(VMCTL_HOST, "%s", why);
	}
	p->config.netdev = p->netdev;
	p->config.nic = network_device(n);
	network_mac(n, p->mac);
	p->config.mac = p->mac;
	int (*describe)(const struct network *n, char *to, size_t size) = p->config.kind == &machine_bochs ? network_bochs : network_netdev;
	return describe(n, p->netdev, sizeof(p->netdev)) == 0 ? make_capture(p, p->options->capture) :
								fail(VMCTL_USAGE, "--publish: there are too many of them");
}

int plan_make(struct plan *p, const struct options *options, const struct workdir *dir, bool on_terminal)
{
	*p = (struct plan){ .options = options, .dir = dir, .on_terminal = on_terminal };
	p->config.kind = options->machine_kind == MACHINE_BOCHS ? &machine_bochs : &machine_qemu;
	p->config.cpu_flags = options->cpu_flags;
	p->config.cpu_model = options->cpu_model;
	p->config.wall_clock = on_terminal;
	p->config.icount = options->icount;
	int status = options->machine_kind == MACHINE_BOCHS ? 0 : accelerator_take(options, &p->config.accelerator);
	status = status ? status : make_network(p);
	status = status ? status : make_disks(p);
	if (status) {
		return status;
	}
	if (options->mode == MODE_LINUX) {
		return plan_linux(p);
	}
	return options->mode == MODE_ISOLATED ? plan_isolated(p) : plan_monolithic(p);
}
