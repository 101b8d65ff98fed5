/* SPDX-License-Identifier: MIT */
/*
 * Register offsets, bits and in-memory structures of AHCI 1.3.1 (sections named at each), ATA command codes of ACS-3, and the
 * accessors. Registers are read and written as aligned double words only (3.).
 */
#ifndef BULKHEAD_AHCI_REGISTERS_H
#define BULKHEAD_AHCI_REGISTERS_H

#include <stdint.h>

enum { /* 3.1 */
	HBA_CAP = 0x00, HBA_GHC = 0x04, HBA_IS = 0x08, HBA_PI = 0x0c, HBA_VS = 0x10, HBA_CAP2 = 0x24, HBA_BOHC = 0x28,
};
#define CAP_NCS(cap) ((((cap) >> 8) & 31) + 1) /* command slots */
#define CAP_SSS (1u << 27)
#define CAP_SNCQ (1u << 30)
#define CAP_S64A (1u << 31)
#define GHC_HR (1u << 0)
#define GHC_IE (1u << 1)
#define GHC_AE (1u << 31)
#define CAP2_BOH (1u << 0)
#define BOHC_BOS (1u << 0)
#define BOHC_OOS (1u << 1)

#define PORT_BASE(n) (0x100 + 0x80 * (n))
enum { /* 3.3, from PORT_BASE */
	PX_CLB = 0x00, PX_CLBU = 0x04, PX_FB = 0x08, PX_FBU = 0x0c, PX_IS = 0x10, PX_IE = 0x14, PX_CMD = 0x18, PX_TFD = 0x20,
	PX_SIG = 0x24, PX_SSTS = 0x28, PX_SCTL = 0x2c, PX_SERR = 0x30, PX_SACT = 0x34, PX_CI = 0x38,
};
#define PXIS_DHRS (1u << 0)
#define PXIS_PSS (1u << 1)
#define PXIS_DSS (1u << 2)
#define PXIS_SDBS (1u << 3)
#define PXIS_PCS (1u << 6)
#define PXIS_PRCS (1u << 22)
#define PXIS_IFS (1u << 27)
#define PXIS_HBDS (1u << 28)
#define PXIS_HBFS (1u << 29)
#define PXIS_TFES (1u << 30)
#define PXIS_FATAL (PXIS_IFS | PXIS_HBDS | PXIS_HBFS)
#define PXIS_USED (PXIS_DHRS | PXIS_PSS | PXIS_DSS | PXIS_SDBS | PXIS_PCS | PXIS_PRCS | PXIS_FATAL | PXIS_TFES)
#define PXCMD_ST (1u << 0)
#define PXCMD_SUD (1u << 1)
#define PXCMD_POD (1u << 2)
#define PXCMD_FRE (1u << 4)
#define PXCMD_CCS(cmd) (((cmd) >> 8) & 31)
#define PXCMD_FR (1u << 14)
#define PXCMD_CR (1u << 15)
#define PXCMD_ICC_ACTIVE (1u << 28)
#define PXCMD_ICC_MASK (15u << 28)
#define PXTFD_ERR (1u << 0)
#define PXTFD_DRQ (1u << 3)
#define PXTFD_BSY (1u << 7)
#define PXSSTS_DET(ssts) ((ssts) & 15)
#define DET_NONE 0
#define DET_PRESENT 1 /* a device, no communication yet */
#define DET_UP 3
#define PXSCTL_DET_MASK 15u
#define PXSCTL_DET_RESET 1u
#define SIGNATURE_ATA 0x00000101u

enum { /* ACS-3, 7. */
	ATA_READ_DMA_EXT = 0x25, ATA_READ_LOG_EXT = 0x2f, ATA_WRITE_DMA_EXT = 0x35, ATA_WRITE_DMA_FUA_EXT = 0x3d,
	ATA_READ_FPDMA = 0x60, ATA_WRITE_FPDMA = 0x61, ATA_FLUSH_EXT = 0xea, ATA_IDENTIFY = 0xec,
};
#define ATA_LOG_NCQ_ERROR 0x10
#define ATA_DEVICE_LBA 0x40
#define ATA_DEVICE_FUA 0x80 /* of the FPDMA commands */

struct ahci_header { /* 4.2.2 */
	uint32_t flags; /* length of the command FIS in double words, W, entries of the PRDT << 16 */
	uint32_t transferred;
	uint64_t table;
	uint32_t reserved[4];
};
#define HEADER_WRITE (1u << 6)

struct ahci_prd { /* 4.2.3.3 */
	uint64_t address;
	uint32_t reserved;
	uint32_t count; /* bytes - 1 */
};
#define PRD_BYTES_MAX (4u << 20)

#define AHCI_PRDS 56 /* makes a table 1 KiB */
struct ahci_table { /* 4.2.3 */
	uint8_t command[64];
	uint8_t atapi[16];
	uint8_t reserved[48];
	struct ahci_prd prds[AHCI_PRDS];
};

#define AHCI_SLOTS 32
struct ahci_memory { /* all that a port's DMA reads or writes of ours; aligned to 1 KiB */
	struct ahci_header headers[AHCI_SLOTS];
	uint8_t received[256];
	uint8_t reserved[256];
	uint16_t scratch[256]; /* IDENTIFY data, log pages */
	struct ahci_table tables[AHCI_SLOTS];
};

_Static_assert(sizeof(struct ahci_header) == 32 && sizeof(struct ahci_prd) == 16, "AHCI 4.2");
_Static_assert(sizeof(struct ahci_table) == 1024 && sizeof(struct ahci_memory) == 2048 + 32 * 1024, "alignment");

static inline uint32_t ahci_read(volatile void *registers, uint32_t offset)
{
	return *(volatile uint32_t *)((volatile char *)registers + offset);
}

static inline void ahci_write(volatile void *registers, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)((volatile char *)registers + offset) = value;
}

#endif
