/* Kernels that fold many elements into one, and those of the softmax.
 *
 * A fold keeps its state in double, also where the elements are floats: sums of any length keep
 * their digits and neither squares nor partial sums overflow. */
#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"

#include <stddef.h>

#define EXP GR_MATH(exp)
#define ABS GR_MATH(fabs)

#define NONE(k) 0
#define OWN(k) m_of[k]

/* -- Sums of value(x, m) -- */

/* Four sums at a time hide the latency of the addition: those of four rows, or of the quarters of a
 * long one. Few elements are added one by one: vectors would cost more than they save. */
enum { FEW = 16, LONG = 1024 };

#define VALUE(name, type, value)                                                                   \
    static inline double name##_value(gr_real x_, gr_real m_) {                                    \
        type x = x_, m = m_;                                                                       \
        (void)m;                                                                                   \
        return (double)(value);                                                                    \
    }

#define ALONG(name, m_at)                                                                          \
    static void k_##name##_along(int64_t rows, int64_t n, const gr_real *x, int64_t stride,        \
                                 const gr_real *m_of, double *acc) {                               \
        (void)m_of;                                                                                \
        int64_t r = 0;                                                                             \
        for (; n < FEW && r < rows; r++, x += stride) {                                            \
            double s = 0;                                                                          \
            for (int64_t i = 0; i < n; i++) s += name##_value(x[i], m_at(r));                      \
            acc[r] += s;                                                                           \
        }                                                                                          \
        for (; n < LONG && r + 4 <= rows; r += 4, x += 4 * stride) {                               \
            const gr_real m0 = m_at(r), m1 = m_at(r + 1), m2 = m_at(r + 2), m3 = m_at(r + 3);      \
            const gr_real *x1 = x + stride, *x2 = x + 2 * stride, *x3 = x + 3 * stride;            \
            double s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                 \
            _Pragma("omp simd reduction(+ : s0, s1, s2, s3)") for (int64_t i = 0; i < n; i++) {    \
                s0 += name##_value(x[i], m0);                                                      \
                s1 += name##_value(x1[i], m1);                                                     \
                s2 += name##_value(x2[i], m2);                                                     \
                s3 += name##_value(x3[i], m3);                                                     \
            }                                                                                      \
            acc[r] += s0;                                                                          \
            acc[r + 1] += s1;                                                                      \
            acc[r + 2] += s2;                                                                      \
            acc[r + 3] += s3;                                                                      \
        }                                                                                          \
        for (; r < rows; r++, x += stride) {                                                       \
            const gr_real m = m_at(r);                                                             \
            const int64_t q = n < LONG ? 0 : n / 4;                                                \
            const gr_real *x1 = x + q, *x2 = x + 2 * q, *x3 = x + 3 * q;                           \
            double s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                 \
            _Pragma("omp simd reduction(+ : s0, s1, s2, s3)") for (int64_t i = 0; i < q; i++) {    \
                s0 += name##_value(x[i], m);                                                       \
                s1 += name##_value(x1[i], m);                                                      \
                s2 += name##_value(x2[i], m);                                                      \
                s3 += name##_value(x3[i], m);                                                      \
            }                                                                                      \
            _Pragma("omp simd reduction(+ : s0)") for (int64_t i = 4 * q; i < n; i++) s0 +=        \
                name##_value(x[i], m);                                                             \
            acc[r] += (s0 + s1) + (s2 + s3);                                                       \
        }                                                                                          \
    }

