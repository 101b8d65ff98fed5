/* SPDX-License-Identifier: MIT */
/* The fake adapter: register file, rings, interrupts. 82574 datasheet, chapters 7 and 10. */
#include "nic.h"

#include <stdlib.h>
#include <string.h>

#include "e1000e/e1000e_registers.h"
#include "mmio.h"

static uint32_t *reg(struct fake_nic *nic, uint32_t offset)
{
	return &nic->registers[offset / 4];
}

static uint64_t ring_at(struct fake_nic *nic, uint32_t low, uint32_t index)
{
	return (*reg(nic, low) | (uint64_t)*reg(nic, low + 4) << 32) + index * 16ull;
}

static void interrupt(struct fake_nic *nic)
{
	if ((nic->icr & nic->ims) && nic->handler) {
		nic->interrupts++;
		nic->handler(nic->arg);
	}
}

void nic_cause(struct fake_nic *nic, uint32_t causes)
{
	nic->icr |= causes;
	interrupt(nic);
}

void nic_link(struct fake_nic *nic, bool up)
{
	*reg(nic, REG_STATUS) = up ? STATUS_LU | STATUS_FD | 2u << 6 : 0;
	nic_cause(nic, ICR_LSC);
}

static void frame_out(struct fake_nic *nic)
{
	nic->sent[nic->sent_count++ % NIC_FRAMES] = nic->building;
	memset(&nic->building, 0, sizeof(nic->building));
	++*reg(nic, REG_GPTC);
}

static void data_out(struct fake_nic *nic, const struct e1000e_send_descriptor *d)
{
	struct nic_sent *f = &nic->building;
	uint32_t length = d->command & TX_LENGTH_MAX;
	struct e1000e_send_descriptor context;
	memcpy(&context, nic->context, sizeof(context));
	nic->violations += length == 0 || !(d->command & TX_IFCS) || (f->length && f->cut != !!(d->command & TX_TSE));
	if (f->length == 0) {
		f->sum = d->options & TX_OPTION_SUM;
		f->ip_sum = d->options & TX_OPTION_IP;
		f->cut = d->command & TX_TSE;
		f->sum_start = context.context.sum_start;
		f->sum_offset = context.context.sum_offset;
		f->header = context.options;
		f->piece = context.special;
		f->payload = context.command & TX_LENGTH_MAX;
		nic->violations += f->cut && !(context.command & TX_TSE);
	}
	if (f->length < sizeof(f->bytes)) {
		size_t room = sizeof(f->bytes) - f->length;
		memcpy(f->bytes + f->length, (const void *)(uintptr_t)d->address, length < room ? length : room);
	}
	f->length += length;
	f->pieces++;
	if (d->command & TX_EOP) {
		nic->violations += f->cut && f->length != f->header + f->payload;
		frame_out(nic);
	}
}

static void send_one(struct fake_nic *nic, struct e1000e_send_descriptor *d)
{
	nic->violations += !(d->command & TX_DEXT);
	if (d->command & TX_TYPE_DATA) {
		data_out(nic, d);
	} else {
		memcpy(nic->context, d, sizeof(nic->context));
		nic->contexts++;
		nic->violations += nic->building.length != 0;
	}
	if (d->command & TX_RS) {
		d->status |= TX_DD;
		nic->icr |= nic->msix ? ICR_TXQ0 : ICR_TXDW;
	}
}

void nic_run(struct fake_nic *nic)
{
	uint32_t entries = *reg(nic, REG_TDLEN) / 16, *head = reg(nic, REG_TDH), tail = *reg(nic, REG_TDT);
	bool on = *reg(nic, REG_TCTL) & TCTL_EN;
	while (on && !nic->hangs && !nic->garbage && *head != tail) {
		nic->violations += !nic->master || *head >= entries || tail >= entries;
		send_one(nic, (struct e1000e_send_descriptor *)(uintptr_t)ring_at(nic, REG_TDBAL, *head));
		*head = (*head + 1) % entries;
	}
	interrupt(nic);
}

bool nic_receive(struct fake_nic *nic, const void *bytes, size_t count, uint16_t length, uint8_t status, uint8_t errors)
{
	uint32_t *head = reg(nic, REG_RDH), tail = *reg(nic, REG_RDT), entries = *reg(nic, REG_RDLEN) / 16;
	if (!(*reg(nic, REG_RCTL) & RCTL_EN) || *head == tail) {
		nic->dropped++;
		++*reg(nic, REG_MPC);
		return false;
	}
	nic->violations += !nic->master || !(*reg(nic, REG_RCTL) & RCTL_SECRC) || (*reg(nic, REG_RCTL) & 0x30000);
	nic->violations += (*reg(nic, REG_RFCTL) & 1u << 15) || !(*reg(nic, REG_RXCSUM) & RXCSUM_TUOFL); /* another format of descriptors */
	struct e1000e_receive_descriptor *d = (void *)(uintptr_t)ring_at(nic, REG_RDBAL, *head);
	memcpy((void *)(uintptr_t)d->address, bytes, count);
	d->length = length;
	d->errors = errors;
	d->status = (uint8_t)(RX_DD | RX_EOP | status);
	*head = (*head + 1) % entries;
	++*reg(nic, REG_GPRC);
	nic_cause(nic, nic->msix ? ICR_RXQ0 : ICR_RXT0);
	return true;
}

