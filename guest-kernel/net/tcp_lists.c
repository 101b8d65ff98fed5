/* SPDX-License-Identifier: MIT */
/*
 * lwIP finds a connection by walking the list of all, and its timers walk it too. Here there are many such lists, by a keyed hash of a
 * connection's addresses and ports, and lwIP's two list heads (tcp_active_pcbs, tcp_tw_pcbs) are those of the one that was selected: before
 * each segment that arrives (net_tcp_input() stands in the place of tcp_input() for lwIP's IP), before whatever takes a connection from
 * its list or puts one there, and one after the other for the timers. Lists in which no connection waits for time are left out by these
 * until they are selected again. All under the net lock.
 */
#include "net/internal.h"
#include "net/net.h"

#include "kernel/random.h"
#include "net/lwip/hooks.h"
#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"

/* lwIP tells whether a timer has seen a connection by a counter of 8 bits that counts lists here: two rounds have to fit into it. */
#define LISTS 127u

static struct {
	struct tcp_pcb *active, *waiting; /* but of the one that is selected */
	bool awake; /* a connection may wait for time */
} lists[LISTS];
static unsigned selected;
static unsigned tick;
static uint64_t keys[4]; /* constant once set */

void tcp_lists_init(void)
{
	random_bytes(keys, sizeof(keys));
}

void tcp_list_select(unsigned which)
{
	if (which != selected) {
		lists[selected].active = tcp_active_pcbs;
		lists[selected].waiting = tcp_tw_pcbs;
		tcp_active_pcbs = lists[which].active;
		tcp_tw_pcbs = lists[which].waiting;
		selected = which;
	}
}

unsigned tcp_lists_selected(void)
{
	return selected;
}

bool tcp_lists_have(unsigned which, const struct tcp_pcb *pcb)
{
	tcp_list_select(which);
	const struct tcp_pcb *at = tcp_active_pcbs;
	while (at && at != pcb) {
		at = at->next;
	}
	return at != NULL;
}

static uint64_t address_word(const ip_addr_t *a)
{
	if (!IP_IS_V6_VAL(*a)) {
		return ip_2_ip4(a)->addr;
	}
	const u32_t *words = ip_2_ip6(a)->addr;
	return ((uint64_t)words[0] << 32 | words[1]) * 0x9e3779b97f4a7c15 + ((uint64_t)words[2] << 32 | words[3]);
}

static unsigned list_of(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
	uint64_t sum = (address_word(local) ^ keys[0]) * (keys[1] | 1);
	sum = (sum ^ address_word(remote) ^ sum >> 29) * (keys[2] | 1);
	sum = (sum ^ ((uint64_t)local_port << 16 | remote_port) ^ sum >> 31) * (keys[3] | 1);
	return (unsigned)((sum >> 32) % LISTS);
}

void net_tcp_select(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
	tcp_list_select(list_of(local, local_port, remote, remote_port));
	lists[selected].awake = true;
}

/*
 * RFC 1122, 4.2.2.13: a SYN whose number is beyond all that the connection before it used may open it anew. lwIP would reset a client that
 * comes again from the same port while this side waits in TIME-WAIT. In the selected list.
 */
static void time_wait_reopen(const struct tcp_hdr *header)
{
	u16_t local = lwip_ntohs(header->dest), remote = lwip_ntohs(header->src);
	if ((TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN) {
		return;
	}
	for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
		if (pcb->local_port == local && pcb->remote_port == remote && ip_addr_cmp(&pcb->local_ip, ip_current_dest_addr()) &&
		    ip_addr_cmp(&pcb->remote_ip, ip_current_src_addr())) {
			if (TCP_SEQ_GT(lwip_ntohl(header->seqno), pcb->rcv_nxt)) {
				tcp_abort(pcb); /* in this state without a word to the peer */
			}
			return;
		}
	}
}

