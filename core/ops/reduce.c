#include "core/ops/reduce.h"

#include "core/graph/autodiff.h"
#include "core/ops/reduce_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduction_internal.h"
#include "core/ops/shape.h"

#include <float.h>
#include <math.h>

/* -- Axes -- */

int gr_axis(const gr_tensor *x, int axis, const char *who) {
    if (x == NULL) return -1;
    const int ndim = x->shape.ndim;
    if (axis >= -ndim && axis < ndim) return axis < 0 ? axis + ndim : axis;
    if (ndim == 0)
        gr_fail(x->graph, "%s: axis %d of %s, which has no axes", who, axis,
                gr_describe(x, "x").text);
    else
        gr_fail(x->graph, "%s: axis %d of %s: expected %d to %d", who, axis,
                gr_describe(x, "x").text, -ndim, ndim - 1);
    return -1;
}

bool gr_axes_set(const gr_tensor *x, gr_axes axes, const char *who, unsigned *set) {
    *set = 0;
    if (x == NULL) return true;
    if (axes.n < 0 || axes.n > GR_MAX_DIMS)
        return gr_fail(x->graph, "%s: %d axes, expected 0 (all) to %d", who, axes.n, GR_MAX_DIMS);
    for (int i = 0; i < axes.n; i++) {
        int axis = gr_axis(x, axes.axis[i], who);
        if (axis < 0) return false;
        if (*set >> axis & 1)
            return gr_fail(x->graph, "%s: axis %d of %s is named twice", who, axis,
                           gr_describe(x, "x").text);
        *set |= 1u << axis;
    }
    if (axes.n == 0) *set = (1u << x->shape.ndim) - 1;
    return true;
}

/* -- What the reductions share -- */

typedef struct reduce_params {
    unsigned axes;
    bool keepdim;
    double divisor; /* of sums */
} reduce_params;

static gr_tensor *apply(const gr_op *op, gr_tensor *x, unsigned axes, bool keepdim,
                        double divisor) {
    reduce_params p = {.axes = axes, .keepdim = keepdim, .divisor = divisor};
    return gr_apply(op, GR_LIST(x), &p, sizeof p);
}

static gr_tensor *apply_args(const gr_op *op, const gr_reduce_args *a) {
    unsigned axes;
    if (!gr_axes_set(a->x, a->axes, op->name, &axes)) return NULL;
    return apply(op, a->x, axes, a->keepdim, 1);
}

static gr_shape reduced_shape(gr_shape x, unsigned axes, bool keepdim) {
    gr_shape shape = {.ndim = 0};
    for (int i = 0; i < x.ndim; i++) {
        bool reduced = axes >> i & 1;
        if (!reduced || keepdim) shape.dim[shape.ndim++] = reduced ? 1 : x.dim[i];
    }
    return shape;
}

static bool reduce_shape(const gr_node *n, gr_shape *shape) {
    const reduce_params *p = n->params;
    *shape = reduced_shape(n->in[0]->shape, p->axes, p->keepdim);
    return true;
}

/* How many elements go into each result. */
static int64_t reduced_count(const gr_tensor *x, unsigned axes) {
    int64_t count = 1;
    for (int i = 0; i < x->shape.ndim; i++)
        if (axes >> i & 1) count *= x->shape.dim[i];
    return count;
}

/* t, of the node's result's shape, with dimensions of 1 in the reduced axes' places. */
static gr_tensor *kept(const gr_node *n, gr_tensor *t) {
    const reduce_params *p = n->params;
    return p->keepdim ? t : gr_reshape(t, reduced_shape(n->in[0]->shape, p->axes, true));
}

static void run(const gr_node *n, const gr_fold *fold, const gr_real *m, gr_fold_finish *finish,
                double parameter) {
    const reduce_params *p = n->params;
    gr_reduction plan = gr_reduction_plan(n->in[0]->shape, p->axes);
    gr_reduction_run(n->graph, &plan, fold, n->in[0]->data, m, finish, parameter, n->out->data);
}

static void store(int64_t n, const double *acc, double parameter, gr_real *y) {
    (void)parameter;
    for (int64_t j = 0; j < n; j++) y[j] = (gr_real)acc[j];
}

static void store_divided(int64_t n, const double *acc, double divisor, gr_real *y) {
    for (int64_t j = 0; j < n; j++) y[j] = (gr_real)(acc[j] / divisor);
}

