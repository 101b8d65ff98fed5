/* SPDX-License-Identifier: MIT */
/*
 * Commands: taking requests, building command tables, issuing, collecting. NCQ commands run up to `depth` at once; anything
 * else runs alone: it waits until the queued ones are done, and holds back those behind it, so that requests never overtake a
 * flush. AHCI 1.3.1, 5.3 (system memory), 5.6 (command issue); ACS-3, 7.
 */
#include "ahci_internal.h"

#include "abi/errno.h"
#include "base/string.h"

static bool command_queued(const struct ahci_port *port, const struct blk_request *request)
{
	return port->ncq && request->op != BLK_FLUSH;
}

static void fis_address(uint8_t *fis, uint64_t lba, uint8_t device)
{
	for (unsigned i = 0; i < 3; i++) {
		fis[4 + i] = (uint8_t)(lba >> (8 * i));
		fis[8 + i] = (uint8_t)(lba >> (8 * (i + 3)));
	}
	fis[7] = device;
}

/* Serial ATA 3.x, 10.5.5: Register Host to Device FIS. */
static void fis_build(struct ahci_port *port, unsigned slot, const struct blk_request *request, uint8_t *fis)
{
	bool write = request->op == BLK_WRITE, fua = request->flags & BLK_FUA;
	uint32_t count = request->sectors >> port->shift;
	memset(fis, 0, 20);
	fis[0] = 0x27;
	fis[1] = 0x80; /* a command */
	if (request->op == BLK_FLUSH) {
		fis[2] = ATA_FLUSH_EXT;
		fis_address(fis, 0, ATA_DEVICE_LBA);
		return;
	}
	bool queued = command_queued(port, request);
	fis_address(fis, request->sector >> port->shift, (uint8_t)(ATA_DEVICE_LBA | (queued && write && fua ? ATA_DEVICE_FUA : 0)));
	if (queued) {
		fis[2] = write ? ATA_WRITE_FPDMA : ATA_READ_FPDMA;
		fis[3] = (uint8_t)count;
		fis[11] = (uint8_t)(count >> 8);
		fis[12] = (uint8_t)(slot << 3);
		return;
	}
	fis[2] = !write ? ATA_READ_DMA_EXT : fua ? ATA_WRITE_DMA_FUA_EXT : ATA_WRITE_DMA_EXT;
	fis[12] = (uint8_t)count;
	fis[13] = (uint8_t)(count >> 8);
}

static void header_build(struct ahci_port *port, unsigned slot, unsigned prds, bool write)
{
	port->memory->headers[slot] = (struct ahci_header){
		.flags = 5u | (write ? HEADER_WRITE : 0) | prds << 16,
		.table = port->bus + offsetof(struct ahci_memory, tables) + slot * sizeof(struct ahci_table),
	};
}

static void command_build(struct ahci_port *port, unsigned slot, const struct blk_request *request)
{
	struct ahci_table *table = &port->memory->tables[slot];
	fis_build(port, slot, request, table->command);
	for (uint32_t i = 0; i < request->segment_count; i++) {
		table->prds[i] = (struct ahci_prd){ .address = request->segments[i].bus, .count = request->segments[i].len - 1 };
	}
	header_build(port, slot, request->segment_count, request->op == BLK_WRITE);
}

static void command_start(struct ahci_port *port, uint32_t slots, uint32_t queued)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* tables before the doorbell */
	if (queued) {
		port_write(port, PX_SACT, queued);
	}
	port_write(port, PX_CI, slots);
}

/* The next request, if it may run beside what is active. */
static struct blk_request *command_next(struct ahci_port *port, uint32_t free)
{
	struct blk_request *request = port->waiting;
	if (!request || !free || (port->active && port->exclusive)) {
		return NULL;
	}
	bool exclusive = !command_queued(port, request) || request->driver[REQUEST_ALONE];
	if (port->active && exclusive) {
		return NULL;
	}
	port->exclusive = exclusive;
	port->waiting = request->next;
	if (!port->waiting) {
		port->waiting_end = &port->waiting;
	}
	return request;
}

