#include "core/ops/elementwise.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/broadcast_internal.h"
#include "core/ops/reduce.h"

#include <math.h>

#define KERNELS(n) ((n)->graph->kernels->elementwise)

/* -- One operand -- */

typedef struct unary_work {
    gr_unary_kernel *kernel;
    const gr_real *x, *p;
    gr_real *y;
} unary_work;

static void unary_range(void *context, int64_t begin, int64_t end) {
    const unary_work *w = context;
    w->kernel(end - begin, w->x + begin, w->y + begin, w->p);
}

static void run_unary(const gr_node *n, gr_unary_kernel *kernel, const gr_real *p) {
    unary_work w = {kernel, n->in[0]->data, p, n->out->data};
    gr_for_each(n->graph, n->out->size, GR_SHARE, unary_range, &w);
}

static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}

/* Defines NAME_op with its kernel and its vjp: `derivative` is the gradient with respect to x in
 * terms of grad, x and the result y. */
#define UNARY_OP(name_, public_name, derivative)                                                   \
    static void name_##_forward(const gr_node *n) { run_unary(n, KERNELS(n)->name_, NULL); }       \
    static void name_##_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {                \
        gr_tensor *x = n->in[0], *y = n->out;                                                      \
        (void)x, (void)y;                                                                          \
        grads[0] = derivative;                                                                     \
    }                                                                                              \
    static const gr_op name_##_op = {.name = public_name,                                          \
                                     .operands = {"x"},                                            \
                                     .shape = same_shape,                                          \
                                     .forward = name_##_forward,                                   \
                                     .vjp = name_##_vjp};

