/* Max pooling by 2 of relu of a convolution, in one operation.
 *
 * A convolution's result is the largest tensor of a network for images, and in four of its elements
 * pooling is interested in one. Here the result exists for a band of one image at a time, while it
 * is in the cache. Its gradient, in which at least three of four elements are zero, does not exist
 * either: what the two products of the backward pass read of it is put together from the pooled
 * gradient and the places. The composition writes and reads the large tensor ten times.
 */
#include "core/ops/conv_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/pool.h"
#include "core/ops/pool_internal.h"
#include "core/ops/reduce.h"

static const gr_window pairs = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}};

typedef struct params {
    gr_conv_params conv; /* its `out` is the result's shape where an operation is a gradient */
    gr_shape image;      /* (N,O,P,Q), of what is pooled */
} params;

static gr_shape pooled(gr_shape image) {
    const int *d = image.dim;
    return GR_SHAPE(d[0], d[1], d[2] / 2, d[3] / 2);
}

/* -- Gradients to x and to the weight, of what pooling's gradient puts at the places -- */

static bool gradient_shape(const gr_node *n, gr_shape *shape) {
    *shape = ((const params *)n->params)->conv.out;
    return true;
}

static gr_tensor *image_gradient(const gr_node *n, gr_tensor *grad, gr_tensor *place) {
    return gr_max_pool2d_put(grad, place, &pairs, ((const params *)n->params)->image);
}

static void to_x_forward(const gr_node *n) {
    const params *p = n->params;
    const gr_tensor *grad = n->in[0], *place = n->in[1], *weight = n->in[2];
    gr_conv_geometry s = gr_conv_geometry_of(&p->conv, n->out->shape, weight->shape, p->image);
    gr_conv_data d = {n->out->data, weight->data, grad->data, NULL, place->index};
    gr_conv_direct_x(n, &s, &d);
}
static gr_tensor *to_x_composed(const gr_node *n, gr_tensor **in) {
    const gr_conv_params *p = &((const params *)n->params)->conv;
    return gr_conv_to_x(image_gradient(n, in[0], in[1]), in[2], p, p->out);
}
static void to_x_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, to_x_composed);
}
static const gr_op to_x_op = {.name = "gr_conv2d's gradient to x",
                              .operands = {"grad", "place", "weight"},
                              .operand_kinds = {GR_REAL, GR_INDEX, GR_REAL},
                              .shape = gradient_shape,
                              .forward = to_x_forward,
                              .vjp = to_x_vjp};

static void to_weight_forward(const gr_node *n) {
    const params *p = n->params;
    const gr_tensor *grad = n->in[0], *place = n->in[1], *x = n->in[2];
    gr_conv_geometry s = gr_conv_geometry_of(&p->conv, x->shape, n->out->shape, p->image);
    gr_conv_data d = {x->data, n->out->data, grad->data, NULL, place->index};
    gr_conv_direct_w(n, &s, &d);
}
static gr_tensor *to_weight_composed(const gr_node *n, gr_tensor **in) {
    const gr_conv_params *p = &((const params *)n->params)->conv;
    return gr_conv_to_weight(in[2], image_gradient(n, in[0], in[1]), p, p->out);
}
static void to_weight_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, to_weight_composed);
}
static const gr_op to_weight_op = {.name = "gr_conv2d's gradient to weight",
                                   .operands = {"grad", "place", "x"},
                                   .operand_kinds = {GR_REAL, GR_INDEX, GR_REAL},
                                   .shape = gradient_shape,
                                   .forward = to_weight_forward,
                                   .vjp = to_weight_vjp};

/* -- The values, and the places of those that were chosen -- */

static bool pooled_shape(const gr_node *n, gr_shape *shape) {
    *shape = pooled(((const params *)n->params)->image);
    return true;
}

static void forward(const gr_node *n) {
    const params *p = n->params;
    const gr_tensor *x = n->in[0], *weight = n->in[1], *place = n->in[2];
    gr_conv_geometry s = gr_conv_geometry_of(&p->conv, x->shape, weight->shape, p->image);
    gr_conv_data d = {x->data, weight->data, n->out->data, NULL, place->index};
    if (n->n_in > 3) d.bias = n->in[3]->data;
    gr_conv_direct_y(n, &s, &d);
}

