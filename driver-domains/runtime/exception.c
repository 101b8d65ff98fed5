/* SPDX-License-Identifier: MIT */
/* An exception ends the domain: one line says where, and the hypervisor recovers it. APM vol. 2, 8.2. */
#include "runtime.h"

struct exception_frame {
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct gate { /* APM vol. 2, 4.8.4 */
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

static struct gate idt[32];
extern char exception_stubs[];
_Noreturn void exception_end(const struct exception_frame *frame);

void exception_init(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };
	for (unsigned i = 0; i < 32; i++) {
		uint64_t at = (uint64_t)exception_stubs + i * 16;
		idt[i] = (struct gate){ .offset_low = (uint16_t)at, .selector = 0x08, .type = 0x8e,
			.offset_middle = (uint16_t)(at >> 16), .offset_high = (uint32_t)(at >> 32) };
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void exception_end(const struct exception_frame *frame)
{
	uint64_t cr2;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	domain_panic("exception %lu, error %lx, rip %lx, rsp %lx, cr2 %lx", (unsigned long)frame->vector,
		(unsigned long)frame->error, (unsigned long)frame->rip, (unsigned long)frame->rsp, (unsigned long)cr2);
}
