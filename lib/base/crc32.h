/* SPDX-License-Identifier: MIT */
/* CRC-32 as IEEE 802.3 and zlib have it: polynomial EDB88320h reflected, initial value and final xor all ones. */
#ifndef BULKHEAD_BASE_CRC32_H
#define BULKHEAD_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/** Continue `crc` (0 at the start) over `bytes` bytes. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t bytes);

#endif
