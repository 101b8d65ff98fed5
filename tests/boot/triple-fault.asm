; SPDX-License-Identifier: MIT
; A "kernel" that is entered by PVH and dies at once: an undefined instruction without an interrupt table is a triple fault
; (Intel SDM vol. 3, 6.15, "Interrupt 8"). For the tests of what is said when a guest dies.
section .note.Xen note alloc align=4
	dd 4, 4, 18
	db "Xen", 0
	dd entry
section .text
bits 32
global entry
entry:
	lidt [none]
	ud2
section .rodata
none:
	dw 0
	dd 0
