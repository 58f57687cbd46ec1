#include "core/ops/vectors_internal.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/shape.h"

#include <float.h>
#include <math.h>

enum { MOST_OTHERS = 2 }; /* of distances */

typedef struct work {
    const gr_vector_kernels *kernels;
    int64_t rows, length;
    const gr_real *a, *b, *p, *q; /* p and q: numbers for each vector */
    int n_others;
    const gr_real *others[MOST_OTHERS];
    gr_real shift, *y;
} work;

/* Runs f over the rows of x, which is (..,D). */
static void for_rows(const gr_node *n, const gr_tensor *x, work w, gr_range_function *f) {
    w.kernels = n->graph->kernels->vector;
    w.length = x->shape.dim[x->shape.ndim - 1];
    if (w.length == 0) {
        for (int64_t i = 0; i < n->out->size; i++) w.y[i] = 0;
        return;
    }
    w.rows = x->size / w.length;
    gr_for_rows(n->graph, w.rows, 1 + GR_SHARE / w.length, f, &w);
}

static gr_real within_range(double sum) {
    const double largest = sizeof(gr_real) == sizeof(float) ? FLT_MAX : DBL_MAX;
    return (gr_real)(sum > largest ? largest : sum < -largest ? -largest : sum);
}

static bool check_vectors(const gr_node *n) {
    const gr_shape a = n->in[0]->shape;
    for (int i = 1; i < n->n_in; i++)
        if (a.ndim == 0 || !gr_shape_equal(a, n->in[i]->shape))
            return gr_fail(n->graph, "%s: %s and %s, expected equal shapes (..,D)", n->op->name,
                           gr_operand(n, 0).text, gr_operand(n, i).text);
    return true;
}

/* (count,..) for operands (..,D) */
static bool sums_shape(const gr_node *n, int count, gr_shape *shape) {
    const gr_shape x = n->in[0]->shape;
    *shape = (gr_shape){.ndim = x.ndim, .dim = {count}};
    for (int i = 1; i < x.ndim; i++) shape->dim[i] = x.dim[i - 1];
    return true;
}

/* -- p a + q b for vectors a and b -- */

static bool combination_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}

static void combination_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    for (int64_t r = begin, at = r * w->length; r < end; r++, at += w->length)
        w->kernels->combination(w->length, w->p[r], w->a + at, w->q[r], w->b + at, w->y + at);
}

static void combination_forward(const gr_node *n) {
    work w = {.p = n->in[0]->data,
              .a = n->in[1]->data,
              .q = n->in[2]->data,
              .b = n->in[3]->data,
              .y = n->out->data};
    for_rows(n, n->out, w, combination_range);
}

static gr_tensor *combination_composed(const gr_node *n, gr_tensor **in) {
    (void)n;
    return gr_add(gr_mul(gr_unsqueeze(in[0], -1), in[1]), gr_mul(gr_unsqueeze(in[2], -1), in[3]));
}

static void combination_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, combination_composed);
}

static const gr_op combination_op = {.name = "gr_vector_products",
                                     .operands = {"p", "a", "q", "b"},
                                     .shape = combination_shape,
                                     .forward = combination_forward,
                                     .vjp = combination_vjp};

/* -- a.b, a.a, b.b -- */

static bool products_shape(const gr_node *n, gr_shape *shape) {
    return check_vectors(n) && sums_shape(n, 3, shape);
}

static void products_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    for (int64_t r = begin, at = r * w->length; r < end; r++, at += w->length) {
        double sums[3];
        w->kernels->products(w->length, w->a + at, w->b + at, sums);
        /* Infinities of both signs met in a.b. */
        if (isnan(sums[0]) && !isnan(sums[1]) && !isnan(sums[2])) sums[0] = INFINITY;
        for (int i = 0; i < 3; i++) w->y[i * w->rows + r] = within_range(sums[i]);
    }
}

static void products_forward(const gr_node *n) {
    work w = {.a = n->in[0]->data, .b = n->in[1]->data, .y = n->out->data};
    for_rows(n, n->in[0], w, products_range);
}

static void products_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *to_product = gr_select(grad, 0, 0);
    for (int i = 0; i < 2; i++) {
        if (!gr_wants(n, i)) continue;
        gr_tensor *to_square = gr_scale(gr_select(grad, 0, 1 + i), 2);
        gr_list in = GR_LIST(to_product, n->in[1 - i], to_square, n->in[i]);
        grads[i] = gr_apply_gradient(n, i, &combination_op, in, NULL, 0);
    }
}

static const gr_op products_op = {.name = "gr_vector_products",
                                  .operands = {"a", "b"},
                                  .shape = products_shape,
                                  .forward = products_forward,
                                  .vjp = products_vjp};

gr_tensor *gr_vector_products(gr_tensor *a, gr_tensor *b) {
    return gr_apply(&products_op, GR_LIST(a, b), NULL, 0);
}

/* -- The gradient of distances: 2 grad_0 d + grad_1 d/|d| with d = a - b + shift, and that of c --
 *
 * Directions d/|d| come first: where second derivatives cancel, as those of |d| for vectors of one
 * element do, they do so without rounding errors. */

static double shift_of(const gr_node *n) { return *(const double *)n->params; }

