#include "nn/spectral_norm.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "nn/conv_internal.h"

#include <math.h>
#include <string.h>

static bool is_buffer(const gr_tensor *t, int n) {
    return t->kind == GR_REAL && t->node == NULL && !t->requires_grad && t->shape.ndim == 1 &&
           t->shape.dim[0] == n;
}

static bool check(const gr_spectral_norm_args *a) {
    gr_graph *g = a->weight != NULL ? a->weight->graph : NULL;
    if (g == NULL || a->u == NULL || a->v == NULL)
        return gr_fail(g, "gr_spectral_norm: %s is NULL",
                       a->weight == NULL ? "weight"
                       : a->u == NULL    ? "u"
                                         : "v");
    gr_text weight = gr_describe(a->weight, "weight");
    if (a->weight->kind != GR_REAL || a->weight->shape.ndim < 2 || a->weight->size == 0)
        return gr_fail(g, "gr_spectral_norm: %s, expected (out,in..), not empty", weight.text);
    int out = a->weight->shape.dim[0];
    if (a->weight->size / out > INT32_MAX)
        return gr_fail(g, "gr_spectral_norm: %s has too many columns", weight.text);
    int columns = (int)(a->weight->size / out);
    if (!is_buffer(a->u, out) || !is_buffer(a->v, columns))
        return gr_fail(g,
                       "gr_spectral_norm: %s and %s for %s: expected leaves (%d) and (%d) without "
                       "gradient",
                       gr_describe(a->u, "u").text, gr_describe(a->v, "v").text, weight.text, out,
                       columns);
    if (a->iterations < 0 || !(a->eps > 0))
        return gr_fail(g,
                       "gr_spectral_norm: %d iterations and eps = %g, expected 0 or more, and more "
                       "than 0",
                       a->iterations, a->eps);
    return true;
}

static gr_tensor *normalised(gr_tensor *x, double eps) {
    return gr_div(x, gr_clamp(gr_norm(x), eps, INFINITY));
}

/* The buffers' new contents, as columns. NULL in both if it failed. */
static void iterate(const gr_spectral_norm_args *a, gr_tensor **u, gr_tensor **v) {
    gr_tensor *w = gr_reshape(a->weight, GR_SHAPE(a->weight->shape.dim[0], -1));
    for (int i = 0; i < a->iterations; i++) {
        *v = normalised(gr_matmul(w, *u, .transpose_a = true), a->eps);
        *u = normalised(gr_matmul(w, *v), a->eps);
    }
    if (*u == NULL || *v == NULL || a->iterations == 0) return;
    memcpy(a->u->data, (*u)->data, (size_t)a->u->size * sizeof *a->u->data);
    memcpy(a->v->data, (*v)->data, (size_t)a->v->size * sizeof *a->v->data);
}

gr_tensor *gr_spectral_norm_(gr_spectral_norm_args a) {
    if (!check(&a)) return NULL;
    gr_graph *g = a.weight->graph;
    /* Copies: the buffers change with the next call, perhaps before the backward pass. */
    gr_tensor *u = gr_from(g, GR_SHAPE((int)a.u->size, 1), a.u->data);
    gr_tensor *v = gr_from(g, GR_SHAPE((int)a.v->size, 1), a.v->data);
    gr_no_grad_begin(g);
    iterate(&a, &u, &v);
    gr_no_grad_end(g);
    gr_tensor *w = gr_reshape(a.weight, GR_SHAPE(a.weight->shape.dim[0], -1));
    gr_tensor *sigma = gr_sum(gr_mul(u, gr_matmul(w, v)));
    return gr_mul(a.weight, gr_reciprocal_or_zero(sigma));
}

/* -- The layers -- */

enum { FIRST_ITERATIONS = 15 };

typedef struct spectral_layer {
    gr_module module;
    gr_tensor *weight, *bias; /* bias is NULL if there is none */
    gr_tensor *u, *v;
    int iterations;
    gr_conv_transpose2d_layer_args a; /* of a convolution */
} spectral_layer;

