# SPDX-License-Identifier: MIT
UNIT_ahci := tests/fake/hba.c tests/fake/mmio.c lib/env/host.c lib/base/string.c \
	$(filter driver-domains/ahci/ahci%,$(wildcard driver-domains/ahci/*.c))
