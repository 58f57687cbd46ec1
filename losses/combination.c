#include "losses/combination.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/loss_internal.h"

#include <float.h>
#include <limits.h>
#include <math.h>

enum { WEIGHTED_SUM, UNCERTAINTY_WEIGHTING, GRADNORM, OHEM }; /* the rows, in this order */

static const gr_loss_info *row(int i) { return &gr_combination_losses[i]; }

static bool is_positive(double v) { return v > 0; }

/* -- Sums of losses -- */

/* The graph, or NULL after an error. `weights` may be NULL; of an empty list it has the graph. */
static gr_graph *check_losses(int loss, gr_list losses, const gr_tensor *weights) {
    if (losses.n < 1)
        return gr_fail(weights == NULL ? NULL : weights->graph, "gr_%s: losses is an empty list",
                       row(loss)->name);
    gr_graph *g = gr_loss_check_list(row(loss), "losses", losses);
    for (int i = 1; i < losses.n && g != NULL; i++) {
        char name[24];
        snprintf(name, sizeof name, "losses[%d]", i);
        if (!gr_shape_equal(losses.items[0]->shape, losses.items[i]->shape))
            return gr_loss_shape_error(row(loss), losses.items[0], "losses[0]", losses.items[i],
                                       name, "the shapes of the losses differ");
    }
    return g;
}

gr_tensor *gr_weighted_sum_(gr_weighted_sum_args a) {
    const gr_loss_info *r = row(WEIGHTED_SUM);
    if (check_losses(WEIGHTED_SUM, a.losses, a.weights) == NULL) return NULL;
    if (a.weights != NULL &&
        !gr_loss_check_vector(row(WEIGHTED_SUM), a.weights, "weights", a.losses.n))
        return NULL;
    gr_tensor *total = NULL;
    for (int k = 0; k < a.losses.n; k++) {
        gr_tensor *term = a.losses.items[k];
        if (a.weights != NULL) term = gr_mul(gr_select(a.weights, 0, k), term);
        total = k == 0 ? term : gr_add(total, term);
    }
    return gr_loss_reduce(r, total, NULL, a.reduction);
}

/* e^(-s/2), but no more than `most`. */
static gr_tensor *limited_factor(gr_tensor *log_var, double most) {
    return gr_exp(gr_clamp(gr_scale(log_var, -0.5), -INFINITY, log(most)));
}

/* e^-s loss. The factor is applied in two halves, each of which is in range for twice as large an
 * s. A task whose loss has become 0 lets s fall without end; no infinity may then meet that 0, nor
 * the gradients of 0 that follow on the way back. */
static gr_tensor *weighted_by_precision(gr_tensor *loss, gr_tensor *log_var) {
    const double most = sizeof(gr_real) == sizeof(float) ? FLT_MAX / 4 : DBL_MAX / 4;
    gr_tensor *factor;
    if (log_var == NULL || (double)log_var->data[0] >= -log(most)) {
        factor = gr_exp(gr_scale(log_var, -0.5));
    } else {
        gr_tensor *is_0 = gr_eq(loss, gr_scalar(loss->graph, 0));
        factor = gr_where(is_0, limited_factor(log_var, sqrt(most)), limited_factor(log_var, most));
    }
    return gr_mul(factor, gr_mul(factor, loss));
}

gr_tensor *gr_uncertainty_weighting_(gr_uncertainty_weighting_args a) {
    const gr_loss_info *r = row(UNCERTAINTY_WEIGHTING);
    gr_graph *g = check_losses(UNCERTAINTY_WEIGHTING, a.losses, a.log_vars);
    if (g == NULL) return NULL;
    if (a.log_vars == NULL) return gr_fail(g, "gr_uncertainty_weighting: log_vars is NULL");
    if (!gr_loss_check_vector(row(UNCERTAINTY_WEIGHTING), a.log_vars, "log_vars", a.losses.n))
        return NULL;
    gr_tensor *total = gr_scale(gr_sum(a.log_vars), 0.5);
    for (int k = 0; k < a.losses.n; k++) {
        gr_tensor *term = weighted_by_precision(a.losses.items[k], gr_select(a.log_vars, 0, k));
        total = gr_add(gr_scale(term, 0.5), total);
    }
    return gr_loss_reduce(r, total, NULL, a.reduction);
}