/* The same and gr_NAME(x). */
#define UNARY(name_, derivative)                                                                   \
    UNARY_OP(name_, "gr_" #name_, derivative)                                                      \
    gr_tensor *gr_##name_(gr_tensor *x) { return gr_apply(&name_##_op, GR_LIST(x), NULL, 0); }

static const double TWO_OVER_SQRT_PI = 1.1283791670955126, ONE_OVER_SQRT_2PI = 0.3989422804014327;

/* phi(x), the standard normal density */
static gr_tensor *normal_density(gr_tensor *x) {
    return gr_scale(gr_exp(gr_scale(gr_square(x), -0.5)), ONE_OVER_SQRT_2PI);
}

UNARY(neg, gr_neg(grad))
UNARY(abs, gr_mul(grad, gr_sign(x)))
UNARY(square, gr_scale(gr_mul(grad, x), 2)) /* 2 x may overflow where grad is 0 */
UNARY(sqrt, gr_mul(grad, gr_scale(gr_reciprocal_or_zero(y), 0.5)))
UNARY(rsqrt, gr_mul(grad, gr_scale(gr_mul(y, gr_square(y)), -0.5)))
UNARY(reciprocal, gr_neg(gr_mul(grad, gr_square(y))))
UNARY(reciprocal_or_zero, gr_neg(gr_mul(grad, gr_square(y))))
UNARY(exp, gr_mul(grad, y))
UNARY(log, gr_div(grad, x))
UNARY(log1p, gr_div(grad, gr_shift(x, 1)))
UNARY(expm1, gr_mul(grad, gr_exp(x))) /* y + 1 would lose all digits of a small e^x */
UNARY(sin, gr_mul(grad, gr_cos(x)))
UNARY(cos, gr_neg(gr_mul(grad, gr_sin(x))))
UNARY(tanh, gr_tanh_grad(grad, x))
UNARY(erf, gr_mul(grad, gr_scale(gr_exp(gr_neg(gr_square(x))), TWO_OVER_SQRT_PI)))
UNARY(normal_cdf, gr_mul(grad, normal_density(x)))
UNARY(log_of_cosh, gr_mul(grad, gr_tanh(x)))
UNARY(sigmoid, gr_sigmoid_grad(grad, x))
UNARY(relu, gr_relu_grad(grad, x))
/* Times x at last: grad x may overflow. */
UNARY(silu, gr_add(gr_mul(grad, gr_sigmoid(x)), gr_mul(gr_sigmoid_grad(grad, x), x)))

UNARY_OP(gelu, "gr_gelu", gr_mul(grad, gr_add(gr_normal_cdf(x), gr_mul(x, normal_density(x)))))

/* The slope s(z) + x s'(z) z'(x) of x s(z), with z twice the argument of tanh in gr_gelu's formula.
 * Beyond +-64, where the polynomial could overflow, s' is 0. */
static gr_tensor *gelu_tanh_to_x(gr_tensor *grad, gr_tensor *x) {
    const double c1 = 1.5957691216057308, c3 = 0.071354816272600249; /* sqrt(8/pi) (1, 0.044715) */
    gr_tensor *c = gr_clamp(x, -64, 64), *c2 = gr_square(c);
    gr_tensor *z = gr_mul(c, gr_shift(gr_scale(c2, c3), c1));
    gr_tensor *slope = gr_mul(c, gr_shift(gr_scale(c2, 3 * c3), c1)); /* x z'(x) */
    return gr_add(gr_mul(grad, gr_sigmoid(z)), gr_mul(gr_sigmoid_grad(grad, z), slope));
}
UNARY_OP(gelu_tanh, "gr_gelu", gelu_tanh_to_x(grad, x))

gr_tensor *gr_gelu_(gr_gelu_args a) {
    return gr_apply(a.tanh ? &gelu_tanh_op : &gelu_op, GR_LIST(a.x), NULL, 0);
}

static void sign_forward(const gr_node *n) { run_unary(n, KERNELS(n)->sign, NULL); }
static const gr_op sign_op = {
    .name = "gr_sign", .operands = {"x"}, .shape = same_shape, .forward = sign_forward};
gr_tensor *gr_sign(gr_tensor *x) { return gr_apply(&sign_op, GR_LIST(x), NULL, 0); }

/* -- One operand and numbers -- */

/* Kernels take their parameters as gr_real; the double is what the derivative is computed from. */
typedef struct numbers {
    gr_real p[2];
    double value;
} numbers;

static gr_tensor *apply_number(const gr_op *op, gr_tensor *x, double value) {
    numbers v = {.p = {(gr_real)value}, .value = value};
    return gr_apply(op, GR_LIST(x), &v, sizeof v);
}

/* As UNARY for functions of one number, `number` in the derivative. */
#define UNARY_NUMBER(name_, derivative)                                                            \
    static void name_##_forward(const gr_node *n) {                                                \
        run_unary(n, KERNELS(n)->name_, ((const numbers *)n->params)->p);                          \
    }                                                                                              \
    static void name_##_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {                \
        gr_tensor *x = n->in[0];                                                                   \
        double number = ((const numbers *)n->params)->value;                                       \
        (void)x, (void)number;                                                                     \
        grads[0] = derivative;                                                                     \
    }                                                                                              \
    static const gr_op name_##_op = {.name = "gr_" #name_,                                         \
                                     .operands = {"x"},                                            \
                                     .shape = same_shape,                                          \
                                     .forward = name_##_forward,                                   \
                                     .vjp = name_##_vjp};

/* 1 where x > 0, else `otherwise` */
static gr_tensor *step(gr_tensor *x, gr_tensor *otherwise) {
    gr_graph *g = x->graph;
    return gr_where(gr_gt(x, gr_scalar(g, 0)), gr_scalar(g, 1), otherwise);
}

/* grad where x > 0, else slope grad: linear in grad, and constant in x but for the kink. */
static gr_tensor *leaky_relu_grad(gr_tensor *grad, gr_tensor *x, double slope);
static void leaky_relu_grad_range(void *context, int64_t begin, int64_t end) {
    const gr_node *n = context;
    gr_real slope = ((const numbers *)n->params)->p[0];
    KERNELS(n)->leaky_relu_grad(end - begin, n->in[0]->data + begin, n->in[1]->data + begin, slope,
                                n->out->data + begin);
}
static void leaky_relu_grad_forward(const gr_node *n) {
    gr_for_each(n->graph, n->out->size, GR_SHARE, leaky_relu_grad_range, (void *)n);
}
static void leaky_relu_grad_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (gr_wants(n, 0))
        grads[0] = leaky_relu_grad(grad, n->in[1], ((const numbers *)n->params)->value);
}
static const gr_op leaky_relu_grad_op = {.name = "gr_leaky_relu's gradient",
                                         .operands = {"grad", "x"},
                                         .shape = same_shape,
                                         .forward = leaky_relu_grad_forward,
                                         .vjp = leaky_relu_grad_vjp};
