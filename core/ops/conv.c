/* Convolutions and their gradients.
 *
 * With x (N,C,H,W), weight w (O,C/groups,kh,kw) and y (N,O,P,Q), the number
 *
 *     T(x, w, y) = sum over n,o,p,q of y[n,o,p,q] conv(x, w)[n,o,p,q]
 *
 * is linear in each of the three, and its derivatives are three operations: with respect to y the
 * convolution, to x the transposed convolution of y, to w the correlation of x and y. Each one's
 * vjp consists of the two others, so that gradients of any order cost no further code. How they are
 * computed stands in conv_direct.c and conv_lanes.c and, for what these can't do, in
 * conv_patches.c. */
#include "core/ops/conv.h"

#include "core/ops/conv_internal.h"
#include "core/ops/reduce.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Work that is worth another thread. */
enum { SHARE_WORK = 1 << 18 };
/* Work and positions in a piece of a sum over samples, so many that it outweighs the way of the
 * piece's sum through memory; the number of pieces, and the numbers in all their sums. */
enum { PIECE_WORK = 1 << 19, PIECE_POSITIONS = 256, MAX_PIECES = 16, MAX_PARTIAL = 1 << 22 };

gr_conv_geometry gr_conv_geometry_of(const gr_conv_params *p, gr_shape x, gr_shape w, gr_shape y) {
    const int *xs = x.dim, *ws = w.dim, *ys = y.dim;
    gr_conv_geometry s = {.patches = {.height = xs[2], .width = xs[3], .out_width = ys[3]},
                          .batch = xs[0],
                          .groups = p->groups,
                          .x_channels = ws[1],
                          .y_channels = ws[0] / p->groups,
                          .taps = (int64_t)ws[2] * ws[3],
                          .image = (int64_t)xs[2] * xs[3],
                          .positions = (int64_t)ys[2] * ys[3],
                          .out_height = ys[2]};
    s.rows = s.x_channels * s.taps;
    s.plain = s.taps == 1 && s.image == s.positions;
    for (int i = 0; i < 2; i++) {
        s.patches.kernel[i] = ws[2 + i];
        s.patches.stride[i] = p->window.stride[i];
        s.patches.padding[i] = p->window.padding[i];
        s.patches.dilation[i] = p->window.dilation[i];
        s.plain = s.plain && p->window.stride[i] == 1 && p->window.padding[i] == 0;
    }
    return s;
}

/* Multiplications of the convolution, and to go through a number of x or y as some more. */
static double work_of(const gr_conv_geometry *s) {
    enum { NUMBER = 8 };
    double y = (double)(s->batch * s->groups) * (double)s->y_channels * (double)s->positions;
    double x = (double)(s->batch * s->groups) * (double)s->x_channels * (double)s->image;
    return y * (double)s->rows + NUMBER * (x + y);
}

int64_t gr_conv_pieces(const gr_conv_geometry *s) {
    int64_t numbers = s->groups * s->y_channels * s->rows, positions = s->batch * s->positions;
    int64_t most = gr_least(gr_least(MAX_PIECES, s->batch), 1 + MAX_PARTIAL / (numbers + 1));
    int64_t pieces = 1;
    while (2 * pieces <= most && positions >= 2 * pieces * PIECE_POSITIONS &&
           work_of(s) >= 2.0 * PIECE_WORK * (double)pieces)
        pieces *= 2; /* so that threads get equally many */
    return pieces;
}

/* -- Running items of work, each with scratch memory -- */

void *gr_conv_memory(const gr_node *n, size_t bytes) {
    void *memory = gr_arena_alloc(&n->graph->step, bytes, GR_ALIGN_DATA);
    if (memory == NULL)
        gr_fail(n->graph, "%s: no memory for %s, %zu bytes", n->op->name, gr_operand(n, 0).text,
                bytes);
    return memory;
}

void gr_conv_release(const gr_node *n, void *memory, size_t bytes) {
    gr_arena_give_back(&n->graph->step, memory, bytes, GR_ALIGN_DATA);
}

typedef struct queue {
    gr_conv_item *f;
    const void *context;
    int64_t items, slots, slot_size;
    gr_real *scratch;
} queue;

