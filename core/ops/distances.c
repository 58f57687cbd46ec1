/* Distances and similarities between vectors. */
#include "core/graph/graph_internal.h"
#include "core/ops/broadcast_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* With the differences d_ij = a_i - b_j of the rows of a (M,D) and b (N,D), the squared distances
 * and their derivatives of all orders are made of three sums:
 *
 *     squared_ij  = sum_k d_ijk^2          (M,N)
 *     sum_i       = sum_j g_ji d_ij        (M,D), for weights g (N,M)
 *     products_ij = sum_k h_ik d_ijk       (M,N), for weights h (M,D)
 *
 * Each is computed from the differences and stores none of them. Those of p = 1, with `signs`, have
 * sign(d_ijk) for one d_ijk. */

enum { PIECE_WORK = 1 << 15 }; /* differences that are worth another thread */
enum { ROWS = 64 };            /* that go over a panel in a piece */
enum { SUMS = 8 };             /* rows that get their sums in a piece */

/* Rows of a matrix in panels, and the m rows of another one that go over each of them. */
typedef struct pairs_work {
    const gr_distance_kernels *kernels;
    const gr_transpose_kernels *transpose;
    bool signs, roots;
    int64_t m, n, d;
    const gr_real *weights, *a, *b; /* a (m,d); b (n,d) is that in panels */
    gr_real *panels, *y;
} pairs_work;

static int64_t panels_of(const pairs_work *w) {
    return (w->n + w->kernels->width - 1) / w->kernels->width;
}

static int64_t blocks_of(const pairs_work *w) { return (w->m + ROWS - 1) / ROWS; }

static gr_panel panel_of(const pairs_work *w, int64_t index) {
    int64_t width = w->kernels->width, left = w->n - index * width;
    return (gr_panel){.n = left < width ? left : width,
                      .d = w->d,
                      .stride = w->n,
                      .panel = w->panels + index * width * w->d};
}

static void fill_panels(void *context, int64_t begin, int64_t end) {
    const pairs_work *w = context;
    int64_t width = w->kernels->width;
    for (int64_t i = begin; i < end; i++) {
        gr_panel p = panel_of(w, i);
        gr_real *to = w->panels + i * width * w->d;
        if (p.n < width) memset(to, 0, (size_t)(width * w->d) * sizeof *to);
        w->transpose->transpose(p.n, w->d, w->b + i * width * w->d, w->d, to, width);
    }
}

/* Numbers of each pair; an item is a panel and ROWS rows. */
static void pairs_range(void *context, int64_t begin, int64_t end) {
    const pairs_work *w = context;
    int64_t width = w->kernels->width, blocks = blocks_of(w);
    for (int64_t item = begin; item < end; item++) {
        int64_t index = item / blocks, first = item % blocks * ROWS, column = index * width;
        int64_t rows = w->m - first < ROWS ? w->m - first : ROWS;
        gr_panel p = panel_of(w, index);
        const gr_real *a = w->a + first * w->d;
        const gr_real *weights = w->weights == NULL ? NULL : w->weights + first * w->d;
        gr_real *y = w->y + first * w->n + column;
        w->kernels->panel(&p, w->signs, rows, weights, a, y);
        for (int64_t i = 0; w->roots && i < rows; i++)
            w->kernels->root(p.n, w->d, a + i * w->d, w->b + column * w->d, y + i * w->n);
    }
}

