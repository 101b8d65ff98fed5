# SPDX-License-Identifier: MIT
UNIT_vmx_exit := hv/vmm/vmx_exit.c
