/* Along one axis: running sums, and where the extremes are. */
#include "core/ops/reduce_internal.h"
#include "core/ops/reduction_internal.h"

enum { TILE = GR_REDUCE_TILE, GRAIN = 1 << 14 };

typedef struct scan_params {
    int axis;
    bool backwards; /* sums from the end of the axis */
} scan_params;

static gr_axis_view view_of(const gr_node *n) {
    const scan_params *p = n->params;
    gr_axis_view view;
    gr_axis_view_of(n->in[0]->shape, 1u << p->axis, &view);
    return view;
}

static gr_tensor *apply(const gr_op *op, gr_tensor *x, int axis, bool backwards) {
    scan_params p = {.axis = gr_axis(x, axis, op->name), .backwards = backwards};
    return x != NULL && p.axis < 0 ? NULL : gr_apply(op, GR_LIST(x), &p, sizeof p);
}

/* -- Running sums -- */

typedef struct cumsum_work {
    const gr_reduce_kernels *kernels;
    gr_axis_view view;
    const gr_real *x;
    gr_real *y;
    bool backwards;
    int64_t tiles; /* of columns in each (n, inner) */
} cumsum_work;

static void cumsum_range(void *context, int64_t begin, int64_t end) {
    const cumsum_work *w = context;
    const gr_axis_view v = w->view;
    for (int64_t t = begin; t < end; t++) {
        int64_t column = t % w->tiles * TILE, at = t / w->tiles * v.n * v.inner + column;
        int64_t count = v.inner - column < TILE ? v.inner - column : TILE;
        if (w->backwards) at += (v.n - 1) * v.inner;
        w->kernels->cumsum(v.n, count, w->x + at, w->y + at, w->backwards ? -v.inner : v.inner);
    }
}

static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}

static void cumsum_forward(const gr_node *n) {
    const gr_axis_view v = view_of(n);
    cumsum_work w = {.kernels = n->graph->kernels->reduce,
                     .view = v,
                     .x = n->in[0]->data,
                     .y = n->out->data,
                     .tiles = (v.inner + TILE - 1) / TILE,
                     .backwards = ((const scan_params *)n->params)->backwards};
    if (n->out->size == 0) return;
    gr_for_rows(n->graph, v.outer * w.tiles, 1 + GRAIN / (v.n * (v.inner < TILE ? v.inner : TILE)),
                cumsum_range, &w);
}

/* x[i] is part of y[i], y[i + 1], ...: their gradients are summed from the end. */
static void cumsum_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const scan_params *p = n->params;
    grads[0] = apply(n->op, grad, p->axis, !p->backwards);
}

static const gr_op cumsum_op = {.name = "gr_cumsum",
                                .operands = {"x"},
                                .shape = same_shape,
                                .forward = cumsum_forward,
                                .vjp = cumsum_vjp};
gr_tensor *gr_cumsum(gr_tensor *x, int axis) { return apply(&cumsum_op, x, axis, false); }

/* -- Where the extremes are -- */

static bool argument_shape(const gr_node *n, gr_shape *shape) {
    const int axis = ((const scan_params *)n->params)->axis;
    const gr_shape x = n->in[0]->shape;
    if (x.dim[axis] == 0)
        return gr_fail(n->graph, "%s: axis %d of %s has no elements, expected at least one",
                       n->op->name, axis, gr_operand(n, 0).text);
    *shape = (gr_shape){.ndim = 0};
    for (int i = 0; i < x.ndim; i++)
        if (i != axis) shape->dim[shape->ndim++] = x.dim[i];
    return true;
}

/* A NaN is larger than any number. */
static inline bool larger(gr_real a, gr_real b) { return a > b || (a != a && b == b); }

typedef struct argument_work {
    gr_axis_view view;
    const gr_real *x;
    int32_t *y;
    bool smallest;
} argument_work;

static void argument_range(void *context, int64_t begin, int64_t end) {
    const argument_work *w = context;
    const gr_axis_view v = w->view;
    for (int64_t o = begin; o < end; o++) {
        const gr_real *x = w->x + o * v.n * v.inner;
        int32_t *best = w->y + o * v.inner;
        for (int64_t j = 0; j < v.inner; j++) best[j] = 0;
        for (int64_t i = 1; i < v.n; i++)
            for (int64_t j = 0; j < v.inner; j++) {
                gr_real now = x[i * v.inner + j], before = x[best[j] * v.inner + j];
                if (w->smallest ? larger(before, now) : larger(now, before)) best[j] = (int32_t)i;
            }
    }
}

static void find(const gr_node *n, bool smallest) {
    argument_work w = {
        .view = view_of(n), .x = n->in[0]->data, .y = n->out->index, .smallest = smallest};
    if (n->out->size == 0) return;
    gr_for_rows(n->graph, w.view.outer, 1 + GRAIN / (w.view.n * w.view.inner), argument_range, &w);
}

static void argmax_forward(const gr_node *n) { find(n, false); }
static const gr_op argmax_op = {.name = "gr_argmax",
                                .operands = {"x"},
                                .kind = GR_INDEX,
                                .shape = argument_shape,
                                .forward = argmax_forward};
gr_tensor *gr_argmax(gr_tensor *x, int axis) { return apply(&argmax_op, x, axis, false); }

static void argmin_forward(const gr_node *n) { find(n, true); }
static const gr_op argmin_op = {.name = "gr_argmin",
                                .operands = {"x"},
                                .kind = GR_INDEX,
                                .shape = argument_shape,
                                .forward = argmin_forward};
gr_tensor *gr_argmin(gr_tensor *x, int axis) { return apply(&argmin_op, x, axis, false); }
