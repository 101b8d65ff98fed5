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
	mov rcx, [R(1)]
	mov rdx, [R(2)]
	mov rbx, [R(3)]
	mov rbp, [R(5)]
	mov rsi, [R(6)]
	mov r8, [R(8)]
	mov r9, [R(9)]
	mov r10, [R(10)]
	mov r11, [R(11)]
	mov r12, [R(12)]
	mov r13, [R(13)]
	mov r14, [R(14)]
	mov r15, [R(15)]
	mov rdi, [R(7)]
	sti
	nop
	vmrun
	cli
	vmsave
	push rdi
	mov rdi, [rsp + 8]
	mov [R(1)], rcx
	mov [R(2)], rdx
	mov [R(3)], rbx
	mov [R(5)], rbp
	mov [R(6)], rsi
	pop qword [R(7)]
	mov [R(8)], r8
	mov [R(9)], r9
	mov [R(10)], r10
	mov [R(11)], r11
	mov [R(12)], r12
	mov [R(13)], r13
	mov [R(14)], r14
	mov [R(15)], r15
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
