/* SPDX-License-Identifier: MIT */
/* The manifest compiler's parser: what a good manifest becomes, and one test for each thing that it refuses, with the line. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "manifest.h"

static char reports[4096];

static void collect(void *to, const char *text)
{
	size_t used = strlen(reports);
	snprintf(reports + used, sizeof(reports) - used, "%s\n", text);
}

static struct manifest m;

static int parse(const char *text)
{
	reports[0] = '\0';
	m.report = collect;
	return manifest_parse(&m, "t", text);
}

#define GUEST "domain guest\n\tmain\n\timage g.elf\n\tmemory 64M\n" /* lines 1 to 4 */
#define AHCI "domain ahci\n\timage ahci.elf\n\tmemory 2M\n" /* 5 to 7 behind GUEST */

/* Parsing must report exactly one error, and its text must start and go on like this. */
static void refuses(const char *text, const char *where, const char *what)
{
	assert_int_not_equal(parse(text), 0);
	if (strncmp(reports, where, strlen(where)) != 0 || !strstr(reports, what) || m.error_count != 1) {
		fail_msg("expected \"%s... %s...\" once, got: %s", where, what, reports);
	}
}

static void whole_manifest(void **state)
{
	assert_int_equal(parse("# comment\n"
			       "domain guest   # the main one\n"
			       "    main\n"
			       "    image     guest-kernel.elf\n"
			       "    module    command.txt\n"
			       "    memory    256M\n"
			       "    vcpus     2\n"
			       "    cpus      0,2-3\n"
			       "    priority  10\n"
			       "    cmdline   root=auto  rw \n"
			       "\n"
			       "domain ahci\n"
			       "    image     ahci.elf\n"
			       "    memory    2M\n"
			       "    priority  100\n"
			       "    device    class 010601 index 1\n"
			       "    device    address 00:1f.2\n"
			       "    restart   100 in 60s\n"
			       "    heartbeat 2s\n"
			       "    budget 500us of 10ms\n"
			       "    unfenced = yes\n"
			       "    test-no-reset\n"
			       "link block guest ahci\n"),
			 0);
	const struct bundle_domain *g = &m.header.domains[0], *a = &m.header.domains[1];
	assert_int_equal(m.header.domain_count, 2);
	assert_int_equal(m.header.image_count, 3);
	assert_string_equal(g->name, "guest");
	assert_string_equal(g->cmdline, "root=auto  rw");
	assert_string_equal(m.header.images[g->module].name, "command.txt");
	assert_int_equal(g->memory, 256 << 20);
	assert_int_equal(g->cpu_mask, 0xd);
	assert_int_equal(g->flags, BUNDLE_MAIN);
	assert_int_equal(g->vcpus, 2);
	assert_int_equal(a->module, UINT32_MAX);
	assert_int_equal(a->cpu_mask, UINT64_MAX);
	assert_int_equal(a->priority, 100);
	assert_int_equal(a->restart_max, 100);
	assert_int_equal(a->restart_window_s, 60);
	assert_int_equal(a->heartbeat_ms, 2000);
	assert_int_equal(a->budget_us, 500);
	assert_int_equal(a->period_us, 10000);
	assert_int_equal(a->flags, BUNDLE_UNFENCED | BUNDLE_TEST_NO_RESET);
	assert_int_equal(a->device_count, 2);
	assert_int_equal(a->devices[0].kind, BUNDLE_DEV_CLASS);
	assert_int_equal(a->devices[0].value, 0x010601);
	assert_int_equal(a->devices[0].index, 1);
	assert_int_equal(a->devices[1].kind, BUNDLE_DEV_ADDRESS);
	assert_int_equal(a->devices[1].value, 0x1f << 3 | 2);
	assert_int_equal(m.header.link_count, 1);
	assert_int_equal(m.header.links[0].kind, 2);
	assert_int_equal(m.header.links[0].front, 0);
	assert_int_equal(m.header.links[0].back, 1);
}

static void an_image_of_two_domains_is_stored_once(void **state)
{
	assert_int_equal(parse(GUEST "domain a\n image x.elf\n memory 2M\ndomain b\n image x.elf\n memory 2M\n"), 0);
	assert_int_equal(m.header.image_count, 2);
	assert_int_equal(m.header.domains[1].image, m.header.domains[2].image);
}

