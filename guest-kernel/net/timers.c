/* SPDX-License-Identifier: MIT */
/*
 * lwIP's periodic functions, each called only while it has something to wait for; when none has, no timer runs. What ages by calls (ARP and
 * neighbours, reassembly) sleeps with the interfaces: a minute after the last packet they stop, and the calls that were left out are made up
 * for. TCP's ticks stop as well when no connection waits for anything; its clock is then put on by hand. Both is done by whoever takes the lock
 * next: what is new then would be taken for old if it was there before.
 */
#include "net/internal.h"
#include "net/net.h"

#include "kernel/time.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"

#define MS 1000000ull
#define QUIET_NS (60000 * MS)
#define MISSED_MAX 2000u /* calls that are made up for; all that ages by calls has ended by then */

enum periodic_kind { PERIODIC_TCP, PERIODIC_TRAFFIC, PERIODIC_DHCP, PERIODIC_DHCP_REQUEST, PERIODIC_GROUPS, PERIODIC_UNANSWERED,
	PERIODIC_PROBES };

static struct periodic {
	void (*call)(void);
	uint64_t period_ns;
	enum periodic_kind kind;
	uint64_t next_ns; /* 0: not running */
	uint64_t last_ns; /* when it ran last */
} periodics[] = {
	{ .call = tcp_lists_tick, .period_ns = TCP_TMR_INTERVAL * MS, .kind = PERIODIC_TCP },
	{ .call = ip_reass_tmr, .period_ns = IP_TMR_INTERVAL * MS, .kind = PERIODIC_TRAFFIC },
	{ .call = ip6_reass_tmr, .period_ns = IP6_REASS_TMR_INTERVAL * MS, .kind = PERIODIC_TRAFFIC },
	{ .call = etharp_tmr, .period_ns = ARP_TMR_INTERVAL * MS, .kind = PERIODIC_TRAFFIC },
	{ .call = nd6_tmr, .period_ns = ND6_TMR_INTERVAL * MS, .kind = PERIODIC_TRAFFIC },
	{ .call = dhcp_coarse_tmr, .period_ns = DHCP_COARSE_TIMER_MSECS * MS, .kind = PERIODIC_DHCP },
	{ .call = dhcp_fine_tmr, .period_ns = DHCP_FINE_TIMER_MSECS * MS, .kind = PERIODIC_DHCP_REQUEST },
	{ .call = igmp_tmr, .period_ns = IGMP_TMR_INTERVAL * MS, .kind = PERIODIC_GROUPS },
	{ .call = mld6_tmr, .period_ns = MLD6_TMR_INTERVAL * MS, .kind = PERIODIC_GROUPS },
	{ .call = unanswered_tick, .period_ns = 250 * MS, .kind = PERIODIC_UNANSWERED },
	{ .call = tcp_probes_tick, .kind = PERIODIC_PROBES }, /* knows itself when */
};
#define PERIODIC_COUNT (sizeof(periodics) / sizeof(periodics[0]))

static struct timer timer;
static uint64_t armed_ns; /* 0: not */
static uint64_t traffic_ns; /* of the last packet of an interface */
static bool look_wanted;
static uint64_t missed_ns; /* when something that stands still has missed a call; 0: all are running */

static void net_timer_expired(struct timer *t)
{
	net_wake();
}

void sys_timeouts_init(void)
{
	timer_init(&timer, net_timer_expired, NULL);
}

void net_active(void)
{
	traffic_ns = time_ns();
	look_wanted = true;
}

void tcp_timer_needed(void)
{
	look_wanted = true;
}

static bool groups_wait(void)
{
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		for (const struct igmp_group *g = netif_igmp_data(netif); g; g = g->next) {
			if (g->timer) {
				return true;
			}
		}
		for (const struct mld_group *g = netif_mld6_data(netif); g; g = g->next) {
			if (g->timer) {
				return true;
			}
		}
	}
	return false;
}

static bool dhcp_waits(bool request)
{
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		const struct dhcp *dhcp = netif_dhcp_data(netif);
		if (dhcp && (!request || dhcp->request_timeout)) {
			return true;
		}
	}
	return false;
}

