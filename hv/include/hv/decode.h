/* SPDX-License-Identifier: MIT */
/*
 * The instructions that reach a register file: in 64-bit code MOV of 32 bits between memory and a register or
 * immediate, and MOVZX of a byte to 32 bits, which configuration fields can need. docs/abi.md, Links.
 */
#ifndef HV_DECODE_H
#define HV_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECODE_MAX 15 /* bytes of the longest instruction */

struct mmio_access {
	bool write, immediate;
	uint8_t width; /* bytes at the memory side */
	uint8_t length; /* of the instruction */
	uint8_t reg; /* by encoding, for a register operand */
	uint32_t value; /* immediate */
};

/** 0; -EINVAL for any other instruction, or one that is cut off. */
int mmio_decode(const uint8_t *code, size_t bytes, struct mmio_access *out);

#endif
