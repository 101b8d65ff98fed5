/* SPDX-License-Identifier: MIT */
/* vmctl's command line: every option of `run`, its bounds, and the sentences for what is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "options.h"
#include "quantity.h"

static struct options o;
static char why[256];

#define PARSE(command, ...)                                                                        \
	({                                                                                         \
		static char *words[] = { __VA_ARGS__, NULL };                                             \
		options_parse(&o, command, sizeof(words) / sizeof(words[0]) - 1, words, why, sizeof(why)); \
	})

#define REFUSES(what, ...)                                                                         \
	do {                                                                                       \
		assert_int_not_equal(PARSE(COMMAND_RUN, __VA_ARGS__), 0);                          \
		if (!strstr(why, what)) {                                                          \
			fail_msg("expected \"%s\", got \"%s\"", what, why);                        \
		}                                                                                  \
	} while (0)

static void defaults(void **state)
{
	assert_int_equal(PARSE(COMMAND_RUN, "--", "ls", "-l"), 0);
	assert_int_equal(o.mode, MODE_ISOLATED);
	assert_int_equal(o.firmware, FIRMWARE_NONE);
	assert_int_equal(o.disk, DISK_AHCI);
	assert_int_equal(o.cpus, 0);
	assert_int_equal(o.memory, 0);
	assert_int_equal(o.timeout_ns, 0);
	assert_string_equal(o.command[0], "ls");
	assert_string_equal(o.command[1], "-l");
	assert_null(o.command[2]);
}

static void every_option_of_run(void **state)
{
	assert_int_equal(PARSE(COMMAND_RUN, "--mode", "monolithic", "--cpus=2", "--memory", "512M", "--root", "/x", "--firmware",
			       "uefi", "--kill", "ahci@3", "--kill=ahci@0.25", "--stats", "s.json", "--timeout", "2.5", "--verbose",
			       "--manifest", "m", "--disk", "ramdisk", "--iommu", "none", "--cpu-flags", "-svm", "--write",
			       "--disk-image", "/d", "--disk-image=/e"),
			 0);
	assert_int_equal(o.mode, MODE_MONOLITHIC);
	assert_int_equal(o.cpus, 2);
	assert_int_equal(o.memory, 512 << 20);
	assert_int_equal(o.firmware, FIRMWARE_UEFI);
	assert_int_equal(o.kill_count, 2);
	assert_string_equal(o.kills[0].domain, "ahci");
	assert_int_equal(o.kills[0].after_ns, 250000000);
	assert_int_equal(o.kills[1].after_ns, 3000000000);
	assert_string_equal(o.stats, "s.json");
	assert_int_equal(o.timeout_ns, 2500000000);
	assert_true(o.verbose && o.write);
	assert_int_equal(o.disk, DISK_RAMDISK);
	assert_int_equal(o.iommu, IOMMU_NONE);
	assert_string_equal(o.cpu_flags, "-svm");
	assert_int_equal(o.disk_image_count, 2);
	assert_string_equal(o.disk_images[1], "/e");
	assert_null(o.command);
}

static void networks(void **state)
{
	char netdev[256];
	assert_int_equal(PARSE(COMMAND_RUN, "--", "ls"), 0);
	assert_int_equal(o.network.net, NET_NONE);
	assert_int_equal(PARSE(COMMAND_RUN, "--publish", "8080:80", "--publish=5353:53/udp", "--publish", "2222:22/tcp"), 0);
	assert_int_equal(o.network.net, NET_USER);
	assert_string_equal(network_device(&o.network), "e1000e");
	assert_int_equal(network_netdev(&o.network, netdev, sizeof(netdev)), 0);
	assert_string_equal(netdev, "user,id=net0,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=udp:127.0.0.1:5353-:53,hostfwd=tcp:127.0.0.1:2222-:22");
	assert_int_equal(network_netdev(&o.network, netdev, 40), -1);
	assert_int_equal(PARSE(COMMAND_RUN, "--net", "tap=tap7", "--net-device=e1000"), 0);
	assert_string_equal(network_device(&o.network), "e1000");
	assert_string_equal(network_domain(&o.network), "e1000e");
	assert_int_equal(network_netdev(&o.network, netdev, sizeof(netdev)), 0);
	assert_string_equal(netdev, "tap,id=net0,ifname=tap7,script=no,downscript=no");
	char mac[NETWORK_MAC], other[NETWORK_MAC];
	network_mac(&o.network, mac);
	assert_memory_equal(mac, "52:54:00:", 9);
	network_mac(&o.network, other);
	assert_string_equal(mac, other); /* the same at each start */
	assert_int_equal(PARSE(COMMAND_RUN, "--net", "tap=tap8"), 0);
	network_mac(&o.network, other);
	assert_string_not_equal(mac, other);
	assert_int_equal(PARSE(COMMAND_RUN, "--net", "tap=tap8", "--mac", "2:0:0:AB:c:1"), 0);
	network_mac(&o.network, mac);
	assert_string_equal(mac, "02:00:00:ab:0c:01");
	assert_int_equal(PARSE(COMMAND_RUN, "--net", "user"), 0);
	network_mac(&o.network, mac);
	assert_string_equal(mac, "52:54:00:12:34:56");
	REFUSES("as in 52:54", "--mac", "01:00:5e:00:00:01");
	REFUSES("as in 52:54", "--mac", "00:00:00:00:00:00");
	REFUSES("as in 52:54", "--mac", "52:54:00:00:00");
	REFUSES("as in 52:54", "--mac", "52:54:00:00:00:07:1");
	REFUSES("as in 52:54", "--mac", "52:54:00:00:00:07 ");
	REFUSES("as in 52:54", "--mac", "");
	assert_int_equal(PARSE(COMMAND_RUN, "--publish", "1:1", "--net", "none"), 0);
	assert_int_equal(o.network.net, NET_NONE); /* which plan_check refuses */
	REFUSES("use user, tap=NAME or none", "--net", "bridge");
	REFUSES("as in tap=tap0", "--net", "tap=");
	REFUSES("as in tap=tap0", "--net", "tap=a-name-that-is-too-long");
	REFUSES("as in tap=tap0", "--net", "tap=a,id=b");
	REFUSES("use e1000e, e1000 or loop", "--net-device", "rtl8139");
	REFUSES("HOSTPORT:GUESTPORT", "--publish", "8080");
	REFUSES("HOSTPORT:GUESTPORT", "--publish", "0:80");
	REFUSES("HOSTPORT:GUESTPORT", "--publish", "80:65536");
	REFUSES("HOSTPORT:GUESTPORT", "--publish", ":80");
	REFUSES("HOSTPORT:GUESTPORT", "--publish", "80:80/sctp");
	REFUSES("HOSTPORT:GUESTPORT", "--publish", "80/udp:80");
	REFUSES("another --publish", "--publish", "80:80", "--publish", "80:81");
	assert_int_equal(PARSE(COMMAND_RUN, "--publish", "80:80", "--publish", "80:80/udp"), 0);
	assert_int_equal(PARSE(COMMAND_RUN, "--ip", "10.0.2.20/24,gateway=10.0.2.2", "--publish", "80:80"), 0);
	assert_string_equal(o.network.ip, "10.0.2.20/24,gateway=10.0.2.2");
	assert_int_equal(network_netdev(&o.network, netdev, sizeof(netdev)), 0);
	assert_string_equal(netdev, "user,id=net0,hostfwd=tcp:127.0.0.1:80-10.0.2.20:80");
	assert_int_equal(PARSE(COMMAND_RUN, "--ip", "1.2.3.4/8,dns=1.2.3.5"), 0);
	assert_int_equal(PARSE(COMMAND_RUN, "--ip", "1.2.3.4/1,gateway=1.2.3.1,dns=1.2.3.5"), 0);
	assert_int_equal(PARSE(COMMAND_RUN, "--ip", "1.2.3.4/31,gateway=1.2.3.5"), 0);
	assert_int_equal(PARSE(COMMAND_RUN, "--ip", "1.2.3.4/32"), 0);
	assert_int_equal(PARSE(COMMAND_RUN, "--ip", "dhcp"), 0);
	REFUSES("use dhcp, none or", "--ip", "1.2.3.4");
	REFUSES("use dhcp, none or", "--ip", "1.2.3.4/33");
	REFUSES("use dhcp, none or", "--ip", "1.2.3/24");
	REFUSES("use dhcp, none or", "--ip", "1.2.3.4/0");
	REFUSES("use dhcp, none or", "--ip", "224.0.0.5/24");
	REFUSES("use dhcp, none or", "--ip", "127.0.0.1/8");
	REFUSES("use dhcp, none or", "--ip", "0.0.0.0/0");
	REFUSES("is set in the guest", "--ip", "fec0::20/64");
	REFUSES("broadcast", "--ip", "10.0.2.255/24");
	REFUSES("broadcast", "--ip", "10.0.2.0/24");
	REFUSES("the gateway", "--ip", "10.0.2.20/24,gateway=9.9.9.9");
	REFUSES("the gateway", "--ip", "10.0.2.20/24,gateway=10.0.2.20");
	REFUSES("the gateway", "--ip", "10.0.2.20/24,gateway=10.0.2.255");
	REFUSES("use dhcp, none or", "--ip", "1.2.3.4/24,1.2.3.1");
	REFUSES("use dhcp, none or", "--ip", "1.2.3.4/24,dns=1.2.3.1,gateway=1.2.3.1");
	REFUSES("use dhcp, none or", "--ip", "1.2.3.4/24,gateway=1.2.3.1 root=x");
}