#define ACROSS(name, m_at)                                                                         \
    static void k_##name##_across(int64_t rows, int64_t n, const gr_real *x, int64_t stride,       \
                                  const gr_real *m_of, double *acc) {                              \
        (void)m_of;                                                                                \
        int64_t r = 0;                                                                             \
        for (; r + 4 <= rows; r += 4, x += 4 * stride) {                                           \
            const gr_real *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;                  \
            _Pragma("omp simd") for (int64_t j = 0; j < n; j++) acc[j] +=                          \
                (name##_value(x[j], m_at(j)) + name##_value(x1[j], m_at(j))) +                     \
                (name##_value(x2[j], m_at(j)) + name##_value(x3[j], m_at(j)));                     \
        }                                                                                          \
        for (; r < rows; r++, x += stride) {                                                       \
            _Pragma("omp simd") for (int64_t j = 0; j < n; j++) acc[j] +=                          \
                name##_value(x[j], m_at(j));                                                       \
        }                                                                                          \
    }

#define SUM(name, m_at, type, value)                                                               \
    VALUE(name, type, value)                                                                       \
    ALONG(name, m_at)                                                                              \
    ACROSS(name, m_at)

SUM(sum, NONE, double, x)
SUM(squares, NONE, double, x *x)
SUM(scaled_squares, OWN, double, (x * m) * (x * m))
VALUE(exponentials, gr_real, EXP(x - m))
ACROSS(exponentials, OWN)

/* Exponentials go through memory, a block at a time: a loop that also adds would save its sums from
 * the call of the vector function and load them again. Blocks are filled up to whole vectors. */
enum { BLOCK = 1024, VECTOR = 16 };

static void exponentiate(int64_t vectors, gr_real *x) {
    for (int64_t i = 0; i < vectors * VECTOR; i++) x[i] = EXP(x[i]);
}

static void k_exponentials_along(int64_t rows, int64_t n, const gr_real *x, int64_t stride,
                                 const gr_real *m_of, double *acc) {
    gr_real e[BLOCK];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i += BLOCK) {
            const int64_t count = n - i < BLOCK ? n - i : BLOCK;
            const int64_t vectors = (count + VECTOR - 1) / VECTOR;
            for (int64_t j = 0; j < count; j++) e[j] = x[r * stride + i + j] - m_of[r];
            for (int64_t j = count; j < vectors * VECTOR; j++) e[j] = 0;
            exponentiate(vectors, e);
            k_sum_along(1, count, e, count, NULL, acc + r);
        }
}

static void k_overlap(int64_t n, const gr_real *a, const gr_real *b, double *sums) {
    double both = 0, sum_a = 0, sum_b = 0;
    _Pragma("omp simd reduction(+ : both, sum_a, sum_b)") for (int64_t i = 0; i < n; i++) {
        both += (double)a[i] * (double)b[i];
        sum_a += (double)a[i];
        sum_b += (double)b[i];
    }
    sums[0] += both;
    sums[1] += sum_a;
    sums[2] += sum_b;
}

static void k_add_partial(int64_t n, const double *partial, double *acc) {
    for (int64_t j = 0; j < n; j++) acc[j] += partial[j];
}

/* -- Extremes; a NaN wins -- */

/* Maxima of so many columns side by side, since compilers don't vectorise a maximum of floats. */
enum { LANES = 32 };

#define JOIN(better, a, b) ((((a)better(b)) | ((a) != (a))) ? (a) : (b))

#define EXTREME(name, better, start, value)                                                        \
    static inline gr_real name##_value(gr_real x) { return (value); }                              \
    static inline void name##_of_lanes(const gr_real *restrict x, gr_real *restrict best) {        \
        for (int l = 0; l < LANES; l++) {                                                          \
            gr_real v = name##_value(x[l]);                                                        \
            best[l] = JOIN(better, v, best[l]);                                                    \
        }                                                                                          \
    }                                                                                              \
    static void k_##name##_along(int64_t rows, int64_t n, const gr_real *xs, int64_t stride,       \
                                 const gr_real *m_of, double *acc) {                               \
        (void)m_of;                                                                                \
        for (int64_t r = 0; r < rows; r++, xs += stride) {                                         \
            if (n < LANES) {                                                                       \
                for (int64_t i = 0; i < n; i++) {                                                  \
                    double v = name##_value(xs[i]);                                                \
                    acc[r] = JOIN(better, v, acc[r]);                                              \
                }                                                                                  \
                continue;                                                                          \
            }                                                                                      \
            gr_real best[LANES];                                                                   \
            for (int l = 0; l < LANES; l++) best[l] = start;                                       \
            for (int64_t i = 0; i + LANES <= n; i += LANES) name##_of_lanes(xs + i, best);         \
            name##_of_lanes(xs + n - LANES, best); /* some for the second time */                  \
            for (int half = LANES / 2; half > 0; half /= 2)                                        \
                for (int l = 0; l < half; l++) best[l] = JOIN(better, best[l + half], best[l]);    \
            double v = best[0];                                                                    \
            acc[r] = JOIN(better, v, acc[r]);                                                      \
        }                                                                                          \
    }                                                                                              \
    static void k_##name##_across(int64_t rows, int64_t n, const gr_real *xs, int64_t stride,      \
                                  const gr_real *m_of, double *acc) {                              \
        (void)m_of;                                                                                \
        gr_real best[GR_REDUCE_TILE];                                                              \
        for (int64_t j = 0; j < n; j++) best[j] = start;                                           \
        for (int64_t r = 0; r < rows; r++, xs += stride) {                                         \
            _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {                                  \
                gr_real v = name##_value(xs[j]), before = best[j];                                 \
                best[j] = JOIN(better, v, before);                                                 \
            }                                                                                      \
        }                                                                                          \
        for (int64_t j = 0; j < n; j++) {                                                          \
            double v = best[j];                                                                    \
            acc[j] = JOIN(better, v, acc[j]);                                                      \
        }                                                                                          \
    }                                                                                              \
    static void k_##name##_partial(int64_t n, const double *partial, double *acc) {                \
        for (int64_t j = 0; j < n; j++) acc[j] = JOIN(better, partial[j], acc[j]);                 \
    }

