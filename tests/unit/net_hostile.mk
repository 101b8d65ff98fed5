# SPDX-License-Identifier: MIT
# lwIP itself, too, with the sanitizer of addresses (it takes an address of a null pointer's first member for a null pointer).
UNIT_net_hostile := $(addprefix guest-kernel/net/,acks.c address.c alias.c checksum.c fragment.c groups.c interface.c isn.c join.c loop.c memory.c \
	name_servers.c packet.c path_mtu.c receive.c route.c segments.c stack.c tables.c tap.c tcp_lists.c timers.c transmit.c unanswered.c) \
	$(addprefix guest-kernel/socket/inet/,errors.c tcp_path.c) lib/base/string.c lib/base/format.c tests/fake/net_kernel.c
LWIP_CHECKED := $(LWIP_NAMES:%.c=$(BUILD)/check/lwip/%.c.o)
$(BUILD)/tests/net_hostile: $(LWIP_CHECKED)
$(call check_objects,tests/unit/net_hostile.c $(UNIT_net_hostile)): | $(LWIP)/unpacked
$(BUILD)/check/tests/unit/net_hostile.c.o: CHECK_FLAGS += $(FLAGS_LWIP)
$(eval $(call lwip_own,$(BUILD)/check/lwip))
$(BUILD)/check/lwip/%.c.o: $(LWIP)/src/%.c guest-kernel/net/lwip/lwip.mk $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,"lwip/$*.c (check)")
	$(Q)$(CC) $(filter-out $(WARN) -fsanitize=%,$(CHECK_FLAGS)) -fsanitize=address $(LWIP_WARN) $(LWIP_OWN) $(FLAGS_guest-kernel) -c $< -o $@
