/* SPDX-License-Identifier: MIT */
/* `vmctl run --machine bochs`: its defaults and refusals, and the configuration that Bochs reads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include "bochs.h"
#include "say.h" /* its fail() is a macro of CMocka, too */

#include <cmocka.h>

static struct options o;
static char why[256];

#define PARSE(...)                                                                                     \
	({                                                                                             \
		static char *words[] = { __VA_ARGS__, NULL };                                          \
		options_parse(&o, COMMAND_RUN, sizeof(words) / sizeof(words[0]) - 1, words, why, sizeof(why)); \
	})

static int without_machine(void **state)
{
	return unsetenv("VMCTL_MACHINE");
}

static void qemu_is_the_default(void **state)
{
	assert_int_equal(PARSE("--", "true"), 0);
	assert_int_equal(o.machine_kind, MACHINE_QEMU);
	assert_int_equal(PARSE("--machine", "qemu"), 0);
	assert_int_equal(o.machine_kind, MACHINE_QEMU);
	assert_int_equal(o.disk, DISK_AHCI);
}

static void what_bochs_has_is_its_default(void **state)
{
	assert_int_equal(PARSE("--machine", "bochs", "--cpus", "2", "--kill", "ramdisk@1", "--stats", "s", "--", "true"), 0);
	assert_int_equal(o.machine_kind, MACHINE_BOCHS);
	assert_null(o.cpu_model);
	assert_int_equal(o.disk, DISK_RAMDISK);
	assert_int_equal(o.firmware, FIRMWARE_BIOS);
	assert_int_equal(o.iommu, IOMMU_NONE);
	assert_int_equal(bochs_check(&o), 0);
	assert_int_equal(PARSE("--iommu=none", "--machine=bochs:ryzen", "--disk", "ramdisk", "--firmware", "bios"), 0);
	assert_string_equal(o.cpu_model, "ryzen");
	assert_int_equal(bochs_check(&o), 0);
}

static void the_older_adapter_is_its_network(void **state)
{
	char conf[256];
	assert_int_equal(PARSE("--machine", "bochs", "--publish", "8080:80", "--publish", "5353:53/udp", "--", "true"), 0);
	assert_int_equal(o.network.nic, NIC_E1000);
	assert_int_equal(o.network.net, NET_USER);
	assert_int_equal(bochs_check(&o), 0);
	assert_int_equal(network_bochs(&o.network, conf, sizeof(conf)), 0);
	assert_string_equal(conf, "# slirp config\nhostfwd = tcp:127.0.0.1:8080-:80\nhostfwd = udp:127.0.0.1:5353-:53\n");
	assert_int_equal(network_bochs(&o.network, conf, 40), -1);
	assert_int_equal(PARSE("--machine", "bochs", "--net", "user", "--net-device", "e1000e"), 0);
	assert_int_equal(bochs_check(&o), VMCTL_USAGE);
	assert_int_equal(PARSE("--machine", "bochs", "--net", "tap=tap0"), 0);
	assert_int_equal(bochs_check(&o), VMCTL_USAGE);
}

/* Whether the option stands before --machine or behind it. */
static void what_it_has_not_is_refused(void **state)
{
	static char *const wrong[][2] = {
		{ "--disk", "ahci" }, { "--firmware", "uefi" }, { "--firmware", "none" }, { "--mode", "monolithic" }, { "--iommu", "amd" },
		{ "--disk-image", "/d" }, { "--cpu-flags", "-svm" }, { "--accel", "tcg" },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *before[] = { wrong[i][0], wrong[i][1], "--machine", "bochs" }, *behind[] = { "--machine", "bochs", wrong[i][0], wrong[i][1] };
		assert_int_equal(options_parse(&o, COMMAND_RUN, 4, before, why, sizeof(why)), 0);
		assert_int_equal(bochs_check(&o), VMCTL_USAGE);
		assert_int_equal(options_parse(&o, COMMAND_RUN, 4, behind, why, sizeof(why)), 0);
		assert_int_equal(bochs_check(&o), VMCTL_USAGE);
	}
	assert_int_equal(PARSE("--machine", "bochs", "--icount"), 0);
	assert_int_equal(bochs_check(&o), VMCTL_USAGE);
	assert_int_equal(PARSE("--machine", "bochs", "--write"), 0);
	assert_int_equal(bochs_check(&o), VMCTL_USAGE);
}

