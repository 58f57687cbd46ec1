#include "losses/boxes.h"

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/shape.h"
#include "losses/loss_internal.h"

#include <math.h>

enum { IOU_BOX, GIOU, DIOU, CIOU }; /* the rows, in this order */

static const gr_loss_info *row(int i) { return &gr_box_losses[i]; }

static bool check_corners(int loss, const gr_tensor *boxes, const char *name) {
    if (boxes->shape.ndim != 2 || boxes->shape.dim[1] != 4)
        return gr_fail(boxes->graph, "gr_%s: %s, expected (N,4)", row(loss)->name,
                       gr_describe(boxes, name).text);
    for (int i = 0; i < boxes->shape.dim[0]; i++) {
        const gr_real *b = boxes->data + 4 * (int64_t)i;
        if (b[2] < b[0] || b[3] < b[1])
            return gr_fail(boxes->graph,
                           "gr_%s: %s has %g %g %g %g in row %d, expected corners x1 y1 "
                           "x2 y2 with x1 <= x2 and y1 <= y2",
                           row(loss)->name, gr_describe(boxes, name).text, (double)b[0],
                           (double)b[1], (double)b[2], (double)b[3], i);
    }
    return true;
}

static bool check(int loss, const gr_box_args *a) {
    gr_graph *g = gr_loss_check(row(loss), GR_LIST(a->pred, a->target));
    return g != NULL && gr_loss_check_parameter(g, row(loss), "eps", a->eps) &&
           check_corners(loss, a->pred, "pred") && check_corners(loss, a->target, "target") &&
           gr_loss_check_same_shape(row(loss), a->pred, "pred", a->target, "target");
}

/* The columns of (N,4), each (N). */
typedef struct corners {
    gr_tensor *x1, *y1, *x2, *y2;
} corners;

static corners corners_of(gr_tensor *boxes) {
    return (corners){gr_select(boxes, 1, 0), gr_select(boxes, 1, 1), gr_select(boxes, 1, 2),
                     gr_select(boxes, 1, 3)};
}

/* The smallest box around both. */
static corners around(corners a, corners b) {
    return (corners){gr_minimum(a.x1, b.x1), gr_minimum(a.y1, b.y1), gr_maximum(a.x2, b.x2),
                     gr_maximum(a.y2, b.y2)};
}

static gr_tensor *width(corners b) { return gr_sub(b.x2, b.x1); }
static gr_tensor *height(corners b) { return gr_sub(b.y2, b.y1); }
static gr_tensor *area(corners b) { return gr_mul(width(b), height(b)); }

static gr_tensor *intersection(corners a, corners b) {
    corners inner = {gr_maximum(a.x1, b.x1), gr_maximum(a.y1, b.y1), gr_minimum(a.x2, b.x2),
                     gr_minimum(a.y2, b.y2)};
    return gr_mul(gr_relu(width(inner)), gr_relu(height(inner)));
}

/* Two boxes and what all four losses begin with. */
typedef struct pair {
    corners pred, target;
    gr_tensor *unions, *iou;
} pair;

static pair pair_of(const gr_box_args *a) {
    pair p = {.pred = corners_of(a->pred), .target = corners_of(a->target)};
    gr_tensor *common = intersection(p.pred, p.target);
    p.unions = gr_sub(gr_add(area(p.pred), area(p.target)), common);
    p.iou = gr_div(common, gr_shift(p.unions, a->eps));
    return p;
}

static gr_tensor *one_minus(gr_tensor *x) { return gr_shift(gr_neg(x), 1); }

/* 4/pi^2 (atan(w'/h') - atan(w/h))^2; atan2, since a box may have no height. */
static gr_tensor *shape_difference(const pair *p) {
    gr_tensor *pred = gr_atan2(width(p->pred), height(p->pred));
    gr_tensor *target = gr_atan2(width(p->target), height(p->target));
    return gr_scale(gr_square(gr_sub(target, pred)), 0.40528473456935109);
}

/* Squared distance of the centres over the squared diagonal of the box around both. */
static gr_tensor *centre_distance(const pair *p, double eps) {
    corners c = around(p->pred, p->target);
    gr_tensor *diagonal = gr_add(gr_square(width(c)), gr_square(height(c)));
    /* Twice the distance, of differences: sums of coordinates would lose its digits. */
    gr_tensor *dx = gr_add(gr_sub(p->pred.x1, p->target.x1), gr_sub(p->pred.x2, p->target.x2));
    gr_tensor *dy = gr_add(gr_sub(p->pred.y1, p->target.y1), gr_sub(p->pred.y2, p->target.y2));
    gr_tensor *rho = gr_scale(gr_add(gr_square(dx), gr_square(dy)), 0.25);
    return gr_div(rho, gr_shift(diagonal, eps));
}

