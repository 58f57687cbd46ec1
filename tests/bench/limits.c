#include "tests/bench/limits.h"
#include "tests/bench/bench.h"
#include "tests/bench/peak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- What all threads do at once -- */

typedef struct kernels {
    double (*peak)(long rounds, gr_real *sink);
    void (*triad)(long n, gr_real *a, const gr_real *b, const gr_real *c);
} kernels;

static kernels kernels_for(const char *isa) {
    (void)isa;
#ifdef __x86_64__
    if (strcmp(isa, "avx512") == 0) return (kernels){peak_avx512, triad_avx512};
    if (strcmp(isa, "avx2") == 0) return (kernels){peak_avx2, triad_avx2};
#endif
    return (kernels){peak_base, triad_base};
}

/* Operations a second. */
static double peak_once(kernels k, int threads) {
    double operations = 0, begin = now();
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : operations)
#endif
    for (int t = 0; t < threads; t++) {
        gr_real sink = (gr_real)0.001;
        volatile gr_real result;
        operations += k.peak(500000, &sink);
        result = sink;
        (void)result;
    }
    return operations / (now() - begin) * 1e6;
}

/* Bytes a second of a = b + 3 c: each thread goes over its own share of the arrays again and again,
 * and waits for no other in between. */
static double triad_once(kernels k, int threads, gr_real *arrays, long n, long rounds) {
    long share = n / threads / 16 * 16;
    double begin = now();
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(static, 1)
#endif
    for (int t = 0; t < threads; t++)
        for (long r = 0; r < rounds; r++)
            k.triad(share, arrays + t * share, arrays + n + t * share, arrays + 2 * n + t * share);
    return 3.0 * (double)share * threads * (double)rounds * sizeof(gr_real) / (now() - begin) * 1e6;
}

/* -- The best of some -- */

static double measure_peak(kernels k, int threads) {
    double best = 0;
    for (int i = 0; i < 20; i++) best = fmax(best, peak_once(k, threads));
    return best;
}

static double measure_bandwidth(kernels k, int threads, gr_real *arrays, double bytes) {
    static const double traffic = 32e6; /* bytes of one measurement, some milliseconds */
    long n = (long)(bytes / 3 / sizeof(gr_real)) / 16 * 16;
    long rounds = (long)(traffic / bytes) + 1;
    double best = 0;
    for (int i = 0; i < 6; i++) best = fmax(best, triad_once(k, threads, arrays, n, rounds));
    return best;
}

limits measure_limits(const char *isa, int threads) {
    limits l = {.threads = threads};
    kernels k = kernels_for(isa);
    l.flops = measure_peak(k, threads);
    size_t most = (size_t)SMALLEST_SET << (BANDWIDTHS - 1);
    gr_real *arrays = aligned_alloc(64, most);
    if (arrays == NULL) return l;
    memset(arrays, 0, most);
    for (int i = 0; i < BANDWIDTHS; i++)
        l.bandwidth[i] = measure_bandwidth(k, threads, arrays, SMALLEST_SET * exp2(i));
    free(arrays);
    return l;
}

/* Between two sizes in the logarithm of both. */
double bandwidth_at(const limits *l, double bytes) {
    double place = fmin(fmax(log2(bytes / SMALLEST_SET), 0), BANDWIDTHS - 1);
    int below = (int)fmin(place, BANDWIDTHS - 2);
    double low = l->bandwidth[below], high = l->bandwidth[below + 1];
    return low * pow(high / low, place - below);
}

double least_time(const limits *l, double flops, double bytes) {
    return 1e6 * fmax(flops / l->flops, bytes > 0 ? bytes / bandwidth_at(l, bytes) : 0);
}
