/* Normalisation of one set of n elements, with s = (x - mean) r, r = 1 / sqrt(var + eps):
 *
 *     y = s weight + bias
 *     to x        G(h) = r (h - mean h - s mean(h s)), h = grad weight
 *     to weight   sum of grad s
 *     to bias     sum of grad
 *
 * The Jacobian of s is r (1 - 1 1^T / n - s s^T / n), which is symmetric, so that G is its own
 * transpose. With dr/dx = -r^2 s / n the gradient of v . G(h) is G(v) to h and, to x,
 *
 *     -r (s mean(v G(h)) + G(v) mean(h s) + G(h) mean(v s)).
 *
 * G, s and r are operations whose vjps consist of each other, which gives every order. */
#include "core/ops/normalize.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/normalize_internal.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct params {
    gr_normalize_view view;
    gr_statistics statistics;
    bool constant;             /* the statistics don't depend on x */
    bool relu;                 /* of the result */
    const gr_real *kept;       /* of a gradient: the results of relu, or NULL */
    gr_shape weights, aligned; /* of weight and bias; as they are broadcast to x */
    /* (2, weights): gradients to weight and bias, by-products of that to x, which reads the same
     * numbers; `summed` once they are there. */
    gr_real *sums;
    bool summed;
} params;

static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}

/* x as (A,B,C) with statistics of B over A and C. */
static gr_shape sets_shape(const params *p) {
    const gr_normalize_view *v = &p->view;
    if (v->across) return GR_SHAPE((int)v->samples, (int)v->groups, (int)v->length);
    return GR_SHAPE(1, (int)(v->samples * v->groups), (int)(v->channels * v->length));
}

static gr_tensor *sets(const params *p, gr_tensor *x) { return gr_reshape(x, sets_shape(p)); }

static gr_tensor *mean_of_product(gr_tensor *a, gr_tensor *b) {
    return gr_mean(gr_mul(a, b), .axes = GR_AXES(0, 2), .keepdim = true);
}

/* weight or bias in the shape that broadcasts to x's. */
static gr_tensor *aligned(const params *p, gr_tensor *t) { return gr_reshape(t, p->aligned); }

/* -- r, of the shape (1,B,1) -- */

static gr_tensor *standardised(gr_tensor *x, params p);

static bool rstd_shape(const gr_node *n, gr_shape *shape) {
    *shape = GR_SHAPE(1, sets_shape(n->params).dim[1], 1);
    return true;
}
static void rstd_forward(const gr_node *n) {
    const params *p = n->params;
    if (n->out->size > 0)
        memcpy(n->out->data, p->statistics.rstd, (size_t)n->out->size * sizeof(gr_real));
}
static void rstd_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const params *p = n->params;
    double count = (double)gr_normalize_count(&p->view);
    gr_tensor *scale = gr_mul(grad, gr_scale(gr_square(n->out), -1 / count));
    grads[0] = gr_reshape(gr_mul(scale, sets(p, standardised(n->in[0], *p))), n->in[0]->shape);
}
static const gr_op rstd_op = {.name = "gr_normalize_rstd",
                              .operands = {"x"},
                              .shape = rstd_shape,
                              .forward = rstd_forward,
                              .vjp = rstd_vjp};

/* -- To x: of the operands grad, x and, if there is one, weight -- */

static void no_memory(const gr_node *n, int operand) {
    gr_fail(n->graph, "%s: no memory for %s", n->op->name, gr_operand(n, operand).text);
}

static void to_x_forward(const gr_node *n) {
    const params *p = n->params;
    if (!gr_normalize_backward(n->graph, &p->view, &p->statistics, n->in[0]->data, n->in[1]->data,
                               n->n_in > 2 ? n->in[2]->data : NULL, p->kept, n->out->data, p->sums))
        no_memory(n, 1);
}

static void to_x_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads);
static const gr_op to_x_op = {.name = "gr_normalize_to_x",
                              .operands = {"grad", "x", "weight"},
                              .shape = same_shape,
                              .forward = to_x_forward,
                              .vjp = to_x_vjp};

