/* SPDX-License-Identifier: MIT */
/* The fake adapter: register file, command execution, faults. AHCI 1.3.1, sections 3 to 6; ACS-3. */
#include "hba.h"

#include <stdlib.h>
#include <string.h>

#include "ahci/ahci_registers.h"
#include "mmio.h"

static void put_text(uint16_t *words, unsigned count, const char *text)
{
	size_t length = strlen(text);
	for (unsigned i = 0; i < count * 2; i++) {
		uint16_t c = (uint8_t)(i < length ? text[i] : ' ');
		words[i / 2] = (uint16_t)(i % 2 ? (words[i / 2] | c) : c << 8);
	}
}

static void identify(const struct fake_disk *d, uint16_t *w)
{
	memset(w, 0, 512);
	w[0] = 0x0040;
	put_text(&w[10], 10, d->serial);
	put_text(&w[27], 20, "FAKE DISK");
	w[75] = 31;
	w[76] = d->ncq ? 0x100 : 0;
	w[83] = 0x4000 | 1 << 10 | 1 << 13;
	w[84] = (uint16_t)(0x4000 | (d->fua ? 1 << 6 : 0));
	w[100] = HBA_SECTORS;
}

static void copy_prds(const struct ahci_header *h, uint8_t *data, size_t bytes, bool to_disk)
{
	const struct ahci_table *t = (const void *)(uintptr_t)h->table;
	for (unsigned i = 0; i < h->flags >> 16 && bytes; i++) {
		size_t n = t->prds[i].count + 1 < bytes ? t->prds[i].count + 1 : bytes;
		void *memory = (void *)(uintptr_t)t->prds[i].address;
		to_disk ? memcpy(data, memory, n) : memcpy(memory, data, n);
		data += n;
		bytes -= n;
	}
}

static void log_page(const struct fake_disk *d, uint8_t *page)
{
	memset(page, 0, 512);
	page[0] = d->failed_tag;
	page[511] = (uint8_t)(0x100 - d->failed_tag);
}

static bool data_command(struct fake_disk *d, const struct ahci_header *h, const uint8_t *fis, bool queued)
{
	uint64_t lba = fis[4] | fis[5] << 8 | fis[6] << 16 | (uint64_t)fis[8] << 24;
	uint32_t count = queued ? fis[3] | fis[11] << 8u : fis[12] | fis[13] << 8u;
	bool write = fis[2] == ATA_WRITE_FPDMA || fis[2] == ATA_WRITE_DMA_EXT || fis[2] == ATA_WRITE_DMA_FUA_EXT;
	if (d->bad_count && d->bad_sector >= lba && d->bad_sector < lba + count) {
		d->bad_count--;
		return false;
	}
	if (lba + count > HBA_SECTORS || write != !!(h->flags & HEADER_WRITE)) {
		return false;
	}
	d->fua_writes += write && (queued ? (fis[7] & ATA_DEVICE_FUA) != 0 : fis[2] == ATA_WRITE_DMA_FUA_EXT);
	copy_prds(h, d->data + lba * 512, count * 512ul, write);
	return true;
}

static bool execute(struct fake_disk *d, const struct ahci_header *h, const uint8_t *fis, bool queued)
{
	uint16_t words[256];
	switch (fis[2]) {
	case ATA_IDENTIFY:
		identify(d, words);
		copy_prds(h, (uint8_t *)words, 512, false);
		return true;
	case ATA_READ_LOG_EXT:
		d->logs++;
		log_page(d, (uint8_t *)words);
		copy_prds(h, (uint8_t *)words, 512, false);
		return !d->log_broken;
	case ATA_FLUSH_EXT:
		d->flushes++;
		return true;
	default:
		return data_command(d, h, fis, queued);
	}
}

