/* SPDX-License-Identifier: MIT */
/*
 * Directories that live in the name cache, with as many names as a user likes: what is listed is what is there, each once, in the order in which the
 * names came, whatever comes and goes meanwhile. Then the entries without users: those that were used when room was made go with the others
 * once nobody uses them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/epoch.h"
#include "kernel/vfs.h"
#include "tests/fake/threads.h"

#define NAMES 100000u
#define ABSENT 9000u /* more than the cache keeps */

static struct dentry *entries[NAMES];

static unsigned name_of(unsigned i, char *name)
{
	return (unsigned)sprintf(name, "name-%u", i);
}

static struct dentry *entry_add(struct super *super, unsigned i, bool present)
{
	char name[32];
	unsigned length = name_of(i, name);
	struct inode *inode = present ? inode_create(super, 0, S_IFREG | 0644) : NULL;
	struct dentry *d = dentry_add(super->root, name, length, inode);
	assert_non_null(d);
	return d;
}

/* Every name that is there, in the order that they were made; so many. */
static unsigned list_all(struct super *super)
{
	char name[256], want[32];
	unsigned length, count = 0, i = 0;
	uint64_t cookie = 0, number;
	uint32_t mode;
	while (dentry_child(super->root, &cookie, name, &length, &number, &mode)) {
		while (!entries[i]) {
			i++;
		}
		assert_int_equal(length, name_of(i, want));
		assert_memory_equal(name, want, length);
		assert_int_equal(number, entries[i++]->inode->number);
		cookie++;
		count++;
	}
	return count;
}

static void super_close(struct super *super)
{
	dentries_unpin(super);
	dentries_drop(super);
	dentry_remove(super->root);
	dentry_put(super->root);
	epoch_wait();
	super->ops->unmount(super);
}

static void names_come_in_their_order(void **state)
{
	struct super *super;
	unsigned left = NAMES;
	fake_seed();
	assert_int_equal(tmpfs_super_open(&super, 0755), 0);
	for (unsigned i = 0; i < NAMES; i++) {
		bool absent = fake_random(2);
		entries[i] = entry_add(super, i, !absent);
		if (absent) {
			dentry_set_inode(entries[i], inode_create(super, 0, S_IFREG | 0644));
		}
	}
	assert_int_equal(list_all(super), NAMES);
	for (unsigned i = 0; i < NAMES; i++) {
		if (fake_random(4) || i < NAMES / 2) {
			dentry_remove(entries[i]);
			dentry_put(entries[i]);
			entries[i] = NULL;
			left--;
		}
	}
	assert_int_equal(list_all(super), left);
	for (unsigned i = 0; i < NAMES; i++) {
		if (entries[i]) {
			dentry_put(entries[i]);
		}
	}
	super_close(super);
	assert_int_equal(fake_memory_in_use(), 0);
}

static void a_new_name_is_behind_the_others(void **state)
{
	char name[256];
	unsigned length;
	uint64_t cookie = 0, number;
	uint32_t mode;
	struct super *super;
	assert_int_equal(tmpfs_super_open(&super, 0755), 0);
	for (unsigned i = 0; i < 3; i++) {
		entries[i] = entry_add(super, i, true);
	}
	assert_true(dentry_child(super->root, &cookie, name, &length, &number, &mode));
	assert_memory_equal(name, "name-0", length);
	assert_int_equal(dentry_move(entries[1], super->root, "moved", 5, NULL), 0);
	cookie++;
	assert_true(dentry_child(super->root, &cookie, name, &length, &number, &mode));
	assert_memory_equal(name, "name-2", length);
	assert_int_equal(dentry_exchange(entries[0], entries[2]), 0);
	cookie++;
	assert_true(dentry_child(super->root, &cookie, name, &length, &number, &mode));
	assert_memory_equal(name, "moved", length);
	for (unsigned i = 0; i < 3; i++) {
		dentry_put(entries[i]);
	}
	super_close(super);
	assert_int_equal(fake_memory_in_use(), 0);
}

static void what_was_in_use_goes_later(void **state)
{
	struct super *super;
	char name[32];
	assert_int_equal(tmpfs_super_open(&super, 0755), 0);
	for (unsigned i = 0; i < ABSENT; i++) {
		dentry_put(entry_add(super, i, false));
	}
	epoch_wait();
	unsigned kept = fake_memory_in_use(), held = 0;
	for (unsigned i = 0; i < ABSENT; i++) {
		unsigned length = name_of(i, name);
		struct dentry *d = dentry_find(super->root, name, length);
		if (d) {
			entries[held++] = d;
		}
	}
	assert_true(held > ABSENT / 2 && held < ABSENT);
	for (unsigned i = 0; i < 4; i++) {
		dentries_shrink(); /* all are in use */
	}
	epoch_wait();
	assert_int_equal(fake_memory_in_use(), kept);
	while (held > 0) {
		dentry_put(entries[--held]);
	}
	for (unsigned i = 0; i < 16; i++) {
		dentries_shrink();
	}
	epoch_wait();
	assert_true(fake_memory_in_use() < 8);
	super_close(super);
	assert_int_equal(fake_memory_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_in_their_order), cmocka_unit_test(a_new_name_is_behind_the_others),
		cmocka_unit_test(what_was_in_use_goes_later),
	};
	return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
