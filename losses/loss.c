#include "losses/loss_internal.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"

#include <math.h>
#include <string.h>

/* -- The registry -- */

static const gr_loss_info *const families[] = {
    gr_regression_losses,  gr_classification_losses,
    gr_focal_losses,       gr_margin_losses,
    gr_class_weights,      gr_overlap_losses,
    gr_box_losses,         gr_similarity_losses,
    gr_triplet_losses,     gr_miners,
    gr_contrast_losses,    gr_sequence_losses,
    gr_generative_losses,  gr_perceptual_losses,
    gr_combination_losses,
};
enum { FAMILIES = sizeof families / sizeof *families };

const gr_loss_info *gr_loss_at(int i) {
    if (i < 0) return NULL;
    for (int f = 0; f < FAMILIES; f++)
        for (const gr_loss_info *row = families[f]; row->name != NULL; row++)
            if (i-- == 0) return row;
    return NULL;
}

int gr_loss_count(void) {
    int n = 0;
    while (gr_loss_at(n) != NULL) n++;
    return n;
}

static bool is_called(const gr_loss_info *row, const char *name) {
    if (strcmp(row->name, name) == 0) return true;
    for (int i = 0; i < GR_LOSS_ALIASES && row->aliases[i] != NULL; i++)
        if (strcmp(row->aliases[i], name) == 0) return true;
    return false;
}

const gr_loss_info *gr_loss_find(const char *name) {
    const gr_loss_info *row;
    for (int i = 0; (row = gr_loss_at(i)) != NULL; i++)
        if (is_called(row, name)) return row;
    return NULL;
}

int gr_loss_operand(const gr_loss_info *loss, const char *name) {
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++)
        if (strcmp(loss->operands[i].name, name) == 0) return i;
    return -1;
}

int gr_loss_parameter(const gr_loss_info *loss, const char *name) {
    for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++)
        if (strcmp(loss->parameters[i].name, name) == 0) return i;
    return -1;
}

static gr_reduction default_reduction(const gr_loss_info *loss) {
    if (strncmp(loss->reductions, "sum", 3) == 0) return GR_SUM;
    return strncmp(loss->reductions, "none", 4) == 0 ? GR_NONE : GR_MEAN;
}

gr_loss_call gr_loss_defaults(gr_graph *g, const gr_loss_info *loss) {
    gr_loss_call call = {.graph = g, .reduction = default_reduction(loss)};
    for (int i = 0; i < GR_LOSS_PARAMETERS; i++) call.parameter[i] = loss->parameters[i].value;
    return call;
}

static bool check_parameters(const gr_loss_info *loss, const gr_loss_call *call) {
    for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++)
        if (!gr_loss_check_parameter(call->graph, loss, loss->parameters[i].name,
                                     call->parameter[i]))
            return false;
    return true;
}

static bool check_reduction(const gr_loss_info *loss, const gr_loss_call *call) {
    static const char *const names[] = {"mean", "sum", "none", "batchmean"};
    const char *words = loss->reductions;
    if (*words == '\0') return true;
    for (size_t n; *words != '\0'; words += n + strspn(words + n, " ")) {
        n = strcspn(words, " ");
        const char *name = (unsigned)call->reduction < 4 ? names[call->reduction] : "";
        if (strlen(name) == n && strncmp(name, words, n) == 0) return true;
    }
    return gr_fail(call->graph, "gr_%s: no such reduction, expected one of: %s", loss->name,
                   loss->reductions);
}

gr_tensor *gr_loss_apply(const gr_loss_info *loss, const gr_loss_call *call) {
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        const gr_operand_info *o = &loss->operands[i];
        bool given = o->kind == GR_OPERAND_LIST ? call->list[i].n > 0 : call->operand[i] != NULL;
        if (!given && !o->optional)
            return gr_fail(call->graph, "gr_%s: operand %s is missing", loss->name, o->name);
    }
    if (!check_parameters(loss, call) || !check_reduction(loss, call)) return NULL;
    return loss->apply(call);
}

/* -- Checks -- */

static bool right_kind(const gr_operand_info *o, const gr_tensor *t) {
    return o->kind == GR_OPERAND_REAL_OR_INDEX ||
           (t->kind == GR_INDEX) == (o->kind == GR_OPERAND_INDEX);
}

