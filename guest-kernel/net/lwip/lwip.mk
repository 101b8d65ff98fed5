# SPDX-License-Identifier: MIT
# lwIP's core, from Debian's source package (ci/fetch-lwip), unpacked below build/ and compiled as it is. What its sources are told is in
# lwipopts.h and arch/cc.h; its warnings are its own authors', the other flags are the kernel's.
LWIP := $(BUILD)/lwip
LWIP_NAMES := core/def.c core/inet_chksum.c core/init.c core/ip.c core/mem.c core/memp.c core/netif.c core/pbuf.c core/raw.c core/stats.c core/tcp.c \
	core/tcp_in.c core/tcp_out.c core/udp.c $(addprefix core/ipv4/,dhcp.c etharp.c icmp.c igmp.c ip4.c ip4_addr.c ip4_frag.c) \
	$(addprefix core/ipv6/,ethip6.c icmp6.c inet6.c ip6.c ip6_addr.c ip6_frag.c mld6.c nd6.c) netif/ethernet.c
LWIP_OBJECTS := $(LWIP_NAMES:%.c=$(BUILD)/free/lwip/%.c.o)
FLAGS_LWIP := -I$(LWIP)/src/include -Iguest-kernel/net/lwip
FLAGS_guest-kernel += $(FLAGS_LWIP)
# For IP, tcp_input() is net/tcp_lists.c's; what segments.c has, too, is lwip_* in lwIP.
LWIP_OF_IP := -Dtcp_input=net_tcp_input
LWIP_OF_TCP := $(foreach name,tcp_output tcp_send_fin tcp_split_unsent_seg tcp_rexmit_fast tcp_rexmit_rto_commit,-D$(name)=lwip_$(name))
# How large packets may be, net/path_mtu.c knows.
define lwip_own # WHERE
$(1)/core/ipv4/ip4.c.o: LWIP_OWN := $$(LWIP_OF_IP) -Dip4_frag=net_ip4_frag
$(1)/core/ipv6/ip6.c.o: LWIP_OWN := $$(LWIP_OF_IP) -Dnd6_get_destination_mtu=net_destination_mtu6
$(1)/core/ipv6/ip6_frag.c.o: LWIP_OWN := -Dnd6_get_destination_mtu=net_destination_mtu6
$(1)/core/ipv6/icmp6.c.o: LWIP_OWN := -Dnd6_input=net_nd6_input
$(1)/core/tcp.c.o: LWIP_OWN := -Dnd6_get_destination_mtu=net_interface_mtu6
$(1)/core/tcp_out.c.o: LWIP_OWN := $$(LWIP_OF_TCP)
endef
$(eval $(call lwip_own,$(BUILD)/free/lwip))
LWIP_WARN := -Wall -Wextra -Wno-unused-parameter -Wno-missing-prototypes -Wno-address -Wno-empty-body -Werror

$(LWIP)/unpacked: ci/fetch-lwip
	@mkdir -p $(LWIP)
	$(call say,TAR,$(LWIP))
	$(Q)tarball=$$(ci/fetch-lwip) && tar -C $(LWIP) --strip-components=1 -xf "$$tarball"
	@touch $@
$(LWIP_NAMES:%=$(LWIP)/src/%): $(LWIP)/unpacked ;

$(BUILD)/free/lwip/%.c.o: $(LWIP)/src/%.c guest-kernel/net/lwip/lwip.mk $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,lwip/$*.c)
	$(Q)$(CC) $(filter-out $(WARN),$(FREE_FLAGS)) $(LWIP_WARN) $(LWIP_OWN) $(FLAGS_guest-kernel) -c $< -o $@