/* Pooling's gradient and relu's exchange: where the largest element is not positive, none is. */
static void vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *x = n->in[0], *weight = n->in[1], *place = n->in[2];
    params p = *(const params *)n->params;
    grad = gr_relu_grad(grad, n->out);
    p.conv.out = x->shape;
    if (gr_wants(n, 0)) grads[0] = gr_apply(&to_x_op, GR_LIST(grad, place, weight), &p, sizeof p);
    p.conv.out = weight->shape;
    if (gr_wants(n, 1)) grads[1] = gr_apply(&to_weight_op, GR_LIST(grad, place, x), &p, sizeof p);
    /* First over the samples, since images are short rows by now. */
    if (n->n_in > 3 && gr_wants(n, 3))
        grads[3] = gr_sum(gr_sum(grad, .axes = GR_AXES(0)), .axes = GR_AXES(1, 2));
}

static const gr_op conv_pool_op = {.name = "gr_conv2d",
                                   .operands = {"x", "weight", "place", "bias"},
                                   .operand_kinds = {GR_REAL, GR_REAL, GR_INDEX, GR_REAL},
                                   .shape = pooled_shape,
                                   .forward = forward,
                                   .vjp = vjp};

/* Memory for the places, which conv_pool_op writes. */
static void place_forward(const gr_node *n) { (void)n; }
static const gr_op place_op = {.name = "gr_conv2d",
                               .operands = {"x"},
                               .kind = GR_INDEX,
                               .shape = pooled_shape,
                               .forward = place_forward};

/* -- Where it can be done -- */

/* The convolution's result (N,O,P,Q), with a step of 1; false if there is anything that the
 * operations would complain of, which is left to them. */
static bool image_shape(const gr_conv2d_args *a, const gr_conv_params *p, gr_shape *image) {
    if (a->x == NULL || a->weight == NULL || gr_failed(a->x->graph)) return false;
    gr_shape x = a->x->shape, w = a->weight->shape;
    if (a->x->kind != GR_REAL || a->weight->kind != GR_REAL || a->weight->graph != a->x->graph ||
        x.ndim != 4 || w.ndim != 4 || p->groups < 1 || w.dim[0] % p->groups != 0 ||
        x.dim[1] != (int64_t)w.dim[1] * p->groups)
        return false;
    *image = GR_SHAPE(x.dim[0], w.dim[0], 0, 0);
    for (int i = 0; i < 2; i++) {
        int padding = p->window.padding[i], dilation = p->window.dilation[i];
        int kernel = w.dim[2 + i];
        if (padding < 0 || dilation < 1 || kernel < 1 || p->window.stride[i] != 1) return false;
        int64_t size = x.dim[2 + i] + 2 * (int64_t)padding - (int64_t)dilation * (kernel - 1);
        if (size < 1 || size > INT16_MAX) return false;
        image->dim[2 + i] = (int)size;
    }
    return true;
}

static bool fits(const gr_conv2d_args *a, params *p) {
    const gr_tensor *bias = a->bias;
    if (!image_shape(a, &p->conv, &p->image)) return false;
    if (bias != NULL && (bias->graph != a->x->graph || bias->kind != GR_REAL ||
                         !gr_shape_equal(bias->shape, GR_SHAPE(p->image.dim[1]))))
        return false;
    gr_conv_geometry s = gr_conv_geometry_of(&p->conv, a->x->shape, a->weight->shape, p->image);
    /* Anomalies are sought operation by operation. */
    return a->x->size > 0 && !a->x->graph->anomaly && gr_conv_direct_pool(a->x->graph->kernels, &s);
}

gr_tensor *gr_conv2d_relu_pool(const gr_conv2d_args *a) {
    params p = {.conv = {.groups = a->groups}};
    gr_pair_split(a->stride, p.conv.window.stride);
    gr_pair_split(a->padding, p.conv.window.padding);
    gr_pair_split(a->dilation, p.conv.window.dilation);
    if (!fits(a, &p)) return gr_max_pool2d(gr_relu(gr_conv2d_(*a)), 2);
    gr_tensor *place = gr_apply(&place_op, GR_LIST(a->x), &p, sizeof p);
    return a->bias == NULL
               ? gr_apply(&conv_pool_op, GR_LIST(a->x, a->weight, place), &p, sizeof p)
               : gr_apply(&conv_pool_op, GR_LIST(a->x, a->weight, place, a->bias), &p, sizeof p);
}
