/* SPDX-License-Identifier: MIT */
/* Joins a network device and a link: the offer, events, and the back end's work before each wait. */
#include "abi/virtio.h"
#include "env/env.h"
#include "net_backend.h"
#include "runtime.h"

static struct net_backend backend;
static unsigned backend_slot;
static bool link_news; /* the device's link changed: the front end reads so in a new offer */

static void serve_signal(void *arg)
{
	events_signal(BH_EVENT_LINK + backend_slot);
}

static void serve_offer(void)
{
	struct bh_link_offer offer;
	link_news = false;
	net_backend_offer(&backend, &offer);
	hypercall_must("link_offer", hypercall(BH_HC_LINK_OFFER, backend_slot, (uintptr_t)&offer, 0, 0));
}

static void serve_link_changed(void *user)
{
	link_news = true;
}

static void serve_rung(void *arg)
{
	net_backend_rung(&backend);
}

static bool serve_work(void *arg, uint64_t *until)
{
	if (link_news) {
		serve_offer();
	}
	return net_backend_work(&backend, until);
}

static unsigned net_slot(void)
{
	unsigned slot = 0;
	while (slot < BH_MAX_LINKS && !(domain_page->links[slot].role == BH_LINK_BACK && domain_page->links[slot].kind == VIRTIO_ID_NET)) {
		slot++;
	}
	return slot;
}

void serve_net(struct netdev *dev, uint32_t data_access)
{
	backend_slot = net_slot();
	if (backend_slot < BH_MAX_LINKS) {
		if (net_backend_init(&backend, &domain_page->links[backend_slot], dev, data_access, serve_signal, NULL)) {
			domain_panic("no memory for a back end");
		}
		dev->link_changed = serve_link_changed;
		serve_offer();
		events_handler(BH_EVENT_LINK + backend_slot, serve_rung, NULL);
		events_before_wait(serve_work, NULL);
	} else {
		env_log("no link wants a network device");
	}
	hypercall_must("alive", hypercall(BH_HC_POWER, BH_POWER_ALIVE, 0, 0, 0));
}
