/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls (lib/abi/hypercall.h). Each is a decode, which copies what it needs once, checks all of it and touches nothing,
 * and a commit, which cannot fail: what it returns is the call's result. No pointer into a domain's memory outlives a copy.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "abi/errno.h"
#include "base/string.h"
#include "hv/acpi.h"
#include "hv/boot.h"
#include "hv/domain.h"
#include "hv/log.h"
#include "hv/pci.h"

#define TEXT_MAX 200 /* of a log line */
#define CONSOLE_MAX 4096

struct call {
	uint64_t a, b, c, d; /* RDI, RSI, RDX, RCX */
	struct link *link;
	struct domain_device *device;
	uint32_t value;
	union {
		struct bh_link_offer offer;
		char text[TEXT_MAX + 1];
	};
};

static int decode_signal(struct vcpu *v, struct call *c)
{
	return c->a & ~event_signal_mask(v->domain) ? -EINVAL : 0;
}

static int64_t commit_wait(struct vcpu *v, struct call *c)
{
	event_signal(v->domain, c->a);
	uint64_t pending = atomic_load(v->pending);
	if (pending) {
		atomic_fetch_or(&v->announced, pending);
	} else if (!c->b || tsc_read() < c->b) {
		vcpu_block(v, true, c->b);
	}
	return 0;
}

static int64_t commit_signal(struct vcpu *v, struct call *c)
{
	event_signal(v->domain, c->a);
	return 0;
}

static int decode_upcall(struct vcpu *v, struct call *c)
{
	return c->a != 0 && (c->a < 32 || c->a > 255) ? -EINVAL : 0;
}

static int64_t commit_upcall(struct vcpu *v, struct call *c)
{
	v->upcall = (uint8_t)c->a;
	return 0;
}

static int decode_nothing(struct vcpu *v, struct call *c)
{
	return 0;
}

static int64_t commit_timer(struct vcpu *v, struct call *c)
{
	v->timer_deadline = c->a;
	sched_arm(c->a);
	return 0;
}

static int decode_grant(struct vcpu *v, struct call *c)
{
	return c->a < BH_MAX_LINKS && c->d <= UINT32_MAX ? grant_decode(v->domain, (uint32_t)c->a, c->b, c->c, (uint32_t)c->d)
							 : -EINVAL;
}

static int64_t commit_grant(struct vcpu *v, struct call *c)
{
	grant_commit(v->domain, (uint32_t)c->a, c->b, c->c, (uint32_t)c->d);
	return 0;
}

static int take_link(struct vcpu *v, struct call *c, uint32_t role)
{
	if (c->a >= BH_MAX_LINKS || !v->domain->links[c->a] || v->domain->link_roles[c->a] != role) {
		return -EINVAL;
	}
	c->link = v->domain->links[c->a];
	return 0;
}

static int decode_link_ready(struct vcpu *v, struct call *c)
{
	int error = take_link(v, c, BH_LINK_FRONT);
	return error ? error : c->b > UINT32_MAX ? -EINVAL : link_ready_check(c->link, (uint32_t)c->b);
}

static void tell_peers(const struct link *l)
{
	link_publish_both(l);
	event_raise(l->front->vcpu[0], BH_EVENT_EPOCH);
	event_raise(l->back->vcpu[0], BH_EVENT_EPOCH);
}

static int64_t commit_link_ready(struct vcpu *v, struct call *c)
{
	c->link->state = BH_LINK_UP;
	tell_peers(c->link);
	recover_link_up(c->link->back);
	return 0;
}

static int decode_link_complain(struct vcpu *v, struct call *c)
{
	return take_link(v, c, BH_LINK_FRONT);
}

static int64_t commit_link_complain(struct vcpu *v, struct call *c)
{
	log_line("domain %s complains of %s, reason %lu", v->domain->config->name, c->link->back->config->name, c->b);
	recover_request(c->link->back, CAUSE_COMPLAINT, "its front end found its ring entries impossible");
	return 0;
}