/* G(h) at x */
static gr_tensor *to_x(gr_tensor *h, gr_tensor *x, params p) {
    p.sums = NULL;
    return gr_apply(&to_x_op, GR_LIST(h, x), &p, sizeof p);
}

static gr_tensor *to_x_composed(const gr_node *n, gr_tensor **in) {
    const params *p = n->params;
    return to_x(gr_mul(in[0], aligned(p, in[2])), in[1], *p);
}

static gr_tensor *curvature(const gr_node *n, gr_tensor *grad) {
    const params *p = n->params;
    gr_tensor *x = n->in[1], *v = sets(p, grad), *h = sets(p, n->in[0]);
    gr_tensor *s = sets(p, standardised(x, *p)), *gv = sets(p, to_x(grad, x, *p));
    gr_tensor *gh = sets(p, n->out), *r = gr_apply(&rstd_op, GR_LIST(x), p, sizeof *p);
    gr_tensor *sum = gr_add(gr_mul(s, mean_of_product(v, gh)), gr_mul(gv, mean_of_product(h, s)));
    sum = gr_add(sum, gr_mul(gh, mean_of_product(v, s)));
    return gr_reshape(gr_neg(gr_mul(r, sum)), x->shape);
}

static void to_x_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (n->n_in > 2) {
        gr_vjp_of_composition(n, grad, grads, to_x_composed);
        return;
    }
    if (gr_wants(n, 0)) grads[0] = to_x(grad, n->in[1], *(const params *)n->params);
    if (gr_wants(n, 1)) grads[1] = curvature(n, grad);
}

/* -- To weight and to bias: of the operands grad and x -- */

static bool weights_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const params *)n->params)->weights;
    return true;
}

static void copy_sums(const gr_node *n, int row) {
    const params *p = n->params;
    if (!p->summed && !gr_normalize_backward(n->graph, &p->view, &p->statistics, n->in[0]->data,
                                             n->in[1]->data, NULL, NULL, NULL, p->sums)) {
        no_memory(n, 1);
        return;
    }
    size_t size = (size_t)n->out->size;
    if (size > 0) memcpy(n->out->data, p->sums + (size_t)row * size, size * sizeof *p->sums);
}

static void to_weight_forward(const gr_node *n) { copy_sums(n, 0); }
static void to_weight_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const params *p = n->params;
    gr_tensor *spread = gr_expand(aligned(p, grad), n->in[1]->shape);
    if (gr_wants(n, 0)) grads[0] = gr_mul(spread, standardised(n->in[1], *p));
    if (gr_wants(n, 1)) grads[1] = to_x(gr_mul(spread, n->in[0]), n->in[1], *p);
}
static const gr_op to_weight_op = {.name = "gr_normalize_to_weight",
                                   .operands = {"grad", "x"},
                                   .shape = weights_shape,
                                   .forward = to_weight_forward,
                                   .vjp = to_weight_vjp};

static void to_bias_forward(const gr_node *n) { copy_sums(n, 1); }
static void to_bias_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (gr_wants(n, 0)) grads[0] = gr_expand(aligned(n->params, grad), n->in[0]->shape);
}
static const gr_op to_bias_op = {.name = "gr_normalize_to_bias",
                                 .operands = {"grad", "x"},
                                 .shape = weights_shape,
                                 .forward = to_bias_forward,
                                 .vjp = to_bias_vjp};

/* -- The result: of x alone, or of x, weight and bias -- */

static void normalize_forward(const gr_node *n) {
    const params *p = n->params;
    bool weights = n->n_in > 1;
    if (!gr_normalize_forward(n->graph, &p->view, &p->statistics, n->in[0]->data,
                              weights ? n->in[1]->data : NULL, weights ? n->in[2]->data : NULL,
                              p->relu, n->out->data))
        no_memory(n, 0);
}

/* The same with constant statistics, whose rest is 0. */
static gr_tensor *constant_composed(const gr_node *n, gr_tensor **in) {
    const params *p = n->params;
    gr_tensor *mean = gr_from(n->graph, p->aligned, p->statistics.mean);
    gr_tensor *rstd = gr_from(n->graph, p->aligned, p->statistics.rstd);
    gr_tensor *s = gr_mul(gr_sub(in[0], mean), rstd);
    return n->n_in == 1 ? s : gr_add(gr_mul(s, aligned(p, in[1])), aligned(p, in[2]));
}