EXTREME(max, >, -INFINITY, x)
EXTREME(min, <, INFINITY, x)
EXTREME(abs_max, >, -INFINITY, ABS(x))

/* -- Softmax -- */

enum { SHORT = 128, TILE = GR_REDUCE_TILE };

static gr_real row_maximum(int64_t n, const gr_real *x) {
    double m = -INFINITY;
    k_max_along(1, n, x, n, NULL, &m);
    return (gr_real)m;
}

static double row_sum(int64_t n, const gr_real *x) {
    double s = 0;
    k_sum_along(1, n, x, n, NULL, &s);
    return s;
}

/* e holds e^(x - m) and y x - m; y becomes the result. */
static void finish_row(int64_t n, const gr_real *e, gr_real *y, bool logarithm) {
    double s = row_sum(n, e);
    if (logarithm) {
        gr_real log_s = (gr_real)log(s);
        for (int64_t i = 0; i < n; i++) y[i] -= log_s;
    } else {
        gr_real factor = (gr_real)(1 / s);
        for (int64_t i = 0; i < n; i++) y[i] = e[i] * factor;
    }
}

/* Several short rows together, so that the exponential's vectors are full. */
static void short_rows(int64_t rows, int64_t n, const gr_real *x, gr_real *y, bool logarithm) {
    gr_real e[BLOCK];
    for (int64_t r = 0; r < rows; r++) {
        gr_real m = row_maximum(n, x + r * n);
        for (int64_t i = 0; i < n; i++) y[r * n + i] = x[r * n + i] - m;
    }
    for (int64_t i = 0; i < rows * n; i++) e[i] = EXP(y[i]);
    for (int64_t r = 0; r < rows; r++) finish_row(n, e + r * n, y + r * n, logarithm);
}

static void long_row(int64_t n, const gr_real *x, gr_real *y, bool logarithm) {
    gr_real m = row_maximum(n, x);
    double s = 0;
    if (logarithm) {
        _Pragma("omp simd reduction(+ : s)") for (int64_t i = 0; i < n; i++) s +=
            (double)EXP(x[i] - m);
        gr_real log_s = (gr_real)log(s);
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) - log_s;
    } else {
        _Pragma("omp simd reduction(+ : s)") for (int64_t i = 0; i < n; i++) {
            gr_real e = EXP(x[i] - m);
            y[i] = e;
            s += (double)e;
        }
        gr_real factor = (gr_real)(1 / s);
        for (int64_t i = 0; i < n; i++) y[i] *= factor;
    }
}

static void k_softmax_rows(int64_t rows, int64_t n, const gr_real *x, gr_real *y, bool logarithm) {
    if (n > SHORT) {
        for (int64_t r = 0; r < rows; r++) long_row(n, x + r * n, y + r * n, logarithm);
        return;
    }
    const int64_t step = n > 0 ? BLOCK / n : rows;
    for (int64_t r = 0; r < rows; r += step) {
        int64_t count = rows - r < step ? rows - r : step;
        short_rows(count, n, x + r * n, y + r * n, logarithm);
    }
}

static void k_softmax_columns(int64_t rows, int64_t n, const gr_real *x, gr_real *y, int64_t stride,
                              bool logarithm) {
    gr_real m[TILE], last[TILE];
    double s[TILE];
    for (int64_t j = 0; j < n; j++) m[j] = -INFINITY, s[j] = 0;
    for (int64_t r = 0; r < rows; r++) {
        const gr_real *row = x + r * stride;
        for (int64_t j = 0; j < n; j++) m[j] = row[j] > m[j] ? row[j] : m[j];
    }
    for (int64_t r = 0; r < rows; r++) {
        const gr_real *row = x + r * stride;
        gr_real *to = y + r * stride;
        _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
            gr_real e = EXP(row[j] - m[j]);
            s[j] += (double)e;
            to[j] = logarithm ? row[j] - m[j] : e;
        }
    }
    for (int64_t j = 0; j < n; j++) last[j] = (gr_real)(logarithm ? log(s[j]) : 1 / s[j]);
    for (int64_t r = 0; r < rows; r++) {
        gr_real *to = y + r * stride;
        if (logarithm)
            for (int64_t j = 0; j < n; j++) to[j] -= last[j];
        else
            for (int64_t j = 0; j < n; j++) to[j] *= last[j];
    }
}

