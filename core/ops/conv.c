/* Convolutions as products of matrices.
 *
 * With x (N,C,H,W), weight w (O,C/groups,kh,kw) and y (N,O,P,Q), the number
 *
 *     T(x, w, y) = sum over n,o,p,q of y[n,o,p,q] conv(x, w)[n,o,p,q]
 *
 * is linear in each of the three, and its derivatives are three operations: with respect to y the
 * convolution, to x the transposed convolution of y, to w the correlation of x and y. Each one's
 * vjp consists of the two others, so that gradients of any order cost no further code.
 *
 * All three go through the matrix of x's patches (C/groups kh kw, P Q), a block of its columns at a
 * time, which stays in the cache between its making and its use. Chellapilla, Puri and Simard,
 * "High performance convolutional neural networks for document processing", IWFHR 2006.
 */
#include "core/ops/conv.h"

#include "core/graph/graph_internal.h"
#include "core/kernels/product.h"
#include "core/ops/reduce.h"
#include "core/ops/window_internal.h"

#include <limits.h>
#include <string.h>

/* Numbers in a block of patches, if it has at least LEAST_COLUMNS; a multiple of a tile's. */
enum { BLOCK = 1 << 15, LEAST_COLUMNS = 96 };
/* Rows of patches, at most so many if a channel has not more, that one item of work is about. */
enum { ITEM_ROWS = 512 };
/* Multiplications below which one thread does all, and in a piece of a sum over samples; the
 * number of such pieces, and the numbers in all their sums. */
enum { PIECE_WORK = 1 << 20, MAX_PIECES = 16, MAX_PARTIAL = 1 << 22 };

/* -- Geometry -- */

typedef struct conv_params {
    gr_window window; /* but the kernel, which the weight tells */
    int output_padding[2], groups;
    gr_shape out; /* of the result, where an operation is a gradient; else it has no dimensions */
} conv_params;

/* Sizes of the three tensors; channels are those of one group. */
typedef struct geometry {
    gr_patches patches;
    int64_t batch, groups, x_channels, y_channels;
    int64_t taps, rows;       /* kh kw; rows of patches, x_channels taps */
    int64_t image, positions; /* H W; P Q */
    bool plain;               /* patches are the image itself: one tap, no padding, no steps */
} geometry;

