/* SPDX-License-Identifier: MIT */
/* The instructions that may touch a register file: MOV and MOVZX between memory and register or immediate. APM vol. 3. */
#ifndef HV_DECODE_H
#define HV_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mmio_access {
	bool write, immediate;
	uint8_t width; /* bytes at the memory side */
	uint8_t length; /* of the instruction */
	uint8_t reg; /* by encoding, for a register operand */
	bool high; /* AH, CH, DH, BH (reg 0..3) */
	uint8_t reg_width; /* bytes of the register written by a read; 4 clears the upper half */
	uint64_t value; /* immediate */
};

/** 0; -EAGAIN if `bytes` are too few; -EINVAL for any other instruction. long_mode: 64-bit code, else 32-bit. */
int mmio_decode(const uint8_t *code, size_t bytes, bool long_mode, struct mmio_access *out);

#endif
