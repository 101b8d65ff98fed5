/* SPDX-License-Identifier: MIT */
/* See capsule.h: a capsule's header and parts, from a machine's memory. */
#include "capsule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "machine.h"

#define CAPSULE_MAX (256ull << 20)

static bool is_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	for (size_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~') {
			return false;
		}
	}
	return length < size;
}

const char *capsule_header_check(const struct bh_capsule *h)
{
	if (h->magic != BH_CAPSULE_MAGIC) {
		return "there is no capsule (or it was just being written)";
	}
	if (h->version != BH_CAPSULE_VERSION || h->header_size != sizeof(*h)) {
		return "the capsule is of another version";
	}
	if (h->bytes > CAPSULE_MAX || h->part_count > BH_CAPSULE_PARTS || h->vcpu_count > BH_MAX_VCPUS || h->tsc_khz == 0 ||
	    !is_text(h->domain, sizeof(h->domain)) || !is_text(h->cause, sizeof(h->cause)) || !is_text(h->reason, sizeof(h->reason))) {
		return "the capsule's header is broken";
	}
	for (uint32_t i = 0; i < h->part_count; i++) {
		const struct bh_capsule_part *part = &h->parts[i];
		if (part->bytes > h->bytes || part->offset > h->bytes - part->bytes || part->offset < sizeof(*h) ||
		    part->gpa > UINT64_MAX - part->bytes) {
			return "the capsule's parts are broken";
		}
	}
	return NULL;
}

void capsule_free(struct capsule *c)
{
	for (uint32_t i = 0; i < BH_CAPSULE_PARTS; i++) {
		free(c->parts[i]);
		c->parts[i] = NULL;
	}
}

static int read_parts(struct capsule *c, struct machine *machine, uint64_t at, const char **why)
{
	*why = "the machine's memory cannot be read";
	for (uint32_t i = 0; i < c->header.part_count; i++) {
		const struct bh_capsule_part *part = &c->header.parts[i];
		c->parts[i] = malloc(part->bytes ? part->bytes : 1);
		if (!c->parts[i]) {
			return -ENOMEM;
		}
		if (machine->kind->peek(machine, at + part->offset, c->parts[i], part->bytes) != 0) {
			return -EIO;
		}
	}
	return 0;
}

/* It may be overwritten by the domain's next death while it is read: the header's second reading tells. */
int capsule_fetch(struct capsule *c, struct machine *machine, const char *pairs, const char **why)
{
	char value[24];
	static struct bh_capsule again;
	memset(c, 0, sizeof(*c));
	if (!machine->kind->peek || !control_value(pairs, "at", value, sizeof(value))) {
		*why = "this machine's memory cannot be read from outside";
		return -ENOTSUP;
	}
	uint64_t at = strtoull(value, NULL, 10);
	if (machine->kind->peek(machine, at, &c->header, sizeof(c->header)) != 0) {
		*why = "the machine's memory cannot be read";
		return -EIO;
	}
	*why = capsule_header_check(&c->header);
	int error = *why ? -EBADMSG : read_parts(c, machine, at, why);
	if (!error && (machine->kind->peek(machine, at, &again, sizeof(again)) != 0 || memcmp(&again, &c->header, sizeof(again)) != 0)) {
		*why = "the domain died again while its capsule was read";
		error = -EAGAIN;
	}
	if (error) {
		capsule_free(c);
	}
	return error;
}

bool capsule_at(const struct capsule *c, uint64_t gpa, void *to, size_t bytes)
{
	for (uint32_t i = 0; i < c->header.part_count; i++) {
		const struct bh_capsule_part *part = &c->header.parts[i];
		if (gpa >= part->gpa && bytes <= part->bytes && gpa - part->gpa <= part->bytes - bytes) {
			memcpy(to, c->parts[i] + (gpa - part->gpa), bytes);
			return true;
		}
	}
	return false;
}
