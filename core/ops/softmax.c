#include "core/graph/autodiff.h"
#include "core/ops/reduce_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduction_internal.h"

enum { TILE = GR_REDUCE_TILE, GRAIN = 1 << 14 };

typedef struct softmax_params {
    unsigned axes;
    gr_axis_view view;
} softmax_params;

typedef struct softmax_work {
    const gr_reduce_kernels *kernels;
    gr_axis_view view;
    const gr_real *x;
    gr_real *y;
    bool logarithm;
    int64_t tiles; /* of columns in each (n, inner) */
} softmax_work;

static void rows_range(void *context, int64_t begin, int64_t end) {
    const softmax_work *w = context;
    int64_t at = begin * w->view.n;
    w->kernels->softmax_rows(end - begin, w->view.n, w->x + at, w->y + at, w->logarithm);
}

static void columns_range(void *context, int64_t begin, int64_t end) {
    const softmax_work *w = context;
    const gr_axis_view v = w->view;
    for (int64_t t = begin; t < end; t++) {
        int64_t column = t % w->tiles * TILE, at = t / w->tiles * v.n * v.inner + column;
        int64_t count = v.inner - column < TILE ? v.inner - column : TILE;
        w->kernels->softmax_columns(v.n, count, w->x + at, w->y + at, v.inner, w->logarithm);
    }
}

static void run(const gr_node *n, bool logarithm) {
    const softmax_params *p = n->params;
    const gr_axis_view v = p->view;
    softmax_work w = {.kernels = n->graph->kernels->reduce,
                      .view = v,
                      .x = n->in[0]->data,
                      .y = n->out->data,
                      .logarithm = logarithm,
                      .tiles = (v.inner + TILE - 1) / TILE};
    if (n->out->size == 0) return;
    if (v.inner == 1)
        gr_for(n->graph, v.outer, 1 + GRAIN / v.n, rows_range, &w);
    else
        gr_for(n->graph, v.outer * w.tiles, 1 + GRAIN / (v.n * (v.inner < TILE ? v.inner : TILE)),
               columns_range, &w);
}

static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}

static gr_axes axes_of(const gr_node *n) {
    const softmax_params *p = n->params;
    gr_axes axes = {.n = 0};
    for (int i = 0; i < n->in[0]->shape.ndim; i++)
        if (p->axes >> i & 1) axes.axis[axes.n++] = i;
    return axes;
}

/* y (grad - sum grad y) */
static void softmax_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *y = n->out;
    gr_tensor *mean = gr_sum(gr_mul(grad, y), .axes = axes_of(n), .keepdim = true);
    grads[0] = gr_mul(y, gr_sub(grad, mean));
}
static void softmax_forward(const gr_node *n) { run(n, false); }
static const gr_op softmax_op = {.name = "gr_softmax",
                                 .operands = {"x"},
                                 .shape = same_shape,
                                 .forward = softmax_forward,
                                 .vjp = softmax_vjp};

/* grad - e^y sum grad */
static void log_softmax_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *sum = gr_sum(grad, .axes = axes_of(n), .keepdim = true);
    grads[0] = gr_sub(grad, gr_mul(gr_exp(n->out), sum));
}
static void log_softmax_forward(const gr_node *n) { run(n, true); }
static const gr_op log_softmax_op = {.name = "gr_log_softmax",
                                     .operands = {"x"},
                                     .shape = same_shape,
                                     .forward = log_softmax_forward,
                                     .vjp = log_softmax_vjp};

/* Along axes that are not neighbours it is put together from operations. The maximum is a constant,
 * since it does not change the result. */
static gr_tensor *composed(gr_tensor *x, gr_axes axes, bool logarithm) {
    gr_tensor *m = gr_detach(gr_max(x, .axes = axes, .keepdim = true));
    gr_tensor *shifted = gr_sub(x, m), *e = gr_exp(shifted);
    gr_tensor *sum = gr_sum(e, .axes = axes, .keepdim = true);
    return logarithm ? gr_sub(shifted, gr_log(sum)) : gr_div(e, sum);
}

static gr_tensor *apply(const gr_op *op, gr_tensor *x, unsigned axes) {
    softmax_params p = {.axes = axes};
    if (x == NULL || x->kind != GR_REAL || x->size == 0 || gr_axis_view_of(x->shape, axes, &p.view))
        return gr_apply(op, GR_LIST(x), &p, sizeof p);
    const gr_node call = {.params = &p, .n_in = 1, .in = &x};
    return composed(x, axes_of(&call), op == &log_softmax_op);
}

static gr_tensor *apply_args(const gr_op *op, const gr_reduce_args *a) {
    unsigned axes;
    return gr_axes_set(a->x, a->axes, op->name, &axes) ? apply(op, a->x, axes) : NULL;
}

gr_tensor *gr_softmax_set(gr_tensor *x, unsigned axes) { return apply(&softmax_op, x, axes); }
gr_tensor *gr_softmax_(gr_reduce_args a) { return apply_args(&softmax_op, &a); }
gr_tensor *gr_log_softmax_(gr_reduce_args a) { return apply_args(&log_softmax_op, &a); }
