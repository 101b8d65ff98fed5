UNIT_ring := lib/virtio/ring_back.c lib/virtio/ring_front.c