static int decode_link_offer(struct vcpu *v, struct call *c)
{
	int error = take_link(v, c, BH_LINK_BACK);
	if (!error) {
		error = domain_read(v->domain, GPA(c->b), &c->offer, sizeof(c->offer));
	}
	return error ? error : link_offer_check(c->link, &c->offer);
}

static int64_t commit_link_offer(struct vcpu *v, struct call *c)
{
	link_offer_set(c->link, &c->offer);
	tell_peers(c->link);
	if (c->link->state == BH_LINK_UP) {
		recover_link_up(c->link->back);
	}
	return 0;
}

static int take_device(struct vcpu *v, struct call *c)
{
	if (c->a >= v->domain->config->device_count) {
		return -EINVAL;
	}
	c->device = &v->domain->devices[c->a];
	return 0;
}

static int take_register(struct vcpu *v, struct call *c)
{
	bool width = c->c == 1 || c->c == 2 || c->c == 4;
	return !width || c->b >= 4096 || c->b % c->c != 0 ? -EINVAL : take_device(v, c);
}

static int decode_pci_read(struct vcpu *v, struct call *c)
{
	int error = take_register(v, c);
	return error ? error : pci_domain_read(c->device->function, (unsigned)c->b, (unsigned)c->c, &c->value);
}

static int64_t commit_pci_read(struct vcpu *v, struct call *c)
{
	return c->value;
}

/* The filter's verdict is part of the write itself: pci_domain_write checks, then stores. */
static int64_t commit_pci_write(struct vcpu *v, struct call *c)
{
	return pci_domain_write(c->device->function, (unsigned)c->b, (unsigned)c->c, (uint32_t)c->d);
}

static int decode_pci_irq(struct vcpu *v, struct call *c)
{
	if (c->c != 0 && (c->c < BH_EVENT_DEVICE || c->c >= BH_EVENT_COUNT)) {
		return -EINVAL;
	}
	return c->b > 2047 ? -EINVAL : take_device(v, c);
}

static int64_t commit_pci_irq(struct vcpu *v, struct call *c)
{
	uint8_t vector = c->c ? c->device->vector : 0;
	atomic_store(&c->device->event, (uint32_t)c->c);
	return pci_msi_set(c->device->function, (unsigned)c->b, vector, v->domain->vcpu[0]->cpu);
}

static int decode_console(struct vcpu *v, struct call *c)
{
	if (!v->domain->main) {
		return -EPERM;
	}
	return c->b > CONSOLE_MAX ? -EINVAL : domain_has_ram(v->domain, GPA(c->a), c->b) ? 0 : -EFAULT;
}

static int64_t commit_console_write(struct vcpu *v, struct call *c)
{
	char text[256];
	for (uint64_t done = 0, n; done < c->b; done += n) {
		n = c->b - done < sizeof(text) ? c->b - done : sizeof(text);
		(void)domain_read(v->domain, GPA(c->a + done), text, n);
		console_guest_write(text, n);
	}
	return 0;
}

static int64_t commit_console_read(struct vcpu *v, struct call *c)
{
	char text[256];
	uint64_t n = guest_console_read(text, c->b < sizeof(text) ? c->b : sizeof(text));
	(void)domain_write(v->domain, GPA(c->a), text, n);
	return (int64_t)n;
}

static int decode_log(struct vcpu *v, struct call *c)
{
	uint64_t n = c->b < TEXT_MAX ? c->b : TEXT_MAX;
	if (domain_read(v->domain, GPA(c->a), c->text, n) != 0) {
		return -EFAULT;
	}
	for (uint64_t i = 0; i < n; i++) { /* no domain may forge lines of the control port */
		c->text[i] = c->text[i] >= ' ' && c->text[i] <= '~' ? c->text[i] : ' ';
	}
	c->text[n] = '\0';
	return 0;
}

static int64_t commit_log(struct vcpu *v, struct call *c)
{
	log_line("%s: %s", v->domain->config->name, c->text);
	return 0;
}

static int decode_power(struct vcpu *v, struct call *c)
{
	switch (c->a) {
	case BH_POWER_STARTED:
	case BH_POWER_OFF:
		return v->domain->main ? 0 : -EPERM;
	case BH_POWER_PANIC:
	case BH_POWER_ALIVE:
		return 0;
	default:
		return -EINVAL;
	}
}

