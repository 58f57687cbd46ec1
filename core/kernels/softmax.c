/* Kernels of the softmax, its gradient, and cross-entropies of classes.
 *
 * Rows stay in the first cache while their maxima, exponentials and results are computed, so that
 * memory is read once and written once. */
#include <float.h>
#include <string.h>

#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"
#include "core/kernels/transpose.h"

#ifdef GR_DOUBLE
#define LEAST (-DBL_MAX)
#else
#define LEAST (-FLT_MAX)
#endif

/* Rows of at most SHORT elements are computed together, as many as fit into a BLOCK, so that the
 * vectors of exponentials are full; longer ones in pieces. */
enum { SHORT = 128, BLOCK = 1024, PIECE = 256, TILE = GR_REDUCE_TILE, VECTOR = 16 };

/* Of numbers only: with a NaN among them their exponentials' sum will be one. Four maxima at a time
 * hide the latency of the comparison. */
static gr_real maximum(int64_t n, const gr_real *x) {
    const int64_t q = n / 64 * 16;
    const gr_real *x1 = x + q, *x2 = x + 2 * q, *x3 = x + 3 * q;
    gr_real m = -INFINITY, m1 = m, m2 = m, m3 = m;
    _Pragma("omp simd reduction(max : m, m1, m2, m3)") for (int64_t i = 0; i < q; i++) {
        m = x[i] > m ? x[i] : m;
        m1 = x1[i] > m1 ? x1[i] : m1;
        m2 = x2[i] > m2 ? x2[i] : m2;
        m3 = x3[i] > m3 ? x3[i] : m3;
    }
    _Pragma("omp simd reduction(max : m)") for (int64_t i = 4 * q; i < n; i++) m =
        x[i] > m ? x[i] : m;
    m = m1 > m ? m1 : m;
    m2 = m3 > m2 ? m3 : m2;
    m = m2 > m ? m2 : m;
    if (m > LEAST) return m;
    /* clang begins these loops with the least finite number, which the elements may be below. */
    m = -INFINITY;
    for (int64_t i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

/* What the next row needs comes into the first cache while exponentials are computed, which leaves
 * memory idle: `count` numbers to be read, and as many to be written. */
static void fetch(int64_t count, const gr_real *x, const gr_real *y) {
    const int64_t line = 64 / (int64_t)sizeof *x;
    for (int64_t i = 0; i < count; i += line) {
        __builtin_prefetch(x + i, 0);
        __builtin_prefetch(y + i, 1);
    }
}

/* e = e^(x - m) for a long row. The next one of x and of e, if any, begins where it ends. */
static void exponentials_of_row(int64_t n, const gr_real *x, gr_real m, bool is_last, gr_real *e) {
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t count = n - i < PIECE ? n - i : PIECE;
        if (!is_last) fetch(count, x + n + i, e + n + i);
        for (int64_t j = i; j < i + count; j++) e[j] = exp_of_negative(x[j] - m);
    }
}

/* The same for several short rows, in two steps. */
static void shift_row(int64_t n, const gr_real *x, gr_real m, gr_real *e) {
    for (int64_t j = 0; j < n; j++) e[j] = x[j] - m;
}
static void exponentials_of_shifted(int64_t n, gr_real *e) {
    for (int64_t i = 0; i < n; i++) e[i] = exp_of_negative(e[i]);
}

/* -- Softmax -- */

/* y holds e^(x - m). */
static void finish_row(int64_t n, const gr_real *x, gr_real m, gr_real *y, bool logarithm) {
    const double s = sum_of(n, y);
    if (logarithm) {
        const gr_real log_s = (gr_real)log(s);
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) - log_s;
    } else {
        const gr_real factor = (gr_real)(1 / s);
        for (int64_t i = 0; i < n; i++) y[i] *= factor;
    }
}

/* At most BLOCK elements. */
static void short_rows(int64_t rows, int64_t n, const gr_real *x, gr_real *y, bool logarithm) {
    gr_real m[BLOCK];
    for (int64_t r = 0; r < rows; r++) {
        m[r] = maximum(n, x + r * n);
        shift_row(n, x + r * n, m[r], y + r * n);
    }
    exponentials_of_shifted(rows * n, y);
    for (int64_t r = 0; r < rows; r++) finish_row(n, x + r * n, m[r], y + r * n, logarithm);
}

