#include "losses/overlap.h"

#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/overlap.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/classification.h"
#include "losses/targets_internal.h"

#include <math.h>

enum { DICE, IOU, TVERSKY, DICE_CE }; /* the rows, in this order */

static const gr_loss_info *row(int i) { return &gr_overlap_losses[i]; }

/* What the masks are compared by. */
typedef struct sums {
    gr_tensor *both, *prob, *target; /* sum p t, sum p, sum t */
} sums;

static bool check(int loss, const gr_overlap_args *a) {
    gr_graph *g = gr_loss_check(row(loss), GR_LIST(a->prob, a->target));
    if (g == NULL || !gr_loss_check_parameter(g, row(loss), "smooth", a->smooth) ||
        !gr_loss_check_same_shape(row(loss), a->prob, "prob", a->target, "target") ||
        !gr_loss_check_parameter(g, row(loss), "over", a->over))
        return false;
    if (a->over != GR_OVER_ALL && a->prob->shape.ndim < 2)
        return gr_fail(g, "gr_%s: %s, expected (N,C,d1..), or over = GR_OVER_ALL", row(loss)->name,
                       gr_describe(a->prob, "prob").text);
    return true;
}

static sums sums_of(const gr_overlap_args *a) {
    gr_tensor *all = gr_overlap_sums(a->prob, a->target, a->over == GR_OVER_ALL ? 0 : 2);
    if (a->over == GR_OVER_BATCH) all = gr_sum(all, .axes = GR_AXES(1));
    return (sums){gr_select(all, 0, 0), gr_select(all, 0, 1), gr_select(all, 0, 2)};
}

/* 1 - (overlap + smooth) / (size + smooth), and 0 for 0/0: the limit as smooth goes to 0. */
static gr_tensor *one_minus_ratio(int loss, const gr_overlap_args *a, gr_tensor *overlap,
                                  gr_tensor *size) {
    if (overlap == NULL || size == NULL) return NULL;
    gr_tensor *one = gr_scalar(size->graph, 1);
    gr_tensor *above = gr_shift(overlap, a->smooth), *below = gr_shift(size, a->smooth);
    if (a->smooth == 0) {
        gr_tensor *both_empty = gr_eq(below, gr_scalar(size->graph, 0));
        above = gr_where(both_empty, one, above);
        below = gr_where(both_empty, one, below);
    }
    return gr_loss_reduce(row(loss), gr_sub(one, gr_div(above, below)), NULL, a->reduction);
}

gr_tensor *gr_dice_(gr_overlap_args a) {
    if (!check(DICE, &a)) return NULL;
    sums s = sums_of(&a);
    return one_minus_ratio(DICE, &a, gr_scale(s.both, 2), gr_add(s.prob, s.target));
}

gr_tensor *gr_iou_(gr_overlap_args a) {
    if (!check(IOU, &a)) return NULL;
    sums s = sums_of(&a);
    return one_minus_ratio(IOU, &a, s.both, gr_sub(gr_add(s.prob, s.target), s.both));
}

gr_tensor *gr_tversky_(gr_overlap_args a) {
    if (!check(TVERSKY, &a) ||
        !gr_loss_check_parameter(a.prob->graph, row(TVERSKY), "alpha", a.alpha) ||
        !gr_loss_check_parameter(a.prob->graph, row(TVERSKY), "beta", a.beta))
        return NULL;
    sums s = sums_of(&a);
    gr_tensor *fp = gr_sub(s.prob, s.both), *fn = gr_sub(s.target, s.both);
    gr_tensor *size = gr_add(s.both, gr_add(gr_scale(fp, a.alpha), gr_scale(fn, a.beta)));
    return one_minus_ratio(TVERSKY, &a, s.both, size);
}

/* Class indices (N,d1..) as masks (N,C,d1..). */
static gr_tensor *masks_of(gr_tensor *target, int classes) {
    gr_tensor *last = gr_one_hot(target, classes);
    if (last == NULL) return NULL;
    gr_shape order = {.ndim = last->shape.ndim, .dim = {0, last->shape.ndim - 1}};
    for (int i = 2; i < order.ndim; i++) order.dim[i] = i - 1;
    return gr_permute(last, order);
}

gr_tensor *gr_dice_ce_(gr_dice_ce_args a) {
    const gr_loss_info *r = row(DICE_CE);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.logits, a.target));
    if (g == NULL || !gr_loss_check_parameter(g, r, "smooth", a.smooth) ||
        !gr_loss_check_parameter(g, r, "over", a.over) ||
        !gr_loss_check_target(r, a.logits, "logits", a.target, GR_IGNORE_NOTHING))
        return NULL;
    if (a.reduction != GR_MEAN && a.reduction != GR_SUM)
        return gr_fail(g, "gr_dice_ce: no such reduction, expected GR_MEAN or GR_SUM");
    gr_tensor *prob = gr_softmax(a.logits, .axes = GR_AXES(1));
    gr_tensor *dice = gr_dice(prob, masks_of(a.target, a.logits->shape.dim[1]), .smooth = a.smooth,
                              .over = a.over, .reduction = a.reduction);
    gr_tensor *ce = gr_cross_entropy(a.logits, a.target, .reduction = a.reduction);
    return gr_scale(gr_add(ce, dice), 0.5);
}