static gr_tensor *normalised_weight(spectral_layer *l) {
    return gr_spectral_norm(l->weight, l->u, l->v,
                            .iterations = l->module.training ? l->iterations : 0);
}

static gr_tensor *spectral_linear_forward(gr_module *m, gr_tensor *x) {
    spectral_layer *l = (spectral_layer *)m;
    return gr_affine(x, normalised_weight(l), l->bias);
}

static gr_tensor *spectral_conv2d_forward(gr_module *m, gr_tensor *x) {
    spectral_layer *l = (spectral_layer *)m;
    return gr_conv2d(x, normalised_weight(l), l->bias, .stride = l->a.stride,
                     .padding = l->a.padding, .dilation = l->a.dilation, .groups = l->a.groups);
}

static const gr_module_type spectral_linear_type = {"spectral_linear", spectral_linear_forward};
static const gr_module_type spectral_conv2d_type = {"spectral_conv2d", spectral_conv2d_forward};

/* A layer with a weight of the given shape, (out,in..). */
static spectral_layer *new_layer(gr_graph *g, const gr_module_type *type, gr_shape weight,
                                 gr_init init, bool bias) {
    spectral_layer *l = gr_module_new(g, type, sizeof *l);
    if (l == NULL) return NULL;
    l->weight = gr_add_parameter(&l->module, "weight_orig", weight);
    if (l->weight == NULL) return NULL;
    int64_t out = weight.dim[0], columns = l->weight->size / out;
    if (columns > INT32_MAX)
        return gr_fail(g, "gr_%s: the weight %s has too many columns", type->name,
                       gr_shape_text(weight).text);
    if (bias) l->bias = gr_add_parameter(&l->module, "bias", GR_SHAPE((int)out));
    gr_initialise(l->weight, init);
    double bound = 1 / sqrt((double)columns);
    if (init == GR_INIT_DEFAULT && bias) gr_init_uniform(l->bias, -bound, bound);
    gr_shape of_u = GR_SHAPE((int)out), of_v = GR_SHAPE((int)columns);
    l->u = gr_add_buffer(&l->module, "weight_u", gr_normal(g, of_u, 0, 1));
    l->v = gr_add_buffer(&l->module, "weight_v", gr_zeros(g, of_v));
    gr_no_grad_begin(g);
    gr_spectral_norm(l->weight, l->u, l->v, .iterations = FIRST_ITERATIONS);
    gr_no_grad_end(g);
    return gr_failed(g) ? NULL : l;
}

gr_module *gr_spectral_linear_(gr_spectral_linear_args a) {
    if (a.in < 1 || a.out < 1 || a.iterations < 1)
        return gr_fail(a.graph,
                       "gr_spectral_linear: %d inputs, %d outputs and %d iterations, expected at "
                       "least 1",
                       a.in, a.out, a.iterations);
    spectral_layer *l =
        new_layer(a.graph, &spectral_linear_type, GR_SHAPE(a.out, a.in), a.init, a.bias);
    if (l == NULL) return NULL;
    l->iterations = a.iterations;
    return &l->module;
}

gr_module *gr_spectral_conv2d_(gr_spectral_conv2d_args c) {
    gr_conv_transpose2d_layer_args a = {.graph = c.graph,
                                        .in = c.in,
                                        .out = c.out,
                                        .kernel = c.kernel,
                                        .stride = c.stride,
                                        .padding = c.padding,
                                        .dilation = c.dilation,
                                        .groups = c.groups};
    if (!gr_conv_layer_check(&a, "gr_spectral_conv2d")) return NULL;
    if (c.iterations < 1)
        return gr_fail(c.graph, "gr_spectral_conv2d: %d iterations, expected at least 1",
                       c.iterations);
    gr_shape weight =
        GR_SHAPE(c.out, c.in / c.groups, gr_pair_part(c.kernel, 0), gr_pair_part(c.kernel, 1));
    spectral_layer *l = new_layer(c.graph, &spectral_conv2d_type, weight, c.init, c.bias);
    if (l == NULL) return NULL;
    l->iterations = c.iterations;
    l->a = a;
    return &l->module;
}
