/* SPDX-License-Identifier: MIT */
/*
 * PCI on the bare machine: configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2), which every PC has; firmware has assigned the
 * BARs. Interrupts by MSI (6.8.1) to the boot processor.
 */
#include "platform/pci.h"

#include "abi/errno.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/trap.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc

enum {
	PCI_VENDOR = 0x00, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_CLASS = 0x08, PCI_HEADER = 0x0e, PCI_BAR0 = 0x10,
	PCI_SECONDARY_BUS = 0x19, PCI_CAPABILITIES = 0x34,
};
#define PCI_COMMAND_DECODE 3u
#define PCI_STATUS_CAPABILITIES 0x10u
#define PCI_CAP_MSI 5
#define BDF(bus, device, function) ((uint16_t)((bus) << 8 | (device) << 3 | (function)))

static spinlock_t config_lock = SPINLOCK_INIT("pci");

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static uint32_t config_word(uint16_t bdf, unsigned offset, const uint32_t *write)
{
	uint32_t value = 0;
	spin_lock(&config_lock);
	out32(CONFIG_ADDRESS, 1u << 31 | (uint32_t)bdf << 8 | (offset & 0xfc));
	if (write) {
		out32(CONFIG_DATA, *write);
	} else {
		value = in32(CONFIG_DATA);
	}
	spin_unlock(&config_lock);
	return value;
}

static uint32_t width_mask(unsigned width)
{
	return width == 4 ? ~0u : (1u << 8 * width) - 1;
}

static uint32_t config_get(uint16_t bdf, unsigned offset, unsigned width)
{
	return config_word(bdf, offset, NULL) >> 8 * (offset & 3) & width_mask(width);
}

/* The status register's bits are cleared by writing ones: a narrow write must not carry them. */
static void config_set(uint16_t bdf, unsigned offset, unsigned width, uint32_t value)
{
	unsigned shift = 8 * (offset & 3);
	uint32_t word = width == 4 ? 0 : config_word(bdf, offset, NULL);
	if ((offset & 0xfc) == PCI_COMMAND && width < 4 && offset < PCI_STATUS) {
		word &= 0xffff;
	}
	word = (word & ~(width_mask(width) << shift)) | (value & width_mask(width)) << shift;
	config_word(bdf, offset, &word);
}

static uint32_t pci_config_read(struct pcidev *dev, unsigned offset, unsigned width)
{
	return config_get(dev->bdf, offset, width);
}

static void pci_config_write(struct pcidev *dev, unsigned offset, unsigned width, uint32_t value)
{
	config_set(dev->bdf, offset, width, value);
}

static unsigned capability_find(uint16_t bdf, uint8_t id)
{
	if (!(config_get(bdf, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES)) {
		return 0;
	}
	unsigned at = config_get(bdf, PCI_CAPABILITIES, 1) & 0xfc;
	for (unsigned n = 0; at && n < 48; n++) {
		if (config_get(bdf, at, 1) == id) {
			return at;
		}
		at = config_get(bdf, at + 1, 1) & 0xfc;
	}
	return 0;
}

static int pci_irq_enable(struct pcidev *dev, unsigned index, void (*handler)(void *arg), void *arg)
{
	unsigned cap = capability_find(dev->bdf, PCI_CAP_MSI);
	uint8_t vector = cap && index == 0 ? irq_allocate(handler, arg) : 0;
	if (!vector) {
		return -ENODEV;
	}
	uint16_t control = (uint16_t)config_get(dev->bdf, cap + 2, 2);
	bool wide = control & 0x80;
	uint64_t address = irq_message_address();
	config_set(dev->bdf, cap + 4, 4, (uint32_t)address);
	if (wide) {
		config_set(dev->bdf, cap + 8, 4, (uint32_t)(address >> 32));
	}
	config_set(dev->bdf, cap + (wide ? 12 : 8), 2, vector);
	config_set(dev->bdf, cap + 2, 2, (control & ~0x70u) | 1); /* one message, on */
	return 0;
}

static const struct pcidev_ops pci_ops = { .config_read = pci_config_read, .config_write = pci_config_write, .irq_enable = pci_irq_enable };

/* 6.2.5.1: all ones read back as the size's mask; decoding is off meanwhile. Returns the BARs taken. */
static unsigned bar_read(struct pcidev *dev, unsigned index)
{
	unsigned offset = PCI_BAR0 + 4 * index;
	uint32_t low = config_get(dev->bdf, offset, 4);
	if (low & 1) {
		return 1; /* I/O space */
	}
	bool wide = (low & 6) == 4;
	uint64_t at = (low & ~15u) | (wide ? (uint64_t)config_get(dev->bdf, offset + 4, 4) << 32 : 0);
	config_set(dev->bdf, offset, 4, ~0u);
	uint64_t mask = 0xffffffff00000000ull | (config_get(dev->bdf, offset, 4) & ~15u);
	config_set(dev->bdf, offset, 4, low);
	if (at && (uint32_t)mask) {
		dev->bars[index].size = ~mask + 1;
		dev->bars[index].registers = mmio_map(at, dev->bars[index].size);
	}
	return wide ? 2 : 1;
}

static void function_found(uint16_t bdf, uint32_t class_code, void (*found)(struct pcidev *dev))
{
	struct pcidev *dev = kzalloc(sizeof(*dev));
	if (!dev) {
		return;
	}
	uint32_t id = config_get(bdf, PCI_VENDOR, 4), command = config_get(bdf, PCI_COMMAND, 2);
	dev->ops = &pci_ops;
	dev->vendor = (uint16_t)id;
	dev->device = (uint16_t)(id >> 16);
	dev->bdf = bdf;
	dev->class_code = class_code;
	config_set(bdf, PCI_COMMAND, 2, command & ~PCI_COMMAND_DECODE);
	for (unsigned i = 0; i < 6;) {
		i += bar_read(dev, i);
	}
	config_set(bdf, PCI_COMMAND, 2, command);
	found(dev);
}

static void bus_scan(unsigned bus, uint32_t class_code, void (*found)(struct pcidev *dev), unsigned depth)
{
	for (unsigned slot = 0; slot < 32 * 8; slot++) {
		uint16_t bdf = BDF(bus, slot / 8, slot % 8);
		if (config_get(bdf, PCI_VENDOR, 2) == 0xffff) {
			slot |= slot % 8 ? 0 : 7; /* no function 0, no device */
			continue;
		}
		uint8_t header = (uint8_t)config_get(bdf, PCI_HEADER, 1);
		if ((header & 0x7f) == 1) {
			unsigned below = config_get(bdf, PCI_SECONDARY_BUS, 1);
			if (below > bus && depth < 8) {
				bus_scan(below, class_code, found, depth + 1);
			}
		} else if (config_get(bdf, PCI_CLASS, 4) >> 8 == class_code) {
			function_found(bdf, class_code, found);
		}
		if (slot % 8 == 0 && !(header & 0x80)) {
			slot |= 7; /* a single function */
		}
	}
}

void pci_each_class(uint32_t class_code, void (*found)(struct pcidev *dev))
{
	bus_scan(0, class_code, found, 0);
}
