/* Reductions over any set of axes.
 *
 *     gr_sum(x)                                          // over all: a scalar of shape ()
 *     gr_mean(x, .axes = GR_AXES(1))                     // (N,C) to (N)
 *     gr_max(x, .axes = GR_AXES(0, -1), .keepdim = true) // (A,B,C) to (1,B,1)
 *
 * Axes count from 0, negative ones from the end; none named means all. An axis that the tensor has
 * not, or one named twice, is an error. keepdim leaves dimensions of 1 in their places. Over no
 * elements the sum is 0, logsumexp is -inf, mean and var are NaN (0/0), and max and min are an
 * error.
 */
#ifndef GR_REDUCE_H
#define GR_REDUCE_H

#include "core/graph/op.h"

typedef struct gr_axes {
    int n; /* 0: all */
    int axis[GR_MAX_DIMS];
} gr_axes;
#define GR_AXES(...)                                                                               \
    ((gr_axes){.n = (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), .axis = {__VA_ARGS__}})

typedef struct gr_reduce_args {
    gr_tensor *x;
    gr_axes axes;
    bool keepdim;
} gr_reduce_args;

#define gr_sum(...) gr_sum_((gr_reduce_args){.x = __VA_ARGS__})
#define gr_mean(...) gr_mean_((gr_reduce_args){.x = __VA_ARGS__})
/* The largest and the smallest element; a NaN wins. Equal ones share the gradient equally. */
#define gr_max(...) gr_max_((gr_reduce_args){.x = __VA_ARGS__})
#define gr_min(...) gr_min_((gr_reduce_args){.x = __VA_ARGS__})
/* log sum e^x, computed as m + log sum e^(x - m) with the maximum m. -inf where all elements are
 * -inf, with gradient 0; +inf where one is, and those that are share the gradient equally. */
#define gr_logsumexp(...) gr_logsumexp_((gr_reduce_args){.x = __VA_ARGS__})
/* (sum |x|^p)^(1/p) for p = 2 (Euclidean, gradient 0 at 0), 1, any other p > 0, or INFINITY (the
 * largest |x|). */
#define gr_norm(...) gr_norm_((gr_norm_args){.p = 2, .x = __VA_ARGS__})
/* sum (x - mean)^2 / (n - correction); correction = 1 is the sample's variance, 0 the population's.
 */
#define gr_var(...) gr_var_((gr_var_args){.correction = 1, .x = __VA_ARGS__})

typedef struct gr_norm_args {
    gr_tensor *x;
    double p;
    gr_axes axes;
    bool keepdim;
} gr_norm_args;

typedef struct gr_var_args {
    gr_tensor *x;
    int correction;
    gr_axes axes;
    bool keepdim;
} gr_var_args;

gr_tensor *gr_sum_(gr_reduce_args args);
gr_tensor *gr_mean_(gr_reduce_args args);
gr_tensor *gr_max_(gr_reduce_args args);
gr_tensor *gr_min_(gr_reduce_args args);
gr_tensor *gr_logsumexp_(gr_reduce_args args);
gr_tensor *gr_norm_(gr_norm_args args);
gr_tensor *gr_var_(gr_var_args args);

/* e^x / sum e^x along one or several axes (all, if none is named), of x's shape; log_softmax is its
 * logarithm without the loss of digits. Both subtract the maximum first. Elements of -inf give 0
 * (-inf); where all are -inf, or one is +inf, the result is NaN. keepdim has no meaning. */
#define gr_softmax(...) gr_softmax_((gr_reduce_args){.x = __VA_ARGS__})
#define gr_log_softmax(...) gr_log_softmax_((gr_reduce_args){.x = __VA_ARGS__})
gr_tensor *gr_softmax_(gr_reduce_args args);
gr_tensor *gr_log_softmax_(gr_reduce_args args);

/* y[i] = x[0] + ... + x[i] along one axis. */
gr_tensor *gr_cumsum(gr_tensor *x, int axis);

/* The index of the largest (smallest) element along the axis, the first of equal ones, a NaN being
 * the largest; integers, of x's shape without the axis. An empty axis is an error. */
gr_tensor *gr_argmax(gr_tensor *x, int axis);
gr_tensor *gr_argmin(gr_tensor *x, int axis);

/* The sum over the dimensions in which `shape` was broadcast to x's shape: the reverse of
 * gr_expand. */
gr_tensor *gr_sum_to(gr_tensor *x, gr_shape shape);

/* For operations over an axis: the axis counted from 0, or -1 after an error if x has not got it.
 */
int gr_axis(const gr_tensor *x, int axis, const char *who);

#endif
