/* SPDX-License-Identifier: MIT */
/*
 * A VIRTIO device as its front end reaches it: a virtio-mmio register file (VIRTIO 1.2, 4.2, version 2), kept by Bulkhead for a link or by
 * a device on the bus. Front ends share here what is the same for all: how devices are found, set up (3.1.1), rung and complained of.
 */
#ifndef PLATFORM_VIRTIO_PORT_H
#define PLATFORM_VIRTIO_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/virtio.h"
#include "virtio/ring_front.h"

struct virtio_port {
	volatile void *registers;
	const char *name; /* the driver's */
	bool link; /* of Bulkhead: slot is valid */
	unsigned slot;
	uint32_t epoch; /* of the back end whose rings are being set up */
};

/* A front end for devices of one kind. */
struct virtio_driver {
	uint32_t device_id;
	const char *name;
	/** Set the device up and use it. 0 and *started, or a negative errno with the reason logged. */
	int (*start)(const struct virtio_port *port, void **started);
	/** It rang. Any context. */
	void (*interrupt)(void *started);
	/** The link's state changed (domain page). Any context. */
	void (*link_changed)(void *started);
};

/** Start the driver on each device of its kind: Bulkhead's links, each waited for, or what virtio_mmio.device= on the command line names. */
void virtio_probe(const struct virtio_driver *driver, const char *cmdline);
/* The two ways: virtio_links.c, virtio_mmio.c. */
void virtio_links_probe(const struct virtio_driver *driver);
void virtio_mmio_probe(const struct virtio_driver *driver, const char *cmdline);

uint32_t virtio_port_read(const struct virtio_port *port, unsigned offset);
void virtio_port_write(const struct virtio_port *port, unsigned offset, uint32_t value);
/** Four bytes of the configuration space at a multiple of 4. */
uint32_t virtio_port_config(const struct virtio_port *port, unsigned offset);

/** Reset the device and agree on those of its features that are wanted. -ENODEV, logged: without version 1 or indirect descriptors. */
int virtio_port_open(const struct virtio_port *port, uint64_t wanted, uint64_t *features);
/** The most entries, up to `limit` (a power of two), that queue `index` can have. */
uint16_t virtio_port_queue_size(const struct virtio_port *port, unsigned index, uint16_t limit);
/** An initialized ring is queue `index` from now on. */
void virtio_port_queue(const struct virtio_port *port, unsigned index, const struct ring_front *ring);
/** The back end of a link may reach this memory (BH_GRANT_*); elsewhere it can anyway. Negative errno, logged. */
int virtio_port_grant(const struct virtio_port *port, uint64_t gpa, uint64_t bytes, uint32_t prot);
/** All is set up: DRIVER_OK. Or it is not, for this error. */
void virtio_port_start(const struct virtio_port *port);
void virtio_port_fail(const struct virtio_port *port);

/** There is something new in queue `index`. Not `wanted`: the peer need know only when the processor goes idle, if that costs nothing. */
void virtio_port_ring(const struct virtio_port *port, unsigned index, bool wanted);
/** In the interrupt handler. True: the configuration space has changed. */
bool virtio_port_acknowledge(const struct virtio_port *port);
/** The back end wrote what cannot be. */
void virtio_port_complain(const struct virtio_port *port, unsigned in_flight);

/** The link's state as the domain page has it, and whether the rings are to be rebuilt for a new epoch, *epoch. */
bool virtio_port_up(const struct virtio_port *port);
bool virtio_port_reborn(const struct virtio_port *port, uint32_t *epoch);
/** The rings are rebuilt for this epoch. True: the link is up. */
bool virtio_port_ready(struct virtio_port *port, uint32_t epoch);

#endif
