/* SPDX-License-Identifier: MIT */
/*
 * virtio-mmio devices that the command line names, as QEMU's `-M microvm` appends them:
 * virtio_mmio.device=SIZE@ADDRESS:GSI (VIRTIO 1.2, 4.2.1 leaves discovery to the platform).
 */
#include "abi/virtio.h"
#include "base/string.h"
#include "block_internal.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/trap.h"

#define OPTION "virtio_mmio.device="

static uint32_t mmio_read(volatile void *registers, unsigned offset)
{
	return *(volatile uint32_t *)((volatile char *)registers + offset);
}

static void device_interrupt(void *arg)
{
	struct virtio_blk **blk = arg;
	if (*blk) {
		virtio_blk_interrupt(*blk);
	}
}

static void device_start(uint64_t address, uint32_t gsi)
{
	struct virtio_blk_port port = { .registers = mmio_map(address, VIRTIO_MMIO_SIZE) };
	struct virtio_blk **blk = kzalloc(sizeof(*blk));
	if (!port.registers || !blk || mmio_read(port.registers, VIRTIO_MMIO_MAGIC) != VIRTIO_MMIO_MAGIC_VALUE ||
	    mmio_read(port.registers, VIRTIO_MMIO_DEVICE_ID) != VIRTIO_ID_BLOCK) {
		kfree(blk);
		return; /* an empty slot, or something that is no disk */
	}
	if (mmio_read(port.registers, VIRTIO_MMIO_VERSION) != 2) {
		kprintf("virtio-mmio %lx: a legacy device (QEMU: -global virtio-mmio.force-legacy=false)", (unsigned long)address);
		kfree(blk);
		return;
	}
	uint8_t vector = irq_allocate(device_interrupt, blk);
	if (!vector || irq_route(gsi, vector, false)) {
		kprintf("virtio-mmio %lx: no interrupt %u", (unsigned long)address, gsi);
		return;
	}
	virtio_blk_start(&port, blk);
}

void virtio_mmio_probe(const char *cmdline)
{
	const char *at = cmdline;
	while ((at = strstr(at, OPTION)) != NULL) {
		const char *end;
		at += strlen(OPTION);
		string_number(at, &end); /* the size, with a suffix perhaps */
		const char *sign = strchr(end, '@');
		if (!sign || sign > end + 1) {
			continue;
		}
		uint64_t address = string_number(sign + 1, &end);
		if (*end == ':') {
			device_start(address, (uint32_t)string_number(end + 1, &end));
		}
	}
}
