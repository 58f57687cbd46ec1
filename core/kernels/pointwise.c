/* Functions of two tensors element by element, with their sum and their slopes in one pass each;
 * the formulas are in core/ops/pointwise.h. */
#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"

#define ABS GR_MATH(fabs)
#define EXP GR_MATH(exp)

enum { BLOCK = 1024 };

/* A function of a, b, d = a - b and the parameters p and q, and its slopes in a and in b, all by
 * way of the number c = first. */
#define POINTWISE(sums, name, first, value, slope_a, slope_b)                                      \
    static inline gr_real name##_first(gr_real a, gr_real b, gr_real p, gr_real q) {               \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p, (void)q;                                                                 \
        return (first);                                                                            \
    }                                                                                              \
    static inline gr_real name##_value(gr_real a, gr_real b, gr_real p, gr_real q, gr_real c) {    \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p, (void)q, (void)c;                                                        \
        return (value);                                                                            \
    }                                                                                              \
    static inline gr_real name##_slope_a(gr_real a, gr_real b, gr_real p, gr_real q, gr_real c) {  \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p, (void)q, (void)c;                                                        \
        return (slope_a);                                                                          \
    }                                                                                              \
    static inline gr_real name##_slope_b(gr_real a, gr_real b, gr_real p, gr_real q, gr_real c) {  \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p, (void)q, (void)c;                                                        \
        return (slope_b);                                                                          \
    }                                                                                              \
    static __attribute__((noinline)) void name##_each(                                             \
        int64_t n, const gr_real *a, const gr_real *b, gr_real p, gr_real q, gr_real *y) {         \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = name##_value(a[i], b[i], p, q, name##_first(a[i], b[i], p, q));                 \
    }                                                                                              \
    sums(name) SLOPE(name##_to_a, name##_slope_a, name##_first)                                    \
        SLOPE(name##_to_b, name##_slope_b, name##_first)

#define SLOPE(name, slope, first)                                                                  \
    static void name(int64_t n, const gr_real *g, int sg, gr_real scale, const gr_real *a,         \
                     const gr_real *b, gr_real p, gr_real q, gr_real *y) {                         \
        if (sg)                                                                                    \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = scale * g[i] * slope(a[i], b[i], p, q, first(a[i], b[i], p, q));            \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = scale * g[0] * slope(a[i], b[i], p, q, first(a[i], b[i], p, q));            \
    }

/* The sum of the values, and the same with the slopes in a, in a loop that does all. Choices in
 * it are those of functions.h: of `sum += c ? x : y` gcc 12 makes additions under masks, and gets
 * them wrong. */
#define SUMS(name)                                                                                 \
    static double name##_sum(int64_t n, const gr_real *a, const gr_real *b, gr_real p,             \
                             gr_real q) {                                                          \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < n; i++) sum +=              \
            (double)name##_value(a[i], b[i], p, q, name##_first(a[i], b[i], p, q));                \
        return sum;                                                                                \
    }                                                                                              \
    static double name##_sum_and_slope(int64_t n, const gr_real *a, const gr_real *b, gr_real p,   \
                                       gr_real q, gr_real scale, gr_real *y) {                     \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < n; i++) {                   \
            sum += (double)name##_value(a[i], b[i], p, q, name##_first(a[i], b[i], p, q));         \
            y[i] = scale * name##_slope_a(a[i], b[i], p, q, name##_first(a[i], b[i], p, q));       \
        }                                                                                          \
        return sum;                                                                                \
    }

/* The same for functions of many instructions, in loops over a block in the first cache: of one for
 * all, too few rounds would be on their way at once to hide how long each takes. */
#define SUMS_IN_STAGES(name)                                                                       \
    static __attribute__((noinline)) void name##_with_slope(                                       \
        int64_t n, const gr_real *a, const gr_real *b, gr_real p, gr_real q, gr_real scale,        \
        gr_real *restrict y, gr_real *restrict values) {                                           \
        for (int64_t i = 0; i < n; i++) values[i] = name##_first(a[i], b[i], p, q);                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const gr_real c = values[i];                                                           \
            values[i] = name##_value(a[i], b[i], p, q, c);                                         \
            y[i] = scale * name##_slope_a(a[i], b[i], p, q, c);                                    \
        }                                                                                          \
    }                                                                                              \
    SUM_OF_BLOCKS(name)