static void normalize_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    params p = *(const params *)n->params;
    gr_tensor *x = n->in[0];
    bool weights = n->n_in > 1;
    if (p.relu) {
        p.relu = false;
        /* Without recording, in the same walk as the gradient to x. */
        if (n->graph->no_grad > 0 && gr_wants(n, 0))
            p.kept = n->out->data;
        else
            grad = gr_relu_grad(grad, n->out);
    }
    if (p.constant) {
        gr_vjp_of_composition(n, grad, grads, constant_composed);
        return;
    }
    p.statistics.known = true;
    if (weights && (gr_wants(n, 1) || gr_wants(n, 2))) {
        gr_shape both = GR_SHAPE(2, (int)gr_shape_size(p.weights));
        gr_tensor *sums = gr_tensor_new(n->graph, n->op->name, GR_REAL, both, false);
        if (sums == NULL) return;
        p.sums = sums->data;
    }
    if (gr_wants(n, 0)) {
        gr_list in = weights ? GR_LIST(grad, x, n->in[1]) : GR_LIST(grad, x);
        grads[0] = gr_apply_gradient(n, 0, &to_x_op, in, &p, sizeof p);
        p.summed = true;
    }
    if (weights && gr_wants(n, 1)) {
        grads[1] = gr_apply_gradient(n, 1, &to_weight_op, GR_LIST(grad, x), &p, sizeof p);
        p.summed = true;
    }
    if (weights && gr_wants(n, 2))
        grads[2] = gr_apply_gradient(n, 2, &to_bias_op, GR_LIST(grad, x), &p, sizeof p);
}

#define OPERATION(name_)                                                                           \
    {                                                                                              \
        .name = name_, .operands = {"x", "weight", "bias"}, .shape = same_shape,                   \
        .forward = normalize_forward, .vjp = normalize_vjp                                         \
    }
static const gr_op batch_norm_op = OPERATION("gr_batch_norm");
static const gr_op layer_norm_op = OPERATION("gr_layer_norm");
static const gr_op group_norm_op = OPERATION("gr_group_norm");
static const gr_op standardise_op = OPERATION("gr_normalize");

/* s at an x whose statistics are known. */
static gr_tensor *standardised(gr_tensor *x, params p) {
    p.statistics.known = true;
    p.sums = NULL;
    return gr_apply(&standardise_op, GR_LIST(x), &p, sizeof p);
}

/* -- What is called -- */

/* The graph of x, weight and bias, of which the last two may be NULL; NULL after an error. */
static gr_graph *graph_of(const gr_op *op, gr_tensor *x, gr_tensor *weight, gr_tensor *bias) {
    return gr_operands_graph(op, GR_LIST(x, weight != NULL ? weight : x, bias != NULL ? bias : x));
}

static bool check_weight(const gr_op *op, const gr_tensor *x, const gr_tensor *t,
                         const char *formal, gr_shape expected) {
    if (t == NULL || gr_shape_equal(t->shape, expected)) return true;
    return gr_fail(x->graph, "%s: %s for %s: expected %s", op->name, gr_describe(t, formal).text,
                   gr_describe(x, "x").text, gr_shape_text(expected).text);
}

static bool check(const gr_op *op, const gr_tensor *x, const gr_tensor *weight,
                  const gr_tensor *bias, const params *p) {
    const gr_normalize_view *v = &p->view;
    double eps = p->statistics.eps;
    if (!(eps >= 0) || isinf(eps))
        return gr_fail(x->graph, "%s: eps is %g, expected 0 or more", op->name, eps);
    if (!check_weight(op, x, weight, "weight", p->weights) ||
        !check_weight(op, x, bias, "bias", p->weights))
        return false;
    bool fits = v->across || v->samples * v->groups <= INT_MAX;
    if (fits && v->channels * v->length <= INT_MAX) return true;
    return gr_fail(x->graph, "%s: %s has too many elements for one dimension", op->name,
                   gr_describe(x, "x").text);
}

