#include "losses/classification.h"

#include "core/ops/elementwise.h"
#include "core/ops/odds.h"
#include "core/ops/pointwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/targets_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum {
    BCE,
    BCE_WITH_LOGITS,
    CROSS_ENTROPY,
    NLL,
    CATEGORICAL,
    SPARSE_CATEGORICAL,
    KL_DIV,
    SOFT_MARGIN,
    MULTILABEL_SOFT_MARGIN
};

static const gr_loss_info *row(int i) { return &gr_classification_losses[i]; }

/* Two required operands and, of elementwise losses, the optional weight. */
static gr_graph *check(int loss, gr_tensor *a, gr_tensor *b, gr_tensor *weight) {
    gr_graph *g = gr_loss_check(row(loss), GR_LIST(a, b));
    return g != NULL && gr_loss_check_optional(row(loss), weight, "weight") ? g : NULL;
}

/* -- Binary -- */

gr_tensor *gr_bce_(gr_bce_args a) {
    const gr_loss_info *r = row(BCE);
    if (check(BCE, a.prob, a.target, a.weight) == NULL ||
        !gr_loss_check_same_shape(r, a.prob, "prob", a.target, "target"))
        return NULL;
    double total = gr_loss_total(a.prob, a.target, a.weight, a.reduction);
    if (!gr_loss_check_before(gr_loss_check_fractions, r, a.prob, "prob", total)) return NULL;
    gr_tensor *values = gr_pointwise_bce(a.prob, a.target, total);
    if (!gr_loss_check_after(gr_loss_check_fractions, r, a.prob, "prob", total, values))
        return NULL;
    return total != 0 ? values : gr_loss_reduce(r, values, a.weight, a.reduction);
}

/* w y softplus(-z) + (1 - y) softplus(z) */
static gr_tensor *weighted_bce(gr_tensor *z, gr_tensor *y, gr_tensor *w) {
    gr_tensor *yes = gr_mul_or_zero(gr_mul(y, w), gr_softplus(gr_neg(z)));
    return gr_add(yes, gr_mul_or_zero(gr_shift(gr_neg(y), 1), gr_softplus(z)));
}

static bool check_pos_weight(const gr_bce_with_logits_args *a) {
    const gr_loss_info *r = row(BCE_WITH_LOGITS);
    if (!gr_loss_check_optional(r, a->pos_weight, "pos_weight")) return false;
    return a->pos_weight == NULL ||
           gr_loss_check_broadcasts_to(r, a->pos_weight, "pos_weight", a->logits, "logits");
}

gr_tensor *gr_bce_with_logits_(gr_bce_with_logits_args a) {
    const gr_loss_info *r = row(BCE_WITH_LOGITS);
    gr_graph *g = check(BCE_WITH_LOGITS, a.logits, a.target, a.weight);
    if (g == NULL || !gr_loss_check_same_shape(r, a.logits, "logits", a.target, "target") ||
        !check_pos_weight(&a) ||
        !gr_loss_check_parameter(g, r, "label_smoothing", a.label_smoothing))
        return NULL;
    const double l = a.label_smoothing;
    gr_tensor *y = l == 0 ? a.target : gr_shift(gr_scale(a.target, 1 - l), l / 2);
    double total = a.pos_weight != NULL ? 0 : gr_loss_total(a.logits, y, a.weight, a.reduction);
    gr_tensor *values = a.pos_weight == NULL ? gr_pointwise_bce_with_logits(a.logits, y, total)
                                             : weighted_bce(a.logits, y, a.pos_weight);
    return total != 0 ? values : gr_loss_reduce(r, values, a.weight, a.reduction);
}

gr_tensor *gr_soft_margin_(gr_soft_margin_args a) {
    const gr_loss_info *r = row(SOFT_MARGIN);
    if (check(SOFT_MARGIN, a.score, a.target, a.weight) == NULL ||
        !gr_loss_check_broadcast(r, a.score, "score", a.target, "target"))
        return NULL;
    double total = gr_loss_total(a.score, a.target, a.weight, a.reduction);
    if (!gr_loss_check_before(gr_loss_check_signs, r, a.target, "target", total)) return NULL;
    gr_tensor *values = gr_pointwise_soft_margin(a.score, a.target, total);
    if (!gr_loss_check_after(gr_loss_check_signs, r, a.target, "target", total, values))
        return NULL;
    return total != 0 ? values : gr_loss_reduce(r, values, a.weight, a.reduction);
}

