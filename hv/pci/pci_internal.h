/* SPDX-License-Identifier: MIT */
/*
 * Configuration-space offsets and what the files of pci/ share. PCI Local Bus 3.0, chapter 6; PCI Express Base
 * 4.0, chapter 7.
 */
#ifndef HV_PCI_INTERNAL_H
#define HV_PCI_INTERNAL_H

#include "hv/pci.h"

#define PCI_VENDOR 0x00
#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO 0x0001u
#define PCI_COMMAND_MEMORY 0x0002u
#define PCI_COMMAND_MASTER 0x0004u
#define PCI_COMMAND_NO_INTX 0x0400u
#define PCI_STATUS 0x06
#define PCI_STATUS_CAPABILITIES 0x0010u
#define PCI_CLASS 0x08
#define PCI_CACHE_LINE 0x0c
#define PCI_HEADER_TYPE 0x0e
#define PCI_HEADER_MULTI 0x80u
#define PCI_BAR0 0x10
#define PCI_SECONDARY 0x19
#define PCI_SUBORDINATE 0x1a
#define PCI_CAPABILITIES 0x34
#define PCI_CONFIG_SIZE 4096u

#define PCI_CAP_PM 0x01
#define PCI_CAP_MSI 0x05
#define PCI_CAP_PCIE 0x10
#define PCI_CAP_MSIX 0x11
#define PCI_MSIX_ENTRY 16u /* bytes */
#define PCI_EXTENDED_ACS 0x000d

#define PCI_CLASS_AHCI 0x010601u
#define PCI_CLASS_IOMMU 0x080600u
#define PCI_CLASS_BASE_BRIDGE 0x06u

/** Map the configuration space that the MCFG names; without one it is the ports'. -ENODEV: there is neither. */
int ecam_init(unsigned *first_bus, unsigned *last_bus);

/** Fill in class, capabilities and BARs of a function that answers; decoding is off while its BARs are sized. */
void pci_function_read(struct pci_function *f);
/** Offset of the capability with this ID, 0: none. */
uint8_t pci_cap_find(const struct pci_function *f, uint8_t id);
/** Put every function into its group. Once, after the scan. */
void pci_groups_make(void);

/** No messages any more, as after a reset. */
void pci_msi_off(struct pci_function *f);

#endif