static geometry geometry_of(const conv_params *p, const gr_tensor *x, const gr_tensor *w,
                            const gr_tensor *y) {
    const int *xs = x->shape.dim, *ws = w->shape.dim, *ys = y->shape.dim;
    geometry s = {.patches = {.height = xs[2], .width = xs[3], .out_width = ys[3]},
                  .batch = xs[0],
                  .groups = p->groups,
                  .x_channels = ws[1],
                  .y_channels = ws[0] / p->groups,
                  .taps = (int64_t)ws[2] * ws[3],
                  .image = (int64_t)xs[2] * xs[3],
                  .positions = (int64_t)ys[2] * ys[3]};
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

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* n cut into pieces as equal as possible: where the i-th begins. */
static int64_t cut(int64_t n, int64_t pieces, int64_t i) { return n * i / pieces; }

static int64_t pieces_of(int64_t n, int64_t piece) { return n > 0 ? (n + piece - 1) / piece : 1; }

/* Blocks of columns for so many rows of patches. */
static int64_t blocks_of(const geometry *s, int64_t rows) {
    int64_t columns = BLOCK / (rows + 1) / LEAST_COLUMNS * LEAST_COLUMNS;
    return pieces_of(s->positions, columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns);
}

/* -- Running items of work, each with scratch memory -- */

typedef struct conv_work conv_work;
struct conv_work {
    geometry s;
    const gr_graph *graph;
    gr_real *x, *w, *y; /* one of them is the result */
    const gr_real *bias;
    int64_t blocks;         /* of columns */
    int64_t channel_blocks; /* of x's channels in a group */
    int64_t pieces;         /* of the batch, where it is summed over */
    gr_real *partial;       /* their sums, (pieces,groups,rows,y_channels) */
    void (*item)(const conv_work *work, int64_t i, gr_real *scratch);
    int64_t items, slots, slot_size;
    gr_product largest; /* product of an item, for its scratch */
    int64_t patches;    /* numbers in the largest block of them */
    gr_real *scratch;
};

/* Items go to as many slots as threads; which one an item has does not matter to its result. */
static void slot_range(void *context, int64_t begin, int64_t end) {
    const conv_work *w = context;
    for (int64_t slot = begin; slot < end; slot++)
        for (int64_t i = cut(w->items, w->slots, slot); i < cut(w->items, w->slots, slot + 1); i++)
            w->item(w, i, w->scratch + slot * w->slot_size);
}

static int64_t aligned(int64_t numbers) { return (numbers + 15) / 16 * 16; }

static void run_items(const gr_node *n, conv_work *w) {
    gr_graph *g = n->graph;
    const geometry *s = &w->s;
    double work =
        (double)(s->batch * s->groups) * (double)(s->rows * s->y_channels) * (double)s->positions;
    w->slots = work < PIECE_WORK ? 1 : least(g->threads, w->items);
    w->slot_size =
        aligned(w->patches) + aligned((int64_t)gr_product_scratch(g->kernels->gemm, &w->largest));
    size_t bytes = (size_t)(w->slots * w->slot_size) * sizeof(gr_real);
    w->graph = g;
    w->scratch = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    if (w->scratch == NULL) {
        gr_fail(g, "%s: no memory for %s, %zu bytes", n->op->name, gr_operand(n, 0).text, bytes);
        return;
    }
    gr_for(g, w->slots, 1, slot_range, w);
    gr_arena_give_back(&g->step, w->scratch, bytes, GR_ALIGN_DATA);
}

static void multiply(const conv_work *w, const gr_product *p, gr_real *scratch) {
    gr_product_run(w->graph->kernels->gemm, 1, p, scratch + aligned(w->patches));
}

/* Columns [begin, end) of the patches of some channels; *distance receives that of its rows. */
static const gr_real *patches(const conv_work *w, const gr_real *image, int64_t channels,
                              int64_t begin, int64_t end, gr_real *scratch, int64_t *distance) {
    const geometry *s = &w->s;
    *distance = s->plain ? s->positions : end - begin;
    if (s->plain) return image + begin;
    w->graph->kernels->patch->gather(&s->patches, channels, image, begin, end, scratch);
    return scratch;
}

/* -- To y: the convolution -- */

/* An item is a sample, a group and a block of columns. */
static void convolve_item(const conv_work *w, int64_t i, gr_real *scratch) {
    const geometry *s = &w->s;
    int64_t block = i % w->blocks, set = i / w->blocks, group = set % s->groups;
    int64_t begin = cut(s->positions, w->blocks, block);
    int64_t end = cut(s->positions, w->blocks, block + 1), distance;
    const gr_real *image = w->x + set * s->x_channels * s->image;
    gr_real *y = w->y + set * s->y_channels * s->positions + begin;
    const gr_real *seen = patches(w, image, s->x_channels, begin, end, scratch, &distance);
    for (int64_t o = 0; w->bias != NULL && o < s->y_channels; o++)
        for (int64_t k = 0; k < end - begin; k++)
            y[o * s->positions + k] = w->bias[group * s->y_channels + o];
    gr_product p = {.m = s->y_channels,
                    .n = end - begin,
                    .k = s->rows,
                    .a = w->w + group * s->y_channels * s->rows,
                    .a_row = s->rows,
                    .a_col = 1,
                    .b = seen,
                    .b_row = distance,
                    .b_col = 1,
                    .start = w->bias != NULL ? y : NULL,
                    .start_row = s->positions,
                    .c = y,
                    .c_row = s->positions};
    multiply(w, &p, scratch);
}

static void conv2d_forward(const gr_node *n) {
    const gr_tensor *x = n->in[0], *weight = n->in[1];
    conv_work w = {.s = geometry_of(n->params, x, weight, n->out),
                   .x = x->data,
                   .w = weight->data,
                   .y = n->out->data,
                   .bias = n->n_in > 2 ? n->in[2]->data : NULL,
                   .item = convolve_item};
    w.blocks = blocks_of(&w.s, w.s.rows);
    w.items = w.s.batch * w.s.groups * w.blocks;
    int64_t columns = pieces_of(w.s.positions, w.blocks);
    w.largest = (gr_product){.m = w.s.y_channels, .n = columns, .k = w.s.rows};
    w.patches = w.s.plain ? 0 : w.s.rows * columns;
    if (n->out->size > 0) run_items(n, &w);
}

/* -- To x: the transposed convolution -- */

/* An item is a sample, a group and a block of its channels in x, to which it alone adds. */
static void spread_item(const conv_work *w, int64_t i, gr_real *scratch) {
    const geometry *s = &w->s;
    int64_t part = i % w->channel_blocks, set = i / w->channel_blocks, group = set % s->groups;
    int64_t from = cut(s->x_channels, w->channel_blocks, part);
    int64_t channels = cut(s->x_channels, w->channel_blocks, part + 1) - from;
    gr_real *image = w->x + (set * s->x_channels + from) * s->image;
    const gr_real *y = w->y + set * s->y_channels * s->positions;
    for (int64_t c = 0; c < channels; c++) {
        gr_real first = w->bias == NULL ? 0 : w->bias[group * s->x_channels + from + c];
        for (int64_t k = 0; k < s->image; k++) image[c * s->image + k] = first;
    }
    for (int64_t block = 0; block < w->blocks; block++) {
        int64_t begin = cut(s->positions, w->blocks, block);
        int64_t end = cut(s->positions, w->blocks, block + 1);
        gr_real *c = s->plain ? image + begin : scratch;
        gr_product p = {.m = channels * s->taps,
                        .n = end - begin,
                        .k = s->y_channels,
                        .a = w->w + group * s->y_channels * s->rows + from * s->taps,
                        .a_row = 1,
                        .a_col = s->rows,
                        .b = y + begin,
                        .b_row = s->positions,
                        .b_col = 1,
                        .start = s->plain ? c : NULL,
                        .start_row = s->image,
                        .c = c,
                        .c_row = s->plain ? s->image : end - begin};
        multiply(w, &p, scratch);
        if (!s->plain)
            w->graph->kernels->patch->scatter(&s->patches, channels, scratch, begin, end, image);
    }
}

/* Blocks of x's channels in a group, and the rows of patches of the largest of them. */
static int64_t cut_channels(conv_work *w) {
    int64_t channels = ITEM_ROWS / w->s.taps;
    w->channel_blocks = pieces_of(w->s.x_channels, channels < 1 ? 1 : channels);
    return pieces_of(w->s.x_channels, w->channel_blocks) * w->s.taps;
}

static void transpose_forward(const gr_node *n) {
    const gr_tensor *y = n->in[0], *weight = n->in[1];
    conv_work w = {.s = geometry_of(n->params, n->out, weight, y),
                   .x = n->out->data,
                   .w = weight->data,
                   .y = y->data,
                   .bias = n->n_in > 2 ? n->in[2]->data : NULL,
                   .item = spread_item};
    int64_t rows = cut_channels(&w);
    w.blocks = blocks_of(&w.s, rows);
    w.items = w.s.batch * w.s.groups * w.channel_blocks;
    int64_t columns = pieces_of(w.s.positions, w.blocks);
    w.largest = (gr_product){.m = rows, .n = columns, .k = w.s.y_channels};
    w.patches = w.s.plain ? 0 : rows * columns;
    if (n->out->size > 0) run_items(n, &w);
}

/* -- To the weight: the correlation of x and y, summed over the samples -- */

/* An item is a piece of the batch, a group and a block of its channels in x. Its sum is
 * transposed, (rows,y_channels), so that patches are read row by row. */
static void correlate_item(const conv_work *w, int64_t i, gr_real *scratch) {
    const geometry *s = &w->s;
    int64_t part = i % w->channel_blocks, group = i / w->channel_blocks % s->groups;
    int64_t piece = i / w->channel_blocks / s->groups;
    int64_t from = cut(s->x_channels, w->channel_blocks, part);
    int64_t channels = cut(s->x_channels, w->channel_blocks, part + 1) - from;
    int64_t first = cut(s->batch, w->pieces, piece), last = cut(s->batch, w->pieces, piece + 1);
    int64_t row = (piece * s->groups + group) * s->rows + from * s->taps;
    gr_product p = {.m = channels * s->taps,
                    .n = s->y_channels,
                    .a_col = 1,
                    .b_row = 1,
                    .b_col = s->positions,
                    .c = w->partial + row * s->y_channels,
                    .c_row = s->y_channels,
                    .start_row = s->y_channels};
    for (int64_t k = first * w->blocks; k < last * w->blocks; k++) {
        int64_t set = k / w->blocks * s->groups + group, block = k % w->blocks;
        int64_t begin = cut(s->positions, w->blocks, block);
        int64_t end = cut(s->positions, w->blocks, block + 1);
        const gr_real *image = w->x + (set * s->x_channels + from) * s->image;
        p.k = end - begin;
        p.a = patches(w, image, channels, begin, end, scratch, &p.a_row);
        p.b = w->y + set * s->y_channels * s->positions + begin;
        multiply(w, &p, scratch);
        p.start = p.c;
    }
}

/* The pieces' sums, added in order and transposed; items are rows of the weight. */
static void add_pieces(void *context, int64_t begin, int64_t end) {
    const conv_work *w = context;
    const geometry *s = &w->s;
    int64_t step = s->groups * s->rows * s->y_channels;
    for (int64_t o = begin; o < end; o++) {
        int64_t group = o / s->y_channels;
        const gr_real *from = w->partial + group * s->rows * s->y_channels + o % s->y_channels;
        for (int64_t r = 0; r < s->rows; r++, from += s->y_channels) {
            gr_real sum = 0;
            for (int64_t k = 0; k < w->pieces; k++) sum += from[k * step];
            w->w[o * s->rows + r] = sum;
        }
    }
}

/* How many sums the batch is cut into: by sizes alone. */
static int64_t batch_pieces(const geometry *s, int64_t weight_size) {
    double work = (double)s->batch * (double)weight_size * (double)s->positions;
    int64_t pieces = 1 + (int64_t)least((int64_t)(work / PIECE_WORK), MAX_PIECES - 1);
    pieces = least(pieces, 1 + MAX_PARTIAL / (weight_size + 1));
    return least(pieces, s->batch);
}

static void weight_forward(const gr_node *n) {
    const gr_tensor *x = n->in[0], *y = n->in[1];
    gr_graph *g = n->graph;
    conv_work w = {.s = geometry_of(n->params, x, n->out, y),
                   .x = x->data,
                   .w = n->out->data,
                   .y = y->data,
                   .item = correlate_item};
    if (x->size == 0 || y->size == 0 || n->out->size == 0) {
        memset(w.w, 0, (size_t)n->out->size * sizeof(gr_real));
        return;
    }
    int64_t rows = cut_channels(&w);
    w.blocks = blocks_of(&w.s, rows);
    w.pieces = batch_pieces(&w.s, n->out->size);
    w.items = w.pieces * w.s.groups * w.channel_blocks;
    int64_t columns = pieces_of(w.s.positions, w.blocks);
    w.largest = (gr_product){.m = rows, .n = w.s.y_channels, .k = columns};
    w.patches = w.s.plain ? 0 : rows * columns;
    size_t bytes = (size_t)(w.pieces * n->out->size) * sizeof(gr_real);
    w.partial = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    if (w.partial == NULL) {
        gr_fail(g, "%s: no memory for %s, %zu bytes", n->op->name, gr_operand(n, 0).text, bytes);
        return;
    }
    run_items(n, &w);
    if (!gr_failed(g)) gr_for(g, n->out->shape.dim[0], 1 + BLOCK / w.s.rows, add_pieces, &w);
    gr_arena_give_back(&g->step, w.partial, bytes, GR_ALIGN_DATA);
}

/* -- The operations, each other's vjps -- */

static gr_tensor *to_x(gr_tensor *y, gr_tensor *weight, const conv_params *p, gr_shape shape);
static gr_tensor *to_weight(gr_tensor *x, gr_tensor *y, const conv_params *p, gr_shape shape);
static gr_tensor *to_y(gr_tensor *x, gr_tensor *weight, const conv_params *p, gr_shape shape);

static gr_tensor *to_bias(gr_tensor *grad) { return gr_sum(grad, .axes = GR_AXES(0, 2, 3)); }

/* The window with the weight's kernel. */
static gr_window window_of(const gr_node *n) {
    gr_window w = ((const conv_params *)n->params)->window;
    for (int i = 0; i < 2; i++) w.kernel[i] = n->in[1]->shape.dim[2 + i];
    return w;
}

/* What both convolutions ask of operands and options; `expected` is the weight's shape. */
static bool check_operands(const gr_node *n, const char *expected) {
    const conv_params *p = n->params;
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
                   ((const conv_params *)n->params)->groups, channels, (long long)expected);
}

