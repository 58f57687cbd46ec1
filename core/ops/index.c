#include "core/ops/index.h"

#include "core/graph/graph_internal.h"
#include "core/ops/axis_internal.h"

#include <limits.h>
#include <string.h>

/* Elements that are worth another thread, and in a strip of columns. */
enum { GRAIN = 1 << 13, STRIP = 1 << 10 };

/* Whether the indices, operand k, are within 0 ... length-1; `of` says of what, for the message. */
static bool check_indices(const gr_node *n, int k, int length, const char *of) {
    const gr_tensor *index = n->in[k];
    int64_t i = gr_first_outside(index, length, NULL);
    if (i < 0) return true;
    if (length == 0)
        return gr_fail(n->graph, "%s: %s has %d at %s, but there are no elements in %s",
                       n->op->name, gr_operand(n, k).text, index->index[i],
                       gr_place_text(index->shape, i).text, of);
    return gr_fail(n->graph, "%s: %s has %d at %s, expected 0 to %d for %s", n->op->name,
                   gr_operand(n, k).text, index->index[i], gr_place_text(index->shape, i).text,
                   length - 1, of);
}

static bool check_axis_indices(const gr_node *n, int axis) {
    char of[160];
    snprintf(of, sizeof of, "axis %d of %s", axis, gr_operand(n, 0).text);
    return check_indices(n, 1, n->in[0]->shape.dim[axis], of);
}

/* -- Gather and scatter -- */

/* What is chosen from, or added to: gathered_axis of a tensor of `shape`. */
typedef struct gather_params {
    int axis;
    gr_shape shape;
} gather_params;

/* The indices, row by row of their last dimension, beside the elements that they choose. Rows of
 * one block choose among elements that no other block's rows choose. */
typedef struct gather_walk {
    const gr_tensor *index;
    int axis;
    int64_t blocks, block_rows, length; /* rows of `length` indices */
    int64_t stride[GR_MAX_DIMS];        /* of the shape chosen from; 0 for the axis */
    int64_t axis_stride;
    const gr_real *from;
    gr_real *to;
} gather_walk;

static gather_walk plan_walk(const gr_tensor *index, int axis, gr_shape shape) {
    gr_shape s = index->shape;
    int last = s.ndim - 1;
    gather_walk w = {.index = index, .axis = axis, .length = s.dim[last]};
    w.blocks = gr_outer_size(s, axis);
    w.block_rows = gr_dims_product(s, axis, last);
    int64_t step = 1;
    for (int i = last; i >= 0; i--) {
        w.stride[i] = i == axis ? 0 : step;
        if (i == axis) w.axis_stride = step;
        step *= shape.dim[i];
    }
    return w;
}

/* The offset of a row's first element with index 0. */
static int64_t row_offset(const gather_walk *w, int64_t row) {
    int64_t offset = 0;
    for (int i = w->index->shape.ndim - 2; i >= 0; i--) {
        int n = w->index->shape.dim[i];
        offset += row % n * w->stride[i];
        row /= n;
    }
    return offset;
}

static void gather_rows(void *context, int64_t begin, int64_t end) {
    const gather_walk *w = context;
    int64_t step = w->stride[w->index->shape.ndim - 1];
    for (int64_t row = begin; row < end; row++) {
        const gr_real *from = w->from + row_offset(w, row);
        const int32_t *index = w->index->index + row * w->length;
        gr_real *to = w->to + row * w->length;
        for (int64_t j = 0; j < w->length; j++) to[j] = from[index[j] * w->axis_stride + j * step];
    }
}

static void scatter_blocks(void *context, int64_t begin, int64_t end) {
    const gather_walk *w = context;
    int64_t step = w->stride[w->index->shape.ndim - 1];
    for (int64_t row = begin * w->block_rows; row < end * w->block_rows; row++) {
        const gr_real *from = w->from + row * w->length;
        const int32_t *index = w->index->index + row * w->length;
        gr_real *to = w->to + row_offset(w, row);
        for (int64_t j = 0; j < w->length; j++) to[index[j] * w->axis_stride + j * step] += from[j];
    }
}

