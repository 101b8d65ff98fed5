# SPDX-License-Identifier: MIT
UNIT_blk_backend := driver-domains/runtime/blk_backend.c driver-domains/ramdisk/ramdisk.c lib/virtio/ring_back.c lib/virtio/ring_front.c \
	lib/env/host.c lib/base/string.c