/* -- Sums -- */

static void sum_forward(const gr_node *n) {
    const reduce_params *p = n->params;
    run(n, &n->graph->kernels->reduce->sum, NULL, store_divided, p->divisor);
}

static void sum_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const reduce_params *p = n->params;
    if (p->divisor != 1) grad = gr_scale(grad, 1 / p->divisor);
    grads[0] = gr_expand(kept(n, grad), n->in[0]->shape);
}

static const gr_op sum_op = {.name = "gr_sum",
                             .operands = {"x"},
                             .shape = reduce_shape,
                             .forward = sum_forward,
                             .vjp = sum_vjp};
gr_tensor *gr_sum_(gr_reduce_args a) { return apply_args(&sum_op, &a); }

gr_tensor *gr_sum_times(gr_tensor *x, double factor) {
    return x == NULL ? NULL : apply(&sum_op, x, (1u << x->shape.ndim) - 1, false, 1 / factor);
}

/* A sum of its own, for the division comes before the sum is rounded: it may not overflow. */
static const gr_op mean_op = {.name = "gr_mean",
                              .operands = {"x"},
                              .shape = reduce_shape,
                              .forward = sum_forward,
                              .vjp = sum_vjp};

static gr_tensor *mean(gr_tensor *x, unsigned axes, bool keepdim) {
    return x == NULL ? NULL : apply(&mean_op, x, axes, keepdim, (double)reduced_count(x, axes));
}

gr_tensor *gr_mean_(gr_reduce_args a) {
    unsigned axes;
    if (!gr_axes_set(a.x, a.axes, "gr_mean", &axes)) return NULL;
    return mean(a.x, axes, a.keepdim);
}

/* sum x^2 / divisor */
static void squares_forward(const gr_node *n) {
    const reduce_params *p = n->params;
    run(n, &n->graph->kernels->reduce->squares, NULL, store_divided, p->divisor);
}

static void squares_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const reduce_params *p = n->params;
    grads[0] = gr_mul(gr_scale(n->in[0], 2), kept(n, gr_scale(grad, 1 / p->divisor)));
}

static const gr_op squares_op = {.name = "gr_var",
                                 .operands = {"x"},
                                 .shape = reduce_shape,
                                 .forward = squares_forward,
                                 .vjp = squares_vjp};

gr_tensor *gr_var_(gr_var_args a) {
    unsigned axes;
    if (a.x == NULL || !gr_axes_set(a.x, a.axes, "gr_var", &axes)) return NULL;
    double divisor = (double)reduced_count(a.x, axes) - a.correction;
    gr_tensor *deviation = gr_sub(a.x, mean(a.x, axes, true));
    /* What the mean was rounded by, which may be more than the deviations, is their own mean. */
    deviation = gr_sub(deviation, mean(deviation, axes, true));
    return apply(&squares_op, deviation, axes, a.keepdim, divisor > 0 ? divisor : 0);
}

/* -- Extremes -- */

static bool extreme_shape(const gr_node *n, gr_shape *shape) {
    const reduce_params *p = n->params;
    if (reduced_count(n->in[0], p->axes) == 0)
        return gr_fail(n->graph, "%s: %s has no elements along the axes, expected at least one",
                       n->op->name, gr_operand(n, 0).text);
    return reduce_shape(n, shape);
}

static void max_forward(const gr_node *n) {
    run(n, &n->graph->kernels->reduce->max, NULL, store, 0);
}

static void min_forward(const gr_node *n) {
    run(n, &n->graph->kernels->reduce->min, NULL, store, 0);
}

static void extreme_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const reduce_params *p = n->params;
    gr_tensor *x = n->in[0], *one = gr_scalar(n->graph, 1);
    gr_tensor *equal = gr_eq(x, kept(n, n->out));
    /* Where the result is NaN, nothing equals it. */
    gr_tensor *ties = gr_maximum(apply(&sum_op, equal, p->axes, true, 1), one);
    grads[0] = gr_mul(equal, gr_div(kept(n, grad), ties));
}

static const gr_op max_op = {.name = "gr_max",
                             .operands = {"x"},
                             .shape = extreme_shape,
                             .forward = max_forward,
                             .vjp = extreme_vjp};
gr_tensor *gr_max_(gr_reduce_args a) { return apply_args(&max_op, &a); }