/* For each row of a, the node's last but one operand, with each row of b, its last one. */
static void run_pairs(const gr_node *n, bool signs, bool roots) {
    gr_graph *g = n->graph;
    const gr_tensor *a = n->in[n->n_in - 2], *b = n->in[n->n_in - 1];
    pairs_work w = {.signs = signs, .roots = roots, .a = a->data, .b = b->data};
    w.m = a->shape.dim[0], w.n = b->shape.dim[0], w.d = b->shape.dim[1];
    w.weights = n->n_in > 2 ? n->in[0]->data : NULL;
    w.kernels = g->kernels->distance, w.transpose = g->kernels->transpose, w.y = n->out->data;
    if (n->out->size == 0) return;
    int64_t panels = panels_of(&w), width = w.kernels->width;
    int64_t numbers = panels * width * w.d;
    size_t bytes = (size_t)numbers * sizeof *w.panels;
    w.panels = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    if (w.panels == NULL) {
        gr_fail(g, "gr_distances: no memory for %s and %s, %zu bytes",
                gr_operand(n, n->n_in - 2).text, gr_operand(n, n->n_in - 1).text, bytes);
        return;
    }
    gr_for_rows(g, panels, 1 + PIECE_WORK / (1 + width * w.d), fill_panels, &w);
    gr_for_rows(g, panels * blocks_of(&w), 1 + PIECE_WORK / (1 + ROWS * width * w.d), pairs_range,
                &w);
    gr_arena_give_back(&g->step, w.panels, bytes, GR_ALIGN_DATA);
}

static bool check_pairs(const gr_tensor *a, const gr_tensor *b) {
    if (a->shape.ndim == 2 && b->shape.ndim == 2 && a->shape.dim[1] == b->shape.dim[1]) return true;
    return gr_fail(a->graph, "gr_distances: %s and %s, expected (M,D) and (N,D)",
                   gr_describe(a, "a").text, gr_describe(b, "b").text);
}

static bool pairs_shape(const gr_node *n, gr_shape *shape) {
    const gr_tensor *a = n->in[n->n_in - 2], *b = n->in[n->n_in - 1];
    if (!check_pairs(a, b)) return false;
    *shape = GR_SHAPE(a->shape.dim[0], b->shape.dim[0]);
    return true;
}

/* -- sum_j g_ji (a_i - b_j) and sum_k h_ik (a_ik - b_jk) -- */

static gr_tensor *weighted_sum(gr_tensor *g, gr_tensor *a, gr_tensor *b, bool signs);
static gr_tensor *weighted_products(gr_tensor *h, gr_tensor *a, gr_tensor *b, bool signs);

static bool signs_of(const gr_node *n) { return *(const bool *)n->params; }

static bool rows_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}

/* An item is SUMS rows of a. */
static void sums_range(void *context, int64_t begin, int64_t end) {
    const gr_node *n = context;
    const gr_tensor *a = n->in[1], *b = n->in[2];
    int64_t rows = a->shape.dim[0], d = a->shape.dim[1], first = begin * SUMS, last = end * SUMS;
    if (last > rows) last = rows;
    n->graph->kernels->distance->sums(signs_of(n), last - first, b->shape.dim[0], rows, d,
                                      n->in[0]->data + first, b->data, a->data + first * d,
                                      n->out->data + first * d);
}
static void weighted_sum_forward(const gr_node *n) {
    int64_t rows = n->out->shape.dim[0], work = SUMS * n->in[2]->size;
    gr_for_rows(n->graph, (rows + SUMS - 1) / SUMS, 1 + PIECE_WORK / (1 + work), sums_range,
                (void *)n);
}

/* Both sums are linear in their weights, and in a and b: with the weights g (N,M), transposed, and
 * the gradient h (M,D), or the other way round, a gets the gradient (sum_j g_ji) h_i and b gets
 * -g h. Signs have no gradient. */
