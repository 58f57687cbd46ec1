/* Normalisation: numbers minus their mean, divided by their deviation.
 *
 * All three functions compute
 *
 *     y = (x - mean) / sqrt(var + eps) weight + bias
 *
 * with the mean and the biased variance var = mean (x - mean)^2 of a set of elements, and differ in
 * the set and in what has a weight of its own. weight and bias may each be NULL: 1 and 0. Means and
 * variances keep their digits however large the mean is beside the deviation; where all elements
 * are equal, y = bias. Results are the same for any number of threads. Differentiable to any order
 * with respect to x, weight and bias.
 *
 * eps is 0 or more; with eps = 0 the result for equal elements is NaN (0/0).
 */
#ifndef GR_NORMALIZE_H
#define GR_NORMALIZE_H

#include "core/graph/op.h"

typedef struct gr_batch_norm_args {
    gr_tensor *x, *weight, *bias, *running_mean, *running_var;
    bool training;
    double momentum, eps;
} gr_batch_norm_args;
/* gr_batch_norm(x, weight, bias, running_mean, running_var, .training = false, .momentum = 0.1,
 * .eps = 1e-5): x (N,C,..), that is (N,C), (N,C,L) or (N,C,H,W), normalised in each channel C over
 * all other dimensions; the other tensors are (C). Ioffe and Szegedy, "Batch normalization", ICML
 * 2015.
 *
 * running_mean and running_var are leaves without gradient, or both NULL. In training, mean and
 * variance are x's, and then
 *
 *     running_mean = (1 - momentum) running_mean + momentum mean
 *     running_var  = (1 - momentum) running_var  + momentum var n / (n - 1)
 *
 * are written in place, with n elements in a channel; momentum is in [0, 1]. Otherwise mean and
 * variance are the running ones, constants for the gradient, or x's if these are NULL. A result
 * does not change when the running ones do. One element in a channel, whose own mean and variance
 * are to be taken, is an error; none are fine and change nothing. */
#define gr_batch_norm(...)                                                                         \
    gr_batch_norm_((gr_batch_norm_args){.momentum = 0.1, .eps = 1e-5, .x = __VA_ARGS__})
gr_tensor *gr_batch_norm_(gr_batch_norm_args args);

typedef struct gr_layer_norm_args {
    gr_tensor *x;
    gr_shape shape;
    gr_tensor *weight, *bias;
    double eps;
} gr_layer_norm_args;
/* gr_layer_norm(x, shape, weight, bias, .eps = 1e-5): x (..,shape) normalised over its last
 * dimensions, which `shape` names, each sample for itself: gr_layer_norm(x, GR_SHAPE(C, L), w, b)
 * for x (N,C,L). weight and bias have the shape `shape`. Ba, Kiros and Hinton, "Layer
 * normalization", 2016. */
#define gr_layer_norm(...) gr_layer_norm_((gr_layer_norm_args){.eps = 1e-5, .x = __VA_ARGS__})
gr_tensor *gr_layer_norm_(gr_layer_norm_args args);

typedef struct gr_group_norm_args {
    gr_tensor *x;
    int groups;
    gr_tensor *weight, *bias;
    double eps;
} gr_group_norm_args;
/* gr_group_norm(x, groups, weight, bias, .eps = 1e-5): x (N,C,..) normalised in each sample over
 * each group of C / groups neighbouring channels; weight and bias (C). groups = C is instance
 * normalisation. Wu and He, "Group normalization", ECCV 2018. */
#define gr_group_norm(...) gr_group_norm_((gr_group_norm_args){.eps = 1e-5, .x = __VA_ARGS__})
gr_tensor *gr_group_norm_(gr_group_norm_args args);

#endif
