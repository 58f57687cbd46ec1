/* Operations element by element.
 *
 * Operands of two and three are broadcast as in NumPy: shapes are aligned at their last dimensions,
 * and a dimension of 1 (or a missing one) stands for as many as the other operand has. Shapes that
 * don't fit are an error, as are integer operands. Gradients arrive in each operand's own shape.
 *
 * Where a function has no derivative the gradient is a subgradient, which is named below; where it
 * is 0/0 or the like by mathematics, so is the result.
 */
#ifndef GR_ELEMENTWISE_H
#define GR_ELEMENTWISE_H

#include <math.h>

#include "core/graph/op.h"

/* -- Of two tensors -- */

gr_tensor *gr_add(gr_tensor *a, gr_tensor *b); /* a + b */
gr_tensor *gr_sub(gr_tensor *a, gr_tensor *b); /* a - b */
gr_tensor *gr_mul(gr_tensor *a, gr_tensor *b); /* a b */
gr_tensor *gr_div(gr_tensor *a, gr_tensor *b); /* a / b */
/* a^b. Gradient with respect to a: b a^(b-1), and 0 where b = 0; to b: a^b log a, and 0 where a =
 * 0. */
gr_tensor *gr_pow(gr_tensor *a, gr_tensor *b);
/* The angle of the point (b, a), in (-pi, pi]; gradient 0 at the origin. */
gr_tensor *gr_atan2(gr_tensor *a, gr_tensor *b);
/* The smaller and the larger; a NaN wins. Where a = b each gets half of the gradient. */
gr_tensor *gr_minimum(gr_tensor *a, gr_tensor *b);
gr_tensor *gr_maximum(gr_tensor *a, gr_tensor *b);

/* a b, and 0 where one is 0 and the other infinite: the product to take where a weight of 0 means
 * that a term is absent. */
gr_tensor *gr_mul_or_zero(gr_tensor *a, gr_tensor *b);
/* -y log s(z) - (1 - y) log(1 - s(z)) with the sigmoid s: (z > 0 ? 1 - y : y) |z| + log(1 +
 * e^-|z|), exact for every z. */
gr_tensor *gr_sigmoid_cross_entropy(gr_tensor *z, gr_tensor *y);
/* s(z) - y, its derivative with respect to z. */
gr_tensor *gr_sigmoid_residual(gr_tensor *z, gr_tensor *y);

/* Comparisons: 1 where they hold, else 0. No gradient. */
gr_tensor *gr_eq(gr_tensor *a, gr_tensor *b);
gr_tensor *gr_ne(gr_tensor *a, gr_tensor *b);
gr_tensor *gr_lt(gr_tensor *a, gr_tensor *b);
gr_tensor *gr_le(gr_tensor *a, gr_tensor *b);
gr_tensor *gr_gt(gr_tensor *a, gr_tensor *b);
gr_tensor *gr_ge(gr_tensor *a, gr_tensor *b);

/* condition != 0 ? a : b. What was not chosen gets the gradient 0, even if it is NaN; no gradient
 * to the condition. */
gr_tensor *gr_where(gr_tensor *condition, gr_tensor *a, gr_tensor *b);

/* -- Of a tensor and a number -- */

gr_tensor *gr_scale(gr_tensor *x, double factor);   /* factor x */
gr_tensor *gr_shift(gr_tensor *x, double term);     /* x + term */
gr_tensor *gr_power(gr_tensor *x, double exponent); /* x^exponent; x^0 is 1 with gradient 0 */
/* low where x < low, high where x > high (-INFINITY or INFINITY: no bound). Gradient 1 in [low,
 * high], bounds included, 0 outside. low > high is an error. */
gr_tensor *gr_clamp(gr_tensor *x, double low, double high);

/* -- Of one tensor -- */

