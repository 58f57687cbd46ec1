/* Kernels that compute each element from the elements at the same place. */
#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"

#define EXP GR_MATH(exp)
#define ABS GR_MATH(fabs)

/* -- y = f(x), with x the element and p the parameters -- */

/* Parameters are copied: read in memory, only where they are needed, they would keep a loop that
 * chooses between two values from being vectorised. */
#define UNARY(name, value)                                                                         \
    static void k_##name(int64_t n, const gr_real *xs, gr_real *ys, const gr_real *numbers) {      \
        const gr_real p[2] = {numbers ? numbers[0] : 0, numbers ? numbers[1] : 0};                 \
        (void)p;                                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            gr_real x = xs[i];                                                                     \
            ys[i] = (value);                                                                       \
        }                                                                                          \
    }

/* clang-format off */
UNARY(neg, -x)
UNARY(abs, ABS(x))
UNARY(sign, (gr_real)((x > 0) - (x < 0)))
UNARY(square, x * x)
UNARY(sqrt, GR_MATH(sqrt)(x))
UNARY(rsqrt, 1 / GR_MATH(sqrt)(x))
UNARY(reciprocal, 1 / x)
UNARY(reciprocal_or_zero, x == 0 ? 0 : 1 / x)
UNARY(exp, EXP(x))
UNARY(log, GR_MATH(log)(x))
UNARY(log1p, GR_MATH(log1p)(x))
UNARY(expm1, GR_MATH(expm1)(x))
UNARY(sin, GR_MATH(sin)(x))
UNARY(cos, GR_MATH(cos)(x))
UNARY(tanh, GR_MATH(tanh)(x))
UNARY(erf, GR_MATH(erf)(x))
/* Phi(x), through erfc, which keeps its digits in the lower tail */
UNARY(normal_cdf, (gr_real)0.5 * GR_MATH(erfc)(x * (gr_real)-0.70710678118654752))
UNARY(log_of_cosh, log_of_cosh(x, exp_of_negative(-2 * ABS(x))))
/* Exponentials of -|x| only: they can't overflow. */
UNARY(sigmoid, (x < 0 ? EXP(-ABS(x)) : 1) / (1 + EXP(-ABS(x))))
UNARY(softplus,
      p[0] * x > p[1] ? x : (x > 0 ? x : 0) + log1p_of_unit(EXP(-ABS(p[0] * x))) / p[0])
UNARY(relu, x < 0 ? 0 : x) /* a NaN stays one */
UNARY(gelu, x * (gr_real)0.5 * GR_MATH(erfc)(x * (gr_real)-0.70710678118654752))
UNARY(gelu_tanh, gelu_tanh(x))
UNARY(silu, x * (x < 0 ? EXP(-ABS(x)) : 1) / (1 + EXP(-ABS(x))))
UNARY(leaky_relu, x > 0 ? x : p[0] * x)
UNARY(elu, x > 0 ? x : p[0] * GR_MATH(expm1)(x > 0 ? 0 : x)) /* a NaN stays one */
UNARY(scale, p[0] * x)
UNARY(shift, p[0] + x)
UNARY(identity, x)
UNARY(cube, x *x *x)
/* pow of |x|, since for negative numbers the vector function calls the scalar one */
UNARY(power_of_size, GR_MATH(pow)(ABS(x), p[0]))
UNARY(odd_power, GR_MATH(copysign)(GR_MATH(pow)(ABS(x), p[0]), x))
UNARY(broken_power, nan_if(x < 0 && x != -INFINITY, GR_MATH(pow)(ABS(x), p[0])))
UNARY(clamp, x < p[0] ? p[0] : x > p[1] ? p[1] : x)
UNARY(inside, (gr_real)(x >= p[0] && x <= p[1]))
UNARY(affine, p[0] * x + p[1])
UNARY(scaled_exp, p[1] * EXP(x - p[0]))
/* clang-format on */

static void k_power(int64_t n, const gr_real *x, gr_real *y, const gr_real *p) {
    const gr_real exponent = p[0], half = exponent / 2;
    const bool whole = GR_MATH(floor)(exponent) == exponent, even = GR_MATH(floor)(half) == half;
    gr_unary_kernel *f = even ? k_power_of_size : whole ? k_odd_power : k_broken_power;
    if (exponent == -1) f = k_reciprocal;
    if (exponent == 1) f = k_identity;
    if (exponent == 2) f = k_square;
    if (exponent == 3) f = k_cube;
    f(n, x, y, p);
}

/* a (1 - tanh(b)^2): the difference would lose all digits where tanh saturates, and 4 a, with which
 * this is usually written, may overflow. */
static inline gr_real tanh_grad(gr_real a, gr_real b) {
    gr_real e = EXP(-2 * ABS(b)), half = (1 + e) / 2;
    return a * e / (half * half);
}

/* -- y = f(a, b), with a loop for each pair of strides so that each is vectorised -- */

#define LOOP(index_a, index_b, value)                                                              \
    for (int64_t i = 0; i < n; i++) {                                                              \
        gr_real a = as[index_a], b = bs[index_b];                                                  \
        ys[i] = (value);                                                                           \
    }

