# SPDX-License-Identifier: MIT
UNIT_net_checksum := guest-kernel/net/checksum.c guest-kernel/net/isn.c
$(BUILD)/check/guest-kernel/net/isn.c.o $(BUILD)/check/guest-kernel/net/checksum.c.o: | $(BUILD)/lwip/unpacked