static void to_a_and_b(const gr_node *n, gr_tensor *g, bool transposed, gr_tensor *h,
                       gr_tensor **grads) {
    if (signs_of(n)) return;
    if (gr_wants(n, 1)) {
        gr_tensor *sums = gr_sum(g, .axes = GR_AXES(transposed ? 0 : 1));
        grads[1] = gr_mul(gr_unsqueeze(sums, 1), h);
    }
    if (gr_wants(n, 2)) grads[2] = gr_neg(gr_matmul(g, h, .transpose_a = !transposed));
}
static void weighted_sum_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (gr_wants(n, 0))
        grads[0] = gr_transpose(weighted_products(grad, n->in[1], n->in[2], signs_of(n)), 0, 1);
    to_a_and_b(n, n->in[0], true, grad, grads);
}
static const gr_op weighted_sum_op = {.name = "gr_distances",
                                      .operands = {"grad", "a", "b"},
                                      .shape = rows_shape,
                                      .forward = weighted_sum_forward,
                                      .vjp = weighted_sum_vjp};
static gr_tensor *weighted_sum(gr_tensor *g, gr_tensor *a, gr_tensor *b, bool signs) {
    return gr_apply(&weighted_sum_op, GR_LIST(g, a, b), &signs, sizeof signs);
}

static void weighted_products_forward(const gr_node *n) { run_pairs(n, signs_of(n), false); }
static void weighted_products_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (gr_wants(n, 0))
        grads[0] = weighted_sum(gr_transpose(grad, 0, 1), n->in[1], n->in[2], signs_of(n));
    to_a_and_b(n, grad, false, n->in[0], grads);
}
static const gr_op weighted_products_op = {.name = "gr_distances",
                                           .operands = {"grad", "a", "b"},
                                           .shape = pairs_shape,
                                           .forward = weighted_products_forward,
                                           .vjp = weighted_products_vjp};
static gr_tensor *weighted_products(gr_tensor *h, gr_tensor *a, gr_tensor *b, bool signs) {
    return gr_apply(&weighted_products_op, GR_LIST(h, a, b), &signs, sizeof signs);
}

/* -- Distances -- */

/* The gradients of a and b from those of d_ij^2 / 2, or with `signs` of the distances of p = 1. */
static void from_differences(const gr_node *n, bool signs, gr_tensor *g, gr_tensor **grads) {
    gr_tensor *a = n->in[0], *b = n->in[1];
    if (gr_wants(n, 0)) grads[0] = weighted_sum(gr_transpose(g, 0, 1), a, b, signs);
    if (gr_wants(n, 1)) grads[1] = weighted_sum(g, b, a, signs);
}

static void squared_forward(const gr_node *n) { run_pairs(n, false, false); }
static void squared_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    from_differences(n, false, gr_scale(grad, 2), grads);
}
static const gr_op squared_op = {.name = "gr_distances",
                                 .operands = {"a", "b"},
                                 .shape = pairs_shape,
                                 .forward = squared_forward,
                                 .vjp = squared_vjp};

static void euclidean_forward(const gr_node *n) { run_pairs(n, false, true); }
/* grad / distance; 0 for a distance of 0, or so small that its reciprocal is infinite. */
static void euclidean_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *smallest = gr_scalar(n->graph, sizeof(gr_real) == sizeof(float) ? FLT_MIN : DBL_MIN);
    gr_tensor *zero = gr_scalar(n->graph, 0);
    gr_tensor *distance = gr_where(gr_ge(n->out, smallest), n->out, zero);
    from_differences(n, false, gr_mul(grad, gr_reciprocal_or_zero(distance)), grads);
}
static const gr_op euclidean_op = {.name = "gr_distances",
                                   .operands = {"a", "b"},
                                   .shape = pairs_shape,
                                   .forward = euclidean_forward,
                                   .vjp = euclidean_vjp};

static void absolute_forward(const gr_node *n) { run_pairs(n, true, false); }
static void absolute_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    from_differences(n, true, grad, grads);
}
static const gr_op absolute_op = {.name = "gr_distances",
                                  .operands = {"a", "b"},
                                  .shape = pairs_shape,
                                  .forward = absolute_forward,
                                  .vjp = absolute_vjp};

