#include "core/ops/shape.h"

#include "core/graph/graph_internal.h"
#include "core/kernels/copy.h"
#include "core/ops/axis_internal.h"

#include <limits.h>
#include <string.h>

static size_t element_bytes(const gr_tensor *t) {
    return t->kind == GR_REAL ? sizeof(gr_real) : sizeof(int32_t);
}

static char *elements(const gr_tensor *t) {
    return t->kind == GR_REAL ? (char *)t->data : (char *)t->index;
}

/* The strides of contiguous elements. */
static void contiguous_strides(gr_shape s, int64_t stride[GR_MAX_DIMS]) {
    int64_t step = 1;
    for (int i = s.ndim - 1; i >= 0; i--) {
        stride[i] = step;
        step *= s.dim[i];
    }
}

/* Copies x to y, both of one kind: element (i,j,..) for i, j, .. within `shape`, counted from the
 * offsets, with the strides. */
static void copy_strided(const gr_graph *g, gr_shape shape, const gr_tensor *y, int64_t y_offset,
                         const int64_t *y_stride, const gr_tensor *x, int64_t x_offset,
                         const int64_t *x_stride) {
    int64_t bytes = (int64_t)element_bytes(x);
    gr_copy c = {.element = element_bytes(x), .ndim = shape.ndim, .kernels = g->kernels->transpose};
    if (gr_shape_size(shape) == 0) return;
    c.target = elements(y) + y_offset * bytes;
    c.source = elements(x) + x_offset * bytes;
    for (int i = 0; i < shape.ndim; i++) {
        c.dim[i] = shape.dim[i];
        c.to[i] = y_stride[i];
        c.from[i] = x_stride[i];
    }
    gr_copy_strided(&c, g->threads);
}

/* Copies x, walked with its offset and strides, to the whole of the node's result. */
static void copy_to_result(const gr_node *n, int64_t x_offset, const int64_t *x_stride) {
    int64_t y_stride[GR_MAX_DIMS];
    contiguous_strides(n->out->shape, y_stride);
    copy_strided(n->graph, n->out->shape, n->out, 0, y_stride, n->in[0], x_offset, x_stride);
}

/* -- Reshape -- */

/* Replaces a dimension of -1 by what is left of x's elements. */
static bool fill_open_dim(const gr_node *n, gr_shape *shape) {
    gr_shape known = *shape;
    int open = -1;
    for (int i = 0; i < shape->ndim; i++) {
        if (shape->dim[i] != -1) continue;
        if (open >= 0)
            return gr_fail(n->graph, "gr_reshape: %s to %s: more than one dimension is -1",
                           gr_operand(n, 0).text, gr_shape_text(*shape).text);
        open = i;
        known.dim[i] = 1;
    }
    int64_t rest = gr_shape_size(known), size = n->in[0]->size;
    if (open < 0 || rest < 0) return true;
    if (rest == 0 || size % rest != 0 || size / rest > INT_MAX)
        return gr_fail(n->graph,
                       "gr_reshape: %s has %lld elements, no dimension for -1 gives %s as "
                       "many",
                       gr_operand(n, 0).text, (long long)size, gr_shape_text(*shape).text);
    shape->dim[open] = (int)(size / rest);
    return true;
}

static bool reshape_shape(const gr_node *n, gr_shape *shape) {
    *shape = *(const gr_shape *)n->params;
    if (shape->ndim < 0 || shape->ndim > GR_MAX_DIMS)
        return gr_fail(n->graph, "gr_reshape: %s to %d dimensions, expected 0 to %d",
                       gr_operand(n, 0).text, shape->ndim, GR_MAX_DIMS);
    if (!fill_open_dim(n, shape)) return false;
    int64_t size = gr_shape_size(*shape);
    if (size < 0)
        return gr_fail(n->graph, "gr_reshape: %s to %s: no tensor has this shape",
                       gr_operand(n, 0).text, gr_shape_text(*shape).text);
    if (size != n->in[0]->size)
        return gr_fail(n->graph, "gr_reshape: %s has %lld elements, %s has %lld",
                       gr_operand(n, 0).text, (long long)n->in[0]->size, gr_shape_text(*shape).text,
                       (long long)size);
    return true;
}
static void reshape_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_reshape(grad, n->in[0]->shape);
}
static const gr_op reshape_op = {.name = "gr_reshape",
                                 .operands = {"x"},
                                 .any_kind = true,
                                 .shape = reshape_shape,
                                 .vjp = reshape_vjp,
                                 .alias = true};