static void long_row(int64_t n, const gr_real *x, bool is_last, gr_real *y, bool logarithm) {
    const gr_real m = maximum(n, x);
    exponentials_of_row(n, x, m, is_last, y);
    finish_row(n, x, m, y, logarithm);
}

/* to = e^(x - m), which may be x, and is added to s. */
static void exponentiate_columns(int64_t n, const gr_real *x, const gr_real *m, gr_real *to,
                                 double *s) {
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) to[j] = exp_of_negative(x[j] - m[j]);
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) s[j] += (double)to[j];
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
    for (int64_t r = 0; r < rows * stride; r += stride) {
        exponentiate_columns(n, x + r, m, logarithm ? last : y + r, s);
        for (int64_t j = 0; logarithm && j < n; j++) y[r + j] = x[r + j] - m[j];
    }
    if (logarithm)
        for (int64_t j = 0; j < n; j++) s[j] = log(s[j]);
    else
        for (int64_t j = 0; j < n; j++) s[j] = 1 / s[j];
    for (int64_t j = 0; j < n; j++) last[j] = (gr_real)s[j];
    for (int64_t r = 0; r < rows; r++) {
        gr_real *to = y + r * stride;
        if (logarithm)
            for (int64_t j = 0; j < n; j++) to[j] -= last[j];
        else
            for (int64_t j = 0; j < n; j++) to[j] *= last[j];
    }
}

/* -- Narrow rows: they fill no vector, or few, and are turned to columns, a panel of them at a time --
 */

enum { NARROW = 32, PANEL = 16 * TILE };

static int64_t rows_of_panel(int64_t n) {
    return n * TILE <= PANEL ? TILE : PANEL / n / VECTOR * VECTOR;
}

static void narrow_rows(int64_t rows, int64_t n, const gr_real *x, gr_real *y, bool logarithm) {
    gr_real from[PANEL], to[PANEL];
    const int64_t most = rows_of_panel(n);
    for (int64_t r = 0; r < rows; r += most) {
        int64_t count = rows - r < most ? rows - r : most;
        transpose(count, n, x + r * n, n, from, most);
        k_softmax_columns(n, count, from, to, most, logarithm);
        transpose(n, count, to, most, y + r * n, n);
    }
}

static int64_t k_together(int64_t n) {
    return n <= NARROW ? rows_of_panel(n) : n <= SHORT ? BLOCK / n : 1;
}

static void k_softmax_rows(int64_t rows, int64_t n, const gr_real *x, gr_real *y, bool logarithm) {
    if (n <= NARROW) {
        narrow_rows(rows, n, x, y, logarithm);
        return;
    }
    if (n > SHORT) {
        for (int64_t r = 0; r < rows; r++)
            long_row(n, x + r * n, r == rows - 1, y + r * n, logarithm);
        return;
    }
    const int64_t step = k_together(n);
    for (int64_t r = 0; r < rows; r += step) {
        int64_t count = rows - r < step ? rows - r : step;
        short_rows(count, n, x + r * n, y + r * n, logarithm);
    }
}

/* -- Its gradient: y (grad - sum grad y), and of the logarithm grad - e^y sum grad -- */

static double product_sum(int64_t n, const gr_real *a, const gr_real *b) {
    double s = 0;
    _Pragma("omp simd reduction(+ : s)") for (int64_t i = 0; i < n; i++) s +=
        (double)a[i] * (double)b[i];
    return s;
}

static void k_softmax_columns_back(int64_t rows, int64_t n, const gr_real *grad, const gr_real *y,
                                   int64_t stride, bool logarithm, gr_real *to) {
    double s[TILE];
    gr_real sum[TILE];
    for (int64_t j = 0; j < n; j++) s[j] = 0;
    for (int64_t r = 0; r < rows * stride; r += stride)
        if (logarithm)
            for (int64_t j = 0; j < n; j++) s[j] += (double)grad[r + j];
        else
            for (int64_t j = 0; j < n; j++) s[j] += (double)grad[r + j] * (double)y[r + j];
    for (int64_t j = 0; j < n; j++) sum[j] = (gr_real)s[j];
    for (int64_t r = 0; r < rows * stride; r += stride)
        if (logarithm)
            for (int64_t j = 0; j < n; j++)
                to[r + j] = grad[r + j] - exp_of_negative(y[r + j]) * sum[j];
        else
            for (int64_t j = 0; j < n; j++) to[r + j] = y[r + j] * (grad[r + j] - sum[j]);
}

