/* SPDX-License-Identifier: MIT */
/* See accelerator.h. The kernel's modules: Documentation/virt/kvm/x86/running-nested-guests.rst. */
#include "accelerator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

static const struct vendor {
	const char *module, *hint;
	enum accelerator accelerator;
} vendors[] = {
	{ "kvm_amd", "modprobe -r kvm_amd; modprobe kvm_amd nested=1", ACCELERATOR_KVM_AMD },
	{ "kvm_intel", "modprobe -r kvm_intel; modprobe kvm_intel nested=1", ACCELERATOR_KVM_INTEL },
};

/* The first character of a file: 0 where there is none. */
static char first_of(const char *tree, const char *path)
{
	char full[256], answer = '\0';
	snprintf(full, sizeof(full), "%s%s", tree, path);
	int fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, &answer, 1) != 1) {
			answer = '\0';
		}
		close(fd);
	}
	return answer;
}

/* 0, or -errno of the attempt to use /dev/kvm. */
static int try_device(const char *tree)
{
	char full[256];
	snprintf(full, sizeof(full), "%s/dev/kvm", tree);
	int fd = open(full, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	close(fd);
	return 0;
}

/* Which vendor's KVM is there, and may its guests nest? NULL: none is loaded. */
static const struct vendor *find_vendor(const char *tree, char *nested)
{
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/sys/module/%s/parameters/nested", vendors[i].module);
		*nested = first_of(tree, path);
		if (*nested) {
			return &vendors[i];
		}
	}
	return NULL;
}

static int find_kvm(const char *tree, bool nesting, enum accelerator *found, char *why, size_t size)
{
	char nested;
	int error = try_device(tree);
	if (error) {
		snprintf(why, size, "/dev/kvm can't be used: %s%s", strerror(-error),
			 error == -EACCES ? " (is this user in the group kvm?)" : "");
		return -ENODEV;
	}
	const struct vendor *vendor = find_vendor(tree, &nested);
	if (!vendor) {
		snprintf(why, size, "neither kvm_amd nor kvm_intel is loaded, and KVM of other processors can't run this machine");
		return -ENODEV;
	}
	if (nesting && nested != '1' && nested != 'Y') {
		snprintf(why, size, "nested virtualization is off in %s: \"%s\" as root, with no machine running, switches it on", vendor->module,
			 vendor->hint);
		return -ENODEV;
	}
	snprintf(why, size, "/dev/kvm is usable%s%s", nesting ? ", nested virtualization is on in " : ", by ", vendor->module);
	*found = vendor->accelerator;
	return 0;
}

int accelerator_choose(const struct options *o, const char *tree, enum accelerator *chosen, char *why, size_t size)
{
	*chosen = ACCELERATOR_TCG;
	if (o->accel == ACCEL_TCG) {
		snprintf(why, size, "--accel asks for it");
		return 0;
	}
	if (o->icount) {
		snprintf(why, size, "--icount counts TCG's instructions");
		return o->accel == ACCEL_KVM ? -ENODEV : 0;
	}
	int error = find_kvm(tree, o->accel == ACCEL_AUTO || o->mode == MODE_ISOLATED, chosen, why, size);
	return o->accel == ACCEL_KVM ? error : 0;
}

int accelerator_take(const struct options *options, enum accelerator *chosen)
{
	char why[256];
	if (accelerator_choose(options, "", chosen, why, sizeof(why)) != 0) {
		return fail(VMCTL_HOST, "--accel kvm is not possible: %s", why);
	}
	say("accelerator: %s: %s", *chosen == ACCELERATOR_TCG ? "QEMU's TCG" : "KVM", why);
	return 0;
}
