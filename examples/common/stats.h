/* Numbers about numbers. NaN where there are too few. */
#ifndef EXAMPLES_STATS_H
#define EXAMPLES_STATS_H

double stats_mean(const double *x, int n);
/* The spread over seeds: the sample's standard deviation, sqrt(sum (x - mean)^2 / (n - 1)); n >= 2.
 */
double stats_deviation(const double *x, int n);
/* The p-quantile, 0 <= p <= 1, between neighbours by straight lines (R's type 7). */
double stats_quantile(const double *x, int n, double p);
double stats_median(const double *x, int n);

/* A difference measured once for each seed. The interval is Student's, 95 %; the difference is
 * clear if 0 lies outside of it. */
typedef struct difference {
    double mean, half_width; /* the interval is mean -+ half_width; infinite for one seed */
} difference;
/* Of a[i] - b[i]. */
difference stats_difference(const double *a, const double *b, int n);
int stats_sign(difference d); /* -1 or 1 if the difference is clear, else 0 */

#endif
