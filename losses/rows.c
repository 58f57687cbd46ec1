#include "losses/rows_internal.h"

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/vectors_internal.h"

#include <float.h>
#include <math.h>

/* -- Checks -- */

bool gr_rows_check(const gr_loss_info *row, gr_list x, int ndim) {
    const gr_tensor *first = x.items[0];
    if (first->shape.ndim < 1 || (ndim > 0 && first->shape.ndim != ndim))
        return gr_fail(first->graph, "gr_%s: %s, expected %s", row->name,
                       gr_describe(first, row->operands[0].name).text, row->operands[0].shape);
    for (int i = 1; i < x.n; i++)
        if (!gr_shape_equal(x.items[i]->shape, first->shape))
            return gr_loss_shape_error(row, first, row->operands[0].name, x.items[i],
                                       row->operands[i].name, "expected equal shapes");
    return true;
}

bool gr_rows_check_target(const gr_loss_info *row, const gr_tensor *x, const gr_tensor *target,
                          int i) {
    gr_shape expected = x->shape;
    expected.ndim--;
    if (gr_shape_equal(target->shape, expected)) return true;
    return gr_loss_shape_error(row, x, row->operands[0].name, target, row->operands[i].name,
                               "expected one target for each vector");
}

/* -- Vectors -- */

static const double LARGEST = sizeof(gr_real) == sizeof(float) ? FLT_MAX : DBL_MAX;

bool gr_rows_within(const gr_tensor *t, double low, double high) {
    int within = 1;
    for (int64_t i = 0; i < t->size; i++) {
        double x = (double)t->data[i];
        within &= (x >= low) & (x <= high);
    }
    return within;
}

gr_tensor *gr_rows_distances(gr_tensor *a, gr_list others, double shift) {
    gr_tensor *all = gr_vector_distances(a, others, shift);
    if (all == NULL) return NULL;
    return gr_rows_within(all, 1 / sqrt(LARGEST), sqrt(LARGEST)) ? all : NULL;
}

gr_tensor *gr_rows_difference(gr_tensor *a, gr_tensor *b) {
    gr_tensor *d = gr_sub(a, b);
    if (d == NULL) return NULL;
    int beyond = 0;
    for (int64_t i = 0; i < d->size; i++) beyond |= d->data[i] > LARGEST || d->data[i] < -LARGEST;
    return beyond ? gr_clamp(d, -LARGEST, LARGEST) : d;
}

gr_tensor *gr_rows_dot(gr_tensor *a, gr_tensor *b) {
    return gr_sum(gr_mul(a, b), .axes = GR_AXES(-1));
}

static gr_tensor *lengths(gr_tensor *x) { return gr_norm(x, .axes = GR_AXES(-1), .keepdim = true); }

/* The direction does not depend on the size, so that dividing by the largest element, taken as a
 * constant, changes neither the result nor its gradient. */
gr_tensor *gr_unit_rows(gr_tensor *x) {
    gr_tensor *length = lengths(x);
    if (length == NULL) return NULL;
    if (gr_rows_within(length, 1 / sqrt(LARGEST), sqrt(LARGEST))) return gr_div(x, length);
    gr_tensor *zero = gr_scalar(x->graph, 0), *one = gr_scalar(x->graph, 1);
    gr_tensor *largest = gr_detach(gr_max(gr_abs(x), .axes = GR_AXES(-1), .keepdim = true));
    gr_tensor *is_0 = gr_eq(largest, zero);
    gr_tensor *scaled = gr_div(gr_where(is_0, zero, x), gr_where(is_0, one, largest));
    return gr_div(scaled, gr_where(is_0, one, lengths(scaled)));
}
