# SPDX-License-Identifier: MIT
UNIT_treap :=