gr_tensor *gr_multilabel_soft_margin_(gr_multilabel_soft_margin_args a) {
    const gr_loss_info *r = row(MULTILABEL_SOFT_MARGIN);
    if (check(MULTILABEL_SOFT_MARGIN, a.logits, a.target, NULL) == NULL) return NULL;
    if (a.logits->shape.ndim != 2 || !gr_shape_equal(a.logits->shape, a.target->shape))
        return gr_loss_shape_error(r, a.logits, "logits", a.target, "target",
                                   "expected two of (N,C)");
    if (!gr_loss_check_per_class(r, a.logits, "logits", a.class_weight, "class_weight"))
        return NULL;
    gr_tensor *elements = gr_sigmoid_cross_entropy(a.logits, a.target);
    if (a.class_weight != NULL) elements = gr_mul_or_zero(elements, a.class_weight);
    return gr_loss_reduce(r, gr_mean(elements, .axes = GR_AXES(1)), NULL, a.reduction);
}

/* -- Of C classes -- */

/* x, and 0 where the target is ignored, so that NaN and infinity there count nothing either. */
static gr_tensor *of_counted(gr_tensor *x, gr_tensor *mask) {
    return mask == NULL || x == NULL ? x : gr_where(mask, x, gr_scalar(x->graph, 0));
}

/* The sum over the classes of class_weight log softmax(logits), in the targets' shape; 0 for
 * targets ignored. */
static gr_tensor *sum_of_classes(gr_tensor *logits, gr_tensor *class_weight, gr_tensor *mask) {
    if (mask != NULL) logits = of_counted(logits, gr_unsqueeze(mask, 1));
    gr_tensor *log_prob = gr_log_softmax(logits, .axes = GR_AXES(1));
    if (class_weight != NULL)
        log_prob = gr_mul_or_zero(log_prob, gr_along_classes(class_weight, logits));
    return of_counted(gr_sum(log_prob, .axes = GR_AXES(1)), mask);
}

/* Whether all that is wanted is the targets' mean or sum. */
static bool is_plain(const gr_cross_entropy_args *a) {
    return a->class_weight == NULL && a->label_smoothing == 0 &&
           (a->reduction == GR_MEAN || a->reduction == GR_SUM);
}

static gr_tensor *cross_entropy_of_indices(const gr_cross_entropy_args *a) {
    gr_targets t = gr_targets_of(a->target, a->ignore_index);
    if (t.index == NULL) return NULL;
    if (is_plain(a)) {
        double total = a->reduction == GR_SUM || t.count == 0 ? 1 : 1 / (double)t.count;
        return gr_odds_entropy(a->logits, a->target, a->ignore_index, total);
    }
    const double l = a->label_smoothing;
    gr_tensor *weights = gr_weight_of_target(a->class_weight, &t), *elements = NULL;
    if (l < 1) {
        elements = gr_softplus(gr_odds_against(a->logits, a->target, a->ignore_index));
        if (a->class_weight != NULL) elements = gr_mul_or_zero(elements, weights);
    }
    if (l > 0) {
        gr_tensor *all = sum_of_classes(a->logits, a->class_weight, t.mask);
        gr_tensor *smooth = gr_scale(all, -l / a->logits->shape.dim[1]);
        elements = elements == NULL ? smooth : gr_add(gr_scale(elements, 1 - l), smooth);
    }
    return gr_reduce_targets(row(CROSS_ENTROPY), elements, weights, a->reduction);
}

