/* SPDX-License-Identifier: MIT */
/*
 * A driver that leaves its AHCI controller a long queue and then only waits: 32 reads of 64 KiB, one a slot, not NCQ, so that the
 * controller begins each when the one before it has ended, with no help from a processor (AHCI 1.3.1, 5.5). The buffer is filled
 * with 0xc5 before; the page before it holds a mark that is computed, so that no image has it, for whoever searches the
 * machine's memory from outside. It needs 5 MiB.
 */
#include "probe.h"

#include "base/string.h"

#define SLOTS 32u
#define READ_BYTES 0x10000u
#define CANARY 0xc5
#define MARK(i) (uint8_t)(0x5b + 0x35 * (i))

#define GHC 0x04
#define GHC_AE (1u << 31)
#define PI 0x0c
#define PORT(n) (0x100u + 0x80u * (n))
#define PX_CLB 0x00
#define PX_FB 0x08
#define PX_CMD 0x18
#define PX_CMD_RUN 0x0011u /* ST, FRE */
#define PX_CMD_RUNNING 0xc000u /* CR, FR */
#define PX_SSTS 0x28
#define PX_SERR 0x30
#define PX_CI 0x38
#define PCI_COMMAND_MEMORY_MASTER 0x0006u
#define ATA_READ_DMA_EXT 0x25

#define AREA 0x200000ull /* not in the image: other probes have less memory */
static struct area {
	uint8_t mark[4096];
	uint8_t buffer[SLOTS][READ_BYTES];
	uint32_t list[SLOTS][8];
	uint8_t received[256];
	uint8_t tables[SLOTS][256];
} *const area = (struct area *)AREA;

static volatile uint32_t *registers;

static uint32_t *at(unsigned offset)
{
	return (uint32_t *)registers + offset / 4;
}

static void put(unsigned offset, uint32_t value)
{
	__atomic_store_n(at(offset), value, __ATOMIC_SEQ_CST);
}

static uint32_t get(unsigned offset)
{
	return __atomic_load_n(at(offset), __ATOMIC_SEQ_CST);
}

static void address_put(void *to, const void *address)
{
	uint64_t value = (uint64_t)address + probe_page->dma_offset;
	memcpy(to, &value, sizeof(value));
}

static void commands_write(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		uint32_t lba = i * (READ_BYTES / 512), count = READ_BYTES / 512;
		uint8_t fis[20] = { 0x27, 0x80, ATA_READ_DMA_EXT, 0, (uint8_t)lba, (uint8_t)(lba >> 8), (uint8_t)(lba >> 16), 0x40,
				    0, 0, 0, 0, (uint8_t)count, (uint8_t)(count >> 8) };
		uint32_t prd[4] = { 0, 0, 0, READ_BYTES - 1 };
		memcpy(area->tables[i], fis, sizeof(fis));
		address_put(prd, area->buffer[i]);
		memcpy(area->tables[i] + 0x80, prd, sizeof(prd));
		area->list[i][0] = 1u << 16 | sizeof(fis) / 4;
		address_put(&area->list[i][2], area->tables[i]);
	}
}

static unsigned port_find(void)
{
	unsigned port = 0;
	while (port < 31 && !(get(PI) >> port & 1 && (get(PORT(port) + PX_SSTS) & 0xf) == 3)) {
		port++;
	}
	return PORT(port);
}

static void queue_start(void)
{
	uint64_t address[2];
	unsigned port = port_find();
	put(port + PX_CMD, get(port + PX_CMD) & ~PX_CMD_RUN);
	while (get(port + PX_CMD) & PX_CMD_RUNNING) {
	}
	address_put(&address[0], area->list);
	address_put(&address[1], area->received);
	put(port + PX_CLB, (uint32_t)address[0]);
	put(port + PX_CLB + 4, (uint32_t)(address[0] >> 32));
	put(port + PX_FB, (uint32_t)address[1]);
	put(port + PX_FB + 4, (uint32_t)(address[1] >> 32));
	put(port + PX_SERR, 0xffffffff);
	put(port + PX_CMD, get(port + PX_CMD) | 0x10);
	put(port + PX_CMD, get(port + PX_CMD) | 0x11);
	put(port + PX_CI, 0xffffffff);
}

void probe_dma(void)
{
	registers = (volatile uint32_t *)probe_page->devices[0].bars[5].gpa;
	for (unsigned i = 0; i < sizeof(area->mark); i++) {
		area->mark[i] = MARK(i);
	}
	memset(area->buffer, CANARY, sizeof(area->buffer));
	commands_write();
	call(BH_HC_PCI_WRITE, 0, 4, 2, PCI_COMMAND_MEMORY_MASTER);
	put(GHC, GHC_AE);
	queue_start();
	call(BH_HC_POWER, BH_POWER_ALIVE, 0, 0, 0);
	probe_log("dma: queue left to the device, buffer at %lx", (uint64_t)area->buffer);
	for (;;) {
		probe_wait(0, 0);
	}
}
