#include "core/graph/autodiff.h"
#include "core/ops/reduce_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduction_internal.h"

enum { TILE = GR_REDUCE_TILE, GRAIN = 1 << 12 };

typedef struct softmax_params {
    unsigned axes;
    gr_axis_view view;
    bool logarithm;
} softmax_params;

/* Forward, from x to y, or back, from grad and y to `to`. */
typedef struct softmax_work {
    const gr_softmax_kernels *kernels;
    gr_axis_view view;
    bool logarithm;
    int64_t tiles; /* of columns in each (n, inner) */
    const gr_real *x, *grad;
    gr_real *y, *to;
} softmax_work;

static void rows_range(void *context, int64_t begin, int64_t end) {
    const softmax_work *w = context;
    const int64_t at = begin * w->view.n, rows = end - begin, n = w->view.n;
    if (w->grad == NULL)
        w->kernels->rows(rows, n, w->x + at, w->y + at, w->logarithm);
    else
        w->kernels->rows_back(rows, n, w->grad + at, w->y + at, w->logarithm, w->to + at);
}

static void columns_range(void *context, int64_t begin, int64_t end) {
    const softmax_work *w = context;
    const gr_axis_view v = w->view;
    for (int64_t t = begin; t < end; t++) {
        int64_t column = t % w->tiles * TILE, at = t / w->tiles * v.n * v.inner + column;
        int64_t count = v.inner - column < TILE ? v.inner - column : TILE;
        if (w->grad == NULL)
            w->kernels->columns(v.n, count, w->x + at, w->y + at, v.inner, w->logarithm);
        else
            w->kernels->columns_back(v.n, count, w->grad + at, w->y + at, v.inner, w->logarithm,
                                     w->to + at);
    }
}

static void run(const gr_node *n, softmax_work w) {
    const softmax_params *p = n->params;
    const gr_axis_view v = p->view;
    w.kernels = n->graph->kernels->softmax;
    w.view = v;
    w.logarithm = p->logarithm;
    w.tiles = (v.inner + TILE - 1) / TILE;
    if (n->out->size == 0) return;
    if (v.inner == 1)
        gr_parallel_share(n->graph->threads, v.outer, 1 + GRAIN / v.n, w.kernels->together(v.n),
                          rows_range, &w);
    else
        gr_for_rows(n->graph, v.outer * w.tiles,
                    1 + GRAIN / (v.n * (v.inner < TILE ? v.inner : TILE)), columns_range, &w);
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

/* -- The gradient, of operands grad and y: y (grad - sum grad y), and grad - e^y sum grad -- */

static void back_forward(const gr_node *n) {
    run(n, (softmax_work){.grad = n->in[0]->data, .y = n->in[1]->data, .to = n->out->data});
}

static gr_tensor *back_composed(const gr_node *n, gr_tensor **in) {
    const softmax_params *p = n->params;
    gr_tensor *grad = in[0], *y = in[1], *terms = p->logarithm ? grad : gr_mul(grad, y);
    gr_tensor *sum = gr_sum(terms, .axes = axes_of(n), .keepdim = true);
    if (p->logarithm) return gr_sub(grad, gr_mul(gr_exp(y), sum));
    return gr_mul(y, gr_sub(grad, sum));
}

static void back_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, back_composed);
}

static const gr_op back_op = {.name = "gr_softmax",
                              .operands = {"grad", "y"},
                              .shape = same_shape,
                              .forward = back_forward,
                              .vjp = back_vjp};

/* -- The softmax and its logarithm -- */

static void softmax_forward(const gr_node *n) {
    run(n, (softmax_work){.x = n->in[0]->data, .y = n->out->data});
}

static void softmax_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_list in = GR_LIST(grad, n->out);
    grads[0] = gr_apply_gradient(n, 0, &back_op, in, n->params, sizeof(softmax_params));
}

static const gr_op softmax_op = {.name = "gr_softmax",
                                 .operands = {"x"},
                                 .shape = same_shape,
                                 .forward = softmax_forward,
                                 .vjp = softmax_vjp};
static const gr_op log_softmax_op = {.name = "gr_log_softmax",
                                     .operands = {"x"},
                                     .shape = same_shape,
                                     .forward = softmax_forward,
                                     .vjp = softmax_vjp};

/* Along axes that are not neighbours it is put together from operations. The maximum is a constant,
 * since it does not change the result. */
static gr_tensor *composed(gr_tensor *x, gr_axes axes, bool logarithm) {
    gr_tensor *m = gr_detach(gr_max(x, .axes = axes, .keepdim = true));
    gr_tensor *shifted = gr_sub(x, m), *e = gr_exp(shifted);
    gr_tensor *sum = gr_sum(e, .axes = axes, .keepdim = true);
    return logarithm ? gr_sub(shifted, gr_log(sum)) : gr_div(e, sum);
}

static gr_tensor *apply(const gr_op *op, gr_tensor *x, unsigned axes) {
    softmax_params p = {.axes = axes, .logarithm = op == &log_softmax_op};
    if (x == NULL || x->kind != GR_REAL || x->size == 0 || gr_axis_view_of(x->shape, axes, &p.view))
        return gr_apply(op, GR_LIST(x), &p, sizeof p);
    const gr_node call = {.params = &p, .n_in = 1, .in = &x};
    return composed(x, axes_of(&call), p.logarithm);
}

static gr_tensor *apply_args(const gr_op *op, const gr_reduce_args *a) {
    unsigned axes;
    return gr_axes_set(a->x, a->axes, op->name, &axes) ? apply(op, a->x, axes) : NULL;
}

gr_tensor *gr_softmax_set(gr_tensor *x, unsigned axes) { return apply(&softmax_op, x, axes); }
gr_tensor *gr_softmax_(gr_reduce_args a) { return apply_args(&softmax_op, &a); }
gr_tensor *gr_log_softmax_(gr_reduce_args a) { return apply_args(&log_softmax_op, &a); }
