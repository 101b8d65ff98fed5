/* SPDX-License-Identifier: MIT */
/*
 * The recording memory. Files named in RECORD_name (tests/tests.mk) are the real ones, compiled unedited with the
 * compiler's thread-sanitizer instrumentation, whose calls end here and not in the sanitizer: so every load and store
 * of theirs is seen, in order, and the model can act between any two of them. It can also be made to go wrong: a
 * store that is dropped, late, torn or preceded by zero shows whether the model would notice.
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_verdict {
	RECORD_KEEP,
	RECORD_DROP, /* it does not take place */
	RECORD_LATE, /* it takes place after the next atomic store, or when settled */
	RECORD_LAST, /* it takes place when settled */
	RECORD_TORN, /* of 8 bytes: its low half, then its high half */
	RECORD_CLEARED, /* zero first */
};

struct record_hooks {
	void (*moment)(const void *at); /* before each atomic access or fence (NULL) */
	void (*loading)(const void *at); /* before each other load of watched memory */
	void (*stored)(const void *at, unsigned bytes); /* after each store to watched memory */
	enum record_verdict (*judge)(const void *at, uint64_t value, unsigned bytes); /* of an atomic store to watched memory */
};

extern struct record_hooks record_hooks; /* any of them may be NULL */

/** Memory whose plain stores count. */
void record_watch(const void *start, size_t bytes);
/** Forget what is watched, and the hooks. */
void record_reset(void);
/** The newest plain store is reported no later than here; and so is a late one. */
void record_settle(void);

#endif
