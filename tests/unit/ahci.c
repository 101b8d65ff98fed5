/* SPDX-License-Identifier: MIT */
/* The AHCI component against a fake adapter: bring-up, NCQ out of order, flush, FUA, errors, timeouts, hot removal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "ahci/ahci.h"
#include "ahci/ahci_registers.h"
#include "env/env.h"
#include "env/host.h"
#include "tests/fake/hba.h"
#include "tests/fake/mmio.h"

#define MS 1000000ull

static struct fake_hba hba;

struct io {
	struct blk_request request;
	struct blk_segment segments[4];
	uint8_t buffer[16 * 512];
	unsigned done;
	int status;
};

static void io_done(struct blk_request *request, int status)
{
	struct io *io = request->owner;
	io->done++;
	io->status = status;
}

static int io_submit(struct blkdev *disk, struct io *io, enum blk_op op, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	io->done = 0;
	io->status = 1;
	unsigned count = op == BLK_FLUSH ? 0 : sectors >= 4 ? 4 : 1;
	for (unsigned i = 0; i < count; i++) {
		uint32_t each = sectors / count * 512;
		io->segments[i].bus = (uintptr_t)io->buffer + i * each;
		io->segments[i].len = i == count - 1 ? sectors * 512 - i * each : each;
	}
	io->request = (struct blk_request){ .op = op, .flags = flags, .sector = sector, .sectors = sectors,
		.segment_count = count, .segments = io->segments, .done = io_done, .owner = io };
	return disk->ops->submit(disk, &io->request);
}

static void machine_runs(void)
{
	hba_run(&hba, 4);
}

/* Time and the device run on until everything has settled. */
static void pass(struct ahci *ahci, uint64_t ns)
{
	for (uint64_t end = env_host_now + ns; env_host_now < end;) {
		uint64_t next = ahci_poll(ahci);
		hba_run(&hba, 4);
		env_host_now = next > env_host_now ? next : env_host_now + MS;
	}
}

static void io_wait(struct ahci *ahci, struct io *io)
{
	for (unsigned n = 0; n < 100000 && !io->done; n++) {
		hba_run(&hba, 4);
		uint64_t next = ahci_poll(ahci);
		if (!io->done) {
			env_host_now = next;
		}
	}
	assert_int_equal(io->done, 1);
}

static struct ahci *start(void)
{
	struct ahci *ahci = ahci_create(&hba.pci);
	assert_non_null(ahci);
	pass(ahci, 3000 * MS);
	return ahci;
}

static struct blkdev *disk_at(struct ahci *ahci, unsigned index)
{
	struct blkdev *disk = NULL;
	assert_int_equal(ahci_disk(ahci, index, &disk), 0);
	return disk;
}

static int set_up(void **state)
{
	srandom(7);
	hba_init(&hba);
	hba.disks[0].present = hba.disks[0].ncq = true;
	env_host_run = machine_runs;
	env_host_live = 0;
	return 0;
}

static int tear_down(void **state)
{
	hba_destroy(&hba);
	assert_int_equal(hba.violations, 0);
	assert_int_equal(env_host_live, 0);
	return 0;
}

static void finds_every_disk(void **state)
{
	hba.disks[1].present = hba.disks[1].atapi = true;
	hba.disks[3].present = true;
	struct ahci *ahci = start();
	struct blkdev *first = disk_at(ahci, 0), *second = disk_at(ahci, 1), *none;
	assert_int_equal(ahci_disk(ahci, 2, &none), -ENODEV);
	assert_string_equal(first->id, "SERIAL0");
	assert_int_equal(first->sectors, HBA_SECTORS);
	assert_int_equal(first->depth, 32);
	assert_true(first->has_flush && first->has_fua);
	assert_string_equal(second->id, "SERIAL3");
	assert_false(second->has_fua);
	ahci_destroy(ahci);
}

static void first_disk_does_not_wait_for_empty_ports(void **state)
{
	struct blkdev *disk;
	hba.no_stagger = true;
	struct ahci *ahci = ahci_create(&hba.pci);
	assert_int_equal(ahci_disk(ahci, 0, &disk), -EAGAIN);
	hba_run(&hba, 4);
	assert_int_equal(ahci_disk(ahci, 0, &disk), 0);
	assert_int_equal(ahci_disk(ahci, 1, &disk), -EAGAIN);
	ahci_destroy(ahci);
}

