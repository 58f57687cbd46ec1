#include "optim/clip.h"

#include <math.h>

/* -- Elements -- */

static bool check_bound(gr_module *module, const char *who, double bound) {
    if (module == NULL || gr_failed(module->graph)) return false;
    if (bound >= 0) return true;
    return gr_fail(module->graph, "%s: bound is %g, expected 0 or more", who, bound);
}

static void clip(gr_tensor *t, double bound) {
    const gr_real high = (gr_real)bound;
    gr_real *x = t->data;
    for (int64_t k = 0; k < t->size; k++) x[k] = x[k] < -high ? -high : x[k] > high ? high : x[k];
}

bool gr_clip_weights(gr_module *module, double bound) {
    if (!check_bound(module, "gr_clip_weights", bound)) return false;
    gr_list parameters = gr_parameters(module);
    for (int i = 0; i < parameters.n; i++) clip(parameters.items[i], bound);
    return true;
}

bool gr_clip_grad_value(gr_module *module, double bound) {
    if (!check_bound(module, "gr_clip_grad_value", bound)) return false;
    gr_list parameters = gr_parameters(module);
    for (int i = 0; i < parameters.n; i++)
        if (parameters.items[i]->grad != NULL) clip(parameters.items[i]->grad, bound);
    return true;
}

/* -- The norm -- */

/* Several sums, so that an addition need not wait for the one before. */
static double sum_of_squares(const gr_tensor *t, double scale) {
    enum { SUMS = 8 };
    double sums[SUMS] = {0}, total = 0;
    for (int64_t k = 0; k < t->size; k++) {
        double x = (double)t->data[k] * scale;
        sums[k % SUMS] += x * x;
    }
    for (int j = 0; j < SUMS; j++) total += sums[j];
    return total;
}

static double norm_in_units(gr_list parameters, double unit) {
    double sum = 0;
    for (int i = 0; i < parameters.n; i++)
        if (parameters.items[i]->grad != NULL)
            sum += sum_of_squares(parameters.items[i]->grad, 1 / unit);
    return unit * sqrt(sum);
}

static double largest(gr_list parameters) {
    double most = 0;
    for (int i = 0; i < parameters.n; i++) {
        const gr_tensor *grad = parameters.items[i]->grad;
        for (int64_t k = 0; grad != NULL && k < grad->size; k++)
            most = fmax(most, fabs((double)grad->data[k]));
    }
    return most;
}

/* Squares of doubles that overflow or vanish are taken in units of the largest gradient (or, as its
 * reciprocal may overflow, of one that is not much larger). */
static double norm(gr_list parameters) {
    double n = norm_in_units(parameters, 1);
    if (isnan(n) || (n > 1e-140 && isfinite(n))) return n;
    double unit = largest(parameters);
    return unit > 0 && isfinite(unit) ? norm_in_units(parameters, fmax(unit, 1e-300)) : unit;
}

double gr_clip_grad_norm(gr_module *module, double max_norm) {
    if (module == NULL || gr_failed(module->graph)) return NAN;
    if (!(max_norm >= 0)) {
        gr_fail(module->graph, "gr_clip_grad_norm: max_norm is %g, expected 0 or more", max_norm);
        return NAN;
    }
    gr_list parameters = gr_parameters(module);
    double n = norm(parameters), factor = max_norm / (n + 1e-6);
    if (!isfinite(n) || factor >= 1) return n;
    for (int i = 0; i < parameters.n; i++) {
        gr_tensor *grad = parameters.items[i]->grad;
        for (int64_t k = 0; grad != NULL && k < grad->size; k++)
            grad->data[k] = (gr_real)((double)grad->data[k] * factor);
    }
    return n;
}