static bool check_bias(const gr_node *n, int channels) {
    if (n->n_in < 3 || gr_shape_equal(n->in[2]->shape, GR_SHAPE(channels))) return true;
    return gr_fail(n->graph, "%s: %s for %s, expected (%d)", n->op->name, gr_operand(n, 2).text,
                   gr_operand(n, 1).text, channels);
}

static bool conv2d_shape(const gr_node *n, gr_shape *shape) {
    const conv_params *p = n->params;
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
    if (gr_wants(n, 0)) grads[0] = to_x(grad, weight, n->params, x->shape);
    if (gr_wants(n, 1)) grads[1] = to_weight(x, grad, n->params, weight->shape);
    if (n->n_in > 2 && gr_wants(n, 2)) grads[2] = to_bias(grad);
}

static const gr_op conv2d_op = {.name = "gr_conv2d",
                                .operands = {"x", "weight", "bias"},
                                .shape = conv2d_shape,
                                .forward = conv2d_forward,
                                .vjp = conv2d_vjp};

/* The rows or columns of the result, i = 0 or 1; -1 after an error. */
static int transposed_size(const gr_node *n, int i) {
    const conv_params *p = n->params;
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
    const conv_params *p = n->params;
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
    if (gr_wants(n, 1)) grads[1] = to_weight(grad, y, n->params, weight->shape);
    if (n->n_in > 2 && gr_wants(n, 2)) grads[2] = to_bias(grad);
}

