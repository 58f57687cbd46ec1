/* Averages of windows, and images made larger.
 *
 * Each is a linear map of an image X that goes by rows and columns: Y = A X B^T, where a row of A
 * has a few numbers side by side. The derivative is the transposed map of the gradient,
 * X' = A^T Y' B, whose derivative is the map again.
 */
#include "core/ops/pool.h"

#include "core/graph/graph_internal.h"
#include "core/ops/reduce.h"
#include "core/ops/window_internal.h"

#include <limits.h>
#include <string.h>

/* Numbers of the result that are worth another thread. */
enum { GRAIN = 1 << 12 };

typedef enum sampling { AVERAGE, NEAREST, BILINEAR, BILINEAR_CORNERS } sampling;

typedef struct sample_params {
    sampling kind;
    gr_window window; /* of AVERAGE */
    bool count_include_pad;
    int scale[2]; /* of the others */
    gr_shape out; /* of a gradient */
} sample_params;

/* -- The matrices -- */

/* Row i has count[i] numbers, from weight[most i] on, in columns that begin at first[i]. */
typedef struct bands {
    int rows, columns, most;
    int *first, *count;
    gr_real *weight;
} bands;

static void average_band(const sample_params *p, int axis, bands *b, int i) {
    int kernel = p->window.kernel[axis];
    int64_t begin = (int64_t)i * p->window.stride[axis] - p->window.padding[axis];
    int64_t end = begin + kernel < b->columns ? begin + kernel : b->columns;
    b->first[i] = begin < 0 ? 0 : (int)begin;
    b->count[i] = (int)end - b->first[i];
    double share = 1.0 / (p->count_include_pad ? kernel : b->count[i]);
    for (int k = 0; k < b->count[i]; k++) b->weight[(int64_t)i * b->most + k] = (gr_real)share;
}

/* Between the element at floor(at) and the next one, if there is one. */
static void between(bands *b, int i, double at) {
    int first = at < b->columns - 1 ? (int)at : b->columns - 1;
    gr_real *weight = b->weight + (int64_t)i * b->most;
    b->first[i] = first;
    b->count[i] = at > first && first < b->columns - 1 ? 2 : 1;
    weight[0] = 1;
    if (b->count[i] == 1) return;
    weight[0] = (gr_real)(1 - (at - first));
    weight[1] = (gr_real)(at - first);
}

static void fill_bands(const sample_params *p, int axis, bands *b) {
    for (int i = 0; i < b->rows; i++) {
        double centre = (i + 0.5) / p->scale[axis] - 0.5;
        switch (p->kind) {
        case AVERAGE:
            average_band(p, axis, b, i);
            break;
        case NEAREST:
            b->first[i] = i / p->scale[axis];
            b->count[i] = 1;
            b->weight[i] = 1;
            break;
        case BILINEAR:
            between(b, i, centre > 0 ? centre : 0);
            break;
        case BILINEAR_CORNERS:
            between(b, i, b->rows > 1 ? (double)i * (b->columns - 1) / (b->rows - 1) : 0);
            break;
        }
    }
}

/* -- Both maps, image by image -- */

typedef struct sample_walk {
    bands a, b;
    gr_real *x, *y, *middle; /* A X, of y's rows and x's columns, for all images */
    const gr_resample_kernels *kernels;
} sample_walk;

static void sample_images(void *context, int64_t begin, int64_t end) {
    const sample_walk *w = context;
    const bands *a = &w->a, *b = &w->b;
    for (int64_t row = begin * a->rows; row < end * a->rows; row++) {
        int64_t i = row % a->rows, image = row / a->rows;
        const gr_real *x = w->x + (image * a->columns + a->first[i]) * b->columns;
        const gr_real *by = a->weight + i * a->most;
        gr_real *middle = w->middle + row * b->columns, *y = w->y + row * b->rows;
        for (int64_t j = 0; j < b->columns; j++) middle[j] = by[0] * x[j];
        for (int k = 1; k < a->count[i]; k++)
            for (int64_t j = 0; j < b->columns; j++) middle[j] += by[k] * x[k * b->columns + j];
        for (int64_t j = 0; j < b->rows; j++) {
            const gr_real *from = middle + b->first[j], *share = b->weight + j * b->most;
            gr_real sum = share[0] * from[0];
            for (int k = 1; k < b->count[j]; k++) sum += share[k] * from[k];
            y[j] = sum;
        }
    }
}

