#include "losses/focal.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/odds.h"
#include "losses/targets_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { FOCAL, SOFTMAX_FOCAL };

static const gr_loss_info *row(int i) { return &gr_focal_losses[i]; }

/* -- Two operations of logits z and targets y ------------------------------------------------------
 *
 * u = 1 - p_t = (1 - y) s(z) + y s(-z). Its powers have derivatives in z that are u^k times a bounded
 * slope, so that no negative power of a u that is 0 in floats meets them:
 *
 *     slope = d log u / dz = (1 - 2y) s(z) s(-z) / u       d slope / dz = -slope (tanh(z/2) + slope)
 *     d u^k / dz = k u^k slope                             d u^k / dy = -k u^(k-1) tanh(z/2)
 *     d slope / dy = -s(z) s(-z) / u^2
 *
 * For y = 0 and 1, u is a sigmoid, and its logarithm -log(1 + e^|z|) or so: that is taken, exact where u
 * itself is 0 in floats. */

enum { GRAIN = 1 << 12 };

typedef struct power_params {
    double k;
} power_params;

typedef struct focal_work {
    const gr_real *z, *y;
    gr_real *out;
    double k;
} focal_work;

/* log(1 + e^x) and 1 / (1 + e^-x) */
static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static double wrong(double z, double y) { return (1 - y) * sigmoid(z) + y * sigmoid(-z); }

static void power_range(void *context, int64_t begin, int64_t end) {
    const focal_work *w = context;
    for (int64_t i = begin; i < end; i++) {
        double z = w->z[i], y = w->y[i];
        bool hard = y == 0 || y == 1;
        w->out[i] = (gr_real)(hard ? exp(-w->k * softplus(y == 1 ? z : -z)) : pow(wrong(z, y), w->k));
    }
}

static void slope_range(void *context, int64_t begin, int64_t end) {
    const focal_work *w = context;
    for (int64_t i = begin; i < end; i++) {
        double z = w->z[i], y = w->y[i];
        double soft = (1 - 2 * y) * sigmoid(z) * sigmoid(-z) / wrong(z, y);
        w->out[i] = (gr_real)(y == 1 ? -sigmoid(z) : y == 0 ? sigmoid(-z) : soft);
    }
}

static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}

static gr_tensor *wrong_power(gr_tensor *z, gr_tensor *y, double k);
static gr_tensor *wrong_slope(gr_tensor *z, gr_tensor *y);

static gr_tensor *half_tanh(gr_tensor *z) { return gr_tanh(gr_scale(z, 0.5)); }

static void power_forward(const gr_node *n) {
    const power_params *p = n->params;
    focal_work w = {n->in[0]->data, n->in[1]->data, n->out->data, p->k};
    gr_for(n->graph, n->out->size, GRAIN, power_range, &w);
}
/* A product of an underflow and an overflow is taken for 0: here the underflow is the faster one. */
static void power_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    const double k = ((const power_params *)n->params)->k;
    if (k == 0) return;
    if (gr_wants(n, 0)) {
        gr_tensor *slope = gr_mul_or_zero(n->out, wrong_slope(z, y));
        grads[0] = gr_mul_or_zero(grad, gr_scale(slope, k));
    }
    if (gr_wants(n, 1)) {
        gr_tensor *slope = gr_mul_or_zero(wrong_power(z, y, k - 1), half_tanh(z));
        grads[1] = gr_mul_or_zero(grad, gr_scale(slope, -k));
    }
}
static const gr_op power_op = {.name = "gr_focal",
                               .operands = {"logits", "target"},
                               .shape = same_shape,
                               .forward = power_forward,
                               .vjp = power_vjp};
static gr_tensor *wrong_power(gr_tensor *z, gr_tensor *y, double k) {
    power_params p = {k};
    return gr_apply(&power_op, GR_LIST(z, y), &p, sizeof p);
}

static void slope_forward(const gr_node *n) {
    focal_work w = {n->in[0]->data, n->in[1]->data, n->out->data, 0};
    gr_for(n->graph, n->out->size, GRAIN, slope_range, &w);
}
static void slope_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    if (gr_wants(n, 0))
        grads[0] = gr_neg(gr_mul(grad, gr_mul(n->out, gr_add(half_tanh(z), n->out))));
    if (gr_wants(n, 1)) {
        gr_tensor *reciprocal = wrong_power(z, y, -1);
        gr_tensor *a = gr_mul_or_zero(gr_sigmoid(z), reciprocal);
        gr_tensor *b = gr_mul_or_zero(gr_sigmoid(gr_neg(z)), reciprocal);
        grads[1] = gr_neg(gr_mul_or_zero(grad, gr_mul_or_zero(a, b)));
    }
}
static const gr_op slope_op = {.name = "gr_focal",
                               .operands = {"logits", "target"},
                               .shape = same_shape,
                               .forward = slope_forward,
                               .vjp = slope_vjp};
static gr_tensor *wrong_slope(gr_tensor *z, gr_tensor *y) {
    return gr_apply(&slope_op, GR_LIST(z, y), NULL, 0);
}

/* -- The losses ----------------------------------------------------------------------------------- */