static gr_tensor *cross_entropy_of_probabilities(const gr_cross_entropy_args *a) {
    const gr_loss_info *r = row(CROSS_ENTROPY);
    if (a->logits->shape.ndim < 2 || !gr_shape_equal(a->logits->shape, a->target->shape))
        return gr_loss_shape_error(r, a->logits, "logits", a->target, "target",
                                   "expected probabilities in the shape of the logits, (N,C) or "
                                   "(N,C,d1..)");
    if (!gr_loss_check_per_class(r, a->logits, "logits", a->class_weight, "class_weight"))
        return NULL;
    const double l = a->label_smoothing;
    gr_tensor *q = a->target;
    if (l > 0) q = gr_shift(gr_scale(q, 1 - l), l / a->logits->shape.dim[1]);
    if (a->class_weight != NULL) q = gr_mul(q, gr_along_classes(a->class_weight, q));
    gr_tensor *terms = gr_mul_or_zero(q, gr_log_softmax(a->logits, .axes = GR_AXES(1)));
    return gr_loss_reduce(r, gr_neg(gr_sum(terms, .axes = GR_AXES(1))), NULL, a->reduction);
}

gr_tensor *gr_cross_entropy_(gr_cross_entropy_args a) {
    const gr_loss_info *r = row(CROSS_ENTROPY);
    gr_graph *g = check(CROSS_ENTROPY, a.logits, a.target, NULL);
    if (g == NULL || !gr_loss_check_parameter(g, r, "label_smoothing", a.label_smoothing))
        return NULL;
    if (a.target->kind == GR_REAL) return cross_entropy_of_probabilities(&a);
    if (!gr_loss_check_target(r, a.logits, "logits", a.target, a.ignore_index) ||
        !gr_loss_check_per_class(r, a.logits, "logits", a.class_weight, "class_weight"))
        return NULL;
    return cross_entropy_of_indices(&a);
}

gr_tensor *gr_nll_(gr_nll_args a) {
    const gr_loss_info *r = row(NLL);
    if (check(NLL, a.log_prob, a.target, NULL) == NULL ||
        !gr_loss_check_target(r, a.log_prob, "log_prob", a.target, a.ignore_index) ||
        !gr_loss_check_per_class(r, a.log_prob, "log_prob", a.class_weight, "class_weight"))
        return NULL;
    gr_targets t = gr_targets_of(a.target, a.ignore_index);
    if (t.index == NULL) return NULL;
    gr_tensor *weights = gr_weight_of_target(a.class_weight, &t);
    gr_tensor *elements = of_counted(gr_neg(gr_at_target(a.log_prob, t.index)), t.mask);
    if (a.class_weight != NULL) elements = gr_mul_or_zero(elements, weights);
    return gr_reduce_targets(r, elements, weights, a.reduction);
}

static gr_tensor *cut_log(gr_tensor *p, double eps) { return gr_log(gr_clamp(p, eps, 1 - eps)); }

gr_tensor *gr_categorical_cross_entropy_(gr_categorical_args a) {
    const gr_loss_info *r = row(CATEGORICAL);
    gr_graph *g = check(CATEGORICAL, a.prob, a.target, NULL);
    if (g == NULL || !gr_loss_check_parameter(g, r, "eps", a.eps)) return NULL;
    if (a.prob->shape.ndim < 2 || !gr_shape_equal(a.prob->shape, a.target->shape))
        return gr_loss_shape_error(r, a.prob, "prob", a.target, "target",
                                   "expected two of (N,C), or two of (N,C,d1..)");
    gr_tensor *terms = gr_mul(a.target, cut_log(a.prob, a.eps));
    return gr_loss_reduce(r, gr_neg(gr_sum(terms, .axes = GR_AXES(1))), NULL, a.reduction);
}

gr_tensor *gr_sparse_categorical_cross_entropy_(gr_categorical_args a) {
    const gr_loss_info *r = row(SPARSE_CATEGORICAL);
    gr_graph *g = check(SPARSE_CATEGORICAL, a.prob, a.target, NULL);
    if (g == NULL || !gr_loss_check_parameter(g, r, "eps", a.eps) ||
        !gr_loss_check_target(r, a.prob, "prob", a.target, GR_IGNORE_NOTHING))
        return NULL;
    gr_tensor *elements = gr_neg(cut_log(gr_at_target(a.prob, a.target), a.eps));
    return gr_loss_reduce(r, elements, NULL, a.reduction);
}