gr_tensor *gr_neg(gr_tensor *x);
gr_tensor *gr_abs(gr_tensor *x);  /* gradient 0 at 0 */
gr_tensor *gr_sign(gr_tensor *x); /* -1, 0 or 1; no gradient */
gr_tensor *gr_square(gr_tensor *x);
gr_tensor *gr_sqrt(gr_tensor *x);  /* gradient 0 at 0 */
gr_tensor *gr_rsqrt(gr_tensor *x); /* 1 / sqrt(x) */
gr_tensor *gr_reciprocal(gr_tensor *x);
gr_tensor *gr_reciprocal_or_zero(gr_tensor *x); /* 1 / x, and 0 with gradient 0 where x = 0 */
gr_tensor *gr_exp(gr_tensor *x);
gr_tensor *gr_log(gr_tensor *x);
gr_tensor *gr_log1p(gr_tensor *x); /* log(1 + x) */
gr_tensor *gr_expm1(gr_tensor *x); /* e^x - 1 */
gr_tensor *gr_sin(gr_tensor *x);
gr_tensor *gr_cos(gr_tensor *x);
gr_tensor *gr_tanh(gr_tensor *x);
gr_tensor *gr_erf(gr_tensor *x);
gr_tensor *gr_log_of_cosh(gr_tensor *x); /* log cosh x, without overflow or loss of digits */
gr_tensor *gr_normal_cdf(gr_tensor *x);  /* Phi(x), the standard normal distribution */
gr_tensor *gr_sigmoid(gr_tensor *x);     /* 1 / (1 + e^-x) */
gr_tensor *gr_relu(gr_tensor *x);        /* max(x, 0); gradient 0 at 0 */
gr_tensor *gr_silu(gr_tensor *x);        /* x sigmoid(x) */

typedef struct gr_leaky_relu_args {
    gr_tensor *x;
    double slope;
} gr_leaky_relu_args;
/* x where x > 0, else slope x (and gradient slope at 0); slope = 0.01. */
#define gr_leaky_relu(...) gr_leaky_relu_((gr_leaky_relu_args){.slope = 0.01, .x = __VA_ARGS__})
gr_tensor *gr_leaky_relu_(gr_leaky_relu_args args);

typedef struct gr_elu_args {
    gr_tensor *x;
    double alpha;
} gr_elu_args;
/* x where x > 0, else alpha (e^x - 1) (and gradient alpha at 0); alpha = 1. */
#define gr_elu(...) gr_elu_((gr_elu_args){.alpha = 1, .x = __VA_ARGS__})
gr_tensor *gr_elu_(gr_elu_args args);

typedef struct gr_gelu_args {
    gr_tensor *x;
    bool tanh;
} gr_gelu_args;
/* x Phi(x); with tanh = true the approximation x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, at
 * most 5e-4 off. Hendrycks and Gimpel, "Gaussian error linear units", 2016, section 2. */
#define gr_gelu(...) gr_gelu_((gr_gelu_args){.x = __VA_ARGS__})
gr_tensor *gr_gelu_(gr_gelu_args args);

typedef struct gr_softplus_args {
    gr_tensor *x;
    double beta, threshold;
} gr_softplus_args;
/* log(1 + e^(beta x)) / beta, and x where beta x > threshold; beta = 1, threshold = INFINITY: exact
 * for every x. beta <= 0, or one that is not finite, and a threshold that is NaN are errors. */
#define gr_softplus(...)                                                                           \
    gr_softplus_((gr_softplus_args){.beta = 1, .threshold = INFINITY, .x = __VA_ARGS__})
gr_tensor *gr_softplus_(gr_softplus_args args);

/* -- Derivatives as operations -- */

gr_tensor *gr_relu_grad(gr_tensor *grad, gr_tensor *x);    /* grad where x > 0, else 0 */
gr_tensor *gr_tanh_grad(gr_tensor *grad, gr_tensor *x);    /* grad (1 - tanh(x)^2) */
gr_tensor *gr_sigmoid_grad(gr_tensor *grad, gr_tensor *x); /* grad s(x) (1 - s(x)) */

#endif