/* Items go to as many slots as threads. */
static void slot_range(void *context, int64_t begin, int64_t end) {
    const queue *q = context;
    for (int64_t slot = begin; slot < end; slot++) {
        int64_t last = gr_cut(q->items, q->slots, slot + 1);
        for (int64_t i = gr_cut(q->items, q->slots, slot); i < last; i++)
            q->f(q->context, i, q->scratch + slot * q->slot_size);
    }
}

void gr_conv_run(const gr_node *n, const gr_conv_geometry *s, int64_t items, int64_t scratch,
                 gr_conv_item *f, const void *context) {
    queue q = {.f = f, .context = context, .items = items, .slot_size = gr_aligned(scratch)};
    double shares = fmin(work_of(s) / SHARE_WORK, n->graph->threads);
    q.slots = shares > 1 ? gr_least((int64_t)shares, items) : 1;
    size_t bytes = (size_t)(q.slots * q.slot_size) * sizeof(gr_real);
    q.scratch = gr_conv_memory(n, bytes);
    if (q.scratch == NULL) return;
    gr_for(n->graph, q.slots, 1, slot_range, &q);
    gr_conv_release(n, q.scratch, bytes);
}

/* -- The three of them -- */

static gr_conv_data data_of(const gr_node *n, const gr_tensor *x, const gr_tensor *w,
                            const gr_tensor *y) {
    return (gr_conv_data){x->data, w->data, y->data, n->n_in > 2 ? n->in[2]->data : NULL, NULL};
}

typedef void conv_way(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);

#define WAY(result)                                                                                \
    static conv_way *way_to_##result(const gr_conv_geometry *s) {                                  \
        return gr_conv_direct(s)  ? gr_conv_direct_##result                                        \
               : gr_conv_lanes(s) ? gr_conv_lanes_##result                                         \
                                  : gr_conv_patches_##result;                                      \
    }
WAY(y)
WAY(x)
WAY(w)

static void conv2d_forward(const gr_node *n) {
    const gr_tensor *x = n->in[0], *w = n->in[1], *y = n->out;
    gr_conv_geometry s = gr_conv_geometry_of(n->params, x->shape, w->shape, y->shape);
    gr_conv_data d = data_of(n, x, w, y);
    if (y->size > 0) way_to_y (&s)(n, &s, &d);
}

static void transpose_forward(const gr_node *n) {
    const gr_tensor *x = n->out, *w = n->in[1], *y = n->in[0];
    gr_conv_geometry s = gr_conv_geometry_of(n->params, x->shape, w->shape, y->shape);
    gr_conv_data d = data_of(n, x, w, y);
    if (x->size > 0) way_to_x (&s)(n, &s, &d);
}

static void weight_forward(const gr_node *n) {
    const gr_tensor *x = n->in[0], *w = n->out, *y = n->in[1];
    gr_conv_geometry s = gr_conv_geometry_of(n->params, x->shape, w->shape, y->shape);
    gr_conv_data d = data_of(n, x, w, y);
    if (x->size == 0 || y->size == 0 || w->size == 0)
        memset(w->data, 0, (size_t)w->size * sizeof(gr_real));
    else
        way_to_w (&s)(n, &s, &d);
}

/* -- The operations, each other's vjps -- */

static gr_tensor *to_y(gr_tensor *x, gr_tensor *weight, const gr_conv_params *p, gr_shape shape);

static gr_tensor *to_bias(gr_tensor *grad) { return gr_sum(grad, .axes = GR_AXES(0, 2, 3)); }

/* The window with the weight's kernel. */
static gr_window window_of(const gr_node *n) {
    gr_window w = ((const gr_conv_params *)n->params)->window;
    for (int i = 0; i < 2; i++) w.kernel[i] = n->in[1]->shape.dim[2 + i];
    return w;
}

