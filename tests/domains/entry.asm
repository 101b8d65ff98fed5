; SPDX-License-Identifier: MIT
; The smallest PVH entry (lib/abi/pvh.h): 32-bit flat to long mode with the first 4 GiB and the link windows mapped one to one
; by 1 GiB pages (windows: 256 GiB each from 256 GiB), a stack, then probe_main(start_info). Exceptions: a table whose gates all
; lead to probe_trap, so that a fault is told and not a triple fault, unless the probe wants one.

WINDOW_TABLES equ 2		; link slots that are mapped

section .note.pvh note alloc noexec nowrite progbits
	dd 4, 4, 18
	db "Xen", 0
	dd probe_entry

section .bss nobits alloc noexec write
align 4096
pml4:	resb 4096
pdpt:	resb 4096 * 2		; 1 TiB
stack:	resb 16384
stack_top:
	resb 16384
second_stack_top:

section .text
bits 32
extern probe_main
global probe_entry
probe_entry:
	mov esp, stack_top
	mov edi, ebx
	mov eax, pdpt + 3
	mov [pml4], eax
	add eax, 4096
	mov [pml4 + 8], eax
	xor ecx, ecx
.fill:	mov eax, ecx
	shl eax, 30
	or eax, 0x83
	mov [pdpt + ecx * 8], eax
	mov eax, ecx
	shr eax, 2
	mov [pdpt + ecx * 8 + 4], eax
	inc ecx
	cmp ecx, 1024
	jne .fill
	mov eax, pml4
	mov cr3, eax
	mov eax, 0x20 | 0x600	; PAE, OSFXSR, OSXMMEXCPT
	mov cr4, eax
	mov ecx, 0xc0000080
	rdmsr
	or eax, 0x100		; LME
	wrmsr
	mov eax, 0x80010033	; PG, WP, NE, ET, MP, PE
	mov cr0, eax
	lgdt [gdt_pointer]
	jmp 8:long_entry
bits 64
long_entry:
	mov ax, 16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov rsp, stack_top
	mov edi, edi
	call probe_main
.stop:	hlt
	jmp .stop

; void probe_upcall(void): interrupt entry that counts in probe_upcalls
global probe_upcall
extern probe_upcalls, probe_features
probe_upcall:
	lock inc qword [probe_upcalls]
	test byte [probe_features], 2	; BH_FEATURE_UPCALL_EOI
	jz .done
	push rax
	push rcx
	push rdx
	mov ecx, 0x80b
	xor eax, eax
	xor edx, edx
	wrmsr
	pop rdx
	pop rcx
	pop rax
.done:	iretq

; Where a vCPU comes from its startup IPI: copied to a page below 1 MiB, it goes from real mode to long mode at once.
global probe_startup, probe_startup_end
extern probe_second
bits 16
probe_startup:
	cli
	o32 lgdt [cs:.pointer - probe_startup]
	mov eax, 0x20 | 0x600	; PAE, OSFXSR, OSXMMEXCPT
	mov cr4, eax
	mov eax, pml4
	mov cr3, eax
	mov ecx, 0xc0000080
	rdmsr
	or eax, 0x100		; LME
	wrmsr
	mov eax, 0x80010033	; PG, WP, NE, ET, MP, PE
	mov cr0, eax
	jmp dword 8:.long
bits 64
.long:	mov ax, 16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov rsp, second_stack_top
	call probe_second
.stop:	hlt
	jmp .stop
.pointer:
	dw 23
	dd gdt
probe_startup_end:

section .rodata
align 8
gdt:	dq 0, 0x00209a0000000000, 0x00cf92000000ffff
gdt_pointer:
	dw $ - gdt - 1
	dd gdt
	dd 0

section .note.GNU-stack noalloc noexec nowrite progbits
