#include "losses/class_weights.h"

#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "losses/loss_internal.h"

#include <math.h>

/* The family's rows, in this order. */
enum { INVERSE_FREQUENCY, CLASS_BALANCED };

static const gr_loss_info *row(int i) { return &gr_class_weights[i]; }

static gr_tensor *as_real(gr_tensor *t) {
    if (t->kind == GR_REAL) return t;
    gr_tensor *real = gr_zeros(t->graph, t->shape);
    for (int64_t i = 0; real != NULL && i < t->size; i++) real->data[i] = (gr_real)t->index[i];
    return real;
}

/* The counts as real numbers, or NULL after an error. */
static gr_tensor *checked_counts(int weights, gr_tensor *counts) {
    const gr_loss_info *r = row(weights);
    if (gr_loss_check(r, GR_LIST(counts)) == NULL) return NULL;
    if (counts->shape.ndim != 1)
        return gr_fail(counts->graph, "gr_%s: %s, expected one number for each class, (C)", r->name,
                       gr_describe(counts, "counts").text);
    gr_tensor *n = as_real(counts);
    for (int c = 0; n != NULL && c < n->shape.dim[0]; c++)
        if (!(n->data[c] > 0) || isinf(n->data[c]))
            return gr_fail(n->graph,
                           "gr_%s: %s has %g for class %d, expected more than 0: a class "
                           "without examples has no weight",
                           r->name, gr_describe(counts, "counts").text, (double)n->data[c], c);
    return n;
}

gr_tensor *gr_inverse_frequency_weights(gr_tensor *counts) {
    gr_tensor *n = checked_counts(INVERSE_FREQUENCY, counts);
    return n == NULL ? NULL : gr_div(gr_mean(n), n);
}

/* 1 - beta^n as -expm1(n log beta), which keeps its digits for beta near 1. log 0 is kept finite.
 */
gr_tensor *gr_class_balanced_weights_(gr_class_balanced_args a) {
    gr_tensor *n = checked_counts(CLASS_BALANCED, a.counts);
    if (n == NULL || !gr_loss_check_parameter(n->graph, row(CLASS_BALANCED), "beta", a.beta))
        return NULL;
    gr_tensor *effective = gr_neg(gr_expm1(gr_scale(n, fmax(log(a.beta), -1e6))));
    gr_tensor *weights = gr_reciprocal(effective);
    return gr_div(weights, gr_mean(weights));
}

/* -- The registry's rows -- */

/* Of a lone operand that is NULL only the call knows the graph. */
static bool has_counts(int weights, const gr_loss_call *c) {
    return c->operand[0] != NULL || gr_fail(c->graph, "gr_%s: counts is NULL", row(weights)->name);
}
static gr_tensor *inverse_frequency(const gr_loss_call *c) {
    if (!has_counts(INVERSE_FREQUENCY, c)) return NULL;
    return gr_inverse_frequency_weights(c->operand[0]);
}
static gr_tensor *class_balanced(const gr_loss_call *c) {
    if (!has_counts(CLASS_BALANCED, c)) return NULL;
    return gr_class_balanced_weights(c->operand[0], .beta = c->parameter[0]);
}

#define COMMON                                                                                     \
    .family = "weights", .reductions = "", .low = 0, .high = INFINITY,                             \
    .operands = {{.name = "counts",                                                                \
                  .shape = "(C)",                                                                  \
                  .kind = GR_OPERAND_REAL_OR_INDEX,                                                \
                  .domain = GR_POSITIVE,                                                           \
                  .about = "examples of each class"}}

const gr_loss_info gr_class_weights[] = {
    {.name = "inverse_frequency_weights",
     .purpose = "class weights: each class counts the same in all",
     .formula = "N / (C counts[c]); N = sum of counts",
     .use = "classes are unbalanced by a factor of 100 or less",
     .avoid = "a class has few examples: they would rule the training",
     .source = "King and Zeng, Political Analysis 9 (2001)",
     .apply = inverse_frequency,
     COMMON},
    {.name = "class_balanced_weights",
     .purpose = "class weights by the effective number of examples",
     .formula = "(1 - beta) / (1 - beta^counts[c]), scaled to add up to C",
     .parameters = {{"beta", GR_NUMBER, 0.999, 0, 1, false, true, NULL,
                     "0: equal weights; towards 1: inverse frequencies"}},
     .use = "counts span orders of magnitude",
     .avoid = "all counts are well over 1/(1 - beta): the weights are then equal",
     .source = "Cui et al., CVPR 2019",
     .apply = class_balanced,
     COMMON},
    {.name = NULL},
};
