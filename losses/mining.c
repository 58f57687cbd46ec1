/* Choice of triplets; documented in triplet.h. */
#include "core/ops/linalg.h"
#include "losses/rows_internal.h"
#include "losses/triplet.h"

#include <limits.h>
#include <math.h>

/* The rows of the miners, in this order. */
enum { BATCH_ALL, BATCH_HARD, SEMI_HARD, EASY };

static const gr_loss_info *row(int i) { return &gr_miners[i]; }

/* -- Walks over triplets -- */

typedef struct mining {
    double margin;
    bool all;
} mining;

/* A batch, and where the triplets that are found go: to `to`, unless they are only counted. */
typedef struct batch {
    int n;
    const gr_real *distance; /* (n,n) */
    const int32_t *label;    /* (n) */
    double margin;
    int64_t found;
    int32_t *to;
} batch;

static double between(const batch *b, int i, int j) {
    return (double)b->distance[(int64_t)i * b->n + j];
}
static bool is_positive(const batch *b, int a, int p) {
    return a != p && b->label[a] == b->label[p];
}
static bool is_negative(const batch *b, int a, int n) { return b->label[a] != b->label[n]; }

static void found(batch *b, int a, int p, int n) {
    if (b->to != NULL) {
        int32_t *t = b->to + 3 * b->found;
        t[0] = a;
        t[1] = p;
        t[2] = n;
    }
    b->found++;
}

typedef void visit_pair(batch *b, int a, int p);

static void each_pair(batch *b, visit_pair *visit) {
    for (int a = 0; a < b->n; a++)
        for (int p = 0; p < b->n; p++)
            if (is_positive(b, a, p)) visit(b, a, p);
}

static void all_negatives(batch *b, int a, int p) {
    for (int n = 0; n < b->n; n++)
        if (is_negative(b, a, n)) found(b, a, p, n);
}

static bool is_semi_hard(const batch *b, int a, int p, int n) {
    double gap = between(b, a, n) - between(b, a, p);
    return is_negative(b, a, n) && gap > 0 && gap < b->margin;
}

static void all_semi_hard(batch *b, int a, int p) {
    for (int n = 0; n < b->n; n++)
        if (is_semi_hard(b, a, p, n)) found(b, a, p, n);
}

static void nearest_semi_hard(batch *b, int a, int p) {
    int nearest = -1;
    for (int n = 0; n < b->n; n++)
        if (is_semi_hard(b, a, p, n) && (nearest < 0 || between(b, a, n) < between(b, a, nearest)))
            nearest = n;
    if (nearest >= 0) found(b, a, p, nearest);
}

static void easy_negatives(batch *b, int a, int p) {
    for (int n = 0; n < b->n; n++)
        if (is_negative(b, a, n) && between(b, a, n) - between(b, a, p) >= b->margin)
            found(b, a, p, n);
}

static void hardest(batch *b) {
    for (int a = 0; a < b->n; a++) {
        int p = -1, n = -1;
        for (int i = 0; i < b->n; i++) {
            double d = between(b, a, i);
            if (is_positive(b, a, i) && (p < 0 || d > between(b, a, p))) p = i;
            if (is_negative(b, a, i) && (n < 0 || d < between(b, a, n))) n = i;
        }
        if (p >= 0 && n >= 0) found(b, a, p, n);
    }
}

/* -- Operations of distances (N,N) and labels (N) -- */

typedef void walk(batch *b, const mining *m);

static void walk_all(batch *b, const mining *m) {
    (void)m;
    each_pair(b, all_negatives);
}
static void walk_hard(batch *b, const mining *m) {
    (void)m;
    hardest(b);
}
static void walk_semi_hard(batch *b, const mining *m) {
    each_pair(b, m->all ? all_semi_hard : nearest_semi_hard);
}
static void walk_easy(batch *b, const mining *m) {
    (void)m;
    each_pair(b, easy_negatives);
}

/* The number of triplets; they go to `to` unless it is NULL. */
static int64_t mine(const gr_node *n, walk *w, int32_t *to) {
    const mining *m = n->params;
    batch b = {.n = n->in[1]->shape.dim[0],
               .distance = n->in[0]->data,
               .label = n->in[1]->index,
               .margin = m->margin,
               .to = to};
    w(&b, m);
    return b.found;
}

static bool triplets_shape(const gr_node *n, walk *w, gr_shape *shape) {
    int64_t count = mine(n, w, NULL);
    if (count > INT_MAX)
        return gr_fail(n->graph, "%s: %lld triplets, more than there can be: mine smaller batches",
                       n->op->name, (long long)count);
    *shape = GR_SHAPE((int)count, 3);
    return true;
}

#define MINER(name_, walk_)                                                                        \
    static bool name_##_shape(const gr_node *n, gr_shape *shape) {                                 \
        return triplets_shape(n, walk_, shape);                                                    \
    }                                                                                              \
    static void name_##_forward(const gr_node *n) { mine(n, walk_, n->out->index); }               \
    static const gr_op name_##_op = {.name = "gr_" #name_,                                         \
                                     .operands = {"distances", "labels"},                          \
                                     .operand_kinds = {GR_REAL, GR_INDEX},                         \
                                     .kind = GR_INDEX,                                             \
                                     .shape = name_##_shape,                                       \
                                     .forward = name_##_forward};

