#include "losses/overlap.h"

#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/loss_internal.h"

#include <math.h>

enum { DICE, IOU, TVERSKY }; /* the rows, in this order */

static const gr_loss_info *row(int i) { return &gr_overlap_losses[i]; }

/* What the masks are compared by. */
typedef struct sums {
    gr_tensor *both, *prob, *target; /* sum p t, sum p, sum t */
} sums;

static bool check(int loss, const gr_overlap_args *a) {
    gr_graph *g = gr_loss_check(row(loss), GR_LIST(a->prob, a->target));
    if (g == NULL || !gr_loss_check_parameter(g, row(loss), "smooth", a->smooth)) return false;
    if (!gr_shape_equal(a->prob->shape, a->target->shape))
        return gr_loss_shape_error(row(loss), a->prob, "prob", a->target, "target",
                                   "the shapes differ");
    if ((unsigned)a->over > GR_OVER_ALL)
        return gr_fail(g, "gr_%s: over is %d, expected GR_OVER_SAMPLE, GR_OVER_BATCH or GR_OVER_ALL",
                       row(loss)->name, (int)a->over);
    if (a->over != GR_OVER_ALL && a->prob->shape.ndim < 2)
        return gr_fail(g, "gr_%s: %s, expected (N,C,d1..), or over = GR_OVER_ALL", row(loss)->name,
                       gr_describe(a->prob, "prob").text);
    return true;
}

static gr_tensor *sum_over(gr_tensor *x, gr_over over) {
    if (over == GR_OVER_ALL) return gr_sum(x);
    if (over == GR_OVER_BATCH) return gr_sum(x, .axes = GR_AXES(0, 2));
    return gr_sum(x, .axes = GR_AXES(2));
}

/* The masks as (N,C,K), so that the axes are the same for any number of dimensions. */
static sums sums_of(const gr_overlap_args *a) {
    gr_tensor *p = a->prob, *t = a->target;
    if (a->over != GR_OVER_ALL) {
        gr_shape flat = GR_SHAPE(p->shape.dim[0], p->shape.dim[1], -1);
        p = gr_reshape(p, flat);
        t = gr_reshape(t, flat);
    }
    return (sums){sum_over(gr_mul(p, t), a->over), sum_over(p, a->over), sum_over(t, a->over)};
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

/* -- The registry's rows --------------------------------------------------------------------------- */

/* In the order of the rows' parameters: smooth, over, ... */
#define ARGS(c)                                                                                    \
    (c)->operand[0], (c)->operand[1], .reduction = (c)->reduction, .smooth = (c)->parameter[0],    \
                                      .over = (gr_over)(c)->parameter[1]

static gr_tensor *dice(const gr_loss_call *c) { return gr_dice(ARGS(c)); }
static gr_tensor *iou(const gr_loss_call *c) { return gr_iou(ARGS(c)); }
static gr_tensor *tversky(const gr_loss_call *c) {
    return gr_tversky(ARGS(c), .alpha = c->parameter[2], .beta = c->parameter[3]);
}

#define OPERANDS                                                                                   \
    {                                                                                              \
        {.name = "prob", .shape = "(N,C,d1..)", .domain = GR_UNIT_INTERVAL},                       \
            {.name = "target", .shape = "(N,C,d1..)", .domain = GR_BINARY},                        \
    }
#define SMOOTH                                                                                     \
    {"smooth", GR_NUMBER, 1, 0, INFINITY, false, true, NULL, "added above and below"}
#define OVER                                                                                       \
    {.name = "over",                                                                               \
     .kind = GR_CHOICE,                                                                            \
     .high = 2,                                                                                    \
     .choices = "sample batch all",                                                                \
     .about = "what is summed before the division"}
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
     .parameters = {SMOOTH, OVER,
                    {"alpha", GR_NUMBER, 0.5, 0, INFINITY, false, true, NULL,
                     "weight of false positives"},
                    {"beta", GR_NUMBER, 0.5, 0, INFINITY, false, true, NULL,
                     "weight of false negatives"}},
     .use = "recall matters more than precision (beta > alpha), or less",
     .avoid = "both count alike: dice has fewer parameters",
     .source = "Salehi, Erdogmus and Gholipour, MLMI 2017",
     .apply = tversky,
     COMMON},
    {.name = NULL},
};
