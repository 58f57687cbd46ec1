#include "losses/focal.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/odds.h"
#include "core/ops/pointwise.h"
#include "losses/targets_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { FOCAL, SOFTMAX_FOCAL };

static const gr_loss_info *row(int i) { return &gr_focal_losses[i]; }

/* -- Operations of logits z and targets y -- */

/* With the probability u = 1 - p_t = (1 - y) s(z) + y s(-z) of being wrong, the cross-entropy CE
 * and t = tanh(z/2):
 *
 *     focus     u^k CE           by z: focus_z,  by y: -pull
 *     focus_z   u^(k+1) (residual + k rate slope)
 *                                by z: (k + 1) slope focus_z + u^(k+1) (share - residual slope
 *                                      + k slope (residual - rate (t + 2 slope)))
 *                                by y: -pull_z
 *     pull      u^k (z + k rate t)
 *                                by z: pull_z,   by y: -k t (pull_(k-1) + u^(k-1) z)
 *     power     u^k              by z: k slope u^k,                by y: -k t u^(k-1)
 *     rate      CE / u           by z: residual - rate slope,      by y: (rate t - z) / u
 *     residual  (s(z) - y) / u   by z: share - residual slope,     by y: (residual t - 1) / u
 *     share     s(z) s(-z) / u   by z: -share (t + slope),         by y: share t / u
 *
 * where slope = (1 - 2y) share is d log u / dz and
 *
 *     pull_z = k slope pull + u^k (1 + k t (residual - rate slope) + k rate (1 - t^2) / 2).
 *
 * The ratios are bounded where u and their numerators underflow, so that first and second
 * derivatives take no product of an underflow and an overflow and no difference of infinities. For
 * y = 0 and 1 u is a sigmoid and its logarithm is at hand, however small u is. gr_focal computes
 * value and first derivative in one pass (core/ops/pointwise.h); these are what it takes higher
 * ones from. */

enum { GRAIN = 1 << 12 };

typedef double element(double z, double y, double k);

typedef struct focal_work {
    element *f;
    const gr_real *z, *y;
    gr_real *out;
    double k;
} focal_work;

/* log(1 + e^x) and 1 / (1 + e^-x) */
static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static double wrong(double z, double y) { return (1 - y) * sigmoid(z) + y * sigmoid(-z); }
static bool is_hard(double y) { return y == 0 || y == 1; }

static double power_element(double z, double y, double k) {
    return is_hard(y) ? exp(-k * softplus(y == 1 ? z : -z)) : pow(wrong(z, y), k);
}

/* Beyond a lead of 40 log(1 + e^-lead) is e^-lead to all digits of a double. */
static double focus_element(double z, double y, double k) {
    double lead = y == 1 ? z : -z;
    if (is_hard(y) && lead > 40) return exp(-lead - k * softplus(lead));
    double ce = is_hard(y) ? softplus(-lead) : y * softplus(-z) + (1 - y) * softplus(z);
    return ce * power_element(z, y, k);
}

/* For y = 0 and 1, log(1 + e^-lead) (1 + e^lead). */
static double rate_element(double z, double y, double k) {
    (void)k;
    double lead = y == 1 ? z : -z;
    if (is_hard(y)) return lead > 40 ? 1 + exp(-lead) / 2 : softplus(-lead) * (1 + exp(lead));
    return focus_element(z, y, 0) / wrong(z, y);
}

static double residual_element(double z, double y, double k) {
    (void)k;
    if (is_hard(y)) return 1 - 2 * y;
    return (sigmoid(z) - y) / wrong(z, y);
}

static double share_element(double z, double y, double k) {
    (void)k;
    if (is_hard(y)) return sigmoid(y == 1 ? z : -z);
    return sigmoid(z) * sigmoid(-z) / wrong(z, y);
}

static double focus_z_element(double z, double y, double k) {
    double slope = (1 - 2 * y) * share_element(z, y, 0);
    double change = residual_element(z, y, 0);
    if (slope != 0) change += k * rate_element(z, y, 0) * slope;
    return power_element(z, y, k + 1) * change;
}

static double pull_element(double z, double y, double k) {
    double u_k = power_element(z, y, k);
    return u_k == 0 ? 0 : u_k * (z + k * rate_element(z, y, 0) * tanh(z / 2));
}

static void range(void *context, int64_t begin, int64_t end) {
    const focal_work *w = context;
    for (int64_t i = begin; i < end; i++) w->out[i] = (gr_real)w->f(w->z[i], w->y[i], w->k);
}

