; SPDX-License-Identifier: MIT
;
; Two doors, one path: PVH (QEMU -kernel; Xen's x86/HVM direct boot ABI) and Multiboot2 (GRUB, on BIOS and on UEFI alike;
; Multiboot2 specification 2.0, 3.3). Both enter in 32-bit protected mode with paging off and EBX at the loader's structure.
; What follows maps the first 4 GiB one to one with 2 MiB pages, enters long mode, and calls boot_main(magic, structure)
; on the boot processor's stack. These tables are only in use until mem/ has built the final ones.

%include "cpu/cpu.inc"

MULTIBOOT2_HEADER_MAGIC equ 0xe85250d6
EFER equ 0xc0000080
EFER_LME equ 1 << 8
COM1 equ 0x3f8

section .multiboot2 progbits alloc exec nowrite align=8
multiboot2_header:
	dd MULTIBOOT2_HEADER_MAGIC, 0, multiboot2_header_end - multiboot2_header
	dd 0x100000000 - (MULTIBOOT2_HEADER_MAGIC + multiboot2_header_end - multiboot2_header)
	dw 1, 0 ; information request
	dd 16
	dd 6, 3 ; memory map, modules
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
bits 32
extern boot_main, cpu_areas
global boot_entry_pvh, boot_entry_multiboot2

boot_entry_pvh:
	xor eax, eax ; boot_main's magic for PVH
boot_entry_multiboot2:
	cli
	cld
	lgdt [boot_gdt_pointer]
	mov edi, eax
	mov esi, ebx
	mov esp, cpu_areas + CPU_AREA_STACK_TOP
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb no_long_mode
	mov eax, 0x80000001
	cpuid
	bt edx, 29
	jnc no_long_mode

	mov ecx, 4 * 512 ; page directories: entry i maps i * 2 MiB
.directory:
	lea eax, [ecx - 1]
	shl eax, 21
	or eax, 0x83 ; present, writable, large
	mov [boot_directories + ecx * 8 - 8], eax
	loop .directory
	mov ecx, 4
.pointer:
	lea eax, [ecx - 1]
	shl eax, 12
	add eax, boot_directories + 3
	mov [boot_pointers + ecx * 8 - 8], eax
	loop .pointer
	mov dword [boot_root], boot_pointers + 3

	mov eax, cr4
	or eax, 1 << 5 ; PAE
	mov cr4, eax
	mov eax, boot_root
	mov cr3, eax
	mov ecx, EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, cr0
	or eax, 1 << 31 ; PG
	mov cr0, eax
	jmp 0x08:long_mode

no_long_mode:
	mov esi, no_long_mode_text
	mov dx, COM1
.next:
	lodsb
	out dx, al
	test al, al
	jnz .next
.stop:
	hlt
	jmp .stop

bits 64
long_mode:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov esp, cpu_areas + CPU_AREA_STACK_TOP
	xor ebp, ebp
	call boot_main ; does not return

section .rodata
no_long_mode_text: db "bulkhead: this processor has no long mode (x86-64)", 13, 10, 0
align 8
boot_gdt:
	dq 0
	dq 0x00209b0000000000 ; 0x08: 64-bit code
	dq 0x00cf93000000ffff ; 0x10: data
boot_gdt_pointer:
	dw $ - boot_gdt - 1
	dd boot_gdt

section .bss.page nobits alloc noexec write align=4096
boot_root: resb 4096
boot_pointers: resb 4096
boot_directories: resb 4 * 4096

section .note.GNU-stack noalloc noexec nowrite progbits
