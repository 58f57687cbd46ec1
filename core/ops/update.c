#include "core/ops/update.h"

#include "core/graph/graph_internal.h"

#include <math.h>

/* Elements that are worth another thread: with a root and a division, and four arrays to read and
 * write, they take longer than most. */
enum { SHARE = 1 << 13 };

typedef struct work {
    const gr_update_kernels *kernels;
    gr_real *p, *m, *v, *s; /* m, v and s: the optimizer's memory */
    const gr_real *grad;
    gr_sgd_numbers sgd;
    gr_adam_numbers adam;
    gr_rmsprop_numbers rmsprop;
    gr_adagrad_numbers adagrad;
} work;

static bool fits(const gr_tensor *p, const gr_tensor *grad, const char *who) {
    if (p == NULL || grad == NULL)
        return gr_fail(p == NULL ? NULL : p->graph, "%s: grad is NULL", who);
    if (p->kind != GR_REAL || grad->kind != GR_REAL)
        return gr_fail(p->graph, "%s: %s for %s: expected real numbers", who,
                       gr_describe(grad, "grad").text, gr_describe(p, "p").text);
    if (!gr_same_dims(&p->shape, &grad->shape))
        return gr_fail(p->graph, "%s: %s for %s: the shapes differ", who,
                       gr_describe(grad, "grad").text, gr_describe(p, "p").text);
    return true;
}

static gr_real *from(gr_real *memory, int64_t begin) {
    return memory == NULL ? NULL : memory + begin;
}

static void sgd_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernels->sgd(end - begin, w->p + begin, w->grad + begin, from(w->v, begin), &w->sgd);
}

void gr_update_sgd(gr_tensor *p, const gr_tensor *grad, gr_real *v, gr_sgd_update r) {
    if (!fits(p, grad, "gr_update_sgd")) return;
    if (v == NULL && r.momentum != 0) {
        gr_fail(p->graph, "gr_update_sgd: momentum is %g and v NULL", r.momentum);
        return;
    }
    work w = {.kernels = p->graph->kernels->update, .p = p->data, .v = v, .grad = grad->data};
    w.sgd = (gr_sgd_numbers){.lr = (gr_real)r.lr,
                             .momentum = (gr_real)r.momentum,
                             .weight_decay = (gr_real)r.weight_decay,
                             .keep = r.first ? 0 : (gr_real)r.momentum,
                             .take = r.first ? 1 : (gr_real)(1 - r.dampening),
                             .nesterov = r.nesterov};
    gr_for_each(p->graph, p->size, SHARE, sgd_range, &w);
}

static void adam_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernels->adam(end - begin, w->p + begin, w->grad + begin, w->m + begin, w->v + begin,
                     &w->adam);
}

/* 1 - beta^step. Beyond 42 beta^step <= e^-(1 - beta) step is less than half a unit in 1's last
 * place, and to compute it, with an underflow, takes long. */
static double correction(double beta, double step) {
    return (1 - beta) * step > 42 ? 1 : 1 - pow(beta, step);
}

void gr_update_adam(gr_tensor *p, const gr_tensor *grad, gr_real *m, gr_real *v, gr_adam_update r) {
    if (!fits(p, grad, "gr_update_adam")) return;
    if (m == NULL || v == NULL) {
        gr_fail(p->graph, "gr_update_adam: %s is NULL", m == NULL ? "m" : "v");
        return;
    }
    work w = {
        .kernels = p->graph->kernels->update, .p = p->data, .m = m, .v = v, .grad = grad->data};
    double step = (double)r.step;
    w.adam = (gr_adam_numbers){.weight_decay = r.decoupled ? 0 : (gr_real)r.weight_decay,
                               .decay = r.decoupled ? (gr_real)(r.lr * r.weight_decay) : 0,
                               .one_minus_beta1 = (gr_real)(1 - r.beta1),
                               .beta2 = (gr_real)r.beta2,
                               .one_minus_beta2 = (gr_real)(1 - r.beta2),
                               .eps = (gr_real)r.eps,
                               .step_size = (gr_real)(r.lr / correction(r.beta1, step)),
                               .root_correction = (gr_real)(1 / sqrt(correction(r.beta2, step)))};
    gr_for_each(p->graph, p->size, SHARE, adam_range, &w);
}

static void rmsprop_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernels->rmsprop(end - begin, w->p + begin, w->grad + begin, w->s + begin, from(w->m, begin),
                        from(w->v, begin), &w->rmsprop);
}

void gr_update_rmsprop(gr_tensor *p, const gr_tensor *grad, gr_real *s, gr_real *m, gr_real *v,
                       gr_rmsprop_update r) {
    if (!fits(p, grad, "gr_update_rmsprop")) return;
    work w = {.kernels = p->graph->kernels->update,
              .p = p->data,
              .m = m,
              .v = v,
              .s = s,
              .grad = grad->data};
    w.rmsprop = (gr_rmsprop_numbers){.lr = (gr_real)r.lr,
                                     .alpha = (gr_real)r.alpha,
                                     .one_minus_alpha = (gr_real)(1 - r.alpha),
                                     .eps = (gr_real)r.eps,
                                     .weight_decay = (gr_real)r.weight_decay,
                                     .momentum = (gr_real)r.momentum};
    gr_for_each(p->graph, p->size, SHARE, rmsprop_range, &w);
}

static void adagrad_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernels->adagrad(end - begin, w->p + begin, w->grad + begin, w->s + begin, &w->adagrad);
}

void gr_update_adagrad(gr_tensor *p, const gr_tensor *grad, gr_real *s, gr_adagrad_update r) {
    if (!fits(p, grad, "gr_update_adagrad")) return;
    work w = {.kernels = p->graph->kernels->update, .p = p->data, .s = s, .grad = grad->data};
    w.adagrad = (gr_adagrad_numbers){.lr = (gr_real)r.lr,
                                     .weight_decay = (gr_real)r.weight_decay,
                                     .eps = (gr_real)r.eps,
                                     .start = (gr_real)r.start};
    gr_for_each(p->graph, p->size, SHARE, adagrad_range, &w);
}
