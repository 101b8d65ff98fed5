/* SPDX-License-Identifier: MIT */
/*
 * The adapter: take over, interrupts, what is due by time. An interrupt turns itself off until the rings have been looked at; the cause
 * register is read only with every interrupt masked, which is what makes the read clear it (10.2.4.1).
 */
#include "e1000e_internal.h"

#include "abi/errno.h"
#include "base/string.h"

#define VENDOR_INTEL 0x8086
#define DEVICE_82574L 0x10d3
#define DEVICE_82540EM 0x100e
#define MTU 1500
#define BYTES_MAX 65535u /* of a frame to be cut, from IP's header on; and what is before it */
#define SECOND (1000 * MS)
#define TURN_MIN_NS 100000ull /* between two looks at an adapter without an interrupt */
#define TURN_MAX_NS 2000000ull
#define PCI_STATUS_CAPABILITIES 0x10u
#define PCI_CAP_MSIX 0x11u
#define PCI_SUBSYSTEM 0x2cu
#define SUBSYSTEM_QEMU 0x00008086u /* Intel's own boards have a number, too */

/* done() may hand over again, and look again: only the outermost call hands back. */
static void nic_deliver(struct e1000e *nic)
{
	while (nic->sent || nic->filled || nic->link_news) {
		struct net_frame *frame = nic->sent, *next_frame;
		struct net_buffer *buffer = nic->filled, *next_buffer;
		bool news = nic->link_news && nic->dev.link_changed;
		nic->sent = NULL;
		nic->sent_end = &nic->sent;
		nic->filled = NULL;
		nic->filled_end = &nic->filled;
		nic->link_news = false;
		env_unlock(&nic->lock);
		for (; frame; frame = next_frame) {
			next_frame = frame->next;
			frame->done(frame);
		}
		for (; buffer; buffer = next_buffer) {
			next_buffer = buffer->next;
			buffer->done(buffer);
		}
		if (news) {
			nic->dev.link_changed(nic->dev.user);
		}
		env_lock(&nic->lock);
	}
}

void e1000e_unlock(struct e1000e *nic)
{
	if (!nic->delivering) {
		nic->delivering = true;
		nic_deliver(nic);
		nic->delivering = false;
	}
	env_unlock(&nic->lock);
}

static void nic_attention(struct e1000e *nic)
{
	nic->attended = true;
	env_wake(&nic->attention);
}

/* Returns the frames, both ways together. */
static unsigned nic_collect(struct e1000e *nic)
{
	nic->came = e1000e_receive_collect(nic);
	unsigned found = e1000e_send_collect(nic) + nic->came;
	nic->found += found;
	nic->window_frames += found;
	return found;
}

/* --- interrupts --- */

static uint32_t irq_causes(const struct e1000e *nic)
{
	uint32_t sent = nic->moderate ? 0 : nic->msix ? ICR_TXQ0 : ICR_TXDW;
	return sent | ICR_LSC | (nic->msix ? ICR_RXQ0 | ICR_OTHER : ICR_RXT0 | ICR_RXDMT0 | ICR_RXO);
}

static void irq_on(struct e1000e *nic)
{
	nic->quiet = false;
	nic_write(nic, REG_IMS, irq_causes(nic));
}

/* With all masked: take the causes. The rings are looked at after this. */
static void irq_take(struct e1000e *nic)
{
	uint32_t causes = nic_read(nic, REG_ICR);
	if (causes & ICR_LSC) { /* all ones, too: an adapter that is gone */
		e1000e_link_check(nic, env_time_ns());
	}
}

/* Look at the rings, with all masked; nothing there: the next event interrupts. Returns what there was. For a user who polls what counts
 * is what came: that frames were sent makes nobody poll. */
static unsigned irq_settle(struct e1000e *nic)
{
	irq_take(nic);
	unsigned found = nic_collect(nic);
	if (nic->moderate ? !found : !nic->came) {
		irq_on(nic);
	}
	return found;
}

