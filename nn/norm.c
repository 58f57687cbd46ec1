#include "nn/norm_internal.h"

#include "core/ops/normalize_internal.h"
#include "nn/activation_internal.h"
#include "nn/init.h"

#include <limits.h>
#include <math.h>

static bool check_eps(gr_graph *g, const char *who, double eps) {
    if (eps >= 0 && !isinf(eps)) return true;
    return gr_fail(g, "%s: eps is %g, expected 0 or more", who, eps);
}

/* weight 1 and bias 0, as far as they are wanted. */
static void add_affine(gr_module *m, gr_shape shape, bool affine, bool bias, gr_tensor **weights) {
    if (!affine) return;
    weights[0] = gr_init_constant(gr_add_parameter(m, "weight", shape), 1);
    if (bias) weights[1] = gr_add_parameter(m, "bias", shape);
}

/* -- Batch -- */

typedef struct batch_norm_layer {
    gr_module module;
    gr_tensor *weights[2];                                       /* weight and bias, or NULL */
    gr_tensor *running_mean, *running_var, *num_batches_tracked; /* or NULL */
    gr_batch_norm_layer_args a;
} batch_norm_layer;

static bool fits(const batch_norm_layer *l, const gr_tensor *x, int least, int most,
                 const char *expected) {
    const int n = x->shape.ndim;
    if (n >= least && n <= most && x->shape.dim[1] == l->a.features) return true;
    return gr_fail(x->graph, "%s: %s, expected %s with C = %d", l->module.type->name,
                   gr_describe(x, "x").text, expected, l->a.features);
}

static gr_tensor *batch_forward(batch_norm_layer *l, gr_tensor *x, bool relu) {
    bool training = l->module.training;
    double momentum = l->a.momentum;
    if (momentum == GR_CUMULATIVE)
        momentum = l->a.track_running_stats ? 1 / ((double)*l->num_batches_tracked->index + 1) : 0;
    gr_batch_norm_args a = {.x = x,
                            .weight = l->weights[0],
                            .bias = l->weights[1],
                            .running_mean = l->running_mean,
                            .running_var = l->running_var,
                            .training = training,
                            .momentum = momentum,
                            .eps = l->a.eps};
    gr_tensor *y = relu ? gr_batch_norm_relu(&a) : gr_batch_norm_(a);
    if (y != NULL && training && l->a.track_running_stats &&
        *l->num_batches_tracked->index < INT_MAX)
        ++*l->num_batches_tracked->index;
    return y;
}

static gr_tensor *batch_norm1d_forward(gr_module *m, gr_tensor *x) {
    batch_norm_layer *l = (batch_norm_layer *)m;
    return fits(l, x, 2, 3, "(N,C) or (N,C,L)") ? batch_forward(l, x, false) : NULL;
}

static bool fits_images(const batch_norm_layer *l, const gr_tensor *x) {
    return fits(l, x, 4, 4, "(N,C,H,W)");
}
static gr_tensor *batch_norm2d_forward(gr_module *m, gr_tensor *x) {
    batch_norm_layer *l = (batch_norm_layer *)m;
    return fits_images(l, x) ? batch_forward(l, x, false) : NULL;
}

static const gr_module_type batch_norm1d_type = {"batch_norm1d", batch_norm1d_forward};
static const gr_module_type batch_norm2d_type = {"batch_norm2d", batch_norm2d_forward};

gr_module *gr_norm_relu_end(const gr_module *m) {
    return m->type == &batch_norm2d_type && gr_is_relu_layer(m->next) ? m->next : NULL;
}

gr_tensor *gr_forward_norm_relu(gr_module *m, gr_tensor *x) {
    batch_norm_layer *l = (batch_norm_layer *)m;
    return fits_images(l, x) ? batch_forward(l, x, true) : NULL;
}

static void add_running(batch_norm_layer *l) {
    gr_graph *g = l->module.graph;
    gr_shape shape = GR_SHAPE(l->a.features);
    l->running_mean = gr_add_buffer(&l->module, "running_mean", gr_zeros(g, shape));
    l->running_var = gr_add_buffer(&l->module, "running_var", gr_full(g, shape, 1));
    l->num_batches_tracked = gr_add_buffer(&l->module, "num_batches_tracked",
                                           gr_from_index(g, GR_SCALAR, (const int32_t[]){0}));
}

