#include "tests/unit/gradcheck.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "core/graph/autodiff.h"

typedef struct checking {
    gradcheck_function *f;
    void *context;
    gr_graph *g;
    gr_list operands;
    int n; /* operands that are checked */
    gr_tensor *x[GRADCHECK_OPERANDS], *w[GRADCHECK_OPERANDS];
    gr_tensor *v;
    gradcheck_options options;
    gradcheck_report *report;
} checking;

static bool complain(checking *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->report->message, sizeof c->report->message, format, arguments);
    va_end(arguments);
    return false;
}

/* Between 1/2 and 3/2, of either sign, no two alike: the golden ratio's multiples modulo 1. */
static gr_tensor *uneven(gr_graph *g, gr_shape shape, int which) {
    const double golden = 0.6180339887498949;
    gr_tensor *t = gr_zeros(g, shape);
    for (int64_t i = 0; t != NULL && i < t->size; i++) {
        double k = (double)i + 1 + 17 * which, part = golden * k - floor(golden * k);
        t->data[i] = (gr_real)((fmod(7 * k, 5) < 3 ? 1 : -1) * (0.5 + part));
    }
    return t;
}

static double weighted_sum(const gr_tensor *w, const gr_tensor *t) {
    double sum = 0;
    for (int64_t i = 0; i < t->size; i++) sum += gr_at(w, i) * gr_at(t, i);
    return sum;
}

/* sum(v y) */
static double first_value(checking *c) {
    gr_no_grad_begin(c->g);
    gr_tensor *y = c->f(c->context, c->operands.items);
    gr_no_grad_end(c->g);
    return y == NULL ? NAN : weighted_sum(c->v, y);
}

/* The sum of w times the gradients */
static double second_value(checking *c) {
    gr_tensor *grads[GRADCHECK_OPERANDS];
    gr_tensor *y = c->f(c->context, c->operands.items);
    if (!gr_grads(GR_LIST(y), (gr_list){c->n, c->x}, grads, .grad_output = &c->v)) return NAN;
    double sum = 0;
    for (int k = 0; k < c->n; k++) sum += weighted_sum(c->w[k], grads[k]);
    return sum;
}

/* The derivative of `value` by *x with an error of the fourth order in the step. */
static double difference(checking *c, double (*value)(checking *), gr_real *x) {
    static const double at[] = {1, -1, 2, -2}, weight[] = {8, -8, -1, 1};
    gr_real kept = *x;
    double h = c->options.step * fmax(1, fabs((double)kept)), sum = 0;
    for (int k = 0; k < 4; k++) {
        *x = (gr_real)((double)kept + at[k] * h);
        sum += weight[k] * value(c);
    }
    *x = kept;
    return sum / (12 * h);
}

static bool compare(checking *c, const char *order, const gr_tensor *x, const gr_tensor *grad,
                    double (*value)(checking *)) {
    for (int64_t i = 0; i < x->size; i++) {
        double a = gr_at(grad, i), d = difference(c, value, &x->data[i]);
        double off = fabs(a - d) / fmax(1, fmax(fabs(a), fabs(d)));
        c->report->compared++;
        c->report->not_zero += a != 0;
        if (off > c->report->largest) c->report->largest = off;
        if (!(off <= c->options.tolerance)) /* a NaN is too far off, too */
            return complain(
                c, "%s order to %s, element %lld: %.12g by the graph, %.12g by differences", order,
                gr_describe(x, "an operand").text, (long long)i, a, d);
    }
    return true;
}

static bool check_first(checking *c, gr_tensor **grads) {
    int before = c->report->not_zero;
    for (int k = 0; k < c->n; k++)
        if (!compare(c, "first", c->x[k], grads[k], first_value)) return false;
    return c->report->not_zero > before || complain(c, "first order: all derivatives were 0");
}

static bool check_second(checking *c, gr_tensor **grads) {
    gr_tensor *x[GRADCHECK_OPERANDS + 1], *second[GRADCHECK_OPERANDS + 1];
    memcpy(x, c->x, sizeof c->x);
    x[c->n] = c->v;
    if (!gr_grads((gr_list){c->n, grads}, (gr_list){c->n + 1, x}, second, .grad_output = c->w))
        return complain(c, "second order: %s", gr_error(c->g));
    int before = c->report->not_zero;
    for (int k = 0; k <= c->n; k++)
        if (!compare(c, "second", x[k], second[k], second_value)) return false;
    return c->report->not_zero > before || complain(c, "second order: all derivatives were 0");
}

static bool prepare(checking *c) {
    for (int i = 0; i < c->operands.n; i++) {
        gr_tensor *x = c->operands.items[i];
        if (x == NULL) return complain(c, "an operand is NULL");
        c->g = x->graph;
        if (!x->requires_grad) continue;
        if (c->n == GRADCHECK_OPERANDS) return complain(c, "more than %d operands", c->n);
        c->x[c->n++] = x;
    }
    if (c->n == 0) return complain(c, "no operand requires a gradient");
    for (int k = 0; k < c->n; k++) c->w[k] = uneven(c->g, c->x[k]->shape, k + 1);
    return true;
}

bool gradcheck(gradcheck_function *f, void *context, gr_list operands, gradcheck_options options,
               gradcheck_report *report) {
    *report = (gradcheck_report){0};
    checking c = {
        .f = f, .context = context, .operands = operands, .options = options, .report = report};
    if (!(c.options.tolerance > 0)) c.options.tolerance = 1e-7;
    if (!(c.options.step > 0)) c.options.step = 1e-4;
    if (!prepare(&c)) return false;
    gr_tensor *grads[GRADCHECK_OPERANDS], *y = f(context, operands.items);
    if (y == NULL) return complain(&c, "%s", gr_error(c.g));
    c.v = gr_requires_grad(uneven(c.g, y->shape, 0));
    if (!gr_grads(GR_LIST(y), (gr_list){c.n, c.x}, grads, .grad_output = &c.v,
                  .create_graph = !options.first_order_only))
        return complain(&c, "%s", gr_error(c.g));
    return check_first(&c, grads) && (options.first_order_only || check_second(&c, grads));
}
