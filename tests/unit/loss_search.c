#include "tests/unit/loss_search.h"

#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"

/* The loss is computed a little beside the variable's values. */
static bool is_continuous(search *s) {
    gr_graph *g = s->l.call.graph;
    double y[SEARCH_ROOM], x[SEARCH_ROOM];
    search_get(s, x);
    s->x->data[0] *= (gr_real)0.999;
    bool computed = search_values(s, y) > 0;
    search_set(s, x);
    gr_clear_error(g);
    return computed;
}

bool search_begin(search *s, gr_graph *g, const gr_loss_info *loss, int operand, bool wide) {
    sample_error error;
    gr_graph_reset(g);
    *s = (search){.loss = loss, .operand = &loss->operands[operand]};
    if (s->operand->kind == GR_OPERAND_INDEX) return false;
    sample_options options = {.wide = wide, .more = wide ? 3 : 1};
    if (!loss_accepted_sample(g, loss, options, &s->l, &error)) return false;
    bool is_list = s->operand->kind == GR_OPERAND_LIST;
    s->x = is_list ? s->l.call.list[operand].items[0] : s->l.call.operand[operand];
    return s->x->kind == GR_REAL && s->x->size <= SEARCH_ROOM && is_continuous(s);
}

void search_get(const search *s, double *x) {
    for (int64_t i = 0; i < s->x->size; i++) x[i] = (double)s->x->data[i];
}

void search_set(search *s, const double *x) {
    for (int64_t i = 0; i < s->x->size; i++) s->x->data[i] = (gr_real)x[i];
}

int search_values(search *s, double *y) {
    gr_tensor *t = loss_elements(s->loss, &s->l);
    if (t == NULL || t->size > SEARCH_ROOM) return 0;
    for (int64_t i = 0; i < t->size; i++) y[i] = gr_at(t, i);
    return (int)t->size;
}

static gr_tensor *gradient(search *s) {
    if (loss_word(s->loss->reductions, "none") >= 0) s->l.call.reduction = GR_NONE;
    return gr_grad(gr_loss_apply(s->loss, &s->l.call), s->x);
}

double search_slope(search *s, const double *x, const double *direction, double t) {
    double sum = 0;
    for (int64_t i = 0; i < s->x->size; i++) s->x->data[i] = (gr_real)(x[i] + t * direction[i]);
    gr_tensor *grad = gradient(s);
    for (int64_t i = 0; grad != NULL && i < grad->size; i++) sum += gr_at(grad, i) * direction[i];
    search_set(s, x);
    return grad == NULL ? NAN : sum;
}

double search_gradient(search *s) {
    double largest = 0;
    gr_tensor *grad = gradient(s);
    for (int64_t i = 0; grad != NULL && i < grad->size; i++) {
        double x = fabs(gr_at(grad, i));
        if (!(x <= largest)) largest = x; /* a NaN stays */
    }
    return grad == NULL ? NAN : largest;
}
