#include "losses/regression.h"

#include "core/ops/pointwise.h"
#include "losses/loss_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { MSE, L1, HUBER, SMOOTH_L1, LOG_COSH, QUANTILE };

static const gr_loss_info *row(int i) { return &gr_regression_losses[i]; }

static bool check(int loss, const gr_regression_args *a) {
    return gr_loss_check(row(loss), GR_LIST(a->pred, a->target)) != NULL &&
           gr_loss_check_broadcast(row(loss), a->pred, "pred", a->target, "target");
}

static bool check_with(int loss, const gr_regression_args *a, const char *parameter, double value) {
    return check(loss, a) && gr_loss_check_parameter(a->pred->graph, row(loss), parameter, value);
}

static double total(const gr_regression_args *a) {
    return gr_loss_total(a->pred, a->target, a->weight, a->reduction);
}

static gr_tensor *finish(int loss, const gr_regression_args *a, gr_tensor *values) {
    return total(a) != 0 ? values : gr_loss_reduce(row(loss), values, a->weight, a->reduction);
}

gr_tensor *gr_mse_(gr_regression_args a) {
    if (!check(MSE, &a)) return NULL;
    return finish(MSE, &a, gr_pointwise_square(a.pred, a.target, total(&a)));
}

gr_tensor *gr_l1_(gr_regression_args a) {
    if (!check(L1, &a)) return NULL;
    return finish(L1, &a, gr_pointwise_abs(a.pred, a.target, total(&a)));
}

gr_tensor *gr_huber_(gr_regression_args a) {
    if (!check_with(HUBER, &a, "delta", a.delta)) return NULL;
    return finish(HUBER, &a, gr_pointwise_huber(a.pred, a.target, a.delta, total(&a)));
}

gr_tensor *gr_smooth_l1_(gr_regression_args a) {
    if (!check_with(SMOOTH_L1, &a, "beta", a.beta)) return NULL;
    gr_tensor *values = (gr_real)a.beta == 0
                            ? gr_pointwise_abs(a.pred, a.target, total(&a))
                            : gr_pointwise_smooth_l1(a.pred, a.target, a.beta, total(&a));
    return finish(SMOOTH_L1, &a, values);
}

gr_tensor *gr_log_cosh_(gr_regression_args a) {
    if (!check(LOG_COSH, &a)) return NULL;
    return finish(LOG_COSH, &a, gr_pointwise_log_cosh(a.pred, a.target, total(&a)));
}

gr_tensor *gr_quantile_(gr_regression_args a) {
    if (!check_with(QUANTILE, &a, "tau", a.tau)) return NULL;
    return finish(QUANTILE, &a, gr_pointwise_quantile(a.pred, a.target, a.tau, total(&a)));
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
