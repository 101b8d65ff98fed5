/* SPDX-License-Identifier: MIT */
/*
 * A file system of names only, for tests that link fs/'s files over tests/fake/threads.h: nodes and their entries are its "disk", inodes
 * are made and let go as lib/ext4's are. mount(2) knows it as "ext4". It trusts nobody: whoever changes names or links has to hold the
 * mutexes of all inodes that change, and the kernel's answer to "is it empty" is not asked.
 */
#ifndef TESTS_FAKE_TREE_FS_H
#define TESTS_FAKE_TREE_FS_H

#include "kernel/inode.h"

/** Every node is reached by as many names as it says; panics otherwise. Nobody changes anything meanwhile. How many nodes there are. */
unsigned tree_check(struct super *super);

#endif