/* Memory for the statistics, which the node and its gradients share. */
static bool take_statistics(const gr_op *op, gr_graph *g, params *p) {
    int64_t n = gr_normalize_statistics(&p->view);
    gr_tensor *t = gr_tensor_new(g, op->name, GR_REAL, GR_SHAPE(4, (int)n), false);
    if (t == NULL) return false;
    gr_statistics *s = &p->statistics;
    memset(t->data, 0, (size_t)t->size * sizeof *t->data);
    s->mean = t->data;
    s->rest = s->mean + n;
    s->variance = s->rest + n;
    s->rstd = s->variance + n;
    return true;
}

static gr_tensor *normalize(const gr_op *op, gr_tensor *x, gr_tensor *weight, gr_tensor *bias,
                            const params *p) {
    if (weight == NULL && bias == NULL) return gr_apply(op, GR_LIST(x), p, sizeof *p);
    if (weight == NULL) weight = gr_full(x->graph, p->weights, 1);
    if (bias == NULL) bias = gr_zeros(x->graph, p->weights);
    if (weight == NULL || bias == NULL) return NULL;
    return gr_apply(op, GR_LIST(x, weight, bias), p, sizeof *p);
}

static int64_t product(gr_shape s, int begin, int end) {
    int64_t size = 1;
    for (int i = begin; i < end; i++) size *= s.dim[i];
    return size;
}

/* Weights (C) for x (N,C,..): (C,1,..). */
static bool by_channel(const gr_op *op, const gr_tensor *x, params *p) {
    if (x->shape.ndim < 2)
        return gr_fail(x->graph, "%s: %s, expected (N,C,..)", op->name, gr_describe(x, "x").text);
    p->weights = GR_SHAPE(x->shape.dim[1]);
    p->aligned.ndim = x->shape.ndim - 1;
    for (int i = 0; i < p->aligned.ndim; i++) p->aligned.dim[i] = i == 0 ? x->shape.dim[1] : 1;
    return true;
}

/* -- Batch -- */

static bool check_buffer(const gr_tensor *x, const gr_tensor *t, const char *formal) {
    if (t == NULL) return true;
    gr_shape expected = GR_SHAPE(x->shape.dim[1]);
    if (t->graph == x->graph && t->kind == GR_REAL && t->node == NULL && !t->requires_grad &&
        gr_shape_equal(t->shape, expected))
        return true;
    return gr_fail(x->graph, "gr_batch_norm: %s for %s: expected a leaf %s without gradient",
                   gr_describe(t, formal).text, gr_describe(x, "x").text,
                   gr_shape_text(expected).text);
}

static bool check_running(const gr_batch_norm_args *a) {
    if ((a->running_mean == NULL) != (a->running_var == NULL))
        return gr_fail(a->x->graph, "gr_batch_norm: %s is NULL, expected both or none",
                       a->running_mean == NULL ? "running_mean" : "running_var");
    if (!(a->momentum >= 0 && a->momentum <= 1))
        return gr_fail(a->x->graph, "gr_batch_norm: momentum is %g, expected 0 to 1", a->momentum);
    return check_buffer(a->x, a->running_mean, "running_mean") &&
           check_buffer(a->x, a->running_var, "running_var");
}

/* Copies: the buffers change with later calls, perhaps before the backward pass. */
static void copy_running(const gr_batch_norm_args *a, gr_statistics *s) {
    for (int64_t c = 0; c < a->running_mean->size; c++) {
        s->mean[c] = a->running_mean->data[c];
        s->variance[c] = a->running_var->data[c];
        s->rstd[c] = (gr_real)(1 / sqrt((double)s->variance[c] + s->eps));
    }
    s->known = true;
}

static gr_real blend(gr_real old, double value, double momentum) {
    return (gr_real)((1 - momentum) * (double)old + momentum * value);
}

static void update_running(const gr_batch_norm_args *a, const params *p) {
    const gr_statistics *s = &p->statistics;
    double n = (double)gr_normalize_count(&p->view);
    for (int64_t c = 0; n > 0 && c < a->running_mean->size; c++) {
        double mean = (double)s->mean[c] + (double)s->rest[c];
        double unbiased = (double)s->variance[c] * (n / (n - 1));
        a->running_mean->data[c] = blend(a->running_mean->data[c], mean, a->momentum);
        a->running_var->data[c] = blend(a->running_var->data[c], unbiased, a->momentum);
    }
}

