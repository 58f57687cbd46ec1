/* The sums by which two masks are compared, in one pass. */
#ifndef GR_OVERLAP_SUMS_H
#define GR_OVERLAP_SUMS_H

#include "core/graph/op.h"

/* sum a b, sum a and sum b over all but the first `kept` dimensions of a and b, which have one
 * shape: (3,K..) of (K..,d1..). */
gr_tensor *gr_overlap_sums(gr_tensor *a, gr_tensor *b, int kept);

#endif
