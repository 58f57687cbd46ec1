/* How a tensor is walked when some of its axes are reduced. */
#ifndef GR_REDUCTION_INTERNAL_H
#define GR_REDUCTION_INTERNAL_H

#include "core/graph/graph_internal.h"

#pragma GCC visibility push(hidden)

/* Sets of axes are bits: axis i is 1 << i. */

/* x's dimensions without those of 1, with neighbours merged that are both kept or both reduced. The
 * innermost one stands apart: it is folded along if it is reduced, else rows fold onto rows. */
typedef struct gr_reduction {
    bool across;           /* the innermost dimension is kept */
    int64_t length;        /* of the innermost dimension */
    int64_t kept, reduced; /* products of the other dimensions */
    int n_kept, n_reduced;
    int64_t kept_dim[GR_MAX_DIMS], kept_stride[GR_MAX_DIMS]; /* the fastest first */
    int64_t reduced_dim[GR_MAX_DIMS], reduced_stride[GR_MAX_DIMS];
} gr_reduction;
gr_reduction gr_reduction_plan(gr_shape shape, unsigned reduced);

/* Turns the states of n results into elements; y holds what `m` of the fold held, if that was y. */
typedef void gr_fold_finish(int64_t n, const double *acc, double parameter, gr_real *y);

/* y = finish(fold of x over the plan's reduced axes). The pieces into which the work is cut and the
 * order in which they are joined depend on the sizes only. m, one for each result, may be NULL, or
 * y itself. */
void gr_reduction_run(const gr_graph *g, const gr_reduction *plan, const gr_fold *fold,
                      const gr_real *x, const gr_real *m, gr_fold_finish *finish, double parameter,
                      gr_real *y);

/* x as (outer, n, inner), n the axis, or the neighbouring axes, of the set. */
typedef struct gr_axis_view {
    int64_t outer, n, inner;
} gr_axis_view;
/* False if kept axes lie between those of the set. */
bool gr_axis_view_of(gr_shape shape, unsigned axes, gr_axis_view *view);

#pragma GCC visibility pop

#endif
