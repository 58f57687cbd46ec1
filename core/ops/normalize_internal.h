/* How normalize.c has its kernels go over a tensor. */
#ifndef GR_NORMALIZE_INTERNAL_H
#define GR_NORMALIZE_INTERNAL_H

#include "core/graph/graph_internal.h"
#include "core/ops/normalize.h"

#pragma GCC visibility push(hidden)

/* x as (samples, groups, channels, length). Statistics are those of a group, of each sample or,
 * `across`, of all samples together (then there is one channel in a group); weights are those of a
 * channel, groups * channels of them. */
typedef struct gr_normalize_view {
    int64_t samples, groups, channels, length;
    bool across;
} gr_normalize_view;

/* How many statistics there are, and of how many numbers each. */
static inline int64_t gr_normalize_statistics(const gr_normalize_view *v) {
    return v->across ? v->groups : v->samples * v->groups;
}
static inline int64_t gr_normalize_count(const gr_normalize_view *v) {
    return v->channels * v->length * (v->across ? v->samples : 1);
}

/* The mean is mean + rest; rstd is 1 / sqrt(variance + eps), the variance biased. */
typedef struct gr_statistics {
    gr_real *mean, *rest, *variance, *rstd;
    double eps;
    bool known; /* written already */
} gr_statistics;

/* Whether a walk takes relu with it: over images, `across` and length > 1. */
static inline bool gr_normalize_with_relu(const gr_normalize_view *v) {
    return v->across && v->length > 1;
}

/* y = (x - mean) rstd weight + bias, or relu of that; first writes the statistics unless they are
 * known. weight and bias may both be NULL. False if there is no memory. */
bool gr_normalize_forward(gr_graph *g, const gr_normalize_view *v, const gr_statistics *s,
                          const gr_real *x, const gr_real *weight, const gr_real *bias, bool relu,
                          gr_real *y);

/* What flows back from the gradient of y, with known statistics: to x, and to weight and bias,
 * which are rows of `sums` (2, groups * channels). Either may be NULL. If the gradient is that of
 * relu(y), `relu` has these, and to_x is not NULL; else it is NULL. False if there is no memory. */
bool gr_normalize_backward(gr_graph *g, const gr_normalize_view *v, const gr_statistics *s,
                           const gr_real *grad, const gr_real *x, const gr_real *weight,
                           const gr_real *relu, gr_real *to_x, gr_real *sums);

/* relu of gr_batch_norm, in one operation where that pays. */
gr_tensor *gr_batch_norm_relu(const gr_batch_norm_args *a);

#pragma GCC visibility pop

#endif
