# SPDX-License-Identifier: MIT
UNIT_net_frontend := guest-kernel/net/virtio_net.c guest-kernel/net/net_control.c guest-kernel/platform/virtio_port.c hv/domain/link.c hv/domain/grant.c \
	lib/virtio/ring_back.c lib/virtio/ring_front.c lib/base/string.c driver-domains/runtime/net_control.c lib/env/host.c tests/fake/front.c \
	tests/fake/mmio.c
