# SPDX-License-Identifier: MIT
UNIT_listing = $(filter-out tests/model/names.c,$(UNIT_names))