gr_tensor *gr_reshape(gr_tensor *x, gr_shape shape) {
    return gr_apply(&reshape_op, GR_LIST(x), &shape, sizeof shape);
}

gr_tensor *gr_flatten(gr_tensor *x) { return gr_reshape(x, GR_SHAPE(-1)); }

/* x's shape with a dimension of 1 before `axis`, which may be one past the end; false after an
 * error. */
static bool unsqueezed(const gr_tensor *x, int *axis, const char *who, gr_shape *shape) {
    int ndim = x->shape.ndim;
    if (ndim == GR_MAX_DIMS)
        return gr_fail(x->graph, "%s: %s has %d dimensions already, the most there can be", who,
                       gr_describe(x, "x").text, ndim);
    if (*axis < -ndim - 1 || *axis > ndim)
        return gr_fail(x->graph, "%s: axis %d, expected %d to %d for a new one of %s", who, *axis,
                       -ndim - 1, ndim, gr_describe(x, "x").text);
    if (*axis < 0) *axis += ndim + 1;
    *shape = (gr_shape){.ndim = ndim + 1};
    for (int i = 0; i <= ndim; i++)
        shape->dim[i] = i == *axis ? 1 : x->shape.dim[i < *axis ? i : i - 1];
    return true;
}

gr_tensor *gr_unsqueeze(gr_tensor *x, int axis) {
    gr_shape shape;
    if (x == NULL || !unsqueezed(x, &axis, "gr_unsqueeze", &shape)) return NULL;
    return gr_reshape(x, shape);
}

static gr_shape without_axis(gr_shape s, int axis) {
    s.ndim--;
    for (int i = axis; i < s.ndim; i++) s.dim[i] = s.dim[i + 1];
    return s;
}

gr_tensor *gr_squeeze(gr_tensor *x, int axis) {
    if (x == NULL || !gr_resolve_axis(x, &axis, "gr_squeeze")) return NULL;
    if (x->shape.dim[axis] != 1)
        return gr_fail(x->graph, "gr_squeeze: %s has %d elements along axis %d, expected 1",
                       gr_describe(x, "x").text, x->shape.dim[axis], axis);
    return gr_reshape(x, without_axis(x->shape, axis));
}

/* -- Permute -- */

static bool permute_shape(const gr_node *n, gr_shape *shape) {
    const gr_shape *order = n->params, *x = &n->in[0]->shape;
    *shape = *x;
    for (int i = 0; i < x->ndim; i++) shape->dim[i] = x->dim[order->dim[i]];
    return true;
}
static void permute_forward(const gr_node *n) {
    const gr_shape *order = n->params;
    int64_t x_stride[GR_MAX_DIMS], stride[GR_MAX_DIMS];
    contiguous_strides(n->in[0]->shape, x_stride);
    for (int i = 0; i < order->ndim; i++) stride[i] = x_stride[order->dim[i]];
    copy_to_result(n, 0, stride);
}
static void permute_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const gr_shape *order = n->params;
    gr_shape inverse = *order;
    for (int i = 0; i < order->ndim; i++) inverse.dim[order->dim[i]] = i;
    grads[0] = gr_permute(grad, inverse);
}
static const gr_op permute_op = {.name = "gr_permute",
                                 .operands = {"x"},
                                 .any_kind = true,
                                 .shape = permute_shape,
                                 .forward = permute_forward,
                                 .vjp = permute_vjp};