static gr_tensor *leaky_relu_grad(gr_tensor *grad, gr_tensor *x, double slope) {
    numbers v = {.p = {(gr_real)slope}, .value = slope};
    return gr_apply(&leaky_relu_grad_op, GR_LIST(grad, x), &v, sizeof v);
}

UNARY_NUMBER(scale, gr_scale(grad, number))
UNARY_NUMBER(shift, grad)
UNARY_NUMBER(power, number == 0 ? NULL : gr_mul(grad, gr_scale(gr_power(x, number - 1), number)))
UNARY_NUMBER(leaky_relu, leaky_relu_grad(grad, x, number))
/* The exponential is taken of min(x, 0), since that of a large x, though not chosen, is infinite.
 */
UNARY_NUMBER(elu, gr_mul(grad, step(x, gr_scale(gr_exp(gr_clamp(x, -INFINITY, 0)), number))))

gr_tensor *gr_scale(gr_tensor *x, double factor) { return apply_number(&scale_op, x, factor); }
gr_tensor *gr_shift(gr_tensor *x, double term) { return apply_number(&shift_op, x, term); }
gr_tensor *gr_power(gr_tensor *x, double exponent) { return apply_number(&power_op, x, exponent); }
gr_tensor *gr_leaky_relu_(gr_leaky_relu_args a) {
    return apply_number(&leaky_relu_op, a.x, a.slope);
}
gr_tensor *gr_elu_(gr_elu_args a) { return apply_number(&elu_op, a.x, a.alpha); }

static void inside_forward(const gr_node *n) { run_unary(n, KERNELS(n)->inside, n->params); }
static const gr_op inside_op = {
    .name = "gr_clamp", .operands = {"x"}, .shape = same_shape, .forward = inside_forward};

static bool clamp_shape(const gr_node *n, gr_shape *shape) {
    const gr_real *bounds = n->params;
    if (!(bounds[0] <= bounds[1]))
        return gr_fail(n->graph, "gr_clamp: low is %g and high %g, expected low <= high",
                       (double)bounds[0], (double)bounds[1]);
    return same_shape(n, shape);
}
static void clamp_forward(const gr_node *n) { run_unary(n, KERNELS(n)->clamp, n->params); }
static void clamp_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *inside = gr_apply(&inside_op, GR_LIST(n->in[0]), n->params, 2 * sizeof(gr_real));
    grads[0] = gr_where(inside, grad, gr_scalar(n->graph, 0));
}
static const gr_op clamp_op = {.name = "gr_clamp",
                               .operands = {"x"},
                               .shape = clamp_shape,
                               .forward = clamp_forward,
                               .vjp = clamp_vjp};
gr_tensor *gr_clamp(gr_tensor *x, double low, double high) {
    gr_real bounds[2] = {(gr_real)low, (gr_real)high};
    return gr_apply(&clamp_op, GR_LIST(x), bounds, sizeof bounds);
}

static bool softplus_shape(const gr_node *n, gr_shape *shape) {
    const gr_real *p = n->params;
    if (!(p[0] > 0 && isfinite(p[0])) || isnan(p[1]))
        return gr_fail(n->graph,
                       "gr_softplus: beta is %g and threshold %g, expected a finite beta of more "
                       "than 0 and a number",
                       (double)p[0], (double)p[1]);
    return same_shape(n, shape);
}
static void softplus_forward(const gr_node *n) { run_unary(n, KERNELS(n)->softplus, n->params); }
static void softplus_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const gr_real *p = n->params;
    gr_tensor *x = n->in[0], *z = p[0] == 1 ? x : gr_scale(x, (double)p[0]), *slope = gr_sigmoid(z);
    if (p[1] < (gr_real)INFINITY) {
        gr_tensor *linear = gr_gt(z, gr_scalar(n->graph, (double)p[1]));
        slope = gr_where(linear, gr_scalar(n->graph, 1), slope);
    }
    grads[0] = gr_mul(grad, slope);
}
static const gr_op softplus_op = {.name = "gr_softplus",
                                  .operands = {"x"},
                                  .shape = softplus_shape,
                                  .forward = softplus_forward,
                                  .vjp = softplus_vjp};