static void what_is_wrong(void **state)
{
	REFUSES("no option --bogus", "--bogus");
	REFUSES("no option --runs", "--runs", "3");
	REFUSES("needs a value", "--cpus");
	REFUSES("takes no value", "--verbose=yes");
	REFUSES("use 1 to 16", "--cpus", "0");
	REFUSES("use 1 to 16", "--cpus", "17");
	REFUSES("use isolated or monolithic", "--mode", "both");
	REFUSES("use none, bios or uefi", "--firmware", "coreboot");
	REFUSES("use 16M", "--memory", "8M");
	REFUSES("use 16M", "--memory", "lots");
	REFUSES("use 16M to 16G", "--memory", "17G");
	REFUSES("use DOMAIN@SECONDS", "--kill", "ahci");
	REFUSES("use DOMAIN@SECONDS", "--kill", "@1");
	REFUSES("use DOMAIN@SECONDS", "--kill", "ahci@soon");
	REFUSES("use DOMAIN@SECONDS", "--kill", "a-name-that-is-too-long@1");
	REFUSES("number of seconds", "--timeout", "-1");
	REFUSES("not empty", "--root", "");
	REFUSES("a command has to stand", "--verbose", "--");
	REFUSES("behind -- is empty", "--", "");
	REFUSES("behind -- is empty", "--", " ", "\t");
	REFUSES("vmctl help run", "--bogus");
	REFUSES("--size goes with --packages", "--size", "1G");
	REFUSES("--mirror goes with --packages", "--mirror", "http://m");
	REFUSES("--update goes with --packages", "--update");
	REFUSES("--set-up goes with --packages", "--set-up");
	REFUSES("use 1 to 24", "--name", "");
	REFUSES("use 1 to 24", "--name", "a/b");
	REFUSES("use 1 to 24", "--name", "a b");
	REFUSES("use 1 to 24", "--name", "..");
	REFUSES("use 1 to 24", "--name", "abcdefghijklmnopqrstuvwxy");
	assert_int_equal(PARSE(COMMAND_RUN, "--name", "My_guest-1.2"), 0);
	assert_string_equal(o.name, "My_guest-1.2");
}