void ahci_command_issue(struct ahci_port *port)
{
	uint32_t all = port->disk.depth == 32 ? ~0u : (1u << port->disk.depth) - 1;
	uint32_t issued = 0, queued = 0;
	struct blk_request *request;
	while (port->state == PORT_RUN && (request = command_next(port, all & ~port->active)) != NULL) {
		unsigned slot = (unsigned)__builtin_ctz(all & ~port->active);
		command_build(port, slot, request);
		port->slots[slot] = (struct ahci_slot){ .request = request, .sequence = port->sequence++,
			.deadline = env_time_ns() + AHCI_COMMAND_TIMEOUT };
		port->active |= 1u << slot;
		issued |= 1u << slot;
		queued |= command_queued(port, request) ? 1u << slot : 0;
	}
	if (issued) {
		command_start(port, issued, queued);
	}
}

void ahci_command_collect(struct ahci_port *port)
{
	if (!port->active) {
		return;
	}
	/* A queued command is finished when its bit in SACT is clear; CI clears earlier, at its acceptance (5.6.4.1). */
	uint32_t done = port->active & ~(port_read(port, PX_CI) | port_read(port, PX_SACT));
	port->active &= ~done;
	while (done) {
		unsigned slot = (unsigned)__builtin_ctz(done);
		done &= done - 1;
		port->accepted--;
		ahci_finish(port->ahci, port->slots[slot].request, 0);
		port->slots[slot].request = NULL;
	}
}

void ahci_command_internal(struct ahci_port *port, uint8_t command, uint8_t lba_low)
{
	struct ahci_table *table = &port->memory->tables[0];
	memset(table->command, 0, 20);
	table->command[0] = 0x27;
	table->command[1] = 0x80;
	table->command[2] = command;
	table->command[4] = lba_low;
	table->command[7] = ATA_DEVICE_LBA;
	table->command[12] = 1;
	table->prds[0] = (struct ahci_prd){ .address = port->bus + offsetof(struct ahci_memory, scratch), .count = 511 };
	header_build(port, 0, 1, false);
	command_start(port, 1, 0);
}

static bool request_valid(const struct ahci_port *port, const struct blk_request *r)
{
	const struct blkdev *d = &port->disk;
	if (r->op == BLK_FLUSH) {
		return d->has_flush && r->segment_count == 0;
	}
	uint32_t mask = (1u << port->shift) - 1;
	if (r->sectors == 0 || r->sectors > d->max_sectors || r->sector >= d->sectors || r->sectors > d->sectors - r->sector ||
	    (r->sector & mask) || (r->sectors & mask) || r->segment_count == 0 || r->segment_count > d->max_segments ||
	    ((r->flags & BLK_FUA) && r->op == BLK_WRITE && !d->has_fua)) {
		return false;
	}
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < r->segment_count; i++) {
		const struct blk_segment *s = &r->segments[i];
		bool reachable = (port->ahci->cap & CAP_S64A) || s->bus + s->len <= 1ull << 32;
		if (s->len == 0 || (s->len & 1) || (s->bus & 1) || s->len > PRD_BYTES_MAX || !reachable) {
			return false;
		}
		bytes += s->len;
	}
	return bytes == (uint64_t)r->sectors * 512;
}

static int ahci_submit(struct blkdev *disk, struct blk_request *request)
{
	struct ahci_port *port = disk->driver;
	if (!request_valid(port, request)) {
		return -EINVAL;
	}
	int error = 0;
	env_lock(&port->ahci->lock);
	if (port->state == PORT_GONE) {
		error = -EIO;
	} else if (port->accepted == disk->depth) {
		error = -EAGAIN;
	} else {
		memset(request->driver, 0, sizeof(request->driver));
		request->next = NULL;
		*port->waiting_end = request;
		port->waiting_end = &request->next;
		port->accepted++;
		port->ahci->taken++;
		ahci_quiet(port->ahci);
		ahci_command_issue(port);
	}
	env_unlock(&port->ahci->lock);
	return error;
}

const struct blkdev_ops ahci_disk_ops = { .submit = ahci_submit };