static const gr_op transpose_op = {.name = "gr_conv_transpose2d",
                                   .operands = {"x", "weight", "bias"},
                                   .shape = transpose_shape,
                                   .forward = transpose_forward,
                                   .vjp = transpose_vjp};

static bool weight_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const conv_params *)n->params)->out;
    return true;
}

static void weight_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *x = n->in[0], *y = n->in[1];
    if (gr_wants(n, 0)) grads[0] = to_x(y, grad, n->params, x->shape);
    if (gr_wants(n, 1)) grads[1] = to_y(x, grad, n->params, y->shape);
}

static const gr_op weight_op = {.name = "gr_conv2d's gradient to weight",
                                .operands = {"x", "grad"},
                                .shape = weight_shape,
                                .forward = weight_forward,
                                .vjp = weight_vjp};

/* As a gradient: with the result's shape given, since a step in x that no patch reaches is lost in
 * the operands' shapes. */
static gr_tensor *gradient(const gr_op *op, gr_tensor *a, gr_tensor *b, const conv_params *p,
                           gr_shape shape) {
    conv_params params = *p;
    params.out = shape;
    return gr_apply(op, GR_LIST(a, b), &params, sizeof params);
}
static gr_tensor *to_x(gr_tensor *y, gr_tensor *weight, const conv_params *p, gr_shape shape) {
    return gradient(&transpose_op, y, weight, p, shape);
}
static gr_tensor *to_weight(gr_tensor *x, gr_tensor *y, const conv_params *p, gr_shape shape) {
    return gradient(&weight_op, x, y, p, shape);
}
static gr_tensor *to_y(gr_tensor *x, gr_tensor *weight, const conv_params *p, gr_shape shape) {
    return gradient(&conv2d_op, x, weight, p, shape);
}

static gr_tensor *apply(const gr_op *op, gr_tensor *x, gr_tensor *weight, gr_tensor *bias,
                        const conv_params *p) {
    return bias == NULL ? gr_apply(op, GR_LIST(x, weight), p, sizeof *p)
                        : gr_apply(op, GR_LIST(x, weight, bias), p, sizeof *p);
}

gr_tensor *gr_conv2d_(gr_conv2d_args a) {
    conv_params p = {.groups = a.groups};
    gr_pair_split(a.stride, p.window.stride);
    gr_pair_split(a.padding, p.window.padding);
    gr_pair_split(a.dilation, p.window.dilation);
    return apply(&conv2d_op, a.x, a.weight, a.bias, &p);
}

gr_tensor *gr_conv_transpose2d_(gr_conv_transpose2d_args a) {
    conv_params p = {.groups = a.groups};
    gr_pair_split(a.stride, p.window.stride);
    gr_pair_split(a.padding, p.window.padding);
    gr_pair_split(a.dilation, p.window.dilation);
    gr_pair_split(a.output_padding, p.output_padding);
    return apply(&transpose_op, a.x, a.weight, a.bias, &p);
}
