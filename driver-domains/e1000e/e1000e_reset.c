/* SPDX-License-Identifier: MIT */
/*
 * Reset and everything that is set once (datasheet, 4.6; SDM for the 82540EM, 14): who comes after a dead driver finds registers in any state, and an
 * emulator's reset clears few of them, so each that matters is written. Bus mastering is off until the receiver and the
 * transmitter are: nothing that a predecessor left in a ring is worked on any more.
 */
#include "e1000e_internal.h"

#include "abi/errno.h"
#include "base/string.h"

#define PCI_COMMAND 4
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_MASTER 4u
#define PCI_COMMAND_NO_INTX 0x400u
#define ITR_256_NS 488u /* 8000 interrupts a second, at most */
#define NVM_WORDS 3u /* of the address: the first ones */

/* Wait until `bits` of a register read as `value`; the lock is not held. */
static int register_wait(struct e1000e *nic, uint32_t offset, uint32_t bits, uint32_t value, uint64_t timeout)
{
	uint64_t end = env_time_ns() + timeout;
	while ((nic_read(nic, offset) & bits) != value) {
		if (env_time_ns() >= end) {
			return -ETIMEDOUT;
		}
		env_lock(&nic->lock);
		env_wait(&nic->attention, &nic->lock, MS);
		env_unlock(&nic->lock);
	}
	return 0;
}

static void master_set(struct e1000e *nic, bool on)
{
	struct pcidev *pci = nic->pci;
	uint32_t command = (pci->ops->config_read(pci, PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER) | PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX;
	pci->ops->config_write(pci, PCI_COMMAND, 2, command | (on ? PCI_COMMAND_MASTER : 0));
}

static void tables_clear(struct e1000e *nic)
{
	for (unsigned i = 0; i < MTA_WORDS; i++) {
		nic_write(nic, REG_MTA + 4 * i, 0);
	}
	for (unsigned i = 0; i < VFTA_WORDS; i++) {
		nic_write(nic, REG_VFTA + 4 * i, 0);
	}
	for (unsigned i = 1; i < ADDRESSES; i++) {
		nic_write(nic, REG_RAL + 8 * i, 0);
		nic_write(nic, REG_RAH + 8 * i, 0);
	}
}

/* Bits that Intel's own drivers set in an 82574: datasheet 10.2 calls them reserved, the specification update (321461) needs them. */
static void errata_set(struct e1000e *nic)
{
	if (!nic->old) {
		nic_write(nic, REG_TARC0, (nic_read(nic, REG_TARC0) & ~(0xfu << 27)) | 1u << 26 | 1u << 10);
		nic_write(nic, REG_CTRL_EXT, (nic_read(nic, REG_CTRL_EXT) & ~(1u << 23)) | 1u << 22 | CTRL_EXT_DRV_LOAD);
		nic_write(nic, REG_GCR, nic_read(nic, REG_GCR) | 1u << 22);
		nic_write(nic, REG_GCR2, nic_read(nic, REG_GCR2) | 1u);
	}
}

/* Link by autonegotiation, which the PHY does by itself; flow control as agreed (4.6.3, 10.2.2.1). */
static void link_set(struct e1000e *nic)
{
	uint32_t control = nic_read(nic, REG_CTRL) & ~(CTRL_FORCED | CTRL_MASTER_DISABLE | 1u << 29);
	nic_write(nic, REG_FCAL, 0x00c28001);
	nic_write(nic, REG_FCAH, 0x00000100);
	nic_write(nic, REG_FCT, 0x8808);
	nic_write(nic, REG_FCTTV, 0xffff);
	nic_write(nic, REG_FCRTL, 0);
	nic_write(nic, REG_FCRTH, 0);
	nic_write(nic, REG_CTRL, control | CTRL_SLU | (nic->old ? CTRL_ASDE : 0));
}

int e1000e_reset(struct e1000e *nic)
{
	nic_write(nic, REG_IMC, ~0u);
	nic_write(nic, REG_RCTL, 0);
	nic_write(nic, REG_TCTL, TCTL_PSP);
	master_set(nic, false);
	if (!nic->old) { /* 5.1: no request of its own may be under way */
		nic_write(nic, REG_CTRL, nic_read(nic, REG_CTRL) | CTRL_MASTER_DISABLE);
		(void)register_wait(nic, REG_STATUS, STATUS_MASTER, 0, 10 * MS);
	}
	nic_write(nic, REG_CTRL, nic_read(nic, REG_CTRL) | CTRL_RST);
	if (register_wait(nic, REG_CTRL, CTRL_RST, 0, 100 * MS)) {
		env_log("e1000e: the adapter does not come out of its reset");
		return -EIO;
	}
	if (!nic->old && register_wait(nic, REG_EECD, EECD_AUTO_RD, EECD_AUTO_RD, 20 * MS)) {
		env_log("e1000e: the adapter does not finish reading its EEPROM; taken anyway");
	}
	nic_write(nic, REG_IMC, ~0u);
	(void)nic_read(nic, REG_ICR);
	nic_write(nic, REG_RCTL, 0);
	nic_write(nic, REG_TCTL, TCTL_PSP);
	nic_write(nic, REG_ITR, ITR_256_NS);
	tables_clear(nic);
	errata_set(nic);
	link_set(nic);
	master_set(nic, true);
	return 0;
}

static bool address_valid(const uint8_t *mac)
{
	return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) != 0;
}

