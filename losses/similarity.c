#include "losses/similarity.h"

#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/vectors_internal.h"
#include "losses/rows_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { CONTRASTIVE, CONTRASTIVE_DISTANCE, COSINE_EMBEDDING, MARGIN_RANKING };

static const gr_loss_info *row(int i) { return &gr_similarity_losses[i]; }

/* -- Contrastive -- */

static bool check_contrastive(int loss, const gr_tensor *target, double margin, double factor) {
    gr_graph *g = target->graph;
    return gr_loss_check_parameter(g, row(loss), "margin", margin) &&
           gr_loss_check_parameter(g, row(loss), "factor", factor) &&
           gr_loss_check_fractions(row(loss), target, "target");
}

/* (1 - y) h^2 with h = max(0, margin - D): in this order a factor of 0 meets no square that
 * overflowed. */
static gr_tensor *push_apart(gr_tensor *distance, gr_tensor *y, double margin) {
    gr_tensor *h = gr_relu(gr_shift(gr_neg(distance), margin));
    return gr_mul(gr_mul(gr_shift(gr_neg(y), 1), h), h);
}

/* y D^2 + (1 - y) h^2. D^2 is summed from the differences, for it is smooth where D, a root, is
 * not. */
static gr_tensor *pull_and_push(const gr_pair_args *a) {
    gr_tensor *lengths = gr_rows_distances(a->x1, GR_LIST(a->x2), 0);
    if (lengths != NULL)
        return gr_add(gr_mul_or_zero(a->target, gr_select(lengths, 0, 0)),
                      push_apart(gr_select(lengths, 0, 1), a->target, a->margin));
    /* A target of 0 takes no part in D^2, though weight times D may overflow on the way back. */
    gr_tensor *difference = gr_rows_difference(a->x1, a->x2);
    gr_tensor *pulled = gr_mul_or_zero(gr_unsqueeze(a->target, -1), difference);
    gr_tensor *together = gr_sum(gr_mul_or_zero(pulled, difference), .axes = GR_AXES(-1));
    gr_tensor *distance = gr_norm(difference, .axes = GR_AXES(-1));
    return gr_add(together, push_apart(distance, a->target, a->margin));
}

gr_tensor *gr_contrastive_(gr_pair_args a) {
    if (gr_loss_check(row(CONTRASTIVE), GR_LIST(a.x1, a.x2, a.target)) == NULL ||
        !gr_rows_check(row(CONTRASTIVE), GR_LIST(a.x1, a.x2), 0) ||
        !gr_rows_check_target(row(CONTRASTIVE), a.x1, a.target, 2) ||
        !check_contrastive(CONTRASTIVE, a.target, a.margin, a.factor))
        return NULL;
    gr_tensor *loss = gr_scale(pull_and_push(&a), a.factor);
    return gr_loss_reduce(row(CONTRASTIVE), loss, a.weight, a.reduction);
}

gr_tensor *gr_contrastive_distance_(gr_contrastive_distance_args a) {
    const gr_loss_info *r = row(CONTRASTIVE_DISTANCE);
    if (gr_loss_check(r, GR_LIST(a.distance, a.target)) == NULL ||
        !gr_loss_check_same_shape(r, a.distance, "distance", a.target, "target") ||
        !check_contrastive(CONTRASTIVE_DISTANCE, a.target, a.margin, a.factor))
        return NULL;
    gr_tensor *together = gr_mul_or_zero(gr_mul_or_zero(a.target, a.distance), a.distance);
    gr_tensor *apart = push_apart(a.distance, a.target, a.margin);
    return gr_loss_reduce(r, gr_scale(gr_add(together, apart), a.factor), a.weight, a.reduction);
}

/* -- Cosine -- */

/* Up to these, products of several squares are in the range of numbers. */
static const double LARGEST_SQUARE = sizeof(gr_real) == sizeof(float) ? 1e9 : 1e75;

/* x / sqrt(|x|^2 + 1e-12), the root being the length of x with one more element: no square
 * overflows. 1e-12 is a float, as it is in PyTorch. */
static gr_tensor *nearly_unit(gr_tensor *x) {
    gr_tensor *longer = gr_pad(x, -1, 0, 1, sqrt(1e-12f));
    return gr_div(x, gr_norm(longer, .axes = GR_AXES(-1), .keepdim = true));
}