static const gr_op min_op = {.name = "gr_min",
                             .operands = {"x"},
                             .shape = extreme_shape,
                             .forward = min_forward,
                             .vjp = extreme_vjp};
gr_tensor *gr_min_(gr_reduce_args a) { return apply_args(&min_op, &a); }

/* -- logsumexp -- */

/* The maximum, or 0 where it is not finite: then no inf - inf arises. */
static void store_maximum(int64_t n, const double *acc, double parameter, gr_real *y) {
    (void)parameter;
    for (int64_t j = 0; j < n; j++) y[j] = isfinite(acc[j]) ? (gr_real)acc[j] : 0;
}

static void logsumexp_forward(const gr_node *n) {
    const gr_reduce_kernels *k = n->graph->kernels->reduce;
    run(n, &k->max, NULL, store_maximum, 0);
    run(n, &k->exponentials, n->out->data, k->add_logarithm, 0);
}

/* The softmax times grad. Where the result is infinite so is the largest element: elements equal to
 * it share the gradient if they are +inf, and get none if all are -inf. */
static void logsumexp_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const reduce_params *p = n->params;
    gr_tensor *x = n->in[0], *y = n->out;
    bool infinite = false;
    for (int64_t i = 0; i < y->size; i++) infinite = infinite || isinf(y->data[i]);
    grad = kept(n, grad);
    if (infinite) {
        gr_tensor *zero = gr_scalar(n->graph, 0), *minus = gr_scalar(n->graph, -INFINITY);
        gr_tensor *value = kept(n, gr_detach(y));
        gr_tensor *is_infinite = gr_eq(gr_abs(value), gr_scalar(n->graph, INFINITY));
        x = gr_where(is_infinite, gr_where(gr_eq(x, value), zero, minus), x);
        grad = gr_where(gr_eq(value, minus), zero, grad);
    }
    grads[0] = gr_mul(grad, gr_softmax_set(x, p->axes));
}

static const gr_op logsumexp_op = {.name = "gr_logsumexp",
                                   .operands = {"x"},
                                   .shape = reduce_shape,
                                   .forward = logsumexp_forward,
                                   .vjp = logsumexp_vjp};
gr_tensor *gr_logsumexp_(gr_reduce_args a) { return apply_args(&logsumexp_op, &a); }

/* -- Norms -- */

static void store_root(int64_t n, const double *acc, double parameter, gr_real *y) {
    (void)parameter;
    for (int64_t j = 0; j < n; j++) y[j] = (gr_real)sqrt(acc[j]);
}

#ifdef GR_DOUBLE
/* A factor that brings the largest element near 1: a power of 2, which costs no digits, within the
 * range in which it and its reciprocal are normal numbers. */
static void store_factor(int64_t n, const double *acc, double parameter, gr_real *y) {
    (void)parameter;
    for (int64_t j = 0; j < n; j++) {
        int exponent = 0;
        if (acc[j] > 0 && isfinite(acc[j])) frexp(acc[j], &exponent);
        y[j] = ldexp(1, -(exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent));
    }
}

/* y holds the factor. */
static void store_scaled_root(int64_t n, const double *acc, double parameter, gr_real *y) {
    (void)parameter;
    for (int64_t j = 0; j < n; j++) y[j] = sqrt(acc[j]) / y[j];
}
#endif

/* Squares of floats, summed in double, neither overflow nor underflow. Those of doubles may. */
static void norm_forward(const gr_node *n) {
    const gr_reduce_kernels *k = n->graph->kernels->reduce;
    run(n, &k->squares, NULL, store_root, 0);
#ifdef GR_DOUBLE
    bool extreme = false;
    for (int64_t i = 0; i < n->out->size; i++)
        extreme = extreme || n->out->data[i] < 1e-140 || isinf(n->out->data[i]);
    if (!extreme) return;
    run(n, &k->abs_max, NULL, store_factor, 0);
    run(n, &k->scaled_squares, n->out->data, store_scaled_root, 0);
#endif
}

/* grad x / y, and 0 where y = 0; there y is replaced by 1, so that gradients of any order are 0. */
static void norm_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *y = kept(n, n->out), *zero = gr_scalar(n->graph, 0), *one = gr_scalar(n->graph, 1);
    gr_tensor *is_0 = gr_eq(y, zero);
    gr_tensor *direction = gr_div(n->in[0], gr_where(is_0, one, y));
    grads[0] = gr_mul(gr_where(is_0, zero, kept(n, grad)), direction);
}