/* -- GradNorm -- */

gr_tensor *gr_gradnorm_of_(gr_gradnorm_of_args a) {
    const gr_loss_info *r = row(GRADNORM);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.norms, a.ratios));
    if (g == NULL || !gr_loss_check_parameter(g, r, "alpha", a.alpha)) return NULL;
    if (a.norms->shape.ndim != 1)
        return gr_fail(g, "gr_gradnorm: %s, expected (K)", gr_describe(a.norms, "norms").text);
    if (!gr_loss_check_vector(row(GRADNORM), a.ratios, "ratios", a.norms->shape.dim[0]) ||
        !gr_loss_check_not_negative(r, a.norms, "norms") ||
        !gr_loss_check_not_negative(r, a.ratios, "ratios"))
        return NULL;
    gr_tensor *ratios = gr_detach(a.ratios), *norms = gr_detach(a.norms);
    gr_tensor *rates = gr_mul(ratios, gr_reciprocal_or_zero(gr_mean(ratios)));
    gr_tensor *aim = gr_mul(gr_mean(norms), gr_power(rates, a.alpha));
    return gr_loss_reduce(r, gr_abs(gr_sub(a.norms, aim)), NULL, a.reduction);
}

static bool check_shared(gr_graph *g, gr_list shared) {
    if (shared.n < 1) return gr_fail(g, "gr_gradnorm: shared is an empty list");
    for (int i = 0; i < shared.n; i++)
        if (shared.items[i] == NULL) return gr_fail(g, "gr_gradnorm: shared[%d] is NULL", i);
    return gr_loss_check_list(row(GRADNORM), "shared", shared) != NULL;
}

static bool check_gradnorm(const gr_gradnorm_args *a) {
    gr_graph *g = check_losses(GRADNORM, a->losses, a->weights);
    if (g == NULL || !check_shared(g, a->shared)) return false;
    if (a->initial == NULL || a->weights == NULL)
        return gr_fail(g, "gr_gradnorm: %s is NULL", a->initial == NULL ? "initial" : "weights");
    if (a->losses.items[0]->size != 1)
        return gr_fail(g, "gr_gradnorm: %s, expected losses of one number",
                       gr_describe(a->losses.items[0], "losses[0]").text);
    for (int k = 0; k < a->losses.n; k++)
        if (!(a->losses.items[k]->data[0] >= 0))
            return gr_fail(g, "gr_gradnorm: losses[%d] is %g, expected 0 or more", k,
                           (double)a->losses.items[k]->data[0]);
    if (g->no_grad > 0)
        return gr_fail(g,
                       "gr_gradnorm: the graph is not recording, so that there are no gradients");
    return gr_loss_check_parameter(g, row(GRADNORM), "alpha", a->alpha) &&
           gr_loss_check_vector(row(GRADNORM), a->initial, "initial", a->losses.n) &&
           gr_loss_check_vector(row(GRADNORM), a->weights, "weights", a->losses.n) &&
           gr_loss_check_values(row(GRADNORM), a->initial, "initial", is_positive, "more than 0");
}

/* The norm of the gradients of `loss` to all of `shared` together, or NULL. */
static gr_tensor *gradient_norm(gr_tensor *loss, gr_list shared, bool create_graph) {
    gr_graph *g = loss->graph;
    size_t bytes = (size_t)shared.n * sizeof(gr_tensor *);
    gr_tensor **grads = gr_arena_alloc(&g->step, bytes, GR_ALIGN_STRUCT);
    if (grads == NULL) return gr_fail(g, "gr_gradnorm: no memory");
    if (!gr_grads(GR_LIST(loss), shared, grads, .create_graph = create_graph)) return NULL;
    for (int i = 0; i < shared.n; i++) grads[i] = gr_flatten(grads[i]);
    return gr_norm(gr_concat((gr_list){shared.n, grads}, 0));
}

