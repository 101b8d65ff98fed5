# SPDX-License-Identifier: MIT
# lwIP's buffers as they are.
UNIT_net_receive := guest-kernel/socket/inet/tcp_receive.c guest-kernel/net/memory.c lib/base/string.c lib/base/format.c tests/fake/net_kernel.c
$(BUILD)/tests/net_receive: $(addprefix $(BUILD)/check/lwip/core/,pbuf.c.o mem.c.o memp.c.o)
$(call check_objects,tests/unit/net_receive.c $(UNIT_net_receive)): | $(LWIP)/unpacked
$(BUILD)/check/tests/unit/net_receive.c.o: CHECK_FLAGS += $(FLAGS_LWIP)
