/* The largest elements of windows: the places of them first, then gather. */
#include "core/ops/pool.h"

#include "core/graph/graph_internal.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"
#include "core/ops/window_internal.h"

#include <math.h>

/* Elements looked at in a piece of work for one thread. */
enum { GRAIN = 1 << 15 };

typedef struct pool_walk {
    const gr_window *window;
    const gr_real *x;
    int32_t *place;
    int height, width, rows, columns; /* of x; of the result */
} pool_walk;

/* The taps [first, end) of the window at a place that are within `size` elements. */
static void taps_within(const gr_window *w, int i, int place, int size, int *first, int *end) {
    int64_t begin = (int64_t)place * w->stride[i] - w->padding[i], d = w->dilation[i];
    int64_t last = size > begin ? (size - begin + d - 1) / d : 0;
    *first = begin < 0 ? (int)((-begin + d - 1) / d) : 0;
    *end = last < w->kernel[i] ? (int)last : w->kernel[i];
}

static int32_t largest(const pool_walk *p, const gr_real *x, int row, int column) {
    const gr_window *w = p->window;
    int i0, i1, j0, j1;
    taps_within(w, 0, row, p->height, &i0, &i1);
    taps_within(w, 1, column, p->width, &j0, &j1);
    int64_t top = (int64_t)row * w->stride[0] - w->padding[0];
    int64_t left = (int64_t)column * w->stride[1] - w->padding[1];
    int64_t best = -1;
    for (int i = i0; i < i1; i++)
        for (int j = j0; j < j1; j++) {
            int64_t at =
                (top + (int64_t)i * w->dilation[0]) * p->width + left + (int64_t)j * w->dilation[1];
            if (best < 0 || x[at] > x[best] || (isnan(x[at]) && !isnan(x[best]))) best = at;
        }
    return (int32_t)best;
}

static void pool_planes(void *context, int64_t begin, int64_t end) {
    const pool_walk *p = context;
    for (int64_t k = begin; k < end; k++) {
        const gr_real *x = p->x + k * p->height * p->width;
        int32_t *place = p->place + k * p->rows * p->columns;
        for (int i = 0; i < p->rows; i++)
            for (int j = 0; j < p->columns; j++) *place++ = largest(p, x, i, j);
    }
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

static bool max_pool_shape(const gr_node *n, gr_shape *shape) {
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

static void max_pool_forward(const gr_node *n) {
    const gr_shape x = n->in[0]->shape, y = n->out->shape;
    const gr_window *w = n->params;
    pool_walk p = {.window = w,
                   .x = n->in[0]->data,
                   .place = n->out->index,
                   .height = x.dim[2],
                   .width = x.dim[3],
                   .rows = y.dim[2],
                   .columns = y.dim[3]};
    int64_t work = (int64_t)p.rows * p.columns * w->kernel[0] * w->kernel[1];
    if (n->out->size > 0)
        gr_for(n->graph, (int64_t)x.dim[0] * x.dim[1], 1 + GRAIN / work, pool_planes, &p);
}

/* The largest elements' places in their images. */
static const gr_op max_pool_op = {.name = "gr_max_pool2d",
                                  .operands = {"x"},
                                  .kind = GR_INDEX,
                                  .shape = max_pool_shape,
                                  .forward = max_pool_forward};

/* Images as rows, (N,C,H,W) to (N,C,H W). */
static gr_tensor *flat_images(gr_tensor *x) {
    gr_shape s = x->shape;
    return gr_reshape(x, GR_SHAPE(s.dim[0], s.dim[1], s.dim[2] * s.dim[3]));
}

gr_tensor *gr_max_pool2d_(gr_max_pool2d_args a) {
    gr_window w;
    gr_pair_split(a.kernel, w.kernel);
    gr_pair_split(a.stride == 0 ? a.kernel : a.stride, w.stride);
    gr_pair_split(a.padding, w.padding);
    gr_pair_split(a.dilation, w.dilation);
    gr_tensor *place = gr_apply(&max_pool_op, GR_LIST(a.x), &w, sizeof w);
    if (place == NULL) return NULL;
    gr_shape shape = place->shape;
    if ((int64_t)shape.dim[2] * shape.dim[3] > INT32_MAX)
        return gr_fail(a.x->graph, "gr_max_pool2d: %s has too many windows in an image",
                       gr_describe(a.x, "x").text);
    return gr_reshape(gr_gather(flat_images(a.x), 2, flat_images(place)), shape);
}
