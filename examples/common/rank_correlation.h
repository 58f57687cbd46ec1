/* Whether two series rise and fall together. */
#ifndef EXAMPLES_RANK_CORRELATION_H
#define EXAMPLES_RANK_CORRELATION_H

/* Spearman's: the correlation of the ranks of x[i] and y[i], where equal numbers share the mean of
 * their ranks; 1 if both rise together, however curved, -1 if one rises where the other falls. NaN
 * for n < 2, a NaN, or a series of equal numbers. Spearman, American Journal of Psychology 15,
 * 1904. Every pair is compared: time n^2. */
double rank_correlation(const double *x, const double *y, int n);

#endif
