/* SPDX-License-Identifier: MIT */
/*
 * Metadata blocks in memory: hashed by block number, written back at sync or when they fall off the end of the
 * least-recently-used list. A referenced buffer stays. A block is in at most one buffer, so editing a buffer edits the block.
 */
#include "ext4/ext4_internal.h"

static struct ext4_buffer *buffer_find(struct ext4 *fs, uint64_t block)
{
	struct list *bucket = &fs->buffer_buckets[block % EXT4_BUFFER_BUCKETS];
	list_for_each(node, bucket) {
		struct ext4_buffer *b = container_of(node, struct ext4_buffer, hash_link);
		if (b->block == block) {
			return b;
		}
	}
	return NULL;
}

static void buffer_drop(struct ext4 *fs, struct ext4_buffer *b)
{
	list_remove(&b->hash_link);
	list_remove(&b->lru_link);
	fs->buffer_count--;
	fs->io.buffer_free(fs->io.context, b->data, fs->block_size);
	env_free(b, sizeof(*b));
}

static int buffer_write(struct ext4 *fs, struct ext4_buffer *b)
{
	ext4_buffer_seal(fs, b);
	int error = fs->io.write(fs->io.context, b->block << fs->block_shift, b->data, fs->block_size);
	if (error) {
		env_log("ext4: cannot write block %llu: error %d", (unsigned long long)b->block, -error);
		return error;
	}
	b->dirty = false;
	return 0;
}

/* Keep the count in bounds; failing to write is not the caller's affair, sync will try again and say so. */
static void buffers_trim(struct ext4 *fs, uint32_t limit)
{
	struct list *node = fs->buffer_lru.prev;
	while (fs->buffer_count > limit && node != &fs->buffer_lru) {
		struct ext4_buffer *b = container_of(node, struct ext4_buffer, lru_link);
		node = node->prev;
		if (b->references > 0 || (b->dirty && buffer_write(fs, b) != 0)) {
			continue;
		}
		buffer_drop(fs, b);
	}
}

static struct ext4_buffer *buffer_alloc(struct ext4 *fs)
{
	struct ext4_buffer *b = env_alloc(sizeof(*b));
	if (!b) {
		return NULL;
	}
	b->data = fs->io.buffer_alloc(fs->io.context, fs->block_size);
	if (!b->data) {
		env_free(b, sizeof(*b));
		return NULL;
	}
	return b;
}

/* With no memory for one more, the oldest that nobody uses gives up its place: an operation needs only what it uses at once. */
static struct ext4_buffer *buffer_create(struct ext4 *fs, uint64_t block)
{
	buffers_trim(fs, EXT4_BUFFER_LIMIT);
	struct ext4_buffer *b = buffer_alloc(fs);
	for (uint32_t before = 0; !b && before != fs->buffer_count; b = buffer_alloc(fs)) {
		before = fs->buffer_count;
		buffers_trim(fs, before - 1);
	}
	if (!b) {
		return NULL;
	}
	b->block = block;
	b->references = 1;
	list_init(&b->hash_link);
	list_push_front(&fs->buffer_buckets[block % EXT4_BUFFER_BUCKETS], &b->hash_link);
	list_init(&b->lru_link);
	list_push_front(&fs->buffer_lru, &b->lru_link);
	fs->buffer_count++;
	return b;
}

int ext4_buffer_get(struct ext4 *fs, uint64_t block, enum ext4_buffer_kind kind, uint32_t seed, struct ext4_buffer **out)
{
	*out = NULL;
	if (!ext4_block_valid(fs, block, 1)) {
		return ext4_corrupt(fs, "a reference to block %llu, outside the file system", (unsigned long long)block);
	}
	struct ext4_buffer *b = buffer_find(fs, block);
	if (b) {
		if (b->kind != kind || b->seed != seed) {
			return ext4_corrupt(fs, "block %llu belongs to two structures", (unsigned long long)block);
		}
		b->references++;
		list_remove(&b->lru_link);
		list_push_front(&fs->buffer_lru, &b->lru_link);
		*out = b;
		return 0;
	}
	b = buffer_create(fs, block);
	if (!b) {
		return -ENOMEM;
	}
	b->kind = kind;
	b->seed = seed;
	int error = fs->io.read(fs->io.context, block << fs->block_shift, b->data, fs->block_size);
	if (error) {
		env_log("ext4: cannot read block %llu: error %d", (unsigned long long)block, -error);
	} else {
		error = ext4_buffer_verify(fs, b);
	}
	if (error) {
		buffer_drop(fs, b);
		return error;
	}
	*out = b;
	return 0;
}

int ext4_buffer_new(struct ext4 *fs, uint64_t block, enum ext4_buffer_kind kind, uint32_t seed, struct ext4_buffer **out)
{
	*out = NULL;
	if (!ext4_block_valid(fs, block, 1)) {
		return ext4_corrupt(fs, "block %llu was free, but is outside the file system", (unsigned long long)block);
	}
	struct ext4_buffer *b = buffer_find(fs, block);
	if (b && b->references > 0) {
		return ext4_corrupt(fs, "block %llu was marked free while in use", (unsigned long long)block);
	}
	if (b) {
		buffer_drop(fs, b);
	}
	b = buffer_create(fs, block);
	if (!b) {
		return -ENOMEM;
	}
	b->kind = kind;
	b->seed = seed;
	memset(b->data, 0, fs->block_size);
	ext4_buffer_dirty(fs, b);
	*out = b;
	return 0;
}

void ext4_buffer_put(struct ext4_buffer *b)
{
	if (b) {
		b->references--;
	}
}

void ext4_buffer_dirty(struct ext4 *fs, struct ext4_buffer *b)
{
	if (!b->dirty) {
		ext4_modified(fs);
		b->dirty = true;
	}
}

void ext4_buffer_forget(struct ext4 *fs, uint64_t block)
{
	struct ext4_buffer *b = buffer_find(fs, block);
	if (!b) {
		return;
	}
	if (b->references > 0) {
		b->dirty = false;
		return;
	}
	buffer_drop(fs, b);
}

int ext4_buffers_write(struct ext4 *fs)
{
	int result = 0;
	list_for_each(node, &fs->buffer_lru) {
		struct ext4_buffer *b = container_of(node, struct ext4_buffer, lru_link);
		if (b->dirty) {
			int error = buffer_write(fs, b);
			result = result ? result : error;
		}
	}
	return result;
}

void ext4_buffers_free(struct ext4 *fs)
{
	list_for_each_safe(node, &fs->buffer_lru) {
		buffer_drop(fs, container_of(node, struct ext4_buffer, lru_link));
	}
}