/* What both convolutions ask of operands and options; `expected` is the weight's shape. */
static bool check_operands(const gr_node *n, const char *expected) {
    const gr_conv_params *p = n->params;
    gr_shape w = n->in[1]->shape;
    if (w.ndim != 4)
        return gr_fail(n->graph, "%s: %s, expected %s", n->op->name, gr_operand(n, 1).text,
                       expected);
    gr_window window = window_of(n);
    if (!gr_window_check(n, &window)) return false;
    if (p->groups < 1)
        return gr_fail(n->graph, "%s: %d groups, expected at least 1", n->op->name, p->groups);
    if (w.dim[0] % p->groups != 0)
        return gr_fail(n->graph, "%s: %s can't be cut into %d groups", n->op->name,
                       gr_operand(n, 1).text, p->groups);
    return true;
}

static bool check_channels(const gr_node *n, int64_t expected) {
    int channels = n->in[0]->shape.dim[1];
    if (channels == expected) return true;
    return gr_fail(n->graph, "%s: %s with %s and groups = %d: %d channels, expected %lld",
                   n->op->name, gr_operand(n, 0).text, gr_operand(n, 1).text,
                   ((const gr_conv_params *)n->params)->groups, channels, (long long)expected);
}

static bool check_bias(const gr_node *n, int channels) {
    if (n->n_in < 3 || gr_shape_equal(n->in[2]->shape, GR_SHAPE(channels))) return true;
    return gr_fail(n->graph, "%s: %s for %s, expected (%d)", n->op->name, gr_operand(n, 2).text,
                   gr_operand(n, 1).text, channels);
}

static bool conv2d_shape(const gr_node *n, gr_shape *shape) {
    const gr_conv_params *p = n->params;
    gr_shape x = n->in[0]->shape, w = n->in[1]->shape;
    *shape = p->out;
    if (p->out.ndim > 0) return true;
    if (!check_operands(n, "(O,C/groups,kh,kw)") ||
        !check_channels(n, (int64_t)w.dim[1] * p->groups) || !check_bias(n, w.dim[0]))
        return false;
    gr_window window = window_of(n);
    *shape = GR_SHAPE(x.dim[0], w.dim[0], 0, 0);
    return gr_window_places(n, &window, &shape->dim[2]);
}

static void conv2d_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *x = n->in[0], *weight = n->in[1];
    if (gr_wants(n, 0)) grads[0] = gr_conv_to_x(grad, weight, n->params, x->shape);
    if (gr_wants(n, 1)) grads[1] = gr_conv_to_weight(x, grad, n->params, weight->shape);
    if (n->n_in > 2 && gr_wants(n, 2)) grads[2] = to_bias(grad);
}

static const gr_op conv2d_op = {.name = "gr_conv2d",
                                .operands = {"x", "weight", "bias"},
                                .shape = conv2d_shape,
                                .forward = conv2d_forward,
                                .vjp = conv2d_vjp};

/* The rows or columns of the result, i = 0 or 1; -1 after an error. */
static int transposed_size(const gr_node *n, int i) {
    const gr_conv_params *p = n->params;
    gr_window w = window_of(n);
    int in = n->in[0]->shape.dim[2 + i], more = p->output_padding[i];
    if (more >= w.stride[i] && more >= w.dilation[i]) {
        gr_fail(n->graph,
                "%s: output_padding is %s, expected less than the stride %s or the "
                "dilation %s",
                n->op->name, gr_pair_text(p->output_padding).text, gr_pair_text(w.stride).text,
                gr_pair_text(w.dilation).text);
        return -1;
    }
    int64_t size = (int64_t)(in - 1) * w.stride[i] - 2 * (int64_t)w.padding[i] +
                   (int64_t)w.dilation[i] * (w.kernel[i] - 1) + more + 1;
    if (in >= 1 && size >= 1 && size <= INT_MAX) return (int)size;
    gr_fail(n->graph, "%s: %s with %s and padding %s: %lld elements in dimension %d of the result",
            n->op->name, gr_operand(n, 0).text, gr_operand(n, 1).text, gr_pair_text(w.padding).text,
            (long long)size, 2 + i);
    return -1;
}

