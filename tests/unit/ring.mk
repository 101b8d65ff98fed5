# SPDX-License-Identifier: MIT
UNIT_ring := lib/virtio/ring_back.c lib/virtio/ring_front.c
