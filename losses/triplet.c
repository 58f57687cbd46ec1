#include "losses/triplet.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/rows_internal.h"

#include <math.h>

static const gr_loss_info *const row = gr_triplet_losses;

/* -- d(a,p) - d(a,n), with the smaller of d(a,n) and d(p,n) for swap -- */

/* |u|^2 - |v|^2 as (u - v).(u + v): squares of far vectors neither cancel nor overflow. */
static gr_tensor *difference_of_squares(gr_tensor *u, gr_tensor *v) {
    return gr_rows_dot(gr_sub(u, v), gr_add(u, v));
}

static gr_tensor *squared_gap(const gr_triplet_args *t) {
    gr_tensor *to_positive = gr_sub(t->positive, t->anchor);
    gr_tensor *gap = difference_of_squares(to_positive, gr_sub(t->negative, t->anchor));
    if (!t->swap) return gap;
    gr_tensor *between = gr_sub(t->negative, t->positive);
    return gr_maximum(gap, difference_of_squares(to_positive, between));
}

static gr_tensor *distance(const gr_triplet_args *t, gr_tensor *a, gr_tensor *b) {
    if (t->distance != NULL) return t->distance(a, b, t->distance_context);
    gr_tensor *both = t->p == 2 ? gr_rows_distances(a, GR_LIST(b), t->eps) : NULL;
    if (both != NULL) return gr_select(both, 0, 1);
    gr_tensor *difference = gr_shift(gr_rows_difference(a, b), t->eps);
    return gr_norm(difference, .p = t->p, .axes = GR_AXES(-1));
}

/* To the positive and to the negative, in one pass where squares allow it. */
static void distances(const gr_triplet_args *t, gr_tensor **to_positive, gr_tensor **to_negative) {
    gr_tensor *all = NULL;
    if (t->distance == NULL && t->p == 2)
        all = gr_rows_distances(t->anchor, GR_LIST(t->positive, t->negative), t->eps);
    *to_positive = all != NULL ? gr_select(all, 0, 1) : distance(t, t->anchor, t->positive);
    *to_negative = all != NULL ? gr_select(all, 0, 3) : distance(t, t->anchor, t->negative);
}

static gr_tensor *gap(const gr_triplet_args *t) {
    if (t->squared && t->distance == NULL) return squared_gap(t);
    gr_tensor *to_positive, *to_negative;
    distances(t, &to_positive, &to_negative);
    if (t->swap) to_negative = gr_minimum(to_negative, distance(t, t->positive, t->negative));
    if (to_positive == NULL || to_negative == NULL) return NULL;
    if (!gr_shape_equal(to_positive->shape, to_negative->shape))
        return gr_fail(to_positive->graph,
                       "gr_triplet: distances %s to positives and %s to "
                       "negatives, expected equal shapes",
                       gr_shape_text(to_positive->shape).text,
                       gr_shape_text(to_negative->shape).text);
    return gr_sub(to_positive, to_negative);
}

/* -- The loss -- */

static bool check_options(gr_graph *g, const gr_triplet_args *t) {
    if (!gr_loss_check_parameter(g, row, "margin", t->margin)) return false;
    if (t->distance != NULL) return true;
    if (!gr_loss_check_parameter(g, row, "eps", t->eps) ||
        !gr_loss_check_parameter(g, row, "p", t->p))
        return false;
    if (!t->squared || t->p == 2) return true;
    return gr_fail(g, "gr_triplet: p is %g, expected 2 for squared distances", t->p);
}

gr_tensor *gr_triplet_(gr_triplet_args t) {
    gr_list operands = GR_LIST(t.anchor, t.positive, t.negative);
    gr_graph *g = gr_loss_check(row, operands);
    if (g == NULL || !gr_rows_check(row, operands, 0) || !check_options(g, &t)) return NULL;
    gr_tensor *loss = gr_relu(gr_shift(gap(&t), t.margin));
    return gr_loss_reduce(row, loss, t.weight, t.reduction);
}

/* -- The loss of chosen rows -- */

static gr_tensor *chosen(gr_tensor *embeddings, gr_tensor *triplets, int column) {
    return gr_index_select(embeddings, 0, gr_select(triplets, 1, column));
}

