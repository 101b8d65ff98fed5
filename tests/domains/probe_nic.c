/* SPDX-License-Identifier: MIT */
/*
 * A driver that sends its network adapter (82574L) where the domain may not: in its first life it has a frame read from memory that is
 * not its own, in its second the ring of descriptors itself lies there, in its third everything is its own. If nothing stops it, it ends
 * each of the first two itself.
 */
#include "probe.h"

#include "base/string.h"

enum { CTRL = 0x0000, TCTL = 0x0400, TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810, TDT = 0x3818 };
#define CTRL_RST (1u << 26)
#define TCTL_EN_PSP 0x0au
#define SEND_COMMAND (1u << 24 | 1u << 25 | 1u << 27) /* the last descriptor of a frame, with its check sequence, reports its end */
#define PCI_COMMAND_MEMORY_MASTER 0x0006u
#define ELSEWHERE 0x4000000ull /* in the machine's memory, not in the domain's */
#define PATIENCE_MS 500

static struct {
	uint64_t address;
	uint32_t command, status;
} ring[8] __attribute__((aligned(4096)));
static uint8_t frame[64] __attribute__((aligned(64)));

static void put(unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(probe_page->devices[0].bars[0].gpa + offset) = value;
}

static bool sent(void)
{
	uint64_t end = tsc() + PATIENCE_MS * probe_page->tsc_khz;
	while (!(__atomic_load_n(&ring[0].status, __ATOMIC_ACQUIRE) & 1) && tsc() < end) {
	}
	return ring[0].status & 1;
}

_Noreturn void probe_stray(void)
{
	uint32_t life = probe_page->epoch;
	put(TCTL, 0);
	put(CTRL, CTRL_RST);
	call(BH_HC_PCI_WRITE, 0, 4, 2, PCI_COMMAND_MEMORY_MASTER);
	memset(frame, 0xff, sizeof(frame));
	ring[0].address = (life == 1 ? ELSEWHERE : (uint64_t)frame) + probe_page->dma_offset;
	ring[0].command = SEND_COMMAND | sizeof(frame);
	uint64_t base = (life == 2 ? ELSEWHERE : (uint64_t)ring) + probe_page->dma_offset;
	put(TDBAL, (uint32_t)base);
	put(TDBAH, (uint32_t)(base >> 32));
	put(TDLEN, sizeof(ring));
	put(TDH, 0);
	put(TDT, 0);
	put(TCTL, TCTL_EN_PSP);
	put(TDT, 1);
	bool done = sent();
	if (life < 3) {
		probe_log("stray: life %u, nothing stopped it", life);
		call(BH_HC_POWER, BH_POWER_PANIC, 1, 0, 0);
	}
	call(BH_HC_POWER, BH_POWER_ALIVE, 0, 0, 0);
	probe_log("stray: life %u, a frame of its own %s", life, done ? "goes out" : "does not go out");
	for (;;) {
		probe_wait(0, 0);
	}
}
