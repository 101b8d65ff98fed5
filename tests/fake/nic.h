/* SPDX-License-Identifier: MIT */
/*
 * A network adapter as the 82574L's datasheet describes it to software (or an 82540EM), with faults on demand. A reset leaves most registers as they
 * were, which the real one does not, so that a driver that trusts a reset is found out. It sends only in nic_run(), and checks what a real
 * adapter would not forgive: rings worked on without bus mastering, descriptors that make no sense, a cause register read unmasked.
 */
#ifndef TESTS_FAKE_NIC_H
#define TESTS_FAKE_NIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "component/pcidev.h"

#define NIC_PAGES 8
#define NIC_FRAMES 1024

struct nic_sent {
	uint8_t bytes[4096];
	uint32_t length; /* of the whole frame, also of one longer than `bytes` */
	unsigned pieces; /* descriptors */
	bool sum, ip_sum, cut; /* options of its first descriptor */
	uint8_t sum_start, sum_offset, header; /* of the context then */
	uint16_t piece;
	uint32_t payload;
};

struct fake_nic {
	struct pcidev pci;
	uint32_t registers[NIC_PAGES * 1024];
	uint16_t nvm[3];
	uint32_t subsystem;
	bool no_irq, msix, master, silent; /* silent: all ones, as if unplugged */
	bool hangs, wedged; /* does not send; never ends its reset */
	bool garbage; /* every register reads as anything */
	uint32_t icr, ims;
	void (*doorbell)(void); /* NULL, or what others do while the tail of the send ring is written */
	void (*handler)(void *arg);
	void *arg;
	unsigned interrupts, resets, violations, contexts, dropped;
	struct nic_sent sent[NIC_FRAMES]; /* the last ones */
	unsigned sent_count;
	struct nic_sent building;
	uint8_t context[16];
};

void nic_init(struct fake_nic *nic, bool old);
void nic_destroy(struct fake_nic *nic);
/** Send what is in the ring, and interrupt if that is due. */
void nic_run(struct fake_nic *nic);
/** A frame comes in, with these status and error bits beside DD and EOP; `length` is what the adapter claims. False: no buffer. */
bool nic_receive(struct fake_nic *nic, const void *bytes, size_t count, uint16_t length, uint8_t status, uint8_t errors);
/** Set causes, and interrupt if they are enabled. */
void nic_cause(struct fake_nic *nic, uint32_t causes);
void nic_link(struct fake_nic *nic, bool up);

#endif