static void narrow_rows_back(int64_t rows, int64_t n, const gr_real *grad, const gr_real *y,
                             bool logarithm, gr_real *to) {
    gr_real grads[PANEL], ys[PANEL], tos[PANEL];
    const int64_t most = rows_of_panel(n);
    for (int64_t r = 0; r < rows; r += most) {
        int64_t count = rows - r < most ? rows - r : most;
        transpose(count, n, grad + r * n, n, grads, most);
        transpose(count, n, y + r * n, n, ys, most);
        k_softmax_columns_back(n, count, grads, ys, most, logarithm, tos);
        transpose(n, count, tos, most, to + r * n, n);
    }
}

static void k_softmax_rows_back(int64_t rows, int64_t n, const gr_real *grad, const gr_real *y,
                                bool logarithm, gr_real *to) {
    if (n <= NARROW) {
        narrow_rows_back(rows, n, grad, y, logarithm, to);
        return;
    }
    for (int64_t r = 0; r < rows; r++, grad += n, y += n, to += n)
        if (logarithm) {
            const gr_real sum = (gr_real)sum_of(n, grad);
            for (int64_t i = 0; i < n; i++) to[i] = grad[i] - exp_of_negative(y[i]) * sum;
        } else {
            const gr_real mean = (gr_real)product_sum(n, grad, y);
            for (int64_t i = 0; i < n; i++) to[i] = y[i] * (grad[i] - mean);
        }
}

/* -- Cross-entropy of classes -- */

/* The maximum but for element c; -infinity if there is no other, or c is ignored. */
static gr_real maximum_of_others(int64_t n, const gr_real *x, int32_t c, int32_t ignored) {
    if (c == ignored) return -INFINITY;
    const gr_real before = maximum(c, x), behind = maximum(n - c - 1, x + c + 1);
    const gr_real m = before > behind ? before : behind;
    /* Others that are not numbers, which `maximum` passes over, are not none. */
    for (int64_t j = 0; m == -INFINITY && j < n; j++)
        if (j != c && isnan(x[j])) return NAN;
    return m;
}

/* log(1 + e^odds), and its derivative. */
static double entropy_of_odds(double odds, double *slope) {
    double e = exp(-fabs(odds));
    *slope = (odds < 0 ? e : 1) / (1 + e);
    return (odds > 0 ? odds : 0) + log1p(e);
}

/* y holds e^(x - m) and becomes scale times the gradient of the result log(1 + sum e^(x - own)),
 * *to_own that by own. lead = m - own. */
static double finish_entropy(int64_t n, double lead, gr_real scale, gr_real *y, gr_real *to_own) {
    double slope;
    const double s = sum_of(n, y), loss = entropy_of_odds(lead + log(s), &slope);
    const gr_real factor = (gr_real)((double)scale * slope / s);
    for (int64_t j = 0; j < n; j++) y[j] *= factor;
    *to_own = (gr_real)((double)-scale * slope);
    return loss;
}

/* The same of row x, which has its own class c among the others. Nothing if it has no others, for
 * m, their maximum, is -infinity then. */
static double finish_class(int64_t n, const gr_real *x, gr_real m, int32_t c, gr_real scale,
                           gr_real *y) {
    gr_real to_own;
    if (m == -INFINITY) {
        for (int64_t j = 0; j < n; j++) y[j] = 0;
        return 0;
    }
    y[c] = 0;
    const double loss = finish_entropy(n, (double)m - (double)x[c], scale, y, &to_own);
    y[c] = to_own;
    return loss;
}

static double long_entropy(int64_t n, const gr_real *x, bool is_last, int32_t c, int32_t ignored,
                           gr_real scale, gr_real *y) {
    const gr_real m = maximum_of_others(n, x, c, ignored);
    exponentials_of_row(n, x, m, is_last, y);
    return finish_class(n, x, m, c, scale, y);
}

/* -- Cross-entropies of columns -- */

/* Of row r: the others' logits go to y and into their maximum m, -infinity stands for columns' own
 * ones, which go to own, and for columns that are ignored. A NaN stays. */