static gr_tensor *reduce(int loss, const gr_box_args *a, gr_tensor *rows) {
    return gr_loss_reduce(row(loss), rows, NULL, a->reduction);
}

gr_tensor *gr_iou_box_(gr_box_args a) {
    if (!check(IOU_BOX, &a)) return NULL;
    return reduce(IOU_BOX, &a, one_minus(pair_of(&a).iou));
}

gr_tensor *gr_giou_(gr_box_args a) {
    if (!check(GIOU, &a)) return NULL;
    pair p = pair_of(&a);
    gr_tensor *hull = area(around(p.pred, p.target));
    gr_tensor *unused = gr_div(gr_sub(hull, p.unions), gr_shift(hull, a.eps));
    return reduce(GIOU, &a, gr_add(one_minus(p.iou), unused));
}

gr_tensor *gr_diou_(gr_box_args a) {
    if (!check(DIOU, &a)) return NULL;
    pair p = pair_of(&a);
    return reduce(DIOU, &a, gr_add(one_minus(p.iou), centre_distance(&p, a.eps)));
}

gr_tensor *gr_ciou_(gr_box_args a) {
    if (!check(CIOU, &a)) return NULL;
    pair p = pair_of(&a);
    gr_tensor *v = shape_difference(&p), *apart = one_minus(p.iou);
    gr_tensor *alpha = gr_div(v, gr_shift(gr_add(apart, v), a.eps));
    gr_tensor *diou = gr_add(apart, centre_distance(&p, a.eps));
    return reduce(CIOU, &a, gr_add(diou, gr_mul(gr_detach(alpha), v)));
}

/* -- The registry's rows -- */

#define ARGS(c)                                                                                    \
    (c)->operand[0], (c)->operand[1], .reduction = (c)->reduction, .eps = (c)->parameter[0]

static gr_tensor *iou_box(const gr_loss_call *c) { return gr_iou_box(ARGS(c)); }
static gr_tensor *giou(const gr_loss_call *c) { return gr_giou(ARGS(c)); }
static gr_tensor *diou(const gr_loss_call *c) { return gr_diou(ARGS(c)); }
static gr_tensor *ciou(const gr_loss_call *c) { return gr_ciou(ARGS(c)); }

#define OPERANDS                                                                                   \
    {                                                                                              \
        {.name = "pred", .shape = "(N,4)", .domain = GR_BOXES},                                    \
            {.name = "target", .shape = "(N,4)", .domain = GR_BOXES},                              \
    }
#define EPS                                                                                        \
    { "eps", GR_NUMBER, 1e-7, 0, INFINITY, true, true, NULL, "keeps denominators from 0" }
#define COMMON                                                                                     \
    .family = "boxes", .operands = OPERANDS, .parameters = {EPS}, .reductions = "mean sum none",   \
    .robust = "pred", .low = 0, .zero_at_perfect = true

const gr_loss_info gr_box_losses[] = {
    {.name = "iou_box",
     .purpose = "boxes that overlap",
     .formula = "1 - I / U",
     .use = "boxes overlap already, and intersection over union is the metric",
     .avoid = "boxes may be disjoint: there it has no gradient",
     .high = 1,
     .source = "Yu et al., UnitBox, ACM MM 2016",
     .apply = iou_box,
     COMMON},
    {.name = "giou",
     .purpose = "boxes, disjoint ones too",
     .formula = "1 - I / U + (|C| - U) / |C|; C the smallest box around both",
     .use = "boxes may be disjoint",
     .avoid = "one lies inside the other: there it is no better than iou_box",
     .high = 2,
     .source = "Rezatofighi et al., CVPR 2019",
     .apply = giou,
     COMMON},
    {.name = "diou",
     .purpose = "boxes, with a pull between the centres",
     .formula = "1 - I / U + rho^2 / c^2; rho between the centres, c the diagonal of C",
     .use = "as giou, with faster convergence",
     .avoid = "the boxes' proportions matter too: ciou",
     .high = 2,
     .source = "Zheng et al., AAAI 2020",
     .apply = diou,
     COMMON},
    {.name = "ciou",
     .purpose = "boxes, with centres and proportions",
     .formula = "diou + alpha v; v = 4/pi^2 (atan(w'/h') - atan(w/h))^2, "
                "alpha = v / (1 - I / U + v), constant for the gradient",
     .use = "detectors' usual choice",
     .avoid = "second derivatives are needed: alpha's part of them is left out by definition",
     .high = 2.5, /* 2 of diou, and v^2 / (1 + v) with v < 1 */
     .source = "Zheng et al., AAAI 2020",
     .apply = ciou,
     COMMON},
    {.name = NULL},
};
