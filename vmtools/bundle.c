/* SPDX-License-Identifier: MIT */
/*
 * See bundle.h. Images are mapped twice, to judge them and to copy them; the CRC in the header is of what is written, so an
 * image that changes in between still gives a bundle that agrees with itself.
 * A domain's RAM holds its image's segments at their physical addresses, its module and its page tables: what does not
 * fit is refused here, where the line of the manifest is known.
 */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/elf.h"

#define IMAGE_ALIGN 4096ull

struct mapping {
	void *data;
	size_t size;
};

static int image_map(const struct manifest *m, uint32_t index, const char *dir, struct mapping *map)
{
	char path[2 * MANIFEST_PATH_MAX];
	const char *name = m->images[index].path;
	snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : dir, name[0] == '/' ? "" : "/", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	struct stat st;
	int error = fstat(fd, &st) ? -errno : 0;
	if (!error && !S_ISREG(st.st_mode)) {
		error = -EISDIR;
	}
	map->size = error ? 0 : (size_t)st.st_size;
	map->data = NULL;
	if (map->size > 0) {
		map->data = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map->data == MAP_FAILED) {
			error = -errno;
		}
	}
	close(fd);
	return error;
}

static void image_unmap(struct mapping *map)
{
	if (map->data) {
		munmap(map->data, map->size);
	}
}

/* Can this file be the image of the domain? Notes its segments, or an error. */
static void image_check_elf(struct manifest *m, uint32_t index, const struct bundle_domain *domain, const struct mapping *map)
{
	struct bundle_image *image = &m->header.images[index];
	const char *why = "it is empty";
	if (!map->data || elf_pvh_entry(map->data, map->size, &image->entry, &why) != 0) {
		manifest_error(m, m->images[index].line, "image \"%s\" can't be booted, %s: name an ELF file with a PVH entry",
			       m->images[index].path, why);
		return;
	}
	struct elf_header header;
	memcpy(&header, map->data, sizeof(header));
	image->segment_count = 0; /* several domains may name it */
	for (unsigned i = 0; i < header.phnum; i++) {
		struct elf_segment segment;
		if (elf_segment((const char *)map->data + header.phoff, i, map->size, &segment, &why) != 0) {
			manifest_error(m, m->images[index].line, "image \"%s\" can't be booted, %s: build it again",
				       m->images[index].path, why);
			return;
		}
		if (segment.type == ELF_PT_LOAD && segment.paddr + segment.memsz > domain->memory) {
			manifest_error(m, m->images[index].line,
				       "image \"%s\" reaches to %lluK but domain \"%s\" has %lluK of memory: give it more",
				       m->images[index].path, (unsigned long long)(segment.paddr + segment.memsz + 1023) >> 10,
				       domain->name, (unsigned long long)domain->memory >> 10);
			return;
		}
		if (segment.type == ELF_PT_LOAD && image->segment_count == BUNDLE_MAX_SEGMENTS) {
			manifest_error(m, m->images[index].line, "image \"%s\" has more than %u segments to load: link it into fewer",
				       m->images[index].path, BUNDLE_MAX_SEGMENTS);
			return;
		}
		if (segment.type == ELF_PT_LOAD) {
			image->segments[image->segment_count++] = (struct bundle_segment){
				.offset = segment.offset, .bytes = segment.filesz, .gpa = segment.paddr, .memory = segment.memsz,
			};
		}
	}
	if (image->segment_count == 0) {
		manifest_error(m, m->images[index].line, "image \"%s\" can't be booted, it has nothing to load: build it again",
			       m->images[index].path);
	}
}

static void image_check(struct manifest *m, uint32_t index, const struct mapping *map)
{
	for (uint32_t d = 0; d < m->header.domain_count; d++) {
		const struct bundle_domain *domain = &m->header.domains[d];
		if (domain->image == index) {
			image_check_elf(m, index, domain, map);
		}
		if (domain->module == index && map->size >= domain->memory) {
			manifest_error(m, m->images[index].line,
				       "module \"%s\" has %zuK but domain \"%s\" has %lluK of memory: give it more",
				       m->images[index].path, map->size >> 10, domain->name,
				       (unsigned long long)domain->memory >> 10);
		}
	}
}

int bundle_check_images(struct manifest *m, const char *dir)
{
	uint64_t offset = sizeof(struct bundle_header);
	for (uint32_t i = 0; i < m->header.image_count; i++) {
		struct bundle_image *image = &m->header.images[i];
		struct mapping map;
		int error = image_map(m, i, dir, &map);
		if (error) {
			manifest_error(m, m->images[i].line, "image \"%s\" can't be read below %s (%s): build it or correct the name",
				       m->images[i].path, dir, strerror(-error));
			continue;
		}
		image_check(m, i, &map);
		offset = (offset + IMAGE_ALIGN - 1) & ~(IMAGE_ALIGN - 1);
		image->offset = offset;
		image->size = map.size;
		image->crc32 = crc32_update(0, map.data, map.size);
		offset += map.size;
		image_unmap(&map);
	}
	m->header.total_size = (offset + IMAGE_ALIGN - 1) & ~(IMAGE_ALIGN - 1);
	return m->error_count ? -EINVAL : 0;
}

static int write_all(int fd, const void *data, size_t bytes, uint64_t offset)
{
	while (bytes > 0) {
		ssize_t n = pwrite(fd, data, bytes, (off_t)offset);
		if (n < 0) {
			return -errno;
		}
		data = (const char *)data + n;
		offset += (uint64_t)n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int write_images(struct manifest *m, const char *dir, int fd)
{
	for (uint32_t i = 0; i < m->header.image_count; i++) {
		struct bundle_image *image = &m->header.images[i];
		struct mapping map;
		int error = image_map(m, i, dir, &map);
		if (error) {
			return error;
		}
		if (map.size != image->size) {
			error = -ESTALE;
		} else {
			image->crc32 = crc32_update(0, map.data, map.size);
			error = write_all(fd, map.data, map.size, image->offset);
		}
		image_unmap(&map);
		if (error) {
			return error;
		}
	}
	return 0;
}

int bundle_write(struct manifest *m, const char *dir, const char *path, uint64_t *bytes)
{
	struct bundle_header *header = &m->header;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		return -errno;
	}
	int error = write_images(m, dir, fd);
	if (!error) {
		header->magic = BUNDLE_MAGIC;
		header->version = BUNDLE_VERSION;
		header->header_size = sizeof(*header);
		header->crc32 = 0;
		header->crc32 = crc32_update(0, header, sizeof(*header));
		error = write_all(fd, header, sizeof(*header), 0);
	}
	if (!error && ftruncate(fd, (off_t)header->total_size) != 0) {
		error = -errno;
	}
	if (close(fd) != 0 && !error) {
		error = -errno;
	}
	*bytes = header->total_size;
	return error;
}