MINER(batch_all, walk_all)
MINER(batch_hard, walk_hard)
MINER(semi_hard, walk_semi_hard)
MINER(easy, walk_easy)

/* -- Miners -- */

static gr_tensor *apply(int miner, const gr_op *op, const gr_mining_args *a) {
    const gr_loss_info *r = row(miner);
    gr_graph *g = gr_loss_check(r, GR_LIST(a->embeddings, a->labels));
    if (g == NULL || !gr_rows_check(r, GR_LIST(a->embeddings), 2)) return NULL;
    if (!gr_shape_equal(a->labels->shape, GR_SHAPE(a->embeddings->shape.dim[0])))
        return gr_loss_shape_error(r, a->embeddings, "embeddings", a->labels, "labels",
                                   "expected one label for each row");
    bool has_margin = gr_loss_parameter(r, "margin") >= 0;
    if (has_margin && !gr_loss_check_parameter(g, r, "margin", a->margin)) return NULL;
    mining m = {a->margin, a->all};
    gr_no_grad_begin(g);
    gr_tensor *distances = gr_distances(a->embeddings, a->embeddings, .squared = a->squared);
    gr_tensor *triplets = gr_apply(op, GR_LIST(distances, a->labels), &m, sizeof m);
    gr_no_grad_end(g);
    return triplets;
}

gr_tensor *gr_batch_all_(gr_mining_args a) { return apply(BATCH_ALL, &batch_all_op, &a); }
gr_tensor *gr_batch_hard_(gr_mining_args a) { return apply(BATCH_HARD, &batch_hard_op, &a); }
gr_tensor *gr_semi_hard_(gr_mining_args a) { return apply(SEMI_HARD, &semi_hard_op, &a); }
gr_tensor *gr_easy_(gr_mining_args a) { return apply(EASY, &easy_op, &a); }

/* -- The registry's rows -- */

static gr_tensor *batch_all(const gr_loss_call *c) {
    return gr_batch_all(c->operand[0], c->operand[1]);
}
static gr_tensor *batch_hard(const gr_loss_call *c) {
    return gr_batch_hard(c->operand[0], c->operand[1]);
}
static gr_tensor *semi_hard(const gr_loss_call *c) {
    return gr_semi_hard(c->operand[0], c->operand[1], .margin = c->parameter[0],
                        .squared = c->parameter[1] != 0, .all = c->parameter[2] != 0);
}
static gr_tensor *easy(const gr_loss_call *c) {
    return gr_easy(c->operand[0], c->operand[1], .margin = c->parameter[0],
                   .squared = c->parameter[1] != 0);
}

#define MARGIN                                                                                     \
    { "margin", GR_NUMBER, 1, 0, INFINITY, true, true, NULL, "that of the loss" }
#define SQUARED                                                                                    \
    { "squared", GR_BOOLEAN, 0, 0, 1, false, false, NULL, "margin is one of squared distances" }
#define COMMON                                                                                     \
    .family = "similarity",                                                                        \
    .operands = {{.name = "embeddings", .shape = "(N,D)"},                                         \
                 {.name = "labels",                                                                \
                  .shape = "(N)",                                                                  \
                  .kind = GR_OPERAND_INDEX,                                                        \
                  .domain = GR_CLASSES,                                                            \
                  .about = "rows of one label belong together"}},                                  \
    .reductions = ""

const gr_loss_info gr_miners[] = {
    {.name = "batch_all",
     .purpose = "triplets from a labelled batch: all of them",
     .formula = "all (a, p, n) with label a = label p, a != p, label n != label a",
     .use = "batches are small and no triplet may be missed",
     .avoid = "batches are large: there are about N^3 / 3 triplets, most of which cost nothing",
     .source = "Hermans, Beyer and Leibe, In defense of the triplet loss (2017)",
     .apply = batch_all,
     COMMON},
    {.name = "batch_hard",
     .purpose = "triplets from a labelled batch: the hardest of each anchor",
     .formula = "for each a: p = argmax D(a, p), n = argmin D(a, n)",
     .use = "batches hold several rows of each label; the usual choice",
     .avoid = "labels are often wrong: the hardest are the wrong ones",
     .source = "Hermans, Beyer and Leibe, In defense of the triplet loss (2017)",
     .apply = batch_hard,
     COMMON},
    {.name = "semi_hard",
     .purpose = "triplets from a labelled batch: negatives within the margin",
     .formula = "for each (a, p): the nearest n with D(a, p) < D(a, n) < D(a, p) + margin",
     .parameters = {MARGIN,
                    SQUARED,
                    {"all", GR_BOOLEAN, 0, 0, 1, false, false, NULL,
                     "every such n instead of the nearest"}},
     .use = "training collapses with the hardest negatives, as early on it may",
     .avoid = "few triplets are left within the margin",
     .source = "Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015, section 3.2",
     .apply = semi_hard,
     COMMON},
    {.name = "easy",
     .purpose = "triplets from a labelled batch: those that are right already",
     .formula = "all (a, p, n) with D(a, n) >= D(a, p) + margin",
     .parameters = {MARGIN, SQUARED},
     .use = "measuring what share of the triplets is learned",
     .avoid = "training: they have neither loss nor gradient",
     .source = "Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015",
     .apply = easy,
     COMMON},
    {.name = NULL},
};
