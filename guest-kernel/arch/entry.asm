; SPDX-License-Identifier: MIT
; The ways into and out of the kernel: interrupts and exceptions, SYSCALL, the context switch (AMD64 APM vol. 2, 8.9 and 6.1).
; Invariants: outside of these few lines GS is the processor's struct cpu; the user's registers lie as struct trap_frame
; (kernel/trap.h) at the very top of the thread's stack; before any return to user mode exit_to_user() has run with interrupts
; off, and has made rip canonical and the selectors the user's, so that IRETQ and SYSRET cannot fault.
; NMI, #DF, #MC and #DB have stacks of their own and may strike between SYSCALL and SWAPGS: they look at GS_BASE itself.

CPU_CURRENT equ 8 ; offsets in struct cpu (arch/cpu.h)
CPU_KERNEL_TOP equ 16
CPU_USER_RSP equ 24

FRAME_R11 equ 6 * 8 ; offsets in struct trap_frame
FRAME_RCX equ 11 * 8
FRAME_VECTOR equ 15 * 8
FRAME_RIP equ 17 * 8
FRAME_CS equ 18 * 8
FRAME_RFLAGS equ 19 * 8
FRAME_RSP equ 20 * 8
FRAME_SIZE equ 22 * 8

USER_CS equ 0x33
USER_SS equ 0x2b
RFLAGS_TF_RF equ 1 << 8 | 1 << 16
MSR_GS_BASE equ 0xc0000101

%macro push_registers 0
	push rdi
	push rsi
	push rdx
	push rcx
	push rax
	push r8
	push r9
	push r10
	push r11
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro pop_registers 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	pop r11
	pop r10
	pop r9
	pop r8
	pop rax
	pop rcx
	pop rdx
	pop rsi
	pop rdi
%endmacro

; A gate leaves the interrupted code's AC in place, and with it SMAP's guard down. (cpu_features.smap is the first byte.)
%macro guard_up 0
	cmp byte [rel cpu_features], 0
	je %%done
	clac
%%done:
%endmacro

extern cpu_features
extern trap_handle, trap_handle_special, exit_to_user, syscall_enter, thread_begin

section .text
bits 64
default rel

; One stub a vector; the table of their addresses goes into the IDT.
%assign vector 0
%rep 256
align 8
stub_%+vector:
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
%else
	push 0
%endif
	push vector
%if vector == 1 || vector == 2 || vector == 8 || vector == 18
	jmp special_entry
%else
	jmp trap_entry
%endif
%assign vector vector + 1
%endrep

trap_entry:
	push_registers
	cld
	guard_up
	test byte [rsp + FRAME_CS], 3
	jz .kernel
	swapgs
	xor ebp, ebp
	mov rdi, rsp
	call trap_handle
	jmp return_to_user
.kernel:
	mov rdi, rsp
	call trap_handle
return_to_kernel:
	pop_registers
	add rsp, 16
	iretq

; On a stack of its own (IST).
special_entry:
	push_registers
	cld
	guard_up
	cmp byte [rsp + FRAME_VECTOR], 1 ; #DB from user mode is handled like any exception, on the thread's stack
	jne .paranoid
	test byte [rsp + FRAME_CS], 3
	jz .paranoid
	swapgs
	mov rsi, rsp
	mov rdi, [gs:CPU_KERNEL_TOP]
	sub rdi, FRAME_SIZE
	mov rsp, rdi
	mov ecx, FRAME_SIZE / 8
	rep movsq
	xor ebp, ebp
	mov rdi, rsp
	call trap_handle
	jmp return_to_user
.paranoid:
	mov ecx, MSR_GS_BASE
	rdmsr
	xor ebx, ebx
	test edx, edx
	js .kernel_gs
	swapgs
	inc ebx
.kernel_gs:
	mov rdi, rsp
	call trap_handle_special
	test ebx, ebx
	jz return_to_kernel
	swapgs
	jmp return_to_kernel

align 16
global syscall_entry
syscall_entry:
	swapgs
	mov [gs:CPU_USER_RSP], rsp
	mov rsp, [gs:CPU_KERNEL_TOP]
	push USER_SS
	push qword [gs:CPU_USER_RSP]
	push r11
	push USER_CS
	push rcx
	push rax ; the number: orig_rax
	push -1
	push_registers
	xor ebp, ebp
	sti
	mov rdi, rsp
	call syscall_enter
	cli
	mov rdi, rsp
	call exit_to_user
	; SYSRET loads rip from rcx and rflags from r11: only if that is what the frame asks for. exit_to_user has checked rip.
	mov rax, [rsp + FRAME_RIP]
	cmp rax, [rsp + FRAME_RCX]
	jne restore_user
	mov rax, [rsp + FRAME_RFLAGS]
	cmp rax, [rsp + FRAME_R11]
	jne restore_user
	test eax, RFLAGS_TF_RF
	jnz restore_user
	pop_registers
	mov rsp, [rsp + FRAME_RSP - FRAME_VECTOR]
	swapgs
	o64 sysret

return_to_user:
	cli
	mov rdi, rsp
	call exit_to_user
restore_user:
	pop_registers
	add rsp, 16
	swapgs
	iretq

; A new user thread's first return: its frame is at the top of its stack, where the switch left rsp.
global user_thread_entry
user_thread_entry:
	call thread_begin
	jmp return_to_user

; A new kernel thread: entry in rbx, argument in r12 (thread.c).
global kernel_thread_entry
kernel_thread_entry:
	call thread_begin
	mov rdi, r12
	call rbx
	extern thread_exit
	call thread_exit

; void context_switch(uint64_t *save_sp, uint64_t load_sp): what a C call may change needs no saving.
align 16
global context_switch
context_switch:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	mov [rdi], rsp
	mov rsp, rsi
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

section .rodata
align 8
global trap_stubs
trap_stubs:
%assign vector 0
%rep 256
	dq stub_%+vector
%assign vector vector + 1
%endrep