static gr_tensor *batch_norm(const gr_batch_norm_args *a, bool relu) {
    const gr_op *op = &batch_norm_op;
    gr_graph *g = graph_of(op, a->x, a->weight, a->bias);
    params p = {.statistics.eps = a->eps};
    if (g == NULL || !by_channel(op, a->x, &p)) return NULL;
    gr_shape x = a->x->shape;
    p.view = (gr_normalize_view){.samples = x.dim[0],
                                 .groups = x.dim[1],
                                 .channels = 1,
                                 .length = product(x, 2, x.ndim),
                                 .across = true};
    p.constant = !a->training && a->running_mean != NULL;
    /* Anomalies are sought operation by operation. */
    p.relu = relu && !p.constant && !g->anomaly && gr_normalize_with_relu(&p.view);
    if (!check(op, a->x, a->weight, a->bias, &p) || !check_running(a)) return NULL;
    if (!p.constant && gr_normalize_count(&p.view) == 1)
        return gr_fail(g, "gr_batch_norm: %s has one element in each channel, expected more",
                       gr_describe(a->x, "x").text);
    if (!take_statistics(op, g, &p)) return NULL;
    if (p.constant) copy_running(a, &p.statistics);
    gr_tensor *y = normalize(op, a->x, a->weight, a->bias, &p);
    if (y != NULL && a->training && a->running_mean != NULL) update_running(a, &p);
    return relu && !p.relu ? gr_relu(y) : y;
}

gr_tensor *gr_batch_norm_(gr_batch_norm_args a) { return batch_norm(&a, false); }
gr_tensor *gr_batch_norm_relu(const gr_batch_norm_args *a) { return batch_norm(a, true); }

/* -- Layer -- */

static bool ends_with(gr_shape x, gr_shape shape) {
    if (shape.ndim < 1 || shape.ndim > x.ndim) return false;
    for (int i = 0; i < shape.ndim; i++)
        if (x.dim[x.ndim - shape.ndim + i] != shape.dim[i]) return false;
    return true;
}

gr_tensor *gr_layer_norm_(gr_layer_norm_args a) {
    const gr_op *op = &layer_norm_op;
    gr_graph *g = graph_of(op, a.x, a.weight, a.bias);
    if (g == NULL) return NULL;
    gr_shape x = a.x->shape;
    if (!ends_with(x, a.shape))
        return gr_fail(g, "gr_layer_norm: %s does not end with the dimensions %s",
                       gr_describe(a.x, "x").text, gr_shape_text(a.shape).text);
    int outer = x.ndim - a.shape.ndim;
    params p = {.statistics.eps = a.eps,
                .weights = a.shape,
                .aligned = a.shape,
                .view = {.samples = product(x, 0, outer),
                         .groups = 1,
                         .channels = product(x, outer, x.ndim),
                         .length = 1}};
    if (!check(op, a.x, a.weight, a.bias, &p) || !take_statistics(op, g, &p)) return NULL;
    return normalize(op, a.x, a.weight, a.bias, &p);
}

/* -- Group -- */

gr_tensor *gr_group_norm_(gr_group_norm_args a) {
    const gr_op *op = &group_norm_op;
    gr_graph *g = graph_of(op, a.x, a.weight, a.bias);
    params p = {.statistics.eps = a.eps};
    if (g == NULL || !by_channel(op, a.x, &p)) return NULL;
    gr_shape x = a.x->shape;
    if (a.groups < 1 || x.dim[1] % a.groups != 0)
        return gr_fail(g, "gr_group_norm: %s can't be cut into %d groups",
                       gr_describe(a.x, "x").text, a.groups);
    p.view = (gr_normalize_view){.samples = x.dim[0],
                                 .groups = a.groups,
                                 .channels = x.dim[1] / a.groups,
                                 .length = product(x, 2, x.ndim)};
    if (!check(op, a.x, a.weight, a.bias, &p) || !take_statistics(op, g, &p)) return NULL;
    return normalize(op, a.x, a.weight, a.bias, &p);
}
