#include "losses/targets_internal.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

/* -- Checks -- */

static bool is_without_classes(gr_shape target, gr_shape x) {
    if (x.ndim < 2 || target.ndim != x.ndim - 1) return false;
    for (int i = 0; i < target.ndim; i++)
        if (target.dim[i] != x.dim[i == 0 ? 0 : i + 1]) return false;
    return true;
}

static bool check_classes(const gr_loss_info *row, const gr_tensor *target, int classes,
                          int ignore_index) {
    int64_t i = gr_first_outside(target, classes, &ignore_index);
    if (i < 0) return true;
    return gr_fail(target->graph, "gr_%s: %s has %d at %s, expected 0 to %d", row->name,
                   gr_describe(target, "target").text, target->index[i],
                   gr_place_text(target->shape, i).text, classes - 1);
}

bool gr_loss_check_target(const gr_loss_info *row, const gr_tensor *x, const char *x_name,
                          const gr_tensor *target, int ignore_index) {
    if (!is_without_classes(target->shape, x->shape))
        return gr_loss_shape_error(
            row, x, x_name, target, "target",
            "expected (N,C) and class indices (N), or (N,C,d1..) and (N,d1..)");
    return check_classes(row, target, x->shape.dim[1], ignore_index);
}

bool gr_loss_check_per_class(const gr_loss_info *row, const gr_tensor *x, const char *x_name,
                             const gr_tensor *t, const char *name) {
    if (t == NULL) return true;
    if (!gr_loss_check_optional(row, t, name)) return false;
    if (t->shape.ndim == 1 && t->shape.dim[0] == x->shape.dim[1]) return true;
    return gr_loss_shape_error(row, t, name, x, x_name, "expected one number for each class, (C)");
}

/* -- Targets -- */

gr_targets gr_targets_of(gr_tensor *target, int ignore_index) {
    gr_targets t = {.index = target, .count = 0};
    for (int64_t i = 0; i < target->size; i++) t.count += target->index[i] != ignore_index;
    if (t.count == target->size) return t;
    t.index = gr_from_index(target->graph, target->shape, target->index);
    t.mask = gr_full(target->graph, target->shape, 1);
    if (t.index == NULL || t.mask == NULL) return (gr_targets){.index = NULL};
    for (int64_t i = 0; i < target->size; i++)
        if (t.index->index[i] == ignore_index) t.index->index[i] = 0, t.mask->data[i] = 0;
    return t;
}

gr_tensor *gr_at_target(gr_tensor *x, gr_tensor *index) {
    return gr_squeeze(gr_gather(x, 1, gr_unsqueeze(index, 1)), 1);
}

gr_tensor *gr_weight_of_target(gr_tensor *per_class, const gr_targets *t) {
    if (per_class == NULL) return t->mask;
    gr_tensor *flat = gr_reshape(t->index, GR_SHAPE(-1));
    gr_tensor *weights = gr_reshape(gr_gather(per_class, 0, flat), t->index->shape);
    return t->mask == NULL ? weights : gr_mul_or_zero(weights, t->mask);
}

gr_tensor *gr_along_classes(gr_tensor *per_class, const gr_tensor *x) {
    gr_shape shape = {.ndim = x->shape.ndim - 1, .dim = {x->shape.dim[1], 1, 1, 1, 1}};
    return gr_reshape(per_class, shape);
}

gr_tensor *gr_reduce_targets(const gr_loss_info *row, gr_tensor *elements, gr_tensor *weights,
                             gr_reduction reduction) {
    if (reduction != GR_MEAN || weights == NULL || elements == NULL)
        return gr_loss_reduce(row, elements, NULL, reduction);
    gr_tensor *total = gr_sum(weights);
    if (total == NULL) return NULL;
    gr_graph *g = total->graph;
    gr_tensor *zero = gr_scalar(g, 0), *nothing = gr_eq(total, zero);
    gr_tensor *mean = gr_div(gr_sum(elements), gr_where(nothing, gr_scalar(g, 1), total));
    return gr_where(nothing, zero, mean);
}