static void random_io(struct ahci *ahci, struct blkdev *disk, unsigned rounds)
{
	static struct io ios[32];
	static uint8_t mirror[HBA_SECTORS * 512];
	memset(ios, 0, sizeof(ios));
	memcpy(mirror, hba.disks[0].data, sizeof(mirror));
	for (unsigned round = 0; round < rounds; round++) {
		unsigned started = 0;
		for (unsigned i = 0; i < 32; i++) { /* io i keeps to its own 128 sectors */
			uint32_t sectors = 1 + (uint32_t)random() % 16;
			uint64_t sector = i * 128 + (uint64_t)random() % 112;
			bool write = random() & 1;
			if (write) {
				env_random(ios[i].buffer, sectors * 512);
				memcpy(mirror + sector * 512, ios[i].buffer, sectors * 512);
			}
			bool flush = random() % 16 == 0;
			int error = flush && !write ? io_submit(disk, &ios[i], BLK_FLUSH, 0, 0, 0) :
				io_submit(disk, &ios[i], write ? BLK_WRITE : BLK_READ, sector, sectors, 0);
			assert_int_equal(error, 0);
			started++;
			if (random() % 4 == 0) {
				hba_run(&hba, (unsigned)random() % 4);
			}
		}
		for (unsigned i = 0; i < started; i++) {
			io_wait(ahci, &ios[i]);
			assert_int_equal(ios[i].status, 0);
			if (ios[i].request.op == BLK_READ) {
				assert_memory_equal(ios[i].buffer, mirror + ios[i].request.sector * 512, ios[i].request.sectors * 512ul);
			}
		}
	}
	assert_memory_equal(hba.disks[0].data, mirror, sizeof(mirror));
}

static void queued_commands_in_any_order(void **state)
{
	struct ahci *ahci = start();
	random_io(ahci, disk_at(ahci, 0), 100);
	assert_true(hba.most_active > 16);
	assert_true(hba.disks[0].flushes > 10);
	ahci_destroy(ahci);
}

static void disk_without_queue(void **state)
{
	hba.disks[0].ncq = false;
	hba.disks[0].fua = true;
	struct ahci *ahci = start();
	random_io(ahci, disk_at(ahci, 0), 30);
	assert_int_equal(hba.most_active, 1);
	ahci_destroy(ahci);
}

static void force_unit_access(void **state)
{
	static struct io io;
	for (unsigned ncq = 0; ncq < 2; ncq++) {
		hba.disks[0].ncq = ncq;
		hba.disks[0].fua = true;
		hba.disks[0].fua_writes = 0;
		struct ahci *ahci = start();
		assert_int_equal(io_submit(disk_at(ahci, 0), &io, BLK_WRITE, 5, 1, BLK_FUA), 0);
		io_wait(ahci, &io);
		assert_int_equal(io.status, 0);
		assert_int_equal(hba.disks[0].fua_writes, 1);
		ahci_destroy(ahci);
	}
}

/* 32 reads of 8 sectors each, of which the eleventh meets the bad sector. */
static void thirty_two_reads(struct ahci *ahci, struct io *ios, int eleventh)
{
	struct blkdev *disk = disk_at(ahci, 0);
	for (unsigned i = 0; i < HBA_SECTORS * 512; i++) {
		hba.disks[0].data[i] = (uint8_t)(i >> 9 ^ i);
	}
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(io_submit(disk, &ios[i], BLK_READ, i * 8, 8, 0), 0);
	}
	for (unsigned i = 0; i < 32; i++) {
		io_wait(ahci, &ios[i]);
		assert_int_equal(ios[i].status, i == 10 ? eleventh : 0);
		if (!ios[i].status) {
			assert_memory_equal(ios[i].buffer, hba.disks[0].data + i * 4096, 4096);
		}
	}
}

static void bad_sector_is_one_requests_error(void **state)
{
	static struct io ios[32];
	struct ahci *ahci = start();
	hba.disks[0].bad_sector = 83;
	hba.disks[0].bad_count = ~0u;
	thirty_two_reads(ahci, ios, -EIO);
	assert_int_equal(hba.disks[0].errors, 3); /* tried three times, the log page named it */
	assert_int_equal(hba.disks[0].resets, 0);
	ahci_destroy(ahci);
}

static void passing_error_is_not_seen(void **state)
{
	static struct io ios[32];
	struct ahci *ahci = start();
	hba.disks[0].bad_sector = 83;
	hba.disks[0].bad_count = 2;
	thirty_two_reads(ahci, ios, 0);
	ahci_destroy(ahci);
}

static void bad_sector_without_the_log(void **state)
{
	static struct io ios[32];
	struct ahci *ahci = start();
	hba.disks[0].bad_sector = 83;
	hba.disks[0].bad_count = ~0u;
	hba.disks[0].log_broken = true;
	thirty_two_reads(ahci, ios, -EIO);
	assert_true(hba.disks[0].resets >= 1);
	ahci_destroy(ahci);
}

