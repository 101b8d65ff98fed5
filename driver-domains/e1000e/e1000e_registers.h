/* SPDX-License-Identifier: MIT */
/*
 * Registers, bits and descriptors of the 82574L (datasheet, chapters 7 and 10) that the 82540EM has as well, but where it is
 * said, and the accessors. Registers are read and written as aligned double words (10.1).
 */
#ifndef BULKHEAD_E1000E_REGISTERS_H
#define BULKHEAD_E1000E_REGISTERS_H

#include <stdint.h>

enum { /* 10.1 */
	REG_CTRL = 0x0000, REG_STATUS = 0x0008, REG_EECD = 0x0010, REG_EERD = 0x0014, REG_CTRL_EXT = 0x0018, REG_MDIC = 0x0020,
	REG_FCAL = 0x0028, REG_FCAH = 0x002c, REG_FCT = 0x0030, REG_VET = 0x0038, REG_ICR = 0x00c0, REG_ITR = 0x00c4, REG_IMS = 0x00d0,
	REG_IMC = 0x00d8, REG_EIAC = 0x00dc, REG_IVAR = 0x00e4, REG_EITR = 0x00e8, REG_RCTL = 0x0100, REG_FCTTV = 0x0170,
	REG_TCTL = 0x0400, REG_TIPG = 0x0410, REG_PBA = 0x1000, REG_FCRTL = 0x2160, REG_FCRTH = 0x2168,
	REG_RDBAL = 0x2800, REG_RDBAH = 0x2804, REG_RDLEN = 0x2808, REG_RDH = 0x2810, REG_RDT = 0x2818, REG_RDTR = 0x2820,
	REG_RXDCTL = 0x2828, REG_RADV = 0x282c, REG_RSRPD = 0x2c00,
	REG_TDBAL = 0x3800, REG_TDBAH = 0x3804, REG_TDLEN = 0x3808, REG_TDH = 0x3810, REG_TDT = 0x3818, REG_TIDV = 0x3820,
	REG_TXDCTL = 0x3828, REG_TADV = 0x382c, REG_TARC0 = 0x3840,
	REG_CRCERRS = 0x4000, REG_RXERRC = 0x400c, REG_MPC = 0x4010, REG_COLC = 0x4028, REG_RLEC = 0x4040, REG_GPRC = 0x4074,
	REG_GPTC = 0x4080, REG_RNBC = 0x40a0, REG_RUC = 0x40a4, REG_ROC = 0x40ac,
	REG_RXCSUM = 0x5000, REG_RFCTL = 0x5008, REG_MTA = 0x5200, REG_RAL = 0x5400, REG_RAH = 0x5404, REG_VFTA = 0x5600,
	REG_GCR = 0x5b00, REG_GCR2 = 0x5b64,
};
#define REGISTERS_BYTES 0x5c00u /* of BAR 0 that is used */
#define MTA_WORDS 128u
#define VFTA_WORDS 128u
#define ADDRESSES 16u /* RAL, RAH pairs, 8 bytes apart */

#define CTRL_MASTER_DISABLE (1u << 2) /* 82574 */
#define CTRL_ASDE (1u << 5) /* 82540 */
#define CTRL_SLU (1u << 6)
#define CTRL_FORCED (3u << 11) /* speed, duplex */
#define CTRL_RST (1u << 26)
#define CTRL_RFCE (1u << 27)
#define CTRL_TFCE (1u << 28)
#define STATUS_FD (1u << 0)
#define STATUS_LU (1u << 1)
#define STATUS_SPEED(status) ((status) >> 6 & 3)
#define STATUS_MASTER (1u << 19) /* 82574: requests of its own may be outstanding */
#define EECD_AUTO_RD (1u << 9)
#define EERD_START 1u
#define CTRL_EXT_DRV_LOAD (1u << 28)
#define MDIC_PHY (1u << 21) /* its address: 1 */
#define MDIC_REGISTER(n) ((uint32_t)(n) << 16)
#define MDIC_WRITE (1u << 26)
#define MDIC_READ (2u << 26)
#define MDIC_READY (1u << 28)
#define MDIC_ERROR (1u << 30)
enum { PHY_CONTROL = 0, PHY_STATUS = 1 }; /* IEEE 802.3, clause 22 */
#define PHY_CONTROL_RESTART 0x0200u
#define PHY_CONTROL_POWER_DOWN 0x0800u
#define PHY_CONTROL_AUTONEGOTIATE 0x1000u