/* What it finds it hands back; it stays off after frames that came, until a poll() finds none. Or, moderated, leaves all to e1000e_before_wait. */
static void nic_interrupt(void *arg)
{
	struct e1000e *nic = arg;
	env_lock(&nic->lock);
	nic_write(nic, REG_IMC, ~0u);
	nic->quiet = true;
	if (!nic->moderate && !nic->down) {
		irq_settle(nic);
	}
	e1000e_unlock(nic);
}

/*
 * How long the adapter may be left alone, in ns; 0: it interrupts. Not while its user waits for frames; one that is at work on those it got would only
 * be interrupted, so then a look comes when a batch should be there, by the pace up to now.
 */
static uint64_t nic_rest(struct e1000e *nic, uint64_t now)
{
	uint64_t span = now - nic->window_since;
	if (span >= E1000E_WINDOW_NS) {
		nic->rate = nic->window_frames * 1000000000ull / span;
		nic->window_since = now;
		nic->window_frames = 0;
	}
	uint64_t batch_ns = nic->rate ? E1000E_BATCH * 1000000000ull / nic->rate : E1000E_REST_MAX_NS;
	return !nic->dev.user_busy ? 0 : batch_ns < E1000E_REST_MAX_NS ? batch_ns : E1000E_REST_MAX_NS;
}

/* An adapter without an interrupt is looked at soon after it had something, later and later while it has nothing. */
static uint64_t nic_turn(struct e1000e *nic)
{
	uint64_t longer = nic->turn_ns * 2 < TURN_MAX_NS ? nic->turn_ns * 2 : TURN_MAX_NS;
	nic->turn_ns = nic->found ? TURN_MIN_NS : longer;
	nic->found = 0;
	return nic->turn_ns;
}

/* When to look again, should nothing happen before; 0: an interrupt will tell. True in *again: the rings have something. */
static uint64_t nic_settle(struct e1000e *nic, uint64_t now, bool *again)
{
	if (!nic->has_irq) {
		return nic_turn(nic);
	}
	uint64_t rest = nic->quiet ? nic_rest(nic, now) : 0;
	if (nic->quiet && !rest) {
		*again = irq_settle(nic) != 0;
	}
	return rest ? rest : nic->send.head != nic->send.shown ? E1000E_REST_MAX_NS : 0;
}

bool e1000e_before_wait(struct e1000e *nic, uint64_t *until)
{
	bool again = false;
	env_lock(&nic->lock);
	nic->moderate = true;
	if (!nic->down && !nic->gone) {
		again = nic_collect(nic) != 0;
		uint64_t now = env_time_ns(), rest = again ? 0 : nic_settle(nic, now, &again);
		*until = rest && now + rest < *until ? now + rest : *until;
	}
	again |= nic->link_news;
	e1000e_unlock(nic);
	return again;
}

/* --- by time --- */

/* Reset and start. While it is down nothing is taken, and the lock may be given up; what it had to send comes back, and with `drop` the buffers, too. */
static int nic_start(struct e1000e *nic, bool drop)
{
	nic->down = true;
	while (nic->showing) {
		env_unlock(&nic->lock);
		env_lock(&nic->lock);
	}
	env_unlock(&nic->lock);
	int error = e1000e_reset(nic);
	error = error ? error : e1000e_address(nic);
	env_lock(&nic->lock);
	e1000e_send_drop(nic);
	if (drop || error) {
		e1000e_receive_drop(nic);
	}
	nic->recalled = false;
	if (error) {
		nic->gone = true;
		return error;
	}
	if (nic->msix) { /* 10.2.4.9: every cause to the first entry of the table */
		nic_write(nic, REG_IVAR, IVAR_VALID(0) | IVAR_VALID(1) | IVAR_VALID(2) | IVAR_VALID(3) | IVAR_VALID(4));
		nic_write(nic, REG_EIAC, 0);
		nic_write(nic, REG_EITR, nic_read(nic, REG_ITR));
	}
	e1000e_send_start(nic);
	e1000e_receive_start(nic);
	nic->down = false;
	irq_on(nic);
	return 0;
}

static void nic_watch(struct e1000e *nic, uint64_t now)
{
	bool hangs = nic->send.head != nic->send.shown && now - nic->progress >= HANG_NS;
	if (now - nic->link_checked >= SECOND) {
		e1000e_link_check(nic, now);
		e1000e_counters_read(nic, now);
	}
	if (hangs) {
		env_log("e1000e: the transmitter hangs: reset");
	}
	if (hangs || nic->recalled) {
		(void)nic_start(nic, nic->recalled);
	}
}

