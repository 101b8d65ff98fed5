/* SPDX-License-Identifier: MIT */
/* The checker and the interpreter; see filter.h. */
#include "socket/filter.h"

#include "abi/errno.h"
#include "base/big_endian.h"
#include "base/string.h"
#include "kernel/random.h"

/* An instruction's code: class, and by class size and mode, or operation and source. */
enum { LD = 0, LDX = 1, ST = 2, STX = 3, ALU = 4, JMP = 5, RET = 6, MISC = 7, CLASS = 7 };
enum { WORD = 0, HALF = 8, BYTE = 0x10, SIZE = 0x18 };
enum { IMM = 0, ABS = 0x20, IND = 0x40, MEM = 0x60, LEN = 0x80, MSH = 0xa0, MODE = 0xe0 };
enum { ADD = 0, SUB = 0x10, MUL = 0x20, DIV = 0x30, OR = 0x40, AND = 0x50, LSH = 0x60, RSH = 0x70, NEG = 0x80, MOD = 0x90, XOR = 0xa0, OPERATION = 0xf0 };
enum { JA = 0, JEQ = 0x10, JGT = 0x20, JGE = 0x30, JSET = 0x40 };
enum { BY_X = 8, RET_A = 0x10, RET_VALUE = 0x18, TAX = 0, TXA = 0x80 };

/* Offsets that are not in the packet (linux/filter.h), as 32-bit numbers. */
#define OFFSET_OWN 0xfffff000u
#define OFFSET_NETWORK 0xfff00000u
#define OFFSET_LINK 0xffe00000u
enum {
	OWN_PROTOCOL = 0, OWN_KIND = 4, OWN_INTERFACE = 8, OWN_MARK = 20, OWN_QUEUE = 24, OWN_HARDWARE = 28, OWN_HASH = 32, OWN_CPU = 36,
	OWN_XOR_X = 40, OWN_VLAN = 44, OWN_HAS_VLAN = 48, OWN_RANDOM = 56, OWN_VLAN_PROTOCOL = 60,
};

/* ---- the check ---- */

static bool own_is_known(uint32_t k)
{
	static const uint8_t known[] = { OWN_PROTOCOL, OWN_KIND, OWN_INTERFACE, OWN_MARK, OWN_QUEUE, OWN_HARDWARE, OWN_HASH, OWN_CPU, OWN_XOR_X,
		OWN_VLAN, OWN_HAS_VLAN, OWN_RANDOM, OWN_VLAN_PROTOCOL };
	for (unsigned i = 0; i < sizeof(known); i++) {
		if (k - OFFSET_OWN == known[i]) {
			return true;
		}
	}
	return false;
}

static bool load_is_good(const struct filter_instruction *i)
{
	unsigned mode = i->code & MODE, size = i->code & SIZE;
	if (i->code & ~(unsigned)(CLASS | MODE | SIZE)) {
		return false;
	}
	if ((i->code & CLASS) == LDX) {
		return mode == MSH ? size == BYTE : size == WORD && (mode == IMM || mode == LEN || (mode == MEM && i->k < FILTER_WORDS));
	}
	switch (mode) {
	case ABS:
		return size != SIZE && (i->k < OFFSET_OWN || own_is_known(i->k));
	case IND:
		return size != SIZE;
	case MEM:
		return size == WORD && i->k < FILTER_WORDS;
	default:
		return size == WORD && (mode == IMM || mode == LEN);
	}
}

static bool operation_is_good(const struct filter_instruction *i)
{
	unsigned operation = i->code & OPERATION;
	bool by_x = i->code & BY_X;
	if (i->code > 0xff || operation > XOR || (operation == NEG && by_x)) {
		return false;
	}
	if (by_x) {
		return true;
	}
	return operation == DIV || operation == MOD ? i->k != 0 : operation == LSH || operation == RSH ? i->k < 32 : true;
}

/* `left`: instructions behind this one. */
static bool jump_is_good(const struct filter_instruction *i, uint32_t left)
{
	unsigned operation = i->code & OPERATION;
	if (i->code == (JMP | JA)) {
		return i->k < left;
	}
	return i->code <= 0xff && operation >= JEQ && operation <= JSET && i->if_true < left && i->if_false < left;
}

static bool is_good(const struct filter_instruction *i, uint32_t left)
{
	switch (i->code & CLASS) {
	case LD:
	case LDX:
		return load_is_good(i);
	case ST:
	case STX:
		return i->code <= CLASS && i->k < FILTER_WORDS;
	case ALU:
		return operation_is_good(i);
	case JMP:
		return jump_is_good(i, left);
	case RET:
		return i->code == RET || i->code == (RET | RET_A);
	default:
		return i->code == (MISC | TAX) || i->code == (MISC | TXA);
	}
}

static bool reads_memory(const struct filter_instruction *i)
{
	unsigned class = i->code & CLASS;
	return (class == LD || class == LDX) && (i->code & MODE) == MEM;
}

/* `written`: the words that have a value whichever way leads here; all bits where none has led yet. Every way there comes from above. */
static bool memory_is_good(const struct filter_instruction *code, uint32_t length, uint16_t *written)
{
	memset(written, 0xff, length * sizeof(*written));
	written[0] = 0;
	for (uint32_t at = 0; at < length; at++) {
		const struct filter_instruction *i = &code[at];
		unsigned class = i->code & CLASS;
		uint16_t here = written[at];
		if (reads_memory(i) && !(here >> i->k & 1)) {
			return false;
		}
		if (class == ST || class == STX) {
			here |= (uint16_t)(1u << i->k);
		}
		if (i->code == (JMP | JA)) {
			written[at + 1 + i->k] &= here;
		} else if (class == JMP) {
			written[at + 1 + i->if_true] &= here;
			written[at + 1 + i->if_false] &= here;
		} else if (at + 1 < length) { /* behind a return too, as on Linux, though nothing gets there */
			written[at + 1] &= here;
		}
	}
	return true;
}