/* a.b / sqrt((a.a + 1e-12) (b.b + 1e-12)), by unit vectors if squares are too large for that. So it
 * is for vectors of one element: all that unit vectors leave of their gradient is that of 1e-12. */
static gr_tensor *nearly_cosine(gr_tensor *a, gr_tensor *b) {
    gr_tensor *products = gr_vector_products(a, b);
    if (products == NULL) return NULL;
    bool one_element = a->shape.dim[a->shape.ndim - 1] == 1;
    if (one_element || !gr_rows_within(products, -LARGEST_SQUARE, LARGEST_SQUARE))
        return gr_rows_dot(nearly_unit(a), nearly_unit(b));
    gr_tensor *a_to_unit = gr_rsqrt(gr_shift(gr_select(products, 0, 1), 1e-12f));
    gr_tensor *b_to_unit = gr_rsqrt(gr_shift(gr_select(products, 0, 2), 1e-12f));
    return gr_mul(gr_mul(gr_select(products, 0, 0), a_to_unit), b_to_unit);
}

gr_tensor *gr_cosine_embedding_(gr_pair_args a) {
    const gr_loss_info *r = row(COSINE_EMBEDDING);
    if (gr_loss_check(r, GR_LIST(a.x1, a.x2, a.target)) == NULL ||
        !gr_rows_check(r, GR_LIST(a.x1, a.x2), 0) || !gr_rows_check_target(r, a.x1, a.target, 2) ||
        !gr_loss_check_parameter(a.x1->graph, r, "margin", a.margin) ||
        !gr_loss_check_signs(r, a.target, "target"))
        return NULL;
    gr_tensor *cosine = nearly_cosine(a.x1, a.x2);
    gr_tensor *similar = gr_gt(a.target, gr_scalar(a.target->graph, 0));
    gr_tensor *loss =
        gr_where(similar, gr_shift(gr_neg(cosine), 1), gr_relu(gr_shift(cosine, -a.margin)));
    return gr_loss_reduce(r, loss, a.weight, a.reduction);
}

/* -- Ranking -- */

/* y multiplies each score rather than their difference, which may overflow where the loss is 0. */
gr_tensor *gr_margin_ranking_(gr_pair_args a) {
    const gr_loss_info *r = row(MARGIN_RANKING);
    if (gr_loss_check(r, GR_LIST(a.x1, a.x2, a.target)) == NULL ||
        !gr_loss_check_broadcast(r, a.x1, "x1", a.x2, "x2") ||
        !gr_loss_check_broadcast(r, a.x1, "x1", a.target, "target") ||
        !gr_loss_check_broadcast(r, a.x2, "x2", a.target, "target") ||
        !gr_loss_check_parameter(a.x1->graph, r, "margin", a.margin) ||
        !gr_loss_check_signs(r, a.target, "target"))
        return NULL;
    gr_tensor *lead = gr_sub(gr_mul(a.target, a.x2), gr_mul(a.target, a.x1));
    return gr_loss_reduce(r, gr_relu(gr_shift(lead, a.margin)), a.weight, a.reduction);
}

/* -- The registry's rows -- */

#define ARGS(call)                                                                                 \
    (call)->operand[0], (call)->operand[1], (call)->operand[2], .weight = (call)->operand[3],      \
                                                                .reduction = (call)->reduction,    \
                                                                .margin = (call)->parameter[0]

static gr_tensor *contrastive(const gr_loss_call *c) {
    return gr_contrastive(ARGS(c), .factor = c->parameter[1]);
}
static gr_tensor *contrastive_distance(const gr_loss_call *c) {
    return gr_contrastive_distance(c->operand[0], c->operand[1], .weight = c->operand[2],
                                   .reduction = c->reduction, .margin = c->parameter[0],
                                   .factor = c->parameter[1]);
}
static gr_tensor *cosine_embedding(const gr_loss_call *c) { return gr_cosine_embedding(ARGS(c)); }
static gr_tensor *margin_ranking(const gr_loss_call *c) { return gr_margin_ranking(ARGS(c)); }

#define VECTORS                                                                                    \
    {.name = "x1", .shape = "(N,D)"}, { .name = "x2", .shape = "(N,D)" }
