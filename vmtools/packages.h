/* SPDX-License-Identifier: MIT */
/*
 * Root images out of Debian's packages. apt, in a state directory of its own, resolves a list with its dependencies as if nothing were
 * installed, and fetches and verifies the packages; packages-unpack makes an image of them. Lists, packages and images are cached below
 * $XDG_CACHE_HOME/bulkhead (else ~/.cache/bulkhead), so that a second image needs no network, and the same image again no work.
 * docs/packages.md says what is in such a root.
 */
#ifndef VMTOOLS_PACKAGES_H
#define VMTOOLS_PACKAGES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKAGES_MAX 128 /* names in a list */
#define PACKAGES_WHY 300
#define PACKAGES_FREE (256ull << 20) /* bytes free in an image, where no size is asked for */

struct packages {
	const char *mirror; /* URI of a Debian archive; NULL: what the host's apt uses, else Debian's */
	uint64_t size; /* bytes of the image; 0: what is needed */
	bool update; /* fetch the archive's lists though there are some */
	bool set_up; /* run the scripts that were not understood */
	char names[PACKAGES_MAX][80]; /* sorted, each once */
	unsigned count;
	char cache[512], apt[600]; /* the cache directory, and apt's below it */
};

/** Take a list "bash,coreutils" of names as apt-get knows them ("name", "name=version"). 0, or -EINVAL with what would have been right. */
int packages_parse(struct packages *p, const char *list, const char **why);
/** A number that names the image of this list made by this `maker` (a checksum of the programs) from lists fetched at `stamp`. */
uint64_t packages_key(const struct packages *p, uint32_t maker, uint64_t stamp);
/** Path of the image of p->names in `image`, made if it is not in the cache; `scratch` is an empty directory. 0 or a vmctl status. */
int packages_image(struct packages *p, const char *scratch, char *image, size_t size);

/* packages_apt.c */

/** apt's own directory below p->cache, with the archive's lists in it. 0 or a vmctl status. */
int packages_apt_open(struct packages *p);
/** The checksum goes on with the names of the packages that are in every root. */
uint32_t packages_apt_sum(uint32_t sum);
/** When the lists were fetched, in ns; 0: never. */
uint64_t packages_apt_stamp(const struct packages *p);
/** Resolve, fetch and verify p->names and what they need, and write the paths of the packages to `list`, a line each. 0 or a vmctl status. */
int packages_apt_fetch(struct packages *p, const char *list);

/** Keep in why[PACKAGES_WHY] the first line that tells why a program failed, or else its last one. */
void packages_note(char *why, const char *line);
/** One sentence on stderr for such a line, with what to do. A vmctl status. */
int packages_explain(const struct packages *p, const char *why);

/* packages_set_up.c */

/** What "dpkg --configure -a" does, in a machine that boots the image. 0 or a vmctl status. */
int packages_set_up(const char *image);

/* packages.c */

/** For who watches: a line, which on a terminal the next one replaces. */
void packages_progress(const char *text);

#endif