void net_tcp_input(struct pbuf *p, struct netif *netif)
{
	const struct tcp_hdr *header = p->payload;
	if (p->len >= TCP_HLEN) {
		net_tcp_select(ip_current_dest_addr(), lwip_ntohs(header->dest), ip_current_src_addr(), lwip_ntohs(header->src));
		time_wait_reopen(header);
		if (TCPH_FLAGS(header) & TCP_URG) {
			net_tcp_urgent(ip_current_dest_addr(), ip_current_src_addr(), header);
		}
	}
	tcp_input(p, netif);
}

/* lwIP looks for those that are half open in the selected list only. */
void net_tcp_listener_ends(const struct tcp_pcb_listen *listener)
{
	for (unsigned i = 0; i < LISTS; i++) {
		tcp_list_select(i);
		for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
			pcb->listener = pcb->listener == listener ? NULL : pcb->listener;
		}
		for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
			pcb->listener = pcb->listener == listener ? NULL : pcb->listener;
		}
	}
}

void net_tcp_send_again(void)
{
	for (unsigned i = 0; i < LISTS; i++) {
		if (lists[i].awake) {
			tcp_list_select(i);
			tcp_txnow();
		}
	}
}

/* Does it wait for nothing but its peer or its program? */
static bool connection_rests(const struct tcp_pcb *pcb)
{
	return pcb->state == ESTABLISHED && !pcb->unsent && !pcb->unacked && !pcb->ooseq && !pcb->refused_data && !pcb->persist_backoff &&
	       !(pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND | TF_NAGLEMEMERR)) && !ip_get_option(pcb, SOF_KEEPALIVE);
}

static bool list_rests(void)
{
	if (tcp_tw_pcbs) {
		return false;
	}
	for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (!connection_rests(pcb)) {
			return false;
		}
	}
	return true;
}

unsigned tcp_lists_time_wait(void)
{
	unsigned count = 0;
	for (unsigned i = 0; i < LISTS; i++) {
		tcp_list_select(i);
		for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
			count++;
		}
	}
	return count;
}

bool tcp_lists_wait(void)
{
	for (unsigned i = 0; i < LISTS; i++) {
		if (lists[i].awake) {
			return true;
		}
	}
	return false;
}

/*
 * lwIP sends a segment whole or not at all; one that is larger than the window, because that has become smaller since, waits for the
 * persist timer to be split. It need not where the window is open a little. Nor is there to be an acknowledgement before one is tried again that
 * there was no memory for.
 */
static void segments_split(void)
{
	for (struct tcp_pcb *pcb = tcp_active_pcbs, *next; pcb; pcb = next) {
		next = pcb->next;
		u32_t window = LWIP_MIN(pcb->snd_wnd, 0xffffu);
		if (pcb->persist_backoff && window && pcb->unsent && !pcb->unacked && pcb->unsent->len > window &&
		    tcp_split_unsent_seg(pcb, (u16_t)window) == ERR_OK) {
			tcp_output(pcb);
		} else if (pcb->flags & TF_NAGLEMEMERR) {
			tcp_output(pcb);
		}
	}
}

/*
 * lwIP stops the persist timer when it sends, and its clock is sure that there is something to send while that timer runs. But the peer may acknowledge
 * late what was to be sent again into a window that has become smaller meanwhile, and nothing is left then.
 */
static void persist_end(void)
{
	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (!pcb->unsent || pcb->unacked) {
			pcb->persist_backoff = 0;
		}
	}
}

/* tcp_tmr() for all lists: its clock goes on once, whatever their number. */
void tcp_lists_tick(void)
{
	bool slow = ++tick & 1;
	u32_t now = tcp_ticks;
	for (unsigned i = 0; i < LISTS; i++) {
		if (!lists[i].awake) {
			continue;
		}
		tcp_list_select(i);
		tcp_fasttmr();
		if (slow) {
			tcp_ticks = now;
			persist_end();
			tcp_slowtmr();
		}
		segments_split();
		lists[i].awake = !list_rests();
	}
	tcp_ticks = now + slow;
}
