/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls (lib/abi/hypercall.h). A table says what the first argument names and who may call; then each is a
 * decode, which copies what it needs once, checks all of it and touches nothing, and a commit, which cannot fail:
 * what it returns is the call's result. No pointer into a domain's memory outlives a copy.
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

enum needs {
	FRONT = 1, /* a: a link of which the caller is the front end */
	BACK = 2, /* ... the back end */
	DEVICE = 4, /* a: a device of the caller */
	MAIN = 8, /* only the main domain may */
	LOCKED = 16, /* all of it under machine_lock */
};

struct call {
	uint64_t a, b, c, d; /* RDI, RSI, RDX, RCX */
	struct link *link;
	struct domain_device *device;
	union {
		struct bh_link_offer offer;
		char text[TEXT_MAX + 1];
	};
};

static int decode_signal(struct vcpu *v, struct call *c)
{
	return c->a & ~v->domain->signals ? -EINVAL : 0;
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

/* Bits 3 to 7 are the domain's own. */
static int decode_ipi(struct vcpu *v, struct call *c)
{
	return c->a >> v->domain->vcpu_count || c->b < BH_EVENT_IPI || c->b >= BH_EVENT_LINK ? -EINVAL : 0;
}

static int64_t commit_ipi(struct vcpu *v, struct call *c)
{
	for (uint64_t mask = c->a; mask; mask &= mask - 1) {
		event_raise(v->domain->vcpus[__builtin_ctzll(mask)], (unsigned)c->b);
	}
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

static int64_t commit_timer(struct vcpu *v, struct call *c)
{
	v->timer_deadline = c->a;
	sched_arm(c->a);
	return 0;
}

static int decode_grant(struct vcpu *v, struct call *c)
{
	return c->d > UINT32_MAX ? -EINVAL : grant_decode(c->link, c->b, c->c, (uint32_t)c->d);
}

static int64_t commit_grant(struct vcpu *v, struct call *c)
{
	grant_commit(c->link, c->b, c->c, (uint32_t)c->d);
	return 0;
}

static int decode_link_ready(struct vcpu *v, struct call *c)
{
	return c->b > UINT32_MAX ? -EINVAL : link_ready_check(c->link, (uint32_t)c->b);
}

static int64_t commit_link_ready(struct vcpu *v, struct call *c)
{
	c->link->state = BH_LINK_UP;
	link_tell(c->link);
	recover_link_up(c->link->back);
	return 0;
}

static int64_t commit_link_complain(struct vcpu *v, struct call *c)
{
	log_line("domain %s complains of %s, reason %lu", v->domain->config->name, c->link->back->config->name, c->b);
	(void)recover_request(c->link->back, CAUSE_COMPLAINT, "its front end found its ring entries impossible");
	return 0;
}

static int decode_link_offer(struct vcpu *v, struct call *c)
{
	int error = domain_read(v->domain, GPA(c->b), &c->offer, sizeof(c->offer));
	return error ? error : link_offer_check(c->link, &c->offer);
}

static int64_t commit_link_offer(struct vcpu *v, struct call *c)
{
	link_offer_set(c->link, &c->offer);
	link_tell(c->link);
	recover_link_up(c->link->back);
	return 0;
}

static int decode_pci_register(struct vcpu *v, struct call *c)
{
	bool width = c->c == 1 || c->c == 2 || c->c == 4;
	return !width || c->b >= 4096 || c->b % c->c != 0 ? -EINVAL : 0;
}

/* The filter's verdict is part of the access itself. */
static int64_t commit_pci_read(struct vcpu *v, struct call *c)
{
	uint32_t value;
	int error = pci_domain_read(c->device->function, (unsigned)c->b, (unsigned)c->c, &value);
	return error ? error : (int64_t)value;
}

static int64_t commit_pci_write(struct vcpu *v, struct call *c)
{
	return pci_domain_write(c->device->function, (unsigned)c->b, (unsigned)c->c, (uint32_t)c->d);
}

static int decode_pci_irq(struct vcpu *v, struct call *c)
{
	bool event = c->c == 0 || (c->c >= BH_EVENT_DEVICE && c->c < BH_EVENT_COUNT);
	return !event || c->b > 2047 ? -EINVAL : 0;
}

static int64_t commit_pci_irq(struct vcpu *v, struct call *c)
{
	uint8_t vector = c->c ? c->device->vector : 0;
	atomic_store(&c->device->event, (uint32_t)c->c);
	return pci_msi_set(c->device->function, (unsigned)c->b, vector, v->domain->vcpus[0]->cpu);
}

static int decode_console(struct vcpu *v, struct call *c)
{
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
	bool known = c->a <= BH_POWER_ALIVE;
	bool open = v->domain->main || c->a == BH_POWER_PANIC || c->a == BH_POWER_ALIVE;
	return !known ? -EINVAL : !open ? -EPERM : 0;
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
		(void)recover_request(v->domain, CAUSE_CRASH, "it gave up (panic)");
		break;
	default:
		recover_alive(v->domain);
		break;
	}
	return 0;
}

static int decode_stat(struct vcpu *v, struct call *c)
{
	if (c->b < sizeof(struct bh_stat)) {
		return -EINVAL;
	}
	return domain_has_ram(v->domain, GPA(c->a), sizeof(struct bh_stat)) ? 0 : -EFAULT;
}

static int64_t commit_stat(struct vcpu *v, struct call *c)
{
	uint64_t head[2] = { machine_domain_count, tsc_read() };
	uint64_t at = c->a + offsetof(struct bh_stat, domains);
	(void)domain_write(v->domain, GPA(c->a), head, sizeof(head));
	for (unsigned i = 0; i < machine_domain_count; i++, at += sizeof(struct bh_stat_domain)) {
		struct bh_stat_domain sum;
		stat_domain(machine_domains[i], &sum);
		(void)domain_write(v->domain, GPA(at), &sum, sizeof(sum));
	}
	return sizeof(struct bh_stat);
}

static int decode_capsule(struct vcpu *v, struct call *c)
{
	bool good = c->a < machine_domain_count && c->d <= CONSOLE_MAX;
	return !good ? -EINVAL : domain_has_ram(v->domain, GPA(c->c), c->d) ? 0 : -EFAULT;
}

static int64_t commit_capsule(struct vcpu *v, struct call *c)
{
	return (int64_t)capsule_read(machine_domains[c->a], c->b, v->domain, c->c, c->d);
}

static const struct {
	unsigned needs; /* enum needs */
	int (*decode)(struct vcpu *v, struct call *c); /* NULL: nothing more to check */
	int64_t (*commit)(struct vcpu *v, struct call *c);
} calls[BH_HC_COUNT] = {
	[BH_HC_WAIT] = { 0, decode_signal, commit_wait },
	[BH_HC_SIGNAL] = { 0, decode_signal, commit_signal },
	[BH_HC_UPCALL] = { 0, decode_upcall, commit_upcall },
	[BH_HC_TIMER] = { 0, NULL, commit_timer },
	[BH_HC_GRANT] = { FRONT | LOCKED, decode_grant, commit_grant },
	[BH_HC_LINK_READY] = { FRONT | LOCKED, decode_link_ready, commit_link_ready },
	[BH_HC_LINK_COMPLAIN] = { FRONT, NULL, commit_link_complain },
	[BH_HC_LINK_OFFER] = { BACK | LOCKED, decode_link_offer, commit_link_offer },
	[BH_HC_PCI_READ] = { DEVICE, decode_pci_register, commit_pci_read },
	[BH_HC_PCI_WRITE] = { DEVICE | LOCKED, decode_pci_register, commit_pci_write },
	[BH_HC_PCI_IRQ] = { DEVICE | LOCKED, decode_pci_irq, commit_pci_irq },
	[BH_HC_CONSOLE_WRITE] = { MAIN, decode_console, commit_console_write },
	[BH_HC_CONSOLE_READ] = { MAIN, decode_console, commit_console_read },
	[BH_HC_LOG] = { 0, decode_log, commit_log },
	[BH_HC_POWER] = { 0, decode_power, commit_power },
	[BH_HC_STAT] = { MAIN, decode_stat, commit_stat },
	[BH_HC_IPI] = { 0, decode_ipi, commit_ipi },
	[BH_HC_CAPSULE] = { MAIN, decode_capsule, commit_capsule },
};

static int take_argument(struct domain *d, unsigned needs, struct call *c)
{
	if ((needs & MAIN) && !d->main) {
		return -EPERM;
	}
	if (needs & (FRONT | BACK)) {
		if (c->a >= BH_MAX_LINKS || d->link_roles[c->a] != (needs & FRONT ? BH_LINK_FRONT : BH_LINK_BACK)) {
			return -EINVAL;
		}
		c->link = d->links[c->a];
	}
	if (needs & DEVICE) {
		if (c->a >= d->config->device_count) {
			return -EINVAL;
		}
		c->device = &d->devices[c->a];
	}
	return 0;
}

static int64_t call_run(struct vcpu *v, uint64_t number, struct call *c)
{
	bool locked = calls[number].needs & LOCKED;
	int64_t result = take_argument(v->domain, calls[number].needs, c);
	if (locked) {
		spin_lock(&machine_lock);
	}
	if (result == 0 && calls[number].decode) {
		result = calls[number].decode(v, c);
	}
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
	struct call c; /* the larger part of it is for who fills it */
	c.a = v->regs.rdi, c.b = v->regs.rsi, c.c = v->regs.rdx, c.d = v->regs.rcx;
	uint64_t number = v->regs.rax;
	if (vmm->cpl(v) != 0) {
		v->regs.rax = (uint64_t)-EPERM;
		return;
	}
	atomic_store(&v->domain->last_call, tsc_read());
	v->regs.rax = number < BH_HC_COUNT ? (uint64_t)call_run(v, number, &c) : (uint64_t)-ENOSYS;
}