static void words_of_other_commands(void **state)
{
	assert_int_equal(PARSE(COMMAND_BUNDLE, "m.manifest", "-o", "out"), 0);
	assert_int_equal(o.word_count, 1);
	assert_string_equal(o.words[0], "m.manifest");
	assert_string_equal(o.output, "out");
	assert_int_not_equal(PARSE(COMMAND_BUNDLE, "m", "--", "x"), 0);
	assert_int_equal(PARSE(COMMAND_IMAGE, "root", "--bootable=iso", "--disk", "ramdisk", "-o", "out"), 0);
	assert_int_equal(o.medium, MEDIUM_ISO);
	assert_int_equal(o.disk, DISK_RAMDISK);
	assert_false(o.force);
	assert_int_equal(PARSE(COMMAND_IMAGE, "--force", "--bootable", "disk", "-o", "out"), 0);
	assert_int_equal(o.medium, MEDIUM_DISK);
	assert_true(o.force);
	assert_int_not_equal(PARSE(COMMAND_IMAGE, "--bootable", "floppy", "-o", "out"), 0);
	assert_int_not_equal(PARSE(COMMAND_RUN, "--force"), 0);
	assert_int_not_equal(PARSE(COMMAND_IMAGE, "--size", "1G", "-o", "out"), 0);
	assert_int_equal(PARSE(COMMAND_IMAGE, "--size", "1G", "--packages", "bash", "-o", "out"), 0);
	assert_int_equal(o.size, 1 << 30);
	assert_int_not_equal(PARSE(COMMAND_CAPSULE, "--bogus"), 0);
	assert_non_null(strstr(why, "\"vmctl help capsule\""));
}

static void quantities(void **state)
{
	uint64_t v;
	assert_int_equal(quantity_size("4096", &v), 0);
	assert_int_equal(v, 4096);
	assert_int_equal(quantity_size("0x10K", &v), 0);
	assert_int_equal(v, 16384);
	assert_int_not_equal(quantity_size("1MB", &v), 0);
	assert_int_not_equal(quantity_size("", &v), 0);
	assert_int_not_equal(quantity_size(" 1", &v), 0);
	assert_int_not_equal(quantity_size("18446744073709551615K", &v), 0);
	assert_int_equal(quantity_duration("20ms", &v), 0);
	assert_int_equal(v, 20000);
	assert_int_not_equal(quantity_duration("20", &v), 0);
	assert_int_equal(quantity_seconds("1.000000001", &v), 0);
	assert_int_equal(v, 1000000001);
	assert_int_equal(quantity_seconds("0.5s", &v), 0);
	assert_int_equal(v, 500000000);
	assert_int_equal(quantity_seconds(".25", &v), 0);
	assert_int_equal(v, 250000000);
	assert_int_not_equal(quantity_seconds(".", &v), 0);
	assert_int_not_equal(quantity_seconds(".s", &v), 0);
	assert_int_not_equal(quantity_seconds("", &v), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(every_option_of_run), cmocka_unit_test(networks), cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(words_of_other_commands), cmocka_unit_test(quantities),
	};
	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
