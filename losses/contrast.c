#include "losses/contrast.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/odds.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/rows_internal.h"
#include "losses/targets_internal.h"

#include <float.h>
#include <math.h>

/* The rows, in this order. */
enum { INFO_NCE, NT_XENT, CLIP };

static const gr_loss_info *row(int i) { return &gr_contrast_losses[i]; }

/* log(1 + sum e^(others - partner)) for others (N,K) and partner (N). */
static gr_tensor *cross_entropy(gr_tensor *partner, gr_tensor *others) {
    gr_tensor *all = gr_logsumexp(others, .axes = GR_AXES(1));
    return gr_softplus(gr_sub(all, partner));
}

/* factor times the same for logits (n,n), where the partner of each row i is in column i + shift,
 * modulo n; reduced. */
static gr_tensor *row_losses(int loss, gr_tensor *logits, int shift, double factor,
                             gr_reduction reduction) {
    if (logits == NULL) return NULL;
    int n = logits->shape.dim[0];
    gr_tensor *partner =
        gr_tensor_new(logits->graph, "gr_odds_against", GR_INDEX, GR_SHAPE(n), false);
    if (partner == NULL) return NULL;
    for (int i = 0; i < n; i++) partner->index[i] = (i + shift) % n;
    double total = reduction == GR_SUM ? factor : reduction == GR_MEAN ? factor / n : 0;
    if (total > 0) return gr_odds_entropy(logits, partner, GR_IGNORE_NOTHING, total);
    gr_tensor *each = gr_softplus(gr_odds_against(logits, partner, GR_IGNORE_NOTHING));
    return gr_loss_reduce(row(loss), gr_scale(each, factor), NULL, reduction);
}

/* Logits (n,n) with those of the diagonal, which are not negative, so low that their exponentials
 * are 0, and yet finite. */
static gr_tensor *without_diagonal(gr_tensor *logits) {
    if (logits == NULL) return NULL;
    gr_tensor *lowered = gr_zeros(logits->graph, logits->shape);
    if (lowered == NULL) return NULL;
    int64_t n = logits->shape.dim[0];
    double lowest = sizeof(gr_real) == sizeof(float) ? -FLT_MAX : -DBL_MAX;
    for (int64_t i = 0; i < n; i++) lowered->data[i * n + i] = (gr_real)lowest;
    return gr_add(logits, lowered);
}

/* -- InfoNCE -- */

static bool check_negatives(const gr_info_nce_args *a) {
    gr_shape q = a->query->shape, n = a->negatives->shape;
    bool shared = n.ndim == 2 && n.dim[1] == q.dim[1];
    bool own = n.ndim == 3 && n.dim[0] == q.dim[0] && n.dim[2] == q.dim[1];
    if (shared || own) return true;
    return gr_loss_shape_error(row(INFO_NCE), a->query, "query", a->negatives, "negatives",
                               "expected negatives (K,D) or (N,K,D) for queries (N,D)");
}

/* query (N,D) with each of the negatives: (N,K). */
static gr_tensor *products(gr_tensor *query, gr_tensor *negatives) {
    if (query == NULL || negatives == NULL) return NULL;
    if (negatives->shape.ndim == 2) return gr_matmul(query, negatives, .transpose_b = true);
    return gr_squeeze(gr_matmul(negatives, gr_unsqueeze(query, 2)), 2);
}

gr_tensor *gr_info_nce_(gr_info_nce_args a) {
    const gr_loss_info *r = row(INFO_NCE);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.query, a.positive, a.negatives));
    if (g == NULL || !gr_rows_check(r, GR_LIST(a.query, a.positive), 2) || !check_negatives(&a) ||
        !gr_loss_check_parameter(g, r, "temperature", a.temperature))
        return NULL;
    if (a.normalize) {
        a.query = gr_unit_rows(a.query);
        a.positive = gr_unit_rows(a.positive);
        a.negatives = gr_unit_rows(a.negatives);
    }
    gr_tensor *query = gr_scale(a.query, 1 / a.temperature);
    gr_tensor *partner = gr_rows_dot(query, a.positive);
    gr_tensor *loss = cross_entropy(partner, products(query, a.negatives));
    return gr_loss_reduce(r, loss, NULL, a.reduction);
}

/* -- NT-Xent -- */

gr_tensor *gr_nt_xent_(gr_nt_xent_args a) {
    const gr_loss_info *r = row(NT_XENT);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.embeddings));
    if (g == NULL || !gr_rows_check(r, GR_LIST(a.embeddings), 2) ||
        !gr_loss_check_parameter(g, r, "temperature", a.temperature))
        return NULL;
    if (a.embeddings->shape.dim[0] % 2 != 0)
        return gr_fail(g, "gr_nt_xent: %s, expected an even number of rows: i and i + N are a pair",
                       gr_describe(a.embeddings, "embeddings").text);
    gr_tensor *z = gr_scale(gr_unit_rows(a.embeddings), 1 / sqrt(a.temperature));
    gr_tensor *logits = without_diagonal(gr_matmul(z, z, .transpose_b = true));
    return row_losses(NT_XENT, logits, a.embeddings->shape.dim[0] / 2, 1, a.reduction);
}

