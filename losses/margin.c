#include "losses/margin.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/pointwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/targets_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { HINGE, SQUARED_HINGE, MULTICLASS_HINGE, MULTI_MARGIN, MULTILABEL_MARGIN, HINGE_EMBEDDING };

static const gr_loss_info *row(int i) { return &gr_margin_losses[i]; }

/* -- Labels -1 and +1 -- */

/* total: as for gr_loss_check_before. */
static bool check_labels(int loss, gr_tensor *x, const char *x_name, gr_tensor *target,
                         gr_tensor *weight, double margin, double total) {
    const gr_loss_info *r = row(loss);
    gr_graph *g = gr_loss_check(r, GR_LIST(x, target));
    return g != NULL && gr_loss_check_broadcast(r, x, x_name, target, "target") &&
           gr_loss_check_before(gr_loss_check_signs, r, target, "target", total) &&
           gr_loss_check_optional(r, weight, "weight") &&
           gr_loss_check_parameter(g, r, "margin", margin);
}

static gr_tensor *hinge_loss(int loss, gr_hinge_args a) {
    const gr_loss_info *r = row(loss);
    if (gr_loss_check(r, GR_LIST(a.score, a.target)) == NULL) return NULL;
    double total = gr_loss_total(a.score, a.target, a.weight, a.reduction);
    if (!check_labels(loss, a.score, "score", a.target, a.weight, a.margin, total)) return NULL;
    gr_tensor *values = loss == HINGE
                            ? gr_pointwise_hinge(a.score, a.target, a.margin, total)
                            : gr_pointwise_squared_hinge(a.score, a.target, a.margin, total);
    if (!gr_loss_check_after(gr_loss_check_signs, r, a.target, "target", total, values))
        return NULL;
    return total != 0 ? values : gr_loss_reduce(r, values, a.weight, a.reduction);
}

gr_tensor *gr_hinge_(gr_hinge_args a) { return hinge_loss(HINGE, a); }
gr_tensor *gr_squared_hinge_(gr_hinge_args a) { return hinge_loss(SQUARED_HINGE, a); }

gr_tensor *gr_hinge_embedding_(gr_hinge_embedding_args a) {
    if (!check_labels(HINGE_EMBEDDING, a.pred, "pred", a.target, a.weight, a.margin, 0))
        return NULL;
    gr_tensor *similar = gr_gt(a.target, gr_scalar(a.target->graph, 0));
    gr_tensor *near = gr_relu(gr_shift(gr_neg(a.pred), a.margin));
    return gr_loss_reduce(row(HINGE_EMBEDDING), gr_where(similar, a.pred, near), a.weight,
                          a.reduction);
}

/* -- Class indices -- */

/* max(0, s_j - s_c + margin), 0 for j = c: (N,C); or NULL after an error. */
static gr_tensor *leads(int loss, const gr_multi_margin_args *a) {
    const gr_loss_info *r = row(loss);
    gr_graph *g = gr_loss_check(r, GR_LIST(a->score, a->target));
    if (g == NULL) return NULL;
    if (a->score->shape.ndim != 2)
        return gr_loss_shape_error(r, a->score, "score", a->target, "target",
                                   "expected (N,C) and class indices (N)");
    if (!gr_loss_check_target(r, a->score, "score", a->target, GR_IGNORE_NOTHING) ||
        !gr_loss_check_per_class(r, a->score, "score", a->class_weight, "class_weight") ||
        !gr_loss_check_parameter(g, r, "margin", a->margin))
        return NULL;
    gr_tensor *own = gr_gather(a->score, 1, gr_unsqueeze(a->target, 1));
    gr_tensor *lead = gr_relu(gr_shift(gr_sub(a->score, own), a->margin));
    gr_tensor *is_own = gr_one_hot(a->target, a->score->shape.dim[1]);
    return gr_where(is_own, gr_scalar(g, 0), lead);
}

gr_tensor *gr_multiclass_hinge_(gr_multi_margin_args a) {
    a.class_weight = NULL;
    gr_tensor *lead = leads(MULTICLASS_HINGE, &a);
    if (lead == NULL) return NULL;
    return gr_loss_reduce(row(MULTICLASS_HINGE), gr_sum(lead, .axes = GR_AXES(1)), NULL,
                          a.reduction);
}

gr_tensor *gr_multi_margin_(gr_multi_margin_args a) {
    gr_tensor *lead = leads(MULTI_MARGIN, &a);
    if (lead == NULL || !gr_loss_check_parameter(lead->graph, row(MULTI_MARGIN), "p", a.p))
        return NULL;
    gr_tensor *elements = gr_mean(a.p == 2 ? gr_square(lead) : lead, .axes = GR_AXES(1));
    gr_targets t = {.index = a.target, .count = a.target->size};
    if (a.class_weight != NULL)
        elements = gr_mul_or_zero(elements, gr_weight_of_target(a.class_weight, &t));
    return gr_loss_reduce(row(MULTI_MARGIN), elements, NULL, a.reduction);
}