gr_tensor *gr_distances_(gr_distances_args args) {
    gr_tensor *a = args.a, *b = args.b;
    const gr_op *op = args.squared ? &squared_op : args.p == 1 ? &absolute_op : &euclidean_op;
    gr_graph *g = gr_operands_graph(op, GR_LIST(a, b));
    if (g == NULL) return NULL;
    if (!(args.p > 0)) return gr_fail(g, "gr_distances: p is %g, expected p > 0", args.p);
    if (args.squared && args.p != 2)
        return gr_fail(g, "gr_distances: p is %g, expected 2 for squared distances", args.p);
    if (args.p == 1 || args.p == 2) return gr_apply(op, GR_LIST(a, b), NULL, 0);
    if (!check_pairs(a, b)) return NULL;
    gr_tensor *differences = gr_sub(gr_unsqueeze(a, 1), gr_unsqueeze(b, 0)); /* (M,N,D) */
    return gr_norm(differences, .p = args.p, .axes = GR_AXES(2));
}

/* -- Cosine similarity -- */

/* The length of x along an axis that is counted from the end; 1 if x has not got it. */
static int length_along(const gr_tensor *x, int axis) {
    return x->shape.ndim + axis < 0 ? 1 : x->shape.dim[x->shape.ndim + axis];
}

/* x repeated to `length` along an axis counted from the end, where it has 1 or nothing. */
static gr_tensor *repeat_along(gr_tensor *x, int axis, int length) {
    if (x->shape.ndim + axis >= 0 && length_along(x, axis) == length) return x;
    gr_shape shape = {.ndim = x->shape.ndim > -axis ? x->shape.ndim : -axis};
    for (int i = 1; i <= shape.ndim; i++) shape.dim[shape.ndim - i] = length_along(x, -i);
    shape.dim[shape.ndim + axis] = length;
    return gr_expand(x, shape);
}

/* For errors only. */
static const gr_op cosine_op = {.name = "gr_cosine_similarity", .operands = {"a", "b"}};

/* The vectors are divided by their lengths before they are multiplied, so that no product
 * overflows. Where the lengths' product is at most eps, a.b is divided by eps. */
gr_tensor *gr_cosine_similarity_(gr_cosine_similarity_args args) {
    gr_tensor *a = args.a, *b = args.b;
    gr_graph *g = gr_operands_graph(&cosine_op, GR_LIST(a, b));
    if (g == NULL) return NULL;
    gr_shape common;
    gr_node call = {.op = &cosine_op, .graph = g, .n_in = 2, .in = (gr_tensor *[]){a, b}};
    if (!gr_broadcast_shape(&call, &common)) return NULL;
    if (!((gr_real)args.eps > 0))
        return gr_fail(g, "gr_cosine_similarity: eps is %g, expected eps > 0", args.eps);
    gr_tensor *wider = b->shape.ndim > a->shape.ndim ? b : a;
    int axis = gr_axis(wider, args.axis, "gr_cosine_similarity");
    if (axis < 0) return NULL;
    axis -= wider->shape.ndim;
    int n_a = length_along(a, axis), n_b = length_along(b, axis);
    if (n_a == 1) a = repeat_along(a, axis, n_b);
    if (n_b == 1) b = repeat_along(b, axis, n_a);
    gr_tensor *length_a = gr_norm(a, .axes = GR_AXES(axis), .keepdim = true);
    gr_tensor *length_b = gr_norm(b, .axes = GR_AXES(axis), .keepdim = true);
    gr_tensor *one = gr_scalar(g, 1), *eps = gr_scalar(g, args.eps);
    gr_tensor *regular = gr_gt(gr_mul(length_a, length_b), eps);
    gr_tensor *unit_a = gr_div(a, gr_where(regular, length_a, one));
    gr_tensor *unit_b = gr_div(b, gr_where(regular, length_b, one));
    gr_tensor *products = gr_div(gr_mul(unit_a, unit_b), gr_where(regular, one, eps));
    return gr_sum(products, .axes = GR_AXES(axis));
}
