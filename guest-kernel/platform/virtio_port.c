/* SPDX-License-Identifier: MIT */
/* What all VIRTIO front ends do alike: registers, set-up in the order of VIRTIO 1.2, 3.1.1 and 4.2.3, rings, the link's epochs. */
#include "platform/virtio_port.h"

#include "abi/errno.h"
#include "kernel/memory.h"
#include "kernel/platform.h"

#define INTERRUPT_CONFIG 2u /* 4.2.2, InterruptStatus */
#define STATUS_AGREED (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK)

/* One plain MOV each: on Bulkhead these trap and are decoded. */
uint32_t virtio_port_read(const struct virtio_port *port, unsigned offset)
{
	uint32_t value;
	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"((volatile char *)port->registers + offset) : "memory");
	return value;
}

void virtio_port_write(const struct virtio_port *port, unsigned offset, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"((volatile char *)port->registers + offset) : "memory");
}

static void port_write64(const struct virtio_port *port, unsigned low, uint64_t value)
{
	virtio_port_write(port, low, (uint32_t)value);
	virtio_port_write(port, low + 4, (uint32_t)(value >> 32));
}

uint32_t virtio_port_config(const struct virtio_port *port, unsigned offset)
{
	return virtio_port_read(port, VIRTIO_MMIO_CONFIG + offset);
}

static uint64_t port_offered(const struct virtio_port *port)
{
	uint64_t offered = 0;
	for (uint32_t half = 0; half < 2; half++) {
		virtio_port_write(port, VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
		offered |= (uint64_t)virtio_port_read(port, VIRTIO_MMIO_DEVICE_FEATURES) << 32 * half;
	}
	return offered;
}

int virtio_port_open(const struct virtio_port *port, uint64_t wanted, uint64_t *features)
{
	virtio_port_write(port, VIRTIO_MMIO_STATUS, 0);
	virtio_port_write(port, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	uint64_t offered = port_offered(port);
	*features = offered & wanted;
	if (!(*features & VIRTIO_F_VERSION_1) || !(*features & VIRTIO_F_INDIRECT_DESC)) {
		kprintf("%s: the device lacks version 1 or indirect descriptors (features %lx)", port->name, (unsigned long)offered);
		return -ENODEV;
	}
	for (uint32_t half = 0; half < 2; half++) {
		virtio_port_write(port, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		virtio_port_write(port, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(*features >> 32 * half));
	}
	virtio_port_write(port, VIRTIO_MMIO_STATUS, STATUS_AGREED);
	if (!(virtio_port_read(port, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK)) {
		kprintf("%s: the device does not take the features %lx", port->name, (unsigned long)*features);
		return -ENODEV;
	}
	return 0;
}

uint16_t virtio_port_queue_size(const struct virtio_port *port, unsigned index, uint16_t limit)
{
	virtio_port_write(port, VIRTIO_MMIO_QUEUE_SEL, index);
	uint32_t max = virtio_port_read(port, VIRTIO_MMIO_QUEUE_NUM_MAX);
	uint16_t size = limit;
	while (size > max) {
		size /= 2;
	}
	return size;
}

void virtio_port_queue(const struct virtio_port *port, unsigned index, const struct ring_front *ring)
{
	virtio_port_write(port, VIRTIO_MMIO_QUEUE_SEL, index);
	virtio_port_write(port, VIRTIO_MMIO_QUEUE_NUM, ring->s.size);
	port_write64(port, VIRTIO_MMIO_QUEUE_DESC_LOW, virt_to_phys(ring->s.desc));
	port_write64(port, VIRTIO_MMIO_QUEUE_DRIVER_LOW, virt_to_phys(ring->s.avail));
	port_write64(port, VIRTIO_MMIO_QUEUE_DEVICE_LOW, virt_to_phys(ring->s.used));
	virtio_port_write(port, VIRTIO_MMIO_QUEUE_READY, 1);
}

int virtio_port_grant(const struct virtio_port *port, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	long error = port->link ? hypercall(BH_HC_GRANT, port->slot, gpa, bytes, prot) : 0;
	if (error) {
		kprintf("%s: the hypervisor refuses a grant (%ld)", port->name, error);
	}
	return (int)error;
}

void virtio_port_start(const struct virtio_port *port)
{
	virtio_port_write(port, VIRTIO_MMIO_STATUS, STATUS_AGREED | VIRTIO_STATUS_DRIVER_OK);
}

void virtio_port_fail(const struct virtio_port *port)
{
	virtio_port_write(port, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_FAILED);
}

void virtio_port_ring(const struct virtio_port *port, unsigned index, bool wanted)
{
	if (port->link) {
		event_signal(BH_EVENT_LINK + port->slot, wanted);
	} else if (wanted) {
		virtio_port_write(port, VIRTIO_MMIO_QUEUE_NOTIFY, index);
	}
}

bool virtio_port_acknowledge(const struct virtio_port *port)
{
	if (port->link) {
		return false;
	}
	uint32_t status = virtio_port_read(port, VIRTIO_MMIO_INTERRUPT_STATUS);
	virtio_port_write(port, VIRTIO_MMIO_INTERRUPT_ACK, status);
	return status & INTERRUPT_CONFIG;
}

void virtio_port_complain(const struct virtio_port *port, unsigned in_flight)
{
	kprintf("%s: impossible entry in the used ring (%u in flight)", port->name, in_flight);
	if (port->link) {
		hypercall(BH_HC_LINK_COMPLAIN, port->slot, 1, 0, 0);
	}
}

bool virtio_port_up(const struct virtio_port *port)
{
	return __atomic_load_n(&platform_domain_page()->links[port->slot].state, __ATOMIC_ACQUIRE) == BH_LINK_UP;
}

bool virtio_port_reborn(const struct virtio_port *port, uint32_t *epoch)
{
	const struct bh_link *link = &platform_domain_page()->links[port->slot];
	uint32_t state = __atomic_load_n(&link->state, __ATOMIC_ACQUIRE);
	*epoch = link->epoch;
	return state == BH_LINK_REBUILD && *epoch != port->epoch;
}

bool virtio_port_ready(struct virtio_port *port, uint32_t epoch)
{
	port->epoch = epoch;
	return hypercall(BH_HC_LINK_READY, port->slot, epoch, 0, 0) == 0;
}
