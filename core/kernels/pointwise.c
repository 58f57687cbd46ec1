/* Functions of two tensors element by element, with their sum and their slopes in one pass each; the
 * formulas are in core/ops/pointwise.h. */
#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"

#define ABS GR_MATH(fabs)

/* A function of a, b, d = a - b and the parameter p, and its slopes in a and in b. */
#define POINTWISE(name, value, slope_a, slope_b)                                                   \
    static inline gr_real name##_value(gr_real a, gr_real b, gr_real p) {                          \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p;                                                                          \
        return (value);                                                                            \
    }                                                                                              \
    static inline gr_real name##_slope_a(gr_real a, gr_real b, gr_real p) {                        \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p;                                                                          \
        return (slope_a);                                                                          \
    }                                                                                              \
    static inline gr_real name##_slope_b(gr_real a, gr_real b, gr_real p) {                        \
        gr_real d = a - b;                                                                         \
        (void)d, (void)p;                                                                          \
        return (slope_b);                                                                          \
    }                                                                                              \
    static void name##_each(int64_t n, const gr_real *a, const gr_real *b, gr_real p,              \
                            gr_real *y) {                                                          \
        for (int64_t i = 0; i < n; i++) y[i] = name##_value(a[i], b[i], p);                        \
    }                                                                                              \
    static double name##_sum(int64_t n, const gr_real *a, const gr_real *b, gr_real p) {           \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)")                                                     \
        for (int64_t i = 0; i < n; i++) sum += (double)name##_value(a[i], b[i], p);                \
        return sum;                                                                                \
    }                                                                                              \
    SLOPE(name##_to_a, name##_slope_a)                                                             \
    SLOPE(name##_to_b, name##_slope_b)

#define SLOPE(name, slope)                                                                         \
    static void name(int64_t n, const gr_real *g, int sg, gr_real scale, const gr_real *a,         \
                     const gr_real *b, gr_real p, gr_real *y) {                                    \
        if (sg)                                                                                    \
            for (int64_t i = 0; i < n; i++) y[i] = scale * g[i] * slope(a[i], b[i], p);            \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++) y[i] = scale * g[0] * slope(a[i], b[i], p);            \
    }

static inline gr_real cut(gr_real d, gr_real bound) {
    return d < -bound ? -bound : d > bound ? bound : d;
}

static inline gr_real sign(gr_real d) { return (gr_real)((d > 0) - (d < 0)); }

POINTWISE(square, d *d, 2 * d, -2 * d)
POINTWISE(abs, ABS(d), sign(d), -sign(d))
/* With c = d cut to [-delta, delta], c (d - c/2) is the value on both sides of the kink. */
POINTWISE(huber, cut(d, p) * (d - cut(d, p) / 2), cut(d, p), -cut(d, p))
POINTWISE(smooth_l1, cut(d, p) / p * (d - cut(d, p) / 2), cut(d, p) / p, -cut(d, p) / p)
POINTWISE(log_cosh, log_of_cosh(d), GR_MATH(tanh)(d), -GR_MATH(tanh)(d))
POINTWISE(quantile, d < 0 ? -p * d : (1 - p) * d, d < 0 ? -p : d > 0 ? 1 - p : 0,
          d < 0 ? p : d > 0 ? p - 1 : 0)
POINTWISE(bce_with_logits, (a > 0 ? a : 0) - a * b + GR_MATH(log1p)(GR_MATH(exp)(-ABS(a))),
          sigmoid_minus(a, b), -a)

#define KERNEL(name) {name##_each, name##_sum, name##_to_a, name##_to_b}

const gr_pointwise_kernels GR_FOR_ISA(gr_pointwise) = {
    .square = KERNEL(square),
    .abs = KERNEL(abs),
    .huber = KERNEL(huber),
    .smooth_l1 = KERNEL(smooth_l1),
    .log_cosh = KERNEL(log_cosh),
    .quantile = KERNEL(quantile),
    .bce_with_logits = KERNEL(bce_with_logits),
};
