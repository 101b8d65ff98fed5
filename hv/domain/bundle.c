/* SPDX-License-Identifier: MIT */
/* See bundle.h. What a bundle says is a build product's word, not a friend's: each field is judged before it is used.
 * */
#include "hv/bundle.h"

#include <stdbool.h>
#include <stddef.h>

#include "abi/errno.h"
#include "abi/hypercall.h"
#include "base/crc32.h"
#include "base/string.h"

#define MIB (1ull << 20)

static bool text_ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static const char *check_frame(const struct bundle_header *h, size_t bytes)
{
	const uint32_t zero = 0;
	if (h->magic != BUNDLE_MAGIC) {
		return "it does not start with the bundle's magic number";
	}
	if (h->version != BUNDLE_VERSION || h->header_size != sizeof(*h)) {
		return "it is of another version";
	}
	if (h->total_size > bytes || h->total_size < sizeof(*h)) {
		return "it is cut off";
	}
	uint32_t crc = crc32_update(0, h, offsetof(struct bundle_header, crc32));
	crc = crc32_update(crc, &zero, sizeof(zero));
	size_t rest = offsetof(struct bundle_header, crc32) + sizeof(zero);
	if (crc32_update(crc, (const char *)h + rest, sizeof(*h) - rest) != h->crc32) {
		return "its header is damaged (checksum)";
	}
	if (h->domain_count == 0 || h->domain_count > BUNDLE_MAX_DOMAINS || h->link_count > BUNDLE_MAX_LINKS ||
	    h->image_count > BUNDLE_MAX_IMAGES) {
		return "it counts more domains, links or images than there can be";
	}
	return NULL;
}

static const char *check_image(const struct bundle_header *h, unsigned index)
{
	const struct bundle_image *image = &h->images[index];
	if (!text_ends(image->name, sizeof(image->name))) {
		return "an image's name has no end";
	}
	if (image->offset % 4096 != 0 || image->offset < sizeof(*h) || image->size > h->total_size ||
	    image->offset > h->total_size - image->size) {
		return "an image lies outside it";
	}
	for (unsigned i = 0; i < index; i++) {
		const struct bundle_image *other = &h->images[i];
		if (image->size && other->size && image->offset < other->offset + other->size &&
		    other->offset < image->offset + image->size) {
			return "two images overlap";
		}
	}
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct bundle_segment *s = &image->segments[i];
		if (i == BUNDLE_MAX_SEGMENTS || s->bytes > image->size || s->offset > image->size - s->bytes || s->bytes > s->memory) {
			return "an image's segment lies outside it";
		}
	}
	if (crc32_update(0, (const char *)h + image->offset, image->size) != image->crc32) {
		return "an image is damaged (checksum)";
	}
	return NULL;
}

static const char *check_domain(const struct bundle_header *h, unsigned index)
{
	const struct bundle_domain *d = &h->domains[index];
	if (!text_ends(d->name, sizeof(d->name)) || d->name[0] == '\0' || !text_ends(d->cmdline, sizeof(d->cmdline))) {
		return "a domain's name or command line is malformed";
	}
	for (unsigned i = 0; i < index; i++) {
		if (strcmp(d->name, h->domains[i].name) == 0) {
			return "two domains have the same name";
		}
	}
	if (d->image >= h->image_count || (d->module != UINT32_MAX && d->module >= h->image_count)) {
		return "a domain names an image that is not there";
	}
	if (h->images[d->image].segment_count == 0) {
		return "a domain's image cannot be booted";
	}
	if (d->memory == 0 || d->memory % MIB != 0 || d->memory > 1ull << 37) {
		return "a domain's memory is not between 1 MiB and 128 GiB, or not whole MiB";
	}
	if (d->vcpus == 0 || d->vcpus > BH_MAX_VCPUS || d->device_count > BH_MAX_DEVICES || d->cpu_mask == 0 ||
	    d->priority > 255 || d->budget_us > d->period_us) {
		return "a domain's processors, devices, priority or budget are out of range";
	}
	for (unsigned i = 0; i < d->device_count; i++) {
		uint32_t kind = d->devices[i].kind;
		if (kind != BUNDLE_DEV_ADDRESS && kind != BUNDLE_DEV_CLASS) {
			return "a domain's device is of an unknown kind";
		}
	}
	return NULL;
}

static const char *check_links(const struct bundle_header *h)
{
	unsigned ends[BUNDLE_MAX_DOMAINS] = { 0 };
	for (unsigned i = 0; i < h->link_count; i++) {
		const struct bundle_link *l = &h->links[i];
		if (l->front >= h->domain_count || l->back >= h->domain_count || l->front == l->back) {
			return "a link's ends are not two of its domains";
		}
		if (h->domains[l->back].vcpus != 1) {
			return "a link's back end has more than one vCPU";
		}
		if (++ends[l->front] > BH_MAX_LINKS || ++ends[l->back] > BH_MAX_LINKS) {
			return "a domain has too many links";
		}
	}
	return NULL;
}

static const char *check_main(const struct bundle_header *h)
{
	unsigned mains = 0;
	for (unsigned i = 0; i < h->domain_count; i++) {
		mains += h->domains[i].flags & BUNDLE_MAIN ? 1 : 0;
	}
	return mains == 1 ? NULL : "not exactly one domain is the main one";
}

int bundle_check(const void *bundle, size_t bytes, const char **why)
{
	const struct bundle_header *h = bundle;
	*why = bytes < sizeof(*h) ? "it is shorter than its header" : check_frame(h, bytes);
	for (unsigned i = 0; !*why && i < h->image_count; i++) {
		*why = check_image(h, i);
	}
	for (unsigned i = 0; !*why && i < h->domain_count; i++) {
		*why = check_domain(h, i);
	}
	if (!*why) {
		*why = check_links(h);
	}
	if (!*why) {
		*why = check_main(h);
	}
	return *why ? -EINVAL : 0;
}
