/* The largest elements of windows, and their places, to which gradients go. */
#include "core/ops/pool.h"

#include "core/graph/graph_internal.h"
#include "core/ops/index.h"
#include "core/ops/pool_internal.h"
#include "core/ops/shape.h"

/* The taps [first, end) of the window at a place that are within `size` elements. */
static void taps_within(const gr_window *w, int i, int place, int size, int *first, int *end) {
    int64_t begin = (int64_t)place * w->stride[i] - w->padding[i], d = w->dilation[i];
    int64_t last = size > begin ? (size - begin + d - 1) / d : 0;
    *first = begin < 0 ? (int)((-begin + d - 1) / d) : 0;
    *end = last < w->kernel[i] ? (int)last : w->kernel[i];
}

/* Whether each place of the window sees an element: with dilation, taps may step over the image. */
static bool sees_elements(const gr_node *n, const gr_window *w, const int places[2]) {
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < places[i]; k++) {
            int first, end;
            taps_within(w, i, k, n->in[0]->shape.dim[2 + i], &first, &end);
            if (first >= end)
                return gr_fail(n->graph,
                               "gr_max_pool2d: %s: window %d of dimension %d has no element",
                               gr_operand(n, 0).text, k, 2 + i);
        }
    return true;
}

/* -- Running the kernels: an item is an image -- */

typedef struct pool_work {
    const gr_pool_kernels *kernels;
    gr_patches window;
    int64_t image, rows, positions; /* H W; P; P Q */
    gr_real *x, *y;                 /* one of them is the result */
    int32_t *place;
} pool_work;

static void largest_range(void *context, int64_t begin, int64_t end) {
    const pool_work *w = context;
    for (int64_t k = begin; k < end; k++)
        w->kernels->largest(&w->window, w->rows, w->x + k * w->image, w->y + k * w->positions,
                            w->place + k * w->positions);
}

static void put_range(void *context, int64_t begin, int64_t end) {
    const pool_work *w = context;
    for (int64_t k = begin; k < end; k++)
        w->kernels->put(&w->window, w->rows, w->y + k * w->positions, w->place + k * w->positions,
                        w->x + k * w->image);
}

static void run(const gr_node *n, const gr_window *w, gr_tensor *x, gr_tensor *y, gr_tensor *place,
                gr_range_function *f) {
    const int *xs = x->shape.dim, *ys = y->shape.dim;
    pool_work work = {
        .kernels = n->graph->kernels->pool,
        .window = {.height = xs[2], .width = xs[3], .out_width = ys[3]},
        .image = (int64_t)xs[2] * xs[3],
        .rows = ys[2],
        .positions = (int64_t)ys[2] * ys[3],
        .x = x->data,
        .y = y->data,
        .place = place->index,
    };
    for (int i = 0; i < 2; i++) {
        work.window.kernel[i] = w->kernel[i];
        work.window.stride[i] = w->stride[i];
        work.window.padding[i] = w->padding[i];
        work.window.dilation[i] = w->dilation[i];
    }
    int64_t seen = work.positions * w->kernel[0] * w->kernel[1] + work.image;
    if (y->size > 0) gr_for_rows(n->graph, (int64_t)xs[0] * xs[1], 1 + GR_SHARE / seen, f, &work);
}

/* -- The places -- */

static bool place_shape(const gr_node *n, gr_shape *shape) {
    const gr_window *w = n->params;
    gr_shape x = n->in[0]->shape;
    if (!gr_window_check(n, w)) return false;
    for (int i = 0; i < 2; i++)
        if (w->padding[i] > w->kernel[i] / 2)
            return gr_fail(n->graph,
                           "gr_max_pool2d: padding is %s, expected at most half of the kernel %s",
                           gr_pair_text(w->padding).text, gr_pair_text(w->kernel).text);
    if ((int64_t)x.dim[2] * x.dim[3] > INT32_MAX)
        return gr_fail(n->graph, "gr_max_pool2d: %s has too many elements in an image",
                       gr_operand(n, 0).text);
    *shape = GR_SHAPE(x.dim[0], x.dim[1], 0, 0);
    return gr_window_places(n, w, &shape->dim[2]) && sees_elements(n, w, &shape->dim[2]);
}

static void place_forward(const gr_node *n) { (void)n; }

/* Memory for the places in their images; max_pool_op, which sees each element anyway, writes them.
 */
static const gr_op place_op = {.name = "gr_max_pool2d",
                               .operands = {"x"},
                               .kind = GR_INDEX,
                               .shape = place_shape,
                               .forward = place_forward};

/* -- The elements, and the gradient, which goes to their places -- */

/* Images as rows, (N,C,H,W) to (N,C,H W). */
static gr_tensor *flat_images(gr_tensor *x) {
    gr_shape s = x->shape;
    return gr_reshape(x, GR_SHAPE(s.dim[0], s.dim[1], s.dim[2] * s.dim[3]));
}

typedef struct put_params {
    gr_window window;
    gr_shape x;
} put_params;

static bool put_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const put_params *)n->params)->x;
    return true;
}

static void put_forward(const gr_node *n) {
    const put_params *p = n->params;
    run(n, &p->window, n->out, n->in[0], n->in[1], put_range);
}

static void put_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *place = n->in[1];
    grads[0] = gr_reshape(gr_gather(flat_images(grad), 2, flat_images(place)), n->in[0]->shape);
}

static const gr_op put_op = {.name = "gr_max_pool2d's gradient",
                             .operands = {"grad", "place"},
                             .operand_kinds = {GR_REAL, GR_INDEX},
                             .shape = put_shape,
                             .forward = put_forward,
                             .vjp = put_vjp};

gr_tensor *gr_max_pool2d_put(gr_tensor *grad, gr_tensor *place, const gr_window *w,
                             gr_shape shape) {
    put_params p = {*w, shape};
    return gr_apply(&put_op, GR_LIST(grad, place), &p, sizeof p);
}

static bool max_pool_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}

static void max_pool_forward(const gr_node *n) {
    run(n, n->params, n->in[0], n->out, n->in[1], largest_range);
}

static void max_pool_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_max_pool2d_put(grad, n->in[1], n->params, n->in[0]->shape);
}

static const gr_op max_pool_op = {.name = "gr_max_pool2d",
                                  .operands = {"x", "place"},
                                  .operand_kinds = {GR_REAL, GR_INDEX},
                                  .shape = max_pool_shape,
                                  .forward = max_pool_forward,
                                  .vjp = max_pool_vjp};

gr_tensor *gr_max_pool2d_(gr_max_pool2d_args a) {
    gr_window w;
    gr_pair_split(a.kernel, w.kernel);
    gr_pair_split(a.stride == 0 ? a.kernel : a.stride, w.stride);
    gr_pair_split(a.padding, w.padding);
    gr_pair_split(a.dilation, w.dilation);
    gr_tensor *place = gr_apply(&place_op, GR_LIST(a.x), &w, sizeof w);
    if (place == NULL) return NULL;
    if ((int64_t)place->shape.dim[2] * place->shape.dim[3] > INT32_MAX)
        return gr_fail(a.x->graph, "gr_max_pool2d: %s has too many windows in an image",
                       gr_describe(a.x, "x").text);
    return gr_apply(&max_pool_op, GR_LIST(a.x, place), &w, sizeof w);
}