/* 10.2.2.4; the 82540EM's register has other places for the same. */
static int nvm_read(struct e1000e *nic, unsigned word, uint16_t *value)
{
	uint32_t done = nic->old ? 1u << 4 : 1u << 1;
	nic_write(nic, REG_EERD, EERD_START | word << (nic->old ? 8 : 2));
	if (register_wait(nic, REG_EERD, done, done, 10 * MS)) {
		return -EIO;
	}
	*value = (uint16_t)(nic_read(nic, REG_EERD) >> 16);
	return 0;
}

int e1000e_address(struct e1000e *nic)
{
	uint8_t *mac = nic->dev.mac;
	uint32_t low = nic_read(nic, REG_RAL), high = nic_read(nic, REG_RAH);
	memcpy(mac, &low, 4);
	memcpy(mac + 4, &high, 2);
	if ((high & RAH_AV) && address_valid(mac)) {
		return 0;
	}
	for (unsigned i = 0; i < NVM_WORDS; i++) {
		uint16_t word;
		if (nvm_read(nic, i, &word)) {
			return -EIO;
		}
		memcpy(mac + 2 * i, &word, 2);
	}
	if (!address_valid(mac)) {
		return -EIO;
	}
	memcpy(&low, mac, 4);
	high = RAH_AV | mac[4] | (uint32_t)mac[5] << 8;
	nic_write(nic, REG_RAL, low);
	nic_write(nic, REG_RAH, high);
	return 0;
}

static uint32_t receive_control(unsigned filter_flags)
{
	uint32_t control = RCTL_EN | RCTL_BAM | RCTL_SECRC;
	control |= filter_flags & NET_FILTER_ALL_MULTICAST ? RCTL_MPE : 0;
	return control | (filter_flags & NET_FILTER_PROMISCUOUS ? RCTL_MPE | RCTL_UPE : 0);
}

void e1000e_filter_write(struct e1000e *nic)
{
	for (unsigned i = 0; i < MTA_WORDS; i++) {
		nic_write(nic, REG_MTA + 4 * i, nic->multicast[i]);
	}
	nic_write(nic, REG_RCTL, receive_control(nic->filter_flags));
}

/* On the way to another filter what both let through is let through. */
static void filter_change(struct e1000e *nic, unsigned flags, const uint32_t *multicast)
{
	bool live = !nic->gone && !nic->down;
	if (live) {
		nic_write(nic, REG_RCTL, receive_control(nic->filter_flags | flags));
	}
	for (unsigned i = 0; i < MTA_WORDS; i++) {
		if (live && nic->multicast[i] != multicast[i]) {
			nic_write(nic, REG_MTA + 4 * i, multicast[i]);
		}
		nic->multicast[i] = multicast[i];
	}
	nic->filter_flags = flags;
	if (live) {
		nic_write(nic, REG_RCTL, receive_control(flags));
	}
}

/* 7.1.1.1.2: with RCTL.MO 0 bits 47:36 of the address choose one of 4096 bits. */
int e1000e_filter(struct netdev *dev, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count)
{
	struct e1000e *nic = dev->driver;
	uint32_t multicast[MTA_WORDS] = { 0 };
	for (unsigned i = 0; i < count; i++) {
		uint32_t hash = groups[i][4] >> 4 | (uint32_t)groups[i][5] << 4;
		multicast[hash / 32] |= 1u << hash % 32;
	}
	env_lock(&nic->lock);
	filter_change(nic, flags, multicast);
	env_unlock(&nic->lock);
	return 0;
}
