#include "nn/spectral_norm.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

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

/* -- The layer -- */

enum { FIRST_ITERATIONS = 15 };

typedef struct spectral_linear {
    gr_module module;
    gr_tensor *weight, *bias; /* bias is NULL if there is none */
    gr_tensor *u, *v;
    int iterations;
} spectral_linear;

static gr_tensor *spectral_linear_forward(gr_module *m, gr_tensor *x) {
    spectral_linear *l = (spectral_linear *)m;
    int iterations = m->graph->no_grad > 0 ? 0 : l->iterations;
    return gr_affine(x, gr_spectral_norm(l->weight, l->u, l->v, .iterations = iterations), l->bias);
}

static const gr_module_type spectral_linear_type = {"spectral_linear", spectral_linear_forward};

gr_module *gr_spectral_linear_(gr_spectral_linear_args a) {
    if (a.in < 1 || a.out < 1 || a.iterations < 1)
        return gr_fail(a.graph,
                       "gr_spectral_linear: %d inputs, %d outputs and %d iterations, expected at "
                       "least 1",
                       a.in, a.out, a.iterations);
    spectral_linear *l = gr_module_new(a.graph, &spectral_linear_type, sizeof *l);
    if (l == NULL) return NULL;
    l->iterations = a.iterations;
    l->weight = gr_add_parameter(&l->module, "weight_orig", GR_SHAPE(a.out, a.in));
    if (a.bias) l->bias = gr_add_parameter(&l->module, "bias", GR_SHAPE(a.out));
    gr_initialise(l->weight, a.init);
    double bound = 1 / sqrt(a.in);
    if (a.init == GR_INIT_DEFAULT && a.bias) gr_init_uniform(l->bias, -bound, bound);
    l->u = gr_add_buffer(&l->module, "weight_u", gr_normal(a.graph, GR_SHAPE(a.out), 0, 1));
    l->v = gr_add_buffer(&l->module, "weight_v", gr_zeros(a.graph, GR_SHAPE(a.in)));
    gr_no_grad_begin(a.graph);
    gr_spectral_norm(l->weight, l->u, l->v, .iterations = FIRST_ITERATIONS);
    gr_no_grad_end(a.graph);
    return gr_failed(a.graph) ? NULL : &l->module;
}
