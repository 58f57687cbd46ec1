/* Kernels of normalisation: moments of numbers, the normalised numbers, and what flows back through
 * them. The formulas are in core/ops/normalize.c.
 *
 * A mean of floats is held as two, mean + rest, so that x - mean keeps its digits where the mean is
 * much larger than the deviation. */
#include "core/kernels/kernels.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* -- Moments -- */

/* Numbers that are added up about one shift, their first. With n of them the cancellation in
 * squares - sum^2 / n loses at most a factor n of the precision of doubles, since
 * (x_0 - mean)^2 <= n variance. */
enum { PIECE = 1 << 14, COLUMNS = GR_REDUCE_TILE };

/* Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983, eq. 2.1. */
static void join(gr_moments *m, double count, double mean, double squares) {
    if (m->count == 0) {
        *m = (gr_moments){count, mean, squares};
        return;
    }
    double total = m->count + count, delta = mean - m->mean, part = count / total;
    m->mean += delta * part;
    m->squares += squares + delta * delta * (m->count * part);
    m->count = total;
}

static void k_join(int64_t n, const gr_moments *from, gr_moments *to) {
    for (int64_t i = 0; i < n; i++) join(&to[i], from[i].count, from[i].mean, from[i].squares);
}

static void join_sums(gr_moments *m, double count, double shift, double sum, double squares) {
    double own = squares - sum * (sum / count);
    join(m, count, shift + sum / count, own < 0 ? 0 : own);
}

static void add_piece(int64_t rows, int64_t n, const gr_real *x, int64_t stride, gr_moments *m) {
    const double shift = (double)x[0];
    double sum = 0, squares = 0;
    for (int64_t r = 0; r < rows; r++, x += stride) {
        _Pragma("omp simd reduction(+ : sum, squares)") for (int64_t i = 0; i < n; i++) {
            double d = (double)x[i] - shift;
            sum += d;
            squares += d * d;
        }
    }
    join_sums(m, (double)rows * (double)n, shift, sum, squares);
}

static void k_moments(int64_t rows, int64_t n, const gr_real *x, int64_t stride, gr_moments *m) {
    const int64_t together = n < PIECE ? PIECE / n : 1;
    for (int64_t r = 0; r < rows; r += together) {
        int64_t count = rows - r < together ? rows - r : together;
        for (int64_t i = 0; i < n; i += PIECE)
            add_piece(count, n - i < PIECE ? n - i : PIECE, x + r * stride + i, stride, m);
    }
}

static void k_row_moments(int64_t rows, int64_t n, const gr_real *x, int64_t stride,
                          gr_moments *m) {
    for (int64_t r = 0; r < rows; r++) k_moments(1, n, x + r * stride, stride, &m[r]);
}

/* Four rows at a time, so that the sums are loaded and stored less often. */
static void add_rows(int64_t rows, int64_t n, const gr_real *x, int64_t stride, gr_moments *m) {
    double shift[COLUMNS], sum[COLUMNS], squares[COLUMNS];
    const int64_t count = rows;
    for (int64_t j = 0; j < n; j++) shift[j] = (double)x[j], sum[j] = 0, squares[j] = 0;
    for (; rows >= 4; rows -= 4, x += 4 * stride) {
        const gr_real *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
        _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
            double a = (double)x[j] - shift[j], b = (double)x1[j] - shift[j];
            double c = (double)x2[j] - shift[j], d = (double)x3[j] - shift[j];
            sum[j] += (a + b) + (c + d);
            squares[j] += (a * a + b * b) + (c * c + d * d);
        }
    }
    for (; rows > 0; rows--, x += stride) {
        _Pragma("omp simd") for (int64_t j = 0; j < n; j++) {
            double d = (double)x[j] - shift[j];
            sum[j] += d;
            squares[j] += d * d;
        }
    }
    for (int64_t j = 0; j < n; j++) join_sums(&m[j], (double)count, shift[j], sum[j], squares[j]);
}

