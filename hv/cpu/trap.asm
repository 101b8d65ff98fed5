; SPDX-License-Identifier: MIT
;
; One stub a vector: pushes an error code of 0 where the processor pushed none (APM vol. 2, 8.2), the vector, and the
; registers as struct trap_frame, and calls trap_dispatch. The hypervisor keeps GS and has no floating-point state:
; nothing else to save.

%define HAS_ERROR(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)
%define REGISTERS rax, rbx, rcx, rdx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15

%macro push_all 1-*
%rep %0
	push %1
%rotate 1
%endrep
%endmacro

%macro pop_all 1-* ; in the reverse order
%rep %0
%rotate -1
	pop %1
%endrep
%endmacro

section .text
bits 64
extern trap_dispatch
global trap_stubs

align 16
trap_stubs: ; 16 bytes each
%assign vector 0
%rep 256
	align 16
%if !HAS_ERROR(vector)
	push 0
%endif
	push strict dword vector
	jmp near trap_common
%assign vector vector + 1
%endrep

align 16
trap_common:
	push_all REGISTERS
	cld
	mov rdi, rsp
	call trap_dispatch
	pop_all REGISTERS
	add rsp, 16
	iretq

section .note.GNU-stack noalloc noexec nowrite progbits