/* -- Cross-entropy of classes --
 *
 * Rows stay in the first cache while their maxima, exponentials and gradients are computed, so that
 * memory is read once and written once. */

/* The maximum but for element c. */
static gr_real maximum_of_others(int64_t n, const gr_real *x, int32_t c) {
    double m = -INFINITY;
    k_max_along(1, c, x, c, NULL, &m);
    k_max_along(1, n - c - 1, x + c + 1, n - c - 1, NULL, &m);
    return (gr_real)m;
}

/* e = e^(x - m) with m for each row; the exponentials of several rows are computed as one's. */
static void shifted_exponentials(int64_t rows, int64_t n, const gr_real *x, const gr_real *m,
                                 gr_real *e) {
    if (rows == 1) {
        for (int64_t j = 0; j < n; j++) e[j] = exp_of_negative(x[j] - m[0]);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < n; j++) e[r * n + j] = x[r * n + j] - m[r];
    for (int64_t i = 0; i < rows * n; i++) e[i] = exp_of_negative(e[i]);
}

/* log(1 + e^odds), and its derivative. */
static double entropy_of_odds(double odds, double *slope) {
    double e = exp(-fabs(odds));
    *slope = (odds < 0 ? e : 1) / (1 + e);
    return (odds > 0 ? odds : 0) + log1p(e);
}

/* y holds e^(x - m) and becomes the gradient; lead = m - x[c]. */
static double finish_entropy(int64_t n, double lead, int32_t c, gr_real scale, gr_real *y) {
    double slope;
    y[c] = 0;
    const double s = sum_of(n, y), loss = entropy_of_odds(lead + log(s), &slope);
    const gr_real factor = (gr_real)((double)scale * slope / s);
    for (int64_t j = 0; j < n; j++) y[j] *= factor;
    y[c] = (gr_real)((double)-scale * slope);
    return loss;
}

/* At most BLOCK elements, or one row. */
static double entropy_block(int64_t rows, int64_t n, const gr_real *x, const int32_t *classes,
                            int32_t ignored, gr_real scale, gr_real *y) {
    gr_real m[BLOCK];
    double sum = 0;
    for (int64_t r = 0; r < rows; r++)
        m[r] = classes[r] == ignored ? -INFINITY : maximum_of_others(n, x + r * n, classes[r]);
    shifted_exponentials(rows, n, x, m, y);
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        const int32_t c = classes[r];
        if (m[r] != -INFINITY)
            sum += finish_entropy(n, (double)m[r] - (double)x[c], c, scale, y);
        else
            for (int64_t j = 0; j < n; j++) y[j] = 0;
    }
    return sum;
}

static double k_cross_entropy_rows(int64_t rows, int64_t n, const gr_real *x,
                                   const int32_t *classes, int32_t ignored, gr_real scale,
                                   gr_real *y) {
    const int64_t step = n > SHORT ? 1 : BLOCK / (n > 0 ? n : 1);
    double sum = 0;
    for (int64_t r = 0; r < rows; r += step) {
        const int64_t count = rows - r < step ? rows - r : step;
        sum += entropy_block(count, n, x + r * n, classes + r, ignored, scale, y + r * n);
    }
    return sum;
}

/* -- Running sums -- */

static void k_cumsum(int64_t rows, int64_t n, const gr_real *x, gr_real *y, int64_t stride) {
    double s[TILE], sum = 0;
    if (n == 1) {
        for (int64_t r = 0; r < rows; r++) y[r * stride] = (gr_real)(sum += (double)x[r * stride]);
        return;
    }
    for (int64_t j = 0; j < n; j++) s[j] = 0;
    for (int64_t r = 0; r < rows; r++, x += stride, y += stride)
        for (int64_t j = 0; j < n; j++) y[j] = (gr_real)(s[j] += (double)x[j]);
}

const gr_reduce_kernels GR_FOR_ISA(gr_reduce) = {
    .sum = {0, k_sum_along, k_sum_across, k_add_partial},
    .squares = {0, k_squares_along, k_squares_across, k_add_partial},
    .scaled_squares = {0, k_scaled_squares_along, k_scaled_squares_across, k_add_partial},
    .exponentials = {0, k_exponentials_along, k_exponentials_across, k_add_partial},
    .max = {-INFINITY, k_max_along, k_max_across, k_max_partial},
    .min = {INFINITY, k_min_along, k_min_across, k_min_partial},
    .abs_max = {-INFINITY, k_abs_max_along, k_abs_max_across, k_abs_max_partial},
    .overlap = k_overlap,
    .softmax_rows = k_softmax_rows,
    .softmax_columns = k_softmax_columns,
    .cross_entropy_rows = k_cross_entropy_rows,
    .cumsum = k_cumsum,
};