/* -- Several labels a row -- */

static bool check_label_lists(const gr_multilabel_margin_args *a) {
    const gr_loss_info *r = row(MULTILABEL_MARGIN);
    if (gr_loss_check(r, GR_LIST(a->score, a->target)) == NULL) return false;
    if (a->score->shape.ndim != 2 || !gr_shape_equal(a->score->shape, a->target->shape))
        return gr_loss_shape_error(r, a->score, "score", a->target, "target",
                                   "expected (N,C) and class indices (N,C), padded with -1");
    int classes = a->score->shape.dim[1];
    for (int64_t i = 0; i < a->target->size; i++) {
        int c = a->target->index[i];
        if (c < -1 || c >= classes)
            return gr_fail(a->score->graph, "gr_%s: %s has %d at %s, expected 0 to %d, or -1",
                           r->name, gr_describe(a->target, "target").text, c,
                           gr_place_text(a->target->shape, i).text, classes - 1);
    }
    return true;
}

/* The labels of a row before the first -1. */
static int count_labels(const int32_t *labels, int classes) {
    int n = 0;
    while (n < classes && labels[n] >= 0) n++;
    return n;
}

/* Labels as (N,K), K the largest number in a row (at least 1), padded with class 0, and which pairs
 * (label k, class j) count: (N,K,C) of 0 and 1. */
typedef struct label_pairs {
    gr_tensor *label, *counts;
} label_pairs;

static label_pairs pairs_of(const gr_tensor *target) {
    gr_graph *g = target->graph;
    const int n = target->shape.dim[0], classes = target->shape.dim[1];
    int k = 1;
    for (int r = 0; r < n; r++) {
        int labels = count_labels(target->index + (int64_t)r * classes, classes);
        k = labels > k ? labels : k;
    }
    gr_tensor *label = gr_tensor_new(g, "gr_multilabel_margin", GR_INDEX, GR_SHAPE(n, k), false);
    gr_tensor *counts = gr_full(g, GR_SHAPE(n, k, classes), 1);
    if (label == NULL || counts == NULL) return (label_pairs){NULL, NULL};
    for (int r = 0; r < n; r++) {
        const int32_t *of_row = target->index + (int64_t)r * classes;
        const int labels = count_labels(of_row, classes);
        gr_real *pairs = counts->data + (int64_t)r * k * classes;
        for (int i = 0; i < k; i++) {
            label->index[(int64_t)r * k + i] = i < labels ? of_row[i] : 0;
            for (int j = 0; i >= labels && j < classes; j++) pairs[(int64_t)i * classes + j] = 0;
            for (int l = 0; l < labels; l++) pairs[(int64_t)i * classes + of_row[l]] = 0;
        }
    }
    return (label_pairs){label, counts};
}

gr_tensor *gr_multilabel_margin_(gr_multilabel_margin_args a) {
    if (!check_label_lists(&a)) return NULL;
    label_pairs pairs = pairs_of(a.target);
    if (pairs.label == NULL) return NULL;
    gr_tensor *own = gr_unsqueeze(gr_gather(a.score, 1, pairs.label), 2);
    gr_tensor *lead = gr_relu(gr_shift(gr_sub(gr_unsqueeze(a.score, 1), own), 1));
    gr_tensor *counted = gr_where(pairs.counts, lead, gr_scalar(a.score->graph, 0));
    gr_tensor *sum = gr_sum(counted, .axes = GR_AXES(1, 2));
    return gr_loss_reduce(row(MULTILABEL_MARGIN), gr_scale(sum, 1.0 / a.score->shape.dim[1]), NULL,
                          a.reduction);
}

/* -- The registry's rows -- */

#define PAIR(c) (c)->operand[0], (c)->operand[1], .reduction = (c)->reduction
#define THIRD(c) (c)->operand[2]

static gr_tensor *hinge(const gr_loss_call *c) {
    return gr_hinge(PAIR(c), .weight = THIRD(c), .margin = c->parameter[0]);
}
static gr_tensor *squared_hinge(const gr_loss_call *c) {
    return gr_squared_hinge(PAIR(c), .weight = THIRD(c), .margin = c->parameter[0]);
}
static gr_tensor *multiclass_hinge(const gr_loss_call *c) {
    return gr_multiclass_hinge(PAIR(c), .margin = c->parameter[0]);
}
static gr_tensor *multi_margin(const gr_loss_call *c) {
    return gr_multi_margin(PAIR(c), .class_weight = THIRD(c), .p = (int)c->parameter[0],
                           .margin = c->parameter[1]);
}
static gr_tensor *multilabel_margin(const gr_loss_call *c) { return gr_multilabel_margin(PAIR(c)); }
static gr_tensor *hinge_embedding(const gr_loss_call *c) {
    return gr_hinge_embedding(PAIR(c), .weight = THIRD(c), .margin = c->parameter[0]);
}