static work distances_work(const gr_node *n, gr_tensor **others) {
    work w = {.shift = (gr_real)shift_of(n), .n_others = n->in + n->n_in - others};
    for (int k = 0; k < w.n_others; k++) w.others[k] = others[k]->data;
    return w;
}

static void slope_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    for (int64_t r = begin, at = r * w->length; r < end; r++, at += w->length)
        for (int k = 0; k < w->n_others; k++) {
            int64_t square = 2 * k * w->rows + r, length = square + w->rows;
            gr_length_slope slope = {2 * w->p[square], w->p[length], w->q[length]};
            w->kernels->length_slope(w->length, slope, w->a + at, w->others[k] + at, w->shift,
                                     k > 0, w->y + at);
        }
}

static void slope_forward(const gr_node *n) {
    work w = distances_work(n, n->in + 3);
    w.p = n->in[0]->data;
    w.q = n->in[1]->data;
    w.a = n->in[2]->data;
    w.y = n->out->data;
    for_rows(n, n->out, w, slope_range);
}

/* Recorded ones have one pair. */
static gr_tensor *slope_composed(const gr_node *n, gr_tensor **in) {
    gr_tensor *to_square = gr_unsqueeze(gr_select(in[0], 0, 0), -1);
    gr_tensor *to_length = gr_unsqueeze(gr_select(in[0], 0, 1), -1);
    gr_tensor *length = gr_unsqueeze(gr_select(in[1], 0, 1), -1);
    gr_tensor *d = gr_shift(gr_sub(in[2], in[3]), shift_of(n));
    return gr_add(gr_mul(gr_scale(to_square, 2), d), gr_mul(to_length, gr_div(d, length)));
}

static void slope_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, slope_composed);
}

static bool slope_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[2]->shape;
    return true;
}

static const gr_op slope_op = {.name = "gr_vector_distances",
                               .operands = {"grad", "distances", "a", "b"},
                               .shape = slope_shape,
                               .forward = slope_forward,
                               .vjp = slope_vjp};

/* -- |d|^2 and |d| of differences d = a - b + shift -- */

static bool distances_shape(const gr_node *n, gr_shape *shape) {
    return check_vectors(n) && sums_shape(n, 2 * (n->n_in - 1), shape);
}

static void distances_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    for (int64_t r = begin, at = r * w->length; r < end; r++, at += w->length)
        for (int k = 0; k < w->n_others; k++) {
            double square = w->kernels->squares(w->length, w->a + at, w->others[k] + at, w->shift);
            w->y[2 * k * w->rows + r] = within_range(square);
            w->y[(2 * k + 1) * w->rows + r] = within_range(sqrt(square));
        }
}

static void distances_forward(const gr_node *n) {
    work w = distances_work(n, n->in + 1);
    w.a = n->in[0]->data;
    w.y = n->out->data;
    for_rows(n, n->in[0], w, distances_range);
}

/* What a tensor of the distances' shape has of the k-th pair. */
static gr_tensor *pair_of(gr_tensor *all, int k) { return gr_slice(all, 0, 2 * (k - 1), 2 * k, 1); }

/* With each pair's slope as a node of its own, whose derivatives cancel before those of pairs add
 * up. */
static void distances_recorded_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    for (int k = 1; k < n->n_in; k++) {
        gr_list in = GR_LIST(pair_of(grad, k), pair_of(n->out, k), n->in[0], n->in[k]);
        gr_tensor *slope = gr_apply(&slope_op, in, n->params, sizeof(double));
        grads[0] = k == 1 ? slope : gr_add(grads[0], slope);
        if (gr_wants(n, k)) grads[k] = gr_neg(slope);
    }
}

/* To a all slopes in one pass; to b that of its pair with the other sign. */
static void distances_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (n->graph->no_grad == 0) {
        distances_recorded_vjp(n, grad, grads);
        return;
    }
    if (gr_wants(n, 0)) {
        gr_tensor *in[3 + MOST_OTHERS] = {grad, n->out};
        for (int k = 0; k < n->n_in; k++) in[2 + k] = n->in[k];
        gr_list all = {2 + n->n_in, in};
        grads[0] = gr_apply_gradient(n, 0, &slope_op, all, n->params, sizeof(double));
    }
    for (int k = 1; k < n->n_in; k++) {
        if (!gr_wants(n, k)) continue;
        gr_list in = GR_LIST(gr_neg(pair_of(grad, k)), pair_of(n->out, k), n->in[0], n->in[k]);
        grads[k] = gr_apply_gradient(n, k, &slope_op, in, n->params, sizeof(double));
    }
}

static const gr_op distances_op = {.name = "gr_vector_distances",
                                   .operands = {"a", "b", "c"},
                                   .shape = distances_shape,
                                   .forward = distances_forward,
                                   .vjp = distances_vjp};

gr_tensor *gr_vector_distances(gr_tensor *a, gr_list others, double shift) {
    gr_tensor *in[1 + MOST_OTHERS] = {a};
    for (int k = 0; k < others.n; k++) in[1 + k] = others.items[k];
    return gr_apply(&distances_op, (gr_list){1 + others.n, in}, &shift, sizeof shift);
}
