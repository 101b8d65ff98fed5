# SPDX-License-Identifier: MIT
# The header is all there is.
UNIT_doorbell :=