static double exponent(const gr_node *n) { return *(const double *)n->params; }

static void run(const gr_node *n, element *f) {
    focal_work w = {f, n->in[0]->data, n->in[1]->data, n->out->data, exponent(n)};
    gr_for_each(n->graph, n->out->size, GRAIN, range, &w);
}

static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}

static gr_tensor *half_tanh(gr_tensor *z) { return gr_tanh(gr_scale(z, 0.5)); }

/* Defines NAME(z, y, k). */
#define OPERATION(name_)                                                                           \
    static void name_##_forward(const gr_node *n) { run(n, name_##_element); }                     \
    static const gr_op name_##_op = {.name = "gr_focal",                                           \
                                     .operands = {"logits", "target"},                             \
                                     .shape = same_shape,                                          \
                                     .forward = name_##_forward,                                   \
                                     .vjp = name_##_vjp};                                          \
    static gr_tensor *name_(gr_tensor *z, gr_tensor *y, double k) {                                \
        return gr_apply(&name_##_op, GR_LIST(z, y), &k, sizeof k);                                 \
    }

static gr_tensor *power(gr_tensor *z, gr_tensor *y, double k);

/* d log u / dz */
static gr_tensor *slope(gr_tensor *z, gr_tensor *y);

/* grad x / u: by y, an underflow may meet an overflow, and their product is taken for 0. */
static gr_tensor *over_wrong(gr_tensor *grad, gr_tensor *x, gr_tensor *z, gr_tensor *y) {
    return gr_mul_or_zero(grad, gr_mul_or_zero(x, power(z, y, -1)));
}

static void share_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    if (gr_wants(n, 0))
        grads[0] = gr_neg(gr_mul(grad, gr_mul(n->out, gr_add(half_tanh(z), slope(z, y)))));
    if (gr_wants(n, 1)) grads[1] = over_wrong(grad, gr_mul(n->out, half_tanh(z)), z, y);
}
OPERATION(share)

static gr_tensor *slope(gr_tensor *z, gr_tensor *y) {
    return gr_mul(gr_shift(gr_scale(y, -2), 1), share(z, y, 0));
}

static void residual_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    if (gr_wants(n, 0)) {
        gr_tensor *to_z = gr_sub(share(z, y, 0), gr_mul(n->out, slope(z, y)));
        grads[0] = gr_mul_or_zero(grad, to_z);
    }
    if (gr_wants(n, 1))
        grads[1] = over_wrong(grad, gr_shift(gr_mul(n->out, half_tanh(z)), -1), z, y);
}
OPERATION(residual)

static void rate_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    if (gr_wants(n, 0)) {
        gr_tensor *to_z = gr_sub(residual(z, y, 0), gr_mul(n->out, slope(z, y)));
        grads[0] = gr_mul_or_zero(grad, to_z);
    }
    if (gr_wants(n, 1)) grads[1] = over_wrong(grad, gr_sub(gr_mul(n->out, half_tanh(z)), z), z, y);
}
OPERATION(rate)

static void power_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    const double k = exponent(n);
    if (k == 0) return;
    if (gr_wants(n, 0)) {
        gr_tensor *to_z = gr_mul_or_zero(n->out, slope(z, y));
        grads[0] = gr_mul_or_zero(grad, gr_scale(to_z, k));
    }
    if (gr_wants(n, 1)) {
        gr_tensor *to_y = gr_mul_or_zero(power(z, y, k - 1), half_tanh(z));
        grads[1] = gr_mul_or_zero(grad, gr_scale(to_y, -k));
    }
}
OPERATION(power)

static gr_tensor *pull(gr_tensor *z, gr_tensor *y, double k);

/* dpull/dz */
static gr_tensor *pull_z(gr_tensor *z, gr_tensor *y, double k) {
    gr_tensor *t = half_tanh(z), *r = rate(z, y, 0), *by_z = slope(z, y);
    gr_tensor *rate_z = gr_sub(residual(z, y, 0), gr_mul_or_zero(r, by_z));
    gr_tensor *t_z = gr_scale(gr_shift(gr_neg(gr_square(t)), 1), 0.5);
    gr_tensor *change = gr_add(gr_mul(t, rate_z), gr_mul_or_zero(r, t_z));
    gr_tensor *factor = gr_shift(gr_scale(change, k), 1);
    gr_tensor *of_power = gr_mul_or_zero(pull(z, y, k), gr_scale(by_z, k));
    return gr_add(of_power, gr_mul_or_zero(power(z, y, k), factor));
}

