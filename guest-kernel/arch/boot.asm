; SPDX-License-Identifier: MIT
; The PVH door (Xen's x86/HVM direct boot ABI): 32-bit protected mode, paging off, EBX = physical address of the start info.
; Builds tables of 2 MiB pages that map the lowest 4 GiB three times: at 0 (left behind at once), at PHYSMAP and, its first GiB,
; at KERNEL_BASE; enters long mode and calls kernel_main(start_info). mm/kernel_map.c replaces these tables by exact ones.
KERNEL_BASE equ 0xffffffff80000000
PHYSMAP_SLOT equ 273 ; index of 0xffff888000000000 in the PML4

CR0_PE equ 1
CR0_MP equ 1 << 1
CR0_ET equ 1 << 4
CR0_NE equ 1 << 5
CR0_WP equ 1 << 16
CR0_PG equ 1 << 31
CR4_PAE equ 1 << 5
MSR_EFER equ 0xc0000080
EFER_LME_NXE equ 1 << 8 | 1 << 11
TABLE equ 3 ; present, writable
LARGE equ 0x83 ; present, writable, 2 MiB

section .note.pvh note alloc noexec nowrite align=4
	dd 4, 8, 18 ; name size, description size, XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
	dd boot_entry - KERNEL_BASE, 0

section .bss
align 4096
boot_pml4: resb 4096
boot_pdpt: resb 4096
boot_pdpt_kernel: resb 4096
boot_pd: resb 4 * 4096
boot_stack_guard: resb 4096 ; kernel_map_init() leaves it out
global boot_stack_guard
boot_stack: resb 16384
boot_stack_top:
global boot_stack_top

section .rodata
align 8
boot_gdt:
	dq 0
	dq 0
	dq 0x00af9b000000ffff ; 0x10: 64-bit code
	dq 0x00cf93000000ffff ; 0x18: data
boot_gdt_pointer:
	dw $ - boot_gdt - 1
	dd boot_gdt - KERNEL_BASE

section .text
bits 32
global boot_entry
boot_entry:
	cli
	cld
	mov esp, boot_stack_top - KERNEL_BASE
	; Four page directories, 2048 large pages.
	mov edi, boot_pd - KERNEL_BASE
	mov eax, LARGE
	xor ecx, ecx
.fill:
	mov [edi + ecx * 8], eax
	mov dword [edi + ecx * 8 + 4], 0
	add eax, 0x200000
	inc ecx
	cmp ecx, 2048
	jne .fill
	mov eax, boot_pd - KERNEL_BASE + TABLE
	mov edi, boot_pdpt - KERNEL_BASE
	mov [edi], eax
	mov [boot_pdpt_kernel - KERNEL_BASE + 510 * 8], eax
	add eax, 4096
	mov [edi + 8], eax
	add eax, 4096
	mov [edi + 16], eax
	add eax, 4096
	mov [edi + 24], eax
	mov edi, boot_pml4 - KERNEL_BASE
	mov dword [edi], boot_pdpt - KERNEL_BASE + TABLE
	mov dword [edi + PHYSMAP_SLOT * 8], boot_pdpt - KERNEL_BASE + TABLE
	mov dword [edi + 511 * 8], boot_pdpt_kernel - KERNEL_BASE + TABLE

	mov eax, CR4_PAE
	mov cr4, eax
	mov cr3, edi
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME_NXE
	wrmsr
	mov eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
	mov cr0, eax
	lgdt [boot_gdt_pointer - KERNEL_BASE]
	jmp 0x10:(boot_long - KERNEL_BASE)

bits 64
boot_long:
	mov rax, boot_high
	jmp rax
boot_high:
	mov eax, 0x18
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rsp, boot_stack_top
	xor ebp, ebp
	mov edi, ebx
	extern kernel_main
	call kernel_main
.stop:
	cli
	hlt
	jmp .stop

; The other processors. A copy of these lines at TRAMPOLINE is where a start-up interrupt makes one begin, in real mode: straight into
; long mode with the boot tables, then to the stack and the structure that arch/processors.c has left for the one it starts.
TRAMPOLINE equ 0x8000
%define LOW(label) (TRAMPOLINE + (label - trampoline_start))
section .rodata
align 16
global trampoline_start, trampoline_end
trampoline_start:
bits 16
	cli
	xor ax, ax
	mov ds, ax
	o32 lgdt [LOW(trampoline_gdt_pointer)]
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, [LOW(trampoline_cr3)]
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME_NXE
	wrmsr
	mov eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
	mov cr0, eax
	jmp dword 0x10:LOW(trampoline_long)
bits 64
trampoline_long:
	mov rax, processor_entry
	jmp rax
align 4
trampoline_cr3:
	dd boot_pml4 - KERNEL_BASE
trampoline_gdt_pointer:
	dw 4 * 8 - 1
	dd boot_gdt - KERNEL_BASE
trampoline_end:

section .text
processor_entry:
	mov eax, 0x18
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	extern kernel_cr3, processor_starting, processor_stack
	mov rax, [kernel_cr3]
	mov cr3, rax
	xor edi, edi
	xchg rdi, [processor_starting] ; zero: too late, given up
	test rdi, rdi
	jz .late
	mov rsp, [processor_stack]
	xor ebp, ebp
	extern processor_run
	call processor_run
.late:
	cli
	hlt
	jmp .late