/* Adds source to the result where the indices say, in the order of the indices. */
static void scatter(const gr_node *n, const gr_tensor *index, const gr_tensor *source) {
    const gather_params *p = n->params;
    gather_walk w = plan_walk(index, p->axis, p->shape);
    w.from = source->data;
    w.to = n->out->data;
    if (index->size == 0) return;
    int64_t block = w.block_rows * w.length;
    gr_for_rows(n->graph, w.blocks, 1 + GRAIN / block, scatter_blocks, &w);
}

static bool check_gather(const gr_node *n, int axis) {
    gr_shape x = n->in[0]->shape, index = n->in[1]->shape;
    if (index.ndim != x.ndim)
        return gr_fail(n->graph, "%s: %s and %s differ in their number of dimensions", n->op->name,
                       gr_operand(n, 1).text, gr_operand(n, 0).text);
    for (int i = 0; i < x.ndim; i++)
        if (i != axis && index.dim[i] > x.dim[i])
            return gr_fail(n->graph, "%s: %s is longer than %s in dimension %d besides axis %d",
                           n->op->name, gr_operand(n, 1).text, gr_operand(n, 0).text, i, axis);
    return check_axis_indices(n, axis);
}

static gr_tensor *scatter_to_zeros(gr_tensor *index, gr_tensor *source, const gather_params *p);
static gr_tensor *apply_gather(gr_tensor *x, int axis, gr_tensor *index);

static bool gather_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return check_gather(n, ((const gather_params *)n->params)->axis);
}
static void gather_forward(const gr_node *n) {
    const gather_params *p = n->params;
    gather_walk w = plan_walk(n->in[1], p->axis, p->shape);
    w.from = n->in[0]->data;
    w.to = n->out->data;
    if (n->out->size > 0)
        gr_for_rows(n->graph, w.blocks * w.block_rows, 1 + GRAIN / w.length, gather_rows, &w);
}
static void gather_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = scatter_to_zeros(n->in[1], grad, n->params);
}
static const gr_op gather_op = {.name = "gr_gather",
                                .operands = {"x", "index"},
                                .operand_kinds = {GR_REAL, GR_INDEX},
                                .shape = gather_shape,
                                .forward = gather_forward,
                                .vjp = gather_vjp};
static gr_tensor *apply_gather(gr_tensor *x, int axis, gr_tensor *index) {
    gather_params p = {.axis = axis, .shape = x == NULL ? GR_SCALAR : x->shape};
    return gr_apply(&gather_op, GR_LIST(x, index), &p, sizeof p);
}
gr_tensor *gr_gather(gr_tensor *x, int axis, gr_tensor *index) {
    if (!gr_resolve_axis(x, &axis, "gr_gather")) return NULL;
    return apply_gather(x, axis, index);
}

/* The gradient of gather: scatter_add to zeros of x's shape. */
static bool scatter_zeros_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const gather_params *)n->params)->shape;
    return true;
}
static void scatter_zeros_forward(const gr_node *n) {
    memset(n->out->data, 0, (size_t)n->out->size * sizeof(gr_real));
    scatter(n, n->in[0], n->in[1]);
}
static void scatter_zeros_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[1] = apply_gather(grad, ((const gather_params *)n->params)->axis, n->in[0]);
}
static const gr_op scatter_zeros_op = {.name = "gr_gather's gradient",
                                       .operands = {"index", "source"},
                                       .operand_kinds = {GR_INDEX, GR_REAL},
                                       .shape = scatter_zeros_shape,
                                       .forward = scatter_zeros_forward,
                                       .vjp = scatter_zeros_vjp};
static gr_tensor *scatter_to_zeros(gr_tensor *index, gr_tensor *source, const gather_params *p) {
    return gr_apply(&scatter_zeros_op, GR_LIST(index, source), p, sizeof *p);
}

static bool scatter_add_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    if (!gr_shape_equal(n->in[2]->shape, n->in[1]->shape))
        return gr_fail(n->graph, "gr_scatter_add: %s and %s differ, expected equal shapes",
                       gr_operand(n, 2).text, gr_operand(n, 1).text);
    return check_gather(n, ((const gather_params *)n->params)->axis);
}
static void scatter_add_forward(const gr_node *n) {
    memcpy(n->out->data, n->in[0]->data, (size_t)n->out->size * sizeof(gr_real));
    scatter(n, n->in[1], n->in[2]);
}
static void scatter_add_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = grad;
    if (gr_wants(n, 2))
        grads[2] = apply_gather(grad, ((const gather_params *)n->params)->axis, n->in[1]);
}
static const gr_op scatter_add_op = {.name = "gr_scatter_add",
                                     .operands = {"x", "index", "source"},
                                     .operand_kinds = {GR_REAL, GR_INDEX, GR_REAL},
                                     .shape = scatter_add_shape,
                                     .forward = scatter_add_forward,
                                     .vjp = scatter_add_vjp};
