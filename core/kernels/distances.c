/* Kernels over the differences of one vector a and each row of b (n,d). */
#include <float.h>

#include "core/kernels/kernels.h"
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

/* Sums have so many partial sums, which the compiler keeps in vectors. */
enum { LANES = 32 };

/* Defines the sum over k < d of `term`, where `diff` is a[k] - b[k]. */
#define SUM(name, term)                                                                            \
    static gr_real name(int64_t d, const gr_real *a, const gr_real *b, const gr_real *h) {         \
        gr_real sum[LANES] = {0}, total = 0;                                                       \
        int64_t k = 0;                                                                             \
        (void)h;                                                                                   \
        for (; k + LANES <= d; k += LANES)                                                         \
            for (int i = 0; i < LANES; i++) {                                                      \
                gr_real diff = a[k + i] - b[k + i], weight = h[k + i];                             \
                (void)weight;                                                                      \
                sum[i] += (term);                                                                  \
            }                                                                                      \
        for (int half = LANES / 2; half > 0; half /= 2)                                            \
            for (int i = 0; i < half; i++) sum[i] += sum[i + half];                                \
        for (; k < d; k++) {                                                                       \
            gr_real diff = a[k] - b[k], weight = h[k];                                             \
            (void)weight;                                                                          \
            total += (term);                                                                       \
        }                                                                                          \
        return sum[0] + total;                                                                     \
    }

SUM(squares, diff *diff)
SUM(weighted, weight *diff)

static void k_squared(int64_t n, int64_t d, const gr_real *a, const gr_real *b, gr_real *y) {
    for (int64_t j = 0; j < n; j++) y[j] = squares(d, a, b + j * d, a);
}

/* The length of a - b where the sum of squares leaves the range of numbers or loses digits at its
 * lower end. */
static gr_real scaled_length(int64_t d, const gr_real *a, const gr_real *b) {
    gr_real largest = 0, sum = 0;
    for (int64_t k = 0; k < d; k++) {
        gr_real size = GR_MATH(fabs)(a[k] - b[k]);
        if (size > largest) largest = size;
    }
    if (largest == 0 || largest > MAX) return largest;
    for (int64_t k = 0; k < d; k++) {
        gr_real diff = (a[k] - b[k]) / largest;
        sum += diff * diff;
    }
    return largest * GR_MATH(sqrt)(sum);
}

static void k_euclidean(int64_t n, int64_t d, const gr_real *a, const gr_real *b, gr_real *y) {
    for (int64_t j = 0; j < n; j++) {
        gr_real sum = squares(d, a, b + j * d, a);
        bool in_range = (sum > MIN / EPSILON && sum <= MAX) || sum != sum;
        y[j] = in_range ? GR_MATH(sqrt)(sum) : scaled_length(d, a, b + j * d);
    }
}

static void k_weighted_products(int64_t n, int64_t d, const gr_real *h, const gr_real *a,
                                const gr_real *b, gr_real *y) {
    for (int64_t j = 0; j < n; j++) y[j] = weighted(d, a, b + j * d, h);
}

static void k_weighted_sum(int64_t n, int64_t d, const gr_real *g, const gr_real *a,
                           const gr_real *b, gr_real *y) {
    for (int64_t k = 0; k < d; k++) y[k] = 0;
    for (int64_t j = 0; j < n; j++)
        for (int64_t k = 0; k < d; k++) y[k] += g[j] * (a[k] - b[j * d + k]);
}

const gr_distance_kernels GR_FOR_ISA(gr_distance) = {
    .squared = k_squared,
    .euclidean = k_euclidean,
    .weighted_products = k_weighted_products,
    .weighted_sum = k_weighted_sum,
};