gr_tensor *gr_gradnorm_(gr_gradnorm_args a) {
    if (!check_gradnorm(&a)) return NULL;
    int n = a.losses.n;
    gr_graph *g = a.losses.items[0]->graph;
    size_t bytes = (size_t)n * sizeof(gr_tensor *);
    gr_tensor **norms = gr_arena_alloc(&g->step, bytes, GR_ALIGN_STRUCT);
    gr_tensor **losses = gr_arena_alloc(&g->step, bytes, GR_ALIGN_STRUCT);
    if (norms == NULL || losses == NULL) return gr_fail(g, "gr_gradnorm: no memory");
    for (int k = 0; k < n; k++) {
        losses[k] = gr_flatten(gr_detach(a.losses.items[k]));
        norms[k] = gradient_norm(a.losses.items[k], a.shared, !a.weights_only);
        if (norms[k] == NULL) return NULL;
    }
    gr_tensor *ratios = gr_div(gr_concat((gr_list){n, losses}, 0), a.initial);
    gr_tensor *weighted = gr_mul(gr_abs(a.weights), gr_stack((gr_list){n, norms}, 0));
    return gr_gradnorm_of(weighted, ratios, .alpha = a.alpha, .reduction = a.reduction);
}

/* -- Hard examples -- */

/* How many elements are over the threshold; NaN is, so that it is not hidden. */
static int count_over(const gr_tensor *x, double threshold) {
    int count = 0;
    for (int64_t i = 0; i < x->size; i++) count += !(x->data[i] <= threshold);
    return count;
}

/* The flat places of the `count` hardest of x (n), in the order of x if they are those over the
 * threshold. */
static gr_tensor *hardest(gr_tensor *x, int count, bool over, double threshold) {
    if (!over) return gr_slice(gr_argsort(x, 0, true), 0, 0, count, 1);
    gr_tensor *places = gr_tensor_new(x->graph, "gr_ohem", GR_INDEX, GR_SHAPE(count), false);
    if (places == NULL) return NULL;
    for (int i = 0, k = 0; k < count; i++)
        if (!(x->data[i] <= threshold)) places->index[k++] = i;
    return places;
}

/* Threshold -inf without keep takes all, and an element of -inf too. */
static gr_tensor *kept_places(gr_tensor *x, const gr_ohem_args *a) {
    int n = (int)x->size, keep = a->keep < n ? a->keep : n;
    bool has_threshold = a->threshold > -INFINITY;
    if (!has_threshold && keep == 0) keep = n;
    int over = has_threshold ? count_over(x, a->threshold) : 0;
    return over >= keep ? hardest(x, over, true, a->threshold) : hardest(x, keep, false, 0);
}

static gr_tensor *mask_of(gr_tensor *places, gr_tensor *like) {
    gr_tensor *mask = gr_zeros(like->graph, like->shape);
    for (int64_t i = 0; mask != NULL && i < places->size; i++) mask->data[places->index[i]] = 1;
    return mask;
}

gr_tensor *gr_ohem_(gr_ohem_args a) {
    const gr_loss_info *r = row(OHEM);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.loss));
    if (g == NULL || !gr_loss_check_parameter(g, r, "keep", a.keep) ||
        !gr_loss_check_parameter(g, r, "threshold", a.threshold))
        return NULL;
    if (a.loss->size > INT_MAX)
        return gr_fail(g, "gr_ohem: %s has more than %d elements", gr_describe(a.loss, "loss").text,
                       INT_MAX);
    gr_tensor *flat = gr_flatten(a.loss), *places = flat == NULL ? NULL : kept_places(flat, &a);
    if (places == NULL) return NULL;
    if (a.reduction == GR_NONE) return gr_where(mask_of(places, a.loss), a.loss, gr_scalar(g, 0));
    gr_tensor *kept = gr_index_select(flat, 0, places);
    bool none = places->size == 0;
    return gr_loss_reduce(r, kept, NULL, none && a.reduction == GR_MEAN ? GR_SUM : a.reduction);
}

/* -- The registry's rows -- */

static gr_tensor *weighted_sum(const gr_loss_call *c) {
    return gr_weighted_sum(c->list[0], .weights = c->operand[1], .reduction = c->reduction);
}
static gr_tensor *uncertainty_weighting(const gr_loss_call *c) {
    return gr_uncertainty_weighting(c->list[0], c->operand[1], .reduction = c->reduction);
}
static gr_tensor *gradnorm(const gr_loss_call *c) {
    return gr_gradnorm_of(c->operand[0], c->operand[1], .alpha = c->parameter[0],
                          .reduction = c->reduction);
}
/* keep may be any integer that a double holds. */
static gr_tensor *ohem(const gr_loss_call *c) {
    double keep = c->parameter[0];
    if (!gr_loss_check_parameter(c->graph, row(OHEM), "keep", keep)) return NULL;
    return gr_ohem(c->operand[0], .keep = (int)keep, .threshold = c->parameter[1],
                   .reduction = c->reduction);
}