/* -- The registry's rows -- */

/* In the order of the rows' parameters: smooth, over, ... */
#define ARGS(c)                                                                                    \
    (c)->operand[0], (c)->operand[1], .reduction = (c)->reduction, .smooth = (c)->parameter[0],    \
                                      .over = (gr_over)(c)->parameter[1]

static gr_tensor *dice(const gr_loss_call *c) { return gr_dice(ARGS(c)); }
static gr_tensor *iou(const gr_loss_call *c) { return gr_iou(ARGS(c)); }
static gr_tensor *tversky(const gr_loss_call *c) {
    return gr_tversky(ARGS(c), .alpha = c->parameter[2], .beta = c->parameter[3]);
}

static gr_tensor *dice_ce(const gr_loss_call *c) { return gr_dice_ce(ARGS(c)); }

#define OPERANDS                                                                                   \
    {                                                                                              \
        {.name = "prob", .shape = "(N,C,d1..)", .domain = GR_UNIT_INTERVAL},                       \
            {.name = "target", .shape = "(N,C,d1..)", .domain = GR_UNIT_INTERVAL},                 \
    }
#define SMOOTH                                                                                     \
    { "smooth", GR_NUMBER, 1, 0, INFINITY, false, true, NULL, "added above and below" }
#define OVER                                                                                       \
    {                                                                                              \
        .name = "over", .kind = GR_CHOICE, .high = 2, .choices = "sample batch all",               \
        .about = "what is summed before the division"                                              \
    }
#define COMMON                                                                                     \
    .family = "segmentation", .operands = OPERANDS, .reductions = "mean sum none",                 \
    .differentiable = "prob", .robust = "prob", .low = 0, .high = 1, .zero_at_perfect = true

const gr_loss_info gr_overlap_losses[] = {
    {.name = "dice",
     .purpose = "segmentation of small objects",
     .formula = "1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth)",
     .parameters = {SMOOTH, OVER},
     .use = "the object fills few of the pixels, and overlap is what counts",
     .avoid = "alone, where gradients must guide from far: it is flat when nothing overlaps",
     .source = "Milletari, Navab and Ahmadi, V-Net, 3DV 2016",
     .apply = dice,
     COMMON},
    {.name = "iou",
     .aliases = {"jaccard"},
     .purpose = "segmentation judged by intersection over union",
     .formula = "1 - (sum(p t) + smooth) / (sum(p) + sum(t) - sum(p t) + smooth)",
     .parameters = {SMOOTH, OVER},
     .use = "intersection over union is the metric",
     .avoid = "as dice; and masks are often missed altogether, since it is flatter there",
     .source = "Rahman and Wang, ISVC 2016",
     .apply = iou,
     COMMON},
    {.name = "tversky",
     .purpose = "segmentation where misses and false alarms cost differently",
     .formula = "1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)",
     .parameters = {SMOOTH,
                    OVER,
                    {"alpha", GR_NUMBER, 0.5, 0, INFINITY, false, true, NULL,
                     "weight of false positives"},
                    {"beta", GR_NUMBER, 0.5, 0, INFINITY, false, true, NULL,
                     "weight of false negatives"}},
     .use = "recall matters more than precision (beta > alpha), or less",
     .avoid = "both count alike: dice has fewer parameters",
     .source = "Salehi, Erdogmus and Gholipour, MLMI 2017",
     .apply = tversky,
     COMMON},
    {.name = "dice_ce",
     .family = "segmentation",
     .purpose = "segmentation of small objects, with cross-entropy's gradients",
     .formula = "0.5 cross_entropy(z, c) + 0.5 dice(softmax(z), one_hot(c))",
     .operands =
         {{.name = "logits", .shape = "(N,C,d1..)"},
          {.name = "target", .shape = "(N,d1..)", .kind = GR_OPERAND_INDEX, .domain = GR_CLASSES}},
     .parameters = {SMOOTH, OVER},
     .reductions = "mean sum",
     .use = "the object is small: dice for the overlap, cross-entropy for gradients from far",
     .avoid = "classes fill about as many pixels each: cross_entropy does as well and is simpler",
     .differentiable = "logits",
     .robust = "logits",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Isensee et al., nnU-Net, Nature Methods 18 (2021)",
     .apply = dice_ce},
    {.name = NULL},
};
