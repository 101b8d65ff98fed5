/* SPDX-License-Identifier: MIT */
/*
 * The firmware's description of VT-d (ACPI table DMAR; Intel VT-d, chapter 8). Each structure's length is checked
 * against the table, each device scope's against its structure, before a byte of it is read. All units share one set of
 * tables, so only what stands before a function counts here, not which unit. A scope whose path leads to no bridge of
 * this machine names a device that is not there, and is passed over. The functions here return what is wrong, or NULL.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "described.h"
#include "hv/pci.h"

#define FLAGS 37 /* of the table */
#define FLAG_REMAPS_INTERRUPTS 1u
#define FIRST_STRUCTURE 48u

enum { DRHD = 0, RMRR = 1 }; /* structures; others say nothing of what is blocked */
enum { DRHD_LENGTH = 16, RMRR_LENGTH = 24, DRHD_INCLUDE_ALL = 1 };
enum { SCOPE_ENDPOINT = 1, SCOPE_BRIDGE = 2, SCOPE_IOAPIC = 3 }; /* HPETs raise no messages here */
enum { SCOPE_ID = 4, SCOPE_BUS = 5, SCOPE_PATH = 6 };

/* The function that a scope's path ends at, by way of bridges (8.3.1). False: such a way is not there. */
static bool path_end(const uint8_t *scope, size_t length, uint16_t *bdf)
{
	uint8_t bus = scope[SCOPE_BUS];
	for (size_t at = SCOPE_PATH; at < length; at += 2) {
		*bdf = (uint16_t)(bus << 8 | (scope[at] & 31) << 3 | (scope[at + 1] & 7));
		const struct pci_function *bridge = at + 2 < length ? pci_find(*bdf) : NULL;
		if (at + 2 < length && !(bridge && bridge->secondary)) {
			return false;
		}
		bus = bridge ? bridge->secondary : bus;
	}
	return true;
}

static const char *scope_parse(struct iommu_described *d, const uint8_t *scope, size_t length, enum iommu_standing standing)
{
	uint16_t bdf;
	if (!path_end(scope, length, &bdf)) {
		return NULL;
	}
	if (scope[0] == SCOPE_IOAPIC) {
		return standing == STANDING_TRANSLATED ? described_ioapic(d, scope[SCOPE_ID], bdf) : NULL;
	}
	const struct pci_function *bridge = scope[0] == SCOPE_BRIDGE ? pci_find(bdf) : NULL;
	if (bridge && bridge->secondary) {
		(void)described_stand(d, bridge->secondary << 8, bridge->subordinate << 8 | 0xffu, standing);
	}
	return scope[0] == SCOPE_ENDPOINT || scope[0] == SCOPE_BRIDGE ? described_stand(d, bdf, bdf, standing) : NULL;
}

static const char *scopes_parse(struct iommu_described *d, const uint8_t *at, size_t left, enum iommu_standing standing)
{
	const char *wrong = NULL;
	for (size_t length; left > 0 && !wrong; at += length, left -= length) {
		length = left >= 2 ? at[1] : 0;
		if (length < SCOPE_PATH + 2 || length % 2 != 0 || length > left) {
			return "DMAR: a device scope does not fit its structure";
		}
		wrong = scope_parse(d, at, length, standing);
	}
	return wrong;
}

static const char *structure_parse(struct iommu_described *d, const uint8_t *at, size_t length)
{
	uint16_t type = described_read16(at);
	size_t header = type == DRHD ? DRHD_LENGTH : RMRR_LENGTH;
	uint64_t registers;
	const char *wrong = NULL;
	if (type > RMRR || length < header || described_read16(at + 6) != 0) {
		return type > RMRR ? NULL : "DMAR: a structure is too short, or of another PCI segment than 0";
	}
	if (type == DRHD) {
		memcpy(&registers, at + 8, sizeof(registers));
		wrong = described_unit(d, registers, 0, at[4]);
	}
	if (!wrong && type == DRHD && at[4] & DRHD_INCLUDE_ALL) {
		wrong = described_stand(d, 0, 0xffff, STANDING_TRANSLATED);
	}
	return wrong ? wrong : scopes_parse(d, at + header, length - header, type == RMRR ? STANDING_MEMORY : STANDING_TRANSLATED);
}

int dmar_parse(const void *table, size_t length, struct iommu_described *d, const char **why)
{
	const uint8_t *bytes = table;
	const char *wrong = length < FIRST_STRUCTURE ? "DMAR: it is too short" : NULL;
	memset(d, 0, sizeof(*d));
	for (size_t at = FIRST_STRUCTURE, size; at < length && !wrong; at += size) {
		size = length - at >= 4 ? described_read16(bytes + at + 2) : 0;
		wrong = size < 4 || size > length - at ? "DMAR: a structure reaches beyond the table" : structure_parse(d, bytes + at, size);
	}
	if (!wrong && d->unit_count == 0) {
		wrong = "DMAR: it describes no IOMMU";
	}
	if (!wrong && (!(bytes[FLAGS] & FLAG_REMAPS_INTERRUPTS) || d->ioapic_count == 0)) {
		wrong = "the IOMMU remaps no interrupts, says its ACPI table DMAR, or not those of the I/O APIC";
	}
	*why = wrong;
	return wrong ? -EBADMSG : 0;
}
