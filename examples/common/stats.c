#include "examples/common/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double stats_mean(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return n == 0 ? NAN : sum / n;
}

double stats_deviation(const double *x, int n) {
    if (n < 2) return NAN;
    double mean = stats_mean(x, n), sum = 0;
    for (int i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (n - 1));
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(const double *x, int n, double p) {
    double *sorted = n < 1 ? NULL : malloc((size_t)n * sizeof *sorted);
    if (sorted == NULL) return NAN;
    memcpy(sorted, x, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    double place = p * (n - 1);
    int below = (int)place;
    double quantile = sorted[below];
    if (below + 1 < n) quantile += (place - below) * (sorted[below + 1] - sorted[below]);
    free(sorted);
    return quantile;
}

double stats_median(const double *x, int n) { return stats_quantile(x, n, 0.5); }

/* Student's t, 97.5 % quantile, for 1 to 30 degrees of freedom. */
static const double t975[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                              2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                              2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                              2.060,  2.056, 2.052, 2.048, 2.045, 2.042};

difference stats_difference(const double *a, const double *b, int n) {
    difference d = {NAN, INFINITY};
    double *each = n < 1 ? NULL : malloc((size_t)n * sizeof *each);
    if (each == NULL) return d;
    for (int i = 0; i < n; i++) each[i] = a[i] - b[i];
    d.mean = stats_mean(each, n);
    int freedom = n - 1, known = (int)(sizeof t975 / sizeof *t975);
    if (freedom >= 1) {
        double t = freedom <= known ? t975[freedom - 1] : 1.96 + 2.46 / freedom;
        d.half_width = t * stats_deviation(each, n) / sqrt(n);
    }
    free(each);
    return d;
}

int stats_sign(difference d) {
    if (!(fabs(d.mean) > d.half_width)) return 0;
    return d.mean > 0 ? 1 : -1;
}
