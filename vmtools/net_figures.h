/* SPDX-License-Identifier: MIT */
/* The table of `vmctl bench net`: operations a second, their ratios, exits a packet and instructions an operation. */
#ifndef VMTOOLS_NET_FIGURES_H
#define VMTOOLS_NET_FIGURES_H

#include "figures.h"

void net_figures_table(struct figures *figures, FILE *out);

#endif