static void names_of_machines(void **state)
{
	assert_int_not_equal(PARSE("--machine", "boch"), 0);
	assert_int_not_equal(PARSE("--machine", "bochsryzen"), 0);
	assert_int_not_equal(PARSE("--machine", "bochs:"), 0);
	assert_int_not_equal(PARSE("--machine", "bochs:a, count=9"), 0);
	assert_int_not_equal(PARSE("--machine", "bochs:a\npanic: action=ignore"), 0);
	assert_int_not_equal(PARSE("--machine", ""), 0);
}

static void the_environment_chooses(void **state)
{
	setenv("VMCTL_MACHINE", "bochs:ryzen", 1);
	assert_int_equal(PARSE("--", "true"), 0);
	assert_int_equal(o.machine_kind, MACHINE_BOCHS);
	assert_string_equal(o.cpu_model, "ryzen");
	assert_int_equal(o.disk, DISK_RAMDISK);
	assert_int_equal(PARSE("--machine", "qemu", "--", "true"), 0);
	assert_int_equal(o.machine_kind, MACHINE_QEMU);
	assert_int_equal(o.disk, DISK_AHCI);
	setenv("VMCTL_MACHINE", "fantasy", 1);
	assert_int_not_equal(PARSE("--", "true"), 0);
	assert_non_null(strstr(why, "VMCTL_MACHINE=fantasy"));
	char *kill[] = { "ahci", "--machine", "left" };
	assert_int_equal(options_parse(&o, COMMAND_KILL, 3, kill, why, sizeof(why)), 0);
	assert_string_equal(o.machine, "left");
	unsetenv("VMCTL_MACHINE");
}

/* The configuration has exactly this line. */
static bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);
	for (const char *at = text; (at = strstr(at, line)); at++) {
		if ((at == text || at[-1] == '\n') && at[length] == '\n') {
			return true;
		}
	}
	return false;
}

static void configuration(void **state)
{
	struct workdir dir = { .path = "/tmp/d" };
	struct machine_config config = { .iso = "/tmp/d/boot.iso", .memory = 300ull << 20, .cpus = 3 };
	char *text = bochs_config(&config, &dir, (struct bochs_lines){ 1234, 65535 });
	assert_non_null(text);
	assert_true(has_line(text, "cpu: model=tigerlake, count=3, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1"));
	assert_true(has_line(text, "memory: guest=300, host=300"));
	assert_true(has_line(text, "ata0-master: type=cdrom, path=\"/tmp/d/boot.iso\", status=inserted"));
	assert_true(has_line(text, "com1: enabled=1, mode=socket-client, dev=127.0.0.1:1234"));
	assert_true(has_line(text, "com2: enabled=1, mode=socket-client, dev=127.0.0.1:65535"));
	assert_true(has_line(text, "clock: sync=none, time0=utc"));
	assert_true(has_line(text, "log: /tmp/d/bochs.log"));
	assert_true(has_line(text, "panic: action=fatal"));
	free(text);
	config.cpu_model = "ryzen";
	config.wall_clock = true;
	text = bochs_config(&config, &dir, (struct bochs_lines){ 1, 2 });
	assert_non_null(text);
	assert_non_null(strstr(text, "cpu: model=ryzen, "));
	assert_true(has_line(text, "clock: sync=slowdown, time0=utc"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_is_the_default), cmocka_unit_test(what_bochs_has_is_its_default),
		cmocka_unit_test(the_older_adapter_is_its_network), cmocka_unit_test(what_it_has_not_is_refused), cmocka_unit_test(names_of_machines),
		cmocka_unit_test(the_environment_chooses), cmocka_unit_test(configuration),
	};
	return cmocka_run_group_tests(tests, without_machine, NULL);
}