#define BINARY(name, value)                                                                        \
    static void k_##name(int64_t n, const gr_real *as, int sa, const gr_real *bs, int sb,          \
                         gr_real *ys) {                                                            \
        if (sa && sb)                                                                              \
            LOOP(i, i, value)                                                                      \
        else if (sa)                                                                               \
            LOOP(i, 0, value)                                                                      \
        else                                                                                       \
            LOOP(0, i *sb, value)                                                                  \
    }

/* clang-format off */
BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a * b)
BINARY(div, a / b)
BINARY(pow, GR_MATH(pow)(a, b))
BINARY(atan2, GR_MATH(atan2)(a, b))
/* a NaN in either is the result */
BINARY(minimum, a < b || a != a ? a : b)
BINARY(maximum, a > b || a != a ? a : b)
BINARY(eq, (gr_real)(a == b))
BINARY(ne, (gr_real)(a != b))
BINARY(lt, (gr_real)(a < b))
BINARY(le, (gr_real)(a <= b))
BINARY(gt, (gr_real)(a > b))
BINARY(ge, (gr_real)(a >= b))
/* a is the gradient that arrives, b the point. s (1 - s), too, is written with e^-|b|. */
BINARY(relu_grad, b > 0 ? a : 0)
BINARY(tanh_grad, tanh_grad(a, b))
BINARY(sigmoid_grad, a * EXP(-ABS(b)) / ((1 + EXP(-ABS(b))) * (1 + EXP(-ABS(b)))))

/* Only 0 times infinity makes a NaN of two numbers. */
BINARY(mul_or_zero, a * b != a * b && a == a && b == b ? 0 : a * b)
/* a is the logit, b the target */
BINARY(sigmoid_cross_entropy, wrong_side(a, b) + log1p_of_unit(EXP(-ABS(a))))
BINARY(sigmoid_residual,
       a > 0 ? (1 - b) - EXP(-ABS(a)) / (1 + EXP(-ABS(a))) : EXP(-ABS(a)) / (1 + EXP(-ABS(a))) - b)
/* clang-format on */

/* Where x > 0 the gradient, else slope times it. */
static void k_leaky_relu_grad(int64_t n, const gr_real *grad, const gr_real *x, gr_real slope,
                              gr_real *y) {
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] > 0 ? 1 : slope) * grad[i];
}

#define SELECT(index_a, index_b)                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                              \
        gr_real yes = a[index_a], no = b[index_b];                                                 \
        y[i] = c[i] != 0 ? yes : no;                                                               \
    }

static void k_where(int64_t n, const gr_real *c, int sc, const gr_real *a, int sa, const gr_real *b,
                    int sb, gr_real *y) {
    if (!sc)
        for (int64_t i = 0; i < n; i++) y[i] = c[0] != 0 ? a[i * sa] : b[i * sb];
    else if (sa && sb)
        SELECT(i, i)
    else if (sa)
        SELECT(i, 0)
    else
        SELECT(0, i * sb)
}

const gr_elementwise_kernels GR_FOR_ISA(gr_elementwise) = {
    .neg = k_neg,
    .abs = k_abs,
    .sign = k_sign,
    .square = k_square,
    .sqrt = k_sqrt,
    .rsqrt = k_rsqrt,
    .reciprocal = k_reciprocal,
    .reciprocal_or_zero = k_reciprocal_or_zero,
    .exp = k_exp,
    .log = k_log,
    .log1p = k_log1p,
    .expm1 = k_expm1,
    .sin = k_sin,
    .cos = k_cos,
    .tanh = k_tanh,
    .erf = k_erf,
    .normal_cdf = k_normal_cdf,
    .log_of_cosh = k_log_of_cosh,
    .sigmoid = k_sigmoid,
    .softplus = k_softplus,
    .relu = k_relu,
    .gelu = k_gelu,
    .gelu_tanh = k_gelu_tanh,
    .silu = k_silu,
    .leaky_relu = k_leaky_relu,
    .elu = k_elu,
    .scale = k_scale,
    .shift = k_shift,
    .power = k_power,
    .clamp = k_clamp,
    .inside = k_inside,
    .affine = k_affine,
    .scaled_exp = k_scaled_exp,
    .add = k_add,
    .sub = k_sub,
    .mul = k_mul,
    .div = k_div,
    .pow = k_pow,
    .atan2 = k_atan2,
    .minimum = k_minimum,
    .maximum = k_maximum,
    .eq = k_eq,
    .ne = k_ne,
    .lt = k_lt,
    .le = k_le,
    .gt = k_gt,
    .ge = k_ge,
    .relu_grad = k_relu_grad,
    .tanh_grad = k_tanh_grad,
    .sigmoid_grad = k_sigmoid_grad,
    .mul_or_zero = k_mul_or_zero,
    .sigmoid_cross_entropy = k_sigmoid_cross_entropy,
    .sigmoid_residual = k_sigmoid_residual,
    .where = k_where,
    .leaky_relu_grad = k_leaky_relu_grad,
};