gr_tensor *gr_permute(gr_tensor *x, gr_shape order) {
    if (x == NULL) return NULL;
    int ndim = x->shape.ndim;
    if (order.ndim != ndim)
        return gr_fail(x->graph, "gr_permute: %s has %d axes, the order names %d",
                       gr_describe(x, "x").text, ndim, order.ndim);
    gr_shape counted = order;
    unsigned named = 0;
    for (int i = 0; i < ndim; i++) {
        counted.dim[i] = gr_axis(x, order.dim[i], "gr_permute");
        if (counted.dim[i] < 0) return NULL;
        named |= 1u << counted.dim[i];
    }
    if (named != (1u << ndim) - 1)
        return gr_fail(x->graph, "gr_permute: the order %s names an axis of %s twice",
                       gr_shape_text(order).text, gr_describe(x, "x").text);
    return gr_apply(&permute_op, GR_LIST(x), &counted, sizeof counted);
}

gr_tensor *gr_transpose(gr_tensor *x, int axis_a, int axis_b) {
    if (x == NULL || !gr_resolve_axis(x, &axis_a, "gr_transpose") ||
        !gr_resolve_axis(x, &axis_b, "gr_transpose"))
        return NULL;
    gr_shape order = {.ndim = x->shape.ndim};
    for (int i = 0; i < order.ndim; i++) order.dim[i] = i;
    order.dim[axis_a] = axis_b;
    order.dim[axis_b] = axis_a;
    return gr_apply(&permute_op, GR_LIST(x), &order, sizeof order);
}

/* -- Flip -- */

static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}
static void flip_forward(const gr_node *n) {
    int axis = *(const int *)n->params;
    int64_t stride[GR_MAX_DIMS];
    contiguous_strides(n->in[0]->shape, stride);
    int64_t last = (n->in[0]->shape.dim[axis] - 1) * stride[axis];
    stride[axis] = -stride[axis];
    copy_to_result(n, last, stride);
}
static void flip_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_flip(grad, *(const int *)n->params);
}
static const gr_op flip_op = {.name = "gr_flip",
                              .operands = {"x"},
                              .any_kind = true,
                              .shape = same_shape,
                              .forward = flip_forward,
                              .vjp = flip_vjp};
gr_tensor *gr_flip(gr_tensor *x, int axis) {
    if (!gr_resolve_axis(x, &axis, "gr_flip")) return NULL;
    return gr_apply(&flip_op, GR_LIST(x), &axis, sizeof axis);
}

/* -- Expand -- */

static bool expand_shape(const gr_node *n, gr_shape *shape) {
    gr_shape x = n->in[0]->shape;
    *shape = *(const gr_shape *)n->params;
    if (shape->ndim > GR_MAX_DIMS || shape->ndim < x.ndim)
        return gr_fail(n->graph, "gr_expand: %s to %d dimensions, expected %d to %d",
                       gr_operand(n, 0).text, shape->ndim, x.ndim, GR_MAX_DIMS);
    int added = shape->ndim - x.ndim;
    for (int i = 0; i < x.ndim; i++)
        if (x.dim[i] != 1 && x.dim[i] != shape->dim[added + i])
            return gr_fail(n->graph, "gr_expand: %s to %s: dimension %d is neither 1 nor %d",
                           gr_operand(n, 0).text, gr_shape_text(*shape).text, i,
                           shape->dim[added + i]);
    return true;
}
static void expand_forward(const gr_node *n) {
    gr_shape x = n->in[0]->shape;
    int64_t x_stride[GR_MAX_DIMS], stride[GR_MAX_DIMS] = {0};
    int added = n->out->shape.ndim - x.ndim;
    contiguous_strides(x, x_stride);
    for (int i = 0; i < x.ndim; i++) stride[added + i] = x.dim[i] == 1 ? 0 : x_stride[i];
    copy_to_result(n, 0, stride);
}
static void expand_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_sum_to(grad, n->in[0]->shape);
}
static const gr_op expand_op = {.name = "gr_expand",
                                .operands = {"x"},
                                .any_kind = true,
                                .shape = expand_shape,
                                .forward = expand_forward,
                                .vjp = expand_vjp};