gr_tensor *gr_scatter_add(gr_tensor *x, int axis, gr_tensor *index, gr_tensor *source) {
    if (!gr_resolve_axis(x, &axis, "gr_scatter_add")) return NULL;
    gather_params p = {.axis = axis, .shape = x == NULL ? GR_SCALAR : x->shape};
    return gr_apply(&scatter_add_op, GR_LIST(x, index, source), &p, sizeof p);
}

/* -- Whole slices -- */

/* An axis cut into slices of `inner` elements, `outer` times, and a choice of `count` of them. */
typedef struct slices {
    int64_t outer, inner;
    int length, count;
    size_t bytes; /* of inner elements */
    const int32_t *index;
    const char *from; /* either for moving elements of any kind, */
    char *to;
    const gr_real *source; /* or for adding reals up */
    gr_real *sum;
} slices;

static slices plan_slices(gr_shape whole, int axis, const gr_tensor *index) {
    return (slices){.outer = gr_outer_size(whole, axis),
                    .inner = gr_inner_size(whole, axis),
                    .length = whole.dim[axis],
                    .count = index->shape.dim[0],
                    .index = index->index};
}

/* `bytes` is a constant where this is inlined for slices of one element, which are copied without a
 * call. */
static inline void copy_slices(const slices *s, int64_t begin, int64_t end, size_t bytes) {
    int64_t first = begin / s->count * s->length;
    int k = (int)(begin % s->count);
    for (int64_t i = begin; i < end; i++) {
        memcpy(s->to + i * (int64_t)bytes, s->from + (first + s->index[k]) * (int64_t)bytes, bytes);
        if (++k == s->count) k = 0, first += s->length;
    }
}

static void select_slices(void *context, int64_t begin, int64_t end) {
    const slices *s = context;
    if (s->bytes == sizeof(float))
        copy_slices(s, begin, end, sizeof(float));
    else if (s->bytes == sizeof(double))
        copy_slices(s, begin, end, sizeof(double));
    else
        copy_slices(s, begin, end, s->bytes);
}

/* Items are strips of columns, so that each element of the sum belongs to one of them. */
static void add_strips(void *context, int64_t begin, int64_t end) {
    const slices *s = context;
    int64_t strips = (s->inner + STRIP - 1) / STRIP;
    for (int64_t item = begin; item < end; item++) {
        int64_t first = item % strips * STRIP, left = s->inner - first;
        int64_t columns = left < STRIP ? left : STRIP, outer = item / strips;
        const gr_real *from = s->source + outer * s->count * s->inner + first;
        gr_real *to = s->sum + outer * s->length * s->inner + first;
        for (int k = 0; columns == 1 && k < s->count; k++)
            to[s->index[k] * s->inner] += from[k * s->inner];
        for (int k = 0; columns > 1 && k < s->count; k++, from += s->inner) {
            gr_real *row = to + s->index[k] * s->inner;
            for (int64_t j = 0; j < columns; j++) row[j] += from[j];
        }
    }
}

static const gr_op add_slices_op;

