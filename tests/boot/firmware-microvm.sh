# SPDX-License-Identifier: MIT
# not on bochs: it is about machines of QEMU
# A machine without firmware as a PC has it: ACPI without fixed hardware (no PM timer, switched off by the sleep control register), no PCI, no COM2;
# 16 processors, of which the guest has the last. Then without a clock chip, without ACPI, and without anything to measure time by.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash
. tests/boot/machine.bash

"$vmctl" image -o "$scratch/root.img" || fail "vmctl image"
cat >"$scratch/manifest" <<END
domain guest
	main
	image guest-kernel.elf
	memory 128M
	cpus 15
	cmdline root=auto rw
domain ramdisk
	image ramdisk.elf
	memory 96M
	priority 100
	module $scratch/root.img
	keep-module
	restart 100 in 60s
link block guest ramdisk
END
"$vmctl" bundle "$scratch/manifest" -o "$scratch/bundle" || fail "vmctl bundle"
boots=(-m 512 -kernel "$BUILD/hv.elf" -initrd "$scratch/bundle")

start -M microvm,rtc=off -smp 16 "${boots[@]}"
until_text '/ # '
on_console 'by the 8254 timer'
on_console '16 processors'
on_console 'no real-time clock'
on_console 'no serial line at port 2f8'
on_console 'domain guest: 128 MiB, 1 vCPU, processor 15,'
type '\035'
until_text 'bulkhead> '
type 'kill ramdisk\rexit\r'
until_text "[the guest's console]"
type 'md5sum </bin/busybox; date +%%Y\r'
until_text '/ # '
type '\035'
until_text 'bulkhead> '
type 'log 12\rexit\r'
until_text "[the guest's console]"
type 'exit\r'
off
on_console "$(md5sum </bin/busybox)"
on_console 'recovery domain=ramdisk epoch=2 cause=kill'
on_console 1970

# No ACPI: no interrupt for the console, so nothing can be typed; the machine resets itself at the end.
start -M microvm,acpi=off,pit=off -no-reboot "${boots[@]}"
off
on_console 'nothing here to measure the TSC by'
start -M microvm,acpi=off "${boots[@]}"
until_text '/ # '
on_console 'preflight: no ACPI tables'
on_console 'it will be reset instead'