static void run_slot(struct fake_hba *hba, struct fake_disk *d, unsigned slot)
{
	const struct ahci_header *h = (const struct ahci_header *)(uintptr_t)d->clb + slot;
	const uint8_t *fis = ((const struct ahci_table *)(uintptr_t)h->table)->command;
	bool queued = fis[2] == ATA_READ_FPDMA || fis[2] == ATA_WRITE_FPDMA;
	if (queued != !!(d->sact & (1u << slot)) || (!queued && d->sact) || fis[0] != 0x27 || (queued && fis[12] >> 3 != slot)) {
		hba->violations++;
	}
	d->commands++;
	if (d->hang_count) {
		d->hang_count--;
		d->hung |= 1u << slot;
		return;
	}
	d->cmd = (d->cmd & ~(31u << 8)) | slot << 8;
	if (!execute(d, h, fis, queued)) {
		d->errors++;
		d->failed_tag = queued ? (uint8_t)slot : 0x80;
		d->tfd = 0x41;
		d->is |= PXIS_TFES | (queued ? PXIS_SDBS : PXIS_DHRS);
		d->halted = true;
		return;
	}
	d->tfd = 0x50;
	d->ci &= ~(1u << slot);
	d->sact &= ~(1u << slot);
	d->is |= queued ? PXIS_SDBS : PXIS_DHRS;
}

void hba_run(struct fake_hba *hba, unsigned commands)
{
	for (unsigned p = 0; p < HBA_PORTS; p++) {
		struct fake_disk *d = &hba->disks[p];
		for (unsigned n = 0; n < commands && !d->halted; n++) {
			uint32_t ready = d->ci & ~d->hung;
			if (!ready || !(d->cmd & PXCMD_CR)) {
				break;
			}
			unsigned skip = (unsigned)random() % (unsigned)__builtin_popcount(ready);
			while (skip--) {
				ready &= ready - 1;
			}
			run_slot(hba, d, (unsigned)__builtin_ctz(ready));
		}
		hba->is |= d->is & d->ie ? 1u << p : 0;
	}
	if (hba->is && (hba->ghc & GHC_IE) && hba->handler && !hba->lose_interrupts) {
		hba->handler(hba->arg);
	}
}

void hba_unplug(struct fake_hba *hba, unsigned port)
{
	struct fake_disk *d = &hba->disks[port];
	d->present = false;
	d->ssts = 0;
	d->ci = d->sact = d->hung = 0;
	d->is |= PXIS_PRCS;
	d->serr |= 1u << 16;
	hba_run(hba, 0);
}

static void disk_link(struct fake_disk *d)
{
	bool up = d->present && !d->link_dead && (d->cmd & PXCMD_SUD);
	d->ssts = up ? 0x123 : 0;
	d->tfd = up ? 0x50 : 0x7f;
	d->sig = d->atapi ? 0xeb140101 : 0x00000101;
}

static void disk_drop(struct fake_disk *d)
{
	d->ci = d->sact = d->hung = 0;
}

static uint32_t port_load(const struct fake_disk *d, uint32_t offset)
{
	switch (offset) {
	case PX_CLB: return (uint32_t)d->clb;
	case PX_IS: return d->is;
	case PX_IE: return d->ie;
	case PX_CMD: return d->cmd;
	case PX_TFD: return d->tfd;
	case PX_SIG: return d->sig;
	case PX_SSTS: return d->ssts;
	case PX_SCTL: return d->sctl;
	case PX_SERR: return d->serr;
	case PX_SACT: return d->sact;
	case PX_CI: return d->ci;
	default: return 0;
	}
}

static void port_command(struct fake_disk *d, uint32_t value)
{
	bool spun = d->cmd & PXCMD_SUD;
	d->cmd = (value & ~(PXCMD_CR | PXCMD_FR | 31u << 8)) | (d->cmd & 31u << 8);
	d->cmd |= value & PXCMD_ST ? PXCMD_CR : 0;
	d->cmd |= value & PXCMD_FRE ? PXCMD_FR : 0;
	if (!(value & PXCMD_ST)) {
		disk_drop(d);
		d->halted = false;
	}
	if (!spun && (value & PXCMD_SUD)) {
		disk_link(d);
	}
}