gr_tensor *gr_expand(gr_tensor *x, gr_shape shape) {
    return gr_apply(&expand_op, GR_LIST(x), &shape, sizeof shape);
}

/* -- Slice and pad, each the other's gradient -- */

/* Elements begin, begin + step, ... of an axis of `length`: of x's in gr_slice, of the result's in
 * gr_pad, where `value` fills what lies between and around them. */
typedef struct piece {
    int axis, begin, step;
    int count;  /* of the elements */
    int length; /* of the axis that they lie in */
    gr_real value;
} piece;

static gr_tensor *slice_piece(gr_tensor *x, const piece *p);
static gr_tensor *pad_piece(gr_tensor *x, const piece *p);

static bool slice_shape(const gr_node *n, gr_shape *shape) {
    const piece *p = n->params;
    *shape = n->in[0]->shape;
    shape->dim[p->axis] = p->count;
    return true;
}
static void slice_forward(const gr_node *n) {
    const piece *p = n->params;
    int64_t stride[GR_MAX_DIMS];
    contiguous_strides(n->in[0]->shape, stride);
    int64_t offset = p->begin * stride[p->axis];
    stride[p->axis] *= p->step;
    copy_to_result(n, offset, stride);
}
static void slice_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    piece p = *(const piece *)n->params;
    p.value = 0;
    grads[0] = pad_piece(grad, &p);
}
static const gr_op slice_op = {.name = "gr_slice",
                               .operands = {"x"},
                               .any_kind = true,
                               .shape = slice_shape,
                               .forward = slice_forward,
                               .vjp = slice_vjp};
static gr_tensor *slice_piece(gr_tensor *x, const piece *p) {
    return gr_apply(&slice_op, GR_LIST(x), p, sizeof *p);
}

static bool pad_shape(const gr_node *n, gr_shape *shape) {
    const piece *p = n->params;
    *shape = n->in[0]->shape;
    shape->dim[p->axis] = p->length;
    return true;
}
static void pad_forward(const gr_node *n) {
    const piece *p = n->params;
    int64_t stride[GR_MAX_DIMS], x_stride[GR_MAX_DIMS];
    for (int64_t i = 0; i < n->out->size; i++) n->out->data[i] = p->value;
    contiguous_strides(n->in[0]->shape, x_stride);
    contiguous_strides(n->out->shape, stride);
    int64_t offset = p->begin * stride[p->axis];
    stride[p->axis] *= p->step;
    copy_strided(n->graph, n->in[0]->shape, n->out, offset, stride, n->in[0], 0, x_stride);
}
static void pad_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = slice_piece(grad, n->params);
}
static const gr_op pad_op = {.name = "gr_pad",
                             .operands = {"x"},
                             .shape = pad_shape,
                             .forward = pad_forward,
                             .vjp = pad_vjp};
static gr_tensor *pad_piece(gr_tensor *x, const piece *p) {
    return gr_apply(&pad_op, GR_LIST(x), p, sizeof *p);
}

/* A position counted from the end if it is negative, and cut to 0 ... length. */
static int cut_to_axis(int position, int length) {
    if (position < 0) position += length;
    return position < 0 ? 0 : position > length ? length : position;
}

gr_tensor *gr_slice(gr_tensor *x, int axis, int begin, int end, int step) {
    if (x == NULL || !gr_resolve_axis(x, &axis, "gr_slice")) return NULL;
    if (step <= 0)
        return gr_fail(x->graph, "gr_slice: step %d along axis %d of %s, expected 1 or more", step,
                       axis, gr_describe(x, "x").text);
    int length = x->shape.dim[axis];
    piece p = {.axis = axis, .step = step, .length = length};
    p.begin = cut_to_axis(begin, length);
    end = cut_to_axis(end, length);
    if (end > p.begin) p.count = (end - p.begin - 1) / step + 1;
    return slice_piece(x, &p);
}

