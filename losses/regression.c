#include "losses/regression.h"

#include "core/ops/elementwise.h"
#include "core/ops/pointwise.h"
#include "core/ops/shape.h"
#include "losses/loss_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { MSE, L1, HUBER, SMOOTH_L1, LOG_COSH, QUANTILE, MAPE, MSLE, POISSON_NLL, GAUSSIAN_NLL };

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

static gr_tensor *reduce(int loss, const gr_regression_args *a, gr_tensor *values) {
    return gr_loss_reduce(row(loss), values, a->weight, a->reduction);
}

/* For values that were computed with total(a). */
static gr_tensor *finish(int loss, const gr_regression_args *a, gr_tensor *values) {
    return total(a) != 0 ? values : reduce(loss, a, values);
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
    return finish(SMOOTH_L1, &a, gr_pointwise_smooth_l1(a.pred, a.target, a.beta, total(&a)));
}

gr_tensor *gr_log_cosh_(gr_regression_args a) {
    if (!check(LOG_COSH, &a)) return NULL;
    return finish(LOG_COSH, &a, gr_pointwise_log_cosh(a.pred, a.target, total(&a)));
}

gr_tensor *gr_quantile_(gr_regression_args a) {
    if (!check_with(QUANTILE, &a, "tau", a.tau)) return NULL;
    return finish(QUANTILE, &a, gr_pointwise_quantile(a.pred, a.target, a.tau, total(&a)));
}

gr_tensor *gr_mape_(gr_regression_args a) {
    if (!check_with(MAPE, &a, "eps", a.eps)) return NULL;
    gr_tensor *error = gr_abs(gr_sub(a.pred, a.target));
    return reduce(MAPE, &a, gr_div(error, gr_clamp(gr_abs(a.target), a.eps, INFINITY)));
}

/* The difference of the logarithms is log1p((larger - smaller) / (1 + smaller)), up to its sign.
 * Which is the larger is a choice, not a gr_maximum, so that second derivatives are right where
 * both are equal. */
gr_tensor *gr_msle_(gr_regression_args a) {
    if (!check_with(MSLE, &a, "eps", a.eps)) return NULL;
    gr_tensor *p = gr_clamp(a.pred, a.eps, INFINITY), *t = gr_clamp(a.target, a.eps, INFINITY);
    gr_tensor *above = gr_ge(p, t);
    gr_tensor *larger = gr_where(above, p, t), *smaller = gr_where(above, t, p);
    gr_tensor *ratio = gr_div(gr_sub(larger, smaller), gr_shift(smaller, 1));
    return reduce(MSLE, &a, gr_square(gr_log1p(ratio)));
}

static const double LOG_2PI = 1.8378770664093453;

/* t log t - t + log(2 pi t) / 2 where t > 1, else 0 */
static gr_tensor *stirling(gr_tensor *t) {
    gr_tensor *zero = gr_scalar(t->graph, 0), *one = gr_scalar(t->graph, 1);
    gr_tensor *large = gr_gt(t, one), *safe = gr_where(large, t, one), *log_t = gr_log(safe);
    gr_tensor *term =
        gr_add(gr_mul(safe, gr_shift(log_t, -1)), gr_shift(gr_scale(log_t, 0.5), 0.5 * LOG_2PI));
    return gr_where(large, term, zero);
}

gr_tensor *gr_poisson_nll_(gr_regression_args a) {
    if (!check_with(POISSON_NLL, &a, "eps", a.eps)) return NULL;
    gr_tensor *rate = a.log_input ? gr_exp(a.pred) : a.pred;
    gr_tensor *log_rate = a.log_input ? a.pred : gr_log(gr_shift(a.pred, a.eps));
    gr_tensor *loss = gr_sub(rate, gr_mul_or_zero(a.target, log_rate));
    return reduce(POISSON_NLL, &a, a.full ? gr_add(loss, stirling(a.target)) : loss);
}

/* One variance for each row of pred gets pred's last dimension, of 1. */
static gr_tensor *variance_of_rows(gr_tensor *var, const gr_tensor *pred) {
    gr_shape rows = pred->shape;
    if (rows.ndim == 0 || var->shape.ndim != --rows.ndim || !gr_shape_equal(var->shape, rows))
        return var;
    return gr_unsqueeze(var, -1);
}

gr_tensor *gr_gaussian_nll_(gr_gaussian_nll_args a) {
    const gr_loss_info *r = row(GAUSSIAN_NLL);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.pred, a.target, a.var));
    if (g == NULL || !gr_loss_check_broadcast(r, a.pred, "pred", a.target, "target")) return NULL;
    gr_tensor *var = variance_of_rows(a.var, a.pred), *d = gr_sub(a.pred, a.target);
    if (var == NULL || !gr_loss_check_broadcast(r, var, "var", d, "pred - target") ||
        !gr_loss_check_parameter(g, r, "eps", a.eps) ||
        !gr_loss_check_not_negative(r, a.var, "var"))
        return NULL;
    gr_tensor *v = gr_clamp(var, a.eps, INFINITY);
    /* d (d / v) instead of d^2 / v: the square may overflow where the loss does not. */
    gr_tensor *loss = gr_scale(gr_add(gr_log(v), gr_mul(d, gr_div(d, v))), 0.5);
    return gr_loss_reduce(r, a.full ? gr_shift(loss, 0.5 * LOG_2PI) : loss, a.weight, a.reduction);
}

