# SPDX-License-Identifier: MIT
UNIT_blk_frontend := guest-kernel/block/virtio_blk.c guest-kernel/block/block.c guest-kernel/platform/virtio_port.c hv/domain/link.c hv/domain/grant.c \
	driver-domains/runtime/blk_backend.c driver-domains/ramdisk/ramdisk.c lib/virtio/ring_back.c lib/virtio/ring_front.c \
	lib/env/host.c lib/base/string.c tests/fake/front.c tests/fake/mmio.c