static void k_column_moments(int64_t rows, int64_t n, const gr_real *x, int64_t stride,
                             gr_moments *m) {
    for (int64_t r = 0; r < rows; r += PIECE)
        add_rows(rows - r < PIECE ? rows - r : PIECE, n, x + r * stride, stride, m);
}

/* -- The normalised numbers -- */

/* Whether statistics and weights are by column is known where this is used, which leaves one loop
 * without a condition. */
ALWAYS_INLINE void apply(const gr_normalize_rows *p, bool columns, bool weights) {
    const gr_real *mean = p->mean, *rest = p->rest, *rstd = p->rstd;
    const gr_real *weight = p->weight, *bias = p->bias;
    const gr_real weight_0 = *weight, bias_0 = *bias;
    for (int64_t r = 0; r < p->rows; r++) {
        const gr_real *x = p->x + r * p->stride;
        gr_real *to = p->to + r * p->stride;
        const int64_t t = r * p->statistics_step;
        const gr_real mean_r = mean[t], rest_r = rest[t], rstd_r = rstd[t];
        _Pragma("omp simd") for (int64_t i = 0; i < p->n; i++) {
            gr_real d = columns ? (x[i] - mean[i]) - rest[i] : (x[i] - mean_r) - rest_r;
            gr_real standard = d * (columns ? rstd[i] : rstd_r);
            to[i] = standard * (weights ? weight[i] : weight_0) + (weights ? bias[i] : bias_0);
        }
    }
}

static void k_apply(const gr_normalize_rows *p) { apply(p, false, false); }
static void k_apply_weights(const gr_normalize_rows *p) { apply(p, false, true); }
static void k_apply_columns(const gr_normalize_rows *p) { apply(p, true, false); }
static void k_apply_both(const gr_normalize_rows *p) { apply(p, true, true); }

/* -- Backward -- */

ALWAYS_INLINE void add_sums(const gr_normalize_rows *p, bool weights, double *grads,
                            double *products, int64_t step) {
    const gr_real *weight = p->weight;
    for (int64_t r = 0; r < p->rows; r++) {
        const gr_real *x = p->x + r * p->stride, *grad = p->grad + r * p->stride;
        const int64_t t = r * p->statistics_step;
        const gr_real mean = p->mean[t], rest = p->rest[t], rstd = p->rstd[t];
        double of_grad = 0, of_product = 0;
        _Pragma("omp simd reduction(+ : of_grad, of_product)") for (int64_t i = 0; i < p->n; i++) {
            gr_real standard = ((x[i] - mean) - rest) * rstd;
            double g = (double)(weights ? grad[i] * weight[i] : grad[i]);
            of_grad += g;
            of_product += g * (double)standard;
        }
        grads[r * step] += of_grad;
        products[r * step] += of_product;
    }
}

static void k_sums(const gr_normalize_rows *p, double *grads, double *products, int64_t step) {
    add_sums(p, false, grads, products, step);
}
static void k_weighted_sums(const gr_normalize_rows *p, double *grads, double *products,
                            int64_t step) {
    add_sums(p, true, grads, products, step);
}

