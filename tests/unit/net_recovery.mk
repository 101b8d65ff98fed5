# SPDX-License-Identifier: MIT
UNIT_net_recovery := guest-kernel/socket/inet/tcp_recovery.c guest-kernel/socket/inet/tcp_probe.c
$(call check_objects,tests/unit/net_recovery.c $(UNIT_net_recovery)): | $(LWIP)/unpacked
$(BUILD)/check/tests/unit/net_recovery.c.o: CHECK_FLAGS += $(FLAGS_LWIP)
