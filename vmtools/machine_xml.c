/* SPDX-License-Identifier: MIT */
/*
 * The machine that libvirt is asked for: q35 without a display, AHCI as it is built in, two serial lines as unix sockets with a log
 * each, Intel's IOMMU, or AMD's as a QEMU argument because libvirt has no word for it. A reset ends the machine, so a triple fault is seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define OVMF_CODE "/usr/share/OVMF/OVMF_CODE_4M.fd"
#define OVMF_VARS "/usr/share/OVMF/OVMF_VARS_4M.fd"

static void put_escaped(FILE *xml, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", xml);
			break;
		case '<':
			fputs("&lt;", xml);
			break;
		case '>':
			fputs("&gt;", xml);
			break;
		case '\'':
			fputs("&apos;", xml);
			break;
		default:
			fputc(*text, xml);
		}
	}
}

/* A string of a JSON text, without its quotes (RFC 8259, section 7). */
static void put_json_string(FILE *xml, const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == '"' || *text == '\\') {
			fprintf(xml, "\\u%04x", *text);
		} else {
			put_escaped(xml, (char[]){ *text, 0 });
		}
	}
}

static void put_element(FILE *xml, const char *name, const char *text)
{
	fprintf(xml, "<%s>", name);
	put_escaped(xml, text);
	fprintf(xml, "</%s>\n", name);
}

static void put_boot(FILE *xml, const struct machine_config *c, const struct workdir *dir)
{
	fprintf(xml, "<os>\n<type arch='x86_64' machine='q35'>hvm</type>\n");
	if (c->uefi) {
		fprintf(xml, "<loader readonly='yes' type='pflash'>" OVMF_CODE "</loader>\n");
		fprintf(xml, "<nvram template='" OVMF_VARS "'>%s/nvram</nvram>\n", dir->path);
	}
	if (c->kernel) {
		put_element(xml, "kernel", c->kernel);
		if (c->initrd) {
			put_element(xml, "initrd", c->initrd);
		}
		if (c->cmdline && *c->cmdline) {
			put_element(xml, "cmdline", c->cmdline);
		}
	} else {
		fprintf(xml, "<boot dev='cdrom'/>\n");
	}
	fprintf(xml, "</os>\n");
}

static void put_features(FILE *xml, const char *flags)
{
	char copy[256];
	snprintf(copy, sizeof(copy), "%s", flags);
	for (char *flag = strtok(copy, ","); flag; flag = strtok(NULL, ",")) {
		fprintf(xml, "<feature policy='%s' name='", *flag == '-' ? "disable" : "require");
		put_escaped(xml, flag + strspn(flag, "+-"));
		fprintf(xml, "'/>\n");
	}
}

static void put_cpu(FILE *xml, const struct machine_config *c)
{
	const char *flags = c->cpu_flags ? c->cpu_flags : "";
	bool is_intel = c->accelerator == ACCELERATOR_KVM_INTEL, no_svm = strstr(flags, "-svm");
	fprintf(xml, "<cpu mode='%s' check='none'>\n", c->accelerator == ACCELERATOR_TCG ? "maximum" : "host-passthrough");
	if (is_intel) {
		put_features(xml, strstr(flags, "-vmx") ? "" : "vmx");
	} else {
		put_features(xml, no_svm ? "" : strstr(flags, "-npt") ? "svm" : "svm,npt");
	}
	put_features(xml, flags);
	fprintf(xml, "</cpu>\n");
}

static void put_disk(FILE *xml, const char *file, const char *kind, const char *format, const char *cache, unsigned port)
{
	fprintf(xml, "<disk type='file' device='%s'>\n<driver name='qemu' type='%s' cache='%s'/>\n<source file='", kind, format, cache);
	put_escaped(xml, file);
	fprintf(xml, "'/>\n<target dev='sd%c' bus='sata'/>\n</disk>\n", 'a' + (int)port);
}