static void names(void **state)
{
	refuses(GUEST "domain guest\n image a\n memory 2M\n", "t:5: ", "defined twice, first at line 1");
	refuses(GUEST "domain Gu/st\n image a\n memory 2M\n", "t:5: ", "not a domain name");
	refuses(GUEST "domain a23456789012345x\n image a\n memory 2M\n", "t:5: ", "not a domain name");
	refuses(GUEST "frobnicate 3\n", "t:5: ", "not a directive");
	refuses(GUEST "\tbogus\n", "t:5: ", "not a directive");
	refuses(GUEST "\timage other.elf\n", "t:5: ", "stands twice");
	refuses(GUEST " image_\n", "t:5: ", "not a directive");
}

static void places(void **state)
{
	refuses("\tmemory 2M\n" GUEST, "t:1: ", "belongs to a domain");
	refuses(GUEST "vcpus 2\n", "t:5: ", "belongs to a domain");
	refuses(GUEST AHCI "\tlink block guest ahci\n", "t:8: ", "is indented");
	refuses(GUEST "\tvcpus\n", "t:5: ", "too few words");
	refuses(GUEST "\tvcpus 1 2\n", "t:5: ", "too many words");
}

static void missing_parts(void **state)
{
	refuses(GUEST "domain a\n\tmemory 2M\n", "t:5: ", "has no image");
	refuses(GUEST "domain a\n\timage a.elf\n", "t:5: ", "has no memory");
	refuses(AHCI, "t: ", "no domain is the main one");
	refuses(GUEST "domain b\n\tmain\n\timage b\n\tmemory 2M\n", "t:5: ", "two main domains");
	refuses(GUEST "\tkeep-module\n", "t:1: ", "has none");
	refuses(GUEST AHCI "\ttest-no-reset\n", "t:5: ", "means nothing");
	refuses(GUEST "\trestart 3 in 10s\n", "t:1: ", "main domain");
}

static void numbers(void **state)
{
	refuses("domain g\n\tmain\n\timage g\n\tmemory 64X\n", "t:4: ", "is not a size");
	refuses("domain g\n\tmain\n\timage g\n\tmemory 0\n", "t:4: ", "not allowed");
	refuses("domain g\n\tmain\n\timage g\n\tmemory 100K\n", "t:4: ", "not allowed");
	refuses("domain g\n\tmain\n\timage g\n\tmemory 65G\n", "t:4: ", "not allowed");
	refuses("domain g\n\tmain\n\timage g\n\tmemory 99999999999999999999G\n", "t:4: ", "is not a size");
	refuses(GUEST "\tvcpus 0\n", "t:5: ", "out of range");
	refuses(GUEST "\tvcpus 17\n", "t:5: ", "out of range");
	refuses(GUEST "\tvcpus two\n", "t:5: ", "is not a number");
	refuses(GUEST "\tvcpus -1\n", "t:5: ", "is not a number");
	refuses(GUEST "\tpriority 256\n", "t:5: ", "out of range");
	refuses(GUEST "\tcpus 64\n", "t:5: ", "out of range");
	refuses(GUEST "\tcpus 3-1\n", "t:5: ", "run backwards");
	refuses(GUEST "\tcpus 0,x\n", "t:5: ", "is not a number");
	refuses(GUEST "\theartbeat 2\n", "t:5: ", "is not a duration");
	refuses(GUEST "\theartbeat 1ms\n", "t:5: ", "out of range");
	refuses(GUEST "\tbudget 20ms of 10ms\n", "t:5: ", "longer than its period");
	refuses(GUEST "\tbudget 1ms per 10ms\n", "t:5: ", "is written");
	refuses(GUEST AHCI "\trestart 0 in 60s\n", "t:8: ", "out of range");
	refuses(GUEST AHCI "\trestart 5\n", "t:8: ", "is written");
	refuses(GUEST AHCI "\tunfenced = maybe\n", "t:8: ", "neither");
}

