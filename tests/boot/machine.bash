# SPDX-License-Identifier: MIT
#
# Machines that vmctl did not make: QEMU directly, with the guest's console as $out and its keyboard as fd 3. Source after assert.bash.

ovmf=(-drive "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd" -drive "if=pflash,format=raw,file=$scratch/vars")
qemu=
trap '[ -n "$qemu" ] && kill -9 $qemu 2>/dev/null' EXIT

# start [QEMU's arguments]: a machine whose COM1 is the console. That it switches itself off is seen: a reset would not end it.
start() {
	rm -f "$scratch/keys"
	mkfifo "$scratch/keys"
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$scratch/vars" # firmware that has never been started
	qemu-system-x86_64 -cpu max,+svm,+npt -display none -nodefaults -serial stdio "$@" <>"$scratch/keys" >"$out" 2>"$scratch/qemu" &
	qemu=$!
	exec 3<>"$scratch/keys"
}

# until_text TEXT: the console's output ends with it, but for what a terminal is asked (ESC [6n). Keys sent earlier would be the firmware's.
until_text() {
	for _ in $(seq 3000); do
		tail -c 40 "$out" | tr -d '\033\r' | sed 's/\[6n$//' | tail -n 1 | grep -qaF -- "$1" && return
		kill -0 $qemu 2>/dev/null || break
		sleep 0.1
	done
	cat "$scratch/qemu"
	fail "\"$1\" is not on the console"
}

# type KEYS: as printf has them.
type() {
	printf "$1" >&3
}

# off: it switches itself off.
off() {
	for _ in $(seq 1200); do
		kill -0 $qemu 2>/dev/null || break
		sleep 0.1
	done
	kill -0 $qemu 2>/dev/null && fail "the machine is not switched off"
	wait $qemu
	qemu=
	exec 3>&-
}

# on_console TEXT: it was said.
on_console() {
	grep -qaF -- "$1" "$out" || fail "\"$1\" was not said"
}