/* -- The registry's rows -- */

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

static gr_tensor *mape(const gr_loss_call *c) { return gr_mape(ARGS(c), .eps = c->parameter[0]); }
static gr_tensor *msle(const gr_loss_call *c) { return gr_msle(ARGS(c), .eps = c->parameter[0]); }
static gr_tensor *poisson_nll(const gr_loss_call *c) {
    return gr_poisson_nll(ARGS(c), .log_input = c->parameter[0] != 0, .full = c->parameter[1] != 0,
                          .eps = c->parameter[2]);
}
static gr_tensor *gaussian_nll(const gr_loss_call *c) {
    return gr_gaussian_nll(c->operand[0], c->operand[1], c->operand[2], .weight = c->operand[3],
                           .reduction = c->reduction, .full = c->parameter[0] != 0,
                           .eps = c->parameter[1]);
}

#define OPERANDS                                                                                   \
    {                                                                                              \
        {.name = "pred", .shape = "any"}, {.name = "target", .shape = "any"},                      \
            {.name = "weight", .shape = "any", .optional = true},                                  \
    }
#define FAMILY .family = "regression", .reductions = "mean sum none"
#define COMMON FAMILY, .operands = OPERANDS
#define WEIGHT                                                                                     \
    { .name = "weight", .shape = "any", .optional = true }

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
    {.name = "mape",
     .purpose = "regression where the error counts in proportion to the target",
     .formula = "|pred - target| / max(|target|, eps)",
     .parameters = {{"eps", GR_NUMBER, 1e-7, 0, INFINITY, true, true, NULL,
                     "targets nearer to 0 count as this"}},
     .use =
         "targets are positive and of very different sizes, and a percentage is what is asked for",
     .avoid = "targets may be near 0: their errors swamp all others; it favours low predictions",
     .convex = "pred",
     .robust = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Makridakis, Int. J. Forecasting 9 (1993)",
     .apply = mape,
     COMMON},
    {.name = "msle",
     .purpose = "regression of positive numbers that span orders of magnitude",
     .formula = "(log1p max(pred, eps) - log1p max(target, eps))^2",
     .operands = {{.name = "pred", .shape = "any", .domain = GR_POSITIVE},
                  {.name = "target", .shape = "any", .domain = GR_POSITIVE},
                  WEIGHT},
     .parameters = {{"eps", GR_NUMBER, 1e-7, 0, INFINITY, false, true, NULL,
                     "smaller numbers count as this"}},
     .use = "counts or prices: a factor counts the same at every size",
     .avoid = "predictions may be negative: their gradient is 0; missing too low hurts more than "
              "too high",
     .robust = "pred",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Kaggle, Root mean squared logarithmic error (2012)",
     .apply = msle,
     FAMILY},
    {.name = "poisson_nll",
     .purpose = "regression of counts",
     .formula =
         "e^pred - target pred, or pred - target log(pred + eps) unless log_input; full adds "
         "t log t - t + log(2 pi t) / 2 where t = target > 1",
     .operands = {{.name = "pred", .shape = "any", .about = "the rate, or its logarithm"},
                  {.name = "target", .shape = "any", .domain = GR_POSITIVE, .about = "counts"},
                  WEIGHT},
     .parameters = {{"log_input", GR_BOOLEAN, 1, 0, 1, false, false, NULL,
                     "pred is the logarithm of the rate"},
                    {"full", GR_BOOLEAN, 0, 0, 1, false, false, NULL,
                     "add Stirling's approximation of log target!"},
                    {"eps", GR_NUMBER, 1e-8, 0, INFINITY, false, true, NULL,
                     "added to a rate before its logarithm"}},
     .use = "the target counts events in a given time, and its variance is about its mean",
     .avoid = "the counts vary more than their mean (overdispersion)",
     .convex = "pred",
     .differentiable = "pred",
     .low = -INFINITY,
     .high = INFINITY,
     .source = "McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989), chapter 6",
     .apply = poisson_nll,
     FAMILY},
    {.name = "gaussian_nll",
     .purpose = "regression that also predicts its own uncertainty",
     .formula = "(log v + (pred - target)^2 / v) / 2; v = max(var, eps); full adds log(2 pi) / 2",
     .operands = {{.name = "pred", .shape = "any"},
                  {.name = "target", .shape = "any"},
                  {.name = "var", .shape = "any", .domain = GR_POSITIVE, .about = "the variance"},
                  WEIGHT},
     .parameters = {{"full", GR_BOOLEAN, 0, 0, 1, false, false, NULL, "add log(2 pi) / 2"},
                    {"eps", GR_NUMBER, 1e-6, 0, INFINITY, true, true, NULL,
                     "the least variance; its gradient is 0 below"}},
     .use = "the noise differs from sample to sample, and its size is wanted",
     .avoid = "targets have outliers; early in training large variances hide a poor mean",
     .convex = "pred",
     .differentiable = "pred",
     .low = -6.907755278982137, /* log(eps) / 2 */
     .high = INFINITY,
     .source = "Nix and Weigend, ICNN 1994",
     .apply = gaussian_nll,
     FAMILY},
    {.name = NULL},
};
