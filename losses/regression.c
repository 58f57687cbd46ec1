#include "losses/regression.h"

#include "core/ops/elementwise.h"
#include "losses/loss_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { MSE, L1, HUBER, SMOOTH_L1, LOG_COSH, QUANTILE };

static const gr_loss_info *row(int i) { return &gr_regression_losses[i]; }

/* pred - target, or NULL after an error. */
static gr_tensor *residual(int loss, const gr_regression_args *a) {
    if (gr_loss_check(row(loss), GR_LIST(a->pred, a->target)) == NULL ||
        !gr_loss_check_broadcast(row(loss), a->pred, "pred", a->target, "target"))
        return NULL;
    return gr_sub(a->pred, a->target);
}

static gr_tensor *reduce(int loss, const gr_regression_args *a, gr_tensor *elements) {
    return gr_loss_reduce(row(loss), elements, a->weight, a->reduction);
}

gr_tensor *gr_mse_(gr_regression_args a) { return reduce(MSE, &a, gr_square(residual(MSE, &a))); }

gr_tensor *gr_l1_(gr_regression_args a) { return reduce(L1, &a, gr_abs(residual(L1, &a))); }

/* With c = d cut to [-delta, delta], c (d - c/2) is the loss on both sides of the kink, and none of its
 * factors overflows where the loss does not. */
gr_tensor *gr_huber_(gr_regression_args a) {
    gr_tensor *d = residual(HUBER, &a);
    if (d == NULL || !gr_loss_check_parameter(d->graph, row(HUBER), "delta", a.delta)) return NULL;
    gr_tensor *c = gr_clamp(d, -a.delta, a.delta);
    return reduce(HUBER, &a, gr_mul(c, gr_sub(d, gr_scale(c, 0.5))));
}

gr_tensor *gr_smooth_l1_(gr_regression_args a) {
    gr_tensor *d = residual(SMOOTH_L1, &a);
    if (d == NULL || !gr_loss_check_parameter(d->graph, row(SMOOTH_L1), "beta", a.beta)) return NULL;
    if ((gr_real)a.beta == 0) return reduce(SMOOTH_L1, &a, gr_abs(d));
    gr_tensor *c = gr_clamp(d, -a.beta, a.beta);
    gr_tensor *slope = gr_div(c, gr_scalar(d->graph, a.beta));
    return reduce(SMOOTH_L1, &a, gr_mul(slope, gr_sub(d, gr_scale(c, 0.5))));
}

gr_tensor *gr_log_cosh_(gr_regression_args a) {
    return reduce(LOG_COSH, &a, gr_log_of_cosh(residual(LOG_COSH, &a)));
}

gr_tensor *gr_quantile_(gr_regression_args a) {
    gr_tensor *d = residual(QUANTILE, &a);
    if (d == NULL || !gr_loss_check_parameter(d->graph, row(QUANTILE), "tau", a.tau)) return NULL;
    gr_tensor *below = gr_scale(gr_relu(gr_neg(d)), a.tau);
    gr_tensor *above = gr_scale(gr_relu(d), 1 - a.tau);
    return reduce(QUANTILE, &a, gr_add(below, above));
}

/* -- The registry's rows --------------------------------------------------------------------------- */

#define ARGS(call)                                                                                 \
    (call)->operand[0], (call)->operand[1], .weight = (call)->operand[2],                          \
                                            .reduction = (call)->reduction

static gr_tensor *mse(const gr_loss_call *c) { return gr_mse(ARGS(c)); }
static gr_tensor *l1(const gr_loss_call *c) { return gr_l1(ARGS(c)); }
static gr_tensor *huber(const gr_loss_call *c) {
    return gr_huber(ARGS(c), .delta = c->parameter[0]);
}
static gr_tensor *smooth_l1(const gr_loss_call *c) {
    return gr_smooth_l1(ARGS(c), .beta = c->parameter[0]);
}
static gr_tensor *log_cosh(const gr_loss_call *c) { return gr_log_cosh(ARGS(c)); }
static gr_tensor *quantile(const gr_loss_call *c) {
    return gr_quantile(ARGS(c), .tau = c->parameter[0]);
}

#define OPERANDS                                                                                   \
    {                                                                                              \
        {.name = "pred", .shape = "any"}, {.name = "target", .shape = "any"},                      \
            {.name = "weight", .shape = "any", .optional = true},                                  \
    }
#define COMMON .family = "regression", .operands = OPERANDS, .reductions = "mean sum none"

const gr_loss_info gr_regression_losses[] = {
    {.name = "mse",
     .purpose = "regression with Gaussian noise; the mean",
     .formula = "(pred - target)^2",
     .use = "errors are about Gaussian, and a large one deserves a large penalty",
     .avoid = "the targets have outliers: each pulls with the square of its distance",
     .convex = "pred",
     .differentiable = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Gauss, Theoria motus (1809)",
     .apply = mse,
     COMMON},
    {.name = "l1",
     .aliases = {"mae"},
     .purpose = "regression with outliers; the median",
     .formula = "|pred - target|",
     .use = "outliers must not rule the fit; the median is what is wanted",
     .avoid = "the last digits matter: the gradient does not shrink near the optimum",
     .convex = "pred",
     .robust = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Laplace (1774)",
     .apply = l1,
     COMMON},
    {.name = "huber",
     .purpose = "regression with some outliers",
     .formula = "d^2/2 if |d| <= delta, else delta (|d| - delta/2); d = pred - target",
     .parameters = {{"delta", GR_NUMBER, 1, 0, INFINITY, true, true, NULL,
                     "where the square turns into a line, in units of the target"}},
     .use = "most errors are Gaussian and some targets are far off",
     .avoid = "delta can't be set in units of the target's noise",
     .convex = "pred",
     .differentiable = "pred",
     .robust = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Huber, Ann. Math. Statist. 35 (1964)",
     .apply = huber,
     COMMON},
    {.name = "smooth_l1",
     .purpose = "regression with outliers; box regression",
     .formula = "d^2/(2 beta) if |d| <= beta, else |d| - beta/2; d = pred - target",
     .parameters = {{"beta", GR_NUMBER, 1, 0, INFINITY, false, true, NULL,
                     "where the square turns into a line; 0 is l1"}},
     .use = "as huber, with a gradient of 1 far away whatever beta is",
     .avoid = "a formula for huber is meant: they differ by the factor beta",
     .convex = "pred",
     .differentiable = "pred",
     .robust = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Girshick, Fast R-CNN, ICCV 2015",
     .apply = smooth_l1,
     COMMON},
    {.name = "log_cosh",
     .purpose = "regression with outliers, smooth to every order",
     .formula = "log cosh(pred - target)",
     .use = "as huber, where second derivatives should be continuous",
     .avoid = "the scale of the errors is far from 1: it has no delta",
     .convex = "pred",
     .differentiable = "pred",
     .robust = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Green, IEEE Trans. Med. Imaging 9 (1990)",
     .apply = log_cosh,
     COMMON},
    {.name = "quantile",
     .aliases = {"pinball"},
     .purpose = "quantiles and prediction intervals",
     .formula = "max(tau u, (tau - 1) u); u = target - pred",
     .parameters = {{"tau", GR_NUMBER, 0.5, 0, 1, true, true, NULL, "the quantile to estimate"}},
     .use = "an interval is wanted, or errors on the two sides cost differently",
     .avoid = "few data lie beyond the quantile",
     .convex = "pred",
     .robust = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Koenker and Bassett, Econometrica 46 (1978)",
     .apply = quantile,
     COMMON},
    {.name = NULL},
};
