/* SPDX-License-Identifier: MIT */
/*
 * The blocks of one file on a disk of memory: a table of where each lies. Blocks are full of rubbish until they are written, and again when they
 * are given back.
 */
#ifndef TESTS_FAKE_BLOCK_MAP_H
#define TESTS_FAKE_BLOCK_MAP_H

#include "kernel/inode.h"
#include "kernel/lock.h"

#define BLOCK_MAP_RUBBISH 0xee
#define BLOCK_MAP_BYTES (1200 * 1024u)

extern uint8_t block_map_disk[BLOCK_MAP_BYTES];
extern unsigned block_map_room; /* so many holes more get a place, then the disk is full */
extern struct mutex block_map_mutex; /* of the table */

/** A file of at most so many blocks, all of them holes; half of the disk's at most. Blocks are given places in a row, or else mostly apart. */
void block_map_open(unsigned block_size, unsigned blocks, bool in_a_row);
/** What the disk has of a block of the file; NULL: it is a hole. With the mutex, or nobody else about. */
const uint8_t *block_map_block(uint64_t block);
/** Blocks [from, to) become holes. */
void block_map_drop(uint64_t from, uint64_t to);

/* Of struct inode_ops. */
int block_map_find(struct inode *inode, uint64_t offset, uint64_t bytes, bool allocate, struct block_map *m);
int block_map_truncate(struct inode *inode, uint64_t size);

#endif