/* p (log p - log q) of the logarithms, 0 without a gradient where p is 0. */
static gr_tensor *divergence_of_logs(gr_tensor *log_q, gr_tensor *log_p) {
    gr_tensor *p = gr_exp(log_p), *zero = gr_scalar(log_p->graph, 0), *absent = gr_eq(p, zero);
    gr_tensor *difference = gr_sub(gr_where(absent, zero, log_p), gr_where(absent, zero, log_q));
    return gr_mul(gr_where(absent, zero, p), difference);
}

gr_tensor *gr_kl_div_(gr_kl_div_args a) {
    const gr_loss_info *r = row(KL_DIV);
    if (check(KL_DIV, a.log_q, a.p, a.weight) == NULL ||
        !gr_loss_check_broadcast(r, a.log_q, "log_q", a.p, "p"))
        return NULL;
    int n = a.log_q->shape.ndim == 0 ? 1 : a.log_q->shape.dim[0];
    bool of_batch = a.reduction == GR_BATCHMEAN;
    gr_reduction reduction = of_batch ? GR_SUM : a.reduction;
    double total = a.log_target ? 0 : gr_loss_total(a.log_q, a.p, a.weight, reduction);
    if (of_batch) total /= n;
    if (!a.log_target && !gr_loss_check_before(gr_loss_check_not_negative, r, a.p, "p", total))
        return NULL;
    gr_tensor *values = a.log_target ? divergence_of_logs(a.log_q, a.p)
                                     : gr_pointwise_divergence(a.log_q, a.p, total);
    if (!gr_loss_check_after(gr_loss_check_not_negative, r, a.p, "p", total, values)) return NULL;
    if (total != 0) return values;
    values = gr_loss_reduce(r, values, a.weight, reduction);
    return of_batch ? gr_scale(values, 1.0 / n) : values;
}

/* -- The registry's rows -- */

/* The first two operands and, of elementwise losses, the weight. */
#define PAIR(c) (c)->operand[0], (c)->operand[1], .reduction = (c)->reduction
#define THIRD(c) (c)->operand[2]

static gr_tensor *bce(const gr_loss_call *c) { return gr_bce(PAIR(c), .weight = THIRD(c)); }
static gr_tensor *bce_with_logits(const gr_loss_call *c) {
    return gr_bce_with_logits(PAIR(c), .pos_weight = THIRD(c), .weight = c->operand[3],
                              .label_smoothing = c->parameter[0]);
}
/* Before it becomes an int. */
static bool check_ignore_index(int loss, const gr_loss_call *c) {
    return gr_loss_check_parameter(c->graph, row(loss), "ignore_index", c->parameter[0]);
}
static gr_tensor *cross_entropy(const gr_loss_call *c) {
    if (!check_ignore_index(CROSS_ENTROPY, c)) return NULL;
    return gr_cross_entropy(PAIR(c), .class_weight = THIRD(c), .ignore_index = (int)c->parameter[0],
                            .label_smoothing = c->parameter[1]);
}
static gr_tensor *nll(const gr_loss_call *c) {
    if (!check_ignore_index(NLL, c)) return NULL;
    return gr_nll(PAIR(c), .class_weight = THIRD(c), .ignore_index = (int)c->parameter[0]);
}
static gr_tensor *categorical(const gr_loss_call *c) {
    return gr_categorical_cross_entropy(PAIR(c), .eps = c->parameter[0]);
}
static gr_tensor *sparse_categorical(const gr_loss_call *c) {
    return gr_sparse_categorical_cross_entropy(PAIR(c), .eps = c->parameter[0]);
}
static gr_tensor *kl_div(const gr_loss_call *c) {
    return gr_kl_div(PAIR(c), .weight = THIRD(c), .log_target = c->parameter[0] != 0);
}
static gr_tensor *soft_margin(const gr_loss_call *c) {
    return gr_soft_margin(PAIR(c), .weight = THIRD(c));
}
static gr_tensor *multilabel_soft_margin(const gr_loss_call *c) {
    return gr_multilabel_soft_margin(PAIR(c), .class_weight = THIRD(c));
}

#define COMMON .family = "classification", .reductions = "mean sum none"
#define WEIGHT                                                                                     \
    { .name = "weight", .shape = "any", .optional = true }
#define CLASS_WEIGHT                                                                               \
    {                                                                                              \
        .name = "class_weight", .shape = "(C)", .optional = true, .domain = GR_POSITIVE,           \
        .about = "of each class"                                                                   \
    }