static void pull_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    const double k = exponent(n);
    if (gr_wants(n, 0)) grads[0] = gr_mul_or_zero(grad, pull_z(z, y, k));
    if (gr_wants(n, 1) && k != 0) {
        gr_tensor *sum = gr_add(pull(z, y, k - 1), gr_mul_or_zero(power(z, y, k - 1), z));
        grads[1] = gr_mul_or_zero(grad, gr_scale(gr_mul_or_zero(sum, half_tanh(z)), -k));
    }
}
OPERATION(pull)

static void focus_z_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    const double k = exponent(n);
    if (gr_wants(n, 0)) {
        gr_tensor *q = residual(z, y, 0), *by_z = slope(z, y);
        gr_tensor *steps = gr_add(half_tanh(z), gr_scale(by_z, 2));
        gr_tensor *of_rate = gr_sub(q, gr_mul_or_zero(rate(z, y, 0), steps));
        gr_tensor *change = gr_sub(share(z, y, 0), gr_mul(q, by_z));
        change = gr_add(change, gr_scale(gr_mul_or_zero(of_rate, by_z), k));
        gr_tensor *of_power = gr_mul(n->out, gr_scale(by_z, k + 1));
        grads[0] =
            gr_mul_or_zero(grad, gr_add(of_power, gr_mul_or_zero(power(z, y, k + 1), change)));
    }
    if (gr_wants(n, 1)) grads[1] = gr_neg(gr_mul_or_zero(grad, pull_z(z, y, k)));
}
OPERATION(focus_z)

static void focus_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *z = n->in[0], *y = n->in[1];
    const double k = exponent(n);
    if (gr_wants(n, 0)) grads[0] = gr_mul_or_zero(grad, focus_z(z, y, k));
    if (gr_wants(n, 1)) grads[1] = gr_neg(gr_mul_or_zero(grad, pull(z, y, k)));
}
OPERATION(focus)

/* -- The losses -- */

static gr_tensor *focal_composed(gr_tensor *z, gr_tensor *y, double alpha, double gamma) {
    gr_tensor *elements = gamma > 0 ? focus(z, y, gamma) : gr_sigmoid_cross_entropy(z, y);
    if (alpha < 0) return elements;
    return gr_mul(elements, gr_shift(gr_scale(y, 2 * alpha - 1), 1 - alpha));
}

gr_tensor *gr_focal_(gr_focal_args a) {
    const gr_loss_info *r = row(FOCAL);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.logits, a.target));
    if (g == NULL || !gr_loss_check_same_shape(r, a.logits, "logits", a.target, "target") ||
        !gr_loss_check_optional(r, a.weight, "weight") ||
        !gr_loss_check_parameter(g, r, "alpha", a.alpha) ||
        !gr_loss_check_parameter(g, r, "gamma", a.gamma))
        return NULL;
    double total = gr_loss_total(a.logits, a.target, a.weight, a.reduction);
    gr_tensor *values =
        gr_pointwise_focal(a.logits, a.target, a.alpha, a.gamma, focal_composed, total);
    return total != 0 ? values : gr_loss_reduce(r, values, a.weight, a.reduction);
}

/* The log-odds v against the target are the logit of a binary problem whose answer is 0. */
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
    gr_tensor *elements =
        a.gamma > 0 ? focus(v, gr_zeros(g, a.target->shape), a.gamma) : gr_softplus(v);
    if (a.class_alpha != NULL)
        elements = gr_mul_or_zero(elements, gr_weight_of_target(a.class_alpha, &t));
    else if (a.alpha >= 0)
        elements = gr_scale(elements, a.alpha);
    return gr_loss_reduce(r, elements, NULL, a.reduction);
}

/* -- The registry's rows -- */

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
    .robust = "logits", .low = 0, .high = INFINITY, .zero_at_perfect = true,                       \
    .source = "Lin et al., ICCV 2017"

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
     .operands =
         {{.name = "logits", .shape = "(N,C,d..)"},
          {.name = "target", .shape = "(N,d..)", .kind = GR_OPERAND_INDEX, .domain = GR_CLASSES},
          {.name = "class_alpha",
           .shape = "(C)",
           .optional = true,
           .domain = GR_POSITIVE,
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
