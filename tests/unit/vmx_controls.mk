# SPDX-License-Identifier: MIT
UNIT_vmx_controls := hv/vmm/vmx_controls.c
