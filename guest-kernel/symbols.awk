# SPDX-License-Identifier: MIT
# `nm -n` of the kernel in, the table that arch/symbol.c bisects out (NASM). Labels of entry.asm's vectors are left out but for the first.
BEGIN { count = 0; at = 0 }
function hex(text,    i, value) {
	value = 0
	for (i = length(text) - 7; i <= length(text); i++) {
		value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	}
	return value
}
$3 == "kernel_text_start" { start = hex($1); next }
$3 ~ /^sched_text_/ { next }
$3 == "kernel_text_end" { exit }
($2 == "t" || $2 == "T") && $3 !~ /^stub_[1-9]/ && $3 !~ /\./ && $1 ~ /^ffffffff/ {
	offsets[count] = hex($1)
	names[count++] = $3
}
END {
	print "section .rodata\nalign 8\nglobal kernel_symbols, kernel_symbol_count, kernel_symbol_names\nkernel_symbols:"
	at = 0
	for (i = 0; i < count; i++) {
		print "\tdd " offsets[i] - start ", " at
		at += length(names[i]) + 1
	}
	print "kernel_symbol_count:\n\tdd " count + 0 "\nkernel_symbol_names:"
	for (i = 0; i < count; i++) {
		print "\tdb \"" names[i] "\", 0"
	}
}