#define CLASSES                                                                                    \
    { .name = "target", .shape = "(N,d..)", .kind = GR_OPERAND_INDEX, .domain = GR_CLASSES }
#define SMOOTHING                                                                                  \
    { "label_smoothing", GR_NUMBER, 0, 0, 1, false, false, NULL, "shared out among all classes" }
#define IGNORE_INDEX                                                                               \
    {                                                                                              \
        "ignore_index", GR_INTEGER, -100, -2147483647.0, 2147483647.0, false, false, NULL,         \
            "targets with this index count nothing"                                                \
    }
#define EPS                                                                                        \
    { "eps", GR_NUMBER, 1e-7, 0, 0.5, true, true, NULL, "cuts prob to [eps, 1 - eps]" }

const gr_loss_info gr_classification_losses[] = {
    {.name = "bce",
     .purpose = "binary and multi-label classification, from probabilities",
     .formula = "-(target max(log prob, -100) + (1 - target) max(log(1 - prob), -100))",
     .operands = {{.name = "prob", .shape = "any", .domain = GR_UNIT_INTERVAL},
                  {.name = "target", .shape = "any", .domain = GR_UNIT_INTERVAL},
                  WEIGHT},
     .use = "probabilities are all there is",
     .avoid = "there are logits: bce_with_logits keeps its digits where prob is 0 or 1",
     .convex = "prob",
     .differentiable = "prob",
     .low = 0,
     .high = 100,
     .zero_at_perfect = true,
     .source = "Good, J. R. Statist. Soc. B 14 (1952)",
     .apply = bce,
     COMMON},
    {.name = "bce_with_logits",
     .purpose = "binary and multi-label classification",
     .formula = "pos_weight y log(1 + e^-z) + (1 - y) log(1 + e^z); "
                "y = target (1 - label_smoothing) + label_smoothing/2, z = logits",
     .operands = {{.name = "logits", .shape = "any"},
                  {.name = "target", .shape = "any", .domain = GR_UNIT_INTERVAL},
                  {.name = "pos_weight",
                   .shape = "(C) or any",
                   .optional = true,
                   .domain = GR_POSITIVE,
                   .about = "of positive targets; or one number"},
                  WEIGHT},
     .parameters = {{"label_smoothing", GR_NUMBER, 0, 0, 1, false, false, NULL,
                     "draws the targets towards 1/2"}},
     .use = "two classes, or labels that don't exclude each other",
     .avoid = "the network ends in a sigmoid already",
     .convex = "logits",
     .differentiable = "logits",
     .robust = "logits",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Cox, J. R. Statist. Soc. B 20 (1958)",
     .apply = bce_with_logits,
     COMMON},
    {.name = "cross_entropy",
     .purpose = "classification into one of C classes",
     .formula = "-class_weight[target] log softmax(logits)[target]; "
                "of probabilities -sum_j class_weight[j] target[j] log softmax(logits)[j]",
     .operands = {{.name = "logits", .shape = "(N,C,d..)"},
                  {.name = "target",
                   .shape = "(N,d..) or (N,C,d..)",
                   .kind = GR_OPERAND_REAL_OR_INDEX,
                   .domain = GR_CLASSES,
                   .about = "class indices, or probabilities of the logits' shape"},
                  CLASS_WEIGHT},
     .parameters = {IGNORE_INDEX, SMOOTHING},
     .use = "classes exclude each other",
     .avoid = "the network ends in a softmax already, or labels are not exclusive",
     .convex = "logits",
     .differentiable = "logits",
     .robust = "logits",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Bridle, Neurocomputing, NATO ASI F68 (1990); "
               "label smoothing: Szegedy et al., CVPR 2016",
     .apply = cross_entropy,
     COMMON},
    {.name = "nll",
     .purpose = "classification, from log-probabilities",
     .formula = "-class_weight[target] log_prob[target]",
     .operands = {{.name = "log_prob", .shape = "(N,C,d..)", .domain = GR_LOG_DISTRIBUTION},
                  CLASSES,
                  CLASS_WEIGHT},
     .parameters = {IGNORE_INDEX},
     .use = "the network ends in a log-softmax",
     .avoid = "log_prob is not normalised: nothing bounds the loss below",
     .convex = "log_prob",
     .differentiable = "log_prob",
     .robust = "log_prob",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Fisher, Phil. Trans. R. Soc. A 222 (1922)",
     .apply = nll,
     COMMON},
    {.name = "categorical_cross_entropy",
     .purpose = "classification, from probabilities, with one-hot or soft targets",
     .formula = "-sum_j target[j] log clip(prob[j], eps, 1 - eps)",
     .operands = {{.name = "prob", .shape = "(N,C,d..)", .domain = GR_DISTRIBUTION},
                  {.name = "target", .shape = "(N,C,d..)", .domain = GR_DISTRIBUTION}},
     .parameters = {EPS},
     .use = "probabilities are all there is and targets are distributions",
     .avoid = "there are logits: cross_entropy is exact and its gradient never vanishes",
     .low = 0,
     .high = INFINITY,
     .source = "Good, J. R. Statist. Soc. B 14 (1952)",
     .apply = categorical,
     COMMON},
    {.name = "sparse_categorical_cross_entropy",
     .purpose = "classification, from probabilities, with class indices",
     .formula = "-log clip(prob[target], eps, 1 - eps)",
     .operands = {{.name = "prob", .shape = "(N,C,d..)", .domain = GR_DISTRIBUTION}, CLASSES},
     .parameters = {EPS},
     .use = "as categorical_cross_entropy; an index takes the place of C numbers",
     .avoid = "there are logits: cross_entropy is exact and its gradient never vanishes",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Good, J. R. Statist. Soc. B 14 (1952)",
     .apply = sparse_categorical,
     COMMON},
    {.name = "kl_div",
     .purpose = "distance of one distribution from another",
     .formula = "p (log p - log_q); with log_target e^p (p - log_q)",
     .operands = {{.name = "log_q", .shape = "any", .domain = GR_LOG_DISTRIBUTION},
                  {.name = "p",
                   .shape = "any",
                   .domain = GR_DISTRIBUTION,
                   .about = "the target; its logarithm if log_target"},
                  WEIGHT},
     .parameters = {{"log_target", GR_BOOLEAN, 0, 0, 1, false, false, NULL,
                     "p is given as its logarithm"}},
     .use = "targets are distributions: distillation, variational methods (batchmean)",
     .avoid = "the divergence is meant and the reduction is mean: that divides by C too",
     .convex = "log_q",
     .differentiable = "log_q",
     .robust = "log_q",
     .low = -0.36787944117144233, /* p log p at p = 1/e */
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Kullback and Leibler, Ann. Math. Statist. 22 (1951)",
     .apply = kl_div,
     .family = "classification",
     .reductions = "mean sum none batchmean"},
    {.name = "soft_margin",
     .purpose = "binary classification with labels -1 and +1",
     .formula = "log(1 + e^(-target score))",
     .operands = {{.name = "score", .shape = "any"},
                  {.name = "target", .shape = "any", .domain = GR_SIGNS},
                  WEIGHT},
     .use = "bce_with_logits is meant and labels are -1 and +1",
     .avoid = "labels are 0 and 1, or soft",
     .convex = "score",
     .differentiable = "score",
     .robust = "score",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Friedman, Hastie and Tibshirani, Ann. Statist. 28 (2000)",
     .apply = soft_margin,
     COMMON},
    {.name = "multilabel_soft_margin",
     .purpose = "multi-label classification, one number a sample",
     .formula = "mean_j class_weight[j] (y log(1 + e^-z) + (1 - y) log(1 + e^z)); "
                "y = target[j], z = logits[j]",
     .operands = {{.name = "logits", .shape = "(N,C)"},
                  {.name = "target", .shape = "(N,C)", .domain = GR_BINARY},
                  CLASS_WEIGHT},
     .use = "labels don't exclude each other and classes have weights",
     .avoid = "classes exclude each other: cross_entropy",
     .convex = "logits",
     .differentiable = "logits",
     .robust = "logits",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Cox, J. R. Statist. Soc. B 20 (1958)",
     .apply = multilabel_soft_margin,
     COMMON},
    {.name = NULL},
};
