#include "core/ops/pointwise.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce_internal.h"
#include "core/ops/shape.h"

#include <math.h>

typedef struct function {
    const gr_op *values, *to_a, *to_b; /* to_a and to_b: the slopes in a and in b */
    const gr_pointwise_kernel *(*kernel)(const gr_node *n);
} function;

typedef struct numbers {
    const function *f;
    gr_pointwise_composition *composed; /* the same from operations */
    double p, q, total;
    gr_ahead *ahead; /* the gradient of a, if `values` returns the sum */
} numbers;

static const numbers *numbers_of(const gr_node *n) { return n->params; }

typedef struct work {
    const gr_pointwise_kernel *kernel;
    const gr_real *a, *b, *grad;
    int grad_step;
    gr_real p, q, scale;
    gr_real *y;
    int64_t grain;
    double partial[GR_MOST_PIECES];
} work;

/* -- The slopes: grad total df/da, of operands grad, a, b, and the same for b -- */

static void to_a_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernel->to_a(end - begin, w->grad + begin * w->grad_step, w->grad_step, w->scale,
                    w->a + begin, w->b + begin, w->p, w->q, w->y + begin);
}

static void to_b_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernel->to_b(end - begin, w->grad + begin * w->grad_step, w->grad_step, w->scale,
                    w->a + begin, w->b + begin, w->p, w->q, w->y + begin);
}

static void run_slope(const gr_node *n, gr_range_function *range) {
    const numbers *v = numbers_of(n);
    work w = {.kernel = v->f->kernel(n),
              .grad = n->in[0]->data,
              .a = n->in[1]->data,
              .b = n->in[2]->data,
              .y = n->out->data,
              .p = (gr_real)v->p,
              .q = (gr_real)v->q};
    w.grad_step = v->total == 0;
    w.scale = v->total == 0 ? 1 : (gr_real)v->total;
    gr_for_each(n->graph, n->out->size, GR_SHARE, range, &w);
}

/* The slope in operand `to` from operations: the gradient of the composed function. */
static gr_tensor *composed_slope(const gr_node *n, gr_tensor **in, int to) {
    const numbers *v = numbers_of(n);
    /* An alias, so that only what follows is differentiated. */
    gr_tensor *operands[3] = {in[0], in[1], in[2]};
    gr_tensor *x = operands[to] = gr_reshape(in[to], in[to]->shape);
    gr_tensor *y = v->composed(operands[1], operands[2], v->p, v->q);
    gr_tensor *slope = gr_grad(y, x, .create_graph = true);
    return gr_mul(v->total == 0 ? in[0] : gr_scale(in[0], v->total), slope);
}

static bool slope_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}

static gr_tensor *to_a_composed(const gr_node *n, gr_tensor **in) {
    return composed_slope(n, in, 1);
}

static gr_tensor *to_b_composed(const gr_node *n, gr_tensor **in) {
    return composed_slope(n, in, 2);
}

static void to_a_forward(const gr_node *n) { run_slope(n, to_a_range); }
static void to_a_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, to_a_composed);
}

static void to_b_forward(const gr_node *n) { run_slope(n, to_b_range); }
static void to_b_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, to_b_composed);
}

/* -- The values, or their sum -- */

static void each_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernel->each(end - begin, w->a + begin, w->b + begin, w->p, w->q, w->y + begin);
}

static void sum_range(void *context, int64_t begin, int64_t end) {
    work *w = context;
    w->partial[begin / w->grain] =
        w->kernel->sum(end - begin, w->a + begin, w->b + begin, w->p, w->q);
}

static void sum_and_slope_range(void *context, int64_t begin, int64_t end) {
    work *w = context;
    w->partial[begin / w->grain] = w->kernel->sum_and_slope(end - begin, w->a + begin, w->b + begin,
                                                            w->p, w->q, w->scale, w->y + begin);
}

static void pointwise_forward(const gr_node *n) {
    const numbers *v = numbers_of(n);
    int64_t size = n->in[0]->size;
    work w;
    w.kernel = v->f->kernel(n);
    w.a = n->in[0]->data;
    w.b = n->in[1]->data;
    w.p = (gr_real)v->p;
    w.q = (gr_real)v->q;
    w.y = n->out->data;
    w.grain = gr_piece_length(size, GR_SHARE, 64);
    if (v->total == 0) {
        gr_for_each(n->graph, size, GR_SHARE, each_range, &w);
        return;
    }
    if (v->ahead != NULL) {
        w.scale = (gr_real)v->total;
        w.y = v->ahead->gradient->data;
    }
    gr_for(n->graph, size, w.grain, v->ahead == NULL ? sum_range : sum_and_slope_range, &w);
    double sum = 0;
    for (int64_t i = 0; i * w.grain < size; i++) sum += w.partial[i];
    n->out->data[0] = (gr_real)(v->total * sum);
}

