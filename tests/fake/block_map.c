/* SPDX-License-Identifier: MIT */
/* See block_map.h. There are two places for each block, so one is always free. */
#include "tests/fake/block_map.h"

#include <string.h>

#include "abi/errno.h"
#include "kernel/platform.h"

#define BLOCKS_MOST 600u

uint8_t block_map_disk[BLOCK_MAP_BYTES];
unsigned block_map_room = UINT32_MAX;
struct mutex block_map_mutex;

static unsigned size, count, place_of[BLOCKS_MOST]; /* + 1; 0: a hole */
static bool place_used[2 * BLOCKS_MOST], places_in_a_row;

void block_map_open(unsigned block_size, unsigned blocks, bool in_a_row)
{
	kassert(blocks <= BLOCKS_MOST && 2 * blocks * block_size <= BLOCK_MAP_BYTES);
	size = block_size;
	count = blocks;
	places_in_a_row = in_a_row;
	memset(block_map_disk, BLOCK_MAP_RUBBISH, sizeof(block_map_disk));
	memset(place_of, 0, sizeof(place_of));
	memset(place_used, 0, sizeof(place_used));
	mutex_init(&block_map_mutex, "map");
}

static unsigned place_take(void)
{
	static unsigned next = 1;
	next = places_in_a_row ? 0 : (next * 7 + 3 + next % 5) % (2 * count); /* mostly apart, now and then not */
	while (place_used[next]) {
		next = (next + 1) % (2 * count);
	}
	place_used[next] = true;
	return next + 1;
}

static uint8_t *place(uint64_t block)
{
	return place_of[block] ? block_map_disk + (place_of[block] - 1) * size : NULL;
}

const uint8_t *block_map_block(uint64_t block)
{
	return place(block);
}

int block_map_find(struct inode *inode, uint64_t offset, uint64_t bytes, bool allocate, struct block_map *m)
{
	uint64_t block = offset / size;
	mutex_lock(&block_map_mutex);
	bool wants = block < count && !place_of[block] && allocate, full = wants && !block_map_room;
	if (wants && !full) {
		place_of[block] = place_take();
		block_map_room--;
	}
	*m = (struct block_map){ .mapped = block < count && place_of[block], .bytes = size - offset % size };
	m->sector = m->mapped ? (uint64_t)(place(block) - block_map_disk + (long)(offset % size)) / 512 : 0;
	for (uint64_t i = block + 1; m->mapped && i < count && m->bytes < bytes && place_of[i] == place_of[i - 1] + 1; i++) {
		m->bytes += size;
	}
	mutex_unlock(&block_map_mutex);
	return !full && (block < count || !allocate) ? 0 : -ENOSPC;
}

void block_map_drop(uint64_t from, uint64_t to)
{
	mutex_lock(&block_map_mutex);
	for (uint64_t i = from; i < to; i++) {
		if (place_of[i]) {
			memset(place(i), BLOCK_MAP_RUBBISH, size);
			place_used[place_of[i] - 1] = false;
			place_of[i] = 0;
		}
	}
	mutex_unlock(&block_map_mutex);
}

int block_map_truncate(struct inode *inode, uint64_t to)
{
	block_map_drop((to + size - 1) / size, count);
	return 0;
}
