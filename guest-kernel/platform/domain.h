/* SPDX-License-Identifier: MIT */
/* The writable part of the domain page. */
#ifndef PLATFORM_DOMAIN_H
#define PLATFORM_DOMAIN_H

#include "abi/hypercall.h"

extern struct bh_event_page *event_page; /* NULL on the bare machine */

#endif