static bool pointwise_shape(const gr_node *n, gr_shape *shape) {
    *shape = numbers_of(n)->total == 0 ? n->in[0]->shape : GR_SCALAR;
    return true;
}

static void pointwise_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const function *f = numbers_of(n)->f;
    gr_list in = GR_LIST(grad, n->in[0], n->in[1]);
    if (gr_wants(n, 0)) grads[0] = gr_take_ahead(numbers_of(n)->ahead, grad);
    if (gr_wants(n, 0) && grads[0] == NULL)
        grads[0] = gr_apply_gradient(n, 0, f->to_a, in, n->params, sizeof(numbers));
    if (gr_wants(n, 1)) grads[1] = gr_apply_gradient(n, 1, f->to_b, in, n->params, sizeof(numbers));
}

static gr_tensor *pointwise(numbers v, gr_tensor *a, gr_tensor *b) {
    if (a != NULL && b != NULL && gr_same_dims(&a->shape, &b->shape)) {
        if (v.total != 0) v.ahead = gr_gradient_ahead(a, v.f->values->name);
        return gr_apply(v.f->values, GR_LIST(a, b), &v, sizeof v);
    }
    gr_tensor *values = v.composed(a, b, v.p, v.q);
    return v.total == 0 ? values : gr_sum_times(values, v.total);
}

/* -- The functions -- */

#define SLOPE_OP(name_, to)                                                                        \
    static const gr_op name_##_##to##_op = {.name = "gr_pointwise_" #name_,                        \
                                            .operands = {"grad", "a", "b"},                        \
                                            .shape = slope_shape,                                  \
                                            .forward = to##_forward,                               \
                                            .vjp = to##_vjp};

/* What gr_pointwise_NAME needs but its composition. */
#define OPERATIONS(name_)                                                                          \
    SLOPE_OP(name_, to_a)                                                                          \
    SLOPE_OP(name_, to_b)                                                                          \
    static const gr_op name_##_op = {.name = "gr_pointwise_" #name_,                               \
                                     .operands = {"a", "b"},                                       \
                                     .shape = pointwise_shape,                                     \
                                     .forward = pointwise_forward,                                 \
                                     .vjp = pointwise_vjp};                                        \
    static const gr_pointwise_kernel *name_##_kernel(const gr_node *n) {                           \
        return &n->graph->kernels->pointwise->name_;                                               \
    }                                                                                              \
    static const function name_##_function = {&name_##_op, &name_##_to_a_op, &name_##_to_b_op,     \
                                              name_##_kernel};

#define FUNCTION(name_, value)                                                                     \
    OPERATIONS(name_)                                                                              \
    static gr_tensor *name_##_composed(gr_tensor *a, gr_tensor *b, double p, double q) {           \
        (void)p, (void)q;                                                                          \
        return (value);                                                                            \
    }

/* With c = d cut to [-delta, delta], c (d - c/2) is the value on both sides of the kink, and none
 * of its factors overflows where the value does not. */
static gr_tensor *huber_of(gr_tensor *d, double delta) {
    gr_tensor *c = gr_clamp(d, -delta, delta);
    return gr_mul(c, gr_sub(d, gr_scale(c, 0.5)));
}

static gr_tensor *smooth_l1_of(gr_tensor *d, double beta) {
    if (d == NULL) return NULL;
    gr_tensor *c = gr_clamp(d, -beta, beta);
    gr_tensor *slope = gr_div(c, gr_scalar(d->graph, beta));
    return gr_mul(slope, gr_sub(d, gr_scale(c, 0.5)));
}

static gr_tensor *quantile_of(gr_tensor *d, double tau) {
    return gr_add(gr_scale(gr_relu(gr_neg(d)), tau), gr_scale(gr_relu(d), 1 - tau));
}

/* The inner bound is below e^-100 and keeps log's derivative finite at 0. */
static gr_tensor *bounded_log(gr_tensor *p) {
    return gr_clamp(gr_log(gr_clamp(p, exp(-101), INFINITY)), -100, INFINITY);
}

/* The bound is reached at p = 1 alone, since floats below 1 are too far from it. */
static gr_tensor *bounded_log_of_rest(gr_tensor *p) {
    gr_tensor *at_1 = gr_ge(p, gr_scalar(p->graph, 1)), *zero = gr_scalar(p->graph, 0);
    gr_tensor *log_rest = gr_log1p(gr_neg(gr_where(at_1, zero, p)));
    return gr_where(at_1, gr_scalar(p->graph, -100), log_rest);
}

static gr_tensor *bce_of(gr_tensor *p, gr_tensor *y) {
    if (p == NULL) return NULL;
    gr_tensor *yes = gr_mul(y, bounded_log(p));
    gr_tensor *no = gr_mul(gr_shift(gr_neg(y), 1), bounded_log_of_rest(p));
    return gr_neg(gr_add(yes, no));
}

