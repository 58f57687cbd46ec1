/* Nearest rows by Euclidean distance. */
#ifndef GR_NEIGHBOURS_INTERNAL_H
#define GR_NEIGHBOURS_INTERNAL_H

#include "core/graph/graph.h"

#pragma GCC visibility push(hidden)

/* To each of n rows of `width` numbers, whose squared distances are finite, the k < n others that
 * are nearest, the nearest first, of equally near ones the first: (n,k), of the step. By all n^2
 * distances. NULL after an error. */
const int32_t *gr_nearest_rows(gr_graph *g, const char *who, const gr_real *x, int n, int64_t width,
                               int k);

#pragma GCC visibility pop

#endif
