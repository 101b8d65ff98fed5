/* SPDX-License-Identifier: MIT */
/* The choice of an accelerator, on trees of files that stand for hosts: with and without /dev/kvm, either vendor, nesting on and off. */
#include "accelerator.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char tree[] = "/tmp/bulkhead-accelerator-XXXXXX";
static char why[256];

static void put(const char *path, const char *text)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", tree, path);
	for (char *slash = full + strlen(tree) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void drop(const char *path)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", tree, path);
	remove(full);
}

#define AMD "/sys/module/kvm_amd/parameters/nested"
#define INTEL "/sys/module/kvm_intel/parameters/nested"

static enum accelerator choose(struct options options, int want)
{
	enum accelerator chosen = 99;
	why[0] = '\0';
	assert_int_equal(accelerator_choose(&options, tree, &chosen, why, sizeof(why)), want);
	assert_true(why[0]);
	return chosen;
}

static void no_device(void **state)
{
	put(AMD, "1\n");
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_TCG);
	assert_non_null(strstr(why, "/dev/kvm can't be used: No such file"));
	choose((struct options){ .accel = ACCEL_KVM }, -ENODEV);
	put("/dev/kvm/directory", "");
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_TCG);
	drop("/dev/kvm/directory");
	drop("/dev/kvm");
}

static void each_vendor(void **state)
{
	put("/dev/kvm", "");
	put(AMD, "1\n");
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_KVM_AMD);
	assert_non_null(strstr(why, "kvm_amd"));
	drop(AMD);
	put(INTEL, "Y\n");
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_KVM_INTEL);
	assert_int_equal(choose((struct options){ .accel = ACCEL_KVM }, 0), ACCELERATOR_KVM_INTEL);
	assert_int_equal(choose((struct options){ .mode = MODE_MONOLITHIC }, 0), ACCELERATOR_KVM_INTEL);
	drop(INTEL);
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_TCG);
	assert_non_null(strstr(why, "neither"));
}

/* Modes that are compared run alike: without nesting both get TCG, but for the one who asks for KVM and needs no more. */
static void nesting_off(void **state)
{
	put("/dev/kvm", "");
	put(INTEL, "N\n");
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_TCG);
	assert_non_null(strstr(why, "modprobe kvm_intel nested=1"));
	assert_int_equal(choose((struct options){ .mode = MODE_MONOLITHIC }, 0), ACCELERATOR_TCG);
	choose((struct options){ .accel = ACCEL_KVM }, -ENODEV);
	assert_int_equal(choose((struct options){ .accel = ACCEL_KVM, .mode = MODE_MONOLITHIC }, 0), ACCELERATOR_KVM_INTEL);
	put(INTEL, "");
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_TCG);
	drop(INTEL);
	put(AMD, "0\n");
	assert_int_equal(choose((struct options){ 0 }, 0), ACCELERATOR_TCG);
	assert_non_null(strstr(why, "modprobe kvm_amd nested=1"));
	drop(AMD);
}

static void asked_for(void **state)
{
	put("/dev/kvm", "");
	put(AMD, "1\n");
	assert_int_equal(choose((struct options){ .accel = ACCEL_TCG }, 0), ACCELERATOR_TCG);
	assert_int_equal(choose((struct options){ .icount = true }, 0), ACCELERATOR_TCG);
	assert_non_null(strstr(why, "--icount"));
	assert_int_equal(choose((struct options){ .icount = true, .accel = ACCEL_TCG }, 0), ACCELERATOR_TCG);
	choose((struct options){ .icount = true, .accel = ACCEL_KVM }, -ENODEV);
	drop(AMD);
}

static int make_tree(void **state)
{
	return mkdtemp(tree) ? 0 : -1;
}

static int remove_tree(void **state)
{
	static const char *const all[] = { "/dev/kvm", "/dev", "/sys/module/kvm_amd/parameters", "/sys/module/kvm_amd",
					   "/sys/module/kvm_intel/parameters", "/sys/module/kvm_intel", "/sys/module", "/sys", "" };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		drop(all[i]);
	}
	return access(tree, F_OK) == 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_device),
		cmocka_unit_test(each_vendor),
		cmocka_unit_test(nesting_off),
		cmocka_unit_test(asked_for),
	};
	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