#define LOSSES                                                                                     \
    {                                                                                              \
        .name = "losses", .shape = "any", .kind = GR_OPERAND_LIST,                                 \
        .about = "K losses of one shape, mostly scalars"                                           \
    }

const gr_loss_info gr_combination_losses[] = {
    {.name = "weighted_sum",
     .family = "combination",
     .purpose = "several losses as one, with weights that are known",
     .formula = "sum over k of weights[k] losses[k]",
     .operands = {LOSSES, {.name = "weights", .shape = "(K)", .optional = true}},
     .reductions = "mean sum none",
     .use = "the balance of the terms is known, or follows a schedule",
     .avoid = "the scales of the losses are unknown: uncertainty_weighting learns them",
     .convex = "losses",
     .differentiable = "losses",
     .robust = "losses",
     .low = -INFINITY,
     .high = INFINITY,
     .source = "Caruana, Multitask learning, Machine Learning 28 (1997)",
     .apply = weighted_sum},
    {.name = "uncertainty_weighting",
     .family = "combination",
     .purpose = "several losses as one, with weights that are learnt",
     .formula = "sum over k of e^-s_k losses[k] / 2 + s_k / 2; s = log_vars",
     .operands = {LOSSES,
                  {.name = "log_vars",
                   .shape = "(K)",
                   .about = "logarithms of the tasks' variances, to be trained"}},
     .reductions = "mean sum none",
     .use = "tasks have different units or noise",
     .avoid = "a loss may be negative: its weight then grows without bound",
     .convex = "losses",
     .differentiable = "losses",
     .robust = "losses",
     .low = -INFINITY,
     .high = INFINITY,
     .source = "Kendall, Gal and Cipolla, CVPR 2018",
     .apply = uncertainty_weighting},
    {.name = "gradnorm",
     .family = "combination",
     .purpose = "training the weights of several losses, so that tasks learn at like rates",
     .formula = "sum over k of |norms[k] - mean(norms) r_k^alpha|, r = ratios / mean(ratios), the "
                "second term a constant; gr_gradnorm computes norms and ratios",
     .operands = {{.name = "norms",
                   .shape = "(K)",
                   .domain = GR_POSITIVE,
                   .about = "norms of the gradients of the weighted losses"},
                  {.name = "ratios",
                   .shape = "(K)",
                   .domain = GR_POSITIVE,
                   .about = "each loss divided by what it was at first; a constant"}},
     .parameters = {{"alpha", GR_NUMBER, 1.5, 0, INFINITY, false, true, NULL,
                     "how strongly slow tasks are favoured"}},
     .reductions = "sum mean none",
     .use = "one task learns much faster than the others",
     .avoid = "second derivatives cost too much",
     .convex = "norms",
     .robust = "norms",
     .low = 0,
     .high = INFINITY,
     .source = "Chen et al., ICML 2018",
     .apply = gradnorm},
    {.name = "ohem",
     .aliases = {"hard_example_mining"},
     .family = "combination",
     .purpose = "training on the hardest examples only",
     .formula = "mean of the keep largest elements, or of those larger than threshold",
     .operands = {{.name = "loss",
                   .shape = "any",
                   .about = "the elements of a loss, its reduction none"}},
     .parameters = {{"keep", GR_INTEGER, 0, 0, 2147483647, false, false, NULL,
                     "how many; 0: not by number"},
                    {"threshold", GR_NUMBER, -INFINITY, -INFINITY, INFINITY, false, false, NULL,
                     "keep what is larger; -inf: not by size"}},
     .reductions = "mean sum none",
     .use = "most examples are easy and drown the others",
     .avoid = "labels are wrong here and there: those are what is kept",
     .convex = "loss",
     .differentiable = "loss",
     .robust = "loss",
     .low = -INFINITY,
     .high = INFINITY,
     .source = "Shrivastava, Gupta and Girshick, CVPR 2016",
     .apply = ohem},
    {.name = NULL},
};
