/* SPDX-License-Identifier: MIT */
/* See names.h. */
#include "tests/model/names.h"

#include <stdio.h>
#include <string.h>

#include "abi/errno.h"

#define LINKS_MOST 40u
#define STEPS_MOST 20000u /* of one question: then any answer is right */
#define TEXT_MOST 2048u

struct object objects[OBJECTS];
struct moment moments[MOMENTS];
uint64_t now;

struct question {
	uint64_t last;
	bool follow;
	int error;
	uint64_t key;
	unsigned steps;
};

static bool walk(struct question *q, unsigned at, uint64_t moment, const char *path, unsigned links);

struct moment *names_now(void)
{
	return &moments[now % MOMENTS];
}

struct moment *names_change(void)
{
	struct moment *next = &moments[(now + 1) % MOMENTS];
	*next = *names_now();
	return next;
}

void names_done(void)
{
	__atomic_store_n(&now, now + 1, __ATOMIC_RELEASE);
}

void names_reset(uint64_t root_key)
{
	memset(objects, 0, sizeof(objects));
	memset(moments, 0, sizeof(moments));
	now = 0;
	objects[1] = (struct object){ .kind = DIRECTORY, .key = root_key, .links = 1 };
	moments[0].parent[1] = 1;
}

/* Those with names or users, and all directories above them. */
static void mark_live(bool live[OBJECTS])
{
	memset(live, 0, OBJECTS);
	for (unsigned i = 1; i < OBJECTS; i++) {
		for (unsigned o = i; o && !live[o] && (live[i] || objects[i].links || objects[i].kept); o = names_now()->parent[o]) {
			live[o] = true;
		}
	}
}

unsigned object_make(enum kind kind, uint64_t key, const char *target)
{
	static unsigned next;
	bool live[OBJECTS];
	mark_live(live);
	for (unsigned tries = 0; tries < OBJECTS; tries++) {
		next = next + 1 < OBJECTS ? next + 1 : 1;
		struct object *o = &objects[next];
		if (!live[next]) {
			*o = (struct object){ .kind = kind, .key = key };
			snprintf(o->target, sizeof(o->target), "%s", target);
			return next;
		}
	}
	return 0;
}

unsigned objects_room(void)
{
	bool live[OBJECTS];
	unsigned room = 0;
	mark_live(live);
	for (unsigned i = 1; i < OBJECTS; i++) {
		room += !live[i];
	}
	return room;
}

static bool ends_so(const struct question *q, int error)
{
	return q->error == error;
}

/* At `object`, with `next` to go. A link is only here if it is not followed. */
static bool arrive(struct question *q, unsigned object, uint64_t moment, const char *next, bool slash, unsigned links)
{
	if (slash && objects[object].kind != DIRECTORY) {
		return ends_so(q, -ENOTDIR);
	}
	return walk(q, object, moment, next, links);
}

/* What covers the directory, and what covers that: each looked at later than the one before. */
static bool cross(struct question *q, unsigned object, uint64_t moment, const char *next, bool slash, unsigned links)
{
	unsigned seen = OBJECTS;
	for (; moment <= q->last; moment++) {
		unsigned root = moments[moment % MOMENTS].mounted[object];
		if (root == seen) {
			continue;
		}
		seen = root;
		if (root ? cross(q, root, moment, next, slash, links) : arrive(q, object, moment, next, slash, links)) {
			return true;
		}
	}
	return false;
}

static bool follow(struct question *q, unsigned at, unsigned link, uint64_t moment, const char *next, bool slash, unsigned links)
{
	char text[TEXT_MOST];
	const char *target = objects[link].target;
	if (links >= LINKS_MOST) {
		return ends_so(q, -ELOOP);
	}
	snprintf(text, sizeof(text), "%s%s%s", target, slash ? "/" : "", next);
	return walk(q, *target == '/' ? 1 : at, moment, text, links + 1);
}