gr_tensor *gr_select(gr_tensor *x, int axis, int position) {
    if (x == NULL || !gr_resolve_axis(x, &axis, "gr_select")) return NULL;
    int length = x->shape.dim[axis];
    if (position < -length || position >= length)
        return gr_fail(x->graph, "gr_select: position %d is outside axis %d of %s, which has %d",
                       position, axis, gr_describe(x, "x").text, length);
    if (position < 0) position += length;
    piece p = {.axis = axis, .begin = position, .step = 1, .count = 1, .length = length};
    return gr_reshape(slice_piece(x, &p), without_axis(x->shape, axis));
}

gr_tensor *gr_pad(gr_tensor *x, int axis, int before, int after, double value) {
    if (x == NULL || !gr_resolve_axis(x, &axis, "gr_pad")) return NULL;
    int length = x->shape.dim[axis];
    int64_t begin = before < 0 ? -(int64_t)before : 0;
    int64_t end = length + (int64_t)(after < 0 ? after : 0);
    if (begin > end)
        return gr_fail(x->graph,
                       "gr_pad: %d before and %d after cut off more than axis %d of %s has", before,
                       after, axis, gr_describe(x, "x").text);
    int64_t padded = length + (int64_t)before + after;
    if (padded > INT_MAX)
        return gr_fail(x->graph, "gr_pad: %d before and %d after make axis %d of %s too long",
                       before, after, axis, gr_describe(x, "x").text);
    if (begin > 0 || end < length) {
        piece rest = {.axis = axis,
                      .begin = (int)begin,
                      .step = 1,
                      .count = (int)(end - begin),
                      .length = length};
        x = slice_piece(x, &rest);
    }
    if (before <= 0 && after <= 0 && (before < 0 || after < 0)) return x;
    piece p = {.axis = axis,
               .begin = before > 0 ? before : 0,
               .step = 1,
               .count = (int)(end - begin),
               .length = (int)padded,
               .value = (gr_real)value};
    return pad_piece(x, &p);
}

static bool check_lengths(const gr_tensor *x, int axis, const int *lengths, int n) {
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        if (lengths[i] < 0)
            return gr_fail(x->graph, "gr_split: the length of part %d is %d, expected 0 or more", i,
                           lengths[i]);
        total += lengths[i];
    }
    if (total != x->shape.dim[axis])
        return gr_fail(x->graph, "gr_split: the %d lengths add up to %lld, axis %d of %s has %d", n,
                       (long long)total, axis, gr_describe(x, "x").text, x->shape.dim[axis]);
    return true;
}

bool gr_split(gr_tensor *x, int axis, const int *lengths, int n, gr_tensor **parts) {
    for (int i = 0; i < n; i++) parts[i] = NULL;
    if (x == NULL || !gr_resolve_axis(x, &axis, "gr_split")) return false;
    if (!check_lengths(x, axis, lengths, n)) return false;
    bool fine = true;
    for (int i = 0, begin = 0; i < n && fine; begin += lengths[i++]) {
        parts[i] = gr_slice(x, axis, begin, begin + lengths[i], 1);
        fine = parts[i] != NULL;
    }
    for (int i = 0; i < n && !fine; i++) parts[i] = NULL;
    return fine;
}

/* -- Concat and stack -- */

static gr_text list_item(const gr_node *n, int i) {
    char formal[24];
    snprintf(formal, sizeof formal, "tensor %d", i);
    return gr_describe(n->in[i], formal);
}