#define ICR_TXDW (1u << 0)
#define ICR_LSC (1u << 2)
#define ICR_RXDMT0 (1u << 4)
#define ICR_RXO (1u << 6)
#define ICR_RXT0 (1u << 7)
#define ICR_RXQ0 (1u << 20) /* this and the next two: 82574 with MSI-X */
#define ICR_TXQ0 (1u << 22)
#define ICR_OTHER (1u << 24)
#define IVAR_VALID(cause) (8u << 4 * (cause)) /* vector 0 for RXQ0, RXQ1, TXQ0, TXQ1, other */

#define RCTL_EN (1u << 1)
#define RCTL_UPE (1u << 3)
#define RCTL_MPE (1u << 4)
#define RCTL_BAM (1u << 15)
#define RCTL_SECRC (1u << 26) /* BSIZE 0: 2048 bytes; LPE 0: frames up to 1522 */
#define TCTL_EN (1u << 1)
#define TCTL_PSP (1u << 3)
#define TCTL_CT (0x0fu << 4)
#define TCTL_COLD (0x3fu << 12) /* full duplex */
#define TIPG_COPPER (8u | 8u << 10 | 6u << 20)
#define RXCSUM_IPOFL (1u << 8)
#define RXCSUM_TUOFL (1u << 9)
#define RAH_AV (1u << 31)
#define TXDCTL_GRAN (1u << 24) /* thresholds are in descriptors */
#define TXDCTL_WTHRESH(n) ((n) << 16)
#define TXDCTL_82574 (1u << 22) /* must be set (10.2.6.9) */

struct e1000e_receive_descriptor { /* legacy format, 7.1.4 */
	uint64_t address;
	uint16_t length, checksum;
	uint8_t status, errors;
	uint16_t special;
};
#define RX_DD 0x01u
#define RX_EOP 0x02u
#define RX_IXSM 0x04u /* checksum bits mean nothing */
#define RX_TCPCS 0x20u
#define RX_ERROR_FRAME 0x97u /* CE, SE, SEQ, CXE, RXE */
#define RX_ERROR_CHECKSUM 0x60u /* TCPE, IPE */

struct e1000e_send_descriptor { /* 7.2.10 */
	union {
		uint64_t address; /* data */
		struct {
			uint8_t ip_start, ip_offset;
			uint16_t ip_end;
			uint8_t sum_start, sum_offset;
			uint16_t sum_end;
		} context;
	};
	uint32_t command; /* length (20 bits), type, command bits */
	uint8_t status, options; /* of a context: status, length of the headers */
	uint16_t special; /* of a context: payload of each piece */
};
#define TX_LENGTH_MAX 0xfffffu
#define TX_TYPE_DATA (1u << 20) /* context: 0 */
#define TX_EOP (1u << 24)
#define TX_IFCS (1u << 25)
#define TX_TSE (1u << 26)
#define TX_RS (1u << 27)
#define TX_DEXT (1u << 29)
#define TX_IDE (1u << 31)
#define TX_CONTEXT_TCP (1u << 24)
#define TX_CONTEXT_IP4 (1u << 25)
#define TX_DD 1u
#define TX_OPTION_IP 1u /* insert the IP header's checksum */
#define TX_OPTION_SUM 2u /* insert TCP's or UDP's */

_Static_assert(sizeof(struct e1000e_receive_descriptor) == 16 && sizeof(struct e1000e_send_descriptor) == 16, "7.1.4, 7.2.10");

static inline uint32_t e1000e_read(volatile void *registers, uint32_t offset)
{
	return *(volatile uint32_t *)((volatile char *)registers + offset);
}

static inline void e1000e_write(volatile void *registers, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)((volatile char *)registers + offset) = value;
}

#endif
