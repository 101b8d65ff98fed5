# SPDX-License-Identifier: MIT
UNIT_netlink_ports := guest-kernel/socket/netlink/ports.c
