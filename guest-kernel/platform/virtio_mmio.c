/* SPDX-License-Identifier: MIT */
/*
 * virtio-mmio devices that the command line names, as QEMU's `-M microvm` appends them:
 * virtio_mmio.device=SIZE@ADDRESS:GSI (VIRTIO 1.2, 4.2.1 leaves discovery to the platform).
 */
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/trap.h"
#include "platform/virtio_port.h"

#define OPTION "virtio_mmio.device="

/* A device's interrupt, routed before it is started. */
struct mmio_device {
	void (*interrupt)(void *started);
	void *started; /* NULL: not yet */
};

static void device_interrupt(void *arg)
{
	struct mmio_device *device = arg;
	void *started = __atomic_load_n(&device->started, __ATOMIC_ACQUIRE);
	if (started) {
		device->interrupt(started);
	}
}

static void device_start(const struct virtio_driver *driver, const struct virtio_port *port, uint64_t address, uint32_t gsi)
{
	if (virtio_port_read(port, VIRTIO_MMIO_VERSION) != 2) {
		kprintf("virtio-mmio %lx: a legacy device (QEMU: -global virtio-mmio.force-legacy=false)", (unsigned long)address);
		return;
	}
	struct mmio_device *device = kzalloc(sizeof(*device));
	uint8_t vector = device ? irq_allocate(device_interrupt, device) : 0;
	if (!vector || irq_route(gsi, vector, false)) {
		kprintf("virtio-mmio %lx: no interrupt %u", (unsigned long)address, gsi);
		return;
	}
	void *started;
	device->interrupt = driver->interrupt;
	if (driver->start(port, &started) == 0) {
		__atomic_store_n(&device->started, started, __ATOMIC_RELEASE);
		driver->interrupt(started); /* what came before it was listened to */
	}
}

/* An empty slot has device ID 0. */
static void device_look(const struct virtio_driver *driver, uint64_t address, uint32_t gsi)
{
	struct virtio_port port = { .registers = mmio_map(address, VIRTIO_MMIO_SIZE), .name = driver->name };
	if (port.registers && virtio_port_read(&port, VIRTIO_MMIO_MAGIC) == VIRTIO_MMIO_MAGIC_VALUE &&
	    virtio_port_read(&port, VIRTIO_MMIO_DEVICE_ID) == driver->device_id) {
		device_start(driver, &port, address, gsi);
	}
}

void virtio_mmio_probe(const struct virtio_driver *driver, const char *cmdline)
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
			device_look(driver, address, (uint32_t)string_number(end + 1, &end));
		}
	}
}