static void put_serial(FILE *xml, const struct workdir *dir, unsigned port)
{
	fprintf(xml,
		"<serial type='unix'>\n<source mode='bind' path='%s/com%u'/>\n<log file='%s/com%u.log' append='off'/>\n"
		"<target type='isa-serial' port='%u'/>\n</serial>\n",
		dir->path, port + 1, dir->path, port + 1, port);
}

static void put_arguments(FILE *xml, const struct machine_config *c)
{
	fprintf(xml, "<qemu:commandline>\n");
	if (c->amd_iommu) {
		/* The JSON form: libvirt gives the slot that the plain form takes to a root port. */
		fprintf(xml, "<qemu:arg value='-device'/>\n"
			     "<qemu:arg value='{\"driver\":\"amd-iommu\",\"intremap\":\"on\"}'/>\n");
	}
	if (c->netdev) {
		/* libvirt's own interfaces publish no ports. On the root bus, where either IOMMU sees the adapter; no ROM: nothing boots from it. */
		fprintf(xml, "<qemu:arg value='-netdev'/>\n<qemu:arg value='");
		put_escaped(xml, c->netdev);
		fprintf(xml, "'/>\n<qemu:arg value='-device'/>\n"
			     "<qemu:arg value='{\"driver\":\"%s\",\"netdev\":\"net0\",\"mac\":\"%s\",\"addr\":\"0x10\",\"romfile\":\"\"}'/>\n", c->nic, c->mac);
	}
	if (c->capture) {
		fprintf(xml, "<qemu:arg value='-object'/>\n<qemu:arg value='{\"qom-type\":\"filter-dump\",\"id\":\"capture\",\"netdev\":\"net0\",\"file\":\"");
		put_json_string(xml, c->capture);
		fprintf(xml, "\"}'/>\n");
	}
	if (c->icount) {
		fprintf(xml, "<qemu:arg value='-icount'/><qemu:arg value='shift=0,sleep=off'/>\n"
			     "<qemu:arg value='-rtc'/><qemu:arg value='base=2026-01-01,clock=vm'/>\n");
	}
	fprintf(xml, "</qemu:commandline>\n");
}

char *machine_xml(const struct machine_config *c, const struct workdir *dir)
{
	char *text = NULL;
	size_t size;
	FILE *xml = open_memstream(&text, &size);
	if (!xml) {
		return NULL;
	}
	fprintf(xml,
		"<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n<name>bulkhead</name>\n"
		"<memory unit='KiB'>%llu</memory>\n<vcpu>%u</vcpu>\n",
		c->accelerator == ACCELERATOR_TCG ? "qemu" : "kvm", (unsigned long long)c->memory >> 10, c->cpus);
	put_boot(xml, c, dir);
	fprintf(xml, "<features><acpi/><apic/><ioapic driver='qemu'/></features>\n");
	put_cpu(xml, c);
	fprintf(xml, "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>\n<devices>\n"
		     "<controller type='usb' model='none'/>\n<memballoon model='none'/>\n<video><model type='none'/></video>\n");
	for (unsigned i = 0; i < c->disk_count; i++) {
		const struct machine_disk *disk = &c->disks[i];
		put_disk(xml, disk->file, "disk", disk->format, disk->is_volatile ? "unsafe" : "writeback", i);
	}
	if (!c->kernel) {
		put_disk(xml, c->iso, "cdrom", "raw", "unsafe", MACHINE_MAX_DISKS);
	}
	put_serial(xml, dir, 0);
	put_serial(xml, dir, 1);
	if (c->intel_iommu) {
		fprintf(xml, "<iommu model='intel'><driver intremap='on' caching_mode='off' aw_bits='48'/></iommu>\n");
	}
	fprintf(xml, "</devices>\n");
	put_arguments(xml, c);
	fprintf(xml, "</domain>\n");
	fclose(xml);
	return text;
}
