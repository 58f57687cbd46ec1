/* Kernels that fold many elements into one, and running sums.
 *
 * A fold keeps its state in double, also where the elements are floats: sums of any length keep
 * their digits and neither squares nor partial sums overflow. */
#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"
#include "core/kernels/transpose.h"

#include <stddef.h>

#define EXP GR_MATH(exp)
#define ABS GR_MATH(fabs)

#define NONE(k) 0
#define OWN(k) m_of[k]

/* -- Sums of value(x, m) -- */

/* Four sums at a time hide the latency of the addition: those of four rows, or of the quarters of a
 * long one. Few elements are added one by one: vectors would cost more than they save. */
enum { FEW = 16, LONG = 1024 };

/* Asks for rows r + 4 to r + 7, if there are so many: in the time of four short rows memory answers
 * once, and the processor by itself does not look so far ahead. */
static inline void fetch_next(int64_t r, int64_t rows, int64_t n, const gr_real *x,
                              int64_t stride) {
    enum { LINE = 64 / sizeof(gr_real) };
    for (int64_t k = 4; k < 8 && r + 8 <= rows; k++)
        for (int64_t i = 0; i < n; i += LINE) __builtin_prefetch(x + k * stride + i);
}

/* Rows of at most NARROW elements are turned to columns, which are folded across, TOGETHER at a
 * time: by themselves they would fill no vector. */
enum { NARROW = 64, TOGETHER = 64, LEAST_TOGETHER = 8 };

/* Few rows would fill no vector across either. */
static inline bool is_narrow(int64_t rows, int64_t n) {
    return n <= NARROW && rows >= LEAST_TOGETHER;
}

static void fold_narrow(gr_fold_kernel *across, int64_t rows, int64_t n, const gr_real *x,
                        int64_t stride, const gr_real *m_of, double *acc) {
    gr_real columns[NARROW * TOGETHER];
    for (int64_t r = 0; r < rows; r += TOGETHER) {
        const int64_t count = rows - r < TOGETHER ? rows - r : TOGETHER;
        transpose(count, n, x + r * stride, stride, columns, TOGETHER);
        across(n, count, columns, TOGETHER, m_of == NULL ? NULL : m_of + r, acc + r);
    }
}

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
            fetch_next(r, rows, n, x, stride);                                                     \
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
            fetch_next(r, rows, n, x, stride);                                                     \
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
    if (is_narrow(rows, n)) {
        fold_narrow(k_exponentials_across, rows, n, x, stride, m_of, acc);
        return;
    }
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
enum { COLUMNS = 32 };

#define JOIN(better, a, b) ((((a)better(b)) | ((a) != (a))) ? (a) : (b))

#define EXTREME(name, better, start, value)                                                        \
    static inline gr_real name##_value(gr_real x) { return (value); }                              \
    static inline void name##_of_lanes(const gr_real *restrict x, gr_real *restrict best) {        \
        for (int l = 0; l < COLUMNS; l++) {                                                        \
            gr_real v = name##_value(x[l]);                                                        \
            best[l] = JOIN(better, v, best[l]);                                                    \
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
    static void k_##name##_along(int64_t rows, int64_t n, const gr_real *xs, int64_t stride,       \
                                 const gr_real *m_of, double *acc) {                               \
        if (is_narrow(rows, n)) {                                                                  \
            fold_narrow(k_##name##_across, rows, n, xs, stride, m_of, acc);                        \
            return;                                                                                \
        }                                                                                          \
        for (int64_t r = 0; r < rows; r++, xs += stride) {                                         \
            if (n < COLUMNS) {                                                                     \
                for (int64_t i = 0; i < n; i++) {                                                  \
                    double v = name##_value(xs[i]);                                                \
                    acc[r] = JOIN(better, v, acc[r]);                                              \
                }                                                                                  \
                continue;                                                                          \
            }                                                                                      \
            gr_real best[COLUMNS];                                                                 \
            for (int l = 0; l < COLUMNS; l++) best[l] = start;                                     \
            for (int64_t i = 0; i + COLUMNS <= n; i += COLUMNS) name##_of_lanes(xs + i, best);     \
            name##_of_lanes(xs + n - COLUMNS, best); /* some for the second time */                \
            for (int half = COLUMNS / 2; half > 0; half /= 2)                                      \
                for (int l = 0; l < half; l++) best[l] = JOIN(better, best[l + half], best[l]);    \
            double v = best[0];                                                                    \
            acc[r] = JOIN(better, v, acc[r]);                                                      \
        }                                                                                          \
    }                                                                                              \
    static void k_##name##_partial(int64_t n, const double *partial, double *acc) {                \
        for (int64_t j = 0; j < n; j++) acc[j] = JOIN(better, partial[j], acc[j]);                 \
    }

EXTREME(max, >, -INFINITY, x)
EXTREME(min, <, INFINITY, x)
EXTREME(abs_max, >, -INFINITY, ABS(x))

/* -- Running sums -- */

static void k_cumsum(int64_t rows, int64_t n, const gr_real *x, gr_real *y, int64_t stride) {
    double s[GR_REDUCE_TILE], sum = 0;
    if (n == 1) {
        for (int64_t r = 0; r < rows; r++) y[r * stride] = (gr_real)(sum += (double)x[r * stride]);
        return;
    }
    for (int64_t j = 0; j < n; j++) s[j] = 0;
    for (int64_t r = 0; r < rows; r++, x += stride, y += stride)
        for (int64_t j = 0; j < n; j++) y[j] = (gr_real)(s[j] += (double)x[j]);
}

/* For doubles one by one: the vector form is up to 4 units in the last place off. */
#ifdef GR_DOUBLE
static __attribute__((noinline)) double logarithm(double x) { return log(x); }
#else
static inline double logarithm(double x) { return log(x); }
#endif

static void k_add_logarithm(int64_t n, const double *acc, double unused, gr_real *y) {
    (void)unused;
    for (int64_t j = 0; j < n; j++) y[j] = (gr_real)((double)y[j] + logarithm(acc[j]));
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
    .cumsum = k_cumsum,
    .add_logarithm = k_add_logarithm,
};
