#include "core/kernels/parallel.h"

#ifdef _OPENMP
#include <omp.h>
#endif

void gr_parallel_for(int threads, int64_t n, int64_t grain, gr_range_function *f, void *context) {
    int64_t pieces = (n + grain - 1) / grain;
    int team = pieces < threads ? (int)pieces : threads;
    if (team <= 1) {
        for (int64_t begin = 0; begin < n; begin += grain)
            f(context, begin, begin + grain < n ? begin + grain : n);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel for num_threads(team) schedule(static)
#endif
    for (int64_t k = 0; k < pieces; k++)
        f(context, k * grain, (k + 1) * grain < n ? (k + 1) * grain : n);
}

void gr_parallel_share(int threads, int64_t n, int64_t least, int64_t unit, gr_range_function *f,
                       void *context) {
    int64_t shares = n / least < threads ? n / least : threads;
    int64_t units = (n + unit - 1) / unit;
    if (shares > 1) units = (units + shares - 1) / shares;
    if (n > 0) gr_parallel_for(threads, n, units * unit, f, context);
}

int gr_parallel_threads(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}
