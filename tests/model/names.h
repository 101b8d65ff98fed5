/* SPDX-License-Identifier: MIT */
/*
 * A tree of names in plain arrays, with its history: each change makes one more moment. A walk along a path takes a step at a time, and
 * others change names between its steps; so its answer is right if there are moments, none before the last one's, at which each of its
 * steps was (POSIX, 4.13 "Pathname Resolution"). names_may_answer() looks for such moments.
 */
#ifndef TESTS_MODEL_NAMES_H
#define TESTS_MODEL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#define OBJECTS 160u
#define LETTERS 6u /* names are 'a', 'b', ... */
#define MOMENTS 512u
#define TARGET_MOST 32u

enum kind { NOTHING, PLAIN, DIRECTORY, LINK };

struct object { /* never changes while a moment knows it */
	enum kind kind;
	uint64_t key; /* what the kernel calls it */
	char target[TARGET_MOST];
	unsigned links, kept; /* names that it has; who keeps it otherwise */
};

/* Objects by number; 0: none. */
struct moment {
	uint8_t child[OBJECTS][LETTERS];
	uint8_t parent[OBJECTS]; /* of directories; the last one of those that are gone */
	uint8_t mounted[OBJECTS]; /* the root that covers it */
	uint8_t covers[OBJECTS]; /* what the root is mounted on */
};

extern struct object objects[OBJECTS];
extern uint64_t now; /* the moment that is; moments[now % MOMENTS] */
extern struct moment moments[MOMENTS];

/** Empty, but for a root: object 1. */
void names_reset(uint64_t root_key);
/** The moment to change; it is when names_done() says so. */
struct moment *names_change(void);
void names_done(void);
/** A new object without a name. 0: no room. */
unsigned object_make(enum kind kind, uint64_t key, const char *target);
unsigned objects_room(void); /* how many more there may be */
struct moment *names_now(void);

/* Where a path leads at this moment. */
struct place {
	int error; /* 0, or -E...: it leads to no object, not even an absent one */
	unsigned object; /* 0: the last name is absent */
	unsigned parent;
	int letter; /* the last name; -1: it is ".", ".." or the root */
	bool slash; /* at the end */
};
struct place names_find(unsigned from, const char *path, bool follow);
/** Is a walk between the moments `first` and `last` right that said this: `error`, or 0 and the object's key? */
bool names_may_answer(uint64_t first, uint64_t last, unsigned from, const char *path, bool follow, int error, uint64_t key);

#endif
