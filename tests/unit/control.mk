UNIT_control := vmtools/control.c lib/base/string.c