static void bad_sector_without_a_queue(void **state)
{
	static struct io ios[32];
	hba.disks[0].ncq = false;
	struct ahci *ahci = start();
	hba.disks[0].bad_sector = 83;
	hba.disks[0].bad_count = ~0u;
	thirty_two_reads(ahci, ios, -EIO);
	assert_int_equal(hba.disks[0].errors, 3);
	ahci_destroy(ahci);
}

static void timeout_resets_and_tries_again(void **state)
{
	static struct io ios[32];
	struct ahci *ahci = start();
	hba.disks[0].hang_count = 3;
	thirty_two_reads(ahci, ios, 0);
	assert_int_equal(hba.disks[0].resets, 1);
	hba.disks[0].hang_count = 3;
	static struct io alone;
	assert_int_equal(io_submit(disk_at(ahci, 0), &alone, BLK_READ, 0, 1, 0), 0);
	io_wait(ahci, &alone);
	assert_int_equal(alone.status, -EIO); /* not a fourth time */
	ahci_destroy(ahci);
}

/* A caller that looks before it waits is interrupted only while it waits. */
static void no_interrupt_between_waits(void **state)
{
	static struct io ios[2];
	uint64_t until = UINT64_MAX;
	struct ahci *ahci = start();
	struct blkdev *disk = disk_at(ahci, 0);
	assert_false(ahci_before_wait(ahci, &until));
	assert_int_equal(io_submit(disk, &ios[0], BLK_READ, 0, 1, 0), 0);
	assert_false(hba.ghc & GHC_IE);
	hba_run(&hba, 4);
	assert_int_equal(ios[0].done, 0);
	assert_true(ahci_before_wait(ahci, &until));
	assert_int_equal(ios[0].done, 1);
	assert_int_equal(io_submit(disk, &ios[1], BLK_READ, 0, 1, 0), 0);
	assert_false(ahci_before_wait(ahci, &until)); /* nothing yet: now it waits */
	assert_true(hba.ghc & GHC_IE);
	hba_run(&hba, 4);
	assert_int_equal(ios[1].done, 1);
	assert_false(hba.ghc & GHC_IE);
	ahci_destroy(ahci);
}

/* A busy adapter does not interrupt: it is looked at, the sooner the faster it is, and at once when a batch was not followed by another. */
static void a_busy_adapter_is_looked_at(void **state)
{
	static struct io ios[AHCI_BATCH];
	uint64_t until = UINT64_MAX;
	struct ahci *ahci = start();
	struct blkdev *disk = disk_at(ahci, 0);
	assert_false(ahci_before_wait(ahci, &until));
	assert_int_equal(io_submit(disk, &ios[0], BLK_READ, 0, 1, 0), 0);
	hba_run(&hba, 1);
	assert_true(ahci_before_wait(ahci, &until));
	assert_false(ahci_before_wait(ahci, &until)); /* idle: the pace is measured from here */
	for (unsigned i = 0; i < AHCI_BATCH; i++) {
		assert_int_equal(io_submit(disk, &ios[i], BLK_READ, i, 1, 0), 0);
	}
	assert_false(ahci_before_wait(ahci, &until));
	assert_false(hba.ghc & GHC_IE);
	assert_true(until == env_host_now + AHCI_LOOK_MAX_NS); /* the next batch comes first */
	env_host_now += 40000;
	hba_run(&hba, 2);
	assert_true(ahci_before_wait(ahci, &until));
	until = UINT64_MAX;
	assert_false(ahci_before_wait(ahci, &until));
	assert_false(hba.ghc & GHC_IE);
	assert_true(until >= env_host_now + AHCI_LOOK_MIN_NS && until <= env_host_now + 20000 * AHCI_BATCH / 2);
	hba_run(&hba, AHCI_BATCH - 2 - (AHCI_BUSY - 1));
	assert_true(ahci_before_wait(ahci, &until));
	until = UINT64_MAX;
	assert_false(ahci_before_wait(ahci, &until)); /* three left: each interrupts */
	assert_true(hba.ghc & GHC_IE);
	assert_true(until == UINT64_MAX);
	hba_run(&hba, AHCI_BATCH);
	for (unsigned i = 0; i < AHCI_BATCH; i++) {
		assert_int_equal(ios[i].done, 1);
		assert_int_equal(ios[i].status, 0);
	}
	ahci_destroy(ahci);
}

