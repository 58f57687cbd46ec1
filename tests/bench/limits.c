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

/* -- What others may know -- */

/* Of a working set of so many bytes, as far as there are; some milliseconds. */
static double bandwidth_once(const limits *l, double bytes) {
    static const double traffic = 32e6;
    double most = SMALLEST_SET * exp2(BANDWIDTHS - 1);
    bytes = fmin(fmax(bytes, SMALLEST_SET), most);
    long n = (long)(bytes / 3 / sizeof(gr_real)) / 16 * 16;
    return triad_once(kernels_for(l->isa), l->threads, l->arrays, n, (long)(traffic / bytes) + 1);
}

limits measure_limits(const char *isa, int threads) {
    limits l = {.threads = threads, .isa = isa};
    size_t most = (size_t)SMALLEST_SET << (BANDWIDTHS - 1);
    l.arrays = aligned_alloc(64, most);
    for (int i = 0; i < 20; i++) l.flops = fmax(l.flops, peak_once(kernels_for(isa), threads));
    if (l.arrays == NULL) return l;
    memset(l.arrays, 0, most);
    for (int i = 0; i < BANDWIDTHS; i++)
        for (int k = 0; k < 6; k++)
            l.bandwidth[i] = fmax(l.bandwidth[i], bandwidth_once(&l, SMALLEST_SET * exp2(i)));
    return l;
}

void limits_free(limits *l) {
    free(l->arrays);
    l->arrays = NULL;
}

double least_time(const limits *l, double flops, double bytes) {
    double seconds = flops > 0 ? flops / peak_once(kernels_for(l->isa), l->threads) : 0;
    if (bytes > 0 && l->arrays != NULL) seconds = fmax(seconds, bytes / bandwidth_once(l, bytes));
    return 1e6 * seconds;
}