ALWAYS_INLINE void add_column_sums(const gr_normalize_rows *p, bool columns, double *grads,
                                   double *products) {
    enum { ROWS = 4 };
    int64_t r = 0;
    for (; r + ROWS <= p->rows; r += ROWS) {
        const gr_real *x = p->x + r * p->stride, *g = p->grad + r * p->stride;
        const int64_t s = p->stride, t = p->statistics_step;
        gr_real mean[ROWS], rest[ROWS], rstd[ROWS];
        for (int64_t k = 0; k < ROWS; k++) {
            mean[k] = p->mean[(r + k) * t];
            rest[k] = p->rest[(r + k) * t];
            rstd[k] = p->rstd[(r + k) * t];
        }
#define STANDARD(k)                                                                                \
    (columns ? ((x[i + (k)*s] - p->mean[i]) - p->rest[i]) * p->rstd[i]                             \
             : ((x[i + (k)*s] - mean[k]) - rest[k]) * rstd[k])
        _Pragma("omp simd") for (int64_t i = 0; i < p->n; i++) {
            gr_real g0 = g[i], g1 = g[i + s], g2 = g[i + 2 * s], g3 = g[i + 3 * s];
            grads[i] += (double)((g0 + g1) + (g2 + g3));
            products[i] += (double)((g0 * STANDARD(0) + g1 * STANDARD(1)) +
                                    (g2 * STANDARD(2) + g3 * STANDARD(3)));
        }
    }
    for (; r < p->rows; r++) {
        const gr_real *x = p->x + r * p->stride, *g = p->grad + r * p->stride;
        const int64_t s = p->stride, t = r * p->statistics_step;
        const gr_real mean[1] = {p->mean[t]}, rest[1] = {p->rest[t]}, rstd[1] = {p->rstd[t]};
        _Pragma("omp simd") for (int64_t i = 0; i < p->n; i++) {
            grads[i] += (double)g[i];
            products[i] += (double)(g[i] * STANDARD(0));
        }
#undef STANDARD
    }
}

static void k_column_sums(const gr_normalize_rows *p, double *grads, double *products) {
    add_column_sums(p, true, grads, products);
}
static void k_column_sums_of_rows(const gr_normalize_rows *p, double *grads, double *products) {
    add_column_sums(p, false, grads, products);
}

ALWAYS_INLINE void to_x(const gr_normalize_rows *p, bool columns, bool weights) {
    const gr_real *mean = p->mean, *rest = p->rest, *rstd = p->rstd, *weight = p->weight;
    const gr_real *grad_mean = p->grad_mean, *product_mean = p->product_mean;
    const gr_real weight_0 = *weight;
    for (int64_t r = 0; r < p->rows; r++) {
        const gr_real *x = p->x + r * p->stride, *grad = p->grad + r * p->stride;
        gr_real *to = p->to + r * p->stride;
        const int64_t t = r * p->statistics_step, m = r * p->means_step;
        const gr_real mean_r = mean[t], rest_r = rest[t], rstd_r = rstd[t];
        const gr_real grad_mean_r = grad_mean[m], product_mean_r = product_mean[m];
        _Pragma("omp simd") for (int64_t i = 0; i < p->n; i++) {
            gr_real d = columns ? (x[i] - mean[i]) - rest[i] : (x[i] - mean_r) - rest_r;
            gr_real scale = columns ? rstd[i] : rstd_r;
            gr_real g = grad[i] * (weights ? weight[i] : weight_0);
            to[i] = scale * ((g - (columns ? grad_mean[i] : grad_mean_r)) -
                             d * scale * (columns ? product_mean[i] : product_mean_r));
        }
    }
}

static void k_to_x(const gr_normalize_rows *p) { to_x(p, false, false); }
static void k_to_x_weights(const gr_normalize_rows *p) { to_x(p, false, true); }
static void k_to_x_columns(const gr_normalize_rows *p) { to_x(p, true, false); }
static void k_to_x_both(const gr_normalize_rows *p) { to_x(p, true, true); }

const gr_normalize_kernels GR_FOR_ISA(gr_normalize) = {
    .moments = k_moments,
    .row_moments = k_row_moments,
    .column_moments = k_column_moments,
    .join = k_join,
    .apply = {{k_apply, k_apply_weights}, {k_apply_columns, k_apply_both}},
    .to_x = {{k_to_x, k_to_x_weights}, {k_to_x_columns, k_to_x_both}},
    .sums = k_sums,
    .weighted_sums = k_weighted_sums,
    .column_sums = {k_column_sums_of_rows, k_column_sums},
};