static void spread_images(void *context, int64_t begin, int64_t end) {
    const sample_walk *w = context;
    const bands *a = &w->a, *b = &w->b;
    int64_t image = (int64_t)a->columns * b->columns;
    memset(w->x + begin * image, 0, (size_t)((end - begin) * image) * sizeof *w->x);
    for (int64_t row = begin * a->rows; row < end * a->rows; row++) {
        int64_t i = row % a->rows;
        gr_real *x = w->x + row / a->rows * image + (int64_t)a->first[i] * b->columns;
        const gr_real *y = w->y + row * b->rows, *by = a->weight + i * a->most;
        gr_real *middle = w->middle + row * b->columns;
        memset(middle, 0, (size_t)b->columns * sizeof *middle);
        for (int64_t j = 0; j < b->rows; j++)
            for (int k = 0; k < b->count[j]; k++)
                middle[b->first[j] + k] += b->weight[j * b->most + k] * y[j];
        for (int k = 0; k < a->count[i]; k++)
            for (int64_t j = 0; j < b->columns; j++) x[k * b->columns + j] += by[k] * middle[j];
    }
}

/* The most usual map, bilinear to twice the size. Here the middle is X B^T, which is as large. */
static void enlarge_images(void *context, int64_t begin, int64_t end) {
    const sample_walk *w = context;
    int64_t height = w->a.columns, width = w->b.columns, size = height * width;
    for (int64_t i = begin; i < end; i++)
        w->kernels->enlarge(height, width, w->x + i * size, w->middle + 2 * i * size,
                            w->y + 4 * i * size);
}
static void enlarge_back_images(void *context, int64_t begin, int64_t end) {
    const sample_walk *w = context;
    int64_t height = w->a.columns, width = w->b.columns, size = height * width;
    for (int64_t i = begin; i < end; i++)
        w->kernels->enlarge_back(height, width, w->y + 4 * i * size, w->middle + 2 * i * size,
                                 w->x + i * size);
}
static bool is_enlarged(const gr_node *n) {
    const sample_params *p = n->params;
    return p->kind == BILINEAR && p->scale[0] == 2 && p->scale[1] == 2;
}

/* A matrix without memory yet. */
static bands bands_of(const sample_params *p, int axis, int rows, int columns) {
    int most = p->kind == AVERAGE ? p->window.kernel[axis] : p->kind == NEAREST ? 1 : 2;
    return (bands){.rows = rows, .columns = columns, .most = most < columns ? most : columns};
}

static size_t bands_bytes(const bands *b) {
    return (size_t)b->rows * ((size_t)b->most * sizeof *b->weight + 2 * sizeof *b->first);
}

/* Fills the matrix in its memory; what follows that is aligned for numbers, too. */
static void make_bands(const sample_params *p, int axis, bands *b, char *memory) {
    b->weight = (gr_real *)memory;
    b->first = (int *)(memory + (size_t)b->rows * (size_t)b->most * sizeof *b->weight);
    b->count = b->first + b->rows;
    fill_bands(p, axis, b);
}

/* Runs a map between x and y, images of one number of channels. */
static void run_map(const gr_node *n, const gr_tensor *x, const gr_tensor *y,
                    gr_range_function *f) {
    const sample_params *p = n->params;
    gr_graph *g = n->graph;
    const int *xs = x->shape.dim, *ys = y->shape.dim;
    if (n->out->size == 0) return;
    sample_walk w = {.kernels = g->kernels->resample,
                     .x = x->data,
                     .y = y->data,
                     .a = bands_of(p, 0, ys[2], xs[2]),
                     .b = bands_of(p, 1, ys[3], xs[3])};
    int64_t images = (int64_t)xs[0] * xs[1];
    size_t first = bands_bytes(&w.a), both = first + bands_bytes(&w.b);
    size_t bytes = both + (size_t)(images * ys[2] * xs[3]) * sizeof(gr_real);
    char *scratch = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    if (scratch == NULL) {
        gr_fail(g, "%s: no memory for %s, %zu bytes", n->op->name, gr_operand(n, 0).text, bytes);
        return;
    }
    make_bands(p, 0, &w.a, scratch);
    make_bands(p, 1, &w.b, scratch + first);
    w.middle = (gr_real *)(scratch + both);
    gr_for_rows(g, images, 1 + GRAIN / ((int64_t)ys[2] * (ys[3] + xs[3])), f, &w);
    gr_arena_give_back(&g->step, scratch, bytes, GR_ALIGN_DATA);
}

/* -- The operations -- */

static const gr_op spread_op;

static gr_tensor *with_shape(const gr_op *op, gr_tensor *x, const sample_params *p,
                             gr_shape shape) {
    sample_params params = *p;
    params.out = shape;
    return gr_apply(op, GR_LIST(x), &params, sizeof params);
}

static void sample_forward(const gr_node *n) {
    run_map(n, n->in[0], n->out, is_enlarged(n) ? enlarge_images : sample_images);
}
static void sample_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = with_shape(&spread_op, grad, n->params, n->in[0]->shape);
}

