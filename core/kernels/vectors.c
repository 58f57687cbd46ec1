/* Kernels on one vector, or one of each of two, of n elements. Sums are kept in double. */
#include "core/kernels/kernels.h"

static void k_products(int64_t n, const gr_real *a, const gr_real *b, double *sums) {
    double ab = 0, aa = 0, bb = 0;
    _Pragma("omp simd reduction(+ : ab, aa, bb)") for (int64_t i = 0; i < n; i++) {
        const double x = (double)a[i], y = (double)b[i];
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    sums[0] = ab;
    sums[1] = aa;
    sums[2] = bb;
}

static void k_combination(int64_t n, gr_real p, const gr_real *a, gr_real q, const gr_real *b,
                          gr_real *y) {
    for (int64_t i = 0; i < n; i++) y[i] = p * a[i] + q * b[i];
}

static double k_squares(int64_t n, const gr_real *a, const gr_real *b, gr_real shift) {
    double s0 = 0, s1 = 0;
    const int64_t half = n / 2;
    const gr_real *a1 = a + half, *b1 = b + half;
    _Pragma("omp simd reduction(+ : s0, s1)") for (int64_t i = 0; i < half; i++) {
        const double d0 = (double)(a[i] - b[i] + shift), d1 = (double)(a1[i] - b1[i] + shift);
        s0 += d0 * d0;
        s1 += d1 * d1;
    }
    for (int64_t i = 2 * half; i < n; i++) {
        const double d = (double)(a[i] - b[i] + shift);
        s0 += d * d;
    }
    return s0 + s1;
}

static void k_length_slope(int64_t n, gr_length_slope slope, const gr_real *a, const gr_real *b,
                           gr_real shift, bool more, gr_real *y) {
    const gr_real p = slope.p, q = slope.q, length = slope.length;
    if (more)
        for (int64_t i = 0; i < n; i++) {
            const gr_real d = a[i] - b[i] + shift;
            y[i] += p * d + q * (d / length);
        }
    else
        for (int64_t i = 0; i < n; i++) {
            const gr_real d = a[i] - b[i] + shift;
            y[i] = p * d + q * (d / length);
        }
}

const gr_vector_kernels GR_FOR_ISA(gr_vector) = {
    .products = k_products,
    .combination = k_combination,
    .squares = k_squares,
    .length_slope = k_length_slope,
};
