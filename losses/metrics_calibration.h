/* Metrics of probabilities: whether what is said to hold with 80% holds in 80% of the cases.
 *
 * prob (N,C,d1..) holds probabilities of classes and target (N,d1..) integers from 0 to C - 1: the
 * confidence of an element is its largest probability, and it is right if that (of equal ones the
 * first) is the target's. Or prob holds probabilities of class 1 in target's shape, and target 0 or
 * 1 (reals or integers): the confidence is prob, and "right" is class 1.
 *
 * The B bins divide 0 to 1 equally: bin b holds the confidences with b/B <= p < (b+1)/B, the last
 * one p = 1, too.
 *
 * Errors, after which the number is NaN and the tensor NULL: an operand that is NULL or empty,
 * shapes that do not fit, a probability outside 0 to 1, a class that does not exist, bins < 1.
 */
#ifndef GR_METRICS_CALIBRATION_H
#define GR_METRICS_CALIBRATION_H

#include "core/graph/graph.h"

typedef struct gr_calibration_args {
    const gr_tensor *prob, *target;
    int bins;
} gr_calibration_args;

/* The expected calibration error, gr_calibration_error(prob, target, .bins = 15):
 * sum_b n_b/N |right_b - confidence_b|, where both are means over the n_b elements of bin b. 0 to
 * 1; 0 is perfect. Guo et al., "On calibration of modern neural networks", ICML 2017, eq. 3, with
 * the bins of torchmetrics 1.9, calibration_error (which puts p = 1 into a bin of its own). */
#define gr_calibration_error(...)                                                                  \
    gr_calibration_error_((gr_calibration_args){.bins = 15, .prob = __VA_ARGS__})
double gr_calibration_error_(gr_calibration_args args);

/* The reliability diagram, gr_reliability(prob, target, .bins = 15): for each bin the mean
 * confidence, the share that is right, and n_b, as reals (B,3). Zeros in an empty bin. */
#define gr_reliability(...) gr_reliability_((gr_calibration_args){.bins = 15, .prob = __VA_ARGS__})
gr_tensor *gr_reliability_(gr_calibration_args args);

#endif