#define SUM_OF_BLOCKS(name)                                                                        \
    static double name##_sum(int64_t n, const gr_real *a, const gr_real *b, gr_real p,             \
                             gr_real q) {                                                          \
        gr_real values[BLOCK];                                                                     \
        double sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i += BLOCK) {                                                   \
            const int64_t count = n - i < BLOCK ? n - i : BLOCK;                                   \
            name##_each(count, a + i, b + i, p, q, values);                                        \
            sum += sum_of(count, values);                                                          \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    static double name##_sum_and_slope(int64_t n, const gr_real *a, const gr_real *b, gr_real p,   \
                                       gr_real q, gr_real scale, gr_real *y) {                     \
        gr_real values[BLOCK];                                                                     \
        double sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i += BLOCK) {                                                   \
            const int64_t count = n - i < BLOCK ? n - i : BLOCK;                                   \
            name##_with_slope(count, a + i, b + i, p, q, scale, y + i, values);                    \
            sum += sum_of(count, values);                                                          \
        }                                                                                          \
        return sum;                                                                                \
    }

static inline gr_real cut(gr_real d, gr_real bound) {
    return either(d < -bound, -bound, either(d > bound, bound, d));
}

static inline gr_real sign(gr_real d) { return (gr_real)((d > 0) - (d < 0)); }

/* max(log p, -100) and max(log(1 - p), -100); the latter is reached at 1 alone, since numbers below
 * 1 are too far from it. */
static const gr_real LEAST_PROBABILITY = (gr_real)3.7200759760208360e-44; /* e^-100 */
static inline gr_real bounded_log(gr_real p) {
    return either(p < LEAST_PROBABILITY, -100, log_of_fraction(p));
}
static inline gr_real bounded_log_of_rest(gr_real p) {
#ifdef GR_DOUBLE
    return either(p >= 1, -100, log1p(-p));
#else
    /* `lost` is what the rounding of 1 - p took, and 1 + p is near enough to its weight 1/(1 - p),
     * since nothing is lost where p > 1/2. */
    float rest = 1 - p, lost = (1 - rest) - p;
    return either(p >= 1, -100, log_of_scaled(rest, 0) + lost * (1 + p));
#endif
}

/* The slope of -b log p - (1 - b) log(1 - p), both bounded. */
static inline gr_real bce_slope(gr_real p, gr_real b) {
    gr_real rest = 1 - p, within = (p - b) / (p * rest);
    return either(p >= 1, -b, either(p < LEAST_PROBABILITY, 1 - b, within));
}

/* e^-|z|, and from it 1 / (1 + e^|z|) and 1 / (1 + e^-z) */
static inline gr_real tail(gr_real z) { return exp_of_negative(-ABS(z)); }
static inline gr_real sigmoid_of_tail(gr_real e) { return e * inverse_of_1_to_2(1 + e); }
static inline gr_real sigmoid(gr_real z, gr_real e) {
    return either(z < 0, e, 1) * inverse_of_1_to_2(1 + e);
}

/* clang-format off */
POINTWISE(SUMS, square, d, d * d, 2 * d, -2 * d)
POINTWISE(SUMS, abs, d, ABS(d), sign(d), -sign(d))
/* With c = d cut to [-delta, delta], c (d - c/2) is the value on both sides of the kink. */
POINTWISE(SUMS, huber, d, cut(d, p) * (d - cut(d, p) / 2), cut(d, p), -cut(d, p))
POINTWISE(SUMS, smooth_l1, d, cut(d, p) / p * (d - cut(d, p) / 2), cut(d, p) / p, -cut(d, p) / p)
POINTWISE(SUMS_IN_STAGES, log_cosh, exp_of_negative(-2 * ABS(d)), log_of_cosh(d, c),
          tanh_of_tail(d, c), -tanh_of_tail(d, c))
POINTWISE(SUMS, quantile, d, either(d < 0, -p, 1 - p) * d,
          either(d < 0, -p, zero_unless(d > 0, 1 - p)), either(d < 0, p, zero_unless(d > 0, p - 1)))
POINTWISE(SUMS_IN_STAGES, bce_with_logits, tail(a), wrong_side(a, b) + log1p_of_unit(c),
          sigmoid_minus(a, b, sigmoid_of_tail(c)), -a)
POINTWISE(SUMS_IN_STAGES, bce, bounded_log_of_rest(a),
          nan_if(!(a >= 0 && a <= 1), -(b * bounded_log(a) + (1 - b) * c)),
          bce_slope(a, b), nan_if(!(a >= 0 && a <= 1), c - bounded_log(a)))
