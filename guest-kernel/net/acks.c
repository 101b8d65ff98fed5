/* SPDX-License-Identifier: MIT */
/*
 * One ACK for a batch. lwIP acknowledges each second segment at once (RFC 9293, 3.8.6.3), by a frame of its own, and frames that are sent are
 * what an adapter costs most for. While an interface hands a batch up, lwIP's note that a segment was not acknowledged yet (TF_ACK_DELAY) is
 * taken away before each further one of the same connection, so that it is never the second; at the end of the batch, or
 * when another connection's turn comes, the ACK goes out. What lwIP has to answer at once, out of order or beyond the window, it does.
 *
 * A connection may be gone by the time its ACK is due: it is looked for in its list before it is touched.
 */
#include "net/internal.h"

#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "net/lwip/hooks.h"

static struct {
	bool holding; /* a batch is being handed up */
	struct tcp_pcb *pcb; /* the last one that got a segment in it; NULL: none */
	unsigned list; /* where it is, if it is still there */
	bool owed; /* a note of it was taken away */
} due;

static void ack_send(void)
{
	unsigned selected = tcp_lists_selected();
	if (due.owed && tcp_lists_have(due.list, due.pcb) && (due.pcb->flags & TF_ACK_DELAY)) {
		tcp_ack_now(due.pcb);
		tcp_output(due.pcb);
	}
	tcp_list_select(selected);
	due.pcb = NULL;
	due.owed = false;
}

int net_tcp_arrives(struct tcp_pcb *pcb, const struct pbuf *p)
{
	net_tcp_counts(pcb, p->tot_len);
	if (due.holding && pcb->state == ESTABLISHED && p->tot_len) {
		if (pcb != due.pcb) {
			ack_send();
			due.pcb = pcb;
			due.list = tcp_lists_selected();
		}
		if ((pcb->flags & TF_ACK_DELAY) && !pcb->refused_data) { /* else the segment may be dropped, and nothing noted again */
			tcp_clear_flags(pcb, TF_ACK_DELAY);
			due.owed = true;
		}
	}
	return ERR_OK;
}

void acks_hold(void)
{
	due.holding = true;
}

void acks_send(void)
{
	ack_send();
	due.holding = false;
}