uint64_t e1000e_poll(struct e1000e *nic)
{
	env_lock(&nic->lock);
	nic->attended = false;
	uint64_t now = env_time_ns(), next = now + SECOND;
	if (!nic->gone) {
		if (!nic->down) {
			nic_collect(nic);
		}
		nic_watch(nic, now);
		next = nic->has_irq || nic->moderate ? next : now + nic_turn(nic);
	}
	e1000e_unlock(nic);
	return next;
}

void e1000e_wait(struct e1000e *nic, uint64_t until)
{
	env_lock(&nic->lock);
	uint64_t now = env_time_ns();
	if (!nic->attended && until > now) {
		env_wait(&nic->attention, &nic->lock, until - now);
	}
	env_unlock(&nic->lock);
}

/* --- the netdev --- */

/*
 * An emulated adapter sends while its register is written. Others have the lock meanwhile, and leave what they hand over to the one who
 * writes, which therefore is not to be preempted.
 */
static void nic_flush(struct netdev *dev)
{
	struct e1000e *nic = dev->driver;
	env_lock(&nic->lock);
	while (!nic->down && !nic->gone && !nic->showing) {
		bool sends = e1000e_send_show(nic), receives = e1000e_receive_show(nic);
		uint32_t send = nic->send.shown, receive = nic->receive.shown;
		if (!sends && !receives) {
			break;
		}
		nic->showing = true;
		env_unlock(&nic->lock);
		if (sends) {
			nic_ring_bell(nic, REG_TDT, send);
		}
		if (receives) {
			nic_ring_bell(nic, REG_RDT, receive);
		}
		env_lock(&nic->lock);
		nic->showing = false;
	}
	env_unlock(&nic->lock);
}

static void nic_look(struct netdev *dev)
{
	struct e1000e *nic = dev->driver;
	env_lock(&nic->lock);
	nic_collect(nic);
	if (!nic->came && nic->quiet && nic->has_irq && !nic->moderate && !nic->down && !nic->gone) {
		irq_settle(nic);
	}
	e1000e_unlock(nic);
}

static void nic_recall(struct netdev *dev)
{
	struct e1000e *nic = dev->driver;
	env_lock(&nic->lock);
	nic->recalled = nic->down = !nic->gone;
	nic_attention(nic);
	env_unlock(&nic->lock);
}

static const struct netdev_ops nic_ops = {
	.send = e1000e_send, .receive = e1000e_receive, .flush = nic_flush, .poll = nic_look, .recall = nic_recall, .filter = e1000e_filter,
	.counters = e1000e_counters,
};

struct netdev *e1000e_netdev(struct e1000e *nic)
{
	return &nic->dev;
}

bool e1000e_gone(struct e1000e *nic)
{
	env_lock(&nic->lock);
	bool gone = nic->gone;
	env_unlock(&nic->lock);
	return gone;
}

/* --- life --- */

bool e1000e_drives(const struct pcidev *pci)
{
	return pci->vendor == VENDOR_INTEL && (pci->device == DEVICE_82574L || pci->device == DEVICE_82540EM);
}

/* Which message is on is whoever's who runs the PCI bus: it shows in the capability (PCI 3.0, 6.8.2.3). */
static bool msix_is_on(struct pcidev *pci)
{
	if (!(pci->ops->config_read(pci, 6, 2) & PCI_STATUS_CAPABILITIES)) {
		return false;
	}
	unsigned at = pci->ops->config_read(pci, 0x34, 1) & 0xfc;
	for (unsigned n = 0; at && n < 48; n++) {
		uint32_t head = pci->ops->config_read(pci, at, 4);
		if ((head & 0xff) == PCI_CAP_MSIX) {
			return head >> 31;
		}
		at = head >> 8 & 0xfc;
	}
	return false;
}

