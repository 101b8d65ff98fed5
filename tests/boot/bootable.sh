# SPDX-License-Identifier: MIT
# One ISO of `vmctl image --bootable` starts from SeaBIOS and from OVMF, on machines that vmctl did not make: somebody logs in on the
# first serial line, writes a file, and powers off by `exit`. The file is on the disk and the file system is clean.
# limit: 240
. tests/boot/assert.bash

qemu=
trap '[ -n "$qemu" ] && kill -9 $qemu 2>/dev/null' EXIT

"$vmctl" image --bootable -o "$scratch/iso" || fail "vmctl image --bootable"
"$vmctl" image -o "$scratch/image" || fail "vmctl image"

# start [QEMU's arguments]: the machine; its console is fd 3 and $out.
start() {
	rm -f "$scratch/keys"
	mkfifo "$scratch/keys"
	qemu-system-x86_64 -M q35 -cpu max,+svm,+npt -m 512 -display none -no-reboot -nodefaults -device amd-iommu,intremap=on \
		-drive "file=$scratch/image,format=raw,if=none,id=disk" -device ide-hd,drive=disk,bus=ide.0 \
		-drive "file=$scratch/iso,format=raw,if=none,id=iso,media=cdrom" -device ide-cd,drive=iso,bus=ide.1,bootindex=0 \
		-serial stdio -serial "file:$err" "$@" <>"$scratch/keys" >"$out" 2>"$scratch/qemu" &
	qemu=$!
	exec 3<>"$scratch/keys"
}

# until_prompt: the guest's shell waits for a line. What firmware and GRUB would take as keys is not sent before.
until_prompt() {
	for _ in $(seq 900); do
		tail -c 16 "$out" | grep -qaF '/ # ' && grep -q '^@ started' "$err" && return
		kill -0 $qemu 2>/dev/null || break
		sleep 0.1
	done
	cat "$scratch/qemu"
	fail "no prompt by $1"
}

# write_by NAME
write_by() {
	until_prompt "$1"
	printf 'echo by %s >/%s; exit\r' "$1" "$1" >&3
	wait $qemu
	qemu=
	exec 3>&-
	clean "$scratch/image"
	[ "$(debugfs -R "cat /$1" "$scratch/image" 2>/dev/null)" = "by $1" ] || fail "the file is not on the disk by $1"
}

start
write_by bios
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$scratch/vars"
start -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd -drive "if=pflash,format=raw,file=$scratch/vars"
write_by uefi