static void lost_interrupt_is_found_by_the_poll(void **state)
{
	static struct io io;
	struct ahci *ahci = start();
	hba.lose_interrupts = true;
	assert_int_equal(io_submit(disk_at(ahci, 0), &io, BLK_READ, 0, 1, 0), 0);
	io_wait(ahci, &io);
	assert_int_equal(io.status, 0);
	assert_int_equal(hba.disks[0].resets, 0);
	ahci_destroy(ahci);
}

static void pulled_disk_fails_everything(void **state)
{
	static struct io ios[32];
	struct ahci *ahci = start();
	struct blkdev *disk = disk_at(ahci, 0);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(io_submit(disk, &ios[i], BLK_READ, i, 1, 0), 0);
	}
	hba_run(&hba, 4);
	hba_unplug(&hba, 0);
	unsigned failed = 0;
	for (unsigned i = 0; i < 32; i++) {
		io_wait(ahci, &ios[i]);
		failed += ios[i].status == -EIO;
	}
	assert_int_equal(failed, 28);
	assert_int_equal(io_submit(disk, &ios[0], BLK_READ, 0, 1, 0), -EIO);
	ahci_destroy(ahci);
}

static void another_disk_in_its_place_is_not_taken(void **state)
{
	static struct io io;
	struct ahci *ahci = start();
	strcpy(hba.disks[0].serial, "OTHER");
	hba.disks[0].hang_count = 1;
	assert_int_equal(io_submit(disk_at(ahci, 0), &io, BLK_WRITE, 0, 1, 0), 0);
	io_wait(ahci, &io);
	assert_int_equal(io.status, -EIO);
	ahci_destroy(ahci);
}

static void requests_outside_the_limits(void **state)
{
	static struct io ios[33];
	struct ahci *ahci = start();
	struct blkdev *disk = disk_at(ahci, 0);
	assert_int_equal(io_submit(disk, &ios[0], BLK_READ, HBA_SECTORS, 1, 0), -EINVAL);
	assert_int_equal(io_submit(disk, &ios[0], BLK_READ, HBA_SECTORS - 1, 2, 0), -EINVAL);
	assert_int_equal(io_submit(disk, &ios[0], BLK_READ, ~0ull, 2, 0), -EINVAL);
	assert_int_equal(io_submit(disk, &ios[0], BLK_READ, 0, 0, 0), -EINVAL);
	io_submit(disk, &ios[0], BLK_READ, 0, 1, 0);
	io_wait(ahci, &ios[0]);
	ios[0].segments[0].bus |= 1;
	assert_int_equal(disk->ops->submit(disk, &ios[0].request), -EINVAL);
	ios[0].segments[0].bus &= ~1ull;
	ios[0].segments[0].len = 1024;
	assert_int_equal(disk->ops->submit(disk, &ios[0].request), -EINVAL);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(io_submit(disk, &ios[i], BLK_READ, i, 1, 0), 0);
	}
	assert_int_equal(io_submit(disk, &ios[32], BLK_READ, 0, 1, 0), -EAGAIN);
	ahci_destroy(ahci);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(ios[i].done, 1);
		assert_int_equal(ios[i].status, -EIO);
	}
}

static void start_fails_cleanly(void **state)
{
	struct pcidev bare = hba.pci;
	bare.bars[5].registers = NULL;
	assert_null(ahci_create(&bare));
	for (unsigned n = 1; n <= 9; n++) {
		env_host_fail_alloc = n;
		assert_null(ahci_create(&hba.pci));
		assert_int_equal(env_host_live, 0);
	}
	env_host_fail_alloc = 0;
	hba.wedged = true;
	assert_null(ahci_create(&hba.pci));
}

/* cmocka takes the signal handlers for each test: the fake registers' are put in place inside of it. */
static void in_armed_test(void **state)
{
	void (*test)(void **state) = *state;
	fake_mmio_arm();
	test(state);
}

#define TEST(f) { #f, in_armed_test, set_up, tear_down, f }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finds_every_disk),
		TEST(first_disk_does_not_wait_for_empty_ports),
		TEST(queued_commands_in_any_order),
		TEST(disk_without_queue),
		TEST(force_unit_access),
		TEST(bad_sector_is_one_requests_error),
		TEST(passing_error_is_not_seen),
		TEST(bad_sector_without_the_log),
		TEST(bad_sector_without_a_queue),
		TEST(timeout_resets_and_tries_again),
		TEST(no_interrupt_between_waits),
		TEST(a_busy_adapter_is_looked_at),
		TEST(lost_interrupt_is_found_by_the_poll),
		TEST(pulled_disk_fails_everything),
		TEST(another_disk_in_its_place_is_not_taken),
		TEST(requests_outside_the_limits),
		TEST(start_fails_cleanly),
	};
	return cmocka_run_group_tests_name("ahci", tests, NULL, NULL);
}
