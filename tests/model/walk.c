/* SPDX-License-Identifier: MIT */
/* See walk.h. The protection of a leaf is what the hardware allows by it alone; the caller takes in the levels above. */
#include "walk.h"

#include "hv/paging.h"

#define BIT(n) (1ull << (n))
#define FRAME 0x000ffffffffff000ull
#define BAD ((struct walk_entry){ WALK_BAD, 0, 0 })
#define ABSENT ((struct walk_entry){ WALK_ABSENT, 0, 0 })

/* Does the address have bits below the size of what it maps? */
static bool misaligned(uint64_t entry, unsigned level)
{
	return entry & FRAME & ((PAGE_SIZE << 9 * level) - 1);
}

static struct walk_entry found(bool leaf, uint64_t entry, unsigned prot)
{
	return (struct walk_entry){ leaf ? WALK_LEAF : WALK_TABLE, entry & FRAME, prot };
}

/* PAT index 3 (PWT and PCD) is uncached; index 0 is write-back; what else the tables would choose nobody asked for. */
static struct walk_entry host_entry(uint64_t entry, unsigned level)
{
	bool leaf = level == 0 || entry & BIT(7);
	unsigned index = (unsigned)(entry >> 3) & 3;
	if (!(entry & 1)) {
		return ABSENT;
	}
	if ((level == 3 && entry & BIT(7)) || (leaf && level > 0 && misaligned(entry, level)) || (level == 0 && entry & BIT(7)) ||
	    (index != 0 && (index != 3 || !leaf))) {
		return BAD;
	}
	return found(leaf, entry,
		     MAP_READ | (entry & 2 ? MAP_WRITE : 0) | (entry & 4 ? MAP_USER : 0) | (entry & BIT(63) ? 0 : MAP_EXEC) |
			     (leaf && index == 3 ? MAP_UNCACHED : 0));
}

/* What is not the user's is not there for a guest. */
static struct walk_entry npt_entry(uint64_t entry, unsigned level)
{
	struct walk_entry e = host_entry(entry, level);
	bool user = e.prot & MAP_USER;
	e.prot &= ~MAP_USER;
	return e.kind == WALK_ABSENT || user ? e : BAD;
}

static struct walk_entry ept_entry(uint64_t entry, unsigned level)
{
	bool leaf = level == 0 || entry & BIT(7);
	unsigned type = (unsigned)(entry >> 3) & 7;
	unsigned prot = (entry & 1 ? MAP_READ : 0) | (entry & 2 ? MAP_WRITE : 0) | (entry & 4 ? MAP_EXEC : 0);
	if (!prot) {
		return ABSENT;
	}
	/* Writable and not readable is a misconfiguration; execute-only is one without IA32_VMX_EPT_VPID_CAP bit 0. */
	if (!(prot & MAP_READ) || (level == 3 && entry & BIT(7)) || (leaf && level > 0 && misaligned(entry, level))) {
		return BAD;
	}
	/* Memory types: UC 0 and WB 6 are asked for. Bits 7:3 (level 3) and 6:3 (others) of a table pointer are reserved. */
	if (leaf ? type != 0 && type != 6 : entry & 0x78) {
		return BAD;
	}
	return found(leaf, entry, prot | (leaf && type == 0 ? MAP_UNCACHED : 0));
}

static struct walk_entry amdvi_entry(uint64_t entry, unsigned level)
{
	unsigned next = (unsigned)(entry >> 9) & 7;
	unsigned prot = (entry & BIT(61) ? MAP_READ : 0) | (entry & BIT(62) ? MAP_WRITE : 0);
	if (!(entry & 1)) {
		return ABSENT;
	}
	/* The next level counts from 1 and is the one below; 0 ends the walk, 7 would give the size in the address. */
	if ((next != 0 && next != level) || (next == 0 && misaligned(entry, level)) || (next == 0 && level == 3) ||
	    entry & 0x07f0000000000000ull) {
		return BAD;
	}
	return found(next == 0, entry, prot);
}

static struct walk_entry vtd_entry(uint64_t entry, unsigned level)
{
	bool leaf = level == 0 || entry & BIT(7);
	unsigned prot = (entry & 1 ? MAP_READ : 0) | (entry & 2 ? MAP_WRITE : 0);
	if (!prot) {
		return ABSENT;
	}
	if ((level == 3 && entry & BIT(7)) || (leaf && level > 0 && misaligned(entry, level))) {
		return BAD;
	}
	return found(leaf, entry, prot);
}

const struct walk_format walk_host = { "host", 4, false, host_entry };
const struct walk_format walk_npt = { "NPT", 4, false, npt_entry };
const struct walk_format walk_ept = { "EPT", 4, false, ept_entry };
const struct walk_format walk_amdvi = { "AMD-Vi", 4, true, amdvi_entry };
const struct walk_format walk_vtd = { "VT-d", 4, true, vtd_entry };