static void separate_own(int64_t n, const gr_real *x, int32_t r, const int32_t *classes,
                         int32_t ignored, gr_real *y, gr_real *m, gr_real *own) {
    _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
        const bool is_own = classes[j] == r, hidden = is_own | (classes[j] == ignored);
        const gr_real v = either(hidden, -INFINITY, x[j]), before = m[j];
        y[j] = v;
        m[j] = either((v > before) | (v != v), v, before);
        own[j] = either(is_own, x[j], own[j]);
    }
}

/* The sum of the columns' losses, the factors of their exponentials and the derivatives by their own
 * logits. */
static double finish_columns(int64_t n, const gr_real *m, const gr_real *own, const double *s,
                             gr_real scale, gr_real *factor, gr_real *to_own) {
    gr_real e[TILE], loss[TILE];
    double odds[TILE], sum = 0;
    for (int64_t j = 0; j < n; j++) odds[j] = (double)m[j] - (double)own[j] + log(s[j]);
    for (int64_t j = 0; j < n; j++) e[j] = (gr_real)exp(-fabs(odds[j]));
    for (int64_t j = 0; j < n; j++) {
        const bool likely = (gr_real)odds[j] < 0;
        const gr_real slope = scale * (either(likely, e[j], 1) * inverse_of_1_to_2(1 + e[j]));
        loss[j] = log1p_of_unit(e[j]);
        to_own[j] = -slope;
        factor[j] = slope / (gr_real)s[j];
    }
    _Pragma("omp simd reduction(+ : sum)") for (int64_t j = 0; j < n; j++) sum +=
        (odds[j] > 0 ? odds[j] : 0) + (double)loss[j];
    return sum;
}

static double k_cross_entropy_columns(int64_t rows, int64_t n, const gr_real *x, int64_t stride,
                                      const int32_t *classes, int32_t ignored, gr_real scale,
                                      gr_real *y) {
    gr_real m[TILE], own[TILE], factor[TILE], to_own[TILE];
    double s[TILE];
    for (int64_t j = 0; j < n; j++) m[j] = -INFINITY, own[j] = 0;
    for (int64_t r = 0; r < rows; r++)
        separate_own(n, x + r * stride, (int32_t)r, classes, ignored, y + r * stride, m, own);
    /* Without others the loss is 0, as for an own logit far above them. */
    for (int64_t j = 0; j < n; j++) {
        const bool none = m[j] == -INFINITY;
        m[j] = none ? 0 : m[j];
        own[j] = none ? INFINITY : own[j];
        s[j] = none ? 1 : 0;
    }
    for (int64_t r = 0; r < rows * stride; r += stride) exponentiate_columns(n, y + r, m, y + r, s);
    const double sum = finish_columns(n, m, own, s, scale, factor, to_own);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < n; j++) {
            const gr_real v = y[r * stride + j] * factor[j];
            y[r * stride + j] = either(classes[j] == (int32_t)r, to_own[j], v);
        }
    return sum;
}

static double narrow_entropies(int64_t rows, int64_t n, const gr_real *x, const int32_t *classes,
                               int32_t ignored, gr_real scale, gr_real *y) {
    gr_real from[PANEL], to[PANEL];
    const int64_t most = rows_of_panel(n);
    double sum = 0;
    for (int64_t r = 0; r < rows; r += most) {
        int64_t count = rows - r < most ? rows - r : most;
        transpose(count, n, x + r * n, n, from, most);
        sum += k_cross_entropy_columns(n, count, from, most, classes + r, ignored, scale, to);
        transpose(n, count, to, most, y + r * n, n);
    }
    return sum;
}

static double k_cross_entropy_rows(int64_t rows, int64_t n, const gr_real *x,
                                   const int32_t *classes, int32_t ignored, gr_real scale,
                                   gr_real *y) {
    double sum = 0;
    if (n <= SHORT) return narrow_entropies(rows, n, x, classes, ignored, scale, y);
    for (int64_t r = 0; r < rows; r++)
        sum += long_entropy(n, x + r * n, r == rows - 1, classes[r], ignored, scale, y + r * n);
    return sum;
}

const gr_softmax_kernels GR_FOR_ISA(gr_softmax) = {
    .together = k_together,
    .rows = k_softmax_rows,
    .columns = k_softmax_columns,
    .rows_back = k_softmax_rows_back,
    .columns_back = k_softmax_columns_back,
    .cross_entropy_rows = k_cross_entropy_rows,
    .cross_entropy_columns = k_cross_entropy_columns,
};
