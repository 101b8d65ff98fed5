; SPDX-License-Identifier: MIT
; World switch of SVM (APM vol. 2, 15.5). VMRUN itself switches RAX, RSP, RIP, RFLAGS, the control registers and
; ES, CS, SS, DS; VMLOAD and VMSAVE switch FS, GS, TR, LDTR, KernelGsBase, STAR..SFMASK and SYSENTER; the rest is here.
;
; GIF=0 from before the guest's GS is loaded until the host's is back, so no handler ever runs on the guest's GS.
; IF=1 at VMRUN lets a physical interrupt end the guest (V_INTR_MASKING, 15.21.1); one that came between the last
; look at our work and VMRUN is still pending there and ends it at once. The NOP keeps STI's shadow out of the guest.

section .text
bits 64

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

; void svm_enter(struct vcpu_regs *regs, uint64_t vmcb, uint64_t host_vmcb)
global svm_enter
svm_enter:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdx		; [rsp + 8]: the host's VMCB
	push rdi		; [rsp]: registers
	mov rax, rsi
	clgi
	vmload
	registers_load rcx, 1, rdx, 2, rbx, 3, rbp, 5, rsi, 6, r8, 8, r9, 9, r10, 10, r11, 11, r12, 12, r13, 13, r14, 14, r15, 15, rdi, 7
	sti
	nop
	vmrun
	cli
	vmsave
	push rdi
	mov rdi, [rsp + 8]
	registers_store rcx, 1, rdx, 2, rbx, 3, rbp, 5, rsi, 6, r8, 8, r9, 9, r10, 10, r11, 11, r12, 12, r13, 13, r14, 14, r15, 15
	pop qword [R(7)]
	pop rdi
	pop rax
	vmload
	stgi
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
