/* What the optimizers share. */
#ifndef GR_OPTIMIZER_INTERNAL_H
#define GR_OPTIMIZER_INTERNAL_H

#include "optim/optimizer.h"

#pragma GCC visibility push(hidden)

/* Whether x is finite and not negative, as learning rates and their like must be. */
bool gr_is_rate(double x);

#pragma GCC visibility pop

#endif