static int64_t commit_power(struct vcpu *v, struct call *c)
{
	switch (c->a) {
	case BH_POWER_STARTED:
		control_event("started");
		break;
	case BH_POWER_OFF:
		stat_report();
		control_event("exit status=%d", (int)c->b);
		acpi_power_off();
	case BH_POWER_PANIC:
		recover_request(v->domain, CAUSE_CRASH, "it gave up (panic)");
		break;
	default:
		recover_alive(v->domain);
		break;
	}
	return 0;
}

static int decode_stat(struct vcpu *v, struct call *c)
{
	if (!v->domain->main) {
		return -EPERM;
	}
	return c->b < sizeof(struct bh_stat) ? -EINVAL : domain_has_ram(v->domain, GPA(c->a), sizeof(struct bh_stat)) ? 0 : -EFAULT;
}

static int64_t commit_stat(struct vcpu *v, struct call *c)
{
	uint64_t head[2] = { machine_domain_count, tsc_read() };
	struct bh_stat_domain entry;
	(void)domain_write(v->domain, GPA(c->a), head, sizeof(head));
	for (unsigned i = 0; i < machine_domain_count; i++) {
		stat_collect(machine_domains[i], &entry);
		(void)domain_write(v->domain, GPA(c->a + offsetof(struct bh_stat, domains) + i * sizeof(entry)), &entry, sizeof(entry));
	}
	return sizeof(struct bh_stat);
}

static const struct {
	int (*decode)(struct vcpu *v, struct call *c);
	int64_t (*commit)(struct vcpu *v, struct call *c);
	bool locked; /* both under machine_lock */
} calls[BH_HC_COUNT] = {
	[BH_HC_WAIT] = { decode_signal, commit_wait, false },
	[BH_HC_SIGNAL] = { decode_signal, commit_signal, false },
	[BH_HC_UPCALL] = { decode_upcall, commit_upcall, false },
	[BH_HC_TIMER] = { decode_nothing, commit_timer, false },
	[BH_HC_GRANT] = { decode_grant, commit_grant, true },
	[BH_HC_LINK_READY] = { decode_link_ready, commit_link_ready, true },
	[BH_HC_LINK_COMPLAIN] = { decode_link_complain, commit_link_complain, false },
	[BH_HC_LINK_OFFER] = { decode_link_offer, commit_link_offer, true },
	[BH_HC_PCI_READ] = { decode_pci_read, commit_pci_read, false },
	[BH_HC_PCI_WRITE] = { take_register, commit_pci_write, true },
	[BH_HC_PCI_IRQ] = { decode_pci_irq, commit_pci_irq, true },
	[BH_HC_CONSOLE_WRITE] = { decode_console, commit_console_write, false },
	[BH_HC_CONSOLE_READ] = { decode_console, commit_console_read, false },
	[BH_HC_LOG] = { decode_log, commit_log, false },
	[BH_HC_POWER] = { decode_power, commit_power, false },
	[BH_HC_STAT] = { decode_stat, commit_stat, false },
};

static int64_t call_run(struct vcpu *v, uint64_t number, struct call *c)
{
	bool locked = calls[number].locked;
	if (locked) {
		spin_lock(&machine_lock);
	}
	int64_t result = calls[number].decode(v, c);
	if (result == 0) {
		result = calls[number].commit(v, c);
	}
	if (locked) {
		spin_unlock(&machine_lock);
	}
	return result;
}

void hypercall(struct vcpu *v)
{
	struct call c = { .a = v->regs.rdi, .b = v->regs.rsi, .c = v->regs.rdx, .d = v->regs.rcx };
	uint64_t number = v->regs.rax;
	if (vmm->cpl(v) != 0) {
		v->regs.rax = (uint64_t)-EPERM;
		return;
	}
	atomic_store(&v->domain->last_call, tsc_read());
	v->regs.rax = number < BH_HC_COUNT ? (uint64_t)call_run(v, number, &c) : (uint64_t)-ENOSYS;
}