static bool check_chosen(const gr_tensor *embeddings, const gr_tensor *triplets) {
    gr_graph *g = embeddings->graph;
    if (embeddings->kind != GR_REAL || embeddings->shape.ndim != 2)
        return gr_fail(g, "gr_triplet_mined: %s, expected real numbers (N,D)",
                       gr_describe(embeddings, "embeddings").text);
    if (triplets->kind != GR_INDEX || triplets->shape.ndim != 2 || triplets->shape.dim[1] != 3)
        return gr_fail(g, "gr_triplet_mined: %s, expected integers (T,3)",
                       gr_describe(triplets, "triplets").text);
    int64_t i = gr_first_outside(triplets, embeddings->shape.dim[0], NULL);
    return i < 0 || gr_fail(g, "gr_triplet_mined: %s has %d at %s, expected a row of %s",
                            gr_describe(triplets, "triplets").text, (int)triplets->index[i],
                            gr_place_text(triplets->shape, i).text,
                            gr_describe(embeddings, "embeddings").text);
}

gr_tensor *gr_triplet_mined_(gr_tensor *embeddings, gr_triplet_args t) {
    gr_tensor *triplets = t.anchor;
    if (embeddings == NULL)
        return gr_fail(triplets == NULL ? NULL : triplets->graph,
                       "gr_triplet_mined: embeddings is NULL");
    gr_graph *g = embeddings->graph;
    if (triplets == NULL) return gr_fail(g, "gr_triplet_mined: triplets is NULL");
    if (!check_chosen(embeddings, triplets)) return NULL;
    t.anchor = chosen(embeddings, triplets, 0);
    t.positive = chosen(embeddings, triplets, 1);
    t.negative = chosen(embeddings, triplets, 2);
    if (triplets->size > 0 || t.anchor == NULL) return gr_triplet_(t);
    if (!check_options(g, &t)) return NULL;
    gr_tensor *none = gr_sum(t.anchor, .axes = GR_AXES(-1));
    return gr_loss_reduce(row, none, NULL, t.reduction == GR_MEAN ? GR_SUM : t.reduction);
}

/* -- The registry's row -- */

static gr_tensor *triplet(const gr_loss_call *c) {
    return gr_triplet(c->operand[0], c->operand[1], c->operand[2], .weight = c->operand[3],
                      .reduction = c->reduction, .margin = c->parameter[0], .p = c->parameter[1],
                      .swap = c->parameter[2] != 0, .squared = c->parameter[3] != 0,
                      .eps = c->parameter[4]);
}

const gr_loss_info gr_triplet_losses[] = {
    {.name = "triplet",
     .family = "similarity",
     .purpose = "embeddings from comparisons: the anchor nearer to the positive than the negative",
     .formula = "max(0, margin + d(anchor, positive) - d(anchor, negative)); d(a, b) = "
                "||a - b + eps||_p, or |a - b|^2 if squared",
     .operands = {{.name = "anchor", .shape = "(N,D)"},
                  {.name = "positive", .shape = "(N,D)", .about = "like the anchor"},
                  {.name = "negative", .shape = "(N,D)", .about = "unlike the anchor"},
                  {.name = "weight", .shape = "(N)", .optional = true}},
     .parameters = {{"margin", GR_NUMBER, 1, 0, INFINITY, true, true, NULL,
                     "by how much the negative should be farther"},
                    {"p", GR_NUMBER, 2, 0, INFINITY, true, false, NULL, "of the norm"},
                    {"swap", GR_BOOLEAN, 0, 0, 1, false, false, NULL,
                     "compare with d(positive, negative) where that is smaller"},
                    {"squared", GR_BOOLEAN, 0, 0, 1, false, false, NULL,
                     "squared Euclidean distances, without eps"},
                    {"eps", GR_NUMBER, 1e-6, 0, INFINITY, false, true, NULL,
                     "added to each difference, so that equal vectors have a derivative"}},
     .reductions = "mean sum none",
     .use = "retrieval and recognition, with triplets chosen by batch_hard or semi_hard",
     .avoid = "most triplets cost nothing and none are mined, or batches are large (nt_xent)",
     .convex = "positive",
     .robust = "anchor",
     .low = 0,
     .high = INFINITY,
     .source = "Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015; Balntas et al., BMVC 2016",
     .apply = triplet},
    {.name = NULL},
};
