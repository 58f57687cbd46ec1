/* Losses for regression: how far a predicted number is from the true one.
 *
 * `pred` and `target` broadcast to a common shape; d = pred - target. All take .weight and .reduction
 * (loss.h).
 */
#ifndef GR_REGRESSION_H
#define GR_REGRESSION_H

#include "losses/loss.h"

typedef struct gr_regression_args {
    gr_tensor *pred, *target, *weight;
    gr_reduction reduction;
    double delta, beta, tau, eps; /* each used by the losses that name it */
    bool log_input, full;
} gr_regression_args;

/* d^2. The maximum-likelihood loss for Gaussian noise; estimates the mean. */
#define gr_mse(...) gr_mse_((gr_regression_args){.pred = __VA_ARGS__})
/* |d|, gradient 0 at 0. For Laplace noise; estimates the median. */
#define gr_l1(...) gr_l1_((gr_regression_args){.pred = __VA_ARGS__})
/* d^2/2 where |d| <= delta, else delta (|d| - delta/2); delta > 0.
 * Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964). */
#define gr_huber(...) gr_huber_((gr_regression_args){.delta = 1, .pred = __VA_ARGS__})
/* gr_huber with delta = beta, divided by beta; beta = 0 is gr_l1. beta >= 0.
 * Girshick, "Fast R-CNN", ICCV 2015. */
#define gr_smooth_l1(...) gr_smooth_l1_((gr_regression_args){.beta = 1, .pred = __VA_ARGS__})
/* log cosh d, which is d^2/2 near 0 and |d| - log 2 far away; computed without overflow and without
 * loss of digits at either end. */
#define gr_log_cosh(...) gr_log_cosh_((gr_regression_args){.pred = __VA_ARGS__})
/* max(tau u, (tau - 1) u) with u = target - pred, gradient 0 at u = 0; 0 < tau < 1. Estimates the
 * tau-quantile. Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978). */
#define gr_quantile(...) gr_quantile_((gr_regression_args){.tau = 0.5, .pred = __VA_ARGS__})

gr_tensor *gr_mse_(gr_regression_args args);
gr_tensor *gr_l1_(gr_regression_args args);
gr_tensor *gr_huber_(gr_regression_args args);
gr_tensor *gr_smooth_l1_(gr_regression_args args);
gr_tensor *gr_log_cosh_(gr_regression_args args);
gr_tensor *gr_quantile_(gr_regression_args args);

#endif
