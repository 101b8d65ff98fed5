/* SPDX-License-Identifier: MIT */
/*
 * Which functions are behind one fence, on made-up machines: what the bus does not keep apart (PCI Express 4.0, 6.12; PCI Express to PCI
 * Bridge 1.0, 2.3). Each test says the groups as words, "a b | c", by the names that it gave the functions; whatever the order in which
 * they were found, the groups are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hv/pci/pci_internal.h"

static struct machine {
	struct pci_function functions[32];
	const char *names[32];
	unsigned count;
} machine, turned;

unsigned pci_count(void)
{
	return turned.count;
}

struct pci_function *pci_at(unsigned index)
{
	return &turned.functions[index];
}

struct pci_function *pci_find(uint16_t bdf)
{
	for (unsigned i = 0; i < turned.count; i++) {
		if (turned.functions[i].bdf == bdf) {
			return &turned.functions[i];
		}
	}
	return NULL;
}

#define BDF(bus, device, function) (uint16_t)((bus) << 8 | (device) << 3 | (function))
#define ACS true
#define PLAIN false

static int fresh(void **state)
{
	memset(&machine, 0, sizeof(machine));
	return 0;
}

static struct pci_function *put(const char *name, uint16_t bdf, uint8_t port, bool acs)
{
	struct pci_function *f = &machine.functions[machine.count];
	machine.names[machine.count++] = name;
	*f = (struct pci_function){ .bdf = bdf, .requester = bdf, .port = port, .acs = acs };
	return f;
}

static void put_bridge(const char *name, uint16_t bdf, uint8_t port, bool acs, uint8_t secondary, uint8_t subordinate)
{
	struct pci_function *f = put(name, bdf, port, acs);
	f->secondary = secondary;
	f->subordinate = subordinate;
}

/* The machine with its functions found from the first-th on, and its groups made. */
static void make(unsigned first)
{
	turned.count = machine.count;
	for (unsigned i = 0; i < machine.count; i++) {
		turned.functions[i] = machine.functions[(first + i) % machine.count];
		turned.names[i] = machine.names[(first + i) % machine.count];
		turned.functions[i].index = turned.functions[i].group = (uint8_t)i;
	}
	pci_groups_make();
}

static unsigned place(const char *name)
{
	for (unsigned i = 0; i < turned.count; i++) {
		if (strcmp(turned.names[i], name) == 0) {
			return i;
		}
	}
	fail_msg("no %s", name);
	return 0;
}

static const struct pci_function *at(const char *name)
{
	return &turned.functions[place(name)];
}

/* The members of a name's group, by the order of `machine`, with blanks. */
static const char *members(unsigned index)
{
	static char text[256];
	text[0] = '\0';
	for (unsigned i = 0; i < machine.count; i++) {
		if (at(machine.names[i])->group == turned.functions[index].group) {
			strcat(text, text[0] ? " " : "");
			strcat(text, machine.names[i]);
		}
	}
	return text;
}

static void groups_are(const char *want)
{
	for (unsigned first = 0; first < machine.count; first++) {
		char text[512] = "";
		bool told[32] = { false };
		make(first);
		for (unsigned i = 0; i < machine.count; i++) {
			const struct pci_function *f = at(machine.names[i]);
			if (!told[f->group]) {
				told[f->group] = true;
				strcat(text, text[0] ? " | " : "");
				strcat(text, members(place(machine.names[i])));
			}
		}
		assert_string_equal(text, want);
		for (unsigned i = 0; i < turned.count; i++) { /* the walk over a group sees what the labels say */
			unsigned seen = 0, labelled = 0;
			for (const struct pci_function *g = NULL; (g = pci_group_next(&turned.functions[i], g));) {
				assert_int_equal(g->group, turned.functions[i].group);
				seen++;
			}
			for (unsigned k = 0; k < turned.count; k++) {
				labelled += turned.functions[k].group == turned.functions[i].group;
			}
			assert_int_equal(seen, labelled);
		}
	}
}

