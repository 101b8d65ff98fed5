/* SPDX-License-Identifier: MIT */
/* The domain's PCI functions as components see them: identity and BARs from the domain page, the rest by hypercall. */
#include "abi/errno.h"
#include "runtime.h"

static struct pcidev devices[BH_MAX_DEVICES];

static uint32_t pci_config_read(struct pcidev *dev, unsigned offset, unsigned width)
{
	long value = hypercall(BH_HC_PCI_READ, (uint64_t)(dev - devices), offset, width, 0);
	return value < 0 ? ~0u : (uint32_t)value;
}

static void pci_config_write(struct pcidev *dev, unsigned offset, unsigned width, uint32_t value)
{
	hypercall(BH_HC_PCI_WRITE, (uint64_t)(dev - devices), offset, width, value);
}

static int pci_irq_enable(struct pcidev *dev, unsigned index, void (*handler)(void *arg), void *arg)
{
	unsigned event = BH_EVENT_DEVICE + (unsigned)(dev - devices);
	events_handler(event, handler, arg);
	return hypercall(BH_HC_PCI_IRQ, (uint64_t)(dev - devices), index, event, 0) < 0 ? -ENODEV : 0;
}

static const struct pcidev_ops pci_ops = { pci_config_read, pci_config_write, pci_irq_enable };

struct pcidev *pci_at(unsigned index)
{
	const struct bh_device *from = &domain_page->devices[index];
	if (index >= BH_MAX_DEVICES || !from->present) {
		return NULL;
	}
	struct pcidev *dev = &devices[index];
	dev->ops = &pci_ops;
	dev->vendor = from->vendor;
	dev->device = from->device;
	dev->bdf = from->bdf;
	dev->class_code = from->class_code;
	for (unsigned i = 0; i < 6; i++) {
		dev->bars[i].registers = (volatile void *)from->bars[i].gpa;
		dev->bars[i].size = from->bars[i].size;
	}
	return dev;
}