static bool avg_pool_shape(const gr_node *n, gr_shape *shape) {
    const sample_params *p = n->params;
    const gr_window *w = &p->window;
    gr_shape x = n->in[0]->shape;
    if (!gr_window_check(n, w)) return false;
    for (int i = 0; i < 2; i++) {
        if (w->padding[i] > w->kernel[i] / 2)
            return gr_fail(n->graph,
                           "gr_avg_pool2d: padding is %s, expected at most half of the kernel %s",
                           gr_pair_text(w->padding).text, gr_pair_text(w->kernel).text);
        if (x.dim[2 + i] < 1)
            return gr_fail(n->graph, "gr_avg_pool2d: %s has no elements in dimension %d",
                           gr_operand(n, 0).text, 2 + i);
    }
    *shape = GR_SHAPE(x.dim[0], x.dim[1], 0, 0);
    return gr_window_places(n, w, &shape->dim[2]);
}

static const gr_op avg_pool_op = {.name = "gr_avg_pool2d",
                                  .operands = {"x"},
                                  .shape = avg_pool_shape,
                                  .forward = sample_forward,
                                  .vjp = sample_vjp};

gr_tensor *gr_avg_pool2d_(gr_avg_pool2d_args a) {
    sample_params p = {.kind = AVERAGE,
                       .window.dilation = {1, 1},
                       .count_include_pad = a.count_include_pad,
                       .scale = {1, 1}};
    gr_pair_split(a.kernel, p.window.kernel);
    gr_pair_split(a.stride == 0 ? a.kernel : a.stride, p.window.stride);
    gr_pair_split(a.padding, p.window.padding);
    return gr_apply(&avg_pool_op, GR_LIST(a.x), &p, sizeof p);
}

static bool upsample_shape(const gr_node *n, gr_shape *shape) {
    const sample_params *p = n->params;
    gr_shape x = n->in[0]->shape;
    if (x.ndim != 4)
        return gr_fail(n->graph, "gr_upsample2d: %s, expected (N,C,H,W)", gr_operand(n, 0).text);
    if (!gr_pair_at_least(n, "scale", p->scale, 1)) return false;
    *shape = x;
    for (int i = 0; i < 2; i++) {
        int64_t size = (int64_t)x.dim[2 + i] * p->scale[i];
        if (size > INT_MAX)
            return gr_fail(n->graph,
                           "gr_upsample2d: %s with scale %s: %lld elements in dimension "
                           "%d",
                           gr_operand(n, 0).text, gr_pair_text(p->scale).text, (long long)size,
                           2 + i);
        shape->dim[2 + i] = (int)size;
    }
    return true;
}

static const gr_op upsample_op = {.name = "gr_upsample2d",
                                  .operands = {"x"},
                                  .shape = upsample_shape,
                                  .forward = sample_forward,
                                  .vjp = sample_vjp};

gr_tensor *gr_upsample2d_(gr_upsample2d_args a) {
    sample_params p = {.kind = a.mode == GR_UPSAMPLE_NEAREST ? NEAREST
                               : a.align_corners             ? BILINEAR_CORNERS
                                                             : BILINEAR};
    if (a.x != NULL && a.mode != GR_UPSAMPLE_NEAREST && a.mode != GR_UPSAMPLE_BILINEAR)
        return gr_fail(a.x->graph, "gr_upsample2d: no mode %d", (int)a.mode);
    if (a.x != NULL && a.mode == GR_UPSAMPLE_NEAREST && a.align_corners)
        return gr_fail(a.x->graph, "gr_upsample2d: align_corners is for bilinear only");
    gr_pair_split(a.scale, p.scale);
    return gr_apply(&upsample_op, GR_LIST(a.x), &p, sizeof p);
}

/* The gradient of either, whose own is the map again. */
static bool spread_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const sample_params *)n->params)->out;
    return true;
}
static void spread_forward(const gr_node *n) {
    run_map(n, n->out, n->in[0], is_enlarged(n) ? enlarge_back_images : spread_images);
}
static void spread_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const sample_params *p = n->params;
    const gr_op *op = p->kind == AVERAGE ? &avg_pool_op : &upsample_op;
    grads[0] = gr_apply(op, GR_LIST(grad), p, sizeof *p);
}
static const gr_op spread_op = {.name = "the gradient of gr_avg_pool2d or gr_upsample2d",
                                .operands = {"grad"},
                                .shape = spread_shape,
                                .forward = spread_forward,
                                .vjp = spread_vjp};

gr_tensor *gr_global_avg_pool2d(gr_tensor *x) {
    if (x != NULL && x->shape.ndim != 4)
        return gr_fail(x->graph, "gr_global_avg_pool2d: %s, expected (N,C,H,W)",
                       gr_describe(x, "x").text);
    return gr_mean(x, .axes = GR_AXES(2, 3));
}
