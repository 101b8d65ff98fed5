/* SPDX-License-Identifier: MIT */
/*
 * The link as STATUS tells it (10.2.2.2), once a second and after an interrupt that speaks of it; the PHY is asked (10.2.2.7) only when there has been
 * no link for long: a predecessor may have powered it down. And the adapter's counters (10.2.8), which a read clears.
 */
#include "e1000e_internal.h"

#define CHECK_NS (1000 * MS)
#define LOST_NS (3000 * MS)
#define MDIC_TURNS 2000u /* of a register read: some us each, a transfer takes 64 */
#define ERRORS_SAID_NS (60000 * MS)

/* 0xffff: no answer. */
static uint32_t phy_transfer(struct e1000e *nic, uint32_t command)
{
	uint32_t value = 0;
	nic_write(nic, REG_MDIC, command | MDIC_PHY);
	for (unsigned n = 0; n < MDIC_TURNS && !(value & MDIC_READY); n++) {
		value = nic_read(nic, REG_MDIC);
	}
	return (value & MDIC_READY) && !(value & MDIC_ERROR) ? value & 0xffff : 0xffff;
}

static void phy_wake(struct e1000e *nic)
{
	uint32_t control = phy_transfer(nic, MDIC_READ | MDIC_REGISTER(PHY_CONTROL));
	if (control != 0xffff && ((control & PHY_CONTROL_POWER_DOWN) || !(control & PHY_CONTROL_AUTONEGOTIATE))) {
		env_log("e1000e: the PHY was left off (%x); it negotiates anew", control);
		phy_transfer(nic, MDIC_WRITE | MDIC_REGISTER(PHY_CONTROL) | PHY_CONTROL_AUTONEGOTIATE | PHY_CONTROL_RESTART);
	}
}

void e1000e_link_check(struct e1000e *nic, uint64_t now)
{
	static const unsigned speeds[] = { 10, 100, 1000, 1000 };
	uint32_t status = nic_read(nic, REG_STATUS);
	bool up = status != ~0u && (status & STATUS_LU);
	nic->link_checked = now;
	if (status == ~0u && !nic->gone) { /* no function answers there */
		env_log("e1000e: the adapter is gone");
		nic->gone = true;
		e1000e_send_drop(nic);
		e1000e_receive_drop(nic);
	}
	if (up != nic->dev.link_up) {
		nic->dev.link_up = up;
		nic->link_news = true;
		nic->link_lost = now;
		if (up) {
			env_log("e1000e: link up, %u Mb/s %s duplex", speeds[STATUS_SPEED(status)], status & STATUS_FD ? "full" : "half");
		} else {
			env_log("e1000e: link down");
		}
	}
	if (!up && !nic->gone && now - nic->link_lost > LOST_NS) {
		nic->link_lost = now;
		phy_wake(nic);
	}
}

void e1000e_counters_read(struct e1000e *nic, uint64_t now)
{
	static const struct {
		uint16_t offset, at;
	} counters[] = {
		{ REG_GPRC, offsetof(struct net_counters, received) }, { REG_GPTC, offsetof(struct net_counters, sent) },
		{ REG_MPC, offsetof(struct net_counters, missed) }, { REG_RNBC, offsetof(struct net_counters, no_buffer) },
		{ REG_CRCERRS, offsetof(struct net_counters, crc_errors) }, { REG_RXERRC, offsetof(struct net_counters, receive_errors) },
		{ REG_RLEC, offsetof(struct net_counters, length_errors) }, { REG_RUC, offsetof(struct net_counters, length_errors) },
		{ REG_ROC, offsetof(struct net_counters, length_errors) }, { REG_COLC, offsetof(struct net_counters, collisions) },
	};
	struct net_counters *s = &nic->counters;
	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		*(uint64_t *)((char *)s + counters[i].at) += nic_read(nic, counters[i].offset);
	}
	uint64_t errors = s->missed + s->crc_errors + s->receive_errors + s->length_errors;
	if (errors > nic->errors_told && now >= nic->errors_due) {
		env_log("e1000e: %lu frames received, %lu sent; lost: %lu for want of room, %lu damaged", (unsigned long)s->received,
			(unsigned long)s->sent, (unsigned long)s->missed, (unsigned long)(errors - s->missed));
		nic->errors_told = errors;
		nic->errors_due = now + ERRORS_SAID_NS;
	}
}

int e1000e_counters(struct netdev *dev, struct net_counters *to)
{
	struct e1000e *nic = dev->driver;
	env_lock(&nic->lock);
	if (!nic->gone && !nic->down) {
		e1000e_counters_read(nic, env_time_ns());
	}
	*to = nic->counters;
	env_unlock(&nic->lock);
	return 0;
}