POINTWISE(SUMS, divergence, zero_unless(b != 0, log_of_positive(b)),
          nan_if(!(b >= 0), zero_unless(b != 0, b * (c - a))), -b,
          nan_if(!(b >= 0), zero_unless(b != 0, c - a + 1)))
/* For a sign b, c = p - ab is what lacks of the margin. */
POINTWISE(SUMS, hinge, p - a * b, nan_if(ABS(b) != 1, zero_unless(!(c <= 0), c)),
          zero_unless(!(c <= 0), -b), zero_unless(!(c <= 0), -a))
POINTWISE(SUMS, squared_hinge, p - a * b, nan_if(ABS(b) != 1, zero_unless(!(c <= 0), c * c)),
          zero_unless(!(c <= 0), -2 * b * c), zero_unless(!(c <= 0), -2 * a * c))
POINTWISE(SUMS_IN_STAGES, soft_margin, tail(a * b),
          nan_if(ABS(b) != 1, zero_unless(a * b < 0, -(a * b)) + log1p_of_unit(c)),
          -b * sigmoid(-(a * b), c), -a * sigmoid(-(a * b), c))
/* clang-format on */

/* Focal loss of the logit z and the target y, whose p_t is 1 - u: alpha_t u^gamma CE, with
 * u = (1 - y) s(z) + y s(-z). All comes from e^-|z| and, where y is 0 or 1, from log u, which has
 * digits where u has none. */
typedef struct focal_terms {
    gr_real s, rest;      /* s(z) and s(-z) */
    gr_real ce, u, power; /* power = u^gamma */
    gr_real alpha;        /* alpha_t; 1 if alpha is negative */
} focal_terms;

/* log u from l = log(1 + e). u (1 + e) lies between e and 1; where it is e, since z is right, its
 * logarithm is at hand, however small e is. */
static inline gr_real log_of_wrong(gr_real z, gr_real y, gr_real e, gr_real l) {
    gr_real share = either(z > 0, 1 - y, y), between = share + e * (1 - share);
    return either(share == 0, -ABS(z), log_of_fraction(between)) - l;
}

/* e = e^-|z|. squared: gamma is 2, which needs no logarithm. */
static inline focal_terms focal_of(gr_real z, gr_real y, gr_real e, gr_real alpha, gr_real gamma,
                                   bool squared) {
    gr_real head = inverse_of_1_to_2(1 + e), tail = e * head, l = log1p_of_unit(e);
    gr_real yes = alpha < 0 ? 1 : alpha, no = alpha < 0 ? 1 : 1 - alpha;
    focal_terms t = {.s = either(z < 0, tail, head), .rest = either(z < 0, head, tail)};
    t.u = (1 - y) * t.s + y * t.rest;
    t.ce = wrong_side(z, y) + l;
    /* u^0 is 1, though log u may be -infinity */
    gr_real log_power = zero_unless(gamma != 0, gamma * log_of_wrong(z, y, e, l));
    t.power = squared ? t.u * t.u : exp_of_negative(log_power);
    t.alpha = yes * y + no * (1 - y);
    return t;
}

static inline gr_real focal(gr_real z, gr_real y, gr_real e, gr_real alpha, gr_real gamma,
                            bool squared) {
    focal_terms t = focal_of(z, y, e, alpha, gamma, squared);
    return t.alpha * t.power * t.ce;
}

/* alpha_t (u^gamma (s(z) - y) + gamma CE u^gamma u'/u) with u' = (1 - 2y) s(z) s(-z) */
static inline gr_real focal_to_logit(gr_real z, gr_real y, gr_real e, gr_real alpha, gr_real gamma,
                                     bool squared) {
    focal_terms t = focal_of(z, y, e, alpha, gamma, squared);
    gr_real residual = sigmoid_minus(z, y, either(z < 0, t.s, t.rest));
    gr_real both = t.s * t.rest, of_hard = (1 - y) * t.rest + y * t.s;
    gr_real slope = squared ? t.u * both : t.power * either(y == 0 || y == 1, of_hard, both / t.u);
    gr_real of_power = zero_unless(slope != 0, gamma * t.ce * slope);
    return t.alpha * (t.power * residual + (1 - 2 * y) * of_power);
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
    POINTWISE(SUMS_IN_STAGES, name, tail(a), focal(a, b, c, p, q, squared),                        \
              focal_to_logit(a, b, c, p, q, squared), focal_to_target(a, b, c, p, q, squared))
FOCAL(focal, false)
FOCAL(focal_squared, true)

#define KERNEL(name)                                                                               \
    { name##_each, name##_sum, name##_sum_and_slope, name##_to_a, name##_to_b }

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