static bool transpose_shape(const gr_node *n, gr_shape *shape) {
    const gr_conv_params *p = n->params;
    gr_shape x = n->in[0]->shape, w = n->in[1]->shape;
    *shape = p->out;
    if (p->out.ndim > 0) return true;
    if (!check_operands(n, "(C,O/groups,kh,kw)") || !check_channels(n, w.dim[0]) ||
        !gr_pair_at_least(n, "output_padding", p->output_padding, 0))
        return false;
    int64_t channels = (int64_t)w.dim[1] * p->groups;
    if (channels > INT_MAX)
        return gr_fail(n->graph, "%s: %lld channels of the result", n->op->name,
                       (long long)channels);
    int height = transposed_size(n, 0), width = height < 0 ? -1 : transposed_size(n, 1);
    *shape = GR_SHAPE(x.dim[0], (int)channels, height, width);
    return width > 0 && check_bias(n, (int)channels);
}

static void transpose_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *y = n->in[0], *weight = n->in[1];
    if (gr_wants(n, 0)) grads[0] = to_y(grad, weight, n->params, y->shape);
    if (gr_wants(n, 1)) grads[1] = gr_conv_to_weight(grad, y, n->params, weight->shape);
    if (n->n_in > 2 && gr_wants(n, 2)) grads[2] = to_bias(grad);
}

static const gr_op transpose_op = {.name = "gr_conv_transpose2d",
                                   .operands = {"x", "weight", "bias"},
                                   .shape = transpose_shape,
                                   .forward = transpose_forward,
                                   .vjp = transpose_vjp};

static bool weight_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const gr_conv_params *)n->params)->out;
    return true;
}

static void weight_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *x = n->in[0], *y = n->in[1];
    if (gr_wants(n, 0)) grads[0] = gr_conv_to_x(y, grad, n->params, x->shape);
    if (gr_wants(n, 1)) grads[1] = to_y(x, grad, n->params, y->shape);
}

static const gr_op weight_op = {.name = "gr_conv2d's gradient to weight",
                                .operands = {"x", "grad"},
                                .shape = weight_shape,
                                .forward = weight_forward,
                                .vjp = weight_vjp};

/* As a gradient: with the result's shape given. */
static gr_tensor *gradient(const gr_op *op, gr_tensor *a, gr_tensor *b, const gr_conv_params *p,
                           gr_shape shape) {
    gr_conv_params params = *p;
    params.out = shape;
    return gr_apply(op, GR_LIST(a, b), &params, sizeof params);
}
gr_tensor *gr_conv_to_x(gr_tensor *y, gr_tensor *weight, const gr_conv_params *p, gr_shape shape) {
    return gradient(&transpose_op, y, weight, p, shape);
}
gr_tensor *gr_conv_to_weight(gr_tensor *x, gr_tensor *y, const gr_conv_params *p, gr_shape shape) {
    return gradient(&weight_op, x, y, p, shape);
}
static gr_tensor *to_y(gr_tensor *x, gr_tensor *weight, const gr_conv_params *p, gr_shape shape) {
    return gradient(&conv2d_op, x, weight, p, shape);
}

static gr_tensor *apply(const gr_op *op, gr_tensor *x, gr_tensor *weight, gr_tensor *bias,
                        const gr_conv_params *p) {
    return bias == NULL ? gr_apply(op, GR_LIST(x, weight), p, sizeof *p)
                        : gr_apply(op, GR_LIST(x, weight, bias), p, sizeof *p);
}

gr_tensor *gr_conv2d_(gr_conv2d_args a) {
    gr_conv_params p = {.groups = a.groups};
    gr_pair_split(a.stride, p.window.stride);
    gr_pair_split(a.padding, p.window.padding);
    gr_pair_split(a.dilation, p.window.dilation);
    return apply(&conv2d_op, a.x, a.weight, a.bias, &p);
}

gr_tensor *gr_conv_transpose2d_(gr_conv_transpose2d_args a) {
    gr_conv_params p = {.groups = a.groups};
    gr_pair_split(a.stride, p.window.stride);
    gr_pair_split(a.padding, p.window.padding);
    gr_pair_split(a.dilation, p.window.dilation);
    gr_pair_split(a.output_padding, p.output_padding);
    return apply(&transpose_op, a.x, a.weight, a.bias, &p);
}
