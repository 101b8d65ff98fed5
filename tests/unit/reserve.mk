# SPDX-License-Identifier: MIT
UNIT_reserve := tests/fake/interleave.c
RECORD_reserve := guest-kernel/mm/reserve.c guest-kernel/mm/reclaim.c
$(BUILD)/check/tests/unit/reserve.c.o $(BUILD)/check/tests/fake/interleave.c.o: CHECK_FLAGS += -Iguest-kernel -Idriver-domains