gr_graph *gr_loss_check(const gr_loss_info *row, gr_list operands) {
    gr_graph *g = NULL;
    for (int i = 0; i < operands.n && g == NULL; i++)
        if (operands.items[i] != NULL) g = operands.items[i]->graph;
    for (int i = 0; i < operands.n; i++) {
        const gr_operand_info *o = &row->operands[i];
        const gr_tensor *t = operands.items[i];
        if (t == NULL) return gr_fail(g, "gr_%s: %s is NULL", row->name, o->name);
        if (t->size == 0)
            return gr_fail(g, "gr_%s: %s is empty", row->name, gr_describe(t, o->name).text);
        if (!right_kind(o, t))
            return gr_fail(g, "gr_%s: %s holds %s, expected %s", row->name,
                           gr_describe(t, o->name).text,
                           t->kind == GR_REAL ? "real numbers" : "integers",
                           t->kind == GR_REAL ? "integers" : "real numbers");
    }
    return g;
}

gr_graph *gr_loss_check_list(const gr_loss_info *row, const char *name, gr_list list) {
    gr_graph *g = NULL;
    for (int i = 0; i < list.n && g == NULL; i++)
        if (list.items[i] != NULL) g = list.items[i]->graph;
    for (int i = 0; i < list.n; i++) {
        const gr_tensor *t = list.items[i];
        if (t == NULL) return gr_fail(g, "gr_%s: %s[%d] is NULL", row->name, name, i);
        if (t->kind != GR_REAL || t->size == 0)
            return gr_fail(g, "gr_%s: %s[%d], %s, %s", row->name, name, i,
                           gr_describe(t, name).text,
                           t->size == 0 ? "is empty" : "holds integers, expected real numbers");
    }
    return g;
}

bool gr_loss_check_vector(const gr_loss_info *row, const gr_tensor *t, const char *name, int n) {
    if (t->kind == GR_REAL && t->shape.ndim == 1 && t->shape.dim[0] == n) return true;
    return gr_fail(t->graph, "gr_%s: %s, expected (%d) real numbers", row->name,
                   gr_describe(t, name).text, n);
}

bool gr_loss_check_values(const gr_loss_info *row, const gr_tensor *t, const char *name,
                          bool (*test)(double value), const char *expected) {
    for (int64_t i = 0; i < t->size; i++)
        if (!test(gr_at(t, i)))
            return gr_fail(t->graph, "gr_%s: %s has %g at %s, expected %s", row->name,
                           gr_describe(t, name).text, gr_at(t, i), gr_place_text(t->shape, i).text,
                           expected);
    return true;
}

/* Whether all elements pass, without a branch, so that the loop is vectorised. */
#define ALL(name, test)                                                                            \
    static bool name(const gr_tensor *t) {                                                         \
        int wrong = 0;                                                                             \
        for (int64_t i = 0; i < t->size; i++) {                                                    \
            const gr_real v = t->data[i];                                                          \
            wrong |= !(test);                                                                      \
        }                                                                                          \
        return wrong == 0;                                                                         \
    }
ALL(all_signs, (v == -1) | (v == 1))
ALL(all_fractions, (v >= 0) & (v <= 1))
ALL(all_not_negative, v >= 0)

static bool is_sign(double v) { return v == -1 || v == 1; }
static bool is_fraction(double v) { return v >= 0 && v <= 1; }
static bool is_not_negative(double v) { return v >= 0; }

bool gr_loss_check_signs(const gr_loss_info *row, const gr_tensor *t, const char *name) {
    return all_signs(t) || gr_loss_check_values(row, t, name, is_sign, "-1 or +1");
}

bool gr_loss_check_fractions(const gr_loss_info *row, const gr_tensor *t, const char *name) {
    return all_fractions(t) || gr_loss_check_values(row, t, name, is_fraction, "0 to 1");
}

bool gr_loss_check_not_negative(const gr_loss_info *row, const gr_tensor *t, const char *name) {
    return all_not_negative(t) || gr_loss_check_values(row, t, name, is_not_negative, "0 or more");
}

bool gr_loss_check_before(gr_loss_domain *domain, const gr_loss_info *row, const gr_tensor *t,
                          const char *name, double total) {
    const bool is_seen_after = total != 0 && !t->graph->anomaly;
    return is_seen_after || domain(row, t, name);
}

bool gr_loss_check_after(gr_loss_domain *domain, const gr_loss_info *row, const gr_tensor *t,
                         const char *name, double total, const gr_tensor *loss) {
    const bool may_fail = total != 0 && loss != NULL && isnan(loss->data[0]);
    return !may_fail || domain(row, t, name);
}

bool gr_loss_check_same_shape(const gr_loss_info *row, const gr_tensor *a, const char *a_name,
                              const gr_tensor *b, const char *b_name) {
    return gr_shape_equal(a->shape, b->shape) ||
           gr_loss_shape_error(row, a, a_name, b, b_name, "expected equal shapes");
}