#define COMMON .family = "margin", .reductions = "mean sum none", .low = 0, .high = INFINITY
#define MARGIN                                                                                     \
    { "margin", GR_NUMBER, 1, 0, INFINITY, false, true, NULL, "the lead that is enough" }
#define SIGNED_PAIR                                                                                \
    {                                                                                              \
        {.name = "score", .shape = "any"}, {.name = "target", .shape = "any", .domain = GR_SIGNS}, \
            {.name = "weight", .shape = "any", .optional = true},                                  \
    }
#define SCORE                                                                                      \
    { .name = "score", .shape = "(N,C)" }
#define CLASSES                                                                                    \
    { .name = "target", .shape = "(N)", .kind = GR_OPERAND_INDEX, .domain = GR_CLASSES }

const gr_loss_info gr_margin_losses[] = {
    {.name = "hinge",
     .purpose = "binary classification with a margin",
     .formula = "max(0, margin - target score)",
     .operands = SIGNED_PAIR,
     .parameters = {MARGIN},
     .use = "a decision is wanted, not a probability, and examples far on the right side should "
            "not count",
     .avoid = "probabilities are needed",
     .convex = "score",
     .robust = "score",
     .zero_at_perfect = true,
     .source = "Cortes and Vapnik, Machine Learning 20 (1995)",
     .apply = hinge,
     COMMON},
    {.name = "squared_hinge",
     .purpose = "binary classification with a margin, smooth",
     .formula = "max(0, margin - target score)^2",
     .operands = SIGNED_PAIR,
     .parameters = {MARGIN},
     .use = "as hinge, where the gradient should be continuous",
     .avoid = "labels are noisy: wrong ones pull with their distance",
     .convex = "score",
     .differentiable = "score",
     .zero_at_perfect = true,
     .source = "Cortes and Vapnik, Machine Learning 20 (1995)",
     .apply = squared_hinge,
     COMMON},
    {.name = "multiclass_hinge",
     .purpose = "classification into C classes with a margin",
     .formula = "sum over j != c of max(0, score[j] - score[c] + margin); c = target",
     .operands = {SCORE, CLASSES},
     .parameters = {MARGIN},
     .use = "a decision is wanted, not probabilities",
     .avoid = "probabilities are needed: cross_entropy",
     .convex = "score",
     .robust = "score",
     .zero_at_perfect = true,
     .source = "Weston and Watkins, ESANN 1999",
     .apply = multiclass_hinge,
     COMMON},
    {.name = "multi_margin",
     .purpose = "classification into C classes with a margin, by the mean over the classes",
     .formula = "class_weight[c] (sum over j != c of max(0, score[j] - score[c] + margin)^p) / C; "
                "c = target",
     .operands = {SCORE,
                  CLASSES,
                  {.name = "class_weight",
                   .shape = "(C)",
                   .optional = true,
                   .domain = GR_POSITIVE,
                   .about = "of each class"}},
     .parameters = {{"p", GR_INTEGER, 1, 1, 2, false, false, NULL, "the power of a shortfall"},
                    MARGIN},
     .use = "as multiclass_hinge, with classes that have weights, or with squares",
     .avoid = "probabilities are needed: cross_entropy",
     .convex = "score",
     .robust = "score",
     .zero_at_perfect = true,
     .source = "Weston and Watkins, ESANN 1999",
     .apply = multi_margin,
     COMMON},
    {.name = "multilabel_margin",
     .purpose = "ranking a sample's labels above all other classes",
     .formula = "(sum over labels t and classes j that are no labels of max(0, 1 - score[t] + "
                "score[j])) / C",
     .operands = {SCORE,
                  {.name = "target",
                   .shape = "(N,C)",
                   .kind = GR_OPERAND_INDEX,
                   .domain = GR_CLASSES,
                   .about = "class indices, ended by -1"}},
     .use = "several labels a sample, and their rank matters, not a threshold",
     .avoid = "each label needs a probability: multilabel_soft_margin",
     .convex = "score",
     .robust = "score",
     .source = "Elisseeff and Weston, NIPS 2001",
     .apply = multilabel_margin,
     COMMON},
    {.name = "hinge_embedding",
     .purpose = "distances of similar and dissimilar pairs",
     .formula = "pred if target = +1, max(0, margin - pred) if -1",
     .operands = {{.name = "pred", .shape = "any", .domain = GR_POSITIVE, .about = "a distance"},
                  {.name = "target", .shape = "any", .domain = GR_SIGNS},
                  {.name = "weight", .shape = "any", .optional = true}},
     .parameters = {MARGIN},
     .use = "pred is a distance already, L1 say",
     .avoid = "pred may be negative: nothing bounds the loss below",
     .convex = "pred",
     .robust = "pred",
     .source = "Hadsell, Chopra and LeCun, CVPR 2006, with the distance not squared",
     .apply = hinge_embedding,
     COMMON},
    {.name = NULL},
};