static void devices(void **state)
{
	refuses(GUEST AHCI "\tdevice class 0106\n", "t:8: ", "six hexadecimal digits");
	refuses(GUEST AHCI "\tdevice class 01060g\n", "t:8: ", "six hexadecimal digits");
	refuses(GUEST AHCI "\tdevice class 010601 offset 1\n", "t:8: ", "index N");
	refuses(GUEST AHCI "\tdevice class 010601 index 256\n", "t:8: ", "out of range");
	refuses(GUEST AHCI "\tdevice address 00:20.0\n", "t:8: ", "is not a PCI address");
	refuses(GUEST AHCI "\tdevice address 00:1f\n", "t:8: ", "is not a PCI address");
	refuses(GUEST AHCI "\tdevice serial 1\n", "t:8: ", "is unknown");
	refuses(GUEST AHCI "\tdevice class 010601\ndomain b\n\timage b\n\tmemory 2M\n\tdevice class 010601 index 0\n", "t:9: ",
		"claimed by domain \"ahci\" already");
	refuses(GUEST AHCI "\tdevice address 00:02.0\n\tdevice address 0000:00:02.0\n", "t:5: ", "claimed by domain \"ahci\" already");
	refuses(GUEST AHCI "\tdevice class 000001\n\tdevice class 000002\n\tdevice class 000003\n\tdevice class 000004\n"
			   "\tdevice class 000005\n",
		"t:12: ", "too many devices");
}

static void links(void **state)
{
	refuses(GUEST AHCI "link block guest nvme\n", "t:8: ", "\"nvme\", which is not defined");
	refuses(GUEST AHCI "link block ahci guest\n", "t:8: ", "can't be a back end");
	refuses(GUEST AHCI "link tape guest ahci\n", "t:8: ", "not a kind of link");
	refuses(GUEST AHCI "link block ahci ahci\n", "t:8: ", "two domains");
	assert_int_equal(parse(GUEST AHCI "link block guest ahci\nlink block guest ahci\n"), 0);
	assert_int_equal(m.header.link_count, 2); /* the second disk of the same back end */
	refuses(GUEST AHCI "link block guest\n", "t:8: ", "too few words");
}

static void a_domain_has_at_most_eight_links(void **state)
{
	char text[4096] = GUEST;
	for (int i = 0; i < 9; i++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used, "domain d%d\n image d\n memory 2M\nlink block guest d%d\n", i, i);
	}
	refuses(text, "t:1: ", "has 9 links");
}

static void at_most_sixteen_domains(void **state)
{
	char text[4096] = GUEST;
	for (int i = 0; i < 15; i++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used, "domain d%d\n image d\n memory 2M\n", i);
	}
	assert_int_equal(parse(text), 0);
	strcat(text, "domain last\n");
	refuses(text, "t:50: ", "too many domains");
}

static void a_command_line_that_is_too_long(void **state)
{
	char text[2048] = GUEST "\tcmdline ";
	size_t used = strlen(text);
	memset(text + used, 'x', 1023);
	assert_int_equal(parse(text), 0);
	text[used + 1023] = 'x';
	refuses(text, "t:5: ", "has 1024 characters");
}

static void all_errors_are_shown_at_once(void **state)
{
	assert_int_not_equal(parse(GUEST "\tvcpus 99\n\tbogus\nlink block guest nobody\n"), 0);
	assert_int_equal(m.error_count, 3);
	assert_non_null(strstr(reports, "t:5: "));
	assert_non_null(strstr(reports, "t:6: "));
	assert_non_null(strstr(reports, "t:7: "));
}

static void module_in_place_of_the_text(void **state)
{
	assert_int_equal(parse(GUEST), 0);
	assert_int_equal(manifest_set_module(&m, manifest_main(&m), "/some/where/command.txt"), 0);
	assert_string_equal(m.header.images[manifest_main(&m)->module].name, "command.txt");
	assert_null(manifest_domain(&m, "ahci"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_manifest),
		cmocka_unit_test(an_image_of_two_domains_is_stored_once),
		cmocka_unit_test(names),
		cmocka_unit_test(places),
		cmocka_unit_test(missing_parts),
		cmocka_unit_test(numbers),
		cmocka_unit_test(devices),
		cmocka_unit_test(links),
		cmocka_unit_test(a_domain_has_at_most_eight_links),
		cmocka_unit_test(at_most_sixteen_domains),
		cmocka_unit_test(a_command_line_that_is_too_long),
		cmocka_unit_test(all_errors_are_shown_at_once),
		cmocka_unit_test(module_in_place_of_the_text),
	};
	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
