/* Kernels over the differences of vectors.
 *
 * Where many are compared with many, those on one side lie side by side in the lanes of vectors
 * ("panels"): their sums need not be gathered from lanes, and vectors of 2 numbers fill them as well
 * as those of 200. A tile of sums stays in registers.
 */
#include <float.h>
#include <string.h>

#include "core/kernels/transpose.h"
#include "core/kernels/vector_math.h"

#ifdef GR_DOUBLE
#define MAX DBL_MAX
#define MIN DBL_MIN
#define EPSILON DBL_EPSILON
#else
#define MAX FLT_MAX
#define MIN FLT_MIN
#define EPSILON FLT_EPSILON
#endif

/* -- One vector and many -- */

/* Sums have so many partial sums, which the compiler keeps in vectors. */
enum { PARTS = 32 };

static gr_real squares(int64_t d, const gr_real *a, const gr_real *b) {
    gr_real sum[PARTS] = {0}, total = 0;
    int64_t k = 0;
    for (; k + PARTS <= d; k += PARTS)
        for (int i = 0; i < PARTS; i++) {
            gr_real diff = a[k + i] - b[k + i];
            sum[i] += diff * diff;
        }
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    for (; k < d; k++) {
        gr_real diff = a[k] - b[k];
        total += diff * diff;
    }
    return sum[0] + total;
}

static void k_squared(int64_t n, int64_t d, const gr_real *a, const gr_real *b, gr_real *y) {
    for (int64_t j = 0; j < n; j++) y[j] = squares(d, a, b + j * d);
}

/* The length of a - b where the sum of squares leaves the range of numbers or loses digits at its
 * lower end. */
static gr_real scaled_length(int64_t d, const gr_real *a, const gr_real *b) {
    gr_real most[PARTS] = {0}, largest = 0, sum = 0;
    int64_t k = 0;
    for (; k + PARTS <= d; k += PARTS)
        for (int i = 0; i < PARTS; i++) {
            gr_real size = GR_MATH(fabs)(a[k + i] - b[k + i]);
            most[i] = size > most[i] ? size : most[i];
        }
    for (int i = 0; i < PARTS; i++) largest = most[i] > largest ? most[i] : largest;
    for (; k < d; k++) {
        gr_real size = GR_MATH(fabs)(a[k] - b[k]);
        if (size > largest) largest = size;
    }
    if (largest == 0 || largest > MAX) return largest;
    for (k = 0; k < d; k++) {
        gr_real diff = (a[k] - b[k]) / largest;
        sum += diff * diff;
    }
    return largest * GR_MATH(sqrt)(sum);
}

static bool in_range(gr_real sum) { return ((sum > MIN / EPSILON) & (sum <= MAX)) | (sum != sum); }

static void k_root(int64_t n, int64_t d, const gr_real *a, const gr_real *b, gr_real *y) {
    int outside = 0;
    for (int64_t j = 0; j < n; j++) outside |= !in_range(y[j]);
    if (!outside)
        for (int64_t j = 0; j < n; j++) y[j] = GR_MATH(sqrt)(y[j]);
    else
        for (int64_t j = 0; j < n; j++)
            y[j] = in_range(y[j]) ? GR_MATH(sqrt)(y[j]) : scaled_length(d, a, b + j * d);
}

/* -- Many and many -- */

/* Vectors in a row of a panel; rows of a, or numbers of each vector, in a tile; and how many terms
 * are added up one after the other before they join the rest, so that long sums stay exact. */
enum { VECTORS = 2, WIDTH = VECTORS * LANES, TILE = 4, RUN = 32 };

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const gr_real *x) { return *(const loose_vec *)x; }

/* The first n of WIDTH numbers in vectors. */
INLINE void store(const vec *v, int64_t n, gr_real *y) {
    gr_real number[WIDTH];
    gr_real *to = n == WIDTH ? y : number;
    UNROLL for (int u = 0; u < VECTORS; u++) * (loose_vec *)(to + u * LANES) = v[u];
    for (int64_t j = 0; n < WIDTH && j < n; j++) y[j] = number[j];
}

typedef __typeof__((vec){0} < (vec){0}) bits;
#define SIGN_BIT ((bits) - (vec){0})

/* h d, or with `signs` h sign(d). (A number less (vec){0} is itself in every lane.) */
INLINE vec weighted(bool signs, vec h, vec d) {
    return signs ? (vec)(((bits)h ^ ((bits)d & SIGN_BIT)) & (d != (vec){0})) : h * d;
}

/* d^2, or with `signs` |d|. */
INLINE vec term(bool signs, vec d) { return signs ? (vec)((bits)d & ~SIGN_BIT) : d * d; }

/* Of `rows` rows of a and a panel of b: sum over k of d^2 (|d|), or where there are weights h of h d
 * (h sign(d)). Inlined where `rows` and `signs` are constants. */
