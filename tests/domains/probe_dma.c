/* SPDX-License-Identifier: MIT */
/*
 * A driver that leaves its AHCI controller a long queue and then only waits: 32 reads of 64 KiB, one a slot, not NCQ, so that the
 * controller begins each when the one before it has ended, with no help from a processor (AHCI 1.3.1, 5.5). The buffer is filled
 * with 0xc5 before; the page before it holds a mark that is computed, so that no image has it, for whoever searches the
 * machine's memory from outside. It needs 5 MiB.
 *
 * Or a wild one: in its first life all 32 reads go to memory that is not its own, in its second it writes to the disk from there, in its
 * third it reads other sectors into its own buffer, and says that this worked. If nothing stops it, it ends each life itself.
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
#define ATA_WRITE_DMA_EXT 0x35
#define LIST_WRITE 0x40u
#define ELSEWHERE 0x4000000ull /* in the machine's memory, not in the domain's */
#define PATIENCE_MS 500

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

static void address_put(void *to, uint64_t address)
{
	uint64_t value = address + probe_page->dma_offset;
	memcpy(to, &value, sizeof(value));
}

/* From (or to) the disk's `first` 64 KiB on, to the buffers, or one behind the other to where `elsewhere` is. */
static void commands_write(uint8_t command, uint32_t first, uint64_t elsewhere)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		uint32_t lba = (first + i) * (READ_BYTES / 512), count = READ_BYTES / 512;
		uint8_t fis[20] = { 0x27, 0x80, command, 0, (uint8_t)lba, (uint8_t)(lba >> 8), (uint8_t)(lba >> 16), 0x40,
				    0, 0, 0, 0, (uint8_t)count, (uint8_t)(count >> 8) };
		uint32_t prd[4] = { 0, 0, 0, READ_BYTES - 1 };
		memcpy(area->tables[i], fis, sizeof(fis));
		address_put(prd, elsewhere ? elsewhere + i * READ_BYTES : (uint64_t)area->buffer[i]);
		memcpy(area->tables[i] + 0x80, prd, sizeof(prd));
		area->list[i][0] = 1u << 16 | (command == ATA_WRITE_DMA_EXT ? LIST_WRITE : 0) | sizeof(fis) / 4;
		address_put(&area->list[i][2], (uint64_t)area->tables[i]);
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

static unsigned queue_start(void)
{
	uint64_t address[2];
	unsigned port = port_find();
	put(port + PX_CMD, get(port + PX_CMD) & ~PX_CMD_RUN);
	while (get(port + PX_CMD) & PX_CMD_RUNNING) {
	}
	address_put(&address[0], (uint64_t)area->list);
	address_put(&address[1], (uint64_t)area->received);
	put(port + PX_CLB, (uint32_t)address[0]);
	put(port + PX_CLB + 4, (uint32_t)(address[0] >> 32));
	put(port + PX_FB, (uint32_t)address[1]);
	put(port + PX_FB + 4, (uint32_t)(address[1] >> 32));
	put(port + PX_SERR, 0xffffffff);
	put(port + PX_CMD, get(port + PX_CMD) | 0x10);
	put(port + PX_CMD, get(port + PX_CMD) | 0x11);
	put(port + PX_CI, 0xffffffff);
	return port;
}

static void controller_start(void)
{
	registers = (volatile uint32_t *)probe_page->devices[0].bars[5].gpa;
	for (unsigned i = 0; i < sizeof(area->mark); i++) {
		area->mark[i] = MARK(i);
	}
	memset(area->buffer, CANARY, sizeof(area->buffer));
	call(BH_HC_PCI_WRITE, 0, 4, 2, PCI_COMMAND_MEMORY_MASTER);
	put(GHC, GHC_AE);
}

void probe_dma(void)
{
	controller_start();
	commands_write(ATA_READ_DMA_EXT, 0, 0);
	(void)queue_start();
	call(BH_HC_POWER, BH_POWER_ALIVE, 0, 0, 0);
	probe_log("dma: queue left to the device, buffer at %lx", (uint64_t)area->buffer);
	for (;;) {
		probe_wait(0, 0);
	}
}

static bool queue_done(unsigned port)
{
	uint64_t end = tsc() + PATIENCE_MS * probe_page->tsc_khz;
	while (get(port + PX_CI) && tsc() < end) {
	}
	return get(port + PX_CI) == 0;
}

void probe_wild(void)
{
	uint32_t life = probe_page->epoch;
	controller_start();
	commands_write(life == 2 ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT, life == 3 ? SLOTS : 0, life < 3 ? ELSEWHERE : 0);
	bool done = queue_done(queue_start());
	if (life < 3) {
		probe_log("wild: life %u, nothing stopped it", life);
		call(BH_HC_POWER, BH_POWER_PANIC, 1, 0, 0);
	}
	call(BH_HC_POWER, BH_POWER_ALIVE, 0, 0, 0);
	probe_log("wild: life %u, reads into its own memory %s", life, done && area->buffer[0][0] != CANARY ? "land" : "do not land");
	for (;;) {
		probe_wait(0, 0);
	}
}
