#include "examples/common/rank_correlation.h"

#include <math.h>

/* From -n to n, 0 in the middle: how many are smaller than x[i] minus how many are larger. */
static double centred_rank(const double *x, int n, int i) {
    int rank = 0;
    for (int j = 0; j < n; j++) rank += (x[j] < x[i]) - (x[j] > x[i]);
    return rank;
}

double rank_correlation(const double *x, const double *y, int n) {
    double xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(x[i]) || isnan(y[i])) return NAN;
        double a = centred_rank(x, n, i), b = centred_rank(y, n, i);
        xx += a * a, yy += b * b, xy += a * b;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}
