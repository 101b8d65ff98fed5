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
	int error; /* the first; after it every byte reads 0 */
};

static uint8_t next_byte(struct cursor *c)
{
	if (!c->error && c->at >= (c->bytes < MAX_LENGTH ? c->bytes : MAX_LENGTH)) {
		c->error = c->at >= MAX_LENGTH ? -EINVAL : -EAGAIN;
	}
	return c->error ? 0 : c->code[c->at++];
}

static uint64_t next_bytes(struct cursor *c, unsigned count)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < count; i++) {
		value |= (uint64_t)next_byte(c) << 8 * i;
	}
	return value;
}

/* The first opcode byte. */
static uint8_t skip_prefixes(struct cursor *c)
{
	for (;;) {
		uint8_t byte = next_byte(c);
		bool segment = (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
		if (byte == 0x66) {
			c->size16 = true;
		} else if (c->long_mode && (byte & 0xf0) == 0x40) {
			c->rex = byte;
			return next_byte(c); /* REX stands directly before the opcode */
		} else if (!segment && !(byte == 0x67 && c->long_mode)) { /* 67h in 32-bit code: 16-bit addressing, not ours */
			return byte;
		}
	}
}

/* ModRM of a memory operand, SIB and displacement; returns the other operand. */
static uint8_t skip_modrm(struct cursor *c)
{
	uint8_t modrm = next_byte(c);
	unsigned mod = modrm >> 6, rm = modrm & 7;
	uint8_t sib = rm == 4 && mod != 3 ? next_byte(c) : 0;
	bool wide = mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5)));
	(void)next_bytes(c, wide ? 4 : mod == 1 ? 1 : 0);
	c->error = c->error ? c->error : mod == 3 ? -EINVAL : 0;
	return (uint8_t)((modrm >> 3 & 7) | (c->rex & 4 ? 8 : 0));
}

static void take_immediate(struct cursor *c, struct mmio_access *out)
{
	out->immediate = true;
	out->value = next_bytes(c, out->width == 8 ? 4 : out->width);
	if (out->width == 8) {
		out->value = (uint64_t)(int64_t)(int32_t)out->value;
	}
	if (out->reg & 7) {
		c->error = -EINVAL; /* C6, C7 have /0 only */
	}
}

int mmio_decode(const uint8_t *code, size_t bytes, bool long_mode, struct mmio_access *out)
{
	struct cursor c = { .code = code, .bytes = bytes, .long_mode = long_mode };
	uint8_t opcode = skip_prefixes(&c);
	bool two_bytes = opcode == 0x0f;
	opcode = two_bytes ? next_byte(&c) : opcode;
	uint8_t kind = opcode & 0xfe, operand = c.rex & 8 ? 8 : c.size16 ? 2 : 4;
	if (c.error) {
		return c.error;
	}
	if (two_bytes ? kind != 0xb6 : kind != 0x88 && kind != 0x8a && kind != 0xc6) {
		return -EINVAL;
	}
	*out = (struct mmio_access){ .write = kind == 0x88 || kind == 0xc6, .width = opcode & 1 ? operand : 1 };
	out->reg_width = two_bytes ? operand : out->width;
	if (two_bytes) { /* MOVZX from 8 or 16 bits */
		out->width = opcode & 1 ? 2 : 1;
	}
	out->reg = skip_modrm(&c);
	if (kind == 0xc6) {
		take_immediate(&c, out);
	} else if (out->reg_width == 1 && !c.rex && out->reg >= 4) {
		out->high = true;
		out->reg -= 4;
	}
	out->length = (uint8_t)c.at;
	return c.error;
}
