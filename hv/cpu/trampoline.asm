; SPDX-License-Identifier: MIT
;
; First instructions of the other processors, copied to a page below 1 MiB: a startup IPI enters there in real mode with
; CS = page << 8 and IP = 0 (APM vol. 2, 14.8). Straight to long mode on the hypervisor's own tables, which map this page
; readable and executable while processors start. smp.c fills in the parameters at the page's end.

EFER equ 0xc0000080
EFER_LME_NXE equ 1 << 8 | 1 << 11
CR4_PAE equ 1 << 5
CR0_PG_WP_PE equ 1 << 31 | 1 << 16 | 1

%define at(label) (label - trampoline_start)

section .rodata
global trampoline_start, trampoline_end, trampoline_parameters
align 16
bits 16
trampoline_start:
	cli
	cld
	mov ax, cs
	mov ds, ax
	movzx ebx, ax
	shl ebx, 4 ; the page's address
	lea eax, [ebx + at(gdt)]
	mov [at(gdt_pointer) + 2], eax
	lea eax, [ebx + at(protected_mode)]
	mov [at(far_protected)], eax
	lea eax, [ebx + at(long_mode)]
	mov [at(far_long)], eax
	o32 lgdt [at(gdt_pointer)]
	mov eax, 1
	mov cr0, eax
	jmp dword far [at(far_protected)]

bits 32
protected_mode:
	mov eax, 0x18
	mov ds, eax
	mov ss, eax
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, [ebx + at(parameter_cr3)]
	mov cr3, eax
	mov ecx, EFER
	rdmsr
	or eax, EFER_LME_NXE
	wrmsr
	mov eax, CR0_PG_WP_PE
	mov cr0, eax
	jmp far [ebx + at(far_long)]

bits 64
long_mode:
	mov rsp, [rbx + at(parameter_stack)]
	mov edi, [rbx + at(parameter_index)]
	xor ebp, ebp
	call [rbx + at(parameter_entry)]

align 8
gdt: ; accessed bits set: the page is read-only to the processor once paging is on
	dq 0
	dq 0x00209b0000000000 ; 0x08: 64-bit code
	dq 0x00cf9b000000ffff ; 0x10: 32-bit code
	dq 0x00cf93000000ffff ; 0x18: data
gdt_pointer:
	dw gdt_pointer - gdt - 1
	dd 0
far_protected:
	dd 0
	dw 0x10
far_long:
	dd 0
	dw 0x08

align 8
trampoline_parameters: ; struct trampoline_parameters of smp.c
parameter_cr3: dq 0
parameter_stack: dq 0
parameter_entry: dq 0
parameter_index: dq 0
trampoline_end:

section .note.GNU-stack noalloc noexec nowrite progbits
