# SPDX-License-Identifier: MIT
UNIT_e1000e := tests/fake/nic.c tests/fake/mmio.c lib/env/host.c lib/base/string.c $(wildcard driver-domains/e1000e/e1000e*.c)