gr_tensor *gr_softplus_(gr_softplus_args a) {
    gr_real p[2] = {(gr_real)a.beta, (gr_real)a.threshold};
    return gr_apply(&softplus_op, GR_LIST(a.x), p, sizeof p);
}

/* -- Two operands -- */

typedef struct broadcast_work {
    gr_binary_kernel *kernel; /* of two operands, */
    gr_select_kernel *select; /* or of three */
    const gr_broadcast *plan;
    gr_tensor **in;
    gr_real *y;
} broadcast_work;

/* `count` elements of y at `to`, from operands at x that advance by their step of 0 or 1. */
static void run_elements(const broadcast_work *w, int64_t count, const gr_real *const *x,
                         const int *step, gr_real *to) {
    if (w->select != NULL)
        w->select(count, x[0], step[0], x[1], step[1], x[2], step[2], to);
    else
        w->kernel(count, x[0], step[0], x[1], step[1], to);
}

static void run_row(const broadcast_work *w, int64_t row, int64_t from, int64_t count) {
    int64_t at[GR_BROADCAST_OPERANDS];
    const int *step = w->plan->step;
    const gr_real *x[GR_BROADCAST_OPERANDS];
    gr_broadcast_row(w->plan, row, at);
    for (int k = 0; k < w->plan->operands; k++) x[k] = w->in[k]->data + at[k] + from * step[k];
    run_elements(w, count, x, step, w->y + row * w->plan->length + from);
}

static void rows_range(void *context, int64_t begin, int64_t end) {
    const broadcast_work *w = context;
    for (int64_t row = begin; row < end; row++) run_row(w, row, 0, w->plan->length);
}

static void one_row_range(void *context, int64_t begin, int64_t end) {
    run_row(context, 0, begin, end - begin);
}

/* Of short rows several are worked on at once: operands that skip or repeat elements are copied
 * into rows like those of the result. */
enum { SHORT_ROW = 32, TOGETHER = 512 };

typedef struct full_rows {
    const gr_real *from; /* whose repetitions fill so many rows of data */
    int64_t rows;
    gr_real data[TOGETHER];
} full_rows;

static const gr_real *fill_rows(const gr_broadcast *p, int operand, const gr_real *from,
                                int64_t rows, full_rows *full) {
    const int64_t length = p->length, stride = p->outer_stride[operand][0];
    const int step = p->step[operand];
    if (step == 1 && stride == length) return from;
    if (stride == 0 && full->from == from && full->rows >= rows) return full->data;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < length; j++)
            full->data[r * length + j] = from[r * stride + j * step];
    full->from = from;
    full->rows = rows;
    return full->data;
}

/* Blocks of rows, the last of each run of rows a shorter one, which are the same whoever works on
 * them: the last digit of a number may depend on its place in a block. */
static int64_t rows_of_block(const gr_broadcast *p) {
    const int64_t most = TOGETHER / p->length;
    return most < p->outer_dim[0] ? most : p->outer_dim[0];
}

static int64_t blocks_of_run(const gr_broadcast *p) {
    return (p->outer_dim[0] + rows_of_block(p) - 1) / rows_of_block(p);
}

static void short_rows_range(void *context, int64_t begin, int64_t end) {
    const broadcast_work *w = context;
    const gr_broadcast *p = w->plan;
    static const int step[GR_BROADCAST_OPERANDS] = {1, 1, 1};
    const int64_t most = rows_of_block(p), blocks = blocks_of_run(p);
    full_rows full[GR_BROADCAST_OPERANDS];
    for (int k = 0; k < p->operands; k++) full[k].from = NULL;
    for (int64_t block = begin; block < end; block++) {
        const int64_t first = block % blocks * most, left = p->outer_dim[0] - first;
        const int64_t row = block / blocks * p->outer_dim[0] + first;
        const int64_t rows = left < most ? left : most;
        int64_t at[GR_BROADCAST_OPERANDS];
        const gr_real *x[GR_BROADCAST_OPERANDS];
        gr_broadcast_row(p, row, at);
        for (int k = 0; k < p->operands; k++)
            x[k] = fill_rows(p, k, w->in[k]->data + at[k], rows, &full[k]);
        run_elements(w, rows * p->length, x, step, w->y + row * p->length);
    }
}