static bool concat_shape(const gr_node *n, gr_shape *shape) {
    int axis = *(const int *)n->params;
    int64_t length = 0;
    *shape = n->in[0]->shape;
    for (int k = 0; k < n->n_in; k++) {
        gr_shape s = n->in[k]->shape;
        if (s.ndim != shape->ndim)
            return gr_fail(n->graph, "gr_concat: %s and %s differ in their number of dimensions",
                           list_item(n, k).text, list_item(n, 0).text);
        for (int i = 0; i < s.ndim; i++)
            if (i != axis && s.dim[i] != shape->dim[i])
                return gr_fail(n->graph,
                               "gr_concat: %s and %s differ in dimension %d besides axis "
                               "%d",
                               list_item(n, k).text, list_item(n, 0).text, i, axis);
        length += s.dim[axis];
    }
    if (length > INT_MAX)
        return gr_fail(n->graph,
                       "gr_concat: %d tensors have %lld elements along axis %d, more than a "
                       "dimension can have",
                       n->n_in, (long long)length, axis);
    shape->dim[axis] = (int)length;
    return true;
}

/* Also stack's: there each tensor has one element along the new axis. */
static void concat_forward(const gr_node *n) {
    gr_shape out = n->out->shape;
    int axis = *(const int *)n->params;
    int64_t rows = gr_outer_size(out, axis), offset = 0;
    int64_t out_row = out.dim[axis] * gr_inner_size(out, axis);
    if (n->out->size == 0) return;
    for (int k = 0; k < n->n_in; k++) {
        int64_t length = n->in[k]->size / rows;
        gr_copy c = {.target = elements(n->out) + offset * (int64_t)element_bytes(n->out),
                     .source = elements(n->in[k]),
                     .element = element_bytes(n->out),
                     .ndim = 2,
                     .dim = {rows, length},
                     .to = {out_row, 1},
                     .from = {length, 1}};
        gr_copy_strided(&c, n->graph->threads);
        offset += length;
    }
}
static void concat_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    int axis = *(const int *)n->params;
    for (int k = 0, begin = 0; k < n->n_in; k++) {
        int length = n->in[k]->shape.dim[axis];
        if (gr_wants(n, k)) grads[k] = gr_slice(grad, axis, begin, begin + length, 1);
        begin += length;
    }
}
static const gr_op concat_op = {.name = "gr_concat",
                                .operands = {"tensor 0", "tensor 1", "tensor 2", "tensor 3"},
                                .any_kind = true,
                                .shape = concat_shape,
                                .forward = concat_forward,
                                .vjp = concat_vjp};
gr_tensor *gr_concat(gr_list tensors, int axis) {
    if (tensors.n > 0 && !gr_resolve_axis(tensors.items[0], &axis, "gr_concat")) return NULL;
    return gr_apply(&concat_op, tensors, &axis, sizeof axis);
}

static bool stack_shape(const gr_node *n, gr_shape *shape) {
    int axis = *(const int *)n->params;
    for (int k = 1; k < n->n_in; k++)
        if (!gr_shape_equal(n->in[k]->shape, n->in[0]->shape))
            return gr_fail(n->graph, "gr_stack: %s and %s differ, expected equal shapes",
                           list_item(n, k).text, list_item(n, 0).text);
    if (!unsqueezed(n->in[0], &axis, "gr_stack", shape)) return false;
    shape->dim[axis] = n->n_in;
    return true;
}
static void stack_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    for (int k = 0; k < n->n_in; k++)
        if (gr_wants(n, k)) grads[k] = gr_select(grad, *(const int *)n->params, k);
}
static const gr_op stack_op = {.name = "gr_stack",
                               .operands = {"tensor 0", "tensor 1", "tensor 2", "tensor 3"},
                               .any_kind = true,
                               .shape = stack_shape,
                               .forward = concat_forward,
                               .vjp = stack_vjp};
gr_tensor *gr_stack(gr_list tensors, int axis) {
    gr_shape shape;
    if (tensors.n > 0 && tensors.items[0] != NULL &&
        !unsqueezed(tensors.items[0], &axis, "gr_stack", &shape))
        return NULL;
    return gr_apply(&stack_op, tensors, &axis, sizeof axis);
}