/* Without a gradient where p is 0. */
static gr_tensor *divergence_of(gr_tensor *log_q, gr_tensor *p) {
    if (p == NULL) return NULL;
    gr_tensor *zero = gr_scalar(p->graph, 0), *absent = gr_eq(p, zero);
    gr_tensor *log_p = gr_log(gr_where(absent, gr_scalar(p->graph, 1), p));
    gr_tensor *difference = gr_sub(log_p, gr_where(absent, zero, log_q));
    return gr_mul(gr_where(absent, zero, p), difference);
}

static gr_tensor *hinge_of(gr_tensor *score, gr_tensor *sign, double margin) {
    return gr_relu(gr_shift(gr_neg(gr_mul(sign, score)), margin));
}

FUNCTION(square, gr_square(gr_sub(a, b)))
FUNCTION(abs, gr_abs(gr_sub(a, b)))
FUNCTION(huber, huber_of(gr_sub(a, b), p))
FUNCTION(smooth_l1, smooth_l1_of(gr_sub(a, b), p))
FUNCTION(log_cosh, gr_log_of_cosh(gr_sub(a, b)))
FUNCTION(quantile, quantile_of(gr_sub(a, b), p))
FUNCTION(bce_with_logits, gr_sigmoid_cross_entropy(a, b))
FUNCTION(bce, bce_of(a, b))
FUNCTION(divergence, divergence_of(a, b))
FUNCTION(hinge, hinge_of(a, b, p))
FUNCTION(squared_hinge, gr_square(hinge_of(a, b, p)))
FUNCTION(soft_margin, gr_softplus(gr_neg(gr_mul(b, a))))

gr_tensor *gr_pointwise_square(gr_tensor *a, gr_tensor *b, double total) {
    return pointwise((numbers){.f = &square_function, .composed = square_composed, .total = total},
                     a, b);
}

gr_tensor *gr_pointwise_abs(gr_tensor *a, gr_tensor *b, double total) {
    return pointwise((numbers){.f = &abs_function, .composed = abs_composed, .total = total}, a, b);
}

gr_tensor *gr_pointwise_huber(gr_tensor *a, gr_tensor *b, double delta, double total) {
    return pointwise(
        (numbers){.f = &huber_function, .composed = huber_composed, .p = delta, .total = total}, a,
        b);
}

gr_tensor *gr_pointwise_smooth_l1(gr_tensor *a, gr_tensor *b, double beta, double total) {
    if ((gr_real)beta == 0) return gr_pointwise_abs(a, b, total);
    return pointwise(
        (numbers){
            .f = &smooth_l1_function, .composed = smooth_l1_composed, .p = beta, .total = total},
        a, b);
}

gr_tensor *gr_pointwise_log_cosh(gr_tensor *a, gr_tensor *b, double total) {
    return pointwise(
        (numbers){.f = &log_cosh_function, .composed = log_cosh_composed, .total = total}, a, b);
}

gr_tensor *gr_pointwise_quantile(gr_tensor *a, gr_tensor *b, double tau, double total) {
    return pointwise(
        (numbers){.f = &quantile_function, .composed = quantile_composed, .p = tau, .total = total},
        a, b);
}

gr_tensor *gr_pointwise_bce_with_logits(gr_tensor *a, gr_tensor *b, double total) {
    return pointwise((numbers){.f = &bce_with_logits_function,
                               .composed = bce_with_logits_composed,
                               .total = total},
                     a, b);
}

gr_tensor *gr_pointwise_bce(gr_tensor *a, gr_tensor *b, double total) {
    return pointwise((numbers){.f = &bce_function, .composed = bce_composed, .total = total}, a, b);
}

gr_tensor *gr_pointwise_divergence(gr_tensor *a, gr_tensor *b, double total) {
    return pointwise(
        (numbers){.f = &divergence_function, .composed = divergence_composed, .total = total}, a,
        b);
}

gr_tensor *gr_pointwise_hinge(gr_tensor *a, gr_tensor *b, double margin, double total) {
    return pointwise(
        (numbers){.f = &hinge_function, .composed = hinge_composed, .p = margin, .total = total}, a,
        b);
}

gr_tensor *gr_pointwise_squared_hinge(gr_tensor *a, gr_tensor *b, double margin, double total) {
    return pointwise((numbers){.f = &squared_hinge_function,
                               .composed = squared_hinge_composed,
                               .p = margin,
                               .total = total},
                     a, b);
}

gr_tensor *gr_pointwise_soft_margin(gr_tensor *a, gr_tensor *b, double total) {
    return pointwise(
        (numbers){.f = &soft_margin_function, .composed = soft_margin_composed, .total = total}, a,
        b);
}

OPERATIONS(focal)
OPERATIONS(focal_squared)

gr_tensor *gr_pointwise_focal(gr_tensor *a, gr_tensor *b, double alpha, double gamma,
                              gr_pointwise_composition *composed, double total) {
    const function *f = gamma == 2 ? &focal_squared_function : &focal_function;
    numbers v = {.f = f, .composed = composed, .p = alpha, .q = gamma, .total = total};
    return pointwise(v, a, b);
}
