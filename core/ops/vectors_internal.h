/* Sums over vectors in one pass, for losses: they lie along the last axis of (..,D). */
#ifndef GR_VECTORS_INTERNAL_H
#define GR_VECTORS_INTERNAL_H

#include "core/graph/op.h"

#pragma GCC visibility push(hidden)

/* Sums beyond the largest number, of either sign, are given as that number, so that whether these
 * functions do for the vectors at hand can be seen from the result, without an infinity in the
 * graph. */

/* a.b, a.a and b.b of each pair: (3,..). a and b have one shape. */
gr_tensor *gr_vector_products(gr_tensor *a, gr_tensor *b);
/* |d|^2 and |d| of each d = a - b + shift for one b or two, all of a's shape: (2,..), or (4,..)
 * with the second b's last. The gradient is for |d| > 0. */
gr_tensor *gr_vector_distances(gr_tensor *a, gr_list others, double shift);

#pragma GCC visibility pop

#endif