static bool index_select_shape(const gr_node *n, gr_shape *shape) {
    int axis = ((const gather_params *)n->params)->axis;
    *shape = n->in[0]->shape;
    if (n->in[1]->shape.ndim != 1)
        return gr_fail(n->graph, "gr_index_select: %s, expected one dimension",
                       gr_operand(n, 1).text);
    shape->dim[axis] = n->in[1]->shape.dim[0];
    return check_axis_indices(n, axis);
}
static void index_select_forward(const gr_node *n) {
    const gr_tensor *x = n->in[0], *y = n->out;
    slices s = plan_slices(x->shape, ((const gather_params *)n->params)->axis, n->in[1]);
    bool real = x->kind == GR_REAL;
    s.from = real ? (const char *)x->data : (const char *)x->index;
    s.to = real ? (char *)y->data : (char *)y->index;
    s.bytes = (size_t)s.inner * (real ? sizeof(gr_real) : sizeof(int32_t));
    if (y->size > 0)
        gr_for_rows(n->graph, s.outer * s.count, 1 + GRAIN / s.inner, select_slices, &s);
}
static void index_select_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_apply_gradient(n, 0, &add_slices_op, GR_LIST(n->in[1], grad), n->params,
                                 sizeof(gather_params));
}
static const gr_op index_select_op = {.name = "gr_index_select",
                                      .operands = {"x", "index"},
                                      .operand_kinds = {GR_REAL, GR_INDEX},
                                      .any_kind = true,
                                      .shape = index_select_shape,
                                      .forward = index_select_forward,
                                      .vjp = index_select_vjp};
gr_tensor *gr_index_select(gr_tensor *x, int axis, gr_tensor *index) {
    if (!gr_resolve_axis(x, &axis, "gr_index_select")) return NULL;
    gather_params p = {.axis = axis, .shape = x == NULL ? GR_SCALAR : x->shape};
    return gr_apply(&index_select_op, GR_LIST(x, index), &p, sizeof p);
}

/* Its gradient: zeros of x's shape to which the slices are added. */
static bool add_slices_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const gather_params *)n->params)->shape;
    return true;
}
static void add_slices_forward(const gr_node *n) {
    const gather_params *p = n->params;
    slices s = plan_slices(p->shape, p->axis, n->in[0]);
    s.source = n->in[1]->data;
    s.sum = n->out->data;
    memset(s.sum, 0, (size_t)n->out->size * sizeof *s.sum);
    if (n->in[1]->size == 0) return;
    int64_t strips = (s.inner + STRIP - 1) / STRIP;
    int64_t columns = s.inner < STRIP ? s.inner : STRIP;
    gr_for_rows(n->graph, s.outer * strips, 1 + GRAIN / (s.count * columns), add_strips, &s);
}
static void add_slices_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[1] = gr_index_select(grad, ((const gather_params *)n->params)->axis, n->in[0]);
}
static const gr_op add_slices_op = {.name = "gr_index_select's gradient",
                                    .operands = {"index", "source"},
                                    .operand_kinds = {GR_INDEX, GR_REAL},
                                    .shape = add_slices_shape,
                                    .forward = add_slices_forward,
                                    .vjp = add_slices_vjp};

/* -- One-hot -- */

static bool one_hot_shape(const gr_node *n, gr_shape *shape) {
    int classes = *(const int *)n->params;
    *shape = n->in[0]->shape;
    if (shape->ndim == GR_MAX_DIMS)
        return gr_fail(n->graph, "gr_one_hot: %s has %d dimensions already, the most there can be",
                       gr_operand(n, 0).text, GR_MAX_DIMS);
    if (classes < 1)
        return gr_fail(n->graph, "gr_one_hot: %s: %d classes, expected 1 or more",
                       gr_operand(n, 0).text, classes);
    shape->dim[shape->ndim++] = classes;
    char of[32];
    snprintf(of, sizeof of, "%d classes", classes);
    return check_indices(n, 0, classes, of);
}
static void one_hot_range(void *context, int64_t begin, int64_t end) {
    const gr_node *n = context;
    const int classes = *(const int *)n->params;
    gr_real *row = n->out->data + begin * classes;
    memset(row, 0, (size_t)((end - begin) * classes) * sizeof *row);
    for (int64_t i = begin; i < end; i++, row += classes) row[n->in[0]->index[i]] = 1;
}
static void one_hot_forward(const gr_node *n) {
    const int classes = *(const int *)n->params;
    gr_for_rows(n->graph, n->in[0]->size, 1 + GR_SHARE / classes, one_hot_range, (void *)n);
}
static const gr_op one_hot_op = {.name = "gr_one_hot",
                                 .operands = {"index"},
                                 .operand_kinds = {GR_INDEX},
                                 .shape = one_hot_shape,
                                 .forward = one_hot_forward};
gr_tensor *gr_one_hot(gr_tensor *index, int classes) {
    return gr_apply(&one_hot_op, GR_LIST(index), &classes, sizeof classes);
}
