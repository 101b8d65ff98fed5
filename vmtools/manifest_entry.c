/* SPDX-License-Identifier: MIT */
/*
 * The entries of a manifest: domains and images found by their names, images added, errors noted.
 * An image that several domains name is in the table, and later in the bundle, once.
 */
#include "manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/string.h"

void manifest_error(struct manifest *m, unsigned line, const char *format, ...)
{
	char what[512], text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (line) {
		snprintf(text, sizeof(text), "%s:%u: %s", m->file, line, what);
	} else {
		snprintf(text, sizeof(text), "%s: %s", m->file, what);
	}
	m->error_count++;
	m->report(m->report_to, text);
}

struct bundle_domain *manifest_domain(struct manifest *m, const char *name)
{
	for (uint32_t i = 0; i < m->header.domain_count; i++) {
		if (strcmp(m->header.domains[i].name, name) == 0) {
			return &m->header.domains[i];
		}
	}
	return NULL;
}

struct bundle_domain *manifest_main(struct manifest *m)
{
	for (uint32_t i = 0; i < m->header.domain_count; i++) {
		if (m->header.domains[i].flags & BUNDLE_MAIN) {
			return &m->header.domains[i];
		}
	}
	return NULL;
}

int manifest_image(struct manifest *m, const char *path, unsigned line, uint32_t domain)
{
	for (uint32_t i = 0; i < m->header.image_count; i++) {
		if (strcmp(m->images[i].path, path) == 0) {
			return (int)i;
		}
	}
	if (m->header.image_count == BUNDLE_MAX_IMAGES) {
		return -ENOSPC;
	}
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	if (strlen(path) >= MANIFEST_PATH_MAX || strlen(name) >= sizeof(m->header.images[0].name)) {
		return -ENAMETOOLONG;
	}
	uint32_t index = m->header.image_count++;
	string_copy(m->images[index].path, path, MANIFEST_PATH_MAX);
	string_copy(m->header.images[index].name, name, sizeof(m->header.images[index].name));
	m->images[index].line = line;
	m->images[index].domain = domain;
	return (int)index;
}

int manifest_set_module(struct manifest *m, struct bundle_domain *domain, const char *path)
{
	int index = manifest_image(m, path, 0, (uint32_t)(domain - m->header.domains));
	if (index < 0) {
		return index;
	}
	domain->module = (uint32_t)index;
	return 0;
}
