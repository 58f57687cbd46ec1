/* What operations along one axis share. */
#ifndef GR_AXIS_INTERNAL_H
#define GR_AXIS_INTERNAL_H

#include "core/ops/reduce.h"

/* Counts *axis from 0; false after an error. A NULL tensor is left for gr_apply to complain of. */
static inline bool gr_resolve_axis(const gr_tensor *x, int *axis, const char *who) {
    if (x == NULL) return true;
    *axis = gr_axis(x, *axis, who);
    return *axis >= 0;
}

/* The product of dimensions begin ... end-1. */
static inline int64_t gr_dims_product(gr_shape s, int begin, int end) {
    int64_t product = 1;
    for (int i = begin; i < end; i++) product *= s.dim[i];
    return product;
}

/* Number of places before the axis, and after it. */
static inline int64_t gr_outer_size(gr_shape s, int axis) { return gr_dims_product(s, 0, axis); }
static inline int64_t gr_inner_size(gr_shape s, int axis) {
    return gr_dims_product(s, axis + 1, s.ndim);
}

#endif