int filter_check(const struct filter_instruction *code, uint32_t length, uint16_t *written)
{
	if (!length || length > FILTER_LENGTH_MAX || (code[length - 1].code & CLASS) != RET) {
		return -EINVAL;
	}
	for (uint32_t at = 0; at < length; at++) {
		if (!is_good(&code[at], length - at - 1)) {
			return -EINVAL;
		}
	}
	return memory_is_good(code, length, written) ? 0 : -EINVAL;
}

/* ---- the machine ---- */

struct machine {
	uint32_t a, x, words[FILTER_WORDS];
};

/* So many bytes as a big-endian number. False: they are not all in the packet. */
static bool load(const struct filter_packet *p, uint32_t k, unsigned bytes, uint32_t *out)
{
	uint64_t at = (uint64_t)p->base + k;
	uint8_t data[4] = { 0 };
	if ((int32_t)k < 0) {
		at = k >= OFFSET_NETWORK ? (uint64_t)p->network + (k - OFFSET_NETWORK) : (uint64_t)p->link + (k - OFFSET_LINK);
	}
	if (((int32_t)k < 0 && k < OFFSET_LINK) || at + bytes > p->end) {
		return false;
	}
	p->read(p->from, (uint32_t)at, data, bytes);
	*out = bytes == 1 ? data[0] : bytes == 2 ? get16(data) : get32(data);
	return true;
}

static uint32_t own(const struct filter_packet *p, const struct machine *m, uint32_t what)
{
	uint32_t value;
	switch (what) {
	case OWN_PROTOCOL:
		return p->protocol;
	case OWN_KIND:
		return p->kind;
	case OWN_INTERFACE:
		return p->interface;
	case OWN_MARK:
		return p->mark;
	case OWN_HARDWARE:
		return p->hardware;
	case OWN_XOR_X:
		return m->a ^ m->x;
	case OWN_RANDOM:
		random_bytes(&value, sizeof(value));
		return value;
	default: /* there are no tags apart from a packet, one queue of it, and no hash; Linux's number of a processor is not told */
		return 0;
	}
}

static unsigned bytes_of(unsigned size)
{
	return size == WORD ? 4 : size == HALF ? 2 : 1;
}

/* False: the packet is not wanted, as it ends before what is to be loaded. */
static bool run_load(struct machine *m, const struct filter_instruction *i, const struct filter_packet *p)
{
	uint32_t *to = (i->code & CLASS) == LDX ? &m->x : &m->a, value = 0;
	switch (i->code & MODE) {
	case ABS:
		if (i->k >= OFFSET_OWN) {
			m->a = own(p, m, i->k - OFFSET_OWN);
			return true;
		}
		return load(p, i->k, bytes_of(i->code & SIZE), to);
	case IND:
		return load(p, m->x + i->k, bytes_of(i->code & SIZE), to);
	case MSH: /* an IPv4 header's length */
		if (!load(p, i->k, 1, &value)) {
			return false;
		}
		m->x = (value & 15) * 4;
		return true;
	case MEM:
		*to = m->words[i->k];
		return true;
	case LEN:
		*to = p->end - p->base;
		return true;
	default:
		*to = i->k;
		return true;
	}
}

/* False: a division by nothing, after which the packet is not wanted. */
static bool run_operation(struct machine *m, unsigned code, uint32_t by)
{
	switch (code & OPERATION) {
	case ADD:
		m->a += by;
		return true;
	case SUB:
		m->a -= by;
		return true;
	case MUL:
		m->a *= by;
		return true;
	case DIV:
		m->a = by ? m->a / by : 0;
		return by;
	case MOD:
		m->a = by ? m->a % by : 0;
		return by;
	case OR:
		m->a |= by;
		return true;
	case AND:
		m->a &= by;
		return true;
	case LSH:
		m->a <<= by & 31;
		return true;
	case RSH:
		m->a >>= by & 31;
		return true;
	case NEG:
		m->a = 0 - m->a;
		return true;
	default:
		m->a ^= by;
		return true;
	}
}

static uint32_t jump(const struct machine *m, const struct filter_instruction *i)
{
	uint32_t by = i->code & BY_X ? m->x : i->k;
	bool holds;
	switch (i->code & OPERATION) {
	case JA:
		return i->k;
	case JEQ:
		holds = m->a == by;
		break;
	case JGT:
		holds = m->a > by;
		break;
	case JGE:
		holds = m->a >= by;
		break;
	default:
		holds = m->a & by;
		break;
	}
	return holds ? i->if_true : i->if_false;
}

uint32_t filter_run(const struct filter_instruction *i, const struct filter_packet *p)
{
	struct machine m = { 0 };
	for (;; i++) {
		switch (i->code & CLASS) {
		case LD:
		case LDX:
			if (!run_load(&m, i, p)) {
				return 0;
			}
			break;
		case ST:
			m.words[i->k] = m.a;
			break;
		case STX:
			m.words[i->k] = m.x;
			break;
		case ALU:
			if (!run_operation(&m, i->code, i->code & BY_X ? m.x : i->k)) {
				return 0;
			}
			break;
		case JMP:
			i += jump(&m, i);
			break;
		case RET:
			return i->code & RET_VALUE ? m.a : i->k;
		default:
			if (i->code & TXA) {
				m.a = m.x;
			} else {
				m.x = m.a;
			}
			break;
		}
	}
}
