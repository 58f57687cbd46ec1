/* Updates in place: what optimizers do to a parameter, in one pass over its elements.
 *
 * They change the leaf `p` and the optimizer's memory, are not recorded, and must not run between
 * the forward and the backward pass of the same step. `grad` has p's shape; another one is an error
 * and changes nothing, as is memory that is NULL. Plain arrays hold one number for each element of
 * p; one that shrinks below the smallest normal number (1.2e-38 in float) becomes 0, since
 * subnormal numbers are slow.
 */
#ifndef GR_UPDATE_H
#define GR_UPDATE_H

#include "core/graph/op.h"

typedef struct gr_sgd_update {
    double lr, momentum, dampening, weight_decay;
    bool nesterov;
    bool first; /* the velocity begins as the gradient */
} gr_sgd_update;
/* g = grad + weight_decay p;  v = momentum v + (1 - dampening) g  (v = g at first);
 * p -= lr (nesterov ? g + momentum v : v). Without momentum v is not used and may be NULL. */
void gr_update_sgd(gr_tensor *p, const gr_tensor *grad, gr_real *v, gr_sgd_update rule);

typedef struct gr_adam_update {
    double lr, beta1, beta2, eps, weight_decay;
    int64_t step; /* 1 for the first */
    bool decoupled;
} gr_adam_update;
/* g = grad + weight_decay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 * p -= lr m^ / (sqrt(v^) + eps), with m^ = m / (1 - beta1^step) and v^ = v / (1 - beta2^step).
 * Decoupled, g = grad, and p -= lr (weight_decay p + m^ / (sqrt(v^) + eps)). */
void gr_update_adam(gr_tensor *p, const gr_tensor *grad, gr_real *m, gr_real *v,
                    gr_adam_update rule);

typedef struct gr_rmsprop_update {
    double lr, alpha, eps, weight_decay, momentum;
} gr_rmsprop_update;
/* g = grad + weight_decay p;  s = alpha s + (1 - alpha) g^2;  d = g / (sqrt(s) + eps);  p -= lr d.
 * If m is not NULL: m = alpha m + (1 - alpha) g, and s - m^2, at least 0, stands in d instead of s.
 * If v is not NULL: v = momentum v + d, and p -= lr v. */
void gr_update_rmsprop(gr_tensor *p, const gr_tensor *grad, gr_real *s, gr_real *m, gr_real *v,
                       gr_rmsprop_update rule);

typedef struct gr_adagrad_update {
    double lr, weight_decay, eps;
    double start; /* added to s, which begins as 0, at the first step */
} gr_adagrad_update;
/* g = grad + weight_decay p;  s = s + start + g^2;  p -= lr g / (sqrt(s) + eps). */
void gr_update_adagrad(gr_tensor *p, const gr_tensor *grad, gr_real *s, gr_adagrad_update rule);

#endif
