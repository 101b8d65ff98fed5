# SPDX-License-Identifier: MIT
UNIT_net_backend := driver-domains/runtime/net_backend.c driver-domains/runtime/net_control.c \
	driver-domains/loop/loop.c lib/virtio/ring_back.c lib/env/host.c lib/base/string.c