static void run_broadcast(const gr_node *n, gr_binary_kernel *kernel, gr_select_kernel *select) {
    gr_broadcast plan = gr_broadcast_plan(n->out, n->in, n->n_in);
    broadcast_work w = {kernel, select, &plan, n->in, n->out->data};
    if (n->out->size == 0) return;
    if (plan.rows == 1)
        gr_for_each(n->graph, plan.length, GR_SHARE, one_row_range, &w);
    else if (plan.length > SHORT_ROW)
        gr_for_rows(n->graph, plan.rows, 1 + GR_SHARE / plan.length, rows_range, &w);
    else
        gr_for_rows(n->graph, plan.rows / plan.outer_dim[0] * blocks_of_run(&plan),
                    1 + GR_SHARE / (plan.length * rows_of_block(&plan)), short_rows_range, &w);
}

/* Defines gr_NAME(a, b) without gradient. */
#define COMPARISON(name_)                                                                          \
    static void name_##_forward(const gr_node *n) { run_broadcast(n, KERNELS(n)->name_, NULL); }   \
    static const gr_op name_##_op = {.name = "gr_" #name_,                                         \
                                     .operands = {"a", "b"},                                       \
                                     .shape = gr_broadcast_shape,                                  \
                                     .forward = name_##_forward};                                  \
    gr_tensor *gr_##name_(gr_tensor *a, gr_tensor *b) {                                            \
        return gr_apply(&name_##_op, GR_LIST(a, b), NULL, 0);                                      \
    }

COMPARISON(eq)
COMPARISON(ne)
COMPARISON(lt)
COMPARISON(le)
COMPARISON(gt)
COMPARISON(ge)

/* Defines gr_NAME(a, b): `to_a` and `to_b` are the gradients in terms of grad, a, b and y, in the
 * common shape; they are summed to the operands' shapes. */
#define BINARY(name_, to_a, to_b)                                                                  \
    static void name_##_forward(const gr_node *n) { run_broadcast(n, KERNELS(n)->name_, NULL); }   \
    static void name_##_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {                \
        gr_tensor *a = n->in[0], *b = n->in[1], *y = n->out;                                       \
        (void)a, (void)b, (void)y;                                                                 \
        if (gr_wants(n, 0)) grads[0] = gr_sum_to(to_a, a->shape);                                  \
        if (gr_wants(n, 1)) grads[1] = gr_sum_to(to_b, b->shape);                                  \
    }                                                                                              \
    static const gr_op name_##_op = {.name = "gr_" #name_,                                         \
                                     .operands = {"a", "b"},                                       \
                                     .shape = gr_broadcast_shape,                                  \
                                     .forward = name_##_forward,                                   \
                                     .vjp = name_##_vjp};                                          \
    gr_tensor *gr_##name_(gr_tensor *a, gr_tensor *b) {                                            \
        return gr_apply(&name_##_op, GR_LIST(a, b), NULL, 0);                                      \
    }

/* b a^(b-1), and a constant 0 where b = 0 unless a is a number other than 0. There it has to be
 * computed, since its derivative by b is 1/a; a power that overflows counts as absent. */
static gr_tensor *pow_to_base(gr_tensor *grad, gr_tensor *a, gr_tensor *b) {
    gr_tensor *zero = gr_scalar(a->graph, 0), *one = gr_scalar(a->graph, 1);
    gr_tensor *constant = gr_where(gr_gt(gr_abs(a), zero), zero, gr_eq(b, zero));
    gr_tensor *power = gr_pow(gr_where(constant, one, a), gr_shift(b, -1));
    gr_tensor *slope = gr_mul_or_zero(grad, gr_mul_or_zero(b, power));
    return gr_where(constant, zero, slope);
}

/* a^b log a, and 0 where a = 0 */
static gr_tensor *pow_to_exponent(gr_tensor *grad, gr_tensor *a, gr_tensor *y) {
    gr_tensor *a_is_0 = gr_eq(a, gr_scalar(a->graph, 0));
    gr_tensor *log_a = gr_log(gr_where(a_is_0, gr_scalar(a->graph, 1), a));
    return gr_mul(grad, gr_where(a_is_0, gr_scalar(a->graph, 0), gr_mul(y, log_a)));
}