static uint32_t load(void *device, uint32_t offset)
{
	struct fake_nic *nic = device;
	uint32_t value = *reg(nic, offset);
	if (nic->silent) {
		return ~0u;
	}
	if (nic->garbage) {
		return (uint32_t)random() << 8 ^ (uint32_t)random();
	}
	switch (offset) {
	case REG_ICR: /* 10.2.4.1: a read clears it only with everything masked */
		value = nic->icr;
		nic->violations += nic->ims != 0;
		nic->icr = nic->ims ? nic->icr : 0;
		return value;
	case REG_EECD:
		return EECD_AUTO_RD;
	case REG_CTRL:
		return nic->wedged ? value : value & ~CTRL_RST;
	default:
		*reg(nic, offset) = offset >= 0x4000 && offset < 0x5000 ? 0 : value; /* counters */
		return value;
	}
}

static void eeprom(struct fake_nic *nic, uint32_t value)
{
	bool old = nic->pci.device == 0x100e;
	uint32_t word = value >> (old ? 8 : 2) & 0xff;
	*reg(nic, REG_EERD) = (value & EERD_START) && word < 3 ? (uint32_t)nic->nvm[word] << 16 | (old ? 0x10 : 2) : 0;
}

static void store(void *device, uint32_t offset, uint32_t value)
{
	struct fake_nic *nic = device;
	switch (offset) {
	case REG_IMS:
		nic->ims |= value;
		interrupt(nic);
		return;
	case REG_IMC:
		nic->ims &= ~value;
		return;
	case REG_EERD:
		eeprom(nic, value);
		return;
	case REG_STATUS:
	case REG_ICR:
		return;
	case REG_CTRL:
		nic->resets += value & CTRL_RST ? 1 : 0;
		if (value & CTRL_RST) {
			memset(&nic->building, 0, sizeof(nic->building));
			memset(nic->context, 0xa5, sizeof(nic->context));
		}
		break;
	case REG_TDT:
		if (nic->doorbell) {
			nic->doorbell();
		}
		break;
	}
	*reg(nic, offset) = value;
}

static uint32_t config_read(struct pcidev *dev, unsigned offset, unsigned width)
{
	const struct fake_nic *nic = dev->owner;
	switch (offset) {
	case 6:
		return 0x10;
	case 0x2c:
		return nic->subsystem;
	case 0x34:
		return 0xc8;
	case 0xc8:
		return 0x0000e001; /* power management */
	case 0xe0:
		return nic->msix ? 0x80040011 : 0x00040011;
	default:
		return 0;
	}
}

static void config_write(struct pcidev *dev, unsigned offset, unsigned width, uint32_t value)
{
	struct fake_nic *nic = dev->owner;
	nic->master = offset == 4 ? value & 4 : nic->master;
}

static int irq_enable(struct pcidev *dev, unsigned index, void (*handler)(void *arg), void *arg)
{
	struct fake_nic *nic = dev->owner;
	if (nic->no_irq) {
		return -19;
	}
	nic->handler = handler;
	nic->arg = arg;
	return 0;
}

/* A predecessor has left everything in disorder. */
void nic_init(struct fake_nic *nic, bool old)
{
	static const struct pcidev_ops pci_ops = { config_read, config_write, irq_enable };
	static const struct fake_mmio_ops mmio_ops = { load, store };
	memset(nic, 0, sizeof(*nic));
	for (size_t i = 0; i < NIC_PAGES * 1024; i++) {
		nic->registers[i] = (uint32_t)random();
	}
	memset((char *)nic->registers + 0x4000, 0, 0x1000);
	*reg(nic, REG_CTRL) = 0;
	*reg(nic, REG_RAL) = 0x12005452;
	*reg(nic, REG_RAH) = RAH_AV | 0x5634;
	*reg(nic, REG_STATUS) = STATUS_LU | STATUS_FD | 2u << 6;
	nic->icr = nic->ims = ~0u;
	nic->no_irq = old;
	nic->subsystem = 0xa01f8086;
	nic->pci.ops = &pci_ops;
	nic->pci.owner = nic;
	nic->pci.vendor = 0x8086;
	nic->pci.device = old ? 0x100e : 0x10d3;
	nic->pci.bars[0].registers = fake_mmio_map_pages(&mmio_ops, nic, NIC_PAGES);
	nic->pci.bars[0].size = NIC_PAGES * 4096;
}

void nic_destroy(struct fake_nic *nic)
{
	fake_mmio_unmap();
}
