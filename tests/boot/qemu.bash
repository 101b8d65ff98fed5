# SPDX-License-Identifier: MIT
#
# For tests that look at a machine from outside: QEMU started directly, with its monitor and the machine's control line at hand.
# The manifest is $scratch/manifest, the disk $scratch/disk; what the control line says is in $scratch/control.
ram_mib=256
disk_bus=ide.0
console=null # where the guest's console goes
qemu=

trap '[ -n "$qemu" ] && kill -TERM $qemu 2>/dev/null' EXIT

# monitor COMMAND [ARGUMENTS]: to QEMU's monitor (QMP); returns when it has been carried out.
monitor() {
	local line
	printf '{"execute":"%s","arguments":{%s}}\n' "$1" "${2:-}" >&4
	while read -r -t 120 line <&5; do
		case $line in
		*'"return"'*) return ;;
		*'"error"'*) break ;;
		esac
	done
	fail "QEMU's monitor: $1: ${line:-no answer}"
}

# memory_save ADDRESS BYTES FILE
memory_save() {
	monitor pmemsave "\"val\":$1,\"size\":$2,\"filename\":\"$3\""
}

# control COMMAND: to the machine's control line.
control() {
	printf '%s\n' "$1" >&3
}

# until_said TEXT: the control line has said so.
until_said() {
	for _ in $(seq 1800); do
		grep -q "$1" "$scratch/control" 2>/dev/null && return
		sleep 0.1
	done
	tail -n 30 "$scratch/control"
	fail "the machine did not say \"$1\""
}

# machine_start DISK_OPTIONS [QEMU's arguments]
machine_start() {
	local disk=$1
	shift
	"$vmctl" bundle "$scratch/manifest" -o "$scratch/bundle" || fail "vmctl bundle"
	rm -f "$scratch/control" "$scratch/in" "$scratch"/monitor.*
	mkfifo "$scratch/in" "$scratch/monitor.in" "$scratch/monitor.out"
	timeout -k 2 500 qemu-system-x86_64 -M q35 -cpu max,+svm,+npt -m $ram_mib -display none -no-reboot -nodefaults \
		-kernel "$BUILD/hv.elf" -initrd "$scratch/bundle" \
		-drive "file=$scratch/disk,format=raw,if=none,id=disk,snapshot=on$disk" \
		"$@" -device "ide-hd,drive=disk,bus=$disk_bus" -serial "$console" -chardev stdio,id=control,logfile="$scratch/control" -serial chardev:control \
		-chardev "pipe,id=monitor,path=$scratch/monitor" -mon chardev=monitor,mode=control <>"$scratch/in" >/dev/null 2>"$scratch/qemu" &
	qemu=$!
	exec 3<>"$scratch/in" 4<>"$scratch/monitor.in" 5<>"$scratch/monitor.out"
	monitor qmp_capabilities
}

machine_end() {
	exec 3>&- 4>&- 5>&-
	kill -TERM $qemu 2>/dev/null
	wait $qemu 2>/dev/null
	qemu=
}