static void q35_as_it_comes(void **state)
{
	put("host", BDF(0, 0, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put("nic", BDF(0, 2, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put("lpc", BDF(0, 31, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put("ahci", BDF(0, 31, 2), PCI_PORT_CONVENTIONAL, PLAIN);
	put("smbus", BDF(0, 31, 3), PCI_PORT_CONVENTIONAL, PLAIN);
	groups_are("host | nic | lpc ahci smbus");
}

static void functions_of_a_device(void **state)
{
	put("a0", BDF(0, 3, 0), PCI_PORT_ENDPOINT, ACS);
	put("a1", BDF(0, 3, 1), PCI_PORT_ENDPOINT, ACS);
	put("b0", BDF(0, 4, 0), PCI_PORT_ENDPOINT, PLAIN);
	put("b1", BDF(0, 4, 1), PCI_PORT_ENDPOINT, PLAIN);
	put("b7", BDF(0, 4, 7), PCI_PORT_ENDPOINT, ACS);
	put("c0", BDF(0, 5, 0), PCI_PORT_INTEGRATED, PLAIN);
	groups_are("a0 | a1 | b0 b1 b7 | c0"); /* b7 sends nothing to its peers, they do to it */
}

static void a_root_port_that_isolates(void **state)
{
	put_bridge("port", BDF(0, 28, 0), PCI_PORT_ROOT, ACS, 1, 1);
	put_bridge("other", BDF(0, 28, 1), PCI_PORT_ROOT, ACS, 2, 2);
	put("disk", BDF(1, 0, 0), PCI_PORT_ENDPOINT, PLAIN);
	put("nic", BDF(2, 0, 0), PCI_PORT_ENDPOINT, PLAIN);
	groups_are("port | other | disk | nic");
}

static void root_ports_that_do_not(void **state)
{
	put_bridge("port", BDF(0, 28, 0), PCI_PORT_ROOT, PLAIN, 1, 1);
	put_bridge("other", BDF(0, 28, 1), PCI_PORT_ROOT, PLAIN, 2, 2);
	put_bridge("third", BDF(0, 29, 0), PCI_PORT_ROOT, PLAIN, 3, 3);
	put("disk", BDF(1, 0, 0), PCI_PORT_ENDPOINT, PLAIN);
	put("nic", BDF(2, 0, 0), PCI_PORT_ENDPOINT, PLAIN);
	put("usb", BDF(3, 0, 0), PCI_PORT_ENDPOINT, PLAIN);
	groups_are("port other disk nic | third usb");
}

static void a_switch(void **state)
{
	put_bridge("root", BDF(0, 1, 0), PCI_PORT_ROOT, ACS, 1, 5);
	put_bridge("up", BDF(1, 0, 0), PCI_PORT_UPSTREAM, PLAIN, 2, 5);
	put_bridge("down0", BDF(2, 0, 0), PCI_PORT_DOWNSTREAM, ACS, 3, 3);
	put_bridge("down1", BDF(2, 1, 0), PCI_PORT_DOWNSTREAM, ACS, 4, 4);
	put("disk", BDF(3, 0, 0), PCI_PORT_ENDPOINT, PLAIN);
	put("nic", BDF(4, 0, 0), PCI_PORT_ENDPOINT, PLAIN);
	groups_are("root | up | down0 | down1 | disk | nic");
	machine.functions[2].acs = machine.functions[3].acs = false; /* peers reach each other inside it: each with its port */
	groups_are("root | up | down0 down1 disk nic");
	machine.functions[3].acs = true; /* one port that passes requests on is enough */
	groups_are("root | up | down0 down1 disk nic");
	machine.functions[2].acs = machine.functions[3].acs = true;
	machine.functions[0].acs = false; /* the root port sends back what comes up */
	groups_are("root up down0 down1 disk nic");
}

static void a_bridge_to_conventional_pci(void **state)
{
	put_bridge("root", BDF(0, 1, 0), PCI_PORT_ROOT, ACS, 1, 3);
	put_bridge("bridge", BDF(1, 0, 0), PCI_PORT_TO_PCI, PLAIN, 2, 3);
	put("sound", BDF(2, 1, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put("card", BDF(2, 2, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put_bridge("below", BDF(2, 3, 0), PCI_PORT_CONVENTIONAL, PLAIN, 3, 3);
	put("deep", BDF(3, 0, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put("nic", BDF(0, 2, 0), PCI_PORT_ENDPOINT, PLAIN);
	groups_are("root | bridge sound card below deep | nic");
	assert_int_equal(at("sound")->requester, 0x0200);
	assert_int_equal(at("deep")->requester, 0x0200);
	assert_int_equal(at("bridge")->requester, 0x0200);
	assert_int_equal(at("nic")->requester, 0x0010);
}

static void a_conventional_bridge_on_the_root_bus(void **state)
{
	put_bridge("bridge", BDF(0, 30, 0), PCI_PORT_CONVENTIONAL, PLAIN, 1, 1);
	put("card", BDF(1, 4, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put("other", BDF(1, 5, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	groups_are("bridge card other");
	assert_int_equal(at("card")->requester, BDF(0, 30, 0));
	assert_int_equal(at("bridge")->requester, BDF(0, 30, 0));
}

static void the_firmwares_aliases(void **state)
{
	put("host", BDF(0, 0, 0), PCI_PORT_CONVENTIONAL, PLAIN);
	put("a", BDF(0, 3, 0), PCI_PORT_ENDPOINT, PLAIN);
	put("b", BDF(0, 4, 0), PCI_PORT_ENDPOINT, PLAIN);
	put("c", BDF(0, 5, 0), PCI_PORT_ENDPOINT, PLAIN);
	make(0);
	pci_group_alias(BDF(0, 3, 0), BDF(0, 3, 0), BDF(0, 9, 0)); /* an ID that no function has */
	assert_string_equal(members(1), "a");
	pci_group_alias(BDF(0, 3, 7), BDF(0, 4, 7), BDF(0, 9, 0));
	assert_string_equal(members(1), "a b");
	pci_group_alias(BDF(0, 5, 0), BDF(0, 31, 7), BDF(0, 0, 0)); /* one that a function has */
	assert_string_equal(members(0), "host c");
	pci_group_alias(BDF(7, 0, 0), BDF(9, 0, 0), BDF(0, 3, 0)); /* of a function that is not there */
	assert_int_equal(at("b")->requester, BDF(0, 9, 0));
	assert_int_equal(at("a")->group, at("b")->group);
}

/* Any machine of 16 functions: bridges have buses below their own, as the scan sees to. It ends, and groups are closed. */
static void any_machine_ends(void **state)
{
	static const uint8_t ports[] = { 0, 1, 4, 5, 6, 7, 8, 9, 10, 0xff, 0xff };
	static char names[16][4];
	uint64_t random = 1;
	for (unsigned round = 0; round < 2000; round++) {
		fresh(NULL);
		for (unsigned i = 0; i < 16; i++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			unsigned bus = random >> 60 & 7, secondary = bus + 1 + (random >> 50 & 3);
			snprintf(names[i], sizeof(names[i]), "%u", i);
			put_bridge(names[i], BDF(bus, i / 2, i % 2), ports[(random >> 33) % sizeof(ports)], random >> 40 & 1,
				   random >> 41 & 1 ? (uint8_t)secondary : 0, (uint8_t)secondary);
		}
		make(0);
		for (unsigned i = 0; i < 16; i++) {
			const struct pci_function *f = &turned.functions[i];
			assert_true(f->group <= i && turned.functions[f->group].group == f->group);
			if (f->requester != f->bdf && f->port != PCI_PORT_TO_PCI) { /* whoever carries this ID is behind this fence */
				for (unsigned k = 0; k < 16; k++) {
					assert_true(turned.functions[k].bdf != f->requester || turned.functions[k].group == f->group ||
						    turned.functions[k].bdf >> 8 == f->bdf >> 8);
				}
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(q35_as_it_comes, fresh),
		cmocka_unit_test_setup(functions_of_a_device, fresh),
		cmocka_unit_test_setup(a_root_port_that_isolates, fresh),
		cmocka_unit_test_setup(root_ports_that_do_not, fresh),
		cmocka_unit_test_setup(a_switch, fresh),
		cmocka_unit_test_setup(a_bridge_to_conventional_pci, fresh),
		cmocka_unit_test_setup(a_conventional_bridge_on_the_root_bus, fresh),
		cmocka_unit_test_setup(the_firmwares_aliases, fresh),
		cmocka_unit_test_setup(any_machine_ends, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
