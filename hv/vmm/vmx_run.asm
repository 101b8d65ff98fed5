; SPDX-License-Identifier: MIT
; World switch of VT-x (SDM vol. 3, 26 and 27). The processor itself switches RIP, RSP, RFLAGS, control and segment registers,
; descriptor tables, EFER, PAT, DR7 and SYSENTER; the general registers are switched here, and what else there is when another
; vCPU comes onto the processor (vmx_switched_load). An exit leaves the limits of GDTR and IDTR at FFFFh (27.5.2): behind the
; tables' ends no selector and no vector ever reaches.

HOST_RSP equ 0x6c14

section .text
bits 64
global vmx_enter, vmx_left

; struct vcpu_regs, by encoding
%define R(n) rdi + 8 * n

%macro registers_load 2-*		; name, encoding; RDI, the base, last
%rep %0 / 2
	mov %1, [R(%2)]
%rotate 2
%endrep
%endmacro

%macro registers_store 2-*
%rep %0 / 2
	mov [R(%2)], %1
%rotate 2
%endrep
%endmacro

; bool vmx_enter(struct vcpu_regs *regs, bool launched, uint64_t *host_rsp)
vmx_enter:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdi		; [rsp]: registers
	cmp [rdx], rsp
	je .stack_known
	mov [rdx], rsp
	mov eax, HOST_RSP
	vmwrite rax, rsp
.stack_known:
	test sil, sil		; the loads leave the flags alone
	registers_load rax, 0, rcx, 1, rdx, 2, rbx, 3, rbp, 5, rsi, 6, r8, 8, r9, 9, r10, 10, r11, 11, r12, 12, r13, 13, r14, 14, r15, 15, rdi, 7
	jz .launch
	vmresume
	jmp .failed
.launch:
	vmlaunch
.failed:
	add rsp, 8
	xor eax, eax
	jmp return
vmx_left:
	push rdi
	mov rdi, [rsp + 8]
	registers_store rax, 0, rcx, 1, rdx, 2, rbx, 3, rbp, 5, rsi, 6, r8, 8, r9, 9, r10, 10, r11, 11, r12, 12, r13, 13, r14, 14, r15, 15
	pop qword [R(7)]
	pop rdi
	mov eax, 1
return:
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
