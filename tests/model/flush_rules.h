/* SPDX-License-Identifier: MIT */
/* A grant is taken back while the back end's vCPUs run on other processors: the tests, whichever vendor's they are. */
#ifndef MODEL_FLUSH_RULES_H
#define MODEL_FLUSH_RULES_H

#include <stdbool.h>

struct domain;

extern struct domain *flush_back; /* the back end: two vCPUs, each on a processor of its own */
int flush_rules_start(void **state);
void no_order_leaves_a_stale_translation(void **state);
void a_narrowed_grant_is_taken_back_too(void **state);
void a_flag_that_is_not_set(void **state);
void a_flag_that_is_set_too_late(void **state);
void an_entry_that_is_not_told(void **state);
void tables_that_change_after_the_flush(void **state);
void a_flag_that_nobody_obeys(void **state);
void some_order_goes_stale(bool deaf); /* with whatever the caller did to the hardware, or with hardware that drops nothing */

#endif