gr_tensor *gr_focal_(gr_focal_args a) {
    const gr_loss_info *r = row(FOCAL);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.logits, a.target));
    if (g == NULL || !gr_loss_check_same_shape(r, a.logits, "logits", a.target, "target") ||
        !gr_loss_check_optional(r, a.weight, "weight") ||
        !gr_loss_check_parameter(g, r, "alpha", a.alpha) ||
        !gr_loss_check_parameter(g, r, "gamma", a.gamma))
        return NULL;
    gr_tensor *elements = gr_sigmoid_cross_entropy(a.logits, a.target);
    if (a.alpha >= 0) {
        gr_tensor *alpha_t = gr_shift(gr_scale(a.target, 2 * a.alpha - 1), 1 - a.alpha);
        elements = gr_mul(elements, alpha_t);
    }
    if (a.gamma > 0)
        elements = gr_mul_or_zero(elements, wrong_power(a.logits, a.target, a.gamma));
    return gr_loss_reduce(r, elements, a.weight, a.reduction);
}

/* With v the log-odds against the target, p_t = s(-v): CE = softplus(v), 1 - p_t = e^-softplus(-v). */
gr_tensor *gr_softmax_focal_(gr_softmax_focal_args a) {
    const gr_loss_info *r = row(SOFTMAX_FOCAL);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.logits, a.target));
    if (g == NULL || !gr_loss_check_target(r, a.logits, "logits", a.target, GR_IGNORE_NOTHING) ||
        !gr_loss_check_per_class(r, a.logits, "logits", a.class_alpha, "class_alpha") ||
        !gr_loss_check_parameter(g, r, "alpha", a.alpha) ||
        !gr_loss_check_parameter(g, r, "gamma", a.gamma))
        return NULL;
    gr_targets t = {.index = a.target, .count = a.target->size};
    gr_tensor *v = gr_odds_against(a.logits, a.target, GR_IGNORE_NOTHING);
    gr_tensor *elements = gr_softplus(v);
    if (a.gamma > 0) {
        gr_tensor *log_wrong = gr_neg(gr_softplus(gr_neg(v)));
        elements = gr_mul(elements, gr_exp(gr_scale(log_wrong, a.gamma)));
    }
    if (a.class_alpha != NULL)
        elements = gr_mul(elements, gr_weight_of_target(a.class_alpha, &t));
    else if (a.alpha >= 0)
        elements = gr_scale(elements, a.alpha);
    return gr_loss_reduce(r, elements, NULL, a.reduction);
}

/* -- The registry's rows -------------------------------------------------------------------------- */

static gr_tensor *focal(const gr_loss_call *c) {
    return gr_focal(c->operand[0], c->operand[1], .weight = c->operand[2],
                    .reduction = c->reduction, .alpha = c->parameter[0], .gamma = c->parameter[1]);
}
static gr_tensor *softmax_focal(const gr_loss_call *c) {
    return gr_softmax_focal(c->operand[0], c->operand[1], .class_alpha = c->operand[2],
                            .reduction = c->reduction, .alpha = c->parameter[0],
                            .gamma = c->parameter[1]);
}

#define GAMMA                                                                                      \
    {                                                                                              \
        "gamma", GR_NUMBER, 2, 0, INFINITY, false, true, NULL,                                     \
            "how little easy examples count; 0: cross-entropy"                                     \
    }
#define COMMON                                                                                     \
    .family = "classification", .reductions = "mean sum none", .differentiable = "logits",         \
    .robust = "logits", .low = 0, .high = INFINITY, .source = "Lin et al., ICCV 2017"

const gr_loss_info gr_focal_losses[] = {
    {.name = "focal",
     .purpose = "binary classification with few positives among many easy negatives",
     .formula = "alpha_t (1 - p_t)^gamma BCE(logits, target); p_t = y s(z) + (1 - y) s(-z), "
                "alpha_t = alpha y + (1 - alpha) (1 - y)",
     .operands = {{.name = "logits", .shape = "any"},
                  {.name = "target", .shape = "any", .domain = GR_UNIT_INTERVAL},
                  {.name = "weight", .shape = "any", .optional = true}},
     .parameters = {{"alpha", GR_NUMBER, 0.25, -INFINITY, 1, true, false, NULL,
                     "weight of positives, 1 - alpha of negatives; negative: none"},
                    GAMMA},
     .use = "classes are badly unbalanced and most examples are easy",
     .avoid = "classes are balanced, labels are noisy, or probabilities must be calibrated",
     .apply = focal,
     COMMON},
    {.name = "softmax_focal",
     .purpose = "classification into unbalanced classes with many easy examples",
     .formula = "-alpha (1 - p)^gamma log p; p = softmax(logits)[target]",
     .operands = {{.name = "logits", .shape = "(N,C,d..)"},
                  {.name = "target", .shape = "(N,d..)", .kind = GR_OPERAND_INDEX,
                   .domain = GR_CLASSES},
                  {.name = "class_alpha", .shape = "(C)", .optional = true, .domain = GR_POSITIVE,
                   .about = "alpha of each class, in place of the number"}},
     .parameters = {{"alpha", GR_NUMBER, 0.25, -INFINITY, INFINITY, true, true, NULL,
                     "factor of all examples; negative: none"},
                    GAMMA},
     .use = "as focal, where classes exclude each other",
     .avoid = "classes are balanced, labels are noisy, or probabilities must be calibrated",
     .apply = softmax_focal,
     COMMON},
    {.name = NULL},
};
