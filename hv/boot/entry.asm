; SPDX-License-Identifier: MIT
;
; Three doors, one path to long mode. PVH (QEMU -kernel; Xen's x86/HVM direct boot ABI) and Multiboot2 (GRUB, on BIOS
; and on UEFI alike; Multiboot2 specification 2.0, 3.3) enter in 32-bit protected mode with paging off and EBX at the
; loader's structure. The other processors come from a startup IPI in real mode, at a copy of the trampoline in a page
; below 1 MiB (APM vol. 2, 14.8). The tables here map the first 4 GiB one to one, and are in use only until
; cpu_paging_load() loads the final ones.

EFER equ 0xc0000080
MULTIBOOT2_MAGIC equ 0xe85250d6
SELECTOR_DATA equ 0x10 ; as cpu_internal.h has it
SELECTOR_CODE32 equ 0x18

section .multiboot2 progbits alloc exec nowrite align=8
multiboot2_header:
	dd MULTIBOOT2_MAGIC, 0, multiboot2_header_end - multiboot2_header
	dd 0x100000000 - (MULTIBOOT2_MAGIC + multiboot2_header_end - multiboot2_header)
	dw 1, 0 ; information request
	dd 16, 6, 3 ; its size; memory map, modules
	dw 6, 0 ; modules at page borders
	dd 8
	dw 0, 0
	dd 8
multiboot2_header_end:

section .note.Xen note alloc noexec nowrite align=4
	dd 4, 8, 18 ; name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
	dq boot_entry_pvh

section .text
extern boot_main, processor_main, cpu_start_stack
global boot_entry_pvh, boot_entry_multiboot2, trampoline_start, trampoline_end

bits 16
trampoline_start:
	o32 lgdt [cs:boot_gdt_pointer - trampoline_start]
	mov eax, 1 ; protected mode, and the caches that INIT left off are on
	mov cr0, eax
	jmp dword SELECTOR_CODE32:processor_entry
boot_gdt_pointer:
	dw boot_gdt_end - boot_gdt - 1
	dd boot_gdt
trampoline_end:

bits 32
processor_entry:
	mov ebp, processor_main
	jmp enter_long_mode
boot_entry_pvh:
	xor eax, eax ; boot_main's magic for PVH
boot_entry_multiboot2:
	lgdt [boot_gdt_pointer]
	mov edi, eax
	mov esi, ebx
	mov ebp, boot_main

enter_long_mode:
	cli
	cld
	mov eax, SELECTOR_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, [cpu_start_stack]
	mov eax, 1 << 5 ; PAE
	mov cr4, eax
	mov eax, boot_root
	mov cr3, eax
	mov ecx, EFER
	rdmsr
	or eax, 1 << 8 ; LME
	wrmsr
	mov eax, 1 << 31 | 1 ; PG, PE
	mov cr0, eax
	jmp 0x08:long_mode
bits 64
long_mode:
	call rbp ; does not return

section .rodata
boot_gdt: ; accessed bits set: nobody writes here
	dq 0
	dq 0x00209b0000000000 ; 0x08: 64-bit code
	dq 0x00cf93000000ffff ; 0x10: data
	dq 0x00cf9b000000ffff ; 0x18: 32-bit code
boot_gdt_end:

section .data align=4096
boot_root:
	dq boot_pointers + 3
	times 511 dq 0
boot_pointers:
%assign table 0
%rep 4
	dq boot_directories + table * 4096 + 3
%assign table table + 1
%endrep
	times 508 dq 0
boot_directories: ; 2 MiB each: present, writable, large
%assign address 0
%rep 2048
	dq address + 0x83
%assign address address + 0x200000
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
