/* Functions of two tensors, element by element, whose values may be added up in the same pass.
 *
 * They are compositions of the operations in elementwise.h and reduce.h, fused where both operands
 * have one shape: forward and backward then read each element once and keep nothing in between.
 * Operands of different shapes broadcast, and gradients of higher order are taken from the
 * composition. Where a sum is asked for and a requires a gradient, that is computed in the same
 * pass as the sum: the usual backward pass of a loss only takes it.
 *
 * With total = 0 the result holds the values, in the common shape; else it is total times their
 * sum, of shape (): 1 for the sum, 1/n for the mean. d = a - b.
 * Parameters outside their ranges are not noticed: delta and beta >= 0, tau in [0, 1], gamma >= 0.
 */
#ifndef GR_POINTWISE_H
#define GR_POINTWISE_H

#include "core/graph/op.h"

gr_tensor *gr_pointwise_square(gr_tensor *a, gr_tensor *b, double total); /* d^2 */
gr_tensor *gr_pointwise_abs(gr_tensor *a, gr_tensor *b, double total);    /* |d| */
/* d^2/2 where |d| <= delta, else delta (|d| - delta/2) */
gr_tensor *gr_pointwise_huber(gr_tensor *a, gr_tensor *b, double delta, double total);
/* the same with delta = beta, divided by beta; its limit |d| for beta = 0 */
gr_tensor *gr_pointwise_smooth_l1(gr_tensor *a, gr_tensor *b, double beta, double total);
gr_tensor *gr_pointwise_log_cosh(gr_tensor *a, gr_tensor *b, double total); /* log cosh d */
/* -tau d where d < 0, else (1 - tau) d; gradient 0 at 0 */
gr_tensor *gr_pointwise_quantile(gr_tensor *a, gr_tensor *b, double tau, double total);
/* max(a, 0) - a b + log(1 + e^-|a|): the cross-entropy of the logit a and the target b */
gr_tensor *gr_pointwise_bce_with_logits(gr_tensor *a, gr_tensor *b, double total);
/* -b max(log a, -100) - (1 - b) max(log(1 - a), -100): of the probability a and the target b; not a
 * number where a is outside [0, 1] */
gr_tensor *gr_pointwise_bce(gr_tensor *a, gr_tensor *b, double total);
/* b (log b - a), 0 where b is 0: the divergence of the probability b from that whose logarithm is
 * a */
gr_tensor *gr_pointwise_divergence(gr_tensor *a, gr_tensor *b, double total);
/* For a sign b, -1 or 1 (all three are not a number for others, if shapes are the same):
 * max(0, margin - a b), its square, and log(1 + e^-ab) */
gr_tensor *gr_pointwise_hinge(gr_tensor *a, gr_tensor *b, double margin, double total);
gr_tensor *gr_pointwise_squared_hinge(gr_tensor *a, gr_tensor *b, double margin, double total);
gr_tensor *gr_pointwise_soft_margin(gr_tensor *a, gr_tensor *b, double total);
/* alpha_t u^gamma CE for the logit a and the target b, CE the cross-entropy above,
 * u = (1 - b) s(a) + b s(-a), alpha_t = alpha b + (1 - alpha) (1 - b), or 1 if alpha is negative.
 * `composed` returns the values as a composition of operations. */
typedef gr_tensor *gr_pointwise_composition(gr_tensor *a, gr_tensor *b, double alpha, double gamma);
gr_tensor *gr_pointwise_focal(gr_tensor *a, gr_tensor *b, double alpha, double gamma,
                              gr_pointwise_composition *composed, double total);

#endif