static gr_module *batch_norm_new(const gr_module_type *type, const gr_batch_norm_layer_args *a) {
    if (a->features < 1)
        return gr_fail(a->graph, "gr_%s_layer: %d features, expected at least 1", type->name,
                       a->features);
    if (a->momentum != GR_CUMULATIVE && !(a->momentum >= 0 && a->momentum <= 1))
        return gr_fail(a->graph, "gr_%s_layer: momentum is %g, expected 0 to 1 or GR_CUMULATIVE",
                       type->name, a->momentum);
    gr_text who;
    snprintf(who.text, sizeof who.text, "gr_%s_layer", type->name);
    if (!check_eps(a->graph, who.text, a->eps)) return NULL;
    batch_norm_layer *l = gr_module_new(a->graph, type, sizeof *l);
    if (l == NULL) return NULL;
    l->a = *a;
    add_affine(&l->module, GR_SHAPE(a->features), a->affine, true, l->weights);
    if (a->track_running_stats) add_running(l);
    return gr_failed(a->graph) ? NULL : &l->module;
}

gr_module *gr_batch_norm1d_layer_(gr_batch_norm_layer_args a) {
    return batch_norm_new(&batch_norm1d_type, &a);
}

gr_module *gr_batch_norm2d_layer_(gr_batch_norm_layer_args a) {
    return batch_norm_new(&batch_norm2d_type, &a);
}

/* -- Layer -- */

typedef struct layer_norm_layer {
    gr_module module;
    gr_tensor *weights[2];
    gr_layer_norm_layer_args a;
} layer_norm_layer;

static gr_tensor *layer_norm_forward(gr_module *m, gr_tensor *x) {
    layer_norm_layer *l = (layer_norm_layer *)m;
    return gr_layer_norm(x, l->a.shape, l->weights[0], l->weights[1], .eps = l->a.eps);
}

static const gr_module_type layer_norm_type = {"layer_norm", layer_norm_forward};

gr_module *gr_layer_norm_layer_(gr_layer_norm_layer_args a) {
    if (a.shape.ndim < 1 || gr_shape_size(a.shape) < 1)
        return gr_fail(a.graph, "gr_layer_norm_layer: shape %s, expected at least one element",
                       gr_shape_text(a.shape).text);
    if (!check_eps(a.graph, "gr_layer_norm_layer", a.eps)) return NULL;
    layer_norm_layer *l = gr_module_new(a.graph, &layer_norm_type, sizeof *l);
    if (l == NULL) return NULL;
    l->a = a;
    add_affine(&l->module, a.shape, a.affine, a.bias, l->weights);
    return gr_failed(a.graph) ? NULL : &l->module;
}

/* -- Group -- */

typedef struct group_norm_layer {
    gr_module module;
    gr_tensor *weights[2];
    gr_group_norm_layer_args a;
} group_norm_layer;

static gr_tensor *group_norm_forward(gr_module *m, gr_tensor *x) {
    group_norm_layer *l = (group_norm_layer *)m;
    if (x->shape.ndim < 2 || x->shape.dim[1] != l->a.channels)
        return gr_fail(x->graph, "group_norm: %s, expected (N,C,..) with C = %d",
                       gr_describe(x, "x").text, l->a.channels);
    return gr_group_norm(x, l->a.groups, l->weights[0], l->weights[1], .eps = l->a.eps);
}

static const gr_module_type group_norm_type = {"group_norm", group_norm_forward};

gr_module *gr_group_norm_layer_(gr_group_norm_layer_args a) {
    if (a.groups < 1 || a.channels < 1 || a.channels % a.groups != 0)
        return gr_fail(a.graph,
                       "gr_group_norm_layer: %d channels in %d groups, expected at least 1, and a "
                       "multiple",
                       a.channels, a.groups);
    if (!check_eps(a.graph, "gr_group_norm_layer", a.eps)) return NULL;
    group_norm_layer *l = gr_module_new(a.graph, &group_norm_type, sizeof *l);
    if (l == NULL) return NULL;
    l->a = a;
    add_affine(&l->module, GR_SHAPE(a.channels), a.affine, true, l->weights);
    return gr_failed(a.graph) ? NULL : &l->module;
}
