/* SPDX-License-Identifier: MIT */
/*
 * See decode.h. Prefixes, opcode, ModRM, SIB, displacement, immediate: APM vol. 3, 1.2 to 1.5. The effective address is
 * not computed: the nested fault has told it.
 */
#include "hv/decode.h"

#include "abi/errno.h"

#define MAX_LENGTH 15

struct cursor {
	const uint8_t *code;
	size_t bytes, at;
	bool long_mode, size16;
	uint8_t rex;
};

static int next_byte(struct cursor *c, uint8_t *byte)
{
	if (c->at >= MAX_LENGTH) {
		return -EINVAL;
	}
	if (c->at >= c->bytes) {
		return -EAGAIN;
	}
	*byte = c->code[c->at++];
	return 0;
}

/* Leaves the first opcode byte in *opcode. */
static int take_prefixes(struct cursor *c, uint8_t *opcode)
{
	for (;;) {
		int error = next_byte(c, opcode);
		if (error) {
			return error;
		}
		switch (*opcode) {
		case 0x66:
			c->size16 = true;
			break;
		case 0x67:
			if (!c->long_mode) {
				return -EINVAL; /* 16-bit addressing */
			}
			break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
			break;
		default:
			if (c->long_mode && (*opcode & 0xf0) == 0x40) {
				c->rex = *opcode;
				return next_byte(c, opcode); /* REX stands directly before the opcode */
			}
			return 0;
		}
	}
}

static int take_bytes(struct cursor *c, unsigned count, uint64_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < count; i++) {
		uint8_t byte;
		int error = next_byte(c, &byte);
		if (error) {
			return error;
		}
		*value |= (uint64_t)byte << 8 * i;
	}
	return 0;
}

/* ModRM of a memory operand, SIB and displacement; *reg is the other operand. */
static int take_modrm(struct cursor *c, uint8_t *reg)
{
	uint8_t modrm, sib = 0;
	uint64_t displacement;
	int error = next_byte(c, &modrm);
	if (error) {
		return error;
	}
	unsigned mod = modrm >> 6, rm = modrm & 7;
	if (mod == 3) {
		return -EINVAL;
	}
	if (rm == 4 && (error = next_byte(c, &sib)) != 0) {
		return error;
	}
	bool wide = mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5)));
	*reg = (uint8_t)((modrm >> 3 & 7) | (c->rex & 4 ? 8 : 0));
	return take_bytes(c, wide ? 4 : mod == 1 ? 1 : 0, &displacement);
}

static int take_immediate(struct cursor *c, struct mmio_access *out)
{
	unsigned bytes = out->width == 8 ? 4 : out->width;
	int error = take_bytes(c, bytes, &out->value);
	out->immediate = true;
	if (out->width == 8) {
		out->value = (uint64_t)(int64_t)(int32_t)out->value;
	}
	return out->reg & 7 ? -EINVAL : error; /* C6, C7 have /0 only */
}

int mmio_decode(const uint8_t *code, size_t bytes, bool long_mode, struct mmio_access *out)
{
	struct cursor c = { .code = code, .bytes = bytes, .long_mode = long_mode };
	uint8_t opcode;
	int error = take_prefixes(&c, &opcode);
	if (error) {
		return error;
	}
	uint8_t operand = c.rex & 8 ? 8 : c.size16 ? 2 : 4;
	bool two_bytes = opcode == 0x0f;
	if (two_bytes && (error = next_byte(&c, &opcode)) != 0) {
		return error;
	}
	*out = (struct mmio_access){ .width = opcode & 1 ? operand : 1 };
	out->reg_width = out->width;
	if (two_bytes && (opcode == 0xb6 || opcode == 0xb7)) { /* MOVZX */
		out->width = opcode == 0xb6 ? 1 : 2;
		out->reg_width = operand;
	} else if (!two_bytes && (opcode & 0xfe) == 0x88) {
		out->write = true;
	} else if (!two_bytes && (opcode & 0xfe) == 0xc6) {
		out->write = true;
	} else if (two_bytes || (opcode & 0xfe) != 0x8a) {
		return -EINVAL;
	}
	error = take_modrm(&c, &out->reg);
	if (!error && !two_bytes && (opcode & 0xfe) == 0xc6) {
		error = take_immediate(&c, out);
	}
	if (!error && out->reg_width == 1 && !c.rex && out->reg >= 4 && !out->immediate) {
		out->high = true;
		out->reg -= 4;
	}
	out->length = (uint8_t)c.at;
	return error;
}