static bool step_down(struct question *q, unsigned at, unsigned child, uint64_t moment, const char *next, bool slash, unsigned links)
{
	if (!child) {
		return ends_so(q, -ENOENT);
	}
	if (objects[child].kind == LINK && (slash || q->follow)) {
		return follow(q, at, child, moment, next, slash, links);
	}
	return cross(q, child, moment, next, slash, links);
}

static unsigned above(const struct moment *m, unsigned at)
{
	while (at != 1 && m->covers[at]) {
		at = m->covers[at];
	}
	return m->parent[at];
}

static bool step(struct question *q, unsigned at, uint64_t moment, const char *name, size_t length, const char *next, bool slash, unsigned links)
{
	bool up = length == 2 && name[0] == '.' && name[1] == '.';
	unsigned seen = OBJECTS;
	for (; moment <= q->last; moment++) {
		const struct moment *m = &moments[moment % MOMENTS];
		unsigned letter = (unsigned)(name[0] - 'a');
		unsigned found = up ? above(m, at) : length == 1 && letter < LETTERS ? m->child[at][letter] : 0;
		if (found == seen) {
			continue;
		}
		seen = found;
		if (up ? cross(q, found, moment, next, slash, links) : step_down(q, at, found, moment, next, slash, links)) {
			return true;
		}
	}
	return false;
}

static bool walk(struct question *q, unsigned at, uint64_t moment, const char *path, unsigned links)
{
	path += strspn(path, "/");
	if (q->steps++ > STEPS_MOST) {
		return true;
	}
	if (!*path) {
		return q->error == 0 && q->key == objects[at].key;
	}
	size_t length = strcspn(path, "/");
	const char *next = path + length;
	bool slash = *next == '/';
	if (objects[at].kind != DIRECTORY) {
		return ends_so(q, -ENOTDIR);
	}
	next += strspn(next, "/");
	if (length == 1 && *path == '.') {
		return arrive(q, at, moment, next, slash, links);
	}
	return step(q, at, moment, path, length, next, slash, links);
}

bool names_may_answer(uint64_t first, uint64_t last, unsigned from, const char *path, bool follow, int error, uint64_t key)
{
	struct question q = { .last = last, .follow = follow, .error = error, .key = key };
	if (last - first >= MOMENTS - 1) {
		return true; /* forgotten */
	}
	return *path ? walk(&q, *path == '/' ? 1 : from, first, path, 0) : error == -ENOENT;
}

/* The place of the last name; `links` left in it are followed if asked for. */
static struct place find(unsigned at, const char *path, bool follow, unsigned links)
{
	const struct moment *m = names_now();
	struct place p = { .object = at, .letter = -1 };
	at = *path == '/' ? 1 : at;
	for (path += strspn(path, "/"); *path;) {
		char text[TEXT_MOST];
		size_t length = strcspn(path, "/");
		const char *next = path + length + strspn(path + length, "/");
		bool dot = length == 1 && *path == '.', up = length == 2 && memcmp(path, "..", 2) == 0;
		unsigned letter = (unsigned)(*path - 'a');
		p = (struct place){ .parent = at, .letter = dot || up || length != 1 || letter >= LETTERS ? -1 : (int)letter, .slash = path[length] };
		if (objects[at].kind != DIRECTORY) {
			p.error = -ENOTDIR;
			return p;
		}
		unsigned found = dot ? at : up ? above(m, at) : p.letter < 0 ? 0 : m->child[at][letter];
		if (found && objects[found].kind == LINK && (*next || follow)) {
			if (links >= LINKS_MOST) {
				p.error = -ELOOP;
				return p;
			}
			snprintf(text, sizeof(text), "%s%s%s", objects[found].target, p.slash ? "/" : "", next);
			return find(at, text, follow, links + 1);
		}
		while (found && !dot && m->mounted[found]) {
			found = m->mounted[found];
		}
		if (!found && *next) {
			p.error = -ENOENT;
			return p;
		}
		p.object = at = found;
		path = next;
	}
	if (!p.parent) { /* the path was slashes, or empty */
		p.object = p.parent = at;
	}
	return p;
}

struct place names_find(unsigned from, const char *path, bool follow)
{
	return find(from, path, follow, 0);
}
