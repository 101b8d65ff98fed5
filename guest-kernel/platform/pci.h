/* SPDX-License-Identifier: MIT */
/* PCI functions on the bare machine, as components see them (component/pcidev.h). */
#ifndef PLATFORM_PCI_H
#define PLATFORM_PCI_H

#include <stdint.h>

#include "component/pcidev.h"

/* pci.c: configuration mechanism #1, bus 0 and what lies behind its bridges */
/** Call found() for each function of this class. The pcidev lives on. */
void pci_each_class(uint32_t class_code, void (*found)(struct pcidev *dev));

#endif
