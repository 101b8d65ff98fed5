# SPDX-License-Identifier: MIT
# lwIP as it is, on a device and a peer that the test plays.
UNIT_net_segments := guest-kernel/socket/inet/tcp_recovery.c guest-kernel/socket/inet/tcp_probe.c \
	$(addprefix guest-kernel/net/,checksum.c memory.c path_mtu.c segments.c tcp_lists.c) lib/base/string.c lib/base/format.c tests/fake/net_kernel.c
$(BUILD)/tests/net_segments: $(LWIP_NAMES:%.c=$(BUILD)/check/lwip/%.c.o)
$(call check_objects,tests/unit/net_segments.c $(UNIT_net_segments)): | $(LWIP)/unpacked
$(BUILD)/check/tests/unit/net_segments.c.o: CHECK_FLAGS += $(FLAGS_LWIP)