INLINE void tile(const gr_panel *p, int rows, bool signs, const gr_real *h, const gr_real *a,
                 gr_real *y) {
    vec total[TILE][VECTORS];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int u = 0; u < VECTORS; u++) total[i][u] =
        (vec){0};
    for (int64_t begin = 0; begin < p->d; begin += RUN) {
        int64_t end = begin + RUN < p->d ? begin + RUN : p->d;
        vec sum[TILE][VECTORS];
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int u = 0; u < VECTORS; u++) sum[i][u] =
            (vec){0};
        for (int64_t k = begin; k < end; k++) UNROLL for (int u = 0; u < VECTORS; u++) {
                vec b = load(p->panel + k * WIDTH + u * LANES);
                UNROLL for (int i = 0; i < rows; i++) {
                    vec diff = a[i * p->d + k] - b;
                    sum[i][u] += h == NULL ? term(signs, diff)
                                           : weighted(signs, h[i * p->d + k] - (vec){0}, diff);
                }
            }
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int u = 0; u < VECTORS; u++)
            total[i][u] += sum[i][u];
    }
    UNROLL for (int i = 0; i < rows; i++) store(total[i], p->n, y + i * p->stride);
}

INLINE void tiles(const gr_panel *p, bool signs, int64_t m, const gr_real *h, const gr_real *a,
                  gr_real *y) {
    int64_t i = 0, d = p->d;
    if (h == NULL) {
        for (; i + TILE <= m; i += TILE) tile(p, TILE, signs, NULL, a + i * d, y + i * p->stride);
        for (; i < m; i++) tile(p, 1, signs, NULL, a + i * d, y + i * p->stride);
    } else {
        for (; i + TILE <= m; i += TILE)
            tile(p, TILE, signs, h + i * d, a + i * d, y + i * p->stride);
        for (; i < m; i++) tile(p, 1, signs, h + i * d, a + i * d, y + i * p->stride);
    }
}

static void k_panel(const gr_panel *p, bool signs, int64_t m, const gr_real *h, const gr_real *a,
                    gr_real *y) {
    if (signs)
        tiles(p, true, m, h, a, y);
    else
        tiles(p, false, m, h, a, y);
}

/* -- Sums of weighted differences -- */

/* Of `rows` rows of b and the numbers from k on, `vectors` vectors of them: sum over i of g_ij d, or
 * g_ij sign(d), for d = b_j - a_i. The last vector of a row goes on into the next one, whose sums
 * are not kept. */
INLINE void sum_tile(bool signs, int rows, int vectors, int64_t k, int64_t m, int64_t n, int64_t d,
                     const gr_real *g, const gr_real *a, const gr_real *b, gr_real *y) {
    int64_t width = vectors * LANES, count = d - k < width ? d - k : width;
    int64_t whole = m * d < k + width ? 0 : (m * d - k - width) / d + 1;
    vec own[TILE][VECTORS], sum[TILE][VECTORS];
    gr_real last[WIDTH] = {0};
    UNROLL for (int j = 0; j < rows; j++) {
        memcpy(last, b + j * d + k, (size_t)count * sizeof *last);
        UNROLL for (int u = 0; u < vectors; u++) {
            own[j][u] = load(last + u * LANES);
            sum[j][u] = (vec){0};
        }
    }
    for (int64_t i = 0; i < m; i++) {
        const gr_real *from = a + i * d + k;
        if (i >= whole) from = memcpy(last, from, (size_t)count * sizeof *last);
        UNROLL for (int u = 0; u < vectors; u++) {
            vec other = load(from + u * LANES);
            UNROLL for (int j = 0; j < rows; j++) sum[j][u] +=
                weighted(signs, g[i * n + j] - (vec){0}, own[j][u] - other);
        }
    }
    UNROLL for (int j = 0; j < rows; j++) {
        UNROLL for (int u = 0; u < vectors; u++) * (loose_vec *)(last + u * LANES) = sum[j][u];
        memcpy(y + j * d + k, last, (size_t)count * sizeof *last);
    }
}

INLINE void sums(bool signs, int64_t rows, int64_t m, int64_t n, int64_t d, const gr_real *g,
                 const gr_real *a, const gr_real *b, gr_real *y) {
    for (int64_t k = 0; k < d; k += WIDTH) {
        bool two = d - k > LANES;
        int64_t j = 0;
        for (; j + TILE <= rows; j += TILE)
            if (two)
                sum_tile(signs, TILE, 2, k, m, n, d, g + j, a, b + j * d, y + j * d);
            else
                sum_tile(signs, TILE, 1, k, m, n, d, g + j, a, b + j * d, y + j * d);
        for (; j < rows; j++)
            if (two)
                sum_tile(signs, 1, 2, k, m, n, d, g + j, a, b + j * d, y + j * d);
            else
                sum_tile(signs, 1, 1, k, m, n, d, g + j, a, b + j * d, y + j * d);
    }
}

static void k_sums(bool signs, int64_t rows, int64_t m, int64_t n, int64_t d, const gr_real *g,
                   const gr_real *a, const gr_real *b, gr_real *y) {
    if (signs)
        sums(true, rows, m, n, d, g, a, b, y);
    else
        sums(false, rows, m, n, d, g, a, b, y);
}

const gr_distance_kernels GR_FOR_ISA(gr_distance) = {
    .squared = k_squared,
    .width = WIDTH,
    .panel = k_panel,
    .root = k_root,
    .sums = k_sums,
};
