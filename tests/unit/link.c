/* SPDX-License-Identifier: MIT */
/* A link's virtio-mmio register file and its states, driven as a VIRTIO 1.2 driver would (3.1.1, 4.2.3) and as none should. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "abi/virtio.h"
#include "hv/link.h"

static const struct bh_link_offer disk = {
	.features = VIRTIO_BLK_F_FLUSH | VIRTIO_F_EVENT_IDX, .queue_max = 128, .queue_count = 1, .config_len = 24, .config = { 1, 2, 3, 4, 5, 6, 7, 8 },
};

static struct link fresh(void)
{
	struct link l = { .kind = VIRTIO_ID_BLOCK, .epoch = 1 };
	assert_int_equal(link_offer_check(&l, &disk), 0);
	link_offer_set(&l, &disk);
	return l;
}

static uint32_t rd(const struct link *l, uint32_t offset)
{
	return link_mmio_read(l, offset, 4);
}

static unsigned wr(struct link *l, uint32_t offset, uint32_t value)
{
	return link_mmio_write(l, offset, 4, value);
}

static void negotiate(struct link *l, uint64_t features)
{
	wr(l, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	for (uint32_t half = 0; half < 2; half++) {
		wr(l, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		wr(l, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * half));
	}
	wr(l, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
}

static void start(struct link *l)
{
	negotiate(l, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_FLUSH);
	wr(l, VIRTIO_MMIO_QUEUE_NUM, 64);
	wr(l, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	wr(l, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0x2);
	wr(l, VIRTIO_MMIO_QUEUE_READY, 1);
	wr(l, VIRTIO_MMIO_STATUS, 15);
}

static void nothing_is_there_before_the_offer(void **state)
{
	struct link l = { .kind = VIRTIO_ID_BLOCK };
	assert_int_equal(rd(&l, VIRTIO_MMIO_MAGIC), VIRTIO_MMIO_MAGIC_VALUE);
	assert_int_equal(rd(&l, VIRTIO_MMIO_DEVICE_ID), 0);
	assert_int_equal(rd(&l, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	link_offer_set(&l, &disk);
	assert_int_equal(l.state, BH_LINK_UP);
	assert_int_equal(rd(&l, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_BLOCK);
	assert_int_equal(rd(&l, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(rd(&l, VIRTIO_MMIO_QUEUE_NUM_MAX), 128);
}

static void features_that_were_not_offered_are_not_accepted(void **state)
{
	struct link l = fresh();
	wr(&l, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(rd(&l, VIRTIO_MMIO_DEVICE_FEATURES), 1); /* VERSION_1 is always offered */
	negotiate(&l, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO);
	assert_false(rd(&l, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK);
	l = fresh();
	negotiate(&l, VIRTIO_BLK_F_FLUSH); /* a legacy driver */
	assert_false(rd(&l, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK);
	l = fresh();
	negotiate(&l, VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_FLUSH);
	assert_true(rd(&l, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK);
	wr(&l, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(&l, VIRTIO_MMIO_DRIVER_FEATURES, ~0u); /* too late */
	assert_true(l.features == (VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_FLUSH));
}

static void a_queue_is_set_up_and_then_fixed(void **state)
{
	struct link l = fresh();
	start(&l);
	assert_int_equal(rd(&l, VIRTIO_MMIO_QUEUE_READY), 1);
	assert_true(l.queues[0].desc == 0x200001000ull);
	wr(&l, VIRTIO_MMIO_QUEUE_NUM, 32);
	wr(&l, VIRTIO_MMIO_QUEUE_DESC_LOW, 0);
	assert_int_equal(l.queues[0].size, 64);
	assert_true(l.queues[0].desc == 0x200001000ull);
}

static void bad_queues_do_not_become_ready(void **state)
{
	const uint32_t sizes[] = { 0, 3, 256, 0x80000000u };
	for (unsigned i = 0; i < 4; i++) {
		struct link l = fresh();
		wr(&l, VIRTIO_MMIO_QUEUE_NUM, sizes[i]);
		wr(&l, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(rd(&l, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	struct link l = fresh();
	wr(&l, VIRTIO_MMIO_QUEUE_SEL, 0xffffffffu);
	wr(&l, VIRTIO_MMIO_QUEUE_NUM, 64);
	wr(&l, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(rd(&l, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(rd(&l, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}

static void every_offset_can_be_touched(void **state)
{
	struct link l = fresh();
	start(&l);
	for (uint32_t offset = 0; offset < 4096; offset++) {
		for (unsigned width = 1; width <= 4; width *= 2) {
			(void)link_mmio_read(&l, offset, width);
			if (offset != VIRTIO_MMIO_STATUS) {
				(void)link_mmio_write(&l, offset, width, ~0u);
			}
		}
	}
	assert_int_equal(link_mmio_read(&l, VIRTIO_MMIO_CONFIG + 4, 4), 0x08070605u);
	assert_int_equal(link_mmio_read(&l, VIRTIO_MMIO_CONFIG + 1, 1), 2);
	assert_int_equal(link_mmio_read(&l, VIRTIO_MMIO_CONFIG + 61, 4), 0);
}

static void writes_say_what_follows(void **state)
{
	struct link l = fresh();
	start(&l);
	assert_int_equal(wr(&l, VIRTIO_MMIO_QUEUE_NOTIFY, 0), LINK_NOTIFY);
	assert_int_equal(wr(&l, VIRTIO_MMIO_INTERRUPT_ACK, 1), LINK_QUIET); /* there is none: events say it */
	assert_int_equal(wr(&l, VIRTIO_MMIO_STATUS, 0), LINK_CHANGED | LINK_RESET);
	assert_int_equal(rd(&l, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(l.state, BH_LINK_UP);
}

static void a_dead_back_end_comes_back_with_a_new_epoch(void **state)
{
	struct link l = fresh();
	start(&l);
	assert_int_equal(link_ready_check(&l, 1), -EINVAL);
	link_down(&l);
	assert_int_equal(l.state, BH_LINK_DOWN);
	link_rebuild(&l, 2);
	assert_int_equal(l.state, BH_LINK_REBUILD);
	assert_int_equal(link_ready_check(&l, 1), -ESTALE);
	assert_int_equal(link_ready_check(&l, 2), 0);
	assert_true(l.queues[0].ready); /* the driver's registers outlive the device */
	assert_int_equal(link_offer_check(&l, &disk), 0);
	link_offer_set(&l, &disk);
	assert_int_equal(l.state, BH_LINK_REBUILD); /* the driver's word is still out */
	assert_int_equal(l.generation, 0);
}

static void without_a_driver_there_is_nothing_to_rebuild(void **state)
{
	struct link l = fresh();
	link_down(&l);
	link_rebuild(&l, 2);
	assert_int_equal(l.state, BH_LINK_DOWN);
	link_offer_set(&l, &disk);
	assert_int_equal(l.state, BH_LINK_UP);
}

static void offers_are_judged(void **state)
{
	struct link l = { .kind = VIRTIO_ID_BLOCK };
	struct bh_link_offer bad = disk;
	bad.queue_max = 100;
	assert_int_equal(link_offer_check(&l, &bad), -EINVAL);
	bad = disk;
	bad.queue_max = 2048;
	assert_int_equal(link_offer_check(&l, &bad), -EINVAL);
	bad = disk;
	bad.queue_count = BH_MAX_QUEUES + 1;
	assert_int_equal(link_offer_check(&l, &bad), -EINVAL);
	bad = disk;
	bad.config_len = 65;
	assert_int_equal(link_offer_check(&l, &bad), -EINVAL);
	l = fresh();
	start(&l);
	bad = disk;
	bad.features = 0; /* the running driver uses FLUSH */
	assert_int_equal(link_offer_check(&l, &bad), -EPROTO);
	bad = disk;
	bad.queue_max = 32; /* and 64 entries */
	assert_int_equal(link_offer_check(&l, &bad), -EPROTO);
	bad = disk;
	bad.config[0] = 9;
	assert_int_equal(link_offer_check(&l, &bad), 0);
	link_offer_set(&l, &bad);
	assert_int_equal(rd(&l, VIRTIO_MMIO_CONFIG_GENERATION), 1);
}

static void the_page_says_what_the_registers_say(void **state)
{
	struct link l = fresh();
	struct bh_link page = { 0 };
	start(&l);
	link_publish(&l, &page, BH_LINK_BACK);
	assert_int_equal(page.role, BH_LINK_BACK);
	assert_int_equal(page.state, BH_LINK_UP);
	assert_int_equal(page.status, 15);
	assert_int_equal(page.queues[0].size, 64);
	assert_true(page.features == l.features);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_there_before_the_offer),
		cmocka_unit_test(features_that_were_not_offered_are_not_accepted),
		cmocka_unit_test(a_queue_is_set_up_and_then_fixed),
		cmocka_unit_test(bad_queues_do_not_become_ready),
		cmocka_unit_test(every_offset_can_be_touched),
		cmocka_unit_test(writes_say_what_follows),
		cmocka_unit_test(a_dead_back_end_comes_back_with_a_new_epoch),
		cmocka_unit_test(without_a_driver_there_is_nothing_to_rebuild),
		cmocka_unit_test(offers_are_judged),
		cmocka_unit_test(the_page_says_what_the_registers_say),
	};
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