static void port_store(struct fake_hba *hba, struct fake_disk *d, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case PX_CLB: d->clb = (d->clb & ~0xffffffffull) | value; break;
	case PX_CLBU: d->clb = (d->clb & 0xffffffffull) | (uint64_t)value << 32; break;
	case PX_IS: d->is &= ~value; break;
	case PX_IE: d->ie = value; break;
	case PX_CMD: port_command(d, value); break;
	case PX_SCTL:
		if ((d->sctl & 15) == 1 && (value & 15) == 0) {
			d->resets++;
			disk_drop(d);
			d->halted = false;
			disk_link(d);
		}
		hba->violations += (value & 15) == 1 && (d->cmd & PXCMD_ST);
		d->sctl = value;
		break;
	case PX_SERR: d->serr &= ~value; break;
	case PX_SACT: d->sact |= value; break;
	case PX_CI:
		hba->violations += (value & d->ci) || !(d->cmd & PXCMD_ST);
		d->ci |= value;
		if ((unsigned)__builtin_popcount(d->ci) > hba->most_active) {
			hba->most_active = (unsigned)__builtin_popcount(d->ci);
		}
		break;
	}
}

static uint32_t hba_load(void *device, uint32_t offset)
{
	struct fake_hba *hba = device;
	if (offset >= PORT_BASE(0) && offset < PORT_BASE(HBA_PORTS)) {
		return port_load(&hba->disks[(offset - PORT_BASE(0)) / 0x80], (offset - PORT_BASE(0)) % 0x80);
	}
	switch (offset) {
	case HBA_CAP: return CAP_S64A | CAP_SNCQ | (hba->no_stagger ? 0 : CAP_SSS) | 31u << 8 | (HBA_PORTS - 1);
	case HBA_GHC: return hba->ghc | GHC_AE;
	case HBA_IS: return hba->is;
	case HBA_PI: return (1u << HBA_PORTS) - 1;
	default: return 0;
	}
}

static void hba_store(void *device, uint32_t offset, uint32_t value)
{
	struct fake_hba *hba = device;
	if (offset >= PORT_BASE(0) && offset < PORT_BASE(HBA_PORTS)) {
		port_store(hba, &hba->disks[(offset - PORT_BASE(0)) / 0x80], (offset - PORT_BASE(0)) % 0x80, value);
	} else if (offset == HBA_GHC) {
		hba->ghc = hba->wedged ? value : value & ~GHC_HR;
	} else if (offset == HBA_IS) {
		hba->is &= ~value;
	}
}

static uint32_t config_read(struct pcidev *dev, unsigned offset, unsigned width)
{
	return 0;
}

static void config_write(struct pcidev *dev, unsigned offset, unsigned width, uint32_t value)
{
}

static int irq_enable(struct pcidev *dev, unsigned index, void (*handler)(void *arg), void *arg)
{
	struct fake_hba *hba = dev->owner;
	hba->handler = handler;
	hba->arg = arg;
	return 0;
}

void hba_init(struct fake_hba *hba)
{
	static const struct pcidev_ops pci_ops = { config_read, config_write, irq_enable };
	static const struct fake_mmio_ops mmio_ops = { hba_load, hba_store };
	memset(hba, 0, sizeof(*hba));
	hba->pci.ops = &pci_ops;
	hba->pci.owner = hba;
	hba->pci.bars[5].registers = fake_mmio_map(&mmio_ops, hba);
	hba->pci.bars[5].size = 4096;
	for (unsigned i = 0; i < HBA_PORTS; i++) {
		hba->disks[i].data = calloc(HBA_SECTORS, 512);
		strcpy(hba->disks[i].serial, "SERIAL0");
		hba->disks[i].serial[6] = (char)('0' + i);
	}
}

void hba_destroy(struct fake_hba *hba)
{
	for (unsigned i = 0; i < HBA_PORTS; i++) {
		free(hba->disks[i].data);
	}
	fake_mmio_unmap();
}