static bool is_needed(enum periodic_kind kind, uint64_t now)
{
	switch (kind) {
	case PERIODIC_TCP:
		return tcp_lists_wait();
	case PERIODIC_TRAFFIC:
		return traffic_ns && now - traffic_ns < QUIET_NS;
	case PERIODIC_DHCP:
	case PERIODIC_DHCP_REQUEST:
		return dhcp_waits(kind == PERIODIC_DHCP_REQUEST);
	case PERIODIC_UNANSWERED:
		return unanswered_wait();
	default:
		return groups_wait();
	}
}

/* When it runs next. 0: it has nothing to wait for. */
static uint64_t next_of(const struct periodic *p, uint64_t now)
{
	return p->kind == PERIODIC_PROBES ? tcp_probes_next_ns() : is_needed(p->kind, now) ? now + p->period_ns : 0;
}

/* What counts time by its calls, and has been called: how much time a call stands for. 0: it does not. */
static uint64_t counts_ns(const struct periodic *p)
{
	bool counts = p->last_ns && (p->kind == PERIODIC_TCP || p->kind == PERIODIC_TRAFFIC);
	return !counts ? 0 : p->kind == PERIODIC_TCP ? TCP_SLOW_INTERVAL * MS : p->period_ns;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* It has stood still: what it counts by its calls goes on from where it would be now. */
static void catch_up(struct periodic *p, uint64_t now)
{
	uint64_t each_ns = counts_ns(p), missed = each_ns ? (now - p->last_ns) / each_ns : 0;
	if (p->kind == PERIODIC_TCP) {
		tcp_ticks += (u32_t)missed;
	} else {
		for (uint64_t i = 0; i < missed && i < MISSED_MAX; i++) {
			p->call();
		}
	}
	p->last_ns += missed * each_ns;
}

static void arm(void)
{
	uint64_t first = 0;
	missed_ns = 0;
	for (unsigned i = 0; i < PERIODIC_COUNT; i++) {
		const struct periodic *p = &periodics[i];
		first = sooner(first, p->next_ns);
		if (!p->next_ns && counts_ns(p)) {
			missed_ns = sooner(missed_ns, p->last_ns + counts_ns(p));
		}
	}
	if (first && (!armed_ns || first < armed_ns)) {
		armed_ns = first;
		timer_set(&timer, first);
	}
}

void timers_wake(void)
{
	uint64_t now;
	if (!missed_ns || (now = time_ns()) < missed_ns) {
		return;
	}
	for (unsigned i = 0; i < PERIODIC_COUNT; i++) {
		struct periodic *p = &periodics[i];
		if (!p->next_ns && counts_ns(p)) {
			catch_up(p, now);
		}
	}
	arm();
}

/* A program has sent something, or a packet has come: the connection's time is looked at for one tick at least. */
void timers_look(void)
{
	if (!periodics[PERIODIC_TCP].next_ns && tcp_lists_wait()) {
		look_wanted = true;
	}
	if (!look_wanted) {
		return;
	}
	look_wanted = false;
	uint64_t now = time_ns();
	bool any = false;
	for (unsigned i = 0; i < PERIODIC_COUNT; i++) {
		struct periodic *p = &periodics[i];
		uint64_t next = p->next_ns && p->kind != PERIODIC_PROBES ? 0 : next_of(p, now);
		if (next && (!p->next_ns || next < p->next_ns)) {
			p->next_ns = next;
			p->last_ns = now;
			any = true;
		}
	}
	if (any) {
		arm();
	}
}

void timers_tick(void)
{
	uint64_t now = time_ns();
	if (!armed_ns || now < armed_ns) {
		return;
	}
	armed_ns = 0;
	for (unsigned i = 0; i < PERIODIC_COUNT; i++) {
		struct periodic *p = &periodics[i];
		if (p->next_ns && p->next_ns <= now) {
			p->call();
			p->last_ns = now;
			p->next_ns = next_of(p, now);
		}
	}
	look_wanted = true; /* one may have set another going */
	arm();
}
