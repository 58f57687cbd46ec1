/* What operations over sets of axes share. A set is held as bits: axis i is 1 << i. */
#ifndef GR_REDUCE_INTERNAL_H
#define GR_REDUCE_INTERNAL_H

#include "core/ops/reduce.h"

#pragma GCC visibility push(hidden)

/* The named axes of x, all if none is named; false after an error naming `who`. The empty set for
 * NULL, which is for gr_apply to report. */
bool gr_axes_set(const gr_tensor *x, gr_axes axes, const char *who, unsigned *set);

/* factor sum x over all elements; the sum is not rounded before, so that it may overflow where the
 * result does not. */
gr_tensor *gr_sum_times(gr_tensor *x, double factor);

/* gr_softmax along a set that gr_axes_set gave. */
gr_tensor *gr_softmax_set(gr_tensor *x, unsigned axes);

#pragma GCC visibility pop

#endif
