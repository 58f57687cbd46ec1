/* Functions of two tensors element by element, with their sum and their slopes in one pass each;
 * the formulas are in core/ops/pointwise.h. */
#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"

#define ABS GR_MATH(fabs)
#define EXP GR_MATH(exp)

/* A function of a, b, d = a - b and the parameters p and q, and its slopes in a and in b. */
#define POINTWISE(name, value, slope_a, slope_b)                                                   \
    static inline gr_real name##_value(gr_real a, gr_real b, gr_real p, gr_real q) {               \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p, (void)q;                                                                 \
        return (value);                                                                            \
    }                                                                                              \
    static inline gr_real name##_slope_a(gr_real a, gr_real b, gr_real p, gr_real q) {             \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p, (void)q;                                                                 \
        return (slope_a);                                                                          \
    }                                                                                              \
    static inline gr_real name##_slope_b(gr_real a, gr_real b, gr_real p, gr_real q) {             \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p, (void)q;                                                                 \
        return (slope_b);                                                                          \
    }                                                                                              \
    static void name##_each(int64_t n, const gr_real *a, const gr_real *b, gr_real p, gr_real q,   \
                            gr_real *y) {                                                          \
        for (int64_t i = 0; i < n; i++) y[i] = name##_value(a[i], b[i], p, q);                     \
    }                                                                                              \
    static double name##_sum(int64_t n, const gr_real *a, const gr_real *b, gr_real p,             \
                             gr_real q) {                                                          \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < n; i++) sum +=              \
            (double)name##_value(a[i], b[i], p, q);                                                \
        return sum;                                                                                \
    }                                                                                              \
    SLOPE(name##_to_a, name##_slope_a)                                                             \
    SLOPE(name##_to_b, name##_slope_b)

#define SLOPE(name, slope)                                                                         \
    static void name(int64_t n, const gr_real *g, int sg, gr_real scale, const gr_real *a,         \
                     const gr_real *b, gr_real p, gr_real q, gr_real *y) {                         \
        if (sg)                                                                                    \
            for (int64_t i = 0; i < n; i++) y[i] = scale * g[i] * slope(a[i], b[i], p, q);         \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++) y[i] = scale * g[0] * slope(a[i], b[i], p, q);         \
    }

static inline gr_real cut(gr_real d, gr_real bound) {
    return d < -bound ? -bound : d > bound ? bound : d;
}

static inline gr_real sign(gr_real d) { return (gr_real)((d > 0) - (d < 0)); }

/* max(log p, -100) and max(log(1 - p), -100); the latter is reached at 1 alone, since numbers below
 * 1 are too far from it. */
static const gr_real LEAST_PROBABILITY = (gr_real)3.7200759760208360e-44; /* e^-100 */
static inline gr_real bounded_log(gr_real p) {
    return p < LEAST_PROBABILITY ? -100 : GR_MATH(log)(p);
}
static inline gr_real bounded_log_of_rest(gr_real p) {
    return p >= 1 ? -100 : GR_MATH(log1p)(p >= 1 ? 0 : -p);
}

/* 1 / (1 + e^-z) */
static inline gr_real sigmoid(gr_real z) {
    gr_real e = EXP(-ABS(z));
    return (z < 0 ? e : 1) / (1 + e);
}

/* clang-format off */
POINTWISE(square, d * d, 2 * d, -2 * d)
POINTWISE(abs, ABS(d), sign(d), -sign(d))
/* With c = d cut to [-delta, delta], c (d - c/2) is the value on both sides of the kink. */
POINTWISE(huber, cut(d, p) * (d - cut(d, p) / 2), cut(d, p), -cut(d, p))
POINTWISE(smooth_l1, cut(d, p) / p * (d - cut(d, p) / 2), cut(d, p) / p, -cut(d, p) / p)
POINTWISE(log_cosh, log_of_cosh(d), GR_MATH(tanh)(d), -GR_MATH(tanh)(d))
POINTWISE(quantile, d < 0 ? -p * d : (1 - p) * d, d < 0 ? -p : d > 0 ? 1 - p : 0,
          d < 0 ? p : d > 0 ? p - 1 : 0)
POINTWISE(bce_with_logits, wrong_side(a, b) + log1p_of_unit(EXP(-ABS(a))),
          sigmoid_minus(a, b, EXP(-ABS(a))), -a)
POINTWISE(bce, -(b * bounded_log(a) + (1 - b) * bounded_log_of_rest(a)),
          (a >= 1 ? 0 : (1 - b) / (1 - a)) - (a < LEAST_PROBABILITY ? 0 : b / a),
          bounded_log_of_rest(a) - bounded_log(a))
POINTWISE(divergence, b == 0 ? 0 : b * (GR_MATH(log)(b) - a), -b,
          b == 0 ? 0 : GR_MATH(log)(b) - a + 1)
POINTWISE(hinge, p - a * b <= 0 ? 0 : p - a * b, p - a * b <= 0 ? 0 : -b,
          p - a * b <= 0 ? 0 : -a)
POINTWISE(squared_hinge, p - a * b <= 0 ? 0 : (p - a * b) * (p - a * b),
          p - a * b <= 0 ? 0 : -2 * b * (p - a * b), p - a * b <= 0 ? 0 : -2 * a * (p - a * b))
POINTWISE(soft_margin, (-a * b > 0 ? -a * b : 0) + log1p_of_unit(EXP(-ABS(a * b))),
          -b * sigmoid(-a * b), -a * sigmoid(-a * b))
/* clang-format on */

/* Focal loss of the logit z and the target y, whose p_t is 1 - u: alpha_t u^gamma CE, with
 * u = (1 - y) s(z) + y s(-z). All comes from e^-|z| and, where y is 0 or 1, from log u, which has
 * digits where u has none. */
typedef struct focal_terms {
    gr_real s, rest;      /* s(z) and s(-z) */
    gr_real ce, u, power; /* power = u^gamma */
    gr_real alpha;        /* alpha_t; 1 if alpha is negative */
} focal_terms;

/* e = e^-|z|. squared: gamma is 2, which needs no logarithm. */
static inline focal_terms focal_of(gr_real z, gr_real y, gr_real e, gr_real alpha, gr_real gamma,
                                   bool squared) {
    gr_real head = 1 / (1 + e), tail = e * head, l = log1p_of_unit(e);
    gr_real above = (z > 0 ? z : 0) + l,
            below = (z < 0 ? -z : 0) + l; /* softplus(z), softplus(-z) */
    focal_terms t = {.s = z < 0 ? tail : head, .rest = z < 0 ? head : tail};
    t.u = y == 0 ? t.s : y == 1 ? t.rest : (1 - y) * t.s + y * t.rest;
    t.ce = y == 0 ? above : y == 1 ? below : y * below + (1 - y) * above;
    /* u (1 + e) lies between e and 1; where it is either, its logarithm is at hand, however small e
     * is. Written without a branch around log, so that the loop is vectorised. */
    gr_real between = (z < 0 ? (1 - y) * e + y : 1 - y + y * e);
    gr_real log_end = y == 0 ? (z < 0 ? z : 0) : y == 1 ? (z > 0 ? -z : 0) : 0;
    if (squared)
        t.power = t.u * t.u;
    else
        t.power = EXP(gamma * (GR_MATH(log)(y == 0 || y == 1 ? 1 : between) + log_end - l));
    t.alpha = alpha < 0 ? 1 : alpha * y + (1 - alpha) * (1 - y);
    return t;
}

static inline gr_real focal(gr_real z, gr_real y, gr_real e, gr_real alpha, gr_real gamma,
                            bool squared) {
    focal_terms t = focal_of(z, y, e, alpha, gamma, squared);
    return t.alpha * t.power * t.ce;
}

/* alpha_t u^gamma (s(z) - y + gamma CE u'/u) */
static inline gr_real focal_to_logit(gr_real z, gr_real y, gr_real e, gr_real alpha, gr_real gamma,
                                     bool squared) {
    focal_terms t = focal_of(z, y, e, alpha, gamma, squared);
    gr_real slope = y == 0 ? t.rest : y == 1 ? -t.s : (1 - 2 * y) * t.s * t.rest / t.u;
    gr_real residual = z < 0 ? t.s - y : (1 - y) - t.rest;
    return t.alpha * t.power * (residual + (slope == 0 ? 0 : gamma * t.ce * slope));
}

/* alpha_t' u^gamma CE + alpha_t u^gamma (-z + gamma CE (s(-z) - s(z)) / u), where CE/u goes to 1 as
 * u goes to 0 */
static inline gr_real focal_to_target(gr_real z, gr_real y, gr_real e, gr_real alpha, gr_real gamma,
                                      bool squared) {
    focal_terms t = focal_of(z, y, e, alpha, gamma, squared);
    gr_real ratio = t.u > 0 ? t.ce / t.u : 1, of_alpha = alpha < 0 ? 0 : 2 * alpha - 1;
    gr_real inner = t.alpha * (gamma * ratio * (t.rest - t.s) - z) + of_alpha * t.ce;
    return t.power == 0 ? 0 : t.power * inner;
}

#define FOCAL(name, squared)                                                                       \
    POINTWISE(name, focal(a, b, EXP(-ABS(a)), p, q, squared),                                      \
              focal_to_logit(a, b, EXP(-ABS(a)), p, q, squared),                                   \
              focal_to_target(a, b, EXP(-ABS(a)), p, q, squared))
FOCAL(focal, false)
FOCAL(focal_squared, true)

#define KERNEL(name)                                                                               \
    { name##_each, name##_sum, name##_to_a, name##_to_b }

const gr_pointwise_kernels GR_FOR_ISA(gr_pointwise) = {
    .square = KERNEL(square),
    .abs = KERNEL(abs),
    .huber = KERNEL(huber),
    .smooth_l1 = KERNEL(smooth_l1),
    .log_cosh = KERNEL(log_cosh),
    .quantile = KERNEL(quantile),
    .bce = KERNEL(bce),
    .bce_with_logits = KERNEL(bce_with_logits),
    .divergence = KERNEL(divergence),
    .hinge = KERNEL(hinge),
    .squared_hinge = KERNEL(squared_hinge),
    .soft_margin = KERNEL(soft_margin),
    .focal = KERNEL(focal),
    .focal_squared = KERNEL(focal_squared),
};