/* -- CLIP -- */

static bool check_scale(const gr_tensor *scale) {
    if (scale->size != 1 || scale->shape.ndim > 1)
        return gr_fail(scale->graph, "gr_clip: %s, expected one number",
                       gr_describe(scale, "logit_scale").text);
    if (scale->data[0] > 0) return true;
    return gr_fail(scale->graph, "gr_clip: logit_scale is %g, expected more than 0",
                   (double)scale->data[0]);
}

gr_tensor *gr_clip_(gr_clip_args a) {
    const gr_loss_info *r = row(CLIP);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.image, a.text, a.logit_scale));
    if (g == NULL || !gr_rows_check(r, GR_LIST(a.image, a.text), 2) || !check_scale(a.logit_scale))
        return NULL;
    if (a.normalize) {
        a.image = gr_unit_rows(a.image);
        a.text = gr_unit_rows(a.text);
    }
    gr_tensor *image = gr_mul(a.image, a.logit_scale);
    gr_tensor *logits = gr_matmul(image, a.text, .transpose_b = true);
    gr_tensor *of_images = row_losses(CLIP, logits, 0, 0.5, a.reduction);
    gr_tensor *of_texts = row_losses(CLIP, gr_transpose(logits, 0, 1), 0, 0.5, a.reduction);
    return gr_add(of_images, of_texts);
}

/* -- The registry's rows -- */

static gr_tensor *info_nce(const gr_loss_call *c) {
    return gr_info_nce(c->operand[0], c->operand[1], c->operand[2], .reduction = c->reduction,
                       .temperature = c->parameter[0], .normalize = c->parameter[1] != 0);
}
static gr_tensor *nt_xent(const gr_loss_call *c) {
    return gr_nt_xent(c->operand[0], .reduction = c->reduction, .temperature = c->parameter[0]);
}
static gr_tensor *clip(const gr_loss_call *c) {
    return gr_clip(c->operand[0], c->operand[1], c->operand[2], .reduction = c->reduction,
                   .normalize = c->parameter[0] != 0);
}

#define TEMPERATURE(value_)                                                                        \
    {                                                                                              \
        "temperature", GR_NUMBER, value_, 0, INFINITY, true, true, NULL,                           \
            "the smaller, the more the nearest others count"                                       \
    }
#define NORMALIZE                                                                                  \
    { "normalize", GR_BOOLEAN, 1, 0, 1, false, false, NULL, "divide vectors by their lengths" }
#define COMMON .family = "similarity", .reductions = "mean sum none", .low = 0, .high = INFINITY

const gr_loss_info gr_contrast_losses[] = {
    {.name = "info_nce",
     .purpose = "representations from a positive and negatives given for each query",
     .formula = "-log(e^(q.p/t) / (e^(q.p/t) + sum_k e^(q.n_k/t))); t = temperature, unit vectors",
     .operands = {{.name = "query", .shape = "(N,D)"},
                  {.name = "positive", .shape = "(N,D)"},
                  {.name = "negatives", .shape = "(K,D) or (N,K,D)", .about = "shared or of each"}},
     .parameters = {TEMPERATURE(0.07), NORMALIZE},
     .use = "negatives come from a queue or a memory, or are chosen",
     .avoid = "the batch's other rows should be the negatives (nt_xent, clip)",
     .robust = "query",
     .source = "van den Oord, Li and Vinyals, Contrastive predictive coding (2018), eq. 4",
     .apply = info_nce,
     COMMON},
    {.name = "nt_xent",
     .purpose = "representations from two views of each thing, without labels",
     .formula = "-log(e^(cos(i,j)/t) / sum_(k != i) e^(cos(i,k)/t)); rows i and j = i + N a pair",
     .operands = {{.name = "embeddings",
                   .shape = "(2N,D)",
                   .about = "first views, then second views in the same order"}},
     .parameters = {TEMPERATURE(0.5)},
     .use = "self-supervised training with large batches",
     .avoid = "batches are small, or different things in a batch are alike",
     .robust = "embeddings",
     .source = "Chen et al., SimCLR, ICML 2020, eq. 1",
     .apply = nt_xent,
     COMMON},
    {.name = "clip",
     .purpose = "one space for two kinds of things, images and texts, from pairs",
     .formula = "(CE(logits, i) + CE(logits^T, i)) / 2; logits = logit_scale cos(image, text)",
     .operands = {{.name = "image", .shape = "(N,D)"},
                  {.name = "text", .shape = "(N,D)"},
                  {.name = "logit_scale",
                   .shape = "()",
                   .domain = GR_POSITIVE,
                   .about = "the factor itself, e^(learned logarithm)"}},
     .parameters = {NORMALIZE},
     .use = "pairs of two kinds are many, and each fits only its partner",
     .avoid = "several rows of a batch fit one partner",
     .convex = "logit_scale",
     .differentiable = "logit_scale",
     .robust = "image",
     .source = "Radford et al., CLIP, ICML 2021, figure 3",
     .apply = clip,
     COMMON},
    {.name = NULL},
};
