/* Operations that choose elements by integer indices.
 *
 * An index outside the axis is an error that names its value and place; nothing is computed then.
 * Indices carry no gradient; the gradient of what is chosen goes to where it was chosen from.
 */
#ifndef GR_INDEX_H
#define GR_INDEX_H

#include "core/graph/op.h"

/* y[i][j] = x[index[i][j]][j] for axis 0, x[i][index[i][j]] for axis 1, and so on: index has as
 * many dimensions as x, none but the axis' longer than x's. y has index's shape. (PyTorch's
 * gather.) */
gr_tensor *gr_gather(gr_tensor *x, int axis, gr_tensor *index);
/* The reverse: a copy of x in which each source element is added where gather would have read it;
 * source has index's shape. */
gr_tensor *gr_scatter_add(gr_tensor *x, int axis, gr_tensor *index, gr_tensor *source);
/* Whole slices of an axis, in the order of `index` (K), which may repeat: (N,D) to (K,D) for
 * axis 0. x may hold integers. */
gr_tensor *gr_index_select(gr_tensor *x, int axis, gr_tensor *index);
/* (N,..) class indices to (N,..,classes) of 0 and 1, classes >= 1. No gradient. */
gr_tensor *gr_one_hot(gr_tensor *index, int classes);

typedef struct gr_sort_args {
    gr_tensor *x;
    int axis;
    bool descending;
    gr_tensor *
        *indices; /* if not NULL: receives the integers with which gr_gather gives the result */
} gr_sort_args;
/* Sorted along an axis, ascending by default, equal elements in their order, NaN last (first if
 * descending); axis = -1 unless given. */
#define gr_sort(...) gr_sort_((gr_sort_args){.axis = -1, .x = __VA_ARGS__})
gr_tensor *gr_sort_(gr_sort_args args);
/* The indices alone: no gradient. */
gr_tensor *gr_argsort(gr_tensor *x, int axis, bool descending);

typedef struct gr_topk_args {
    gr_tensor *x;
    int k;
    int axis;
    bool smallest;
    gr_tensor **indices;
} gr_topk_args;
/* The k largest (smallest) along an axis, the most extreme first: gr_topk(x, 5, .axis = 0). k from
 * 0 to the axis' length; axis = -1 unless given. */
#define gr_topk(...) gr_topk_((gr_topk_args){.axis = -1, .x = __VA_ARGS__})
gr_tensor *gr_topk_(gr_topk_args args);

#endif