/* x / (a^2 + b^2), and 0 at the origin. The larger of |a| and |b| is divided out, so that no square
 * over- or underflows; as the value does not depend on it, it is a constant. */
static gr_tensor *over_radius(gr_tensor *x, gr_tensor *a, gr_tensor *b) {
    gr_graph *g = x->graph;
    gr_tensor *zero = gr_scalar(g, 0), *infinity = gr_scalar(g, INFINITY);
    gr_tensor *largest = gr_detach(gr_maximum(gr_abs(a), gr_abs(b)));
    gr_tensor *usable = gr_mul(gr_gt(largest, zero), gr_lt(largest, infinity));
    gr_tensor *s = gr_where(usable, largest, gr_scalar(g, 1));
    gr_tensor *radius = gr_add(gr_square(gr_div(a, s)), gr_square(gr_div(b, s)));
    return gr_div(gr_mul(gr_div(x, s), gr_reciprocal_or_zero(radius)), s);
}

/* 1 where a > b, 1/2 where they are equal, else 0 */
static gr_tensor *share(gr_tensor *a, gr_tensor *b) {
    return gr_scale(gr_add(gr_gt(a, b), gr_ge(a, b)), 0.5);
}

BINARY(add, grad, grad)
BINARY(sub, grad, gr_neg(grad))
BINARY(mul, gr_mul(grad, b), gr_mul(grad, a))
BINARY(div, gr_div(grad, b), gr_neg(gr_mul(grad, gr_div(y, b))))
BINARY(pow, pow_to_base(grad, a, b), pow_to_exponent(grad, a, y))
BINARY(atan2, gr_mul(grad, over_radius(b, a, b)), gr_neg(gr_mul(grad, over_radius(a, a, b))))
BINARY(minimum, gr_mul(grad, share(b, a)), gr_mul(grad, share(a, b)))
BINARY(maximum, gr_mul(grad, share(a, b)), gr_mul(grad, share(b, a)))

/* a is the gradient that had arrived, b the point x. sech^2 has the derivative -2 tanh sech^2, and
 * s' = s (1 - s) has s' (1 - 2 s) = -s' tanh(x / 2). */
BINARY(relu_grad, gr_relu_grad(grad, b), NULL)
BINARY(tanh_grad, gr_tanh_grad(grad, b),
       gr_mul(gr_tanh_grad(gr_mul(grad, a), b), gr_scale(gr_tanh(b), -2)))
BINARY(sigmoid_grad, gr_sigmoid_grad(grad, b),
       gr_neg(gr_mul(gr_sigmoid_grad(gr_mul(grad, a), b), gr_tanh(gr_scale(b, 0.5)))))

BINARY(mul_or_zero, gr_mul_or_zero(grad, b), gr_mul_or_zero(grad, a))
/* a is z, b is y. */
BINARY(sigmoid_cross_entropy, gr_mul(grad, gr_sigmoid_residual(a, b)), gr_neg(gr_mul(grad, a)))
BINARY(sigmoid_residual, gr_sigmoid_grad(grad, a), gr_neg(grad))

/* -- Three operands -- */

static void where_forward(const gr_node *n) { run_broadcast(n, NULL, KERNELS(n)->where); }
static void where_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *condition = n->in[0], *zero = gr_scalar(n->graph, 0);
    if (gr_wants(n, 1)) grads[1] = gr_sum_to(gr_where(condition, grad, zero), n->in[1]->shape);
    if (gr_wants(n, 2)) grads[2] = gr_sum_to(gr_where(condition, zero, grad), n->in[2]->shape);
}
static const gr_op where_op = {.name = "gr_where",
                               .operands = {"condition", "a", "b"},
                               .shape = gr_broadcast_shape,
                               .forward = where_forward,
                               .vjp = where_vjp};
gr_tensor *gr_where(gr_tensor *condition, gr_tensor *a, gr_tensor *b) {
    return gr_apply(&where_op, GR_LIST(condition, a, b), NULL, 0);
}