static const gr_op norm_op = {.name = "gr_norm",
                              .operands = {"x"},
                              .shape = reduce_shape,
                              .forward = norm_forward,
                              .vjp = norm_vjp};

/* s (sum (|x| / s)^p)^(1/p) with the largest |x| as s, a constant: the value does not depend on it.
 * Zeros are left out of the powers, whose derivatives may be infinite there. */
static gr_tensor *general_norm(gr_tensor *x, double p, unsigned axes, bool keepdim) {
    gr_graph *g = x->graph;
    gr_tensor *zero = gr_scalar(g, 0), *one = gr_scalar(g, 1), *size = gr_abs(x);
    gr_tensor *largest = gr_detach(apply(&max_op, size, axes, true, 1));
    gr_tensor *usable = gr_mul(gr_gt(largest, zero), gr_lt(largest, gr_scalar(g, INFINITY)));
    gr_tensor *s = gr_where(usable, largest, one);
    gr_tensor *is_0 = gr_eq(x, zero);
    gr_tensor *power = gr_power(gr_where(is_0, one, gr_div(size, s)), p);
    gr_tensor *sum = apply(&sum_op, gr_where(is_0, zero, power), axes, true, 1);
    gr_tensor *sum_is_0 = gr_eq(sum, zero);
    gr_tensor *root = gr_power(gr_where(sum_is_0, one, sum), 1 / p);
    gr_tensor *norm = gr_mul(s, gr_where(sum_is_0, zero, root));
    return keepdim ? norm : gr_reshape(norm, reduced_shape(x->shape, axes, false));
}

gr_tensor *gr_norm_(gr_norm_args a) {
    unsigned axes;
    if (a.x == NULL || !gr_axes_set(a.x, a.axes, "gr_norm", &axes)) return NULL;
    if (!(a.p > 0)) return gr_fail(a.x->graph, "gr_norm: p is %g, expected more than 0", a.p);
    if (a.p == 2) return apply(&norm_op, a.x, axes, a.keepdim, 1);
    if (a.p == 1 || reduced_count(a.x, axes) == 0)
        return apply(&sum_op, gr_abs(a.x), axes, a.keepdim, 1);
    if (isinf(a.p)) return apply(&max_op, gr_abs(a.x), axes, a.keepdim, 1);
    return general_norm(a.x, a.p, axes, a.keepdim);
}

/* -- The reverse of a broadcast -- */

/* x's axes that `shape`, aligned at the last one, has not got or has as 1. */
static bool broadcast_axes(gr_shape x, gr_shape shape, unsigned *axes) {
    *axes = 0;
    if (shape.ndim > x.ndim || shape.ndim < 0) return false;
    for (int i = 0; i < x.ndim; i++) {
        int own = i - (x.ndim - shape.ndim);
        if (own >= 0 && shape.dim[own] == x.dim[i]) continue;
        if (own >= 0 && shape.dim[own] != 1) return false;
        *axes |= 1u << i;
    }
    return true;
}

static bool sum_to_shape(const gr_node *n, gr_shape *shape) {
    unsigned axes;
    *shape = *(const gr_shape *)n->params;
    if (broadcast_axes(n->in[0]->shape, *shape, &axes)) return true;
    return gr_fail(n->graph, "gr_sum_to: %s to %s: expected a shape that broadcasts to x's",
                   gr_operand(n, 0).text, gr_shape_text(*shape).text);
}

static void sum_to_forward(const gr_node *n) {
    unsigned axes;
    broadcast_axes(n->in[0]->shape, *(const gr_shape *)n->params, &axes);
    gr_reduction plan = gr_reduction_plan(n->in[0]->shape, axes);
    gr_reduction_run(n->graph, &plan, &n->graph->kernels->reduce->sum, n->in[0]->data, NULL, store,
                     0, n->out->data);
}

static void sum_to_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_expand(grad, n->in[0]->shape);
}

static const gr_op sum_to_op = {.name = "gr_sum_to",
                                .operands = {"x"},
                                .shape = sum_to_shape,
                                .forward = sum_to_forward,
                                .vjp = sum_to_vjp};
gr_tensor *gr_sum_to(gr_tensor *x, gr_shape shape) {
    if (x != NULL && gr_shape_equal(x->shape, shape)) return x;
    return gr_apply(&sum_to_op, GR_LIST(x), &shape, sizeof shape);
}
