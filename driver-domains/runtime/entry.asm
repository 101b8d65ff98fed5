; SPDX-License-Identifier: MIT
; A driver domain's PVH door (Xen's x86/HVM direct boot ABI): 32-bit protected mode, paging off, EBX = physical address of the
; start info. Maps the lowest 4 GiB by large pages, enters long mode and calls domain_start(start_info); paging.c then
; builds exact tables. Interrupts stay off for ever: events are taken by BH_HC_WAIT. Exceptions end the domain.
MSR_EFER equ 0xc0000080
EFER_LME_NXE equ 1 << 8 | 1 << 11
CR0_PE_MP_ET_NE_WP_PG equ 1 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1 << 31
CR4_PAE equ 1 << 5

section .note.pvh note alloc noexec nowrite align=4
	dd 4, 4, 18 ; name size, description size, XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
	dd domain_entry

section .bss
align 4096
boot_pml4: resb 4096
boot_pdpt: resb 4096
boot_pd: resb 4 * 4096
global domain_stack_guard
domain_stack_guard: resb 4096 ; paging.c leaves it unmapped
	resb 16384
domain_stack_top:

section .rodata
align 8
gdt:
	dq 0
	dq 0x00af9b000000ffff ; 0x08: 64-bit code
	dq 0x00cf93000000ffff ; 0x10: data
gdt_pointer:
	dw $ - gdt - 1
	dd gdt

section .text
bits 32
global domain_entry
domain_entry:
	cli
	cld
	mov esp, domain_stack_top
	mov edi, boot_pd
	mov eax, 0x83 ; present, writable, 2 MiB
	mov ecx, 2048
.fill:
	mov [edi], eax
	mov dword [edi + 4], 0
	add eax, 0x200000
	add edi, 8
	dec ecx
	jnz .fill
	mov eax, boot_pd + 3
	mov edi, boot_pdpt
	mov ecx, 4
.directories:
	mov [edi], eax
	add eax, 4096
	add edi, 8
	dec ecx
	jnz .directories
	mov dword [boot_pml4], boot_pdpt + 3

	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, boot_pml4
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME_NXE
	wrmsr
	mov eax, CR0_PE_MP_ET_NE_WP_PG
	mov cr0, eax
	lgdt [gdt_pointer]
	jmp 0x08:.long

bits 64
.long:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov edi, ebx
	xor ebp, ebp
	extern domain_start
	call domain_start
	ud2

; Exceptions: vector, error code (0 where there is none), then the processor's frame. APM vol. 2, 8.9.
%macro stub 1
align 16
	%if %1 != 8 && %1 != 17 && (%1 < 10 || %1 > 14) && %1 != 21 && %1 != 29 && %1 != 30
	push 0
	%endif
	push %1
	jmp exception_entry
%endmacro

align 16
global exception_stubs
exception_stubs: ; 16 bytes each
%assign vector 0
%rep 32
	stub vector
%assign vector vector + 1
%endrep

exception_entry:
	cld
	mov rdi, rsp
	mov rbx, rsp ; for the debugger, below
	and rsp, -16
	extern exception_end
	call exception_end
	ud2
exception_stubs_end:

; How a debugger finds what the exception interrupted (DWARF 4, 6.4): RBX points to the vector, the processor's frame lies 16 bytes
; behind it. The frame that called is at the stored RSP, its address is the stored RIP; RBP is as it was.
section .debug_frame progbits noalloc noexec nowrite align=8
debug_cie:
	dd .end - .start
.start:
	dd 0xffffffff
	db 1, "S", 0, 1, 0x78, 16 ; version; a signal's frame; alignment of code 1, of data -8; RIP is register 16
	align 8, db 0
.end:
	dd .fde_end - .fde_start
.fde_start:
	dd debug_cie
	dq exception_stubs, exception_stubs_end - exception_stubs
	db 0x0f, 3, 0x73, 40, 0x06 ; the frame's address: what RBX + 40 points to
	db 0x10, 16, 2, 0x73, 16 ; RIP: at RBX + 16
	align 8, db 0
.fde_end:
