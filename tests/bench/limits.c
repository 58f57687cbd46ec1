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
    void (*update)(long n, gr_real *a, const gr_real *b);
} kernels;

static kernels kernels_for(const char *isa) {
    (void)isa;
#ifdef __x86_64__
    if (strcmp(isa, "avx512") == 0) return (kernels){peak_avx512, triad_avx512, update_avx512};
    if (strcmp(isa, "avx2") == 0) return (kernels){peak_avx2, triad_avx2, update_avx2};
#endif
    return (kernels){peak_base, triad_base, update_base};
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

/* Bytes a second of a = b + 3 c, or in place of a = a + 3 b: each thread goes over its own share of
 * the arrays again and again, and waits for no other in between. */
static double stream_once(const limits *l, long n, long rounds, bool in_place) {
    kernels k = kernels_for(l->isa);
    long share = n / l->threads / 16 * 16;
    double begin = now();
#ifdef _OPENMP
#pragma omp parallel for num_threads(l->threads) schedule(static, 1)
#endif
    for (int t = 0; t < l->threads; t++) {
        gr_real *a = (gr_real *)l->arrays + t * share, *b = a + n, *c = b + n;
        for (long r = 0; r < rounds; r++) {
            if (in_place)
                k.update(share, a, b);
            else
                k.triad(share, a, b, c);
        }
    }
    double bytes = 3.0 * (double)share * l->threads * (double)rounds * sizeof(gr_real);
    return bytes / (now() - begin) * 1e6;
}

/* -- What others may know -- */

/* Where going over the arrays once moves so many bytes, as far as there are: the best of some times
 * of a millisecond or so. (The first finds the caches full of something else.) */
static double bandwidth_now(const limits *l, double bytes, bool in_place) {
    enum { TIMES = 5 };
    static const double traffic = 16e6;
    double best = 0, most = SMALLEST_SET * exp2(BANDWIDTHS - 1);
    bytes = fmin(fmax(bytes, SMALLEST_SET), most);
    long n = (long)(bytes / 3 / sizeof(gr_real)) / 16 * 16;
    for (int i = 0; i < TIMES; i++)
        best = fmax(best, stream_once(l, n, (long)(traffic / bytes) + 1, in_place));
    return best;
}

static double peak_now(const limits *l) {
    double best = 0;
    for (int i = 0; i < 3; i++) best = fmax(best, peak_once(kernels_for(l->isa), l->threads));
    return best;
}

limits measure_limits(const char *isa, int threads) {
    limits l = {.threads = threads, .isa = isa};
    size_t most = (size_t)SMALLEST_SET << (BANDWIDTHS - 1);
    for (int i = 0; i < 10; i++) l.flops = fmax(l.flops, peak_now(&l));
    l.arrays = aligned_alloc(64, most);
    if (l.arrays == NULL) return l;
    memset(l.arrays, 0, most);
    for (int i = 0; i < BANDWIDTHS; i++)
        for (int k = 0; k < 3; k++)
            l.bandwidth[i] = fmax(l.bandwidth[i], bandwidth_now(&l, SMALLEST_SET * exp2(i), false));
    return l;
}

void limits_free(limits *l) {
    free(l->arrays);
    l->arrays = NULL;
}

double least_time(const limits *l, double flops, double bytes, bool in_place) {
    double seconds = flops > 0 ? flops / peak_now(l) : 0;
    if (bytes > 0 && l->arrays != NULL)
        seconds = fmax(seconds, bytes / bandwidth_now(l, bytes, in_place));
    return 1e6 * seconds;
}