bool gr_loss_check_optional(const gr_loss_info *row, const gr_tensor *t, const char *name) {
    if (t == NULL) return true;
    if (t->kind != GR_REAL)
        return gr_fail(t->graph, "gr_%s: %s holds integers, expected real numbers", row->name,
                       gr_describe(t, name).text);
    return t->size > 0 ||
           gr_fail(t->graph, "gr_%s: %s is empty", row->name, gr_describe(t, name).text);
}

/* How many words a text has. */
static int count_words(const char *words) {
    int n = 0;
    for (; words != NULL && *words != '\0'; n++) {
        words += strcspn(words, " ");
        words += strspn(words, " ");
    }
    return n;
}

bool gr_parameter_allows(const gr_parameter_info *p, double value) {
    if (p->kind == GR_BOOLEAN) return value == 0 || value == 1;
    if (p->kind == GR_CHOICE)
        return value >= 0 && value < count_words(p->choices) && value == floor(value);
    bool above = p->low_open ? value > p->low : value >= p->low;
    bool below = p->high_open ? value < p->high : value <= p->high;
    return above && below && (p->kind == GR_NUMBER || value == floor(value));
}

bool gr_loss_check_parameter(gr_graph *g, const gr_loss_info *row, const char *name, double value) {
    const gr_parameter_info *p = &row->parameters[gr_loss_parameter(row, name)];
    if (gr_parameter_allows(p, value)) return true;
    if (p->kind == GR_BOOLEAN || p->kind == GR_CHOICE)
        return gr_fail(g, "gr_%s: %s is %g, expected one of: %s", row->name, name, value,
                       p->kind == GR_CHOICE ? p->choices : "0 1");
    return gr_fail(g, "gr_%s: %s is %g, expected %s in %c%g, %g%c", row->name, name, value,
                   p->kind == GR_NUMBER ? "a number" : "an integer", p->low_open ? '(' : '[',
                   p->low, p->high, p->high_open ? ')' : ']');
}

void *gr_loss_shape_error(const gr_loss_info *row, const gr_tensor *a, const char *a_name,
                          const gr_tensor *b, const char *b_name, const char *expected) {
    return gr_fail(a->graph, "gr_%s: %s and %s: %s", row->name, gr_describe(a, a_name).text,
                   gr_describe(b, b_name).text, expected);
}

bool gr_loss_check_broadcast(const gr_loss_info *row, const gr_tensor *a, const char *a_name,
                             const gr_tensor *b, const char *b_name) {
    for (int i = 1; i <= a->shape.ndim && i <= b->shape.ndim; i++) {
        int da = a->shape.dim[a->shape.ndim - i], db = b->shape.dim[b->shape.ndim - i];
        if (da != db && da != 1 && db != 1)
            return gr_loss_shape_error(row, a, a_name, b, b_name, "the shapes don't broadcast");
    }
    return true;
}

static bool broadcasts_to(const gr_tensor *t, gr_shape shape) {
    if (t->shape.ndim > shape.ndim) return false;
    for (int i = 1; i <= t->shape.ndim; i++) {
        int d = t->shape.dim[t->shape.ndim - i];
        if (d != 1 && d != shape.dim[shape.ndim - i]) return false;
    }
    return true;
}

bool gr_loss_check_broadcasts_to(const gr_loss_info *row, const gr_tensor *t, const char *name,
                                 const gr_tensor *x, const char *x_name) {
    return broadcasts_to(t, x->shape) ||
           gr_loss_shape_error(row, t, name, x, x_name,
                               "the first does not broadcast to the second");
}

gr_tensor *gr_loss_reduce(const gr_loss_info *row, gr_tensor *loss, gr_tensor *weight,
                          gr_reduction reduction) {
    if (loss == NULL) return NULL;
    if (weight != NULL) {
        if (!gr_loss_check_optional(row, weight, "weight")) return NULL;
        if (!broadcasts_to(weight, loss->shape))
            return gr_loss_shape_error(row, weight, "weight", loss, "loss",
                                       "the weight doesn't broadcast to the loss");
        loss = gr_mul(loss, weight);
    }
    switch (reduction) {
    case GR_MEAN:
        return gr_mean(loss);
    case GR_SUM:
        return gr_sum(loss);
    case GR_NONE:
        return loss;
    case GR_BATCHMEAN:
        break;
    }
    return gr_fail(loss->graph, "gr_%s: no such reduction, expected GR_MEAN, GR_SUM or GR_NONE",
                   row->name);
}

double gr_loss_total(const gr_tensor *pred, const gr_tensor *target, const gr_tensor *weight,
                     gr_reduction reduction) {
    if (weight != NULL || !gr_shape_equal(pred->shape, target->shape)) return 0;
    if (reduction == GR_SUM) return 1;
    return reduction == GR_MEAN ? 1 / (double)pred->size : 0;
}