#define WEIGHT(shape_)                                                                             \
    { .name = "weight", .shape = shape_, .optional = true }
#define SIMILAR                                                                                    \
    {                                                                                              \
        .name = "target", .shape = "(N)", .domain = GR_UNIT_INTERVAL,                              \
        .about = "1 similar, 0 not; a number between is a mixture"                                 \
    }
#define FACTOR                                                                                     \
    { "factor", GR_NUMBER, 0.5, 0, INFINITY, true, true, NULL, "of the whole loss" }
#define COMMON .family = "similarity", .reductions = "mean sum none"

const gr_loss_info gr_similarity_losses[] = {
    {.name = "contrastive",
     .purpose = "embeddings from pairs: similar ones near, others at least a margin apart",
     .formula = "factor (y D^2 + (1 - y) max(0, margin - D)^2); D = |x1 - x2|, y = target",
     .operands = {VECTORS, SIMILAR, WEIGHT("(N)")},
     .parameters = {{"margin", GR_NUMBER, 1, 0, INFINITY, false, true, NULL,
                     "the distance from which dissimilar pairs are left alone"},
                    FACTOR},
     .use = "pairs are labelled as similar or not, as in verification of faces or signatures",
     .avoid = "only comparisons are known (triplet), or batches are large (nt_xent)",
     .low = 0,
     .high = INFINITY,
     .source = "Hadsell, Chopra and LeCun, CVPR 2006, eq. 4",
     .apply = contrastive,
     COMMON},
    {.name = "contrastive_distance",
     .purpose = "contrastive for distances computed elsewhere",
     .formula = "factor (y d^2 + (1 - y) max(0, margin - d)^2); d = distance, y = target",
     .operands = {{.name = "distance", .shape = "(N)", .domain = GR_POSITIVE},
                  SIMILAR,
                  WEIGHT("(N)")},
     .parameters = {{"margin", GR_NUMBER, 1, 0, INFINITY, false, true, NULL,
                     "the distance from which dissimilar pairs are left alone"},
                    FACTOR},
     .use = "the distance is not Euclidean, or is at hand already",
     .avoid = "vectors are at hand: contrastive keeps the gradient right at distance 0",
     .convex = "distance",
     .differentiable = "distance",
     .low = 0,
     .high = INFINITY,
     .source = "Hadsell, Chopra and LeCun, CVPR 2006, eq. 4",
     .apply = contrastive_distance,
     COMMON},
    {.name = "cosine_embedding",
     .purpose = "embeddings from pairs, by the angle between them",
     .formula = "1 - cos(x1, x2) if target = 1, max(0, cos(x1, x2) - margin) if target = -1",
     .operands =
         {VECTORS,
          {.name = "target", .shape = "(N)", .domain = GR_SIGNS, .about = "+1 similar, -1 not"},
          WEIGHT("(N)")},
     .parameters = {{"margin", GR_NUMBER, 0, -1, 1, false, false, NULL,
                     "the cosine up to which dissimilar pairs are left alone"}},
     .use = "only directions carry meaning, as with embeddings of texts",
     .avoid = "lengths carry meaning, or vectors may shrink to nothing",
     .robust = "x1",
     .low = 0,
     .high = 2,
     .source = "PyTorch, CosineEmbeddingLoss",
     .apply = cosine_embedding,
     COMMON},
    {.name = "margin_ranking",
     .purpose = "ranking of two scores",
     .formula = "max(0, margin - target (x1 - x2))",
     .operands = {{.name = "x1", .shape = "any"},
                  {.name = "x2", .shape = "any"},
                  {.name = "target",
                   .shape = "any",
                   .domain = GR_SIGNS,
                   .about = "+1: x1 should be larger, -1: x2"},
                  WEIGHT("any")},
     .parameters = {{"margin", GR_NUMBER, 0, -INFINITY, INFINITY, true, true, NULL,
                     "by how much the larger should exceed the other"}},
     .use = "it is known which of two should score higher, but not the scores",
     .avoid = "margin is 0 and equal scores would do: they cost nothing then",
     .convex = "x1",
     .robust = "x1",
     .low = 0,
     .high = INFINITY,
     .source = "Herbrich, Graepel and Obermayer, Large margin rank boundaries (2000)",
     .apply = margin_ranking,
     COMMON},
    {.name = NULL},
};