static void nic_describe(struct e1000e *nic)
{
	struct netdev *dev = &nic->dev;
	dev->ops = &nic_ops;
	dev->driver = nic;
	dev->mtu = MTU;
	dev->csum = true;
	/* An 82540EM may report descriptors of a frame to be cut before it has read their data: the memory would be used again too early.
	 * QEMU 7.2 cuts TCP over IPv6 at the right places, but leaves the length in the headers as it is. */
	dev->tso4 = dev->gso_bare = !nic->old;
	dev->tso6 = !nic->old && nic->pci->ops->config_read(nic->pci, PCI_SUBSYSTEM, 4) != SUBSYSTEM_QEMU;
	dev->send_bytes_max = nic->old ? 0 : BYTES_MAX;
}

static int rings_make(struct e1000e *nic)
{
	nic->receive_descriptors = env_dma_alloc(RING_ENTRIES * sizeof(*nic->receive_descriptors), 4096, &nic->receive.bus);
	nic->send_descriptors = env_dma_alloc(RING_ENTRIES * sizeof(*nic->send_descriptors), 4096, &nic->send.bus);
	return nic->receive_descriptors && nic->send_descriptors ? 0 : -ENOMEM;
}

static void nic_free(struct e1000e *nic)
{
	env_dma_free(nic->receive_descriptors, RING_ENTRIES * sizeof(*nic->receive_descriptors));
	env_dma_free(nic->send_descriptors, RING_ENTRIES * sizeof(*nic->send_descriptors));
	env_free(nic, sizeof(*nic));
}

static int nic_create(struct e1000e *nic)
{
	if (rings_make(nic)) {
		env_log("e1000e: no memory for its rings");
		return -ENOMEM;
	}
	nic_write(nic, REG_IMC, ~0u); /* before there is a handler for what a predecessor left on */
	nic->has_irq = nic->pci->ops->irq_enable(nic->pci, 0, nic_interrupt, nic) == 0;
	nic->msix = nic->has_irq && msix_is_on(nic->pci);
	env_lock(&nic->lock);
	int error = nic_start(nic, false);
	if (error == 0) {
		e1000e_link_check(nic, env_time_ns());
		nic->link_news = false; /* nobody has heard of another state */
	} else {
		env_log("e1000e: the adapter has no address, or does not answer");
	}
	env_unlock(&nic->lock);
	return error;
}

struct e1000e *e1000e_create(struct pcidev *pci)
{
	if (!e1000e_drives(pci)) {
		env_log("e1000e: %x:%x is no adapter for this driver", pci->vendor, pci->device);
		return NULL;
	}
	if (!pci->bars[0].registers || pci->bars[0].size < REGISTERS_BYTES) {
		env_log("e1000e: BAR 0 is missing or too small");
		return NULL;
	}
	struct e1000e *nic = env_alloc(sizeof(*nic));
	if (!nic) {
		return NULL;
	}
	nic->pci = pci;
	nic->registers = pci->bars[0].registers;
	nic->old = pci->device == DEVICE_82540EM;
	nic->down = true;
	nic->sent_end = &nic->sent;
	nic->filled_end = &nic->filled;
	nic->turn_ns = TURN_MIN_NS;
	env_lock_init(&nic->lock, "e1000e");
	env_cond_init(&nic->attention);
	nic_describe(nic);
	if (nic_create(nic)) {
		nic_free(nic);
		return NULL;
	}
	const uint8_t *mac = nic->dev.mac;
	env_log("e1000e: %s, address %02x:%02x:%02x:%02x:%02x:%02x, %s", nic->old ? "82540EM" : "82574L", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5], nic->msix ? "MSI-X" : nic->has_irq ? "MSI" : "polled");
	return nic;
}

void e1000e_destroy(struct e1000e *nic)
{
	env_lock(&nic->lock);
	nic_write(nic, REG_IMC, ~0u);
	nic_write(nic, REG_RCTL, 0);
	nic_write(nic, REG_TCTL, TCTL_PSP);
	nic_write(nic, REG_CTRL, nic_read(nic, REG_CTRL) | CTRL_RST);
	nic->gone = true;
	e1000e_send_drop(nic);
	e1000e_receive_drop(nic);
	e1000e_unlock(nic);
	nic_free(nic);
}
