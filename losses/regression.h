/* Losses for regression: how far a predicted number is from the true one.
 *
 * `pred` and `target` broadcast to a common shape; d = pred - target. All take .weight and
 * .reduction (loss.h).
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

/* |d| / max(|target|, eps), a fraction (0.1 is ten percent); eps > 0. */
#define gr_mape(...) gr_mape_((gr_regression_args){.eps = 1e-7, .pred = __VA_ARGS__})
/* (log1p p - log1p t)^2 with p = max(pred, eps) and t = max(target, eps); eps >= 0. Keeps its
 * digits where p and t are close. */
#define gr_msle(...) gr_msle_((gr_regression_args){.eps = 1e-7, .pred = __VA_ARGS__})
/* Counts, up to what does not depend on pred: e^pred - target pred, or, with .log_input = false,
 * pred - target log(pred + eps) for pred >= 0. eps >= 0. With .full, Stirling's approximation of
 * log target! is added where target > 1: t log t - t + log(2 pi t) / 2. (PyTorch's PoissonNLLLoss.)
 */
#define gr_poisson_nll(...)                                                                        \
    gr_poisson_nll_((gr_regression_args){.log_input = true, .eps = 1e-8, .pred = __VA_ARGS__})

typedef struct gr_gaussian_nll_args {
    gr_tensor *pred, *target, *var, *weight;
    gr_reduction reduction;
    bool full;
    double eps;
} gr_gaussian_nll_args;
/* gr_gaussian_nll(pred, target, var): (log v + d^2 / v) / 2 with v = max(var, eps); .full adds
 * log(2 pi) / 2. The gradient to var is that of this value, so 0 where var < eps. var (..) of
 * pred's shape without its last dimension holds one variance for each row of pred (.., n), as in
 * PyTorch; any other broadcasts. eps > 0; a negative variance is an error. Nix and Weigend,
 * "Estimating the mean and variance of the target probability distribution", ICNN 1994. */
#define gr_gaussian_nll(...)                                                                       \
    gr_gaussian_nll_((gr_gaussian_nll_args){.eps = 1e-6, .pred = __VA_ARGS__})

gr_tensor *gr_mse_(gr_regression_args args);
gr_tensor *gr_l1_(gr_regression_args args);
gr_tensor *gr_huber_(gr_regression_args args);
gr_tensor *gr_smooth_l1_(gr_regression_args args);
gr_tensor *gr_log_cosh_(gr_regression_args args);
gr_tensor *gr_quantile_(gr_regression_args args);
gr_tensor *gr_mape_(gr_regression_args args);
gr_tensor *gr_msle_(gr_regression_args args);
gr_tensor *gr_poisson_nll_(gr_regression_args args);
gr_tensor *gr_gaussian_nll_(gr_gaussian_nll_args args);

#endif
