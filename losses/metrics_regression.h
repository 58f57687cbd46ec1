/* Metrics of predicted numbers.
 *
 * pred and target have one shape, whatever it is; all elements count alike. N is their number, at
 * least 1, y the target, p the prediction. Errors, after which the number is NaN: an operand that
 * is NULL, empty or holds integers, unequal shapes, an element that is not finite. The definitions
 * are those of scikit-learn 1.9, sklearn.metrics.
 */
#ifndef GR_METRICS_REGRESSION_H
#define GR_METRICS_REGRESSION_H

#include "core/graph/graph.h"

/* sum |p - y| / N, in the unit of the target (mean_absolute_error). */
double gr_mean_absolute_error(const gr_tensor *pred, const gr_tensor *target);

/* The median of |p - y|: of an even number of elements, the mean of the two in the middle
 * (median_absolute_error). */
double gr_median_absolute_error(const gr_tensor *pred, const gr_tensor *target);

/* sqrt(sum (p - y)^2 / N), in the unit of the target (root_mean_squared_error). */
double gr_root_mean_squared_error(const gr_tensor *pred, const gr_tensor *target);

/* R^2 = 1 - sum (p - y)^2 / sum (y - mean y)^2: 1 is perfect, 0 as good as the constant mean y, and
 * less than 0 worse. Of targets that are all alike, 1 if pred is perfect, else 0. NaN for a single
 * element; that is no error (r2_score). */
double gr_r2_score(const gr_tensor *pred, const gr_tensor *target);

/* The share of the elements with low <= y <= high, 0 to 1; low and high have target's shape. For
 * the interval between predicted quantiles a and b it should be about b - a. An interval whose low
 * is above its high holds nothing. */
double gr_interval_coverage(const gr_tensor *low, const gr_tensor *high, const gr_tensor *target);

#endif
